//! Whether a client would be admitted now, and by which rule.

use std::net::SocketAddr;

use axum::extract::State;
use axum::http::StatusCode;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{listeners, no_listener};
use crate::Credentials;
use crate::admin::problem::Problem;
use crate::admin::program::Context;
use crate::admin::routes::{Answer, Api, Asked, Shared, client_schema};
use crate::admission::Admission;
use crate::admission::why::{self, Account, Facts, Limit, Places, Stand, Whom};
use crate::config::Endpoint;
use crate::config::meant::ListenerConfig;
use crate::server::{ListenerState, ListenerStatus};
use crate::{Address, Client, ListenAddress};

pub(super) fn add(api: &mut Api) {
    api.get("/v1/why", "why", "Whether a client would be admitted now, and by which rule", ask)
        .asked_with::<Question>()
        .answers::<Why>("For each listener.")
        .fails(StatusCode::BAD_REQUEST, "It is no address.")
        .fails(StatusCode::NOT_FOUND, "There is no such listener.")
        .fails(StatusCode::CONFLICT, "It is an address of IP, and there is a user or a group beside it.");
}

/// Who would connect, and to what.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct Question {
    /// The client's address, of IP; or `unix` for a process of this machine over a Unix socket.
    #[schemars(schema_with = "client_schema")]
    address: String,
    /// For `unix`, the number of the process's user.
    #[serde(default)]
    user: Option<u32>,
    /// For `unix`, the number of the process's group.
    #[serde(default)]
    group: Option<u32>,
    /// One listener alone; without it, all of them.
    #[serde(default)]
    listener: Option<String>,
}

/// What would happen to a client.
#[derive(Serialize, JsonSchema)]
struct Why {
    address: String,
    listeners: Vec<why::Answer>,
}

async fn ask(
    State(context): State<Shared>,
    Asked(question): Asked<Question>,
) -> Result<Answer<Why>, Problem> {
    let Question { address, user, group, listener } = question;
    let whom = Whom::parse(&address).ok_or_else(|| {
        let quoted = crate::config::quoted(&address);
        Problem::bad(format!("{quoted} is no address"))
            .help("write one as 192.0.2.1 or 2001:db8::1, or `unix`")
    })?;
    if whom != Whom::Unix && (user.is_some() || group.is_some()) {
        let detail = "a client with an address of IP has no user and no group";
        return Err(Problem::new(StatusCode::CONFLICT, detail)
            .help("leave `user` and `group` out, or ask for the address `unix`"));
    }
    let account = Account { user, group };
    let asked = |(status, _): &(ListenerStatus, _)| listener.as_ref().is_none_or(|name| *name == status.name);
    let listeners: Vec<_> = listeners::all(&context)
        .filter(asked)
        .filter_map(|one| answer(whom, account, &context, one))
        .collect();
    match listener {
        Some(name) if listeners.is_empty() => Err(no_listener(&name)),
        _ => Ok(Answer(Why { address, listeners })),
    }
}

fn answer(
    whom: Whom,
    account: Account,
    context: &Context,
    (status, config): (ListenerStatus, &ListenerConfig),
) -> Option<why::Answer> {
    let server = &context.server;
    let limit = |limit: Option<usize>| limit.map_or(Limit::None, Limit::At);
    let admission = server.admission(&status.name);
    let client = match (whom, account.user) {
        (Whom::Ip(ip), _) => Some(Address::Tcp(SocketAddr::new(ip, 0))),
        (Whom::Unix, Some(user)) => {
            let group = account.group.unwrap_or(user);
            Some(Address::Unix(Some(Credentials { user, group, process: None })))
        }
        // Which user's connections count, nobody has said.
        (Whom::Unix, None) => None,
    };
    let addresses: Vec<Endpoint> = status.addresses.iter().map(endpoint).collect();
    let access = server.access(&status.name)?;
    Some(why::why(
        whom,
        &Facts {
            access,
            account,
            name: &status.name,
            addresses: &addresses,
            only_v6: config.socket.only_v6,
            stand: Some(stand(status.state)),
            when_full: config.limits.when_full,
            listener: Places { limit: limit(config.limits.connections), taken: Some(status.connections) },
            server: Places {
                limit: limit(server.max_connections()),
                taken: Some(server.connections().len()),
            },
            limits: &config.limits,
            own: admission.zip(client).and_then(|(admission, client)| admission.stand(Client(client))),
            in_time: admission.map(Admission::is_in_time),
        },
    ))
}

fn stand(state: ListenerState) -> Stand {
    match state {
        ListenerState::Failed | ListenerState::Closed => Stand::Closed,
        ListenerState::Paused => Stand::Paused,
        ListenerState::Starved => Stand::Starved,
        // The limits say what comes of it.
        ListenerState::Full | ListenerState::Accepting => Stand::Accepts,
    }
}

fn endpoint(address: &ListenAddress) -> Endpoint {
    match address {
        ListenAddress::Tcp(address) => Endpoint::Ip(*address),
        ListenAddress::Unix(path) => Endpoint::Path(path.clone()),
        ListenAddress::Abstract(name) => Endpoint::Abstract(name.clone()),
    }
}

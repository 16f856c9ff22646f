//! Who is served: decided for every connection that was accepted.
//!
//! It is asked **twice**. At accept, before a task is spawned, of the peer: whether there is room in the process and in the
//! listener, and whether connections may come that fast; and, as a peer is its own client, who it is and what it may have of its
//! own. A peer whose PROXY header will name another client is asked for the totals alone; the
//! [client stage](Admission::admit_client) asks the rest once the header was read.
//!
//! - `access`: who may come in at all
//! - `gate`: an exact count of who is inside
//! - `rate`: token buckets
//! - `clients`, `key`: what each client has, and who is one
//! - `establishing`: who is on the way to the first frame

mod access;
mod clients;
mod establishing;
mod gate;
mod key;
mod rate;
#[cfg(feature = "admin")]
pub(crate) mod why;

use std::sync::Arc;

pub(crate) use self::access::{Access, AccessRule};
#[cfg(feature = "admin")]
pub(crate) use self::clients::Stand;
pub(crate) use self::clients::{ClientPlace, Clients, Known};
pub(crate) use self::establishing::Crowd;
use self::establishing::Place;
pub(crate) use self::gate::Gate;
use self::key::Key;
pub(crate) use self::key::Prefixes;
pub(crate) use self::rate::Bucket;
use crate::listener::Client;
use crate::telemetry::metrics::Refused;

/// What was decided of a connection. Dropping an admission gives its place to somebody else.
pub(crate) enum Decision {
    Admit(Permits),
    Refuse(Refusal),
}

/// Why a connection is not served.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Refusal {
    /// `access` does not let the client in.
    Access(AccessRule),
    /// The process serves `server.max_connections`.
    ServerFull,
    /// The listener serves `limits.connections`.
    ListenerFull,
    /// Connections come faster than `limits.rate`.
    TooFast,
    /// The client has `limits.connections_per_client`.
    ClientFull,
    /// The client comes faster than `limits.rate_per_client`.
    ClientTooFast,
    /// Another came, and of those that are being established this one has been at it for longest.
    Crowded,
}

/// A connection's places: in the process, in its listener, and where there are limits to them, among those that are being
/// established and among its client's. They travel with it and are given back by drop.
#[derive(Debug)]
pub(crate) struct Permits {
    totals: Arc<Totals>,
    /// On the heap: most listeners have no such limits, and each connection would pay for them.
    more: Option<Box<More>>,
}

/// Places that not every connection has.
#[derive(Debug, Default)]
struct More {
    establishing: Option<Place>,
    client: Option<ClientPlace>,
}

/// How many a listener serves, and the process.
#[derive(Debug)]
struct Totals {
    server: Arc<Gate>,
    listener: Arc<Gate>,
}

/// Admission to one listener.
#[derive(Debug)]
pub(crate) struct Admission {
    totals: Arc<Totals>,
    rate: Option<Bucket>,
    clients: Option<Arc<Clients>>,
    /// `None` where there is nothing to establish.
    establishing: Option<Arc<Crowd>>,
}

impl Admission {
    /// With no limits but the totals.
    pub(crate) fn new(server: Arc<Gate>, listener: Arc<Gate>) -> Self {
        Self { totals: Arc::new(Totals { server, listener }), rate: None, clients: None, establishing: None }
    }

    pub(crate) fn with_rate(self, rate: Option<Bucket>) -> Self {
        Self { rate, ..self }
    }

    pub(crate) fn with_clients(self, clients: Option<Clients>) -> Self {
        Self { clients: clients.map(Arc::new), ..self }
    }

    /// For a listener that has layers.
    pub(crate) fn with_establishing(self, crowd: Option<Crowd>) -> Self {
        Self { establishing: crowd.map(Arc::new), ..self }
    }

    /// Decides at accept. `None` is a client that only its PROXY header will tell.
    ///
    /// What can be given back is taken first, and a token of all last: whom its own limits refuse has taken nothing of the
    /// others.
    pub(crate) fn decide(&self, client: Option<Client>) -> Decision {
        match self.permit(client) {
            Ok(permits) => Decision::Admit(permits),
            Err(refusal) => Decision::Refuse(refusal),
        }
    }

    fn permit(&self, client: Option<Client>) -> Result<Permits, Refusal> {
        let mut permits = self.totals.enter()?;
        if let Some(client) = client {
            permits.add(self.ask_of(client)?);
        }
        if self.rate.as_ref().is_some_and(|rate| !rate.take()) {
            if let (Some(client), Some(clients)) = (client, &self.clients) {
                clients.put_back(Key::of(client, clients.prefixes()));
            }
            return Err(Refusal::TooFast);
        }
        if let Some(crowd) = &self.establishing {
            permits.more().establishing = Some(crowd.enter());
        }
        Ok(permits)
    }

    /// The client stage, for whom [`decide`](Self::decide) did not know: asks what is the client's own.
    pub(crate) fn admit_client(&self, client: Client) -> Result<Option<ClientPlace>, Refusal> {
        self.ask_of(client).inspect_err(|_| self.put_back())
    }

    /// Gives back the token of all that a connection took at accept whose client is not let in.
    pub(crate) fn put_back(&self) {
        if let Some(rate) = &self.rate {
            rate.put_back();
        }
    }

    fn ask_of(&self, client: Client) -> Result<Option<ClientPlace>, Refusal> {
        let Some(clients) = &self.clients else { return Ok(None) };
        Ok(clients.enter(Key::of(client, clients.prefixes()))?)
    }

    /// Why every connection would be refused now, if it would.
    pub(crate) fn full(&self) -> Option<Refusal> {
        let Totals { server, listener } = &*self.totals;
        if listener.is_full() {
            Some(Refusal::ListenerFull)
        } else if server.is_full() {
            Some(Refusal::ServerFull)
        } else if self.rate.as_ref().is_some_and(Bucket::is_empty) {
            Some(Refusal::TooFast)
        } else {
            None
        }
    }

    /// Resolves when there is room. It holds no place: another loop may take it first. Cancel safe.
    //
    // Without hysteresis. To accept again only when a tenth of the places is free would leave places empty while peers wait
    // for them, and save nothing: one connection is accepted for each that ends, as it is below the limit.
    pub(crate) async fn room(&self) {
        while self.full().is_some() {
            self.totals.listener.room().await;
            self.totals.server.room().await;
            if let Some(rate) = &self.rate {
                rate.ready().await;
            }
        }
    }

    /// How many clients are known.
    pub(crate) fn known(&self) -> Option<Known> {
        self.clients.as_ref().map(|clients| clients.known())
    }

    /// What a client has; `None` where no client has limits.
    #[cfg(feature = "admin")]
    pub(crate) fn stand(&self, client: Client) -> Option<Stand> {
        let clients = self.clients.as_ref()?;
        Some(clients.stand(&Key::of(client, clients.prefixes())))
    }

    /// Whether connections may come just now, by `limits.rate`.
    #[cfg(feature = "admin")]
    pub(crate) fn is_in_time(&self) -> bool {
        !self.rate.as_ref().is_some_and(Bucket::is_empty)
    }
}

impl Totals {
    fn enter(self: &Arc<Self>) -> Result<Permits, Refusal> {
        if !self.listener.enter() {
            return Err(Refusal::ListenerFull);
        }
        if !self.server.enter() {
            self.listener.leave();
            return Err(Refusal::ServerFull);
        }
        Ok(Permits { totals: Arc::clone(self), more: None })
    }
}

impl Permits {
    fn more(&mut self) -> &mut More {
        self.more.get_or_insert_default()
    }

    /// Resolves when another connection needs this one's place among those that are being established: never where there is no
    /// limit to them.
    pub(crate) async fn crowded_out(&self) {
        match self.more.as_deref() {
            Some(More { establishing: Some(place), .. }) => place.lost().await,
            _ => std::future::pending().await,
        }
    }

    fn add(&mut self, client: Option<ClientPlace>) {
        if client.is_some() {
            self.more().client = client;
        }
    }

    /// Its layers are taken off, or were in vain: the place that it had for that is free. `client` is what its client stage
    /// has brought.
    pub(crate) fn established(&mut self, client: Option<ClientPlace>) {
        self.add(client);
        if let Some(more) = &mut self.more {
            more.establishing = None;
            if more.client.is_none() {
                self.more = None;
            }
        }
    }
}

impl Drop for Permits {
    fn drop(&mut self) {
        // The client's first: who finds a place in the listener finds it in the client's share too.
        self.more = None;
        self.totals.listener.leave();
        self.totals.server.leave();
    }
}

impl Refusal {
    /// As what it is counted.
    pub(crate) fn counted(self) -> Refused {
        match self {
            Self::Access(_) => Refused::Access,
            Self::ServerFull | Self::ListenerFull | Self::Crowded => Refused::Limit,
            Self::TooFast => Refused::Rate,
            Self::ClientFull => Refused::ClientLimit,
            Self::ClientTooFast => Refused::ClientRate,
        }
    }

    /// The key that an operator would change.
    pub(crate) fn key(self) -> &'static str {
        match self {
            Self::Access(_) => "access",
            Self::ServerFull => "server.max_connections",
            Self::ListenerFull => "limits.connections",
            Self::TooFast => "limits.rate",
            Self::ClientFull => "limits.connections_per_client",
            Self::ClientTooFast => "limits.rate_per_client",
            Self::Crowded => "limits.establishing",
        }
    }

    /// Whether it is for who the client is, or for what it alone has done: others are welcome.
    pub(crate) fn is_the_clients(self) -> bool {
        matches!(self, Self::Access(_) | Self::ClientFull | Self::ClientTooFast)
    }
}

impl From<clients::Spent> for Refusal {
    fn from(spent: clients::Spent) -> Self {
        match spent {
            clients::Spent::Connections => Self::ClientFull,
            clients::Spent::Tokens => Self::ClientTooFast,
        }
    }
}

#[cfg(test)]
mod tests;

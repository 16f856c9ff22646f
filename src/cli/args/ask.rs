//! The subcommands that ask a running service, as typed.

use clap::{Args, Subcommand};

use super::{Place, timeout};
use crate::Timeout;
use crate::cli::ask::{Asking, Filters, Question, WhyQuestion};

/// What a running service is asked, or told.
#[derive(Debug, Subcommand)]
pub(super) enum Ask {
    /// Ask the running service how it is
    ///
    /// It is found by [admin] of the configuration, as by all subcommands that ask it.
    Status(Common),
    /// List the connections of the running service
    Connections {
        #[command(flatten)]
        common: Common,
        /// Of one listener
        #[arg(short, long, value_name = "NAME")]
        listener: Option<String>,
        /// Of one client: an address without a port, or `unix`
        #[arg(long, value_name = "ADDRESS")]
        client: Option<String>,
        /// In one state: idle, handling, receiving, sending, raw, draining, establishing or closing
        #[arg(long, value_name = "STATE")]
        state: Option<String>,
        /// So old, or older
        #[arg(long, value_name = "DURATION", value_parser = timeout)]
        min_age: Option<Timeout>,
        /// By id, age, bytes_in, bytes_out, frames_in, frames_out or output; with `-` before it, the greatest first
        #[arg(long, value_name = "KEY", allow_hyphen_values = true)]
        sort: Option<String>,
        /// As many on a page, 1 to 1000; without it 100, and with --all 1000
        #[arg(long, value_name = "N")]
        limit: Option<u32>,
        /// From there on where the page before has ended, as that tells: the last ID; sorted by anything else than id or age,
        /// what JSON has as `next`
        #[arg(long, value_name = "ID")]
        after: Option<String>,
        /// All of them, a page after the other
        #[arg(long)]
        all: bool,
    },
    /// End one connection of the running service
    End {
        #[command(flatten)]
        common: Common,
        /// Its number, as `connections` and the log tell it
        id: u64,
        /// Let it finish what it has begun, instead of cutting it off
        #[arg(long)]
        drain: bool,
    },
    /// Stop the running service, and watch it drain
    ///
    /// It is told what SIGTERM tells it. The exit code is that of the service: 0 if every connection ended by itself, 75 if some
    /// were cut off, or if the drain takes longer than --timeout.
    Drain {
        #[command(flatten)]
        common: Common,
        /// How long to watch; the service goes on draining
        #[arg(long, value_name = "DURATION", default_value = "off", value_parser = timeout)]
        timeout: Timeout,
    },
    /// Tell whether a client would be served now, and by which rule
    ///
    /// Asks the running service, which knows how many connections there are; or, where it can't be asked, reckons from the
    /// configuration alone. The exit code is 0 if a listener would serve the client, and else 1.
    Why {
        #[command(flatten)]
        common: Common,
        /// The client: an address, or `unix` for a process of this machine over a Unix socket
        address: String,
        /// For `unix`, the user of the process, by name or number
        #[arg(short, long, value_name = "USER")]
        user: Option<String>,
        /// For `unix`, the first group of the process, by name or number
        #[arg(short, long, value_name = "GROUP")]
        group: Option<String>,
        /// One listener alone
        #[arg(short, long, value_name = "NAME")]
        listener: Option<String>,
        /// From the configuration alone
        #[arg(long)]
        offline: bool,
    },
}

/// What all of them have.
#[derive(Debug, Args)]
pub(super) struct Common {
    #[command(flatten)]
    place: Place,
    /// Print the answer as it is, in JSON
    #[arg(long)]
    json: bool,
}

impl Ask {
    /// `place` is what stood before the subcommand.
    pub(super) fn into_asking(self, place: Place) -> Asking {
        let (common, question) = match self {
            Self::Status(common) => (common, Question::Status),
            Self::Connections { common, listener, client, state, min_age, sort, limit, after, all } => {
                let min_age = min_age.and_then(Timeout::limit);
                let filters = Filters { listener, client, state, min_age, sort, limit, after, all };
                (common, Question::Connections(filters))
            }
            Self::End { common, id, drain } => (common, Question::End { id, drain }),
            Self::Drain { common, timeout } => (common, Question::Drain { limit: timeout.limit() }),
            Self::Why { common, address, user, group, listener, offline } => {
                (common, Question::Why(WhyQuestion { address, user, group, listener, offline }))
            }
        };
        Asking { source: place.and(common.place), json: common.json, question }
    }
}

//! What only Unix or Windows has, under names that both share.

#[cfg(unix)]
mod unix;
#[cfg(unix)]
use unix as system;

#[cfg(windows)]
mod windows;
#[cfg(windows)]
use windows as system;

use std::io;
use std::time::Duration;

#[cfg(feature = "testing")]
pub(crate) use system::accept_errors;
#[cfg(feature = "cli")]
pub(crate) use system::connect;
pub(crate) use system::{
    ABSTRACT_SOCKETS, ACTIVATED_SOCKETS, CHANGES_USER, FileId, LACKING_SOCKET_OPTIONS, LONGEST_SOCKET_PATH,
    NOT_FOR_SERVICES, STATE, SocketAccess, SocketFile, Spare, UNIX_SOCKETS, UnixListener, UnixStream,
    accept_queue, accept_queue_overflows, activated_sockets, claim_address, credentials, descriptor_limit,
    file_id, group_id, is_acknowledged, is_listening, keep_figures, keepalive, process_figures,
    set_defer_accept, set_fast_open, set_freebind, set_reuse_port, unix_address, unix_listener, user_id,
};
#[cfg(feature = "cli")]
pub(crate) use system::{
    HOLDER_REMEDY, Identity, IdentityError, PERMISSION_REMEDY, Signals, append, has_manager,
    has_standard_error, is_at, notify, raise_descriptor_limit, terminal_knows_colour, watchdog,
};
#[cfg(feature = "admin")]
pub(crate) use system::{create_private, is_waited_at, open_private, secrecy};
#[cfg(all(windows, feature = "cli"))]
pub(crate) use system::{event_log, service, service_manager};

/// Whose problem a failed `accept` is, which says what to do next.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Blame {
    /// The connection's, which is gone: accept the next one at once.
    Connection,
    /// Ours, for a while: pause, then try again. What is not known is of this kind, since it neither spins nor gives up.
    Ours,
    /// The listening socket's, which is dead: no later call can succeed.
    Listener,
}

/// Why there are no sockets that the service manager has opened for this process.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[cfg_attr(windows, expect(dead_code, reason = "there is no such manager"))]
pub(crate) enum PassingError {
    #[error("the service manager has passed no sockets: there is no LISTEN_FDS")]
    None,
    #[error("the sockets are for another process: LISTEN_PID is {0}")]
    ForAnother(String),
    #[error("LISTEN_FDS is `{0}`, and no number of sockets")]
    NoNumber(String),
    #[error("LISTEN_FDS says that there are {count} sockets, but descriptor {descriptor} is closed")]
    Closed { count: i32, descriptor: i32 },
}

/// What waits at a listening socket to be accepted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct AcceptQueue {
    pub(crate) waiting: u32,
    /// The system lets no more wait.
    pub(crate) limit: u32,
}

/// What this process takes; `None` is what the system does not tell.
#[derive(Debug, Clone, Copy)]
pub(crate) struct ProcessFigures {
    /// On Windows, handles.
    pub(crate) open_descriptors: Option<usize>,
    /// How many of them there may be.
    pub(crate) most_descriptors: Option<usize>,
    /// Bytes of memory that are not swapped out.
    pub(crate) resident: Option<u64>,
    /// In the process, and in the system for it.
    pub(crate) processor_time: Option<Duration>,
    /// When it started, since 1970.
    pub(crate) started: Option<Duration>,
}

/// Whom files are given to, by their numbers; who is `None` stays.
#[cfg(feature = "admin")]
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Account {
    pub(crate) user: Option<u32>,
    pub(crate) group: Option<u32>,
}

/// Whether what a file holds can be a secret.
#[cfg(feature = "admin")]
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Secrecy {
    Kept,
    /// It is somebody else's, by name or number, who may have written it.
    #[cfg_attr(windows, expect(dead_code, reason = "who may do what with a file is not looked at"))]
    Foreign {
        owner: String,
        mode: u32,
    },
    /// Its mode lets others read or change it.
    #[cfg_attr(windows, expect(dead_code, reason = "as above"))]
    Exposed {
        owner: String,
        mode: u32,
    },
}

/// What a service is told from outside.
#[cfg(feature = "cli")]
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Signal {
    /// To end; a second one, at once.
    Stop(Stop),
    /// To open the log's file again.
    #[cfg_attr(windows, expect(dead_code, reason = "there are no such signals"))]
    Reopen,
    /// To log more.
    #[cfg_attr(windows, expect(dead_code, reason = "as above"))]
    MoreDetail,
    /// To log as much as is configured.
    #[cfg_attr(windows, expect(dead_code, reason = "as above"))]
    ConfiguredDetail,
}

/// Who says that a service is to end.
#[cfg(feature = "cli")]
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Stop {
    /// By the name that the system has for it.
    pub(crate) name: &'static str,
    /// The system ends the process itself after so long; `None` = it waits.
    pub(crate) within: Option<Duration>,
}

/// What the service manager is told.
#[cfg(feature = "cli")]
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Notice<'a> {
    /// The service serves; also after [`Reloading`](Self::Reloading).
    Ready,
    /// Something is read again.
    Reloading,
    /// The service ends.
    Stopping,
    /// Ending takes so much longer, from now.
    MoreTime(Duration),
    /// The accept loops are alive.
    Alive,
    /// How it is, for people.
    Status(&'a str),
}

/// Sorts an error of `accept` by whose problem it is.
pub(crate) fn accept_error(error: &io::Error) -> Blame {
    error.raw_os_error().map_or(Blame::Ours, system::blame)
}

/// Whether `error` says that this process, or the system, has no descriptor left.
pub(crate) fn out_of_descriptors(error: &io::Error) -> bool {
    error.raw_os_error().is_some_and(system::is_out_of_descriptors)
}

/// Whether `error` says that this machine does not have an address, or nothing of its family.
pub(crate) fn lacks_address(error: &io::Error) -> bool {
    error.kind() == io::ErrorKind::AddrNotAvailable || error.raw_os_error().is_some_and(system::lacks_family)
}

/// How many descriptors this process may have, before and after
/// [`raise_descriptor_limit`](system::raise_descriptor_limit).
#[cfg(feature = "cli")]
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct DescriptorLimit {
    pub(crate) before: u64,
    pub(crate) now: u64,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn accept_errors_by_whose_problem_they_are() {
        use accept_errors::{CONNECTION, LISTENER, OURS};
        for (blame, codes) in
            [(Blame::Connection, CONNECTION), (Blame::Listener, LISTENER), (Blame::Ours, OURS)]
        {
            for code in codes {
                let error = io::Error::from_raw_os_error(*code);
                assert_eq!(accept_error(&error), blame, "{error}");
            }
        }
    }

    #[test]
    fn errors_that_are_not_the_systems_are_ours() {
        let error = io::Error::other("made up");
        assert_eq!(accept_error(&error), Blame::Ours);
        assert!(!out_of_descriptors(&error));
    }

    #[test]
    fn the_spare_descriptor_is_given_back_and_taken_again() {
        let mut spare = Spare::new();
        assert_eq!(spare.release(), cfg!(unix));
        assert!(!spare.release(), "there was only one");
        assert_eq!(spare.refill(), cfg!(unix));
        assert_eq!(spare.release(), cfg!(unix));
    }
}

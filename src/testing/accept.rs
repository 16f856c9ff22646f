//! What goes wrong when connections are accepted.

use std::io;

use crate::platform::accept_errors;

/// Why accepting a connection fails; for [`TestServer::fail_accept`](super::TestServer::fail_accept).
#[derive(Debug)]
#[non_exhaustive]
pub enum AcceptError {
    /// The connection was gone before it was accepted: ECONNABORTED. The next one is accepted at once.
    Gone,
    /// The process has no descriptor left: EMFILE. Accepting pauses, at most a second at a time.
    OutOfDescriptors,
    /// The system has no memory left for it: ENOMEM. Accepting pauses.
    OutOfMemory,
    /// The listening socket itself is broken: EBADF. Nothing is accepted any more, and the listener is not healthy.
    Dead,
    /// Any other, as the system would say it.
    Other(io::Error),
}

impl From<io::Error> for AcceptError {
    fn from(error: io::Error) -> Self {
        Self::Other(error)
    }
}

impl From<AcceptError> for io::Error {
    fn from(error: AcceptError) -> Self {
        Self::from_raw_os_error(match error {
            AcceptError::Gone => accept_errors::CONNECTION[0],
            AcceptError::OutOfDescriptors => accept_errors::OUT_OF_DESCRIPTORS,
            AcceptError::OutOfMemory => accept_errors::OUT_OF_MEMORY,
            AcceptError::Dead => accept_errors::LISTENER[0],
            AcceptError::Other(error) => return error,
        })
    }
}

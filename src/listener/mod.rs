//! What takes connections off sockets: bind, accept, and what to do when that fails.
//!
//! Two layers: a [`Socket`]'s `accept` can fail (and is scripted in tests); a [`Listener`]'s over it cannot, by type.

mod accept;
mod activated;
mod address;
mod bind;
mod compact;
mod heartbeat;
#[cfg(feature = "testing")]
mod script;
mod socket;
mod spare;
#[cfg(test)]
mod tests;

pub(crate) use self::accept::Listener;
pub use self::activated::ActivationError;
pub(crate) use self::activated::activated_names;
pub use self::address::{Address, Client, Credentials, ListenAddress, Local, Peer};
pub(crate) use self::bind::Listening;
pub(crate) use self::compact::Compact;
pub(crate) use self::heartbeat::Heartbeat;
#[cfg(feature = "testing")]
pub(crate) use self::script::Script;
#[cfg(feature = "testing")]
pub(crate) use self::script::Scripted;
pub(crate) use self::socket::{Accepted, Queue, Socket, TcpSocket, UnixSocket};
pub(crate) use self::spare::Spare;

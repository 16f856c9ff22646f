//! What answers frames: the trait, and one file a handler.
//!
//! | `handler` | type | does |
//! |---|---|---|
//! | `echo` | [`Echo`] | sends every frame back (RFC 862) |
//! | `discard` | [`Discard`] | throws every frame away (RFC 863) |
//! | `chargen` | [`Chargen`] | sends lines without end (RFC 864) |
//! | `quote` | [`Quote`] | sends a quote and closes (RFC 865) |
//! | `daytime` | [`Daytime`] | sends date and time as text and closes (RFC 867) |
//! | `time` | [`Time`] | sends the seconds since 1900 and closes (RFC 868) |

mod chargen;
mod daytime;
mod discard;
mod echo;
mod error;
mod function;
mod quote;
mod service;
mod time;
#[cfg(feature = "tower")]
mod tower;

pub use self::chargen::Chargen;
pub use self::daytime::Daytime;
pub use self::discard::Discard;
pub use self::echo::Echo;
pub use self::error::HandlerError;
pub use self::function::{HandlerFn, handler_fn};
pub use self::quote::{Quote, QuoteOptions};
pub(crate) use self::service::{Serve, Service};
pub use self::time::Time;
#[cfg(feature = "tower")]
pub use self::tower::{ServiceHandler, service_handler};
use crate::codec::Codec;
use crate::connection::Connection;

/// Serves connections: one value a listener, one call a connection, each in a task of its own.
///
/// ```
/// use terima::{Connection, Handler, HandlerError};
/// use tokio_util::codec::LinesCodec;
///
/// struct Shout { mark: String }
///
/// impl Handler for Shout {
///     type Codec = LinesCodec; // tokio-util's: its frames are Strings
///
///     async fn handle(&self, mut conn: Connection<LinesCodec>) -> Result<(), HandlerError> {
///         while let Some(line) = conn.recv().await? {
///             conn.send(line.to_uppercase() + &self.mark).await?;
///         }
///         Ok(())
///     }
/// }
/// ```
pub trait Handler: Send + Sync + 'static {
    /// The codec whose frames the handler speaks. With [`Framing`](crate::Framing) it is the one that `server.toml`
    /// chose; with a codec type of its own the handler has that one.
    type Codec: Codec;

    /// Serves one connection. When it returns, what it sent is delivered and the connection closes.
    ///
    /// The future is dropped at an await if the connection ends before it returns; see [`Connection`]. A panic ends this
    /// connection alone, as `handler_panic`.
    ///
    /// # Errors
    ///
    /// What the handler returns becomes the connection's end reason and stands in the access line: `handler_error`, or
    /// the handler's own word ([`HandlerError::end`]). A [`ConnectionError`](crate::ConnectionError) that is passed on
    /// keeps its own reason.
    fn handle(&self, conn: Connection<Self::Codec>) -> impl Future<Output = Result<(), HandlerError>> + Send;
}

//! Handler `discard`.

use super::{Handler, HandlerError};
use crate::codec::Framing;
use crate::connection::Connection;

/// The handler `discard`: throws every frame away and sends nothing, after RFC 863 for TCP. The client closes.
#[derive(Debug, Clone, Copy, Default)]
pub struct Discard;

impl Handler for Discard {
    type Codec = Framing;

    // An `async fn` would keep its argument beside the variable that it is moved to: 64 bytes of each idle connection.
    #[expect(clippy::manual_async_fn, reason = "see above")]
    fn handle(&self, mut conn: Connection<Framing>) -> impl Future<Output = Result<(), HandlerError>> + Send {
        async move {
            while conn.recv().await?.is_some() {}
            Ok(())
        }
    }
}

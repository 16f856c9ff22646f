//! Handler `echo`.

use super::{Handler, HandlerError};
use crate::codec::Framing;
use crate::connection::Connection;

/// The handler `echo`: sends every frame back, after RFC 862 for TCP. The client closes.
#[derive(Debug, Clone, Copy, Default)]
pub struct Echo;

impl Handler for Echo {
    type Codec = Framing;

    // An `async fn` would keep its argument beside the variable that it is moved to: 64 bytes of each idle connection.
    #[expect(clippy::manual_async_fn, reason = "see above")]
    fn handle(&self, mut conn: Connection<Framing>) -> impl Future<Output = Result<(), HandlerError>> + Send {
        async move {
            loop {
                let Some(frame) = conn.recv().await? else { return Ok(()) };
                conn.send(frame).await?;
            }
        }
    }
}

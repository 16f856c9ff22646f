//! One handler, without a file and without sockets.

use std::fmt;
use std::sync::{Mutex, PoisonError};

use super::server::{TestServer, serve_in_memory};
use crate::codec::Codec;
use crate::config::NoOptions;
use crate::handler::Handler;
use crate::server::{Builder, Server};

/// A handler that is served in memory: for a test of it alone, under a paused clock.
///
/// What is served is a whole server with one listener, `test`, so limits, deadlines and the drain are those that the handler
/// will meet. For several listeners, or keys of `[server]`, there is [`serve_in_memory`].
///
/// ```
/// # use terima::{Connection, HandlerError, Handler, testing::Memory};
/// # use tokio_util::codec::LinesCodec;
/// # struct Shout { mark: String }
/// # impl Handler for Shout {
/// #     type Codec = LinesCodec;
/// #     async fn handle(&self, mut conn: Connection<LinesCodec>) -> Result<(), HandlerError> {
/// #         while let Some(line) = conn.recv().await? {
/// #             conn.send(line.to_uppercase() + &self.mark).await?;
/// #         }
/// #         Ok(())
/// #     }
/// # }
/// # #[tokio::main(flavor = "current_thread", start_paused = true)]
/// # async fn main() {
/// let server = Memory::new(Shout { mark: "!".to_owned() })
///     .codec(LinesCodec::new_with_max_length(80))
///     .settings(r#"timeouts.first_frame = "5s""#)
///     .serve();
/// let mut client = server.client().await;
/// client.send("halo\n").await;
/// client.expect("HALO!\n").await;
///
/// assert_eq!(server.client().await.ended().await.reason, "first_frame_timeout");
/// # }
/// ```
pub struct Memory {
    builder: Builder,
    codec: &'static str,
    settings: String,
}

impl Memory {
    /// Serves the handler with its codec's default, or with what `codec` in the [`settings`](Self::settings) names.
    #[must_use]
    pub fn new<H: Handler<Codec: Default + Clone + Sync>>(handler: H) -> Self {
        // A factory is called once for each listener, of which there is one.
        let handler = Mutex::new(Some(handler));
        let builder = Server::builder().handler("test", move |_: NoOptions| {
            let handler = handler.lock().unwrap_or_else(PoisonError::into_inner).take();
            handler.ok_or_else(|| "the handler serves one listener".into())
        });
        Self { builder, codec: "", settings: String::new() }
    }

    /// Serves it with this codec: the handler's own type, with values of the test's choice.
    #[must_use]
    pub fn codec<C: Codec + Clone + Sync>(mut self, codec: C) -> Self {
        self.builder = self.builder.codec("test", move |_: NoOptions| Ok(codec.clone()));
        self.codec = "codec = \"test\"\n";
        self
    }

    /// Keys of the listener, in the words of `server.toml`: `timeouts.idle = "5s"`, `limits.output = "4KiB"`, `codec = "lines"`.
    #[must_use]
    pub fn settings(mut self, keys: &str) -> Self {
        self.settings.push_str(keys);
        self.settings.push('\n');
        self
    }

    /// Serves it.
    ///
    /// # Panics
    ///
    /// If the settings have a fault, or the codec is not the handler's.
    #[track_caller]
    pub fn serve(self) -> TestServer {
        let Self { builder, codec, settings } = self;
        // Nothing listens there.
        let listener = "[[listener]]\nname = \"test\"\nhandler = \"test\"\naddress = \"127.0.0.1:0\"\n";
        serve_in_memory(builder, &[listener, codec, &settings].concat())
    }
}

impl fmt::Debug for Memory {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Memory").field("settings", &self.settings).finish_non_exhaustive()
    }
}

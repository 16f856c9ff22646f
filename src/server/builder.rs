//! What a program brings to the file: handlers and codecs under names.

use std::fmt;
use std::path::Path;
use std::sync::Arc;

use bytes::Bytes;
use serde::de::DeserializeOwned;
use tokio_util::codec::{Decoder, Encoder};

use super::catalogue::Catalogue;
use super::layers::layers;
use super::ready::{Ready, ReadyListener};
use crate::codec::{
    Chunks, ChunksOptions, Cobs, CobsOptions, Codec, Delimited, DelimitedOptions, Fixed, FixedOptions,
    FrameError, Length, LengthOptions, Lines, LinesOptions, Mllp, MllpOptions, Netstring, NetstringOptions,
    OctetCounted, OctetCountedOptions, Slip, SlipOptions, Varint, VarintOptions,
};
use crate::config::{self, Config, Faults, NoOptions, Overrides, Problems};
use crate::handler::{Chargen, Daytime, Discard, Echo, Handler, HandlerError, Quote, QuoteOptions, Time};
#[cfg(feature = "admin")]
use crate::platform::Account;

/// Registers handlers and codecs under the names that `server.toml` uses; [`Server::builder`](super::Server::builder).
///
/// The factories take their options as a type, so the file is checked, and a fault points at its key, before anything
/// runs. A name that is registered again takes the place of the first, a built-in one too.
///
/// ```
/// use serde::Deserialize;
/// use terima::{Connection, Framing, Server, handler_fn};
///
/// #[derive(Deserialize)]
/// #[serde(deny_unknown_fields)]
/// struct GreetOptions { greeting: String } // handler = { type = "greet", greeting = "halo" }
///
/// let ready = Server::builder()
///     .handler("greet", |options: GreetOptions| {
///         let greeting = options.greeting;
///         Ok(handler_fn(move |mut conn: Connection<Framing>| {
///             let greeting = greeting.clone();
///             async move { Ok(conn.send(greeting + "\n").await?) }
///         }))
///     })
///     .parse(r#"
///         [[listener]]
///         name = "greet"
///         address = "127.0.0.1:0"
///         handler = { type = "greet", greeting = "halo" }
///     "#)?;
/// # Ok::<(), terima::Problems>(())
/// ```
pub struct Builder {
    pub(super) catalogue: Catalogue,
    overrides: Overrides,
}

impl Builder {
    pub(super) fn new() -> Self {
        let builder = Self { catalogue: Catalogue::default(), overrides: Overrides::default() };
        #[cfg(feature = "schema")]
        let builder = builder.describe_built_in();
        builder
            .byte_codec("bytes", |options: ChunksOptions| Ok(Chunks::from(options)))
            .byte_codec("lines", |options: LinesOptions| Ok(Lines::from(options)))
            .byte_codec("delimited", |options: DelimitedOptions| Delimited::new(options))
            .byte_codec("length", |options: LengthOptions| Length::new(options))
            .byte_codec("fixed", |options: FixedOptions| Fixed::try_from(options))
            .byte_codec("netstring", |options: NetstringOptions| Ok(Netstring::from(options)))
            .byte_codec("varint", |options: VarintOptions| Ok(Varint::from(options)))
            .byte_codec("octet_counted", |options: OctetCountedOptions| Ok(OctetCounted::from(options)))
            .byte_codec("mllp", |options: MllpOptions| Ok(Mllp::from(options)))
            .byte_codec("slip", |options: SlipOptions| Ok(Slip::from(options)))
            .byte_codec("cobs", |options: CobsOptions| Ok(Cobs::from(options)))
            .handler("echo", |_: NoOptions| Ok(Echo))
            .handler("discard", |_: NoOptions| Ok(Discard))
            .handler("chargen", |_: NoOptions| Ok(Chargen::default()))
            .handler("quote", |options: QuoteOptions| Quote::new(&options))
            .handler("daytime", |_: NoOptions| Ok(Daytime))
            .handler("time", |_: NoOptions| Ok(Time))
    }

    /// Registers a handler. `make` is called once for each listener that names it, each time a file is loaded; state to
    /// be shared between listeners is captured by it, as an `Arc`.
    ///
    /// Without a `codec` in the file, connections get the handler's `Codec::default()`. With one, that has to be of the
    /// handler's codec type, or a byte codec where the handler speaks [`Framing`](crate::Framing). Where there is no default,
    /// [`handler_over`](Self::handler_over) is the one to use.
    ///
    /// An error of `make` is a problem of the file: it says what is wrong with options whose types were right.
    #[must_use]
    pub fn handler<O, H, F>(mut self, name: &str, make: F) -> Self
    where
        O: DeserializeOwned,
        H: Handler<Codec: Default + Clone + Sync>,
        F: Fn(O) -> Result<H, HandlerError> + Send + Sync + 'static,
    {
        self.catalogue.add_handler(name, make);
        self
    }

    /// Registers a handler that makes the codec of each connection itself: for a codec without a default, or one that
    /// depends on the handler's options. Otherwise as [`handler`](Self::handler).
    ///
    /// The file can't name a codec for it: a `codec` key beside it is a problem.
    ///
    /// ```
    /// use serde::Deserialize;
    /// use terima::{Connection, Handler, HandlerError, Server};
    /// use tokio_util::codec::AnyDelimiterCodec;
    ///
    /// struct Split { at: u8 }
    ///
    /// impl Handler for Split {
    ///     type Codec = AnyDelimiterCodec;
    ///
    ///     async fn handle(&self, mut conn: Connection<AnyDelimiterCodec>) -> Result<(), HandlerError> {
    ///         while let Some(part) = conn.recv().await? {
    ///             conn.send(String::from_utf8_lossy(&part)).await?;
    ///         }
    ///         Ok(())
    ///     }
    /// }
    ///
    /// #[derive(Deserialize)]
    /// #[serde(deny_unknown_fields)]
    /// struct SplitOptions { at: char } // handler = { type = "split", at = ";" }
    ///
    /// let builder = Server::builder().handler_over(
    ///     "split",
    ///     |options: SplitOptions| {
    ///         Ok(Split { at: u8::try_from(options.at).map_err(|_| "`at` must be one byte")? })
    ///     },
    ///     |split| AnyDelimiterCodec::new(vec![split.at], b"\n".to_vec()),
    /// );
    /// # let text = "[[listener]]\nname = \"x\"\naddress = \":0\"\nhandler = { type = \"split\", at = \";\" }";
    /// # builder.parse(text)?;
    /// # Ok::<(), terima::Problems>(())
    /// ```
    #[must_use]
    pub fn handler_over<O, H, F, M>(mut self, name: &str, make: F, codec: M) -> Self
    where
        O: DeserializeOwned,
        H: Handler,
        F: Fn(O) -> Result<H, HandlerError> + Send + Sync + 'static,
        M: Fn(&H) -> H::Codec + Send + Sync + 'static,
    {
        self.catalogue.add_handler_over(name, make, codec);
        self
    }

    /// Registers a codec whose frames may be of any type: for handlers that name just this type as theirs. It is made
    /// once a listener and cloned for each connection.
    #[must_use]
    pub fn codec<O, C, F>(mut self, name: &str, make: F) -> Self
    where
        O: DeserializeOwned,
        C: Codec + Clone + Sync,
        F: Fn(O) -> Result<C, HandlerError> + Send + Sync + 'static,
    {
        self.catalogue.add_codec(name, make);
        self
    }

    /// Registers a codec whose frames are bytes: for handlers that name just this type, and for all that speak
    /// [`Framing`](crate::Framing).
    #[must_use]
    pub fn byte_codec<O, C, F>(mut self, name: &str, make: F) -> Self
    where
        O: DeserializeOwned,
        C: Decoder<Item: Into<Bytes>, Error: Into<FrameError>>
            + Encoder<Bytes, Error: Into<FrameError>>
            + Clone
            + Send
            + Sync
            + 'static,
        F: Fn(O) -> Result<C, HandlerError> + Send + Sync + 'static,
    {
        self.catalogue.add_byte_codec(name, make);
        self
    }

    /// Keys that stand above the file's, from the command line or the environment. There are none unless a program
    /// says so.
    #[must_use]
    pub fn overrides(mut self, overrides: Overrides) -> Self {
        self.overrides = overrides;
        self
    }

    /// Reads and checks a `server.toml`: names, options and values. Binds nothing.
    ///
    /// # Errors
    ///
    /// [`Problems`]: all of them at once, each with its place in the file, the reason and a remedy. A file that cannot be
    /// read is one.
    pub fn load(self, path: impl AsRef<Path>) -> Result<Ready, Problems> {
        let (config, faults) = config::read_file(path.as_ref(), &self.overrides);
        self.check(config, faults, Some(path.as_ref()))
    }

    /// Checks the text of a `server.toml`, as [`Builder::load`] does a file's.
    ///
    /// # Errors
    ///
    /// As `load`.
    pub fn parse(self, text: &str) -> Result<Ready, Problems> {
        let (config, faults) = config::read("server.toml", text, &self.overrides);
        self.check(config, faults, None)
    }

    /// Checks a listener that was typed on the command line, as [`Builder::load`] does a file.
    ///
    /// # Errors
    ///
    /// As `load`.
    #[cfg(feature = "cli")]
    pub(crate) fn ad_hoc(self, listener: &config::AdHoc) -> Result<Ready, Problems> {
        let (config, faults) = config::read_ad_hoc(listener, &self.overrides);
        self.check(config, faults, None)
    }

    /// The handlers and the codecs that there are.
    #[cfg(test)]
    pub(super) fn names(&self) -> (Vec<&str>, Vec<&str>) {
        self.catalogue.names()
    }

    #[cfg_attr(
        not(feature = "admin"),
        expect(unused_variables, reason = "only the admin interface reads it again")
    )]
    fn check(self, config: Config, mut faults: Faults, file: Option<&Path>) -> Result<Ready, Problems> {
        let mut listeners = Vec::with_capacity(config.listeners.len());
        for listener in &config.listeners {
            let service = self.catalogue.resolve(&listener.handler, listener.codec.as_ref(), &mut faults);
            let layers = layers(listener, &mut faults);
            listeners.extend(service.map(|service| ReadyListener {
                name: listener.name.clone(),
                addresses: listener.addresses.clone(),
                socket: listener.socket.clone(),
                access: listener.access.clone(),
                limits: listener.limits.clone(),
                timeouts: listener.timeouts.clone(),
                service,
                layers,
                #[cfg(feature = "testing")]
                probe: None,
            }));
        }
        if !faults.is_empty() {
            return Err(faults.into_problems());
        }
        let warnings = faults.take_warnings();
        Ok(Ready {
            config: Arc::new(config),
            #[cfg(feature = "admin")]
            file: file.map(Path::to_owned),
            #[cfg(feature = "admin")]
            overrides: self.overrides,
            #[cfg(feature = "admin")]
            account: Account::default(),
            listeners,
            warnings,
            once: false,
        })
    }
}

impl fmt::Debug for Builder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Builder").field("overrides", &self.overrides).finish_non_exhaustive()
    }
}

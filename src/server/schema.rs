//! What a program's `server.toml` may hold, for editors.

use schemars::{JsonSchema, Schema};

use super::builder::Builder;
use crate::codec::{
    ChunksOptions, CobsOptions, DelimitedOptions, FixedOptions, LengthOptions, LinesOptions, MllpOptions,
    NetstringOptions, OctetCountedOptions, SlipOptions, VarintOptions,
};
use crate::config::NoOptions;
use crate::handler::QuoteOptions;

impl Builder {
    /// Describes a type of options for [`Builder::schema`] and `terima schema`: wherever a handler or a codec takes it, its
    /// keys get their types, doc comments and defaults, before or after it is registered. Of a type that is not described
    /// only the keys are known, if it denies others.
    ///
    /// A default is known of a key with `#[serde(default)]` whose type can be serialized.
    ///
    /// ```
    /// use serde::Deserialize;
    /// use terima::schemars::{self, JsonSchema};
    /// use terima::{Connection, Framing, Server, handler_fn};
    ///
    /// #[derive(Deserialize, JsonSchema)]
    /// #[serde(deny_unknown_fields)]
    /// struct GreetOptions {
    ///     /// What every client is sent.
    ///     greeting: String,
    /// }
    ///
    /// let builder = Server::builder()
    ///     .handler("greet", |options: GreetOptions| {
    ///         let greeting = options.greeting;
    ///         Ok(handler_fn(move |mut conn: Connection<Framing>| {
    ///             let greeting = greeting.clone();
    ///             async move { Ok(conn.send(greeting + "\n").await?) }
    ///         }))
    ///     })
    ///     .describe::<GreetOptions>();
    /// assert!(builder.schema().as_value().to_string().contains("What every client is sent."));
    /// ```
    #[must_use]
    pub fn describe<O: JsonSchema>(mut self) -> Self {
        self.catalogue.descriptions.add::<O>();
        self
    }

    /// The JSON Schema of a `server.toml` for what is registered: keys, handlers, codecs and their options, each with what it
    /// means and its default. `terima schema` prints it.
    ///
    /// It accepts what [`Builder::load`] does. What no single key can tell it does not refuse: that a name or an address is
    /// there twice, or that a handler and a codec do not fit each other.
    #[must_use]
    pub fn schema(&self) -> Schema {
        self.catalogue.schema()
    }

    /// All that the built-in handlers and codecs take.
    pub(super) fn describe_built_in(self) -> Self {
        self.describe::<NoOptions>()
            .describe::<ChunksOptions>()
            .describe::<LinesOptions>()
            .describe::<DelimitedOptions>()
            .describe::<LengthOptions>()
            .describe::<FixedOptions>()
            .describe::<NetstringOptions>()
            .describe::<VarintOptions>()
            .describe::<OctetCountedOptions>()
            .describe::<MllpOptions>()
            .describe::<SlipOptions>()
            .describe::<CobsOptions>()
            .describe::<QuoteOptions>()
    }
}

//! Handlers and codecs by name, and how the file's codec meets a handler.

use std::any::{Any, TypeId, type_name};
use std::collections::BTreeMap;
use std::sync::Arc;

use serde::de::DeserializeOwned;

use crate::codec::{ByteCodec, Codec, Framing};
#[cfg(feature = "schema")]
use crate::config::{self, Descriptions, OptionsType};
use crate::config::{Choice, Faults, advice};
use crate::handler::{Handler, HandlerError, Serve, Service};

/// What the file can name.
#[derive(Default)]
pub(super) struct Catalogue {
    handlers: BTreeMap<String, HandlerEntry>,
    codecs: BTreeMap<String, CodecEntry>,
    #[cfg(feature = "schema")]
    pub(super) descriptions: Descriptions,
}

struct HandlerEntry {
    speaks: CodecType,
    /// The file may name a codec for it.
    takes_codec: bool,
    #[cfg(feature = "schema")]
    options: OptionsType,
    make: Make<Box<dyn Unpaired>>,
}

struct CodecEntry {
    codec: CodecType,
    /// Its frames are bytes: handlers that speak `Framing` can have it too.
    bytes: bool,
    #[cfg(feature = "schema")]
    options: OptionsType,
    make: Make<MadeCodec>,
}

/// Makes something of its options in the file; `None` where they have a fault, which was noted.
type Make<T> = Box<dyn Fn(&Choice, &mut Faults) -> Option<T> + Send + Sync>;

#[derive(Clone, Copy, PartialEq, Eq)]
struct CodecType {
    id: TypeId,
    name: &'static str,
}

/// A codec as the file wants it, to be cloned for every connection: under its own type, and as `Framing` where it is a
/// byte codec.
struct MadeCodec {
    typed: Box<dyn Any>,
    framing: Option<Framing>,
}

/// A handler that has no codec yet.
trait Unpaired {
    fn with_own_codec(self: Box<Self>) -> Arc<dyn Serve>;
    fn with_codec(self: Box<Self>, codec: MadeCodec) -> Option<Arc<dyn Serve>>;
}

/// A handler whose codec has a default.
struct Made<H>(H);

/// A handler whose codec is made of it.
struct MadeOver<H, M> {
    handler: H,
    codec: Arc<M>,
}

impl Catalogue {
    pub(super) fn add_handler<O, H, F>(&mut self, name: &str, make: F)
    where
        O: DeserializeOwned,
        H: Handler<Codec: Default + Clone + Sync>,
        F: Fn(O) -> Result<H, HandlerError> + Send + Sync + 'static,
    {
        let make: Make<Box<dyn Unpaired>> =
            Box::new(move |choice, faults| Some(Box::new(Made(from_options(choice, faults, &make)?))));
        let entry = HandlerEntry {
            speaks: CodecType::of::<H::Codec>(),
            takes_codec: true,
            #[cfg(feature = "schema")]
            options: OptionsType::of::<O>(),
            make,
        };
        self.handlers.insert(name.to_owned(), entry);
    }

    pub(super) fn add_handler_over<O, H, F, M>(&mut self, name: &str, make: F, codec: M)
    where
        O: DeserializeOwned,
        H: Handler,
        F: Fn(O) -> Result<H, HandlerError> + Send + Sync + 'static,
        M: Fn(&H) -> H::Codec + Send + Sync + 'static,
    {
        let codec = Arc::new(codec);
        let make: Make<Box<dyn Unpaired>> = Box::new(move |choice, faults| {
            let handler = from_options(choice, faults, &make)?;
            Some(Box::new(MadeOver { handler, codec: Arc::clone(&codec) }))
        });
        let entry = HandlerEntry {
            speaks: CodecType::of::<H::Codec>(),
            takes_codec: false,
            #[cfg(feature = "schema")]
            options: OptionsType::of::<O>(),
            make,
        };
        self.handlers.insert(name.to_owned(), entry);
    }

    pub(super) fn add_codec<O, C, F>(&mut self, name: &str, make: F)
    where
        O: DeserializeOwned,
        C: Codec + Clone + Sync,
        F: Fn(O) -> Result<C, HandlerError> + Send + Sync + 'static,
    {
        let make: Make<MadeCodec> = Box::new(move |choice, faults| {
            Some(MadeCodec { typed: Box::new(from_options(choice, faults, &make)?), framing: None })
        });
        let entry = CodecEntry {
            codec: CodecType::of::<C>(),
            bytes: false,
            #[cfg(feature = "schema")]
            options: OptionsType::of::<O>(),
            make,
        };
        self.codecs.insert(name.to_owned(), entry);
    }

    pub(super) fn add_byte_codec<O, C, F>(&mut self, name: &str, make: F)
    where
        O: DeserializeOwned,
        C: ByteCodec + Clone + 'static,
        F: Fn(O) -> Result<C, HandlerError> + Send + Sync + 'static,
    {
        let make: Make<MadeCodec> = Box::new(move |choice, faults| {
            let codec = from_options(choice, faults, &make)?;
            Some(MadeCodec { framing: Some(Framing::new(codec.clone())), typed: Box::new(codec) })
        });
        let entry = CodecEntry {
            codec: CodecType::of::<C>(),
            bytes: true,
            #[cfg(feature = "schema")]
            options: OptionsType::of::<O>(),
            make,
        };
        self.codecs.insert(name.to_owned(), entry);
    }

    /// Makes what a listener's connections are served by. Every fault is noted, the codec's also where the handler has
    /// some.
    pub(super) fn resolve(
        &self,
        handler: &Choice,
        codec: Option<&Choice>,
        faults: &mut Faults,
    ) -> Option<Arc<dyn Serve>> {
        let entry = look_up(&self.handlers, "handler", handler, faults);
        let made = entry.and_then(|entry| (entry.make)(handler, faults));
        let Some(codec) = codec else { return Some(made?.with_own_codec()) };
        let codec_entry = look_up(&self.codecs, "codec", codec, faults)?;
        let made_codec = (codec_entry.make)(codec, faults);
        let entry = entry?;
        if !entry.takes_codec {
            let reason = format!("handler `{}` makes its own codec, {}", handler.name, entry.speaks.name);
            faults.at(codec.span.clone(), reason).help("remove `codec`");
            return None;
        }
        if !codec_entry.suits(entry.speaks) {
            self.mismatch(handler, entry, codec, codec_entry, faults);
            return None;
        }
        made?.with_codec(made_codec?)
    }

    /// The handlers and the codecs that there are.
    #[cfg(test)]
    pub(super) fn names(&self) -> (Vec<&str>, Vec<&str>) {
        (self.handlers.keys().map(String::as_str).collect(), self.codecs.keys().map(String::as_str).collect())
    }

    /// The schema of a file that can name what there is.
    #[cfg(feature = "schema")]
    pub(super) fn schema(&self) -> schemars::Schema {
        let codecs = self.codecs.iter().map(|(name, entry)| (name.as_str(), entry.options));
        let handlers = self.handlers.iter().map(|(name, entry)| (name.as_str(), entry.options));
        config::schema(codecs, handlers, &self.descriptions)
    }

    fn mismatch(
        &self,
        handler: &Choice,
        entry: &HandlerEntry,
        codec: &Choice,
        codec_entry: &CodecEntry,
        faults: &mut Faults,
    ) {
        let reason = format!(
            "handler `{}` speaks {}, codec `{}` is {}{}",
            handler.name,
            entry.speaks.name,
            codec.name,
            codec_entry.codec.name,
            if codec_entry.bytes { " (bytes)" } else { "" },
        );
        let suitable: Vec<_> = self
            .codecs
            .iter()
            .filter(|(_, other)| other.suits(entry.speaks))
            .map(|(name, _)| format!("`{name}`"))
            .collect();
        let help = if suitable.is_empty() {
            "remove `codec`: the handler has one of its own".to_owned()
        } else {
            format!("remove `codec`, or name one of: {}", suitable.join(", "))
        };
        faults.at(codec.span.clone(), reason).help(help);
    }
}

impl CodecEntry {
    /// Whether a handler that speaks `wanted` can have it.
    fn suits(&self, wanted: CodecType) -> bool {
        self.codec == wanted || (self.bytes && wanted == CodecType::of::<Framing>())
    }
}

impl CodecType {
    fn of<C: 'static>() -> Self {
        let path = type_name::<C>();
        let plain = path.split('<').next().unwrap_or(path);
        Self { id: TypeId::of::<C>(), name: plain.rsplit("::").next().unwrap_or(plain) }
    }
}

impl<H: Handler<Codec: Default + Clone + Sync>> Unpaired for Made<H> {
    fn with_own_codec(self: Box<Self>) -> Arc<dyn Serve> {
        Arc::new(Service::new(self.0, |_: &H| H::Codec::default()))
    }

    fn with_codec(self: Box<Self>, codec: MadeCodec) -> Option<Arc<dyn Serve>> {
        let codec = match codec.typed.downcast::<H::Codec>() {
            Ok(codec) => *codec,
            Err(_) => (&codec.framing? as &dyn Any).downcast_ref::<H::Codec>()?.clone(),
        };
        Some(Arc::new(Service::new(self.0, move |_: &H| codec.clone())))
    }
}

impl<H: Handler, M> Unpaired for MadeOver<H, M>
where
    M: Fn(&H) -> H::Codec + Send + Sync + 'static,
{
    fn with_own_codec(self: Box<Self>) -> Arc<dyn Serve> {
        let Self { handler, codec } = *self;
        Arc::new(Service::new(handler, move |handler: &H| codec(handler)))
    }

    fn with_codec(self: Box<Self>, _: MadeCodec) -> Option<Arc<dyn Serve>> {
        None
    }
}

fn from_options<O, T>(
    choice: &Choice,
    faults: &mut Faults,
    make: impl Fn(O) -> Result<T, HandlerError>,
) -> Option<T>
where
    O: DeserializeOwned,
{
    let options = choice.options.read(faults)?;
    match make(options) {
        Ok(made) => Some(made),
        Err(error) => {
            faults.at(choice.span.clone(), error.to_string());
            None
        }
    }
}

fn look_up<'a, T>(
    entries: &'a BTreeMap<String, T>,
    what: &str,
    choice: &Choice,
    faults: &mut Faults,
) -> Option<&'a T> {
    let entry = entries.get(&choice.name);
    if entry.is_none() {
        let known: Vec<_> = entries.keys().map(String::as_str).collect();
        faults.at(choice.span.clone(), format!("there is no {what} `{}`", choice.name)).help(advice(
            &choice.name,
            &known,
            what,
        ));
    }
    entry
}

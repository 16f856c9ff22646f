//! The bytes between which the frames of codec `delimited` lie.

use std::fmt::{self, Display};

use serde::Deserialize;
use serde::de::{Deserializer, Error, SeqAccess, Visitor};

use crate::handler::HandlerError;

/// Bytes that mark where a frame begins or ends; at least one.
///
/// The file writes them as a string, `"\r\n"`, or as a list of numbers, `[0xff, 0xd9]`, since a string cannot have every
/// byte: `"\u00ff"` is two, in UTF-8.
#[derive(Clone, PartialEq, Eq)]
pub struct Mark(Box<[u8]>);

impl Mark {
    /// A mark of these bytes.
    ///
    /// # Errors
    ///
    /// `bytes` is empty.
    pub fn new(bytes: impl Into<Box<[u8]>>) -> Result<Self, HandlerError> {
        Self::of(bytes.into()).ok_or_else(|| EMPTY.into())
    }

    /// Its bytes.
    pub fn bytes(&self) -> &[u8] {
        &self.0
    }

    fn of(bytes: Box<[u8]>) -> Option<Self> {
        (!bytes.is_empty()).then_some(Self(bytes))
    }
}

const EMPTY: &str = "without a byte it would be found everywhere";

const A_BYTE: &str = "a byte is a number from 0 to 255";

const ADVICE: &str = "write a string, as \"\\r\\n\", or a list of bytes, as [0x0d, 0x0a]";

impl Display for Mark {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "\"{}\"", self.0.escape_ascii())
    }
}

impl fmt::Debug for Mark {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        Display::fmt(self, f)
    }
}

impl<'de> Deserialize<'de> for Mark {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(MarkVisitor)
    }
}

#[cfg(feature = "schema")]
impl schemars::JsonSchema for Mark {
    fn inline_schema() -> bool {
        true
    }

    fn schema_name() -> std::borrow::Cow<'static, str> {
        "Mark".into()
    }

    fn json_schema(_generator: &mut schemars::SchemaGenerator) -> schemars::Schema {
        schemars::json_schema!({
            "anyOf": [
                { "type": "string", "minLength": 1 },
                { "type": "array", "items": { "type": "integer", "minimum": 0, "maximum": 255 }, "minItems": 1 },
            ]
        })
    }
}

struct MarkVisitor;

impl<'de> Visitor<'de> for MarkVisitor {
    type Value = Mark;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("bytes, as \"\\r\\n\" or [0x0d, 0x0a]")
    }

    fn visit_str<E: Error>(self, text: &str) -> Result<Mark, E> {
        Mark::of(text.as_bytes().into()).ok_or_else(|| E::custom(format!("{EMPTY}\n{ADVICE}")))
    }

    fn visit_i64<E: Error>(self, number: i64) -> Result<Mark, E> {
        Err(E::custom(format!("the number `{number}` is no string\na single byte is a list too: [{number}]")))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<Mark, A::Error> {
        let mut bytes = Vec::new();
        while let Some(Item(byte)) = list.next_element()? {
            bytes.push(byte.map_err(|found| A::Error::custom(format!("{found} is no byte\n{A_BYTE}")))?);
        }
        Mark::of(bytes.into()).ok_or_else(|| A::Error::custom(format!("{EMPTY}\n{ADVICE}")))
    }
}

/// What stands in a list of bytes: one, or the text of something else. That is no fault of its own: the list is at fault,
/// once.
struct Item(Result<u8, String>);

impl<'de> Deserialize<'de> for Item {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(ItemVisitor)
    }
}

struct ItemVisitor;

impl Visitor<'_> for ItemVisitor {
    type Value = Item;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(A_BYTE)
    }

    fn visit_i64<E: Error>(self, number: i64) -> Result<Item, E> {
        Ok(Item(u8::try_from(number).map_err(|_| number.to_string())))
    }

    fn visit_str<E: Error>(self, text: &str) -> Result<Item, E> {
        Ok(Item(Err(format!("{text:?}"))))
    }
}

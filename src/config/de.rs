//! Reads a tree into any type that serde knows, and finds every fault of it, not the first alone.
//!
//! serde gives up at the first fault. So the value that it gave up at is noted, taken out, and all is read
//! again, until nothing is left to note. It asks of the types that no key be required whose absence
//! would hide what else is wrong, and that none be `untagged` or `flatten`: these lose where a fault is.

use serde::de::value::BorrowedStrDeserializer;
use serde::de::{
    DeserializeOwned, DeserializeSeed, Deserializer, EnumAccess, Error as _, IntoDeserializer, MapAccess,
    SeqAccess, Unexpected, VariantAccess, Visitor,
};
use serde::forward_to_deserialize_any;

use super::fault::Faults;
use super::refusal::{Keys, Refusal};
use super::source::Sources;
use super::tree::{Entry, Node, Value};
use super::value::FilePath;

/// What could be read of a tree.
pub(super) struct Salvage<T> {
    /// None where even without the faulty values it could not be read.
    pub(super) read: Option<T>,
    /// Whether nothing had to be taken out.
    pub(super) whole: bool,
}

/// Reads a tree, notes each fault of it and leaves the values at fault marked as such.
///
/// `keys` is what those of the outermost table are.
pub(super) fn salvage<T: DeserializeOwned>(root: &mut Node, keys: Keys, faults: &mut Faults) -> Salvage<T> {
    // Each fault costs one more reading, and beyond so many they are not kept.
    for round in 0..=Faults::MOST {
        let reader = Reader { node: root, sources: &faults.sources };
        let refusal = match T::deserialize(reader) {
            Ok(read) => {
                return Salvage { read: Some(read), whole: round == 0 };
            }
            Err(refusal) => refusal,
        };
        refusal.note(root, keys, faults);
        match root.descend(refusal.path()) {
            Some(node) if !refusal.path().is_empty() => node.value = Value::Faulty,
            // At the root there is nothing to take out.
            _ => break,
        }
    }
    Salvage { read: None, whole: false }
}

/// A node to be read, and the texts that it is from.
#[derive(Clone, Copy)]
struct Reader<'de> {
    node: &'de Node,
    sources: &'de Sources,
}

impl<'de> Reader<'de> {
    fn of(self, node: &'de Node) -> Self {
        Self { node, ..self }
    }

    /// The text of a number or a boolean that was typed where strings need no quotes.
    fn typed(self) -> Option<&'de str> {
        let text = self.sources.typed(&self.node.span)?;
        match self.node.value {
            Value::Integer(_) | Value::Float(_) => Some(text),
            // An option that stands alone is true, and is no text.
            Value::Boolean(_) => Some(text).filter(|text| matches!(*text, "true" | "false")),
            _ => None,
        }
    }
}

impl<'de> Deserializer<'de> for Reader<'de> {
    type Error = Refusal;

    fn deserialize_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Refusal> {
        match &self.node.value {
            Value::String(text) => visitor.visit_borrowed_str(text),
            Value::Integer(number) => visitor.visit_i64(*number),
            Value::Float(number) => visitor.visit_f64(*number),
            Value::Boolean(flag) => visitor.visit_bool(*flag),
            Value::List(items) => visitor.visit_seq(Items { items: items.iter().enumerate(), reader: self }),
            Value::Table(table) => {
                let entries = table.entries.iter().enumerate();
                visitor.visit_map(Entries { entries, value: None, reader: self })
            }
            Value::Date | Value::Faulty => {
                Err(Refusal::invalid_type(Unexpected::Other(self.node.describe()), &visitor))
            }
        }
    }

    fn deserialize_str<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Refusal> {
        match self.typed() {
            Some(text) => visitor.visit_borrowed_str(text),
            None => self.deserialize_any(visitor),
        }
    }

    fn deserialize_string<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Refusal> {
        self.deserialize_str(visitor)
    }

    fn deserialize_option<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Refusal> {
        visitor.visit_some(self)
    }

    fn deserialize_newtype_struct<V: Visitor<'de>>(
        self,
        name: &'static str,
        visitor: V,
    ) -> Result<V::Value, Refusal> {
        match &self.node.value {
            Value::String(path) if name == FilePath::MARK => {
                visitor.visit_string(self.sources.locate(path, &self.node.span))
            }
            _ => visitor.visit_newtype_struct(self),
        }
    }

    // A derived struct would take a list for its fields in order, and call itself by its name in Rust.
    fn deserialize_struct<V: Visitor<'de>>(
        self,
        _name: &'static str,
        _fields: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Refusal> {
        self.deserialize_map(visitor)
    }

    fn deserialize_map<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Refusal> {
        match self.node.value {
            Value::Table(_) => self.deserialize_any(visitor),
            _ => Err(Refusal::expected("a table", self.node.describe())),
        }
    }

    fn deserialize_seq<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Refusal> {
        match self.node.value {
            Value::List(_) => self.deserialize_any(visitor),
            _ => Err(Refusal::expected("a list", self.node.describe())),
        }
    }

    fn deserialize_enum<V: Visitor<'de>>(
        self,
        _name: &'static str,
        variants: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Refusal> {
        match &self.node.value {
            Value::String(text) => visitor.visit_enum(BorrowedStrDeserializer::new(text)),
            Value::Table(table) => match table.entries.as_slice() {
                [entry] => visitor.visit_enum(Variant { entry, reader: self }),
                _ => Err(Refusal::expected("a table with one key", "a table with more or none")),
            },
            _ => Err(Refusal::expected(format!("one of `{}`", variants.join("`, `")), self.node.describe())),
        }
    }

    forward_to_deserialize_any! {
        bool i8 i16 i32 i64 i128 u8 u16 u32 u64 u128 f32 f64 char bytes byte_buf unit
        unit_struct tuple tuple_struct identifier ignored_any
    }
}

impl<'de> IntoDeserializer<'de, Refusal> for Reader<'de> {
    type Deserializer = Self;

    fn into_deserializer(self) -> Self {
        self
    }
}

/// The entries of a table that are not faulty.
struct Entries<'de, I> {
    entries: I,
    value: Option<(usize, &'de Node)>,
    reader: Reader<'de>,
}

impl<'de, I: Iterator<Item = (usize, &'de Entry)>> MapAccess<'de> for Entries<'de, I> {
    type Error = Refusal;

    fn next_key_seed<K: DeserializeSeed<'de>>(&mut self, seed: K) -> Result<Option<K::Value>, Refusal> {
        let Some((index, entry)) = self.entries.find(|(_, entry)| !entry.node.is_faulty()) else {
            return Ok(None);
        };
        self.value = Some((index, &entry.node));
        seed.deserialize(BorrowedStrDeserializer::new(&entry.key))
            .map(Some)
            .map_err(|refusal: Refusal| refusal.inside(index, &entry.key_span))
    }

    fn next_value_seed<S: DeserializeSeed<'de>>(&mut self, seed: S) -> Result<S::Value, Refusal> {
        let (index, node) =
            self.value.take().ok_or_else(|| Refusal::custom("a value was asked for before its key"))?;
        seed.deserialize(self.reader.of(node)).map_err(|refusal| refusal.inside(index, &node.span))
    }
}

/// The items of a list that are not faulty.
struct Items<'de, I> {
    items: I,
    reader: Reader<'de>,
}

impl<'de, I: Iterator<Item = (usize, &'de Node)>> SeqAccess<'de> for Items<'de, I> {
    type Error = Refusal;

    fn next_element_seed<S: DeserializeSeed<'de>>(&mut self, seed: S) -> Result<Option<S::Value>, Refusal> {
        let Some((index, node)) = self.items.find(|(_, node)| !node.is_faulty()) else {
            return Ok(None);
        };
        seed.deserialize(self.reader.of(node)).map(Some).map_err(|refusal| refusal.inside(index, &node.span))
    }
}

/// A variant with content: a table with the variant's name as its one key.
#[derive(Clone, Copy)]
struct Variant<'de> {
    entry: &'de Entry,
    reader: Reader<'de>,
}

impl<'de> EnumAccess<'de> for Variant<'de> {
    type Error = Refusal;
    type Variant = Self;

    fn variant_seed<S: DeserializeSeed<'de>>(self, seed: S) -> Result<(S::Value, Self), Refusal> {
        seed.deserialize(BorrowedStrDeserializer::new(&self.entry.key))
            .map(|variant| (variant, self))
            .map_err(|refusal: Refusal| refusal.inside(0, &self.entry.key_span))
    }
}

impl<'de> VariantAccess<'de> for Variant<'de> {
    type Error = Refusal;

    fn unit_variant(self) -> Result<(), Refusal> {
        Err(Refusal::expected("a string", "a table"))
    }

    fn newtype_variant_seed<S: DeserializeSeed<'de>>(self, seed: S) -> Result<S::Value, Refusal> {
        let node = &self.entry.node;
        seed.deserialize(self.reader.of(node)).map_err(|refusal| refusal.inside(0, &node.span))
    }

    fn tuple_variant<V: Visitor<'de>>(self, _length: usize, visitor: V) -> Result<V::Value, Refusal> {
        let node = &self.entry.node;
        self.reader.of(node).deserialize_seq(visitor).map_err(|refusal| refusal.inside(0, &node.span))
    }

    fn struct_variant<V: Visitor<'de>>(
        self,
        _fields: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Refusal> {
        let node = &self.entry.node;
        self.reader.of(node).deserialize_map(visitor).map_err(|refusal| refusal.inside(0, &node.span))
    }
}

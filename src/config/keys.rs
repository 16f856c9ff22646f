//! Which keys a written type has, asked of the type itself.

use std::fmt::{self, Display};

use serde::de::{DeserializeOwned, Deserializer, Error, Visitor};
use serde::forward_to_deserialize_any;

/// The keys of a struct, in their order.
pub(crate) fn keys_of<T: DeserializeOwned>() -> &'static [&'static str] {
    match T::deserialize(Ask) {
        Err(Keys(Some(keys))) => keys,
        _ => panic!("this is no struct"),
    }
}

/// Gives up as soon as the type says which keys it wants.
struct Ask;

#[derive(Debug)]
struct Keys(Option<&'static [&'static str]>);

impl<'de> Deserializer<'de> for Ask {
    type Error = Keys;

    fn deserialize_any<V: Visitor<'de>>(self, _visitor: V) -> Result<V::Value, Keys> {
        Err(Keys(None))
    }

    fn deserialize_struct<V: Visitor<'de>>(
        self,
        _name: &'static str,
        fields: &'static [&'static str],
        _visitor: V,
    ) -> Result<V::Value, Keys> {
        Err(Keys(Some(fields)))
    }

    forward_to_deserialize_any! {
        bool i8 i16 i32 i64 i128 u8 u16 u32 u64 u128 f32 f64 char str string bytes byte_buf option unit
        unit_struct newtype_struct seq tuple tuple_struct map enum identifier ignored_any
    }
}

impl Error for Keys {
    fn custom<T: Display>(_message: T) -> Self {
        Self(None)
    }
}

impl Display for Keys {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{self:?}")
    }
}

impl std::error::Error for Keys {}

//! Which keys a type takes, asked of the type itself.

use std::fmt::{self, Display};

use serde::de::value::StrDeserializer;
use serde::de::{DeserializeOwned, DeserializeSeed, Deserializer, Error, MapAccess, Visitor};
use serde::forward_to_deserialize_any;

/// The keys of a struct, in their order. None where it takes others too, or is none.
pub(crate) fn keys_of<T: DeserializeOwned>() -> Option<&'static [&'static str]> {
    T::deserialize(Ask).err()?.0
}

/// A table with one key that no type has: one that denies it says which it has.
struct Ask;

#[derive(Debug)]
struct Keys(Option<&'static [&'static str]>);

/// No key of TOML is easier to tell from every key that there may be.
const NO_KEY: &str = "\0";

impl<'de> Deserializer<'de> for Ask {
    type Error = Keys;

    fn deserialize_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Keys> {
        visitor.visit_map(self)
    }

    forward_to_deserialize_any! {
        bool i8 i16 i32 i64 i128 u8 u16 u32 u64 u128 f32 f64 char str string bytes byte_buf option unit
        unit_struct newtype_struct seq tuple tuple_struct map struct enum identifier ignored_any
    }
}

impl<'de> MapAccess<'de> for Ask {
    type Error = Keys;

    fn next_key_seed<K: DeserializeSeed<'de>>(&mut self, seed: K) -> Result<Option<K::Value>, Keys> {
        seed.deserialize(StrDeserializer::new(NO_KEY)).map(Some)
    }

    fn next_value_seed<S: DeserializeSeed<'de>>(&mut self, _seed: S) -> Result<S::Value, Keys> {
        Err(Keys(None))
    }
}

impl Error for Keys {
    fn custom<T: Display>(_message: T) -> Self {
        Self(None)
    }

    fn unknown_field(_field: &str, keys: &'static [&'static str]) -> Self {
        Self(Some(keys))
    }
}

impl Display for Keys {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{self:?}")
    }
}

impl std::error::Error for Keys {}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use serde::Deserialize;

    use super::*;
    use crate::NoOptions;

    #[derive(Deserialize)]
    #[serde(deny_unknown_fields)]
    #[allow(dead_code, reason = "only its keys count")]
    struct Closed {
        mark: String,
        #[serde(default, rename = "often")]
        times: u8,
    }

    #[derive(Deserialize)]
    #[allow(dead_code, reason = "only its keys count")]
    struct Open {
        mark: String,
    }

    #[derive(Deserialize)]
    #[allow(dead_code, reason = "only that it is no struct counts")]
    enum Other {
        High(u8),
    }

    #[test]
    fn a_type_that_denies_other_keys_tells_its_own() {
        assert_eq!(keys_of::<Closed>(), Some(&["mark", "often"][..]));
        assert_eq!(keys_of::<NoOptions>(), Some(&[][..]));
        assert_eq!(keys_of::<Open>(), None);
        assert_eq!(keys_of::<Other>(), None);
        assert_eq!(keys_of::<BTreeMap<String, String>>(), None);
        assert_eq!(keys_of::<String>(), None);
    }
}

//! Names of listeners.

use serde::{Deserialize, Deserializer};

use super::{Form, read_form};
use crate::config::printable::quoted;

/// What a listener is called in logs, metrics and overrides: letters, digits, `-`, `_` and `.`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::config) struct Name(pub(in crate::config) String);

/// Whether a listener may be called so.
#[cfg(feature = "cli")]
pub(in crate::config) fn is_name(text: &str) -> bool {
    Name::from_text(text).is_ok()
}

impl Form for Name {
    const WANTED: &'static str = "a name in quotes";

    fn from_text(text: &str) -> Result<Self, String> {
        const LONGEST: usize = 64;
        let allowed = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.');
        if text.is_empty() {
            return Err("a listener's name must not be empty".to_owned());
        }
        if let Some(odd) = text.chars().find(|c| !allowed(*c)) {
            let odd = quoted(odd.encode_utf8(&mut [0; 4]));
            return Err(format!(
                "a listener's name cannot have {odd} in it\nuse letters, digits, `-`, `_` and `.`"
            ));
        }
        if text.len() > LONGEST {
            return Err(format!("a listener's name has {LONGEST} characters at most"));
        }
        Ok(Self(text.to_owned()))
    }
}

impl<'de> Deserialize<'de> for Name {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        read_form(deserializer)
    }
}

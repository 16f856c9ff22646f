//! What `tls` has in forms of its own.

use serde::{Deserialize, Deserializer};

use super::address::is_host;
use super::{Form, read_form};
use crate::config::printable::quoted;

/// One of `tls.alpn`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::config) struct Alpn(pub(in crate::config) String);

/// One of `names` in `tls.sni`, in lower case.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::config) struct ServerName(pub(in crate::config) String);

impl Form for Alpn {
    const WANTED: &'static str = "the name of a protocol, as \"h2\"";

    fn from_text(text: &str) -> Result<Self, String> {
        // RFC 7301, section 3.1.
        const LONGEST: usize = 255;
        match text.len() {
            0 => Err("the name of a protocol must not be empty".to_owned()),
            1..=LONGEST => Ok(Self(text.to_owned())),
            _ => Err(format!("the name of a protocol has {LONGEST} bytes at most")),
        }
    }
}

impl Form for ServerName {
    const WANTED: &'static str = "a name, as \"www.example.net\" or \"*.example.net\"";

    fn from_text(text: &str) -> Result<Self, String> {
        let name = text.strip_prefix("*.").unwrap_or(text);
        if is_host(name) {
            return Ok(Self(text.trim_end_matches('.').to_ascii_lowercase()));
        }
        let help = match text {
            "*" => "leave the entry out: `tls.certificate` is for all other names",
            _ if text.contains('*') => {
                "a `*` stands for the whole first part of a name, as in \"*.example.net\""
            }
            _ => {
                "write one as \"www.example.net\" or \"*.example.net\"; clients ask for names, not for addresses"
            }
        };
        Err(format!("{} is no name that a client can ask for\n{help}", quoted(text)))
    }
}

impl<'de> Deserialize<'de> for Alpn {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        read_form(deserializer)
    }
}

impl<'de> Deserialize<'de> for ServerName {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        read_form(deserializer)
    }
}

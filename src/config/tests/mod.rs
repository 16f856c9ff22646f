//! The shipped files, the fixtures, and what no fixture can hold.

#[cfg(feature = "cli")]
mod ad_hoc;
mod options;
mod overrides;
mod reference;
mod unreadable;

// Their files have `[admin]`, which is a fault where there is no such interface.
#[cfg(feature = "admin")]
mod fixtures;
#[cfg(all(feature = "admin", feature = "schema"))]
mod schema;
#[cfg(feature = "admin")]
mod shipped;
#[cfg(feature = "admin")]
mod whole;

use serde::de::DeserializeOwned;

#[cfg(feature = "admin")]
use super::Config;
use super::{Endpoint, Overrides, keys, read};

/// Reads a text that has nothing wrong with it.
#[cfg(feature = "admin")]
fn valid(text: &str) -> Config {
    let (config, faults) = read("server.toml", text, &Overrides::default());
    if !faults.is_empty() {
        panic!("{}", faults.into_problems());
    }
    config
}

/// Reads a text that has nothing wrong with it on Linux. What another system lacks is noted there, and read all the same.
#[cfg(feature = "admin")]
fn valid_on_linux(text: &str) -> Config {
    match cfg!(target_os = "linux") {
        true => valid(text),
        false => read("server.toml", text, &Overrides::default()).0,
    }
}

/// The keys of a struct that denies others, in their order.
pub(crate) fn keys_of<T: DeserializeOwned>() -> &'static [&'static str] {
    keys::keys_of::<T>().expect("a struct that denies other keys")
}

/// Addresses as a file writes them.
fn written(addresses: &[Endpoint]) -> Vec<String> {
    addresses.iter().map(ToString::to_string).collect()
}

/// One line for each thing that is wrong with a text.
fn problems(text: &str, overrides: &Overrides) -> Vec<String> {
    let (_, faults) = read("server.toml", text, overrides);
    faults.into_problems().iter().map(ToString::to_string).collect()
}

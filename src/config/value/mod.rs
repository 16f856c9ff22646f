//! Values that are written in a form of their own: `"30s"`, `"64KiB"`, `"unlimited"`.

mod address;
mod admin;
mod count;
mod duration;
mod name;
mod network;
mod path;
mod percent;
mod rotate;
#[cfg(feature = "schema")]
mod schema;
mod size;
mod socket;
#[cfg(test)]
mod tests;
mod trusted;

use std::fmt;
use std::marker::PhantomData;

use serde::de::{Deserializer, Error, Unexpected, Visitor};

pub(super) use address::{Addresses, too_long};
pub(super) use admin::{AdminAddress, AdminConnections, AdminTimeout, HostName, Remember};
pub(super) use count::{Connections, ProcessConnections, Workers};
pub use duration::Timeout;
pub(super) use name::Name;
#[cfg(feature = "cli")]
pub(super) use name::is_name;
pub(super) use network::Network;
pub use path::FilePath;
pub(super) use percent::Percent;
pub(super) use rotate::{Keep, Rotate};
pub use size::Size;
pub(super) use socket::{Account, Backlog, BufferSize, FastOpen, Mode, OnlyV6};

/// A value that is a string of some form, and maybe a whole number.
///
/// Its errors have one line, the reason, or two: the reason and what to write instead.
trait Form: Sized {
    /// What is wanted, with an example, as it goes on after "expected".
    const WANTED: &'static str;

    /// From a string.
    fn from_text(text: &str) -> Result<Self, String>;

    /// From a whole number; None where none is one.
    fn from_number(_number: i64) -> Option<Result<Self, String>> {
        None
    }

    /// From `true` or `false`; None where neither is one.
    fn from_flag(_flag: bool) -> Option<Self> {
        None
    }
}

fn read_form<'de, T: Form, D: Deserializer<'de>>(deserializer: D) -> Result<T, D::Error> {
    deserializer.deserialize_any(FormVisitor(PhantomData))
}

struct FormVisitor<T>(PhantomData<T>);

impl<T: Form> Visitor<'_> for FormVisitor<T> {
    type Value = T;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(T::WANTED)
    }

    fn visit_str<E: Error>(self, text: &str) -> Result<T, E> {
        T::from_text(text).map_err(E::custom)
    }

    fn visit_bool<E: Error>(self, flag: bool) -> Result<T, E> {
        T::from_flag(flag).ok_or_else(|| E::invalid_type(Unexpected::Bool(flag), &self))
    }

    fn visit_i64<E: Error>(self, number: i64) -> Result<T, E> {
        match T::from_number(number) {
            Some(read) => read.map_err(E::custom),
            None => Err(E::invalid_type(Unexpected::Signed(number), &self)),
        }
    }
}

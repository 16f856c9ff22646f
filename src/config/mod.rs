//! `server.toml`: from text to values that nothing is left to default in, or to all that is wrong with it.
//!
//! ```text
//! file ───► tree ─► overrides ─► written ─► resolve ─► meant
//!           spans   merged in    by serde   checks     typed
//!               └─────────┴──── faults ────────┘
//!                                  └─► problems ─► rendered
//! ```
//!
//! - [`source`]: the file's text and those of the overrides, in one space of offsets
//! - [`file`](mod@file), [`parse`](mod@parse): from a file to text, from text to a tree
//! - [`tree`]: keys and values that know where they are written
//! - `ad_hoc`: a listener that is typed on the command line, in the place of a file
//! - [`overrides`]: single keys from the environment and the command line
//! - [`de`]: reads a tree into a type, and finds every fault of it; [`refusal`]: one of these
//! - [`written`]: the keys that there are; [`value`]: their forms, as `"30s"` and `"64KiB"`
//! - [`resolve`]: fills in defaults and checks what no key alone can tell
//! - [`meant`]: what the program uses, and the defaults
//! - `keys`, `shipped`: which keys a type takes, and what the shipped file says of each
//! - `schema`: what an editor is told of all keys, as JSON Schema
//! - [`networks`]: lists of networks, in keys and in files
//! - [`watch`]: files beside it that are read again when they change
//! - `inline`, `shown`: a tree as text again, and values as the file writes them, for who asks what is meant
//! - `origins`, `report`: where each key is written, and a configuration key by key
//! - [`options`]: `codec` and `handler`, whose options only their factories understand
//! - [`fault`]: collects what is wrong; [`problem`] and [`render`]: say it
//! - [`nearest`], [`printable`]: "did you mean", and text that is fit for a terminal
//!
//! The entry points are [`read`], [`read_file`] and `read_ad_hoc`.

#[cfg(feature = "cli")]
mod ad_hoc;
mod de;
mod fault;
mod file;
#[cfg(feature = "admin")]
mod inline;
#[cfg(any(test, feature = "schema"))]
mod keys;
pub(crate) mod meant;
mod nearest;
pub(crate) mod networks;
mod options;
#[cfg(feature = "admin")]
pub(crate) mod origins;
mod overrides;
mod parse;
mod printable;
mod problem;
mod refusal;
pub(crate) mod regular;
mod render;
#[cfg(feature = "admin")]
pub(crate) mod report;
mod resolve;
#[cfg(feature = "schema")]
mod schema;
#[cfg(any(test, feature = "schema"))]
mod shipped;
#[cfg(feature = "admin")]
pub(crate) mod shown;
mod source;
mod tree;
mod value;
pub(crate) mod watch;
mod written;

#[cfg(feature = "admin")]
pub(crate) use self::printable::quoted;

#[cfg(test)]
mod tests;
#[cfg(test)]
pub(crate) use self::tests::keys_of;

#[cfg(feature = "cli")]
pub(crate) use self::ad_hoc::{AdHoc, Typed, TypedOption};
use self::de::salvage;
pub(crate) use self::fault::Faults;
pub(crate) use self::file::read_file;
pub(crate) use self::meant::{
    AccessConfig, ClientFull, Config, Endpoint, Limits, ListenerConfig, MaxBuffered, MaxConnections,
    ProxyProtocolConfig, Rate, SocketOptions, Timeouts, Trusted, WhenFull,
};
pub(crate) use self::nearest::advice;
pub(crate) use self::options::Choice;
pub use self::options::NoOptions;
pub use self::overrides::Overrides;
use self::parse::parse;
pub use self::problem::{Problem, Problems};
use self::refusal::Keys;
#[cfg(feature = "schema")]
pub(crate) use self::schema::{Descriptions, OptionsType, schema};
#[cfg(feature = "cli")]
pub(crate) use self::shipped::SHIPPED;
use self::source::Origin;
use self::tree::{Node, Table, Value};
pub use self::value::{FilePath, Size, Timeout};

/// Reads the text of a `server.toml`; `origin` is what messages call it.
///
/// The configuration is as good as can be: what is faulty is at its default, and a listener without a usable
/// handler is left out. It must not be served as long as there are faults, but whoever knows the handlers can
/// go on to check their names and options, and add to the faults.
pub(crate) fn read(origin: &str, text: &str, overrides: &Overrides) -> (Config, Faults) {
    let mut faults = Faults::default();
    let base = faults.sources.add(Origin::File(origin.to_owned()), text);
    let root = parse(text, base, &mut faults);
    complete(root, base, overrides, faults)
}

/// Reads a listener that was typed on the command line, as [`read`] does a file.
#[cfg(feature = "cli")]
pub(crate) fn read_ad_hoc(listener: &AdHoc, overrides: &Overrides) -> (Config, Faults) {
    let mut faults = Faults::default();
    let root = listener.tree(&mut faults);
    complete(root, 0, overrides, faults)
}

/// From a tree, which is written at `base`, to what it means.
fn complete(mut root: Table, base: usize, overrides: &Overrides, mut faults: Faults) -> (Config, Faults) {
    overrides.apply(&mut root, &mut faults);

    let mut root = Node { span: base..base, value: Value::Table(root) };
    let file: written::File = salvage(&mut root, Keys::Sections, &mut faults).read.unwrap_or_default();
    let Value::Table(root) = root.value else {
        return (Config::default(), faults);
    };
    if root.get("listener").is_none_or(Node::is_empty_list) {
        let noted = faults.absent(base..base, "there is no listener");
        noted.help("add a [[listener]] with a name, an address and a handler");
    }
    #[cfg_attr(
        not(feature = "admin"),
        expect(unused_mut, reason = "only the admin interface asks where keys are")
    )]
    let mut config = resolve::resolve(&file, &root, &mut faults);
    #[cfg(feature = "admin")]
    {
        config.origins = origins::Origins::of(&root, &faults.sources);
    }
    (config, faults)
}

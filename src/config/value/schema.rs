//! The forms of values as JSON Schema, beside what reads them.
//!
//! A schema accepts what its `Form` does; where a pattern can't tell, as that a sum is too large, it accepts more. Patterns
//! keep to what every dialect has: no look-ahead, no `\d`.

use std::borrow::Cow;

use schemars::{JsonSchema, Schema, SchemaGenerator};
use serde_json::{Value, json};

use super::{
    Account, Addresses, AdminAddress, AdminConnections, AdminTimeout, Backlog, BufferSize, Connections,
    FastOpen, FilePath, HostName, Keep, Mode, Name, Network, OnlyV6, Percent, ProcessConnections, Remember,
    Rotate, Size, Timeout, Workers,
};
use crate::config::meant::{Endpoint, Trusted};

/// The three functions are the same for each type, but for the shape.
macro_rules! shapes {
    ($($form:ident => $shape:expr;)*) => { $(
        impl JsonSchema for $form {
            fn inline_schema() -> bool {
                true
            }

            fn schema_name() -> Cow<'static, str> {
                stringify!($form).into()
            }

            fn json_schema(_generator: &mut SchemaGenerator) -> Schema {
                // An object is always a schema.
                Schema::try_from($shape).unwrap_or_default()
            }
        }
    )* };
}

shapes! {
    Account => either(text(r"[^\s:\u0000-\u001f\u007f-\u009f]+"), number(0, Some(u32::MAX - 1)));
    Addresses => either(address(), json!({ "type": "array", "items": address(), "minItems": 1 }));
    AdminAddress => admin_address();
    AdminConnections => number(2, Some(1024));
    AdminTimeout => span();
    Backlog => number(1, Some(65_535));
    BufferSize => word_or(&["auto"], text("0*([1-9][0-9]*(B|KiB|MiB)|1GiB)"));
    Connections => word_or(&["unlimited"], number(1, None));
    Endpoint => address();
    FastOpen => word_or(&["off"], number(1, Some(65_535)));
    FilePath => json!({ "type": "string", "minLength": 1 });
    HostName => host_name();
    Keep => word_or(&["unlimited"], number(1, None));
    Mode => text("0?[0-7]{3}");
    Name => text("[A-Za-z0-9._-]{1,64}");
    Network => network();
    OnlyV6 => word_or(&["auto"], json!({ "type": "boolean" }));
    Percent => text("0*(100|[1-9]?[0-9])%");
    ProcessConnections => word_or(&["auto", "unlimited"], number(1, None));
    Remember => word_or(&["off"], number(1, Some(100_000)));
    Rotate => word_or(&["never", "hourly", "daily"], text(
        "0*([1-9][0-9]*[MG]iB|([4-9]|[1-9][0-9]+)KiB\
         |(409[6-9]|4[1-9][0-9]{2}|[5-9][0-9]{3}|[1-9][0-9]{4,})B)",
    ));
    Size => text("0*[1-9][0-9]*(B|KiB|MiB|GiB)");
    Timeout => timeout();
    Trusted => trusted();
    Workers => word_or(&["auto"], number(1, Some(1024)));
}

/// A string, all of which is as the pattern wants it.
fn text(pattern: &str) -> Value {
    json!({ "type": "string", "pattern": format!("^({pattern})$") })
}

fn number(least: u32, most: Option<u32>) -> Value {
    match most {
        Some(most) => json!({ "type": "integer", "minimum": least, "maximum": most }),
        None => json!({ "type": "integer", "minimum": least }),
    }
}

/// One of some words, which an editor offers, or else something.
fn word_or(words: &[&str], other: Value) -> Value {
    either(json!({ "type": "string", "enum": words }), other)
}

fn either(one: Value, other: Value) -> Value {
    let forms = vec![one, other];
    json!({ "anyOf": forms })
}

/// The first pattern is for the message, which shows what the parts are; the other for there being a part, and not of 0.
fn timeout() -> Value {
    let mut shape = text("off|([0-9]+d)?([0-9]+h)?([0-9]+m)?([0-9]+s)?([0-9]+ms)?");
    shape["anyOf"] = json!([{ "enum": ["off"] }, { "pattern": "[1-9]" }]);
    shape
}

/// A duration that can't be off.
fn span() -> Value {
    let mut shape = text("([0-9]+d)?([0-9]+h)?([0-9]+m)?([0-9]+s)?([0-9]+ms)?");
    shape["anyOf"] = json!([{ "pattern": "[1-9]" }]);
    shape
}

const PORT: &str = "0*(6553[0-5]|655[0-2][0-9]|65[0-4][0-9]{2}|6[0-4][0-9]{3}|[1-5][0-9]{4}|[0-9]{1,4})";
const OCTET: &str = "(25[0-5]|2[0-4][0-9]|1[0-9]{2}|[1-9]?[0-9])";
const LABEL: &str = "[A-Za-z0-9_]([A-Za-z0-9_-]{0,61}[A-Za-z0-9_])?";
/// It has more than digits, or would be an address that is misspelt.
const LAST: &str = "[0-9]*([A-Za-z_]|[0-9]-+[A-Za-z0-9_])([A-Za-z0-9_-]*[A-Za-z0-9_])?";

fn host_name() -> Value {
    text(&format!(r"({LABEL}\.)*{LAST}\.?"))
}

/// Any system's: a file may be written on another one than it is for.
///
/// The first pattern is for the message, which shows the form of it; the other, which nobody could read, for what has that form.
fn address() -> Value {
    // What can stand in brackets is left to the reader.
    const V6: &str = r"\[[0-9A-Fa-f:.]*:[0-9A-Fa-f:.]*(%.+)?\]";
    const PATH: &str = r"(@[^\u0000]|[^@\u0000])[^\u0000]*";
    const NAME: &str = "[ -9;-~]{1,255}";
    let exact =
        format!(r"unix:{PATH}|systemd:{NAME}|({OCTET}(\.{OCTET}){{3}}|{V6}|({LABEL}\.)*{LAST}\.?)?:{PORT}");
    in_two_steps(r"unix:[^\u0000]+|systemd:[^:]+|([A-Za-z0-9._-]+|\[.+\])?:[0-9]+", &exact)
}

/// A network, or an address alone. Whether the length fits it, and which bits are zero, is left to the reader.
fn network() -> Value {
    let exact = format!(
        r"{OCTET}(\.{OCTET}){{3}}(/0*(3[0-2]|[12]?[0-9]))?|[0-9A-Fa-f:.]*:[0-9A-Fa-f:.]*(/0*(12[0-8]|1[01][0-9]|[1-9]?[0-9]))?"
    );
    in_two_steps(r"[0-9A-Fa-f:.]+(/[0-9]+)?", &exact)
}

/// As an address, but neither a name nor a Unix socket without a file.
fn admin_address() -> Value {
    const V6: &str = r"\[[0-9A-Fa-f:.]*:[0-9A-Fa-f:.]*\]";
    let exact = format!(r"unix:[^@\u0000][^\u0000]*|({OCTET}(\.{OCTET}){{3}}|{V6})?:{PORT}");
    in_two_steps(r"unix:[^\u0000]+|([0-9.]+|\[.+\])?:[0-9]+", &exact)
}

/// What an address of IPv6 is, and what its prefix leaves, is left to the reader.
fn trusted() -> Value {
    let exact = format!(
        r"unix|{OCTET}(\.{OCTET}){{3}}(/(3[0-2]|[12]?[0-9]))?|[0-9A-Fa-f:.]*:[0-9A-Fa-f:.]*(/[0-9]{{1,3}})?"
    );
    in_two_steps(r"unix|[0-9A-Fa-f:.]+(/[0-9]+)?", &exact)
}

fn in_two_steps(form: &str, exact: &str) -> Value {
    let mut shape = text(form);
    shape["if"] = json!({ "pattern": shape["pattern"] });
    shape["then"] = json!({ "pattern": format!("^({exact})$") });
    shape
}

#[cfg(test)]
mod tests;

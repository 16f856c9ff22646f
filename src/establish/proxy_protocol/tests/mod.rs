//! Headers by the specification's own words, at random, and in front of connections.

mod corpus;
mod layer;
mod oracle;
mod text;
mod v2;

use super::*;

/// A whole header, which has to be good, and what follows it.
#[track_caller]
fn read(bytes: &[u8]) -> (ProxyHeader, &[u8]) {
    fuzzed::proxy_header(bytes);
    match parse(bytes) {
        Ok(Parsed::Complete(header, length)) => (header, &bytes[length..]),
        other => panic!("{}: {other:?}", bytes.escape_ascii()),
    }
}

/// What is said of bytes that are no header.
#[track_caller]
fn refused(bytes: &[u8]) -> String {
    fuzzed::proxy_header(bytes);
    match parse(bytes) {
        Err(error) => error.to_string(),
        other => panic!("{}: {other:?}", bytes.escape_ascii()),
    }
}

fn ip(source: &str, destination: &str) -> ProxyAddresses {
    ProxyAddresses::Ip { source: source.parse().unwrap(), destination: destination.parse().unwrap() }
}

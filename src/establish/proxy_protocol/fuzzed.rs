//! What must hold of any bytes; `fuzz/` has the target, and its corpus is gone through by a test.

use super::header::ProxyVersion;
use super::parse::{Parsed, parse};

/// Reads these bytes as the beginning of a connection, and checks what has to hold whatever they are.
#[cfg_attr(test, expect(unreachable_pub, reason = "it is what the fuzzer calls"))]
pub fn proxy_header(bytes: &[u8]) {
    let at_once = parse(bytes);
    let mut taken = 0;
    let bit_by_bit = loop {
        match parse(&bytes[..taken]) {
            Ok(Parsed::Incomplete(more)) => {
                assert!(more > 0, "it waits for nothing");
                if taken == bytes.len() {
                    break Ok(Parsed::Incomplete(more));
                }
                taken = bytes.len().min(taken + more);
            }
            parsed => break parsed,
        }
    };
    match (&at_once, &bit_by_bit) {
        (Ok(Parsed::Complete(header, length)), other) => {
            assert_eq!(at_once, *other, "it depends on how much is read at once");
            assert_eq!(taken, *length, "it was read beyond its end");
            // Whatever it says can be asked for, and written again.
            let _ = (header.client(), header.alpn(), header.authority(), header.netns(), header.unique_id());
            let parts = header.ssl().map(|ssl| (ssl.version(), ssl.common_name(), ssl.is_verified()));
            let written = header.encode(ProxyVersion::V2);
            let Ok(Parsed::Complete(again, length)) = parse(&written) else {
                panic!("what was written of {header:?} can't be read")
            };
            assert_eq!(length, written.len());
            assert_eq!(again.local, header.local);
            if header.version == ProxyVersion::V2 && !header.local {
                assert_eq!(again.addresses, header.addresses);
                assert_eq!(
                    again.ssl().map(|ssl| (ssl.version(), ssl.common_name(), ssl.is_verified())),
                    parts
                );
            }
            let line = header.encode(ProxyVersion::V1);
            assert!(
                line.len() <= 107
                    && matches!(parse(&line), Ok(Parsed::Complete(_, end)) if end == line.len())
            );
        }
        (Ok(Parsed::Incomplete(_)), other) => {
            assert!(
                !matches!(other, Ok(Parsed::Complete(..))),
                "there is a whole header, and it is not seen"
            );
        }
        (Err(error), other) => {
            assert!(!matches!(other, Ok(Parsed::Complete(..))), "good and bad: {error}");
            assert!(error.to_string().is_ascii() && error.to_string().len() < 1024);
        }
    }
}

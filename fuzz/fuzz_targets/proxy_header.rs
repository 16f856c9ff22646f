//! Bytes at random, as the beginning of a connection from a trusted proxy.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| terima::fuzzed::proxy_header(bytes));

//! What the fuzzer begins with, and whatever it has found, is gone through with every run of the tests.

use std::fs;
use std::path::Path;

use super::*;

#[test]
fn the_corpus_holds() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("fuzz/corpus/proxy_header");
    let (mut good, mut bad) = (0, 0);
    for entry in fs::read_dir(folder).unwrap() {
        let bytes = fs::read(entry.unwrap().path()).unwrap();
        fuzzed::proxy_header(&bytes);
        match parse(&bytes) {
            Ok(Parsed::Complete(..)) => good += 1,
            _ => bad += 1,
        }
    }
    assert!(good >= 10 && bad >= 5, "{good} and {bad}");
}

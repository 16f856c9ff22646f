//! For the tests of codecs and handlers; with the feature `testing`, which is off by default.
//!
//! ```toml
//! [dev-dependencies]
//! terima = { version = "0.1", default-features = false, features = ["testing"] }
//! ```
//!
//! - [`CodecHarness`] feeds any codec as badly as a network may, and worse

mod codec;

pub use self::codec::CodecHarness;

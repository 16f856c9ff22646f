//! The admin interface: what runs is asked, and told what to do, over HTTP.
//!
//! - `bind`: its socket, its token, and descriptors set aside for its clients
//! - `serve`, with `guests`, `reserve` and `patience`: lets clients in; a new one always gets an answer, whatever the others and
//!   the service do
//! - `auth`: who may ask what
//! - `routes`: a verb and what the OpenAPI document says of it, added in one go
//! - `api`: the verbs, one file a resource; `health`, `problem`: what they share
//! - `program`: what only the program around the server can do
//!
//! It is apart from what it tells of: a runtime of its own in the binary, limits and deadlines of its own, and nothing that an
//! accept loop or a connection waits for.

mod api;
mod auth;
mod bind;
mod guests;
mod patience;
mod problem;
mod program;
mod reserve;
mod routes;
mod serve;
#[cfg(test)]
mod tests;
mod token;

pub use self::bind::AdminError;
pub(crate) use self::bind::{Bound, Loaded, Open};
pub(crate) use self::program::Elsewhere;
#[cfg(feature = "cli")]
pub(crate) use self::program::{LogLevel, Program};
#[cfg(feature = "cli")]
pub(crate) use self::token::Token;
pub use self::token::TokenError;

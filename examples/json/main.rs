//! Requests and responses in JSON: what a warehouse has in stock.
//!
//! ```console
//! $ cargo run --example json -- --config examples/json/server.toml
//! $ printf '%s\n' '{"id": 1, "method": "put", "params": {"item": "screw", "count": 10}}' | ncat 127.0.0.1 27031 | jq
//! { "id": 1, "result": 10 }
//! ```
//!
//! `put` and `take` name an item of at most 64 bytes; others are a `bad_item`. `list` gives at most 100, and where there are
//! more, `after` beside them: the next request begins there.
//!
//! ```text
//! { "id": 2, "method": "list" }                                     { "id": 2, "result": { "items": { … }, "after": "nut" } }
//! { "id": 3, "method": "list", "params": { "after": "nut" } }       { "id": 3, "result": { "items": { "screw": 10 } } }
//! ```
//!
//! The handler speaks [`Framing`], so how a request is framed is the file's business: on 27031 it is a line, on 27032 four
//! bytes of length stand before it. Both listeners serve one stock.

mod protocol;
mod stock;
#[cfg(test)]
mod tests;

use std::process::ExitCode;
use std::sync::Arc;

use serde::Deserialize;
use terima::{Connection, Framing, Handler, HandlerError, Server};

use protocol::{Failure, Request, Response};
use stock::Stock;

fn main() -> ExitCode {
    terima::cli::main(builder())
}

/// The handler under the name that `server.toml` uses.
fn builder() -> terima::Builder {
    let stock = Arc::new(Stock::default());
    Server::builder().handler("stock", move |options: StockOptions| {
        Ok(Clerk { stock: Arc::clone(&stock), max_items: options.max_items })
    })
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct StockOptions {
    /// How many kinds of items there can be: a client must not fill the memory.
    #[serde(default = "max_items")]
    max_items: usize,
}

fn max_items() -> usize {
    10_000
}

/// Answers requests, in the order in which they come.
struct Clerk {
    stock: Arc<Stock>,
    max_items: usize,
}

impl Handler for Clerk {
    type Codec = Framing;

    async fn handle(&self, mut conn: Connection<Framing>) -> Result<(), HandlerError> {
        while let Some(frame) = conn.recv().await? {
            let response = match serde_json::from_slice::<Request>(&frame) {
                Ok(request) => Response::new(request.id, self.stock.call(request.call, self.max_items)),
                // The connection goes on: the next frame may be well.
                Err(error) => Response::new(None, Err(Failure::malformed(&error))),
            };
            conn.send(serde_json::to_vec(&response)?).await?;
        }
        Ok(())
    }
}

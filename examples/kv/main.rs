//! A key–value server that speaks RESP, for `redis-cli`, `redis-benchmark` and every client of Redis.
//!
//! ```console
//! $ cargo run --release --example kv -- --config examples/kv/server.toml
//! $ redis-cli -p 27033 set greeting halo ex 60
//! OK
//! $ redis-cli -p 27033 get greeting
//! "halo"
//! $ redis-benchmark -p 27033 -P 16 -t set,get -q
//! ```

mod commands;
mod resp;
mod store;
#[cfg(test)]
mod tests;

use std::process::ExitCode;

use serde::Deserialize;
use terima::{Connection, ConnectionError, Handler, HandlerError, Server, Size};

use resp::{Reply, Resp, RespOptions};
use store::Store;

fn main() -> ExitCode {
    terima::cli::main(builder())
}

/// The handler and its codec under the names that `server.toml` uses.
fn builder() -> terima::Builder {
    Server::builder()
        .codec("resp", |options: RespOptions| Ok(Resp::from(options)))
        .handler("kv", |options: KvOptions| Ok(Kv { store: Store::new(options.max_memory.bytes()) }))
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct KvOptions {
    /// How much the keys and values may take, about. What would exceed it is refused.
    max_memory: Size,
}

/// Answers requests from one store a listener.
struct Kv {
    store: Store,
}

impl Handler for Kv {
    type Codec = Resp;

    async fn handle(&self, mut conn: Connection<Resp>) -> Result<(), HandlerError> {
        loop {
            let request = match conn.recv().await {
                Ok(Some(request)) => request,
                Ok(None) => return Ok(()),
                Err(error) => {
                    // The input is over; why can still be said.
                    if let ConnectionError::BadFrame(why) | ConnectionError::FrameTooLong(why) = &error {
                        conn.send(Reply::Error(format!("ERR Protocol error: {why}"))).await?;
                    }
                    return Err(error.into());
                }
            };
            conn.send(commands::answer(&self.store, &request)).await?;
            if request[0].eq_ignore_ascii_case(b"QUIT") {
                return Ok(());
            }
        }
    }
}

//! A gateway for devices: they log in, their hearts beat, and operators see who is online and send them commands.
//!
//! ```console
//! $ cargo run --example gateway -- --config examples/gateway/server.toml
//! $ ncat 127.0.0.1 27036
//! list
//! pump-7 127.0.0.1:50412 reported "pressure=2.1"
//! ok 1 online
//! send pump-7 stop
//! ok
//! ```
//!
//! Devices speak frames with a [binary header](frame) on one listener, operators lines on the other. Between the two stands
//! the [registry](registry::Registry).

mod device;
mod frame;
mod operator;
mod registry;
#[cfg(test)]
mod tests;

use std::process::ExitCode;
use std::sync::Arc;

use terima::{Builder, NoOptions, Server};

use device::{Device, DeviceOptions};
use operator::Operator;
use registry::Registry;

fn main() -> ExitCode {
    terima::cli::main(builder())
}

/// The handlers under the names that `server.toml` uses.
fn builder() -> Builder {
    let registry = Arc::new(Registry::default());
    let operators = Arc::clone(&registry);
    Server::builder()
        .handler("device", move |options: DeviceOptions| Device::new(Arc::clone(&registry), &options))
        .handler("operator", move |_: NoOptions| Ok(Operator::new(Arc::clone(&operators))))
}

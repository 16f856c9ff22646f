//! What a console is for: colour, and the events that ask a program to end.

use std::io;
use std::time::Duration;

use tokio::signal::windows::{CtrlBreak, CtrlC, CtrlClose, CtrlShutdown};
use tokio::sync::mpsc::Receiver;

use super::service;
use crate::platform::{Signal, Stop};

/// Whether a terminal here understands escape sequences: Windows Terminal does, and whatever sets `TERM`; the old
/// console would have to be asked to.
pub(crate) fn terminal_knows_colour() -> bool {
    std::env::var_os("WT_SESSION").is_some()
        || std::env::var_os("TERM").is_some_and(|terminal| terminal != "dumb")
}

/// What asks a service to end; it is caught from `install` on.
#[derive(Debug)]
pub(crate) enum Signals {
    Console(Console),
    /// The service manager's controls; a service has no console.
    Service(Receiver<Stop>),
}

#[derive(Debug)]
pub(crate) struct Console {
    interrupt: CtrlC,
    stop: CtrlBreak,
    close: CtrlClose,
    shutdown: CtrlShutdown,
}

/// Windows ends the process 5 s after a window was closed or a session ended (`HungAppTimeout`, `WaitToKillAppTimeout`). Two
/// of them are for what follows the drain: connections that are cut off, threads that end, the log's last lines.
const CLOSING: Duration = Duration::from_secs(3);

impl Signals {
    /// Catches the events; must be called on a runtime.
    pub(crate) fn install() -> io::Result<Self> {
        use tokio::signal::windows::{ctrl_break, ctrl_c, ctrl_close, ctrl_shutdown};
        if let Some(controls) = service::controls() {
            return Ok(Self::Service(controls));
        }
        Ok(Self::Console(Console {
            interrupt: ctrl_c()?,
            stop: ctrl_break()?,
            close: ctrl_close()?,
            shutdown: ctrl_shutdown()?,
        }))
    }

    /// Waits for the next event. Cancel safe.
    pub(crate) async fn next(&mut self) -> Signal {
        Signal::Stop(match self {
            Self::Console(console) => console.next().await,
            Self::Service(controls) => match controls.recv().await {
                Some(stop) => stop,
                None => std::future::pending().await,
            },
        })
    }
}

impl Console {
    async fn next(&mut self) -> Stop {
        tokio::select! {
            _ = self.interrupt.recv() => Stop { name: "CTRL_C", within: None },
            _ = self.stop.recv() => Stop { name: "CTRL_BREAK", within: None },
            _ = self.close.recv() => Stop { name: "CTRL_CLOSE", within: Some(CLOSING) },
            _ = self.shutdown.recv() => Stop { name: "CTRL_SHUTDOWN", within: Some(CLOSING) },
        }
    }
}

//! A chat: everybody reads what anybody says.
//!
//! ```console
//! $ cargo run --example chat -- --config examples/chat/server.toml
//! $ ncat 127.0.0.1 27034
//! * you are guest-1; /nick NAME, /who, /quit
//! /nick siti
//! * guest-1 is siti now
//! halo
//! siti: halo
//! ```
//!
//! A line is encoded once, and its bytes are copied for nobody: a [`SharedFrame`](terima::SharedFrame). Nobody is waited for
//! either. What becomes of a client that does not read as fast as others write is an option, `slow`: it misses lines, or it is
//! ended.

mod room;
#[cfg(test)]
mod tests;

use std::process::ExitCode;
use std::sync::Arc;

use serde::Deserialize;
use terima::{Builder, Connection, Framing, Handler, HandlerError, Receiver, Server, SlowConsumer};

use room::{Member, Room};

fn main() -> ExitCode {
    terima::cli::main(builder())
}

/// The handler under the name that `server.toml` uses. All listeners that name it are one room.
fn builder() -> Builder {
    let room = Arc::new(Room::default());
    Server::builder()
        .handler("chat", move |options: ChatOptions| Ok(Chat { room: Arc::clone(&room), options }))
}

#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
struct ChatOptions {
    /// What becomes of a client that lags.
    slow: Slow,
    /// Whether the others are told who comes and goes. In a room of thousands nobody wants to read that.
    #[serde(default = "yes")]
    announce: bool,
}

#[derive(Debug, Clone, Copy, Deserialize)]
#[serde(rename_all = "lowercase")]
enum Slow {
    /// It misses lines.
    Drop,
    /// It is ended, as `slow_consumer`.
    End,
}

fn yes() -> bool {
    true
}

struct Chat {
    room: Arc<Room>,
    options: ChatOptions,
}

impl Handler for Chat {
    type Codec = Framing;

    async fn handle(&self, conn: Connection<Framing>) -> Result<(), HandlerError> {
        let (receiver, sender) = conn.split();
        let member = self.room.enter(sender.on_slow(match self.options.slow {
            Slow::Drop => SlowConsumer::DropFrame,
            Slow::End => SlowConsumer::EndClient,
        }));
        member.tell(&format!("* you are {}; /nick NAME, /who, /quit", member.nick())).await?;
        self.announce(&member.nick(), "has come").await;
        let drain = receiver.drain();
        let talked = self.talk(&member, receiver).await;
        if drain.is_begun() {
            // Everybody is going: that each one is would be too many lines.
            member.tell("* the server is going down, come back in a minute").await?;
        } else {
            let nick = member.nick();
            drop(member);
            self.announce(&nick, "has gone").await;
        }
        talked
    }
}

impl Chat {
    /// Until the client goes, or the server.
    async fn talk(&self, member: &Member, mut receiver: Receiver<Framing>) -> Result<(), HandlerError> {
        while let Some(line) = receiver.recv().await? {
            let line = printable(&line);
            match line.trim().split_once(' ').unwrap_or((line.trim(), "")) {
                ("", _) => {}
                ("/quit", _) => break,
                ("/who", _) => member.tell(&self.room.who()).await?,
                ("/nick", nick) => match member.rename(nick) {
                    Ok(before) => self.room.tell(format!("* {before} is {nick} now")).await,
                    Err(why) => member.tell(&format!("* {why}")).await?,
                },
                (command, _) if command.starts_with('/') => {
                    member.tell(&format!("* there is no {command}; /nick NAME, /who, /quit")).await?;
                }
                _ => self.room.tell(format!("{}: {line}", member.nick())).await,
            }
        }
        Ok(())
    }

    async fn announce(&self, nick: &str, what: &str) {
        if self.options.announce {
            self.room.tell(format!("* {nick} {what}")).await;
        }
    }
}

/// The text of a line, without what would do something to the terminals of others.
fn printable(line: &[u8]) -> String {
    String::from_utf8_lossy(line).chars().filter(|char| !char.is_control()).collect()
}

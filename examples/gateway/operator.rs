//! An operator's connection: commands in lines.

use std::sync::Arc;

use terima::{Connection, Framing, Handler, HandlerError};

use crate::registry::{Registry, Untold};

/// How much of a report is shown, in bytes.
const SHOWN: usize = 200;

pub(crate) struct Operator {
    registry: Arc<Registry>,
}

impl Operator {
    pub(crate) fn new(registry: Arc<Registry>) -> Self {
        Self { registry }
    }

    /// Answers a line by one or more, of which the last begins with `ok` or `error`.
    fn answer(&self, line: &str) -> Vec<String> {
        let mut words = line.splitn(3, ' ');
        let answer = match (words.next().unwrap_or(""), words.next(), words.next()) {
            ("list", None, _) => return self.list(),
            ("send", Some(name), Some(text)) => match self.registry.command(name, text.to_owned()) {
                Ok(()) => "ok",
                Err(Untold::NotOnline) => "error: it is not online",
                Err(Untold::Lags) => "error: it does not read what it was sent before",
            },
            ("kick", Some(name), None) if self.registry.kick(name) => "ok",
            ("kick", Some(_), None) => "error: it is not online",
            _ => "error: list, send NAME TEXT or kick NAME",
        };
        vec![answer.to_owned()]
    }

    fn list(&self) -> Vec<String> {
        let devices = self.registry.list();
        let line = |device: &crate::registry::Listed| {
            let (report, more) = match device.report.get(..SHOWN) {
                Some(begin) if begin.len() < device.report.len() => (begin, "…"),
                _ => (&device.report[..], ""),
            };
            format!("{} {} reported \"{}\"{more}", device.name, device.peer, report.escape_ascii())
        };
        let mut lines: Vec<_> = devices.iter().map(line).collect();
        lines.push(format!("ok {} online", devices.len()));
        lines
    }
}

impl Handler for Operator {
    type Codec = Framing;

    async fn handle(&self, mut conn: Connection<Framing>) -> Result<(), HandlerError> {
        while let Some(line) = conn.recv().await? {
            for answer in self.answer(String::from_utf8_lossy(&line).trim()) {
                conn.send(answer).await?;
            }
        }
        Ok(())
    }
}

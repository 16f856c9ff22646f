//! Handler `chargen`.

use std::future::pending;

use bytes::Bytes;

use super::{Handler, HandlerError};
use crate::codec::Framing;
use crate::connection::{Connection, Receiver, Sender};

/// The handler `chargen`: sends lines of 72 characters without end, after RFC 864 for TCP, as fast as the client reads.
///
/// The 95 printing characters of ASCII are a ring; each line begins one character further than the one before and ends
/// with CRLF. What the client sends is thrown away, and the end of it changes nothing: the client closes, or the server is
/// drained.
#[derive(Debug, Clone)]
pub struct Chargen {
    /// So many lines that the next is the first again.
    lines: Bytes,
}

const FIRST: u8 = b' ';
const RING: u8 = 95;
const LINE: u8 = 72;

impl Default for Chargen {
    fn default() -> Self {
        let line = |start: u8| {
            let character = move |place: u8| FIRST + (start + place) % RING;
            (0..LINE).map(character).chain(*b"\r\n")
        };
        Self { lines: (0..RING).flat_map(line).collect() }
    }
}

impl Handler for Chargen {
    type Codec = Framing;

    async fn handle(&self, conn: Connection<Framing>) -> Result<(), HandlerError> {
        let drain = conn.drain();
        let (mut receiver, sender) = conn.split();
        tokio::select! {
            failed = self.generate(&sender) => failed,
            failed = throw_away(&mut receiver) => failed,
            () = drain.begun() => Ok(()),
        }
    }
}

impl Chargen {
    /// Sends until something fails, which it does when the client closes.
    async fn generate(&self, sender: &Sender<Framing>) -> Result<(), HandlerError> {
        loop {
            sender.send(self.lines.clone()).await?;
        }
    }
}

/// Reads until something fails. The end of the input is no reason to stop.
async fn throw_away(receiver: &mut Receiver<Framing>) -> Result<(), HandlerError> {
    while receiver.recv().await?.is_some() {}
    pending().await
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_ring_of_rfc_864() {
        let lines = Chargen::default().lines;
        let lines: Vec<&[u8]> = lines.chunks(74).collect();
        assert_eq!(lines.len(), 95);
        let table: [(usize, &str); 4] = [
            (0, " !\"#$%&'()*+,-./0123456789:;<=>?@ABCDEFGHIJKLMNOPQRSTUVWXYZ[\\]^_`abcdefg\r\n"),
            (1, "!\"#$%&'()*+,-./0123456789:;<=>?@ABCDEFGHIJKLMNOPQRSTUVWXYZ[\\]^_`abcdefgh\r\n"),
            (24, "89:;<=>?@ABCDEFGHIJKLMNOPQRSTUVWXYZ[\\]^_`abcdefghijklmnopqrstuvwxyz{|}~ \r\n"),
            (94, "~ !\"#$%&'()*+,-./0123456789:;<=>?@ABCDEFGHIJKLMNOPQRSTUVWXYZ[\\]^_`abcdef\r\n"),
        ];
        for (number, expected) in table {
            assert_eq!(
                lines[number].escape_ascii().to_string(),
                expected.as_bytes().escape_ascii().to_string()
            );
        }
    }
}

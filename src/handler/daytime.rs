//! Handler `daytime`.

use jiff::Zoned;

use super::{Handler, HandlerError};
use crate::codec::Framing;
use crate::connection::Connection;

/// The handler `daytime`: sends the date and the time of day, as `24 NOV 2026 09:05:00 WIB` and CRLF, in the system's time
/// zone, and closes, after RFC 867 for TCP.
///
/// The RFC leaves the form open; this one is xinetd's. Nothing is waited for, and what the client sends is thrown away.
#[derive(Debug, Clone, Copy, Default)]
pub struct Daytime;

impl Handler for Daytime {
    type Codec = Framing;

    async fn handle(&self, mut conn: Connection<Framing>) -> Result<(), HandlerError> {
        Ok(conn.send(line(&Zoned::now())).await?)
    }
}

fn line(now: &Zoned) -> String {
    let (date, time) = (now.strftime("%d %b %Y"), now.strftime("%H:%M:%S %Z"));
    format!("{} {time}\r\n", date.to_string().to_uppercase())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_form_is_xinetds() {
        for (time, expected) in [
            ("2026-11-04T09:05:07+00:00[UTC]", "04 NOV 2026 09:05:07 UTC\r\n"),
            ("1999-12-31T23:59:59+07:00[+07:00]", "31 DEC 1999 23:59:59 +07\r\n"),
        ] {
            assert_eq!(line(&time.parse().unwrap()), expected);
        }
    }
}

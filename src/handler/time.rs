//! Handler `time`.

use std::time::{SystemTime, UNIX_EPOCH};

use super::{Handler, HandlerError};
use crate::codec::Framing;
use crate::connection::Connection;

/// The handler `time`: sends the seconds since 1900-01-01 00:00 UTC as 32 bits, big-endian, and closes, after RFC 868 for
/// TCP.
///
/// The number begins anew at 0 in February 2036, as it does for every server of this protocol. Nothing is waited for, and
/// what the client sends is thrown away.
#[derive(Debug, Clone, Copy, Default)]
pub struct Time;

/// From 1900 to 1970; RFC 868 gives the number.
const TO_UNIX_EPOCH: u64 = 2_208_988_800;

impl Handler for Time {
    type Codec = Framing;

    async fn handle(&self, mut conn: Connection<Framing>) -> Result<(), HandlerError> {
        Ok(conn.send(seconds(SystemTime::now()).to_be_bytes().to_vec()).await?)
    }
}

fn seconds(now: SystemTime) -> u32 {
    let since_unix_epoch = match now.duration_since(UNIX_EPOCH) {
        Ok(since) => since.as_secs(),
        // A clock that was never set.
        Err(_) => 0,
    };
    #[expect(clippy::cast_possible_truncation, reason = "the number is what is left of it")]
    let seconds = since_unix_epoch.wrapping_add(TO_UNIX_EPOCH) as u32;
    seconds
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn the_examples_of_the_rfc() {
        for (unix, expected) in [
            (0, 2_208_988_800),
            (2_398_291_200 - TO_UNIX_EPOCH, 2_398_291_200), // 1976-01-01
            (2_524_521_600 - TO_UNIX_EPOCH, 2_524_521_600), // 1980-01-01
            (2_629_584_000 - TO_UNIX_EPOCH, 2_629_584_000), // 1983-05-01
            (2_085_978_495, u32::MAX),
            (2_085_978_496, 0), // 2036-02-07 06:28:16
        ] {
            assert_eq!(seconds(UNIX_EPOCH + Duration::from_secs(unix)), expected);
        }
    }
}

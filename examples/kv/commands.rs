//! What the commands do. They answer in the words of Redis, so that its clients understand.

use std::time::Duration;

use bytes::Bytes;
use tokio::time::Instant;

use crate::resp::Reply;
use crate::store::{Full, Store};

/// Those that there are.
const COMMANDS: &[&str] = &[
    "CLIENT", "COMMAND", "CONFIG", "DBSIZE", "DECR", "DEL", "ECHO", "EXISTS", "EXPIRE", "FLUSHALL", "GET",
    "HELLO", "INCR", "PERSIST", "PEXPIRE", "PING", "PTTL", "QUIT", "SELECT", "SET", "TTL",
];

const OK: Reply = Reply::Status("OK");

/// Answers a request.
pub(crate) fn answer(store: &Store, request: &[Bytes]) -> Reply {
    let Some((name, arguments)) = request.split_first() else { return error("ERR empty command") };
    let name = name.to_ascii_uppercase();
    match (&name[..], arguments) {
        (b"GET", [key]) => match store.shard(key).get(key) {
            Some(entry) => Reply::Bulk(entry.value.clone()),
            None => Reply::Nil,
        },
        (b"SET", [key, value, options @ ..]) => set(store, key, value, options),
        (b"DEL", keys @ [_, ..]) => count(keys, |key| store.shard(key).remove(key)),
        (b"EXISTS", keys @ [_, ..]) => count(keys, |key| store.shard(key).get(key).is_some()),
        (b"INCR", [key]) => add(store, key, 1),
        (b"DECR", [key]) => add(store, key, -1),
        (b"EXPIRE", [key, time]) => expire(store, key, time, 1000),
        (b"PEXPIRE", [key, time]) => expire(store, key, time, 1),
        (b"PERSIST", [key]) => persist(store, key),
        (b"TTL", [key]) => time_to_live(store, key, 1000),
        (b"PTTL", [key]) => time_to_live(store, key, 1),
        (b"DBSIZE", []) => integer(store.shards().map(|shard| shard.len()).sum()),
        (b"FLUSHALL", _) => {
            store.shards().for_each(|mut shard| shard.clear());
            OK
        }
        (b"PING", []) => Reply::Status("PONG"),
        (b"PING" | b"ECHO", [text]) => Reply::Bulk(text.clone()),
        (b"QUIT", _) => OK,
        (b"SELECT", [index]) if **index == *b"0" => OK,
        (b"SELECT", [_]) => error("ERR DB index is out of range"),
        // What clients ask before they begin.
        (b"CLIENT", [_, ..]) => OK,
        (b"COMMAND", _) => Reply::Array(Vec::new()),
        (b"CONFIG", [get, names @ ..]) if get.eq_ignore_ascii_case(b"GET") => {
            let pairs = names.iter().flat_map(|name| [Reply::Bulk(name.clone()), bulk("")]);
            Reply::Array(pairs.collect())
        }
        (b"HELLO", []) => hello(),
        (b"HELLO", [version, ..]) if **version == *b"2" => hello(),
        (b"HELLO", _) => error("NOPROTO unsupported protocol version"),
        _ => refuse(&name),
    }
}

fn set(store: &Store, key: &[u8], value: &[u8], options: &[Bytes]) -> Reply {
    let (mut only_if, mut expires) = (None, None);
    let mut options = options.iter();
    while let Some(option) = options.next() {
        match &option.to_ascii_uppercase()[..] {
            b"NX" if only_if.is_none() => only_if = Some(false),
            b"XX" if only_if.is_none() => only_if = Some(true),
            unit @ (b"EX" | b"PX") if expires.is_none() => {
                let time = options.next().and_then(|time| integer_of(time));
                match time.and_then(|time| from_now(time, if unit == b"EX" { 1000 } else { 1 })) {
                    Some((end, true)) => expires = Some(end),
                    _ => return error("ERR invalid expire time in 'set' command"),
                }
            }
            _ => return error("ERR syntax error"),
        }
    }
    let mut shard = store.shard(key);
    if only_if.is_some_and(|exists| shard.get(key).is_some() != exists) {
        return Reply::Nil;
    }
    shard.set(key, value, expires).map_or_else(|Full| full(), |()| OK)
}

fn add(store: &Store, key: &[u8], by: i64) -> Reply {
    let mut shard = store.shard(key);
    let (number, expires) = match shard.get(key) {
        Some(entry) => (integer_of(&entry.value), entry.expires),
        None => (Some(0), None),
    };
    let Some(sum) = number.and_then(|number| number.checked_add(by)) else {
        return error("ERR value is not an integer or out of range");
    };
    match shard.set(key, sum.to_string().as_bytes(), expires) {
        Ok(()) => Reply::Integer(sum),
        Err(Full) => full(),
    }
}

fn expire(store: &Store, key: &[u8], time: &[u8], unit: i64) -> Reply {
    let Some(time) = integer_of(time) else { return error("ERR value is not an integer or out of range") };
    let Some((end, to_come)) = from_now(time, unit) else { return error("ERR invalid expire time") };
    let mut shard = store.shard(key);
    flag(if to_come { shard.set_end(key, Some(end)) } else { shard.remove(key) })
}

fn persist(store: &Store, key: &[u8]) -> Reply {
    let mut shard = store.shard(key);
    let ends = shard.get(key).is_some_and(|entry| entry.expires.is_some());
    flag(ends && shard.set_end(key, None))
}

fn time_to_live(store: &Store, key: &[u8], unit: i64) -> Reply {
    Reply::Integer(match store.shard(key).get(key).map(|entry| entry.expires) {
        None => -2,
        Some(None) => -1,
        Some(Some(expires)) => {
            let left = expires.saturating_duration_since(Instant::now()).as_millis();
            i64::try_from(left).map_or(i64::MAX, |left| left.saturating_add(unit / 2) / unit)
        }
    })
}

/// So many units of milliseconds from now on, and whether that is to come; `None` where it is further than can be told.
fn from_now(time: i64, unit: i64) -> Option<(Instant, bool)> {
    let milliseconds = u64::try_from(time.checked_mul(unit)?.max(0)).ok()?;
    let end = Instant::now().checked_add(Duration::from_millis(milliseconds))?;
    Some((end, milliseconds > 0))
}

fn hello() -> Reply {
    Reply::Array(vec![bulk("server"), bulk("terima-kv"), bulk("proto"), Reply::Integer(2)])
}

fn refuse(name: &[u8]) -> Reply {
    let name = String::from_utf8_lossy(name);
    if COMMANDS.contains(&&*name) {
        let name = name.to_lowercase();
        return error(format!("ERR wrong number of arguments for '{name}' command"));
    }
    let name: String = name.chars().take(64).collect();
    error(format!("ERR unknown command '{name}'"))
}

fn integer_of(digits: &[u8]) -> Option<i64> {
    std::str::from_utf8(digits).ok()?.parse().ok()
}

fn count(keys: &[Bytes], is: impl Fn(&Bytes) -> bool) -> Reply {
    integer(keys.iter().filter(|key| is(key)).count())
}

fn integer(number: usize) -> Reply {
    Reply::Integer(i64::try_from(number).unwrap_or(i64::MAX))
}

fn flag(is: bool) -> Reply {
    Reply::Integer(is.into())
}

fn bulk(text: &'static str) -> Reply {
    Reply::Bulk(Bytes::from_static(text.as_bytes()))
}

fn full() -> Reply {
    error("OOM command not allowed when used memory > 'maxmemory'.")
}

fn error(text: impl Into<String>) -> Reply {
    Reply::Error(text.into())
}

//! The event log of Windows, where administrators look first: what happened to a service as a whole.

use std::io;
use std::ptr;

use windows_registry::LOCAL_MACHINE;
use windows_sys::Win32::System::EventLog::{
    DeregisterEventSource, EVENTLOG_ERROR_TYPE, EVENTLOG_INFORMATION_TYPE, EVENTLOG_WARNING_TYPE,
    RegisterEventSourceW, ReportEventW,
};

/// What there is to tell. Its number is the event's id.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u32)]
pub(crate) enum Event {
    /// The service serves.
    Started = 1,
    /// It has ended as asked.
    Stopped = 2,
    /// It has ended as asked, but connections were cut off.
    CutShort = 3,
    /// It did not start, or could not go on.
    Failed = 4,
}

/// Longest text of one event: `ReportEvent` takes 31,839 UTF-16 units.
const LONGEST: usize = 31_000;

/// Writes an entry of the source `source` into the log "Application". The text is shown as it is where the source was
/// [registered](register).
///
/// # Errors
///
/// What the system says: the log is full, or its service does not run.
#[expect(unsafe_code, reason = "RegisterEventSource, ReportEvent and DeregisterEventSource")]
pub(crate) fn write(source: &str, event: Event, text: &str) -> io::Result<()> {
    let kind = match event {
        Event::Started | Event::Stopped => EVENTLOG_INFORMATION_TYPE,
        Event::CutShort => EVENTLOG_WARNING_TYPE,
        Event::Failed => EVENTLOG_ERROR_TYPE,
    };
    let source = wide(source);
    let text = wide(text);
    let texts = [text.as_ptr()];
    // SAFETY: the name ends with a NUL and lives until the call returns.
    let log = unsafe { RegisterEventSourceW(ptr::null(), source.as_ptr()) };
    if log.is_null() {
        return Err(io::Error::last_os_error());
    }
    // SAFETY: the handle is open; there is one text, which ends with a NUL and outlives the call, no user and no data.
    let written = unsafe {
        ReportEventW(log, kind, 0, event as u32, ptr::null_mut(), 1, 0, texts.as_ptr(), ptr::null())
    };
    let error = io::Error::last_os_error();
    // SAFETY: the handle is open, and is not used again.
    unsafe { DeregisterEventSource(log) };
    if written == 0 { Err(error) } else { Ok(()) }
}

/// UTF-16 with a NUL at its end, and none before.
fn wide(text: &str) -> Vec<u16> {
    text.encode_utf16().filter(|unit| *unit != 0).take(LONGEST).chain([0]).collect()
}

/// Its messages, of the numbers 1 to 1000, are each nothing but the text that comes with the event. It is a part of Windows: no
/// file of ours has to stay where it is.
const MESSAGES: &str = "%SystemRoot%\\System32\\EventCreate.exe";

/// Lets the system show the texts of a source.
///
/// # Errors
///
/// Only administrators may. `AlreadyExists`: somebody else's events have that source.
pub(crate) fn register(source: &str) -> io::Result<()> {
    if messages(source).is_some_and(|file| file != MESSAGES) {
        return Err(io::ErrorKind::AlreadyExists.into());
    }
    let key = LOCAL_MACHINE.create(key(source))?;
    key.set_expand_string("EventMessageFile", MESSAGES)?;
    key.set_u32(
        "TypesSupported",
        u32::from(EVENTLOG_ERROR_TYPE | EVENTLOG_WARNING_TYPE | EVENTLOG_INFORMATION_TYPE),
    )?;
    Ok(())
}

/// Forgets a source that was [registered](register). Its events stay.
///
/// # Errors
///
/// There is no such source of ours, or who asks is no administrator.
pub(crate) fn unregister(source: &str) -> io::Result<()> {
    match messages(source) {
        Some(file) if file == MESSAGES => Ok(LOCAL_MACHINE.remove_tree(key(source))?),
        _ => Err(io::ErrorKind::NotFound.into()),
    }
}

/// Where the messages of a source are; `None` where there is no such source.
fn messages(source: &str) -> Option<String> {
    let key = LOCAL_MACHINE.open(key(source)).ok()?;
    Some(key.get_string("EventMessageFile").unwrap_or_default())
}

fn key(source: &str) -> String {
    format!("SYSTEM\\CurrentControlSet\\Services\\EventLog\\Application\\{source}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_end_where_they_are_said_to() {
        assert_eq!(wide("a\0b"), [97, 98, 0]);
        assert_eq!(wide(&"x".repeat(40_000)).len(), LONGEST + 1);
    }
}

//! What the system tells of this process.

use std::time::Duration;

use windows_sys::Win32::Foundation::FILETIME;
use windows_sys::Win32::System::ProcessStatus::{K32GetProcessMemoryInfo, PROCESS_MEMORY_COUNTERS};
use windows_sys::Win32::System::Threading::{GetCurrentProcess, GetProcessHandleCount, GetProcessTimes};

use crate::platform::ProcessFigures;

/// Nothing is read from files.
pub(crate) fn keep_figures() {}

/// What this process takes, as of now.
pub(crate) fn process_figures() -> ProcessFigures {
    let (started, processor_time) = times().unzip();
    ProcessFigures {
        open_descriptors: handles(),
        most_descriptors: None,
        resident: resident(),
        processor_time,
        started: started.flatten(),
    }
}

#[expect(unsafe_code, reason = "GetProcessHandleCount")]
fn handles() -> Option<usize> {
    let mut handles = 0;
    // SAFETY: the process is this one, whose handle is not closed; the pointer is to a u32.
    let told = unsafe { GetProcessHandleCount(GetCurrentProcess(), &raw mut handles) };
    if told == 0 { None } else { usize::try_from(handles).ok() }
}

#[expect(unsafe_code, reason = "GetProcessMemoryInfo")]
fn resident() -> Option<u64> {
    #[expect(clippy::cast_possible_truncation, reason = "some ten fields")]
    const SIZE: u32 = size_of::<PROCESS_MEMORY_COUNTERS>() as u32;
    let mut counters = PROCESS_MEMORY_COUNTERS { cb: SIZE, ..Default::default() };
    // SAFETY: as above; the pointer is to what has the size that is told.
    let told = unsafe { K32GetProcessMemoryInfo(GetCurrentProcess(), &raw mut counters, SIZE) };
    if told == 0 { None } else { u64::try_from(counters.WorkingSetSize).ok() }
}

/// When it started, since 1970, and its processor time.
#[expect(unsafe_code, reason = "GetProcessTimes")]
fn times() -> Option<(Option<Duration>, Duration)> {
    let [mut started, mut exited, mut kernel, mut user] = [FILETIME::default(); 4];
    // SAFETY: as above; the pointers are to four of its structures.
    let told = unsafe {
        GetProcessTimes(
            GetCurrentProcess(),
            &raw mut started,
            &raw mut exited,
            &raw mut kernel,
            &raw mut user,
        )
    };
    (told != 0).then(|| (duration(started).checked_sub(FROM_1601_TO_1970), duration(kernel) + duration(user)))
}

/// Where a `FILETIME` begins to count.
const FROM_1601_TO_1970: Duration = Duration::from_secs(11_644_473_600);

/// It counts tenths of a microsecond.
fn duration(time: FILETIME) -> Duration {
    let ticks = u64::from(time.dwHighDateTime) << 32 | u64::from(time.dwLowDateTime);
    Duration::from_micros(ticks / 10)
}

#[cfg(test)]
mod tests {
    use std::time::SystemTime;

    use super::*;

    #[test]
    fn they_are_those_of_a_process_that_runs() {
        let figures = process_figures();
        assert!(figures.open_descriptors.is_some_and(|handles| handles > 0 || cfg!(wine)), "{figures:?}");
        assert!(figures.resident.is_some_and(|bytes| bytes > 100_000), "{figures:?}");
        assert!(figures.processor_time.is_some(), "{figures:?}");
        let started = SystemTime::UNIX_EPOCH + figures.started.unwrap();
        let age = (SystemTime::now() + Duration::from_secs(2)).duration_since(started).unwrap();
        assert!(age < Duration::from_secs(3600), "{age:?}");
    }
}

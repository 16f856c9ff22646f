//! What the system tells of this process.

use std::time::Duration;

use nix::sys::resource::{UsageWho, getrusage};
use nix::sys::time::TimeValLike;

use super::descriptor_limit;
use crate::platform::ProcessFigures;

/// What this process takes, as of now; when no descriptor is left, if [`keep_figures`] was called before.
pub(crate) fn process_figures() -> ProcessFigures {
    ProcessFigures {
        open_descriptors: system::open_descriptors(),
        most_descriptors: descriptor_limit(),
        resident: system::resident(),
        processor_time: processor_time(),
        started: system::started(),
    }
}

/// Opens what figures are read from, for the time when there is no descriptor left.
pub(crate) fn keep_figures() {
    system::keep();
    super::accept_queue::keep();
}

fn processor_time() -> Option<Duration> {
    let usage = getrusage(UsageWho::RUSAGE_SELF).ok()?;
    let micros = (usage.user_time() + usage.system_time()).num_microseconds();
    Some(Duration::from_micros(u64::try_from(micros).ok()?))
}

/// After proc(5).
#[cfg(any(target_os = "linux", target_os = "android"))]
mod system {
    use std::fs;
    use std::os::unix::fs::MetadataExt;
    use std::sync::LazyLock;
    use std::time::{Duration, SystemTime, UNIX_EPOCH};

    use nix::time::{ClockId, clock_gettime};
    use nix::unistd::{SysconfVar, sysconf};

    use crate::platform::unix::descriptor_limit;
    use crate::platform::unix::kept_file::KeptFile;

    static STATM: KeptFile = KeptFile::new("/proc/self/statm");

    pub(super) fn keep() {
        STATM.open();
        started();
    }

    /// Linux 6.2 and later tell the number as the size of the folder; before, it is counted. Either way the descriptor that
    /// reads it is not one of them.
    pub(super) fn open_descriptors() -> Option<usize> {
        match fs::metadata("/proc/self/fd").ok()?.size() {
            0 => counted("/proc/self/fd"),
            told => usize::try_from(told).ok(),
        }
    }

    /// So many as there may be, where that is why they can't be counted.
    pub(super) fn counted(folder: &str) -> Option<usize> {
        match fs::read_dir(folder) {
            Ok(entries) => entries.count().checked_sub(1),
            Err(error) if error.raw_os_error() == Some(libc::EMFILE) => descriptor_limit(),
            Err(_) => None,
        }
    }

    pub(super) fn resident() -> Option<u64> {
        let pages: u64 = STATM.read()?.split(' ').nth(1)?.parse().ok()?;
        pages.checked_mul(configured(SysconfVar::PAGE_SIZE)?)
    }

    /// Since 1970.
    pub(super) fn started() -> Option<Duration> {
        static STARTED: LazyLock<Option<Duration>> = LazyLock::new(read_start);
        *STARTED
    }

    fn read_start() -> Option<Duration> {
        // /proc/stat has the time of the boot, but not where ProcSubset=pid hides it, as in the unit for systemd.
        let up = Duration::from(clock_gettime(ClockId::CLOCK_BOOTTIME).ok()?);
        let booted = SystemTime::now().duration_since(UNIX_EPOCH).ok()?.checked_sub(up)?;
        // The name of the program, the second field, may have anything in it but ends with the last parenthesis. The start is
        // the 22nd.
        let stat = fs::read_to_string("/proc/self/stat").ok()?;
        let ticks: f64 = stat.rsplit_once(") ")?.1.split(' ').nth(22 - 3)?.parse().ok()?;
        #[expect(clippy::cast_precision_loss, reason = "there are a hundred a second")]
        let ticks_per_second = configured(SysconfVar::CLK_TCK)? as f64;
        Some(booted + Duration::from_secs_f64(ticks / ticks_per_second))
    }

    fn configured(value: SysconfVar) -> Option<u64> {
        u64::try_from(sysconf(value).ok()??).ok()
    }
}

#[cfg(not(any(target_os = "linux", target_os = "android")))]
mod system {
    use std::time::Duration;

    pub(super) fn keep() {}

    pub(super) fn open_descriptors() -> Option<usize> {
        None
    }

    pub(super) fn resident() -> Option<u64> {
        None
    }

    pub(super) fn started() -> Option<Duration> {
        None
    }
}

#[cfg(all(test, target_os = "linux"))]
mod tests {
    use std::fs::File;
    use std::time::SystemTime;

    use super::*;

    #[test]
    fn descriptors_are_counted() {
        // Other tests of this process open and close some meanwhile, but not so many.
        let before = process_figures().open_descriptors.unwrap();
        let files: Vec<_> = (0..200).map(|_| File::open("/dev/null").unwrap()).collect();
        let open = process_figures().open_descriptors.unwrap();
        assert!(open >= before + 100, "{before}, then {open}");
        drop(files);
    }

    #[test]
    fn they_are_counted_as_older_systems_have_them_counted() {
        let files: Vec<_> = (0..200).map(|_| File::open("/dev/null").unwrap()).collect();
        assert!(system::counted("/proc/self/fd").is_some_and(|open| open > files.len()));
        assert_eq!(system::counted("/proc/self/nothing"), None);
    }

    #[test]
    fn memory_and_times_are_those_of_a_process_that_runs() {
        let figures = process_figures();
        let resident = figures.resident.unwrap();
        assert!((100_000..100_000_000_000).contains(&resident), "{resident}");
        assert!(figures.processor_time.is_some_and(|time| time > Duration::ZERO));
        let started = SystemTime::UNIX_EPOCH + figures.started.unwrap();
        // The time of the boot is told in whole seconds.
        let age = (SystemTime::now() + Duration::from_secs(2)).duration_since(started).unwrap();
        assert!(age < Duration::from_secs(3600), "{age:?}");
        assert_eq!(process_figures().started, figures.started);
    }
}

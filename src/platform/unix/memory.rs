//! How much memory this process may have.

/// The machine's memory, or what the process's control groups leave of it; `None` is what the system does not tell.
pub(crate) fn memory_limit() -> Option<usize> {
    let machine = physical();
    groups::limit().into_iter().chain(machine).min()
}

#[cfg(any(target_os = "linux", target_os = "android"))]
fn physical() -> Option<usize> {
    use nix::unistd::{SysconfVar, sysconf};

    let told = |value| usize::try_from(sysconf(value).ok()??).ok();
    told(SysconfVar::_PHYS_PAGES)?.checked_mul(told(SysconfVar::PAGE_SIZE)?)
}

#[cfg(not(any(target_os = "linux", target_os = "android")))]
fn physical() -> Option<usize> {
    // macOS does not tell by sysconf(3).
    None
}

/// cgroups(7).
#[cfg(target_os = "linux")]
mod groups {
    use std::fs;
    use std::path::Path;

    /// The least of what the process's group and those above it may have. A container sees its own as the root.
    pub(super) fn limit() -> Option<usize> {
        let own = fs::read_to_string("/proc/self/cgroup").ok()?;
        limit_of(&own, Path::new("/sys/fs/cgroup"))
    }

    pub(super) fn limit_of(own: &str, root: &Path) -> Option<usize> {
        own.lines()
            .filter_map(|line| {
                let mut parts = line.splitn(3, ':');
                let (_, controllers, path) = (parts.next()?, parts.next()?, parts.next()?);
                let path = path.trim_start_matches('/');
                // Of the second version there is one line, without controllers.
                match controllers {
                    "" => least(&root.join(path), root, "memory.max"),
                    _ if controllers.split(',').any(|controller| controller == "memory") => {
                        let root = root.join("memory");
                        least(&root.join(path), &root, "memory.limit_in_bytes")
                    }
                    _ => None,
                }
            })
            .min()
    }

    fn least(group: &Path, root: &Path, file: &str) -> Option<usize> {
        let groups = group.ancestors().take_while(|group| group.starts_with(root));
        // "max", and of the first version a number that no machine has, are no limits.
        groups.filter_map(|group| fs::read_to_string(group.join(file)).ok()?.trim().parse().ok()).min()
    }
}

#[cfg(not(target_os = "linux"))]
mod groups {
    pub(super) fn limit() -> Option<usize> {
        None
    }
}

#[cfg(all(test, target_os = "linux"))]
mod tests {
    use std::fs;

    use super::*;

    #[test]
    fn the_machine_has_some() {
        let limit = memory_limit().unwrap();
        assert!(limit >= 1 << 24 && physical().is_some_and(|physical| limit <= physical), "{limit}");
    }

    #[test]
    fn the_least_of_the_groups_holds() {
        let root = tempfile::tempdir().unwrap();
        let root = root.path();
        let inner = root.join("system.slice/terima.service");
        fs::create_dir_all(&inner).unwrap();
        let own = "0::/system.slice/terima.service\n";
        assert_eq!(groups::limit_of(own, root), None);
        fs::write(inner.join("memory.max"), "max\n").unwrap();
        assert_eq!(groups::limit_of(own, root), None);
        fs::write(root.join("system.slice/memory.max"), "1000000\n").unwrap();
        assert_eq!(groups::limit_of(own, root), Some(1_000_000));
        fs::write(inner.join("memory.max"), "500000\n").unwrap();
        assert_eq!(groups::limit_of(own, root), Some(500_000));

        let first = "5:cpu,cpuacct:/\n4:memory:/docker/x\n1:name=systemd:/\n";
        assert_eq!(groups::limit_of(first, root), None);
        fs::create_dir_all(root.join("memory/docker/x")).unwrap();
        fs::write(root.join("memory/docker/x/memory.limit_in_bytes"), "7000\n").unwrap();
        assert_eq!(groups::limit_of(first, root), Some(7000));
        for odd in ["", "0", "0::", "::", "no line"] {
            assert!(groups::limit_of(odd, &root.join("memory/docker/none")).is_none(), "{odd:?}");
        }
    }
}

//! `[admin]`: defaults, and what does not go together.

use std::path::{self, Path, PathBuf};

use super::unique::Unique;
use crate::config::fault::Faults;
use crate::config::meant::{AdminConfig, Endpoint};
use crate::config::tree::Table;
use crate::config::written;
use crate::platform;

/// The keys that only a Unix socket has a use for.
const OF_FILES: [&str; 3] = ["mode", "owner", "group"];

/// The keys that only TCP has a use for: who may write to a Unix socket's file may ask everything.
const OF_TCP: [&str; 2] = ["token_file", "open"];

/// Resolves the section. `root` says where things are written.
pub(super) fn admin(
    written: &written::Admin,
    root: &Table,
    unique: &mut Unique,
    faults: &mut Faults,
) -> AdminConfig {
    let built_in = AdminConfig::default();
    let mut address = written.address.as_ref().map_or(built_in.address, |address| address.0.clone());
    let node = root.at(&["admin", "address"]);
    if let (Endpoint::Path(path), Some(node)) = (&mut address, node) {
        *path = super::socket_path(path, &node.span, faults);
        if !platform::UNIX_SOCKETS {
            faults
                .at(node.span.clone(), "`admin.address` wants a Unix socket, which this system has not")
                .help("listen on an address of IP: \"127.0.0.1:27080\"");
        }
    }
    let config = AdminConfig {
        address,
        mode: written.mode.map_or(built_in.mode, |mode| mode.0),
        owner: written.owner.as_ref().map(|owner| owner.0.clone()),
        group: written.group.as_ref().map(|group| group.0.clone()),
        token_file: written
            .token_file
            .clone()
            .map_or_else(|| token_file(&faults.sources.locate(AdminConfig::TOKEN_FILE, &(0..0))), Into::into),
        open: written.open.clone().unwrap_or(built_in.open),
        hosts: written.hosts.iter().flatten().map(|host| host.0.clone()).collect(),
        connections: written.connections.map_or(built_in.connections, |limit| limit.0),
        timeout: written.timeout.map_or(built_in.timeout, |timeout| timeout.0),
        remember: written.remember.map_or(built_in.remember, |remember| remember.0),
    };
    if let Some(node) = node.filter(|node| !node.is_faulty()) {
        unique.admin(&config.address, &node.span, faults);
        if is_exposed(&config.address) {
            faults.warn(
                node.span.clone(),
                "whoever sees the network between sees the token: this is not a loopback address, and HTTP is not encrypted",
            );
        }
    }
    warn_of_useless(&config, root, faults);
    check_feature(root, faults);
    config
}

/// Where the token is where no place is written for it: beside the configuration, whatever the working directory is; or, where
/// that is in one of the folders that a service only reads, where it keeps what it makes.
fn token_file(beside: &str) -> PathBuf {
    let beside = PathBuf::from(beside);
    let foreign = |place: &Path| platform::NOT_FOR_SERVICES.iter().any(|folder| place.starts_with(folder));
    match platform::STATE {
        Some(state) if path::absolute(&beside).is_ok_and(|place| foreign(&place)) => {
            Path::new(state).join(AdminConfig::TOKEN_FILE)
        }
        _ => beside,
    }
}

/// Whether other machines can reach it.
fn is_exposed(address: &Endpoint) -> bool {
    match address {
        Endpoint::Ip(address) => !address.ip().is_loopback(),
        Endpoint::Any(_) => true,
        Endpoint::Name { .. } | Endpoint::Path(_) | Endpoint::Abstract(_) | Endpoint::Activated(_) => false,
    }
}

fn warn_of_useless(config: &AdminConfig, root: &Table, faults: &mut Faults) {
    let Some(table) = root.get("admin").and_then(|node| node.table()) else { return };
    for entry in &table.entries {
        let key = entry.key.as_str();
        let missing = match config.is_tcp() {
            true if OF_FILES.contains(&key) => "a Unix socket",
            false if OF_TCP.contains(&key) => "TCP",
            _ => continue,
        };
        let reason =
            format!("`admin.{key}` is for {missing}, which `admin.address` is not: the key does nothing");
        faults.warn(entry.key_span.clone(), reason);
    }
}

/// A library that was built without it must not read the section and say nothing.
fn check_feature(root: &Table, faults: &mut Faults) {
    if cfg!(not(feature = "admin"))
        && let Some(node) = root.get("admin")
    {
        faults
            .at(node.span.clone(), "this program was built without the admin interface")
            .help("build it with the feature `admin` of terima, or remove the section");
    }
}

#[cfg(all(test, unix))]
mod tests {
    use super::*;

    #[test]
    fn the_token_is_where_a_service_may_write() {
        for (beside, expected) in [
            ("admin.token", "admin.token"),
            ("conf/admin.token", "conf/admin.token"),
            ("/srv/echo/admin.token", "/srv/echo/admin.token"),
            ("/etcetera/admin.token", "/etcetera/admin.token"),
            ("/etc/admin.token", "/var/lib/terima/admin.token"),
            ("/etc/terima/admin.token", "/var/lib/terima/admin.token"),
            ("/usr/local/etc/admin.token", "/var/lib/terima/admin.token"),
        ] {
            assert_eq!(token_file(beside), Path::new(expected), "{beside}");
        }
    }
}

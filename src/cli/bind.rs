//! Why a listener could not be bound, in words that help.

use std::error::Error;
use std::io::{self, ErrorKind};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

use listeners::{Listener, Process, Protocol, SocketState};

use crate::platform;
use crate::telemetry::escape::Escaped;
use crate::{ActivationError, AdminError, ListenAddress, TokenError};

/// One message: which listener, where, why, and what to do about it if that is known.
pub(super) fn explain(listener: &str, address: &ListenAddress, error: &io::Error) -> String {
    format!("listener `{listener}` can't listen on {address}: {}", reason(address, error))
}

/// The same, of a name that can't be looked up.
pub(super) fn unknown_name(listener: &str, name: &str, error: &io::Error) -> String {
    format!(
        "listener `{listener}` can't listen on {name}: the name is not known: {error}\n  help: name one that this machine \
         can look up, or an address"
    )
}

/// The same, of a socket that the service manager should have passed.
pub(super) fn not_activated(listener: &str, name: &str, error: &ActivationError) -> String {
    let help = match error {
        ActivationError::NotPassed(_) => {
            "let systemd start terima by its socket unit (docs/systemd.md), or try it with `systemd-socket-activate`"
        }
        ActivationError::Unknown { .. } => {
            "name one of them, or set FileDescriptorName= in the unit of the socket"
        }
        _ => "`systemctl cat` shows the unit of the socket; docs/systemd.md has one that works",
    };
    let cause = error.source().map(|cause| format!(": {cause}")).unwrap_or_default();
    format!(
        "listener `{listener}` can't listen on systemd:{name}: {}{cause}\n  help: {help}",
        Escaped(&error.to_string())
    )
}

/// The same, of the admin interface.
pub(super) fn explain_admin(error: &AdminError) -> String {
    match error {
        AdminError::Bind { address, source } => {
            format!("the admin interface can't listen on {address}: {}", reason(address, source))
        }
        AdminError::Token { path, source } => {
            let help = match source {
                TokenError::Make(_) => {
                    "admin.token_file names another place; its folder must be there, and be writable for who starts terima"
                }
                TokenError::Read(_) => "it must be a file that is readable for who starts terima",
                TokenError::Foreign { .. } => {
                    "remove it, and the next start makes one; or give it to root or to who runs terima, if only they can have \
                     written what it holds"
                }
                TokenError::Exposed { .. } => {
                    "remove it, and the next start makes one; or `chmod u=rw,g=r,o=`, if nobody else has read or written it \
                     (a Secret of Kubernetes: defaultMode 0440)"
                }
                TokenError::Unfit => "remove it, and the next start makes one",
            };
            let cause = source.source().map(|cause| format!(": {cause}")).unwrap_or_default();
            format!("admin.token_file: {}: {source}{cause}\n  help: {help}", path.display())
        }
    }
}

fn reason(address: &ListenAddress, error: &io::Error) -> String {
    match address {
        ListenAddress::Tcp(address) => tcp(*address, error),
        ListenAddress::Unix(_) | ListenAddress::Abstract(_) => unix(error),
    }
}

fn tcp(address: SocketAddr, error: &io::Error) -> String {
    match error.kind() {
        ErrorKind::AddrInUse => match holder(address) {
            Some(Process { pid, .. }) if pid == std::process::id() => {
                "another address of this configuration is the same one".to_owned()
            }
            Some(Process { name, pid, .. }) => {
                format!("address already in use, held by {} (process {pid})", Escaped(&name))
            }
            None => format!("address already in use\n  help: {}", platform::HOLDER_REMEDY),
        },
        ErrorKind::PermissionDenied => format!("permission denied\n  help: {}", platform::PERMISSION_REMEDY),
        ErrorKind::AddrNotAvailable => format!(
            "this machine has no such address\n  help: name one of its own, or {} for all of them{}",
            SocketAddr::new(unspecified(address), address.port()),
            match platform::LACKING_SOCKET_OPTIONS.contains(&"freebind") {
                true => "",
                false => "; or set socket.freebind, if it will have it later",
            }
        ),
        // The address alone is told above.
        _ if address.is_ipv6() && platform::lacks_address(error) => format!(
            "this system has no IPv6\n  help: name an address of IPv4, as {}:{port} for all of them, or \":{port}\" for \
             whatever there is",
            Ipv4Addr::UNSPECIFIED,
            port = address.port()
        ),
        _ => error.to_string(),
    }
}

fn unix(error: &io::Error) -> String {
    match error.kind() {
        ErrorKind::AddrInUse => "somebody listens there already".to_owned(),
        ErrorKind::AlreadyExists => {
            format!("{error}\n  help: remove it if nobody needs it, or choose another path")
        }
        ErrorKind::NotFound => "there is no such folder\n  help: make it, or choose another".to_owned(),
        ErrorKind::PermissionDenied => {
            format!(
                "{error}\n  help: the folder must be writable for the user that starts terima, as must be a socket that is \
                     there already; only root can give it to another socket.owner, or to a socket.group that the process is not in"
            )
        }
        _ => error.to_string(),
    }
}

/// The process that keeps `address` from being bound, if the system tells: it may belong to another user.
fn holder(address: SocketAddr) -> Option<Process> {
    let in_the_way = listeners::get_all().ok()?.into_iter().filter(|held| is_in_the_way(held, address));
    // A socket that listens is the likely one; a connection from that very port can be in the way too.
    in_the_way.max_by_key(|held| held.state == SocketState::Listen).map(|held| held.process)
}

fn is_in_the_way(held: &Listener, wanted: SocketAddr) -> bool {
    let (ours, theirs) = (wanted.ip().to_canonical(), held.socket.ip().to_canonical());
    held.protocol == Protocol::TCP
        && held.socket.port() == wanted.port()
        && (ours == theirs || ours.is_unspecified() || theirs.is_unspecified())
}

fn unspecified(like: SocketAddr) -> IpAddr {
    match like {
        SocketAddr::V4(_) => Ipv4Addr::UNSPECIFIED.into(),
        SocketAddr::V6(_) => Ipv6Addr::UNSPECIFIED.into(),
    }
}

#[cfg(test)]
mod tests {
    use std::net::TcpListener;

    use super::*;

    const ADDRESS: SocketAddr = SocketAddr::new(IpAddr::V4(Ipv4Addr::LOCALHOST), 27015);

    #[test]
    fn known_reasons_come_with_a_remedy() {
        let table = [
            (ErrorKind::PermissionDenied, "permission denied\n  help: "),
            (
                ErrorKind::AddrNotAvailable,
                "this machine has no such address\n  help: name one of its own, or 0.0.0.0:27015 for all of them",
            ),
            (ErrorKind::OutOfMemory, "out of memory"),
        ];
        for (kind, reason) in table {
            let message = explain("echo", &ListenAddress::Tcp(ADDRESS), &kind.into());
            let expected = format!("listener `echo` can't listen on 127.0.0.1:27015: {reason}");
            assert!(message.starts_with(&expected), "{message}");
        }
    }

    #[cfg(unix)]
    #[test]
    fn a_system_without_ipv6_is_told_from_a_machine_without_the_address() {
        let error = io::Error::from_raw_os_error(libc::EAFNOSUPPORT);
        for (address, expected) in [
            ("[::]:7", "this system has no IPv6\n  help: name an address of IPv4, as 0.0.0.0:7 for all"),
            ("0.0.0.0:7", "Address family not supported"),
        ] {
            let message = explain("echo", &ListenAddress::Tcp(address.parse().unwrap()), &error);
            assert!(message.contains(&format!(": {expected}")), "{message}");
        }
    }

    #[cfg(target_os = "linux")]
    #[test]
    fn the_holder_of_a_port_is_known() {
        let held = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = held.local_addr().unwrap();
        assert_eq!(holder(address).unwrap().pid, std::process::id());
        let message = explain("echo", &ListenAddress::Tcp(address), &ErrorKind::AddrInUse.into());
        assert!(message.ends_with(": another address of this configuration is the same one"), "{message}");
    }

    #[test]
    fn what_is_in_the_way_of_a_unix_socket_is_told() {
        let address = ListenAddress::Unix("/run/echo.sock".into());
        for (kind, reason) in [
            (ErrorKind::AddrInUse, "somebody listens there already"),
            (ErrorKind::NotFound, "there is no such folder\n  help: "),
            (ErrorKind::PermissionDenied, "permission denied\n  help: "),
        ] {
            let message = explain("echo", &address, &kind.into());
            let expected = format!("listener `echo` can't listen on unix:/run/echo.sock: {reason}");
            assert!(message.starts_with(&expected), "{message}");
        }
    }

    #[test]
    fn a_free_port_has_no_holder() {
        let address = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
        assert_eq!(holder(address), None);
    }
}

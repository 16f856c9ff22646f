//! Why a listener could not be bound, in words that help.

use std::io::{self, ErrorKind};
use std::net::{IpAddr, SocketAddr};

use listeners::{Listener, Process, Protocol, SocketState};

use crate::platform;
use crate::telemetry::escape::Escaped;

/// One message: which listener, where, why, and what to do about it if that is known.
pub(super) fn explain(listener: &str, address: SocketAddr, error: &io::Error) -> String {
    let reason = match error.kind() {
        ErrorKind::AddrInUse => match holder(address) {
            Some(Process { name, pid, .. }) => {
                format!("address already in use, held by {} (process {pid})", Escaped(&name))
            }
            None => "address already in use".to_owned(),
        },
        ErrorKind::PermissionDenied => format!("permission denied\n  help: {}", platform::PERMISSION_REMEDY),
        ErrorKind::AddrNotAvailable => format!(
            "this machine has no such address\n  help: name one of its own, or {} for all of them",
            SocketAddr::new(unspecified(address), address.port())
        ),
        _ => error.to_string(),
    };
    format!("listener `{listener}` can't listen on {address}: {reason}")
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
        SocketAddr::V4(_) => std::net::Ipv4Addr::UNSPECIFIED.into(),
        SocketAddr::V6(_) => std::net::Ipv6Addr::UNSPECIFIED.into(),
    }
}

#[cfg(test)]
mod tests {
    use std::net::TcpListener;

    use super::*;

    const ADDRESS: SocketAddr = SocketAddr::new(IpAddr::V4(std::net::Ipv4Addr::LOCALHOST), 27015);

    #[test]
    fn known_reasons_come_with_a_remedy() {
        let table = [
            (ErrorKind::PermissionDenied, "permission denied\n  help: "),
            (
                ErrorKind::AddrNotAvailable,
                "this machine has no such address\n  help: name one of its own, or 0.0.0.0:27015",
            ),
            (ErrorKind::OutOfMemory, "out of memory"),
        ];
        for (kind, reason) in table {
            let message = explain("echo", ADDRESS, &kind.into());
            let expected = format!("listener `echo` can't listen on 127.0.0.1:27015: {reason}");
            assert!(message.starts_with(&expected), "{message}");
        }
    }

    #[cfg(target_os = "linux")]
    #[test]
    fn the_holder_of_a_port_is_named() {
        let held = TcpListener::bind("127.0.0.1:0").unwrap();
        let message = explain("echo", held.local_addr().unwrap(), &ErrorKind::AddrInUse.into());
        let process = format!("(process {})", std::process::id());
        assert!(message.contains(": address already in use, held by "), "{message}");
        assert!(message.ends_with(&process), "{message}");
    }

    #[test]
    fn a_free_port_has_no_holder() {
        let address = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
        assert_eq!(holder(address), None);
    }
}

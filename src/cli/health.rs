//! `terima health`: asks a running service whether its listeners answer: itself, where it has an admin interface, else them.

use std::io::{self, Read, Write};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, Shutdown, SocketAddr, ToSocketAddrs};
use std::thread;
use std::time::Duration;

use serde_json::Value;
use socket2::{Domain, SockAddr, Socket, Type};

use crate::config::Endpoint;
use crate::config::meant::Open;
use crate::platform;
use crate::{Builder, Timeout};

use super::ask::{Client, Unanswered, loopback, runtime};
use super::exit::Exit;
use super::failure::Failure;
use super::load::{Source, load};

/// Asks every address of the configuration at once; tells those that do not answer on standard error.
pub(super) fn health(builder: Builder, source: &Source, timeout: Timeout) -> Result<Exit, Failure> {
    let ready = load(builder, source)?;
    if let Some(admin) = &ready.config().admin
        && admin.address.port() != Some(0)
    {
        return is_ready(source, timeout);
    }
    let all = ready
        .config()
        .listeners
        .iter()
        .flat_map(|listener| listener.addresses.iter().map(|endpoint| (&*listener.name, endpoint)));
    let (unknown, known): (Vec<_>, Vec<_>) = all.partition(|(_, endpoint)| endpoint.port() == Some(0));
    for (listener, endpoint) in unknown {
        tell(&format!("listener `{listener}` is not asked on {endpoint}: its port is not known"));
    }
    if known.is_empty() {
        tell("there is no address that can be asked");
        return Ok(Exit::Failure);
    }
    let limit = timeout.limit();
    let silent = thread::scope(|scope| {
        let asked: Vec<_> = known
            .into_iter()
            .map(|(listener, endpoint)| (listener, endpoint, scope.spawn(move || ask(endpoint, limit))))
            .collect();
        let answers = asked.into_iter().map(|(listener, endpoint, thread)| {
            let answer = thread.join().unwrap_or_else(|_| Err(io::Error::other("asking it failed")));
            (listener, endpoint, answer)
        });
        answers
            .filter_map(|(listener, endpoint, answer)| Some((listener, endpoint, answer.err()?)))
            .collect::<Vec<_>>()
    });
    for (listener, endpoint, error) in &silent {
        tell(&format!("listener `{listener}` does not answer on {endpoint}: {}", reason(error)));
    }
    Ok(if silent.is_empty() { Exit::Ended } else { Exit::Failure })
}

/// Asks the service itself, which knows more than its listeners show.
fn is_ready(source: &Source, timeout: Timeout) -> Result<Exit, Failure> {
    let client = Client::needed_for(source, Open::Health)?.within(timeout.limit());
    match runtime()?.block_on(client.get("/ready")) {
        Ok(_) => Ok(Exit::Ended),
        Err(Unanswered::Refused { answer, .. }) if answer["reasons"].is_array() => {
            for reason in answer["reasons"].as_array().into_iter().flatten().filter_map(Value::as_str) {
                tell(reason);
            }
            Ok(Exit::Failure)
        }
        Err(unanswered) => Err(unanswered.into()),
    }
}

fn tell(message: &str) {
    // If nobody can read it, the exit code still tells.
    let _ = writeln!(io::stderr(), "terima: {message}");
}

/// A socket's timeout has two names, and none of them says what was waited for.
fn reason(error: &io::Error) -> String {
    match error.kind() {
        io::ErrorKind::WouldBlock | io::ErrorKind::TimedOut => "nothing came in time".to_owned(),
        _ => error.to_string(),
    }
}

/// Asks at all that an address of the file stands for.
fn ask(endpoint: &Endpoint, limit: Option<Duration>) -> io::Result<()> {
    match endpoint {
        Endpoint::Ip(address) => connect(&loopback(*address).into(), limit),
        Endpoint::Any(port) => {
            let at = |ip: IpAddr| connect(&SocketAddr::new(ip, *port).into(), limit);
            // One socket for both, or for IPv6 alone.
            at(Ipv4Addr::LOCALHOST.into()).or_else(|error| at(Ipv6Addr::LOCALHOST.into()).map_err(|_| error))
        }
        Endpoint::Name { host, port } => name(host, *port, limit),
        Endpoint::Path(path) => connect(&SockAddr::unix(path)?, limit),
        Endpoint::Activated(_) => Err(io::Error::other(
            "where it listens, the service alone knows: with [admin] in the file, it is asked there",
        )),
        // unix(7): an abstract name is one that begins with a NUL.
        Endpoint::Abstract(name) => connect(&SockAddr::unix(format!("\0{name}"))?, limit),
    }
}

/// Every address of a name is asked, but for those that this machine lacks: they are not listened on either.
fn name(host: &str, port: u16, limit: Option<Duration>) -> io::Result<()> {
    let mut answer = Err(io::Error::other("the name has no address on this machine"));
    for address in (host, port).to_socket_addrs()? {
        match connect(&loopback(address).into(), limit) {
            Err(error) if platform::lacks_address(&error) => {}
            Err(error) => return Err(error),
            Ok(()) => answer = Ok(()),
        }
    }
    answer
}

/// Connects, ends this side and waits for the first byte or the end. Either comes from the handler's task: the system alone
/// accepts a connection, but does not end it.
fn connect(address: &SockAddr, limit: Option<Duration>) -> io::Result<()> {
    let socket = Socket::new(address.domain(), Type::STREAM, None)?;
    socket.set_read_timeout(limit)?;
    // unix(7): for connecting too.
    socket.set_write_timeout(limit)?;
    match limit {
        Some(limit) if address.domain() != Domain::UNIX => socket.connect_timeout(address, limit)?,
        _ => socket.connect(address)?,
    }
    socket.shutdown(Shutdown::Write)?;
    (&socket).read(&mut [0]).map(drop)
}

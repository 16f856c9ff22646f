//! Speaks to the admin interface of a running service.

use std::error::Error;
use std::fmt;
use std::io::{self, ErrorKind};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::path::PathBuf;
use std::time::Duration;

use anyhow::anyhow;
use http_body_util::{BodyExt, Full, Limited};
use hyper::body::{Bytes, Incoming};
use hyper::client::conn::http1;
use hyper::{Method, Request, Response, StatusCode, header};
use hyper_util::rt::TokioIo;
use serde_json::Value;
use tokio::net::TcpStream;
use tokio::time::timeout;

use crate::admin::Token;
use crate::cli::failure::Failure;
use crate::cli::load::{Configuration, Source, missing, overrides};
use crate::config::meant::{AdminConfig, Open};
use crate::config::{self, Endpoint};
use crate::establish::Stream;
use crate::platform;

/// So long may the service take to answer.
const PATIENCE: Duration = Duration::from_secs(10);

/// What an answer is that comes a line at a time.
const LINES: &str = "application/x-ndjson";

/// An answer is no longer.
const LONGEST: usize = 64 << 20;

/// The admin interface of a service, found by its configuration.
#[derive(Debug)]
pub(in crate::cli) struct Client {
    door: Door,
    token: Option<Token>,
    patience: Duration,
}

/// Where it is.
#[derive(Debug, Clone)]
enum Door {
    Tcp(SocketAddr),
    Unix(PathBuf),
}

/// Why there is no answer.
#[derive(Debug)]
pub(in crate::cli) enum Unanswered {
    /// Nobody is there, or nobody who speaks this protocol.
    Silent(anyhow::Error),
    /// The service says no.
    Refused { status: StatusCode, answer: Value },
}

impl Client {
    /// Finds the admin interface of whatever runs with this configuration. `None` where the configuration has none.
    ///
    /// The rest of the configuration may be faulty: it may be another by now than the one that the service runs with.
    ///
    /// # Errors
    ///
    /// There is no configuration, or it can't be said where the interface is.
    pub(in crate::cli) fn find(source: &Source) -> Result<Option<Self>, Failure> {
        section(source)?.map(|admin| Self::of(&admin, admin.is_tcp())).transpose()
    }

    /// As [`find`](Self::find), where there has to be one.
    ///
    /// # Errors
    ///
    /// As there, and where the configuration has none.
    pub(in crate::cli) fn needed(source: &Source) -> Result<Self, Failure> {
        Self::find(source)?.ok_or_else(|| lacking(source))
    }

    /// As [`needed`](Self::needed), to ask for what needs no token where the configuration has it `open`: then there need be
    /// none, nor any right to read it.
    ///
    /// # Errors
    ///
    /// As there.
    pub(in crate::cli) fn needed_for(source: &Source, open: Open) -> Result<Self, Failure> {
        let admin = section(source)?.ok_or_else(|| lacking(source))?;
        Self::of(&admin, admin.is_tcp() && !admin.open.contains(&open))
    }

    fn of(admin: &AdminConfig, asks_for_token: bool) -> Result<Self, Failure> {
        let door = match &admin.address {
            endpoint if endpoint.port() == Some(0) => {
                return Err(Failure::usage(
                    "admin.address has port 0: where the service listens is not known",
                    "name it with --set admin.address=127.0.0.1:PORT; the log of the service tells the port",
                ));
            }
            Endpoint::Ip(address) => Door::Tcp(loopback(*address)),
            Endpoint::Any(port) => Door::Tcp((Ipv4Addr::LOCALHOST, *port).into()),
            Endpoint::Path(path) => Door::Unix(path.clone()),
            // Refused where they are written.
            Endpoint::Name { .. } | Endpoint::Abstract(_) | Endpoint::Activated(_) => {
                return Err(Failure::usage("admin.address is no address", "`terima check` tells more"));
            }
        };
        let token = asks_for_token.then(|| Token::read(&admin.token_file)).transpose().map_err(|error| {
            let cause = error.source().map(|cause| format!(": {cause}")).unwrap_or_default();
            anyhow!(
                "admin.token_file: {}: {error}{cause}\n  help: the service makes it when it starts; it must be readable for who asks",
                admin.token_file.display()
            )
        })?;
        Ok(Self { door, token, patience: PATIENCE })
    }

    /// Waits no longer than this for an answer; `None` = as long as usual.
    pub(in crate::cli) fn within(self, limit: Option<Duration>) -> Self {
        Self { patience: limit.unwrap_or(PATIENCE), ..self }
    }

    /// Asks, and tells the answer.
    ///
    /// # Errors
    ///
    /// There is none, or it is a refusal.
    pub(in crate::cli) async fn get(&self, path: &str) -> Result<Value, Unanswered> {
        self.exchange(Method::GET, path, None).await
    }

    /// Tells, and tells the answer.
    ///
    /// # Errors
    ///
    /// As [`get`](Self::get).
    pub(super) async fn post(&self, path: &str, body: &Value) -> Result<Value, Unanswered> {
        self.exchange(Method::POST, path, Some(body)).await
    }

    /// Tells, and tells each line of an answer that comes a line at a time; ends with the answer.
    ///
    /// # Errors
    ///
    /// As [`get`](Self::get); also where the service ends in the middle of a line, or says nothing for too long.
    pub(super) async fn lines(
        &self,
        path: &str,
        body: &Value,
        mut told: impl FnMut(&Value),
    ) -> Result<(), Unanswered> {
        let answer = self.within_patience(self.send(Method::POST, path, Some(body), LINES)).await?;
        let (head, mut body) = answer.into_parts();
        if !head.status.is_success() {
            return Err(refused(head.status, &self.within_patience(whole(body)).await?));
        }
        let mut line = Vec::new();
        while let Some(frame) = self.within_patience(async { Ok(body.frame().await) }).await? {
            let data = frame.map_err(silent)?.into_data().unwrap_or_default();
            for byte in data {
                match byte {
                    b'\n' => told(&serde_json::from_slice(&std::mem::take(&mut line)).map_err(silent)?),
                    byte => line.push(byte),
                }
            }
        }
        if line.is_empty() { Ok(()) } else { Err(silent(io::Error::from(ErrorKind::UnexpectedEof))) }
    }

    async fn exchange(&self, method: Method, path: &str, body: Option<&Value>) -> Result<Value, Unanswered> {
        let (head, body) = self
            .within_patience(async {
                let (head, body) = self.send(method, path, body, "application/json").await?.into_parts();
                Ok((head, whole(body).await?))
            })
            .await?;
        if head.status.is_success() {
            serde_json::from_slice(&body).map_err(silent)
        } else {
            Err(refused(head.status, &body))
        }
    }

    async fn send(
        &self,
        method: Method,
        path: &str,
        body: Option<&Value>,
        accepted: &str,
    ) -> Result<Response<Incoming>, Unanswered> {
        let mut request = Request::builder().method(method).uri(path).header(header::ACCEPT, accepted);
        request = request.header(header::HOST, self.door.host());
        if let Some(token) = &self.token {
            request = request.header(header::AUTHORIZATION, [b"Bearer ", token.secret()].concat());
        }
        let body = match body {
            Some(body) => {
                request = request.header(header::CONTENT_TYPE, "application/json");
                Bytes::from(body.to_string())
            }
            None => Bytes::new(),
        };
        let request = request.body(Full::new(body)).map_err(silent)?;
        let stream = self.door.connect().await.map_err(|error| self.unreachable(&error))?;
        let (mut sender, connection) = http1::handshake(TokioIo::new(stream)).await.map_err(silent)?;
        // It is dropped with the runtime.
        tokio::spawn(connection);
        sender.send_request(request).await.map_err(silent)
    }

    async fn within_patience<T>(
        &self,
        answer: impl Future<Output = Result<T, Unanswered>>,
    ) -> Result<T, Unanswered> {
        timeout(self.patience, answer).await.unwrap_or_else(|_| {
            Err(Unanswered::Silent(anyhow!("the service does not answer on {} in time", self.door)))
        })
    }

    fn unreachable(&self, error: &io::Error) -> Unanswered {
        let help = match error.kind() {
            ErrorKind::PermissionDenied => "the socket belongs to another user: ask as that user, or as root",
            ErrorKind::NotFound | ErrorKind::ConnectionRefused => {
                "is it running, with [admin] and this configuration?"
            }
            _ => "is it running?",
        };
        Unanswered::Silent(anyhow!("no service answers on {}: {error}\n  help: {help}", self.door))
    }
}

impl Door {
    async fn connect(&self) -> io::Result<Stream> {
        Ok(match self {
            Self::Tcp(address) => Stream::Tcp(TcpStream::connect(address).await?),
            Self::Unix(path) => Stream::Boxed(Box::new(platform::connect(path).await?)),
        })
    }

    fn host(&self) -> String {
        match self {
            Self::Tcp(address) => address.to_string(),
            Self::Unix(_) => "localhost".to_owned(),
        }
    }
}

impl fmt::Display for Door {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Tcp(address) => address.fmt(f),
            Self::Unix(path) => write!(f, "unix:{}", path.display()),
        }
    }
}

impl From<Unanswered> for Failure {
    fn from(unanswered: Unanswered) -> Self {
        Self::Other(match unanswered {
            Unanswered::Silent(error) => error,
            Unanswered::Refused { status, answer } => {
                let detail = answer["detail"].as_str().map_or_else(|| status.to_string(), str::to_owned);
                let help =
                    answer["help"].as_str().map(|help| format!("\n  help: {help}")).unwrap_or_default();
                anyhow!("{detail}{help}")
            }
        })
    }
}

/// `[admin]` of whatever runs with this configuration.
fn section(source: &Source) -> Result<Option<AdminConfig>, Failure> {
    let overrides = overrides(&source.set);
    let (config, faults) = match &source.configuration {
        Configuration::File(file) if file.try_exists().unwrap_or(true) => config::read_file(file, &overrides),
        // It may be named from outside, as for `serve`.
        _ => config::read("", "", &overrides),
    };
    match config.admin {
        None if !faults.is_empty() => Err(match &source.configuration {
            Configuration::File(file) if !file.try_exists().unwrap_or(true) => missing(file),
            configuration => {
                let origin = configuration.to_string();
                Failure::Configuration { origin, problems: faults.into_problems() }
            }
        }),
        admin => Ok(admin),
    }
}

fn lacking(source: &Source) -> Failure {
    Failure::usage(
        format!("{} has no [admin]: the service can't be asked", source.configuration),
        "add `[admin]` to it and restart the service; docs/admin.md has more",
    )
}

async fn whole(body: Incoming) -> Result<Bytes, Unanswered> {
    match Limited::new(body, LONGEST).collect().await {
        Ok(body) => Ok(body.to_bytes()),
        Err(error) => Err(Unanswered::Silent(anyhow!("the answer can't be read: {error}"))),
    }
}

fn refused(status: StatusCode, body: &[u8]) -> Unanswered {
    Unanswered::Refused { status, answer: serde_json::from_slice(body).unwrap_or_default() }
}

fn silent(error: impl Error + Send + Sync + 'static) -> Unanswered {
    Unanswered::Silent(
        anyhow::Error::new(error).context("the service does not answer as an admin interface does"),
    )
}

/// Where a wildcard can be reached.
pub(in crate::cli) fn loopback(address: SocketAddr) -> SocketAddr {
    let ip = match address.ip() {
        IpAddr::V4(ip) if ip.is_unspecified() => Ipv4Addr::LOCALHOST.into(),
        IpAddr::V6(ip) if ip.is_unspecified() => Ipv6Addr::LOCALHOST.into(),
        _ => return address,
    };
    SocketAddr::new(ip, address.port())
}

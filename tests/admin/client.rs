//! A client of HTTP that can be as rude as it is told to be.

use std::collections::BTreeMap;
use std::net::SocketAddr;

use serde_json::Value;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use crate::common::within;

/// An admin interface on TCP, and its token.
#[derive(Debug, Clone)]
pub(crate) struct Admin {
    pub(crate) address: SocketAddr,
    pub(crate) token: String,
}

/// What it answered.
#[derive(Debug, Clone)]
pub(crate) struct Reply {
    pub(crate) status: u16,
    /// By their names in lower case.
    pub(crate) headers: BTreeMap<String, String>,
    pub(crate) body: Vec<u8>,
}

impl Admin {
    pub(crate) fn new(address: SocketAddr, token: &str) -> Self {
        Self { address, token: token.to_owned() }
    }

    /// Asks with the token.
    pub(crate) async fn get(&self, target: &str) -> Reply {
        self.ask("GET", target, &[], "").await
    }

    /// Asks with the token, and wants JSON.
    pub(crate) async fn json(&self, target: &str) -> Value {
        let reply = self.get(target).await;
        assert_eq!(reply.status, 200, "{target}: {}", reply.text());
        reply.json()
    }

    /// Tells with the token.
    pub(crate) async fn post(&self, target: &str, body: &str) -> Reply {
        self.ask("POST", target, &[("content-type", "application/json")], body).await
    }

    pub(crate) async fn ask(
        &self,
        method: &str,
        target: &str,
        headers: &[(&str, &str)],
        body: &str,
    ) -> Reply {
        let authorization = format!("Bearer {}", self.token);
        let mut all = vec![("host", "localhost"), ("authorization", &authorization)];
        all.extend(headers);
        self.bare(method, target, &all, body).await
    }

    /// With these headers alone, and what a body needs.
    pub(crate) async fn bare(
        &self,
        method: &str,
        target: &str,
        headers: &[(&str, &str)],
        body: &str,
    ) -> Reply {
        let headers: String = headers.iter().map(|(name, value)| format!("{name}: {value}\r\n")).collect();
        let length = body.len();
        let mut stream = self.connect().await;
        let request =
            format!("{method} {target} HTTP/1.1\r\n{headers}content-length: {length}\r\n\r\n{body}");
        // Whoever is refused early may not be read to the end.
        let _ = stream.write_all(request.as_bytes()).await;
        Reply::read_to(&mut stream, method).await.expect("no answer")
    }

    /// Sends this, and reads one answer; `None` if there is none before the end.
    pub(crate) async fn raw(&self, request: &str) -> Option<Reply> {
        let mut stream = self.connect().await;
        // Whoever is refused early may not be read to the end.
        let _ = stream.write_all(request.as_bytes()).await;
        Reply::read(&mut stream).await
    }

    pub(crate) async fn connect(&self) -> TcpStream {
        within("a connection to the admin interface", TcpStream::connect(self.address)).await.unwrap()
    }
}

impl Reply {
    /// Reads one answer, `None` at the end or a reset.
    pub(crate) async fn read(stream: &mut (impl AsyncRead + Unpin)) -> Option<Self> {
        Self::read_to(stream, "GET").await
    }

    /// As [`read`](Self::read), to a request with this method: HEAD gets no body.
    async fn read_to(stream: &mut (impl AsyncRead + Unpin), method: &str) -> Option<Self> {
        within("an answer", async {
            let mut head = Vec::new();
            while !head.ends_with(b"\r\n\r\n") {
                head.push(stream.read_u8().await.ok()?);
            }
            let head = String::from_utf8(head).unwrap();
            let mut lines = head.lines();
            let status = lines.next()?.split(' ').nth(1)?.parse().unwrap();
            let header = |line: &str| {
                let (name, value) = line.split_once(": ")?;
                Some((name.to_ascii_lowercase(), value.to_owned()))
            };
            let headers: BTreeMap<String, String> = lines.filter_map(header).collect();
            let length = headers.get("content-length").filter(|_| method != "HEAD");
            let length = length.map_or(0, |length| length.parse().unwrap());
            let mut body = vec![0; length];
            stream.read_exact(&mut body).await.ok()?;
            Some(Self { status, headers, body })
        })
        .await
    }

    pub(crate) fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }

    pub(crate) fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap_or_else(|error| panic!("{error}: {}", self.text()))
    }
}

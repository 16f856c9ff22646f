//! A client that checks every byte.

use std::io;
use std::net::SocketAddr;
use std::panic::Location;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use socket2::SockRef;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt, ReadBuf, split};
use tokio::net::TcpStream;
use tokio::task::yield_now;

use super::ended::{Ended, Ending};
use super::patience::wait;
use super::pipe::Pipe;
use super::same::difference;

/// A client that checks every byte, from [`TestServer::connect`](super::TestServer::connect).
///
/// It reads no more than is expected and writes what it is given at once, one write each. What fails to come within
/// [`PATIENCE`](super::PATIENCE) fails the test. It is also an [`AsyncRead`] and [`AsyncWrite`], so tokio-util's `Framed` makes
/// a client of frames of it.
///
/// None of its methods is cancel safe: dropped before it resolved, it may have read or written a part, and what was read is
/// gone. [`connect`](Self::connect) has nothing to lose.
#[derive(Debug)]
pub struct Client {
    stream: Stream,
    address: SocketAddr,
    ending: Option<Ending>,
}

#[derive(Debug)]
enum Stream {
    Tcp(TcpStream),
    Memory(Pipe),
}

impl Client {
    /// Connects to a server that is not of this test program; how the connection [ended](Self::ended) is not known then.
    ///
    /// Cancel safe: dropped, it gives its connection up. The server may have accepted it already, and sees it go.
    ///
    /// # Panics
    ///
    /// If nobody listens there.
    #[track_caller]
    pub fn connect(address: SocketAddr) -> impl Future<Output = Self> {
        Self::dial(address, Location::caller())
    }

    /// A client of a socket that was made in a way of its own.
    ///
    /// # Errors
    ///
    /// If the socket is not connected any more.
    pub fn from_tcp(stream: TcpStream) -> io::Result<Self> {
        // What is sent in pieces is to leave in pieces.
        stream.set_nodelay(true)?;
        Ok(Self { address: stream.local_addr()?, stream: Stream::Tcp(stream), ending: None })
    }

    pub(super) async fn dial(address: SocketAddr, at: &Location<'_>) -> Self {
        let connected = wait("a connection", at, TcpStream::connect(address)).await;
        let client = connected.and_then(Self::from_tcp);
        client.unwrap_or_else(|error| panic!("{at}: no connection to {address}: {error}"))
    }

    pub(super) fn in_memory(pipe: Pipe, address: SocketAddr) -> Self {
        Self { stream: Stream::Memory(pipe), address, ending: None }
    }

    pub(super) fn watched(self, ending: Ending) -> Self {
        Self { ending: Some(ending), ..self }
    }

    /// What the server calls its peer.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Its socket, where it has one: for options of it, and for what a client of bytes alone cannot do.
    pub fn tcp(&self) -> Option<&TcpStream> {
        match &self.stream {
            Stream::Tcp(stream) => Some(stream),
            Stream::Memory(_) => None,
        }
    }

    /// Sends bytes.
    ///
    /// # Panics
    ///
    /// If the connection has ended, or does not take them.
    #[track_caller]
    pub fn send(&mut self, bytes: impl AsRef<[u8]>) -> impl Future<Output = ()> {
        let at = Location::caller();
        async move {
            let sent = wait("room to send", at, self.write_all(bytes.as_ref())).await;
            sent.unwrap_or_else(|error| panic!("{at}: nothing can be sent: {error}"));
        }
    }

    /// Reads as many bytes as are expected, and nothing else.
    ///
    /// # Panics
    ///
    /// If they are others, or fewer come before the end.
    #[track_caller]
    pub fn expect(&mut self, expected: impl AsRef<[u8]>) -> impl Future<Output = ()> {
        let at = Location::caller();
        async move {
            let expected = expected.as_ref();
            let (mut got, mut length) = (vec![0; expected.len()], 0);
            let mut failed = String::new();
            while length < got.len() && failed.is_empty() {
                let what =
                    format!("\"{}\"", expected[length..expected.len().min(length + 40)].escape_ascii());
                match wait(&what, at, self.read(&mut got[length..])).await {
                    Ok(0) => failed = "the end came; ".to_owned(),
                    Ok(read) => length += read,
                    Err(error) => failed = format!("{error}; "),
                }
            }
            if let Some(difference) = difference(&got[..length], expected) {
                panic!("{at}: {failed}{difference}");
            }
        }
    }

    /// Sends a line, or any bytes, and expects them back.
    ///
    /// # Panics
    ///
    /// As [`send`](Self::send) and [`expect`](Self::expect).
    #[track_caller]
    pub fn is_echoed(&mut self, bytes: impl AsRef<[u8]>) -> impl Future<Output = ()> {
        let at = Location::caller();
        async move {
            let bytes = bytes.as_ref();
            let sent = wait("room to send", at, self.write_all(bytes)).await;
            sent.unwrap_or_else(|error| panic!("{at}: nothing can be sent: {error}"));
            let mut got = vec![0; bytes.len()];
            let read = wait("an echo", at, self.read_exact(&mut got)).await;
            read.unwrap_or_else(|error| panic!("{at}: no echo: {error}"));
            if let Some(difference) = difference(&got, bytes) {
                panic!("{at}: {difference}");
            }
        }
    }

    /// Ends the client's side; answers can still come.
    ///
    /// # Panics
    ///
    /// If the connection has failed.
    #[track_caller]
    pub fn finish(&mut self) -> impl Future<Output = ()> {
        let at = Location::caller();
        async move {
            let ended = wait("the end of the input", at, self.shutdown()).await;
            ended.unwrap_or_else(|error| panic!("{at}: the input cannot be ended: {error}"));
        }
    }

    /// Everything up to the server's end, or the error in the place of it.
    ///
    /// # Errors
    ///
    /// What the system says, [`ConnectionReset`](io::ErrorKind::ConnectionReset) as a rule.
    ///
    /// # Panics
    ///
    /// If no end comes.
    #[track_caller]
    pub fn rest(&mut self) -> impl Future<Output = io::Result<Vec<u8>>> {
        let at = Location::caller();
        async move {
            let mut rest = Vec::new();
            wait("the end", at, self.read_to_end(&mut rest)).await.map(|_| rest)
        }
    }

    /// Expects the server's end, and nothing before it.
    ///
    /// # Panics
    ///
    /// If something comes, or a reset.
    #[track_caller]
    pub fn expect_end(&mut self) -> impl Future<Output = ()> {
        let at = Location::caller();
        async move {
            let mut rest = Vec::new();
            match wait("the end", at, self.read_to_end(&mut rest)).await {
                Ok(0) => {}
                Ok(_) => panic!("{at}: {}", difference(&rest, b"").unwrap_or_default()),
                Err(error) => panic!("{at}: no end, but an error: {error}"),
            }
        }
    }

    /// Expects that the server resets the connection. What comes before that does not matter.
    ///
    /// # Panics
    ///
    /// If it ends in another way.
    #[track_caller]
    pub fn expect_reset(&mut self) -> impl Future<Output = ()> {
        let at = Location::caller();
        async move {
            match wait("a reset", at, self.read_to_end(&mut Vec::new())).await {
                Err(error) if error.kind() == io::ErrorKind::ConnectionReset => {}
                Err(error) => panic!("{at}: no reset, but {error}"),
                // Wine tells many a reader of a reset as of an end.
                Ok(_) if cfg!(wine) && matches!(self.stream, Stream::Tcp(_)) => {}
                Ok(_) => panic!("{at}: no reset: it ended well"),
            }
        }
    }

    /// Sends the pieces, ends its side, and tells all that came back meanwhile and after.
    ///
    /// # Panics
    ///
    /// If the connection does not end well.
    #[track_caller]
    pub fn exchange<'a>(self, pieces: impl IntoIterator<Item = &'a [u8]>) -> impl Future<Output = Vec<u8>> {
        let at = Location::caller();
        async move {
            let (mut reader, mut writer) = split(self);
            let mut answer = Vec::new();
            let write = async {
                for piece in pieces {
                    writer.write_all(piece).await?;
                    yield_now().await;
                }
                writer.shutdown().await
            };
            let read = reader.read_to_end(&mut answer);
            let both = wait("the end of an exchange", at, async { tokio::try_join!(write, read) }).await;
            both.unwrap_or_else(|error| panic!("{at}: the exchange failed: {error}"));
            answer
        }
    }

    /// Resets the connection: the server gets an error in the place of an end.
    pub fn reset(self) {
        match self.stream {
            // It can only fail on a socket that is dead already.
            Stream::Tcp(stream) => drop(SockRef::from(&stream).set_linger(Some(Duration::ZERO))),
            Stream::Memory(pipe) => pipe.reset(),
        }
    }

    /// Reads away what still comes, closes when the server does, and tells how the connection ended.
    ///
    /// A client that is to leave by itself [finishes](Self::finish) before.
    ///
    /// # Panics
    ///
    /// If it does not end, or was turned away: then it is no connection. Or if the server is not one of this program.
    #[track_caller]
    pub fn ended(self) -> impl Future<Output = Ended> {
        let at = Location::caller();
        async move {
            let Self { mut stream, ending, .. } = self;
            // An error is an end too.
            let _ = wait("the server's end", at, tokio::io::copy(&mut stream, &mut tokio::io::sink())).await;
            drop(stream);
            come(ending.as_ref(), at).await
        }
    }

    /// Reads nothing more, and tells how that ended.
    ///
    /// # Panics
    ///
    /// As [`ended`](Self::ended).
    #[track_caller]
    pub fn ended_unread(self) -> impl Future<Output = Ended> {
        let at = Location::caller();
        async move {
            // Whole: otherwise the stream would end here.
            let client = self;
            come(client.ending.as_ref(), at).await
        }
    }
}

async fn come(ending: Option<&Ending>, at: &Location<'_>) -> Ended {
    let Some(ending) = ending else {
        panic!("{at}: only the test's own server tells how a connection ended")
    };
    wait("word of the connection's end", at, ending.come()).await
}

impl AsyncRead for Client {
    fn poll_read(self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.get_mut().stream).poll_read(cx, buf)
    }
}

impl AsyncWrite for Client {
    fn poll_write(self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.get_mut().stream).poll_write(cx, buf)
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.get_mut().stream).poll_flush(cx)
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.get_mut().stream).poll_shutdown(cx)
    }
}

impl AsyncRead for Stream {
    fn poll_read(self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        match self.get_mut() {
            Self::Tcp(stream) => Pin::new(stream).poll_read(cx, buf),
            Self::Memory(pipe) => Pin::new(pipe).poll_read(cx, buf),
        }
    }
}

impl AsyncWrite for Stream {
    fn poll_write(self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        match self.get_mut() {
            Self::Tcp(stream) => Pin::new(stream).poll_write(cx, buf),
            Self::Memory(pipe) => Pin::new(pipe).poll_write(cx, buf),
        }
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        match self.get_mut() {
            Self::Tcp(stream) => Pin::new(stream).poll_flush(cx),
            Self::Memory(pipe) => Pin::new(pipe).poll_flush(cx),
        }
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        match self.get_mut() {
            Self::Tcp(stream) => Pin::new(stream).poll_shutdown(cx),
            Self::Memory(pipe) => Pin::new(pipe).poll_shutdown(cx),
        }
    }
}

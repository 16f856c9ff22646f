//! A client that checks every byte.

use std::io;
use std::net::SocketAddr;
use std::time::Duration;

use socket2::SockRef;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::task::yield_now;

use super::within;

pub(crate) struct Client {
    pub(crate) stream: TcpStream,
}

impl Client {
    pub(crate) async fn connect(address: SocketAddr) -> Self {
        let stream = within("a connection", TcpStream::connect(address)).await.unwrap();
        // What is sent in pieces is to leave in pieces.
        stream.set_nodelay(true).unwrap();
        Self { stream }
    }

    /// What the server calls its peer.
    pub(crate) fn address(&self) -> SocketAddr {
        self.stream.local_addr().unwrap()
    }

    pub(crate) async fn send(&mut self, bytes: impl AsRef<[u8]>) {
        within("room to send", self.stream.write_all(bytes.as_ref())).await.unwrap();
    }

    /// Reads as many bytes as are expected, and nothing else.
    pub(crate) async fn expect(&mut self, expected: impl AsRef<[u8]>) {
        let expected = expected.as_ref();
        let mut got = vec![0; expected.len()];
        within("an answer", self.stream.read_exact(&mut got)).await.unwrap();
        assert_same(&got, expected);
    }

    /// Sends a line and expects it back.
    pub(crate) async fn is_echoed(&mut self, line: &str) {
        self.send(line).await;
        self.expect(line).await;
    }

    /// Ends the client's side; answers can still come.
    pub(crate) async fn finish(&mut self) {
        within("the end of the input", self.stream.shutdown()).await.unwrap();
    }

    /// Everything up to the server's end, or the error in the place of it.
    pub(crate) async fn rest(&mut self) -> io::Result<Vec<u8>> {
        let mut rest = Vec::new();
        within("the end", self.stream.read_to_end(&mut rest)).await.map(|_| rest)
    }

    pub(crate) async fn expect_end(&mut self) {
        assert_same(&self.rest().await.unwrap(), b"");
    }

    pub(crate) async fn expect_reset(&mut self) {
        match self.rest().await {
            // Wine tells many a reader of a reset as of an end.
            Ok(_) if cfg!(wine) => {}
            Ok(_) => panic!("it ended well"),
            Err(error) => assert_eq!(error.kind(), io::ErrorKind::ConnectionReset, "{error}"),
        }
    }

    /// Sends the pieces, ends its side, and tells all that came back.
    pub(crate) async fn exchange(self, pieces: impl IntoIterator<Item = &[u8]>) -> Vec<u8> {
        let (mut reader, mut writer) = self.stream.into_split();
        let mut answer = Vec::new();
        let write = async {
            for piece in pieces {
                writer.write_all(piece).await.unwrap();
                yield_now().await;
            }
            writer.shutdown().await.unwrap();
        };
        let read = async { reader.read_to_end(&mut answer).await.unwrap() };
        within("an exchange", async { tokio::join!(write, read) }).await;
        answer
    }

    /// Resets the connection.
    pub(crate) fn reset(self) {
        SockRef::from(&self.stream).set_linger(Some(Duration::ZERO)).unwrap();
    }
}

/// Compares what may be megabytes, and shows only where they differ.
#[track_caller]
pub(crate) fn assert_same(got: &[u8], expected: &[u8]) {
    let same = got.iter().zip(expected).take_while(|(got, expected)| got == expected).count();
    if same < got.len().max(expected.len()) {
        let excerpt = |bytes: &[u8]| bytes[same..bytes.len().min(same + 40)].escape_ascii().to_string();
        panic!(
            "{} bytes where {} were expected; at {same}: \"{}\" where \"{}\" was expected",
            got.len(),
            expected.len(),
            excerpt(got),
            excerpt(expected)
        );
    }
}

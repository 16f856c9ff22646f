//! Handshakes in memory, and files that are read.

mod clients;
mod faults;
mod files;
mod handshake;
mod names;
#[path = "../../../../tests/common/pki.rs"]
mod pki;

use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use rustls::client::WebPkiServerVerifier;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName};
use rustls::{ClientConfig, RootCertStore};
use tempfile::TempDir;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt, DuplexStream, ReadBuf, duplex};
use tokio_rustls::{TlsConnector, client};

use self::pki::{Authority, Issued};
use super::server::TlsServer;
use super::*;
use crate::BoxError;
use crate::config::meant::{ClientAuth, FileAt, Named, Pair, TlsConfig, TlsStart, TlsVersion};
use crate::establish::{Stream, Transport};

/// Files of one listener.
pub(crate) struct Files {
    pub(crate) folder: TempDir,
    pub(crate) authority: Authority,
}

impl Files {
    /// `server.pem` and `server.key`, for `server.test`, and `ca.pem`.
    pub(crate) fn new() -> Self {
        let files = Self { folder: tempfile::tempdir().unwrap(), authority: Authority::new("Test CA") };
        files.write("ca.pem", &files.authority.pem());
        files.issue("server", &["server.test"]);
        files
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn write(&self, name: &str, text: &str) {
        fs::write(self.path(name), text).unwrap();
        pki::private(&self.path(name));
    }

    /// Writes a new pair of files, and has it too.
    fn issue(&self, name: &str, names: &[&str]) -> Issued {
        let issued = self.authority.issue(names);
        issued.write(self.folder.path(), name);
        issued
    }

    fn at(&self, name: &str) -> FileAt {
        FileAt { path: self.path(name), span: 0..0 }
    }

    fn pair(&self, name: &str) -> Pair {
        Pair { certificate: self.at(&format!("{name}.pem")), key: Some(self.at(&format!("{name}.key"))) }
    }

    pub(crate) fn config(&self) -> TlsConfig {
        TlsConfig {
            certificate: self.pair("server"),
            sni: Vec::new(),
            strict_sni: false,
            alpn: Vec::new(),
            client_auth: ClientAuth::None,
            client_ca: None,
            client_crl: None,
            min_version: TlsVersion::V1_2,
            tickets: true,
            start: TlsStart::Accept,
        }
    }

    /// A client that trusts the authority and shows nothing.
    pub(crate) fn client(&self) -> ClientConfig {
        self.client_with(None, &[&rustls::version::TLS13, &rustls::version::TLS12])
    }

    fn client_with(
        &self,
        own: Option<&Issued>,
        versions: &[&'static rustls::SupportedProtocolVersion],
    ) -> ClientConfig {
        let mut roots = RootCertStore::empty();
        roots.add(self.authority.der().into()).unwrap();
        let verifier =
            WebPkiServerVerifier::builder_with_provider(Arc::new(roots), provider()).build().unwrap();
        let builder = ClientConfig::builder_with_provider(provider())
            .with_protocol_versions(versions)
            .unwrap()
            .with_webpki_verifier(verifier);
        let Some(own) = own else { return builder.with_no_client_auth() };
        let chain = vec![CertificateDer::from_pem_slice(own.certificate.as_bytes()).unwrap()];
        let key = PrivateKeyDer::from_pem_slice(own.key.as_bytes()).unwrap();
        builder.with_client_auth_cert(chain, key).unwrap()
    }
}

pub(crate) fn read(config: &TlsConfig) -> TlsServer {
    TlsServer::read(config, |warning| panic!("{warning}")).unwrap()
}

type Made = Result<(Stream, TlsInfo), BoxError>;
type Connected = io::Result<client::TlsStream<DuplexStream>>;

/// One end of a pipe, through which so many bytes go at once.
struct Pieces(DuplexStream, usize);

impl Transport for Pieces {}

impl AsyncRead for Pieces {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let most = self.1.min(buf.remaining());
        let mut piece = ReadBuf::new(buf.initialize_unfilled_to(most));
        ready!(Pin::new(&mut self.0).poll_read(cx, &mut piece))?;
        let read = piece.filled().len();
        buf.advance(read);
        Poll::Ready(Ok(()))
    }
}

impl AsyncWrite for Pieces {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        let most = self.1.min(buf.len());
        Pin::new(&mut self.0).poll_write(cx, &buf[..most])
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.0).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.0).poll_shutdown(cx)
    }
}

/// Makes a handshake of which the server reads and writes so many bytes at once.
async fn shake_over(
    piece: usize,
    server: &TlsServer,
    client: &Arc<ClientConfig>,
    name: &str,
) -> (Made, Connected) {
    let (near, far) = duplex(64 * 1024);
    let name = ServerName::try_from(name.to_owned()).unwrap();
    let connector = TlsConnector::from(Arc::clone(client));
    // A client whose handshake is done learns by its next read whether the server's is.
    let client = async {
        let mut stream = connector.connect(name, near).await?;
        stream.write_all(b"hello").await?;
        let mut answer = [0; 5];
        stream.read_exact(&mut answer).await?;
        assert_eq!(&answer, b"hello");
        Ok(stream)
    };
    let server = async {
        let (mut stream, info) = server.handshake(Stream::Boxed(Box::new(Pieces(far, piece)))).await?;
        let mut hello = [0; 5];
        stream.read_exact(&mut hello).await?;
        stream.write_all(&hello).await?;
        stream.flush().await?;
        Ok((stream, info))
    };
    tokio::join!(server, client)
}

async fn shake(server: &TlsServer, client: ClientConfig, name: &str) -> (Made, Connected) {
    shake_over(64 * 1024, server, &Arc::new(client), name).await
}

/// What is said of a handshake that failed.
fn said(made: Made) -> String {
    let error = made.err().expect("the handshake was made");
    let mut said = error.to_string();
    let mut source = error.source();
    while let Some(cause) = source {
        said += &format!(": {cause}");
        source = cause.source();
    }
    said
}

/// The first certificate in a file.
fn certificate(path: &Path) -> CertificateDer<'static> {
    CertificateDer::from_pem_slice(&fs::read(path).unwrap()).unwrap()
}

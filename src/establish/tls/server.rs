//! All of a listener's files as one value, and the handshake with it.

use std::fmt;
use std::io;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, SystemTime};

use rustls::crypto::ring::Ticketer;
use rustls::server::danger::ClientCertVerifier;
use rustls::server::{NoServerSessionStorage, WebPkiClientVerifier};
use rustls::{AlertDescription, Error, PeerIncompatible, RootCertStore, ServerConfig, version};
use tokio::time::timeout;
use tokio_rustls::TlsAcceptor;
use tracing::warn;

use super::files::{self, Certified, FileFault, FileWarning};
use super::info::TlsInfo;
use super::names::Certificates;
use super::provider;
use super::stream::{Beneath, TlsStream};
use crate::BoxError;
use crate::config::meant::{ClientAuth, FileAt, Pair, TlsConfig, TlsVersion};
use crate::config::watch::{Watchable, Watched};
use crate::establish::foreign::Foreign;
use crate::establish::stream::{Stream, part};

/// What a listener's handshakes are made with. Its files are read again when they change.
pub(crate) struct TlsServer {
    loaded: Arc<Watched<Loaded>>,
    strict_sni: bool,
}

/// The files as of one moment.
struct Loaded {
    config: Arc<ServerConfig>,
    expiries: Vec<Expiry>,
    warnings: Vec<FileWarning>,
}

/// Until when a certificate is good.
#[derive(Debug, Clone)]
pub(crate) struct Expiry {
    pub(crate) file: PathBuf,
    pub(crate) at: SystemTime,
}

/// Why files cannot be used: all of it at once.
#[derive(Debug)]
pub(crate) struct Failed(pub(crate) Vec<FileFault>);

impl TlsServer {
    /// Reads all files for the first time. What is odd about them goes to `warn`.
    ///
    /// # Errors
    ///
    /// All that is wrong with them.
    pub(crate) fn read(config: &TlsConfig, mut warn: impl FnMut(&FileWarning)) -> Result<Self, Failed> {
        let (listener, again) = (config.clone(), AtomicBool::new(false));
        let read = move || {
            let loaded = Loaded::read(&listener)?;
            // Of the first time they are told where the whole file's problems are.
            if again.swap(true, Ordering::Relaxed) {
                loaded.warnings.iter().for_each(|warning| warn!("{warning}"));
            }
            Ok::<_, Failed>(loaded)
        };
        let loaded = Watched::read(files_of(config), read)?;
        loaded.load().warnings.iter().for_each(&mut warn);
        Ok(Self { loaded, strict_sni: config.strict_sni })
    }

    /// From now on the files are looked at.
    pub(crate) fn keep_watch(&self) {
        self.loaded.keep_watch();
    }

    /// Looks at the files as often as it takes to see that they have changed and keep still.
    #[cfg(test)]
    pub(crate) fn look(&self) {
        self.loaded.look();
        self.loaded.look();
    }

    /// The files, as what is watched.
    pub(crate) fn watchable(&self) -> Arc<dyn Watchable> {
        Arc::<Watched<Loaded>>::clone(&self.loaded)
    }

    /// Until when each of the certificates is good.
    pub(crate) fn expiries(&self) -> Vec<Expiry> {
        self.loaded.load().expiries.clone()
    }

    /// Makes the handshake. There is no limit to how long it may take but the caller's.
    ///
    /// # Errors
    ///
    /// What the client did wrong, or said that we do. It was sent an alert, as far as it could be.
    pub(crate) async fn handshake(&self, stream: Stream) -> Result<(Stream, TlsInfo), BoxError> {
        let acceptor = TlsAcceptor::from(Arc::clone(&self.loaded.load().config));
        match acceptor.accept(Beneath::new(stream)).into_fallible().await {
            Ok(stream) => {
                let info = TlsInfo::of(stream.get_ref().1);
                Ok((Stream::Boxed(Box::new(TlsStream(stream))), info))
            }
            Err((error, mut beneath)) => {
                let failure = Failure::of(error, beneath.first(), self.strict_sni);
                linger(&mut beneath).await;
                Err(failure.into())
            }
        }
    }
}

impl fmt::Debug for TlsServer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TlsServer").finish_non_exhaustive()
    }
}

/// How long a client that was sent an alert may take to read it.
const LINGER: Duration = Duration::from_secs(1);

/// Lets an alert arrive. RFC 8446 has the client send before it can know of it: its certificate, and its first bytes behind that.
async fn linger(beneath: &mut Beneath) {
    // Whatever comes of it, the connection is over.
    let _ = timeout(LINGER, part(beneath)).await;
}

// === impl Loaded ===

impl Loaded {
    fn read(config: &TlsConfig) -> Result<Self, Failed> {
        let mut faults = Vec::new();
        let mut keep = |read: Result<Certified, FileFault>| read.map_err(|fault| faults.push(fault)).ok();
        let default = keep(files::pair(&config.certificate));
        let named: Vec<_> = config.sni.iter().map(|named| (named, keep(files::pair(&named.pair)))).collect();
        let clients = clients(config).map_err(|more| faults.extend(more)).ok();
        let (Some(default), Some(clients), true) = (default, clients, faults.is_empty()) else {
            return Err(Failed(faults));
        };

        let own =
            |certified: &Certified| certified.contents.as_ref().map_or(Vec::new(), |own| own.names.clone());
        let strictly = config.strict_sni.then(|| own(&default));
        let mut certificates = Certificates::new(&default.key, strictly.as_deref());
        let (mut expiries, mut warnings) = (Vec::<Expiry>::new(), Vec::new());
        let mut note = |pair: &Pair, certified: Certified| {
            let file = pair.certificate.path.clone();
            expiries.extend(certified.contents.map(|own| Expiry { file, at: own.not_after }));
            warnings.extend(certified.warnings);
        };
        for (named, certified) in named {
            let Some(certified) = certified else { continue };
            let names = if named.names.is_empty() { own(&certified) } else { named.names.clone() };
            certificates.add(&certified.key, &names);
            note(&named.pair, certified);
        }
        note(&config.certificate, default);
        // One file may be named for several names.
        expiries.sort_by(|one, other| one.file.cmp(&other.file));
        expiries.dedup_by(|one, other| one.file == other.file);
        let config = server_config(config, clients, certificates).map_err(|error| Failed(vec![error]))?;
        Ok(Self { config: Arc::new(config), expiries, warnings })
    }
}

fn server_config(
    config: &TlsConfig,
    clients: Arc<dyn ClientCertVerifier>,
    certificates: Certificates,
) -> Result<ServerConfig, FileFault> {
    let versions: &[_] = match config.min_version {
        TlsVersion::V1_2 => &[&version::TLS13, &version::TLS12],
        TlsVersion::V1_3 => &[&version::TLS13],
    };
    // None of these can fail with a provider that is whole, and random bytes that the system has.
    let broken = |error: Error| FileFault {
        file: config.certificate.certificate.clone(),
        reason: format!("cannot be served: {error}"),
        help: "the cryptography of this program, or the system's source of random bytes, is broken",
    };
    let mut server = ServerConfig::builder_with_provider(provider())
        .with_protocol_versions(versions)
        .map_err(broken)?
        .with_client_cert_verifier(clients)
        .with_cert_resolver(Arc::new(certificates));
    server.alpn_protocols = config.alpn.iter().map(|name| name.clone().into_bytes()).collect();
    if config.tickets {
        // A key of its own for each reading: a ticket from before the lists of clients changed is not good any more.
        server.ticketer = Ticketer::new().map_err(broken)?;
    } else {
        server.send_tls13_tickets = 0;
    }
    // What a ticket does not say, no table is to remember.
    server.session_storage = Arc::new(NoServerSessionStorage {});
    Ok(server)
}

/// What clients' own certificates are checked by.
fn clients(config: &TlsConfig) -> Result<Arc<dyn ClientCertVerifier>, Vec<FileFault>> {
    let TlsConfig { client_auth, client_ca, client_crl, .. } = config;
    let (Some(ca), ClientAuth::Optional | ClientAuth::Required) = (client_ca, client_auth) else {
        return Ok(WebPkiClientVerifier::no_client_auth());
    };
    let mut faults = Vec::new();
    let mut roots = RootCertStore::empty();
    match files::authorities(ca) {
        Ok(authorities) => {
            let unfit = authorities.into_iter().find_map(|authority| roots.add(authority).err());
            faults.extend(unfit.map(|error| unusable(ca, &error)));
        }
        Err(fault) => faults.push(fault),
    }
    let lists = client_crl.as_ref().map_or(Ok(Vec::new()), files::revoked);
    let lists = lists.map_err(|fault| faults.push(fault)).unwrap_or_default();
    if !faults.is_empty() {
        return Err(faults);
    }
    let mut builder =
        WebPkiClientVerifier::builder_with_provider(Arc::new(roots), provider()).with_crls(lists);
    if *client_auth == ClientAuth::Optional {
        builder = builder.allow_unauthenticated();
    }
    builder.build().map_err(|error| vec![unusable(client_crl.as_ref().unwrap_or(ca), &error)])
}

fn unusable(file: &FileAt, error: &dyn fmt::Display) -> FileFault {
    FileFault {
        file: file.clone(),
        reason: format!("can't be used: {error}"),
        help: "it has to be of the authority that signs the certificates of clients",
    }
}

fn files_of(config: &TlsConfig) -> Vec<PathBuf> {
    let pairs = std::iter::once(&config.certificate).chain(config.sni.iter().map(|named| &named.pair));
    pairs
        .flat_map(|pair| std::iter::once(&pair.certificate).chain(&pair.key))
        .chain(&config.client_ca)
        .chain(&config.client_crl)
        .map(|file| file.path.clone())
        .collect()
}

// === impl Failed ===

impl fmt::Display for Failed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, fault) in self.0.iter().enumerate() {
            let comma = if index == 0 { "" } else { "; " };
            write!(f, "{comma}{fault}")?;
        }
        Ok(())
    }
}

impl std::error::Error for Failed {}

/// Why a handshake failed, in words that say what to do about it.
#[derive(Debug, thiserror::Error)]
enum Failure {
    #[error("the client left before it sent anything")]
    Silent,
    #[error("the client left in the middle of the TLS handshake")]
    Left,
    #[error("the client sent {0} in the clear, and this listener speaks TLS")]
    Foreign(Foreign),
    #[error(
        "the client sent a PROXY header, and no such is expected from its address: see proxy_protocol.trusted"
    )]
    ProxyHeader,
    #[error("the client sent plain bytes, and this listener speaks TLS")]
    Plain,
    #[error("the client has no certificate, and has to have one")]
    NoCertificate,
    #[error("the client asked for no name that there is a certificate for")]
    NoName,
    #[error("the client speaks none of the protocols that are spoken here (tls.alpn)")]
    NoProtocol,
    #[error("the client speaks no version of TLS that is spoken here")]
    Version,
    #[error("the client refused the certificate that it was shown: {0}")]
    Distrusted(&'static str),
    #[error("the TLS handshake failed")]
    Other(#[source] Error),
    #[error("the connection failed in the TLS handshake")]
    Io(#[source] io::Error),
}

impl Failure {
    fn of(error: io::Error, first: &[u8], strict_sni: bool) -> Self {
        match Foreign::recognize(first) {
            Some(Foreign::Proxy) => return Self::ProxyHeader,
            Some(foreign @ Foreign::Http) => return Self::Foreign(foreign),
            // 22 is a handshake, 21 an alert, with which a client may take its leave at once.
            _ if first.first().is_some_and(|first| !matches!(first, 21 | 22)) => return Self::Plain,
            _ => {}
        }
        if error.kind() == io::ErrorKind::UnexpectedEof {
            return if first.is_empty() { Self::Silent } else { Self::Left };
        }
        match error.downcast::<Error>() {
            Ok(error) => Self::of_tls(error, strict_sni),
            Err(error) => Self::Io(error),
        }
    }

    fn of_tls(error: Error, strict_sni: bool) -> Self {
        match error {
            Error::NoCertificatesPresented => Self::NoCertificate,
            Error::PeerIncompatible(
                PeerIncompatible::Tls12NotOfferedOrEnabled
                | PeerIncompatible::Tls13RequiredForQuic
                | PeerIncompatible::SupportedVersionsExtensionRequired
                // What is older than TLS 1.2 knows no such extension.
                | PeerIncompatible::SignatureAlgorithmsExtensionRequired
                | PeerIncompatible::Tls12NotOffered,
            ) => Self::Version,
            Error::NoApplicationProtocol => Self::NoProtocol,
            // So it is called where no certificate was found for a client.
            Error::General(_) if strict_sni => Self::NoName,
            Error::AlertReceived(alert) => match distrust(alert) {
                Some(why) => Self::Distrusted(why),
                None => Self::Other(error),
            },
            error => Self::Other(error),
        }
    }
}

/// What a client says that does not like a certificate.
fn distrust(alert: AlertDescription) -> Option<&'static str> {
    match alert {
        AlertDescription::UnknownCA => Some("it does not know who signed it"),
        AlertDescription::CertificateExpired => Some("it has expired"),
        AlertDescription::CertificateRevoked => Some("it is revoked"),
        AlertDescription::BadCertificate => Some("it is bad"),
        AlertDescription::UnsupportedCertificate => Some("it is of a kind that the client does not know"),
        AlertDescription::CertificateUnknown => Some("it is not what the client wants"),
        _ => None,
    }
}

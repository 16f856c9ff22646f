//! Certificates, keys and lists of revoked certificates, from PEM; and what is wrong with them, for people.

use std::fmt;
use std::fs::File;
use std::io;
use std::path::Path;
use std::sync::Arc;
use std::time::SystemTime;

use rustls::pki_types::pem::{self, PemObject};
use rustls::pki_types::{CertificateDer, CertificateRevocationListDer, PrivateKeyDer};
use rustls::sign::CertifiedKey;
use rustls::{Error, InconsistentKeys};

use super::{provider, x509};
use crate::config::meant::{FileAt, Pair};
use crate::config::regular::{NotRead, read_regular};
use crate::platform;

/// More than any chain, or list, that makes sense; so that a device's name does not fill the memory.
const LARGEST: u64 = 64 * 1024 * 1024 - 1;

/// What is wrong with a file.
#[derive(Debug)]
pub(crate) struct FileFault {
    pub(crate) file: FileAt,
    /// As it goes on after the name of the file.
    pub(crate) reason: String,
    pub(crate) help: &'static str,
}

/// What is odd about a file that is used all the same.
#[derive(Debug)]
pub(crate) struct FileWarning {
    pub(crate) file: FileAt,
    /// As it goes on after the name of the file.
    pub(crate) reason: String,
}

/// A pair that fits, and what there is to say of it.
pub(super) struct Certified {
    pub(super) key: Arc<CertifiedKey>,
    /// Of the certificate itself; `None` where it could not be read.
    pub(super) contents: Option<x509::Contents>,
    pub(super) warnings: Vec<FileWarning>,
}

const WANT_CERTIFICATE: &str = "it has to be PEM, with a line -----BEGIN CERTIFICATE-----: `openssl x509 -inform DER -in FILE` makes that of DER";

const WANT_KEY: &str = "it has to be PEM, with a line -----BEGIN PRIVATE KEY-----: `openssl pkey -inform DER -in FILE` makes that of DER";

/// Reads a certificate with its chain and its key, and checks that they belong together.
pub(super) fn pair(pair: &Pair) -> Result<Certified, FileFault> {
    let Pair { certificate, key } = pair;
    let (_, text) = read(certificate)?;
    let chain = certificates(certificate, &text)?;
    let (key_at, (file, key_text)) = match key {
        Some(key) => (key, read(key)?),
        None => (certificate, read(certificate)?),
    };
    let der = private_key(key_at, &key_text)?;
    let signing = provider().key_provider.load_private_key(der).map_err(|_| {
        key_at.fault(
            "has a private key of a kind, or of a size, that is not supported",
            "take RSA of 2048 to 8192 bits, ECDSA over P-256 or P-384, or Ed25519",
        )
    })?;
    let contents = chain.first().and_then(|first| x509::read(first));
    let certified = CertifiedKey::new(chain, signing);
    match certified.keys_match() {
        Ok(()) | Err(Error::InconsistentKeys(InconsistentKeys::Unknown)) => {}
        Err(Error::InconsistentKeys(_)) => {
            let reason = format!("is not the key of the first certificate in {}", certificate.path.display());
            let help = "name the two files that belong together; in a chain the server's own certificate comes first";
            return Err(key_at.fault(reason, help));
        }
        Err(error) => {
            return Err(certificate.fault(
                format!("has a first certificate that can't be used: {error}"),
                "the server's own certificate comes first; it has to be of version 3",
            ));
        }
    }
    let mut warnings = Vec::new();
    if platform::is_public(&file).unwrap_or(false) {
        warnings.push(
            key_at.warning("holds a private key, and everybody on this machine may read it: chmod o-rwx"),
        );
    }
    warnings.extend(contents.as_ref().and_then(|contents| out_of_time(contents, certificate)));
    Ok(Certified { key: Arc::new(certified), contents, warnings })
}

/// Clients refuse a certificate outside of its time; the service still serves, as others of its listeners may be wanted.
fn out_of_time(contents: &x509::Contents, at: &FileAt) -> Option<FileWarning> {
    let now = SystemTime::now();
    let date = |time: SystemTime| {
        // Outside of the years that there are dates for, the number alone has to do.
        jiff::Timestamp::try_from(time).map_or_else(|_| format!("{time:?}"), |time| time.to_string())
    };
    if now > contents.not_after {
        Some(at.warning(format!("has a certificate that has expired, at {}", date(contents.not_after))))
    } else if now < contents.not_before {
        Some(at.warning(format!("has a certificate that is not good before {}", date(contents.not_before))))
    } else {
        None
    }
}

/// The certificates in a file, of which there has to be one.
pub(super) fn authorities(file: &FileAt) -> Result<Vec<CertificateDer<'static>>, FileFault> {
    certificates(file, &read(file)?.1)
}

/// The lists of revoked certificates in a file, of which there has to be one.
pub(super) fn revoked(file: &FileAt) -> Result<Vec<CertificateRevocationListDer<'static>>, FileFault> {
    let help = "it has to be PEM, with a line -----BEGIN X509 CRL-----: `openssl crl -inform DER -in FILE` makes that of DER";
    let text = read(file)?.1;
    let lists: Result<Vec<_>, _> = CertificateRevocationListDer::pem_slice_iter(&text).collect();
    let lists = lists.map_err(|error| file.fault(damage(&error), help))?;
    if lists.is_empty() {
        return Err(file.fault("has no list of revoked certificates in it", help));
    }
    Ok(lists)
}

fn certificates(file: &FileAt, text: &[u8]) -> Result<Vec<CertificateDer<'static>>, FileFault> {
    let chain: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(text).collect();
    let chain = chain.map_err(|error| file.fault(damage(&error), WANT_CERTIFICATE))?;
    if chain.is_empty() {
        return Err(match PrivateKeyDer::from_pem_slice(text) {
            Ok(_) => file.fault(
                "has a private key in it, and no certificate",
                "name the certificate's file here, and this one as `key`",
            ),
            Err(_) => file.fault("has no certificate in it", WANT_CERTIFICATE),
        });
    }
    Ok(chain)
}

fn private_key(file: &FileAt, text: &[u8]) -> Result<PrivateKeyDer<'static>, FileFault> {
    let has = |mark: &[u8]| text.windows(mark.len()).any(|part| part == mark);
    if has(b"BEGIN ENCRYPTED PRIVATE KEY") || has(b"Proc-Type: 4,ENCRYPTED") {
        return Err(file.fault(
            "has a private key that is encrypted, and nobody would be there to type its password",
            "`openssl pkey -in FILE -out PLAIN` decrypts it; let nobody but the service read the result",
        ));
    }
    PrivateKeyDer::from_pem_slice(text).map_err(|error| match error {
        pem::Error::NoItemsFound => file.fault("has no private key in it", WANT_KEY),
        error => file.fault(damage(&error), WANT_KEY),
    })
}

/// Without what is in the file: it may be a key.
fn damage(error: &pem::Error) -> &'static str {
    match error {
        pem::Error::MissingSectionEnd { .. } => "is cut off: a section of it has no -----END-----",
        pem::Error::IllegalSectionStart { .. } => "has a line with -----BEGIN that is no beginning",
        _ => "is damaged: a section of it is not base64",
    }
}

/// A whole file, still open.
fn read(at: &FileAt) -> Result<(File, Vec<u8>), FileFault> {
    read_path(&at.path).map_err(|error| {
        let help = match error.kind() {
            io::ErrorKind::NotFound => "a path in server.toml is relative to that file",
            io::ErrorKind::PermissionDenied => "the user that the service runs as has to be able to read it",
            _ => "name a file of PEM",
        };
        at.fault(format!("cannot be read: {error}"), help)
    })
}

fn read_path(path: &Path) -> io::Result<(File, Vec<u8>)> {
    read_regular(path, LARGEST).map_err(|error| match error {
        NotRead::NoFile => io::Error::other("it is not a regular file"),
        NotRead::TooLarge => io::ErrorKind::FileTooLarge.into(),
        NotRead::Failed(error) => error,
    })
}

impl FileAt {
    fn fault(&self, reason: impl Into<String>, help: &'static str) -> FileFault {
        FileFault { file: self.clone(), reason: reason.into(), help }
    }

    fn warning(&self, reason: impl Into<String>) -> FileWarning {
        FileWarning { file: self.clone(), reason: reason.into() }
    }
}

impl fmt::Display for FileFault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.file.path.display(), self.reason)
    }
}

impl fmt::Display for FileWarning {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.file.path.display(), self.reason)
    }
}

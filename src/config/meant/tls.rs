//! `tls.*` of a listener.

use std::path::PathBuf;

use serde::Deserialize;

use crate::config::source::Span;

/// `tls.*` of a listener. Where no certificate is written, its connections are not encrypted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct TlsConfig {
    /// For clients that ask for no name, or for one that no other certificate is for.
    pub(crate) certificate: Pair,
    /// For clients that ask for one of its names.
    pub(crate) sni: Vec<Named>,
    /// Whether a client has to ask for a name that there is a certificate for.
    pub(crate) strict_sni: bool,
    /// The protocols that may be spoken, in the order of preference; none = it is not asked.
    pub(crate) alpn: Vec<String>,
    pub(crate) client_auth: ClientAuth,
    /// Who signs the certificates of clients.
    pub(crate) client_ca: Option<FileAt>,
    /// Which of them are revoked.
    pub(crate) client_crl: Option<FileAt>,
    pub(crate) min_version: TlsVersion,
    /// Whether clients may come back without a whole handshake.
    pub(crate) tickets: bool,
    pub(crate) start: TlsStart,
}

/// A chain of certificates and the key of the first.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Pair {
    pub(crate) certificate: FileAt,
    /// `None` = it stands in the certificate's file.
    pub(crate) key: Option<FileAt>,
}

/// One of `tls.sni`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Named {
    /// In lower case; one that begins with `*.` stands for any single label. None = those in the certificate.
    pub(crate) names: Vec<String>,
    pub(crate) pair: Pair,
}

/// A file, and where its path is written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct FileAt {
    pub(crate) path: PathBuf,
    pub(crate) span: Span,
}

/// `tls.client_auth`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "lowercase")]
pub(crate) enum ClientAuth {
    /// No client is asked for a certificate.
    None,
    /// A client may have one; what it has must be good.
    Optional,
    /// A client must have one.
    Required,
}

/// `tls.min_version`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub(crate) enum TlsVersion {
    #[serde(rename = "1.2")]
    V1_2,
    #[serde(rename = "1.3")]
    V1_3,
}

/// `tls.start`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "lowercase")]
pub(crate) enum TlsStart {
    /// With the first byte.
    Accept,
    /// When the handler says so.
    Handler,
}

#[cfg(feature = "admin")]
impl ClientAuth {
    /// The word for it in the file.
    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Self::None => "none",
            Self::Optional => "optional",
            Self::Required => "required",
        }
    }
}

#[cfg(feature = "admin")]
impl TlsVersion {
    /// As the file writes it.
    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Self::V1_2 => "1.2",
            Self::V1_3 => "1.3",
        }
    }
}

#[cfg(feature = "admin")]
impl TlsStart {
    /// The word for it in the file.
    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Self::Accept => "accept",
            Self::Handler => "handler",
        }
    }
}

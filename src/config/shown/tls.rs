//! `tls.*` of a listener, as rows.

use super::{Row, Shown};
use crate::config::meant::{ClientAuth, FileAt, Named, Pair, TlsConfig, TlsStart, TlsVersion};

/// `tls.*` of a listener that has a certificate, and what holds where nothing else is written.
pub(crate) fn tls(config: &TlsConfig) -> [(Row, Option<Shown>); 11] {
    let TlsConfig { certificate, sni, strict_sni, alpn, client_auth, client_ca, client_crl, .. } = config;
    let TlsConfig { min_version, tickets, start, .. } = config;
    let Pair { certificate, key } = certificate;
    let none = Some(Shown::Absent("none"));
    let path = |file: &FileAt| Shown::Text(file.path.display().to_string());
    let file = |file: &Option<FileAt>| file.as_ref().map_or(Shown::Absent("none"), path);
    let word = |word| Some(Shown::word(word));
    [
        (("tls.certificate", path(certificate)), None),
        (("tls.key", key.as_ref().map_or(Shown::Absent("in the certificate's file"), path)), None),
        (("tls.sni", Shown::List(sni.iter().map(named).collect())), Some(Shown::List(Vec::new()))),
        (("tls.strict_sni", Shown::Flag(*strict_sni)), Some(Shown::Flag(false))),
        (("tls.alpn", Shown::List(alpn.clone())), Some(Shown::List(Vec::new()))),
        (("tls.client_auth", Shown::word(client_auth.as_str())), word(ClientAuth::None.as_str())),
        (("tls.client_ca", file(client_ca)), none.clone()),
        (("tls.client_crl", file(client_crl)), none),
        (("tls.min_version", Shown::word(min_version.as_str())), word(TlsVersion::V1_2.as_str())),
        (("tls.tickets", Shown::Flag(*tickets)), Some(Shown::Flag(true))),
        (("tls.start", Shown::word(start.as_str())), word(TlsStart::Accept.as_str())),
    ]
}

/// `www.example.net *.example.org: cert.pem`
fn named(named: &Named) -> String {
    let Named { names, pair } = named;
    let names = if names.is_empty() { "the certificate's names".to_owned() } else { names.join(" ") };
    format!("{names}: {}", pair.certificate.path.display())
}

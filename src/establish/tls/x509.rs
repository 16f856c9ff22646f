//! What a certificate says of itself. Whether to believe it is rustls's to tell.

use std::time::SystemTime;

use x509_cert::certificate::{CertificateInner, Raw};
use x509_cert::der::Decode;
use x509_cert::ext::pkix::SubjectAltName;
use x509_cert::ext::pkix::name::GeneralName;

/// A certificate, as far as it is read here.
#[derive(Debug, Clone)]
pub(super) struct Contents {
    /// After RFC 4514, as `CN=www.example.net,O=Example`; may be empty.
    pub(super) subject: String,
    pub(super) not_before: SystemTime,
    pub(super) not_after: SystemTime,
    /// Names of hosts that it is for, in lower case; those with `*.` too.
    pub(super) names: Vec<String>,
}

/// Reads a certificate; `None` where it is none that could be read.
//
// By the lenient profile: what others have signed need not be after RFC 5280 in every point.
pub(super) fn read(der: &[u8]) -> Option<Contents> {
    let certificate = CertificateInner::<Raw>::from_der(der).ok()?;
    let body = certificate.tbs_certificate();
    let names = match body.get_extension::<SubjectAltName>() {
        Ok(Some((_, names))) => names.0.iter().filter_map(host).collect(),
        _ => Vec::new(),
    };
    Some(Contents {
        subject: body.subject().to_string(),
        not_before: body.validity().not_before.to_system_time(),
        not_after: body.validity().not_after.to_system_time(),
        names,
    })
}

fn host(name: &GeneralName) -> Option<String> {
    match name {
        GeneralName::DnsName(name) => Some(name.as_str().trim_end_matches('.').to_ascii_lowercase()),
        _ => None,
    }
}

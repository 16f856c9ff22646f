//! `tls.*`: defaults, and what does not go together.

use std::collections::HashSet;

use crate::config::fault::Faults;
use crate::config::meant::{ClientAuth, FileAt, Named, Pair, TlsConfig, TlsStart, TlsVersion};
use crate::config::printable::quoted;
use crate::config::source::Span;
use crate::config::tree::{Node, Table};
use crate::config::value::FilePath;
use crate::config::written::{self, Tls};

/// A table `tls` as it is written, and as it was read.
#[derive(Clone, Copy)]
struct Side<'a> {
    read: &'a Tls,
    /// The table that `tls` is a key of.
    holder: Option<&'a Table>,
}

/// The listener's own, else `[defaults]`, else built in; none where no certificate is written, so that `[defaults]` can say
/// how encrypted listeners are to be without encrypting all of them. `who` is what the listener is called.
pub(super) fn tls(
    own: &Tls,
    listener: &Table,
    defaults: &written::Defaults,
    root: &Table,
    who: &str,
    faults: &mut Faults,
) -> Option<TlsConfig> {
    let sides = [
        Side { read: own, holder: Some(listener) },
        Side { read: &defaults.tls, holder: root.get("defaults").and_then(Node::table) },
    ];
    let certificate = file(sides, "certificate", |tls| tls.certificate.as_ref());
    let Some(certificate) = certificate else {
        check_certificate(sides[0], who, faults);
        return None;
    };
    let [own, defaults] = sides.map(|side| side.read);
    // A key is that of the certificate beside it.
    let with_key = sides.into_iter().find(|side| side.read.certificate.is_some())?;
    let config = TlsConfig {
        certificate: Pair { certificate, key: file([with_key, with_key], "key", |tls| tls.key.as_ref()) },
        sni: sides
            .into_iter()
            .find_map(Side::sni)
            .map_or_else(Vec::new, |(read, node)| sni(read, node, faults)),
        strict_sni: own.strict_sni.or(defaults.strict_sni).unwrap_or(false),
        alpn: own
            .alpn
            .as_ref()
            .or(defaults.alpn.as_ref())
            .into_iter()
            .flatten()
            .map(|alpn| alpn.0.clone())
            .collect(),
        client_auth: own.client_auth.or(defaults.client_auth).unwrap_or(ClientAuth::None),
        client_ca: file(sides, "client_ca", |tls| tls.client_ca.as_ref()),
        client_crl: file(sides, "client_crl", |tls| tls.client_crl.as_ref()),
        min_version: own.min_version.or(defaults.min_version).unwrap_or(TlsVersion::V1_2),
        tickets: own.tickets.or(defaults.tickets).unwrap_or(true),
        start: own.start.or(defaults.start).unwrap_or(TlsStart::Accept),
    };
    let asked = own.client_auth.is_some() || defaults.client_auth.is_some();
    check_clients(&config, asked, faults);
    check_feature(&config.certificate.certificate.span, faults);
    Some(config)
}

impl<'a> Side<'a> {
    fn node(self, key: &str) -> Option<&'a Node> {
        self.holder?.at(&["tls", key])
    }

    fn sni(self) -> Option<(&'a [written::Sni], &'a Node)> {
        Some((self.read.sni.as_deref()?, self.node("sni")?))
    }
}

/// The first file that one of the two tables names.
fn file(sides: [Side<'_>; 2], key: &str, of: fn(&Tls) -> Option<&FilePath>) -> Option<FileAt> {
    sides.into_iter().find_map(|side| {
        let path = of(side.read)?.clone().into();
        let span = side.node(key).map_or(0..0, |node| node.span.clone());
        Some(FileAt { path, span })
    })
}

/// A listener whose keys ask for something without which there is no TLS at all. At its default, a key asks for nothing.
fn check_certificate(own: Side<'_>, who: &str, faults: &mut Faults) {
    let Tls { certificate: _, key, sni, strict_sni, alpn, client_auth, client_ca, client_crl, .. } = own.read;
    let Tls { min_version, tickets, start, .. } = own.read;
    let asks = key.is_some()
        || sni.as_ref().is_some_and(|sni| !sni.is_empty())
        || strict_sni.unwrap_or(false)
        || alpn.as_ref().is_some_and(|alpn| !alpn.is_empty())
        || client_auth.is_some_and(|auth| auth != ClientAuth::None)
        || client_ca.is_some()
        || client_crl.is_some()
        || min_version.is_some_and(|version| version != TlsVersion::V1_2)
        || !tickets.unwrap_or(true)
        || start.is_some_and(|start| start != TlsStart::Accept);
    let node = own.holder.and_then(|holder| holder.get("tls"));
    // A certificate that was written wrongly has been told of.
    if let Some(node) = node.filter(|_| asks && own.node("certificate").is_none()) {
        faults
            .absent(node.span.clone(), format!("{who} has keys of `tls`, and no certificate"))
            .help("add tls.certificate = \"cert.pem\" and tls.key = \"key.pem\"");
    }
}

fn check_clients(config: &TlsConfig, asked: bool, faults: &mut Faults) {
    let TlsConfig { client_auth, client_ca, client_crl, certificate, .. } = config;
    let written = &certificate.certificate.span;
    match (client_auth, client_ca, client_crl) {
        (ClientAuth::Optional | ClientAuth::Required, None, _) => {
            faults
                .absent(
                    written.clone(),
                    "clients are asked for certificates, but nothing says who signs these",
                )
                .help("add tls.client_ca = \"ca.pem\"");
        }
        (ClientAuth::None, Some(file), _) | (ClientAuth::None, None, Some(file)) if !asked => {
            faults
                .at(file.span.clone(), "no client is asked for a certificate, so this file would do nothing")
                .help("add tls.client_auth = \"required\" or \"optional\"");
        }
        _ => {}
    }
}

/// The certificates for names.
fn sni(read: &[written::Sni], node: &Node, faults: &mut Faults) -> Vec<Named> {
    let mut taken = HashSet::new();
    let entries = read.iter().zip(node.items());
    entries.filter_map(|(read, node)| named(read, node, &mut taken, faults)).collect()
}

fn named(
    read: &written::Sni,
    node: &Node,
    taken: &mut HashSet<String>,
    faults: &mut Faults,
) -> Option<Named> {
    let table = node.table()?;
    let at = |key: &str| table.get(key).map_or_else(|| node.span.clone(), |node| node.span.clone());
    if let Some(names) = table.get("names").filter(|names| names.is_empty_list()) {
        faults
            .at(names.span.clone(), "this list of names is empty")
            .help("write one at least, or leave `names` out: then it is those in the certificate");
    }
    let written = table.get("names").into_iter().flat_map(Node::items);
    for (name, node) in read.names.iter().flatten().zip(written) {
        if !taken.insert(name.0.clone()) {
            faults.at(node.span.clone(), format!("{} is there already", quoted(&name.0)));
        }
    }
    let Some(certificate) = &read.certificate else {
        if table.get("certificate").is_none() {
            faults
                .absent(node.span.clone(), "this entry of `tls.sni` has no `certificate`")
                .help("add certificate = \"cert.pem\" and key = \"key.pem\"");
        }
        return None;
    };
    let file = |path: &FilePath, key| FileAt { path: path.clone().into(), span: at(key) };
    let pair = Pair {
        certificate: file(certificate, "certificate"),
        key: read.key.as_ref().map(|key| file(key, "key")),
    };
    let names = read.names.iter().flatten().map(|name| name.0.clone()).collect();
    Some(Named { names, pair })
}

/// A library that was built without it must not serve in the clear what is to be encrypted.
fn check_feature(written: &Span, faults: &mut Faults) {
    if cfg!(not(feature = "tls")) {
        faults
            .at(written.clone(), "this program was built without TLS")
            .help("build it with the feature `tls` of terima, or remove the key");
    }
}

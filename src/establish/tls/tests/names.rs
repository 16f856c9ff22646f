//! Which certificate is shown.

use super::*;

#[tokio::test]
async fn each_name_gets_its_certificate() {
    let files = Files::new();
    let all = [
        "www.other.test",
        "a.other.test",
        "deep.a.other.test",
        "other.test",
        "own.test",
        "unknown.test",
        "server.test",
    ];
    // Good for every name, so that the client says which it was and not that it is the wrong one.
    for name in ["server", "www", "any", "own"] {
        files.issue(name, &all);
    }
    files.issue("server", &[&all[..], &["first.test"]].concat());
    files.issue("own", &["own.test"]);
    let named = |names: &[&str], name| Named {
        names: names.iter().map(|name| (*name).to_owned()).collect(),
        pair: files.pair(name),
    };
    let sni = vec![
        named(&["www.other.test"], "www"),
        named(&["*.other.test"], "any"),
        // The names are those in the certificate.
        named(&[], "own"),
    ];
    for strict_sni in [false, true] {
        let server = read(&TlsConfig { sni: sni.clone(), strict_sni, ..files.config() });
        let default = (!strict_sni).then_some("server");
        for (asked, expected) in [
            ("www.other.test", Some("www")),
            ("WWW.Other.test", Some("www")),
            ("a.other.test", Some("any")),
            ("own.test", Some("own")),
            // Of the default's own names; even where it is strict.
            ("server.test", Some("server")),
            ("first.test", Some("server")),
            // A `*` is one label.
            ("deep.a.other.test", default.or(Some("server"))),
            ("nobody.example", default),
            // An address is no name: the client asks for none.
            ("127.0.0.1", default),
        ] {
            let mut client = files.client();
            client.dangerous().set_certificate_verifier(Arc::new(Anything));
            let (made, client) = shake(&server, client, asked).await;
            let Some(expected) = expected else {
                assert_eq!(said(made), "the client asked for no name that there is a certificate for");
                continue;
            };
            let client = client.unwrap();
            let shown = &client.get_ref().1.peer_certificates().unwrap()[0];
            assert_eq!(
                *shown,
                certificate(&files.path(&format!("{expected}.pem"))),
                "{asked}, strict {strict_sni}"
            );
        }
    }
}

/// Believes every certificate.
#[derive(Debug)]
struct Anything;

mod anything {
    use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
    use rustls::pki_types::UnixTime;
    use rustls::{DigitallySignedStruct, Error, SignatureScheme};

    use super::*;

    impl ServerCertVerifier for Anything {
        fn verify_server_cert(
            &self,
            _: &CertificateDer<'_>,
            _: &[CertificateDer<'_>],
            _: &ServerName<'_>,
            _: &[u8],
            _: UnixTime,
        ) -> Result<ServerCertVerified, Error> {
            Ok(ServerCertVerified::assertion())
        }

        fn verify_tls12_signature(
            &self,
            _: &[u8],
            _: &CertificateDer<'_>,
            _: &DigitallySignedStruct,
        ) -> Result<HandshakeSignatureValid, Error> {
            Ok(HandshakeSignatureValid::assertion())
        }

        fn verify_tls13_signature(
            &self,
            _: &[u8],
            _: &CertificateDer<'_>,
            _: &DigitallySignedStruct,
        ) -> Result<HandshakeSignatureValid, Error> {
            Ok(HandshakeSignatureValid::assertion())
        }

        fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
            provider().signature_verification_algorithms.supported_schemes()
        }
    }
}

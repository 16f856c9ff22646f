//! Who has to show what.

use super::*;

enum Shows {
    Nothing,
    Good,
    Strange,
    Expired,
    Revoked,
}

#[tokio::test]
async fn a_client_shows_what_it_has_to() {
    use Shows::{Expired, Good, Nothing, Revoked, Strange};
    let files = Files::new();
    let good = files.authority.issue(&["device-7"]);
    let expired = files.authority.issue_until(&["device-6"], 2021);
    let revoked = files.authority.issue(&["device-5"]);
    let strange = Authority::new("Test CA").issue(&["device-7"]);
    files.write("crl.pem", &files.authority.revoke(&[&revoked]));

    let (none, optional, required) = (ClientAuth::None, ClientAuth::Optional, ClientAuth::Required);
    let table = [
        (none, Nothing, Ok(false)),
        // Nobody asks for it.
        (none, Strange, Ok(false)),
        (optional, Nothing, Ok(false)),
        (optional, Good, Ok(true)),
        (optional, Strange, Err("invalid peer certificate")),
        (required, Nothing, Err("the client has no certificate, and has to have one")),
        (required, Good, Ok(true)),
        (required, Strange, Err("invalid peer certificate")),
        (required, Expired, Err("certificate expired")),
        (required, Revoked, Err("Revoked")),
    ];
    for (client_auth, shows, expected) in table {
        let server = read(&TlsConfig {
            client_auth,
            client_ca: Some(files.at("ca.pem")),
            client_crl: Some(files.at("crl.pem")),
            ..files.config()
        });
        let shown = match shows {
            Nothing => None,
            Good => Some(&good),
            Strange => Some(&strange),
            Expired => Some(&expired),
            Revoked => Some(&revoked),
        };
        for version in [&rustls::version::TLS13, &rustls::version::TLS12] {
            let (made, client) = shake(&server, files.client_with(shown, &[version]), "server.test").await;
            match expected {
                Ok(known) => {
                    let info = made.unwrap().1;
                    let Some(certificate) = info.client_certificate().filter(|_| known) else {
                        assert!(!known && info.client_certificate().is_none());
                        continue;
                    };
                    assert_eq!(certificate.subject(), "O=Tests,CN=device-7");
                    let der = CertificateDer::from_pem_slice(good.certificate.as_bytes()).unwrap();
                    assert_eq!(certificate.der(), &*der);
                    assert_eq!(certificate.fingerprint_hex().len(), 64);
                    assert!(
                        certificate
                            .fingerprint_hex()
                            .starts_with(&format!("{:02x}", certificate.fingerprint()[0]))
                    );
                }
                Err(text) => {
                    let said = said(made);
                    assert!(said.contains(text), "{said}");
                    // It reads the alert, and is not just cut off.
                    let error = client.unwrap_err().to_string();
                    assert!(error.contains("received fatal alert"), "{error}");
                }
            }
        }
    }
}

/// It must not come back with what it was given before it was known to be revoked.
#[tokio::test]
async fn a_ticket_does_not_outlive_the_list_of_the_revoked() {
    let files = Files::new();
    let own = files.authority.issue(&["device-7"]);
    files.write("crl.pem", &files.authority.revoke(&[]));
    let server = read(&TlsConfig {
        client_auth: ClientAuth::Required,
        client_ca: Some(files.at("ca.pem")),
        client_crl: Some(files.at("crl.pem")),
        ..files.config()
    });
    let client = Arc::new(files.client_with(Some(&own), &[&rustls::version::TLS13]));
    for resumed in [false, true] {
        let (made, _) = shake_over(64 * 1024, &server, &client, "server.test").await;
        let info = made.unwrap().1;
        assert_eq!(info.is_resumed(), resumed);
        assert_eq!(info.client_certificate().unwrap().subject(), "O=Tests,CN=device-7");
    }
    files.write("crl.pem", &files.authority.revoke(&[&own]));
    server.look();
    let (made, _) = shake_over(64 * 1024, &server, &client, "server.test").await;
    assert!(said(made).contains("Revoked"));
}

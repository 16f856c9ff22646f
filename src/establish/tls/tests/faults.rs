//! What is wrong with files, in words.

use super::*;

/// All that is said of a listener's files, the folder left out.
fn faults(files: &Files, config: &TlsConfig) -> Vec<String> {
    let folder = format!("{}{}", files.folder.path().display(), std::path::MAIN_SEPARATOR);
    let failed = TlsServer::read(config, |_| {}).unwrap_err();
    failed.0.iter().map(|fault| fault.to_string().replace(&folder, "")).collect()
}

#[test]
fn each_fault_of_a_pair_is_told() {
    let files = Files::new();
    let server = files.issue("server", &["server.test"]);
    let other = files.issue("other", &["other.test"]);
    let cut = &server.certificate[..server.certificate.len() - 30];
    let encrypted = "-----BEGIN ENCRYPTED PRIVATE KEY-----\nAAAA\n-----END ENCRYPTED PRIVATE KEY-----\n";
    let table = [
        (
            server.certificate.as_str(),
            other.key.as_str(),
            "server.key is not the key of the first certificate in server.pem",
        ),
        (&other.certificate, &server.key, "server.key is not the key of the first certificate in server.pem"),
        (&server.key, &server.certificate, "server.pem has a private key in it, and no certificate"),
        ("", &server.key, "server.pem has no certificate in it"),
        ("\x30\x01\x02", &server.key, "server.pem has no certificate in it"),
        (cut, &server.key, "server.pem is cut off: a section of it has no -----END-----"),
        (&server.certificate, "", "server.key has no private key in it"),
        (
            &server.certificate,
            encrypted,
            "server.key has a private key that is encrypted, and nobody would be there to type its password",
        ),
        (
            &server.certificate,
            "-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n",
            "server.key has a private key of a kind, or of a size, that is not supported",
        ),
        (
            &server.certificate,
            "-----BEGIN PRIVATE KEY-----\n!!\n-----END PRIVATE KEY-----\n",
            "server.key is damaged: a section of it is not base64",
        ),
        (
            "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n",
            &server.key,
            "server.pem has a first certificate that can't be used: invalid peer certificate: BadEncoding",
        ),
    ];
    for (certificate, key, expected) in table {
        files.write("server.pem", certificate);
        files.write("server.key", key);
        assert_eq!(faults(&files, &files.config()), [expected]);
    }
}

#[test]
fn all_faults_are_told_at_once() {
    let files = Files::new();
    files.write("empty.pem", "");
    fs::create_dir(files.path("folder.pem")).unwrap();
    let sni = ["missing", "folder"].map(|name| Named { names: Vec::new(), pair: files.pair(name) });
    let config = TlsConfig {
        sni: sni.to_vec(),
        client_auth: ClientAuth::Required,
        client_ca: Some(files.at("empty.pem")),
        client_crl: Some(files.at("ca.pem")),
        ..files.config()
    };
    let said = faults(&files, &config);
    assert_eq!(said.len(), 4, "{said:?}");
    assert!(said[0].starts_with("missing.pem cannot be read: "), "{said:?}");
    assert_eq!(said[1], "folder.pem cannot be read: it is not a regular file");
    assert_eq!(
        said[2..],
        ["empty.pem has no certificate in it", "ca.pem has no list of revoked certificates in it"]
    );
}

#[test]
fn the_key_may_stand_in_the_certificates_file() {
    let files = Files::new();
    let server = files.issue("server", &["server.test"]);
    files.write("both.pem", &format!("{}{}", server.key, server.certificate));
    let mut config = files.config();
    config.certificate = Pair { certificate: files.at("both.pem"), key: None };
    read(&config);
    config.certificate = Pair { certificate: files.at("server.pem"), key: None };
    assert_eq!(faults(&files, &config), ["server.pem has no private key in it"]);
}

#[test]
fn what_is_odd_is_a_warning() {
    let files = Files::new();
    files.authority.issue_until(&["server.test"], 2021).write(files.folder.path(), "server");
    let mut warnings = Vec::new();
    TlsServer::read(&files.config(), |warning| warnings.push(warning.to_string())).unwrap();
    assert_eq!(warnings.len(), 1, "{warnings:?}");
    assert!(
        warnings[0].ends_with("server.pem has a certificate that has expired, at 2021-01-01T00:00:00Z"),
        "{warnings:?}"
    );
}

#[cfg(unix)]
#[test]
fn a_key_that_everybody_may_read_is_a_warning() {
    use std::os::unix::fs::PermissionsExt;
    let files = Files::new();
    for (mode, warned) in [(0o600, false), (0o640, false), (0o644, true)] {
        fs::set_permissions(files.path("server.key"), fs::Permissions::from_mode(mode)).unwrap();
        let mut warnings = 0;
        TlsServer::read(&files.config(), |_| warnings += 1).unwrap();
        assert_eq!(warnings > 0, warned, "{mode:o}");
    }
}

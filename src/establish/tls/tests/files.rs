//! Files that change.

use super::*;

/// The certificate that a client is shown.
async fn shown(server: &TlsServer, files: &Files) -> CertificateDer<'static> {
    let (made, client) = shake(server, files.client(), "server.test").await;
    made.unwrap();
    client.unwrap().get_ref().1.peer_certificates().unwrap()[0].clone()
}

#[tokio::test]
async fn the_next_client_is_shown_what_has_come() {
    let files = Files::new();
    let server = read(&files.config());
    let old = certificate(&files.path("server.pem"));
    assert_eq!(shown(&server, &files).await, old);
    let first = server.expiries();
    assert_eq!(first.len(), 1);

    // Half of a new pair: the old one stays.
    let next = files.authority.issue_until(&["server.test"], 2080);
    files.write("server.pem", &next.certificate);
    server.look();
    assert_eq!(shown(&server, &files).await, old);
    assert_eq!(server.expiries()[0].at, first[0].at);

    files.write("server.key", &next.key);
    server.look();
    assert_eq!(shown(&server, &files).await, certificate(&files.path("server.pem")));
    assert!(server.expiries()[0].at < first[0].at);

    fs::remove_file(files.path("server.key")).unwrap();
    server.look();
    assert_eq!(shown(&server, &files).await, certificate(&files.path("server.pem")));
}

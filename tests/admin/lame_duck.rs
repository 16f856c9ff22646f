//! A stop shows before any connection is touched.

use serde_json::json;
use terima::{Server, Shutdown};

use crate::common::{Client, ended, listener, within};
use crate::start;

#[tokio::test]
async fn not_ready_before_the_first_connection_is_touched() {
    let text = format!("[server]\nlame_duck = \"1h\"\n{}", listener("duck", "echo", "codec = \"lines\""));
    let setup = start(Server::builder(), "", &text).await;
    let (server, admin) = (&setup.server, &setup.admin);
    let address = server.addresses("duck")[0];
    let mut client = Client::connect(address).await;
    client.is_echoed("before\n").await;
    assert_eq!(admin.json("/ready").await, json!({ "ready": true, "reasons": [] }));
    assert_eq!(admin.get("/v1/drain").await.status, 409);

    let reply = admin.post("/v1/drain", "{}").await;
    assert_eq!((reply.status, reply.json()["state"].as_str()), (202, Some("lame_duck")));
    let ready = admin.get("/ready").await;
    assert_eq!((ready.status, ready.json()["ready"].as_bool()), (503, Some(false)), "{}", ready.text());
    assert_eq!(admin.get("/live").await.status, 200);
    assert!(!server.is_ready());
    client.is_echoed("as if nothing were\n").await;
    Client::connect(address).await.is_echoed("new ones too\n").await;
    // A second word changes nothing.
    assert_eq!(admin.post("/v1/drain", "{}").await.status, 202);
    client.is_echoed("still\n").await;

    let status = admin.json("/v1/status").await;
    assert_eq!(
        (status["state"].as_str(), status["drain"]["connections"].as_u64()),
        (Some("lame_duck"), Some(1))
    );
    let peer = client.address();
    server.abort();
    assert_eq!(within("the end", server.shutdown()).await, Shutdown::TimedOut { aborted: 1 });
    assert_eq!(&ended("duck", peer).await["reason"], "drain_aborted");
}

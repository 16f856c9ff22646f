//! Prometheus reads the metrics, and its tools find nothing wrong with them or with the alerts.

use std::fs;
use std::net::SocketAddr;
use std::path::Path;

use serde_json::Value;
use terima::{ListenAddress, Server};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::{Duration, interval, timeout};

use crate::command::PATIENCE;
use crate::peers::{Peer, client, exchange, free_port};

const RULES: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/dist/prometheus/terima.rules.yml");
const RULES_TEST: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/interop/terima.rules.test.yml");

/// A server with some connections behind it, one of them alive, and an admin interface that wants its token for all.
async fn served(folder: &Path) -> (Server, TcpStream) {
    let token = token_file(folder);
    let text = format!(
        "[server]\nmax_connections = 100\n\
         [admin]\naddress = \"127.0.0.1:0\"\ntoken_file = \"{token}\"\nopen = []\n\
         [[listener]]\nname = \"echo\"\naddress = \"127.0.0.1:0\"\nhandler = \"echo\"\nlimits.connections = 10\n\
         [[listener]]\nname = \"lines\"\naddress = \"127.0.0.1:0\"\nhandler = \"echo\"\ncodec = \"lines\"\n"
    );
    let server = Server::builder().parse(&text).unwrap().start().await.unwrap();
    for name in ["echo", "echo", "lines"] {
        assert_eq!(exchange(server.addresses(name)[0], b"halo\n", usize::MAX).await, b"halo\n");
    }
    let mut alive = TcpStream::connect(server.addresses("echo")[0]).await.unwrap();
    alive.write_all(b"x").await.unwrap();
    alive.read_u8().await.unwrap();
    (server, alive)
}

fn token_file(folder: &Path) -> String {
    folder.join("admin.token").display().to_string()
}

/// What Prometheus' API says; null while it starts.
async fn ask(at: SocketAddr, path: &str) -> Value {
    let request = format!("GET {path} HTTP/1.0\r\nHost: {at}\r\n\r\n");
    let answer = exchange(at, request.as_bytes(), usize::MAX).await;
    let answer = String::from_utf8(answer).unwrap();
    let (_, body) = answer.split_once("\r\n\r\n").unwrap_or_else(|| panic!("no HTTP: {answer}"));
    match serde_json::from_str(body) {
        Ok(said) => said,
        Err(_) if body == "Service Unavailable" => Value::Null,
        Err(error) => panic!("{error}: {body}"),
    }
}

/// Asks until the answer is as wanted: Prometheus has no event for it.
async fn asked(at: SocketAddr, path: &str, wanted: impl Fn(&Value) -> bool) -> Value {
    let mut ticks = interval(Duration::from_millis(100));
    let mut last = Value::Null;
    let answer = async {
        loop {
            ticks.tick().await;
            last = ask(at, path).await;
            if wanted(&last) {
                return;
            }
        }
    };
    let came = timeout(PATIENCE, answer).await;
    assert!(came.is_ok(), "{path} still says {last}");
    last
}

#[tokio::test]
#[ignore = "needs promtool: .ci/interop"]
async fn promtool_finds_nothing_wrong() {
    let folder = tempfile::tempdir().unwrap();
    let (server, _alive) = served(folder.path()).await;
    assert_eq!(client("promtool", &["check", "metrics"], server.metrics().as_bytes()).await, b"");
    for arguments in [["check", "rules", RULES], ["test", "rules", RULES_TEST]] {
        let told = client("promtool", &arguments, b"").await;
        assert!(String::from_utf8_lossy(&told).contains("SUCCESS"), "{arguments:?}");
    }
}

fn configuration(folder: &Path, target: SocketAddr) -> String {
    let file = folder.join("prometheus.yml");
    let text = format!(
        "global: {{ scrape_interval: 200ms, evaluation_interval: 200ms }}\n\
         rule_files: [\"{RULES}\"]\n\
         scrape_configs: [{{ job_name: terima, authorization: {{ credentials_file: \"{token}\" }}, \
         static_configs: [{{ targets: [\"{target}\"] }}] }}]\n",
        token = token_file(folder)
    );
    fs::write(&file, text).unwrap();
    file.to_str().unwrap().to_owned()
}

#[tokio::test]
#[ignore = "needs prometheus: .ci/interop"]
async fn prometheus_scrapes_and_answers() {
    let (folder, at) = (tempfile::tempdir().unwrap(), free_port());
    let (server, _alive) = served(folder.path()).await;
    let Some(ListenAddress::Tcp(target)) = server.admin_address().cloned() else {
        panic!("no admin interface")
    };
    let arguments = [
        format!("--config.file={}", configuration(folder.path(), target)),
        format!("--storage.tsdb.path={}", folder.path().join("data").display()),
        format!("--web.listen-address={at}"),
        "--log.level=error".to_owned(),
    ];
    let arguments = arguments.each_ref().map(String::as_str);
    let _prometheus = Peer::start("prometheus", &arguments, at).await;

    let targets =
        asked(at, "/api/v1/targets", |answer| answer["data"]["activeTargets"][0]["health"] == "up").await;
    assert_eq!(targets["data"]["activeTargets"][0]["lastError"], "");
    for (query, expected) in [
        ("terima_connections_accepted_total{listener=\"echo\"}", "3"),
        ("terima_connections_ended_total{listener=\"echo\",reason=\"client_closed\"}", "2"),
        ("terima_connections_active{listener=\"echo\"}", "1"),
        ("terima_received_frames_total{listener=\"lines\"}", "1"),
        ("terima_connection_duration_seconds_count{listener=\"lines\"}", "1"),
        ("terima_ready", "1"),
        // They close.
        (
            "sum(terima_connections_accepted_total) - sum(terima_connections_refused_total) \
             - sum(terima_connections_ended_total) - sum(terima_connections_active)",
            "0",
        ),
    ] {
        let encoded: String = query.bytes().map(|byte| format!("%{byte:02X}")).collect();
        let path = format!("/api/v1/query?query={encoded}");
        asked(at, &path, |answer| answer["data"]["result"][0]["value"][1] == expected).await;
    }
    let written = fs::read_to_string(RULES).unwrap().matches("- alert:").count();
    assert!(written > 16);
    let is_well = |answer: &Value| {
        let rules = answer["data"]["groups"][0]["rules"].as_array();
        rules.is_some_and(|rules| rules.len() == written && rules.iter().all(|rule| rule["health"] == "ok"))
    };
    asked(at, "/api/v1/rules", is_well).await;
}

//! The access line: one for each connection, with every field, for people and for machines, and nothing raw in it.
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test fails by panicking")]

mod common;

use std::net::Ipv4Addr;

use terima::{Connection, Framing, HandlerError, NoOptions, Server, handler_fn};

use common::{Client, ended, listener, logged, on_both_runtimes, start};

// === what a client sends ===

/// Colours, a bell, a line of its own, a C1 control character, an override of the direction of text.
const ESCAPES: &str = "\u{1b}[2J\u{1b}]0;owned\u{7} \r 2026 INFO forged \u{9b}31m \u{202e}txt.exe \u{2028}";

on_both_runtimes! {
    async fn what_a_client_sends_is_never_raw_in_the_log() {
        let repeats = |_: NoOptions| {
            Ok(handler_fn(|mut conn: Connection<Framing>| async move {
                let frame = conn.recv().await?.unwrap_or_default();
                let text = String::from_utf8_lossy(&frame).into_owned();
                assert!(!text.starts_with("panic"), "no idea what {text} is");
                Err::<(), _>(HandlerError::from(format!("no idea what {text} is")))
            }))
        };
        let builder = Server::builder().handler("repeats", repeats);
        let server = start(builder, &listener("repeats", "repeats", "codec = \"lines\"")).await;
        for (begin, reason) in [("error", "handler_error"), ("panic", "handler_panic")] {
            let mut client = Client::connect(server.addresses("repeats")[0]).await;
            client.send(format!("{begin} {ESCAPES}\n")).await;
            client.expect_end().await;
            let peer = client.address();
            drop(client);
            let access = ended("repeats", peer).await;
            assert_eq!(&access["reason"], reason);
            for event in [access, logged("repeats", "a handler failed").await] {
                assert!(event["error"].contains("\\u{1b}[2J"), "it is not there at all: {event:?}");
                for (field, value) in &event.fields {
                    let raw = value.chars().find(|c| c.is_control() || matches!(c, '\u{202e}' | '\u{2028}'));
                    assert_eq!(raw, None, "{field}: {value:?}");
                }
            }
        }
    }
}

// === who the client is ===

on_both_runtimes! {
    async fn an_ipv4_client_of_an_ipv6_listener_has_one_spelling() {
        if std::net::TcpListener::bind("[::]:0").is_err() {
            // No IPv6 here, so no such listener either.
            return;
        }
        let whoami = |_: NoOptions| {
            Ok(handler_fn(|mut conn: Connection<Framing>| async move {
                let ends = format!("{} {}", conn.info().peer(), conn.info().local());
                Ok::<_, HandlerError>(conn.send(ends).await?)
            }))
        };
        let text = listener("dual", "whoami", "codec = \"lines\"").replace("127.0.0.1:0", "[::]:0");
        let server = start(Server::builder().handler("whoami", whoami), &text).await;
        let address = (Ipv4Addr::LOCALHOST, server.addresses("dual")[0].port()).into();
        let mut client = Client::connect(address).await;
        let peer = client.address();
        assert!(peer.is_ipv4());
        client.expect(format!("{peer} {address}\n")).await;
        client.expect_end().await;
        drop(client);
        assert_eq!(ended("dual", peer).await["client"], peer.to_string());
    }
}

// === what the service writes ===

#[cfg(feature = "cli")]
mod service {
    use std::collections::BTreeMap;

    use serde_json::Value;

    use super::*;
    use crate::common::{Service, access, assert_same, is_reset};

    /// The line of one connection, whatever its format: its fields as text.
    type Line = BTreeMap<String, String>;

    const FIELDS: [&str; 10] = [
        "bytes_in",
        "bytes_out",
        "client",
        "duration_ms",
        "frames_in",
        "frames_out",
        "id",
        "listener",
        "peer",
        "reason",
    ];

    fn text(log: &str) -> String {
        let lines = listener("lines", "echo", "codec = { type = \"lines\", max_frame = \"64B\" }");
        format!("[log]\n{log}\n{lines}")
    }

    /// Four connections that end in four ways; tells their peers.
    async fn four_connections(service: &mut Service) -> [String; 4] {
        let mut peers = Vec::new();
        let mut client = service.connect().await;
        peers.push(client.address().to_string());
        client.is_echoed("one\n").await;
        assert_same(&client.exchange([&b"two\r\nthree"[..]]).await, b"two\r\nthree\r\n");

        let mut client = service.connect().await;
        peers.push(client.address().to_string());
        client.send("x".repeat(65)).await;
        client.expect_end().await;
        drop(client);

        let mut client = service.connect().await;
        peers.push(client.address().to_string());
        client.is_echoed("x\n").await;
        client.reset();

        let mut client = service.connect().await;
        peers.push(client.address().to_string());
        // It says nothing that belongs into a log.
        client.is_echoed("\u{1b}[31mred\u{7}\n").await;
        service.logged_times("terima::access", 3).await;
        service.signal("TERM").await;
        client.expect_end().await;
        peers.try_into().unwrap()
    }

    fn check(lines: &[Line], peers: &[String; 4]) {
        assert_eq!(lines.len(), 4, "{lines:#?}");
        // What the system says of a reset differs between systems.
        let said = "the client reset the connection: ";
        // Peer; bytes and frames in and out; reason; what the handler returned.
        let expected = [
            (&peers[0], ["14", "16", "3", "3"], "client_closed", ""),
            (
                &peers[1],
                ["65", "0", "0", "0"],
                "frame_too_long",
                "frame too long: a frame is longer than 64 bytes",
            ),
            (&peers[2], ["2", "2", "1", "1"], "client_reset", said),
            (&peers[3], ["10", "10", "1", "1"], "drained", ""),
        ];
        for (n, (peer, counts, reason, said)) in expected.into_iter().enumerate() {
            let line = lines.iter().find(|line| line["peer"] == *peer).unwrap();
            let mut line = line.clone();
            let error = line.remove("error");
            let error = error.unwrap_or_default();
            if reason == "client_reset" && line["reason"] != reason && is_reset(&line["reason"]) {
                continue;
            }
            assert!(error.starts_with(said) && error.is_empty() == said.is_empty(), "{line:?}: {error}");
            assert_eq!(line.keys().collect::<Vec<_>>(), FIELDS, "{line:?}");
            let counted =
                ["bytes_in", "bytes_out", "frames_in", "frames_out"].map(|field| line[field].as_str());
            assert_eq!(counted, counts, "{line:?}");
            assert_eq!(
                [&line["reason"], &line["listener"], &line["client"]],
                [reason, "lines", peer.as_str()]
            );
            assert_eq!(line["id"], (n + 1).to_string());
            assert!(line["duration_ms"].parse::<f64>().unwrap() > 0.0, "{line:?}");
        }
    }

    #[tokio::test]
    async fn json() {
        let mut service = Service::start(&text("format = \"json\"")).await;
        let peers = four_connections(&mut service).await;
        let (code, log) = service.ended().await;
        assert_eq!(code, Some(0));
        let line = |mut event: Value| -> Line {
            assert_eq!(event["level"], "INFO");
            for field in ["id", "duration_ms", "bytes_in", "bytes_out", "frames_in", "frames_out"] {
                assert!(event[field].is_number(), "{event}");
            }
            let fields = event.as_object_mut().unwrap();
            for general in ["timestamp", "level", "target"] {
                assert!(fields.remove(general).is_some(), "no {general}");
            }
            let text = |value: &Value| value.as_str().map_or_else(|| value.to_string(), str::to_owned);
            fields.iter().map(|(name, value)| (name.clone(), text(value))).collect()
        };
        check(&access(&log).into_iter().map(line).collect::<Vec<_>>(), &peers);
    }

    #[tokio::test]
    async fn text_for_people() {
        let mut service = Service::start(&text("format = \"text\"")).await;
        let peers = four_connections(&mut service).await;
        let (code, log) = service.ended().await;
        assert_eq!(code, Some(0));
        assert!(!log.concat().contains(char::is_control), "{log:#?}");
        let line = |line: &String| -> Option<Line> {
            let (_, fields) = line.split_once("INFO terima::access: ")?;
            // A quoted value may hold spaces, and nothing here holds a quote.
            let mut quoted = false;
            let fields = fields.split(|c| {
                quoted ^= c == '"';
                c == ' ' && !quoted
            });
            let field = |field: &str| {
                let (name, value) = field.split_once('=').unwrap();
                (name.to_owned(), value.trim_matches('"').to_owned())
            };
            Some(fields.map(field).collect())
        };
        check(&log.iter().filter_map(line).collect::<Vec<_>>(), &peers);
    }

    #[tokio::test]
    async fn none_where_none_is_wanted() {
        let service = Service::start(&text("format = \"json\"\naccess = false")).await;
        let mut client = service.connect().await;
        client.is_echoed("one\n").await;
        drop(client);
        let mut client = service.connect().await;
        client.is_echoed("two\n").await;
        let (code, log) = service.stop().await;
        assert_eq!(code, Some(0));
        assert_eq!(access(&log), [Value::Null; 0]);
        assert!(log.iter().any(|line| line.contains("drained")), "{log:#?}");
    }
}

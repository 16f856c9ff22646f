//! Who is refused, and with what.

use serde_json::Value;
use terima::Server;

use crate::client::Reply;
use crate::common::listener;
use crate::start;

/// A refusal is a problem of RFC 9457, and tells nothing else.
fn is_problem(reply: &Reply, status: u16, what: &str) {
    assert_eq!(reply.status, status, "{what}: {}", reply.text());
    assert_eq!(reply.headers["content-type"], "application/problem+json", "{what}");
    let problem = reply.json();
    assert_eq!(problem["status"], status, "{what}");
    assert!(problem["title"].is_string() && problem["detail"].is_string(), "{what}: {problem}");
}

#[tokio::test]
async fn without_the_token_only_what_is_open_is_answered() {
    let setup = start(Server::builder(), "", &listener("token", "echo", "")).await;
    let admin = &setup.admin;
    for (target, open) in [
        ("/live", true),
        ("/ready", true),
        ("/metrics", true),
        ("/v1/status", false),
        ("/v1/connections", false),
        ("/openapi.json", false),
        ("/no-such", false),
    ] {
        let reply = admin.bare("GET", target, &[("host", "localhost")], "").await;
        if open {
            assert_eq!(reply.status, 200, "{target}");
        } else {
            is_problem(&reply, 401, target);
            assert_eq!(reply.headers["www-authenticate"], "Bearer realm=\"terima\"", "{target}");
        }
        let wrong = [("host", "localhost"), ("authorization", "Bearer 0123456789abcdef0123456789abcdef")];
        assert_eq!(
            admin.bare("GET", target, &wrong, "").await.status,
            if open { 200 } else { 401 },
            "{target}"
        );
        assert_eq!(admin.get(target).await.status, if target == "/no-such" { 404 } else { 200 }, "{target}");
    }
    let told =
        admin.bare("POST", "/v1/drain", &[("host", "localhost"), ("content-type", "application/json")], "{}");
    is_problem(&told.await, 401, "drain");
    assert!(setup.server.is_ready());
}

#[tokio::test]
async fn what_is_open_can_be_chosen() {
    let setup = start(Server::builder(), "open = []", &listener("open", "echo", "")).await;
    for target in ["/live", "/ready", "/metrics"] {
        is_problem(&setup.admin.bare("GET", target, &[("host", "localhost")], "").await, 401, target);
        assert_eq!(setup.admin.get(target).await.status, 200, "{target}");
    }
}

#[tokio::test]
async fn no_page_of_another_origin_gets_or_tells_anything() {
    let setup = start(Server::builder(), "", &listener("origin", "echo", "")).await;
    let admin = &setup.admin;
    let authorization = format!("Bearer {}", admin.token);
    let own = admin.address.to_string();
    let token = ("authorization", authorization.as_str());
    let json = ("content-type", "application/json");
    let page = ("origin", "http://evil.example");
    // Its own name points here.
    is_problem(&admin.bare("GET", "/live", &[("host", "evil.example")], "").await, 421, "rebinding");
    is_problem(
        &admin.bare("GET", "/v1/status", &[("host", "evil.example"), token], "").await,
        421,
        "rebinding",
    );
    is_problem(&admin.bare("GET", "/live", &[], "").await, 400, "no host");
    // It asks and tells this machine.
    for (method, target, body) in
        [("GET", "/v1/status", ""), ("POST", "/v1/drain", "{}"), ("OPTIONS", "/v1/drain", "")]
    {
        is_problem(
            &admin.bare(method, target, &[("host", &own), token, json, page], body).await,
            403,
            method,
        );
    }
    // A form knows no JSON, and no origin where it is told not to.
    for content in ["text/plain", "application/x-www-form-urlencoded", "multipart/form-data; boundary=x"] {
        let form = [("host", own.as_str()), token, ("content-type", content)];
        is_problem(&admin.bare("POST", "/v1/drain", &form, "{}").await, 415, content);
    }
    is_problem(&admin.bare("POST", "/v1/drain", &[("host", &own), token], "{}").await, 415, "no type");
    assert!(setup.server.is_ready());
    let ours = format!("http://{own}");
    let reply = admin.bare("GET", "/v1/status", &[("host", &own), token, ("origin", &ours)], "").await;
    assert_eq!(reply.status, 200);
    assert!(!reply.headers.keys().any(|name| name.starts_with("access-control-")), "{:?}", reply.headers);
    for (name, value) in [
        ("cache-control", "no-store"),
        ("x-content-type-options", "nosniff"),
        ("cross-origin-resource-policy", "same-origin"),
    ] {
        assert_eq!(reply.headers[name], value);
    }
}

#[tokio::test]
async fn what_changes_something_is_told_by_post_alone() {
    let setup = start(Server::builder(), "", &listener("post", "echo", "")).await;
    let admin = &setup.admin;
    let document: Value = admin.json("/openapi.json").await;
    let mut told = 0;
    for (path, verbs) in document["paths"].as_object().unwrap() {
        let target = path.replace("{name}", "post").replace("{id}", "1");
        let allowed = |verb: &str| verbs.get(verb).is_some() || verb == "head" && verbs.get("get").is_some();
        for method in ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE"] {
            if !allowed(&method.to_ascii_lowercase()) {
                let mut reply =
                    admin.ask(method, &target, &[("content-type", "application/json")], "{}").await;
                if method == "HEAD" {
                    assert_eq!(reply.status, 405, "{method} {path}");
                    continue;
                }
                is_problem(&reply, 405, &format!("{method} {path}"));
                assert!(reply.headers.remove("allow").is_some(), "{method} {path}");
            }
        }
        told += usize::from(verbs.get("post").is_some());
    }
    assert!(told >= 7, "{told}");
    assert!(setup.server.is_ready());
}

#[tokio::test]
async fn junk_is_refused_and_harms_nobody() {
    let setup = start(Server::builder(), "", &listener("junk", "echo", "")).await;
    let admin = &setup.admin;
    let long = "x".repeat(20_000);
    for (junk, status) in [
        ("\r\n\r\nGET\r\n\r\n".to_owned(), Some(400)),
        ("\u{16}\u{3}\u{1}\u{2}\0\u{1}\0\u{1}\u{fc}\u{3}\u{3}".repeat(20), Some(400)),
        ("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n".to_owned(), None),
        ("GET /live HTTP/1.1\r\nhost localhost\r\n\r\n".to_owned(), Some(400)),
        (format!("GET /live HTTP/1.1\r\nhost: localhost\r\nx: {long}\r\n\r\n"), Some(431)),
        (format!("GET /{long} HTTP/1.1\r\nhost: localhost\r\n\r\n"), None),
        ("GET /live HTTP/1.1\r\nhost: localhost\r\ncontent-length: -1\r\n\r\n".to_owned(), Some(400)),
    ] {
        let reply = admin.raw(&junk).await;
        let name: String = junk.chars().take(40).collect();
        if let Some(status) = status {
            assert_eq!(reply.map(|reply| reply.status), Some(status), "{name:?}");
        } else {
            assert!(reply.is_none_or(|reply| (400..500).contains(&reply.status)), "{name:?}");
        }
    }
    for (target, body, status) in [
        ("/v1/connections/7/end", "{", 400),
        ("/v1/connections/7/end", "[]", 400),
        ("/v1/connections/7/end", "{\"now\":true}", 400),
        ("/v1/connections/7/end", "", 400),
        ("/v1/connections/7/end", "{}", 404),
        ("/v1/connections/seven/end", "{}", 400),
        ("/v1/connections/99999999999999999999/end", "{}", 400),
        ("/v1/listeners/%ff/pause", "{}", 400),
        ("/v1/drain", "{\"when\":\"now\"}", 400),
    ] {
        is_problem(&admin.post(target, body).await, status, &format!("{target} {body}"));
    }
    let body = "{".repeat(100_000);
    is_problem(&admin.post("/v1/drain", &body).await, 413, "a long body");
    for target in [
        "/v1/connections?limit=0",
        "/v1/connections?limit=1001",
        "/v1/connections?limit=many",
        "/v1/connections?sort=colour",
        "/v1/connections?state=asleep",
        "/v1/connections?min_age=-1",
        "/v1/connections?min_age=NaN",
        "/v1/connections?client=nobody",
        "/v1/connections?after=x",
        "/v1/connections?limit=1&limit=2",
        "/v1/connections?colour=red",
        "/v1/ended?limit=0",
        "/v1/why",
        "/v1/why?address=nobody",
    ] {
        is_problem(&admin.get(target).await, 400, target);
    }
    assert!(setup.server.is_ready());
    assert_eq!(admin.get("/live").await.status, 200);
}

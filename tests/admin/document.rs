//! The OpenAPI document says what the server does: every path of it is served, and every answer is as it says.

use std::collections::BTreeSet;

use serde_json::{Value, json};
use terima::Server;

use crate::common::{Client, ended, listener};
use crate::start;

/// What is wrong with a value, by a schema of the document. It knows the words that the document uses, and no other.
fn faults(document: &Value, schema: &Value, value: &Value, at: &str) -> Vec<String> {
    if schema == &json!(true) {
        return Vec::new();
    }
    let mut faults = Vec::new();
    let schema = schema.as_object().unwrap_or_else(|| panic!("{at}: {schema}"));
    for (word, wanted) in schema {
        match word.as_str() {
            "$ref" => {
                let name = wanted.as_str().unwrap().strip_prefix('#').unwrap();
                let inner = document.pointer(name).unwrap_or_else(|| panic!("{at}: no {name}"));
                faults.extend(self::faults(document, inner, value, at));
            }
            "type" => {
                let types = wanted.as_array().cloned().unwrap_or_else(|| vec![wanted.clone()]);
                let is = |name: &Value| match name.as_str().unwrap() {
                    "integer" => value.is_u64() || value.is_i64(),
                    "number" => value.is_number(),
                    "string" => value.is_string(),
                    "boolean" => value.is_boolean(),
                    "array" => value.is_array(),
                    "object" => value.is_object(),
                    "null" => value.is_null(),
                    other => panic!("{at}: type {other}"),
                };
                if !types.iter().any(is) {
                    faults.push(format!("{at}: {value} is not {wanted}"));
                }
            }
            "anyOf" => {
                let any = wanted.as_array().unwrap();
                if any.iter().all(|one| !self::faults(document, one, value, at).is_empty()) {
                    faults.push(format!("{at}: {value} is none of them"));
                }
            }
            "oneOf" | "enum" => {
                let known = wanted.as_array().unwrap().iter().map(|one| one.get("const").unwrap_or(one));
                if !known.into_iter().any(|known| known == value) {
                    faults.push(format!("{at}: {value} is no {wanted}"));
                }
            }
            "properties" => {
                let known = wanted.as_object().unwrap();
                for (key, inner) in value.as_object().into_iter().flatten() {
                    match known.get(key) {
                        Some(schema) => {
                            faults.extend(self::faults(document, schema, inner, &format!("{at}.{key}")));
                        }
                        None => faults.push(format!("{at}: {key} is not in the document")),
                    }
                }
            }
            "required" => {
                let missing = wanted
                    .as_array()
                    .unwrap()
                    .iter()
                    .filter(|key| value.get(key.as_str().unwrap()).is_none());
                faults.extend(missing.map(|key| format!("{at}: no {key}")));
            }
            "items" => {
                for (index, item) in value.as_array().into_iter().flatten().enumerate() {
                    faults.extend(self::faults(document, wanted, item, &format!("{at}[{index}]")));
                }
            }
            // Of a table by words, what stands at each; `false` where all its keys are in the document.
            "additionalProperties" if wanted.is_object() => {
                for (key, inner) in value.as_object().into_iter().flatten() {
                    faults.extend(self::faults(document, wanted, inner, &format!("{at}.{key}")));
                }
            }
            "minimum" | "maximum" | "format" | "description" | "title" | "additionalProperties" => {}
            other => panic!("{at}: what is {other}?"),
        }
    }
    faults
}

/// The parts of the path, the values in its braces filled in.
fn filled(path: &str, name: &str) -> String {
    path.replace("{name}", name).replace("{id}", "2")
}

#[tokio::test]
async fn every_answer_is_as_the_document_says() {
    let setup = start(Server::builder(), "", &listener("document", "echo", "codec = \"lines\"")).await;
    let (server, admin) = (&setup.server, &setup.admin);
    let address = server.addresses("document")[0];
    let gone = Client::connect(address).await;
    let peer = gone.address();
    drop(gone);
    ended("document", peer).await;
    let mut client = Client::connect(address).await;
    client.is_echoed("here\n").await;
    // It keeps the drain from its end.
    let mut half = Client::connect(address).await;
    half.send("half").await;

    let document = admin.json("/openapi.json").await;
    assert_eq!(document["openapi"], "3.1.0");
    let mut ids = BTreeSet::new();
    let mut checked = 0;
    let paths = document["paths"].as_object().unwrap();
    // The service is told to drain, and its connections to end, when all else was asked.
    let last = |path: &str| path.contains("drain") || path.ends_with("/end");
    let (late, early): (Vec<_>, Vec<_>) = paths.iter().partition(|(path, _)| last(path));
    for (path, verbs) in early.into_iter().chain(late) {
        for (method, verb) in verbs.as_object().unwrap() {
            assert!(ids.insert(verb["operationId"].to_string()), "{path}");
            let target = filled(path, "document");
            let asked = match path.as_str() {
                "/v1/why" => "?address=127.0.0.1",
                "/v1/connections" => "?sort=-age&limit=1",
                _ => "",
            };
            let body = if path == "/v1/log/level" { "{\"level\":null}" } else { "{}" };
            // What is never asked here is still to be served.
            for (target, body) in
                [(target + asked, body), (filled(path, "no-such") + "?colour=red", "{\"colour\":1}")]
            {
                let reply = match method.as_str() {
                    "get" if path == "/v1/drain" && reply_streams(server) => continue,
                    "get" => admin.get(&target).await,
                    "post" => admin.post(&target, body).await,
                    other => panic!("{other} {path}"),
                };
                let name = format!("{method} {target}: {}", reply.status);
                let said = &verb["responses"];
                let said = said.get(reply.status.to_string()).unwrap_or(&said["default"]);
                let content = said["content"].as_object().unwrap();
                let (expected, schema) = content.iter().next().unwrap();
                assert!(reply.headers["content-type"].starts_with(expected), "{name}: {:?}", reply.headers);
                if expected.ends_with("json") {
                    let faults = faults(&document, &schema["schema"], &reply.json(), &name);
                    assert!(faults.is_empty(), "{faults:#?}");
                    checked += 1;
                }
            }
        }
    }
    assert!(checked >= 36, "{checked}");
    assert_eq!(ids.len(), paths.values().map(|verbs| verbs.as_object().unwrap().len()).sum::<usize>());
    client.expect_end().await;
}

/// Once the drain has begun, its progress is a stream.
fn reply_streams(server: &Server) -> bool {
    !server.is_ready()
}

#[tokio::test]
async fn what_needs_no_token_says_so() {
    let setup = start(Server::builder(), "open = [\"health\"]", &listener("secured", "echo", "")).await;
    let document = setup.admin.json("/openapi.json").await;
    for (path, needed) in [("/live", false), ("/ready", false), ("/metrics", true), ("/v1/status", true)] {
        let security = &document["paths"][path]["get"]["security"];
        assert_eq!(*security, if needed { json!([{ "token": [] }]) } else { json!([]) }, "{path}");
    }
}

#[tokio::test]
async fn the_page_has_every_verb() {
    let setup = start(Server::builder(), "", &listener("page", "echo", "")).await;
    let document = setup.admin.json("/openapi.json").await;
    let page = include_str!("../../docs/admin.md");
    let mut verbs = Vec::new();
    for (path, methods) in document["paths"].as_object().unwrap() {
        verbs.extend(
            methods.as_object().unwrap().keys().map(|verb| format!("{} {path}", verb.to_uppercase())),
        );
    }
    for verb in &verbs {
        assert!(page.contains(&format!("\n| `{verb}` | ")), "{verb}");
    }
    let rows = page.lines().filter(|line| line.starts_with("| `GET ") || line.starts_with("| `POST "));
    assert_eq!(rows.count(), verbs.len());
}

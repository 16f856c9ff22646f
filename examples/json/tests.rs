#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use serde_json::{Value, json};
use terima::testing::{Client, TestServer, serve, serve_in_memory};
use tokio::io::AsyncReadExt;

use super::*;

/// The file that is shipped, on ports of the system's choice.
async fn server() -> TestServer {
    serve(builder(), include_str!("server.toml")).await
}

async fn ask(client: &mut Client, request: &Value) -> Value {
    client.send(format!("{request}\n")).await;
    read_line(client).await
}

async fn read_line(client: &mut Client) -> Value {
    let mut line = Vec::new();
    while line.last() != Some(&b'\n') {
        line.push(client.read_u8().await.unwrap());
    }
    serde_json::from_slice(&line).unwrap()
}

#[tokio::test]
async fn requests_are_answered() {
    let server = server().await;
    let mut client = server.connect("lines").await;
    for (request, response) in [
        (
            json!({ "id": 1, "method": "put", "params": { "item": "screw", "count": 10 } }),
            json!({ "id": 1, "result": 10 }),
        ),
        (
            json!({ "id": 2, "method": "take", "params": { "item": "screw", "count": 4 } }),
            json!({ "id": 2, "result": 6 }),
        ),
        (
            json!({ "id": 3, "method": "take", "params": { "item": "screw", "count": 7 } }),
            json!({ "id": 3, "error": { "code": "not_enough", "message": "there are not 7 of \"screw\"" } }),
        ),
        (json!({ "method": "list" }), json!({ "id": null, "result": { "screw": 6 } })),
    ] {
        assert_eq!(ask(&mut client, &request).await, response);
    }
    client.finish().await;
    assert_eq!(client.ended().await.reason, "client_closed");
}

#[tokio::test]
async fn what_is_no_request_is_answered_too_and_the_connection_goes_on() {
    let server = server().await;
    let mut client = server.connect("lines").await;
    for bad in ["", "{", "[1]", "{\"id\": 1, \"method\": \"steal\"}", "\u{7f}"] {
        client.send(format!("{bad}\n")).await;
        assert_eq!(read_line(&mut client).await["error"]["code"], "malformed", "{bad}");
    }
    assert_eq!(
        ask(&mut client, &json!({ "id": 5, "method": "list" })).await,
        json!({ "id": 5, "result": {} })
    );
}

#[tokio::test]
async fn one_stock_however_it_is_framed() {
    let server = server().await;
    let put = json!({ "id": 1, "method": "put", "params": { "item": "nut", "count": 3 } });
    ask(&mut server.connect("lines").await, &put).await;

    let mut client = server.connect("length").await;
    let list = br#"{"id":2,"method":"list"}"#;
    client.send([&u32::try_from(list.len()).unwrap().to_be_bytes()[..], list].concat()).await;
    let response = br#"{"id":2,"result":{"nut":3}}"#;
    client.expect([&u32::try_from(response.len()).unwrap().to_be_bytes()[..], response].concat()).await;
}

#[tokio::test]
async fn the_stock_is_bounded() {
    let file = include_str!("server.toml")
        .replace("handler = \"stock\"", "handler = { type = \"stock\", max_items = 1 }");
    let server = serve(builder(), &file).await;
    let mut client = server.connect("lines").await;
    let put = |item| json!({ "id": 1, "method": "put", "params": { "item": item, "count": 1 } });
    assert_eq!(ask(&mut client, &put("screw")).await["result"], 1);
    assert_eq!(ask(&mut client, &put("nut")).await["error"]["code"], "full");
    assert_eq!(ask(&mut client, &put("screw")).await["result"], 2);
}

#[tokio::test(start_paused = true)]
async fn who_stops_inside_a_request_is_ended() {
    let server = serve_in_memory(builder(), include_str!("server.toml"));
    let mut client = server.connect("lines").await;
    client.send("{\"id\": 1, ").await;
    let ended = client.ended().await;
    assert_eq!((ended.reason, ended.duration.as_secs()), ("frame_timeout", 10));

    let mut client = server.connect("length").await;
    client.send(u32::MAX.to_be_bytes()).await;
    assert_eq!(client.ended().await.reason, "frame_too_long");
}

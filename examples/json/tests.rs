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
        (json!({ "method": "list" }), json!({ "id": null, "result": { "items": { "screw": 6 } } })),
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
        json!({ "id": 5, "result": { "items": {} } })
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
    let response = br#"{"id":2,"result":{"items":{"nut":3}}}"#;
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

#[tokio::test]
async fn an_item_has_a_short_name() {
    let server = server().await;
    let mut client = server.connect("lines").await;
    for method in ["put", "take"] {
        let call = |length| json!({ "id": 1, "method": method, "params": { "item": "x".repeat(length), "count": 1 } });
        assert_eq!(ask(&mut client, &call(64)).await["error"], Value::Null, "{method}");
        let refused = json!({ "code": "bad_item", "message": "an item has at most 64 bytes" });
        assert_eq!(ask(&mut client, &call(65)).await["error"], refused, "{method}");
    }
    let list = ask(&mut client, &json!({ "id": 2, "method": "list" })).await;
    assert_eq!(list["result"], json!({ "items": {} }));
}

#[tokio::test]
async fn a_long_list_comes_in_pages() {
    let server = server().await;
    let mut client = server.connect("lines").await;
    for n in 0..200 {
        let put = json!({ "method": "put", "params": { "item": format!("item {n:03}"), "count": n + 1 } });
        ask(&mut client, &put).await;
    }
    let mut list = async |params: Value| {
        let answer = ask(&mut client, &json!({ "method": "list", "params": params })).await;
        let items = answer["result"]["items"].as_object().unwrap().clone();
        (items, answer["result"].get("after").cloned())
    };
    let (first, after) = list(Value::Null).await;
    assert_eq!((first.len(), &first["item 000"], &after), (100, &json!(1), &Some(json!("item 099"))));
    // The last page is full, and says that it is the last.
    let (second, end) = list(json!({ "after": after })).await;
    assert_eq!((second.len(), &second["item 199"], end), (100, &json!(200), None));
    assert!(second.keys().all(|item| !first.contains_key(item)));
    // It need not be there any more.
    let (few, end) = list(json!({ "after": "item 197 and a half" })).await;
    assert!(few.keys().eq(["item 198", "item 199"]) && end.is_none(), "{few:?}");
    assert_eq!(list(json!({ "after": "z" })).await, (serde_json::Map::new(), None));
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

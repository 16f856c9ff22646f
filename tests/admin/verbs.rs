//! What it tells, and what becomes of what it is told.

use serde_json::{Value, json};
use terima::Server;

use crate::common::{Client, Scrape, ended, listener, within};
use crate::start;

/// Two listeners that send lines back.
fn two(one: &str, other: &str) -> String {
    listener(one, "echo", "codec = \"lines\"") + &listener(other, "echo", "codec = \"lines\"")
}

fn ids(page: &Value) -> Vec<u64> {
    page["connections"].as_array().unwrap().iter().map(|one| one["id"].as_u64().unwrap()).collect()
}

#[tokio::test]
async fn connections_are_filtered_sorted_and_paged() {
    let setup = start(Server::builder(), "", &two("paged", "paged-too")).await;
    let (server, admin) = (&setup.server, &setup.admin);
    let mut clients = Vec::new();
    for n in 0..5_usize {
        let name = if n < 3 { "paged" } else { "paged-too" };
        let mut client = Client::connect(server.addresses(name)[0]).await;
        client.is_echoed(&format!("{}\n", "x".repeat(n))).await;
        clients.push(client);
    }
    clients[1].send("half").await;
    let receiving = || async { admin.json("/v1/connections?state=receiving").await["matching"] == 1 };
    within("half a line", async { while !receiving().await {} }).await;

    let all = admin.json("/v1/connections").await;
    assert_eq!((ids(&all), &all["matching"], &all["next"]), (vec![1, 2, 3, 4, 5], &json!(5), &Value::Null));
    let first = &all["connections"][0];
    assert_eq!(first["peer"], clients[0].address().to_string());
    for (key, value) in [
        ("listener", json!("paged")),
        ("state", json!("idle")),
        ("bytes_in", json!(1)),
        ("bytes_out", json!(1)),
        ("frames_in", json!(1)),
        ("frames_out", json!(1)),
        ("output", json!(0)),
    ] {
        assert_eq!(first[key], value, "{key}");
    }
    for (asked, expected) in [
        ("listener=paged-too", &[4, 5][..]),
        ("listener=no-such", &[]),
        ("client=127.0.0.1", &[1, 2, 3, 4, 5]),
        ("client=127.0.0.2", &[]),
        ("client=unix", &[]),
        ("state=receiving", &[2]),
        ("state=idle&listener=paged", &[1, 3]),
        ("min_age=3600", &[]),
        ("min_age=0", &[1, 2, 3, 4, 5]),
        ("sort=-id", &[5, 4, 3, 2, 1]),
        ("sort=age", &[5, 4, 3, 2, 1]),
        ("sort=-age", &[1, 2, 3, 4, 5]),
        ("sort=-bytes_out", &[5, 4, 3, 2, 1]),
        ("sort=bytes_out&limit=2", &[1, 2]),
        ("sort=-frames_in", &[5, 4, 3, 2, 1]),
    ] {
        assert_eq!(ids(&admin.json(&format!("/v1/connections?{asked}")).await), expected, "{asked}");
    }
    let mut turned = Vec::new();
    let mut after = String::new();
    loop {
        let page = admin.json(&format!("/v1/connections?sort=-bytes_out&limit=2{after}")).await;
        turned.push(ids(&page));
        match page["next"].as_str() {
            Some(next) => after = format!("&after={next}"),
            None => break,
        }
    }
    assert_eq!(turned, [vec![5, 4], vec![3, 2], vec![1]]);
}

#[tokio::test]
async fn one_connection_tells_its_buffers_and_its_deadlines() {
    let keys = "codec = \"lines\"\ntimeouts.frame = \"1h\"\ntimeouts.idle = \"2h\"\ntimeouts.lifetime = \"1d\"\ntimeouts.lifetime_jitter = \"0%\"";
    let setup = start(Server::builder(), "", &listener("detail", "echo", keys)).await;
    let admin = &setup.admin;
    let mut client = Client::connect(setup.server.addresses("detail")[0]).await;
    client.is_echoed("one\n").await;
    let deadlines = |detail: &Value| {
        let list = detail["deadlines"].as_array().unwrap();
        list.iter().map(|one| one["reason"].as_str().unwrap().to_owned()).collect::<Vec<_>>()
    };
    let detail = admin.json("/v1/connections/1").await;
    assert_eq!(deadlines(&detail), ["idle", "lifetime"]);
    client.send("half").await;
    let detail = within("half a line", async {
        loop {
            let detail = admin.json("/v1/connections/1").await;
            if detail["connection"]["state"] == "receiving" {
                return detail;
            }
        }
    })
    .await;
    assert_eq!(deadlines(&detail), ["frame_timeout", "idle", "lifetime"]);
    let left = detail["deadlines"][0]["left_seconds"].as_f64().unwrap();
    assert!((3500.0..=3600.0).contains(&left), "{left}");
    assert_eq!(
        (&detail["buffers"]["input"], &detail["buffers"]["input_limit"]),
        (&json!(4), &json!(1 << 20))
    );
    assert_eq!(admin.get("/v1/connections/2").await.status, 404);
}

#[tokio::test]
async fn a_connection_is_ended_and_remembered() {
    let setup = start(Server::builder(), "remember = 2", &two("ended-one", "ended-two")).await;
    let (server, admin) = (&setup.server, &setup.admin);
    let mut clients = Vec::new();
    for _ in 0..3 {
        let mut client = Client::connect(server.addresses("ended-one")[0]).await;
        client.is_echoed("hallo\n").await;
        clients.push(client);
    }
    let reply = admin.post("/v1/connections/2/end", "{}").await;
    assert_eq!((reply.status, reply.json()), (200, json!({ "id": 2, "ended": "ended_by_admin" })));
    clients[1].expect_reset().await;
    assert_eq!(admin.post("/v1/connections/2/end", "{}").await.status, 404);
    // Idle, so it closes at once.
    let reply = admin.post("/v1/connections/3/drain", "{}");
    let (reply, ()) = tokio::join!(reply, async {
        clients[2].expect_end().await;
        drop(clients.pop());
    });
    assert_eq!(reply.json()["id"], 3);
    clients[0].is_echoed("untouched\n").await;
    let first = clients[0].address();
    drop(clients);
    ended("ended-one", first).await;

    let remembered =
        |target: String| async move { admin.json(&target).await["ended"].as_array().unwrap().clone() };
    // Only so many are: the first to end is forgotten.
    let two = within("all to be remembered", async {
        loop {
            let two = remembered("/v1/ended".to_owned()).await;
            if two[0]["id"] == 1 {
                return two;
            }
        }
    })
    .await;
    let told: Vec<_> = two.iter().map(|one| (one["id"].clone(), one["reason"].clone())).collect();
    assert_eq!(told, [(json!(1), json!("client_closed")), (json!(3), json!("ended_by_admin"))]);
    assert_eq!((&two[0]["bytes_in"], &two[0]["frames_out"]), (&json!(16), &json!(2)));
    assert!(two[0]["at"].as_str().unwrap().ends_with('Z'), "{}", two[0]);
    assert_eq!(remembered("/v1/ended?reason=ended_by_admin".to_owned()).await.len(), 1);
    assert_eq!(remembered("/v1/ended?listener=ended-two".to_owned()).await.len(), 0);
    assert_eq!(remembered("/v1/ended?limit=1".to_owned()).await.len(), 1);
}

#[tokio::test]
async fn without_remembering_nothing_is() {
    let setup = start(Server::builder(), "remember = \"off\"", &listener("forgotten", "echo", "")).await;
    let client = Client::connect(setup.server.addresses("forgotten")[0]).await;
    let peer = client.address();
    drop(client);
    ended("forgotten", peer).await;
    assert_eq!(setup.admin.json("/v1/ended").await, json!({ "ended": [] }));
}

#[tokio::test]
async fn listeners_are_paused_resumed_and_drained() {
    let setup = start(Server::builder(), "", &two("halted", "beside")).await;
    let (server, admin) = (&setup.server, &setup.admin);
    let address = server.addresses("halted")[0];
    let mut client = Client::connect(address).await;
    client.is_echoed("before\n").await;

    let state = || async { admin.json("/v1/listeners/halted").await["state"].clone() };
    assert_eq!(state().await, "accepting");
    let reply = admin.post("/v1/listeners/halted/pause", "{}").await;
    assert_eq!((reply.status, &reply.json()["state"]), (200, &json!("paused")));
    let why = admin.json("/v1/why?address=127.0.0.1&listener=halted").await;
    assert_eq!(
        (&why["listeners"][0]["verdict"], &why["listeners"][0]["rule"]),
        (&json!("waits"), &json!("state"))
    );
    assert_eq!(admin.get("/ready").await.status, 503);
    assert_eq!(admin.get("/ready?listener=halted").await.status, 503);
    assert_eq!(admin.get("/ready?listener=beside").await.status, 200);
    client.is_echoed("goes on\n").await;
    // It waits in the backlog.
    let mut waits = Client::connect(address).await;
    waits.send("patience\n").await;
    assert_eq!(admin.json("/v1/listeners/halted").await["connections"], 1);

    let reply = admin.post("/v1/listeners/halted/resume", "{}").await;
    assert_eq!((reply.status, &reply.json()["state"]), (200, &json!("accepting")));
    waits.expect("patience\n").await;
    assert_eq!(admin.get("/ready").await.status, 200);

    let mut beside = Client::connect(server.addresses("beside")[0]).await;
    beside.is_echoed("beside\n").await;
    let reply = admin.post("/v1/listeners/halted/drain", "{}").await;
    assert_eq!((reply.status, &reply.json()["state"]), (200, &json!("paused")));
    for mut client in [client, waits] {
        client.expect_end().await;
        let peer = client.address();
        drop(client);
        assert_eq!(&ended("halted", peer).await["reason"], "ended_by_admin");
    }
    beside.is_echoed("untouched\n").await;
    for verb in ["pause", "resume", "drain"] {
        assert_eq!(admin.post(&format!("/v1/listeners/no-such/{verb}"), "{}").await.status, 404, "{verb}");
    }
}

#[tokio::test]
async fn the_log_of_whoever_uses_the_library_is_their_own() {
    let setup = start(Server::builder(), "", &listener("foreign-log", "echo", "")).await;
    assert_eq!(setup.admin.get("/v1/log/level").await.status, 501);
    assert_eq!(setup.admin.post("/v1/log/level", "{\"level\":\"debug\"}").await.status, 501);
}

#[tokio::test]
async fn the_configuration_tells_where_it_is_from() {
    let setup = start(Server::builder(), "", &listener("from", "echo", "timeouts.idle = \"7s\"")).await;
    let config = setup.admin.json("/v1/config").await;
    let key = |name: &str| {
        let keys = config["keys"].as_array().unwrap();
        keys.iter().find(|key| key["key"] == name).unwrap_or_else(|| panic!("no {name}")).clone()
    };
    let idle = key("listener.from.timeouts.idle");
    assert_eq!((&idle["value"], &idle["default"]), (&json!("7s"), &json!("10m")));
    assert_eq!((&idle["origin"]["from"], &idle["origin"]["name"]), (&json!("file"), &json!("server.toml")));
    assert_eq!(key("server.drain_timeout")["origin"]["from"], "default");
    assert_eq!(key("admin.open")["value"], json!(["health", "metrics"]));
    // There is no file to look at again.
    assert_eq!((&config["file"], &config["now"]), (&Value::Null, &Value::Null));
}

#[tokio::test]
async fn a_drain_is_told_and_watched_to_its_end() {
    let text =
        format!("[server]\ndrain_timeout = \"off\"\n{}", listener("watched", "echo", "codec = \"lines\""));
    let setup = start(Server::builder(), "", &text).await;
    let (server, admin) = (&setup.server, &setup.admin);
    let mut client = Client::connect(server.addresses("watched")[0]).await;
    client.is_echoed("once\n").await;
    client.send("half").await;
    let receiving = || async { admin.json("/v1/connections/1").await["connection"]["state"] == "receiving" };
    within("half a line", async { while !receiving().await {} }).await;
    assert_eq!(admin.post("/v1/drain", "{}").await.status, 202);
    client.expect_end().await;
    let mut watching = admin.connect().await;
    let head = format!(
        "GET /v1/drain HTTP/1.1\r\nhost: localhost\r\nauthorization: Bearer {}\r\nconnection: close\r\n\r\n",
        admin.token
    );
    tokio::io::AsyncWriteExt::write_all(&mut watching, head.as_bytes()).await.unwrap();
    // It waits for the client, which has been told everything, to close.
    let status = admin.json("/v1/status").await;
    assert_eq!(status["drain"]["waiting_for"]["close"], 1, "{status}");
    assert_eq!(status["drain"]["left_seconds"], Value::Null);
    drop(client);
    let mut told = String::new();
    within("the last word", tokio::io::AsyncReadExt::read_to_string(&mut watching, &mut told)).await.unwrap();
    let lines: Vec<Value> = told.lines().filter_map(|line| serde_json::from_str(line).ok()).collect();
    let states: Vec<_> = lines.iter().filter_map(|line| line["state"].as_str()).collect();
    assert_eq!((states.first(), states.last()), (Some(&"draining"), Some(&"drained")), "{told}");
}

/// The same as a scrape says, under the same words.
#[tokio::test]
async fn listeners_tell_what_was_counted_and_what_they_allow() {
    let keys = "codec = \"lines\"\nlimits = { connections = 1, when_full = \"close\", input = \"2KiB\", output = \"3KiB\", \
                flush_at = \"1KiB\" }\ntimeouts = { idle = \"90s\", frame = \"off\", write = \"1500ms\" }";
    let setup = start(Server::builder(), "", &listener("counting", "echo", keys)).await;
    let (server, admin) = (&setup.server, &setup.admin);
    let address = server.addresses("counting")[0];
    let mut gone = Client::connect(address).await;
    gone.is_echoed("gone\n").await;
    gone.finish().await;
    gone.expect_end().await;
    let left = async {
        while !server.connections().is_empty() {
            tokio::task::yield_now().await;
        }
    };
    within("its place", left).await;
    let mut client = Client::connect(address).await;
    client.is_echoed("here\n").await;
    client.is_echoed("again\n").await;
    Client::connect(address).await.expect_end().await;

    let told = admin.json("/v1/listeners/counting").await;
    let counters = &told["counters"];
    let scrape = Scrape::of(server);
    let single = |name: &str| scrape.get(&format!("terima_{name}{{listener=\"counting\"}}"));
    for (key, series, expected) in [
        ("accepted", "connections_accepted_total", 3.0),
        ("active", "connections_active", 1.0),
        ("establishing", "connections_establishing", 0.0),
        ("received_bytes", "received_bytes_total", 16.0),
        ("sent_bytes", "sent_bytes_total", 16.0),
        ("received_frames", "received_frames_total", 3.0),
        ("sent_frames", "sent_frames_total", 3.0),
        ("accept_pauses", "accept_pauses_total", 0.0),
    ] {
        assert_eq!((counters[key].as_f64(), single(series)), (Some(expected), expected), "{key}");
    }
    for (key, family, label) in [
        ("refused", "connections_refused_total", "reason"),
        ("ended", "connections_ended_total", "reason"),
        ("accept_errors", "accept_errors_total", "class"),
    ] {
        let counts = counters[key].as_object().unwrap();
        for (word, count) in counts {
            let series = format!("terima_{family}{{listener=\"counting\",{label}=\"{word}\"}}");
            assert_eq!(count.as_f64(), Some(scrape.get(&series)), "{series}");
        }
        let sum: f64 = counts.values().filter_map(Value::as_f64).sum();
        assert_eq!(sum, scrape.sum(&format!("terima_{family}"), "counting"), "{key}");
    }
    assert_eq!(
        (&counters["refused"]["refused_limit"], &counters["ended"]["client_closed"]),
        (&json!(1), &json!(1))
    );

    let allowed = json!({
        "connections": 1, "when_full": "close", "input": 2048, "output": 3072, "flush_at": 1024,
    });
    assert_eq!(told["limits"], allowed);
    let timeouts = &told["timeouts"];
    assert_eq!(
        (&timeouts["idle"], &timeouts["write"], &timeouts["frame"]),
        (&json!(90.0), &json!(1.5), &Value::Null)
    );
    assert_eq!(admin.json("/v1/listeners").await["listeners"][0]["counters"], *counters);
}

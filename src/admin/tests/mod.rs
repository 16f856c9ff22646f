//! The verbs where time and the machine do what a test wants: without sockets.

use std::time::Duration;

use axum::Router;
use axum::body::{Body, to_bytes};
use axum::http::Request;
use hyper::service::Service;
use hyper_util::service::TowerToHyperService;
use serde_json::Value;
use tokio::runtime::{Builder, Runtime};
use tokio::time::advance;

use super::api;
use super::auth::Policy;
use super::bind::Loaded;
use super::program::{Context, Elsewhere, LogLevel, Program};
use crate::config::meant::AdminConfig;
use crate::config::{Config, Overrides};
use crate::{ListenerState, Server};

const ECHO: &str = "[[listener]]\nname = \"echo\"\naddress = \"127.0.0.1:0\"\nhandler = \"echo\"\n";

fn paused() -> Runtime {
    Builder::new_current_thread().enable_all().start_paused(true).build().unwrap()
}

fn router(server: Server, program: impl Program) -> Router {
    let loaded = Loaded { config: Config::default().into(), file: None, overrides: Overrides::default() };
    api::router(Context::new(server, loaded, Box::new(program)), &Policy::new(&AdminConfig::default(), None))
}

/// What is answered: the status and the body.
async fn ask(router: &Router, method: &str, target: &str, body: &str) -> (u16, Value) {
    let request = Request::builder().method(method).uri(target).header("content-type", "application/json");
    let request = request.body(Body::from(body.to_owned())).unwrap();
    let answer = TowerToHyperService::new(router.clone()).call(request).await.unwrap();
    let status = answer.status().as_u16();
    (status, serde_json::from_slice(&to_bytes(answer.into_body(), usize::MAX).await.unwrap()).unwrap())
}

#[test]
fn an_accept_loop_that_stalls_turns_live_red() {
    // The service's own runtime, and that of the interface, which is not driven by it.
    let (theirs, ours) = (paused(), paused());
    let server = theirs.block_on(async {
        let server = Server::builder().parse(ECHO).unwrap().start().await.unwrap();
        tokio::task::yield_now().await;
        server
    });
    ours.block_on(async {
        let router = router(server.clone(), Elsewhere);
        let (status, live) = ask(&router, "GET", "/live", "").await;
        assert_eq!((status, &live["live"]), (200, &Value::Bool(true)), "{live}");
        assert_eq!(ask(&router, "GET", "/ready", "").await.0, 200);

        advance(Duration::from_secs(11)).await;
        let (status, live) = ask(&router, "GET", "/live", "").await;
        assert_eq!((status, &live["live"]), (503, &Value::Bool(false)), "{live}");
        assert_eq!(live["listeners"][0]["name"], "echo");
        assert!(live["listeners"][0]["heartbeat_age_seconds"].as_f64().unwrap() >= 10.0, "{live}");
        let (status, ready) = ask(&router, "GET", "/ready", "").await;
        assert_eq!(
            (status, &ready["reasons"][0]),
            (503, &"echo accepts nothing: its accept loop hangs".into())
        );
        assert_eq!(server.listeners()[0].state, ListenerState::Accepting, "that would be another thing");
    });
}

/// A log whose level is all there is of it.
struct Log(std::sync::Mutex<String>);

impl LogLevel for Log {
    fn configured(&self) -> String {
        "info".to_owned()
    }

    fn now(&self) -> String {
        self.0.lock().unwrap().clone()
    }

    fn set(&self, level: &str) -> Result<(), String> {
        if level == "loud" {
            return Err("`loud` is no level".to_owned());
        }
        level.clone_into(&mut self.0.lock().unwrap());
        Ok(())
    }

    fn restore(&self) {
        "info".clone_into(&mut self.0.lock().unwrap());
    }
}

impl Program for Log {
    fn log(&self) -> Option<&dyn LogLevel> {
        Some(self)
    }
}

#[tokio::test]
async fn the_level_of_the_log_is_told_and_told_back() {
    use axum::Extension;

    use super::serve::Visitor;
    let server = Server::builder().parse(ECHO).unwrap().start().await.unwrap();
    let router = router(server, Log("info".to_owned().into())).layer(Extension(Visitor::nobody()));
    for (body, status, level) in [
        ("{\"level\":\"debug\"}", 200, "debug"),
        ("{\"level\":\"loud\"}", 400, "debug"),
        ("{\"level\":7}", 400, "debug"),
        ("{}", 400, "debug"),
        ("{\"level\":null,\"colour\":1}", 400, "debug"),
        ("{\"level\":null}", 200, "info"),
    ] {
        assert_eq!(ask(&router, "POST", "/v1/log/level", body).await.0, status, "{body}");
        let (_, told) = ask(&router, "GET", "/v1/log/level", "").await;
        assert_eq!((&told["configured"], &told["level"]), (&"info".into(), &level.into()), "{body}");
    }
}

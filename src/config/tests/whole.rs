//! A file that sets about everything, as it is meant.

use std::time::Duration;

use super::{valid_on_linux, written};
use crate::config::meant::{
    AdminConfig, ClientFull, Limits, LogConfig, LogFormat, MaxBuffered, MaxConnections, Open, Per, Rate,
    Retention, Rotation, ServerConfig, SocketOptions, Timeouts, WhenFull,
};
use crate::config::{Endpoint, Size};

#[test]
fn each_key_arrives() {
    let config = valid_on_linux(include_str!("../../../tests/config/valid.toml"));
    let server = ServerConfig {
        workers: Some(2),
        max_connections: MaxConnections::At(10_000),
        max_buffered: MaxBuffered::At(64 << 20),
        lame_duck: Duration::from_secs(90),
        drain_timeout: None,
        user: Some("daemon".to_owned()),
        group: Some("12".to_owned()),
    };
    assert_eq!(config.server, server);
    let level = "info,terima=debug".to_owned();
    let log = LogConfig {
        level,
        format: LogFormat::Json,
        access: false,
        file: Some("logs/terima.log".into()),
        retention: Retention { rotation: Rotation::Size(1 << 20), keep: None },
    };
    assert_eq!(config.log, log);

    let admin = AdminConfig {
        address: Endpoint::Ip("127.0.0.1:27080".parse().unwrap()),
        token_file: "secret/token".into(),
        open: vec![Open::Health],
        hosts: vec!["metrics.example.net".to_owned()],
        connections: 4,
        timeout: Duration::from_secs(2),
        remember: None,
        ..AdminConfig::default()
    };
    assert_eq!(config.admin, Some(admin));

    let [echo, shout] = config.listeners.as_slice() else { panic!("{config:?}") };
    let defaults = Limits { when_full: WhenFull::Reset, ..Limits::default() };
    assert_eq!(&*echo.name, "echo");
    assert_eq!(written(&echo.addresses), ["127.0.0.1:7", "[::1]:7"]);
    let socket = SocketOptions { backlog: 64, ..SocketOptions::default() };
    let own = SocketOptions {
        send_buffer: Some(65_536),
        keepalive: None,
        fast_open: Some(16),
        defer_accept: Some(Duration::from_secs(3)),
        ..socket.clone()
    };
    assert_eq!(echo.socket, own);
    assert_eq!(echo.codec.as_ref().unwrap().name, "lines");
    let limits = Limits {
        connections: Some(1000),
        establishing: MaxConnections::At(100),
        connections_per_client: Some(8),
        rate: Some(Rate { count: 100, per: Per::Second, burst: 200 }),
        rate_per_client: Some(Rate { count: 30, per: Per::Minute, burst: 30 }),
        prefix_v4: 24,
        prefix_v6: 56,
        when_full: WhenFull::Reply,
        reply: Some("busy".to_owned()),
        client_full: ClientFull::Reset,
        output: Size::of(1 << 20).bytes(),
        ..defaults.clone()
    };
    assert_eq!(echo.limits, limits);
    assert_eq!(echo.timeouts, Timeouts { idle: None, ..Timeouts::default() });

    assert_eq!(&*shout.name, "shout.2");
    assert!(shout.codec.is_none());
    assert_eq!(shout.handler.name, "shout");
    assert_eq!(shout.socket, SocketOptions { only_v6: Some(true), ..socket });
    assert_eq!(shout.limits, defaults);
    let lifetime = Some(Duration::from_secs(3600));
    assert_eq!(
        shout.timeouts,
        Timeouts { idle: None, lifetime, lifetime_jitter: 0.0, ..Timeouts::default() }
    );
}

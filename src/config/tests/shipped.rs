//! `config/server.toml` is what is built in, and leaves no key out.

use toml::de::{DeTable, DeValue};

use super::{keys_of, valid, valid_on_linux};
use crate::config::meant::{
    AccessConfig, AdminConfig, Limits, LogConfig, ServerConfig, SocketOptions, Timeouts, Trusted,
};
use crate::config::{Config, Endpoint, written};

const SERVER: &str = include_str!("../../../config/server.toml");
const CONTAINER: &str = include_str!("../../../config/container.toml");

const LEAST: &str = "[[listener]]\nname = \"echo\"\naddress = \"127.0.0.1:7\"\nhandler = \"echo\"\n";

pub(super) fn is_built_in(config: &Config) {
    assert_eq!(config.server, ServerConfig::default());
    assert_eq!(config.log, LogConfig::default());
    assert!(!config.listeners.is_empty());
    for listener in &config.listeners {
        assert_eq!(listener.socket, SocketOptions::default());
        assert_eq!(listener.access, AccessConfig::default());
        assert_eq!(listener.limits, Limits::default());
        assert_eq!(listener.timeouts, Timeouts::default());
        assert_eq!(listener.proxy_protocol, None, "it is on by being there");
    }
}

#[test]
fn what_is_left_out_is_built_in() {
    is_built_in(&valid(LEAST));
    is_built_in(&valid(&format!("[server]\n[log]\n[defaults]\n{LEAST}limits = {{}}\ntimeouts = {{}}\n")));
}

#[test]
fn the_shipped_file_is_built_in() {
    is_built_in(&valid(SERVER));
    assert_eq!(valid(SERVER).admin, None, "it is on by being there");
    is_built_in(&valid(CONTAINER));
    assert_eq!(valid(CONTAINER).admin, Some(AdminConfig::default()));
}

#[test]
fn the_shipped_listeners_are_the_same_in_the_image() {
    let listeners = |text| {
        let named = |listener: &crate::config::meant::ListenerConfig| {
            let codec = listener.codec.as_ref().map(|codec| codec.name.clone());
            let ports: Vec<u16> = listener.addresses.iter().filter_map(Endpoint::port).collect();
            (listener.name.to_string(), codec, listener.handler.name.clone(), ports)
        };
        valid(text).listeners.iter().map(named).collect::<Vec<_>>()
    };
    let expected = [
        ("echo", Some("lines"), "echo", 27015),
        ("raw", Some("bytes"), "echo", 27016),
        ("discard", None, "discard", 27017),
    ]
    .map(|(name, codec, handler, port)| {
        (name.to_owned(), codec.map(str::to_owned), handler.to_owned(), vec![port])
    });
    assert_eq!(listeners(SERVER), expected);
    assert_eq!(listeners(CONTAINER), expected);
}

#[test]
fn the_shipped_file_has_every_key() {
    assert_eq!(keys_of::<written::File>(), ["server", "log", "admin", "defaults", "listener"]);
    assert_eq!(keys_of::<written::Defaults>(), ["socket", "access", "limits", "timeouts", "proxy_protocol"]);
    let in_defaults: Vec<&str> = keys_of::<written::Listener>()[4..].to_vec();
    assert_eq!(in_defaults, keys_of::<written::Defaults>());

    let sections: [(&[&str], _); 8] = [
        (&["server"], keys_of::<written::Server>()),
        (&["log"], keys_of::<written::Log>()),
        (&["admin"], keys_of::<written::Admin>()),
        (&["defaults", "socket"], keys_of::<written::Socket>()),
        (&["defaults", "access"], keys_of::<written::Access>()),
        (&["defaults", "limits"], keys_of::<written::Limits>()),
        (&["defaults", "timeouts"], keys_of::<written::Timeouts>()),
        (&["defaults", "proxy_protocol"], keys_of::<written::ProxyProtocol>()),
    ];
    let whole = without_marks(SERVER);
    let file = DeTable::parse(&whole).unwrap().into_inner();
    let mut seen = 0;
    for (path, keys) in sections {
        let table = path.iter().fold(&file, |table, step| table[*step].get_ref().as_table().unwrap());
        let written: Vec<&str> = table.keys().map(|key| key.get_ref().as_ref()).collect();
        for key in keys {
            assert!(written.contains(key), "{path:?} lacks {key}");
            seen += 1;
        }
    }
    assert_eq!(seen, 56);

    let DeValue::Array(listeners) = file["listener"].get_ref() else { panic!("no list") };
    for key in &keys_of::<written::Listener>()[..4] {
        assert!(listeners.iter().any(|listener| listener.get_ref().get(*key).is_some()), "{key}");
    }
}

#[test]
fn every_key_that_stands_behind_a_mark_is_one() {
    // The lists are read.
    let folder = tempfile::tempdir().unwrap();
    let lists = ["allow.txt", "deny.txt"].map(|name| {
        let path = folder.path().join(name);
        std::fs::write(&path, "192.0.2.0/24\n").unwrap();
        (format!("\"{name}\""), format!("'{}'", path.display()))
    });
    let mut whole = without_marks(SERVER);
    for (shipped, written) in &lists {
        whole = whole.replace(shipped, written);
    }
    let config = valid_on_linux(&whole);
    assert_eq!(config.server.user.as_deref(), Some("terima"));
    assert_eq!(config.log.file, Some("/var/log/terima/terima.log".into()));
    let network = Trusted::Network("10.0.0.0/8".parse().unwrap());
    for listener in &config.listeners {
        let trusted = &listener.proxy_protocol.as_ref().unwrap().trusted;
        assert_eq!(*trusted, [network, Trusted::Unix]);
    }
    let listener = &config.listeners[0];
    assert_eq!(listener.socket.owner.as_deref(), Some("root"));
    assert_eq!(listener.access.allow.as_ref().map(Vec::len), Some(2));
    assert!(listener.access.allow_file.is_some() && listener.access.deny_file.is_some());
    assert_eq!(listener.access.allow_users.as_deref(), Some(&["root".to_owned(), "1000".to_owned()][..]));
    assert_eq!(listener.access.allow_groups.as_deref(), Some(&["www-data".to_owned()][..]));
    let (owner, group) = (Some("root".to_owned()), Some("terima".to_owned()));
    let address = Endpoint::Path("/run/terima/admin.sock".into());
    let token_file = "/var/lib/terima/admin.token".into();
    let admin = AdminConfig { address, owner, group, token_file, ..AdminConfig::default() };
    assert_eq!(config.admin, Some(admin));
}

/// The text with its lines `#key = value` made keys, and `#[table]` a table.
fn without_marks(text: &str) -> String {
    fn unmarked(line: &str) -> Option<&str> {
        let rest = line.strip_prefix('#')?;
        let rest = rest.strip_prefix('#').unwrap_or(rest);
        let word = |key: &str| key.chars().all(|c| c.is_ascii_lowercase() || matches!(c, '.' | '_'));
        let marked = rest.split_once(" = ").is_some_and(|(key, _)| word(key))
            || rest.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')).is_some_and(word);
        marked.then_some(rest)
    }
    assert_eq!(text.lines().filter_map(unmarked).count(), 22);
    text.lines().map(|line| unmarked(line).unwrap_or(line)).collect::<Vec<_>>().join("\n")
}

#[test]
fn a_listener_goes_before_the_defaults() {
    let config = valid(&format!(
        "[defaults]\nlimits.input = \"2KiB\"\ntimeouts.idle = \"1s\"\ntimeouts.lifetime = \"1h\"\n{LEAST}\
         limits.input = \"4KiB\"\ntimeouts.lifetime = \"off\"\n"
    ));
    let listener = &config.listeners[0];
    assert_eq!(listener.limits, Limits { input: 4096, ..Limits::default() });
    let idle = Some(std::time::Duration::from_secs(1));
    assert_eq!(listener.timeouts, Timeouts { idle, lifetime: None, ..Timeouts::default() });
}

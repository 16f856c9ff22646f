//! The examples, driven by the clients that they are for.

use std::collections::BTreeMap;
use std::process::Stdio;

use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader, Lines};
use tokio::process::{Child, ChildStdin, ChildStdout, Command};
use tokio::time::timeout;

use crate::command::{PATIENCE, program};
use crate::peers::client;
use crate::service::{Service, logging};

/// A running example, each of its listeners on a port of the system's choice.
struct Example {
    service: Service,
    ports: BTreeMap<String, String>,
}

impl Example {
    async fn start(name: &str, listeners: &[&str]) -> Self {
        let keys: Vec<_> =
            listeners.iter().map(|listener| format!("listener.{listener}.address=127.0.0.1:0")).collect();
        let arguments: Vec<_> = keys.iter().flat_map(|key| ["--set", key]).collect();
        // target/debug/deps/interop-0123456789abcdef
        let own = std::env::current_exe().unwrap();
        let path = own.ancestors().nth(2).unwrap().join("examples").join(name);
        assert!(path.exists(), "there is no {}: cargo build --examples makes it", path.display());
        let file = format!("{}/examples/{name}/server.toml", env!("CARGO_MANIFEST_DIR"));
        let mut command = logging(program(path), "run");
        command.arg("--config").arg(file).args(arguments);
        let mut service = Service::of(command.spawn().unwrap(), None);
        let mut ports = BTreeMap::new();
        for _ in listeners {
            let listening = service.logged("listening").await;
            let (_, port) = listening["address"].as_str().unwrap().rsplit_once(':').unwrap();
            ports.insert(listening["listener"].as_str().unwrap().to_owned(), port.to_owned());
        }
        service.logged("ready").await;
        Self { service, ports }
    }

    fn port(&self, listener: &str) -> &str {
        &self.ports[listener]
    }

    /// Ends it as a service manager does.
    async fn stop(self) {
        self.service.signal("TERM").await;
        assert_eq!(self.service.code().await, Some(0));
    }
}

/// Runs a client with this input; tells what it prints, as text.
async fn text(program: &str, arguments: &[&str], input: &str) -> String {
    String::from_utf8(client(program, arguments, input.as_bytes()).await).unwrap()
}

/// A client that stays, and is talked through.
struct Talk {
    _child: Child,
    input: ChildStdin,
    output: Lines<BufReader<ChildStdout>>,
}

impl Talk {
    fn start(program: &str, arguments: &[&str]) -> Self {
        let mut command = Command::new(program);
        command.args(arguments).stdin(Stdio::piped()).stdout(Stdio::piped()).kill_on_drop(true);
        let mut child = command.spawn().unwrap_or_else(|error| panic!("{program}: {error}"));
        let input = child.stdin.take().unwrap();
        let output = BufReader::new(child.stdout.take().unwrap()).lines();
        Self { _child: child, input, output }
    }

    async fn say(&mut self, line: &str) {
        self.input.write_all(format!("{line}\n").as_bytes()).await.unwrap();
    }

    /// The next line that it prints; `None` at its end.
    async fn hears(&mut self) -> Option<String> {
        timeout(PATIENCE, self.output.next_line()).await.expect("nothing is heard").unwrap()
    }
}

// === kv ===

#[tokio::test]
#[ignore = "needs redis-cli: .ci/interop"]
async fn redis_cli() {
    let kv = Example::start("kv", &["kv"]).await;
    let cli = |arguments: &'static [&str]| {
        let arguments = [&["--no-raw", "-p", kv.port("kv")], arguments].concat();
        async move { text("redis-cli", &arguments, "").await }
    };
    for (arguments, printed) in [
        (&["SET", "greeting", "halo dunia", "EX", "60"][..], "OK\n"),
        (&["GET", "greeting"], "\"halo dunia\"\n"),
        (&["TTL", "greeting"], "(integer) 60\n"),
        (&["SET", "greeting", "again", "NX"], "(nil)\n"),
        (&["INCR", "n"], "(integer) 1\n"),
        (&["DBSIZE"], "(integer) 2\n"),
        (&["CONFIG", "GET", "save"], "1) \"save\"\n2) \"\"\n"),
        (&["DEL", "greeting", "n"], "(integer) 2\n"),
        (&["STEAL"], "(error) ERR unknown command 'STEAL'\n"),
    ] {
        assert_eq!(cli(arguments).await, printed, "{arguments:?}");
    }
    // Several from its input, over one connection.
    let printed = text("redis-cli", &["-p", kv.port("kv")], "set a 1\nincr a\nping\n").await;
    assert_eq!(printed, "OK\n2\nPONG\n");
    // Many at once, of which it checks the replies.
    let many: String = (0..10_000).map(|n| format!("SET key:{n} {n}\r\n")).collect();
    let printed = text("redis-cli", &["-p", kv.port("kv"), "--pipe"], &many).await;
    assert!(printed.ends_with("errors: 0, replies: 10000\n"), "{printed}");
    kv.stop().await;
}

#[tokio::test]
#[ignore = "needs redis-benchmark: .ci/interop"]
async fn redis_benchmark() {
    let kv = Example::start("kv", &["kv"]).await;
    for pipeline in ["1", "16"] {
        let arguments = [
            "-p",
            kv.port("kv"),
            "-P",
            pipeline,
            "-n",
            "20000",
            "-r",
            "1000",
            "-t",
            "ping,set,get,incr",
            "--csv",
        ];
        let printed = text("redis-benchmark", &arguments, "").await;
        let tests: Vec<_> = printed.lines().skip(1).filter_map(|line| line.split('"').nth(1)).collect();
        assert_eq!(tests, ["PING_INLINE", "PING_MBULK", "SET", "GET", "INCR"], "{printed}");
    }
    kv.stop().await;
}

// === json ===

#[tokio::test]
#[ignore = "needs ncat and python3: .ci/interop"]
async fn json_by_lines_and_by_lengths() {
    const SCRIPT: &str = "\
import json, socket, struct, sys
with socket.create_connection(('127.0.0.1', int(sys.argv[1]))) as gateway:
    file = gateway.makefile('rwb')
    for id, (method, params) in enumerate([('take', {'item': 'screw', 'count': 3}), ('list', None)]):
        request = json.dumps({'id': id, 'method': method, 'params': params}).encode()
        file.write(struct.pack('>I', len(request)) + request)
        file.flush()
        (length,) = struct.unpack('>I', file.read(4))
        print(json.loads(file.read(length)))
";
    let json = Example::start("json", &["lines", "length"]).await;
    let put = "{\"id\": 7, \"method\": \"put\", \"params\": {\"item\": \"screw\", \"count\": 10}}\n";
    let printed = text("ncat", &["127.0.0.1", json.port("lines")], put).await;
    assert_eq!(printed, "{\"id\":7,\"result\":10}\n");
    let printed = text("python3", &["-c", SCRIPT, json.port("length")], "").await;
    assert_eq!(printed, "{'id': 0, 'result': 7}\n{'id': 1, 'result': {'items': {'screw': 7}}}\n");
    json.stop().await;
}

// === chat ===

#[tokio::test]
#[ignore = "needs ncat: .ci/interop"]
async fn a_chat_by_ncat() {
    let chat = Example::start("chat", &["chat"]).await;
    let at = ["127.0.0.1", chat.port("chat")];
    let mut siti = Talk::start("ncat", &at);
    assert_eq!(siti.hears().await.unwrap(), "* you are guest-1; /nick NAME, /who, /quit");
    assert_eq!(siti.hears().await.unwrap(), "* guest-1 has come");
    siti.say("/nick siti").await;
    assert_eq!(siti.hears().await.unwrap(), "* guest-1 is siti now");

    let mut budi = Talk::start("ncat", &at);
    budi.hears().await.unwrap();
    for client in [&mut siti, &mut budi] {
        assert_eq!(client.hears().await.unwrap(), "* guest-2 has come");
    }
    budi.say("halo").await;
    for client in [&mut siti, &mut budi] {
        assert_eq!(client.hears().await.unwrap(), "guest-2: halo");
    }
    budi.say("/quit").await;
    assert_eq!(budi.hears().await, None);
    assert_eq!(siti.hears().await.unwrap(), "* guest-2 has gone");
    chat.stop().await;
    assert_eq!(siti.hears().await.unwrap(), "* the server is going down, come back in a minute");
    assert_eq!(siti.hears().await, None);
}

// === gateway ===

#[tokio::test]
#[ignore = "needs ncat and python3: .ci/interop"]
async fn a_device_in_python_and_an_operator_with_ncat() {
    const DEVICE: &str = "\
import socket, struct, sys
KINDS = ['login', 'welcome', 'beat', 'report', 'command', 'bye']
with socket.create_connection(('127.0.0.1', int(sys.argv[1]))) as gateway:
    file = gateway.makefile('rwb')
    def send(kind, payload):
        file.write(b'TG' + struct.pack('>BBH', 1, 1 + KINDS.index(kind), len(payload)) + payload)
        file.flush()
    send('login', b'pump-7')
    while header := file.read(6):
        magic, version, kind, length = struct.unpack('>2sBBH', header)
        assert (magic, version) == (b'TG', 1)
        payload = file.read(length)
        print(KINDS[kind - 1], payload.decode(), flush=True)
        if KINDS[kind - 1] == 'beat':
            send('beat', b'')
        if KINDS[kind - 1] == 'command':
            send('report', b'done: ' + payload)
";
    let gateway = Example::start("gateway", &["devices", "operators"]).await;
    let mut device = Talk::start("python3", &["-c", DEVICE, gateway.port("devices")]);
    assert_eq!(device.hears().await.unwrap(), "welcome ");

    let mut operator = Talk::start("ncat", &["127.0.0.1", gateway.port("operators")]);
    operator.say("send pump-7 stop").await;
    assert_eq!(operator.hears().await.unwrap(), "ok");
    assert_eq!(device.hears().await.unwrap(), "command stop");
    // Its report is on its way.
    loop {
        operator.say("list").await;
        let listed = operator.hears().await.unwrap();
        assert!(listed.starts_with("pump-7 127.0.0.1:"), "{listed}");
        assert_eq!(operator.hears().await.unwrap(), "ok 1 online");
        if listed.ends_with(" reported \"done: stop\"") {
            break;
        }
    }
    operator.say("kick pump-7").await;
    assert_eq!(operator.hears().await.unwrap(), "ok");
    assert_eq!(device.hears().await.unwrap(), "bye kicked");
    assert_eq!(device.hears().await, None);
    gateway.stop().await;
}

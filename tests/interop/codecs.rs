//! Codecs as others wrote them, against an echo: Python's packages, in the environment that `.ci/interop` makes; logger.

use std::env;
use std::net::SocketAddr;

use serde_json::Value;

use crate::peers::client;
use crate::service::Service;

/// Sends payloads of all kinds in frames that the package makes, one byte in a packet and then all at once, and compares
/// what it finds in the answer. A codec is two functions: `encode(payload)`, and `decode(stream)`, which gives a list.
const EXCHANGE: &str = "
import os, socket, sys, threading

payloads = [p for n in (0, 1, 2, 127, 128, 253, 254, 255, 256, 1000, 60000)
            for p in (bytes(n), b'x' * n, bytes(range(256)) * (n // 256), os.urandom(n)) if suits(p)]
assert len(payloads) >= 20, len(payloads)
wire = b''.join(map(encode, payloads))
few = b''.join(map(encode, payloads[:8]))
with socket.create_connection((sys.argv[1], int(sys.argv[2]))) as client:
    client.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    for byte in few:
        client.send(bytes([byte]))
    answer = b''
    def read():
        global answer
        while chunk := client.recv(65536):
            answer += chunk
    reading = threading.Thread(target=read)
    reading.start()
    client.sendall(wire)
    client.shutdown(socket.SHUT_WR)
    reading.join()
found = decode(answer)
assert found == payloads[:8] + payloads, (len(found), len(payloads))
print('the same')
";

/// The two functions, and which payloads they are for.
const NETSTRING: &str = "
import pynetstring
encode, decode = pynetstring.encode, pynetstring.decode
suits = lambda payload: True
";

const VARINT: &str = "
import io
from google.protobuf import proto, wrappers_pb2
def encode(payload):
    out = io.BytesIO()
    proto.serialize_length_prefixed(wrappers_pb2.BytesValue(value=payload), out)
    return out.getvalue()
def decode(stream):
    stream, found = io.BytesIO(stream), []
    while (message := proto.parse_length_prefixed(wrappers_pb2.BytesValue, stream)) is not None:
        found.append(message.value)
    return found
suits = lambda payload: True
";

const SLIP: &str = "
import sliplib
encode = sliplib.Driver().send
def decode(stream):
    driver = sliplib.Driver()
    driver.receive(stream)
    driver.receive(b'')
    return list(iter(lambda: driver.get(block=False), b''))
suits = len
";

const COBS: &str = "
from cobs import cobs
encode = lambda payload: cobs.encode(payload) + b'\\0'
decode = lambda stream: [cobs.decode(frame) for frame in stream.split(b'\\0')[:-1]]
suits = lambda payload: True
";

/// Its writer and its reader are asyncio's; here they are fed.
const MLLP: &str = "
import asyncio
from hl7.mllp import MLLPStreamReader, MLLPStreamWriter
class Transport(asyncio.Transport):
    wrote = b''
    def is_closing(self):
        return False
    def close(self):
        pass
    def write(self, data):
        self.wrote += data
    def writelines(self, pieces):
        self.wrote += b''.join(pieces)
def encode(payload):
    async def encoded():
        transport = Transport()
        writer = MLLPStreamWriter(transport, None, None, asyncio.get_running_loop())
        writer.writeblock(payload)
        return transport.wrote
    return asyncio.run(encoded())
def decode(stream):
    async def decoded():
        reader = MLLPStreamReader(limit=1 << 20)
        reader.feed_data(stream)
        reader.feed_eof()
        found = []
        while not reader.at_eof():
            found.append(await reader.readblock())
        return found
    return asyncio.run(decoded())
suits = lambda payload: not set(payload) & {0x0b, 0x1c}
";

async fn agrees(codec: &str, functions: &str) {
    let python = env::var("TERIMA_PYTHON").expect("TERIMA_PYTHON is a Python with the packages: .ci/interop");
    let (_service, at) = Service::serve(&["echo", "127.0.0.1:0", "--codec", codec]).await;
    let script = format!("{functions}{EXCHANGE}");
    let printed = client(&python, &["-c", &script, &at.ip().to_string(), &at.port().to_string()], b"").await;
    assert_eq!(String::from_utf8(printed).unwrap(), "the same\n", "{codec}");
}

#[tokio::test]
#[ignore = "needs packages of Python: .ci/interop"]
async fn netstring() {
    agrees("netstring", NETSTRING).await;
}

#[tokio::test]
#[ignore = "needs packages of Python: .ci/interop"]
async fn varint() {
    agrees("varint", VARINT).await;
}

#[tokio::test]
#[ignore = "needs packages of Python: .ci/interop"]
async fn slip() {
    agrees("slip", SLIP).await;
}

#[tokio::test]
#[ignore = "needs packages of Python: .ci/interop"]
async fn cobs() {
    agrees("cobs", COBS).await;
}

#[tokio::test]
#[ignore = "needs packages of Python: .ci/interop"]
async fn mllp() {
    agrees("mllp", MLLP).await;
}

/// Sends one message.
async fn log(at: SocketAddr, more: &[&str], message: &str) {
    let (host, port) = (at.ip().to_string(), at.port().to_string());
    let to = ["--tcp", "--server", &host, "--port", &port];
    client("logger", &[&to, more, &[message]].concat(), b"").await;
}

/// What is logged of the next connection that ends.
async fn access(service: &mut Service) -> Value {
    service.event(|event| event["target"] == "terima::access").await
}

#[tokio::test]
#[ignore = "needs logger: .ci/interop"]
async fn octet_counted() {
    let (mut service, at) = Service::serve(&["discard", "127.0.0.1:0", "--codec", "octet_counted"]).await;
    log(at, &["--octet-count"], "one\nmessage").await;
    let ended = access(&mut service).await;
    assert_eq!((&ended["reason"], &ended["frames_in"]), (&"client_closed".into(), &1.into()), "{ended}");

    // Without --octet-count, it ends each message with LF.
    log(at, &[], "a message").await;
    let ended = access(&mut service).await;
    assert_eq!((&ended["reason"], &ended["frames_in"]), (&"bad_frame".into(), &0.into()), "{ended}");
    assert!(ended["error"].as_str().unwrap().contains("does not count octets"), "{ended}");

    let arguments = ["discard", "127.0.0.1:0", "--codec", "octet_counted", "--codec-non-transparent"];
    let (mut service, at) = Service::serve(&arguments).await;
    for more in [&["--octet-count"][..], &[]] {
        log(at, more, "a message").await;
        let ended = access(&mut service).await;
        assert_eq!((&ended["reason"], &ended["frames_in"]), (&"client_closed".into(), &1.into()), "{ended}");
    }
}

//! Clients of others: ncat, socat, Python's asyncio; over IPv4, IPv6 and Unix sockets.

use std::net::SocketAddr;

use tempfile::TempDir;

use crate::peers::{bytes, client};
use crate::service::Service;

/// An echo of bytes wherever one can listen.
struct Everywhere {
    _service: Service,
    v4: SocketAddr,
    v6: SocketAddr,
    folder: TempDir,
    name: String,
}

impl Everywhere {
    async fn start() -> Self {
        let folder = tempfile::tempdir().unwrap();
        // Several tests at once, each with a name of its own.
        let name = folder.path().file_name().unwrap().to_str().unwrap().trim_start_matches('.').to_owned();
        let path = folder.path().join("echo.sock");
        let text = format!(
            "[[listener]]\nname = \"echo\"\nhandler = \"echo\"\n\
             address = [\"127.0.0.1:0\", \"[::1]:0\", \"unix:{}\", \"unix:@{name}\"]\n",
            path.display()
        );
        let mut service = Service::spawn(&text, &[]);
        let mut addresses = Vec::new();
        for _ in 0..4 {
            let listening = service.logged("listening").await;
            addresses.push(listening["address"].as_str().unwrap().to_owned());
        }
        service.logged("ready").await;
        let [v4, v6] = [0, 1].map(|index: usize| addresses[index].parse().unwrap());
        Self { _service: service, v4, v6, folder, name }
    }

    fn path(&self) -> String {
        self.folder.path().join("echo.sock").to_str().unwrap().to_owned()
    }
}

async fn is_echoed(program: &str, arguments: &[&str]) {
    for length in [0, 1, 1_000_000] {
        let input = bytes(length);
        let printed = client(program, arguments, &input).await;
        assert!(printed == input, "{program} {arguments:?}: {} of {length}", printed.len());
    }
}

#[tokio::test]
#[ignore = "needs ncat: .ci/interop"]
async fn ncat() {
    let at = Everywhere::start().await;
    is_echoed("ncat", &["127.0.0.1", &at.v4.port().to_string()]).await;
    is_echoed("ncat", &["::1", &at.v6.port().to_string()]).await;
    is_echoed("ncat", &["-U", &at.path()]).await;
}

#[tokio::test]
#[ignore = "needs socat: .ci/interop"]
async fn socat() {
    let at = Everywhere::start().await;
    let remotes = [
        format!("TCP4:{}", at.v4),
        format!("TCP6:{}", at.v6),
        format!("UNIX-CONNECT:{}", at.path()),
        format!("ABSTRACT-CONNECT:{}", at.name),
    ];
    for remote in remotes {
        // How long it waits for the answer after its own end: half a second is its default.
        is_echoed("socat", &["-t", "20", "-", &remote]).await;
    }
}

#[tokio::test]
#[ignore = "needs python3: .ci/interop"]
async fn asyncio() {
    const SCRIPT: &str = "\
import asyncio, sys
async def main(kind, where):
    if kind == 'unix':
        # An argument can't have a NUL in it, which an abstract name begins with.
        reader, writer = await asyncio.open_unix_connection(where.replace('@', '\\0', 1))
    else:
        reader, writer = await asyncio.open_connection(kind, int(where))
    async def send():
        writer.write(sys.stdin.buffer.read())
        await writer.drain()
        writer.write_eof()
    sending = asyncio.create_task(send())
    sys.stdout.buffer.write(await reader.read())
    await sending
asyncio.run(main(*sys.argv[1:]))
";
    let at = Everywhere::start().await;
    let (v4, v6) = (at.v4.port().to_string(), at.v6.port().to_string());
    for (kind, place) in
        [("127.0.0.1", v4.as_str()), ("::1", &v6), ("unix", &at.path()), ("unix", &format!("@{}", at.name))]
    {
        is_echoed("python3", &["-c", SCRIPT, kind, place]).await;
    }
}

#[tokio::test]
#[ignore = "needs ncat: .ci/interop"]
async fn one_connection_in_a_pipe() {
    for (handler, input, expected) in [("echo", "halo\n", "halo\n"), ("discard", "halo\n", "")] {
        let (service, at) = Service::serve(&[handler, "127.0.0.1:0", "--once"]).await;
        let port = at.port().to_string();
        let printed = client("ncat", &["127.0.0.1", &port], input.as_bytes()).await;
        assert_eq!(String::from_utf8(printed).unwrap(), expected);
        assert_eq!(service.code().await, Some(0), "{handler}");
    }
}

//! The unit's and the image's places, for a user who may write to nothing else: the admin interface has what it needs.
//!
//! In a namespace of its own: folders with the names of the system's, of which only those are there that the unit, or the image,
//! makes.

use std::fs;
use std::os::unix::fs::MetadataExt;
use std::process::Stdio;

use tokio::process::Command;

use crate::command::{Ended, ended, program};
use crate::service::{Service, logging};

const UNIT: &str = include_str!("../../dist/systemd/terima.service");
const DOCKERFILE: &str = include_str!("../../Dockerfile");
const SERVER: &str = include_str!("../../config/server.toml");
const CONTAINER: &str = include_str!("../../config/container.toml");

/// The image's; the unit's has a name, which this machine may not know.
const USER: &str = "10001";

/// The arguments: the configuration, the program, the user's folders; then, behind `--`, what is run.
const SETUP: &str = r#"
set -eu
config=$1 program=$2
shift 2
etc=$(dirname "$config")/etc
mkdir -p "$etc/terima"
cp /etc/passwd /etc/group "$etc"
cp "$config" "$etc/terima/server.toml"
mount --bind "$etc" /etc
mount -t tmpfs -o mode=755 tmpfs /run
mkdir -p /var/lib /var/log
mount -t tmpfs -o mode=755 tmpfs /var/lib
mount -t tmpfs -o mode=755 tmpfs /var/log
install -m 755 "$program" /run/program
while [ "$1" != -- ]; do
    install -d -o 10001 -g 10001 -m 0700 "$1"
    shift
done
shift
exec setpriv --reuid=10001 --regid=10001 --clear-groups --no-new-privs --bounding-set=-all "$@"
"#;

/// Where the built program is in the namespace: any user may run it there.
const PROGRAM: &str = "/run/program";

const FILE: &str = "/etc/terima/server.toml";

/// A service that is unprivileged, in a namespace.
struct Unprivileged {
    service: Service,
    folder: tempfile::TempDir,
}

impl Unprivileged {
    async fn start(config: &str, folders: &[String], keys: &[&str]) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("server.toml");
        fs::write(&file, config).unwrap();
        let mut command = program("unshare");
        command.args(["--mount", "--", "sh", "-c", SETUP, "sh"]).arg(&file);
        command.arg(env!("CARGO_BIN_EXE_terima")).args(folders).args(["--", PROGRAM]);
        let mut command = logging(command, "run");
        command.args(["--config", FILE]).args(set(keys)).stdin(Stdio::null());
        let mut service = Service::of(command.spawn().unwrap(), None);
        service.logged("ready").await;
        Self { service, folder }
    }

    /// Runs a subcommand beside it, as this user.
    async fn ask(&self, user: &str, subcommand: &str, keys: &[&str]) -> Ended {
        let mut command = Command::new("nsenter");
        command.args(["--mount", "--target", &self.service.id().to_string(), "--"]);
        command.args(["setpriv", "--clear-groups", &format!("--reuid={user}"), &format!("--regid={user}")]);
        command.args([PROGRAM, subcommand, "--config", FILE]).args(set(keys));
        ended(&mut command).await
    }

    /// Whose a file of its world is, and its mode.
    fn access(&self, path: &str) -> (u32, u32) {
        let found = fs::metadata(format!("/proc/{}/root{path}", self.service.id())).unwrap();
        (found.uid(), found.mode() & 0o7777)
    }
}

fn set<'k>(keys: &[&'k str]) -> Vec<&'k str> {
    keys.iter().flat_map(|key| ["--set", key]).collect()
}

/// `StateDirectory=terima` and the like.
fn folders_of_the_unit() -> Vec<String> {
    let of = |key: &str, parent: &str| {
        let name = UNIT.lines().find_map(|line| line.strip_prefix(key)).unwrap();
        format!("{parent}/{name}")
    };
    vec![of("RuntimeDirectory=", "/run"), of("StateDirectory=", "/var/lib"), of("LogsDirectory=", "/var/log")]
}

fn folders_of_the_image() -> Vec<String> {
    let made = format!("RUN install -d -o {USER} -g {USER} -m 0700 ");
    let folders = DOCKERFILE.lines().find_map(|line| line.strip_prefix(&made)).unwrap();
    folders.split_whitespace().map(str::to_owned).collect()
}

/// The shipped listeners, on ports that nobody has yet.
fn elsewhere(config: &str) -> String {
    ["27015", "27016", "27017"]
        .iter()
        .fold(config.to_owned(), |config, port| config.replace(&format!(":{port}\""), ":0\""))
}

#[tokio::test]
#[ignore = "needs root and its namespaces: .ci/interop"]
async fn the_admin_interface_has_what_it_needs() {
    if fs::metadata("/proc/self").unwrap().uid() != 0 {
        return eprintln!("left out: only root may make a namespace");
    }
    let with_admin = SERVER.replace("\n#[admin]\n", "\n[admin]\n");
    assert_ne!(with_admin, SERVER);
    let (unit, image) = (folders_of_the_unit(), folders_of_the_image());
    for (config, folders) in [(&*with_admin, &unit), (CONTAINER, &image)] {
        let port = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
        let tcp = format!("admin.address={port}");
        for (keys, made) in
            [(&[][..], "/run/terima/admin.sock"), (&[tcp.as_str()], "/var/lib/terima/admin.token")]
        {
            let running = Unprivileged::start(&elsewhere(config), folders, keys).await;
            assert_eq!(running.access(made), (10_001, 0o600), "{made}");
            for user in [USER, "0"] {
                for subcommand in ["status", "health", "connections"] {
                    let answer = running.ask(user, subcommand, keys).await;
                    assert_eq!(
                        (answer.code, answer.stderr.as_str()),
                        (Some(0), ""),
                        "{subcommand} by {user}, {made}"
                    );
                }
            }
            // Nobody else may ask, but anybody whether it is well, over TCP.
            let stranger = running.ask("10002", "status", keys).await;
            assert_eq!(stranger.code, Some(1), "{}", stranger.stdout);
            let well = running.ask("10002", "health", keys).await;
            assert_eq!(well.code, Some(if keys.is_empty() { 1 } else { 0 }), "{}", well.stderr);
            let Unprivileged { service, folder } = running;
            service.signal("TERM").await;
            assert_eq!(service.code().await, Some(0));
            drop(folder);
        }
    }
}

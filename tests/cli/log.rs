//! The log's file: put aside, opened again; and the level, changed by signals.

use std::collections::BTreeMap;
use std::fs;
use std::net::SocketAddr;
use std::path::Path;
use std::time::Duration;

use serde_json::Value;
use tempfile::TempDir;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::task::JoinSet;
use tokio::time::{interval, timeout};

use crate::command::{ECHO, File, PATIENCE, ended, terima};
use crate::service::Service;

/// A service whose log is a file.
struct Logged {
    service: Service,
    folder: TempDir,
    address: SocketAddr,
}

impl Logged {
    async fn start(settings: &[&str]) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let file = format!("log.file={}", folder.path().join("t.log").display());
        let mut arguments = vec!["--set", file.as_str()];
        arguments.extend(settings.iter().flat_map(|setting| ["--set", *setting]));
        let service = Service::spawn(ECHO, &arguments);
        let log = folder.path().join("t.log");
        let listening = until(&log, |event| event["message"] == "listening").await;
        let address = listening["address"].as_str().unwrap().parse().unwrap();
        until(&log, |event| event["message"] == "ready").await;
        Self { service, folder, address }
    }

    /// So many connections, several at once.
    async fn connections(&self, count: usize) {
        let mut clients = JoinSet::new();
        for _ in 0..8 {
            let address = self.address;
            clients.spawn(async move {
                for _ in 0..count / 8 {
                    let mut client = TcpStream::connect(address).await.unwrap();
                    client.write_all(b"line\n").await.unwrap();
                    client.shutdown().await.unwrap();
                    client.read_to_end(&mut Vec::new()).await.unwrap();
                }
            });
        }
        timeout(PATIENCE, clients.join_all()).await.expect("a client waits for good");
    }
}

/// Every event in the files of a folder. A line that is torn is no JSON.
fn events(folder: &Path) -> Vec<Value> {
    let mut files: Vec<_> = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    files.sort();
    let text: Vec<String> = files.iter().filter_map(|file| fs::read_to_string(file).ok()).collect();
    let lines = text.iter().flat_map(|text| text.lines());
    lines.map(|line| serde_json::from_str(line).unwrap_or_else(|_| panic!("not JSON: {line}"))).collect()
}

/// Waits for an event. A file does not tell when it grows, so it is looked at again and again.
pub(crate) async fn until(file: &Path, wanted: impl Fn(&Value) -> bool) -> Value {
    let mut ticks = interval(Duration::from_millis(5));
    let found = async {
        loop {
            ticks.tick().await;
            // What is only half written is whole the next time.
            let whole = fs::read_to_string(file).unwrap_or_default();
            let lines = whole.lines().filter_map(|line| serde_json::from_str(line).ok());
            if let Some(event) = lines.into_iter().find(&wanted) {
                return event;
            }
        }
    };
    timeout(PATIENCE, found).await.expect("it is not logged")
}

/// How often each connection has its line.
fn lines_of_connections(events: &[Value]) -> BTreeMap<u64, usize> {
    let mut lines = BTreeMap::new();
    for event in events.iter().filter(|event| event["target"] == "terima::access") {
        *lines.entry(event["id"].as_u64().unwrap()).or_default() += 1;
    }
    lines
}

fn each_once(connections: u64) -> BTreeMap<u64, usize> {
    (1..=connections).map(|id| (id, 1)).collect()
}

#[tokio::test]
async fn files_that_are_full_are_put_aside_and_no_line_is_lost() {
    let logged = Logged::start(&["log.rotate=4KiB", "log.keep=unlimited"]).await;
    logged.connections(400).await;
    let folder = logged.folder.path().to_owned();
    logged.service.signal("TERM").await;
    assert_eq!(logged.service.code().await, Some(0));
    assert_eq!(lines_of_connections(&events(&folder)), each_once(400));
    let sizes: Vec<u64> =
        fs::read_dir(&folder).unwrap().map(|entry| entry.unwrap().metadata().unwrap().len()).collect();
    assert!(sizes.len() > 20, "{sizes:?}");
    assert!(sizes.iter().all(|size| *size <= 4096), "{sizes:?}");
}

#[tokio::test]
async fn only_the_latest_are_kept() {
    let logged = Logged::start(&["log.rotate=4KiB", "log.keep=3"]).await;
    logged.connections(200).await;
    let folder = logged.folder.path().to_owned();
    fs::write(folder.join("t.log.1.gz"), "").unwrap();
    logged.service.signal("TERM").await;
    assert_eq!(logged.service.code().await, Some(0));
    // These, the current one, and what is none of the service's.
    assert_eq!(fs::read_dir(&folder).unwrap().count(), 5);
    fs::remove_file(folder.join("t.log.1.gz")).unwrap();
    let last = lines_of_connections(&events(&folder));
    assert!(last.contains_key(&200) && !last.contains_key(&1), "{last:?}");
}

#[tokio::test]
async fn a_file_that_cannot_be_written_is_64() {
    let file = File::new(ECHO);
    let settings = ["--set", "log.file=/no-such-folder/terima.log"];
    let ended = ended(terima().arg("--config").arg(file.path()).args(settings)).await;
    assert_eq!(ended.code, Some(64));
    assert!(
        ended.stderr.starts_with("terima: log.file: can't open /no-such-folder/terima.log: "),
        "{}",
        ended.stderr
    );
    assert!(ended.stderr.contains("help: "), "{}", ended.stderr);
}

/// Signals that do not end a service: Windows has none.
#[cfg(unix)]
mod signals {
    use std::path::PathBuf;

    use super::*;

    impl Logged {
        fn path(&self) -> PathBuf {
            self.folder.path().join("t.log")
        }

        /// Stops it, and tells every event of every file.
        async fn stop(self) -> Vec<Value> {
            self.service.signal("TERM").await;
            assert_eq!(self.service.code().await, Some(0));
            events(self.folder.path())
        }
    }

    #[tokio::test]
    async fn a_file_that_was_put_aside_is_opened_again() {
        let logged = Logged::start(&["log.rotate=never"]).await;
        for turn in 0..5 {
            let (_, ()) = tokio::join!(logged.connections(80), async {
                fs::rename(logged.path(), logged.folder.path().join(format!("aside.{turn}"))).unwrap();
                logged.service.signal("HUP").await;
                until(&logged.path(), |event| event["message"] == "the log file is open again").await;
            });
        }
        assert_eq!(lines_of_connections(&logged.stop().await), each_once(400));
    }

    #[tokio::test]
    async fn a_file_that_cannot_be_opened_again_is_kept() {
        let logged = Logged::start(&[]).await;
        let folder = logged.folder.path().to_owned();
        let moved = folder.with_extension("moved");
        fs::rename(&folder, &moved).unwrap();
        logged.service.signal("HUP").await;
        let event = until(&moved.join("t.log"), |event| event["level"] == "WARN").await;
        assert_eq!(event["message"], "the log file can't be opened again: lines go on to the old one");
        logged.connections(8).await;
        fs::rename(&moved, &folder).unwrap();
        assert_eq!(lines_of_connections(&logged.stop().await), each_once(8));
    }

    #[tokio::test]
    async fn without_a_file_there_is_nothing_to_open() {
        let (mut service, _) = Service::start(ECHO, &[]).await;
        service.signal("HUP").await;
        service.logged("there is no log file to open again: log.file is not set").await;
        service.signal("TERM").await;
        assert_eq!(service.code().await, Some(0));
    }

    #[tokio::test]
    async fn signals_change_the_level() {
        let (mut service, address) =
            Service::start(ECHO, &["--set", "log.level=info,terima::access=off"]).await;
        service.signal("USR1").await;
        assert_eq!(service.logged("the log level is another").await["level"], "debug");
        service.signal("USR1").await;
        assert_eq!(service.logged("the log level is another").await["level"], "trace");
        // What was off is on now.
        drop(TcpStream::connect(address).await.unwrap());
        service.event(|event| event["target"] == "terima::access").await;
        service.signal("USR2").await;
        assert_eq!(service.logged("the log level is another").await["level"], "info,terima::access=off");
        service.signal("TERM").await;
        assert_eq!(service.code().await, Some(0));
    }
}

/// What its admin interface answers, once it is there.
#[cfg(target_os = "linux")]
async fn asked(admin: &Path, target: &str) -> String {
    let mut tries = interval(Duration::from_millis(10));
    let connected = async {
        loop {
            tries.tick().await;
            if let Ok(stream) = tokio::net::UnixStream::connect(admin).await {
                return stream;
            }
        }
    };
    let mut stream = timeout(PATIENCE, connected).await.expect("the interface does not come");
    let request = format!("GET {target} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n");
    stream.write_all(request.as_bytes()).await.unwrap();
    let mut answer = String::new();
    timeout(PATIENCE, stream.read_to_string(&mut answer)).await.expect("no answer").unwrap();
    answer.split_once("\r\n\r\n").unwrap().1.to_owned()
}

/// What can't be written is lost, and counted; what can is not.
#[cfg(target_os = "linux")]
#[tokio::test]
async fn lines_that_are_lost_are_counted_in_a_scrape() {
    for (file, loses) in [("/dev/full", true), ("/dev/null", false)] {
        let folder = tempfile::tempdir().unwrap();
        let admin = folder.path().join("admin.sock");
        let (text, errors) = (File::new(ECHO), fs::OpenOptions::new().write(true).open(file).unwrap());
        let mut command = terima();
        command.arg("run").arg("--config").arg(text.path()).arg("--set");
        command.arg(format!("admin.address=unix:{}", admin.display()));
        let _service = command.stderr(errors).kill_on_drop(true).spawn().unwrap();
        let told: Value = serde_json::from_str(&asked(&admin, "/v1/listeners").await).unwrap();
        let address: SocketAddr = told["listeners"][0]["addresses"][0].as_str().unwrap().parse().unwrap();
        let lost = async || {
            let scrape = asked(&admin, "/metrics").await;
            let line = scrape.lines().find_map(|line| line.strip_prefix("terima_log_lines_lost_total "));
            line.unwrap_or_else(|| panic!("not in {scrape}")).parse::<u64>().unwrap()
        };
        assert_eq!(lost().await, 0, "{file}: there is room in the buffer");
        // A line each, which are more than there is room for.
        for _ in 0..1000 {
            drop(TcpStream::connect(address).await.unwrap());
        }
        let told = async {
            loop {
                let lost = lost().await;
                if !loses || lost > 0 {
                    return lost;
                }
            }
        };
        let told = timeout(PATIENCE, told).await.expect("nothing is lost");
        assert_eq!(told > 0, loses, "{file}: {told}");
    }
}

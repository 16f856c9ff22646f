//! The subcommands that ask a running service, and what they print.

use std::net::SocketAddr;

use serde_json::Value;
use tempfile::TempDir;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::timeout;

use crate::command::{ECHO, Ended, File, PATIENCE, ended, terima};
use crate::service::Service;

/// A service with an admin interface, and the file that both it and its users have.
struct Setup {
    service: Service,
    address: SocketAddr,
    file: File,
    _folder: TempDir,
}

impl Setup {
    async fn start(text: &str, arguments: &[&str]) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let text = format!("{}{text}", admin(&folder));
        let (service, address) = Service::start(&text, arguments).await;
        Self { service, address, file: File::new(&text), _folder: folder }
    }

    async fn ask(&self, arguments: &[&str]) -> Ended {
        let (subcommand, rest) = arguments.split_first().unwrap();
        ended(terima().arg(subcommand).arg("--config").arg(self.file.path()).args(rest)).await
    }

    /// Asks, and it goes well.
    async fn told(&self, arguments: &[&str]) -> String {
        let ended = self.ask(arguments).await;
        assert_eq!((ended.code, ended.stderr.as_str()), (Some(0), ""), "{arguments:?}");
        ended.stdout
    }

    async fn json(&self, arguments: &[&str]) -> Value {
        let told = self.told(&[arguments, &["--json"]].concat()).await;
        serde_json::from_str(&told).unwrap_or_else(|error| panic!("{arguments:?}: {error}: {told}"))
    }

    async fn client(&self) -> TcpStream {
        let mut stream = TcpStream::connect(self.address).await.unwrap();
        stream.write_all(b"hallo\n").await.unwrap();
        let mut answer = [0; 6];
        timeout(PATIENCE, stream.read_exact(&mut answer)).await.unwrap().unwrap();
        stream
    }
}

/// On a Unix socket where there are such, and else on a port that was free a moment ago, with a token.
fn admin(folder: &TempDir) -> String {
    if cfg!(unix) {
        return format!("[admin]\naddress = \"unix:{}/admin.sock\"\n", folder.path().display());
    }
    let port = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    format!("[admin]\naddress = \"{port}\"\ntoken_file = '{}'\n", folder.path().join("token").display())
}

#[tokio::test]
async fn status_is_a_table_or_json() {
    let setup = Setup::start(ECHO, &[]).await;
    let _client = setup.client().await;
    let told = setup.told(&["status"]).await;
    for text in [
        &format!("process {}, serving for", setup.service.id()),
        "connections    1 of ",
        "LISTENER  STATE",
        "CONNECTIONS  LIMIT      ACCEPTED  REFUSED  IN   OUT  HANDLER  ADDRESS",
        "echo      accepting  1            unlimited  1         0        6 B  6 B  echo     127.0.0.1:",
    ] {
        assert!(told.contains(text), "no {text:?} in {told}");
    }
    let status = setup.json(&["status"]).await;
    assert_eq!((&status["state"], &status["connections"]), (&"serving".into(), &1.into()));
    assert_eq!(status["listeners"][0]["addresses"][0], setup.address.to_string());
}

#[tokio::test]
async fn connections_are_listed_and_ended() {
    let setup = Setup::start(ECHO, &[]).await;
    let (mut first, _second) = (setup.client().await, setup.client().await);
    let told = setup.told(&["connections"]).await;
    let lines: Vec<&str> = told.lines().collect();
    assert!(lines[0].starts_with("ID  LISTENER  CLIENT"), "{told}");
    assert!(lines[1].starts_with("1   echo      127.0.0.1:") && lines[1].contains("  idle  "), "{told}");
    assert_eq!(lines.len(), 3);
    let told = setup.told(&["connections", "--sort", "-id", "--limit", "1", "--min-age", "1ms"]).await;
    assert!(told.contains("\n2   echo") && told.ends_with("… and 1 more: --after 2, or --all\n"), "{told}");
    assert_eq!(setup.json(&["connections", "--client", "127.0.0.2"]).await["matching"], 0);
    let refused = setup.ask(&["connections", "--state", "asleep"]).await;
    assert_eq!(refused.code, Some(1));
    assert!(
        refused.stderr.starts_with("terima: `asleep` is no state\n  help: states: idle"),
        "{}",
        refused.stderr
    );

    assert_eq!(setup.told(&["end", "1"]).await, "connection 1 has ended: ended_by_admin\n");
    let cut = timeout(PATIENCE, first.read(&mut [0])).await.unwrap();
    // Wine takes some resets for an end.
    assert!(cut.is_err() || cfg!(wine) && cut.as_ref().is_ok_and(|read| *read == 0), "{cut:?}");
    let gone = setup.ask(&["end", "1"]).await;
    assert_eq!((gone.code, gone.stdout.as_str()), (Some(1), ""));
    assert!(gone.stderr.starts_with("terima: there is no connection 1\n  help: "), "{}", gone.stderr);
    assert_eq!(setup.json(&["end", "2", "--drain"]).await["id"], 2);
}

#[tokio::test]
async fn pages_of_connections_are_turned() {
    let setup = Setup::start(ECHO, &[]).await;
    let mut clients = Vec::new();
    for _ in 0..5 {
        clients.push(setup.client().await);
    }
    let ids = |page: &Value| -> Vec<u64> {
        page["connections"].as_array().unwrap().iter().map(|one| one["id"].as_u64().unwrap()).collect()
    };
    let page = async |arguments: &[&str]| setup.json(&[&["connections"], arguments].concat()).await;
    assert_eq!(ids(&page(&["--limit", "2", "--after", "2"]).await), [3, 4]);
    let down = ["--limit", "2", "--sort", "-id", "--after", "2"];
    assert_eq!(ids(&page(&down).await), [1]);
    let told = setup.told(&["connections", "--limit", "2", "--after", "2"]).await;
    assert!(told.ends_with("… and more: --after 4, or --all\n"), "{told}");

    // Where it is not the id that is sorted by, the mark has both.
    let by_bytes = ["--limit", "4", "--sort", "bytes_in"];
    let first = page(&by_bytes).await;
    let (mark, told) =
        (first["next"].as_str().unwrap(), setup.told(&[&["connections"][..], &by_bytes].concat()).await);
    assert_eq!((ids(&first), mark), (vec![1, 2, 3, 4], "6.4"));
    assert!(told.ends_with("… and 1 more: --after 6.4, or --all\n"), "{told}");
    assert_eq!(ids(&page(&[&by_bytes[..], &["--after", mark]].concat()).await), [5]);
    for (arguments, code, said) in [
        (&["--sort", "bytes_in", "--after", "4"][..], 64, "take what stands below that page"),
        (&["--after", "x"], 1, "`after` is no mark of a page"),
    ] {
        let refused = setup.ask(&[&["connections"], arguments].concat()).await;
        assert_eq!(refused.code, Some(code), "{arguments:?}: {}", refused.stderr);
        assert!(refused.stderr.contains(said), "{arguments:?}: {}", refused.stderr);
    }
    for limit in ["1", "2", "5", "1000"] {
        let all = page(&["--all", "--limit", limit]).await;
        assert_eq!(
            (ids(&all), &all["next"], &all["matching"]),
            (vec![1, 2, 3, 4, 5], &Value::Null, &5.into())
        );
    }
    assert_eq!(ids(&page(&["--all", "--after", "3"]).await), [4, 5]);
    assert_eq!(setup.told(&["connections", "--all"]).await.lines().count(), 6);
}

#[tokio::test]
async fn why_asks_the_service_or_reckons() {
    let full = format!("{ECHO}limits.connections = 1\nlimits.when_full = \"close\"\n");
    let setup = Setup::start(&full, &[]).await;
    let _client = setup.client().await;
    let online = setup.ask(&["why", "127.0.0.1"]).await;
    assert_eq!(online.code, Some(1), "{}", online.stdout);
    assert!(online.stdout.starts_with("echo: closed, by limits.connections\n"), "{}", online.stdout);
    let offline = setup.ask(&["why", "127.0.0.1", "--offline"]).await;
    assert_eq!(offline.code, Some(0));
    assert!(offline.stdout.starts_with("echo: depends, by limits.connections\n"), "{}", offline.stdout);
    let json = setup.ask(&["why", "10.0.0.1", "--listener", "echo", "--json"]).await;
    let answer: Value = serde_json::from_str(&json.stdout).unwrap();
    assert_eq!((json.code, &answer["listeners"][0]["rule"]), (Some(1), &"address".into()));

    for (arguments, code, text) in [
        (&["why", "nobody"][..], 64, "`nobody` is no address"),
        (&["why", "10.0.0.1", "--listener", "ecco"], 1, "no listener is called `ecco`"),
        (&["why", "10.0.0.1", "--listener", "ecco", "--offline"], 64, "did you mean `echo`?"),
    ] {
        let refused = setup.ask(arguments).await;
        assert_eq!(refused.code, Some(code), "{arguments:?}: {}", refused.stderr);
        assert!(refused.stderr.contains(text), "{arguments:?}: {}", refused.stderr);
    }
    setup.service.signal("TERM").await;
    drop(_client);
    let Setup { service, file, _folder, .. } = setup;
    assert_eq!(service.code().await, Some(0));
    let gone = ended(terima().args(["why", "127.0.0.1", "--config"]).arg(file.path())).await;
    assert_eq!(gone.code, Some(0));
    assert!(gone.stderr.contains("no service answers on "), "{}", gone.stderr);
    assert!(gone.stderr.contains("from the configuration alone"), "{}", gone.stderr);
}

#[tokio::test]
async fn why_names_the_entry_that_decides() {
    let lists = tempfile::tempdir().unwrap();
    let file = lists.path().join("deny.txt");
    std::fs::write(&file, "# ours\n203.0.113.0/24\n").unwrap();
    // Whoever asks from the file alone finds the same.
    let text = format!(
        "{}access.deny_file = '{}'\naccess.allow = [\"127.0.0.0/8\", \"203.0.113.7\"]\n",
        ECHO.replace("127.0.0.1:0", ":0"),
        file.display(),
    );
    let setup = Setup::start(&text, &[]).await;
    for arguments in [&[][..], &["--offline"]] {
        for (address, verdict, told) in [
            (
                "203.0.113.8",
                "closed, by access.deny_file",
                format!("has 203.0.113.0/24, {}:2\n", file.display()),
            ),
            ("::ffff:203.0.113.8", "closed, by access.deny_file", format!(", {}:2\n", file.display())),
            ("203.0.113.7", "", "access.allow has 203.0.113.7/32\n".to_owned()),
            ("198.51.100.1", "closed, by access", "it is in no list of whom to allow\n".to_owned()),
        ] {
            let answer = setup.ask(&[&["why", address], arguments].concat()).await;
            let told_all = answer.stdout.contains(&told) && answer.stdout.contains(verdict);
            assert!(told_all, "{address} {arguments:?}: {}{}", answer.stdout, answer.stderr);
            assert_eq!(answer.code, Some(i32::from(!verdict.is_empty())), "{}", answer.stdout);
        }
    }
    let refused = setup.ask(&["why", "127.0.0.1", "--user", "5"]).await;
    assert_eq!(refused.code, Some(64), "{}", refused.stderr);
}

#[cfg(unix)]
#[tokio::test]
async fn why_knows_the_users_of_a_unix_socket() {
    let text = "[[listener]]\nname = \"echo\"\naddress = \"127.0.0.1:0\"\nhandler = \"echo\"\n\
                [[listener]]\nname = \"local\"\naddress = \"unix:/tmp/nowhere.sock\"\nhandler = \"echo\"\n\
                access.allow_users = [\"root\"]\n";
    let file = File::new(text);
    for (arguments, code, told) in [
        (&["unix", "--user", "root"][..], 0, "access.allow_users has user 0"),
        (&["unix", "--user", "4711"], 1, "it is in no list of whom to allow"),
        (&["unix"], 0, "passes if the user"),
        (&["unix", "--user", "no-such-user"], 64, "this system has no user `no-such-user`"),
    ] {
        let mut command = terima();
        command.arg("why").arg("--config").arg(file.path()).args(["--listener", "local", "--offline"]);
        let answer = ended(command.args(arguments)).await;
        assert_eq!(answer.code, Some(code), "{arguments:?}: {}{}", answer.stdout, answer.stderr);
        assert!(answer.stdout.contains(told) || answer.stderr.contains(told), "{}", answer.stdout);
    }
}

#[tokio::test]
async fn drain_tells_how_it_went() {
    for (text, code, last) in [
        (ECHO.to_owned(), 0, "drained: every connection has ended\n"),
        (format!("[server]\ndrain_timeout = \"100ms\"\n{ECHO}"), 75, "time was over: 1 connection cut off\n"),
    ] {
        let setup = Setup::start(&text, &[]).await;
        let client = setup.client().await;
        if code == 75 {
            // It reads nothing of what is owed to it.
            let lines = b"a line that nobody reads\n".repeat(1000);
            while let Ok(writable) = timeout(std::time::Duration::from_millis(500), client.writable()).await {
                writable.unwrap();
                let _ = client.try_write(&lines);
            }
        }
        let drained = setup.ask(&["drain"]).await;
        assert_eq!(drained.code, Some(code), "{}{}", drained.stdout, drained.stderr);
        assert!(drained.stdout.ends_with(last), "{}", drained.stdout);
        drop(client);
        assert_eq!(setup.service.code().await, Some(code));
    }
}

#[tokio::test]
async fn who_watches_a_drain_need_not_see_its_end() {
    let setup = Setup::start(&format!("[server]\ndrain_timeout = \"off\"\n{ECHO}"), &[]).await;
    let mut client = setup.client().await;
    client.write_all(b"half").await.unwrap();
    let receiving = || async { setup.json(&["connections", "--state", "receiving"]).await["matching"] == 1 };
    timeout(PATIENCE, async { while !receiving().await {} }).await.unwrap();
    let watched = setup.ask(&["drain", "--timeout", "10ms"]).await;
    assert_eq!(watched.code, Some(75), "{}", watched.stderr);
    assert!(
        watched.stdout.ends_with("still draining, 1 connection left: the service goes on\n"),
        "{}",
        watched.stdout
    );
    // A machine gets JSON, and nothing else.
    let watched = setup.ask(&["drain", "--timeout", "10ms", "--json"]).await;
    assert_eq!((watched.code, watched.stderr.as_str()), (Some(75), ""));
    let lines: Vec<Value> = watched.stdout.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let last = lines.last().expect("no line");
    assert_eq!((&last["state"], &last["connections"]), (&"draining".into(), &1.into()), "{last}");
    let status = setup.told(&["status"]).await;
    assert!(status.contains("draining for"), "{status}");
    let health = setup.ask(&["health"]).await;
    assert_eq!((health.code, health.stderr.as_str()), (Some(1), "terima: the service stops\n"));
    drop(client);
    assert_eq!(setup.service.code().await, Some(0));
}

#[tokio::test]
async fn health_asks_the_service_itself() {
    let setup = Setup::start(&format!("[server]\nlame_duck = \"1h\"\n{ECHO}"), &[]).await;
    assert_eq!(setup.ask(&["health"]).await.code, Some(0));
    setup.service.signal("TERM").await;
    let unready = || async {
        let health = setup.ask(&["health"]).await;
        (health.code == Some(1)).then_some(health.stderr)
    };
    let said = timeout(PATIENCE, async {
        loop {
            if let Some(said) = unready().await {
                return said;
            }
        }
    });
    assert_eq!(said.await.unwrap(), "terima: the service will stop: it still accepts\n");
    setup.service.signal("TERM").await;
    let Setup { service, file, _folder, .. } = setup;
    service.code().await;
    let gone = ended(terima().args(["health", "--config"]).arg(file.path())).await;
    assert_eq!(gone.code, Some(1));
    assert!(gone.stderr.contains("no service answers on "), "{}", gone.stderr);
}

#[tokio::test]
async fn over_tcp_the_token_is_found_by_the_configuration() {
    let held = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let port = held.local_addr().unwrap();
    drop(held);
    let folder = tempfile::tempdir().unwrap();
    let token = folder.path().join("token");
    let text = format!("[admin]\naddress = \"{port}\"\ntoken_file = '{}'\n{ECHO}", token.display());
    let (service, _) = Service::start(&text, &[]).await;
    let file = File::new(&text);
    let status = || async { ended(terima().args(["status", "--config"]).arg(file.path())).await };
    assert_eq!(status().await.code, Some(0));
    std::fs::write(&token, "another-token-than-that-one").unwrap();
    let refused = status().await;
    assert_eq!(refused.code, Some(1));
    assert!(refused.stderr.starts_with("terima: this is not the token\n  help: "), "{}", refused.stderr);
    std::fs::remove_file(&token).unwrap();
    let health =
        async |set: &[&str]| ended(terima().args(["health", "--config"]).arg(file.path()).args(set)).await;
    let healthy = health(&[]).await;
    assert_eq!((healthy.code, healthy.stderr.as_str()), (Some(0), ""), "it needs no token");
    let asked = health(&["--set", "admin.open=[]"]).await;
    assert_eq!(asked.code, Some(1), "{}", asked.stderr);
    assert!(asked.stderr.contains("admin.token_file: "), "{}", asked.stderr);
    let missing = status().await;
    assert!(
        missing.stderr.contains("admin.token_file: ") && missing.stderr.contains("help: "),
        "{}",
        missing.stderr
    );
    service.signal("TERM").await;
    assert_eq!(service.code().await, Some(0));
}

#[tokio::test]
async fn a_file_that_was_spoilt_meanwhile_is_good_enough() {
    let setup = Setup::start(ECHO, &[]).await;
    let text = std::fs::read_to_string(setup.file.path()).unwrap();
    std::fs::write(
        setup.file.path(),
        text.replace("handler = \"echo\"", "handler = \"ecco\"\ncolour = \"red\""),
    )
    .unwrap();
    assert_eq!(setup.ask(&["status"]).await.code, Some(0));
    setup.service.signal("TERM").await;
    assert_eq!(setup.service.code().await, Some(0));
}

#[tokio::test]
async fn without_an_interface_the_remedy_is_told() {
    let file = File::new(ECHO);
    for subcommand in [&["status"][..], &["connections"], &["drain"], &["end", "1"]] {
        let refused = ended(terima().args(subcommand).arg("--config").arg(file.path())).await;
        assert_eq!(refused.code, Some(64), "{subcommand:?}");
        assert!(
            refused.stderr.contains("has no [admin]: the service can't be asked\n  help: add `[admin]`"),
            "{}",
            refused.stderr
        );
    }
    let missing = ended(terima().args(["status", "--config", "no-such.toml"])).await;
    assert!(
        missing.code == Some(64) && missing.stderr.contains("there is no no-such.toml"),
        "{}",
        missing.stderr
    );
    let reckoned = ended(terima().args(["why", "127.0.0.1", "--config"]).arg(file.path())).await;
    assert_eq!((reckoned.code, reckoned.stderr.as_str()), (Some(0), ""));
}

#[tokio::test]
async fn what_the_interface_cannot_be_had_for_is_69() {
    let folder = tempfile::tempdir().unwrap();
    let at = |name: &str| folder.path().join(name).display().to_string();
    let tcp = |token: &str| format!("address = \"127.0.0.1:0\"\ntoken_file = '{token}'");
    let mut table = vec![
        (tcp(&at("no-such/token")), "help: admin.token_file names another place"),
        (tcp(&folder.path().display().to_string()), "it can't be read"),
    ];
    if cfg!(unix) {
        let socket = format!("address = \"unix:{}\"", at("no-such/a.sock"));
        table.push((socket, "help: make it, or choose another"));
    }
    for (keys, said) in table {
        let ended = run(&keys, &[]).await;
        assert_eq!(ended.code, Some(69), "{}", ended.stderr);
        assert!(ended.stderr.contains(said), "{}", ended.stderr);
    }
}

async fn run(keys: &str, arguments: &[&str]) -> Ended {
    let file = File::new(&format!("[admin]\n{keys}\n{ECHO}"));
    ended(terima().arg("run").arg("--config").arg(file.path()).args(arguments)).await
}

#[cfg(unix)]
#[tokio::test]
async fn a_token_that_others_may_know_is_refused() {
    use std::os::unix::fs::PermissionsExt;

    let folder = tempfile::tempdir().unwrap();
    let token = folder.path().join("token");
    let keys = format!("address = \"127.0.0.1:0\"\ntoken_file = '{}'", token.display());
    std::fs::write(&token, "0123456789abcdef").unwrap();
    for mode in [0o644, 0o660, 0o602] {
        std::fs::set_permissions(&token, std::fs::Permissions::from_mode(mode)).unwrap();
        let refused = run(&keys, &[]).await;
        assert_eq!(refused.code, Some(69), "{mode:o}: {}", refused.stderr);
        let said = format!("admin.token_file: {}: its mode is {mode:04o}, so others", token.display());
        for text in [
            &said,
            "than its owner, ",
            "\n  help: remove it, and the next start makes one; or `chmod u=rw,g=r,o=`",
        ] {
            assert!(refused.stderr.contains(text), "no {text:?} in {}", refused.stderr);
        }
    }
    // Whoever asks has no say in it.
    std::fs::set_permissions(&token, std::fs::Permissions::from_mode(0o640)).unwrap();
    let text = format!("[admin]\n{keys}\n{ECHO}");
    let (service, _) = Service::start(&text, &[]).await;
    service.signal("TERM").await;
    assert_eq!(service.code().await, Some(0));

    // Nobody writes to it.
    std::fs::remove_file(&token).unwrap();
    let made = std::process::Command::new("mkfifo").arg(&token).status().unwrap();
    assert!(made.success());
    let refused = run(&keys, &[]).await;
    assert_eq!(refused.code, Some(69), "{}", refused.stderr);
    assert!(refused.stderr.contains("it can't be read: it is no file"), "{}", refused.stderr);
}

//! `server.user` and `server.group`: whom the service is once it listens.

use crate::command::{ECHO, File, ended, terima};
use crate::service::Service;

/// Only root can become another user; where somebody else runs the tests, they hold what is left.
fn is_root() -> bool {
    // /proc belongs to root everywhere; what a process makes belongs to whom it is.
    use std::os::unix::fs::MetadataExt;
    let folder = tempfile::tempdir().unwrap();
    std::fs::metadata(folder.path()).unwrap().uid() == 0
}

#[cfg(target_os = "linux")]
#[tokio::test]
async fn every_thread_is_the_user() {
    if !is_root() {
        return;
    }
    for (arguments, user, group) in [
        (&["--set", "server.user=nobody"][..], "65534", "65534"),
        (&["--set", "server.user=54321", "--set", "server.group=daemon"], "54321", "1"),
        (&["--set", "server.group=12345"], "0", "12345"),
    ] {
        let (service, address) = Service::start(ECHO, arguments).await;
        let mut threads = 0;
        for thread in std::fs::read_dir(format!("/proc/{}/task", service.id())).unwrap() {
            let status = std::fs::read_to_string(thread.unwrap().path().join("status")).unwrap();
            let line = |key: &str| {
                let line = status.lines().find_map(|line| line.strip_prefix(key)).unwrap();
                line.split_whitespace().map(str::to_owned).collect::<Vec<_>>()
            };
            assert_eq!(line("Uid:"), [user; 4], "{arguments:?}");
            assert_eq!(line("Gid:"), [group; 4], "{arguments:?}");
            assert!(!line("Groups:").contains(&"0".to_owned()), "{arguments:?}");
            threads += 1;
        }
        assert!(threads >= 3, "control, log, workers: {threads}");
        tokio::net::TcpStream::connect(address).await.unwrap();
        service.signal("TERM").await;
        assert_eq!(service.code().await, Some(0));
    }
}

/// A folder that belongs to a user, who has put something in the place of the log.
#[tokio::test]
async fn the_log_is_nothing_that_the_user_has_put_there() {
    use std::fs;
    use std::os::unix::fs::{MetadataExt, symlink};

    if !is_root() {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let (precious, log) = (folder.path().join("precious"), folder.path().join("t.log"));
    let file = format!("log.file={}", log.display());
    let settings = ["--set", "server.user=54321", "--set", "server.group=12345", "--set", &file];
    let configuration = File::new(ECHO);
    for (code, told) in [(64, "it is a symbolic link"), (1, "it has another name as well")] {
        fs::write(&precious, "precious").unwrap();
        match code {
            64 => symlink(&precious, &log).unwrap(),
            _ => fs::hard_link(&precious, &log).unwrap(),
        }
        let ended = ended(terima().arg("--config").arg(configuration.path()).args(settings)).await;
        assert_eq!(ended.code, Some(code), "{}", ended.stderr);
        assert!(ended.stderr.contains(told), "{}", ended.stderr);
        assert_eq!(fs::metadata(&precious).unwrap().uid(), 0);
        fs::remove_file(&log).unwrap();
    }
    assert_eq!(fs::read(&precious).unwrap(), b"precious");

    // What is in its place by right is given away, and not only if all else goes well.
    fs::write(configuration.path(), ECHO.replace("127.0.0.1:0", "192.0.2.1:7777")).unwrap();
    let ended = ended(terima().arg("--config").arg(configuration.path()).args(settings)).await;
    assert_eq!(ended.code, Some(69), "{}", ended.stderr);
    let found = fs::metadata(&log).unwrap();
    assert_eq!((found.uid(), found.gid()), (54_321, 12_345));
}

/// What only the user is to use; and what it has left is good at the next start.
#[tokio::test]
async fn what_is_made_for_the_admin_interface_is_the_users() {
    use std::fs::{self, Permissions};
    use std::os::unix::fs::{MetadataExt, PermissionsExt};

    if !is_root() {
        return;
    }
    let user = ["--set", "server.user=54321", "--set", "server.group=12345"];
    let access = |path: &std::path::Path| {
        let found = fs::metadata(path).unwrap();
        (found.uid(), found.gid(), found.mode() & 0o7777)
    };
    let folder = tempfile::tempdir().unwrap();
    let (socket, token) = (folder.path().join("admin.sock"), folder.path().join("token"));
    for (keys, made) in [
        (format!("address = \"unix:{}\"", socket.display()), &socket),
        (format!("address = \"127.0.0.1:0\"\ntoken_file = \"{}\"", token.display()), &token),
        (format!("address = \"127.0.0.1:0\"\ntoken_file = \"{}\"", token.display()), &token),
    ] {
        let (service, _) = Service::start(&format!("[admin]\n{keys}\n{ECHO}"), &user).await;
        assert_eq!(access(made), (54_321, 12_345, 0o600), "{keys}");
        service.signal("TERM").await;
        assert_eq!(service.code().await, Some(0));
    }
    // The file says more than whom the process is.
    let keys = format!("address = \"unix:{}\"\ngroup = 7\nmode = \"0660\"", socket.display());
    let (service, _) = Service::start(&format!("[admin]\n{keys}\n{ECHO}"), &user).await;
    assert_eq!(access(&socket), (54_321, 7, 0o660));
    service.signal("TERM").await;
    assert_eq!(service.code().await, Some(0));

    // To anybody else it is somebody else's.
    fs::set_permissions(folder.path(), Permissions::from_mode(0o755)).unwrap();
    let file = File::new(&format!(
        "[admin]\naddress = \"127.0.0.1:0\"\ntoken_file = \"{}\"\n{ECHO}",
        token.display()
    ));
    for arguments in [&[][..], &["--set", "server.user=54322", "--set", "server.group=12345"]] {
        let refused = ended(terima().arg("--config").arg(file.path()).args(arguments)).await;
        assert_eq!(refused.code, Some(69), "{arguments:?}: {}", refused.stderr);
        let said = format!(
            "{}: it belongs to 54321, who may know what it holds; its mode is 0600\n  help: ",
            token.display()
        );
        assert!(refused.stderr.contains(&said), "{}", refused.stderr);
    }
}

#[tokio::test]
async fn who_is_not_there_is_64() {
    let file = File::new(ECHO);
    for command in ["run", "check"] {
        for (key, value) in [("server.user", "no-such-user"), ("server.group", "no-such-group")] {
            let ended = ended(
                terima()
                    .arg(command)
                    .arg("--config")
                    .arg(file.path())
                    .args(["--set", &format!("{key}={value}")]),
            )
            .await;
            assert_eq!(ended.code, Some(64), "{command}, {key}");
            let message = format!("terima: {key}: there is no ");
            assert!(ended.stderr.contains(&message) && ended.stderr.contains(value), "{}", ended.stderr);
        }
    }
}

#[tokio::test]
async fn who_is_not_root_cannot_become_another() {
    if is_root() {
        return;
    }
    let file = File::new(ECHO);
    let ended = ended(terima().arg("--config").arg(file.path()).args(["--set", "server.user=root"])).await;
    assert_eq!(ended.code, Some(64));
    assert!(ended.stderr.contains("only root can become another user"), "{}", ended.stderr);
}

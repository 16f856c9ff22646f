//! `terima run`: what it says when it can't start.

use crate::command::{ECHO, File, ended, terima};

// Wine looks through all its processes for the owner of every socket of the machine, which can take minutes.
#[cfg(not(wine))]
#[tokio::test]
async fn a_port_in_use_is_69_and_its_holder_is_named() {
    let held = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = held.local_addr().unwrap();
    let file = File::new(&ECHO.replace("127.0.0.1:0", &address.to_string()));
    let ended = ended(terima().arg("--config").arg(file.path())).await;

    assert_eq!(ended.code, Some(69), "{}", ended.stderr);
    let message = ended.stderr.lines().find(|line| line.starts_with("terima: ")).unwrap();
    let start = format!("terima: listener `echo` can't listen on {address}: address already in use");
    assert!(message.starts_with(&start), "{message}");
    if cfg!(target_os = "linux") {
        // Another test's child has the socket too, for the moment between its fork and its exec.
        let holder =
            message[start.len()..].strip_prefix(", held by ").and_then(|rest| rest.strip_suffix(')'));
        let (_, process) = holder.and_then(|holder| holder.split_once(" (process ")).unwrap();
        process.parse::<u32>().unwrap();
    }
}

#[tokio::test]
async fn an_address_of_another_machine_is_69_and_has_a_remedy() {
    // Reserved for documentation (RFC 5737), so it is nobody's.
    let file = File::new(&ECHO.replace("127.0.0.1:0", "192.0.2.1:7777"));
    let ended = ended(terima().arg("--config").arg(file.path())).await;
    assert_eq!(ended.code, Some(69), "{}", ended.stderr);
    assert!(
        ended.stderr.contains("help: name one of its own, or 0.0.0.0:7777 for all of them"),
        "{}",
        ended.stderr
    );
}

#[tokio::test]
async fn a_log_file_tells_why_it_ends_there() {
    let folder = tempfile::tempdir().unwrap();
    let log = folder.path().join("t.log");
    let file = File::new(&ECHO.replace("127.0.0.1:0", "192.0.2.1:7777"));
    let settings = ["--set".to_owned(), format!("log.file={}", log.display())];
    let ended = ended(terima().arg("--config").arg(file.path()).args(settings)).await;
    assert_eq!(ended.code, Some(69), "{}", ended.stderr);
    let text = std::fs::read_to_string(log).unwrap();
    let last = text.lines().next_back().unwrap();
    assert!(
        last.contains(" ERROR ") && last.contains("listener `echo` can't listen on 192.0.2.1:7777: "),
        "{text}"
    );
    assert!(last.contains("; help: "), "{text}");
}

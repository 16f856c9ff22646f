//! logrotate puts the log's file aside, and the service opens it again.

use std::fs;

use crate::command::ECHO;
use crate::peers::{client, exchange, listens};
use crate::service::Service;

#[tokio::test]
#[ignore = "needs logrotate: .ci/interop"]
async fn no_line_is_lost() {
    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str| folder.path().join(name).to_str().unwrap().to_owned();
    let at = crate::peers::free_port();
    let text = ECHO.replace("127.0.0.1:0", &at.to_string());
    let file = format!("log.file={}", path("t.log"));
    let service = Service::spawn(&text, &["--set", &file, "--set", "log.rotate=never"]);
    listens(at).await;

    fs::write(
        path("conf"),
        format!(
            "{} {{\n rotate 9\n missingok\n su root root\n postrotate\n kill -HUP {}\n endscript\n}}\n",
            path("t.log"),
            service.id()
        ),
    )
    .unwrap();
    for _ in 0..3 {
        for _ in 0..20 {
            assert_eq!(exchange(at, b"line\n", usize::MAX).await, b"line\n");
        }
        client("logrotate", &["--force", "--state", &path("state"), &path("conf")], b"").await;
    }
    service.signal("TERM").await;
    assert_eq!(service.code().await, Some(0));

    let lines = |name: &str| {
        let text = fs::read_to_string(path(name)).unwrap();
        text.lines().filter(|line| line.contains("terima::access")).count()
    };
    let counts = ["t.log", "t.log.1", "t.log.2", "t.log.3"].map(lines);
    // One connection was to see whether it listens.
    assert_eq!(counts.iter().sum::<usize>(), 61, "{counts:?}");
}

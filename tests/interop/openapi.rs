//! The admin interface by schemathesis, which makes requests of its OpenAPI document, good ones and bad ones.

use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use tokio::process::Command;
use tokio::time::{Duration, timeout};

use crate::command::ECHO;
use crate::peers::{free_port, listens};
use crate::service::Service;

/// It makes thousands of requests.
const PATIENCE: Duration = Duration::from_secs(600);

#[tokio::test]
#[ignore = "needs schemathesis"]
async fn the_interface_is_as_its_document_says() {
    let folder = tempfile::tempdir().unwrap();
    let token = folder.path().join("token");
    std::fs::write(&token, "0123456789abcdef0123456789abcdef").unwrap();
    std::fs::set_permissions(&token, std::fs::Permissions::from_mode(0o600)).unwrap();
    let admin = free_port();
    let text =
        format!("[admin]\naddress = \"{admin}\"\ntoken_file = \"{}\"\nopen = []\n{ECHO}", token.display());
    let (mut service, _) = Service::start(&text, &[]).await;
    // It tells of every request that it is told something by.
    service.stop_reading();
    listens(admin).await;
    // Beside the interpreter that it was installed for.
    let python = std::env::var("TERIMA_PYTHON").expect("run .ci/interop");
    let mut command = Command::new(Path::new(&python).with_file_name("schemathesis"));
    command.args(["run", &format!("http://{admin}/openapi.json"), "--no-color", "--seed", "1"]);
    command.args(["--header", "Authorization: Bearer 0123456789abcdef0123456789abcdef"]);
    // It would be the end.
    command.args(["--exclude-path", "/v1/drain", "--max-examples", "100", "--checks", "all"]);
    command.current_dir(folder.path()).kill_on_drop(true);
    let ended = timeout(PATIENCE, command.output()).await.expect("it does not end").unwrap();
    let told = String::from_utf8_lossy(&ended.stdout);
    assert!(ended.status.success(), "{told}{}", String::from_utf8_lossy(&ended.stderr));
    // It has tested them, and not only read of them.
    assert!(told.contains("test cases") || told.contains("Test cases"), "{told}");
    service.signal("TERM").await;
    assert_eq!(service.code().await, Some(0));
}

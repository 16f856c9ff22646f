//! OpenSSL as a client of TLS.

#[path = "../common/pki.rs"]
mod pki;

use std::fs;
use std::path::Path;
use std::process::Stdio;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::process::Command;
use tokio::time::timeout;

use self::pki::Authority;
use crate::command::PATIENCE;
use crate::peers::{free_port, listens};

/// A service with two certificates, which asks clients for theirs.
async fn service(folder: &Path, at: std::net::SocketAddr) -> tokio::process::Child {
    let authority = Authority::new("Test CA");
    fs::write(folder.join("ca.pem"), authority.pem()).unwrap();
    for (name, names) in
        [("server", &["server.test"][..]), ("other", &["*.other.test"]), ("client", &["device-7"])]
    {
        authority.issue(names).write(folder, name);
    }
    let file = folder.join("server.toml");
    fs::write(
        &file,
        format!(
            "[[listener]]\nname = \"echo\"\naddress = \"{at}\"\ncodec = \"lines\"\nhandler = \"echo\"\n\
             tls.certificate = \"server.pem\"\ntls.key = \"server.key\"\ntls.alpn = [\"one\", \"two\"]\n\
             tls.sni = [{{ certificate = \"other.pem\", key = \"other.key\" }}]\n\
             tls.client_auth = \"optional\"\ntls.client_ca = \"ca.pem\"\n"
        ),
    )
    .unwrap();
    let mut command = Command::new(env!("CARGO_BIN_EXE_terima"));
    command.arg("run").arg("--config").arg(file).stderr(Stdio::null()).kill_on_drop(true);
    let child = command.spawn().unwrap();
    listens(at).await;
    child
}

/// Has a line echoed; tells all that OpenSSL says.
async fn s_client(folder: &Path, at: std::net::SocketAddr, arguments: &str) -> String {
    let mut command = Command::new("openssl");
    command.args(["s_client", "-connect", &at.to_string(), "-CAfile", "ca.pem", "-verify_return_error"]);
    command.args(arguments.split_whitespace()).current_dir(folder);
    command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).kill_on_drop(true);
    let mut child = command.spawn().unwrap();
    let (mut input, mut output) = (child.stdin.take().unwrap(), child.stdout.take().unwrap());
    let talk = async {
        // One that was refused does not read it.
        let _ = input.write_all(b"halo\n").await;
        let mut said = Vec::new();
        // With the end of its input it leaves; what it waits for, as a ticket, is there with the answer.
        while !said.ends_with(b"halo\n") && output.read_buf(&mut said).await.unwrap() > 0 {}
        drop(input);
        output.read_to_end(&mut said).await.unwrap();
        let rest = child.wait_with_output().await.unwrap();
        [said, rest.stderr].concat()
    };
    String::from_utf8_lossy(&timeout(PATIENCE, talk).await.unwrap()).into_owned()
}

#[tokio::test]
#[ignore = "needs openssl: .ci/interop"]
async fn openssl_makes_handshakes() {
    let folder = tempfile::tempdir().unwrap();
    let at = free_port();
    let _service = service(folder.path(), at).await;
    let table: [(&str, &[&str]); 7] = [
        (
            "-tls1_3",
            &["New, TLSv1.3, Cipher is TLS_AES_256_GCM_SHA384", "CN = server.test", "Verification: OK"],
        ),
        ("-tls1_2", &["New, TLSv1.2, Cipher is ECDHE-ECDSA-AES256-GCM-SHA384", "Verification: OK"]),
        ("-tls1_3 -servername a.other.test", &["CN = *.other.test", "Verification: OK"]),
        ("-tls1_2 -servername A.other.test -alpn two", &["CN = *.other.test", "ALPN protocol: two"]),
        ("-tls1_3 -alpn three", &["alert no application protocol"]),
        (
            "-tls1_3 -cert client.pem -key client.key",
            &["Verification: OK", "Acceptable client certificate CA names"],
        ),
        ("-tls1_1 -cipher ALL:@SECLEVEL=0", &["alert"]),
    ];
    for (arguments, expected) in table {
        let said = s_client(folder.path(), at, arguments).await;
        for text in expected {
            assert!(said.contains(text), "{arguments}: no {text:?} in\n{said}");
        }
    }
    for version in ["-tls1_3", "-tls1_2"] {
        let first = s_client(folder.path(), at, &format!("{version} -sess_out session.pem")).await;
        assert!(first.contains("New, "), "{first}");
        let again = s_client(folder.path(), at, &format!("{version} -sess_in session.pem")).await;
        assert!(again.contains("Reused, "), "{again}");
    }
}

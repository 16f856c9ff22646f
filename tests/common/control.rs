//! How a service in a process of its own is told to end.

use tokio::process::Command;

/// Lets a command be told to end by [`signal`]: where that goes to all who share a console, it gets one of its own.
pub(crate) fn controllable(command: &mut Command) {
    #[cfg(windows)]
    {
        /// processthreadsapi.h: a console, but no window.
        const CREATE_NO_WINDOW: u32 = 0x0800_0000;
        command.creation_flags(CREATE_NO_WINDOW);
    }
    let _ = command;
}

/// Sends a signal by name.
#[cfg(unix)]
pub(crate) async fn signal(process: u32, name: &str) {
    let sent = Command::new("sh").arg("-c").arg(format!("kill -{name} {process}")).status().await.unwrap();
    assert!(sent.success());
}

/// Presses Ctrl-C on its console, for either signal that ends a service.
///
/// A process has one console, and leaving it is felt by all threads: another process does it.
#[cfg(windows)]
pub(crate) async fn signal(process: u32, name: &str) {
    assert!(["TERM", "INT"].contains(&name), "Windows has nothing like {name}");
    let (_, helper) = concat!(module_path!(), "::press_ctrl_c").split_once("::").unwrap();
    let mut command = Command::new(std::env::current_exe().unwrap());
    command.args(["--exact", helper, "--ignored"]).env(PROCESS, process.to_string());
    let pressed = command.output().await.unwrap();
    assert!(pressed.status.success(), "{}", String::from_utf8_lossy(&pressed.stdout));
}

/// Whose console it is.
#[cfg(windows)]
const PROCESS: &str = "TERIMA_TEST_PROCESS";

#[cfg(windows)]
#[test]
#[ignore = "no test: it presses Ctrl-C for the others"]
#[expect(unsafe_code, reason = "AttachConsole, GenerateConsoleCtrlEvent and SetConsoleCtrlHandler")]
fn press_ctrl_c() {
    use windows_sys::Win32::System::Console::{
        AttachConsole, CTRL_C_EVENT, FreeConsole, GenerateConsoleCtrlEvent, SetConsoleCtrlHandler,
    };
    let Ok(process) = std::env::var(PROCESS) else { return };
    let process: u32 = process.parse().unwrap();
    // SAFETY: none of them is given a pointer.
    unsafe {
        FreeConsole();
        assert_ne!(AttachConsole(process), 0, "{}", std::io::Error::last_os_error());
        // It comes to everybody on that console.
        SetConsoleCtrlHandler(None, 1);
        assert_ne!(GenerateConsoleCtrlEvent(CTRL_C_EVENT, 0), 0, "{}", std::io::Error::last_os_error());
    }
}

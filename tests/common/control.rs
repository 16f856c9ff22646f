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

/// What a service calls the signal of this name.
pub(crate) fn name(signal: &str) -> &'static str {
    match (signal, cfg!(windows)) {
        ("TERM", false) => "SIGTERM",
        ("INT", false) => "SIGINT",
        // The console of Wine passes on Ctrl-C alone.
        ("TERM", true) if !cfg!(wine) => "CTRL_BREAK",
        ("TERM" | "INT", true) => "CTRL_C",
        _ => panic!("{signal} ends no service"),
    }
}

/// Sends a signal by name.
#[cfg(unix)]
pub(crate) async fn signal(process: u32, name: &str) {
    let sent = Command::new("sh").arg("-c").arg(format!("kill -{name} {process}")).status().await.unwrap();
    assert!(sent.success());
}

/// Presses Ctrl-Break on its console for TERM, Ctrl-C for INT: Windows has nothing like the others.
///
/// A process has one console, and leaving it is felt by all threads: another process does it.
#[cfg(windows)]
pub(crate) async fn signal(process: u32, signal: &str) {
    let (_, helper) = concat!(module_path!(), "::press_a_key").split_once("::").unwrap();
    let mut command = Command::new(std::env::current_exe().unwrap());
    command.args(["--exact", helper, "--ignored"]);
    command.env(KEY, name(signal)).env(PROCESS, process.to_string());
    let pressed = command.output().await.unwrap();
    assert!(pressed.status.success(), "{}", String::from_utf8_lossy(&pressed.stdout));
}

/// Which key it is.
#[cfg(windows)]
const KEY: &str = "TERIMA_TEST_KEY";

/// Whose console it is.
#[cfg(windows)]
const PROCESS: &str = "TERIMA_TEST_PROCESS";

#[cfg(windows)]
#[test]
#[ignore = "no test: it presses a key for the others"]
#[expect(unsafe_code, reason = "AttachConsole, GenerateConsoleCtrlEvent and SetConsoleCtrlHandler")]
fn press_a_key() {
    use windows_sys::Win32::System::Console::{
        AttachConsole, CTRL_BREAK_EVENT, CTRL_C_EVENT, FreeConsole, GenerateConsoleCtrlEvent,
        SetConsoleCtrlHandler,
    };

    unsafe extern "system" fn ignore(_event: u32) -> i32 {
        1
    }

    let Ok(process) = std::env::var(PROCESS) else { return };
    let process: u32 = process.parse().unwrap();
    let event = if std::env::var(KEY).unwrap() == "CTRL_C" { CTRL_C_EVENT } else { CTRL_BREAK_EVENT };
    // SAFETY: the one pointer is to a function that is there for good.
    unsafe {
        FreeConsole();
        assert_ne!(AttachConsole(process), 0, "{}", std::io::Error::last_os_error());
        // It comes to everybody on that console.
        SetConsoleCtrlHandler(Some(ignore), 1);
        assert_ne!(GenerateConsoleCtrlEvent(event, 0), 0, "{}", std::io::Error::last_os_error());
    }
}

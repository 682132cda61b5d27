//! A network namespace with nothing in it but a loopback interface.

use std::ffi::OsStr;
use std::fs;
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};
use std::thread;
use std::time::{Duration, Instant};

/// A network of its own. Dropping it ends all programs in it.
pub(crate) struct Namespace {
    name: String,
}

impl Namespace {
    /// Makes one; says why not and gives `None` where that is impossible.
    pub(crate) fn new(test: &str) -> Option<Self> {
        static NUMBER: AtomicU32 = AtomicU32::new(0);
        let number = NUMBER.fetch_add(1, Ordering::Relaxed);
        let name = format!("wslens-live-{}-{number}", std::process::id());
        let ip = |arguments: &[&str]| {
            let made = Command::new("ip").args(arguments).stderr(Stdio::null()).status();
            made.is_ok_and(|status| status.success())
        };
        if !ip(&["netns", "add", &name]) {
            return skip(test, "a network namespace needs Linux, root and iproute2");
        }
        let namespace = Self { name };
        if !ip(&["-n", &namespace.name, "link", "set", "lo", "up"]) {
            return skip(test, "the namespace's loopback interface cannot be switched on");
        }
        Some(namespace)
    }

    /// A command that runs inside.
    pub(crate) fn command(&self, program: impl AsRef<OsStr>) -> Command {
        let mut command = Command::new("ip");
        command.args(["netns", "exec", &self.name]).arg(program);
        command
    }

    /// Starts a server, and waits until it listens.
    pub(crate) fn serve(&self, port: u16, program: &mut Command) -> Running {
        let server = Running(program.spawn().unwrap());
        let deadline = Instant::now() + PATIENCE;
        while !self.listens(port) {
            assert!(Instant::now() < deadline, "nothing listens on port {port}");
            thread::sleep(Duration::from_millis(20));
        }
        server
    }

    /// Whether something listens on a TCP port.
    fn listens(&self, port: u16) -> bool {
        let sockets = self.command("ss").args(["-Hltn"]).output().unwrap().stdout;
        String::from_utf8_lossy(&sockets).contains(&format!(":{port} "))
    }

    /// Tries a port on which nothing listens: a SYN and its RST.
    pub(crate) fn knock(&self, port: u16) {
        let script = format!("exec 3<>/dev/tcp/127.0.0.1/{port}");
        let mut bash = self.command("bash");
        bash.args(["-c", &script]).stderr(Stdio::null());
        assert!(!bash.status().unwrap().success(), "something listens on port {port}");
    }
}

impl Drop for Namespace {
    fn drop(&mut self) {
        let pids = Command::new("ip").args(["netns", "pids", &self.name]).output();
        let pids = pids.map(|output| output.stdout).unwrap_or_default();
        for pid in String::from_utf8_lossy(&pids).split_whitespace() {
            let _killed = Command::new("kill").args(["-KILL", pid]).status();
        }
        let _deleted = Command::new("ip").args(["netns", "del", &self.name]).status();
    }
}

/// A program that is ended when it is dropped.
pub(crate) struct Running(pub(crate) Child);

impl Drop for Running {
    fn drop(&mut self) {
        let _killed = self.0.kill();
        let _waited = self.0.wait();
    }
}

/// Runs a program of at most twenty seconds to its end; it must succeed.
pub(crate) fn run(program: &mut Command) {
    let mut child = program.spawn().unwrap();
    let status = ended(&mut child).unwrap_or_else(|| panic!("{program:?} does not end"));
    assert!(status.success(), "{program:?}: {status}");
}

/// How a program ended; `None` where it does not end in time.
pub(crate) fn ended(child: &mut Child) -> Option<std::process::ExitStatus> {
    let deadline = Instant::now() + PATIENCE;
    while Instant::now() < deadline {
        if let Some(status) = child.try_wait().unwrap() {
            return Some(status);
        }
        thread::sleep(Duration::from_millis(10));
    }
    let _killed = child.kill();
    None
}

/// Sends a signal to a program.
pub(crate) fn signal(child: &Child, name: &str) {
    let sent = Command::new("kill").args([format!("-{name}"), child.id().to_string()]).status();
    assert!(sent.unwrap().success());
}

/// Says aloud that a test is not done.
pub(crate) fn skip<T>(test: &str, reason: &str) -> Option<T> {
    // Not eprintln!, which the test harness keeps to itself.
    let line = format!("\nskipped: {test}: {reason}\n");
    fs::write("/dev/stderr", line).ok();
    None
}

/// How long anything here may take.
pub(crate) const PATIENCE: Duration = Duration::from_secs(20);

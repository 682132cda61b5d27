//! A network namespace with nothing in it but a loopback interface.

use std::ffi::OsStr;
use std::io::{self, Write};
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};
use std::thread;
use std::time::{Duration, Instant};

/// A network of its own. Dropping it ends all programs in it.
pub(crate) struct Namespace {
    name: String,
}

impl Namespace {
    /// Creates one; reports why not and returns `None` if that is impossible.
    pub(crate) fn new(test: &str) -> Option<Self> {
        static NUMBER: AtomicU32 = AtomicU32::new(0);
        let number = NUMBER.fetch_add(1, Ordering::Relaxed);
        let name = format!("wslens-live-{}-{number}", std::process::id());
        if !ip(&["netns", "add", &name]) {
            return skip(test, "a network namespace needs Linux, root and iproute2");
        }
        let namespace = Self { name };
        if !ip(&["-n", &namespace.name, "link", "set", "lo", "up"]) {
            return skip(test, "the namespace's loopback interface cannot be switched on");
        }
        Some(namespace)
    }

    /// Ties a container to this namespace as Docker does: a cable whose end here, `veth0`, is in the
    /// bridge `br0` with 10.55.0.1, and whose other end has 10.55.0.2. Says why not where it cannot.
    pub(crate) fn container(&self, test: &str) -> Option<Self> {
        let inside = Self::new(test)?;
        let (here, there) = (self.name.as_str(), inside.name.as_str());
        let steps: &[&[&str]] = &[
            &["-n", here, "link", "add", "veth0", "type", "veth", "peer", "name", "eth0"],
            &["-n", here, "link", "set", "eth0", "netns", there],
            &["-n", here, "link", "add", "br0", "type", "bridge"],
            &["-n", here, "link", "set", "veth0", "master", "br0", "up"],
            &["-n", here, "addr", "add", "10.55.0.1/24", "dev", "br0"],
            &["-n", here, "link", "set", "br0", "up"],
            &["-n", there, "addr", "add", "10.55.0.2/24", "dev", "eth0"],
            &["-n", there, "link", "set", "eth0", "up"],
        ];
        if steps.iter().all(|step| ip(step)) {
            return Some(inside);
        }
        skip(test, "the kernel makes no bridge or no pair of veth")
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
        self.knock_at("127.0.0.1", port);
    }

    /// Tries a port of an address on which nothing listens.
    pub(crate) fn knock_at(&self, address: &str, port: u16) {
        let script = format!("exec 3<>/dev/tcp/{address}/{port}");
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

/// Whether `ip` does something.
fn ip(arguments: &[&str]) -> bool {
    let made = Command::new("ip").args(arguments).stderr(Stdio::null()).status();
    made.is_ok_and(|status| status.success())
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

/// How a program ended; `None` if it does not end in time.
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
    // Not eprintln!, which the test harness keeps to itself. Not /dev/stderr, which may belong to
    // another user, and which begins a file anew.
    let line = format!("\nskipped: {test}: {reason}\n");
    io::stderr().lock().write_all(line.as_bytes()).ok();
    None
}

/// How long anything here may take.
pub(crate) const PATIENCE: Duration = Duration::from_secs(20);

//! The real binary while it captures.

use std::fs::File;
use std::io::Read;
use std::path::PathBuf;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use serde_json::Value;

use crate::namespace::{Namespace, PATIENCE, ended, signal};

/// wslens, capturing in a namespace.
pub(crate) struct Capturing {
    child: Child,
    output: PathBuf,
    errors: PathBuf,
    _folder: tempfile::TempDir,
}

/// What it said.
pub(crate) struct Captured {
    pub(crate) status: ExitStatus,
    pub(crate) output: String,
    pub(crate) errors: String,
}

impl Capturing {
    /// Starts it and waits until it sees packets: attempts at port 9, where nothing listens.
    pub(crate) fn start(namespace: &Namespace, arguments: &[&str]) -> Self {
        let mut capturing = Self::open(namespace.command(env!("CARGO_BIN_EXE_wslens")), arguments);
        let deadline = Instant::now() + PATIENCE;
        while ![":9\"", ":9 ", "NET-01"].iter().any(|it| capturing.output().contains(it)) {
            assert!(Instant::now() < deadline, "captures nothing: {}", capturing.errors());
            assert!(capturing.child.try_wait().unwrap().is_none(), "{}", capturing.errors());
            namespace.knock(9);
            thread::sleep(Duration::from_millis(50));
        }
        capturing
    }

    /// Starts it.
    pub(crate) fn open(mut command: Command, arguments: &[&str]) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let (output, errors) = (folder.path().join("out"), folder.path().join("err"));
        let child = command
            .args(arguments)
            .stdin(Stdio::null())
            .stdout(File::create(&output).unwrap())
            .stderr(File::create(&errors).unwrap())
            .spawn()
            .unwrap();
        Self { child, output, errors, _folder: folder }
    }

    /// What was written so far.
    pub(crate) fn output(&self) -> String {
        read(&self.output)
    }

    /// What was complained of so far.
    pub(crate) fn errors(&self) -> String {
        read(&self.errors)
    }

    /// Its number among the processes.
    pub(crate) fn id(&self) -> u32 {
        self.child.id()
    }

    /// Waits until its output satisfies `is_enough`.
    pub(crate) fn wait_for(&self, what: &str, is_enough: impl Fn(&str) -> bool) {
        let deadline = Instant::now() + PATIENCE;
        while !is_enough(&self.output()) {
            assert!(Instant::now() < deadline, "no {what} in\n{}{}", self.output(), self.errors());
            thread::sleep(Duration::from_millis(20));
        }
    }

    /// Ends it with Ctrl-C.
    pub(crate) fn interrupt(self) -> Captured {
        signal(&self.child, "INT");
        self.end()
    }

    /// Waits for its end.
    pub(crate) fn end(mut self) -> Captured {
        let status = ended(&mut self.child).expect("wslens does not end");
        Captured { status, output: self.output(), errors: self.errors() }
    }
}

impl Drop for Capturing {
    fn drop(&mut self) {
        let _killed = self.child.kill();
        let _waited = self.child.wait();
    }
}

impl Captured {
    /// The objects of its ndjson.
    pub(crate) fn lines(&self) -> Vec<Value> {
        self.output.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
    }

    /// The last one, which must be the summary, after a clean end.
    pub(crate) fn summary(&self) -> Value {
        assert_eq!((self.status.code(), self.errors.as_str()), (Some(0), ""), "{}", self.output);
        let summary = self.lines().pop().unwrap();
        assert_eq!(summary["type"], "summary");
        summary
    }
}

fn read(path: &PathBuf) -> String {
    let mut bytes = Vec::new();
    File::open(path).unwrap().read_to_end(&mut bytes).unwrap();
    String::from_utf8_lossy(&bytes).into_owned()
}

//! The binary in a pseudo-terminal: keys go in, a screen comes out.

use std::fs::File;
use std::io::{Read, Write};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::{Arc, Condvar, Mutex, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use portable_pty::{Child, CommandBuilder, MasterPty, PtySize, SlavePty, native_pty_system};
use vt100::{MouseProtocolMode, Parser, Screen};

/// Columns and rows.
#[derive(Clone, Copy)]
pub(crate) struct Size(pub(crate) u16, pub(crate) u16);

pub(crate) const LARGE: Size = Size(120, 40);
pub(crate) const SMALL: Size = Size(80, 24);

/// What the program wrote so far.
struct Written {
    parser: Parser,
    bytes: Vec<u8>,
}

/// The program while it runs, and afterwards.
pub(crate) struct Program {
    child: Box<dyn Child + Send + Sync>,
    master: Box<dyn MasterPty + Send>,
    /// Kept open, so that what the program wrote last is not lost with it.
    _slave: Box<dyn SlavePty + Send>,
    keys: Box<dyn Write + Send>,
    written: Arc<(Mutex<Written>, Condvar)>,
}

impl Program {
    /// Starts it.
    pub(crate) fn start(size: Size, arguments: &[&str]) -> Self {
        Self::start_with(size, arguments, &[])
    }

    /// Starts it with a capture that holds WebSocket, and waits until all of that is read.
    pub(crate) fn start_and_read(size: Size, capture: &str) -> Self {
        let program = Self::start(size, &[capture]);
        // The first line is written first: once there are rows below it, it says that they are being read.
        program.shows("1 of ");
        program.hides("reading ");
        program
    }

    /// Starts it with variables of the environment.
    pub(crate) fn start_with(size: Size, arguments: &[&str], set: &[(&str, &str)]) -> Self {
        Self::start_program(Path::new(env!("CARGO_BIN_EXE_wslens")), size, arguments, set)
    }

    /// Starts another program than ours.
    pub(crate) fn start_program(
        program: &Path,
        size: Size,
        arguments: &[&str],
        set: &[(&str, &str)],
    ) -> Self {
        let pair = native_pty_system().openpty(pty_size(size)).unwrap();
        let mut command = CommandBuilder::new(program);
        command.args(arguments);
        command.cwd(env!("CARGO_MANIFEST_DIR"));
        command.env("TERM", "xterm-256color");
        for name in ["NO_COLOR", "CLICOLOR_FORCE", "COLORTERM", "COLORFGBG"] {
            command.env_remove(name);
        }
        for (name, value) in set {
            command.env(name, value);
        }
        let child = pair.slave.spawn_command(command).unwrap();
        let parser = Parser::new(size.1, size.0, 0);
        let written = Arc::new((Mutex::new(Written { parser, bytes: Vec::new() }), Condvar::new()));
        let reader = pair.master.try_clone_reader().unwrap();
        let shared = Arc::clone(&written);
        thread::spawn(move || read(reader, &shared));
        let keys = pair.master.take_writer().unwrap();
        Self { child, master: pair.master, _slave: pair.slave, keys, written }
    }

    /// Types keys.
    pub(crate) fn keys(&mut self, keys: &str) {
        self.keys.write_all(keys.as_bytes()).unwrap();
        self.keys.flush().unwrap();
    }

    /// Types keys, and waits for a text.
    pub(crate) fn keys_show(&mut self, keys: &str, text: &str) {
        self.keys(keys);
        self.shows(text);
    }

    /// Waits until a text stands on one line of the screen.
    pub(crate) fn shows(&self, text: &str) {
        self.wait(&format!("{text:?} on the screen"), |screen, _| shown(screen, text));
    }

    /// Waits until a text stands nowhere on the screen.
    pub(crate) fn hides(&self, text: &str) {
        self.wait(&format!("no {text:?} on the screen"), |screen, _| !shown(screen, text));
    }

    /// Waits until the program has written some bytes at any time.
    pub(crate) fn writes(&self, bytes: &str) {
        self.wait(&format!("{bytes:?} written"), |_, written| contains(written, bytes));
    }

    /// All that the program has written; what is not UTF-8, as the first half of a character, replaced.
    pub(crate) fn written(&self) -> String {
        let written = self.written.0.lock().unwrap_or_else(PoisonError::into_inner);
        String::from_utf8_lossy(&written.bytes).into_owned()
    }

    /// The screen as lines of text, perhaps drawn halfway.
    pub(crate) fn screen(&self) -> String {
        let written = self.written.0.lock().unwrap_or_else(PoisonError::into_inner);
        written.parser.screen().contents()
    }

    /// Changes the size of the terminal.
    pub(crate) fn resize(&self, size: Size) {
        let mut written = self.written.0.lock().unwrap_or_else(PoisonError::into_inner);
        written.parser.screen_mut().set_size(size.1, size.0);
        drop(written);
        self.master.resize(pty_size(size)).unwrap();
    }

    /// Sends a signal by its name.
    pub(crate) fn signal(&self, name: &str) {
        let process = self.child.process_id().unwrap().to_string();
        let status = Command::new("kill").args(["-s", name, &process]).status().unwrap();
        assert!(status.success(), "kill -s {name}");
    }

    /// Waits for the end, and gives the exit code.
    pub(crate) fn ends(&mut self) -> u32 {
        let deadline = Instant::now() + PATIENCE;
        loop {
            if let Some(status) = self.child.try_wait().unwrap() {
                return status.exit_code();
            }
            assert!(Instant::now() < deadline, "still running:\n{}", self.screen());
            thread::sleep(Duration::from_millis(5));
        }
    }

    /// Waits until the terminal is as it was before the program took it over.
    pub(crate) fn gives_the_terminal_back(&self) {
        self.wait("the terminal given back", |screen, _| {
            !screen.alternate_screen()
                && !screen.hide_cursor()
                && !screen.bracketed_paste()
                && screen.mouse_protocol_mode() == MouseProtocolMode::None
        });
        let modes = self.modes();
        for mode in ["icanon", "echo", "isig", "opost"] {
            assert!(modes.split([' ', ';', '\n']).any(|it| it == mode), "{mode} in {modes}");
        }
    }

    /// What `stty` says of the terminal.
    fn modes(&self) -> String {
        let name: PathBuf = self.master.tty_name().unwrap();
        let terminal = File::open(name).unwrap();
        let output = Command::new("stty").arg("-a").stdin(terminal).output().unwrap();
        String::from_utf8(output.stdout).unwrap()
    }

    /// Waits for something to become true of the screen and of all that was written.
    fn wait(&self, what: &str, is_true: impl Fn(&Screen, &[u8]) -> bool) {
        let deadline = Instant::now() + PATIENCE;
        let (written, news) = &*self.written;
        let mut written = written.lock().unwrap_or_else(PoisonError::into_inner);
        while !is_true(written.parser.screen(), &written.bytes) {
            let left = deadline.saturating_duration_since(Instant::now());
            let screen = written.parser.screen().contents();
            assert!(!left.is_zero(), "waited in vain for {what}:\n{screen}");
            written = news.wait_timeout(written, left).unwrap_or_else(PoisonError::into_inner).0;
        }
    }
}

impl Drop for Program {
    fn drop(&mut self) {
        // It has ended, unless a test has failed.
        self.child.kill().ok();
    }
}

/// The path of a sample.
pub(crate) fn sample(name: &str) -> String {
    let path = Path::new("samples").join(name);
    path.to_str().unwrap().to_owned()
}

fn read(mut reader: Box<dyn Read + Send>, shared: &(Mutex<Written>, Condvar)) {
    let mut buffer = vec![0; 64 << 10];
    while let Ok(length @ 1..) = reader.read(&mut buffer) {
        let mut written = shared.0.lock().unwrap_or_else(PoisonError::into_inner);
        written.parser.process(&buffer[..length]);
        written.bytes.extend_from_slice(&buffer[..length]);
        drop(written);
        shared.1.notify_all();
    }
}

fn shown(screen: &Screen, text: &str) -> bool {
    screen.contents().lines().any(|line| line.contains(text))
}

fn contains(bytes: &[u8], text: &str) -> bool {
    bytes.windows(text.len()).any(|window| window == text.as_bytes())
}

fn pty_size(Size(cols, rows): Size) -> PtySize {
    PtySize { rows, cols, pixel_width: 0, pixel_height: 0 }
}

/// How long the program may take for anything: it needs a fraction of it.
const PATIENCE: Duration = Duration::from_secs(20);

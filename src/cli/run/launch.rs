//! The command that runs while packets are captured: its environment, its key log, its end.

use std::ffi::{OsStr, OsString};
use std::fs::File;
use std::io::{self, Seek, Write};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use anyhow::Context;
use tempfile::TempDir;

use crate::capture::GrowingFile;
use crate::capture::live::privileges::User;

/// A command that runs while packets are captured. Its clones are the same command.
#[derive(Clone, Debug)]
pub(in crate::cli) struct LaunchedCommand(Arc<Shared>);

#[derive(Debug)]
struct Shared {
    words: Vec<OsString>,
    output: CommandOutput,
    /// A signal came: the command may have got it, too.
    interrupted: Arc<AtomicBool>,
    /// Nobody waits for the command any more.
    is_unwanted: Arc<AtomicBool>,
    state: Mutex<LaunchState>,
}

/// What there is of it by now.
#[derive(Debug, Default)]
struct LaunchState {
    /// Removed with its key log when this is dropped.
    folder: Option<TempDir>,
    /// Waits for its end, and gives how it ended.
    waiting: Option<JoinHandle<io::Result<ExitStatus>>>,
    /// What it wrote to standard output and standard error, if that is passed on later.
    held: Option<[File; 2]>,
}

/// Where the output of the command goes.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum CommandOutput {
    /// To standard error: standard output has the report.
    StandardError,
    /// Passed on when the screen is closed.
    Later,
}

/// Whose rights the command has.
#[derive(Clone, Copy, Debug)]
pub(in crate::cli) enum CommandRights<'a> {
    /// Those of this process.
    Same,
    /// Those of this process, which is about to drop them: it will not be allowed to end the command.
    Ours,
    /// Those of the user who called sudo, to whom this process has switched.
    Caller(&'a User),
}

impl LaunchedCommand {
    /// A command and its arguments, not started yet.
    pub(super) fn new(words: Vec<OsString>, output: CommandOutput) -> Self {
        Self(Arc::new(Shared {
            words,
            output,
            interrupted: Arc::default(),
            is_unwanted: Arc::default(),
            state: Mutex::default(),
        }))
    }

    /// Creates its key log, and opens it for reading. `user` is whom the process will be when it is removed.
    ///
    /// # Errors
    ///
    /// If it cannot be created.
    pub(in crate::cli) fn create_key_log(
        &self,
        user: Option<&User>,
    ) -> anyhow::Result<GrowingFile> {
        self.create_private(user).context("a private key log for the command cannot be created")
    }

    #[expect(clippy::disallowed_methods, reason = "a folder of our own, to be given away")]
    fn create_private(&self, user: Option<&User>) -> io::Result<GrowingFile> {
        #[cfg(unix)]
        let private = std::os::unix::fs::PermissionsExt::from_mode(0o700);
        #[cfg(not(unix))]
        let private = std::fs::metadata(std::env::temp_dir())?.permissions();
        let folder = tempfile::Builder::new().prefix("wslens-").permissions(private).tempdir()?;
        let path = folder.path().join(KEY_LOG);
        let growing = GrowingFile::create(&path)?;
        if let Some(user) = user {
            user.own(&File::open(folder.path())?)?;
            // It is written with the rights of whoever started this.
            if user.is_caller() {
                user.own(&File::open(&path)?)?;
            }
        }
        self.state().folder = Some(folder);
        Ok(growing)
    }

    /// What lets the command end when it is set: by itself if it has got the signal that set it, too.
    pub(super) fn interrupted(&self) -> Arc<AtomicBool> {
        Arc::clone(&self.0.interrupted)
    }

    /// Ends the command, if it has not ended.
    pub(super) fn end(&self) {
        self.0.is_unwanted.store(true, Ordering::Relaxed);
    }

    /// Removes its key log, because this process ends at once.
    pub(super) fn abandon(&self) {
        // Nothing can be said or done about it any more.
        drop(self.state().folder.take());
    }

    /// Starts the command. When it has ended, `stop` is set.
    ///
    /// # Errors
    ///
    /// If it cannot be started.
    pub(in crate::cli) fn start(
        &self,
        rights: CommandRights<'_>,
        stop: &Arc<AtomicBool>,
    ) -> anyhow::Result<()> {
        let words = &self.0.words;
        let Some((program, arguments)) = words.split_first() else { return Ok(()) };
        let mut state = self.state();
        let Some(folder) = &state.folder else { return Ok(()) };
        let key_log = folder.path().join(KEY_LOG);
        let mut command = Command::new(program);
        command.args(arguments).env("SSLKEYLOGFILE", &key_log);
        command.env("NODE_OPTIONS", node_options(std::env::var_os("NODE_OPTIONS"), &key_log));
        if let CommandRights::Caller(user) = rights {
            command.envs(user.environment());
        }
        state.held = self.redirect(&mut command)?;
        let child = command.spawn().with_context(|| could_not_start(program))?;
        let terminator = match rights {
            CommandRights::Ours => Some(Terminator::of(&child)?),
            CommandRights::Same | CommandRights::Caller(_) => None,
        };
        let (shared, stop) = (Arc::clone(&self.0), Arc::clone(stop));
        state.waiting = Some(wait_beside((child, terminator), shared, stop)?);
        Ok(())
    }

    /// Says where its output goes.
    fn redirect(&self, command: &mut Command) -> io::Result<Option<[File; 2]>> {
        match self.0.output {
            CommandOutput::StandardError => {
                command.stdout(standard_error()?);
                Ok(None)
            }
            CommandOutput::Later => {
                let held = [tempfile::tempfile()?, tempfile::tempfile()?];
                command.stdin(Stdio::null());
                command.stdout(held[0].try_clone()?).stderr(held[1].try_clone()?);
                Ok(Some(held))
            }
        }
    }

    /// Waits for its end, passes on its output where that was held back, and removes its key log. Gives its exit
    /// code, if it was started.
    ///
    /// # Errors
    ///
    /// If the system refuses to wait for it, or its output cannot be passed on.
    pub(super) fn finish(&self) -> anyhow::Result<Option<u8>> {
        let waiting = self.state().waiting.take();
        let status = waiting.and_then(|waiting| waiting.join().ok());
        let LaunchState { folder, held, .. } = std::mem::take(&mut *self.state());
        if let Some([output, errors]) = held {
            pass_on(output, &mut io::stdout())?;
            pass_on(errors, &mut io::stderr())?;
        }
        if let Some(folder) = folder {
            let path = folder.path().display().to_string();
            folder.close().with_context(|| {
                format!("{path}, which has the secrets of the command, cannot be removed")
            })?;
        }
        Ok(match status {
            Some(status) => Some(exit_code(status?)),
            None => None,
        })
    }

    fn state(&self) -> std::sync::MutexGuard<'_, LaunchState> {
        self.0.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Waits for the end of a command on a thread of its own, and lets it go when it is asked to end.
fn wait_beside(
    (mut child, mut terminator): (Child, Option<Terminator>),
    shared: Arc<Shared>,
    stop: Arc<AtomicBool>,
) -> io::Result<JoinHandle<io::Result<ExitStatus>>> {
    thread::Builder::new().name("command".to_owned()).spawn(move || {
        let mut asked: Option<Instant> = None;
        let mut steps = 0_u8;
        let status = loop {
            match child.try_wait() {
                Ok(None) => {}
                Ok(Some(status)) => break Ok(status),
                Err(error) => break Err(error),
            }
            let is_unwanted = shared.is_unwanted.load(Ordering::Relaxed);
            if is_unwanted || shared.interrupted.load(Ordering::Relaxed) {
                let since = asked.get_or_insert_with(now).elapsed();
                let is_due = is_unwanted || since >= TERMINATED;
                if (is_due && steps == 0) || (since >= KILLED && steps == 1) {
                    steps = steps.saturating_add(1);
                    match &mut terminator {
                        Some(terminator) => terminator.step(),
                        None if steps == 1 => terminate(&mut child),
                        None => drop(child.kill()),
                    }
                }
            }
            thread::sleep(INTERVAL);
        };
        // What it sent last is still on its way to us.
        thread::sleep(LAST_PACKETS);
        stop.store(true, Ordering::Relaxed);
        status
    })
}

/// A process that keeps the rights that this one drops, to end the command: at the first step it asks it to
/// end, at the second it kills it. It ends with this process.
struct Terminator(Child);

impl Terminator {
    fn of(command: &Child) -> io::Result<Self> {
        let mut shell = Command::new("sh");
        shell.args(["-c", TERMINATOR, "sh"]).arg(command.id().to_string());
        shell.stdin(Stdio::piped()).stdout(Stdio::null()).stderr(Stdio::null());
        shell.spawn().map(Self)
    }

    fn step(&mut self) {
        // If it is gone, nothing more can be done.
        self.0.stdin.as_mut().and_then(|input| input.write_all(b"next\n").ok());
    }
}

impl Drop for Terminator {
    fn drop(&mut self) {
        drop(self.0.stdin.take());
        self.0.wait().ok();
    }
}

/// Asks a process to end.
#[cfg(unix)]
fn terminate(child: &mut Child) {
    use nix::sys::signal::{Signal, kill};
    use nix::unistd::Pid;

    if let Ok(id) = i32::try_from(child.id()) {
        kill(Pid::from_raw(id), Signal::SIGTERM).ok();
    }
}

#[cfg(not(unix))]
fn terminate(child: &mut Child) {
    child.kill().ok();
}

#[cfg(unix)]
fn standard_error() -> io::Result<Stdio> {
    use std::os::fd::AsFd;

    Ok(Stdio::from(io::stderr().as_fd().try_clone_to_owned()?))
}

#[cfg(not(unix))]
fn standard_error() -> io::Result<Stdio> {
    Ok(Stdio::inherit())
}

/// The exit code that a shell would give: 128 and the number of the signal that killed it.
fn exit_code(status: ExitStatus) -> u8 {
    #[cfg(unix)]
    let signal = std::os::unix::process::ExitStatusExt::signal(&status);
    #[cfg(not(unix))]
    let signal = None;
    let code = status.code().or_else(|| signal.map(|signal: i32| signal.saturating_add(128)));
    // On systems with wider codes, the command did not succeed at least.
    code.map_or(u8::MAX, |code| u8::try_from(code).unwrap_or(u8::MAX))
}

/// Writes what a command wrote.
fn pass_on(mut held: File, to: &mut dyn Write) -> io::Result<()> {
    held.rewind()?;
    io::copy(&mut held, to)?;
    to.flush()
}

/// The options of node, with one more.
fn node_options(given: Option<OsString>, key_log: &Path) -> OsString {
    let mut options = given.unwrap_or_default();
    if !options.is_empty() {
        options.push(" ");
    }
    options.push("--tls-keylog=");
    let path = key_log.to_string_lossy();
    if path.contains([' ', '"', '\\']) {
        let quoted = path.replace('\\', "\\\\").replace('"', "\\\"");
        options.push(format!("\"{quoted}\""));
    } else {
        options.push(key_log);
    }
    options
}

fn could_not_start(program: &OsStr) -> String {
    let mut text = format!("the command {} cannot be started", PathBuf::from(program).display());
    if std::env::var_os("SUDO_UID").is_some() {
        text.push_str(
            " (sudo has a PATH of its own: name its full path, or use sudo env \"PATH=$PATH\" wslens run ...)",
        );
    }
    text
}

#[expect(clippy::disallowed_methods, reason = "a command ends in wall time")]
fn now() -> Instant {
    Instant::now()
}

/// The name of the key log in its folder.
const KEY_LOG: &str = "keys.log";

/// What a [`Terminator`] does, with the number of the process.
const TERMINATOR: &str =
    "trap '' INT HUP TERM; read -r step && kill -TERM \"$1\"; read -r step && kill -KILL \"$1\"";

/// Time between two looks at the command.
const INTERVAL: Duration = Duration::from_millis(10);

/// How long a command that was interrupted has to end by itself: it may have got the signal, too.
const TERMINATED: Duration = Duration::from_secs(2);

/// After this time it is killed.
const KILLED: Duration = Duration::from_secs(8);

/// How long packets are still captured when the command has ended.
const LAST_PACKETS: Duration = Duration::from_millis(300);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn options_of_node_are_kept() {
        let rows = [
            (None, "/run/a/keys.log", "--tls-keylog=/run/a/keys.log"),
            (Some(""), "/run/a/keys.log", "--tls-keylog=/run/a/keys.log"),
            (Some("--no-warnings"), "/run/k", "--no-warnings --tls-keylog=/run/k"),
            (None, "/run/my \"own\"/k", "--tls-keylog=\"/run/my \\\"own\\\"/k\""),
        ];
        for (given, path, expected) in rows {
            let options = node_options(given.map(OsString::from), Path::new(path));
            assert_eq!(options.to_string_lossy(), expected);
        }
    }

    #[cfg(unix)]
    #[test]
    fn signals_are_codes_as_in_a_shell() {
        use std::os::unix::process::ExitStatusExt;

        let codes = [0, 3 << 8, 255 << 8, 9, 15].map(|raw| exit_code(ExitStatus::from_raw(raw)));
        assert_eq!(codes, [0, 3, 255, 137, 143]);
    }
}

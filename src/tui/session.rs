//! The loop: what happens at the terminal goes into the state, and the state is drawn.

use std::fs::{File, OpenOptions};
use std::io::{self, Write};
use std::path::Path;
use std::process;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use crossterm::clipboard::CopyToClipboard;
use crossterm::event::{poll, read};
use crossterm::execute;
use ratatui::layout::Rect;
use signal_hook::consts::signal;

use crate::capture::{PacketStore, is_same_file};
use crate::text::words::counted;
use crate::tui::app::{App, Effect, Overlay};
use crate::tui::export::{Export, Origin, Outgoing};
use crate::tui::loader::{self, SharedTimeline};
use crate::tui::prompt::{Prompt, PromptPurpose};
use crate::tui::rates::Meter;
use crate::tui::terminal::{self, TerminalScreen};
use crate::tui::view;
use crate::tui::world::{LoadProgress, LoadStage, PendingWork, Replace, Tone, World};

/// One use of the interface, from its start to its end.
pub(super) struct EventLoop {
    /// The state.
    pub(super) app: App,
    /// What is being read.
    pub(super) shared: Arc<SharedTimeline>,
    /// Where packets can be read again.
    pub(super) store: Box<dyn PacketStore>,
    /// Bytes of the capture, where that is known.
    pub(super) length: Option<u64>,
    /// Where all its packets can be read once more.
    pub(super) origin: Option<Origin>,
    /// When the interface started.
    pub(super) started: Instant,
    /// Measures how fast packets come.
    pub(super) meter: Meter,
    /// When a live capture was asked to stop.
    pub(super) stopping: Option<Instant>,
    /// The file that messages are being written to.
    pub(super) writing: Option<(File, String)>,
}

/// Whether the loop continues.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum LoopStep {
    GoOn,
    End,
}

/// Ends the process after a signal where the loop does not: with its terminal gone, reading keys
/// never returns.
#[expect(clippy::disallowed_methods, reason = "the loop that should see the signal is stuck")]
#[expect(clippy::exit, reason = "there is nothing left to return to")]
fn end_without_a_terminal(ended: Arc<AtomicBool>) {
    thread::spawn(move || {
        while !ended.load(Ordering::Acquire) {
            thread::sleep(SIGNAL_INTERVAL);
        }
        thread::sleep(LOOP_TIME);
        terminal::give_up();
        process::exit(0);
    });
}

impl EventLoop {
    /// Runs until the user, or a signal, ends it.
    ///
    /// # Errors
    ///
    /// When the terminal fails.
    pub(super) fn run(mut self) -> io::Result<()> {
        let ended = Arc::new(AtomicBool::new(false));
        #[cfg(unix)]
        let signals = [signal::SIGTERM, signal::SIGINT, signal::SIGHUP];
        #[cfg(not(unix))]
        let signals = [signal::SIGTERM, signal::SIGINT];
        for number in signals {
            signal_hook::flag::register(number, Arc::clone(&ended))?;
        }
        end_without_a_terminal(Arc::clone(&ended));
        let mut screen = TerminalScreen::new()?;
        while !ended.load(Ordering::Acquire) {
            let pending = self.draw(&mut screen)?;
            if self.wait(pending, &mut screen)? == LoopStep::End {
                break;
            }
        }
        screen.leave()
    }

    /// Continues with what takes long for a moment, and draws.
    fn draw(&mut self, screen: &mut TerminalScreen) -> io::Result<PendingWork> {
        let waited = self.stopping.map(|since| now().saturating_duration_since(since));
        if waited.is_some_and(|waited| waited >= STOP_TIME) && self.shared.may_wait() {
            self.stopping = None;
            self.shared.give_up();
        }
        let area = Rect::from((ratatui::layout::Position::ORIGIN, screen.terminal.size()?));
        let stage = self.shared.stage();
        if stage != self.app.reading.stage
            && let LoadStage::Broken(why) = &stage
        {
            // Its name is in the first line.
            let text = match why.strip_prefix(&self.app.name) {
                Some(rest) => format!("the capture{rest}"),
                None => why.clone(),
            };
            self.app.say(Tone::Failed, text);
        }
        let position = self.shared.position();
        let (dropped, rates) = (self.shared.dropped(), self.app.reading.rates);
        let length = self.length;
        self.app.take_progress(LoadProgress { stage, position, length, dropped, rates });
        if let Some(notice) = self.shared.take_notice() {
            self.app.notice = Some(notice);
        }
        let until = now().checked_add(WORK_TIME);
        let timeline = self.shared.timeline();
        let world = World { timeline: &timeline, store: self.store.as_ref() };
        let passed = now().saturating_duration_since(self.started);
        self.app.reading.rates = self.meter.read(passed, &timeline.counts());
        let mut pending = self.app.step(world);
        while pending == PendingWork::More && until.is_some_and(|until| now() < until) {
            pending = self.app.step(world);
        }
        let visible = self.app.prepare(area, world);
        let mut resized = PendingWork::Nothing;
        screen.terminal.draw(|frame| {
            // It may have another size by now, for which nothing is laid out: the next time it has.
            if frame.area() == area {
                view::draw(frame, &self.app, &timeline);
            } else {
                resized = PendingWork::More;
            }
        })?;
        drop(timeline);
        if self.app.news.take_ring() {
            terminal::ring(screen.terminal.backend_mut())?;
        }
        self.write_ready(pending);
        Ok(pending.or(visible).or(resized))
    }

    /// Waits for something to happen, and takes all that has.
    fn wait(&mut self, pending: PendingWork, screen: &mut TerminalScreen) -> io::Result<LoopStep> {
        let time = match pending {
            PendingWork::More => Duration::ZERO,
            PendingWork::Nothing if self.app.reading.stage.goes_on() => DRAW_INTERVAL,
            PendingWork::Nothing => IDLE_INTERVAL,
        };
        let mut time = time;
        while poll(time)? {
            let event = read()?;
            let timeline = self.shared.timeline();
            let world = World { timeline: &timeline, store: self.store.as_ref() };
            let effect = self.app.event(event, world);
            drop(timeline);
            if self.obey(effect, screen)? == LoopStep::End {
                return Ok(LoopStep::End);
            }
            time = Duration::ZERO;
        }
        Ok(LoopStep::GoOn)
    }

    /// Does what only the outside can do.
    fn obey(&mut self, effect: Effect, screen: &mut TerminalScreen) -> io::Result<LoopStep> {
        match effect {
            Effect::None => {}
            Effect::Quit => return Ok(LoopStep::End),
            Effect::Suspend => suspend(screen)?,
            Effect::Redraw => screen.clear()?,
            Effect::StopReading if self.app.reading.stage == LoadStage::Live => {
                if self.stopping.replace(now()).is_none() {
                    self.shared.stop();
                    self.app.say(
                        Tone::Done,
                        "capturing stopped; packets already received are still read, x skips the rest",
                    );
                } else {
                    self.shared.quit();
                    self.app.say(Tone::Done, "capturing stopped; unread packets are skipped");
                }
            }
            Effect::StopReading => {
                self.shared.stop();
                self.app.say(Tone::Done, "reading stopped; rows already read stay");
            }
            Effect::Copy(bytes) => {
                let copied = CopyToClipboard::to_clipboard_from(&bytes);
                execute!(screen.terminal.backend_mut(), copied)?;
                let count = bytes.len();
                let text = format!("{count} bytes to the clipboard (in tmux: set-clipboard on)");
                self.app.say(Tone::Done, text);
            }
            Effect::Save { path, what, replace } => self.save(path, what, replace),
        }
        Ok(LoopStep::GoOn)
    }

    fn save(&mut self, path: String, what: Outgoing, replace: Replace) {
        let read = self.origin.iter().flat_map(Origin::paths);
        if read.into_iter().any(|read| is_same_file(read, Path::new(&path))) {
            let why = format!("{path} is the capture being read; save to another file");
            return self.app.say(Tone::Failed, why);
        }
        let mut options = OpenOptions::new();
        match replace {
            Replace::Yes => options.write(true).create(true).truncate(true),
            Replace::Ask => options.write(true).create_new(true),
        };
        let opened = match what {
            Outgoing::Packets(_) => open_private(&mut options, &path),
            Outgoing::Bytes(_) | Outgoing::Rows(_) => options.open(&path),
        };
        match opened {
            Ok(file) => self.write(file, path, what),
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {
                let purpose = PromptPurpose::Overwrite { path, what };
                self.app.overlay = Overlay::Prompt(Box::new(Prompt::new(purpose, String::new())));
            }
            Err(error) => self.app.say(Tone::Failed, format!("{path}: {error}")),
        }
    }

    fn write(&mut self, mut file: File, path: String, what: Outgoing) {
        match what {
            Outgoing::Bytes(bytes) => match file.write_all(&bytes) {
                Ok(()) => {
                    self.app.say(Tone::Done, format!("{} bytes written to {path}", bytes.len()));
                }
                Err(error) => self.app.say(Tone::Failed, format!("{path}: {error}")),
            },
            Outgoing::Rows(format) => {
                self.app.export = Some(Export::new(format, &self.app.rows));
                self.writing = Some((file, path));
            }
            Outgoing::Packets(extract) => match &self.origin {
                Some(origin) => loader::extract(
                    (extract, origin.clone()),
                    (file, path),
                    Arc::clone(&self.shared),
                ),
                None => self.app.say(Tone::Failed, "the packets were not kept"),
            },
        }
    }

    /// Writes the messages that are ready, and reports when all are written.
    fn write_ready(&mut self, pending: PendingWork) {
        let Some((file, path)) = &mut self.writing else { return };
        let ready = std::mem::take(&mut self.app.ready);
        let written = file.write_all(&ready);
        let (at, end) = self.app.export.as_ref().map_or((0, 0), Export::progress);
        let notice = match written {
            Err(error) => (Tone::Failed, format!("{path}: {error}")),
            Ok(()) if at < end && pending == PendingWork::More => return,
            Ok(()) => {
                let (count, lost) =
                    self.app.export.as_ref().map_or((0, 0), |it| (it.count, it.lost));
                let text = format!("{} written to {path}", counted(count, "message"));
                match lost {
                    0 => (Tone::Done, text),
                    lost => (Tone::Failed, format!("{text}; {lost} could not be read again")),
                }
            }
        };
        self.writing = None;
        self.app.export = None;
        self.app.say(notice.0, notice.1);
    }
}

/// Opens a file that only its owner can read: it is a capture.
#[cfg(unix)]
fn open_private(options: &mut OpenOptions, path: &str) -> io::Result<File> {
    use std::fs::Permissions;
    use std::os::unix::fs::{OpenOptionsExt, PermissionsExt};

    let file = options.mode(OWNER_ONLY).open(path)?;
    if file.metadata()?.is_file() {
        file.set_permissions(Permissions::from_mode(OWNER_ONLY))?;
    }
    Ok(file)
}

#[cfg(not(unix))]
fn open_private(options: &mut OpenOptions, path: &str) -> io::Result<File> {
    options.open(path)
}

/// The mode of captures that are written.
#[cfg(unix)]
const OWNER_ONLY: u32 = 0o600;

/// Waits for a moment until the reader has released its source, and the file that it writes along
/// with it.
pub(super) fn wait_for(reader: &JoinHandle<()>) {
    let until = now().checked_add(READER_TIME);
    while !reader.is_finished() && until.is_some_and(|until| now() < until) {
        thread::sleep(END_INTERVAL);
    }
}

/// Stops the process until the shell lets it continue.
#[cfg(unix)]
fn suspend(screen: &mut TerminalScreen) -> io::Result<()> {
    screen.leave()?;
    signal_hook::low_level::emulate_default_handler(signal::SIGTSTP)?;
    screen.enter()
}

#[cfg(not(unix))]
fn suspend(_: &mut TerminalScreen) -> io::Result<()> {
    Ok(())
}

#[expect(clippy::disallowed_methods, reason = "how long keys wait is a matter of wall time")]
pub(super) fn now() -> Instant {
    Instant::now()
}

/// How long work that takes long continues before keys are examined.
const WORK_TIME: Duration = Duration::from_millis(10);

/// How often the screen is drawn while packets come.
const DRAW_INTERVAL: Duration = Duration::from_millis(50);

/// How often signals are examined while nothing happens.
const IDLE_INTERVAL: Duration = Duration::from_millis(250);

/// How often the reader is examined, at the end.
const END_INTERVAL: Duration = Duration::from_millis(5);

/// How often a signal is looked for beside the loop.
const SIGNAL_INTERVAL: Duration = Duration::from_millis(100);

/// How long a live capture may take to end by itself, before it is ended with what has come.
const STOP_TIME: Duration = Duration::from_millis(100);

/// How long the reader may take to end after the loop.
const READER_TIME: Duration = Duration::from_millis(200);

/// How long the loop may take to end after a signal.
const LOOP_TIME: Duration = Duration::from_millis(500);

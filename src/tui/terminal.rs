//! The terminal: taken over at the start, given back at the end, whatever the end is.

use std::fs::File;
use std::io::{self, BufWriter, Write};
use std::panic;
use std::process;
use std::sync::atomic::{AtomicBool, Ordering};

use crossterm::event::{
    DisableBracketedPaste, DisableMouseCapture, EnableBracketedPaste, EnableMouseCapture,
};
use crossterm::terminal::{
    EnterAlternateScreen, LeaveAlternateScreen, disable_raw_mode, enable_raw_mode,
};
use crossterm::{cursor, execute};
use ratatui::Terminal;
use ratatui::backend::CrosstermBackend;
use ratatui::layout::{Position, Rect};

/// The terminal while it is ours.
pub(super) struct TerminalScreen {
    /// Draws on it.
    pub(super) terminal: Terminal<CrosstermBackend<TerminalOutput>>,
}

/// Standard output without its lock, so that a panicking thread can also restore the terminal.
#[derive(Debug)]
pub(super) struct TerminalOutput {
    file: File,
    buffer: Vec<u8>,
}

impl TerminalOutput {
    fn new() -> io::Result<Self> {
        Ok(Self { file: duplicate()?, buffer: Vec::new() })
    }
}

impl Write for TerminalOutput {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.buffer.extend_from_slice(bytes);
        Ok(bytes.len())
    }

    /// Writes what was collected; nothing once another thread has given the terminal back.
    fn flush(&mut self) -> io::Result<()> {
        let is_ours = TAKEN.load(Ordering::Acquire);
        let written = if is_ours { self.file.write_all(&self.buffer) } else { Ok(()) };
        self.buffer.clear();
        written?;
        self.file.flush()
    }
}

#[cfg(unix)]
fn duplicate() -> io::Result<File> {
    use std::os::fd::AsFd;
    Ok(File::from(io::stdout().as_fd().try_clone_to_owned()?))
}

#[cfg(windows)]
fn duplicate() -> io::Result<File> {
    use std::os::windows::io::AsHandle;
    Ok(File::from(io::stdout().as_handle().try_clone_to_owned()?))
}

/// Whether the terminal is ours now.
static TAKEN: AtomicBool = AtomicBool::new(false);

impl TerminalScreen {
    /// Takes the terminal over, also from panics to come.
    ///
    /// # Errors
    ///
    /// If there is no terminal, or it fails.
    pub(super) fn new() -> io::Result<Self> {
        let terminal = Terminal::new(CrosstermBackend::new(TerminalOutput::new()?))?;
        let mut screen = Self { terminal };
        give_back_on_panic();
        screen.enter()?;
        Ok(screen)
    }

    /// Takes the terminal over.
    ///
    /// # Errors
    ///
    /// If the terminal fails.
    pub(super) fn enter(&mut self) -> io::Result<()> {
        TAKEN.store(true, Ordering::Release);
        enable_raw_mode()?;
        execute!(
            self.terminal.backend_mut(),
            EnterAlternateScreen,
            EnableMouseCapture,
            EnableBracketedPaste
        )?;
        self.clear()
    }

    /// Clears the screen, so that all of it is drawn anew.
    ///
    /// Unlike [`Terminal::clear`], this asks the terminal nothing, which some never answer.
    ///
    /// # Errors
    ///
    /// If the terminal fails.
    pub(super) fn clear(&mut self) -> io::Result<()> {
        let area = Rect::from((Position::ORIGIN, self.terminal.size()?));
        self.terminal.resize(area)
    }

    /// Gives the terminal back.
    ///
    /// # Errors
    ///
    /// If the terminal fails.
    pub(super) fn leave(&mut self) -> io::Result<()> {
        self.terminal.backend_mut().flush()?;
        give_back()
    }
}

impl Drop for TerminalScreen {
    fn drop(&mut self) {
        // No one is left to report it to.
        self.leave().ok();
    }
}

/// Rings the terminal's bell.
///
/// # Errors
///
/// If the terminal fails.
pub(super) fn ring(out: &mut impl Write) -> io::Result<()> {
    out.write_all(b"\x07")?;
    out.flush()
}

fn give_back() -> io::Result<()> {
    if !TAKEN.swap(false, Ordering::AcqRel) {
        return Ok(());
    }
    let mut out = BufWriter::new(duplicate()?);
    execute!(out, DisableBracketedPaste, DisableMouseCapture, LeaveAlternateScreen, cursor::Show)?;
    disable_raw_mode()
}

/// Gives the terminal back, if it is still there.
pub(super) fn give_up() {
    // No one is left to report it to.
    give_back().ok();
}

/// Gives the terminal back before a panic is reported, whichever thread it is of, and ends the process.
///
/// Released binaries abort at a panic in any case. Others do the same: an interface that has lost a
/// thread is of no use.
fn give_back_on_panic() {
    let before = panic::take_hook();
    panic::set_hook(Box::new(move |panic| {
        let was_ours = TAKEN.load(Ordering::Acquire);
        give_up();
        before(panic);
        if was_ours {
            process::abort();
        }
    }));
}

//! A progress bar on standard error, for large files only.

use std::io::{self, IsTerminal};

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

/// A progress bar, or nothing.
pub(super) struct ProgressIndicator {
    bar: Option<ProgressBar>,
}

/// Whether lines are written to standard output during the work.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Scrolling {
    /// Lines are written all the time.
    Yes,
    /// Everything is written at the end.
    No,
}

impl ProgressIndicator {
    /// Creates a bar if it is useful: for a large file, on a terminal that does not scroll.
    pub(super) fn new(length: Option<u64>, scrolling: Scrolling) -> Self {
        let welcome = io::stderr().is_terminal()
            && (scrolling == Scrolling::No || !io::stdout().is_terminal());
        let large = length.filter(|length| *length >= LARGE_FILE);
        let bar = large.filter(|_| welcome).map(|length| {
            let target = ProgressDrawTarget::stderr_with_hz(UPDATES_PER_SECOND);
            let bar = ProgressBar::with_draw_target(Some(length), target);
            bar.set_style(
                ProgressStyle::with_template(TEMPLATE)
                    .unwrap_or_else(|_| ProgressStyle::default_bar()),
            );
            bar
        });
        Self { bar }
    }

    /// Sets how many bytes were read.
    pub(super) fn update(&self, position: u64) {
        if let Some(bar) = &self.bar {
            bar.set_position(position);
        }
    }

    /// Removes the bar.
    pub(super) fn clear(self) {
        if let Some(bar) = self.bar {
            bar.finish_and_clear();
        }
    }
}

/// The size from which files get a bar, in bytes.
const LARGE_FILE: u64 = 32 << 20;

/// How often the bar is drawn.
const UPDATES_PER_SECOND: u8 = 10;

/// The template of the bar.
const TEMPLATE: &str = "reading {percent:>3} % {wide_bar} {binary_bytes_per_sec}, {eta} left";

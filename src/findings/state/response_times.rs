//! How fast a client asks and how soon its server answers, where each message of the client gets one of the
//! server.

use std::collections::VecDeque;

use crate::findings::state::silent_period::SilentPeriod;
use crate::stream::{Direction, Origin, Span, Timestamp};

/// Counts of messages and waiting times, by time.
#[derive(Debug, Default)]
pub(crate) struct ResponseTimes {
    /// Messages of the client that have no answer yet, oldest first.
    open: VecDeque<Origin>,
    mode: Mode,
    /// When the first window begins.
    start: Timestamp,
    /// How long a window is, in nanoseconds.
    width: u64,
    windows: Vec<LoadWindow>,
    /// The answer that took longest.
    slowest: SilentPeriod,
}

/// Whether messages of both sides belong together.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
enum Mode {
    /// So far, every message of the server came after one of the client that had none.
    #[default]
    Paired,
    /// They do not, or too many are open.
    Free,
}

/// What was asked in a time, and when that was answered.
#[derive(Clone, Copy, Debug, Default)]
struct LoadWindow {
    asked: u64,
    answered: u64,
    /// Nanoseconds that the answers took together.
    waited: u64,
}

/// Answers got slower when more was asked.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) struct Slowdown {
    /// When little was asked.
    pub(crate) quiet: Load,
    /// When much was asked.
    pub(crate) busy: Load,
    /// The answer that took longest.
    pub(crate) slowest: SilentPeriod,
}

/// How much was asked, and how long answers took.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) struct Load {
    /// Messages in a thousand seconds.
    pub(crate) per_thousand_seconds: u64,
    /// Nanoseconds until the answer, on average.
    pub(crate) wait: u64,
    answered: u64,
}

impl ResponseTimes {
    /// Counts a data message.
    pub(crate) fn message(&mut self, direction: Direction, span: Span) {
        if self.mode == Mode::Free {
            return;
        }
        match direction {
            Direction::ClientToServer => self.asked(span.last),
            Direction::ServerToClient => self.answered(span.last),
        }
    }

    fn asked(&mut self, now: Origin) {
        if self.open.len() >= MOST_OPEN {
            return self.give_up();
        }
        self.open.push_back(now);
        if self.windows.is_empty() {
            self.start = now.time;
            self.width = FIRST_WIDTH;
        }
        if let Some(window) = self.window(now.time) {
            window.asked = window.asked.saturating_add(1);
        }
    }

    fn answered(&mut self, now: Origin) {
        let Some(asked) = self.open.pop_front() else { return self.give_up() };
        // A response before its request: the clocks of the two directions differ.
        let Some(length) = now.time.measured_since(asked.time) else { return self.give_up() };
        if length > self.slowest.length {
            self.slowest = SilentPeriod { length, after: asked, until: now };
        }
        if let Some(window) = self.window(asked.time) {
            window.answered = window.answered.saturating_add(1);
            window.waited = window.waited.saturating_add(length);
        }
    }

    fn give_up(&mut self) {
        *self = Self { mode: Mode::Free, ..Self::default() };
    }

    /// The window of a time; windows get wider when there are too many.
    fn window(&mut self, time: Timestamp) -> Option<&mut LoadWindow> {
        loop {
            let at = time.waited_since(self.start).checked_div(self.width)?;
            let at = usize::try_from(at).ok()?;
            if at < MOST_WINDOWS {
                if self.windows.len() <= at {
                    self.windows.resize(at.saturating_add(1), LoadWindow::default());
                }
                return self.windows.get_mut(at);
            }
            self.width = self.width.saturating_mul(2);
            self.windows = self.windows.chunks(2).map(LoadWindow::sum).collect();
        }
    }

    /// Whether answers got much slower when more was asked.
    pub(crate) fn slowdown(&self) -> Option<Slowdown> {
        let all = LoadWindow::sum(&self.windows);
        // Most messages have an answer, or they do not belong together.
        if all.answered < FEWEST_ANSWERS
            || all.answered.saturating_mul(10) < all.asked.saturating_mul(9)
        {
            return None;
        }
        let top = self.windows.iter().map(|window| window.asked).max()?;
        let of = |is_meant: &dyn Fn(u64) -> bool| {
            let meant: Vec<LoadWindow> = self
                .windows
                .iter()
                .filter(|window| window.answered > 0 && is_meant(window.asked))
                .copied()
                .collect();
            Load::of(&meant, self.width)
        };
        let quiet = of(&|asked| asked.saturating_mul(3) <= top)?;
        let busy = of(&|asked| asked.saturating_mul(2) >= top)?;
        let is_slower = busy.wait >= SLOW_ANSWER && busy.wait >= quiet.wait.saturating_mul(5);
        let is_known = quiet.answered >= FEWEST_QUIET && busy.answered >= FEWEST_BUSY;
        (is_slower && is_known).then_some(Slowdown { quiet, busy, slowest: self.slowest })
    }
}

impl LoadWindow {
    fn sum(windows: &[Self]) -> Self {
        windows.iter().fold(Self::default(), |sum, window| Self {
            asked: sum.asked.saturating_add(window.asked),
            answered: sum.answered.saturating_add(window.answered),
            waited: sum.waited.saturating_add(window.waited),
        })
    }
}

impl Load {
    fn of(windows: &[LoadWindow], width: u64) -> Option<Self> {
        let sum = LoadWindow::sum(windows);
        let time = u64::try_from(windows.len()).ok()?.checked_mul(width)?;
        let per_thousand_seconds =
            u128::from(sum.asked).checked_mul(1_000_000_000_000)?.checked_div(u128::from(time))?;
        Some(Self {
            per_thousand_seconds: u64::try_from(per_thousand_seconds).ok()?,
            wait: sum.waited.checked_div(sum.answered)?,
            answered: sum.answered,
        })
    }
}

/// Nanoseconds of a window at first.
const FIRST_WIDTH: u64 = 1_000_000_000;

/// Windows that are kept.
const MOST_WINDOWS: usize = 64;

/// Messages without an answer that are remembered.
const MOST_OPEN: usize = 1_024;

/// Nanoseconds from which on answers under load are slow (OPS-04).
const SLOW_ANSWER: u64 = 250_000_000;

/// Answers from which on there is something to compare.
const FEWEST_ANSWERS: u64 = 40;

/// The same, when little was asked.
const FEWEST_QUIET: u64 = 5;

/// The same, when much was asked.
const FEWEST_BUSY: u64 = 20;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::stream::PacketId;
    use Direction::{ClientToServer, ServerToClient};

    fn at(milliseconds: u64) -> Span {
        let time = Timestamp(milliseconds * 1_000_000);
        Span::at(0, Origin { packet: PacketId(milliseconds), time })
    }

    /// So many questions at this interval from a time on, each with its answer after so long.
    fn ask(events: &mut Vec<(u64, Direction)>, from: u64, count: u64, interval: u64, wait: u64) {
        for number in 0..count {
            events.push((from + number * interval, ClientToServer));
            events.push((from + number * interval + wait, ServerToClient));
        }
    }

    fn judged(mut events: Vec<(u64, Direction)>) -> Option<Slowdown> {
        events.sort_by_key(|(time, _)| *time);
        let mut response_times = ResponseTimes::default();
        for (time, direction) in events {
            response_times.message(direction, at(time));
        }
        response_times.slowdown()
    }

    #[test]
    fn a_slowdown_is_more_load_and_longer_waits_together() {
        type SlowdownRow = (&'static str, fn(&mut Vec<(u64, Direction)>), bool);
        #[rustfmt::skip]
        let rows: &[SlowdownRow] = &[
            ("slow under load",           |e| { ask(e, 0, 20, 500, 3); ask(e, 10_000, 100, 20, 900); }, true),
            ("fast under load",           |e| { ask(e, 0, 20, 500, 3); ask(e, 10_000, 100, 20, 5); }, false),
            ("slow at any load",          |e| { ask(e, 0, 20, 500, 400); ask(e, 10_000, 100, 20, 400); }, false),
            ("slow though nothing is up", |e| { ask(e, 0, 100, 20, 3); ask(e, 10_000, 20, 500, 900); }, false),
            ("too few to tell",           |e| { ask(e, 0, 4, 500, 3); ask(e, 10_000, 20, 20, 900); }, false),
            ("the server speaks first",   |e| { e.push((0, ServerToClient)); ask(e, 1, 20, 500, 3); ask(e, 10_000, 100, 20, 900); }, false),
            ("few are answered at all",   |e| { ask(e, 0, 20, 500, 3); ask(e, 10_000, 100, 20, 900); e.extend((0..300).map(|n| (30_000 + n, ClientToServer))); }, false),
        ];
        for (name, events, expected) in rows {
            let mut list = Vec::new();
            events(&mut list);
            assert_eq!(judged(list).is_some(), *expected, "{name}");
        }
    }

    #[test]
    fn rates_and_waits_are_averages() {
        let mut events = Vec::new();
        ask(&mut events, 0, 20, 500, 3);
        ask(&mut events, 10_000, 100, 20, 900);
        let slowdown = judged(events).unwrap();
        assert_eq!(slowdown.quiet.per_thousand_seconds, 2_000);
        assert_eq!((slowdown.quiet.wait, slowdown.busy.wait), (3_000_000, 900_000_000));
        assert_eq!(slowdown.busy.per_thousand_seconds, 50_000);
    }

    #[test]
    fn windows_stay_few() {
        let mut response_times = ResponseTimes::default();
        for second in 0..100_000 {
            response_times.message(ClientToServer, at(second * 1_000));
            response_times.message(ServerToClient, at(second * 1_000 + 1));
        }
        assert!(response_times.windows.len() <= MOST_WINDOWS);
        assert_eq!(LoadWindow::sum(&response_times.windows).answered, 100_000);
    }
}

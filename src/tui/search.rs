//! Searching in what messages say: some rows at a time, so that keys are never kept waiting.

use crate::timeline::{OpenLimits, RowId, open};
use crate::tui::app::{Notice, Pending, Tone, World};
use crate::tui::rows::RowList;

/// What is searched for, and how far the search is.
#[derive(Debug, Default)]
pub struct Search {
    needle: Option<Needle>,
    /// The place in the list that is looked at next, and in which direction to go on.
    running: Option<(usize, Towards)>,
    notice: Option<Notice>,
    /// Rows looked at so far, to be counted by tests.
    pub work: u64,
}

/// What is searched for.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Needle {
    /// As it was typed.
    pub typed: String,
    bytes: Vec<u8>,
}

/// Where a search goes.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Towards {
    /// To later rows.
    End,
    /// To earlier rows.
    Start,
}

impl Needle {
    /// Reads what was typed: `0x` and digits are bytes, all else is text.
    ///
    /// # Errors
    ///
    /// What is wrong with it.
    pub fn parse(typed: &str) -> Result<Self, String> {
        let bytes = match typed.strip_prefix("0x") {
            Some(digits) => bytes(digits)?,
            None => typed.as_bytes().to_vec(),
        };
        Ok(Self { typed: typed.to_owned(), bytes })
    }

    /// Where in some bytes it is first found.
    pub fn find(&self, content: &[u8]) -> Option<std::ops::Range<usize>> {
        let at = content
            .windows(self.bytes.len().max(1))
            .position(|window| window.eq_ignore_ascii_case(&self.bytes))?;
        Some(at..at.saturating_add(self.bytes.len()))
    }
}

fn bytes(digits: &str) -> Result<Vec<u8>, String> {
    let digits: Vec<u8> = digits
        .chars()
        .filter(|letter| !letter.is_whitespace())
        .map(|letter| {
            let digit = letter.to_digit(16).and_then(|digit| u8::try_from(digit).ok());
            digit.ok_or_else(|| format!("{letter:?} is no hexadecimal digit"))
        })
        .collect::<Result<_, _>>()?;
    if digits.is_empty() || digits.len() % 2 == 1 {
        return Err("two hexadecimal digits make a byte: 0x81 85".to_owned());
    }
    Ok(digits
        .chunks(2)
        .map(|pair| pair.iter().fold(0, |byte: u8, digit| byte << 4 | digit))
        .collect())
}

impl Search {
    /// What is searched for.
    pub fn needle(&self) -> Option<&Needle> {
        self.needle.as_ref()
    }

    /// Whether it is under way.
    pub fn is_running(&self) -> bool {
        self.running.is_some()
    }

    /// The place in the list that is looked at.
    pub fn place(&self) -> Option<usize> {
        self.running.map(|(place, _)| place)
    }

    /// Starts to look for something, from the cursor on.
    pub fn start(&mut self, needle: Needle, rows: &RowList) {
        self.needle = Some(needle);
        self.running = Some((rows.cursor(), Towards::End));
    }

    /// Looks for the next one.
    pub fn again(&mut self, towards: Towards, rows: &RowList) {
        if self.needle.is_none() {
            self.notice = Some(failed("nothing to search for: type / first"));
            return;
        }
        let place = match towards {
            Towards::End => Some(rows.cursor().saturating_add(1)),
            Towards::Start => rows.cursor().checked_sub(1),
        };
        match place {
            Some(place) => self.running = Some((place, towards)),
            None => self.notice = Some(failed("no earlier match")),
        }
    }

    /// Stops looking; returns whether it was under way.
    pub fn stop(&mut self) -> bool {
        self.running.take().is_some()
    }

    /// Something to say about how it went.
    pub fn take_notice(&mut self) -> Option<Notice> {
        self.notice.take()
    }

    /// Looks at some rows.
    pub fn step(&mut self, rows: &mut RowList, world: World<'_>) -> Pending {
        let Some(needle) = self.needle.clone() else { return Pending::Nothing };
        for _ in 0..ROWS_PER_STEP {
            let Some((place, towards)) = self.running else { return Pending::Nothing };
            let Some(row) = rows.at(place) else {
                self.running = None;
                self.notice = Some(failed(&format!("no more matches of {}", needle.typed)));
                return Pending::Nothing;
            };
            self.work = self.work.saturating_add(1);
            if matches(&needle, row, world) {
                rows.move_by(0);
                rows.go(place);
                self.running = None;
                return Pending::Nothing;
            }
            let next = match towards {
                Towards::End => Some(place.saturating_add(1)),
                Towards::Start => place.checked_sub(1),
            };
            self.running = next.map(|next| (next, towards));
            if next.is_none() {
                self.notice = Some(failed(&format!("no earlier match of {}", needle.typed)));
            }
        }
        Pending::More
    }
}

fn matches(needle: &Needle, row: RowId, world: World<'_>) -> bool {
    let has_content = world.timeline.row(row).is_some_and(|row| row.is_message());
    has_content
        && open(world.timeline, row, world.store, LIMITS)
            .is_ok_and(|opened| needle.find(&opened.content).is_some())
}

fn failed(text: &str) -> Notice {
    Notice { text: text.to_owned(), tone: Tone::Failed }
}

/// What is looked at of each message.
const LIMITS: OpenLimits = OpenLimits { content: 1 << 20, wire: 1 << 20, inflated_bytes: 1 << 20 };

/// Rows that are looked at before keys are.
const ROWS_PER_STEP: usize = 32;

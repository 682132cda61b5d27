//! Searching in what messages say: some rows at a time, so that keys are never kept waiting.

use std::fmt::Write;
use std::ops::Range;

use regex::bytes::{Regex, RegexBuilder};

use crate::timeline::{Opener, ResumePoints, RowId};
use crate::tui::chooser::{LIMITS, STREAMS, WORK};
use crate::tui::rows::RowList;
use crate::tui::world::{PendingWork, StatusNotice, Tone, World};

/// What is searched for, and how far the search is.
#[derive(Debug, Default)]
pub struct Search {
    needle: Option<Needle>,
    /// The place in the list that is examined next, and in which direction to continue.
    running: Option<(usize, Towards)>,
    notice: Option<StatusNotice>,
    /// Where rows were read last, while it is under way.
    resume_points: Option<ResumePoints>,
    /// Rows examined so far, to be counted by tests.
    pub work: u64,
}

/// What is searched for.
#[derive(Clone, Debug)]
pub struct Needle {
    typed: String,
    pattern: Regex,
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
    /// Reads what was typed: `0x` and digits are bytes, `re:` begins a regular expression, all else is
    /// text in any letter case.
    ///
    /// # Errors
    ///
    /// What is wrong with it, in one line.
    pub fn parse(typed: &str) -> Result<Self, String> {
        let pattern = if let Some(digits) = typed.strip_prefix("0x") {
            let bytes = bytes(digits)?;
            RegexBuilder::new(&escapes(&bytes)).unicode(false).build()
        } else if let Some(pattern) = typed.strip_prefix("re:") {
            RegexBuilder::new(pattern).size_limit(MOST_MEMORY).build()
        } else {
            RegexBuilder::new(&regex::escape(typed)).case_insensitive(true).build()
        };
        let pattern = pattern.map_err(|error| {
            // The last line is the error; those before it draw the position.
            let text = error.to_string();
            let last = text.lines().last().unwrap_or_default();
            last.trim_start_matches("error: ").to_owned()
        })?;
        Ok(Self { typed: typed.to_owned(), pattern })
    }

    /// As it was typed.
    pub fn typed(&self) -> &str {
        &self.typed
    }

    /// Where in some bytes it is found: all places, in their order, none of them empty.
    pub fn find_all<'a>(&'a self, content: &'a [u8]) -> impl Iterator<Item = Range<usize>> + 'a {
        self.pattern.find_iter(content).map(|found| found.range()).filter(|found| !found.is_empty())
    }

    /// Where in some bytes it is first found.
    pub fn find(&self, content: &[u8]) -> Option<Range<usize>> {
        self.pattern.find(content).map(|found| found.range())
    }
}

/// A pattern of nothing but these bytes.
fn escapes(bytes: &[u8]) -> String {
    let mut pattern = String::new();
    for byte in bytes {
        // Nothing fails to be written into memory.
        write!(pattern, "\\x{byte:02x}").ok();
    }
    pattern
}

fn bytes(digits: &str) -> Result<Vec<u8>, String> {
    let digits: Vec<u8> = digits
        .chars()
        .filter(|letter| !letter.is_whitespace())
        .map(|letter| {
            let digit = letter.to_digit(16).and_then(|digit| u8::try_from(digit).ok());
            digit.ok_or_else(|| format!("{letter:?} is not a hexadecimal digit"))
        })
        .collect::<Result<_, _>>()?;
    if digits.is_empty() || digits.len() % 2 == 1 {
        return Err("two hexadecimal digits make a byte, as in 0x81 85".to_owned());
    }
    let byte = |pair: &[u8]| pair.iter().fold(0, |byte: u8, digit| byte << 4 | digit);
    Ok(digits.chunks(2).map(byte).collect())
}

impl Search {
    /// What is searched for.
    pub fn needle(&self) -> Option<&Needle> {
        self.needle.as_ref()
    }

    /// The place in the list that is examined, while the search is under way.
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
        let Some(needle) = &self.needle else {
            self.notice = Some(failed("no search yet: / starts one"));
            return;
        };
        let place = match towards {
            Towards::End => Some(rows.cursor().saturating_add(1)),
            Towards::Start => rows.cursor().checked_sub(1),
        };
        match place {
            Some(place) => self.running = Some((place, towards)),
            None => self.notice = Some(failed(&format!("no earlier match of {}", needle.typed))),
        }
    }

    /// Stops looking; returns whether it was under way.
    pub fn stop(&mut self) -> bool {
        self.running.take().is_some()
    }

    /// Drops the search, so that nothing is highlighted; returns whether anything was.
    pub fn forget(&mut self) -> bool {
        self.running = None;
        self.needle.take().is_some()
    }

    /// Something to say about how it went.
    pub fn take_notice(&mut self) -> Option<StatusNotice> {
        self.notice.take()
    }

    /// Looks at some rows.
    pub fn step(&mut self, rows: &mut RowList, world: World<'_>) -> PendingWork {
        if self.running.is_none() {
            self.resume_points = None;
            return PendingWork::Nothing;
        }
        let resume_points = self.resume_points.take().unwrap_or_else(|| ResumePoints::new(STREAMS));
        let mut opener = Opener::resume(world.store, LIMITS, resume_points, WORK);
        let pending = self.look(rows, world, &mut opener);
        self.resume_points = Some(opener.into_resume_points());
        pending
    }

    fn look(
        &mut self,
        rows: &mut RowList,
        world: World<'_>,
        opener: &mut Opener<'_>,
    ) -> PendingWork {
        let Some(needle) = &self.needle else { return PendingWork::Nothing };
        for _ in 0..ROWS_PER_STEP {
            let Some((place, towards)) = self.running else { return PendingWork::Nothing };
            let Some(row) = rows.at(place) else {
                self.running = None;
                self.notice = Some(failed(&format!("no later match of {}", needle.typed)));
                return PendingWork::Nothing;
            };
            match matches(needle, row, world, opener) {
                None => return PendingWork::More,
                Some(true) => {
                    rows.jump(place);
                    self.running = None;
                    return PendingWork::Nothing;
                }
                Some(false) => {}
            }
            self.work = self.work.saturating_add(1);
            let next = match towards {
                Towards::End => Some(place.saturating_add(1)),
                Towards::Start => place.checked_sub(1),
            };
            self.running = next.map(|next| (next, towards));
            if next.is_none() {
                self.notice = Some(failed(&format!("no earlier match of {}", needle.typed)));
            }
            if opener.is_out_of_budget() {
                break;
            }
        }
        PendingWork::More
    }
}

/// Whether a row holds what is searched for; `None` if reading it is to continue later.
fn matches(needle: &Needle, row: RowId, world: World<'_>, opener: &mut Opener<'_>) -> Option<bool> {
    let has_content = world.timeline.row(row).is_some_and(|row| row.is_message() && row.length > 0);
    if !has_content {
        return Some(false);
    }
    match opener.try_open(world.timeline, row) {
        Ok(None) => None,
        Ok(Some(opened)) => Some(needle.find(&opened.content).is_some()),
        Err(_) => Some(false),
    }
}

fn failed(text: &str) -> StatusNotice {
    StatusNotice { text: text.to_owned(), tone: Tone::Failed }
}

/// Rows that are examined before keys are.
pub const ROWS_PER_STEP: usize = 64;

/// Memory that a pattern may take, in bytes.
const MOST_MEMORY: usize = 1 << 20;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn needles_are_text_patterns_or_bytes() {
        #[rustfmt::skip]
        let cases = [
            ("text",              "Hello",       &b"say hello"[..], Some(4..9)),
            ("special letters",   "a.b",         b"axb a.b",   Some(4..7)),
            ("a pattern",         "re:o[rd]+er", b"an order",  Some(3..8)),
            ("its letter case",   "re:Order",    b"an order",  None),
            ("bytes",             "0x81 85",     b"\0\x81\x85", Some(1..3)),
            ("bytes, one off",    "0x8185",      b"\0\x81\x84", None),
            ("beyond ASCII",      "é",           "caf\u{c9}".as_bytes(), Some(3..5)),
            ("not UTF-8",         "x",           b"\xff\xfex", Some(2..3)),
        ];
        for (name, typed, content, expected) in cases {
            assert_eq!(Needle::parse(typed).unwrap().find(content), expected, "{name}");
        }
    }

    #[test]
    fn what_is_wrong_is_one_line() {
        for typed in ["0x8", "0x", "0xfg", "re:(", "re:a{9999999}"] {
            let error = Needle::parse(typed).unwrap_err();
            assert!(!error.is_empty() && !error.contains('\n'), "{typed}: {error}");
        }
    }
}

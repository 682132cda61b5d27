//! A line that is being typed at the bottom of the screen.

use std::ops::Range;

use crossterm::event::{Event, KeyEvent};
use tui_input::Input;
use tui_input::backend::crossterm::EventHandler;

use crate::timeline::filter::Candidate;
use crate::tui::export::Outgoing;

/// A line that is being typed.
#[derive(Clone, Debug)]
pub struct Prompt {
    /// What it is for.
    pub purpose: Purpose,
    input: Input,
    /// What is wrong with it: the column, how many are concerned, and why.
    pub fault: Option<Fault>,
    /// What may stand at the cursor.
    pub candidates: Vec<Candidate>,
    /// Which line of the history is shown; `None` for the new one.
    recalled: Option<usize>,
}

/// What a line is for.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Purpose {
    /// To look for something in all messages.
    Search,
    /// To look for something in the row that is inspected.
    SearchContent,
    /// To choose rows.
    Filter,
    /// To choose connections.
    FilterConnections,
    /// To name a file for this.
    Save(Outgoing),
    /// To say whether a file may be overwritten.
    Overwrite {
        /// The file.
        path: String,
        /// What is to be written.
        what: Outgoing,
    },
}

/// What is wrong with a line.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Fault {
    /// The character, from 0.
    pub column: usize,
    /// Why.
    pub message: String,
}

impl Prompt {
    /// Starts with a text that may be changed.
    pub fn new(purpose: Purpose, text: String) -> Self {
        Self {
            purpose,
            input: Input::new(text),
            fault: None,
            candidates: Vec::new(),
            recalled: None,
        }
    }

    /// What was typed.
    pub fn text(&self) -> &str {
        self.input.value()
    }

    /// Replaces what was typed.
    pub fn set_text(&mut self, text: String) {
        self.input = Input::new(text);
    }

    /// The character before which the cursor stands, from 0.
    pub fn cursor(&self) -> usize {
        self.input.cursor()
    }

    /// The column of the cursor.
    pub fn column(&self) -> usize {
        self.input.visual_cursor()
    }

    /// How many columns of the text are to be left out so that the cursor fits.
    pub fn scroll(&self, width: usize) -> usize {
        self.input.visual_scroll(width)
    }

    /// What stands before it.
    pub fn label(&self) -> &'static str {
        match self.purpose {
            Purpose::Search => "search: ",
            Purpose::SearchContent => "search in content: ",
            Purpose::Filter => "filter: ",
            Purpose::FilterConnections => "connections with: ",
            Purpose::Save(_) => "save as: ",
            Purpose::Overwrite { .. } => "it exists; overwrite? (y/n) ",
        }
    }

    /// Lines that it takes: itself, and what is said about it.
    pub fn lines(&self) -> u16 {
        match self.purpose {
            Purpose::Search | Purpose::Filter => 2,
            Purpose::SearchContent
            | Purpose::FilterConnections
            | Purpose::Save(_)
            | Purpose::Overwrite { .. } => 1,
        }
    }

    /// Takes a key that edits the line.
    pub fn edit(&mut self, key: KeyEvent) {
        self.input.handle_event(&Event::Key(key));
        self.fault = None;
    }

    /// Takes a text that was pasted; of several lines, the first.
    pub fn paste(&mut self, text: &str) {
        let line = text.lines().next().unwrap_or_default();
        let (before, after) = self.split();
        let cursor = before.chars().count().saturating_add(line.chars().count());
        self.input = Input::new(format!("{before}{line}{after}")).with_cursor(cursor);
        self.fault = None;
    }

    /// Replaces some characters; the cursor stands behind what replaces them.
    pub fn complete(&mut self, replaces: Range<usize>, text: &str) {
        let letters = || self.input.value().chars();
        let before: String = letters().take(replaces.start).collect();
        let after: String = letters().skip(replaces.end).collect();
        let cursor = replaces.start.saturating_add(text.chars().count());
        let after = if text.ends_with(' ') { after.trim_start() } else { after.as_str() };
        self.input = Input::new(format!("{before}{text}{after}")).with_cursor(cursor);
    }

    /// Shows an older (1) or newer (-1) line of the history.
    pub fn recall(&mut self, history: &History, by: isize) {
        let lines = history.lines(&self.purpose);
        let place = match self.recalled {
            None if by > 0 => Some(0),
            None => None,
            Some(place) => place.checked_add_signed(by),
        };
        if let Some(place) = place {
            let line = lines.len().checked_sub(place.saturating_add(1));
            let Some(line) = line.and_then(|line| lines.get(line)) else { return };
            self.input = Input::new(line.clone());
            self.recalled = Some(place);
        } else {
            self.input = Input::default();
            self.recalled = None;
        }
        self.fault = None;
    }

    /// What stands before the cursor and behind it.
    fn split(&self) -> (String, String) {
        let text = self.input.value();
        let at = text.char_indices().nth(self.input.cursor()).map_or(text.len(), |(at, _)| at);
        let (before, after) = text.split_at_checked(at).unwrap_or((text, ""));
        (before.to_owned(), after.to_owned())
    }
}

/// What was typed before, for each purpose.
#[derive(Clone, Debug, Default)]
pub struct History {
    searches: Vec<String>,
    filters: Vec<String>,
    others: Vec<String>,
}

impl History {
    /// The lines typed for a purpose, the oldest first.
    pub fn lines(&self, purpose: &Purpose) -> &[String] {
        match purpose {
            Purpose::Search | Purpose::SearchContent => &self.searches,
            Purpose::Filter => &self.filters,
            Purpose::FilterConnections | Purpose::Save(_) | Purpose::Overwrite { .. } => {
                &self.others
            }
        }
    }

    /// Keeps a line.
    pub fn keep(&mut self, purpose: &Purpose, line: &str) {
        let lines = match purpose {
            Purpose::Search | Purpose::SearchContent => &mut self.searches,
            Purpose::Filter => &mut self.filters,
            Purpose::FilterConnections | Purpose::Save(_) | Purpose::Overwrite { .. } => {
                &mut self.others
            }
        };
        if !line.is_empty() && lines.last().is_none_or(|last| last != line) {
            lines.push(line.to_owned());
        }
        if lines.len() > LONGEST_HISTORY {
            lines.remove(0);
        }
    }
}

/// Lines that are kept.
const LONGEST_HISTORY: usize = 100;

#[cfg(test)]
mod tests {
    use super::*;
    use crossterm::event::{KeyCode, KeyModifiers};

    #[test]
    fn lines_are_edited_pasted_and_completed() {
        let mut prompt = Prompt::new(Purpose::Filter, "opcode == te".to_owned());
        prompt.complete(10..12, "text");
        assert_eq!((prompt.text(), prompt.cursor()), ("opcode == text", 14));
        prompt.edit(KeyEvent::new(KeyCode::Home, KeyModifiers::NONE));
        prompt.paste("not\nmore");
        prompt.edit(KeyEvent::new(KeyCode::Char(' '), KeyModifiers::NONE));
        assert_eq!((prompt.text(), prompt.cursor()), ("not opcode == text", 4));
    }

    #[test]
    fn what_was_typed_comes_back() {
        let mut history = History::default();
        for line in ["one", "two", "two", ""] {
            history.keep(&Purpose::Search, line);
        }
        let mut prompt = Prompt::new(Purpose::Search, String::new());
        let mut seen = Vec::new();
        for by in [1, 1, 1, -1, -1, -1] {
            prompt.recall(&history, by);
            seen.push(prompt.text().to_owned());
        }
        assert_eq!(seen, ["two", "one", "one", "two", "", ""]);
    }
}

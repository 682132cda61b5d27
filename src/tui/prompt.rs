//! A line that is being typed at the bottom of the screen.

use std::ops::Range;

use crossterm::event::{Event, KeyEvent};
use tui_input::Input;
use tui_input::backend::crossterm::EventHandler;

use crate::timeline::filter::Completion;
use crate::tui::export::{Extract, Outgoing};

/// A line that is being typed.
#[derive(Clone, Debug)]
pub struct Prompt {
    /// What it is for.
    pub purpose: PromptPurpose,
    input: Input,
    /// What is wrong with it: the column, how many are concerned, and why.
    pub fault: Option<PromptError>,
    /// What may be at the cursor.
    pub candidates: Vec<Completion>,
    /// Which line of the history is shown; `None` for the new one.
    recalled: Option<usize>,
}

/// What a line is for.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum PromptPurpose {
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
    /// To say whether the secrets of a connection are to be written to a file as well.
    Secrets {
        /// The file.
        path: String,
        /// The packets of the connection.
        packets: Extract,
    },
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
pub struct PromptError {
    /// The character, from 0.
    pub column: usize,
    /// Why.
    pub message: String,
}

impl Prompt {
    /// Starts with a text that may be changed.
    pub fn new(purpose: PromptPurpose, text: String) -> Self {
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

    /// The character after the cursor, from 0.
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

    /// What is before it.
    pub fn label(&self) -> &'static str {
        match self.purpose {
            PromptPurpose::Search => "search: ",
            PromptPurpose::SearchContent => "search in content: ",
            PromptPurpose::Filter => "filter: ",
            PromptPurpose::FilterConnections => "connections with: ",
            PromptPurpose::Save(_) => "save as: ",
            PromptPurpose::Secrets { .. } => "with its TLS secrets? (y/N) ",
            PromptPurpose::Overwrite { .. } => "file exists; overwrite? (y/n) ",
        }
    }

    /// Lines that it takes: itself, and its hint or error.
    pub fn lines(&self) -> u16 {
        match self.purpose {
            PromptPurpose::Search | PromptPurpose::Filter => 2,
            PromptPurpose::SearchContent
            | PromptPurpose::FilterConnections
            | PromptPurpose::Save(_)
            | PromptPurpose::Secrets { .. }
            | PromptPurpose::Overwrite { .. } => 1,
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

    /// Replaces some characters; the cursor follows what replaces them.
    pub fn complete(&mut self, replaces: Range<usize>, text: &str) {
        let letters = || self.input.value().chars();
        let before: String = letters().take(replaces.start).collect();
        let after: String = letters().skip(replaces.end).collect();
        let cursor = replaces.start.saturating_add(text.chars().count());
        let after = if text.ends_with(' ') { after.trim_start() } else { after.as_str() };
        self.input = Input::new(format!("{before}{text}{after}")).with_cursor(cursor);
    }

    /// Shows an older (1) or newer (-1) line of the history.
    pub fn recall(&mut self, history: &PromptHistory, by: isize) {
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

    /// What is before the cursor and after it.
    fn split(&self) -> (String, String) {
        let text = self.input.value();
        let at = text.char_indices().nth(self.input.cursor()).map_or(text.len(), |(at, _)| at);
        let (before, after) = text.split_at_checked(at).unwrap_or((text, ""));
        (before.to_owned(), after.to_owned())
    }
}

/// What was typed before, for each purpose.
#[derive(Clone, Debug, Default)]
pub struct PromptHistory {
    searches: Vec<String>,
    filters: Vec<String>,
    others: Vec<String>,
}

impl PromptHistory {
    /// The lines typed for a purpose, the oldest first.
    pub fn lines(&self, purpose: &PromptPurpose) -> &[String] {
        match purpose {
            PromptPurpose::Search | PromptPurpose::SearchContent => &self.searches,
            PromptPurpose::Filter => &self.filters,
            PromptPurpose::FilterConnections
            | PromptPurpose::Save(_)
            | PromptPurpose::Secrets { .. }
            | PromptPurpose::Overwrite { .. } => &self.others,
        }
    }

    /// Keeps a line.
    pub fn keep(&mut self, purpose: &PromptPurpose, line: &str) {
        let lines = match purpose {
            PromptPurpose::Search | PromptPurpose::SearchContent => &mut self.searches,
            PromptPurpose::Filter => &mut self.filters,
            PromptPurpose::FilterConnections
            | PromptPurpose::Save(_)
            | PromptPurpose::Secrets { .. }
            | PromptPurpose::Overwrite { .. } => &mut self.others,
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
        let mut prompt = Prompt::new(PromptPurpose::Filter, "opcode == te".to_owned());
        prompt.complete(10..12, "text");
        assert_eq!((prompt.text(), prompt.cursor()), ("opcode == text", 14));
        prompt.edit(KeyEvent::new(KeyCode::Home, KeyModifiers::NONE));
        prompt.paste("not\nmore");
        prompt.edit(KeyEvent::new(KeyCode::Char(' '), KeyModifiers::NONE));
        assert_eq!((prompt.text(), prompt.cursor()), ("not opcode == text", 4));
    }

    #[test]
    fn what_was_typed_comes_back() {
        let mut history = PromptHistory::default();
        for line in ["one", "two", "two", ""] {
            history.keep(&PromptPurpose::Search, line);
        }
        let mut prompt = Prompt::new(PromptPurpose::Search, String::new());
        let mut seen = Vec::new();
        for by in [1, 1, 1, -1, -1, -1] {
            prompt.recall(&history, by);
            seen.push(prompt.text().to_owned());
        }
        assert_eq!(seen, ["two", "one", "one", "two", "", ""]);
    }
}

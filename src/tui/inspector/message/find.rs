//! Searching in the content of one row.

use crate::stream::length_u64;
use crate::text::page::PageLine;
use crate::text::role::Role;
use crate::text::words;
use crate::tui::inspector::context::InspectorContext;
use crate::tui::inspector::document::Document;
use crate::tui::inspector::message::MessageView;
use crate::tui::inspector::message::content_view::{ContentView, content};
use crate::tui::inspector::page::Page;
use crate::tui::search::Needle;

impl MessageView {
    /// Looks for something, and goes to the first place after the cursor.
    ///
    /// # Errors
    ///
    /// What is wrong with what was typed, or that it is not there.
    pub(in crate::tui::inspector) fn search(
        &mut self,
        text: &str,
        context: &InspectorContext<'_>,
    ) -> Result<(), String> {
        self.needle = if text.is_empty() { None } else { Some(Needle::parse(text)?) };
        self.find(context);
        let here = self.place_of(if self.has_cursor() { self.cursor } else { self.top }, context);
        let next =
            self.matches.iter().find(|found| found.start >= here).or_else(|| self.matches.first());
        match next.cloned() {
            Some(found) => self.go(found.start, context),
            None if self.needle.is_some() => return Err(format!("{text} is not in this content")),
            None => {}
        }
        self.clamp(context);
        Ok(())
    }

    /// Finds all that was searched for.
    pub(super) fn find(&mut self, context: &InspectorContext<'_>) {
        self.matches.clear();
        let needle = self.needle(context);
        let sought = needle.map(|needle| needle.typed().to_owned());
        if let Some(needle) = needle {
            let found: Vec<_> = needle.find_all(content(context)).take(MOST_MATCHES).collect();
            self.matches = found;
        }
        self.sought = sought;
    }

    /// What is highlighted: what was searched for in this content, else what was in all of them.
    pub(super) fn needle<'a>(&'a self, context: &InspectorContext<'a>) -> Option<&'a Needle> {
        self.needle.as_ref().or(context.needle)
    }

    pub(super) fn next_match(&mut self, context: &InspectorContext<'_>) {
        let row = if self.has_cursor() { self.cursor } else { self.top };
        let behind = self.place_of(row.saturating_add(1), context);
        let next = self.matches.iter().find(|found| found.start >= behind);
        if let Some(found) = next.or_else(|| self.matches.first()).cloned() {
            self.go(found.start, context);
        }
    }

    pub(super) fn previous_match(&mut self, context: &InspectorContext<'_>) {
        let row = if self.has_cursor() { self.cursor } else { self.top };
        let before = self.place_of(row, context);
        let previous = self.matches.iter().rev().find(|found| found.start < before);
        if let Some(found) = previous.or_else(|| self.matches.last()).cloned() {
            self.go(found.start, context);
        }
    }

    /// Where in the content a row begins.
    pub(super) fn place_of(&self, row: usize, context: &InspectorContext<'_>) -> usize {
        match self.form() {
            Some(ContentView::Hex) => row.saturating_mul(self.grid(context).bytes),
            Some(ContentView::Json | ContentView::Text) | None => {
                self.rows.get(row).map_or(usize::MAX, |row| row.at)
            }
        }
    }

    /// Shows a place of the content.
    pub(super) fn go(&mut self, at: usize, context: &InspectorContext<'_>) {
        match self.form() {
            Some(ContentView::Hex) => {
                self.top = at.checked_div(self.grid(context).bytes).unwrap_or(0);
            }
            Some(ContentView::Json | ContentView::Text) => {
                let mut folded = std::mem::take(&mut self.folded);
                self.document().reveal(at, &mut folded);
                self.folded = folded;
                self.cut(context);
                self.cursor = Document::row_of(&self.rows, at);
                self.top = self.cursor;
            }
            None => {}
        }
    }

    /// Reports how many there are.
    pub(super) fn count_matches(&self, page: &mut Page, context: &InspectorContext<'_>) {
        let Some(needle) = self.needle(context) else { return };
        let count = self.matches.len();
        if count == 0 && self.needle.is_none() {
            return;
        }
        let more = if count == MOST_MATCHES { " or more" } else { "" };
        let mut line =
            PageLine::of(Role::Dim, format!("{}{more} of ", words::grouped(length_u64(count))));
        line.foreign(Role::Match, needle.typed().as_bytes(), 40);
        page.line(line);
    }
}

/// Matches that are kept.
const MOST_MATCHES: usize = 10_000;

//! The Message tab: the content of a row, as JSON that can be folded, as text or as bytes.

mod content_view;
mod find;
mod fold;

use std::collections::BTreeSet;
use std::ops::Range;

use crate::stream::length_u64;
use crate::text::page::{PageLine, Stress};
use crate::text::role::Role;
use crate::text::words;
use crate::timeline::filter::Filter;
use crate::tui::action::Action;
use crate::tui::inspector::context::InspectorContext;
use crate::tui::inspector::context::Shown;
use crate::tui::inspector::context::scrolled;
use crate::tui::inspector::document::{Document, Fold, RowStart};
use crate::tui::inspector::hexdump::Grid;
use crate::tui::inspector::json::{self, JsonDocument, JsonPlace};
use crate::tui::inspector::message::content_view::{ContentView, content, forms};
use crate::tui::inspector::summary;
use crate::tui::search::Needle;
use crate::tui::theme::Symbols;

/// What is remembered of the tab, and what was prepared for it.
#[derive(Clone, Debug, Default)]
pub(super) struct MessageView {
    /// The form that the user chose.
    wanted: Option<ContentView>,
    /// The forms that this content has, the best first.
    forms: Vec<ContentView>,
    /// The content as JSON, where it is.
    json: Option<JsonDocument>,
    /// The content as text, while it is shown as such.
    text: Document,
    /// The rows of a screen `width` columns wide, of a form that has lines of its own.
    rows: Vec<RowStart>,
    width: usize,
    /// What is folded: the same in all messages.
    folded: BTreeSet<u64>,
    /// The row that the cursor is on, where something can be folded.
    cursor: usize,
    /// The first row that is shown.
    top: usize,
    /// What was searched for, and where it is.
    needle: Option<Needle>,
    /// What `matches` are of: as it was typed.
    sought: Option<String>,
    matches: Vec<Range<usize>>,
}

/// A JSON value within a message.
#[derive(Clone, Debug)]
pub struct JsonValue {
    /// It, as it was sent.
    pub json: Vec<u8>,
    /// The filter that asks for it at its place; `None` if the message as a whole is not JSON, as
    /// with the digits that engine.io puts before it.
    pub filter: Option<Filter>,
}

impl MessageView {
    /// Takes another row.
    pub(super) fn select(&mut self, context: &InspectorContext<'_>) {
        self.cursor = 0;
        self.top = 0;
        self.width = 0;
        self.json = json::read(content(context));
        self.forms = forms(context, self.json.as_ref());
        self.find(context);
        self.read(context);
        // Of what was searched for in all messages, the place is shown.
        if self.needle.is_none()
            && let Some(found) = self.matches.first().cloned()
        {
            self.width = usize::from(context.area.width);
            self.cut(context);
            self.go(found.start, context);
        }
    }

    /// Cuts the content into rows, if the width has changed.
    pub(super) fn fit(&mut self, context: &InspectorContext<'_>) {
        let width = usize::from(context.area.width);
        if width != self.width {
            self.width = width;
            self.cut(context);
        }
        if self.sought.as_deref() != self.needle(context).map(Needle::typed) {
            self.find(context);
        }
        self.clamp(context);
    }

    /// Does what a key asks for.
    pub(super) fn update(&mut self, action: Action, context: &InspectorContext<'_>) {
        match action {
            Action::Fold => self.turn_fold(context),
            Action::Left => self.fold(context),
            Action::Right => self.unfold(context),
            Action::NextForm => {
                self.turn_form();
                self.read(context);
                self.cut(context);
            }
            Action::SearchNext => self.next_match(context),
            Action::SearchPrevious => self.previous_match(context),
            _ => self.scroll(action, context),
        }
        self.clamp(context);
    }

    /// The JSON value that the cursor is on, and the way to it; the whole one without a cursor.
    ///
    /// # Errors
    ///
    /// Why there is none, in words.
    pub(super) fn value(&self, context: &InspectorContext<'_>) -> Result<JsonValue, &'static str> {
        let content = content(context);
        let Some(json) = &self.json else { return Err("this message is not JSON") };
        let line = self.line_at_cursor().unwrap_or(0);
        let Some(JsonPlace { path, bytes }) = json::place_of(&json.document, content, line) else {
            return Err("there is no JSON value here");
        };
        let value = content.get(bytes).unwrap_or_default().to_vec();
        let is_whole = json.fault.is_none() && !json.is_cut && json.starts_with_value();
        let filter = if is_whole { Filter::of_json(path, &value) } else { None };
        Ok(JsonValue { json: value, filter })
    }

    /// Whether something was searched for.
    pub(super) fn is_searching(&self) -> bool {
        self.needle.is_some()
    }

    /// Puts the cursor on a line that is seen; folds or unfolds there where it was already.
    pub(super) fn click(&mut self, line: usize, context: &InspectorContext<'_>) {
        let pinned = self.shown(context).pinned;
        let Some(row) = line.checked_sub(pinned).filter(|_| self.has_cursor()) else { return };
        let row = self.top.saturating_add(row);
        if row == self.cursor {
            self.turn_fold(context);
        } else if row < self.rows.len() {
            self.cursor = row;
        }
        self.clamp(context);
    }

    /// The lines that are seen.
    pub(super) fn shown(&self, context: &InspectorContext<'_>) -> Shown {
        let height = context.height();
        let Some(row) = context.row else {
            let mut page = context.page();
            page.paragraph(0, Role::Dim, "No row is selected.");
            return Shown::of(page, 0, height);
        };
        // No remark if a text is shown as text, and bytes as bytes.
        let is_remarkable =
            self.form() == Some(ContentView::Json) || self.form() != self.forms.first().copied();
        let form = self.form().filter(|_| is_remarkable).map(ContentView::name);
        let mut page = summary::page(context, &row, form);
        let json = self.json.as_ref().filter(|_| self.form() == Some(ContentView::Json));
        if let Some(remark) = json.and_then(|json| remark(json, context)) {
            page.paragraph(0, Role::Warning, &remark);
        }
        self.count_matches(&mut page, context);
        if self.total(context) == 0 {
            return Shown::of(page, self.top, height);
        }
        page.line(PageLine::of(Role::Border, page.symbols().line.repeat(page.width)));
        let pinned = page.lines.len().min(height / 2);
        let mut lines = page.lines;
        lines.truncate(pinned);
        let room = height.saturating_sub(pinned);
        let total = self.total(context);
        let top = self.top.min(total.saturating_sub(1));
        let content = content(context);
        for number in top..top.saturating_add(room).min(total) {
            lines.push(self.line(number, content, context));
        }
        Shown { lines, top, total, visible: room, pinned }
    }

    /// How the content is shown.
    fn form(&self) -> Option<ContentView> {
        let wanted = self.wanted.filter(|wanted| self.forms.contains(wanted));
        wanted.or_else(|| self.forms.first().copied())
    }

    fn turn_form(&mut self) {
        let at = self.forms.iter().position(|form| Some(*form) == self.form());
        let next = at.map_or(0, |at| at.saturating_add(1));
        let next = self.forms.get(next).or_else(|| self.forms.first()).copied();
        self.wanted = next.or(self.wanted);
        self.cursor = 0;
        self.top = 0;
    }

    /// Reads the content in its form.
    fn read(&mut self, context: &InspectorContext<'_>) {
        self.text = match self.form() {
            Some(ContentView::Text) => Document::of_text(content(context)),
            Some(ContentView::Json | ContentView::Hex) | None => Document::default(),
        };
    }

    /// The lines of the content, in a form that has some.
    fn document(&self) -> &Document {
        match (&self.json, self.form()) {
            (Some(json), Some(ContentView::Json)) => &json.document,
            (_, Some(ContentView::Json | ContentView::Text | ContentView::Hex) | None) => {
                &self.text
            }
        }
    }

    fn cut(&mut self, context: &InspectorContext<'_>) {
        let width = self.text_width();
        self.rows = self.document().rows(content(context), width, &self.folded);
    }

    /// Columns of the content, without the margin for fold marks.
    fn text_width(&self) -> usize {
        self.width.saturating_sub(self.margin()).max(NARROWEST)
    }

    fn margin(&self) -> usize {
        match self.form() {
            Some(ContentView::Json) => MARGIN,
            Some(ContentView::Text | ContentView::Hex) | None => 0,
        }
    }

    fn has_cursor(&self) -> bool {
        self.form() == Some(ContentView::Json)
    }

    /// How many rows there are.
    fn total(&self, context: &InspectorContext<'_>) -> usize {
        match self.form() {
            Some(ContentView::Hex) => self.grid(context).lines(content(context).len()),
            Some(ContentView::Json | ContentView::Text) => self.rows.len(),
            None => 0,
        }
    }

    fn grid(&self, context: &InspectorContext<'_>) -> Grid {
        Grid::new(self.width, content(context).len())
    }

    /// Rows that are seen of the content.
    fn room(&self, context: &InspectorContext<'_>) -> usize {
        let shown = self.shown(context);
        context.height().saturating_sub(shown.pinned).max(1)
    }

    fn scroll(&mut self, action: Action, context: &InspectorContext<'_>) {
        let page = self.room(context);
        if self.has_cursor() {
            self.cursor = scrolled(self.cursor, action, page);
            self.cursor = self.cursor.min(self.rows.len().saturating_sub(1));
        } else {
            self.top = scrolled(self.top, action, page);
        }
    }

    fn clamp(&mut self, context: &InspectorContext<'_>) {
        let shown = self.shown(context);
        let room = context.height().saturating_sub(shown.pinned).max(1);
        self.top = self.top.min(shown.total.saturating_sub(room));
        if self.has_cursor() {
            self.cursor = self.cursor.min(shown.total.saturating_sub(1));
            let lowest = self.cursor.saturating_add(1).saturating_sub(room);
            self.top = self.top.min(self.cursor).max(lowest);
        }
    }

    /// One row of the content.
    fn line(&self, number: usize, content: &[u8], context: &InspectorContext<'_>) -> PageLine {
        if self.form() == Some(ContentView::Hex) {
            let grid = self.grid(context);
            let start = number.saturating_mul(grid.bytes);
            let bytes = content.get(start..).unwrap_or_default();
            let bytes = bytes.get(..grid.bytes).unwrap_or(bytes);
            return grid.line(length_u64(start), bytes, |place| {
                (Role::Payload, self.stress_at(start.saturating_add(place)))
            });
        }
        let Some(row) = self.rows.get(number) else { return PageLine::default() };
        let symbols = context.theme.symbols();
        let mut line = PageLine::default();
        let fold = self.document().lines.get(row.line).and_then(|line| line.fold);
        if self.margin() > 0 {
            let mark = match fold {
                Some(fold) if !row.goes_on => self.mark(fold, symbols),
                Some(_) | None => "",
            };
            line.push(Role::Key, mark);
            line.pad_to(MARGIN);
        }
        let drawn = self.document().draw(content, *row, self.text_width(), &self.matches);
        for piece in drawn.pieces {
            line.stressed(piece.role, piece.stress, &piece.text);
        }
        let is_last =
            self.rows.get(number.saturating_add(1)).map(|next| next.line) != Some(row.line);
        if let Some(fold) = fold.filter(|fold| is_last && self.folded.contains(&fold.path)) {
            let members = words::counted(length_u64(fold.members), "member");
            line.push(Role::Dim, format!(" {} {members} ", symbols.ellipsis));
            self.closing(fold, content, &mut line);
        }
        if self.has_cursor() && number == self.cursor {
            line.pad_to(self.width);
            for piece in &mut line.pieces {
                if piece.stress == Stress::None {
                    piece.stress = Stress::Cursor;
                }
            }
        }
        line
    }

    fn mark(&self, fold: Fold, symbols: &'static Symbols) -> &'static str {
        if self.folded.contains(&fold.path) { symbols.folded } else { symbols.unfolded }
    }

    /// The closing bracket of a folded value.
    fn closing(&self, fold: Fold, content: &[u8], line: &mut PageLine) {
        let Some(close) = self.document().lines.get(fold.close) else { return };
        for token in self.document().tokens.get(close.first..close.end).unwrap_or_default() {
            let text = content.get(token.start..token.end).unwrap_or_default();
            line.foreign(token.kind.role(), text, CLOSING);
        }
    }

    fn stress_at(&self, at: usize) -> Stress {
        let next = self.matches.partition_point(|found| found.end <= at);
        let is_found = self.matches.get(next).is_some_and(|found| found.start <= at);
        if is_found { Stress::Match } else { Stress::None }
    }

    /// The line of the document that the cursor is on.
    fn line_at_cursor(&self) -> Option<usize> {
        self.has_cursor().then(|| self.rows.get(self.cursor).map(|row| row.line))?
    }
}

/// Whether only the beginning of what was sent is shown.
fn is_cut(context: &InspectorContext<'_>) -> bool {
    context.opened.is_some_and(|opened| opened.cut) || context.row.is_some_and(|row| !row.complete)
}

/// What is remarkable about JSON.
fn remark(json: &JsonDocument, context: &InspectorContext<'_>) -> Option<String> {
    match json.fault {
        Some(at) => Some(format!("Invalid JSON at offset {}.", words::grouped(length_u64(at)))),
        None if json.is_cut && !is_cut(context) => Some("The JSON value is incomplete.".to_owned()),
        None => None,
    }
}

/// Columns of the fold marks.
const MARGIN: usize = 2;

/// Columns below which no text is cut.
const NARROWEST: usize = 4;

/// Columns of a bracket that ends what is folded.
const CLOSING: usize = 2;

//! Folding JSON.

use crate::tui::inspector::context::InspectorContext;
use crate::tui::inspector::document::Fold;
use crate::tui::inspector::message::MessageView;

impl MessageView {
    /// Folds what the cursor is on, or unfolds it.
    pub(super) fn turn_fold(&mut self, context: &InspectorContext<'_>) {
        let Some((line, fold)) = self.line_at_cursor().and_then(|at| self.document().fold_at(at))
        else {
            return;
        };
        if !self.folded.remove(&fold.path) {
            self.folded.insert(fold.path);
        }
        self.cut(context);
        self.go_to_line(line);
    }

    /// Folds what the cursor is on; goes to what is around it where that is folded already.
    pub(super) fn fold(&mut self, context: &InspectorContext<'_>) {
        let Some(at) = self.line_at_cursor() else { return };
        let mut found = self.document().fold_at(at);
        if let Some((line, fold)) = found
            && line == at
            && self.folded.contains(&fold.path)
        {
            found = at.checked_sub(1).and_then(|before| self.around(before, at));
            if let Some((line, _)) = found {
                self.go_to_line(line);
            }
            return;
        }
        if let Some((line, fold)) = found {
            self.folded.insert(fold.path);
            self.cut(context);
            self.go_to_line(line);
        }
    }

    /// Unfolds what the cursor is on.
    pub(super) fn unfold(&mut self, context: &InspectorContext<'_>) {
        let Some(at) = self.line_at_cursor() else { return };
        let fold = self.document().lines.get(at).and_then(|line| line.fold);
        if let Some(fold) = fold
            && self.folded.remove(&fold.path)
        {
            self.cut(context);
            self.go_to_line(at);
        }
    }

    /// The innermost container that begins at `from` or before, and holds `line`.
    fn around(&self, from: usize, line: usize) -> Option<(usize, Fold)> {
        let lines = self.document().lines.get(..=from)?;
        lines.iter().enumerate().rev().find_map(|(number, candidate)| {
            candidate.fold.filter(|fold| fold.close >= line).map(|fold| (number, fold))
        })
    }

    fn go_to_line(&mut self, line: usize) {
        self.cursor = self.rows.partition_point(|row| row.line < line);
    }
}

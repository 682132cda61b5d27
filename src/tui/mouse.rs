//! What the mouse does: the wheel scrolls, a click chooses, a second one opens, borders are dragged.

use crossterm::event::{MouseButton, MouseEvent, MouseEventKind};
use ratatui::layout::{Position, Rect};

use crate::tui::action::Action;
use crate::tui::app::{App, Border, Effect, Overlay, Pane};
use crate::tui::inspector;
use crate::tui::layout;
use crate::tui::overview;
use crate::tui::view;
use crate::tui::world::World;

impl App {
    pub(super) fn mouse(&mut self, mouse: MouseEvent, world: World<'_>) -> Effect {
        let at = Position { x: mouse.column, y: mouse.row };
        match mouse.kind {
            MouseEventKind::ScrollUp => self.wheel(at, -WHEEL, world),
            MouseEventKind::ScrollDown => self.wheel(at, WHEEL, world),
            MouseEventKind::Down(MouseButton::Left) => return self.click(at, world),
            MouseEventKind::Drag(MouseButton::Left) => self.drag(at, world),
            MouseEventKind::Up(MouseButton::Left) => self.splits.dragged = None,
            _ => {}
        }
        Effect::None
    }

    fn wheel(&mut self, at: Position, lines: isize, world: World<'_>) {
        let action = if lines < 0 { Action::Up } else { Action::Down };
        match self.overlay {
            Overlay::None => {}
            Overlay::Help | Overlay::Findings | Overlay::Menu(_) => {
                for _ in 0..lines.unsigned_abs() {
                    self.update_overlay(action, world);
                }
                return;
            }
            Overlay::Prompt(_) => return,
        }
        let layout = self.layout;
        if layout.timeline.contains(at) {
            self.rows.scroll(lines);
        } else if layout.connections.contains(at) {
            self.connections.move_by(lines.signum());
        } else if layout.inspector.contains(at) {
            let mut state = std::mem::take(&mut self.inspector);
            for _ in 0..lines.unsigned_abs() {
                inspector::update(&mut state, action, &self.inspector_context(world.timeline));
            }
            self.inspector = state;
        }
    }

    fn click(&mut self, at: Position, world: World<'_>) -> Effect {
        self.notice = None;
        let layout = self.layout;
        match self.overlay {
            Overlay::None => {}
            Overlay::Findings => return self.click_findings(at, world),
            Overlay::Help => {
                self.overlay = Overlay::None;
                return Effect::None;
            }
            Overlay::Menu(_) | Overlay::Prompt(_) => return Effect::None,
        }
        if let Some(border) = self.border_at(at) {
            self.splits.dragged = Some(border);
        } else if let Some(line) = line_in(layout::inside(layout.timeline), at) {
            let place = self.rows.top().saturating_add(line);
            let again = self.pane == Pane::Timeline && place == self.rows.cursor();
            self.pane = Pane::Timeline;
            if place < self.rows.len() {
                self.rows.move_by(0);
                self.rows.go(place);
                if again {
                    return self.update(Action::Open, world);
                }
            }
        } else if layout.connections.contains(at) {
            self.click_connections(at, world);
        } else if layout.overview.contains(at) {
            self.pane = Pane::Overview;
            self.click_overview(at, world);
        } else if layout.inspector.contains(at) {
            self.pane = Pane::Inspector;
            if at.y == layout.inspector.y
                && let Some(tab) = view::inspector_tab_at(layout.inspector, at.x)
            {
                self.inspector.tab = tab;
            } else if let Some(line) = line_in(layout::inside(layout.inspector), at) {
                let mut state = std::mem::take(&mut self.inspector);
                inspector::click(&mut state, line, &self.inspector_context(world.timeline));
                self.inspector = state;
            }
        }
        Effect::None
    }

    fn click_connections(&mut self, at: Position, world: World<'_>) {
        let pane = self.layout.connections;
        let lines = layout::connection_lines(pane);
        if let Some(line) = line_in(lines, at) {
            let place = self.connections.top().saturating_add(line);
            let again = self.pane == Pane::Connections && place == self.connections.cursor();
            self.pane = Pane::Connections;
            if place < self.connections.len() {
                self.connections.go(place);
                if again {
                    self.update(Action::Open, world);
                }
            }
        } else if at.y.saturating_add(1) == lines.y
            && let Some(column) = view::column_at(&self.connections, layout::inside(pane), at.x)
        {
            self.pane = Pane::Connections;
            self.connections.sort_by(column);
        }
    }

    fn click_overview(&mut self, at: Position, world: World<'_>) {
        let inside = layout::inside(self.layout.overview);
        let from = inside.x.saturating_add(overview::LABEL);
        if let Some(column) = at.x.checked_sub(from).filter(|_| at.x < inside.right()) {
            self.overview.cursor = usize::from(column);
            self.go_to_column(self.overview.cursor, world);
        }
    }

    fn click_findings(&mut self, at: Position, world: World<'_>) -> Effect {
        let Some(line) = line_in(layout::findings(self.layout.middle, self.findings.len()).0, at)
        else {
            self.overlay = Overlay::None;
            return Effect::None;
        };
        let place = self.findings.top().saturating_add(line);
        if place == self.findings.cursor() {
            return self.update(Action::Open, world);
        }
        self.findings.go(place);
        Effect::None
    }

    fn drag(&mut self, at: Position, world: World<'_>) {
        let layout = self.layout;
        match self.splits.dragged {
            Some(Border::BelowConnections) => {
                let lines = at.y.saturating_sub(layout.connections.y).saturating_add(1);
                self.splits.connection_lines = Some(lines);
            }
            Some(Border::BeforeInspector) => {
                self.splits.inspector_columns = Some(layout.inspector.right().saturating_sub(at.x));
            }
            None if self.pane == Pane::Overview => self.click_overview(at, world),
            None => {}
        }
    }

    /// The border between panes that is under the mouse.
    fn border_at(&self, at: Position) -> Option<Border> {
        let layout = self.layout;
        if layout.connections.contains(at) && at.y.saturating_add(1) == layout.connections.bottom()
        {
            return Some(Border::BelowConnections);
        }
        let beside = !layout.timeline.is_empty() && layout.inspector.contains(at);
        (beside && at.x == layout.inspector.x).then_some(Border::BeforeInspector)
    }
}

/// Which line of a pane is meant.
fn line_in(area: Rect, at: Position) -> Option<usize> {
    area.contains(at).then(|| usize::from(at.y.saturating_sub(area.y)))
}

/// Lines that one notch of the wheel moves.
const WHEEL: isize = 3;

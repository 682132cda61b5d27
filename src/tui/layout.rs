//! Where every pane is: shared by what draws them, what turns pages in them and what is clicked.

use ratatui::layout::{Margin, Rect};

/// The place of every pane.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub struct PaneLayout {
    /// The first line.
    pub title: Rect,
    /// The list of connections.
    pub connections: Rect,
    /// The overview.
    pub overview: Rect,
    /// The timeline; empty if the inspector covers it.
    pub timeline: Rect,
    /// The inspector; empty if it is closed.
    pub inspector: Rect,
    /// The last line, or, while something is typed, the last two.
    pub bottom: Rect,
    /// What is between the first and the last line: where lists and menus open.
    pub middle: Rect,
}

/// What the layout depends on.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Wish {
    /// The whole screen.
    pub screen: Rect,
    /// How many connections there are to be listed.
    pub connections: usize,
    /// Whether the inspector is open.
    pub inspector: InspectorPane,
    /// Lines of the connections pane that the user chose, borders included.
    pub connection_lines: Option<u16>,
    /// Columns of the inspector that the user chose.
    pub inspector_columns: Option<u16>,
    /// Lines at the bottom.
    pub bottom: u16,
}

/// Whether something is open.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub enum InspectorPane {
    /// It is closed.
    #[default]
    Closed,
    /// It is open.
    Open,
}

/// Whether a screen is too small to show anything but that.
pub fn is_too_small(screen: Rect) -> bool {
    screen.width < LEAST_WIDTH || screen.height < LEAST_HEIGHT
}

/// Divides the screen.
pub fn layout(wish: &Wish) -> PaneLayout {
    let Wish { screen, .. } = *wish;
    if is_too_small(screen) {
        return PaneLayout::default();
    }
    let line = |y: u16, height: u16| Rect { x: screen.x, y, width: screen.width, height };
    let title = line(screen.y, 1);
    let bottom = line(screen.bottom().saturating_sub(wish.bottom), wish.bottom);
    let middle = line(title.bottom(), bottom.y.saturating_sub(title.bottom()));
    let overview_lines = if screen.height < ROOMY_HEIGHT { SMALL_OVERVIEW } else { LARGE_OVERVIEW };
    let most = middle.height.saturating_sub(overview_lines).saturating_sub(LEAST_TIMELINE);
    let listed = u16::try_from(wish.connections).unwrap_or(u16::MAX).max(1);
    let fitting = listed.saturating_add(CONNECTION_FRAME).min((middle.height / 4).max(SHORT_LIST));
    let lines =
        wish.connection_lines.unwrap_or(fitting).clamp(SHORTEST_LIST, most.max(SHORTEST_LIST));
    let connections = line(middle.y, lines);
    let overview = line(connections.bottom(), overview_lines);
    let rest = line(overview.bottom(), bottom.y.saturating_sub(overview.bottom()));
    let mut layout = PaneLayout {
        title,
        connections,
        overview,
        timeline: rest,
        bottom,
        middle,
        ..PaneLayout::default()
    };
    match wish.inspector {
        InspectorPane::Closed => {}
        InspectorPane::Open if screen.width < WIDE => {
            // Over everything but the first and the last line: it needs the room.
            layout.inspector = middle;
            layout.connections = Rect::default();
            layout.overview = Rect::default();
            layout.timeline = Rect::default();
        }
        InspectorPane::Open => {
            let half = rest.width.saturating_mul(9) / 20;
            let widest = rest.width.saturating_sub(NARROWEST_TIMELINE);
            let width = wish
                .inspector_columns
                .unwrap_or_else(|| half.max(NARROWEST_INSPECTOR))
                .clamp(NARROWEST_INSPECTOR, widest.max(NARROWEST_INSPECTOR));
            layout.timeline = Rect { width: rest.width.saturating_sub(width), ..rest };
            layout.inspector = Rect { x: layout.timeline.right(), width, ..rest };
        }
    }
    layout
}

/// What is inside the border of a pane.
pub fn inside(pane: Rect) -> Rect {
    pane.inner(Margin { horizontal: 1, vertical: 1 })
}

/// The lines of the connections pane below its headings.
pub fn connection_lines(pane: Rect) -> Rect {
    let inside = inside(pane);
    Rect { y: inside.y.saturating_add(1), height: inside.height.saturating_sub(1), ..inside }
}

/// The list of findings over the panes, of so many lines, and below it the explanation of the one
/// under the cursor: a short list leaves it more room.
pub fn findings(middle: Rect, lines: usize) -> (Rect, Rect) {
    let inside = inside(middle);
    let least = inside.height / 6;
    let most = inside.height.saturating_sub(FINDING_DETAIL.min(inside.height / 2));
    let height = u16::try_from(lines).unwrap_or(u16::MAX).clamp(least, most);
    let list = Rect { height, ..inside };
    let detail = inside.height.saturating_sub(height);
    (list, Rect { y: list.bottom(), height: detail, ..inside })
}

/// A rectangle in the middle of another one.
pub fn centered(area: Rect, width: u16, height: u16) -> Rect {
    let (width, height) = (width.min(area.width), height.min(area.height));
    Rect {
        x: area.x.saturating_add(area.width.saturating_sub(width) / 2),
        y: area.y.saturating_add(area.height.saturating_sub(height) / 2),
        width,
        height,
    }
}

/// The smallest screen on which something can be seen.
pub const LEAST_WIDTH: u16 = 80;
/// The same in lines.
pub const LEAST_HEIGHT: u16 = 24;

/// Columns from which on the inspector is next to the timeline.
pub const WIDE: u16 = 120;

/// Lines from which on the overview has a line for each direction and one for marks.
const ROOMY_HEIGHT: u16 = 30;
const SMALL_OVERVIEW: u16 = 4;
const LARGE_OVERVIEW: u16 = 5;

/// Lines of the connections pane beside the connections: borders and headings.
const CONNECTION_FRAME: u16 = 3;

/// Lines of the connections pane that a small screen grants, and the fewest to be had by dragging.
const SHORT_LIST: u16 = 7;
const SHORTEST_LIST: u16 = 4;

/// The fewest lines of the timeline, borders included.
const LEAST_TIMELINE: u16 = 6;

/// Lines about the finding under the cursor, with a line above them.
const FINDING_DETAIL: u16 = 9;

const NARROWEST_TIMELINE: u16 = 40;
const NARROWEST_INSPECTOR: u16 = 40;

#[cfg(test)]
mod tests {
    use super::*;

    fn wish(width: u16, height: u16) -> Wish {
        Wish {
            screen: Rect::new(0, 0, width, height),
            connections: 3,
            inspector: InspectorPane::Closed,
            connection_lines: None,
            inspector_columns: None,
            bottom: 1,
        }
    }

    #[test]
    fn panes_fill_the_screen_without_overlap() {
        for (width, height) in [(80, 24), (120, 40), (200, 60), (80, 200)] {
            for connections in [0, 1, 3, 1_000] {
                for lines in [None, Some(0), Some(9), Some(500)] {
                    let it = layout(&Wish {
                        connections,
                        connection_lines: lines,
                        ..wish(width, height)
                    });
                    let heights = [it.title, it.connections, it.overview, it.timeline, it.bottom];
                    let sum: u16 = heights.iter().map(|it| it.height).sum();
                    assert_eq!(sum, height, "{width}x{height}, {connections}, {lines:?}");
                    assert!(it.timeline.height >= LEAST_TIMELINE);
                }
            }
        }
    }

    #[test]
    fn the_inspector_is_beside_the_timeline_if_there_is_room() {
        let wide = layout(&Wish { inspector: InspectorPane::Open, ..wish(120, 40) });
        assert_eq!(wide.timeline.width + wide.inspector.width, 120);
        assert_eq!(wide.timeline.height, wide.inspector.height);
        let narrow = layout(&Wish { inspector: InspectorPane::Open, ..wish(80, 24) });
        assert_eq!((narrow.inspector.width, narrow.inspector.height), (80, 22));
        assert_eq!(narrow.timeline, Rect::default());
    }

    #[test]
    fn small_screens_are_distinguished() {
        assert!(is_too_small(Rect::new(0, 0, 79, 24)) && is_too_small(Rect::new(0, 0, 80, 23)));
        assert!(!is_too_small(Rect::new(0, 0, 80, 24)));
        assert_eq!(layout(&wish(10, 5)), PaneLayout::default());
    }
}

//! Borders between rows, and where their lines meet.

use super::{Borders, DrawnLine, DrawnRow, LineKind, Look};

/// The border between two rows, or above the first, or below the last.
pub(super) fn border(above: Option<&DrawnRow>, below: Option<&DrawnRow>, look: Look) -> DrawnLine {
    let starts = |row: Option<&DrawnRow>, bit: usize| row.is_some_and(|row| row.at(bit).1);
    // The same field continues across the border: it is drawn open, as in the RFC.
    let is_open = |bit: usize| {
        let parts = above.zip(below).map(|(above, below)| (above.at(bit).0, below.at(bit).0));
        parts.is_some_and(|(above, below)| above.is_some() && above == below)
    };
    let (mut text, last) = (String::new(), usize::from(look.rows.bits()));
    for bit in 0..=last {
        let junction = Junction {
            up: starts(above, bit),
            down: starts(below, bit),
            left: bit > 0,
            right: bit < last,
        };
        let open_here = junction.left && is_open(bit.saturating_sub(1)) && is_open(bit);
        text.push(match (look.borders, junction.is_crossing(), open_here) {
            (Borders::Lines, true, _) => junction.line(),
            (Borders::Lines, false, false) => '─',
            (Borders::Lines, false, true) => '╌',
            (Borders::Ascii, true, _) => '+',
            (Borders::Ascii, false, false) => '-',
            (Borders::Ascii, false, true) => ' ',
        });
        if junction.right {
            text.push(match (look.borders, is_open(bit)) {
                (Borders::Lines, false) => '─',
                (Borders::Lines, true) => '╌',
                (Borders::Ascii, _) => '-',
            });
        }
    }
    DrawnLine::plain(LineKind::Border, text)
}

/// Which ways lines leave a point of a border.
#[expect(clippy::struct_excessive_bools, reason = "four ways, each with a line or without")]
struct Junction {
    up: bool,
    down: bool,
    left: bool,
    right: bool,
}

impl Junction {
    fn is_crossing(&self) -> bool {
        self.up || self.down
    }

    fn line(&self) -> char {
        match (self.up, self.down, self.left, self.right) {
            (false, true, false, _) => '┌',
            (false, true, true, true) => '┬',
            (false, true, true, false) => '┐',
            (true, true, false, _) => '├',
            (true, true, true, true) => '┼',
            (true, true, true, false) => '┤',
            (true, false, false, _) => '└',
            (true, false, true, true) => '┴',
            (true, false, true, false) => '┘',
            (false, false, _, _) => '─',
        }
    }
}

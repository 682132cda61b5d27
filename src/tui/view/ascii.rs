//! ASCII only: what a terminal shows that knows nothing else.

use ratatui::buffer::Buffer;

/// Replaces every character that is not ASCII, also those of payloads and drawings.
pub(super) fn reduce(buffer: &mut Buffer) {
    let area = buffer.area;
    for y in area.top()..area.bottom() {
        for x in area.left()..area.right() {
            let Some(cell) = buffer.cell_mut((x, y)) else { continue };
            if !cell.symbol().is_ascii() {
                let letter = cell.symbol().chars().next().map_or('?', alike);
                cell.set_char(letter);
            }
        }
    }
}

/// The ASCII character that is most like another one; `?` if there is none.
fn alike(letter: char) -> char {
    match letter {
        '─' | '━' | '╌' | '┄' | '═' | '–' | '—' => '-',
        '│' | '┃' | '╎' | '║' | '▌' => '|',
        '┌' | '┐' | '└' | '┘' | '├' | '┤' | '┬' | '┴' | '┼' | '╭' | '╮' | '╰' | '╯' | '✓' | '▅'
        | '▆' => '+',
        '→' | '▶' | '▸' => '>',
        '←' | '◀' => '<',
        '↑' | '▲' | '▴' | '⊕' => '^',
        '↓' | '▼' | '▾' => 'v',
        '…' => '~',
        '§' => 's',
        'µ' => 'u',
        '·' | '▁' | '▂' => '.',
        '•' | '●' | '★' => '*',
        '○' => 'o',
        '✖' | '×' => 'x',
        '▃' | '▄' => ':',
        '▇' | '█' => '#',
        '\u{a0}' => ' ',
        _ => '?',
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_but_ascii_is_left() {
        let mut buffer = Buffer::with_lines(["╭─ a… 47 µs §5 日本 é ✖"]);
        reduce(&mut buffer);
        let text: String = buffer.content().iter().map(ratatui::buffer::Cell::symbol).collect();
        assert_eq!(text, "+- a~ 47 us s5 ? ?  ? x");
    }
}

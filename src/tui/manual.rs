//! All keys as a page of Markdown, from the one table of them.

use std::fmt::Write;

use crate::tui::keymap::Focus;
use crate::tui::theme::Glyphs;
use crate::tui::view::help::rows;

/// The keys as tables, one for each pane.
pub fn tables() -> String {
    let mut page = String::new();
    for focus in Focus::ALL {
        // Nothing fails to be written into memory.
        write!(page, "## {}\n\n| key | what it does |\n| --- | --- |\n", focus.title()).ok();
        for (keys, help) in rows(focus, Glyphs::Unicode) {
            let keys: Vec<String> = keys.split("  ").map(|key| format!("`{key}`")).collect();
            writeln!(page, "| {} | {help} |", keys.join(", ")).ok();
        }
        page.push('\n');
    }
    page.truncate(page.trim_end().len());
    page.push('\n');
    page
}

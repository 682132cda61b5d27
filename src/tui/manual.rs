//! All keys as a page of Markdown, from the one table of them.

use std::fmt::Write;

use crate::tui::action::Action;
use crate::tui::keymap::{Focus, key_of};
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

/// The keys that are wanted first, as one table.
pub fn first_keys() -> String {
    let mut table = "| key | what it does |\n| --- | --- |\n".to_owned();
    for binding in FIRST.iter().filter_map(|action| key_of(Focus::Timeline, *action)) {
        // Nothing fails to be written into memory.
        writeln!(table, "| `{}` | {} |", binding.name(Glyphs::Unicode), binding.help).ok();
    }
    table
}

/// What is wanted first.
const FIRST: &[Action] = &[
    Action::NextPane,
    Action::Open,
    Action::Back,
    Action::NextError,
    Action::Findings,
    Action::Search,
    Action::SearchNext,
    Action::Filter,
    Action::ToggleFrames,
    Action::CycleTime,
    Action::Partner,
    Action::Copy,
    Action::Save,
    Action::Help,
    Action::Quit,
];

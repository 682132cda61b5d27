//! Documents that are made from the program's own tables.
//!
//! `UPDATE_DOCS=1 cargo test --test docs` renews them.

#![expect(clippy::panic, clippy::unwrap_used, reason = "a helper that fails is a test that fails")]

use std::env;
use std::fs;
use std::path::Path;
use std::process::Command;

use wslens::report::rules::group_table;

/// Stands before the catalogue in docs/rules.md.
const RULES_HEAD: &str = "\
# The rules

What `wslens check` judges by. Severities: an *error* breaks a MUST, or is a connection that failed; a *warning* breaks a SHOULD, or
means that trouble is likely; a *note* is worth knowing, and nobody is wrong. Ids are permanent.

This page is made from the program: `UPDATE_DOCS=1 cargo test --test docs`.

";

/// Stands before the tables in docs/keys.md.
const KEYS_HEAD: &str = "\
# The keys

What keys do in the timeline (`wslens FILE`); `?` shows the same there. The wheel of the mouse scrolls, a click chooses, a second one opens,
a click on a heading sorts, and borders between panes can be dragged.

This page is made from the program: `UPDATE_DOCS=1 cargo test --test docs`.

";

#[test]
fn page_of_the_rules_is_up_to_date() {
    let output = Command::new(env!("CARGO_BIN_EXE_wslens"))
        .args(["rules", "--format", "markdown", "--explain"])
        .output()
        .unwrap();
    assert!(output.status.success());
    let expected = format!("{RULES_HEAD}{}", String::from_utf8(output.stdout).unwrap());
    compare("docs/rules.md", |_| expected.clone());
}

#[test]
fn table_of_rules_in_the_readme_is_up_to_date() {
    compare("README.md", |text| replaced(text, "rules", &group_table()));
}

#[test]
fn page_of_filter_expressions_is_up_to_date() {
    compare("docs/filter.md", |_| wslens::report::fields::page());
}

#[test]
fn table_of_causes_is_up_to_date() {
    compare("docs/diagnose.md", |text| {
        replaced(text, "causes", &wslens::report::diagnose::table())
    });
}

#[test]
fn page_of_the_keys_is_up_to_date() {
    compare("docs/keys.md", |_| format!("{KEYS_HEAD}{}", wslens::tui::manual::tables()));
}

#[test]
fn first_keys_in_the_readme_are_up_to_date() {
    compare("README.md", |text| replaced(text, "keys", &wslens::tui::manual::first_keys()));
}

/// A text with another content between the markers `<!-- NAME: begin -->` and `<!-- NAME: end -->`.
fn replaced(text: &str, name: &str, content: &str) -> String {
    let (begin, end) = (format!("<!-- {name}: begin -->\n"), format!("<!-- {name}: end -->"));
    let (before, rest) = text.split_once(&begin).unwrap_or_else(|| panic!("{begin} is missing"));
    let (_, after) = rest.split_once(&end).unwrap_or_else(|| panic!("{end} is missing"));
    format!("{before}{begin}{content}{end}{after}")
}

/// Compares a file with what it should be, or makes it so.
fn compare(name: &str, expected: impl Fn(&str) -> String) {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(name);
    let text = fs::read_to_string(&path).unwrap_or_default();
    let expected = expected(&text);
    if env::var_os("UPDATE_DOCS").is_some() {
        fs::write(&path, expected).unwrap();
    } else {
        assert!(text == expected, "{name} is out of date: UPDATE_DOCS=1 cargo test --test docs");
    }
}

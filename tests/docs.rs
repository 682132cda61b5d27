//! Documents: those generated from the program's own tables, examples, and the width of lines.
//!
//! `UPDATE_DOCS=1 cargo test --test docs` updates the generated ones.

#![expect(clippy::panic, clippy::unwrap_used, reason = "a helper that fails is a test that fails")]

use std::env;
use std::fs;
use std::path::Path;
use std::process::Command;
use std::sync::{Mutex, PoisonError};

use wslens::report::rules::group_table;

/// The beginning of docs/rules.md.
const RULES_HEAD: &str = "\
# The rules

The rules that `wslens check` evaluates. Severities: an *error* violates a MUST, or is a failed
connection; a *warning* violates a SHOULD, or means that trouble is likely; a *note* is worth
knowing, and nothing is wrong. Ids are permanent. What explains several findings is a cause
([causes.md](causes.md)).

This page is generated from the program: `UPDATE_DOCS=1 cargo test --test docs`.

";

/// The beginning of docs/causes.md.
const CAUSES_HEAD: &str = "\
# The causes

A rule reports a violation and where it is. A *cause* is the conclusion: the one thing that explains
why a connection failed, was dropped, or had trouble. When a connection has ended, each cause is
tested on everything that was seen of it: bytes, both directions, other connections of the capture,
and what the peers said. Of those whose test succeeds, the one that explains most is reported, and
what follows from it is listed as its consequences, not as further violations. A cause that the
captured bytes exclude is not reported; `diagnose --format ndjson` lists it in `excluded`.

The severity of a cause is that of the outcome: an error if the connection failed or was cut, a
warning if it worked with trouble, otherwise a note.

This page is generated from the program: `UPDATE_DOCS=1 cargo test --test docs`.

";

/// The beginning of docs/keys.md.
const KEYS_HEAD: &str = "\
# The keys

The keys of the screen (`wslens FILE`); `?` shows the same list there. The mouse wheel scrolls, a
click selects, a second click opens, a click on a heading sorts, and borders between panes can be
dragged.

This page is generated from the program: `UPDATE_DOCS=1 cargo test --test docs`.

";

/// Held while documents are read or written: tests run at the same time, and some may update them.
static DOCUMENTS: Mutex<()> = Mutex::new(());

/// Columns of prose in Markdown files.
const WIDTH: usize = 100;

/// Examples that the documents have at least, so that none is missed because of its form.
const LEAST_EXAMPLES: usize = 4;

/// The catalogue in Markdown: the rules, and the causes without their heading.
fn catalogue() -> (String, String) {
    let output = Command::new(env!("CARGO_BIN_EXE_wslens"))
        .args(["rules", "--format", "markdown", "--explain"])
        .output()
        .unwrap();
    assert!(output.status.success());
    let text = String::from_utf8(output.stdout).unwrap();
    let (rules, causes) = text.split_once("\n## Causes\n\n").unwrap();
    (rules.to_owned(), causes.to_owned())
}

#[test]
fn page_of_the_rules_is_up_to_date() {
    let expected = format!("{RULES_HEAD}{}", catalogue().0);
    compare("docs/rules.md", |_| expected.clone());
}

#[test]
fn page_of_the_causes_is_up_to_date() {
    let expected = format!("{CAUSES_HEAD}{}", catalogue().1);
    compare("docs/causes.md", |_| expected.clone());
    for line in expected.lines().filter(|line| line.starts_with("| [WHY-")) {
        let anchor = line.split(['#', ')']).nth(1).unwrap();
        let is_heading = |line: &str| {
            let heading = line.strip_prefix("### ").unwrap_or_default().to_lowercase();
            heading.replace([':', ',', '.', '(', ')', '/'], "").replace(' ', "-") == anchor
        };
        assert!(expected.lines().any(is_heading), "{anchor}");
    }
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

#[test]
fn documents_wrap_at_a_hundred_columns() {
    let mut wide = Vec::new();
    for (name, text) in documents() {
        let mut in_code = false;
        for (number, line) in (1..).zip(text.lines()) {
            in_code ^= line.starts_with("```");
            // Tables have one line per row, and code is as wide as what it shows.
            if in_code || line.starts_with('|') || line.starts_with("    ") {
                continue;
            }
            if without_link_targets(line).chars().count() > WIDTH {
                wide.push(format!("{name}:{number}: {line}"));
            }
        }
    }
    assert!(wide.is_empty(), "wider than {WIDTH} columns:\n{}", wide.join("\n"));
}

#[test]
fn examples_in_documents_are_what_the_program_prints() {
    let mut wrong = Vec::new();
    let mut examples = 0;
    for (name, text) in documents() {
        for example in examples_in(&text) {
            examples += 1;
            let output = Command::new(env!("CARGO_BIN_EXE_wslens"))
                .args(&example.arguments)
                .current_dir(env!("CARGO_MANIFEST_DIR"))
                .output()
                .unwrap();
            let printed = String::from_utf8(output.stdout).unwrap();
            let mut rest: Vec<&str> = printed.lines().collect();
            for line in example.lines {
                // Long lines are cut in documents, and lines are left out, but all come in order.
                match rest.iter().position(|it| it.starts_with(line)) {
                    Some(place) => drop(rest.drain(..=place)),
                    None => wrong.push(format!("{name}: {line}")),
                }
            }
        }
    }
    assert!(wrong.is_empty(), "not printed:\n{}", wrong.join("\n"));
    assert!(examples >= LEAST_EXAMPLES, "only {examples} examples were found");
}

/// A command of a document, and the lines that it is said to print.
struct Example<'a> {
    arguments: Vec<&'a str>,
    lines: Vec<&'a str>,
}

/// The examples of a document: blocks of code that begin with `$ wslens`.
fn examples_in(text: &str) -> Vec<Example<'_>> {
    let mut examples: Vec<Example<'_>> = Vec::new();
    let mut indent = None;
    for line in text.lines() {
        let bare = line.trim_start();
        if let Some(arguments) = bare.strip_prefix("$ wslens ") {
            indent = Some(line.len() - bare.len());
            examples.push(Example { arguments: arguments.split(' ').collect(), lines: Vec::new() });
            continue;
        }
        let Some(columns) = indent else { continue };
        // A block in a fence ends with it, an indented one with the next line of prose.
        let ends =
            line.starts_with("```") || (columns > 0 && !bare.is_empty() && !line.starts_with(' '));
        if ends {
            indent = None;
        } else if let Some(shown) = line.get(columns..).filter(|shown| !is_left_out(shown)) {
            examples.last_mut().unwrap().lines.push(shown.trim_end());
        }
    }
    examples
}

/// Whether a line of an example stands for lines that were left out, or has nothing to compare.
fn is_left_out(line: &str) -> bool {
    line.trim().is_empty() || line.trim() == "..." || line.trim_end().ends_with('…')
}

/// A line with the text of its links, without their targets, which cannot be wrapped.
fn without_link_targets(line: &str) -> String {
    let mut parts = line.split("](");
    let mut bare = parts.next().unwrap_or_default().to_owned();
    for part in parts {
        bare.push(']');
        bare.push_str(part.split_once(')').map_or("", |(_, rest)| rest));
    }
    bare
}

/// Every Markdown file of the repository, with its name.
fn documents() -> Vec<(String, String)> {
    let _held = DOCUMENTS.lock().unwrap_or_else(PoisonError::into_inner);
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut documents = Vec::new();
    for folder in ["", "docs", "samples", "benches"] {
        for entry in fs::read_dir(root.join(folder)).unwrap() {
            let path = entry.unwrap().path();
            if path.extension().is_some_and(|extension| extension == "md") {
                let name = path.strip_prefix(root).unwrap().display().to_string();
                documents.push((name, fs::read_to_string(&path).unwrap()));
            }
        }
    }
    documents.sort();
    documents
}

/// Replaces the content between the markers `<!-- NAME: begin -->` and `<!-- NAME: end -->`.
fn replaced(text: &str, name: &str, content: &str) -> String {
    let (begin, end) = (format!("<!-- {name}: begin -->\n"), format!("<!-- {name}: end -->"));
    let (before, rest) = text.split_once(&begin).unwrap_or_else(|| panic!("{begin} is missing"));
    let (_, after) = rest.split_once(&end).unwrap_or_else(|| panic!("{end} is missing"));
    format!("{before}{begin}{content}{end}{after}")
}

/// Compares a file with its expected content, or updates it.
fn compare(name: &str, expected: impl Fn(&str) -> String) {
    let _held = DOCUMENTS.lock().unwrap_or_else(PoisonError::into_inner);
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(name);
    let text = fs::read_to_string(&path).unwrap_or_default();
    let expected = expected(&text);
    if env::var_os("UPDATE_DOCS").is_some() {
        fs::write(&path, expected).unwrap();
    } else {
        assert!(text == expected, "{name} is out of date: UPDATE_DOCS=1 cargo test --test docs");
    }
}

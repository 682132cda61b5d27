//! The catalogue of rules, written out: one file per format.

mod markdown;
mod ndjson;
mod text;

use std::io;

use super::OutputFormat;
use super::style::Style;
use crate::findings::{GROUPS, Rule, RuleName};

pub use self::markdown::group_table;

/// An output format of the catalogue.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub enum RulesFormat {
    /// Lines for people.
    #[default]
    Text,
    /// One JSON object a line, with everything that is known of each rule.
    Ndjson,
    /// Tables for a document.
    Markdown,
}

impl OutputFormat for RulesFormat {
    const TABLE: &'static [(Self, &'static str, &'static str)] = &[
        (Self::Text, "text", "lines for people"),
        (Self::Ndjson, "ndjson", "one JSON object per line, with all fields"),
        (Self::Markdown, "markdown", "a table for each group"),
    ];
}

/// What is written of each rule.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum RulesExtent {
    /// A line.
    Brief,
    /// What the standard requires and what to do, too.
    Full,
}

/// How it is written.
#[derive(Clone, Debug)]
pub struct RulesOptions {
    /// Only these rules; all when empty.
    pub names: Vec<RuleName>,
    /// How much of each.
    pub extent: RulesExtent,
    /// Colors.
    pub style: Style,
    /// Columns of the terminal; `None` if the output is not a terminal.
    pub columns: Option<usize>,
}

/// Writes the catalogue.
///
/// # Errors
///
/// When it cannot be written.
pub fn write(
    format: RulesFormat,
    options: &RulesOptions,
    out: &mut dyn io::Write,
) -> io::Result<()> {
    let sections = sections(&options.names);
    match format {
        RulesFormat::Text => text::write(&sections, options, out)?,
        RulesFormat::Ndjson => ndjson::write(&sections, out)?,
        RulesFormat::Markdown => markdown::write(&sections, options.extent, out)?,
    }
    out.flush()
}

/// The rules of one subject.
struct Section {
    title: &'static str,
    rules: Vec<&'static Rule>,
}

impl Section {
    /// Whether it is that of the causes: conclusions, not violations.
    fn is_of_causes(&self) -> bool {
        self.rules.iter().all(|rule| rule.is_cause())
    }
}

/// What a cause is, for readers of the catalogue.
const ABOUT_CAUSES: &str = "A rule is about a violation, a cause is a conclusion: it is tested when a connection \
    has ended, on everything that was found. What follows from it is listed as its consequences.";

/// The groups that have rules; those of one title are one section.
fn sections(names: &[RuleName]) -> Vec<Section> {
    let mut sections: Vec<Section> = Vec::new();
    for group in GROUPS {
        let is_wanted =
            |rule: &&Rule| names.is_empty() || names.iter().any(|name| name.covers(rule));
        let mut rules: Vec<&Rule> = group.rules().filter(is_wanted).collect();
        match sections.last_mut() {
            Some(section) if section.title == group.title => section.rules.append(&mut rules),
            Some(_) | None if rules.is_empty() => {}
            Some(_) | None => sections.push(Section { title: group.title, rules }),
        }
    }
    sections
}

#[cfg(test)]
mod tests {
    use serde_json::Value;

    use super::*;
    use crate::findings::rules;
    use crate::report::style::Coloring;

    fn written(format: RulesFormat, names: &[&str], extent: RulesExtent, columns: usize) -> String {
        let options = RulesOptions {
            names: names.iter().map(|name| RuleName::parse(name).unwrap()).collect(),
            extent,
            style: Style::new(Coloring::Off),
            columns: Some(columns),
        };
        let mut out = Vec::new();
        write(format, &options, &mut out).unwrap();
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn formats_are_found_by_name() {
        for &(format, name, _) in RulesFormat::TABLE {
            assert_eq!(RulesFormat::from_name(name), Some(format));
        }
        assert_eq!(RulesFormat::from_name("json"), None);
    }

    #[test]
    fn every_format_has_every_rule() {
        for &(format, _, _) in RulesFormat::TABLE {
            let text = written(format, &[], RulesExtent::Full, 100);
            for rule in rules() {
                assert!(text.contains(rule.id), "{format:?} lacks {}", rule.id);
            }
        }
    }

    #[test]
    fn text_fits_its_columns() {
        for columns in [40, 80, 100] {
            let text = written(RulesFormat::Text, &[], RulesExtent::Full, columns);
            for line in text.lines() {
                assert!(line.chars().count() <= columns, "{columns}: {line}");
            }
        }
        insta::assert_snapshot!(written(
            RulesFormat::Text,
            &["WS-F01", "WS-F04"],
            RulesExtent::Brief,
            100
        ));
    }

    #[test]
    fn ndjson_has_all_fields() {
        let text = written(RulesFormat::Ndjson, &["ws-f01"], RulesExtent::Brief, 100);
        let rule: Value = serde_json::from_str(&text).unwrap();
        assert_eq!(rule["type"], "rule");
        assert_eq!(rule["rule"], "WS-F01");
        assert_eq!(rule["group"], "Frames");
        assert_eq!(rule["severity"], "error");
        assert_eq!(rule["who"], "client");
        assert_eq!(rule["title"], "client frame is not masked");
        assert_eq!(rule["section"], "RFC 6455 §5.1, §5.3");
        assert_eq!(rule["example"]["sender"], "client");
        assert_eq!(rule["example"]["hex"], "810548656c6c6f");
        assert!(rule["explanation"].is_string() && rule["remedy"].is_string());
    }

    #[test]
    fn markdown_has_tables_and_explanations_on_request() {
        let brief = written(RulesFormat::Markdown, &["WS-F01", "WS-F07"], RulesExtent::Brief, 100);
        insta::assert_snapshot!(brief);
        let full = written(RulesFormat::Markdown, &["WS-F07"], RulesExtent::Full, 100);
        insta::assert_snapshot!(full);
    }
}

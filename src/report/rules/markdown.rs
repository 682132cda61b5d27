//! The catalog as Markdown: tables, and optionally a section for each rule.

use std::fmt::Write as _;
use std::io::{self, Write};

use super::{RulesExtent, Section, sections};
use crate::findings::{Example, Rule};
use crate::text::page;
use crate::text::words::hex;

/// Writes the sections.
pub(super) fn write(
    sections: &[Section],
    extent: RulesExtent,
    out: &mut dyn Write,
) -> io::Result<()> {
    for (place, section) in sections.iter().enumerate() {
        if place > 0 {
            writeln!(out)?;
        }
        writeln!(out, "## {}\n", section.title)?;
        if section.is_of_causes() {
            causes(&section.rules, extent, out)?;
            continue;
        }
        writeln!(out, "| id | severity | who | fault | section |")?;
        writeln!(out, "| --- | --- | --- | --- | --- |")?;
        for rule in &section.rules {
            let Rule { id, severity, applies_to, title, section, .. } = rule;
            let (severity, who, title) = (severity.name(), applies_to.name(), marked_up(title));
            writeln!(out, "| {id} | {severity} | {who} | {title} | {section} |")?;
        }
        if extent == RulesExtent::Full {
            for Rule { id, title, explanation, remedy, .. } in &section.rules {
                writeln!(out, "\n### {id}: {}\n", marked_up(title))?;
                writeln!(out, "{}\n", wrapped(&marked_up(explanation)))?;
                writeln!(out, "{}", advice(remedy))?;
            }
        }
    }
    Ok(())
}

/// The causes: what each explains and, in full, its hypothesis and test, what follows from it, the remedy and an
/// example.
fn causes(rules: &[&Rule], extent: RulesExtent, out: &mut dyn Write) -> io::Result<()> {
    writeln!(out, "| id | who | cause | explains | section |")?;
    writeln!(out, "| --- | --- | --- | --- | --- |")?;
    for rule in rules {
        let Rule { id, applies_to, title, section, .. } = rule;
        let (who, title) = (applies_to.name(), marked_up(title));
        let explains = rule.explains().question();
        writeln!(out, "| [{id}](#{}) | {who} | {title} | {explains} | {section} |", anchor(rule))?;
    }
    if extent == RulesExtent::Brief {
        return Ok(());
    }
    for rule in rules {
        let Rule { id, title, explanation, remedy, example, .. } = rule;
        writeln!(out, "\n### {id}: {}\n", marked_up(title))?;
        writeln!(out, "{}\n", wrapped(&marked_up(explanation)))?;
        let consequences = rule.consequences_in_words();
        if !consequences.is_empty() {
            writeln!(out, "{}\n", wrapped(&format!("**Consequences:** {consequences}.")))?;
        }
        writeln!(out, "{}", advice(remedy))?;
        writeln!(out, "\n```text\n{}\n```", in_words(*example))?;
    }
    Ok(())
}

/// An example as lines of text; frames in hexadecimal.
fn in_words(example: Example) -> String {
    match example {
        Example::Client(bytes) | Example::Deflated(bytes) => format!("client: {}", hex(bytes)),
        Example::Server(bytes) => format!("server: {}", hex(bytes)),
        Example::Text(text) => text.to_owned(),
    }
}

/// What a link to the section of a cause names: the heading in small letters, with hyphens.
fn anchor(rule: &Rule) -> String {
    let heading = format!("{}: {}", rule.id, rule.title).to_lowercase();
    let kept = heading.chars().filter(|it| it.is_alphanumeric() || matches!(it, ' ' | '-' | '_'));
    kept.map(|letter| if letter == ' ' { '-' } else { letter }).collect()
}

/// A short table of the groups of rules, without causes: prefix of their ids, subject, number of rules.
pub fn group_table() -> String {
    let mut table = "| group | about | rules |\n| --- | --- | --- |\n".to_owned();
    for Section { title, rules } in sections(&[]).into_iter().filter(|it| !it.is_of_causes()) {
        let mut names: Vec<&str> = Vec::new();
        for rule in &rules {
            if !names.contains(&rule.group()) {
                names.push(rule.group());
            }
        }
        writeln!(table, "| {} | {title} | {} |", names.join(", "), rules.len()).ok();
    }
    table
}

/// A remedy as a labeled paragraph; lines that begin with a space become a code block.
fn advice(remedy: &str) -> String {
    let mut out = String::new();
    let mut was_code = false;
    for (place, line) in remedy.lines().enumerate() {
        let is_code = line.starts_with(' ');
        if place > 0 {
            out.push('\n');
        }
        if is_code != was_code {
            out.push_str(if is_code { "\n```text\n" } else { "```\n\n" });
        }
        if is_code {
            out.push_str(line.trim_start());
        } else {
            let label = if place == 0 { "**Do:** " } else { "" };
            out.push_str(&wrapped(&format!("{label}{}", marked_up(line))));
        }
        was_code = is_code;
    }
    if was_code {
        out.push_str("\n```");
    }
    out
}

/// Text in lines of at most [`PAGE_WIDTH`] columns.
fn wrapped(text: &str) -> String {
    page::wrapped(text, PAGE_WIDTH).join("\n")
}

/// Plain text with code in backticks, escaped so that nothing else has a meaning in Markdown.
fn marked_up(text: &str) -> String {
    let mut out = String::new();
    let mut is_code = false;
    for letter in text.chars() {
        is_code ^= letter == '`';
        let has_meaning = match letter {
            '|' => true,
            '*' | '_' | '<' | '>' | '[' | ']' | '\\' | '~' | '#' => !is_code,
            _ => false,
        };
        if has_meaning {
            out.push('\\');
        }
        out.push(letter);
    }
    out
}

/// Columns of prose in Markdown files.
const PAGE_WIDTH: usize = 100;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_code_has_a_meaning() {
        #[rustfmt::skip]
        let cases = [
            ("plain",        "a frame",              "a frame"),
            ("emphasis",     "*_no_takeover",        "\\*\\_no\\_takeover"),
            ("code",         "`<` for `<=` a_b",     "`<` for `<=` a\\_b"),
            ("bar in code",  "`a|b` | c",            "`a\\|b` \\| c"),
            ("a tag",        "<br>",                 "\\<br\\>"),
        ];
        for (name, text, expected) in cases {
            assert_eq!(marked_up(text), expected, "{name}");
        }
    }

    #[test]
    fn lines_to_be_copied_are_code() {
        let text = "In nginx:\n  set_a $b;\n  set_c \"d\";\nor a_b.";
        let expected = "**Do:** In nginx:\n\n```text\nset_a $b;\nset_c \"d\";\n```\n\nor a\\_b.";
        assert_eq!(advice(text), expected);
        assert_eq!(advice("a_b"), "**Do:** a\\_b");
    }

    #[test]
    fn no_wrapped_line_starts_a_list_or_a_quote() {
        for rule in crate::findings::rules() {
            for text in [rule.explanation, rule.remedy] {
                for line in wrapped(&marked_up(text)).lines() {
                    let marker = ["- ", "+ ", "= ", "1. "].iter().any(|it| line.starts_with(it));
                    assert!(!marker, "{}: {line}", rule.id);
                }
            }
        }
    }

    #[test]
    fn links_lead_to_headings() {
        let rule = crate::findings::rule("WHY-14").unwrap();
        assert_eq!(anchor(rule), "why-14-the-client-refused-the-response");
    }

    #[test]
    fn groups_are_counted() {
        let table = group_table();
        assert!(table.contains("| WS-F | Frames | 17 |\n"), "{table}");
        assert!(!table.contains("WHY"), "a cause is not a rule: {table}");
    }
}

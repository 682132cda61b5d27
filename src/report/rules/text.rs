//! The catalogue as lines for people.

use std::io::{self, Write};

use super::{ABOUT_CAUSES, RulesExtent, RulesOptions, Section};
use crate::findings::{Rule, Severity};
use crate::report::line::Line;
use crate::text::page::wrapped;
use crate::text::role::Role;

/// Writes the sections.
pub(super) fn write(
    sections: &[Section],
    options: &RulesOptions,
    out: &mut dyn Write,
) -> io::Result<()> {
    let columns = options.columns.unwrap_or(WIDEST).clamp(NARROWEST, WIDEST);
    let mut page = RulesPage { out, line: Line::new(options.style.clone()), columns };
    for (place, section) in sections.iter().enumerate() {
        if place > 0 {
            page.end()?;
        }
        page.line.paint(Role::Title, section.title);
        page.end()?;
        if section.is_of_causes() {
            page.remark(ABOUT_CAUSES)?;
        }
        for rule in &section.rules {
            page.rule(rule)?;
            if options.extent == RulesExtent::Full {
                page.paragraph("", rule.explanation)?;
                let consequences = rule.consequences_in_words();
                if !consequences.is_empty() {
                    page.paragraph("Consequences: ", &consequences)?;
                }
                page.paragraph("Do: ", rule.remedy)?;
                page.end()?;
            }
        }
    }
    Ok(())
}

/// Where lines go.
struct RulesPage<'w> {
    out: &'w mut dyn Write,
    line: Line,
    columns: usize,
}

impl RulesPage<'_> {
    fn rule(&mut self, rule: &Rule) -> io::Result<()> {
        self.line.spaces(2);
        let role = match rule.severity {
            Severity::Error => Role::Error,
            Severity::Warning => Role::Warning,
            Severity::Note => Role::Dim,
        };
        self.line.begin(role);
        self.line.push(rule.id);
        self.line.pad_to(SEVERITY_COLUMN);
        self.line.push(rule.severity.name());
        self.line.end();
        self.line.pad_to(WHO_COLUMN);
        self.line.push(rule.applies_to.name());
        let room = self.columns.saturating_sub(TITLE_COLUMN);
        for (place, part) in wrapped(rule.title, room).iter().enumerate() {
            if place > 0 {
                self.end()?;
            }
            self.line.pad_to(TITLE_COLUMN);
            self.line.push(part);
        }
        let width = rule.section.chars().count().saturating_add(2);
        if self.line.column().saturating_add(width) > self.columns {
            self.end()?;
            self.line.pad_to(TITLE_COLUMN);
        }
        self.line.pad_to(self.columns.saturating_sub(width.saturating_sub(2)));
        for (place, part) in wrapped(rule.section, room).iter().enumerate() {
            if place > 0 {
                self.end()?;
                self.line.pad_to(TITLE_COLUMN);
            }
            self.line.paint(Role::Dim, part);
        }
        self.end()
    }

    /// A dim text below a heading.
    fn remark(&mut self, text: &str) -> io::Result<()> {
        for part in wrapped(text, self.columns.saturating_sub(REMARK_COLUMN)) {
            self.line.spaces(REMARK_COLUMN);
            self.line.paint(Role::Dim, &part);
            self.end()?;
        }
        Ok(())
    }

    fn paragraph(&mut self, label: &str, text: &str) -> io::Result<()> {
        let indent = TEXT_COLUMN.saturating_add(label.len());
        for (place, part) in wrapped(text, self.columns.saturating_sub(indent)).iter().enumerate() {
            if place == 0 {
                self.line.spaces(TEXT_COLUMN);
                self.line.paint(Role::Title, label);
            }
            self.line.pad_to(indent);
            self.line.push(part);
            self.end()?;
        }
        Ok(())
    }

    fn end(&mut self) -> io::Result<()> {
        let mut outcome = Ok(());
        let out = &mut self.out;
        self.line.finish(|line| outcome = out.write_all(line));
        outcome
    }
}

/// The column where severities begin, after the ids.
const SEVERITY_COLUMN: usize = 10;

/// The column of the peer that a rule binds.
const WHO_COLUMN: usize = 19;

/// Where titles begin.
const TITLE_COLUMN: usize = 27;

/// Where what is said of a whole section begins.
const REMARK_COLUMN: usize = 2;

/// Where explanations begin.
const TEXT_COLUMN: usize = 10;

/// Columns at most: longer lines are hard to read.
const WIDEST: usize = 100;

/// Columns that are taken for granted.
const NARROWEST: usize = 40;

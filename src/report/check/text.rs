//! Findings as paragraphs for people.

use std::collections::BTreeSet;
use std::io::{self, Write};

use super::fold::{Consequence, Occurrence, SharedFindings, fold, occurrences};
use super::places::{consequence_place, place, shared_count, shared_places};
use super::{
    CheckOptions, CheckWriter, ConnectionFindings, Explanations, Extent, FileFindings, Files,
};
use crate::describe::decoded_again;
use crate::findings::{Finding, Rule, Severity};
use crate::journal::{ExplainedCounts, Severities};
use crate::report::line::{Line, role};
use crate::stream::Direction;
use crate::text::amount::{counted, grouped};
use crate::text::escape::escape;
use crate::text::page::wrapped;
use crate::text::role::Role;
use crate::websocket::MessageCounts;

/// Writes text.
pub(super) struct CheckText<'w> {
    out: &'w mut dyn Write,
    options: CheckOptions,
    line: Line,
    /// The heading that was written last.
    heading: String,
    /// Rules that were explained since, with what to do about them.
    explained: Vec<(&'static str, &'static str)>,
    /// The rule that was reported last.
    rule: Option<&'static str>,
    /// Whether anything has been written.
    has_written: bool,
    total: TextTotals,
}

/// Counters of all files.
#[derive(Default)]
struct TextTotals {
    files: u64,
    connections: u64,
    messages: MessageCounts,
    found: Severities,
    counts: ExplainedCounts,
}

impl<'w> CheckText<'w> {
    pub(super) fn new(out: &'w mut dyn Write, options: CheckOptions) -> Self {
        Self {
            out,
            line: Line::new(options.style.clone()),
            options,
            heading: String::new(),
            explained: Vec::new(),
            rule: None,
            has_written: false,
            total: TextTotals::default(),
        }
    }

    /// Writes a heading, unless it is the current one already.
    fn heading(&mut self, heading: String, write: impl FnOnce(&mut Line)) -> io::Result<()> {
        if self.heading != heading {
            if self.has_written {
                self.write()?;
            }
            self.heading = heading;
            self.explained.clear();
            self.rule = None;
            write(&mut self.line);
            self.write()?;
        }
        Ok(())
    }

    /// One about the capture itself.
    fn finding(&mut self, finding: &Finding) -> io::Result<()> {
        self.found(finding, None, &[])
    }

    fn found(
        &mut self,
        finding: &Finding,
        follows_from: Option<&Rule>,
        consequences: &[Consequence<'_>],
    ) -> io::Result<()> {
        let rule = finding.rule;
        let is_first = !self.explained.contains(&(rule.id, finding.remedy));
        self.part(rule)?;
        self.title(rule, finding.severity)?;
        self.place(&place(finding))?;
        let mut evidence = String::new();
        escape(finding.evidence.as_bytes(), LONGEST_EVIDENCE, &mut evidence);
        self.paragraph("", &evidence, None)?;
        for line in decoded_again::lines(&finding.decoded_again) {
            self.paragraph("", &line, None)?;
        }
        if let Some(cause) = follows_from {
            let text = format!("a consequence of {}, above", cause.id);
            return self.paragraph("", &text, Some(Role::Dim));
        }
        if is_first {
            self.explanation(rule, finding.remedy)?;
        }
        self.consequences(consequences)
    }

    /// What follows from a cause, a line for each rule.
    fn consequences(&mut self, consequences: &[Consequence<'_>]) -> io::Result<()> {
        if !consequences.is_empty() {
            self.consequences_heading()?;
        }
        for consequence in consequences {
            self.consequence(consequence.rule, &consequence_place(consequence))?;
            if self.options.explanations == Explanations::Full
                && let Some(first) = consequence.findings.first()
                && !first.evidence.is_empty()
            {
                let mut evidence = String::new();
                escape(first.evidence.as_bytes(), LONGEST_EVIDENCE, &mut evidence);
                self.indented(CONSEQUENCE.saturating_add(RULE), &evidence)?;
            }
        }
        Ok(())
    }

    fn consequences_heading(&mut self) -> io::Result<()> {
        self.line.spaces(INDENT);
        self.line.paint(Role::Title, "Consequences:");
        self.write()
    }

    /// `WS-C12  connection ended without a Close frame: applications see 1006      packet 8`
    fn consequence(&mut self, rule: &Rule, place: &str) -> io::Result<()> {
        self.line.spaces(CONSEQUENCE);
        self.line.paint(Role::Dim, rule.id);
        let indent = CONSEQUENCE.saturating_add(RULE);
        let lines = wrapped(rule.title, self.columns().saturating_sub(indent));
        for (number, line) in lines.iter().enumerate() {
            if number > 0 {
                self.write()?;
            }
            self.line.pad_to(indent);
            self.line.paint(Role::Dim, line);
        }
        self.place_below(indent, place)
    }

    /// A dim text below something that is indented.
    fn indented(&mut self, indent: usize, text: &str) -> io::Result<()> {
        for line in wrapped(text, self.columns().saturating_sub(indent)) {
            self.line.spaces(indent);
            self.line.paint(Role::Dim, &line);
            self.write()?;
        }
        Ok(())
    }

    /// What a rule says, and what to do.
    fn explanation(&mut self, rule: &'static Rule, remedy: &'static str) -> io::Result<()> {
        self.explained.push((rule.id, remedy));
        self.paragraph("", rule.section, Some(Role::Dim))?;
        if self.options.explanations == Explanations::Full {
            self.paragraph("", rule.explanation, None)?;
        }
        self.paragraph("Do: ", remedy, None)
    }

    /// A blank line between different rules.
    fn part(&mut self, rule: &Rule) -> io::Result<()> {
        if self.rule.replace(rule.id) == Some(rule.id) { Ok(()) } else { self.write() }
    }

    /// Mark, id and title; leaves its last line open.
    fn title(&mut self, rule: &Rule, severity: Severity) -> io::Result<()> {
        let (mark, role) = match severity {
            Severity::Error => ("✖", Role::Error),
            Severity::Warning => ("▲", Role::Warning),
            Severity::Note => ("·", Role::Dim),
        };
        self.line.spaces(2);
        self.line.begin(role);
        self.line.push(mark);
        self.line.push(" ");
        self.line.push(rule.id);
        self.line.end();
        self.line.spaces(2);
        self.line.pad_to(INDENT);
        for (place, line) in
            wrapped(rule.title, self.columns().saturating_sub(INDENT)).iter().enumerate()
        {
            if place > 0 {
                self.write()?;
                self.line.spaces(INDENT);
            }
            self.line.paint(Role::Title, line);
        }
        Ok(())
    }

    /// Where it is: at the right edge, or on a line of its own.
    fn place(&mut self, place: &str) -> io::Result<()> {
        self.place_below(INDENT, place)
    }

    /// The same; a line of its own has this indent.
    fn place_below(&mut self, indent: usize, place: &str) -> io::Result<()> {
        if !place.is_empty() {
            let column = self.columns().saturating_sub(place.chars().count());
            if self.line.column().saturating_add(2) > column {
                self.write()?;
                self.line.spaces(indent);
            } else {
                self.line.pad_to(column);
            }
            self.line.paint(Role::Dim, place);
        }
        self.write()
    }

    /// Our own text, or an escaped one, below the title; further lines are indented to the label's end.
    fn paragraph(&mut self, label: &str, text: &str, role: Option<Role>) -> io::Result<()> {
        let indent = INDENT.saturating_add(label.len());
        for (place, line) in wrapped(text, self.columns().saturating_sub(indent)).iter().enumerate()
        {
            if place == 0 {
                self.line.spaces(INDENT);
                self.line.paint(Role::Title, label);
            }
            self.line.pad_to(indent);
            match role {
                Some(role) => self.line.paint(role, line),
                None => self.line.push(line),
            }
            self.write()?;
        }
        Ok(())
    }

    /// All that is written of one connection.
    fn connection(
        &mut self,
        file: &str,
        occurrences: &[Occurrence<'_>],
        shared: Option<&BTreeSet<&'static str>>,
    ) -> io::Result<()> {
        let Some(Occurrence { of, .. }) = occurrences.first() else { return Ok(()) };
        self.heading(format!("{file}#{}", of.id.0), |line| connection_heading(line, file, of))?;
        for it in occurrences {
            if let Some(finding) = it.finding {
                self.found(finding, it.follows_from, &it.consequences)?;
            }
        }
        for counted in occurrences.iter().filter(|it| it.more > 0) {
            self.counted(counted.rule, counted.more)?;
        }
        if let Some(rules) = shared {
            let rules: Vec<&str> = rules.iter().copied().collect();
            self.write()?;
            let text = format!("as on other connections: {}", rules.join(", "));
            self.paragraph("", &text, Some(Role::Dim))?;
        }
        Ok(())
    }

    /// Findings that were only counted.
    fn counted(&mut self, rule: &'static Rule, count: u64) -> io::Result<()> {
        self.part(rule)?;
        if self.explained.iter().any(|(id, _)| *id == rule.id) {
            self.line.spaces(INDENT);
            self.line.push("… and ");
            self.line.with(|out| grouped(out, count));
            self.line.push(" more of ");
            self.line.push(rule.id);
            self.write()
        } else {
            // With --each 0 no finding was reported individually.
            self.title(rule, rule.severity)?;
            self.line.spaces(2);
            self.line.begin(Role::Dim);
            self.line.with(|out| counted(out, count, "time"));
            self.line.end();
            self.write()?;
            self.explanation(rule, rule.remedy)
        }
    }

    /// Similar findings of several connections.
    fn shared(&mut self, file: &str, shared: &SharedFindings<'_>) -> io::Result<()> {
        let Some(first) = shared.first() else { return Ok(()) };
        self.heading(format!("{file}#"), |line| {
            line.begin(Role::Title);
            line.foreign(file.as_bytes(), LONGEST_NAME);
            line.push(": several connections");
            line.end();
        })?;
        let is_first = !self.explained.contains(&(first.rule.id, first.remedy()));
        self.part(first.rule)?;
        self.title(first.rule, first.severity())?;
        self.place(&shared_count(shared))?;
        if let Some(finding) = first.finding {
            let mut evidence = String::new();
            escape(finding.evidence.as_bytes(), LONGEST_EVIDENCE, &mut evidence);
            let label = if shared.is_uniform() { "" } else { "First: " };
            self.paragraph(label, &evidence, None)?;
        }
        self.paragraph("", &shared_places(shared), None)?;
        if is_first {
            self.explanation(first.rule, first.remedy())?;
        }
        let consequences = shared.consequences();
        if !consequences.is_empty() {
            self.consequences_heading()?;
        }
        for (rule, count, connections) in consequences {
            let mut place = String::new();
            if count != connections {
                counted(&mut place, count, "time");
                place.push(' ');
            }
            place.push_str("on ");
            counted(&mut place, connections, "connection");
            self.consequence(rule, &place)?;
        }
        Ok(())
    }

    /// The last line of a file, or of all files.
    fn sum(
        &mut self,
        name: &str,
        totals: (u64, MessageCounts),
        found: Severities,
        counts: &ExplainedCounts,
    ) {
        self.line.begin(Role::Title);
        self.line.foreign(name.as_bytes(), LONGEST_NAME);
        self.line.push(": ");
        self.line.with(|out| {
            counted(out, totals.0, "connection");
            out.push_str(", ");
            totals.1.write(out);
            out.push_str(": ");
            counts.write(found, out);
        });
        self.line.end();
    }

    fn columns(&self) -> usize {
        self.options.columns.unwrap_or(WIDEST).clamp(NARROWEST, WIDEST)
    }

    fn write(&mut self) -> io::Result<()> {
        self.has_written = true;
        let mut outcome = Ok(());
        let out = &mut self.out;
        self.line.finish(|line| outcome = out.write_all(line));
        outcome
    }
}

impl CheckWriter for CheckText<'_> {
    fn suspect(&mut self, file: &str, suspect: &ConnectionFindings) -> io::Result<()> {
        self.connection(file, &occurrences(suspect, &self.options), None)
    }

    fn file(&mut self, checked: &FileFindings) -> io::Result<()> {
        if let Extent::Unread(failure) = &checked.extent {
            self.line.begin(Role::Error);
            self.line.push("✖ ");
            self.line.foreign(failure.as_bytes(), usize::MAX);
            self.line.end();
            return self.write();
        }
        let folded = fold(&checked.connections, &self.options);
        let (notes, problems): (Vec<_>, Vec<_>) =
            folded.shared.iter().partition(|shared| shared.severity() <= Some(Severity::Note));
        let (asides, rest): (Vec<_>, Vec<_>) =
            folded.rest.iter().partition(|of| of.first().is_some_and(|it| it.of.is_aside()));
        for shared in problems {
            self.shared(&checked.file, shared)?;
        }
        let rules = folded.shared_rules();
        let rules = |of: &[Occurrence<'_>]| rules.get(&of.first()?.of.id);
        for of in rest {
            self.connection(&checked.file, of, rules(of))?;
        }
        for shared in notes {
            self.shared(&checked.file, shared)?;
        }
        for of in asides {
            self.connection(&checked.file, of, rules(of))?;
        }
        if checked.capture.iter().any(|finding| self.options.shows(finding.severity)) {
            self.heading(checked.file.clone(), |line| {
                line.begin(Role::Title);
                line.foreign(checked.file.as_bytes(), LONGEST_NAME);
                line.push(": the capture itself");
                line.end();
            })?;
            for finding in &checked.capture {
                if self.options.shows(finding.severity) {
                    self.finding(finding)?;
                }
            }
        }
        if !self.heading.is_empty() {
            self.write()?;
            self.heading.clear();
        }
        let (summary, found) = (&checked.summary, checked.found());
        self.total.files = self.total.files.saturating_add(1);
        self.total.connections = self.total.connections.saturating_add(summary.totals.connections);
        self.total.messages = self.total.messages.joined(summary.messages);
        self.total.found.join(found);
        self.total.counts.join(&summary.explained);
        let totals = (summary.totals.connections, summary.messages);
        self.sum(&checked.file, totals, found, &summary.explained);
        match checked.extent {
            Extent::Whole | Extent::Unread(_) => {}
            Extent::Partly(_) => self.line.paint(Role::Warning, "; not read to its end"),
        }
        self.write()?;
        for file in summary.files_in_words() {
            self.line.foreign(file.as_bytes(), usize::MAX);
            self.write()?;
        }
        Ok(())
    }

    fn flush(&mut self) -> io::Result<()> {
        self.out.flush()
    }

    fn finish(&mut self) -> io::Result<()> {
        if self.options.files == Files::Several {
            let mut name = String::new();
            counted(&mut name, self.total.files, "file");
            self.write()?;
            let TextTotals { connections, messages, found, .. } = self.total;
            let counts = std::mem::take(&mut self.total.counts);
            self.sum(&name, (connections, messages), found, &counts);
            self.write()?;
        }
        self.out.flush()
    }
}

/// `feed.pcap: connection 3  127.0.0.1:50312 → [::1]:8080  /feed`
fn connection_heading(line: &mut Line, file: &str, of: &ConnectionFindings) {
    line.begin(Role::Title);
    line.foreign(file.as_bytes(), LONGEST_NAME);
    line.push(": connection ");
    line.value(of.id.0);
    line.end();
    line.push("  ");
    line.begin(role(Direction::ClientToServer));
    line.value(of.client);
    line.end();
    line.push(" → ");
    line.begin(role(Direction::ServerToClient));
    line.value(of.server);
    line.end();
    if let Some(target) = &of.target {
        line.push("  ");
        let room = WIDEST.saturating_sub(line.column()).max(LEAST_TARGET);
        line.foreign(target, room);
    }
}

/// Where titles and all below them begin.
const INDENT: usize = 12;

/// Where the rules that a cause explains begin.
const CONSEQUENCE: usize = INDENT + 2;

/// Columns of the id of such a rule.
const RULE: usize = 8;

/// Columns that a paragraph has at most: longer lines are hard to read.
const WIDEST: usize = 100;

/// Columns that are taken for granted.
const NARROWEST: usize = 40;

/// Columns of the evidence of one finding at most.
const LONGEST_EVIDENCE: usize = 1000;

/// Columns of a file's name at most.
const LONGEST_NAME: usize = 200;

/// Columns that a request target has in any case.
const LEAST_TARGET: usize = 20;

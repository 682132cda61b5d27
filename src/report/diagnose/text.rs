//! Stories as paragraphs for people.

mod live;

use std::collections::VecDeque;
use std::fmt::Write as _;

use std::io::{self, Write};

use super::fold::{LikeConnections, LikenessKey, fold};
use super::groups::GroupName;
use super::story::{Story, Verdict};
use super::summary::summary;
use super::words::{meaning, packets, remedy, who};
use super::{DiagnoseOptions, DiagnoseWriter, Diagnosis, StoryUpdate, apart, cause};
use crate::analysis::event::ConnectionId;
use crate::describe::decoded_again;
use crate::describe::phases::{Phase, start};
use crate::findings::{ExcludedCause, Explains, Finding};
use crate::report::check::{Extent, Files};
use crate::report::line::{Line, role};
use crate::stream::{Direction, PacketId, PerDirection, Timestamp};
use crate::text::amount::{counted, duration};
use crate::text::escape::escape;
use crate::text::page::wrapped;
use crate::text::role::Role;
use crate::text::words;
use crate::websocket::MessageCounts;

/// Writes text.
pub(super) struct DiagnoseText<'w> {
    out: &'w mut dyn Write,
    options: DiagnoseOptions,
    line: Line,
    /// Whether anything has been written.
    has_written: bool,
    /// Whether the last thing written was a connection of a single line.
    is_in_list: bool,
    /// What to do, and for which connection it was said, the latest last.
    said: VecDeque<(String, Option<ConnectionId>)>,
    /// What was written in full as soon as it had ended, the latest last.
    told: VecDeque<(LikenessKey, ConnectionId)>,
    /// What several connections show together, and for which of them it was explained.
    groups: VecDeque<(GroupName, ConnectionId)>,
}

impl<'w> DiagnoseText<'w> {
    pub(super) fn new(out: &'w mut dyn Write, options: DiagnoseOptions) -> Self {
        let line = Line::new(options.style.clone());
        Self {
            out,
            options,
            line,
            has_written: false,
            is_in_list: false,
            said: VecDeque::new(),
            told: VecDeque::new(),
            groups: VecDeque::new(),
        }
    }

    fn block(&mut self, block: &LikeConnections<'_>) -> io::Result<()> {
        let Some(story) = block.first() else { return Ok(()) };
        let is_detailed = self.is_detailed(story);
        self.part(is_detailed)?;
        let causes = story.causes();
        let words = match story.verdict {
            Verdict::Fine if block.stories.len() > 1 => all_fine(block),
            _ => story.words.clone(),
        };
        self.heading(block, story, &words)?;
        if !is_detailed {
            return Ok(());
        }
        let alike = block.stories.len();
        if alike > 1 {
            let mut text = String::new();
            let noun = if story.verdict == Verdict::Failed { "attempt" } else { "connection" };
            counted(&mut text, u64::try_from(alike).unwrap_or(u64::MAX), noun);
            text.push_str(" like this, ");
            intervals(&mut text, &block.intervals());
            text.push_str("; the first:");
            self.paragraph("", INDENT, &text, Some(Role::Dim))?;
        }
        self.details(story, &causes)
    }

    /// Whether a story takes more than a line.
    fn is_detailed(&self, story: &Story) -> bool {
        match story.verdict {
            Verdict::Failed | Verdict::Dropped | Verdict::Trouble => true,
            Verdict::Unknown if story.causes().first().is_some_and(|it| it.rule.is_cause()) => true,
            Verdict::Unknown | Verdict::Fine | Verdict::Other => {
                self.options.selection.connections.contains(&story.connection.id)
            }
        }
    }

    /// What follows the first line: the phases, why it ended so, and what to do.
    fn details(&mut self, story: &Story, causes: &[&Finding]) -> io::Result<()> {
        let phases = story.phases();
        let start = start(&phases);
        for phase in &phases {
            self.phase(phase, start)?;
        }
        if let Some(who) = who(story) {
            self.paragraph("Who", LABEL, &who, None)?;
        }
        self.explain(causes, Some(story))?;
        let consequences = story.consequences();
        if !consequences.is_empty() {
            let named =
                consequences.iter().map(|rule| format!("{} {}", rule.id, cause::words(rule)));
            let text = named.collect::<Vec<_>>().join("; ");
            self.paragraph("Then", LABEL, &text, Some(Role::Dim))?;
        }
        let asides = story.asides();
        if !asides.is_empty() {
            let ids: Vec<&str> = asides.iter().map(|rule| rule.id).collect();
            let text = format!("findings: {} (wslens check explains them)", ids.join(", "));
            self.paragraph("Other", LABEL, &text, Some(Role::Dim))?;
        }
        Ok(())
    }

    /// A blank line, unless one connection of a single line follows another.
    fn part(&mut self, is_detailed: bool) -> io::Result<()> {
        if self.has_written && (is_detailed || !self.is_in_list) {
            self.write()?;
        }
        self.is_in_list = !is_detailed;
        Ok(())
    }

    /// `connection 4   [::1]:50313 → [::1]:8080   failed: connection refused    NET-04, NET-01`
    fn heading(
        &mut self,
        block: &LikeConnections<'_>,
        story: &Story,
        words: &str,
    ) -> io::Result<()> {
        let connection = &story.connection;
        self.line.begin(Role::Title);
        self.line.push(&numbers(block.stories.iter().map(|story| story.connection.id.0)));
        self.line.end();
        self.line.spaces(3);
        self.line.begin(role(Direction::ClientToServer));
        let hosts = block.hosts();
        if hosts > 1 {
            self.line.number(u64::try_from(hosts).unwrap_or(u64::MAX));
            self.line.push(" hosts");
        } else if block.stories.len() > 1 {
            self.line.value(connection.client.ip());
        } else {
            self.line.value(connection.client);
        }
        self.line.end();
        let servers = block.servers();
        let server = match servers.split_first() {
            Some((first, others)) if !others.is_empty() => {
                format!("{first} and {}", counted_servers(others.len()))
            }
            Some(_) | None => connection.server.to_string(),
        };
        if self.line.column().saturating_add(server.len()).saturating_add(3) > self.columns() {
            self.write()?;
            self.line.spaces(INDENT);
            self.line.push("→ ");
        } else {
            self.line.push(" → ");
        }
        self.line.begin(role(Direction::ServerToClient));
        self.line.push(&server);
        self.line.end();
        self.verdict(story.verdict, words, &ids(&story.causes()))
    }

    /// Appends the verdict to the line, and rules at the right edge, as far as they fit.
    fn verdict(&mut self, verdict: Verdict, words: &str, rules: &str) -> io::Result<()> {
        self.conclusion(color(verdict), &format!("{}{words}", verdict.heading()), rules)
    }

    /// The same for a verdict in words.
    fn conclusion(&mut self, color: Role, text: &str, rules: &str) -> io::Result<()> {
        let width = text.chars().count();
        let right = rules.chars().count();
        let needed = width.saturating_add(right).saturating_add(5);
        if self.line.column().saturating_add(needed) <= self.columns() {
            self.line.spaces(3);
            self.line.paint(color, text);
            return self.at_the_right(rules);
        }
        if self.line.column().saturating_add(3).saturating_add(width) <= self.columns() {
            self.line.spaces(3);
            self.line.paint(color, text);
            self.write()?;
            return if rules.is_empty() { Ok(()) } else { self.at_the_right(rules) };
        }
        self.write()?;
        let lines = wrapped(text, self.columns().saturating_sub(INDENT));
        let count = lines.len();
        for (place, line) in lines.into_iter().enumerate() {
            self.line.spaces(INDENT);
            self.line.paint(color, &line);
            if place.saturating_add(1) < count {
                self.write()?;
            }
        }
        self.at_the_right(rules)
    }

    /// Ends the line with a text at the right edge; on a line of its own where it does not fit.
    fn at_the_right(&mut self, text: &str) -> io::Result<()> {
        if !text.is_empty() {
            let column = self.columns().saturating_sub(text.chars().count());
            if self.line.column().saturating_add(2) > column && self.line.column() > 0 {
                self.write()?;
            }
            self.line.pad_to(column);
            self.line.paint(Role::Dim, text);
        }
        self.write()
    }

    /// `  0.4 ms  TCP      SYN → RST in 0.1 ms                               packets 5-6`
    fn phase(&mut self, phase: &Phase, start: Timestamp) -> io::Result<()> {
        let since = phase.since(start).map_or_else(|| "-".to_owned(), words::duration);
        let width = TIME.saturating_sub(since.chars().count());
        self.line.spaces(width);
        self.line.paint(Role::Dim, &since);
        self.line.spaces(2);
        self.line.paint(Role::Title, phase.label.heading());
        let indent = TIME.saturating_add(2).saturating_add(PHASE);
        self.line.pad_to(indent);
        let lines = wrapped(&phase.text, self.columns().saturating_sub(indent));
        for (place, line) in lines.into_iter().enumerate() {
            if place > 0 {
                self.write()?;
                self.line.pad_to(indent);
            }
            self.line.push(&line);
        }
        let place = phase.packets.map(|(first, last)| packets(first, last)).unwrap_or_default();
        self.at_the_right(&place)
    }

    /// Why, what to do, and what else fits.
    fn explain(&mut self, causes: &[&Finding], story: Option<&Story>) -> io::Result<()> {
        let Some((finding, others)) = causes.split_first() else {
            return story.map_or(Ok(()), |story| self.unexplained(story));
        };
        self.paragraph("Why", LABEL, &why(finding, &meaning(finding, story)), None)?;
        for line in decoded_again::lines(&finding.decoded_again) {
            self.paragraph("", LABEL, &line, None)?;
        }
        if finding.explains() == Explains::Drop {
            story.map_or(Ok(()), |story| self.excluded(story))?;
        }
        let silence = story.and_then(Story::silence);
        let candidates = apart::candidates(finding.rule.id, silence);
        for (place, (candidate, telling)) in candidates.enumerate() {
            let label = if place == 0 { "Either" } else { "or" };
            self.paragraph(label, LABEL, &format!("{candidate}: then {telling}."), None)?;
        }
        self.advise(remedy(finding, story), finding.connection)?;
        for other in others {
            let mut text = format!("contributing: {} {}: ", other.rule.id, other.rule.title);
            escape(other.evidence.as_bytes(), LONGEST_OTHER, &mut text);
            self.paragraph("Also", LABEL, &text, None)?;
        }
        Ok(())
    }

    /// What is known of a failure that nothing explains, and what to record.
    fn unexplained(&mut self, story: &Story) -> io::Result<()> {
        if !story.verdict.is_failure() {
            return Ok(());
        }
        self.paragraph("Why", LABEL, UNEXPLAINED, None)?;
        self.excluded(story)?;
        self.advise(WHAT_TO_RECORD, Some(story.connection.id))
    }

    /// The causes that what was captured excludes, if no cause was found.
    fn excluded(&mut self, story: &Story) -> io::Result<()> {
        if story.causes().first().is_some_and(|first| first.rule.is_cause()) {
            return Ok(());
        }
        for (place, ExcludedCause { rule, because }) in story.excluded.iter().enumerate() {
            let mut text = format!("{} {}: ", rule.id, cause::words(rule));
            escape(because.as_bytes(), LONGEST_OTHER, &mut text);
            let label = if place == 0 { "Not" } else { "nor" };
            self.paragraph(label, LABEL, &text, Some(Role::Dim))?;
        }
        Ok(())
    }

    /// What to do, or where that was said before.
    fn advise(&mut self, remedy: &str, connection: Option<ConnectionId>) -> io::Result<()> {
        let before = self.said.iter().find(|(said, _)| said == remedy).map(|(_, of)| *of);
        match before {
            Some(Some(of)) => {
                self.paragraph("Do", LABEL, &format!("as for connection {}.", of.0), None)
            }
            Some(None) => self.paragraph("Do", LABEL, "as above.", None),
            None => {
                if self.said.len() >= MOST_SAID {
                    self.said.pop_front();
                }
                self.said.push_back((remedy.to_owned(), connection));
                self.paragraph("Do", LABEL, remedy, None)
            }
        }
    }

    /// A paragraph with a label; further lines begin at `indent`, too.
    fn paragraph(
        &mut self,
        label: &str,
        indent: usize,
        text: &str,
        color: Option<Role>,
    ) -> io::Result<()> {
        for (place, line) in
            wrapped(text, self.columns().saturating_sub(indent)).into_iter().enumerate()
        {
            if place == 0 && !label.is_empty() {
                self.line.spaces(INDENT);
                self.line.paint(Role::Title, label);
            }
            self.line.pad_to(indent);
            match color {
                Some(color) => self.line.paint(color, &line),
                None => self.line.push(&line),
            }
            self.write()?;
        }
        Ok(())
    }

    /// What failed before there was a connection.
    fn failure(&mut self, finding: &Finding) -> io::Result<()> {
        self.part(true)?;
        self.line.paint(Role::Title, "no connection");
        self.verdict(Verdict::Failed, cause::words(finding.rule), finding.rule.id)?;
        self.explain(&[finding], None)
    }

    /// What failed before there was a connection, but need not have anything to do with a WebSocket.
    fn aside(&mut self, finding: &Finding) -> io::Result<()> {
        self.part(false)?;
        self.line.paint(Role::Title, "no connection");
        self.verdict(Verdict::Other, cause::words(finding.rule), finding.rule.id)?;
        let mut evidence = String::new();
        escape(finding.evidence.as_bytes(), LONGEST_OTHER, &mut evidence);
        self.paragraph("", INDENT, &evidence, Some(Role::Dim))
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

impl DiagnoseWriter for DiagnoseText<'_> {
    fn story(&mut self, story: &Story, _: &[u64]) -> io::Result<()> {
        self.ended(story)
    }

    fn update(&mut self, update: &StoryUpdate<'_>) -> io::Result<()> {
        self.updated(update)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.out.flush()
    }

    fn file(&mut self, diagnosis: &Diagnosis) -> io::Result<()> {
        self.said.clear();
        if self.options.files == Files::Several {
            self.part(true)?;
            self.line.begin(Role::Title);
            self.line.foreign(diagnosis.file.as_bytes(), LONGEST_NAME);
            self.line.end();
            self.write()?;
        }
        if let Extent::Unread(failure) = &diagnosis.extent {
            self.line.begin(Role::Error);
            self.line.push("✖ ");
            self.line.foreign(failure.as_bytes(), usize::MAX);
            self.line.end();
            return self.write();
        }
        if self.options.selection.connections.is_empty() {
            for finding in diagnosis.failures() {
                self.failure(finding)?;
            }
        }
        let options = self.options.clone();
        let stories: Vec<&Story> = diagnosis.shown(&options).collect();
        for block in fold(&stories, options.folding()) {
            match block.first().and_then(|first| self.told_of(first)) {
                Some(before) => self.grown(&block, before)?,
                None => self.block(&block)?,
            }
        }
        if self.options.selection.connections.is_empty() {
            for finding in diagnosis.asides() {
                self.aside(finding)?;
            }
        }
        if self.has_written {
            self.write()?;
        }
        let sum = summary(diagnosis, self.options.files);
        self.paragraph("", 0, &sum, Some(Role::Title))?;
        for unused in &diagnosis.unused {
            self.paragraph("", INDENT, &unused.text(), None)?;
        }
        for file in diagnosis.summary.files_in_words() {
            let mut safe = String::new();
            escape(file.as_bytes(), LONGEST_OTHER, &mut safe);
            self.paragraph("", INDENT, &safe, None)?;
        }
        for note in &diagnosis.summary.notes {
            let text = format!("{} {}", note.rule, note.text);
            let mut safe = String::new();
            escape(text.as_bytes(), LONGEST_OTHER, &mut safe);
            self.paragraph("▲", 4, &safe, Some(Role::Warning))?;
        }
        Ok(())
    }

    fn finish(&mut self) -> io::Result<()> {
        self.out.flush()
    }
}

/// `connection 4`, `connections 4, 6-9`
fn numbers(ids: impl Iterator<Item = u64>) -> String {
    let mut count = 0_usize;
    let mut runs: Vec<(u64, u64)> = Vec::new();
    for id in ids {
        count = count.saturating_add(1);
        match runs.last_mut() {
            Some((_, last)) if last.saturating_add(1) == id => *last = id,
            Some(_) | None => runs.push((id, id)),
        }
    }
    let hidden = runs.len().saturating_sub(MOST_RUNS);
    runs.truncate(MOST_RUNS);
    let mut texts: Vec<String> = runs
        .into_iter()
        .map(
            |(first, last)| {
                if first == last { first.to_string() } else { format!("{first}-{last}") }
            },
        )
        .collect();
    if hidden > 0 {
        texts.push("…".to_owned());
    }
    let noun = if count > 1 { "connections" } else { "connection" };
    format!("{noun} {}", texts.join(", "))
}

/// `1 more server`
fn counted_servers(number: usize) -> String {
    let mut out = String::new();
    counted(&mut out, u64::try_from(number).unwrap_or(u64::MAX), "more server");
    out
}

/// `3 connections, 36 messages, 4 control frames`
fn all_fine(block: &LikeConnections<'_>) -> String {
    let mut messages = MessageCounts::default();
    for story in &block.stories {
        let PerDirection { client, server } = story.connection.messages;
        messages = messages.joined(client).joined(server);
    }
    let mut out = String::new();
    let count = u64::try_from(block.stories.len()).unwrap_or(u64::MAX);
    counted(&mut out, count, "connection");
    out.push_str(", ");
    messages.write(&mut out);
    out
}

/// `every 1.0 s`, or how the intervals grew.
fn intervals(out: &mut String, intervals: &[u64]) {
    let (least, most) = (intervals.iter().min(), intervals.iter().max());
    let (Some(least), Some(most)) = (least.copied(), most.copied()) else { return };
    // Alike within a fifth: people call that regular.
    if most.saturating_sub(least) <= most / 5 {
        out.push_str("every ");
        duration(out, most.midpoint(least));
    } else {
        out.push_str("after ");
        duration(out, least);
        out.push_str(" to ");
        duration(out, most);
    }
}

fn ids(causes: &[&Finding]) -> String {
    let ids: Vec<&str> = causes.iter().map(|finding| finding.rule.id).collect();
    ids.join(", ")
}

/// The evidence, and the first sentences of what it means.
fn why(finding: &Finding, meaning: &str) -> String {
    let mut out = String::new();
    let mut evidence = finding.evidence.trim_end_matches('.').to_owned();
    // Not where it begins with a name, or with a value.
    let word = evidence.split(' ').next().unwrap_or_default();
    let first = word.chars().next().filter(|_| word.bytes().all(|it| it.is_ascii_lowercase()));
    if let Some(first) = first {
        evidence.replace_range(..first.len_utf8(), &first.to_ascii_uppercase().to_string());
    }
    escape(evidence.as_bytes(), LONGEST_EVIDENCE, &mut out);
    let (first, last) = (finding.first.packet, finding.last.packet);
    if first != PacketId(0) && !names_packet(&finding.evidence, first) {
        write!(out, ", {}", packets(first.0, last.0)).ok();
    }
    out.push('.');
    if finding.rule.is_cause() && finding.evidence.len() > LONGEST_EXPLANATION {
        return out;
    }
    let mut length = 0_usize;
    for sentence in meaning.split_inclusive(". ") {
        length = length.saturating_add(sentence.len());
        if length > LONGEST_EXPLANATION && length > sentence.len() {
            break;
        }
        if !out.ends_with(' ') {
            out.push(' ');
        }
        out.push_str(sentence);
    }
    out.truncate(out.trim_end().len());
    out
}

/// Whether evidence names a packet.
fn names_packet(evidence: &str, packet: PacketId) -> bool {
    let number = packet.0.to_string();
    ["packet ", "packets "].iter().any(|noun| {
        evidence.match_indices(noun).any(|(place, _)| {
            let after = evidence.get(place.saturating_add(noun.len())..).unwrap_or_default();
            let rest = after.strip_prefix(number.as_str());
            rest.is_some_and(|rest| !rest.starts_with(|next: char| next.is_ascii_digit()))
        })
    })
}

fn color(verdict: Verdict) -> Role {
    match verdict {
        Verdict::Failed | Verdict::Dropped => Role::Error,
        Verdict::Trouble => Role::Warning,
        Verdict::Unknown | Verdict::Other => Role::Dim,
        Verdict::Fine => Role::Server,
    }
}

/// Of a failure that nothing explains.
const UNEXPLAINED: &str = "Nothing that was captured explains it: no rule is broken, and no known cause \
    fits.";

/// What to do about a failure that nothing explains.
const WHAT_TO_RECORD: &str = "Look into the logs of both programs at this time. Record whole packets \
    (`tcpdump -s 0`) in both directions, from before the connection is opened, on the side that ended it; \
    if a proxy is on the way, on both of its sides.";

/// Columns that a paragraph has at most: longer lines are hard to read.
const WIDEST: usize = 100;

/// Columns that are taken for granted.
const NARROWEST: usize = 40;

/// Where what belongs to a connection begins.
const INDENT: usize = 2;

/// Where paragraphs with a label begin.
const LABEL: usize = 9;

/// Columns of the time of a phase.
const TIME: usize = 9;

/// Columns of the name of a phase.
const PHASE: usize = 10;

/// Runs of numbers that are written of connections that are alike.
const MOST_RUNS: usize = 6;

/// Remedies that are remembered.
const MOST_SAID: usize = 32;

/// Columns of evidence at most.
const LONGEST_EVIDENCE: usize = 600;

/// Columns of the evidence of findings other than the cause.
const LONGEST_OTHER: usize = 300;

/// Bytes of an explanation; its first sentence is always written.
const LONGEST_EXPLANATION: usize = 220;

/// Columns of a file's name at most.
pub(super) const LONGEST_NAME: usize = 200;

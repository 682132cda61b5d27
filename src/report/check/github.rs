//! Findings as workflow commands of GitHub Actions, which become annotations.

use std::fmt::Write as _;
use std::io::{self, Write};

use super::{
    CheckOptions, CheckWriter, ConnectionFindings, Explained, ExplainedFindings, FileFindings,
};
use crate::describe::decoded_again;
use crate::findings::{Rule, Severity};
use crate::stream::PacketId;
use crate::text::escape::escape;

/// Writes workflow commands.
pub(super) struct Github<'w> {
    out: &'w mut dyn Write,
    options: CheckOptions,
}

impl<'w> Github<'w> {
    pub(super) fn new(out: &'w mut dyn Write, options: CheckOptions) -> Self {
        Self { out, options }
    }

    fn finding(&mut self, file: &str, explained: &Explained<'_>) -> io::Result<()> {
        let finding = explained.finding;
        let mut text = String::new();
        if let Some(id) = finding.connection {
            write!(text, "connection {}: ", id.0).ok();
        }
        escape(finding.evidence.as_bytes(), LONGEST_EVIDENCE, &mut text);
        for line in decoded_again::lines(&finding.decoded_again) {
            write!(text, "; {line}").ok();
        }
        if finding.first.packet != PacketId(0) {
            write!(text, " (packet {})", finding.first.packet).ok();
        }
        let rules = explained.consequences.as_ref().map(ExplainedFindings::rules);
        if let Some(rules) = rules.filter(|rules| !rules.is_empty()) {
            write!(text, "; consequences: {}", rules.join(", ")).ok();
        }
        self.command(file, finding.rule, finding.severity, &text)
    }

    /// What was found on a connection. What follows from a cause is named in its annotation, and has none.
    fn connection(&mut self, file: &str, of: &ConnectionFindings) -> io::Result<()> {
        let all = of.explained(self.options.least);
        let counted: Vec<_> = all.counted.iter().map(|(rule, _)| rule.id).collect();
        for explained in Explained::all_of(all).iter().filter(|it| it.of.is_none()) {
            self.finding(file, explained)?;
        }
        self.folded(file, of, &counted)
    }

    /// What was only counted, without what is explained.
    fn folded(
        &mut self,
        file: &str,
        suspect: &ConnectionFindings,
        explained: &[&str],
    ) -> io::Result<()> {
        let folded = suspect.folded(self.options.least);
        for (rule, count) in folded.filter(|(rule, _)| !explained.contains(&rule.id)) {
            let text = format!("connection {}: … and {count} more of {}", suspect.id.0, rule.id);
            self.command(file, rule, rule.severity, &text)?;
        }
        Ok(())
    }

    fn command(
        &mut self,
        file: &str,
        rule: &Rule,
        severity: Severity,
        text: &str,
    ) -> io::Result<()> {
        let name = match severity {
            Severity::Error => "error",
            Severity::Warning => "warning",
            Severity::Note => "notice",
        };
        let title = format!("{} {}", rule.id, rule.title);
        let (file, title) = (property(file), property(&title));
        writeln!(self.out, "::{name} file={file},title={title}::{}", data(text))
    }
}

impl CheckWriter for Github<'_> {
    fn suspect(&mut self, file: &str, suspect: &ConnectionFindings) -> io::Result<()> {
        self.connection(file, suspect)
    }

    fn file(&mut self, checked: &FileFindings) -> io::Result<()> {
        if let Some(failure) = checked.failure() {
            let mut text = String::new();
            escape(failure.as_bytes(), LONGEST_EVIDENCE, &mut text);
            let file = property(&checked.file);
            writeln!(self.out, "::error file={file},title=not read::{}", data(&text))?;
        }
        for of in &checked.connections {
            self.connection(&checked.file, of)?;
        }
        for finding in &checked.capture {
            if self.options.shows(finding.severity) {
                self.finding(&checked.file, &Explained::alone(finding))?;
            }
        }
        Ok(())
    }

    fn flush(&mut self) -> io::Result<()> {
        self.out.flush()
    }

    fn finish(&mut self) -> io::Result<()> {
        self.out.flush()
    }
}

/// A value of a property, where colons and commas have a meaning as well; logs are read on terminals.
fn property(text: &str) -> String {
    let mut harmless = String::new();
    escape(text.as_bytes(), LONGEST_EVIDENCE, &mut harmless);
    data(&harmless).replace(':', "%3A").replace(',', "%2C")
}

/// The text of a command: a percent sign begins an escape, a line end ends the command.
fn data(text: &str) -> String {
    text.replace('%', "%25").replace('\r', "%0D").replace('\n', "%0A")
}

/// Columns of the evidence of one finding at most.
const LONGEST_EVIDENCE: usize = 1000;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_has_a_meaning_in_a_command_is_escaped() {
        #[rustfmt::skip]
        let cases = [
            ("plain",        "feed.pcap",      "feed.pcap",            "feed.pcap"),
            ("percent",      "100%",           "100%25",               "100%25"),
            ("a second line", "a\r\n::set-output", "a%0D%0A::set-output", r"a\r\n%3A%3Aset-output"),
            ("list",         "a,b:c",          "a,b:c",                "a%2Cb%3Ac"),
        ];
        for (name, text, as_data, as_property) in cases {
            assert_eq!(
                (data(text).as_str(), property(text).as_str()),
                (as_data, as_property),
                "{name}"
            );
        }
    }
}

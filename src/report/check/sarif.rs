//! Findings as SARIF 2.1.0 (OASIS), which code scanning services and editors read.

use std::fmt::Write as _;
use std::io::{self, Write};

use serde_json::{Value, json};

use super::{
    CheckOptions, CheckWriter, ConnectionFindings, Explained, ExplainedFindings, FileFindings,
};
use crate::describe::decoded_again;
use crate::findings::{Bits, Rule, Severity, rules};
use crate::stream::{Direction, PacketId, Side};
use crate::text::clock::Rfc3339;
use crate::text::escape::escape;

/// Writes a document, file by file.
pub(super) struct Sarif<'w> {
    out: &'w mut dyn Write,
    options: CheckOptions,
    clock: Rfc3339,
    progress: SarifProgress,
    /// Files that could not be read, as notifications.
    failures: Vec<Value>,
}

/// How far the document is.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum SarifProgress {
    /// Nothing is written.
    Nothing,
    /// The list of results is open and empty.
    Open,
    /// Results have been written.
    Results,
}

impl<'w> Sarif<'w> {
    pub(super) fn new(out: &'w mut dyn Write, options: CheckOptions) -> Self {
        Self {
            out,
            options,
            clock: Rfc3339::default(),
            progress: SarifProgress::Nothing,
            failures: Vec::new(),
        }
    }

    /// Writes everything before the results.
    fn begin(&mut self) -> io::Result<()> {
        if self.progress != SarifProgress::Nothing {
            return Ok(());
        }
        self.progress = SarifProgress::Open;
        let driver = json!({
            "name": "wslens",
            "semanticVersion": env!("CARGO_PKG_VERSION"),
            "rules": rules().map(described).collect::<Vec<Value>>(),
        });
        writeln!(
            self.out,
            r#"{{"$schema":"{SCHEMA}","version":"2.1.0","runs":[{{"tool":{{"driver":{driver}}},"columnKind":"unicodeCodePoints","results":["#
        )
    }

    fn result(&mut self, result: &Value) -> io::Result<()> {
        if self.progress == SarifProgress::Results {
            self.out.write_all(b",\n")?;
        }
        self.progress = SarifProgress::Results;
        write!(self.out, "{result}")
    }

    /// A finding. What follows from a cause is at its related locations, and no result of its own.
    fn finding(&mut self, file: &str, explained: &Explained<'_>) -> Value {
        let finding = explained.finding;
        let mut text = format!("{}: ", finding.rule.title);
        escape(finding.evidence.as_bytes(), LONGEST_EVIDENCE, &mut text);
        for line in decoded_again::lines(&finding.decoded_again) {
            write!(text, "; {line}").ok();
        }
        let has_packets = finding.first.packet != PacketId(0);
        let connection = finding.connection.map(|id| id.0);
        let mut result = of_rule((finding.rule, finding.severity), &text, file, connection);
        insert(
            &mut result,
            "properties",
            json!({
                "connection": connection,
                "packets": has_packets.then_some([finding.first.packet.0, finding.last.packet.0]),
                "time": has_packets.then(|| self.clock.text(finding.last.time)),
                "offset": finding.offset,
                "direction": finding.direction.map(Direction::name),
                "side": finding.side.map(Side::name),
                "bits": finding.bits.map(|Bits { start, count }| [start, count]),
            }),
        );
        if let Some(all) = explained.consequences.as_ref().filter(|it| !it.rules().is_empty()) {
            insert(&mut result, "relatedLocations", Value::Array(related_locations(all, file)));
            if let Some(Value::Object(properties)) = result.get_mut("properties") {
                properties.insert("consequences".to_owned(), json!(all.rules()));
            }
        }
        result
    }
}

impl CheckWriter for Sarif<'_> {
    fn suspect(&mut self, _: &str, _: &ConnectionFindings) -> io::Result<()> {
        Ok(())
    }

    fn file(&mut self, checked: &FileFindings) -> io::Result<()> {
        self.begin()?;
        for explained in checked.in_order(&self.options).iter().filter(|it| it.of.is_none()) {
            let result = self.finding(&checked.file, explained);
            self.result(&result)?;
        }
        for suspect in &checked.connections {
            let explained = suspect.explained(self.options.least).counted;
            let is_own = |rule: &Rule| explained.iter().all(|(other, _)| other.id != rule.id);
            let folded = suspect.folded(self.options.least);
            for (rule, count) in folded.filter(|(rule, _)| is_own(rule)) {
                let text = format!("{}: {count} more on this connection", rule.title);
                let mut result =
                    of_rule((rule, rule.severity), &text, &checked.file, Some(suspect.id.0));
                insert(&mut result, "occurrenceCount", json!(count));
                self.result(&result)?;
            }
        }
        self.failures.extend(checked.failure().map(|failure| {
            json!({
                "level": "error",
                "message": { "text": failure },
                "locations": [{ "physicalLocation": { "artifactLocation": { "uri": uri(&checked.file) } } }],
            })
        }));
        Ok(())
    }

    fn flush(&mut self) -> io::Result<()> {
        self.out.flush()
    }

    fn finish(&mut self) -> io::Result<()> {
        self.begin()?;
        let invocation = json!({
            "executionSuccessful": self.failures.is_empty(),
            "toolExecutionNotifications": self.failures,
        });
        writeln!(self.out, "\n],\"invocations\":[{invocation}]}}]}}")?;
        self.out.flush()
    }
}

/// A rule as the document describes it.
fn described(rule: &Rule) -> Value {
    let mut value = json!({
        "id": rule.id,
        "shortDescription": { "text": rule.title },
        "fullDescription": { "text": rule.explanation },
        "help": { "text": rule.remedy },
        "defaultConfiguration": { "level": level(rule.severity) },
        "properties": { "section": rule.section, "binds": rule.applies_to.name() },
    });
    if let Some(address) = address(rule.section) {
        insert(&mut value, "helpUri", json!(address));
    }
    value
}

/// What follows from a cause, as locations with a message.
fn related_locations(all: &ExplainedFindings<'_>, file: &str) -> Vec<Value> {
    let found = all.consequences.iter().map(|finding| {
        let mut text = format!("{} {}: ", finding.rule.id, finding.rule.title);
        escape(finding.evidence.as_bytes(), LONGEST_EVIDENCE, &mut text);
        if finding.first.packet != PacketId(0) {
            write!(text, " (packet {})", finding.first.packet).ok();
        }
        (text, finding.connection.map(|id| id.0))
    });
    let connection = all.cause.and_then(|cause| cause.connection).map(|id| id.0);
    let counted = all.counted.iter().map(|(rule, count)| {
        (format!("{} {}: {count} more on this connection", rule.id, rule.title), connection)
    });
    let located = found.chain(counted).map(|(text, connection)| {
        let mut location = location(file, connection);
        insert(&mut location, "message", json!({ "text": text }));
        location
    });
    located.collect()
}

/// A file, and the connection in it.
fn location(file: &str, connection: Option<u64>) -> Value {
    let mut location = json!({ "physicalLocation": { "artifactLocation": { "uri": uri(file) } } });
    if let Some(connection) = connection {
        let name = json!([{ "name": format!("connection {connection}"), "kind": "resource" }]);
        insert(&mut location, "logicalLocations", name);
    }
    location
}

/// What all results have.
fn of_rule(
    (rule, severity): (&Rule, Severity),
    text: &str,
    file: &str,
    connection: Option<u64>,
) -> Value {
    json!({
        "ruleId": rule.id,
        "ruleIndex": rules().position(|other| other.id == rule.id),
        "level": level(severity),
        "message": { "text": text },
        "locations": [location(file, connection)],
    })
}

fn insert(object: &mut Value, name: &str, value: Value) {
    if let Value::Object(fields) = object {
        fields.insert(name.to_owned(), value);
    }
}

/// SARIF's word for a severity.
fn level(severity: Severity) -> &'static str {
    match severity {
        Severity::Error => "error",
        Severity::Warning => "warning",
        Severity::Note => "note",
    }
}

/// The address of the first section that a rule refers to.
fn address(section: &str) -> Option<String> {
    let (number, rest) = section.strip_prefix("RFC ")?.split_once(" §")?;
    let end = rest.find(|letter: char| !letter.is_ascii_digit() && letter != '.');
    let place = rest.get(..end.unwrap_or(rest.len()))?;
    Some(format!("https://www.rfc-editor.org/rfc/rfc{number}#section-{place}"))
}

/// A file's name as a reference to it (RFC 3986): relative where it is, else with the scheme `file`.
fn uri(file: &str) -> String {
    let mut uri = String::new();
    if file.starts_with('/') {
        uri.push_str("file://");
    }
    for byte in file.bytes() {
        match byte {
            b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' | b'/' => {
                uri.push(char::from(byte));
            }
            _ => {
                write!(uri, "%{byte:02X}").ok();
            }
        }
    }
    uri
}

/// The schema of the document.
const SCHEMA: &str =
    "https://docs.oasis-open.org/sarif/sarif/v2.1.0/errata01/os/schemas/sarif-schema-2.1.0.json";

/// Columns of the evidence of one finding at most.
const LONGEST_EVIDENCE: usize = 1000;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_of_files_are_references() {
        #[rustfmt::skip]
        let cases = [
            ("relative",        "captures/feed.pcap",  "captures/feed.pcap"),
            ("absolute",        "/srv/feed.pcap",      "file:///srv/feed.pcap"),
            ("blank and colon", "a b:c.pcap",          "a%20b%3Ac.pcap"),
            ("escape sequence", "a\x1b[2J%",           "a%1B%5B2J%25"),
            ("umlaut",          "ü",                   "%C3%BC"),
        ];
        for (name, file, expected) in cases {
            assert_eq!(uri(file), expected, "{name}");
        }
    }

    #[test]
    fn sections_have_addresses() {
        #[rustfmt::skip]
        let cases = [
            ("one",         "RFC 6455 §5.1",              Some("https://www.rfc-editor.org/rfc/rfc6455#section-5.1")),
            ("several",     "RFC 7692 §7.1.2, §8",        Some("https://www.rfc-editor.org/rfc/rfc7692#section-7.1.2")),
            ("none",        "",                           None),
            ("no RFC",      "IANA registry",              None),
        ];
        for (name, section, expected) in cases {
            assert_eq!(address(section).as_deref(), expected, "{name}");
        }
    }
}

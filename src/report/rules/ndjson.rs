//! The catalogue as one JSON object a line.

use std::io::{self, Write};

use serde::Serialize;

use super::Section;
use crate::findings::{Example, Rule};
use crate::text::words::hex_digits;

/// Writes the sections.
pub(super) fn write(sections: &[Section], out: &mut dyn Write) -> io::Result<()> {
    for section in sections {
        for rule in &section.rules {
            serde_json::to_writer(&mut *out, &RuleLine::new(section.title, rule))?;
            out.write_all(b"\n")?;
        }
    }
    Ok(())
}

#[derive(Serialize)]
struct RuleLine {
    #[serde(rename = "type")]
    kind: &'static str,
    rule: &'static str,
    group: &'static str,
    severity: &'static str,
    who: &'static str,
    title: &'static str,
    /// Null for what no standard says.
    section: Option<&'static str>,
    explanation: &'static str,
    remedy: &'static str,
    example: ExampleFields,
    /// Of a cause: rules, or beginnings of their ids, whose findings follow from it.
    #[serde(skip_serializing_if = "Option::is_none")]
    consequences: Option<&'static [&'static str]>,
}

impl RuleLine {
    fn new(group: &'static str, rule: &Rule) -> Self {
        Self {
            kind: if rule.is_cause() { "cause" } else { "rule" },
            rule: rule.id,
            group,
            severity: rule.severity.name(),
            who: rule.applies_to.name(),
            title: rule.title,
            section: (!rule.section.is_empty()).then_some(rule.section),
            explanation: rule.explanation,
            remedy: rule.remedy,
            example: ExampleFields::of(rule.example),
            consequences: rule
                .explains
                .filter(|_| rule.is_cause())
                .map(|explains| explains.consequences),
        }
    }
}

/// What breaking a rule looks like: frames as bytes on the wire, or words.
#[derive(Serialize)]
#[serde(untagged)]
enum ExampleFields {
    Frames { sender: &'static str, deflate: bool, hex: String },
    Text { text: &'static str },
}

impl ExampleFields {
    fn of(example: Example) -> Self {
        match example {
            Example::Client(bytes) => {
                Self::Frames { sender: "client", deflate: false, hex: hex_digits(bytes) }
            }
            Example::Server(bytes) => {
                Self::Frames { sender: "server", deflate: false, hex: hex_digits(bytes) }
            }
            Example::Deflated(bytes) => {
                Self::Frames { sender: "client", deflate: true, hex: hex_digits(bytes) }
            }
            Example::Text(text) => Self::Text { text },
        }
    }
}

//! The line of a finding.

use serde::Serialize;

use super::decoded_again::DecodedAgainFields;
use crate::findings::{Bits, Finding, Rule};
use crate::stream::{Direction, PacketId, Side};
use crate::text::clock::Rfc3339;

/// One finding, field by field in the order they are written.
#[derive(Serialize)]
pub(in super::super) struct FindingLine<'a> {
    #[serde(rename = "type")]
    kind: &'static str,
    /// Null where it belongs to no connection.
    connection: Option<u64>,
    /// Null where it is about no packet.
    time: Option<String>,
    /// Null where it is about no packet.
    packets: Option<[u64; 2]>,
    rule: &'static str,
    severity: &'static str,
    direction: Option<&'static str>,
    side: Option<&'static str>,
    title: &'static str,
    evidence: &'a str,
    offset: Option<u64>,
    /// Null for what no standard says.
    section: Option<&'static str>,
    /// First bit and number of the bits of the frame header that are wrong.
    bits: Option<[u8; 2]>,
    /// What to do about a cause.
    #[serde(skip_serializing_if = "Option::is_none")]
    remedy: Option<&'static str>,
    /// What a cause makes of the bytes of a derailed stream.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    decoded_again: Vec<DecodedAgainFields<'a>>,
    /// The rules that were broken because of a cause.
    #[serde(skip_serializing_if = "Option::is_none")]
    consequences: Option<Vec<&'static str>>,
    /// The cause that it follows from.
    #[serde(skip_serializing_if = "Option::is_none")]
    consequence_of: Option<&'static str>,
}

impl<'a> FindingLine<'a> {
    pub(in super::super) fn new(finding: &'a Finding, clock: &mut Rfc3339) -> Self {
        let Finding { rule, first, last, .. } = finding;
        let packets = (first.packet != PacketId(0)).then_some([first.packet.0, last.packet.0]);
        Self {
            kind: if rule.is_cause() { "cause" } else { "finding" },
            connection: finding.connection.map(|id| id.0),
            time: packets.map(|_| clock.text(last.time).to_owned()),
            packets,
            rule: rule.id,
            severity: finding.severity.name(),
            direction: finding.direction.map(Direction::name),
            side: finding.side.map(Side::name),
            title: rule.title,
            evidence: &finding.evidence,
            offset: finding.offset,
            section: (!rule.section.is_empty()).then_some(rule.section),
            bits: finding.bits.map(|Bits { start, count }| [start, count]),
            remedy: rule.is_cause().then_some(finding.remedy),
            decoded_again: finding.decoded_again.iter().map(DecodedAgainFields::of).collect(),
            consequences: None,
            consequence_of: None,
        }
    }

    /// The same with the rules that follow from it.
    pub(in super::super) fn with_consequences(self, rules: Option<Vec<&'static str>>) -> Self {
        Self { consequences: rules, ..self }
    }

    /// The same with the cause that it follows from.
    pub(in super::super) fn following_from(self, cause: Option<&'static Rule>) -> Self {
        Self { consequence_of: cause.map(|rule| rule.id), ..self }
    }
}

//! Alerts about findings during a live capture: a notice, shown briefly, and the bell.

use std::fmt::Write;

use crate::findings::Severity;
use crate::text::escape::escape;
use crate::timeline::{FindingRow, Timeline};
use crate::tui::world::LoadStage;

/// Findings that are new.
#[derive(Debug)]
pub struct News {
    /// How many findings were examined.
    seen: usize,
    bell: Bell,
    /// Whether the bell is to be rung.
    ringing: bool,
    /// How often the screen will be drawn until the new ones are not new any more.
    fresh: u32,
    worst: Option<Severity>,
}

/// Whether the terminal's bell is rung for warnings and errors.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub enum Bell {
    /// It is.
    On,
    /// It is not.
    #[default]
    Off,
}

impl News {
    /// Knows of nothing.
    pub fn new(bell: Bell) -> Self {
        Self { seen: 0, bell, ringing: false, fresh: 0, worst: None }
    }

    /// The worst severity among the latest findings.
    pub fn fresh(&self) -> Option<Severity> {
        self.worst.filter(|_| self.fresh > 0)
    }

    /// Whether the bell is to be rung, once.
    pub fn take_ring(&mut self) -> bool {
        std::mem::take(&mut self.ringing)
    }

    /// Looks at what is new; gives a sentence about the worst of it where the capture is live.
    pub fn learn(&mut self, timeline: &Timeline, stage: &LoadStage) -> Option<String> {
        self.fresh = self.fresh.saturating_sub(1);
        let findings = timeline.findings();
        let news = findings.get(self.seen..).unwrap_or_default();
        self.seen = findings.len();
        if *stage != LoadStage::Live {
            return None;
        }
        // What explains the others first; of those that are alike, the first.
        let rank = |it: &&FindingRow| (it.finding.severity, it.finding.is_explaining_cause());
        let causes = news.iter().rev().filter(|it| it.finding.is_explaining_cause());
        let worst = causes.max_by_key(rank).or_else(|| news.iter().max_by_key(rank))?;
        let severity = worst.finding.severity;
        if severity < Severity::Warning {
            return None;
        }
        self.worst = self.fresh().max(Some(severity));
        self.fresh = FRESH;
        self.ringing = self.bell == Bell::On;
        Some(sentence(worst))
    }
}

fn sentence(found: &FindingRow) -> String {
    let finding = &found.finding;
    let rule = finding.rule;
    let mut text = format!("{} {}", rule.id, rule.title);
    if let Some(connection) = finding.connection {
        // Nothing fails to be written into memory.
        write!(text, "  #{}", connection.0).ok();
    }
    text.push_str("  ");
    escape(finding.evidence.as_bytes(), LONGEST, &mut text);
    text
}

/// Times that the screen is drawn while a finding is new: some two seconds.
const FRESH: u32 = 40;

/// Columns of evidence.
const LONGEST: usize = 100;

//! Analyzer and rules in one: packets in, events and findings out.

use crate::analysis::event::Event;
use crate::analysis::{Analyzer, AnalyzerOptions, PayloadPacket, Sink, Totals};
use crate::capture::Packet;
use crate::findings::{Checker, Findings, Reading, Settings};
use crate::tls::KeyLogError;

/// Packets in, events and findings out.
///
/// What an event breaks is told before the event itself.
#[derive(Debug)]
pub struct Pipeline {
    analyzer: Analyzer,
    checker: Checker,
}

impl Pipeline {
    /// Makes a pipeline that has seen nothing.
    pub fn new(options: AnalyzerOptions, settings: Settings) -> Self {
        Self { analyzer: Analyzer::new(options), checker: Checker::new(settings) }
    }

    /// Adds secrets of TLS connections, in the format of key logs.
    ///
    /// # Errors
    ///
    /// As [`KeyLog::add`](crate::tls::KeyLog::add).
    pub fn add_secrets(&mut self, text: &[u8]) -> Result<(), KeyLogError> {
        self.analyzer.add_secrets(text)
    }

    /// Reads one packet, and hands over all that became known by it.
    pub fn push(&mut self, packet: &Packet<'_>, out: &mut (impl Sink + Findings)) {
        let mut judged = Judged { checker: &mut self.checker, out };
        self.analyzer.push(packet, &mut judged);
    }

    /// Ends the capture: ends all connections, and judges the capture as a whole.
    pub fn finish(&mut self, reading: &Reading<'_>, out: &mut (impl Sink + Findings)) {
        let mut judged = Judged { checker: &mut self.checker, out };
        self.analyzer.finish(&mut judged);
        self.checker.finish(reading, out);
    }

    /// What was counted so far.
    pub fn totals(&self) -> Totals {
        self.analyzer.totals()
    }
}

/// Asks the rules about each event before it is handed on.
struct Judged<'a, O> {
    checker: &'a mut Checker,
    out: &'a mut O,
}

impl<O: Sink + Findings> Sink for Judged<'_, O> {
    fn event(&mut self, event: &Event<'_>) {
        self.checker.event(event, self.out);
        self.out.event(event);
    }

    fn payload_packet(&mut self, packet: PayloadPacket<'_>) {
        self.out.payload_packet(packet);
    }
}

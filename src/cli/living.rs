//! A report that hands over what was found while the capture goes on.

use std::io;

use crate::analysis::event::{Connection, ConnectionId, Event};
use crate::analysis::{Sink, Totals};
use crate::findings::{Finding, Findings, Reading, Rule, Severity};
use crate::report::Report;
use crate::report::check::{CheckFormat, Collector, Extent, Writer};
use crate::stream::Timestamp;

/// Collects findings, and writes them when their event has passed.
pub(super) struct Living<'a> {
    /// What the capture is called.
    name: &'a str,
    collector: Collector,
    writer: Box<dyn Writer + 'a>,
    format: CheckFormat,
    failure: Option<io::Error>,
    pending: bool,
}

impl<'a> Living<'a> {
    pub(super) fn new(
        name: &'a str,
        collector: Collector,
        writer: Box<dyn Writer + 'a>,
        format: CheckFormat,
    ) -> Self {
        Self { name, collector, writer, format, failure: None, pending: false }
    }

    /// Writes what is left, and gives the worst severity.
    ///
    /// # Errors
    ///
    /// When it cannot be written.
    pub(super) fn finish(mut self, extent: Extent) -> io::Result<Option<Severity>> {
        let checked = self.collector.into_checked(self.name.to_owned(), extent);
        self.writer.file(&checked)?;
        self.writer.finish()?;
        Ok(checked.worst())
    }
}

impl Sink for Living<'_> {
    fn event(&mut self, event: &Event<'_>) {
        self.collector.event(event);
        if !self.format.streams() {
            return;
        }
        for suspect in self.collector.take() {
            self.pending = true;
            if let Err(failure) = self.writer.suspect(self.name, &suspect) {
                self.failure.get_or_insert(failure);
            }
        }
    }
}

impl Findings for Living<'_> {
    fn finding(&mut self, finding: &Finding) {
        self.collector.finding(finding);
    }

    fn late(&mut self, finding: &Finding, connection: &Connection) {
        self.collector.late(finding, connection);
    }

    fn folded(&mut self, rule: &'static Rule, connection: ConnectionId, count: u64) {
        self.collector.folded(rule, connection, count);
    }
}

impl Report for Living<'_> {
    fn start(&mut self, first: Timestamp) {
        self.collector.start(first);
    }

    fn check(&mut self) -> io::Result<()> {
        self.failure.take().map_or(Ok(()), Err)
    }

    fn is_pending(&self) -> bool {
        self.pending
    }

    fn flush(&mut self) -> io::Result<()> {
        self.check()?;
        self.pending = false;
        self.writer.flush()
    }

    fn finish(&mut self, totals: &Totals, reading: &Reading<'_>) -> io::Result<()> {
        self.check()?;
        self.collector.finish(totals, reading)
    }
}

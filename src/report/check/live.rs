//! Findings of a live capture, passed on as soon as they are known.

use std::io;

use super::{CheckCollector, CheckFormat, CheckWriter, Extent};
use crate::analysis::event::Connection;
use crate::findings::{Revision, Severity};
use crate::journal::{Entry, Found, Journal, Summary};
use crate::report::Report;
use crate::stream::{Direction, Timestamp};
use crate::websocket::Frame;

/// Collects findings, and writes those of a packet when the packet has been read.
pub struct LiveCheck<'a> {
    /// What the capture is called.
    name: &'a str,
    collector: CheckCollector,
    writer: Box<dyn CheckWriter + 'a>,
    format: CheckFormat,
    is_pending: bool,
}

impl<'a> LiveCheck<'a> {
    /// Makes a report that has seen nothing.
    pub fn new(
        name: &'a str,
        collector: CheckCollector,
        writer: Box<dyn CheckWriter + 'a>,
        format: CheckFormat,
    ) -> Self {
        Self { name, collector, writer, format, is_pending: false }
    }

    /// Writes what is left, and gives the worst severity.
    ///
    /// # Errors
    ///
    /// When it cannot be written.
    pub fn end(mut self, extent: Extent) -> io::Result<Option<Severity>> {
        let checked = self.collector.into_checked(self.name.to_owned(), extent);
        self.writer.file(&checked)?;
        self.writer.finish()?;
        Ok(checked.worst())
    }
}

impl Journal for LiveCheck<'_> {
    fn entry(&mut self, entry: &Entry<'_>) {
        self.collector.entry(entry);
    }

    fn frame_started(&mut self, connection: &Connection, direction: Direction, frame: &Frame) {
        self.collector.frame_started(connection, direction, frame);
    }

    fn kept(&self) -> usize {
        self.collector.kept()
    }

    fn finding(&mut self, found: &Found) {
        self.collector.finding(found);
    }

    fn revised(&mut self, revision: Revision) {
        self.collector.revised(revision);
    }
}

impl Report for LiveCheck<'_> {
    fn start(&mut self, first: Timestamp) {
        self.collector.start(first);
    }

    fn check(&mut self) -> io::Result<()> {
        if self.format.streams() {
            for suspect in self.collector.take() {
                self.is_pending = true;
                self.writer.suspect(self.name, &suspect)?;
            }
        }
        Ok(())
    }

    fn is_pending(&self) -> bool {
        self.is_pending
    }

    fn flush(&mut self) -> io::Result<()> {
        self.is_pending = false;
        self.writer.flush()
    }

    fn finish(&mut self, summary: &Summary) -> io::Result<()> {
        self.collector.finish(summary)
    }
}

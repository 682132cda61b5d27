//! What was observed, written out: one file per format.

mod alike;
pub mod check;
pub mod diagnose;
pub mod explain;
pub mod fields;
pub mod filtered;
#[cfg(test)]
mod fixture;
mod handshake;
mod line;
pub mod ndjson;
mod output;
pub mod rules;
pub mod stats;
pub mod style;
pub mod text;

use std::io;

use crate::analysis::event::ConnectionId;
use crate::journal::{Entry, Hindsight, Journal, Summary};
use crate::stream::Timestamp;

/// A journal that writes what it receives.
///
/// A journal cannot return errors, so the first failure to write is kept for [`Report::check`].
pub trait Report: Journal {
    /// Takes what times are shown relative to, before the first entry.
    fn start(&mut self, _start: Timestamp) {}

    /// Takes an entry that a filter does not choose: a format that numbers its lines counts it.
    fn ignored(&mut self, _entry: &Entry<'_>) {}

    /// Whether writing has failed; asked after every packet.
    ///
    /// # Errors
    ///
    /// The first failure to write.
    fn check(&mut self) -> io::Result<()> {
        Ok(())
    }

    /// Whether there are lines that [`Report::flush`] would hand over.
    fn is_pending(&self) -> bool {
        false
    }

    /// Hands over what is buffered.
    ///
    /// # Errors
    ///
    /// The first failure to write.
    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }

    /// Writes the end of the report, and hands over what is buffered.
    ///
    /// # Errors
    ///
    /// The first failure to write.
    fn finish(&mut self, summary: &Summary) -> io::Result<()>;
}

impl Report for Hindsight {
    fn finish(&mut self, _: &Summary) -> io::Result<()> {
        Ok(())
    }
}

/// An output format.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub enum LineFormat {
    /// Lines for people.
    #[default]
    Text,
    /// One JSON object a line, for programs.
    Ndjson,
}

impl OutputFormat for LineFormat {
    const TABLE: &'static [(Self, &'static str, &'static str)] = &[
        (Self::Text, "text", "lines for people"),
        (Self::Ndjson, "ndjson", "one JSON object per line, for programs"),
    ];
}

/// The output formats of a subcommand, which users choose by name.
pub trait OutputFormat: Copy + Default + Send + Sync + 'static {
    /// Name and meaning of each format: help, completions and the manual are generated from it.
    const TABLE: &'static [(Self, &'static str, &'static str)];

    /// The format with this name.
    fn from_name(name: &str) -> Option<Self> {
        Self::TABLE.iter().find(|row| row.1 == name).map(|row| row.0)
    }
}

/// Which connections are written.
#[derive(Clone, Debug, Default)]
pub struct Selection {
    /// Only these; all when empty.
    pub connections: Vec<ConnectionId>,
    /// Whether connections count that certainly are not a WebSocket.
    pub breadth: Breadth,
}

impl Selection {
    /// Whether lines about `connection` are wanted.
    pub fn has(&self, connection: ConnectionId) -> bool {
        self.connections.is_empty() || self.connections.contains(&connection)
    }
}

/// Whether connections are written that certainly are not a WebSocket.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub enum Breadth {
    /// Those that are, asked to be, or might have been one.
    #[default]
    Relevant,
    /// Every TCP connection.
    All,
}

/// Whether findings are written one by one.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub enum Listing {
    /// They are marked where they are about a line, and counted.
    #[default]
    No,
    /// Each one is a line.
    Yes,
}

/// How much is written of each message.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub enum Detail {
    /// A line per message.
    #[default]
    Messages,
    /// Before it, a line per frame.
    Frames,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn formats_are_found_by_name() {
        for &(format, name, _) in LineFormat::TABLE {
            assert_eq!(LineFormat::from_name(name), Some(format));
        }
        assert_eq!(LineFormat::from_name("xml"), None);
    }

    #[test]
    fn empty_selection_has_every_connection() {
        let chosen = Selection { connections: vec![ConnectionId(3)], ..Selection::default() };
        assert!(chosen.has(ConnectionId(3)) && !chosen.has(ConnectionId(1)));
        assert!(Selection::default().has(ConnectionId(1)));
    }
}

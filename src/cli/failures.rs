//! Failures of one or several captures, reported in one line on standard error.

use std::path::PathBuf;

use super::capture::absent_connection;
use super::jobs::Job;
use super::join::{JoinAdvice, ReadFile, belong_together};
use super::{ExitStatus, Remark};
use crate::analysis::Totals;
use crate::report::check::{Extent, Files};

/// Failures and remarks about the captures of one run, reported in one line on standard error.
#[derive(Default)]
pub(super) struct Failures {
    /// The first failure.
    first: Option<anyhow::Error>,
    /// How many failures there were.
    count: usize,
    /// The first remark that is not a failure.
    remark: Option<String>,
    /// Files that were read one by one, although they may be one capture.
    parts: Vec<ReadFile>,
    /// The connections that the user asked for.
    wanted: Vec<u64>,
    /// How many connections the capture with most of them has.
    connections: u64,
}

impl Failures {
    /// No failures so far of a run that asks for some connections; for all if there are none.
    pub(super) fn of(wanted: &[u64]) -> Self {
        Self { wanted: wanted.to_vec(), ..Self::default() }
    }

    /// Records what went wrong with a capture.
    pub(super) fn record(&mut self, error: Option<anyhow::Error>) {
        let Some(error) = error else { return };
        match error.downcast::<Remark>() {
            Ok(remark) => {
                self.remark.get_or_insert(remark.text);
            }
            Err(error) => {
                self.count = self.count.saturating_add(1);
                self.first.get_or_insert(error);
            }
        }
    }

    /// Records what was read of a file.
    pub(super) fn read(&mut self, job: &Job, totals: &Totals) {
        self.connections = self.connections.max(totals.connections);
        if let [path] = job.input.paths().as_slice() {
            let times = (totals.packets > 0).then_some((totals.first, totals.last));
            self.parts.push(ReadFile { path: path.clone(), times });
        }
    }

    /// Whether the only file could not be opened.
    pub(super) fn is_unread(&self, files: Files) -> bool {
        let opened = |error: &anyhow::Error| {
            error
                .downcast_ref::<crate::capture::Error>()
                .is_some_and(crate::capture::Error::is_damage)
        };
        files == Files::One && self.first.as_ref().is_some_and(|error| !opened(error))
    }

    /// The final result of the program, which read the files that were named.
    ///
    /// # Errors
    ///
    /// The failure or the remark to report, a connection that does not exist, or the advice to join the
    /// files.
    pub(super) fn answer(
        self,
        named: &[PathBuf],
        verdict: ExitStatus,
    ) -> anyhow::Result<ExitStatus> {
        let name = match named {
            [one] => one.display().to_string(),
            several => format!("each of {} captures", several.len()),
        };
        let absent = absent_connection(&self.wanted, self.connections, &name);
        if let (None, None, Some(absent)) = (&self.first, &self.remark, absent) {
            anyhow::bail!(absent);
        }
        match (self.first, self.count.saturating_sub(1), self.remark) {
            (Some(error), 0, _) => Err(error),
            (Some(error), 1, _) => {
                anyhow::bail!("{error:#}; and 1 more capture could not be read completely")
            }
            (Some(error), more, _) => {
                anyhow::bail!("{error:#}; and {more} more captures could not be read completely")
            }
            (None, _, Some(text)) => Err(Remark { text, verdict }.into()),
            (None, _, None) if belong_together(&self.parts) => {
                Err(JoinAdvice::hint(self.parts.len(), named, verdict.into()).into())
            }
            (None, _, None) => Ok(verdict),
        }
    }
}

/// How much was read of a capture that could be opened.
pub(super) fn extent(error: Option<&anyhow::Error>) -> Extent {
    match error {
        Some(error) if !error.is::<Remark>() => Extent::Partly(format!("{error:#}")),
        Some(_) | None => Extent::Whole,
    }
}

//! Where lines go, and the first failure to write one.

use std::io::{self, Write};

/// A writer for sinks, which cannot return errors: it keeps the first one and writes no more.
#[derive(Debug)]
pub(super) struct Output<W> {
    writer: W,
    failure: Option<io::Error>,
    failed: bool,
    pending: bool,
}

impl<W: Write> Output<W> {
    pub(super) fn new(writer: W) -> Self {
        Self { writer, failure: None, failed: false, pending: false }
    }

    /// Writes one line, its line end included.
    pub(super) fn line(&mut self, line: &[u8]) {
        if self.failed {
            return;
        }
        self.pending = true;
        if let Err(failure) = self.writer.write_all(line) {
            self.failure = Some(failure);
            self.failed = true;
        }
    }

    /// Fails with the first failure, once.
    pub(super) fn check(&mut self) -> io::Result<()> {
        match self.failure.take() {
            None => Ok(()),
            Some(failure) => Err(failure),
        }
    }

    /// Whether something was written since the last flush.
    pub(super) fn is_pending(&self) -> bool {
        self.pending
    }

    /// Hands over what is buffered.
    pub(super) fn flush(&mut self) -> io::Result<()> {
        self.check()?;
        self.pending = false;
        self.writer.flush()
    }
}

impl Output<Vec<u8>> {
    /// Takes what was written.
    pub(super) fn take(&mut self) -> Vec<u8> {
        self.pending = false;
        std::mem::take(&mut self.writer)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    struct Full;

    impl Write for Full {
        fn write(&mut self, _: &[u8]) -> io::Result<usize> {
            Err(io::ErrorKind::StorageFull.into())
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    #[test]
    fn first_failure_is_kept_and_reported_once() {
        let mut out = Output::new(Full);
        out.line(b"x\n");
        out.line(b"y\n");
        assert_eq!(out.check().unwrap_err().kind(), io::ErrorKind::StorageFull);
        assert!(out.check().is_ok());
    }
}

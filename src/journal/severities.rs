//! How many findings there are of each severity.

use crate::findings::Severity;
use crate::text::amount::counted;

/// Findings by severity.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub struct Severities {
    errors: u64,
    warnings: u64,
    notes: u64,
}

impl Severities {
    /// Whether there are none.
    pub fn is_empty(self) -> bool {
        self == Self::default()
    }

    /// Counts a finding with another severity than before.
    pub fn move_one(&mut self, before: Severity, after: Severity) {
        let counter = self.counter(before);
        *counter = counter.saturating_sub(1);
        self.add(after, 1);
    }

    fn counter(&mut self, severity: Severity) -> &mut u64 {
        match severity {
            Severity::Error => &mut self.errors,
            Severity::Warning => &mut self.warnings,
            Severity::Note => &mut self.notes,
        }
    }

    /// Counts as many findings of a severity.
    pub fn add(&mut self, severity: Severity, count: u64) {
        let counter = self.counter(severity);
        *counter = counter.saturating_add(count);
    }

    /// Adds those of another capture.
    pub fn join(&mut self, other: Self) {
        for severity in Severity::ALL {
            self.add(severity, other.of(severity));
        }
    }

    /// The same without some of them.
    #[must_use]
    pub fn without(self, some: Self) -> Self {
        let mut rest = self;
        for severity in Severity::ALL {
            let counter = rest.counter(severity);
            *counter = counter.saturating_sub(some.of(severity));
        }
        rest
    }

    /// How many there are.
    pub fn all(self) -> u64 {
        Severity::ALL.iter().map(|it| self.of(*it)).fold(0, u64::saturating_add)
    }

    /// How many there are of a severity.
    pub fn of(self, severity: Severity) -> u64 {
        match severity {
            Severity::Error => self.errors,
            Severity::Warning => self.warnings,
            Severity::Note => self.notes,
        }
    }

    /// Appends them in words, `2 errors, 1 note`; appends nothing if there are none.
    pub fn write(self, out: &mut String) {
        let mut separator = "";
        for severity in Severity::ALL {
            if self.of(severity) > 0 {
                out.push_str(separator);
                counted(out, self.of(severity), severity.name());
                separator = ", ";
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn findings_are_counted_by_severity() {
        let mut found = Severities::default();
        assert!(found.is_empty());
        found.add(Severity::Note, 1);
        found.add(Severity::Error, 1200);
        let mut both = found;
        both.join(found);
        let words = |of: Severities| {
            let mut out = String::new();
            of.write(&mut out);
            out
        };
        assert_eq!(words(Severities::default()), "");
        assert_eq!(words(found), "1,200 errors, 1 note");
        assert_eq!(words(both), "2,400 errors, 2 notes");
        assert_eq!((both.without(found), both.all()), (found, 2402));
    }
}

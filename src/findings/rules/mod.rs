//! The catalogue: one table for each file, grouped by subject.

mod capture;
mod close;
mod deflate;
mod frame;
pub(crate) mod handshake;
mod health;
mod message;
mod network;
mod tls;

use crate::findings::causes;
use crate::findings::engine::rule::Rule;

/// All rules, in the order of the catalogue: group by group, in each by number.
pub fn rules() -> impl Iterator<Item = &'static Rule> {
    GROUPS.iter().flat_map(Group::rules)
}

/// The rule with this id, in any letter case.
pub fn rule(id: &str) -> Option<&'static Rule> {
    rules().find(|rule| rule.id.eq_ignore_ascii_case(id))
}

/// A group of rules: a section of the catalogue.
#[derive(Debug)]
pub struct Group {
    /// What its rules are about.
    pub title: &'static str,
    /// Its rules, in one table for each file that holds some.
    tables: &'static [&'static [Rule]],
}

impl Group {
    /// Its rules by number.
    pub fn rules(&self) -> impl Iterator<Item = &'static Rule> + use<> {
        let mut rules: Vec<&'static Rule> = self.tables.iter().copied().flatten().collect();
        rules.sort_by_key(|rule| rule.id);
        rules.into_iter()
    }
}

/// The groups in the order of the catalogue.
pub const GROUPS: &[Group] = &[
    Group { title: "Frames", tables: &[frame::RULES] },
    Group { title: "Messages", tables: &[message::RULES] },
    Group { title: "Close and control frames", tables: close::TABLES },
    Group { title: "The opening handshake", tables: handshake::TABLES },
    Group { title: "Failed handshakes", tables: handshake::FAILURES },
    Group { title: "Failed connections", tables: network::TABLES },
    Group { title: "TLS", tables: tls::TABLES },
    Group { title: "permessage-deflate", tables: deflate::TABLES },
    Group { title: "Health", tables: health::TABLES },
    Group { title: "The capture itself", tables: &[capture::RULES] },
    Group { title: "Causes", tables: causes::TABLES },
];

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;

    #[test]
    fn ids_are_unique_and_in_the_order_of_the_catalogue() {
        for group in GROUPS {
            let ids: Vec<&str> = group.rules().map(|rule| rule.id).collect();
            assert!(ids.is_sorted_by(|a, b| a < b), "{}: {ids:?}", group.title);
        }
        let unique: BTreeSet<&str> = rules().map(|rule| rule.id).collect();
        assert_eq!(unique.len(), rules().count());
    }

    #[test]
    fn rules_say_all_that_a_reader_needs() {
        for rule in rules() {
            let Rule { id, title, explanation, remedy, .. } = *rule;
            assert!(title.chars().count() <= 85, "{id}: a title is one line");
            assert!(!title.ends_with('.'), "{id}: a title has no full stop");
            for text in [explanation, remedy] {
                assert!(text.ends_with('.') && text.chars().count() > 40, "{id}: {text}");
            }
            // What the capture lacks, and drafts that never became a standard, have none.
            let needs_none = rule.id.starts_with("CAP-") || rule.id == "PMD-16";
            assert!(needs_none || !rule.section.is_empty(), "{id}: no section");
            assert!(!rule.checks.is_empty(), "{id}: nothing notices it");
        }
    }
}

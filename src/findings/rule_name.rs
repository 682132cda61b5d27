//! What users call rules: by their ids, or whole groups of them.

use super::{Rule, rules};

/// A rule, or a group of rules, as named by a user: `WS-F01`, `ws-f`, `WS`, `CAP`.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct RuleName(String);

/// No rule and no group is called so.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct UnknownName {
    /// The id or group that is written most alike.
    pub nearest: &'static str,
}

impl RuleName {
    /// Reads a name, in any letter case.
    ///
    /// # Errors
    ///
    /// [`UnknownName`] when no rule and no group is called so.
    pub fn parse(text: &str) -> Result<Self, UnknownName> {
        let name = Self(text.to_ascii_uppercase());
        if rules().any(|rule| name.covers(rule)) {
            return Ok(name);
        }
        let names = rules().flat_map(|rule| [family(rule), rule.group(), rule.id]);
        let nearest = names.min_by_key(|known| distance(&name.0, known)).unwrap_or_default();
        Err(UnknownName { nearest })
    }

    /// Whether a rule is meant.
    pub fn covers(&self, rule: &Rule) -> bool {
        [rule.id, rule.group(), family(rule)].contains(&self.0.as_str())
    }
}

/// The letters that an id begins with: `WS` for `WS-F01`.
fn family(rule: &Rule) -> &'static str {
    rule.id.split('-').next().unwrap_or(rule.id)
}

/// How many letters must be changed, added or left out to make one word of another (Levenshtein).
fn distance(from: &str, to: &str) -> usize {
    let to: Vec<char> = to.chars().collect();
    let mut row: Vec<usize> = (0..=to.len()).collect();
    for (line, letter) in from.chars().enumerate() {
        let mut diagonal = line;
        let mut left = line.saturating_add(1);
        let mut next = vec![left];
        for (above, other) in row.iter().skip(1).zip(&to) {
            let replaced = diagonal.saturating_add(usize::from(letter != *other));
            left = replaced.min(above.saturating_add(1)).min(left.saturating_add(1));
            diagonal = *above;
            next.push(left);
        }
        row = next;
    }
    row.last().copied().unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::findings::rule;

    #[test]
    fn rules_are_named_one_by_one_or_by_group() {
        let masked = rule("WS-F02").unwrap();
        #[rustfmt::skip]
        let cases = [
            ("the id",           "WS-F02", true),
            ("small letters",    "ws-f02", true),
            ("the group",        "WS-F",   true),
            ("the family",       "ws",     true),
            ("another rule",     "WS-F01", false),
        ];
        for (name, text, expected) in cases {
            assert_eq!(RuleName::parse(text).map(|it| it.covers(masked)), Ok(expected), "{name}");
        }
    }

    #[test]
    fn unknown_names_are_told_with_the_nearest_one() {
        #[rustfmt::skip]
        let cases = [
            ("a number too high", "WS-F18", "WS-F08"),
            ("a missing hyphen",  "WSF05",  "WS-F05"),
            ("a blank",           "WS-F 1", "WS-F01"),
            ("a part of a number", "WS-F0", "WS-F"),
        ];
        for (name, text, nearest) in cases {
            let unknown = RuleName::parse(text).unwrap_err();
            let best = distance(&text.to_uppercase(), unknown.nearest);
            assert_eq!(best, distance(text, nearest), "{name}: {}", unknown.nearest);
        }
        assert!(RuleName::parse("").is_err());
    }

    #[test]
    fn distances_are_those_of_the_textbook() {
        let cases = [("", "abc", 3), ("kitten", "sitting", 3), ("flaw", "lawn", 2), ("a", "a", 0)];
        for (from, to, expected) in cases {
            assert_eq!(distance(from, to), expected, "{from} {to}");
        }
    }
}

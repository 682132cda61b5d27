//! What users call rules: by their ids, or whole groups of them.

use strsim::levenshtein;

use crate::findings::engine::rule::Rule;
use crate::findings::rules::rules;

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
        let nearest = names.min_by_key(|known| levenshtein(&name.0, known)).unwrap_or_default();
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::findings::rules::rule;

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
    fn unknown_names_are_reported_with_the_nearest_one() {
        #[rustfmt::skip]
        let cases = [
            ("a number too high", "WS-F18", "WS-F08"),
            ("a missing hyphen",  "WSF05",  "WS-F05"),
            ("a blank",           "WS-F 1", "WS-F01"),
            ("a part of a number", "WS-F0", "WS-F"),
        ];
        for (name, text, nearest) in cases {
            let unknown = RuleName::parse(text).unwrap_err();
            let best = levenshtein(&text.to_uppercase(), unknown.nearest);
            assert_eq!(best, levenshtein(text, nearest), "{name}: {}", unknown.nearest);
        }
        assert!(RuleName::parse("").is_err());
    }
}

//! The name that was probably meant.

use strsim::osa_distance;

/// The name that differs least from `word`; `None` if none is near.
///
/// A letter that is missing, too much, wrong, or swapped with its neighbor is one difference; a third
/// of the word may differ, at least one letter and at most three. The first of equal ones is given.
pub(super) fn nearest<'a>(word: &str, names: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let word: String = word.chars().take(LONGEST_WORD).collect();
    let allowed = word.chars().count().div_ceil(3).min(MOST_DIFFERENCES);
    names
        .into_iter()
        .map(|name| (osa_distance(&word, name), name))
        .filter(|(differences, _)| *differences <= allowed)
        .min_by_key(|(differences, _)| *differences)
        .map(|(_, name)| name)
}

/// Letters of a word that are examined.
const LONGEST_WORD: usize = 64;

/// Differences beyond which a name is another one.
const MOST_DIFFERENCES: usize = 3;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_nearest_name_is_suggested_and_a_distant_one_is_not() {
        let names = ["length", "wire_length", "frames", "fin", "from", "rule"];
        #[rustfmt::skip]
        let cases = [
            ("lenght", Some("length")),
            ("lengh",  Some("length")),
            ("lenngth", Some("length")),
            ("form",   Some("from")),
            ("wirelength", Some("wire_length")),
            ("rules",  Some("rule")),
            ("x",      None),
            ("",       None),
            ("temperature", None),
        ];
        for (word, expected) in cases {
            assert_eq!(nearest(word, names), expected, "{word}");
        }
    }
}

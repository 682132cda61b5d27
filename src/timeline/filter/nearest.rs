//! The name that was probably meant.

/// The name that differs least from `word`; `None` where none is near.
///
/// A letter that is missing, too much, wrong, or swapped with its neighbor is one difference; a third
/// of the word may differ, at least one letter and at most three. The first of equal ones is given.
pub(super) fn nearest<'a>(word: &str, names: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let word: Vec<char> = word.chars().take(LONGEST_WORD).collect();
    let allowed = word.len().div_ceil(3).min(MOST_DIFFERENCES);
    names
        .into_iter()
        .map(|name| (differences(&word, &name.chars().collect::<Vec<_>>()), name))
        .filter(|(differences, _)| *differences <= allowed)
        .min_by_key(|(differences, _)| *differences)
        .map(|(_, name)| name)
}

/// How many letters have to be changed (the optimal string alignment distance).
fn differences(left: &[char], right: &[char]) -> usize {
    let mut before: Vec<usize> = Vec::new();
    let mut above: Vec<usize> = (0..=right.len()).collect();
    for (row, letter) in left.iter().enumerate() {
        let mut current = vec![row.saturating_add(1)];
        for (column, other) in right.iter().enumerate() {
            let cell = |row: &[usize], at: usize| row.get(at).copied().unwrap_or(usize::MAX);
            let mut best = cell(&above, column).saturating_add(usize::from(letter != other));
            let next = column.saturating_add(1);
            best = best.min(cell(&above, next).saturating_add(1));
            best = best.min(cell(&current, column).saturating_add(1));
            let previous =
                |row: &[char], at: usize| at.checked_sub(1).and_then(|at| row.get(at)).copied();
            if previous(left, row) == Some(*other) && previous(right, column) == Some(*letter) {
                let diagonal = column.checked_sub(1).map_or(usize::MAX, |at| cell(&before, at));
                best = best.min(diagonal.saturating_add(1));
            }
            current.push(best);
        }
        before = std::mem::replace(&mut above, current);
    }
    above.last().copied().unwrap_or(0)
}

/// Letters of a word that are looked at.
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

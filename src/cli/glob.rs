//! File names with wildcards: quoted in a shell, or on systems whose shells do not expand them.

use std::fs;
use std::path::{Component, Path, PathBuf};

/// Whether a name has wildcards.
pub(super) fn is_pattern(path: &Path) -> bool {
    let name = path.to_string_lossy();
    let has_set = name.split_once('[').is_some_and(|(_, rest)| rest.contains(']'));
    has_set || name.contains(['*', '?'])
}

/// The files and directories that match a pattern, sorted by name; `*` and `?` match no `/`.
pub(super) fn expand(pattern: &Path) -> Vec<PathBuf> {
    let mut found = vec![PathBuf::new()];
    for component in pattern.components() {
        let Component::Normal(name) = component else {
            for path in &mut found {
                path.push(component);
            }
            continue;
        };
        let name = name.to_string_lossy();
        found = if is_pattern(Path::new(name.as_ref())) {
            found.iter().flat_map(|folder| matching(folder, &name)).collect()
        } else {
            found.into_iter().map(|folder| folder.join(name.as_ref())).collect()
        };
    }
    found.retain(|path| path.exists());
    found
}

/// What is in a directory and matches one component of a pattern.
fn matching(folder: &Path, pattern: &str) -> Vec<PathBuf> {
    let listed = if folder == Path::new("") { Path::new(".") } else { folder };
    // A directory that cannot be read has no matches.
    let names = fs::read_dir(listed).into_iter().flatten().flatten().map(|entry| entry.file_name());
    let pattern: Vec<char> = pattern.chars().collect();
    let hidden = pattern.first() == Some(&'.');
    let mut found: Vec<PathBuf> = names
        .filter(|name| {
            let name: Vec<char> = name.to_string_lossy().chars().collect();
            (hidden || name.first() != Some(&'.')) && matches(&pattern, &name)
        })
        .map(|name| folder.join(name))
        .collect();
    found.sort();
    found
}

/// Whether a name matches a pattern. Backtracks to the last `*` only, so it takes no more than the
/// product of both lengths.
fn matches(pattern: &[char], name: &[char]) -> bool {
    let (mut in_pattern, mut in_name) = (0_usize, 0_usize);
    let mut star: Option<(usize, usize)> = None;
    while let Some(character) = name.get(in_name) {
        let rest = pattern.get(in_pattern..).unwrap_or_default();
        if rest.first() == Some(&'*') {
            star = Some((in_pattern.saturating_add(1), in_name));
            in_pattern = in_pattern.saturating_add(1);
        } else if let Some(length) = one(rest, *character) {
            in_pattern = in_pattern.saturating_add(length);
            in_name = in_name.saturating_add(1);
        } else if let Some((after, at)) = star {
            star = Some((after, at.saturating_add(1)));
            (in_pattern, in_name) = (after, at.saturating_add(1));
        } else {
            return false;
        }
    }
    pattern.get(in_pattern..).unwrap_or_default().iter().all(|it| *it == '*')
}

/// How much of a pattern matches one character.
fn one(pattern: &[char], character: char) -> Option<usize> {
    match pattern.split_first()? {
        ('?', _) => Some(1),
        ('[', set) if set.iter().skip(1).any(|it| *it == ']') => {
            let end = set.iter().skip(1).position(|it| *it == ']')?.saturating_add(1);
            let set = set.get(..end).unwrap_or_default();
            let (negated, set) = match set.split_first() {
                Some(('!' | '^', rest)) => (true, rest),
                _ => (false, set),
            };
            (is_in(set, character) != negated).then_some(end.saturating_add(2))
        }
        (literal, _) => (*literal == character).then_some(1),
    }
}

/// Whether a set of characters and ranges has one.
fn is_in(set: &[char], character: char) -> bool {
    let mut rest = set;
    loop {
        match rest {
            [first, '-', last, after @ ..] => {
                if (*first..=*last).contains(&character) {
                    return true;
                }
                rest = after;
            }
            [one, after @ ..] => {
                if *one == character {
                    return true;
                }
                rest = after;
            }
            [] => return false,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_match_as_in_a_shell() {
        #[rustfmt::skip]
        let cases = [
            ("*.pcap",       "a.pcap",       true),
            ("*.pcap",       "a.pcapng",     false),
            ("*.pcap*",      "a.pcap12",     true),
            ("ring_*_*.cap", "ring_1_22.cap", true),
            ("a?c",          "abc",          true),
            ("a?c",          "ac",           false),
            ("a[0-9]",       "a7",           true),
            ("a[0-9]",       "ab",           false),
            ("a[!0-9]",      "ab",           true),
            ("a[]x]",        "a]",           true),
            ("a[",           "a[",           true),
            ("*",            "",             true),
            ("**a",          "bca",          true),
            ("*aab",         "aaab",         true),
            ("",             "a",            false),
        ];
        for (pattern, name, expected) in cases {
            let (pattern_of, name_of): (Vec<char>, Vec<char>) =
                (pattern.chars().collect(), name.chars().collect());
            assert_eq!(matches(&pattern_of, &name_of), expected, "{pattern} {name}");
        }
    }

    #[test]
    fn patterns_find_files_in_order() {
        let folder = tempfile::tempdir().unwrap();
        for name in ["b.pcap", "a.pcap", ".hidden.pcap", "a.txt", "sub/c.pcap", "suc/d.pcap"] {
            let path = folder.path().join(name);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, "").unwrap();
        }
        for (pattern, expected) in [
            ("*.pcap", &["a.pcap", "b.pcap"][..]),
            ("su?/*.pcap", &["sub/c.pcap", "suc/d.pcap"]),
            ("sub/c.pcap", &["sub/c.pcap"]),
            ("x*", &[]),
        ] {
            let expected: Vec<PathBuf> = expected.iter().map(|it| folder.path().join(it)).collect();
            assert_eq!(expand(&folder.path().join(pattern)), expected, "{pattern}");
        }
    }
}

//! Commands that the reader can copy into a shell.

/// Writes a word so that a POSIX shell reads it as it is.
pub fn quoted(word: &str) -> String {
    let plain = |character: char| {
        character.is_alphanumeric()
            || matches!(character, '_' | '-' | '.' | '/' | ':' | '=' | ',' | '+' | '@' | '%')
    };
    if !word.is_empty() && word.chars().all(plain) {
        return word.to_owned();
    }
    format!("'{}'", word.replace('\'', r"'\''"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_are_quoted_when_a_shell_would_change_them() {
        #[rustfmt::skip]
        let cases = [
            ("a.pcap",           "a.pcap"),
            ("logs/ring_1.pcap", "logs/ring_1.pcap"),
            ("ünïcode",          "ünïcode"),
            ("",                 "''"),
            ("two words",        "'two words'"),
            ("*.pcap",           "'*.pcap'"),
            ("it's",             r"'it'\''s'"),
            ("~/a",              "'~/a'"),
        ];
        for (word, expected) in cases {
            assert_eq!(quoted(word), expected);
        }
    }
}

//! The secrets of chosen sessions, as they are written to another file.

use std::collections::BTreeSet;
use std::fmt;

use super::crypto::wipe;
use super::keylog::{KeyLog, hex, hex_array};

/// Secrets of some sessions, each once, in the order of their sessions.
///
/// Labels that are not known are kept, for other programs. Its debug form shows no secret.
#[derive(Default)]
pub struct SessionSecrets(BTreeSet<SessionSecret>);

/// A secret, whatever it is for.
#[derive(Eq, Ord, PartialEq, PartialOrd)]
struct SessionSecret {
    random: [u8; 32],
    label: String,
    secret: Vec<u8>,
}

impl Drop for SessionSecret {
    fn drop(&mut self) {
        wipe(&mut self.secret);
    }
}

/// A key log that is wiped after use. Its debug form shows no secret.
pub struct SecretText(Vec<u8>);

impl SessionSecrets {
    /// Adds those lines of a key log whose sessions are wanted, by the random of their `ClientHello`.
    pub fn add(&mut self, text: &[u8], is_wanted: impl Fn(&[u8; 32]) -> bool) {
        let lines = lines(text).filter(|line| is_wanted(&line.random));
        self.0.extend(lines);
    }

    /// Adds the secrets of a session that are known.
    pub fn add_session(&mut self, log: &KeyLog, random: [u8; 32]) {
        let secrets = log.secrets(&random).iter().map(|known| SessionSecret {
            random,
            label: known.label.to_owned(),
            secret: known.secret.clone(),
        });
        self.0.extend(secrets);
    }

    /// Removes what another key log has.
    pub fn remove(&mut self, text: &[u8]) {
        for line in lines(text) {
            self.0.remove(&line);
        }
    }

    /// The randoms of their sessions.
    pub fn sessions(&self) -> BTreeSet<[u8; 32]> {
        self.0.iter().map(|it| it.random).collect()
    }

    /// How many secrets there are.
    pub fn count(&self) -> usize {
        self.0.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Them as a key log.
    pub fn text(&self) -> SecretText {
        let length = self.0.iter().map(|it| it.label.len().saturating_add(LINE_REST)).sum();
        // Enough for all, so that no part of it is left elsewhere in memory when it grows.
        let mut text = Vec::with_capacity(length);
        for SessionSecret { random, label, secret } in &self.0 {
            text.extend_from_slice(label.as_bytes());
            text.push(b' ');
            push_hex(&mut text, random);
            text.push(b' ');
            push_hex(&mut text, secret);
            text.push(b'\n');
        }
        SecretText(text)
    }
}

impl From<Vec<u8>> for SecretText {
    fn from(text: Vec<u8>) -> Self {
        Self(text)
    }
}

impl SecretText {
    /// The lines.
    pub fn bytes(&self) -> &[u8] {
        &self.0
    }
}

impl Drop for SecretText {
    fn drop(&mut self) {
        wipe(&mut self.0);
    }
}

impl fmt::Debug for SessionSecrets {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SessionSecrets").field("count", &self.count()).finish()
    }
}

impl fmt::Debug for SecretText {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SecretText").finish_non_exhaustive()
    }
}

/// A text without its lines that are secrets, and how many these are; `None` if there are none.
pub fn without_secrets(text: &[u8]) -> Option<(Vec<u8>, u64)> {
    let mut kept = Vec::new();
    let mut removed = 0_u64;
    for part in text.split_inclusive(|byte| *byte == b'\n') {
        if line(part).is_some() {
            removed = removed.saturating_add(1);
        } else {
            kept.extend_from_slice(part);
        }
    }
    (removed > 0).then_some((kept, removed))
}

/// The randoms of the sessions that a text has secrets of.
pub(super) fn randoms(text: &[u8]) -> impl Iterator<Item = [u8; 32]> {
    lines(text).map(|secret| secret.random)
}

/// The secrets of a text; other lines are passed over.
fn lines(text: &[u8]) -> impl Iterator<Item = SessionSecret> {
    text.split(|byte| *byte == b'\n').filter_map(line)
}

/// Reads `LABEL RANDOM SECRET`.
fn line(text: &[u8]) -> Option<SessionSecret> {
    let mut words = text.split(u8::is_ascii_whitespace).filter(|word| !word.is_empty());
    let (label, random, secret) = (words.next()?, words.next()?, words.next()?);
    let is_label = |byte: &u8| byte.is_ascii_uppercase() || byte.is_ascii_digit() || *byte == b'_';
    if words.next().is_some() || !label.iter().all(is_label) || secret.len() > LONGEST_SECRET {
        return None;
    }
    let label = str::from_utf8(label).ok()?.to_owned();
    let random = hex_array(random)?;
    let secret = hex(secret)?;
    Some(SessionSecret { random, label, secret })
}

fn push_hex(text: &mut Vec<u8>, bytes: &[u8]) {
    let digits = bytes.iter().flat_map(|byte| [byte >> 4, byte & 0x0f]);
    text.extend(digits.map(|digit| if digit < 10 { b'0' + digit } else { b'a' - 10 + digit }));
}

/// Characters of a line besides its label, if the secret has at most 64 bytes.
const LINE_REST: usize = 256;

/// The longest secret, in hexadecimal digits; those of today have at most 1,000 (a configuration of ECH).
const LONGEST_SECRET: usize = 1 << 14;

#[cfg(test)]
mod tests {
    use super::*;

    fn log(lines: &[(&str, u8, &str)]) -> String {
        let mut text = String::new();
        for (label, random, secret) in lines {
            let random = format!("{random:02x}").repeat(32);
            text.extend([label, " ", &random, " ", secret, "\n"]);
        }
        text
    }

    #[test]
    fn chosen_sessions_have_their_lines_once() {
        let first = log(&[("SERVER_TRAFFIC_SECRET_0", 1, "0AfF"), ("CLIENT_RANDOM", 2, "11")]);
        let second = log(&[("ECH_CONFIG", 1, "22"), ("SERVER_TRAFFIC_SECRET_0", 1, "0aff")]);
        let mut secrets = SessionSecrets::default();
        for text in [&first, &second.replace('\n', " \r\n"), &"# a comment\nnonsense\n".to_owned()]
        {
            secrets.add(text.as_bytes(), |random| *random == [1; 32]);
        }
        let expected = log(&[("ECH_CONFIG", 1, "22"), ("SERVER_TRAFFIC_SECRET_0", 1, "0aff")]);
        assert_eq!(secrets.text().bytes(), expected.as_bytes());
        assert_eq!((secrets.count(), secrets.sessions()), (2, BTreeSet::from([[1; 32]])));
        secrets.remove(first.as_bytes());
        assert_eq!(secrets.text().bytes(), log(&[("ECH_CONFIG", 1, "22")]).as_bytes());
    }

    #[test]
    fn what_is_known_of_a_session_is_a_key_log_again() {
        let text = log(&[("CLIENT_RANDOM", 2, "a1b2"), ("CLIENT_RANDOM", 3, "c3")]);
        let mut known = KeyLog::default();
        known.add(text.as_bytes()).unwrap();
        let mut secrets = SessionSecrets::default();
        secrets.add_session(&known, [9; 32]);
        assert!(secrets.is_empty());
        secrets.add_session(&known, [2; 32]);
        assert_eq!(secrets.text().bytes(), log(&[("CLIENT_RANDOM", 2, "a1b2")]).as_bytes());
    }

    #[test]
    fn texts_lose_their_secrets_and_nothing_else() {
        let secret = log(&[("CLIENT_RANDOM", 2, "a1b2")]);
        let unknown = log(&[("FUTURE_SECRET_7", 2, "a1b2")]);
        let rows = [
            ("a note", "recorded by me\r\non Monday".to_owned(), None),
            ("nothing", String::new(), None),
            ("secrets only", secret.clone(), Some((String::new(), 1))),
            (
                "among others",
                format!("keys:\n{secret}  {unknown}end"),
                Some(("keys:\nend".to_owned(), 2)),
            ),
            (
                "at the end",
                format!("keys:\n{}", secret.trim_end()),
                Some(("keys:\n".to_owned(), 1)),
            ),
            ("a short random", "CLIENT_RANDOM 0001 a1b2".to_owned(), None),
        ];
        for (name, text, expected) in rows {
            let expected = expected.map(|(text, count)| (text.into_bytes(), count));
            assert_eq!(without_secrets(text.as_bytes()), expected, "{name}");
        }
    }

    #[test]
    fn secrets_are_not_in_the_debug_form() {
        let mut secrets = SessionSecrets::default();
        secrets.add(log(&[("CLIENT_RANDOM", 2, "deadbeef")]).as_bytes(), |_| true);
        let shown = format!("{secrets:?} {:?}", secrets.text());
        assert!(
            shown.contains("count: 1") && !shown.contains("dead") && !shown.contains("222"),
            "{shown}"
        );
    }
}

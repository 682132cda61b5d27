//! Values within a content that is JSON: the path to one, and comparing it.

use std::cmp::Ordering;
use std::fmt::{self, Write};

use serde_json::{Number, Value};

/// The way to a value: `.path.to[0]["any name"]`.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub(super) struct JsonPath {
    steps: Vec<JsonStep>,
}

/// One step into a value.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum JsonStep {
    /// Into the member of an object with this name.
    Member(String),
    /// Into the element of an array with this number, from 0.
    Element(usize),
}

impl JsonStep {
    /// A step into a member whose name is there as JSON has it: in quotes, with its escapes. `None`
    /// where it is not a JSON string.
    pub fn named(quoted: &[u8]) -> Option<Self> {
        serde_json::from_slice(quoted).ok().map(Self::Member)
    }
}

impl JsonPath {
    /// The path of these steps.
    pub(super) fn new(steps: Vec<JsonStep>) -> Self {
        Self { steps }
    }

    /// Reads a path; `.` alone is the whole value.
    ///
    /// # Errors
    ///
    /// The character at which it stops being one, from 0, and what is expected there.
    pub(super) fn read(text: &str) -> Result<Self, (usize, &'static str)> {
        if text == "." {
            return Ok(Self::default());
        }
        let letters: Vec<char> = text.chars().collect();
        let mut steps = Vec::new();
        let mut at = 0;
        while let Some(letter) = letters.get(at) {
            let rest = letters.get(at.saturating_add(1)..).unwrap_or_default();
            let (step, length) = match (letter, rest.first()) {
                ('.', _) => member(rest),
                ('[', Some('"')) => quoted_member(rest),
                ('[', _) => element(rest),
                _ => return Err((at, "a path begins with `.name`, `[0]` or `[\"name\"]`")),
            }
            .map_err(|message| (at, message))?;
            steps.push(step);
            at = at.saturating_add(1).saturating_add(length);
        }
        if steps.is_empty() {
            return Err((0, "the path is empty; `.` is the whole value"));
        }
        Ok(Self { steps })
    }

    /// The value in a content; `None` if that is not JSON, or has no such value.
    pub(super) fn find(&self, content: &[u8]) -> Option<Value> {
        let mut value: Value = serde_json::from_slice(content).ok()?;
        for step in &self.steps {
            let next = match step {
                JsonStep::Member(name) => value.get_mut(name),
                JsonStep::Element(index) => value.get_mut(index),
            };
            value = next?.take();
        }
        Some(value)
    }
}

impl fmt::Display for JsonPath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.steps.is_empty() {
            return f.write_str(".");
        }
        for step in &self.steps {
            match step {
                JsonStep::Element(index) => write!(f, "[{index}]")?,
                JsonStep::Member(name) if !name.is_empty() && name.chars().all(is_plain) => {
                    write!(f, ".{name}")?;
                }
                JsonStep::Member(name) => {
                    f.write_str("[\"")?;
                    for letter in name.chars() {
                        if matches!(letter, '"' | '\\') {
                            f.write_char('\\')?;
                        }
                        f.write_char(letter)?;
                    }
                    f.write_str("\"]")?;
                }
            }
        }
        Ok(())
    }
}

fn member(rest: &[char]) -> Result<(JsonStep, usize), &'static str> {
    let name: String = rest.iter().take_while(|letter| is_plain(**letter)).collect();
    if name.is_empty() {
        return Err("a name follows `.`; other names are written `[\"name\"]`");
    }
    let length = name.chars().count();
    Ok((JsonStep::Member(name), length))
}

fn element(rest: &[char]) -> Result<(JsonStep, usize), &'static str> {
    let digits: String = rest.iter().take_while(|letter| letter.is_ascii_digit()).collect();
    let length = digits.len();
    let index = digits.parse().map_err(|_| "a number or a name in quotes follows `[`")?;
    match rest.get(length) {
        Some(']') => Ok((JsonStep::Element(index), length.saturating_add(1))),
        Some(_) | None => Err("`[` is never closed by `]`"),
    }
}

/// A name in quotes; `\` takes the next character as it is.
fn quoted_member(rest: &[char]) -> Result<(JsonStep, usize), &'static str> {
    let mut name = String::new();
    let mut letters = rest.iter().enumerate().skip(1);
    while let Some((at, letter)) = letters.next() {
        match letter {
            '\\' => name.extend(letters.next().map(|(_, letter)| *letter)),
            '"' if rest.get(at.saturating_add(1)) == Some(&']') => {
                return Ok((JsonStep::Member(name), at.saturating_add(2)));
            }
            '"' => return Err("`[` is never closed by `]`"),
            _ => name.push(*letter),
        }
    }
    Err("the name in quotes is never closed")
}

/// Whether a name needs no quotes for a character.
fn is_plain(letter: char) -> bool {
    letter.is_alphanumeric() || matches!(letter, '_' | '-' | '$' | '@')
}

/// A number, `true`, `false` or `null`.
pub(super) fn scalar(word: &str) -> Option<Value> {
    match serde_json::from_str(word) {
        Ok(Value::String(_) | Value::Array(_) | Value::Object(_)) => None,
        Ok(value) => Some(value),
        Err(_) => super::number::integer(word).map(Value::from),
    }
}

/// Whether two values are equal: numbers by what they are worth, so that 1 is 1.0.
pub(super) fn is_equal(left: &Value, right: &Value) -> bool {
    match (left, right) {
        (Value::Number(left), Value::Number(right)) => {
            order_of_numbers(left, right) == Some(Ordering::Equal)
        }
        _ => left == right,
    }
}

/// How two numbers compare; `None` if one is not a number.
pub(super) fn order(left: &Value, right: &Value) -> Option<Ordering> {
    match (left, right) {
        (Value::Number(left), Value::Number(right)) => order_of_numbers(left, right),
        _ => None,
    }
}

fn order_of_numbers(left: &Number, right: &Number) -> Option<Ordering> {
    match left.as_i128().zip(right.as_i128()) {
        // Integers exactly: ids are often larger than what a float can represent.
        Some((left, right)) => Some(left.cmp(&right)),
        None => left.as_f64()?.partial_cmp(&right.as_f64()?),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn path_leads_to_a_value() {
        let content = br#"{"type":"order","a b":{"]\"":7},"list":[{"id":9007199254740993},null,1.0],"":1,"d-1":{"$x":true}}"#;
        #[rustfmt::skip]
        let cases = [
            (".type",            Some(Value::from("order"))),
            (r#"["type"]"#,      Some(Value::from("order"))),
            (r#"["a b"]["]\""]"#, Some(Value::from(7))),
            (".list[0].id",      Some(Value::from(9_007_199_254_740_993_u64))),
            (".list[1]",         Some(Value::Null)),
            (".list[2]",         Some(Value::from(1.0))),
            (r#"[""]"#,          Some(Value::from(1))),
            (".d-1.$x",          Some(Value::from(true))),
            (".list[3]",         None),
            (".list.id",         None),
            (".type.more",       None),
            (".Type",            None),
            ("[0]",              None),
        ];
        for (text, expected) in cases {
            let path = JsonPath::read(text).unwrap();
            assert_eq!(path.find(content), expected, "{text}");
            assert_eq!(JsonPath::read(&path.to_string()), Ok(path), "{text}");
        }
        assert_eq!(JsonPath::read(".").unwrap().find(b"5"), Some(Value::from(5)));
        assert_eq!(JsonPath::read(".a").unwrap().find(b"{'a':1}"), None);
        assert_eq!(JsonPath::read(".a").unwrap().find(b"{\"a\":1"), None);
    }

    #[test]
    fn invalid_paths_are_reported_with_their_position() {
        #[rustfmt::skip]
        let cases = [
            ("",        0, "empty"),
            ("type",    0, "begins with"),
            (".a.",     2, "a name follows"),
            ("..a",     0, "a name follows"),
            (".a[",     2, "a number or a name"),
            (".a[x]",   2, "a number or a name"),
            (".a[1",    2, "never closed"),
            (".a[\"b",  2, "never closed"),
            (".a[\"b\"", 2, "never closed"),
            (".a b",    2, "begins with"),
            (".a[99999999999999999999]", 2, "a number"),
        ];
        for (text, at, message) in cases {
            let (place, told) = JsonPath::read(text).unwrap_err();
            assert_eq!(place, at, "{text}");
            assert!(told.contains(message), "{text}: {told}");
        }
    }

    #[test]
    fn numbers_are_compared_by_their_worth() {
        let of = |text: &str| serde_json::from_str::<Value>(text).unwrap();
        #[rustfmt::skip]
        let cases = [
            ("1", "1.0", Some(Ordering::Equal)),
            ("9007199254740993", "9007199254740992", Some(Ordering::Greater)),
            ("-1", "1", Some(Ordering::Less)),
            ("1e3", "1000", Some(Ordering::Equal)),
            ("0.5", "1", Some(Ordering::Less)),
            ("\"1\"", "1", None),
            ("null", "0", None),
        ];
        for (left, right, expected) in cases {
            assert_eq!(order(&of(left), &of(right)), expected, "{left} {right}");
            assert_eq!(is_equal(&of(left), &of(right)), expected == Some(Ordering::Equal));
        }
        assert!(is_equal(&of("null"), &of("null")) && is_equal(&of("\"a\""), &of("\"a\"")));
        assert!(!is_equal(&of("true"), &of("1")));
    }

    #[test]
    fn scalars_are_numbers_and_three_words() {
        #[rustfmt::skip]
        let cases = [
            ("5", true), ("-1.5e3", true), ("0x10", true), ("1_000", true), ("true", true), ("null", true),
            ("yes", false), ("[1]", false), ("[]", false), ("", false), ("1.", false),
        ];
        for (word, expected) in cases {
            assert_eq!(scalar(word).is_some(), expected, "{word}");
        }
    }
}

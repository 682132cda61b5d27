//! WHY-11: a character that is split across two messages.

use super::derailed;
use super::derailed::{DerailedStream, Explained, inflated, quoted};
use crate::findings::engine::cause::Cause;
use crate::findings::engine::rule::{AppliesTo, Example, Rule};
use crate::findings::engine::severity::Severity;
use crate::findings::engine::trigger::Check;
use crate::text::words::hex;
use crate::websocket::{Compression, Opcode};

/// WHY-11.
pub(super) static RULES: &[Rule] = &[Rule {
    id: "WHY-11",
    severity: Severity::Error,
    applies_to: AppliesTo::Both,
    title: "a character is split across two messages",
    section: "RFC 6455 §5.6",
    explanation: "This text message ends within a character, and the next one begins with the rest \
        of it: together, they are valid UTF-8. The sender cuts a text into messages by a number \
        of bytes, for example as it was read from a file, a pipe or a terminal. Each text message \
        has to be valid UTF-8 by itself; only the frames of one message may split a character.",
    remedy: "Send whole characters: keep the bytes of a character that is not complete for the next \
        message (a streaming decoder does this), send the pieces as fragments of one message, or \
        as binary messages.",
    example: Example::Text("81 03 61 62 e2, then 81 03 82 ac 21: e2 82 ac is one character"),
    explains: Some(
        Cause::of_stream(1_121, "character split across messages")
            .explaining(derailed::CONSEQUENCES),
    ),
    checks: &[Check::Cause(|context, violations| {
        derailed::test(context, violations, split_character);
    })],
}];

/// Tests whether a text and the one after it are valid UTF-8 only together.
pub(crate) fn split_character(stream: &DerailedStream<'_>) -> Option<Explained> {
    let mut messages = stream.messages().into_iter().filter(derailed::MessageSlice::is_text);
    let (first, second) = (messages.next()?, messages.next()?);
    let mut history = stream.history.to_vec();
    let mut content = |message: &derailed::MessageSlice| {
        let payload = message.payload(stream)?;
        match stream.compression {
            Compression::Deflate(params) if message.is_marked() => {
                let content = inflated(&payload, &history, params)?;
                if !params.no_context_takeover {
                    history.extend_from_slice(&content);
                }
                Some(content)
            }
            Compression::Deflate(_) | Compression::None | Compression::Unknown => Some(payload),
        }
    };
    let (one, two) = (content(&first)?, content(&second)?);
    let valid = valid_length(&one)?;
    let begun = one.get(valid..)?;
    let rest = two.iter().take_while(|byte| **byte & 0xc0 == 0x80).count();
    let rest = two.get(..rest)?;
    let character = [begun, rest].concat();
    let character = std::str::from_utf8(&character).ok().filter(|it| it.chars().count() == 1)?;
    // What comes after it may be split again.
    let after = two.get(rest.len()..)?;
    valid_length(after).or_else(|| std::str::from_utf8(after).ok().map(str::len))?;
    Some(Explained {
        start: first.start(),
        end: second.end(),
        evidence: format!(
            "the text ends with {}, the beginning of {}, and the next one begins with the rest of this \
             character, {}",
            hex(begun),
            quoted(character.as_bytes()),
            hex(rest)
        ),
        decoded_again: vec![stream.decoded_again(
            Opcode::Text,
            [one, two].concat(),
            [first.start(), second.end()],
        )],
        remedy: None,
    })
}

/// How much of a text is valid, if only the end of its last character is missing.
fn valid_length(text: &[u8]) -> Option<usize> {
    let error = std::str::from_utf8(text).err()?;
    error.error_len().is_none().then_some(error.valid_up_to())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::stream::Direction;
    use crate::testkit::frame::{masked, plain};

    fn frame(direction: Direction, first: u8, payload: &[u8]) -> Vec<u8> {
        match direction {
            Direction::ClientToServer => masked(first, payload),
            Direction::ServerToClient => plain(first, payload),
        }
    }

    fn found(direction: Direction, bytes: &[u8]) -> Option<Explained> {
        split_character(&DerailedStream::whole(bytes, direction, vec![0]))
    }

    #[test]
    fn split_characters_are_found() {
        for direction in Direction::BOTH {
            for character in ["\u{e9}", "\u{20ac}", "\u{1f600}"] {
                let text = ["some ", character, " words"].concat();
                for cut in 1..character.len() {
                    let (one, two) = text.as_bytes().split_at(5 + cut);
                    let ping = frame(direction, 0x89, b"");
                    let bytes =
                        [frame(direction, 0x81, one), ping, frame(direction, 0x81, two)].concat();
                    let found = found(direction, &bytes).unwrap();
                    assert_eq!(found.decoded_again[0].content, text.as_bytes());
                    assert!(found.evidence.contains(character), "{}", found.evidence);
                }
            }
        }
    }

    #[test]
    fn what_only_looks_like_it_is_not() {
        for direction in Direction::BOTH {
            #[rustfmt::skip]
            let rows: &[(&str, &[u8], &[u8])] = &[
                ("nothing follows it", b"some \xe2\x82", b"words"),
                ("too much follows it", b"some \xe2\x82", b"\xac\xac words"),
                ("Latin-1", b"caf\xe9", b"\xe9t\xe9"),
                ("impossible bytes", b"some \xff", b"\x82 words"),
                ("the next one is not a text", b"some \xe2\x82", b"\xac \xff words"),
            ];
            for (name, one, two) in rows {
                let bytes = [frame(direction, 0x81, one), frame(direction, 0x81, two)].concat();
                assert_eq!(found(direction, &bytes), None, "{name}");
            }
            let bytes = [frame(direction, 0x81, b"some \xe2\x82"), frame(direction, 0x82, b"\xac")];
            assert_eq!(found(direction, &bytes.concat()), None, "binary");
        }
    }
}

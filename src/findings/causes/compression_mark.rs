//! WHY-09: compressed but not marked, or marked but not compressed.

use super::derailed;
use super::derailed::{DerailedStream, Explained, MessageSlice, inflated, is_text};
use crate::findings::engine::cause::Cause;
use crate::findings::engine::rule::{AppliesTo, Example, Rule};
use crate::findings::engine::severity::Severity;
use crate::findings::engine::trigger::Check;
use crate::findings::words::counted;
use crate::stream::length_u64;
use crate::websocket::extension::SideParams;
use crate::websocket::{Compression, Opcode};

/// WHY-09.
pub(super) static RULES: &[Rule] = &[Rule {
    id: "WHY-09",
    severity: Severity::Error,
    applies_to: AppliesTo::Both,
    title: "a message is compressed but not marked so, or marked but not compressed",
    section: "RFC 7692 §6",
    explanation: "RSV1 of a message's first frame says whether the message is compressed with \
        permessage-deflate. Here, the bit and the payload contradict each other: the payload \
        inflates to a text although RSV1 is 0, or it is a text as it is although RSV1 is 1. The \
        receiver takes compressed bytes for a text, or inflates what is not compressed.",
    remedy: "Set RSV1 on the first frame of exactly those messages that are compressed: look for a \
        library, or a proxy, that compresses payloads itself and writes headers of its own. Turn \
        permessage-deflate off (do not offer or accept it) until the sender is fixed.",
    example: Example::Text("81 07 f2 48 cd c9 c9 07 00: \"Hello\", compressed, with RSV1 = 0"),
    explains: Some(
        Cause::of_stream(1_119, "compression and RSV1 contradict")
            .explaining(derailed::CONSEQUENCES),
    ),
    checks: &[Check::Cause(|context, violations| {
        derailed::test(context, violations, compression_mark);
    })],
}];

/// Tests whether a message is compressed although RSV1 is 0, or the reverse.
///
/// A binary message that a program has compressed itself is its own business, and so is zlib's or gzip's format.
pub(crate) fn compression_mark(stream: &DerailedStream<'_>) -> Option<Explained> {
    let message = stream.messages().into_iter().next()?;
    let payload = message.payload(stream)?;
    match stream.compression {
        Compression::Deflate(params) if !message.is_marked() && message.is_text() => {
            not_marked(stream, &message, &payload, params)
        }
        Compression::Deflate(_) | Compression::Unknown if message.is_marked() => {
            not_compressed(stream, &message, &payload)
        }
        Compression::Deflate(_) | Compression::Unknown | Compression::None => None,
    }
}

fn not_marked(
    stream: &DerailedStream<'_>,
    message: &MessageSlice,
    payload: &[u8],
    params: SideParams,
) -> Option<Explained> {
    if payload.is_empty() || is_text(payload) {
        return None;
    }
    let is_meant = |content: &Vec<u8>| !content.is_empty() && is_text(content);
    let alone = inflated(payload, &[], params).filter(is_meant);
    let with_history = || {
        let history = Some(stream.history).filter(|_| !params.no_context_takeover)?;
        inflated(payload, history, params).filter(is_meant)
    };
    let (content, how) = match alone {
        Some(content) => (content, ""),
        None => (with_history()?, ", with the context of the messages before it"),
    };
    Some(Explained {
        start: message.start(),
        end: message.end(),
        evidence: format!(
            "RSV1 is 0, but the {} of the payload inflate{how} to a text of {}",
            counted(length_u64(payload.len()), "byte"),
            counted(length_u64(content.len()), "byte"),
        ),
        decoded_again: vec![stream.decoded_again(Opcode::Text, content, message.offsets())],
        remedy: None,
    })
}

fn not_compressed(
    stream: &DerailedStream<'_>,
    message: &MessageSlice,
    payload: &[u8],
) -> Option<Explained> {
    let holds = payload.len() >= SHORTEST && is_text(payload);
    holds.then(|| Explained {
        start: message.start(),
        end: message.end(),
        evidence: format!(
            "RSV1 is 1, but the {} of the payload do not inflate and are {} as they are",
            counted(length_u64(payload.len()), "byte"),
            if derailed::is_json(payload) { "JSON" } else { "a text" },
        ),
        decoded_again: vec![stream.decoded_again(Opcode::Text, payload, message.offsets())],
        remedy: None,
    })
}

/// Bytes of a text that is not one by chance.
const SHORTEST: usize = 2;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::stream::Direction;
    use crate::testkit::frame::{masked, plain};

    const PARAMS: SideParams = SideParams { no_context_takeover: false, window_bits: 15 };

    fn frame(direction: Direction, first: u8, payload: &[u8]) -> Vec<u8> {
        match direction {
            Direction::ClientToServer => masked(first, payload),
            Direction::ServerToClient => plain(first, payload),
        }
    }

    fn found(
        direction: Direction,
        compression: Compression,
        history: &[u8],
        bytes: &[u8],
    ) -> Option<Explained> {
        let stream = DerailedStream::whole(bytes, direction, vec![0]);
        compression_mark(&DerailedStream { compression, history, ..stream })
    }

    /// "Hello", compressed (RFC 7692 §7.2.3.1), and once more with its context (§7.2.3.2).
    const HELLO: &[u8] = &[0xf2, 0x48, 0xcd, 0xc9, 0xc9, 0x07, 0x00];
    const AGAIN: &[u8] = &[0xf2, 0x00, 0x11, 0x00, 0x00];

    #[test]
    fn bit_and_payload_are_compared() {
        let deflate = Compression::Deflate(PARAMS);
        for direction in Direction::BOTH {
            let not_marked = frame(direction, 0x81, HELLO);
            let first = found(direction, deflate, b"", &not_marked).unwrap();
            assert_eq!(first.decoded_again[0].content, b"Hello");
            assert!(first.evidence.contains("RSV1 is 0"), "{}", first.evidence);
            let in_pieces =
                [frame(direction, 0x01, &HELLO[..3]), frame(direction, 0x80, &HELLO[3..])].concat();
            assert!(found(direction, deflate, b"", &in_pieces).is_some());
            let again = frame(direction, 0x81, AGAIN);
            let second = found(direction, deflate, b"Hello", &again).unwrap();
            assert_eq!(second.decoded_again[0].content, b"Hello");
            assert!(second.evidence.contains("context"), "{}", second.evidence);
            let marked = frame(direction, 0xc1, br#"{"type":"hello"}"#);
            let marked = found(direction, deflate, b"", &marked).unwrap();
            assert!(marked.evidence.contains("RSV1 is 1"), "{}", marked.evidence);
            assert!(marked.evidence.contains("are JSON"), "{}", marked.evidence);
        }
    }

    #[test]
    fn what_only_looks_like_it_is_not() {
        let deflate = Compression::Deflate(PARAMS);
        let zlib = b"\x78\x9c\xf3\x48\xcd\xc9\xc9\x07\x00\x05\x8c\x01\xf5";
        for direction in Direction::BOTH {
            #[rustfmt::skip]
            let rows: &[(&str, u8, Compression, &[u8])] = &[
                ("binary", 0x82, deflate, HELLO),
                ("nothing was agreed", 0x81, Compression::None, HELLO),
                ("zlib's format", 0x81, deflate, zlib),
                ("Latin-1", 0x81, deflate, b"caf\xe9 au lait"),
                ("cut", 0x81, deflate, &HELLO[..4]),
                ("not a text", 0xc1, deflate, b"\xff\x00\x81\x05"),
                ("without its context", 0x81, deflate, AGAIN),
            ];
            for (name, first, compression, payload) in rows {
                let bytes = frame(direction, *first, payload);
                assert_eq!(found(direction, *compression, b"", &bytes), None, "{name}");
            }
        }
    }
}

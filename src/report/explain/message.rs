//! Messages that are more than the payload of one frame: in several frames, or compressed.

use super::page::{Page, bytes};
use super::payload;
use crate::describe::frame::FrameContext;
use crate::stream::{Chunk, Origin, length_usize};
use crate::text::words::grouped;
use crate::websocket::{
    Compression, Decoder, Inflation, Message, Observation, Opcode, Settings, Shared, Start, Utf8,
};

/// A message, with what is shown of it.
#[derive(Clone, Debug)]
pub(super) struct WholeMessage {
    /// Offset one past its last byte.
    pub(super) end: usize,
    opcode: Opcode,
    frames: u64,
    compressed: bool,
    wire_length: u64,
    length: u64,
    complete: bool,
    content: Vec<u8>,
    inflation: Inflation,
    utf8: Utf8,
}

/// Decodes the messages whose content is not simply the payload of one frame.
pub(super) fn messages(bytes: &[u8], context: FrameContext) -> Vec<WholeMessage> {
    // What was said before is not here: history is taken as missing, not as empty.
    let compression = match context.compression {
        Compression::None => Compression::None,
        Compression::Deflate(_) | Compression::Unknown => Compression::Unknown,
    };
    let mut decoder = Decoder::new(compression, Start::Boundary);
    let mut shared =
        Shared::new(Settings { keep: KEPT, digest: false, inflated_bytes: MOST_INFLATED });
    let mut messages = Vec::new();
    let mut sink = |seen: Observation<'_>| {
        if let Observation::Message(message) = seen
            && (message.frames > 1 || message.compressed)
        {
            messages.push(WholeMessage::of(message));
        }
    };
    let chunk = Chunk { offset: 0, bytes, origin: Origin::default() };
    decoder.push(chunk, &mut shared, &mut sink);
    decoder.finish(&mut shared, &mut sink);
    messages
}

impl WholeMessage {
    fn of(message: &Message<'_>) -> Self {
        Self {
            end: length_usize(message.span.end),
            opcode: message.opcode,
            frames: message.frames,
            compressed: message.compressed,
            wire_length: message.wire_length,
            length: message.length,
            complete: message.complete,
            content: message.content.to_vec(),
            inflation: message.inflation,
            utf8: message.utf8,
        }
    }
}

/// Explains a message after its last frame.
pub(super) fn explain(page: &mut Page, message: &WholeMessage) {
    page.blank();
    let frames = match message.frames {
        1 => "one frame".to_owned(),
        frames => format!("{} frames", grouped(frames)),
    };
    let length = bytes(message.length);
    let state = if message.complete { "The whole message" } else { "The message (incomplete)" };
    page.heading(&format!("{state}: {}, {frames}, {length}", message.opcode.name()));
    page.blank();
    if message.compressed {
        page.entry(2, "Inflating", "RFC 7692 §7.2.2");
        page.paragraph(4, &inflating(message));
    } else {
        page.entry(2, "Joining", "RFC 6455 §5.4");
        page.paragraph(
            4,
            "The payloads of its frames, unmasked and one after the other, are the message.",
        );
    }
    if message.content.is_empty() {
        return;
    }
    page.blank();
    payload::dump(page, &message.content);
    if message.opcode == Opcode::Text {
        page.blank();
        payload::as_text(page, &message.content);
    }
    if let Utf8::Invalid { byte } = message.utf8 {
        payload::not_utf8(page, byte);
    }
}

/// What became of the compressed bytes.
fn inflating(message: &WholeMessage) -> String {
    let what = match message.frames {
        1 => "The payload is",
        _ => "The payloads of its frames, unmasked and one after the other, are",
    };
    let outcome = match message.inflation {
        Inflation::None => String::new(),
        Inflation::Done => {
            format!(" {} inflate to {}.", bytes(message.wire_length), bytes(message.length))
        }
        Inflation::Unfinished => " Part of it is missing.".to_owned(),
        Inflation::HistoryMissing | Inflation::HistoryEvicted => {
            " It repeats parts of earlier messages, which are missing: give the frames before it too."
                .to_owned()
        }
        Inflation::Invalid { offset, fault } => format!(
            " It is not valid DEFLATE: {} at compressed byte {}.",
            fault.text(),
            grouped(offset)
        ),
        Inflation::Forgotten { distance, available, .. } => format!(
            " It repeats what was said {distance} bytes before, and only {available} bytes of it had \
             come out."
        ),
        Inflation::TooLarge => {
            format!(" Inflation was stopped after {}.", bytes(MOST_INFLATED))
        }
    };
    format!(
        "{what} compressed with DEFLATE. The last four bytes, always 00 00 ff ff, were left out by the sender.\
         {outcome}"
    )
}

/// Bytes of a message that are kept to be shown.
const KEPT: usize = 4096;

/// Bytes that a message may inflate to.
const MOST_INFLATED: u64 = 16 << 20;

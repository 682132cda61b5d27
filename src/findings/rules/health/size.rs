//! Text that is sent as it is, though it could be compressed.

use crate::findings::engine::rule::{AppliesTo, Example, Rule};
use crate::findings::engine::severity::Severity;
use crate::findings::engine::trigger::Check;
use crate::findings::state::health::DeflateUse;

/// OPS-06.
pub(super) static RULES: &[Rule] = &[Rule {
    id: "OPS-06",
    severity: Severity::Note,
    applies_to: AppliesTo::Nobody,
    title: "permessage-deflate refused or not offered though text dominates",
    section: "RFC 7692 §5",
    explanation: "Text such as JSON is repetitive and compresses well. Here nearly everything \
        that was sent is text, and it crossed the network uncompressed. The saving is estimated \
        from a part of the text, using only repetitions within a message: real deflate saves \
        more, and with context takeover much more on short messages.",
    remedy: "If the network is the bottleneck, enable permessage-deflate on the side that the \
        evidence names: ws `perMessageDeflate: true` (off by default on its server), Python \
        websockets compression=\"deflate\" (its default), Go coder/websocket CompressionMode. It \
        costs memory and time for each connection; on one machine, or for data that is already \
        compressed, leave it off.",
    example: Example::Text("client: no Sec-WebSocket-Extensions, then megabytes of JSON"),
    explains: None,
    checks: &[Check::End(|context, violations| {
        let content = &context.state.health.content;
        let who = match content.deflate {
            DeflateUse::AgreedOrUnknown => return,
            DeflateUse::NotOffered => "the client did not offer permessage-deflate",
            DeflateUse::Refused => {
                "the server did not accept the client's offer of permessage-deflate"
            }
        };
        let is_text = content.text / 4 >= content.binary && content.text >= MUCH_TEXT;
        let saved = content.sampled.saturating_sub(content.squeezed).saturating_mul(100);
        let Some(percent) = saved.checked_div(content.sampled) else { return };
        if !is_text || percent < WORTH_IT {
            return;
        }
        let saved = u128::from(content.text).saturating_mul(u128::from(percent)) / 100;
        violations
            .add(format!(
                "{who}; {} bytes of text were sent, of which it would have saved about {saved} \
                 ({percent} % of the {} bytes that were sampled)",
                content.text, content.sampled
            ))
            .direction(None)
            .side(None);
    })],
}];

/// Bytes of text that make it worth while.
const MUCH_TEXT: u64 = 64 << 10;

/// Percent that are saved, at least.
const WORTH_IT: u64 = 30;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::findings::fixture::{RuleCase, check, masked, plain};
    use crate::testkit::traffic::TestTraffic;

    /// 80 KB of text or of other bytes, in messages of 1 KB.
    fn much(s: &mut TestTraffic, first: u8, content: impl Fn(u64) -> String) {
        for number in 0..80 {
            s.server(&plain(first, content(number).as_bytes()));
        }
        s.client(&masked(0x81, b"thanks")).close();
    }

    fn json(number: u64) -> String {
        format!("{{\"symbol\":\"ABC{number}\",\"price\":100,\"side\":\"buy\"}},").repeat(25)
    }

    fn noise(number: u64) -> String {
        let mut state = number.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1;
        let letters = (0..1_024).map(|_| {
            state = state.wrapping_mul(0x5851_f42d_4c95_7f2d).wrapping_add(0x1405_7b7e_f767_814f);
            char::from(b'0' + u8::try_from(state >> 58).unwrap())
        });
        letters.collect()
    }

    #[rustfmt::skip]
    const CASES: &[RuleCase] = &[
        RuleCase { name: "not offered", near: &[], fires: &["OPS-06"], play: |s| much(s.upgraded(), 0x81, json) },
        RuleCase { name: "refused", near: &[], fires: &["OPS-06"], play: |s| {
            much(s.open().upgrade("Sec-WebSocket-Extensions: permessage-deflate\r\n", ""), 0x81, json);
        }},
        RuleCase { name: "agreed", near: &["OPS-06"], fires: &[], play: |s| much(s.deflated(""), 0x81, json) },
        RuleCase { name: "binary", near: &["OPS-06"], fires: &[], play: |s| much(s.upgraded(), 0x82, json) },
        RuleCase { name: "text that does not repeat itself", near: &["OPS-06"], fires: &[], play: |s| much(s.upgraded(), 0x81, noise) },
        RuleCase { name: "little text", near: &["OPS-06"], fires: &[], play: |s| {
            s.upgraded().server(&plain(0x81, json(1).repeat(20).as_bytes())).close();
        }},
    ];

    #[test]
    fn compressible_text_is_reported() {
        check(&[RULES], CASES);
    }
}

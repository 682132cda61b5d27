//! Rules about Close, Ping and Pong, and about how a WebSocket ends (WS-C).

mod codes;
pub(crate) mod end_advice;
mod endings;
mod heartbeat;

use crate::findings::engine::rule::Rule;

/// WS-C.
pub(super) const TABLES: &[&[Rule]] = &[codes::RULES, endings::RULES, heartbeat::RULES];

#[cfg(test)]
mod tests {
    use super::*;
    use crate::findings::fixture::{RuleCase, Scenario, check, masked, plain};
    use crate::stream::Direction::{ClientToServer, ServerToClient};
    use crate::stream::Side;
    use crate::testkit::packet::{ACK, FIN};

    /// The server closes with this payload, the client answers with the same code or nothing.
    fn closed_with(s: &mut Scenario, payload: &[u8]) {
        let code = payload.get(..2).unwrap_or_default();
        s.upgraded().server(&plain(0x88, payload)).client(&masked(0x88, code)).end(Side::Server);
    }

    #[rustfmt::skip]
    const CASES: &[RuleCase] = &[
        RuleCase { name: "clean ending", near: &["WS-C01", "WS-C02", "WS-C09", "WS-C10", "WS-C12", "WS-C13", "WS-C16", "WS-C17", "WS-C18", "WS-C19"], fires: &[], play: |s| closed_with(s, b"\x03\xe8") },
        RuleCase { name: "Close without a code", near: &["WS-C01", "WS-C03"], fires: &[], play: |s| closed_with(s, b"") },
        RuleCase { name: "reason of 123 bytes", near: &["WS-C02"], fires: &[], play: |s| {
            let payload = [b"\x03\xe8", "é€😀x".repeat(12).as_bytes(), b"xxx"].concat();
            assert_eq!(payload.len(), 125);
            closed_with(s, &payload);
        }},
        RuleCase { name: "one byte", near: &[], fires: &["WS-C01 server"], play: |s| closed_with(s, b"\x03") },
        RuleCase { name: "reason in Latin-1", near: &[], fires: &["WS-C02 server"], play: |s| closed_with(s, b"\x03\xe8caf\xe9 !") },
        RuleCase { name: "1006, sent and sent back", near: &["WS-C10"], fires: &["WS-C03 server", "WS-C03 client"], play: |s| closed_with(s, b"\x03\xee") },
        RuleCase { name: "429", near: &["WS-C05"], fires: &["WS-C04 server", "WS-C04 client"], play: |s| closed_with(s, b"\x01\xad") },
        RuleCase { name: "1000", near: &["WS-C04"], fires: &[], play: |s| closed_with(s, b"\x03\xe8") },
        RuleCase { name: "1016", near: &["WS-C04"], fires: &["WS-C05 server", "WS-C05 client"], play: |s| closed_with(s, b"\x03\xf8") },
        RuleCase { name: "1014", near: &["WS-C05"], fires: &["WS-C17"], play: |s| closed_with(s, b"\x03\xf6") },
        RuleCase { name: "3000", near: &["WS-C05"], fires: &["WS-C18"], play: |s| closed_with(s, b"\x0b\xb8") },
        RuleCase { name: "4999", near: &["WS-C06"], fires: &["WS-C18"], play: |s| closed_with(s, b"\x13\x87") },
        RuleCase { name: "5000", near: &["WS-C18"], fires: &["WS-C06 server", "WS-C06 client"], play: |s| closed_with(s, b"\x13\x88") },
        RuleCase { name: "data after the own Close", near: &["WS-C08"], fires: &["WS-C07 server"], play: |s| {
            s.upgraded().server(&plain(0x88, b"\x03\xe8")).server(&plain(0x81, b"late")).client(&masked(0x88, b"\x03\xe8")).end(Side::Server);
        }},
        RuleCase { name: "data after the other's Close", near: &["WS-C07", "WS-C08"], fires: &[], play: |s| {
            s.upgraded().server(&plain(0x88, b"\x03\xe8")).client(&masked(0x81, b"on its way")).client(&masked(0x89, b"")).client(&masked(0x88, b"\x03\xe8")).end(Side::Server);
        }},
        RuleCase { name: "a second Close", near: &["WS-C07"], fires: &["WS-C08 server"], play: |s| {
            s.upgraded().server(&plain(0x88, b"\x03\xe8")).server(&plain(0x88, b"\x03\xe8")).client(&masked(0x88, b"\x03\xe8")).end(Side::Server);
        }},
        RuleCase { name: "no answer to a Close", near: &["WS-C12"], fires: &["WS-C09 client"], play: |s| {
            s.upgraded().server(&plain(0x88, b"\x03\xe9")).end(Side::Client);
        }},
        RuleCase { name: "a Close after the client's FIN", near: &["WS-C09"], fires: &["WS-C12"], play: |s| {
            s.upgraded().flagged(ClientToServer, FIN | ACK).wait(30).server(&plain(0x88, b"\x03\xe9")).flagged(ServerToClient, FIN | ACK);
        }},
        RuleCase { name: "a Close that crosses the client's FIN", near: &["WS-C09"], fires: &["WS-C12"], play: |s| {
            s.upgraded().unacknowledged(ServerToClient, &plain(0x88, b"\x03\xe9"));
            s.unacknowledged_blind(ClientToServer, b"").next.server -= 4;
            s.flagged(ClientToServer, FIN | ACK).next.server += 4;
            s.wait(1).flagged(ServerToClient, FIN | ACK);
        }},
        RuleCase { name: "FIN without a Close, and RST for what comes after it", near: &["NET-07"], fires: &["WS-C12"], play: |s| {
            s.upgraded().flagged(ClientToServer, FIN | ACK).unacknowledged(ServerToClient, &plain(0x81, b"x")).reset(Side::Client);
        }},
        RuleCase { name: "left right after the own Close", near: &["WS-C12"], fires: &["WS-C09 server"], play: |s| {
            s.upgraded().server(&plain(0x88, b"\x03\xe9")).end(Side::Server);
        }},
        RuleCase { name: "failed, and left at once", near: &["WS-C09", "WS-C12"], fires: &["WS-C17"], play: |s| {
            s.upgraded().server(&plain(0x88, b"\x03\xea")).end(Side::Server);
        }},
        RuleCase { name: "the capture ends before the answer", near: &["WS-C09", "WS-C12"], fires: &[], play: |s| {
            s.upgraded().server(&plain(0x88, b"\x03\xe9"));
        }},
        RuleCase { name: "another code in the answer", near: &[], fires: &["WS-C10 client"], play: |s| {
            s.upgraded().server(&plain(0x88, b"\x03\xe8")).client(&masked(0x88, b"\x03\xe9")).end(Side::Server);
        }},
        RuleCase { name: "both close at once", near: &["WS-C10"], fires: &[], play: |s| {
            s.upgraded().unacknowledged(ServerToClient, &plain(0x88, b"\x03\xe9"));
            s.unacknowledged_blind(ClientToServer, &masked(0x88, b"\x03\xe8"));
            s.acknowledge(ServerToClient).acknowledge(ClientToServer).end(Side::Server);
        }},
        RuleCase { name: "1010 of a server", near: &[], fires: &["WS-C11 server"], play: |s| closed_with(s, b"\x03\xf2") },
        RuleCase { name: "1010 of a client, sent back", near: &["WS-C11"], fires: &[], play: |s| {
            s.upgraded().client(&masked(0x88, b"\x03\xf2")).server(&plain(0x88, b"\x03\xf2")).end(Side::Server);
        }},
        RuleCase { name: "FIN without a Close", near: &["NET-07", "WS-C09"], fires: &["WS-C12"], play: |s| {
            s.upgraded().client(&masked(0x81, b"x")).wait(20_000).end(Side::Server);
        }},
        RuleCase { name: "RST without a Close", near: &["WS-C12"], fires: &["NET-07 server"], play: |s| {
            s.upgraded().client(&masked(0x81, b"x")).reset(Side::Server);
        }},
        RuleCase { name: "open for long after both Closes", near: &["WS-C19"], fires: &["WS-C13 server"], play: |s| {
            s.upgraded().client(&masked(0x88, b"\x03\xe8")).server(&plain(0x88, b"\x03\xe8")).wait(20_000).end(Side::Server);
        }},
        RuleCase { name: "open for a second after both Closes", near: &["WS-C13"], fires: &[], play: |s| {
            s.upgraded().client(&masked(0x88, b"\x03\xe8")).server(&plain(0x88, b"\x03\xe8")).wait(1_000).end(Side::Server);
        }},
        RuleCase { name: "the client leaves first", near: &["WS-C12", "WS-C13"], fires: &["WS-C19 client"], play: |s| {
            s.upgraded().client(&masked(0x88, b"\x03\xe8")).server(&plain(0x88, b"\x03\xe8")).end(Side::Client);
        }},
        RuleCase { name: "Ping passed over", near: &["WS-C15"], fires: &["WS-C14 client"], play: |s| {
            s.upgraded().server(&plain(0x89, b"forgotten")).wait(5).client(&masked(0x81, b"something else")).close();
        }},
        RuleCase { name: "Ping ignored in silence", near: &["WS-C15"], fires: &["WS-C14 client"], play: |s| {
            s.upgraded().server(&plain(0x89, b"forgotten")).wait(6_000).acknowledge(ClientToServer);
        }},
        RuleCase { name: "the latest of three Pings is answered", near: &["WS-C14", "WS-C15"], fires: &[], play: |s| {
            s.upgraded().server(&plain(0x89, b"1")).server(&plain(0x89, b"2")).server(&plain(0x89, b"3")).client(&masked(0x8a, b"3")).client(&masked(0x81, b"x")).wait(9_000).close();
        }},
        RuleCase { name: "data that crossed the Ping", near: &["WS-C14"], fires: &[], play: |s| {
            s.upgraded().unacknowledged(ServerToClient, &plain(0x89, b"?")).wait(50);
            s.unacknowledged_blind(ClientToServer, &masked(0x81, b"sent before")).unacknowledged_blind(ClientToServer, &masked(0x88, b"\x03\xe8"));
            s.acknowledge(ServerToClient).acknowledge(ClientToServer).server(&plain(0x88, b"\x03\xe8")).end(Side::Server);
        }},
        RuleCase { name: "closed right after a Ping", near: &["WS-C14"], fires: &[], play: |s| {
            s.upgraded().server(&plain(0x89, b"?")).close();
        }},
        RuleCase { name: "Pong with another payload", near: &["WS-C14"], fires: &["WS-C15 server"], play: |s| {
            s.upgraded().client(&masked(0x89, b"ping-A")).server(&plain(0x8a, b"ping-B")).wait(9_000).close();
        }},
        RuleCase { name: "Pong unasked, and no Ping open", near: &["WS-C15"], fires: &[], play: |s| {
            s.upgraded().client(&masked(0x8a, b"alive")).server(&plain(0x8a, b"")).close();
        }},
        RuleCase { name: "Pong unasked while a Ping is open that is answered then", near: &["WS-C15", "WS-C14"], fires: &[], play: |s| {
            s.upgraded().client(&masked(0x89, b"ping-A")).server(&plain(0x8a, b"")).server(&plain(0x8a, b"ping-A")).close();
        }},
        RuleCase { name: "server goes on after an unmasked frame", near: &["WS-C17"], fires: &["WS-F01 client", "WS-C16 server"], play: |s| {
            s.upgraded().client(&plain(0x81, b"x")).server(&plain(0x81, b"x")).close();
        }},
        RuleCase { name: "server fails the connection", near: &["WS-C16"], fires: &["WS-F01 client", "WS-C17 client"], play: |s| {
            s.upgraded().client(&plain(0x81, b"x")).server(&plain(0x88, b"\x03\xea")).client(&masked(0x88, b"\x03\xea")).end(Side::Server);
        }},
        RuleCase { name: "server fails the connection after what it had sent before", near: &["WS-C16"], fires: &["WS-F01 client", "WS-C17 client"], play: |s| {
            s.upgraded().client(&plain(0x81, b"x")).server(&plain(0x81, b"y")).server(&plain(0x88, b"\x03\xea")).client(&masked(0x88, b"\x03\xea")).end(Side::Server);
        }},
        RuleCase { name: "server leaves after an unmasked frame", near: &["WS-C16"], fires: &["WS-F01 client", "WS-C12"], play: |s| {
            s.upgraded().client(&plain(0x81, b"x")).end(Side::Server);
        }},
    ];

    #[test]
    fn each_offence_is_found_once_and_nothing_else() {
        check(&[codes::RULES, endings::RULES, heartbeat::RULES], CASES);
    }

    #[test]
    fn evidence_describes_what_was_seen() {
        type EvidenceRow = (&'static str, fn(&mut Scenario), &'static str);
        #[rustfmt::skip]
        let rows: &[EvidenceRow] = &[
            ("WS-C04", |s| closed_with(s, b"\x01\xad"), "code 429 looks like an HTTP status; the lowest Close code is 1000"),
            ("WS-C10", |s| { s.upgraded().server(&plain(0x88, b"\x03\xe8")).client(&masked(0x88, b"\x03\xe9")); }, "code 1001 answers code 1000"),
            ("WS-C12", |s| { s.upgraded().server(&plain(0x81, b"x")).wait(60_000).end(Side::Server); }, "the server sent FIN first, 60.0 s after the last frame; neither side sent a Close"),
            ("WS-C15", |s| { s.upgraded().client(&masked(0x89, b"A")).server(&plain(0x8a, b"\x01")); }, "payload 01; the outstanding Ping of packet 8 has \"A\""),
            ("WS-C17", |s| { s.upgraded().client(&plain(0x81, b"x")).server(&plain(0x88, b"\x03\xeano mask")); }, "code 1002 (protocol error), reason \"no mask\"; before it, WS-F01 in packet 8"),
        ];
        for (id, play, evidence) in rows {
            let mut scenario = Scenario::new();
            play(&mut scenario);
            let judged = scenario.judge(&crate::findings::Reading::default());
            let found = judged.list.iter().find(|finding| finding.rule.id == *id).unwrap();
            assert_eq!(found.evidence, *evidence, "{id}");
        }
    }
}

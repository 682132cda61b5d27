//! What a capture does not show (CAP): nothing is dropped in silence.

use crate::analysis::event::{ConnectionEvent, Limit, Nature, Recognition};
use crate::capture::LinkType;
use crate::decode::link_type_name;
use crate::findings::engine::context::RuleContext;
use crate::findings::engine::rule::{AppliesTo, Example, Rule};
use crate::findings::engine::severity::Severity;
use crate::findings::engine::trigger::Check;
use crate::findings::state::connection::PeerState;
use crate::findings::words::{counted, duration, packets_in_words};
use crate::stream::{Direction, GapCause, Side, Span};

/// CAP, by number.
pub(super) static RULES: &[Rule] = &[
    Rule {
        id: "CAP-01",
        severity: Severity::Warning,
        applies_to: AppliesTo::Nobody,
        title: "bytes missing: the receiver acknowledged data that the capture does not contain",
        section: "",
        explanation: "The peers exchanged these bytes, but the recorder missed the packets that \
            carried them. Messages they belong to are incomplete, and if they contained a frame \
            header, frame boundaries have to be found again.",
        remedy: "Record with a larger buffer (tcpdump -B 65536), with a filter on the port, and \
            to a fast disk; look at the number of packets that tcpdump reports as dropped by the \
            kernel. Record on one of the two machines rather than on a switch.",
        example: Example::Text("seq 1 to 1448; seq 2897 to 4344; ack 4345"),
        explains: None,
        checks: &[Check::Incident(|context, violations| {
            let ConnectionEvent::Gap(direction, gap) = *context.subject else { return };
            let why = match gap.cause {
                GapCause::Acknowledged => "the receiver acknowledged them",
                GapCause::Ended => "they had not arrived when the capture ended",
                GapCause::Limit => "too much data was waiting for them",
                // The latter is one of TLS, and reported there.
                GapCause::SnapLength | GapCause::UnknownLength => return,
            };
            if !is_ours(context) {
                return;
            }
            let span = Span { end: gap.end(), ..Span::at(gap.offset, gap.origin) };
            violations
                .add(format!("{} at offset {}: {why}", counted(gap.length, "byte"), gap.offset))
                .direction(direction)
                .span(span);
        })],
    },
    Rule {
        id: "CAP-02",
        severity: Severity::Warning,
        applies_to: AppliesTo::Nobody,
        title: "packets cut short by the snap length",
        section: "",
        explanation: "The recorder kept only the beginning of each packet. Payloads, and with them \
            frame headers, are missing; messages cannot be shown.",
        remedy: "Record whole packets: tcpdump -s 0, or dumpcap without -s. Loopback packets may \
            have more than 65,535 bytes: use -s 262144.",
        example: Example::Text("tcpdump -s 96"),
        explains: None,
        checks: &[
            Check::End(|context, violations| {
                let sides = &context.state.sides;
                let cut = |side: &PeerState| side.cut.as_deref().copied().unwrap_or_default();
                let (client, server) = (cut(&sides.client), cut(&sides.server));
                let packets = client.packets.saturating_add(server.packets);
                if packets == 0 {
                    return;
                }
                let bytes = client.bytes.saturating_add(server.bytes);
                let first = [client, server]
                    .into_iter()
                    .filter(|cut| cut.packets > 0)
                    .map(|cut| cut.first)
                    .min_by_key(|span| span.first.packet);
                violations
                    .add(format!("{} lack {}", counted(packets, "packet"), counted(bytes, "byte")))
                    .span(first.unwrap_or_default());
            }),
            Check::Capture(|context, violations| {
                let packets = context.state.cut_packets;
                if packets > 0 && !context.across.is_reported("CAP-02") {
                    violations
                        .add(format!("{}, not part of a WebSocket", counted(packets, "packet")));
                }
            }),
        ],
    },
    Rule {
        id: "CAP-03",
        severity: Severity::Note,
        applies_to: AppliesTo::Nobody,
        title: "capture starts mid-connection: handshake not seen",
        section: "",
        explanation: "WebSocket was recognized by its frames, or inside TLS whose ClientHello is missing, with \
            secrets that were found by trying all. It is not known which extensions \
            and which subprotocol were negotiated: RSV1 is assumed to mean permessage-deflate, \
            and compressed messages that refer to earlier ones cannot be inflated at first.",
        remedy: "Start recording before the connection is opened.",
        example: Example::Text("the first packet of the connection carries a frame"),
        explains: None,
        checks: &[
            Check::Incident(|context, violations| {
                let ConnectionEvent::Recognized(recognition) = *context.subject else { return };
                violations.add(match recognition {
                    Recognition::Forced => "decoded as WebSocket because of --decode-as",
                    Recognition::Frames => "the frames fit together too well for another protocol",
                });
            }),
            Check::End(|context, violations| {
                let tls = context.connection.tls.as_deref();
                if tls.is_some_and(|tls| tls.is_decrypted && tls.client_hello.is_none()) {
                    violations.add(
                        "the ClientHello of its TLS is missing; its secrets were found by trying those supplied",
                    );
                }
                if context.state.recognized.is_none() {
                    return;
                }
                for direction in Direction::BOTH {
                    let bytes = *context.connection.bytes.get(direction);
                    if bytes > 0 && *context.connection.frames.get(direction) == 0 {
                        let sender = Side::sender(direction).name();
                        let bytes = counted(bytes, "byte");
                        violations
                            .add(format!("no frame begins in the {bytes} from the {sender}"))
                            .direction(direction);
                    }
                }
            }),
        ],
    },
    Rule {
        id: "CAP-04",
        severity: Severity::Warning,
        applies_to: AppliesTo::Nobody,
        title: "frame sync lost after a gap",
        section: "",
        explanation: "The missing bytes contained a frame header, so it is not known where the \
            next frame starts. Headers are searched for that lead from one to the next; bytes \
            before the first of them are skipped, and frame rules do not apply to them.",
        remedy: "Record without loss (see CAP-01). Everything after the point where boundaries \
            were found again is reliable.",
        example: Example::Text("a gap over the start of a frame"),
        explains: None,
        checks: &[
            Check::Incident(|context, violations| {
                let ConnectionEvent::SyncFound(direction, skipped) = *context.subject else {
                    return;
                };
                // Looking for the first boundary is what every start in mid-connection begins with.
                if context.sender(direction).lost.is_none() {
                    return;
                }
                violations
                    .add(format!(
                        "lost at offset {}, found again at {} (packet {}); {} skipped",
                        skipped.start,
                        skipped.end,
                        skipped.last.packet,
                        counted(skipped.length(), "byte")
                    ))
                    .direction(direction)
                    .span(skipped);
            }),
            Check::End(|context, violations| {
                for direction in Direction::BOTH {
                    let side = context.sender(direction);
                    let Some(&lost) = side.lost.as_deref().filter(|_| side.text.is_none()) else {
                        continue;
                    };
                    violations
                        .add(format!("lost at offset {} and never found again", lost.start))
                        .direction(direction)
                        .span(lost);
                }
            }),
        ],
    },
    Rule {
        id: "CAP-05",
        severity: Severity::Note,
        applies_to: AppliesTo::Nobody,
        title: "only one direction captured",
        section: "",
        explanation: "The other direction took another path or was filtered out. It is not known \
            what the peer answered, or whether it answered at all.",
        remedy: "Record at a point that both directions pass, such as one of the two machines. \
            Look at the filter: `port 8080` takes both directions, `dst port 8080` only one.",
        example: Example::Text("packets from the client only"),
        explains: None,
        checks: &[Check::End(|context, violations| {
            let Some(unseen) = context.subject.unseen else { return };
            let packets = *context.connection.packets.get(unseen.reverse());
            let from = match unseen {
                Direction::ClientToServer => "server",
                Direction::ServerToClient => "client",
            };
            violations.add(format!("{} from the {from}, none back", counted(packets, "packet")));
        })],
    },
    Rule {
        id: "CAP-06",
        severity: Severity::Warning,
        applies_to: AppliesTo::Nobody,
        title: "overlapping TCP segments disagree",
        section: "RFC 9293 §3.10.7.4",
        explanation: "The same bytes of the stream arrived twice with different content. Those of \
            the first packet are used here; the receiver may have used the others. Someone may \
            have injected a packet, or a device rewrites data on the way.",
        remedy: "Compare the two packets. Look for a proxy or firewall that rewrites payloads, and \
            for hosts that can spoof packets on the path.",
        example: Example::Text("seq 1 to 100 `aaaa…`, then seq 1 to 100 `aaba…`"),
        explains: None,
        checks: &[Check::Incident(|context, violations| {
            let ConnectionEvent::Conflict(direction, span) = *context.subject else { return };
            violations
                .add(format!(
                    "{} at offset {} arrived again in packet {} with different content; the first \
                     were used",
                    counted(span.length(), "byte"),
                    span.start,
                    span.last.packet
                ))
                .direction(direction)
                .side(None)
                .span(span);
        })],
    },
    Rule {
        id: "CAP-07",
        severity: Severity::Note,
        applies_to: AppliesTo::Nobody,
        title: "timestamps go backwards, or responses precede their requests",
        section: "",
        explanation: "The capture was merged from recordings whose clocks differ, or packets were \
            recorded in a different order than they were sent. Durations and round trips cannot \
            be trusted.",
        remedy: "Record on one machine, or set the clocks by NTP before recording on two. `editcap \
            -t` moves one of the files.",
        example: Example::Text("packet 9 at 1.000 s, packet 10 at 0.950 s"),
        explains: None,
        checks: &[
            Check::Response(|context, violations| {
                if context.subject.response_came_first()
                    && let Some(response) = &context.subject.response
                {
                    let packets = packets_in_words(response.span);
                    violations
                        .add(format!("the response ({packets}) precedes its request"))
                        .side(None);
                }
            }),
            Check::End(|context, violations| {
                let opening = &context.connection.network.opening;
                if let (Some(clocks), Some(answer)) = (opening.clock_difference(), opening.syn_ack)
                    && clocks.late == Direction::ServerToClient
                {
                    violations
                        .add(format!(
                            "the SYN-ACK is {} later than its acknowledgement: the clock of the \
                             server's packets is late by that at least",
                            duration(clocks.by)
                        ))
                        .span(Span::at(0, answer));
                }
                let steps = context.connection.clock_steps;
                if steps.count > 0 {
                    violations
                        .add(format!(
                            "{} earlier than the packet before, by {} at most",
                            counted(steps.count, "packet"),
                            duration(steps.largest)
                        ))
                        .span(Span::at(0, steps.first));
                }
            }),
            Check::Capture(|context, violations| {
                let (steps, largest) =
                    (context.state.clock_steps, context.state.largest_clock_step);
                if steps > 0 && !context.across.is_reported("CAP-07") {
                    violations.add(format!(
                        "{} earlier than the packet before, of another connection, by {} at most",
                        counted(steps, "packet"),
                        duration(largest)
                    ));
                }
            }),
        ],
    },
    Rule {
        id: "CAP-08",
        severity: Severity::Warning,
        applies_to: AppliesTo::Nobody,
        title: "file ends in the middle of a packet, or a block is damaged",
        section: "",
        explanation: "The recorder was killed, the disk was full, or the file was copied while it \
            was written. Everything before the damage is shown.",
        remedy: "Stop the recorder with Ctrl-C and wait until it has ended; copy the file again.",
        example: Example::Text(
            "a packet header that announces 200 bytes, and 120 bytes to the end",
        ),
        explains: None,
        checks: &[Check::Capture(|context, violations| {
            if let Some(damage) = context.reading.damage {
                violations
                    .add(format!("{damage}; {} read", counted(context.reading.packets, "packet")));
            }
            for skipped in context.reading.skipped {
                violations.add(skipped.as_str());
            }
            if context.state.malformed > 0 {
                let packets = counted(context.state.malformed, "packet");
                violations.add(format!("{packets} too short or contradictory below TCP"));
            }
        })],
    },
    Rule {
        id: "CAP-09",
        severity: Severity::Warning,
        applies_to: AppliesTo::Nobody,
        title: "a limit was reached and data was discarded",
        section: "",
        explanation: "To bound its memory, wslens discards data that is waiting for bytes that do \
            not arrive, and the recording machine drops packets when its buffer is full. Messages \
            with discarded data are incomplete.",
        remedy: "Record without loss (see CAP-01), or only the connections in question. If the \
            kernel dropped packets, use a larger buffer and a filter.",
        example: Example::Text("a head of more than 64 KiB"),
        explains: None,
        checks: &[
            Check::Incident(|context, violations| {
                let ConnectionEvent::Limit(limit) = *context.subject else { return };
                let limits = &context.settings.limits;
                violations.add(match limit {
                    Limit::BufferedPerConnection => format!(
                        "out-of-order bytes of one connection: {} at most",
                        limits.buffered_per_connection
                    ),
                    Limit::BufferedTotal => {
                        format!(
                            "out-of-order bytes of all connections: {} at most",
                            limits.buffered_total
                        )
                    }
                    Limit::Connections => {
                        format!("connections tracked at a time: {} at most", limits.connections)
                    }
                    Limit::HeadBytes => {
                        format!("bytes of an HTTP head: {} at most", crate::http::head::MAX_HEAD)
                    }
                    Limit::Memory => format!(
                        "memory for what is kept of all connections: {} bytes at most; those not used \
                         for long let go contents of unfinished messages, histories of compression \
                         and unfinished heads",
                        limits.memory
                    ),
                });
            }),
            Check::Capture(|context, violations| {
                if context.reading.dropped > 0 {
                    let packets = counted(context.reading.dropped, "packet");
                    violations.add(format!("{packets} dropped by the machine that captured"));
                }
                if let Some(last) = context.reading.last_evicted {
                    violations.add(format!(
                        "packets up to {last} were discarded and cannot be opened \
                         (--spool-limit)"
                    ));
                }
                if context.state.fragment_limits > 0 {
                    let datagrams = counted(context.state.fragment_limits, "IP datagram");
                    violations.add(format!(
                        "{datagrams} given up before all fragments had \
                        arrived"
                    ));
                }
            }),
        ],
    },
    Rule {
        id: "CAP-10",
        severity: Severity::Note,
        applies_to: AppliesTo::Nobody,
        title: "link type or encapsulation not supported",
        section: "",
        explanation: "The headers around the IP packets are of a kind that wslens cannot read, so \
            it cannot decode their contents.",
        remedy: "Record on another interface, or with another link type (tcpdump -L lists those \
            of an interface; -y selects one).",
        example: Example::Text("link type 127 (IEEE802_11_RADIOTAP), encrypted"),
        explains: None,
        checks: &[Check::Capture(|context, violations| {
            for (link_type, packets) in &context.state.link_types {
                let name = link_type_name(LinkType(*link_type))
                    .map_or_else(String::new, |name| format!(" ({name})"));
                let packets = counted(*packets, "packet");
                violations.add(format!("link type {link_type}{name}: {packets} skipped"));
            }
            for (name, packets) in &context.state.encapsulations {
                violations.add(format!("{name}: {} skipped", counted(*packets, "packet")));
            }
            if context.state.too_deep > 0 {
                let packets = counted(context.state.too_deep, "packet");
                violations.add(format!("too many tunnels inside one another: {packets} skipped"));
            }
        })],
    },
    Rule {
        id: "CAP-11",
        severity: Severity::Note,
        applies_to: AppliesTo::Nobody,
        title: "same packets captured twice: duplicates merged",
        section: "",
        explanation: "Packets were recorded at two points, as on the device `any`, on both ends \
            of a bridge or on a mirror port. Each is used once; the copies are not \
            retransmissions.",
        remedy: "Record on one interface, or remove the copies with `editcap -d`.",
        example: Example::Text("the same packet 5 microseconds later"),
        explains: None,
        checks: &[Check::End(|context, violations| {
            let duplicates = context.connection.duplicates;
            if duplicates > 0 {
                violations.add(format!("{} merged", counted(duplicates, "duplicate")));
            }
        })],
    },
];

/// Whether what happens on a connection matters to a reader of WebSocket traffic.
fn is_ours<T>(context: &RuleContext<'_, T>) -> bool {
    match context.connection.nature {
        // A WebSocket may be inside.
        Nature::WebSocket | Nature::UpgradeRequested | Nature::Unreadable => true,
        Nature::Unknown | Nature::Http | Nature::Http2 | Nature::Other => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::findings::fixture::{RuleCase, Scenario, check, masked, plain};
    use crate::findings::settings::Reading;
    use crate::stream::Direction::{ClientToServer, ServerToClient};
    use crate::stream::Side;

    /// Bytes of a text frame of which the rest is missing.
    const BEGINNING: &[u8] = b"\x81\x7e\x00\xffbeginning";

    #[rustfmt::skip]
    const CASES: &[RuleCase] = &[
        RuleCase { name: "a healthy capture", near: &["CAP-01", "CAP-02", "CAP-03", "CAP-04", "CAP-05", "CAP-06", "CAP-07", "CAP-08", "CAP-09", "CAP-10", "CAP-11"], fires: &[], play: |s| {
            s.upgraded().client(&masked(0x81, b"Hello")).close();
        }},
        RuleCase { name: "bytes missing within a frame", near: &["CAP-02", "CAP-04"], fires: &["CAP-01"], play: |s| {
            s.upgraded().server(BEGINNING).missing(ServerToClient, 246).server(&plain(0x81, b"x")).close();
        }},
        RuleCase { name: "bytes missing over a header", near: &[], fires: &["CAP-01", "CAP-04"], play: |s| {
            s.upgraded().server(BEGINNING).missing(ServerToClient, 300);
            for _ in 0..3 { s.server(&plain(0x81, b"found again")); }
            s.close();
        }},
        RuleCase { name: "never found again", near: &["WS-C12", "WS-M02", "WS-F15"], fires: &["CAP-01", "CAP-04"], play: |s| {
            s.upgraded().server(BEGINNING).missing(ServerToClient, 300).end(Side::Server);
        }},
        RuleCase { name: "the same bytes again", near: &["CAP-06"], fires: &["CAP-11"], play: |s| {
            s.upgraded().unacknowledged(ServerToClient, &plain(0x81, b"Hello")).twice().acknowledge(ClientToServer);
        }},
        RuleCase { name: "other bytes at the same place", near: &["CAP-11"], fires: &["CAP-06"], play: |s| {
            s.upgraded().unacknowledged(ServerToClient, &plain(0x81, b"Hello")).forged().acknowledge(ClientToServer);
        }},
        RuleCase { name: "cut by the snap length", near: &["CAP-01"], fires: &["CAP-02"], play: |s| {
            s.upgraded().cut(ServerToClient, &plain(0x81, &[b'x'; 100]), 60).server(&plain(0x81, b"y"));
        }},
        RuleCase { name: "begins in the middle", near: &["WS-F11", "WS-F03"], fires: &["CAP-03"], play: |s| {
            s.midstream().client(&masked(0x80, b"Hello")).server(&plain(0x81, b"Hello")).client(&masked(0x81, b"Hello"));
        }},
        RuleCase { name: "one direction", near: &["HS-18", "WS-C09", "WS-C12"], fires: &["CAP-03", "CAP-05"], play: |s| {
            s.one_sided();
        }},
        RuleCase { name: "a packet earlier than the one before", near: &[], fires: &["CAP-07"], play: |s| {
            s.upgraded().back(50).client(&masked(0x81, b"Hello"));
        }},
        RuleCase { name: "connections earlier than one another", near: &[], fires: &["CAP-07"], play: |s| {
            s.upgraded().back(50).upgraded();
        }},
        RuleCase { name: "a head over the limit", near: &[], fires: &["CAP-09"], play: |s| {
            s.open().client(format!("GET / HTTP/1.1\r\nUpgrade: websocket\r\nX: {}\r\n\r\n", "x".repeat(70_000)).as_bytes());
        }},
        RuleCase { name: "a head under the limit", near: &["CAP-09"], fires: &[], play: |s| {
            s.open().upgrade(&format!("X: {}\r\n", "x".repeat(60_000)), "");
        }},
        RuleCase { name: "packets that are no IP", near: &[], fires: &["CAP-08"], play: |s| {
            s.upgraded().raw(&[0; 4]);
        }},
        RuleCase { name: "a link type that is not supported", near: &["CAP-08"], fires: &["CAP-10"], play: |s| {
            s.link_type = 147;
            s.upgraded();
        }},
    ];

    #[test]
    fn what_the_capture_lacks_is_reported() {
        check(&[RULES], CASES);
    }

    #[test]
    fn what_only_the_reader_knows_is_reported_for_the_whole_capture() {
        let mut scenario = Scenario::new();
        scenario.upgraded();
        let skipped = ["damaged block at byte 40".to_owned()];
        let reading = Reading {
            packets: 5,
            damage: Some("x.pcap is cut off"),
            skipped: &skipped,
            dropped: 7,
            files: &[],
            last_evicted: Some(crate::stream::PacketId(3)),
        };
        let reported: Vec<String> = scenario
            .judge(&reading)
            .list
            .iter()
            .map(|finding| {
                format!("{} {:?} {}", finding.rule.id, finding.connection, finding.evidence)
            })
            .collect();
        assert_eq!(
            reported,
            [
                "CAP-08 None x.pcap is cut off; 5 packets read",
                "CAP-08 None damaged block at byte 40",
                "CAP-09 None 7 packets dropped by the machine that captured",
                "CAP-09 None packets up to 3 were discarded and cannot be opened (--spool-limit)",
            ]
        );
    }
}

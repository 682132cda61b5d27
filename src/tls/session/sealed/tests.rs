//! Sessions are decrypted: published ones, and ones of all suites.

use proptest::prelude::*;
use proptest::test_runner::{Config, RngAlgorithm, TestRng, TestRunner};

use super::*;
use crate::stream::{Gap, GapCause, Origin, PacketId, PerDirection, Timestamp};
use crate::testkit::hex;
use crate::testkit::secure::{SUITES, TestSession};
use Direction::{ClientToServer as C, ServerToClient as S};

type Turns = Vec<(Direction, Vec<u8>)>;

fn log_of(text: &str) -> KeyLog {
    let mut log = KeyLog::default();
    log.add(text.as_bytes()).unwrap();
    log
}

/// What a session shows: steps in words, and the plaintext of both directions.
#[derive(Debug, Default, Eq, PartialEq)]
struct Seen {
    steps: Vec<String>,
    data: PerDirection<Vec<u8>>,
    missing: Vec<Missing>,
}

/// Feeds turns in pieces of at most `size` bytes.
fn feed(turns: &Turns, log: &KeyLog, size: usize) -> Seen {
    let (mut session, mut seen) = (Session::default(), Seen::default());
    let mut offsets = PerDirection::<u64>::default();
    for (packet, (direction, bytes)) in (1..).zip(turns) {
        for piece in bytes.chunks(size) {
            let offset = offsets.get_mut(*direction);
            let origin = Origin { packet: PacketId(packet), time: Timestamp(packet) };
            let chunk = Chunk { offset: *offset, bytes: piece, origin };
            *offset += length_u64(piece.len());
            session.push(*direction, chunk, log, &mut |event| see(event, &mut seen));
        }
    }
    seen
}

fn see(event: SessionEvent<'_>, seen: &mut Seen) {
    match event {
        SessionEvent::Data(direction, record) => {
            let missing = record.missing();
            if missing != Missing::Nothing {
                seen.missing.push(missing);
            }
            let data = seen.data.get_mut(direction);
            record.for_each(0, |chunk| data.extend_from_slice(chunk.bytes));
        }
        SessionEvent::Ticket(_) => {}
        SessionEvent::Seen(observed) => seen.steps.extend(match observed {
            Observation::Certificate(it, _) => Some(format!("certificate {}", it.subject)),
            Observation::Protocol(it, _) => Some(format!("ALPN {}", String::from_utf8_lossy(it))),
            Observation::Alert(alert, _) => Some(alert.to_string()),
            Observation::Established(_) => Some("established".to_owned()),
            Observation::Refused(span) => Some(format!("refused {}", span.start)),
            Observation::Renegotiation(_) => Some("renegotiation".to_owned()),
            Observation::ClientHello(..)
            | Observation::ServerHello(..)
            | Observation::Record(_)
            | Observation::Foreign(..)
            | Observation::Lost => None,
        }),
    }
}

/// The handshake of RFC 8448 §3, with 50 bytes in each direction.
fn rfc_8448() -> (KeyLog, Turns) {
    let random = "cb34ecb1e78163ba1c38c6dacb196a6dffa21a8d9912ec18a2ef6283024dece7";
    let rows = [
        (
            "CLIENT_HANDSHAKE_TRAFFIC_SECRET",
            "b3eddb126e067f35a780b3abf45e2d8f3b1a950738f52e9600746a0e27a55a21",
        ),
        (
            "SERVER_HANDSHAKE_TRAFFIC_SECRET",
            "b67b7d690cc16c4e75e54213cb2d37b4e9c912bcded9105d42befd59d391ad38",
        ),
        (
            "CLIENT_TRAFFIC_SECRET_0",
            "9e40646ce79a7f9dc05af8889bce6552875afa0b06df0087f792ebb7c17504a5",
        ),
        (
            "SERVER_TRAFFIC_SECRET_0",
            "a11af9f05531f856ad47116b45a950328204b4f44bfb6b3a4b4f1f3fcb631643",
        ),
    ];
    let mut log = KeyLog::default();
    for (label, secret) in rows {
        log.add(format!("{label} {random} {secret}").as_bytes()).unwrap();
    }
    let turns = [
        (C, "16030100c4010000c00303cb34ecb1e78163ba1c38c6dacb196a6dffa21a8d9912ec18a2ef6283024dece70000061301
             13031302010000910000000b0009000006736572766572ff01000100000a00140012001d001700180019010001010102
             0103010400230000003300260024001d002099381de560e4bd43d23d8e435a7dbafeb3c06e51c13cae4d5413691e529a
             af2c002b0003020304000d0020001e040305030603020308040805080604010501060102010402050206020202002d00
             020101001c00024001"),
        (S, "160303005a020000560303a6af06a4121860dc5e6e60249cd34c95930c8ac5cb1434dac155772ed3e269280013010000
             2e00330024001d0020c9828876112095fe66762bdbf7c672e156d6cc253b833df1dd69b1b04e751f0f002b00020304
             17030302a2d1ff334a56f5bff6594a07cc87b580233f500f45e489e7f33af35edf7869fcf40aa40aa2b8ea73f848a7ca
             07612ef9f945cb960b4068905123ea78b111b429ba9191cd05d2a389280f526134aadc7fc78c4b729df828b5ecf7b13b
             d9aefb0e57f271585b8ea9bb355c7c79020716cfb9b1183ef3ab20e37d57a6b9d7477609aee6e122a4cf51427325250c
             7d0e509289444c9b3a648f1d71035d2ed65b0e3cdd0cbae8bf2d0b227812cbb360987255cc744110c453baa4fcd61092
             8d809810e4b7ed1a8fd991f06aa6248204797e36a6a73b70a2559c09ead686945ba246ab66e5edd8044b4c6de3fcf2a8
             9441ac66272fd8fb330ef8190579b3684596c960bd596eea520a56a8d650f563aad27409960dca63d3e688611ea5e22f
             4415cf9538d51a200c27034272968a264ed6540c84838d89f72c24461aad6d26f59ecaba9acbbb317b66d902f4f292a3
             6ac1b639c637ce343117b659622245317b49eeda0c6258f100d7d961ffb138647e92ea330faeea6dfa31c7a84dc3bd7e
             1b7a6c7178af36879018e3f252107f243d243dc7339d5684c8b0378bf30244da8c87c843f5e56eb4c5e8280a2b48052c
             f93b16499a66db7cca71e4599426f7d461e66f99882bd89fc50800becca62d6c74116dbd2972fda1fa80f85df881edbe
             5a37668936b335583b599186dc5c6918a396fa48a181d6b6fa4f9d62d513afbb992f2b992f67f8afe67f76913fa388cb
             5630c8ca01e0c65d11c66a1e2ac4c85977b7c7a6999bbf10dc35ae69f5515614636c0b9b68c19ed2e31c0b3b66763038
             ebba42f3b38edc0399f3a9f23faa63978c317fc9fa66a73f60f0504de93b5b845e275592c12335ee340bbc4fddd50278
             4016e4b3be7ef04dda49f4b440a30cb5d2af939828fd4ae3794e44f94df5a631ede42c1719bfdabf0253fe5175be898e
             750edc53370d2b"),
        (C, "170303003575ec4dc238cce60b298044a71e219c56cc77b0517fe9b93c7a4bfc44d87f38f80338ac98fc46deb384bd1c
             aeacab6867d726c40546"),
        (S, "17030300de3a6b8f90414a97d6959c3487680de5134a2b240e6cffac116e95d41d6af8f6b580dcf3d11d63c758db289a
             015940252f55713e061dc13e078891a38efbcf5753ad8ef170ad3c7353d16d9da773b9ca7f2b9fa1b6c0d4a3d03f75e0
             9c30ba1e62972ac46f75f7b981be63439b2999ce13064615139891d5e4c5b406f16e3fc181a77ca475840025db2f0a77
             f81b5ab05b94c01346755f69232c86519d86cbeeac87aac347d143f9605d64f650db4d023e70e952ca49fe5137121c74
             bc2697687e248746d6df353005f3bce18696129c8153556b3b6c6779b37bf15985684f"),
        (C, "1703030043a23f7054b62c94d0affafe8228ba55cbefacea42f914aa66bcab3f2b9819a8a5b46b395bd54a9a20441e2b
             62974e1f5a6292a2977014bd1e3deae63aeebb21694915e4"),
        (S, "17030300432e937e11ef4ac740e538ad36005fc4a46932fc3225d05f82aa1b36e30efaf97d90e6dffc602dcb501a59a8
             fcc49c4bf2e5f0a21c0047c2abf332540dd032e167c2955d"),
        (C, "1703030013c9872760655666b74d7ff1153efd6db6d0b0e3"),
        (S, "1703030013b58fd67166ebf599d24720cfbe7efa7a8864a9"),
    ];
    (log, turns.into_iter().map(|(direction, bytes)| (direction, hex(bytes))).collect())
}

#[test]
fn the_session_of_rfc_8448_is_decrypted_however_it_is_cut() {
    let (log, turns) = rfc_8448();
    let data: Vec<u8> = (0..50).collect();
    let steps = [
        "certificate CN=rsa",
        "established",
        "warning alert close_notify (0)",
        "warning alert close_notify (0)",
    ];
    for size in [1, 2, 3, 7, 100, 1448, 65_000] {
        let seen = feed(&turns, &log, size);
        assert_eq!((&seen.data.client, &seen.data.server), (&data, &data), "pieces of {size}");
        assert_eq!(seen.steps, steps, "pieces of {size}");
    }
}

#[test]
fn without_the_secrets_of_the_handshake_those_of_the_data_suffice() {
    let (_, turns) = rfc_8448();
    let random = "cb34ecb1e78163ba1c38c6dacb196a6dffa21a8d9912ec18a2ef6283024dece7";
    let log = log_of(&format!(
        "CLIENT_TRAFFIC_SECRET_0 {random} 9e40646ce79a7f9dc05af8889bce6552875afa0b06df0087f792ebb7c17504a5\n\
         SERVER_TRAFFIC_SECRET_0 {random} a11af9f05531f856ad47116b45a950328204b4f44bfb6b3a4b4f1f3fcb631643"
    ));
    let seen = feed(&turns, &log, 1448);
    let data: Vec<u8> = (0..50).collect();
    assert_eq!((seen.data.client, seen.data.server), (data.clone(), data));
}

/// A session with some text in both directions, and what that is.
fn talk(suite: (u16, bool), size: usize) -> (KeyLog, Turns, [Vec<u8>; 2]) {
    let mut session = TestSession::new(suite);
    let mut turns = session.handshake();
    let [question, answer] = [vec![b'q'; 1_000], vec![b'a'; 40_000]];
    turns.push((C, session.data_in(C, &question, size)));
    turns.push((S, session.data_in(S, &answer, size)));
    turns.push((C, session.seal(C, 21, &[1, 0])));
    (log_of(&session.key_log()), turns, [question, answer])
}

#[test]
fn sessions_of_all_suites_are_decrypted_whatever_the_size_of_records() {
    for suite in SUITES {
        for size in [1 << 14, 1_000, 100] {
            let (log, turns, [question, answer]) = talk(*suite, size);
            let name = format!("{:#06x} in records of {size}", suite.0);
            let seen = feed(&turns, &log, 1448);
            assert!(seen.data.client == question && seen.data.server == answer, "{name}");
            assert_eq!(seen.steps, ["established", "warning alert close_notify (0)"], "{name}");
            assert_eq!(seen.missing, [], "{name}");
        }
    }
}

#[test]
fn blocks_of_older_versions_are_decrypted() {
    for minor in [1, 2] {
        for suite in [(0xc013, false), (0xc014, false), (0xc013, true)] {
            let mut session = TestSession::old(suite, minor);
            let mut turns = session.handshake();
            for text in [&b"one"[..], b"two", &[b'x'; 500], b"end"] {
                turns.push((C, session.data(C, text)));
                turns.push((S, session.data_in(S, text, 7)));
            }
            let log = log_of(&session.key_log());
            let seen = feed(&turns, &log, 100);
            let sent = [&b"onetwo"[..], &[b'x'; 500], b"end"].concat();
            assert!(seen.data.client == sent && seen.data.server == sent, "1.{minor} {suite:?}");
            // In TLS 1.0, each record continues the one before, which its code covers only if it is encrypted.
            let at = turns.len() - 6;
            turns[at].1[8] ^= 1;
            let seen = feed(&turns, &log, 100);
            let is_proven = minor == 2 || !suite.1;
            let next = if is_proven { &[b'x'; 500][..] } else { b"" };
            assert!(seen.data.client == [b"one", next, b"end"].concat(), "1.{minor} {suite:?}");
        }
    }
}

#[test]
fn keys_are_updated_on_both_sides() {
    for suite in SUITES.iter().filter(|suite| suite.0 >> 8 == 0x13) {
        let mut session = TestSession::new(*suite);
        let mut turns = session.handshake();
        for _ in 0..3 {
            for direction in [C, S] {
                turns.push((direction, session.data(direction, b"before ")));
                turns.push((direction, session.key_update(direction)));
            }
        }
        turns.push((C, session.data(C, b"after")));
        let seen = feed(&turns, &log_of(&session.key_log()), 50);
        assert_eq!(seen.data.client, b"before before before after", "{:#06x}", suite.0);
        assert_eq!(seen.data.server, b"before before before ");
    }
}

#[test]
fn wrong_secrets_open_nothing() {
    for suite in SUITES {
        let (_, turns, _) = talk(*suite, 1_000);
        let log = TestSession::new(*suite).key_log();
        // The random stays as it is; each secret begins otherwise.
        let wrong: Vec<String> = log
            .lines()
            .map(|line| {
                let (before, secret) = line.rsplit_once(' ').unwrap();
                format!("{before} ff{}", secret.get(2..).unwrap())
            })
            .collect();
        let seen = feed(&turns, &log_of(&wrong.join("\n")), 1448);
        assert!(seen.data.client.is_empty() && seen.data.server.is_empty(), "{:#06x}", suite.0);
        let refused = seen.steps.iter().filter(|step| step.starts_with("refused")).count();
        assert_eq!(refused, 0, "nothing shows that the records are wrong");
    }
}

/// A session with three records of each side: `one`, `two` and `six`.
fn counting(suite: (u16, bool)) -> (KeyLog, Turns) {
    let mut session = TestSession::new(suite);
    let mut turns = session.handshake();
    for text in [b"one", b"two", b"six"] {
        turns.push((C, session.data(C, text)));
        turns.push((S, session.data(S, text)));
    }
    (log_of(&session.key_log()), turns)
}

/// Whether plaintext is what was sent without some records.
fn is_part(data: &[u8]) -> bool {
    let parts = ["onetwosix", "onetwo", "onesix", "twosix", "one", "two", "six", ""];
    parts.iter().any(|part| part.as_bytes() == data)
}

#[test]
fn a_damaged_record_is_reported_and_the_others_are_read() {
    for suite in SUITES {
        let (log, mut turns) = counting(*suite);
        let at = turns.len() - 4;
        turns[at].1[8] ^= 1;
        let seen = feed(&turns, &log, 1448);
        assert_eq!(seen.data.client, b"onesix", "{:#06x}", suite.0);
        assert_eq!(seen.data.server, b"onetwosix");
        assert_eq!(seen.steps.len(), 2, "{:?}", seen.steps);
        // Three bytes are missing: lengths of blocks do not say it exactly.
        assert_eq!(seen.missing.len(), 1);
        if !matches!(suite.0, 0xc013 | 0xc014 | 0xc027 | 0xc028) {
            assert_eq!(seen.missing, [Missing::Bytes(3)]);
        }
    }
}

#[test]
fn a_bit_that_is_flipped_anywhere_never_gives_another_plaintext() {
    let config = Config { cases: 600, failure_persistence: None, ..Config::default() };
    let rng = TestRng::from_seed(RngAlgorithm::ChaCha, &[14; 32]);
    let suites = 0..SUITES.len();
    let strategy = (suites, any::<prop::sample::Index>(), any::<prop::sample::Index>(), 0..8_u32);
    let result =
        TestRunner::new_with_rng(config, rng).run(&strategy, |(suite, turn, byte, bit)| {
            let (log, mut turns) = counting(SUITES[suite]);
            let turn = turn.index(turns.len());
            let bytes = &mut turns[turn].1;
            let byte = byte.index(bytes.len());
            bytes[byte] ^= 1 << bit;
            let seen = feed(&turns, &log, 70);
            prop_assert!(is_part(&seen.data.client), "{:?}", seen.data.client);
            prop_assert!(is_part(&seen.data.server), "{:?}", seen.data.server);
            Ok(())
        });
    result.unwrap();
}

/// Feeds a handshake, and then a stream of the client without some of its bytes.
fn feed_with_hole(
    (log, turns): (&KeyLog, &Turns),
    stream: &[u8],
    hole: std::ops::Range<usize>,
    size: usize,
) -> Seen {
    let (mut session, mut seen) = (Session::default(), Seen::default());
    let mut offsets = PerDirection::<u64>::default();
    let origin = Origin::default();
    for (direction, bytes) in turns {
        let offset = *offsets.get(*direction);
        let chunk = Chunk { offset, bytes, origin };
        *offsets.get_mut(*direction) += length_u64(bytes.len());
        session.push(*direction, chunk, log, &mut |event| see(event, &mut seen));
    }
    let begin = offsets.client;
    for (at, piece) in stream[..hole.start].chunks(size).scan(0, |at, piece| {
        *at += piece.len();
        Some((*at - piece.len(), piece))
    }) {
        let chunk = Chunk { offset: begin + length_u64(at), bytes: piece, origin };
        session.push(C, chunk, log, &mut |event| see(event, &mut seen));
    }
    let (offset, length) = (begin + length_u64(hole.start), length_u64(hole.len()));
    let gap = Gap { offset, length, cause: GapCause::Acknowledged, origin };
    session.gap(C, gap, log, &mut |event| see(event, &mut seen));
    let mut offset = begin + length_u64(hole.end);
    for piece in stream[hole.end..].chunks(size) {
        let chunk = Chunk { offset, bytes: piece, origin };
        offset += length_u64(piece.len());
        session.push(C, chunk, log, &mut |event| see(event, &mut seen));
    }
    seen
}

#[test]
fn records_are_found_again_after_missing_bytes() {
    for suite in SUITES {
        let mut session = TestSession::new(*suite);
        let turns = session.handshake();
        let log = log_of(&session.key_log());
        let records: Vec<Vec<u8>> = (0..8_u8).map(|it| session.data(C, &[b'0' + it; 50])).collect();
        let stream = records.concat();
        let length = records[0].len();
        // Whole records, parts of one, and ends and beginnings of several.
        let holes = [
            (length, 2 * length),
            (length, 4 * length),
            (length + 10, length + 20),
            (length + 10, 3 * length + 2),
            (2 * length - 3, 2 * length + 3),
            (length + 2, length + 30),
        ];
        for (start, end) in holes {
            for size in [7, 1448] {
                let seen = feed_with_hole((&log, &turns), &stream, start..end, size);
                let (whole, next) = (start / length, end.div_ceil(length));
                let expected: Vec<u8> = (0..8_u8)
                    .filter(|it| usize::from(*it) < whole || usize::from(*it) >= next)
                    .flat_map(|it| [b'0' + it; 50])
                    .collect();
                let name = format!("{:#06x} without {start} to {end}", suite.0);
                assert_eq!(seen.data.client, expected, "{name}");
                let lost = length_u64(50 * (next - whole));
                let is_exact = !matches!(suite.0, 0xc013 | 0xc014 | 0xc027 | 0xc028);
                if is_exact {
                    assert_eq!(seen.missing, [Missing::Bytes(lost)], "{name}");
                }
            }
        }
    }
}

#[test]
fn sessions_whose_beginning_is_missing_are_found_in_the_key_log() {
    for suite in SUITES.iter().filter(|suite| suite.0 >> 8 == 0x13) {
        let mut session = TestSession::new(*suite);
        session.handshake();
        for _ in 0..20 {
            session.data(C, b"before");
            session.data(S, b"before");
        }
        let client = session.data_in(C, b"a question", 4);
        let server = session.data_in(S, b"an answer", 4);
        let other = "ff".repeat(32);
        let log = log_of(&format!(
            "{}CLIENT_TRAFFIC_SECRET_0 {other} {other}\nSERVER_TRAFFIC_SECRET_0 {other} {other}\n",
            session.key_log()
        ));
        // The client's stream begins within a record, the server's with one.
        let pieces = [(C, [&[0x5a; 9], client.as_slice()].concat()), (S, server)];
        let (mut session, mut seen) = (Session::midstream(), Seen::default());
        for (direction, bytes) in &pieces {
            for (at, piece) in (0..).zip(bytes.chunks(11)) {
                let chunk = Chunk { offset: at * 11, bytes: piece, origin: Origin::default() };
                session.push(*direction, chunk, &log, &mut |event| see(event, &mut seen));
            }
        }
        assert_eq!(seen.data.client, b"a question", "{:#06x}", suite.0);
        assert_eq!(seen.data.server, b"an answer");
        assert_eq!(seen.steps, [""; 0], "nothing of a handshake");
    }
}

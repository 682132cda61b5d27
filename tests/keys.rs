//! `wslens keys`: which secrets a capture brings along, adding them, and removing them.

#![expect(clippy::disallowed_methods, reason = "tests read files")]
#![expect(clippy::unwrap_used, reason = "a helper that fails is a test that fails")]

use std::fs;
use std::io::Write;
use std::path::Path;

use support::program::{command, lines, text};
use wslens::capture;

mod support;

/// One connection in TLS 1.3, with 8 messages.
const CAPTURE: &str = "samples/wss.pcap";

/// Its secrets.
const KEYS: &str = "samples/wss.keys";

/// Runs `wslens keys`: the exit code, what was written, and what was reported.
fn keys(arguments: &[&str]) -> (Option<i32>, String, String) {
    let output = command("keys", arguments).output().unwrap();
    (output.status.code(), text(&output.stdout), text(&output.stderr))
}

/// How many messages `print` finds, without a key log.
fn messages(path: &Path) -> usize {
    let output =
        command("print", &["--format", "ndjson", path.to_str().unwrap()]).output().unwrap();
    lines(&output).iter().filter(|line| line["type"] == "message").count()
}

fn sample(name: &str) -> Vec<u8> {
    fs::read(Path::new(env!("CARGO_MANIFEST_DIR")).join(name)).unwrap()
}

/// The secrets of the sample as they are injected: in order.
fn injected() -> String {
    let text = String::from_utf8(sample(KEYS)).unwrap();
    let mut lines: Vec<&str> = text.lines().filter(|line| !line.starts_with('#')).collect();
    lines.sort_unstable();
    lines.join("\n") + "\n"
}

/// The secret of a line in hexadecimal.
fn secret(line: &str) -> &str {
    line.rsplit(' ').next().unwrap()
}

/// Key logs that are not those of the sample: of another session, and of none.
fn foreign(folder: &Path) -> String {
    let path = folder.join("foreign.keys");
    let line = |random: &str| format!("CLIENT_RANDOM {} {}\n", random.repeat(32), "cd".repeat(48));
    fs::write(&path, format!("# another\r\n{}{}", line("ab"), line("cd"))).unwrap();
    path.to_str().unwrap().to_owned()
}

/// The order of bytes of a section.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Order {
    Little,
    Big,
}

impl Order {
    fn u16(self, number: u16) -> [u8; 2] {
        if self == Self::Little { number.to_le_bytes() } else { number.to_be_bytes() }
    }

    fn u32(self, number: u32) -> [u8; 4] {
        if self == Self::Little { number.to_le_bytes() } else { number.to_be_bytes() }
    }

    fn u64(self, number: u64) -> [u8; 8] {
        if self == Self::Little { number.to_le_bytes() } else { number.to_be_bytes() }
    }

    fn length(self, length: usize) -> [u8; 4] {
        self.u32(u32::try_from(length).unwrap())
    }

    fn block(self, kind: u32, body: &[u8]) -> Vec<u8> {
        let padded = body.len().next_multiple_of(4);
        let length = self.length(padded + 12);
        let mut block = [&self.u32(kind)[..], &length, body].concat();
        block.resize(padded + 8, 0);
        block.extend_from_slice(&length);
        block
    }

    fn option(self, code: u16, value: &str) -> Vec<u8> {
        let length = self.u16(u16::try_from(value.len()).unwrap());
        let mut option = [&self.u16(code)[..], &length, value.as_bytes()].concat();
        option.resize(option.len().next_multiple_of(4), 0);
        option
    }

    /// A section with this content, whose length is given or not.
    fn section(self, gives_length: bool, comment: &str, content: &[u8]) -> Vec<u8> {
        let length = if gives_length { u64::try_from(content.len()).unwrap() } else { u64::MAX };
        let mut body = [&self.u32(0x1a2b_3c4d)[..], &self.u16(1), &self.u16(0)].concat();
        body.extend_from_slice(&self.u64(length));
        body.extend_from_slice(&self.option(4, "another program"));
        if !comment.is_empty() {
            body.extend_from_slice(&self.option(1, comment));
        }
        body.extend_from_slice(&self.option(0, ""));
        [self.block(0x0a0d_0d0a, &body), content.to_vec()].concat()
    }

    fn interface(self) -> Vec<u8> {
        let body = [&self.u16(1)[..], &self.u16(0), &self.u32(0x4_0000), &self.option(2, "lo")];
        self.block(1, &body.concat())
    }

    fn secrets(self, kind: u32, data: &[u8]) -> Vec<u8> {
        self.block(10, &[&self.u32(kind)[..], &self.length(data.len()), data].concat())
    }

    /// Blocks that are none of our business.
    fn others(self) -> Vec<u8> {
        let names = [&self.u16(0)[..], &self.u16(0), &self.option(1, "names")].concat();
        let statistics = [[0; 12].to_vec(), self.option(0, "")].concat();
        [self.block(4, &names), self.block(5, &statistics), self.block(0x8000_1234, b"???")]
            .concat()
    }

    /// Packets of the sample, each with a comment.
    fn packets(self, numbers: std::ops::Range<u64>) -> Vec<u8> {
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(CAPTURE);
        let mut source = capture::open(&path).unwrap();
        let mut blocks = Vec::new();
        while let Some(packet) = source.next_packet().unwrap() {
            if numbers.contains(&packet.id.0) {
                let ticks = packet.time.0 / 1000;
                let mut body = self.u32(0).to_vec();
                body.extend_from_slice(&self.u32(u32::try_from(ticks >> 32).unwrap()));
                body.extend_from_slice(&self.u32(u32::try_from(ticks & 0xffff_ffff).unwrap()));
                body.extend_from_slice(&self.length(packet.bytes.len()));
                body.extend_from_slice(&self.u32(packet.original_length));
                body.extend_from_slice(packet.bytes);
                body.resize(body.len().next_multiple_of(4), 0);
                body.extend_from_slice(&self.option(1, "a packet"));
                body.extend_from_slice(&self.option(0, ""));
                blocks.extend_from_slice(&self.block(6, &body));
            }
        }
        blocks
    }
}

const TLS: u32 = 0x544c_534b;

#[test]
fn sessions_are_listed_with_what_there_is_of_their_secrets() {
    let folder = tempfile::tempdir().unwrap();
    let some = folder.path().join("some.keys");
    let partial: Vec<String> =
        injected().lines().filter(|line| line.starts_with("SERVER")).map(str::to_owned).collect();
    fs::write(&some, partial.join("\n")).unwrap();
    let (some, other) = (some.to_str().unwrap(), &foreign(folder.path()));
    let only =
        format!("secrets: only SERVER_HANDSHAKE_TRAFFIC_SECRET, SERVER_TRAFFIC_SECRET_0 ({some})");
    let complete = format!("secrets: complete ({KEYS})");
    let both = format!("secrets: complete ({some}, {KEYS})");
    #[rustfmt::skip]
    let rows: [(&str, &[&str], i32, &str, &str); 6] = [
        ("none",     &[],                                    1, "secrets: none", "1 TLS session: 1 with none"),
        ("all",      &["--keylog", KEYS],                    0, &complete, "1 TLS session: 1 with all secrets"),
        ("some",     &["--keylog", some],                    1, &only, "1 TLS session: 1 with only some"),
        ("from two", &["--keylog", some, "--keylog", KEYS],  0, &both, "1 TLS session: 1 with all secrets"),
        ("another's", &["--keylog", other],                  1, "secrets: none",
            "1 TLS session: 1 with none; secrets of 2 sessions that are not in the capture"),
        ("its own and another's", &["--keylog", KEYS, "--keylog", other], 0, &complete,
            "1 TLS session: 1 with all secrets; secrets of 2 sessions that are not in the capture"),
    ];
    for (name, options, code, state, summary) in rows {
        let (exit, out, said) = keys(&[&["list", CAPTURE], options].concat());
        assert_eq!((exit, said.as_str()), (Some(code), ""), "{name}");
        let expected = format!(
            "#1  127.0.0.1:41510 → 127.0.0.1:8122  TLS 1.3  TLS_AES_256_GCM_SHA384  -  {state}  \
             random 34c67585d54a92944f73da38097f8d3b2285feeb8d56ec5b8edc7b9e9c502e12\n{summary}\n"
        );
        assert_eq!(out, expected, "{name}");
        let (_, objects, _) = keys(&[&["list", CAPTURE, "--format", "ndjson"], options].concat());
        for line in injected().lines() {
            assert!(!out.contains(secret(line)) && !objects.contains(secret(line)), "{name}");
        }
    }
}

#[test]
fn sessions_are_objects_for_programs() {
    let arguments = ["list", "samples/tls-handshakes.pcap", "--format", "ndjson"];
    let output = command("keys", &arguments).output().unwrap();
    let lines = lines(&output);
    let states: Vec<&str> = lines.iter().filter_map(|line| line["secrets"].as_str()).collect();
    // Alerts and a closed connection ended the handshakes of these before anything was encrypted.
    let unneeded = "unneeded";
    let none = "none";
    assert_eq!(
        states,
        [none, none, unneeded, unneeded, unneeded, unneeded, none, none, none, none, unneeded]
    );
    assert_eq!(lines[0]["sni"], "server.example");
    assert_eq!(lines[0]["version"], "TLS 1.2");
    assert_eq!(lines[0]["cipher"], "TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384");
    assert_eq!(lines[10]["version"], serde_json::Value::Null);
    let summary = lines.last().unwrap();
    assert_eq!((&summary["type"], &summary["sessions"]), (&"summary".into(), &11.into()));
    assert_eq!((&summary["none"], &summary["unneeded"]), (&6.into(), &5.into()));
    // Without TLS, nothing is missing.
    let (code, out, _) = keys(&["list", "samples/echo.pcap"]);
    assert_eq!((code, out.as_str()), (Some(0), "0 TLS sessions\n"));
}

#[test]
fn secrets_are_added_and_nothing_else_changes() {
    let folder = tempfile::tempdir().unwrap();
    let (input, output) = (folder.path().join("in.pcapng"), folder.path().join("out.pcapng"));
    let back = folder.path().join("back.pcapng");
    let other = foreign(folder.path());
    let text = injected();
    for (first, second) in [(Order::Little, Order::Big), (Order::Big, Order::Little)] {
        for gives_length in [true, false] {
            let rest = [first.others(), first.packets(1..9)].concat();
            let head = [first.interface(), first.interface()].concat();
            let later = second.section(
                gives_length,
                "later",
                &[second.interface(), second.packets(9..u64::MAX), second.others()].concat(),
            );
            let before = first.section(gives_length, "so", &[&head[..], &rest].concat());
            let before = [before, later.clone()].concat();
            let secrets = first.secrets(TLS, text.as_bytes());
            let after = first.section(gives_length, "so", &[head, secrets, rest].concat());
            let after = [after, later].concat();
            fs::write(&input, &before).unwrap();
            let [from, to, back] = [&input, &output, &back].map(|path| path.to_str().unwrap());
            let (code, said, failed) =
                keys(&["inject", from, &other, KEYS, KEYS, "-o", to, "--force"]);
            assert_eq!((code, failed.as_str()), (Some(0), ""), "{first:?} {gives_length}");
            assert_eq!(
                said,
                format!(
                    "{to}: 5 secrets of 1 TLS session added; those of 2 other sessions were left out\n"
                )
            );
            assert!(fs::read(&output).unwrap() == after, "{first:?} {gives_length}");
            assert_eq!((messages(&input), messages(&output)), (0, 8));
            let (code, said, _) = keys(&["strip", to, "-o", back, "--force"]);
            assert_eq!((code, said), (Some(0), format!("{back}: 1 block of secrets removed\n")));
            assert!(fs::read(back).unwrap() == before, "{first:?} {gives_length}");
        }
    }
}

#[test]
fn classic_and_compressed_captures_become_pcapng() {
    let folder = tempfile::tempdir().unwrap();
    let classic = sample(CAPTURE);
    let number = |at: usize| u32::from_le_bytes(classic[at..at + 4].try_into().unwrap());
    let rewritten = |magic: u32, scale: u32, big: bool| {
        let bytes = |number: u32| if big { number.to_be_bytes() } else { number.to_le_bytes() };
        let mut file = [bytes(magic), bytes(0)].concat();
        file[4..8].copy_from_slice(if big { &[0, 2, 0, 4] } else { &[2, 0, 4, 0] });
        file.extend((8..24).step_by(4).flat_map(|at| bytes(number(at))));
        let mut at = 24;
        while at < classic.len() {
            let length = number(at + 8);
            let header = [number(at), number(at + 4) * scale, length, number(at + 12)];
            file.extend(header.into_iter().flat_map(bytes));
            let end = at + 16 + usize::try_from(length).unwrap();
            file.extend_from_slice(&classic[at + 16..end]);
            at = end;
        }
        file
    };
    let mut gzip = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    gzip.write_all(&classic).unwrap();
    let rows = [
        ("as recorded", classic.clone()),
        ("big-endian", rewritten(0xa1b2_c3d4, 1, true)),
        ("nanoseconds", rewritten(0xa1b2_3c4d, 1000, false)),
        ("big-endian nanoseconds", rewritten(0xa1b2_3c4d, 1000, true)),
        ("compressed", gzip.finish().unwrap()),
    ];
    let (input, output) = (folder.path().join("in"), folder.path().join("out.pcapng"));
    let [from, to] = [&input, &output].map(|path| path.to_str().unwrap());
    let packets = |path: &Path| {
        let mut source = capture::open(path).unwrap();
        let mut packets = Vec::new();
        while let Some(it) = source.next_packet().unwrap() {
            packets.push((it.time, it.link_type, it.bytes.to_vec(), it.original_length));
        }
        packets
    };
    for (name, content) in rows {
        fs::write(&input, &content).unwrap();
        let (code, said, failed) = keys(&["inject", from, KEYS, "-o", to, "--force"]);
        assert_eq!((code, failed.as_str()), (Some(0), ""), "{name}");
        assert_eq!(said, format!("{to}: 5 secrets of 1 TLS session added\n"), "{name}");
        assert!(fs::read(&output).unwrap().starts_with(b"\x0a\x0d\x0d\x0a"), "{name}");
        assert!(packets(&input) == packets(&output), "{name}");
        assert_eq!(packets(&output).len(), 22, "{name}");
        assert_eq!(messages(&output), 8, "{name}");
    }
}

#[test]
fn secrets_that_are_there_are_not_added_again() {
    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str| folder.path().join(name).to_str().unwrap().to_owned();
    let (input, once, twice) = (path("in"), path("once"), path("twice"));
    let text = injected();
    let (first, second) = text.split_at(text.find("EXPORTER").unwrap());
    let order = Order::Little;
    let end = order.secrets(TLS, first.to_uppercase().as_bytes());
    let packets = [order.packets(1..u64::MAX), end].concat();
    fs::write(&input, order.section(true, "", &[order.interface(), packets.clone()].concat()))
        .unwrap();
    let (_, said, _) = keys(&["inject", &input, KEYS, "-o", &once]);
    assert_eq!(said, format!("{once}: 3 secrets of 1 TLS session added\n"));
    let added = order.secrets(TLS, second.as_bytes());
    let expected = order.section(true, "", &[order.interface(), added, packets].concat());
    assert!(fs::read(&once).unwrap() == expected);
    let (code, said, _) = keys(&["inject", &once, KEYS, "-o", &twice]);
    assert_eq!(code, Some(0));
    assert_eq!(
        said,
        format!("{twice}: nothing to add, all of these secrets are embedded already\n")
    );
    assert!(fs::read(&twice).unwrap() == expected);
}

#[test]
fn nothing_secret_is_left() {
    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str| folder.path().join(name).to_str().unwrap().to_owned();
    let (input, output) = (path("in"), path("out"));
    let text = injected();
    for order in [Order::Little, Order::Big] {
        for gives_length in [true, false] {
            let comment = format!("to be shared\n{text}not this");
            let wireguard = order.secrets(0x5747_4b4c, b"LOCAL_STATIC_PRIVATE_KEY = c2VjcmV0");
            let head = [order.interface(), order.others()].concat();
            let packets = [order.packets(1..5), order.packets(5..u64::MAX)];
            let [first, second] = &packets;
            let tls = order.secrets(TLS, text.as_bytes());
            let content = [&head[..], &tls, first, &wireguard, second, &tls].concat();
            fs::write(&input, order.section(gives_length, &comment, &content)).unwrap();
            assert_eq!(messages(Path::new(&input)), 8);
            let (code, said, failed) = keys(&["strip", &input, "-o", &output, "--force"]);
            assert_eq!((code, failed.as_str()), (Some(0), ""));
            assert_eq!(
                said,
                format!(
                    "{output}: 3 blocks of secrets removed, 1 of them not of TLS; 5 secrets removed \
                     from 1 comment\n"
                )
            );
            let content = [&head[..], first, second].concat();
            let expected = order.section(gives_length, "to be shared\nnot this", &content);
            assert!(fs::read(&output).unwrap() == expected, "{order:?} {gives_length}");
            assert_eq!(messages(Path::new(&output)), 0);
        }
    }
    let (code, said, _) = keys(&["strip", &output, "-o", &path("again")]);
    assert_eq!(code, Some(0));
    assert_eq!(said, format!("{}: there were no secrets to remove\n", path("again")));
}

#[test]
fn what_precedes_damage_is_copied() {
    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str| folder.path().join(name).to_str().unwrap().to_owned();
    let (input, output) = (path("in"), path("out"));
    let order = Order::Big;
    let secrets = order.secrets(TLS, injected().as_bytes());
    let head = [order.interface(), order.packets(1..20)].concat();
    let whole = order.section(false, "", &[head.clone(), secrets].concat());
    let kept = order.section(false, "", &head);
    // Within the secrets, of which nothing may be left.
    for length in [kept.len() + 3, kept.len() + 100, whole.len() - 1] {
        fs::write(&input, &whole[..length]).unwrap();
        let (code, said, failed) = keys(&["strip", &input, "-o", &output, "--force"]);
        assert_eq!(code, Some(2), "{length}");
        assert!(failed.contains("is cut off in a block at byte"), "{length}: {failed}");
        assert_eq!(said, format!("{output}: there were no secrets to remove\n"), "{length}");
        assert!(fs::read(&output).unwrap() == kept, "{length}");
        let (code, said, failed) = keys(&["inject", &input, KEYS, "-o", &output, "--force"]);
        assert_eq!(code, Some(2), "{length}");
        assert!(failed.contains("is cut off in a block at byte"), "{length}: {failed}");
        assert!(said.contains("5 secrets of 1 TLS session added"), "{length}: {said}");
    }
}

#[test]
fn files_that_are_read_are_never_replaced() {
    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str| folder.path().join(name).to_str().unwrap().to_owned();
    let (input, log) = (path("in.pcap"), path("keys.log"));
    fs::write(&input, sample(CAPTURE)).unwrap();
    fs::write(&log, sample(KEYS)).unwrap();
    let mut outputs = vec![input.clone(), log.clone(), path("./in.pcap")];
    fs::hard_link(&input, path("hard")).unwrap();
    outputs.push(path("hard"));
    #[cfg(unix)]
    {
        std::os::unix::fs::symlink(&input, path("soft")).unwrap();
        outputs.push(path("soft"));
    }
    for output in &outputs {
        let (code, out, said) = keys(&["inject", &input, &log, "-o", output, "--force"]);
        assert_eq!((code, out.as_str()), (Some(2), ""), "{output}");
        assert!(said.contains("is a file being read; write to another file"), "{said}");
    }
    fs::write(path("dear"), "something dear").unwrap();
    for command in [&["strip", &input][..], &["inject", &input, &log]] {
        let (code, out, said) = keys(&[command, &["-o", &path("dear")]].concat());
        assert_eq!((code, out.as_str()), (Some(2), ""));
        assert!(said.contains("exists; give another name, or --force to replace it"), "{said}");
    }
    assert_eq!(fs::read(path("dear")).unwrap(), b"something dear");
    assert_eq!(fs::read(&input).unwrap(), sample(CAPTURE));
    assert_eq!(fs::read(&log).unwrap(), sample(KEYS));
}

#[test]
fn what_cannot_be_done_is_one_line_and_a_failure() {
    let folder = tempfile::tempdir().unwrap();
    let output = folder.path().join("out");
    let to = output.to_str().unwrap();
    let other = foreign(folder.path());
    #[rustfmt::skip]
    let rows: [(&[&str], &str); 9] = [
        (&[], "requires a subcommand"),
        (&["list"], "<CAPTURE>"),
        (&["list", "-"], "standard input can be read only once"),
        (&["list", "no-such.pcap"], "no such file"),
        (&["list", "Cargo.toml"], "is not a capture"),
        (&["inject", CAPTURE, "-o", to], "<KEYS>"),
        (&["inject", CAPTURE, "Cargo.toml", "-o", to], "is not a TLS key log"),
        (&["inject", CAPTURE, &other, "-o", to], "no secret belongs to a session of the capture (it has 1 TLS session"),
        (&["strip", "Cargo.toml", "-o", to], "is not a capture"),
    ];
    for (arguments, says) in rows {
        let (code, out, said) = keys(arguments);
        assert_eq!((code, out.as_str()), (Some(2), ""), "{arguments:?}: {said}");
        assert!(said.contains(says) && said.lines().count() == 1, "{arguments:?}: {said}");
        assert!(!output.exists(), "{arguments:?}");
    }
}

/// The texts of all blocks of secrets in a pcapng file in little-endian order.
fn embedded(path: &Path) -> Vec<String> {
    let file = fs::read(path).unwrap();
    let mut texts = Vec::new();
    let mut at = 0;
    while at < file.len() {
        let word = |place: usize| {
            let bytes = file.get(at + place..).unwrap().first_chunk().unwrap();
            usize::try_from(u32::from_le_bytes(*bytes)).unwrap()
        };
        if word(0) == 10 {
            texts.push(text(file.get(at + 16..at + 16 + word(12)).unwrap()));
        }
        at += word(4);
    }
    texts
}

#[test]
fn packets_are_written_without_secrets_unless_they_are_asked_for() {
    let folder = tempfile::tempdir().unwrap();
    let (input, output) = (folder.path().join("in.pcapng"), folder.path().join("out.pcapng"));
    let (order, foreign) = (Order::Little, foreign(folder.path()));
    let secrets = [fs::read_to_string(&foreign).unwrap(), injected()].concat();
    let content = [order.interface(), order.packets(1..9)].concat();
    let late = [order.secrets(TLS, secrets.as_bytes()), order.packets(9..u64::MAX)].concat();
    fs::write(&input, order.section(false, "", &[content, late].concat())).unwrap();
    let [embeds, to] = [&input, &output].map(|path| path.to_str().unwrap());
    let classic = ["--keylog", &foreign, "--keylog", KEYS, CAPTURE];
    let sources = [("a key log", &classic[..]), ("embedded", &[embeds][..])];
    for subcommand in ["print", "check", "diagnose", "stats"] {
        for (name, source) in sources {
            for option in [None, Some("--with-secrets")] {
                let arguments = [source, &["-w", to, "--force"], option.as_slice()].concat();
                let run = command(subcommand, &arguments).output().unwrap();
                assert_eq!(text(&run.stderr), "", "{subcommand} {name}");
                let (expected, shown) = match option {
                    None => (vec![], 0),
                    Some(_) => (vec![injected()], 8),
                };
                assert_eq!(embedded(&output), expected, "{subcommand} {name} {option:?}");
                assert_eq!(messages(&output), shown, "{subcommand} {name} {option:?}");
            }
        }
    }
    let run = command("print", &[CAPTURE, "--with-secrets"]).output().unwrap();
    assert_eq!(run.status.code(), Some(2));
    assert!(text(&run.stderr).contains("--write <FILE>"), "{}", text(&run.stderr));
}

#[test]
fn each_file_of_a_ring_has_the_secrets_of_its_sessions() {
    let folder = tempfile::tempdir().unwrap();
    let base = folder.path().join("ring.pcapng");
    let arguments = [
        CAPTURE,
        "--keylog",
        KEYS,
        "--with-secrets",
        "-b",
        "packets:12",
        "-w",
        base.to_str().unwrap(),
    ];
    let run = command("stats", &arguments).output().unwrap();
    assert_eq!(text(&run.stderr), "");
    let mut paths: Vec<_> =
        fs::read_dir(folder.path()).unwrap().map(|entry| entry.unwrap().path()).collect();
    paths.sort();
    assert_eq!(paths.len(), 2);
    let shown: Vec<usize> = paths.iter().map(|path| messages(path)).collect();
    // All of them together: the second file begins in the middle of the session.
    assert_eq!((shown.iter().sum::<usize>(), shown.contains(&0)), (8, false), "{shown:?}");
}

#[test]
fn secrets_in_a_comment_are_a_hint() {
    let folder = tempfile::tempdir().unwrap();
    let input = folder.path().join("in.pcapng");
    let path = input.to_str().unwrap();
    let hint = "no secrets were supplied, but a comment of the capture has some";
    for order in [Order::Little, Order::Big] {
        let content = [order.interface(), order.packets(1..u64::MAX)].concat();
        let comment = format!("Have a look.\n{}", injected());
        fs::write(&input, order.section(false, &comment, &content)).unwrap();
        let run = command("check", &[path, "--fail-on", "never"]).output().unwrap();
        let said = text(&run.stdout).split_whitespace().collect::<Vec<_>>().join(" ");
        assert!(said.contains("TLS-05") && said.contains(hint), "{said}");
        assert!(said.contains("to a file, and supply it with --keylog FILE"), "{said}");
        let (code, said, _) = keys(&["list", path]);
        assert_eq!(code, Some(1));
        assert!(said.contains("secrets: none, but a comment of the capture has some "), "{said}");
        let secrets = injected();
        assert!(!secrets.lines().any(|line| said.contains(secret(line))), "{said}");
        // Supplied as well, there is nothing to be said.
        let run = command("check", &[path, "--keylog", KEYS]).output().unwrap();
        assert!(!text(&run.stdout).contains("TLS-05"), "{}", text(&run.stdout));
        // Those of another session are no hint.
        let other = fs::read_to_string(foreign(folder.path())).unwrap();
        fs::write(&input, order.section(false, &other, &content)).unwrap();
        let run = command("check", &[path]).output().unwrap();
        let said = text(&run.stdout);
        assert!(said.contains("TLS-05") && !said.contains("comment"), "{said}");
    }
}

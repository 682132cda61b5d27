//! Key logs: those that the user gives, and those that captures bring along.

#![expect(clippy::unwrap_used, reason = "a helper that fails is a test that fails")]

use std::fs;
use std::fs::File;
use std::path::Path;
use std::process::{Command, Output, Stdio};

use serde_json::Value;
use wslens::capture::{self, PcapngWriter, Secrets};

/// One connection in TLS 1.3.
const CAPTURE: &str = "samples/wss.pcap";

/// Its secrets.
const KEYS: &str = "samples/wss.keys";

/// The label of a TLS key log in pcapng: `TLSK`.
const TLS_KEY_LOG: u32 = 0x544c_534b;

fn wslens(arguments: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_wslens"))
        .args(arguments)
        .current_dir(env!("CARGO_MANIFEST_DIR"))
        .stdin(Stdio::null())
        .output()
        .unwrap()
}

/// The rules that `check` finds broken, and what it says of the first.
fn found(arguments: &[&str]) -> (Vec<String>, String) {
    let output =
        wslens(&[&["check", "--format", "ndjson", "--fail-on", "never"], arguments].concat());
    assert_eq!(output.status.code(), Some(0), "{}", String::from_utf8_lossy(&output.stderr));
    let text = String::from_utf8(output.stdout).unwrap();
    let lines: Vec<Value> = text.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let findings: Vec<&Value> = lines.iter().filter(|line| line["type"] == "finding").collect();
    let rules = findings.iter().map(|it| it["rule"].as_str().unwrap().to_owned()).collect();
    let evidence = findings.first().and_then(|it| it["evidence"].as_str()).unwrap_or_default();
    (rules, evidence.to_owned())
}

#[test]
fn connections_say_whether_their_secrets_are_there() {
    let folder = tempfile::tempdir().unwrap();
    let other = folder.path().join("other.keys");
    fs::write(
        &other,
        format!("# another one\nCLIENT_RANDOM {} {}\n", "ab".repeat(32), "cd".repeat(48)),
    )
    .unwrap();
    let other = other.to_str().unwrap();
    let wrong = folder.path().join("wrong.keys");
    let keys = fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join(KEYS)).unwrap();
    let altered = |line: &str| {
        let (before, secret) = line.rsplit_once(' ').unwrap();
        format!("{before} {}\n", "5a".repeat(secret.len() / 2))
    };
    fs::write(&wrong, keys.lines().map(altered).collect::<String>()).unwrap();
    let wrong = wrong.to_str().unwrap();
    let rows: [(&str, &[&str], &str, &str); 5] = [
        ("no key log", &[], "TLS-05", "no secrets were supplied"),
        ("its own", &["--keylog", KEYS], "WS-C19", "the client's FIN came first"),
        ("altered", &["--keylog", wrong], "TLS-06", "they do not open its records"),
        (
            "another's",
            &["--keylog", other],
            "TLS-06",
            "no secret was supplied for its client random",
        ),
        ("both", &["--keylog", other, "--keylog", KEYS], "WS-C19", "the client's FIN came first"),
    ];
    for (name, options, rule, words) in rows {
        let (rules, evidence) = found(&[&[CAPTURE], options].concat());
        assert_eq!(rules, [rule], "{name}");
        assert!(evidence.contains(words), "{name}: {evidence}");
    }
}

#[test]
fn secrets_that_a_capture_brings_along_are_used() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let folder = tempfile::tempdir().unwrap();
    let keys = fs::read_to_string(root.join(KEYS)).unwrap();
    // Packets before all secrets, and before the second half of them.
    for (before, between) in [(0, 0), (8, 0), (1000, 0), (0, 10), (5, 1000)] {
        let path = folder.path().join("with-secrets.pcapng");
        let mut writer = PcapngWriter::new(File::create(&path).unwrap()).unwrap();
        let mut halves = keys.lines().collect::<Vec<_>>();
        let second = halves.split_off(halves.len() / 2);
        let secrets = |writer: &mut PcapngWriter<File>, lines: &[&str]| {
            let data = lines.join("\n").into_bytes();
            writer.secrets(&Secrets { kind: TLS_KEY_LOG, data }).unwrap();
        };
        let mut source = capture::open(&root.join(CAPTURE)).unwrap();
        let mut left = [before, between];
        for (left, lines) in left.iter_mut().zip([&halves, &second]) {
            while *left > 0
                && let Some(packet) = source.next_packet().unwrap()
            {
                writer.push(&packet).unwrap();
                *left -= 1;
            }
            secrets(&mut writer, lines);
        }
        while let Some(packet) = source.next_packet().unwrap() {
            writer.push(&packet).unwrap();
        }
        writer.finish().unwrap();
        let (rules, _) = found(&[path.to_str().unwrap()]);
        assert_eq!(rules, ["WS-C19"], "{before} and {between} packets before them");
    }
}

#[test]
fn a_key_log_in_the_environment_is_mentioned_and_not_used() {
    let run = |named: Option<&str>, arguments: &[&str]| {
        let mut command = Command::new(env!("CARGO_BIN_EXE_wslens"));
        command.args(arguments).current_dir(env!("CARGO_MANIFEST_DIR")).stdin(Stdio::null());
        match named {
            Some(path) => command.env("SSLKEYLOGFILE", path),
            None => command.env_remove("SSLKEYLOGFILE"),
        };
        let output = command.output().unwrap();
        (output.stdout, String::from_utf8(output.stderr).unwrap())
    };
    for command in [&["check"][..], &["print", "--format", "ndjson"], &["stats"], &["diagnose"]] {
        let plain = [command, &[CAPTURE]].concat();
        let (quiet, silence) = run(None, &plain);
        let (output, said) = run(Some(KEYS), &plain);
        assert_eq!((quiet == output, silence.as_str()), (true, ""), "{command:?}");
        assert!(said.contains("SSLKEYLOGFILE names samples/wss.keys"), "{command:?}: {said}");
        assert_eq!(said.lines().count(), 1, "{command:?}: {said}");
        let (_, said) = run(Some(KEYS), &[&plain[..], &["--keylog", KEYS]].concat());
        assert_eq!(said, "", "{command:?}: it is used");
    }
    let (_, said) = run(Some(KEYS), &["check", "samples/echo.pcap"]);
    assert_eq!(said, "", "nothing is encrypted");
    let (_, said) = run(Some(KEYS), &["stats", CAPTURE, CAPTURE]);
    assert!(said.lines().count() <= 1, "once is enough: {said}");
}

#[test]
fn what_decrypts_a_connection_is_named() {
    let words = |arguments: &[&str]| {
        String::from_utf8(wslens(&[&["print"], arguments].concat()).stdout).unwrap()
    };
    let fields = |arguments: &[&str]| -> Value {
        let text = words(&[&["--format", "ndjson"], arguments].concat());
        let mut lines = text.lines().map(|line| serde_json::from_str::<Value>(line).unwrap());
        lines.find(|line| line["type"] == "connection").unwrap()["tls"].take()
    };
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("with-secrets.pcapng");
    let embedded = path.to_str().unwrap();
    assert!(wslens(&["keys", "inject", CAPTURE, KEYS, "-o", embedded]).status.success());
    let rows: [(&[&str], &str, Value, Value); 3] = [
        (&[CAPTURE], "", false.into(), Value::Null),
        (&[CAPTURE, "--keylog", KEYS], ", decrypted with wss.keys", true.into(), KEYS.into()),
        (&[embedded], ", decrypted with secrets in the capture", true.into(), Value::Null),
    ];
    for (arguments, expected, decrypted, key_log) in rows {
        let text = words(arguments);
        let line = text.lines().find(|line| line.contains("TLS established")).unwrap();
        assert!(line.contains("TLS 1.3, TLS_") && line.ends_with(expected), "{line}");
        assert_eq!(line.contains("decrypted"), !expected.is_empty(), "{line}");
        let tls = fields(arguments);
        assert_eq!((&tls["decrypted"], &tls["key_log"]), (&decrypted, &key_log), "{tls}");
        assert!(tls["duration_ms"].as_f64().is_some_and(|took| took > 0.0), "{tls}");
    }
}

#[test]
fn a_file_that_is_not_a_key_log_is_one_line_and_a_failure() {
    let rows = [
        (
            "Cargo.toml",
            "wslens: Cargo.toml is not a TLS key log: line 1 is not LABEL RANDOM SECRET",
        ),
        ("no-such.keys", "wslens: key log no-such.keys cannot be read: "),
        ("samples", "wslens: key log samples cannot be read: "),
    ];
    for command in ["print", "check", "stats"] {
        for (path, expected) in rows {
            let output = wslens(&[command, CAPTURE, "--keylog", path]);
            let said = String::from_utf8(output.stderr).unwrap();
            assert_eq!(output.status.code(), Some(2), "{command} {path}");
            assert!(said.starts_with(expected) && said.lines().count() == 1, "{command}: {said}");
            assert!(output.stdout.is_empty(), "{command} {path}");
        }
    }
}

//! TLS secrets go into a file only if they are asked for.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use crate::program::{LARGE, Program, sample};
use crate::quit;

/// The connection of the sample in TLS, decrypted.
fn decrypted(keys: &Path) -> Program {
    let capture = sample("wss.pcap");
    let program = Program::start(LARGE, &["--keylog", keys.to_str().unwrap(), &capture]);
    program.shows("1 of ");
    program.hides("reading ");
    program
}

/// Whether a file has a block of secrets, or a secret of the sample as text or as bytes.
fn has_secrets(content: &[u8], keys: &str) -> bool {
    let has = |part: &[u8]| content.windows(part.len()).any(|it| it == part);
    keys.lines().filter_map(|line| line.rsplit(' ').next()).any(|secret| {
        let bytes: Vec<u8> = (0..secret.len())
            .step_by(2)
            .map(|at| u8::from_str_radix(&secret[at..at + 2], 16).unwrap())
            .collect();
        has(secret.as_bytes()) || has(&bytes)
    }) || has(b"KSLT")
}

#[test]
fn secrets_are_saved_only_if_they_are_asked_for() {
    let keys = Path::new(env!("CARGO_MANIFEST_DIR")).join("samples/wss.keys");
    let lines = fs::read_to_string(&keys).unwrap();
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("saved.pcapng");
    let name = path.to_str().unwrap();
    let mut program = decrypted(&keys);
    // The answer by default, and a no.
    for answer in ["\r", "n"] {
        program.keys_show(&format!("sc\x15{name}\r"), "with its TLS secrets? (y/N)");
        program.keys_show("x", "with its TLS secrets? (y/N)");
        program.keys_show(answer, &format!("22 packets written to {name}"));
        program.hides("with the TLS secrets");
        assert!(!has_secrets(&fs::read(&path).unwrap(), &lines), "{answer:?}");
        fs::remove_file(&path).unwrap();
    }
    program.keys_show(&format!("sc\x15{name}\r"), "with its TLS secrets? (y/N)");
    program.keys("\x1b");
    program.hides("with its TLS secrets? (y/N)");
    assert!(!path.exists(), "nothing is written without an answer");
    program.keys_show(&format!("sc\x15{name}\r"), "with its TLS secrets? (y/N)");
    program.keys_show("y", "with the TLS secrets of the connection");
    assert!(has_secrets(&fs::read(&path).unwrap(), &lines));
    assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
    quit(program);
    let mut program = Program::start(LARGE, &[name]);
    program.shows("  6 messages");
    // Those that a capture brings along are saved only if they are asked for, too.
    let again = folder.path().join("again.pcapng");
    program.keys_show(&format!("sc\x15{}\r", again.to_str().unwrap()), "with its TLS secrets?");
    program.keys_show("\r", "22 packets written to");
    assert!(!has_secrets(&fs::read(&again).unwrap(), &lines));
    quit(program);
}

#[test]
fn nothing_is_asked_of_what_was_not_decrypted() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("saved.pcapng");
    let capture = sample("wss.pcap");
    let mut program = Program::start(LARGE, &[&capture]);
    program.shows("1 of ");
    program.keys_show(&format!("sc\x15{}\r", path.to_str().unwrap()), "22 packets written to");
    quit(program);
}

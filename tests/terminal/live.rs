//! Captures that continue while they are shown: a pipe that grows, and an interface of a network of its own.

use std::fs::{self, File};
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use crate::program::{LARGE, Program, SMALL, sample};
use crate::quit;

/// A capture that is written into a pipe, packet by packet.
struct Growing {
    program: Program,
    pipe: File,
    /// What is still to be written: the packets with their heads.
    packets: Vec<Vec<u8>>,
    _folder: tempfile::TempDir,
}

impl Growing {
    /// Starts the program on its standard input, which is a pipe with nothing but a file's header.
    fn start(name: &str, arguments: &str) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("pipe");
        assert!(Command::new("mkfifo").arg(&path).status().unwrap().success());
        let wslens = env!("CARGO_BIN_EXE_wslens");
        let line = format!("exec {wslens} {arguments} - < {}", path.display());
        let program = Program::start_program(Path::new("/bin/sh"), LARGE, &["-c", &line], &[]);
        let mut pipe = File::options().write(true).open(&path).unwrap();
        let root = Path::new(env!("CARGO_MANIFEST_DIR"));
        let capture = fs::read(root.join(sample(name))).unwrap();
        let (header, mut rest) = capture.split_at(24);
        pipe.write_all(header).unwrap();
        let mut packets = Vec::new();
        while rest.len() > 16 {
            let length = u32::from_le_bytes(rest[8..12].try_into().unwrap());
            let (packet, after) = rest.split_at(16 + usize::try_from(length).unwrap());
            packets.push(packet.to_vec());
            rest = after;
        }
        packets.reverse();
        Self { program, pipe, packets, _folder: folder }
    }

    /// Lets some packets come.
    fn grow(&mut self, count: usize) {
        for _ in 0..count {
            let packet = self.packets.pop().unwrap();
            self.pipe.write_all(&packet).unwrap();
        }
    }
}

#[test]
fn rows_appear_as_packets_come_and_the_newest_is_followed_until_one_moves() {
    let mut capture = Growing::start("protocol-errors.pcap", "");
    capture.program.shows("● live");
    capture.grow(8);
    capture.program.shows(" 8 packets");
    capture.program.shows("masked as it should be");
    capture.program.shows("FOLLOWING");
    capture.program.shows(" 3 of 3 ");
    capture.grow(4);
    capture.program.shows(" 7 of 7 ");
    // What is found is said when it is.
    capture.program.shows("WS-F01 client frame is not masked  #1");
    capture.program.keys_show("k", "G follows");
    capture.grow(16);
    capture.program.shows(" 6 of 18 ");
    capture.program.shows("2 connections");
    capture.program.keys_show("G", " 18 of 18 ");
    capture.grow(2);
    capture.program.shows(" 19 of 19 ");
    quit(capture.program);
}

#[test]
fn a_paused_view_holds_still_and_loses_nothing() {
    let mut capture = Growing::start("protocol-errors.pcap", "");
    capture.grow(12);
    capture.program.shows(" 7 of 7 ");
    capture.program.keys_show(" ", "PAUSED +0");
    let rest = capture.packets.len();
    capture.grow(rest);
    capture.program.shows("60 packets");
    capture.program.shows(" 7 of 7 ");
    capture.program.hides("PAUSED +0");
    capture.program.hides("/close-1005");
    capture.program.keys_show(" ", "FOLLOWING");
    capture.program.shows("/close-1005");
    capture.program.shows(" 38 of 38 ");
    quit(capture.program);
}

#[test]
fn capturing_is_stopped_and_what_came_stays_to_be_read_again_and_saved() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("packets.pcapng");
    let mut capture = Growing::start("protocol-errors.pcap", "");
    let rest = capture.packets.len();
    capture.grow(rest);
    capture.program.shows(" 38 of 38 ");
    // The writer continues to hold the pipe open: nothing more comes, and it does not end.
    capture.program.keys_show("\x1b", "capturing stopped");
    capture.program.shows("stopped");
    capture.program.shows(" of 39 ");
    capture.program.keys_show("g\r", "J next row");
    capture.program.shows("Upgrade request");
    capture.program.keys_show("\x1b", "f filter");
    capture.program.keys(&format!("sc\x15{}\r", path.to_str().unwrap()));
    capture.program.shows(" 16 packets written to");
    quit(capture.program);
    let saved = Program::start(SMALL, &[path.to_str().unwrap()]);
    saved.shows("16 packets");
    saved.shows("WS-F01");
    quit(saved);
}

#[test]
fn a_capture_that_begins_within_a_connection_shows_its_messages() {
    let mut capture = Growing::start("midstream.pcap", "");
    let rest = capture.packets.len();
    capture.grow(rest);
    capture.program.shows("midstream");
    capture.program.shows("TEXT");
    capture.program.shows("CAP-03");
    quit(capture.program);
}

#[test]
fn the_end_of_a_pipe_is_the_end_of_the_capture() {
    let mut capture = Growing::start("echo.pcap", "");
    let rest = capture.packets.len();
    capture.grow(rest);
    let Growing { program, pipe, .. } = capture;
    drop(pipe);
    program.hides("● live");
    quit(program);
}

#[test]
fn the_bell_is_rung_only_where_it_was_asked_for() {
    for (arguments, rings) in [("--bell", true), ("", false)] {
        let mut capture = Growing::start("protocol-errors.pcap", arguments);
        capture.grow(12);
        capture.program.shows("WS-F01 client frame is not masked  #1");
        capture.program.keys_show("?", "Everywhere");
        capture.program.keys("\x1b");
        capture.program.hides("Everywhere");
        assert_eq!(capture.program.written().contains('\x07'), rings, "{arguments:?}");
        quit(capture.program);
    }
}

/// A network namespace of its own.
struct Namespace(String);

impl Namespace {
    /// Makes one with a loopback interface; `None`, said aloud, where that is not possible.
    fn new() -> Option<Self> {
        let name = format!("wslens-test-{}", std::process::id());
        let made = ip(&["netns", "add", &name]).then_some(Self(name));
        let made = made.filter(|it| ip(&["-n", &it.0, "link", "set", "lo", "up"]));
        if made.is_none() {
            skipped("a network namespace needs root and iproute2");
        }
        made
    }

    fn run(&self, program: &str, arguments: &[&str]) -> Child {
        Command::new("ip")
            .args(["netns", "exec", &self.0, program])
            .args(arguments)
            .stdin(Stdio::null())
            .spawn()
            .unwrap()
    }
}

impl Drop for Namespace {
    fn drop(&mut self) {
        ip(&["netns", "delete", &self.0]);
    }
}

fn ip(arguments: &[&str]) -> bool {
    let done = Command::new("ip").args(arguments).stderr(Stdio::null()).status();
    done.is_ok_and(|status| status.success())
}

/// Says why a test did nothing, aloud: not where the output of tests that pass is kept back.
fn skipped(why: &str) {
    writeln!(std::io::stderr(), "skipped: {why}").ok();
}

fn exists(program: &str) -> bool {
    std::env::var_os("PATH").is_some_and(|paths| {
        std::env::split_paths(&paths).any(|folder: PathBuf| folder.join(program).is_file())
    })
}

#[test]
fn an_interface_is_shown_while_it_is_captured_on() {
    if !cfg!(libpcap) {
        return skipped("this build cannot capture: libpcap was not found");
    }
    if !exists("python3") {
        return skipped("no python3 to talk over the interface");
    }
    let Some(namespace) = Namespace::new() else { return };
    let wslens = env!("CARGO_BIN_EXE_wslens");
    let arguments = ["netns", "exec", &namespace.0, wslens, "-i", "lo"];
    let mut program = Program::start_program(Path::new("ip"), LARGE, &arguments, &[]);
    program.shows("● live");
    let mut talk = namespace.run("python3", &["-c", TALK]);
    program.shows("number 7");
    program.shows("/live");
    program.shows("FOLLOWING");
    program.shows(" 40 messages");
    assert!(talk.wait().unwrap().success());
    program.shows("aborted");
    // The last line shows whether a screen was drawn completely.
    program.keys_show("k\r", "J next row");
    program.shows("offset");
    program.keys_show("\x1b", "f filter");
    program.keys("\x1b");
    program.hides("Handshake");
    program.keys_show("x", "stopped");
    quit(program);
}

/// A client and a server that exchange numbered messages, an echo of each.
const TALK: &str = r#"
import base64, hashlib, os, socket, threading, time
listener = socket.create_server(("127.0.0.1", 8080))

def serve():
    peer = listener.accept()[0]
    head = b""
    while b"\r\n\r\n" not in head:
        head += peer.recv(4096)
    key = head.split(b"Sec-WebSocket-Key: ")[1].split(b"\r\n")[0]
    digest = hashlib.sha1(key + b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11").digest()
    peer.sendall(b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
                 b"Sec-WebSocket-Accept: " + base64.b64encode(digest) + b"\r\n\r\n")
    while frame := peer.recv(4096):
        text = bytes(byte ^ frame[2 + at % 4] for at, byte in enumerate(frame[6:]))
        peer.sendall(bytes([0x81, len(text)]) + text)

threading.Thread(target=serve, daemon=True).start()
client = socket.create_connection(("127.0.0.1", 8080))
client.sendall(b"GET /live HTTP/1.1\r\nHost: 127.0.0.1:8080\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
               b"Sec-WebSocket-Key: " + base64.b64encode(os.urandom(16)) + b"\r\nSec-WebSocket-Version: 13\r\n\r\n")
client.recv(4096)
for number in range(20):
    text = b"number %d" % number
    mask = os.urandom(4)
    masked = bytes(byte ^ mask[at % 4] for at, byte in enumerate(text))
    client.sendall(bytes([0x81, 0x80 | len(text)]) + mask + masked)
    client.recv(4096)
    time.sleep(0.02)
"#;

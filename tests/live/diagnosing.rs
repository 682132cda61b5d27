//! Why connections fail, reported while they do.

use std::process::Command;

use serde_json::Value;

use crate::capturing::{Captured, Capturing};
use crate::namespace::Namespace;
use crate::tools::has_python;

#[test]
fn a_failure_is_explained_while_the_capture_continues() {
    let Some(namespace) = Namespace::new("a story as it ends") else { return };
    let capturing = Capturing::start(&namespace, &["diagnose", "-i", "lo", "-f", "tcp"]);
    namespace.knock(8113);
    let story = "failed: connection refused";
    capturing.wait_for("story", |output| {
        output.lines().any(|line| line.contains(":8113 ") && line.contains(story))
    });
    let captured = capturing.interrupt();
    assert_eq!(captured.status.code(), Some(1), "{}", captured.errors);
    let last = captured.output.lines().last().unwrap();
    assert!(last.contains(" failed (connection refused "), "{}", captured.output);
}

#[test]
fn stories_are_lines_for_programs_as_well() {
    let Some(namespace) = Namespace::new("a story for programs") else { return };
    let arguments = ["diagnose", "-i", "lo", "--format", "ndjson", "--fail-on", "never"];
    let capturing = Capturing::start(&namespace, &arguments);
    namespace.knock(8113);
    capturing.wait_for("story", |output| output.contains(":8113\""));
    let captured = capturing.interrupt();
    captured.summary();
    let is_it = |line: &Value| line["server"] == "127.0.0.1:8113";
    let story = captured.lines().into_iter().find(is_it).unwrap();
    assert_eq!((&story["verdict"], &story["cause"][0]), (&"failed".into(), &"NET-01".into()));
}

/// Accepts three clients on port 8116, and cuts all of them while they are in use.
const CUT_TOGETHER: &str = "
import base64, hashlib, re, socket, time
s = socket.create_server(('127.0.0.1', 8116))
cs = []
while len(cs) < 3:
    c, _ = s.accept()
    key = re.search(b'Key: (.*)\\r', c.recv(4096)).group(1)
    digest = hashlib.sha1(key + b'258EAFA5-E914-47DA-95CA-C5AB0DC85B11').digest()
    c.sendall(b'HTTP/1.1 101 Switching Protocols\\r\\nUpgrade: websocket\\r\\nConnection: Upgrade\\r\\n'
              b'Sec-WebSocket-Accept: ' + base64.b64encode(digest) + b'\\r\\n\\r\\n')
    cs.append(c)
for _ in range(10):
    for c in cs:
        c.sendall(b'\\x81\\x04news')
    time.sleep(0.1)
for c in cs:
    c.shutdown(socket.SHUT_RDWR)
time.sleep(60)";

/// Opens three of them, one after the other, and listens.
const THREE: &str = "
import base64, os, socket, time
cs = []
for _ in range(3):
    c = socket.create_connection(('127.0.0.1', 8116))
    c.sendall(b'GET /feed HTTP/1.1\\r\\nHost: localhost:8116\\r\\nUpgrade: websocket\\r\\n'
              b'Connection: Upgrade\\r\\nSec-WebSocket-Version: 13\\r\\n'
              b'Sec-WebSocket-Key: ' + base64.b64encode(os.urandom(16)) + b'\\r\\n\\r\\n')
    cs.append(c)
    time.sleep(0.4)
for c in cs:
    while c.recv(4096):
        pass
    c.close()";

#[test]
fn what_ends_several_connections_is_reported_while_the_capture_continues() {
    let test = "a group as it ends";
    let Some(namespace) = Namespace::new(test) else { return };
    if !has_python(test) {
        return;
    }
    let server = namespace.serve(8116, &mut script(&namespace, CUT_TOGETHER));
    let capturing = Capturing::start(&namespace, &["diagnose", "-i", "lo", "-f", "tcp"]);
    assert!(script(&namespace, THREE).status().unwrap().success());
    capturing.wait_for("group", |output| {
        let verdict = "dropped: all ended together";
        output.lines().any(|line| line.contains(", above ") && line.contains(verdict))
    });
    let captured = capturing.interrupt();
    drop(server);
    assert_eq!(captured.status.code(), Some(1), "{}", captured.errors);
    let whys = captured.output.matches("connections to 127.0.0.1:8116 ended within").count();
    assert_eq!(whys, 1, "explained once: {}", captured.output);
    let last = captured.output.lines().last().unwrap();
    assert!(last.contains("3 dropped (all ended together 3)"), "{}", captured.output);
}

/// Listens on `[::1]:8114`, and accepts connections until they are closed.
const SERVER: &str = "
import socket
s = socket.socket(socket.AF_INET6)
s.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
s.bind(('::1', 8114))
s.listen()
while True:
    c, _ = s.accept()
    c.recv(1)
    c.close()";

/// Connects to it, and waits.
const CLIENT: &str = "
import socket, time
s = socket.create_connection(('::1', 8114))
time.sleep(1)";

fn script(namespace: &Namespace, text: &str) -> Command {
    let mut python = namespace.command("python3");
    python.args(["-c", text]);
    python
}

/// The line of a connection to a server, as it was when the capture ended.
fn connection_to(captured: &Captured, server: &str) -> Value {
    let is_it = |line: &Value| line["type"] == "connection" && line["server"] == server;
    captured.lines().into_iter().find(is_it).unwrap_or_else(|| panic!("{}", captured.output))
}

const NDJSON: &[&str] =
    &["diagnose", "-i", "lo", "--format", "ndjson", "--fail-on", "never", "--all"];

#[test]
fn who_listens_on_the_other_address_family_is_named() {
    let test = "who listens where";
    let Some(namespace) = Namespace::new(test) else { return };
    if !has_python(test) {
        return;
    }
    // Root becomes nobody, and still knows who listened before.
    let server = namespace.serve(8114, &mut script(&namespace, SERVER));
    let capturing = Capturing::start(&namespace, NDJSON);
    namespace.knock(8114);
    namespace.knock(8115);
    capturing.wait_for("both", |output| {
        output.contains("127.0.0.1:8114\"") && output.contains("127.0.0.1:8115\"")
    });
    let captured = capturing.interrupt();
    let refused = connection_to(&captured, "127.0.0.1:8114");
    let listening = &refused["listening"];
    assert_eq!(listening[0]["address"], "[::1]:8114", "{refused}");
    assert_eq!(listening[0]["process"]["pid"], server.0.id(), "{refused}");
    let command = listening[0]["process"]["command"].as_str().unwrap();
    assert!(command.contains("python3 -c import socket"), "{command}");
    let reason = refused["reason"].as_str().unwrap();
    assert!(reason.ends_with("port 8114 is open only on [::1]"), "{reason}");
    assert!(refused["remedy"].as_str().unwrap().contains("Let the server listen on both"));
    let nobody = connection_to(&captured, "127.0.0.1:8115");
    assert_eq!(nobody["listening"], serde_json::json!([]), "{nobody}");
}

#[test]
fn both_ends_of_a_connection_are_named_if_their_processes_may_be_seen() {
    let test = "who owns a connection";
    let Some(namespace) = Namespace::new(test) else { return };
    if !has_python(test) {
        return;
    }
    for keeps_rights in [true, false] {
        let arguments = if keeps_rights { &["--keep-rights"][..] } else { &[] };
        let capturing = Capturing::start(&namespace, &[NDJSON, arguments].concat());
        // Nobody may see what root has started since.
        let server = namespace.serve(8114, &mut script(&namespace, SERVER));
        let mut client = script(&namespace, CLIENT).spawn().unwrap();
        assert!(client.wait().unwrap().success());
        capturing.wait_for("connection", |output| output.contains("\"[::1]:8114\""));
        let (server, client) = (server.0.id(), client.id());
        let captured = capturing.interrupt();
        let connection = connection_to(&captured, "[::1]:8114");
        if keeps_rights {
            let pids = [&connection["process"]["client"], &connection["process"]["server"]]
                .map(|process| process["pid"].as_u64());
            assert_eq!(pids, [Some(client.into()), Some(server.into())], "{connection}");
        } else {
            assert_eq!(connection["process"], Value::Null, "{connection}");
        }
    }
}

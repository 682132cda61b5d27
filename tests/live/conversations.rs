//! Conversations of real programs, captured as they happen.

use std::path::{Path, PathBuf};

use serde_json::Value;

use crate::capturing::Capturing;
use crate::namespace::{Namespace, run};
use crate::told::compare;
use crate::tools::{has_node, has_python, node, python};

const PRINT: &[&str] =
    &["print", "-i", "lo", "--format", "ndjson", "--max-payload", "1000000", "--findings"];

fn log_in(folder: &Path) -> PathBuf {
    let log = folder.join("log.ndjson");
    std::fs::write(&log, "").unwrap();
    log
}

/// Captures a client and a server of node on a port, and compares.
fn talk(test: &str, port: u16, options: &str, scenario: &str, arguments: &[&str]) {
    let Some(namespace) = Namespace::new(test) else { return };
    if !has_node(test) {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let log = log_in(folder.path());
    let mut server = node(&namespace, "ws-server.js", &log);
    let _server = namespace.serve(port, server.args([&port.to_string(), options]));
    let capturing = Capturing::start(&namespace, arguments);
    run(&mut node(&namespace, scenario, &log));
    let end = format!(":{port}\"");
    capturing.wait_for("end of the connection", |output| {
        output.lines().any(|line| line.contains("\"type\":\"connection\"") && line.contains(&end))
    });
    let captured = capturing.interrupt();
    assert_eq!(captured.summary()["dropped"].as_u64().unwrap_or(0), 0);
    let lines = captured.lines();
    compare(&log, &lines, port);
    let errors: Vec<&Value> = lines.iter().filter(|line| line["severity"] == "error").collect();
    // The attempts at port 9 are refused.
    assert!(errors.iter().all(|error| error["rule"] == "NET-01"), "{errors:?}");
}

#[test]
fn a_conversation_is_printed_as_it_was_sent() {
    talk("a healthy conversation", 8100, r#"{"protocol": "echo.v1"}"#, "scenarios/echo.js", PRINT);
}

#[test]
fn compressed_messages_are_inflated_as_they_come() {
    talk("compressed messages", 8101, r#"{"deflate": true}"#, "scenarios/deflate.js", PRINT);
}

#[test]
fn fragmented_and_large_messages_are_put_together() {
    talk("fragmented messages", 8110, r#"{"digest": true}"#, "scenarios/large.js", PRINT);
}

#[test]
fn all_interfaces_at_once_show_each_message_once() {
    let any = PRINT.iter().map(|word| if *word == "lo" { "any" } else { word });
    let any: Vec<&str> = any.collect();
    let options = r#"{"protocol": "echo.v1"}"#;
    talk("the interface any", 8100, options, "scenarios/echo.js", &any);
    let both: Vec<&str> = PRINT.iter().copied().chain(["-i", "any"]).collect();
    talk("two interfaces that see the same", 8100, options, "scenarios/echo.js", &both);
}

#[test]
fn what_passes_a_cable_and_a_bridge_is_used_once() {
    let test = "the bridge of a container";
    let Some(host) = Namespace::new(test) else { return };
    let Some(container) = host.container(test) else { return };
    for interfaces in [&["-i", "any"][..], &["-i", "br0", "-i", "veth0"]] {
        let arguments = [&["print", "--format", "ndjson"], interfaces].concat();
        let command = host.command(env!("CARGO_BIN_EXE_wslens"));
        let capturing = Capturing::open(command, &arguments);
        let deadline = std::time::Instant::now() + crate::namespace::PATIENCE;
        while !capturing.output().contains("10.55.0.1:8113\"") {
            assert!(std::time::Instant::now() < deadline, "{}", capturing.errors());
            container.knock_at("10.55.0.1", 8113);
        }
        let captured = capturing.interrupt();
        let notes = captured.summary()["notes"].to_string();
        assert!(notes.contains("captured twice, used once"), "{}", captured.output);
        for line in captured.lines().iter().filter(|line| line["type"] == "connection") {
            assert_eq!(
                (&line["outcome"], &line["client"].as_str().unwrap()[..10]),
                (&Value::from("refused"), "10.55.0.2:")
            );
        }
    }
}

#[test]
fn a_client_that_breaks_rules_is_reported_at_once() {
    let test = "a violating client";
    let Some(namespace) = Namespace::new(test) else { return };
    if !has_python(test) {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let log = log_in(folder.path());
    let script = "scenarios/protocol-errors.py";
    let mut server = python(&namespace, script, &log);
    let _server = namespace.serve(8116, server.arg("server"));
    let arguments = ["check", "-i", "lo", "--format", "ndjson", "--fail-on", "error"];
    let capturing = Capturing::start(&namespace, &arguments);
    run(python(&namespace, script, &log).arg("client"));
    capturing.wait_for("WS-F04", |output| output.contains("\"WS-F04\""));
    let captured = capturing.interrupt();
    assert_eq!(captured.status.code(), Some(1), "{}", captured.errors);
    let rules = ["WS-F01", "WS-M01", "WS-F10", "WS-F11", "WS-F04"].map(|rule| (rule, "client"));
    for (rule, side) in rules.into_iter().chain([("WS-C03", "server")]) {
        let is_it = |line: &Value| line["rule"] == rule && line["side"] == side;
        let found = captured.lines().iter().filter(|line| is_it(line)).count();
        assert_eq!(found, 1, "{rule}: {}", captured.output);
    }
}

#[test]
fn a_refused_port_is_a_refused_connection() {
    let Some(namespace) = Namespace::new("a refused port") else { return };
    let capturing = Capturing::start(&namespace, PRINT);
    namespace.knock(8113);
    capturing.wait_for("connection", |output| output.contains(":8113\""));
    let captured = capturing.interrupt();
    captured.summary();
    let refused = captured
        .lines()
        .into_iter()
        .find(|line| line["type"] == "connection" && line["server"] == "127.0.0.1:8113");
    assert_eq!(refused.unwrap()["outcome"], "refused");
}

#[test]
fn what_tcpdump_captures_is_read_through_a_pipe_as_it_comes() {
    let test = "a pipe from tcpdump";
    let Some(namespace) = Namespace::new(test) else { return };
    if !crate::tools::is_installed("tcpdump") {
        crate::namespace::skip::<()>(test, "tcpdump is missing (apt install tcpdump)");
        return;
    }
    let wslens = env!("CARGO_BIN_EXE_wslens");
    let line =
        format!("tcpdump -i lo -n -U -s 0 -w - 2>/dev/null | {wslens} print - --format ndjson");
    let mut shell = namespace.command("sh");
    shell.args(["-c", &line]);
    let capturing = Capturing::open(shell, &[]);
    // The first line comes while the pipe is open, and not only at its end.
    let deadline = std::time::Instant::now() + crate::namespace::PATIENCE;
    while !capturing.output().contains("\"refused\"") {
        assert!(std::time::Instant::now() < deadline, "{}", capturing.errors());
        namespace.knock(8113);
        std::thread::sleep(std::time::Duration::from_millis(100));
    }
}

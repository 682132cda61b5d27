//! Why connections fail, reported while they do.

use serde_json::Value;

use crate::capturing::Capturing;
use crate::namespace::Namespace;

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

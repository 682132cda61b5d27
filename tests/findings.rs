//! Every sample through `wslens check`, compared with the rules that its programs broke on purpose.

#![expect(clippy::unwrap_used, reason = "a helper that fails is a test that fails")]

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;
use std::process::Command;

use serde_json::Value;

#[test]
fn samples_break_the_rules_that_they_were_made_to_break_and_no_others() {
    let mut differences = Vec::new();
    let mut compared = 0;
    for (name, truth) in truths() {
        let found = findings(&truth);
        compared += list(&truth["connections"]).filter(|it| !it["rules"].is_null()).count();
        differences.extend(judge(&truth, &found).into_iter().map(|it| format!("{name}: {it}")));
    }
    assert!(compared > 100, "only {compared} connections say which rules they break");
    assert!(differences.is_empty(), "\n{}", differences.join("\n"));
}

#[test]
fn every_rule_of_the_samples_is_known() {
    let known: Vec<&str> = wslens::findings::rules().map(|rule| rule.id).collect();
    for (name, truth) in truths() {
        for problem in list(&truth["problems"]).filter_map(Value::as_str) {
            assert!(known.contains(&problem), "{name}: {problem}");
        }
    }
}

/// One finding or cause as `check` prints it.
#[derive(Clone, Debug)]
struct Found {
    rule: String,
    /// Whether it is a conclusion rather than something that a program broke.
    is_cause: bool,
    side: Option<String>,
    severity: String,
    /// The cause that it follows from.
    follows_from: Option<String>,
    /// Client and server of its connection.
    ends: Option<(String, String)>,
}

/// Where the findings differ from the truth.
fn judge(truth: &Value, found: &[Found]) -> Vec<String> {
    let mut differences = Vec::new();
    let problems: Vec<&str> = list(&truth["problems"]).filter_map(Value::as_str).collect();
    for problem in &problems {
        if !found.iter().any(|it| it.rule == *problem) {
            differences.push(format!("{problem} is not found"));
        }
    }
    for connection in list(&truth["connections"]) {
        let ends = (text(&connection["client"]), text(&connection["server"]));
        let here: Vec<&Found> =
            found.iter().filter(|it| !it.is_cause && it.ends.as_ref() == Some(&ends)).collect();
        if connection["rules"].is_null() {
            // An error is one that the sample was made for, or follows from a cause that it was made for.
            let is_own = |it: &&&Found| {
                let cause = it.follows_from.as_deref();
                it.severity == "error" && !cause.is_some_and(|cause| problems.contains(&cause))
            };
            for error in here.iter().filter(is_own) {
                if !problems.contains(&error.rule.as_str()) {
                    differences.push(format!("{ends:?}: {} is not among its problems", error.rule));
                }
            }
            continue;
        }
        differences.extend(
            compare(connection, &here)
                .into_iter()
                .map(|it| format!("{ends:?} ({}): {it}", text(&connection["about"]))),
        );
    }
    differences
}

/// Where the findings of a connection differ from what it was made to break.
fn compare(connection: &Value, here: &[&Found]) -> Vec<String> {
    let mut differences = Vec::new();
    let mut left: Vec<&Found> = here.to_vec();
    for wanted in list(&connection["rules"]) {
        let (rule, side) = (text(&wanted[0]), wanted[1].as_str().map(str::to_owned));
        if let Some(at) = left.iter().position(|it| it.rule == rule && it.side == side) {
            left.remove(at);
        } else {
            let said: Vec<String> =
                here.iter().map(|it| format!("{} {:?}", it.rule, it.side)).collect();
            differences.push(format!("{rule} {side:?} is missing among {said:?}"));
        }
    }
    let words = |field: &str| list(&connection[field]).map(text).collect::<Vec<_>>();
    let (may, near) = (words("may"), words("near"));
    for other in &left {
        if near.contains(&other.rule) {
            differences.push(format!("{} {:?} only comes close", other.rule, other.side));
        } else if other.severity != "note" && !may.contains(&other.rule) {
            differences.push(format!("{} {:?} is not expected", other.rule, other.side));
        }
    }
    differences
}

/// What `check` finds in the file of a truth.
fn findings(truth: &Value) -> Vec<Found> {
    let file = format!("samples/{}", text(&truth["file"]));
    let check = lines(&["check", &file, "--format", "ndjson", "--fail-on", "never"]);
    let ends: BTreeMap<u64, (String, String)> =
        lines(&["print", &file, "--format", "ndjson", "--all"])
            .iter()
            .filter(|line| line["type"] == "connection")
            .map(|line| {
                let ends = (text(&line["client"]), text(&line["server"]));
                (line["connection"].as_u64().unwrap(), ends)
            })
            .collect();
    check
        .iter()
        .filter(|line| line["type"] == "finding" || line["type"] == "cause")
        .map(|line| Found {
            rule: text(&line["rule"]),
            is_cause: line["type"] == "cause",
            side: line["side"].as_str().map(str::to_owned),
            severity: text(&line["severity"]),
            follows_from: line["consequence_of"].as_str().map(str::to_owned),
            ends: line["connection"].as_u64().and_then(|id| ends.get(&id).cloned()),
        })
        .collect()
}

fn lines(arguments: &[&str]) -> Vec<Value> {
    let output = Command::new(env!("CARGO_BIN_EXE_wslens"))
        .args(arguments)
        .current_dir(env!("CARGO_MANIFEST_DIR"))
        .output()
        .unwrap();
    let text = String::from_utf8(output.stdout).unwrap();
    text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

fn truths() -> BTreeMap<String, Value> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("samples");
    let mut truths = BTreeMap::new();
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.extension().is_some_and(|it| it == "json") {
            let truth = serde_json::from_str(&fs::read_to_string(&path).unwrap()).unwrap();
            truths.insert(path.file_stem().unwrap().to_str().unwrap().to_owned(), truth);
        }
    }
    truths
}

fn list(value: &Value) -> impl Iterator<Item = &Value> {
    value.as_array().into_iter().flatten()
}

fn text(value: &Value) -> String {
    value.as_str().unwrap_or_default().to_owned()
}

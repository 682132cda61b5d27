//! The third column of `samples/README.md`: every statement in it is run.
//!
//! A cell is a list of statements between semicolons. A statement in a form that is not known here
//! fails, so that nothing in the table goes unverified.

use std::collections::BTreeMap;
use std::fs;
use std::process::{Command, Stdio};

use serde_json::Value;

use super::{folder, names};

#[test]
fn the_table_of_samples_is_true() {
    let text = fs::read_to_string(folder().join("README.md")).unwrap();
    let rows: Vec<TableRow<'_>> = text.lines().filter_map(TableRow::parse).collect();
    let captures = names().into_iter().filter(|name| name.contains(".pcap")).count();
    assert_eq!(rows.len(), captures, "one row for each capture");
    let mut wrong = Vec::new();
    for row in &rows {
        let shown = Shown::of(row.file);
        for statement in row.statements.split("; ") {
            if let Err(problem) = shown.verify(statement.trim()) {
                wrong.push(format!("{}: {statement}: {problem}", row.file));
            }
        }
    }
    assert!(wrong.is_empty(), "\n{}", wrong.join("\n"));
}

#[test]
fn false_statements_are_noticed() {
    let echo = Shown::of("echo.pcap");
    let statements = [
        "18 messages",
        "3 control frames",
        "1 incomplete",
        "close code 1001",
        "close code null",
        "outcomes: 1 aborted",
        "outcomes: 2 closed",
        "finds WS-F01",
        "the same messages as `deflate`",
        "a frame with a 64-bit length",
        "diagnose: 1 failed",
        "exit code 2",
        "statuses: 404",
        "all is well",
        "messages",
    ];
    for statement in statements {
        assert!(echo.verify(statement).is_err(), "{statement}");
    }
    let refused = Shown::of("refused.pcap");
    for statement in ["finds nothing", "finds NET-01 once", "finds NET-01, NET-02"] {
        assert!(refused.verify(statement).is_err(), "{statement}");
    }
}

/// A row about a capture.
struct TableRow<'a> {
    file: &'a str,
    statements: &'a str,
}

impl<'a> TableRow<'a> {
    /// Reads a line; `None` for those that are not about a capture.
    fn parse(line: &'a str) -> Option<Self> {
        let mut cells = line.strip_prefix("| `")?.strip_suffix(" |")?.split(" | ");
        let (file, _, statements) = (cells.next()?, cells.next()?, cells.next()?);
        let file = file.split('`').next()?;
        file.contains(".pcap").then_some(Self { file, statements })
    }
}

/// What wslens shows of a capture.
struct Shown {
    file: String,
    /// The exit code of `print`.
    code: Option<i32>,
    /// The lines of `print --frames`, by their type.
    lines: BTreeMap<String, Vec<Value>>,
}

impl Shown {
    fn of(file: &str) -> Self {
        let (code, printed) = wslens(file, &["print", "--frames"]);
        let mut lines: BTreeMap<String, Vec<Value>> = BTreeMap::new();
        for line in printed {
            lines.entry(line["type"].as_str().unwrap().to_owned()).or_default().push(line);
        }
        Self { file: file.to_owned(), code, lines }
    }

    /// Verifies one statement.
    ///
    /// # Errors
    ///
    /// What is true instead, or that the statement has an unknown form.
    fn verify(&self, statement: &str) -> Result<(), String> {
        if let Some(expected) = statement.strip_prefix("exit code ") {
            return same(expected, self.code.unwrap().to_string());
        }
        if let Some(expected) = strip_either(statement, "close code ", "close codes: ") {
            return self.close_codes(expected);
        }
        if let Some(expected) = statement.strip_prefix("statuses: ") {
            let statuses = self.lines("handshake").iter().map(|line| line["status"].to_string());
            return same(expected, statuses.collect::<Vec<_>>().join(", "));
        }
        if let Some(expected) = statement.strip_prefix("outcomes: ") {
            let found = counts(self.lines("connection").iter(), "outcome");
            return same_counts(&counted(expected)?, &found);
        }
        if let Some(expected) = statement.strip_prefix("diagnose: ") {
            let (_, lines) = wslens(&self.file, &["diagnose", "--all"]);
            let lines = lines.iter().filter(|line| line["type"] == "connection");
            let found = counts(lines.filter(|line| line["verdict"] != "other"), "verdict");
            return same_counts(&counted(expected)?, &found);
        }
        if let Some(expected) = statement.strip_prefix("finds ") {
            return self.rules(expected);
        }
        if let Some(other) = statement.strip_prefix("the same messages as `") {
            let file = format!("{}.pcap", other.trim_end_matches('`'));
            let expected = Self::of(&file);
            let (found, expected) = (self.contents(None), expected.contents(None));
            return if found == expected { Ok(()) } else { Err("they differ".to_owned()) };
        }
        match statement {
            "all inflated" => self.all_inflated(),
            "all connections have the same messages" => self.same_in_all_connections(),
            "a frame with a 64-bit length" => {
                let longest = self.lines("frame").iter().filter_map(|it| it["length"].as_u64());
                let longest = longest.max().unwrap_or(0);
                if longest > u64::from(u16::MAX) { Ok(()) } else { Err(longest.to_string()) }
            }
            _ => self.count(statement),
        }
    }

    /// Verifies a statement such as `14 messages`.
    fn count(&self, statement: &str) -> Result<(), String> {
        let unknown = || "a statement of an unknown form".to_owned();
        let (number, what) = statement.split_once(' ').ok_or_else(unknown)?;
        let is_control =
            |line: &Value| matches!(line["opcode"].as_str(), Some("close" | "ping" | "pong"));
        let messages = self.lines("message").iter();
        let found = match what {
            "messages" => messages.filter(|line| !is_control(line)).count(),
            "text messages" => messages.filter(|line| line["opcode"] == "text").count(),
            "binary messages" => messages.filter(|line| line["opcode"] == "binary").count(),
            "control frames" => messages.filter(|line| is_control(line)).count(),
            "compressed" => messages.filter(|line| line["compressed"] == true).count(),
            "incomplete" => messages.filter(|line| line["complete"] == false).count(),
            "connection" | "connections" => self.lines("connection").len(),
            "messages with `--keylog`" => {
                let keys = format!("samples/{}.keys", self.file.split('.').next().unwrap());
                let (_, lines) = wslens(&self.file, &["print", "--keylog", &keys]);
                let messages = lines.iter().filter(|line| line["type"] == "message");
                messages.filter(|line| !is_control(line)).count()
            }
            _ => return Err(unknown()),
        };
        same(number, found.to_string())
    }

    /// Compares the codes of all Closes: those of one direction, or all in their order.
    fn close_codes(&self, expected: &str) -> Result<(), String> {
        let closes = self.lines("message").iter().filter(|line| line["opcode"] == "close");
        let codes: Vec<String> = closes.map(|line| line["close_code"].to_string()).collect();
        if expected.contains(", ") {
            return same(expected, codes.join(", "));
        }
        let other = codes.iter().find(|code| *code != expected);
        match other {
            None if codes.is_empty() => Err("there is no Close".to_owned()),
            None => Ok(()),
            Some(other) => Err(format!("there is {other}")),
        }
    }

    /// Compares the rules that `check` finds, and the causes if the table has any. Without a number, one may be
    /// found several times.
    fn rules(&self, expected: &str) -> Result<(), String> {
        let (_, lines) = wslens(&self.file, &["check", "--each", "1000000"]);
        let has_causes = expected.contains("WHY-");
        let lines = lines
            .iter()
            .filter(|line| line["type"] == "finding" || (has_causes && line["type"] == "cause"));
        let mut found = counts(lines, "rule");
        if !expected.contains(VARYING) {
            found.remove(VARYING);
        }
        let mut wanted = BTreeMap::new();
        if expected != "nothing" {
            for part in expected.split(", ") {
                let (rules, number) = numbered(part)?;
                wanted.extend(range(rules)?.into_iter().map(|rule| (rule, number)));
            }
        }
        let agree = found.len() == wanted.len()
            && found.iter().all(|(rule, count)| {
                wanted.get(rule).is_some_and(|number| number.is_none_or(|number| number == *count))
            });
        if agree { Ok(()) } else { Err(format!("{found:?}")) }
    }

    /// Whether every message is there with its whole content.
    fn all_inflated(&self) -> Result<(), String> {
        let lacking = self.lines("message").iter().find(|line| {
            let is_close = line["opcode"] == "close";
            let has_content = line["text"].is_string() || line["base64"].is_string();
            line["complete"] != true || !(is_close || has_content)
        });
        lacking.map_or(Ok(()), |line| Err(line.to_string()))
    }

    fn same_in_all_connections(&self) -> Result<(), String> {
        let numbers: Vec<u64> =
            self.lines("connection").iter().filter_map(|it| it["connection"].as_u64()).collect();
        let mut contents = numbers.iter().map(|number| self.contents(Some(*number)));
        let Some(first) = contents.next() else { return Err("no connection".to_owned()) };
        if numbers.len() > 1 && contents.all(|others| others == first) {
            return Ok(());
        }
        Err("they differ".to_owned())
    }

    /// The messages, without what depends on the recording; of one connection or of all.
    fn contents(&self, connection: Option<u64>) -> Vec<Vec<Value>> {
        const FIELDS: [&str; 8] = [
            "direction",
            "opcode",
            "length",
            "text",
            "base64",
            "sha256",
            "close_code",
            "close_reason",
        ];
        let messages = self.lines("message").iter();
        let chosen =
            messages.filter(|line| connection.is_none_or(|number| line["connection"] == number));
        chosen.map(|line| FIELDS.map(|field| line[field].clone()).to_vec()).collect()
    }

    fn lines(&self, kind: &str) -> &[Value] {
        self.lines.get(kind).map_or(&[], Vec::as_slice)
    }
}

/// Runs wslens on a sample, for programs.
fn wslens(file: &str, arguments: &[&str]) -> (Option<i32>, Vec<Value>) {
    let output = Command::new(env!("CARGO_BIN_EXE_wslens"))
        .args(arguments)
        .args(["--format", "ndjson", &format!("samples/{file}")])
        .current_dir(env!("CARGO_MANIFEST_DIR"))
        .stdin(Stdio::null())
        .output()
        .unwrap();
    let text = String::from_utf8(output.stdout).unwrap();
    let lines = text.lines().map(|line| serde_json::from_str(line).unwrap());
    (output.status.code(), lines.collect())
}

fn same(expected: &str, found: String) -> Result<(), String> {
    if found == expected { Ok(()) } else { Err(found) }
}

fn same_counts(
    expected: &BTreeMap<String, usize>,
    found: &BTreeMap<String, usize>,
) -> Result<(), String> {
    if expected == found { Ok(()) } else { Err(format!("{found:?}")) }
}

fn strip_either<'a>(text: &'a str, one: &str, other: &str) -> Option<&'a str> {
    text.strip_prefix(one).or_else(|| text.strip_prefix(other))
}

/// How often each value of a field occurs.
fn counts<'a>(lines: impl Iterator<Item = &'a Value>, field: &str) -> BTreeMap<String, usize> {
    let mut counts = BTreeMap::new();
    for line in lines {
        *counts.entry(line[field].as_str().unwrap_or("null").to_owned()).or_insert(0) += 1;
    }
    counts
}

/// Reads `2 failed, 1 fine`.
fn counted(text: &str) -> Result<BTreeMap<String, usize>, String> {
    let pairs = text.split(", ").map(|part| {
        let (number, name) = part.split_once(' ').ok_or_else(|| format!("`{part}`?"))?;
        let number = number.parse().map_err(|_| format!("`{number}` is not a number"))?;
        Ok((name.to_owned(), number))
    });
    pairs.collect()
}

/// Splits `NET-01 twice` or `NET-01 12 times` into the rules and their number.
fn numbered(text: &str) -> Result<(&str, Option<usize>), String> {
    if let Some(rules) = text.strip_suffix(" once") {
        return Ok((rules, Some(1)));
    }
    if let Some(rules) = text.strip_suffix(" twice") {
        return Ok((rules, Some(2)));
    }
    let Some(rest) = text.strip_suffix(" times") else { return Ok((text, None)) };
    let (rules, number) = rest.rsplit_once(' ').ok_or_else(|| format!("`{text}`?"))?;
    let number = number.parse().map_err(|_| format!("`{number}` is not a number"))?;
    Ok((rules, Some(number)))
}

/// Reads the id of a rule, or `HS-02 to HS-06`.
fn range(text: &str) -> Result<Vec<String>, String> {
    let Some((first, last)) = text.split_once(" to ") else { return Ok(vec![text.to_owned()]) };
    let (group, _) = first.split_once('-').ok_or_else(|| format!("`{first}`?"))?;
    let digits = |id: &str| id.rsplit_once('-').and_then(|(_, it)| it.parse::<u32>().ok());
    let (Some(from), Some(to)) = (digits(first), digits(last)) else {
        return Err(format!("`{text}` is not a range of rules"));
    };
    Ok((from..=to).map(|number| format!("{group}-{number:02}")).collect())
}

/// Whether it is found varies from recording to recording: which side sends the first FIN.
const VARYING: &str = "WS-C19";

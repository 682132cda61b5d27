//! What filter expressions can test, generated from the table of fields: as help and as a page.

use std::fmt::Write;

use crate::stream::length_u64;
use crate::text::amount::grouped;
use crate::timeline::filter::{
    CONTENT_LIMIT, FIELDS, FieldType, FilterField, Numbers, Ports, field, operators,
};

/// What the help of the option says.
pub fn help() -> String {
    let mut out = HELP_HEAD.to_owned();
    let mut separator = "";
    for field in FIELDS {
        out.push_str(separator);
        out.push_str(field.name);
        separator = ", ";
    }
    out
}

/// The page about filter expressions, in Markdown.
pub fn page() -> String {
    let mut out = PAGE_HEAD.to_owned();
    out.push_str("| field | is | what it is | also called |\n| --- | --- | --- | --- |\n");
    for field in FIELDS {
        let aliases: Vec<String> = field.aliases.iter().map(|alias| format!("`{alias}`")).collect();
        let (name, kind, help) = (field.name, kind(field), field.help);
        writeln!(out, "| `{name}` | {kind} | {help} | {} |", aliases.join(", ")).ok();
    }
    out.push_str("\n## Values\n\n| what | operators | how it is written |\n| --- | --- | --- |\n");
    for (name, sample, written) in KINDS {
        let taken = field(sample).into_iter().flat_map(|field| operators(field.kind));
        let taken: Vec<String> = taken.map(|(text, _)| format!("`{text}`")).collect();
        writeln!(out, "| {name} | {} | {written} |", taken.join(" ")).ok();
    }
    out.push_str("\n## Names\n\n| field | names |\n| --- | --- |\n");
    for field in FIELDS {
        if let FieldType::Name(names) = field.kind {
            let list: Vec<String> = names
                .list
                .iter()
                .map(|named| format!("`{}` ({})", named.name, named.help))
                .collect();
            let more = match names.numbers {
                Numbers::Accepted => ", or a number",
                Numbers::Refused => "",
            };
            writeln!(out, "| `{}` | {}{more} |", field.name, list.join(", ")).ok();
        }
    }
    out.push_str("\n## Limits\n\nOnly the first ");
    grouped(&mut out, length_u64(CONTENT_LIMIT));
    out.push_str(PAGE_TAIL);
    out
}

/// What a field is, in a word or two.
fn kind(field: &FilterField) -> &'static str {
    match field.kind {
        FieldType::Flag => "flag",
        FieldType::Number => "number",
        FieldType::Size => "size",
        FieldType::Ratio => "ratio",
        FieldType::Duration => "duration",
        FieldType::Text => "text",
        FieldType::Bytes => "bytes",
        FieldType::Name(_) => "name",
        FieldType::Address(Ports::No) => "address",
        FieldType::Address(Ports::Yes) => "address and port",
        FieldType::Rule => "rule",
        FieldType::Json => "JSON value",
    }
}

/// Values by kind: its name, a field that has such, and how one is written.
const KINDS: &[(&str, &str, &str)] = &[
    (
        "flag",
        "masked",
        "`true` or `false`; the field alone, as in `masked`, tests whether it is true",
    ),
    ("number", "port", "decimal, or hexadecimal with `0x`; `_` may separate digits: `1_000_000`"),
    (
        "size",
        "length",
        "a number; `k`, `M`, `G` (powers of 1000), `Ki`, `Mi`, `Gi` (of 1024) and `B` may follow: `64k`, `1.5MiB`",
    ),
    ("ratio", "ratio", "`0.5`, `50%`"),
    ("duration", "time", "a number with `ns`, `us`, `ms`, `s`, `m` or `h`: `2.5s`, `300ms`"),
    (
        "text",
        "text",
        "`\"in quotes\"`, with the escapes `\\\"`, `\\\\`, `\\n`, `\\r`, `\\t`, `\\0` and `\\x1b`; `r\"without escapes\"`",
    ),
    ("bytes", "hex", "hexadecimal digits: `\"81 85\"`, `81:85`"),
    ("name", "from", "one of the names below, without quotes"),
    ("name with an order", "severity", "likewise: `severity >= warning`"),
    ("address", "host", "`10.0.0.1`, `10.0.0.0/8`, `::1`, `fe80::/10`"),
    ("address and port", "server", "an address, or `10.0.0.1:80`, `[::1]:80`"),
    (
        "rule",
        "rule",
        "an id or the beginning of ids, in any letter case: `WS-F01`, `WS-F`, `WS-F*`",
    ),
    ("JSON value", "json", "text in quotes, a number, `true`, `false`, `null`"),
];

/// What help says before the list of fields.
const HELP_HEAD: &str = "\
Show only rows that match an expression

For example:
  opcode == text and length > 1k and from == client
  text contains \"error\" or text matches r\"order-\\d+\"
  json(\".type\") == \"subscribe\"
  close_code in {1002, 1006..1011}
  rule == WS-F or severity >= warning
  host == 10.0.0.0/8 and not (port == 8080) and time > 2.5s

and, or, not (&&, ||, !) and parentheses combine tests. A test on a field that a row does not have is \
always false, even with !=. Only the first MiB of each message is searched. The names of Wireshark's \
websocket fields are accepted. docs/filter.md explains each field:
  ";

/// What the page says before its tables.
const PAGE_HEAD: &str = "\
# Filter expressions

`-Y EXPRESSION` (`--where`) selects what `wslens FILE`, `print`, `check`, `diagnose` and `stats`
show.

```text
opcode == text and length > 1k and from == client
text contains \"error\" or text matches r\"order-\\d+\"
json(\".type\") == \"subscribe\"
close_code in {1002, 1006..1011}
rule == WS-F or severity >= warning
host == 10.0.0.0/8 and not (port == 8080) and time > 2.5s
```

- `and`, `or`, `not` (also `&&`, `||`, `!`) and parentheses combine tests; `not` binds most tightly,
  `or` least.
- A field alone (`rule`, `close_code`) tests whether the row has it; a flag (`masked`), whether it
  is true.
- A test on a field that a row does not have is always false, even with `!=`: `close_code != 1000`
  matches Closes with another code, `not close_code == 1000` also matches everything else.
- Some fields have several values (`port` has those of both peers, `rule` one for each finding). A
  test is true if it is true for one of them; `!=` is true if all of them differ.
- `contains` and `matches` are case-sensitive; `(?i)` at the beginning of a regular expression makes
  it ignore case. `..` includes both ends.
- A message has the header bits (`fin`, `rsv`, `masked`) of its first frame. A frame, if frames are
  shown, has no content: `text`, `hex` and `json` match messages only.
- A finding belongs to the row whose bytes it names, even if it is found only at the end of the
  connection, and `state` and `outcome` are those at the end of the connection. A file is read twice
  if an expression asks for findings (`rule`, `severity`, `side`, `title`, `evidence`), `state` or
  `outcome`. During live capture and when reading standard input, they are what is known so far.
- The words `eq`, `ne`, `lt`, `le`, `gt`, `ge` are accepted for `==`, `!=`, `<`, `<=`, `>`, `>=`.

`print` shows the rows that match and, for each connection with a match, the line with its addresses
or (with `--format ndjson`) its `connection` line. Row numbers and the summary are those of the
whole capture; the summary also reports how many messages matched. `stats` counts the messages that
match, their frames, and the connections that have at least one match. `check` tests findings, each
together with its connection and the row that it concerns; findings that do not match are treated as
if they did not exist. `diagnose` reports on connections on which something matches.

## Fields

";

/// What the page says after the limit on contents.
const PAGE_TAIL: &str = " bytes of each message are searched: a longer message is matched by its
beginning, and is equal to no text. A compiled regular expression may take 1 MiB. At most 64 `(` and
`not` may be nested.

This page is generated from the program: `UPDATE_DOCS=1 cargo test --test docs`.
";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn help_and_page_name_every_field() {
        let (help, page) = (help(), page());
        for field in FIELDS {
            assert!(help.contains(field.name), "{}", field.name);
            assert!(page.contains(&format!("| `{}` | ", field.name)), "{}", field.name);
            assert!(KINDS.iter().any(|row| row.0 == kind(field)), "{}", field.name);
        }
    }

    #[test]
    fn samples_of_kinds_are_of_their_kinds() {
        for (name, sample, _) in KINDS {
            let kind = kind(field(sample).unwrap());
            assert!(name.starts_with(kind), "{sample}");
        }
    }

    #[test]
    fn examples_can_be_parsed() {
        let (_, rest) = PAGE_HEAD.split_once("```text\n").unwrap();
        let (examples, _) = rest.split_once("```").unwrap();
        for line in examples.lines() {
            let filter = crate::timeline::filter::Filter::parse(line);
            assert!(filter.is_ok(), "{line}: {filter:?}");
            assert!(HELP_HEAD.contains(line), "{line}");
        }
    }
}

//! Whole expressions: what they match, what is wrong with them, and how they are written back.

use super::*;
use crate::analysis::event::Outcome;
use crate::findings::Finding;
use crate::stream::{Direction, Side, Timestamp};
use crate::timeline::filter::fixture::{
    START, connection, finding, frame, handshake, message, origin,
};
use crate::websocket::{Message, Opcode};

fn parse(text: &str) -> Filter {
    Filter::parse(text).unwrap_or_else(|error| panic!("{text}: {error}"))
}

/// Whether a message of connection 3 from the client matches, 6 ms after the start; everything that
/// can be known of it is.
fn matches_message(text: &str, message: &Message<'_>, findings: &[&Finding]) -> bool {
    let (connection, handshake, frame) = (connection(), handshake(), frame());
    let subject = FilterSubject {
        connection: Some((&connection).into()),
        direction: Some(Direction::ClientToServer),
        message: Some(message.into()),
        span: Some(message.span),
        frame: Some((&frame).into()),
        handshake: Some(&handshake),
        findings,
        ..FilterSubject::new(EntryClass::Message, origin(6), START)
    };
    let filter = parse(text);
    let answer = filter.matches(&subject);
    assert_eq!(parse(&filter.to_string()).matches(&subject), answer, "{text} as {filter}");
    answer
}

#[test]
fn message_is_matched_by_what_it_is() {
    let hello = message(Opcode::Text, b"Hello, error 17\n");
    #[rustfmt::skip]
    let cases: &[(&str, bool)] = &[
        ("opcode == text", true),
        ("opcode == 1", true),
        ("opcode == 0x1", true),
        ("opcode != text", false),
        ("opcode in {binary, text}", true),
        ("opcode in {binary, ping}", false),
        ("opcode < 8", true),
        ("websocket.opcode == 1", true),
        ("kind == message", true),
        ("kind == frame", false),
        ("from == client", true),
        ("from == server", false),
        ("direction == client_to_server", true),
        ("length == 16", true),
        ("length > 16", false),
        ("length >= 16", true),
        ("length < 1k", true),
        ("length in 10..16", true),
        ("length in {1, 2, 17..20}", false),
        ("wire_length <= 0x10", true),
        ("ratio < 0.5", false),
        ("ratio", false),
        ("frames == 1", true),
        ("compressed", false),
        ("not compressed", true),
        ("compressed == false", true),
        ("complete", true),
        ("fin", true),
        ("rsv == 4", true),
        ("rsv1", true),
        ("rsv2 or rsv3", false),
        ("masked", true),
        ("masking_key == \"37 fa 21 3d\"", true),
        ("masking_key contains fa:21", true),
        ("text contains \"error\"", true),
        ("text contains \"Error\"", false),
        ("text contains \"\"", true),
        ("text == \"Hello, error 17\\n\"", true),
        ("text == \"Hello\"", false),
        ("text != \"Hello\"", true),
        ("text matches \"error [0-9]+\"", true),
        ("text matches r\"\\d\\d\\s$\"", true),
        ("text matches \"(?i)HELLO\"", true),
        ("text matches \"^error\"", false),
        ("text in {\"a\", \"Hello, error 17\\n\"}", true),
        ("hex contains \"48 65\"", true),
        ("hex contains \"65 48\"", false),
        ("hex == 48656c6c6f2c206572726f722031370a", true),
        ("close_code == 1000", false),
        ("connection == 3", true),
        ("tcp.stream == 2", true),
        ("host == 10.0.0.1", true),
        ("host == 10.0.0.0/8", true),
        ("ip.addr == 2001:db8::/32", true),
        ("host == 10.0.0.2", false),
        ("host != 10.0.0.2", true),
        ("host != 10.0.0.1", false),
        ("client == 10.0.0.1:50312", true),
        ("client == 10.0.0.1:1", false),
        ("server == [2001:db8::2]:8080", true),
        ("server == \"2001:db8::2\"", true),
        ("server == 10.0.0.1", false),
        ("port == 8080", true),
        ("port == 50312", true),
        ("port == 80", false),
        ("port != 80", true),
        ("port != 8080", false),
        ("tcp.port in {80, 8080}", true),
        ("state == syn_sent", true),
        ("transport == tcp", true),
        ("outcome == closed", false),
        ("path == \"/feed\"", true),
        ("target == \"/feed?token=1\"", true),
        ("http.request.uri contains \"token\"", true),
        ("method == \"GET\"", true),
        ("host_header == \"example.com\"", true),
        ("origin == \"http://a.example\"", true),
        ("user_agent == \"tests\"", true),
        ("status == 101", true),
        ("subprotocol == \"chat\"", true),
        ("extensions contains \"deflate\"", true),
        ("time == 6ms", true),
        ("time > 2.5s", false),
        ("time < 1m", true),
        ("packet == 4", true),
        ("packet == 5", true),
        ("packet == 7", false),
        ("packet != 5", false),
        ("packet < 5", true),
        ("packet > 5", true),
        ("packet > 6", false),
        ("packet in 6..9", true),
        ("packet in 7..9", false),
        ("offset == 412", true),
        ("rule", false),
        ("not rule", true),
        ("severity >= note", false),
    ];
    for (text, expected) in cases {
        assert_eq!(matches_message(text, &hello, &[]), *expected, "{text}");
    }
}

#[test]
fn tests_are_joined_as_usual() {
    let hello = message(Opcode::Text, b"Hello");
    #[rustfmt::skip]
    let cases: &[(&str, bool)] = &[
        ("opcode == text and length == 5 and from == client", true),
        ("opcode == text && length == 6", false),
        ("opcode == ping or length == 5", true),
        ("opcode == ping || length == 6", false),
        // `and` binds more than `or`, `not` more than both.
        ("masked or masked and compressed", true),
        ("(masked or masked) and compressed", false),
        ("not compressed and masked", true),
        ("not (compressed or masked)", false),
        ("!masked or masked", true),
        ("!!masked", true),
        ("not not not masked", false),
        ("((((masked))))", true),
        ("length gt 4 and length lt 6 and length ge 5 and length le 5 and length eq 5", true),
        ("length ne 5", false),
    ];
    for (text, expected) in cases {
        assert_eq!(matches_message(text, &hello, &[]), *expected, "{text}");
    }
}

#[test]
fn json_is_asked_by_path() {
    let content = br#"{"type":"subscribe","id":9007199254740993,"price":-1.5,"ok":true,"none":null,"list":[{"v":7}],"a b":"x"}"#;
    let order = message(Opcode::Text, content);
    #[rustfmt::skip]
    let cases: &[(&str, bool)] = &[
        (r#"json(".type") == "subscribe""#, true),
        (r#"json(".type") != "subscribe""#, false),
        (r#"json(".type") contains "scribe""#, true),
        (r#"json(".type") matches "^sub""#, true),
        (r#"json(".type") in {"a", "subscribe"}"#, true),
        (r#"json(".id") == 9007199254740993"#, true),
        (r#"json(".id") == 9007199254740992"#, false),
        (r#"json(".id") > 5"#, true),
        (r#"json(".price") < -1"#, true),
        (r#"json(".price") in -2..-1"#, true),
        (r#"json(".price") == "-1.5""#, false),
        (r#"json(".ok") == true"#, true),
        (r#"json(".ok")"#, true),
        (r#"json(".none") == null"#, true),
        (r#"json(".none")"#, true),
        (r#"json(".list[0].v") == 7.0"#, true),
        (r#"json("[\"a b\"]") == "x""#, true),
        (r#"json(".missing")"#, false),
        (r#"json(".missing") == null"#, false),
        (r#"json(".missing") != 5"#, false),
        (r#"not (json(".missing") == 5)"#, true),
        (r#"json(".id") contains "9""#, false),
        (r#"json(".")"#, true),
    ];
    for (text, expected) in cases {
        assert_eq!(matches_message(text, &order, &[]), *expected, "{text}");
    }
    let text = message(Opcode::Text, b"no JSON");
    assert!(!matches_message(r#"json(".")"#, &text, &[]));
}

#[test]
fn close_has_code_and_reason() {
    let close = message(Opcode::Close, b"\x03\xe8bye \xff");
    let empty = message(Opcode::Close, b"");
    #[rustfmt::skip]
    let cases: &[(&str, bool, bool)] = &[
        ("close_code == 1000",              true,  false),
        ("close_code in 1000..1015",        true,  false),
        ("close_code != 1000",              false, false),
        ("not close_code == 1000",          false, true),
        ("close_code",                      true,  false),
        ("close_reason contains \"bye\"",   true,  false),
        ("text == \"bye \\xff\"",           true,  false),
        ("text matches r\"(?-u:\\xff)$\"",  true,  false),
        ("hex contains \"03 e8\"",          true,  false),
        ("opcode >= 8",                     true,  true),
        ("websocket.payload.close.status_code == 1000", true, false),
    ];
    for (text, of_close, of_empty) in cases {
        assert_eq!(matches_message(text, &close, &[]), *of_close, "{text}");
        assert_eq!(matches_message(text, &empty, &[]), *of_empty, "{text}, without code");
    }
}

#[test]
fn content_that_was_not_kept_whole_is_equal_to_nothing() {
    let cut = Message { length: 100, ..message(Opcode::Text, b"Hello") };
    #[rustfmt::skip]
    let cases: &[(&str, bool)] = &[
        ("text contains \"Hello\"", true),
        ("text matches \"^Hello\"", true),
        ("text == \"Hello\"", false),
        ("text != \"Hello\"", true),
        ("hex == \"48 65 6c 6c 6f\"", false),
    ];
    for (text, expected) in cases {
        assert_eq!(matches_message(text, &cut, &[]), *expected, "{text}");
    }
}

#[test]
fn findings_are_asked_one_by_one() {
    let hello = message(Opcode::Text, b"Hello");
    let findings = [finding("WS-F01", Some(Side::Client)), finding("WS-F13", None)];
    let findings: Vec<&Finding> = findings.iter().collect();
    #[rustfmt::skip]
    let cases: &[(&str, bool)] = &[
        ("rule", true),
        ("rule == WS-F01", true),
        ("rule == ws-f01", true),
        ("rule == \"WS-F01\"", true),
        ("rule == WS-F*", true),
        ("rule == WS-F", true),
        ("rule == WS*", true),
        ("rule == WS-F02", false),
        ("rule == CAP", false),
        ("rule != CAP", true),
        ("rule != WS-F13", false),
        ("rule in {CAP, WS-F13}", true),
        ("severity == error", true),
        ("severity == warning", true),
        ("severity == note", false),
        ("severity >= warning", true),
        ("severity > error", false),
        ("severity < warning", false),
        ("side == client", true),
        ("side == server", false),
        ("title contains \"not masked\"", true),
        ("evidence == \"MASK = 0\"", true),
    ];
    for (text, expected) in cases {
        assert_eq!(matches_message(text, &hello, &findings), *expected, "{text}");
    }
}

#[test]
fn finding_of_its_own_has_its_packets_and_offset() {
    let finding = finding("WS-F01", Some(Side::Client));
    let connection = connection();
    let subject = FilterSubject {
        connection: Some((&connection).into()),
        direction: finding.direction,
        findings: &[&finding],
        ..FilterSubject::new(EntryClass::Finding, origin(9), START)
    };
    for text in
        ["packet == 4", "offset == 412", "port == 8080", "kind == finding", "from == client"]
    {
        assert!(parse(text).matches(&subject), "{text}");
    }
    for text in ["packet == 9", "opcode", "text", "length >= 0", "masked != true", "status"] {
        assert!(!parse(text).matches(&subject), "{text}");
    }
}

#[test]
fn absent_fields_match_nothing_but_their_opposite() {
    let nothing = FilterSubject::new(EntryClass::Gap, origin(0), Timestamp(0));
    for field in FIELDS {
        if ["kind", "time", "packet"].contains(&field.name) {
            continue;
        }
        let text = if field.kind == FieldType::Json { "json(\".a\")" } else { field.name };
        assert!(!parse(text).matches(&nothing), "{text}");
        assert!(parse(&format!("not {text}")).matches(&nothing), "{text}");
    }
    for text in ["length != 5", "opcode != text", "host != 10.0.0.1", "rule != CAP"] {
        assert!(!parse(text).matches(&nothing), "{text}");
        let opposite = text.replace("!=", "==");
        assert!(parse(&format!("not ({opposite})")).matches(&nothing), "{opposite}");
    }
    let ended = FilterSubject { outcome: Some(Outcome::Aborted), ..nothing };
    assert!(parse("outcome == aborted").matches(&ended));
}

#[test]
fn errors_name_their_column() {
    #[rustfmt::skip]
    let cases: &[(&str, usize, usize, &str)] = &[
        ("",                          0, 0, "expected a field, as in `opcode == text`"),
        ("   ",                       3, 0, "expected a field, as in `opcode == text`"),
        ("lenght > 5",                0, 6, "there is no field `lenght`; did you mean `length`?"),
        ("masked and lenght > 5",    11, 6, "there is no field `lenght`; did you mean `length`?"),
        ("websocket.opcod == 1",      0, 15, "there is no field `websocket.opcod`; did you mean `websocket.opcode`?"),
        ("xyzzy",                     0, 5, "there is no field `xyzzy`"),
        ("length > \"x\"",            9, 3, "`length` is a number; `\"x\"` is text"),
        ("length > x",                9, 1, "`length` is a number; `x` is not"),
        ("length > -5",               9, 2, "`length` is a number; `-5` is not"),
        ("length >",                  8, 0, "`length` is a number; nothing follows"),
        ("length > )",                9, 1, "`length` is a number; `)` is not"),
        ("length 5",                  7, 1, "expected an operator after `length`, before `5`: `==`, `!=`, `<`, `<=`, `>`, `>=`, `in`"),
        ("text \"x\"",                5, 3, "expected an operator after `text`, before this text: `==`, `!=`, `contains`, `matches`, `in`"),
        ("opcode == text length",    15, 6, "expected `and` or `or` before `length`"),
        ("opcode == text (",         15, 1, "expected `and` or `or` before `(`"),
        ("text == hello",             8, 5, "`text` is text; `hello` is not: write \"hello\""),
        ("text == 5",                 8, 1, "`text` is text; `5` is a number: write \"5\""),
        ("text > \"a\"",              5, 1, "`text` is text, which takes `==`, `!=`, `contains`, `matches`, `in`"),
        ("opcode contains 1",         7, 8, "`opcode` is one of a few names, which takes `==`, `!=`, `<`, `<=`, `>`, `>=`, `in`"),
        ("from < server",             5, 1, "`from` is one of a few names, which takes `==`, `!=`, `in`"),
        ("opcode == txt",            10, 3, "`txt` is not a value of `opcode`; did you mean `text`?"),
        ("from == nobody",            8, 6, "`nobody` is not a value of `from`; use one of client, server"),
        ("severity >= fatal",        12, 5, "`fatal` is not a value of `severity`; use one of note, warning, error"),
        ("masked == 2",              10, 1, "`masked` is true or false; `2` is a number"),
        ("time > 2.5",                7, 3, "`time` is a duration; `2.5` is not: write `2.5s`, `300ms` or `1m`"),
        ("time > 2",                  7, 1, "`time` is a duration; `2` is a number: write `2.5s`, `300ms` or `1m`"),
        ("host == localhost",         8, 9, "`localhost` is not an address: write `10.0.0.1`, `10.0.0.0/8`, `::1`"),
        ("host == 10.0.0.1:80",       8, 11, "`host` is an address without a port; use `port` for the port"),
        ("hex contains \"8\"",       13, 3, "`hex` is bytes in hexadecimal; `\"8\"` is text: write \"81 85\""),
        ("rule == WS-X01",            8, 6, "there is no rule `WS-X01`; did you mean `WS-F01`?"),
        ("rule == zz",                8, 2, "there is no rule `zz`"),
        ("text matches \"(\"",       13, 3, "invalid regular expression: unclosed group"),
        ("text matches x",           13, 1, "`matches` needs a regular expression in quotes"),
        ("text matches \"\\xff\"",   13, 6, "a regular expression is UTF-8; it can name any byte as `(?-u:\\\\xff)`"),
        ("text matches \"(a{1000}){1000}\"", 13, 17, "invalid regular expression: Compiled regex exceeds size limit of 1048576 bytes."),
        ("  (masked",                 2, 1, "`(` at column 3 is never closed"),
        ("(masked fin",               8, 3, "expected an operator after `masked`, before `fin`: `==`, `!=`"),
        ("(masked == true fin",      16, 3, "expected `and`, `or` or `)` before `fin`"),
        ("masked)",                   6, 1, "unmatched `)`"),
        ("masked and",               10, 0, "expected a field, as in `opcode == text`"),
        ("and masked",                0, 3, "there is no field `and`"),
        ("== 5",                      0, 2, "expected a field before `==`"),
        ("\"x\" == text",             0, 3, "expected a field before this text"),
        ("()",                        1, 1, "expected a field before `)`"),
        ("not",                       3, 0, "expected a field, as in `opcode == text`"),
        ("length in {1, 2",          10, 1, "`{` at column 11 is never closed"),
        ("length in {1 2}",          13, 1, "expected `,` or `}` before `2`"),
        ("length in {}",             11, 1, "`length` is a number; `}` is not"),
        ("length in 5..1",           11, 2, "this range is empty: its end is less than its beginning"),
        ("from in client..server",   14, 2, "values of `from` have no order, so `..` cannot be used"),
        ("json == 5",                 5, 2, "`json` needs a path: `json(\".type\")`"),
        ("json",                      4, 0, "`json` needs a path: `json(\".type\")`"),
        ("json(5)",                   5, 1, "`json` needs a path: `json(\".type\")`"),
        ("json(\"type\")",            6, 1, "a path begins with `.name`, `[0]` or `[\"name\"]`"),
        ("json(\".a.\")",             8, 1, "a name follows `.`; other names are written `[\"name\"]`"),
        ("json(\".a\" == 5",         10, 2, "expected `)` after the path"),
        ("json(\".a\") == x",        14, 1, "`json` is a JSON value; `x` is not: write a text in quotes, a number, true, false or null"),
        ("json(\".a\") contains 5",  20, 1, "`contains` needs a text: write it in quotes"),
        ("length = 5",                7, 1, "`=` is not an operator; use `==`"),
        ("text == \"abc",             8, 4, "this text is never closed: a `\"` is missing"),
    ];
    for (text, column, length, message) in cases {
        let error = Filter::parse(text).map(|filter| filter.to_string()).unwrap_err();
        assert_eq!(error.message, *message, "{text}");
        assert_eq!((error.column, error.length), (*column, *length), "{text}");
    }
    let error = Filter::parse("masked and lenght > 5").unwrap_err();
    assert!(error.to_string().starts_with("column 12: there is no field `lenght`"));
}

#[test]
fn canonical_form_is_stable() {
    #[rustfmt::skip]
    let cases: &[(&str, &str)] = &[
        ("opcode==1&&!(masked||fin)", "opcode == text and not (masked or fin)"),
        ("websocket.opcode eq 3", "opcode == 3"),
        ("(a_or_b)", ""),
        ("length > 64Ki", "length > 65536"),
        ("time >= 1m or time < 300ms", "time >= 60s or time < 300ms"),
        ("ratio < 50%", "ratio < 0.5"),
        ("masked == 1", "masked == true"),
        ("rule == ws-f*", "rule == WS-F"),
        ("text == \"a\\\"\\\\\\x1b\\n→\\xff\"", "text == \"a\\\"\\\\\\x1b\\n→\\xff\""),
        ("text matches r\"\\d\"", "text matches \"\\\\d\""),
        ("length in 1..5", "length in {1..5}"),
        ("hex == 81:85", "hex == \"81 85\""),
        ("host == [::1] or client == [::1]:80", "host == ::1 or client == [::1]:80"),
        ("(masked and fin) or rsv1", "masked and fin or rsv1"),
        ("masked and (fin or rsv1)", "masked and (fin or rsv1)"),
        ("not (not masked)", "not not masked"),
        ("json(\"[\\\"type\\\"]\") == -1.5", "json(\".type\") == -1.5"),
        ("json(\"[\\\"a b\\\"]\")", "json(\"[\\\"a b\\\"]\")"),
    ];
    for (text, expected) in cases {
        if expected.is_empty() {
            assert!(Filter::parse(text).is_err(), "{text}");
            continue;
        }
        let shown = parse(text).to_string();
        assert_eq!(shown, *expected, "{text}");
        assert_eq!(parse(&shown).to_string(), shown, "{text}");
    }
}

#[test]
fn needs_are_those_of_the_fields() {
    use FilterNeed::{Content, Findings, Frames, Handshake};
    #[rustfmt::skip]
    let cases: &[(&str, &[FilterNeed])] = &[
        ("opcode == text and length > 5 and close_code == 1000", &[]),
        ("text contains \"x\"", &[Content]),
        ("json(\".a\")", &[Content]),
        ("not (hex == \"00\")", &[Content]),
        ("rule or severity == error", &[Findings]),
        ("cause == WHY-08", &[Findings]),
        ("masked and (fin or path == \"/\")", &[Frames, Handshake]),
    ];
    for (text, expected) in cases {
        let needs = parse(text).needs();
        for need in [Content, Findings, Frames, Handshake] {
            assert_eq!(needs.has(need), expected.contains(&need), "{text}: {need:?}");
        }
    }
}

#[test]
fn depth_is_limited_and_length_is_not() {
    let deep = |depth: usize, open: &str, close: &str| {
        Filter::parse(&format!("{}masked{}", open.repeat(depth), close.repeat(depth)))
    };
    for (open, close) in [("(", ")"), ("not ", ""), ("!", "")] {
        assert!(deep(64, open, close).is_ok(), "{open}");
        for depth in [65, 100_000] {
            let error = deep(depth, open, close).unwrap_err();
            assert_eq!(error.column, 64 * open.len(), "{open}");
            assert!(error.message.starts_with("more than 64"), "{}", error.message);
        }
    }
    let long = vec!["masked or fin and not rsv1"; 5_000].join(" or ");
    let filter = parse(&long);
    assert_eq!(filter.to_string(), long);
    assert!(!filter.matches(&FilterSubject::new(EntryClass::Message, origin(0), START)));
}

#[test]
fn nothing_that_is_written_makes_it_panic() {
    let parts = [
        "opcode",
        "length",
        "json",
        "text",
        "host",
        "rule",
        "time",
        "masked",
        "(",
        ")",
        "{",
        "}",
        "==",
        "!=",
        "<",
        ">=",
        "in",
        "contains",
        "matches",
        "and",
        "or",
        "not",
        "!",
        "..",
        ",",
        "5",
        "0x",
        "\"a\"",
        "\"\\",
        "\"(\"",
        "r\"",
        ".",
        "[",
        "]",
        "\".a[0]\"",
        "10.0.0.1",
        "[::1]:80",
        "WS-F*",
        "2.5s",
        "50%",
        "é",
        "\u{0}",
        "=",
        "-1",
        "text",
        "1..5",
        " ",
    ];
    let hello = message(Opcode::Text, b"{\"a\":[1]}");
    let subject = FilterSubject {
        message: Some((&hello).into()),
        span: Some(hello.span),
        ..FilterSubject::new(EntryClass::Message, origin(6), START)
    };
    // A linear congruential generator: the same words on every run.
    let mut state = 1_u64;
    let mut next = |below: usize| {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
        usize::try_from(state >> 33).unwrap() % below
    };
    let mut good = 0;
    for _ in 0..5_000 {
        let words = 1 + next(7);
        let separator = if next(4) == 0 { "" } else { " " };
        let text = (0..words).map(|_| parts[next(parts.len())]).collect::<Vec<_>>().join(separator);
        let letters = text.chars().count();
        match Filter::parse(&text) {
            Ok(filter) => {
                good += 1;
                let shown = filter.to_string();
                assert_eq!(parse(&shown).to_string(), shown, "{text:?}");
                assert_eq!(parse(&shown).matches(&subject), filter.matches(&subject), "{text:?}");
            }
            Err(error) => {
                assert!(error.column + error.length <= letters.max(1), "{text:?}: {error:?}");
            }
        }
        for candidate in complete(&text, next(letters + 2)) {
            assert!(candidate.replaces.start <= candidate.replaces.end, "{text:?}");
            assert!(candidate.replaces.end <= letters, "{text:?}");
        }
    }
    assert!(good > 50, "{good}");
}

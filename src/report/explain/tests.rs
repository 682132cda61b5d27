use unicode_width::UnicodeWidthStr;

use super::*;
use crate::report::style::Coloring;
use crate::stream::Direction;
use crate::websocket::Compression;
use crate::websocket::extension::SideParams;

fn options(compression: Compression, borders: Borders) -> ExplainOptions {
    let style = Style::new(Coloring::Off);
    ExplainOptions { context: FrameContext { direction: None, compression }, borders, style }
}

fn deflate() -> Compression {
    Compression::Deflate(SideParams::default())
}

fn page(bytes: &[u8]) -> String {
    frames(bytes, &options(Compression::None, Borders::Lines))
}

/// The examples of RFC 6455 §5.7.
const MASKED_HELLO: &[u8] = b"\x81\x85\x37\xfa\x21\x3d\x7f\x9f\x4d\x51\x58";

#[test]
fn unmasked_hello_of_the_standard() {
    insta::assert_snapshot!(page(b"\x81\x05Hello"));
}

#[test]
fn masked_hello_of_the_standard() {
    insta::assert_snapshot!(page(MASKED_HELLO));
}

#[test]
fn masked_hello_in_ascii() {
    insta::assert_snapshot!(frames(MASKED_HELLO, &options(Compression::None, Borders::Ascii)));
}

#[test]
fn fragmented_hello_of_the_standard() {
    insta::assert_snapshot!(page(b"\x01\x03Hel\x80\x02lo"));
}

#[test]
fn ping_of_the_standard() {
    insta::assert_snapshot!(page(b"\x89\x05Hello"));
}

#[test]
fn binary_of_256_bytes_of_the_standard() {
    let mut bytes = vec![0x82, 0x7e, 0x01, 0x00];
    bytes.extend(0..=0xff);
    insta::assert_snapshot!(page(&bytes));
}

#[test]
fn header_of_64_kibibytes_of_the_standard() {
    insta::assert_snapshot!(page(&[0x82, 0x7f, 0, 0, 0, 0, 0, 1, 0, 0]));
}

#[test]
fn close_from_a_server() {
    let mut options = options(Compression::None, Borders::Lines);
    options.context.direction = Some(Direction::ServerToClient);
    insta::assert_snapshot!(frames(b"\x88\x05\x03\xe8bye", &options));
}

#[test]
fn header_that_is_cut_short() {
    insta::assert_snapshot!(page(&[0x81, 0xfe, 0x01, 0x00, 0x37]));
}

#[test]
fn compressed_hello_of_rfc_7692() {
    let bytes = b"\xc1\x07\xf2\x48\xcd\xc9\xc9\x07\x00\xc1\x05\xf2\x00\x11\x00\x00";
    insta::assert_snapshot!(frames(bytes, &options(deflate(), Borders::Lines)));
}

#[test]
fn close_codes_read_like_a_dictionary() {
    let options = options(Compression::None, Borders::Lines);
    for code in [1000, 1006, 429, 4000, 8105] {
        insta::assert_snapshot!(format!("close_code_{code}"), close_code_page(code, &options));
    }
}

/// 60 empty Pings.
const MANY: [[u8; 2]; 60] = [[0x89, 0]; 60];

#[test]
fn special_cases_are_explained() {
    let none = Compression::None;
    #[rustfmt::skip]
    let cases: &[(&str, &[u8], Compression, &str)] = &[
        ("payload cut short",     b"\x81\x05Hel", none, "3 of 5 bytes of payload are here, 2 bytes are missing"),
        ("payload missing",       b"\x81\x05", none, "None of it is present."),
        ("first byte only",       b"\x81", none, "at least 1 byte of it is missing"),
        ("length cut short",      b"\x82\x7f\x00\x00", none, "6 bytes of it are missing"),
        ("HTTP",                  b"HTTP/1.1 400 Bad Request\r\n\r\n", none, "look like text rather than a frame: \"HTTP/1.1 400 Bad Request\\r\\n"),
        ("not UTF-8",             b"\x81\x03a\xc3(", none, "invalid byte at offset 1"),
        ("escape sequence",       b"\x81\x04\x1b[2J", none, "\"\\x1b[2J\""),
        ("Close of one byte",     b"\x88\x01\x03", none, "One byte is too little for a code"),
        ("Close with HTTP",       b"\x88\x02\x01\xad", none, "429 Too Many Requests"),
        ("Close with 4000 + HTTP", b"\x88\x02\x11\x31", none, "401 Unauthorized"),
        ("Close, reason no UTF-8", b"\x88\x03\x03\xe8\xff", none, "invalid byte at offset 0"),
        ("RSV1, not negotiated",  b"\xc1\x07\xf2\x48\xcd\xc9\xc9\x07\x00", none, "--deflate inflates it"),
        ("compressed",            b"\xc1\x07\xf2\x48\xcd\xc9\xc9\x07\x00", deflate(), "7 bytes inflate to 5 bytes."),
        ("compressed, cut short", b"\xc1\x07\xf2\x48\xcd", deflate(), "Part of it is missing."),
        ("history missing",       b"\xc1\x05\xf2\x00\x11\x00\x00", deflate(), "give the frames before it"),
        ("not DEFLATE",           b"\xc1\x02\xff\xff", deflate(), "not valid DEFLATE"),
        ("masked fragments",      b"\x01\x81\x01\x01\x01\x01\x49\x80\x81\x02\x02\x02\x02\x6b", none, "as text  \"Hi\""),
        ("many frames",           MANY.as_flattened(), none, "20 more bytes follow"),
    ];
    for (name, bytes, compression, part) in cases {
        let page = frames(bytes, &options(*compression, Borders::Lines));
        let joined = page.split_whitespace().collect::<Vec<_>>().join(" ");
        let part = part.split_whitespace().collect::<Vec<_>>().join(" ");
        assert!(joined.contains(&part), "{name}: {page}");
    }
}

#[test]
fn no_input_leaves_the_page_or_acts_upon_the_terminal() {
    let mut state = 0x2545_f491_4f6c_dd1d_u64;
    for round in 0..600_usize {
        let mut bytes: Vec<u8> = (0..round % 90)
            .map(|_| {
                state ^= state << 13;
                state ^= state >> 7;
                state ^= state << 17;
                state.to_be_bytes()[0]
            })
            .collect();
        // Half of the frames are plausible ones.
        if let [first, second, ..] = bytes.as_mut_slice()
            && round % 2 == 0
        {
            *first = 0x80 | [1, 2, 8, 9][round % 4];
            *second &= 0x8f;
        }
        for borders in [Borders::Lines, Borders::Ascii] {
            let page = frames(&bytes, &options(deflate(), borders));
            assert!(borders == Borders::Lines || page.is_ascii(), "{page}");
            for line in page.lines() {
                assert!(line.width() <= page::WIDTH, "{bytes:02x?}: {line}");
                assert!(!line.contains(char::is_control), "{line:?}");
            }
        }
    }
    for code in 0..=u16::MAX {
        let page = close_code_page(code, &options(Compression::None, Borders::Ascii));
        assert!(page.is_ascii() && page.lines().all(|line| line.len() <= page::WIDTH), "{page}");
    }
}

#[test]
fn colors_change_nothing_else() {
    let mut colored = options(Compression::None, Borders::Lines);
    colored.style = Style::new(Coloring::On);
    let mut plain = String::new();
    for (index, part) in frames(MASKED_HELLO, &colored).split('\x1b').enumerate() {
        let text = if index == 0 { Some(part) } else { part.split_once('m').map(|(_, text)| text) };
        plain.push_str(text.unwrap());
    }
    let trimmed = |page: &str| page.lines().map(str::trim_end).collect::<Vec<_>>().join("\n");
    assert_eq!(trimmed(&plain), trimmed(&page(MASKED_HELLO)));
}

#[test]
fn a_rule_with_its_example() {
    let options = options(Compression::None, Borders::Lines);
    insta::assert_snapshot!(rule(crate::findings::rule("ws-f07").unwrap(), &options));
}

#[test]
fn frames_that_break_rules() {
    let mut options = options(Compression::None, Borders::Lines);
    options.context.direction = Some(Direction::ServerToClient);
    insta::assert_snapshot!(frames(b"\x83\x85\x37\xfa\x21\x3d\x7f\x9f\x4d\x51\x58", &options));
}

#[test]
fn every_rule_has_a_page_of_at_most_100_columns() {
    for borders in [Borders::Lines, Borders::Ascii] {
        for subject in crate::findings::rules() {
            let text = rule(subject, &options(Compression::None, borders));
            let widest = text.lines().map(UnicodeWidthStr::width).max();
            assert!(widest <= Some(100), "{}: {widest:?} columns", subject.id);
            assert!(borders == Borders::Lines || text.is_ascii(), "{}: {text}", subject.id);
        }
    }
}

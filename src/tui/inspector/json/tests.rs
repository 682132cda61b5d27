use std::collections::BTreeSet;

use super::*;

fn laid_out(json: &JsonDocument, content: &[u8], folded: &BTreeSet<u64>) -> Vec<String> {
    let rows = json.document.rows(content, 60, folded);
    rows.iter().map(|row| json.document.draw(content, *row, 60, &[]).text()).collect()
}

/// Name, content, its lines, where it goes wrong, whether it is cut.
type JsonCase = (&'static str, &'static str, &'static [&'static str], Option<usize>, bool);

#[test]
fn json_is_laid_out_as_far_as_it_goes() {
    #[rustfmt::skip]
    let cases: &[JsonCase] = &[
        ("object", r#"{"a":1,"b":"x"}"#,
         &["{", r#"  "a": 1,"#, r#"  "b": "x""#, "}"], None, false),
        ("spaces", " [ {\"a\" : null} ,\n true ] ",
         &["[", "  {", r#"    "a": null"#, "  },", "  true", "]"], None, false),
        ("short arrays stay in their line", r#"{"bids":[[1.5,3],[1.25,-2e3]],"n":[],"o":{}}"#,
         &["{", r#"  "bids": ["#, "    [1.5, 3],", "    [1.25, -2e3]", "  ],", r#"  "n": [],"#, r#"  "o": {}"#, "}"],
         None, false),
        ("braces and escapes in strings", r#"["a]\"}",2]"#,
         &[r#"["a]\"}", 2]"#], None, false),
        ("one after the other", "{\"a\":1}\n{\"a\":2}",
         &["{", r#"  "a": 1"#, "}", "{", r#"  "a": 2"#, "}"], None, false),
        ("engine.io", r#"42["chat",{"a":1}]"#,
         &["42[", r#"  "chat","#, "  {", r#"    "a": 1"#, "  }", "]"], None, false),
        // Cut.
        ("cut in a string", r#"{"a":1,"b":"x"#,
         &["{", r#"  "a": 1,"#, r#"  "b": "x"#], None, true),
        ("cut in a name", r#"{"a":{"b"#,
         &["{", r#"  "a": {"#, r#"    "b"#], None, true),
        ("cut in a word", r#"{"a":tr"#, &["{", r#"  "a": tr"#], None, true),
        ("cut in a number", r#"{"a":1,"b":-"#, &["{", r#"  "a": 1,"#, r#"  "b": -"#], None, true),
        // Wrong.
        ("comma too much", r#"{"a":1,"b":2,}"#,
         &["{", r#"  "a": 1,"#, r#"  "b": 2,"#, "}"], Some(13), false),
        ("word", r#"{"a":1,"b":2,"c":undefined}"#,
         &["{", r#"  "a": 1,"#, r#"  "b": 2,"#, r#"  "c": undefined"#, "}"], Some(17), false),
        ("wrong bracket", r#"{"a":1,"b":[{"c":2]]}"#,
         &["{", r#"  "a": 1,"#, r#"  "b": ["#, "    {", r#"      "c": 2"#, "    ]", "  ]", "}"],
         Some(18), false),
        ("leading zero", "[1,2,03]", &["[1, 2, 03]"], Some(5), false),
    ];
    for (name, content, expected, fault, is_cut) in cases {
        let json = read(content.as_bytes()).expect(name);
        assert_eq!(laid_out(&json, content.as_bytes(), &BTreeSet::new()), *expected, "{name}");
        assert_eq!((json.fault, json.is_cut), (*fault, *is_cut), "{name}");
    }
}

#[test]
fn other_texts_are_not_json() {
    #[rustfmt::skip]
    let cases: &[&[u8]] = &[
        b"", b"  ", b"hello", b"42", b"\"hello\"", b"[info] started", b"{hello}", b"[2026-08-22] hello",
        b"12345[1]", b"\xff[1]",
    ];
    for content in cases {
        assert_eq!(read(content), None, "{}", String::from_utf8_lossy(content));
    }
}

#[test]
fn folding_hides_a_container_in_every_message_alike() {
    let first = br#"{"a":{"b":1},"c":[{"d":1}]}"#;
    let second = br#"{"z":0,"a":{"x":[5,{}],"b":2},"c":[{"d":3}]}"#;
    let json = read(first).unwrap();
    let (line, fold) = json.document.fold_at(2).unwrap();
    assert_eq!((line, fold.close, fold.members), (1, 3, 1));
    let folded = BTreeSet::from([fold.path]);
    assert_eq!(
        laid_out(&json, first, &folded),
        ["{", r#"  "a": {"#, r#"  "c": ["#, "    {", r#"      "d": 1"#, "    }", "  ]", "}"]
    );
    let json = read(second).unwrap();
    assert_eq!(
        laid_out(&json, second, &folded).get(..4).unwrap(),
        ["{", r#"  "z": 0,"#, r#"  "a": {"#, r#"  "c": ["#]
    );
    let mut folded = folded;
    json.document.reveal(20, &mut folded);
    assert!(folded.is_empty());
}

#[test]
fn no_depth_is_too_deep_and_every_prefix_is_read() {
    let deep = b"[{\"a\":".repeat(100_000);
    let json = read(&deep).unwrap();
    assert!(json.is_cut && json.fault.is_none());
    let content = br#"{"a":[1,-2.5e+7,"x\"y",{"b":null,"c":[true,false]}],"d":"\u00e9"} {"#;
    for length in 1..=content.len() {
        let json = read(&content[..length]).unwrap();
        assert_eq!(json.fault, None, "{length}");
        for width in [0, 1, 7, 60] {
            json.document.rows(&content[..length], width, &BTreeSet::new());
        }
    }
    let mut state = 0x2545_f491_4f6c_dd1d_u64;
    for _ in 0..2_000 {
        let mut bytes = b"[".to_vec();
        bytes.extend((0..40).map(|_| {
            state ^= state << 13;
            state ^= state >> 7;
            state ^= state << 17;
            br#"{}[],:" 1atrue\"#[usize::try_from(state % 15).unwrap()]
        }));
        if let Some(json) = read(&bytes) {
            let shown: usize = json.document.tokens.iter().map(|it| it.end - it.start).sum();
            let spaces = bytes.split(|byte| *byte == b' ').count() - 1;
            assert!(shown <= bytes.len() && shown + spaces >= bytes.len());
            let lines = json.document.lines.iter().flat_map(|line| line.first..line.end);
            assert!(lines.eq(0..json.document.tokens.len()));
        }
    }
}

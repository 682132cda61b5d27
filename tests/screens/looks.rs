//! What the screen looks like.

use wslens::tui::theme::Glyphs;
use wslens::tui::world::LoadStage;

use crate::Screen;

#[test]
fn screens_show_the_same_as_before() {
    let sizes = [(80, 24), (120, 40), (200, 60)];
    for sample in ["protocol-errors", "deflate", "gap", "refused", "nginx-no-upgrade"] {
        for size in sizes {
            Screen::of(sample, size).compare(&format!("{sample}-{}x{}", size.0, size.1));
        }
    }
}

#[test]
fn overlays_are_unchanged() {
    #[rustfmt::skip]
    let cases = [
        ("help",            (80, 24),  "?"),
        ("findings",        (120, 40), "F"),
        ("by-connection",   (80, 24),  "F[Tab][Down]"),
        ("copy",            (80, 24),  "y"),
        ("filter-fault",    (80, 24),  "flenght > 1"),
        ("filter-complete", (80, 24),  "fopcode == "),
        ("filtered",        (120, 40), "fopcode == text and from == client[Enter]"),
        ("frames",          (120, 40), "mt"),
        ("one-connection",  (120, 40), "[Tab][Down][Enter]"),
        ("too-small",       (60, 12),  ""),
    ];
    for (name, size, keys) in cases {
        let mut screen = Screen::of("protocol-errors", size);
        screen.press(keys);
        screen.compare(name);
    }
}

#[test]
fn ascii_means_ascii() {
    let mut screen = Screen::of("protocol-errors", (120, 40));
    screen.app.theme.glyphs = Glyphs::Ascii;
    let text = screen.text();
    let odd: Vec<char> = text.chars().filter(|letter| !letter.is_ascii()).collect();
    assert_eq!(odd, [], "{text}");
}

#[test]
fn no_size_and_no_key_makes_it_fail() {
    let keys = ["", "?", "F", "y", "s[Enter]", "fopcode == [Tab]", "/x", "[Enter]", "[Tab][Enter]"];
    for sample in ["protocol-errors", "subprotocols"] {
        for keys in keys {
            let mut screen = Screen::of(sample, (100, 30));
            screen.press(keys);
            for size in
                [(1, 1), (2, 3), (79, 24), (80, 24), (81, 25), (120, 24), (120, 200), (400, 30)]
            {
                screen.size = size;
                screen.text();
            }
        }
    }
}

#[test]
fn hostile_bytes_stay_in_their_row() {
    for sample in ["handshake-fields", "protocol-errors", "close-codes", "subprotocols"] {
        let mut screen = Screen::of(sample, (120, 40));
        let text = screen.text();
        let odd = text.chars().find(|letter| letter.is_control() && *letter != '\n');
        assert_eq!(odd, None, "{sample}");
    }
}

#[test]
fn findings_and_progress_are_visible_if_there_is_no_room_for_all_counts() {
    let mut screen = Screen::of("protocol-errors", (80, 24));
    screen.app.reading.stage = LoadStage::Loading;
    screen.app.reading.length = Some(100);
    screen.app.reading.position = 3;
    let text = screen.text();
    let title = text.lines().next().unwrap();
    assert!(title.contains("  9 messages  ✖ 7  ▲ 2  • 2 (+3)"), "{title}");
    assert!(title.contains(" reading   3 % "), "{title}");
}

#[test]
fn a_connection_without_a_handshake_says_why() {
    let cases = [("refused", "never established"), ("tls-handshakes", "is encrypted")];
    for (sample, expected) in cases {
        let mut screen = Screen::of(sample, (80, 24));
        screen.press("[Enter]4");
        let text = screen.text();
        assert!(text.contains(expected), "{sample}: {text}");
    }
}

//! Findings and causes on the screen.

use wslens::tui::alerts::{Bell, News};
use wslens::tui::world::LoadStage;

use crate::Screen;

#[test]
fn the_details_of_a_finding_scroll_to_the_end_of_its_remedy() {
    let mut screen = Screen::of("protocol-errors", (80, 24));
    // The cause is first.
    screen.press("F[Down][Down]");
    let text = screen.text();
    assert!(text.contains("│  These codes are what "), "{text}");
    assert!(!text.contains("│  RFC 6455 §7.4.1 "), "{text}");
    screen.press(&"J".repeat(40));
    let text = screen.text();
    assert!(text.contains("│  RFC 6455 §7.4.1 "), "{text}");
    screen.press("K");
    assert!(!screen.text().contains("│  RFC 6455 §7.4.1 "), "one line back");
    screen.press("[Down][Down]");
    let other = "│  text frame of 10 bytes with MASK = 0 ";
    assert!(screen.text().contains(other), "another finding from its start");
}

#[test]
fn what_is_about_the_whole_capture_is_found() {
    let mut screen = Screen::of("no-such-name", (80, 24));
    let text = screen.text();
    let marks = text.lines().skip_while(|line| !line.contains("Overview")).nth(2).unwrap();
    assert!(marks.contains('✖'), "{text}");
    screen.press("e");
    assert!(screen.text().contains("F lists those"), "{}", screen.text());
}

#[test]
fn errors_are_found_one_after_the_other() {
    let mut screen = Screen::of("protocol-errors", (80, 24));
    let mut seen = Vec::new();
    for _ in 0..6 {
        screen.press("e");
        seen.push(screen.app.current().unwrap().0);
    }
    let mut sorted = seen.clone();
    sorted.sort_unstable();
    sorted.dedup();
    assert_eq!((sorted.len(), &sorted), (6, &seen));
    screen.press("e");
    assert!(screen.app.notice.as_ref().unwrap().text.contains("no later error"));
    screen.press("E");
    assert_eq!(screen.app.current().unwrap().0, seen[4]);
}

#[test]
fn a_cause_is_named_first_wherever_findings_are() {
    let mut screen = Screen::of("no-subprotocol", (160, 40));
    let list = screen.text();
    assert!(list.contains("✖ the client refused the response"), "{list}");
    assert!(list.contains("✖ WHY-14") && list.contains("✖ 1 (+2)"), "{list}");
    // The row of the response, which the cause is about.
    screen.press("e");
    let at = screen.app.current();
    let found = screen.with(|app, world| {
        let row = app.current().unwrap();
        world.timeline.findings_of(row).any(|it| it.finding.rule.id == "WHY-14")
    });
    assert!(found, "{at:?}");
    screen.press("e");
    assert_eq!(screen.app.current(), at, "what follows from it is passed over");
    screen.press("[Enter]5");
    let tab = screen.text();
    let place = |part: &str| tab.find(part).unwrap_or_else(|| panic!("{part}: {tab}"));
    assert!(place("The cause") < place("WHY-14  the client refused"), "{tab}");
    assert!(place("Consequences:") < place("HS-52"), "{tab}");
    assert!(place("HS-22   subprotocols") < place("In this row"), "{tab}");
    screen.press("[Esc][Esc]F");
    let overlay = screen.text();
    let place = |part: &str| overlay.find(part).unwrap_or_else(|| panic!("{part}: {overlay}"));
    assert!(place(" WHY-14 ") < place(" HS-22 "), "{overlay}");
    assert!(overlay.contains("(WHY-14) no Sec-WebSocket-Protocol"), "{overlay}");
    assert!(overlay.contains("Findings by rule  1 cause, 2 findings "), "{overlay}");
    let mut small = Screen::of("no-subprotocol", (80, 24));
    assert!(small.text().contains("✖ WHY-14"), "{}", small.text());
}

#[test]
fn a_cause_is_announced_before_what_follows_from_it() {
    let mut screen = Screen::of("no-subprotocol", (160, 40));
    screen.app.news = News::new(Bell::On);
    screen.app.reading.stage = LoadStage::Live;
    screen.settle();
    let notice = screen.app.notice.as_ref().unwrap().text.clone();
    assert!(notice.starts_with("WHY-14 the client refused the response  #1"), "{notice}");
    assert!(screen.app.news.take_ring());
}

#[test]
fn causes_precede_rules_even_if_they_are_only_worth_knowing() {
    let mut screen = Screen::of("resets", (120, 40));
    screen.press("F");
    let overlay = screen.text();
    let place = |part: &str| overlay.find(part).unwrap_or_else(|| panic!("{part}: {overlay}"));
    assert!(place(" WHY-32 ") < place(" NET-06 "), "{overlay}");
}

#[test]
fn what_was_decoded_again_is_shown_with_the_message_and_with_the_cause() {
    let mut screen = Screen::of("derailed", (120, 40));
    screen.press("e[Enter]");
    for tab in ["1", "5"] {
        screen.press(tab);
        let text = screen.text();
        assert!(text.contains("decoded again, client: text of 16 bytes"), "{tab}: {text}");
    }
    screen.press("[Esc]F");
    let overlay = screen.text();
    assert!(overlay.contains("decoded again, client: text of 65 bytes"), "{overlay}");
}

//! The screen of a live capture.

use wslens::tui::app::Effect;
use wslens::tui::rates::Rates;
use wslens::tui::world::LoadStage;

use crate::Screen;

#[test]
fn a_live_capture_shows_its_rate_and_losses() {
    for size in [(80, 24), (120, 40)] {
        let mut screen = Screen::of("protocol-errors", size);
        screen.app.reading.stage = LoadStage::Live;
        screen.app.reading.dropped = 1_234;
        screen.app.reading.rates = Rates { packets: 1_200, messages: 88, bytes: 1_500_000 };
        let text = screen.text();
        assert!(text.contains("1,234 dropped") && text.contains("● live"), "{text}");
        assert!(text.contains("1,200 pkt/s 88 msg/s 1.5 MB/s"), "{text}");
        screen.press("G");
        assert!(screen.text().contains("FOLLOWING"));
        // Whoever opens a row wants to read it.
        screen.press("[Enter][Esc]");
        assert!(screen.text().contains("G follows"));
        screen.press("[Esc]");
        assert_eq!(screen.press("[Esc]"), Effect::StopReading);
        assert_eq!(screen.press("x"), Effect::StopReading);
    }
}

#[test]
fn a_frozen_view_can_be_scrolled_and_resumed() {
    let mut screen = Screen::of("protocol-errors", (120, 40));
    screen.press("P");
    assert!(screen.app.notice.as_ref().unwrap().text.contains("only a live capture"));
    screen.app.reading.stage = LoadStage::Live;
    screen.press("PG");
    assert!(screen.text().contains("PAUSED +0"));
    assert_eq!(screen.app.rows.cursor(), 38);
    screen.press("[Tab][Enter]");
    assert!(screen.app.rows.len() < 38);
    screen.press("aP");
    assert!(!screen.text().contains("PAUSED"));
}

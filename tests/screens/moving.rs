//! How the cursor moves: keys, the mouse, searching, filters.

use crossterm::event::{MouseButton, MouseEventKind};
use ratatui::style::Modifier;
use wslens::tui::app::{Effect, Overlay, Pane};
use wslens::tui::theme::Palette;
use wslens::tui::world::LoadStage;

use crate::Screen;

#[test]
fn searching_moves_the_cursor_to_what_is_found() {
    let mut screen = Screen::of("protocol-errors", (80, 24));
    #[rustfmt::skip]
    let cases = [
        ("text in any case", "/NOT MASKED[Enter]", Some("not masked")),
        ("the next one",     "n",                  Some("not masked")),
        ("bytes",            "g/0x636166e9[Enter]", Some("caf")),
        ("a pattern",        "g/re:^close me[Enter]", Some("close me badly")),
    ];
    for (name, keys, expected) in cases {
        screen.press(keys);
        let row = screen.app.current().unwrap();
        let opened = screen.with(|_, world| {
            wslens::timeline::open(world.timeline, row, world.store, Default::default()).unwrap()
        });
        let content = String::from_utf8_lossy(&opened.content).into_owned();
        assert!(content.starts_with(expected.unwrap()), "{name}: {content}");
    }
    screen.press("g/nowhere to be found[Enter]");
    assert!(screen.app.notice.as_ref().unwrap().text.contains("no later match"));
}

#[test]
fn a_filter_keeps_the_row_under_the_cursor() {
    let mut screen = Screen::of("protocol-errors", (80, 24));
    screen.press("ee");
    let row = screen.app.current();
    let all = screen.app.rows.len();
    screen.press("fseverity >= error[Enter]");
    assert_eq!((screen.app.rows.len(), screen.app.current()), (6, row));
    screen.press("[Esc]");
    assert_eq!((screen.app.rows.len(), screen.app.current()), (all, row));
    // An empty line shows all again as well; a wrong one stays to be put right.
    screen.press("fno such thing[Enter]");
    assert!(matches!(screen.app.overlay, Overlay::Prompt(_)));
}

#[test]
fn filters_that_look_at_content_read_it_again() {
    let mut screen = Screen::of("deflate", (120, 40));
    screen.press("ftext contains \"ACME\" and compressed[Enter]");
    let found = screen.app.rows.len();
    assert!(found > 5, "{found}");
    screen.press("[Esc]fpath == \"/quotes\" and masked and json(\".number\") == 2[Enter]");
    assert_eq!(screen.app.rows.len(), 1);
}

#[test]
fn one_connection_is_shown_alone_or_with_others() {
    let mut screen = Screen::of("protocol-errors", (120, 40));
    let all = screen.app.rows.len();
    screen.press("[Tab]");
    assert_eq!(screen.app.pane, Pane::Connections);
    screen.press("[Enter]");
    let one = screen.app.rows.len();
    screen.press("[Tab][Down] ");
    let two = screen.app.rows.len();
    assert!(one < two && two < all, "{one} {two} {all}");
    screen.press("a");
    assert_eq!(screen.app.rows.len(), all);
}

#[test]
fn connections_are_sorted_by_a_click_on_a_heading() {
    let mut screen = Screen::of("protocol-errors", (120, 40));
    let first = |screen: &mut Screen| {
        screen.with(|app, world| app.connections.visible(world.timeline).next().unwrap().1.id.0)
    };
    let line = screen.text().lines().nth(2).unwrap().to_owned();
    let column = line.chars().position(|letter| letter == '#').unwrap() - 1;
    let column = u16::try_from(column).unwrap();
    assert_eq!(first(&mut screen), 1);
    screen.mouse(MouseEventKind::Down(MouseButton::Left), column, 2);
    assert_eq!(first(&mut screen), 4, "{line}");
}

#[test]
fn the_mouse_chooses_opens_scrolls_and_drags() {
    let mut screen = Screen::of("protocol-errors", (120, 40));
    let timeline = screen.app.layout.timeline;
    let click = MouseEventKind::Down(MouseButton::Left);
    screen.mouse(click, 20, timeline.y + 4);
    assert_eq!(screen.app.rows.cursor(), 3);
    screen.mouse(click, 20, timeline.y + 4);
    assert_eq!(screen.app.pane, Pane::Inspector);
    let inspector = screen.app.layout.inspector;
    screen.mouse(click, inspector.x, inspector.y + 3);
    screen.mouse(MouseEventKind::Drag(MouseButton::Left), inspector.x - 10, inspector.y + 3);
    assert_eq!(screen.app.layout.inspector.x, inspector.x - 10);
    screen.mouse(MouseEventKind::Up(MouseButton::Left), 0, 0);
    screen.mouse(MouseEventKind::ScrollDown, 20, timeline.y + 4);
    assert_eq!(screen.app.rows.top(), 3);
    let overview = screen.app.layout.overview;
    screen.mouse(click, overview.right() - 2, overview.y + 1);
    assert!(screen.app.rows.cursor() > 30, "{}", screen.app.rows.cursor());
}

#[test]
fn pairs_and_bookmarks_are_reached_by_a_key() {
    let mut screen = Screen::of("heartbeat", (80, 24));
    screen.press("[Down][Down]");
    let ping = screen.app.current();
    screen.press("bp");
    assert_ne!(screen.app.current(), ping);
    screen.press("p");
    assert_eq!(screen.app.current(), ping);
    screen.press("G'");
    assert_eq!(screen.app.current(), ping);
}

#[test]
fn answers_are_known_by_their_ids_and_reached_by_a_key() {
    let mut screen = Screen::of("subprotocols", (120, 40));
    screen.press("ftext contains \"\\\"id\\\"\"[Enter]");
    let text = screen.text();
    assert!(text.contains("after "), "{text}");
    let answers: Vec<_> = (0..screen.app.rows.len())
        .filter_map(|place| screen.app.rows.at(place))
        .filter(|row| screen.app.answers.request(*row).is_some())
        .collect();
    screen.with(|app, _| app.rows.seek(answers[0]));
    let request = screen.app.answers.request(answers[0]);
    screen.press("p");
    assert_eq!(screen.app.current(), request);
    screen.press("p");
    assert_eq!(screen.app.current(), Some(answers[0]));
}

#[test]
fn escape_stops_what_is_nearest() {
    let mut screen = Screen::of("protocol-errors", (80, 24));
    screen.app.reading.stage = LoadStage::Loading;
    assert_eq!(screen.press("[Esc]"), Effect::StopReading);
    // What was not read does not come back: that is the last thing to be stopped.
    screen.press("fopcode == text[Enter]");
    assert_eq!(screen.press("[Esc]"), Effect::None);
    assert!(screen.app.rows.filter().is_none());
    assert_eq!(screen.press("[Esc]"), Effect::StopReading);
    screen.app.reading.stage = LoadStage::Whole;
    screen.press("[Enter]");
    assert_eq!(screen.app.pane, Pane::Inspector);
    screen.press("[Esc]");
    assert_eq!(screen.app.pane, Pane::Timeline);
    assert_eq!(screen.press("q"), Effect::Quit);
}

#[test]
fn matches_are_highlighted_in_rows_and_in_the_message() {
    let mut screen = Screen::of("protocol-errors", (120, 40));
    assert_eq!(found(&mut screen), Vec::<String>::new());
    screen.press("/MASKED[Enter]");
    let in_rows = found(&mut screen);
    assert!(in_rows.len() > 2 && in_rows.iter().all(|it| it == "masked"), "{in_rows:?}");
    screen.press("[Enter]");
    assert!(found(&mut screen).len() > in_rows.len());
    // Once to the timeline, once to close the inspector, once to forget what was searched for.
    screen.press("[Esc][Esc]");
    assert_eq!(found(&mut screen), in_rows);
    screen.press("[Esc]");
    assert_eq!(found(&mut screen), Vec::<String>::new());
}

/// What stands out as found.
fn found(screen: &mut Screen) -> Vec<String> {
    screen.app.theme.palette = Palette::Dark;
    let terminal = screen.drawn();
    let buffer = terminal.backend().buffer().clone();
    let mut found = Vec::new();
    let mut run = String::new();
    for cell in buffer.content() {
        if cell.modifier.contains(Modifier::UNDERLINED) {
            run.push_str(cell.symbol());
        } else if !run.is_empty() {
            found.push(std::mem::take(&mut run));
        }
    }
    found
}

//! The text report and the screen of the enciphered conversation, next to those of the plain one.

use super::{LAYOUTS, Store, Wire, record, run, send_as};
use crate::report::style::{Coloring, Style};
use crate::report::text::{Text, TextOptions};
use crate::report::{Detail, Listing, Selection};
use crate::testkit::traffic::TestPacket;
use crate::tui::drawn::DrawnScreen;
use crate::tui::world::World;

/// What `print` writes.
fn text(packets: &[TestPacket], detail: Detail, findings: Listing) -> String {
    let mut out = Vec::new();
    let selection = Selection::default();
    let style = Style::new(Coloring::Off);
    let options = TextOptions { selection, detail, findings, style, columns: None };
    run(packets, &mut Text::new(&mut out, options));
    String::from_utf8(out).unwrap()
}

#[test]
fn the_text_report_is_the_same() {
    for (record, segment) in LAYOUTS {
        let [hidden, plain] =
            [Wire::Sent, Wire::Clear].map(|wire| send_as(wire, Some(*record), *segment).0);
        for detail in [Detail::Messages, Detail::Frames] {
            for findings in [Listing::No, Listing::Yes] {
                let (plain, hidden) =
                    (text(&plain, detail, findings), text(&hidden, detail, findings));
                let (hidden, plain) = (without_tcp_bytes(&hidden), without_tcp_bytes(&plain));
                for (hidden, plain) in hidden.iter().zip(&plain) {
                    assert_eq!(hidden, plain, "records of {record} in segments of {segment}");
                }
                assert_eq!(hidden.len(), plain.len());
                assert!(plain.iter().any(|line| line.contains("Hello to you")), "{plain:?}");
            }
        }
    }
}

#[test]
fn the_screen_is_the_same_for_each_row_and_tab() {
    // 40,000 packets take too long to be read again for each tab.
    for (record_size, segment) in LAYOUTS.iter().filter(|(record, _)| *record > 1) {
        let [hidden, plain] =
            [Wire::Sent, Wire::Clear].map(|wire| send_as(wire, Some(*record_size), *segment).0);
        let timelines = [record(&hidden), record(&plain)];
        let stores = [Store(&hidden), Store(&plain)];
        let mut screens: Vec<_> = timelines
            .iter()
            .zip(&stores)
            .map(|(timeline, store)| DrawnScreen::new(World { timeline, store }, 160, 60))
            .collect();
        let compare = |screens: &[DrawnScreen<'_>], what: &str| {
            let [hidden, plain] = [0, 1].map(|at| screens[at].text());
            for (hidden, plain) in
                without_tcp_bytes(&hidden).into_iter().zip(without_tcp_bytes(&plain))
            {
                assert_eq!(
                    hidden, plain,
                    "records of {record_size} in segments of {segment}: {what}"
                );
            }
        };
        compare(&screens, "all rows");
        screens.iter_mut().for_each(DrawnScreen::open);
        for row in 0..timelines[0].rows() {
            for tab in '1'..='6' {
                for screen in &mut screens {
                    screen.letter(tab);
                }
                compare(&screens, &format!("row {row}, tab {tab}"));
            }
            screens.iter_mut().for_each(DrawnScreen::open_next);
        }
    }
}

/// What is shown, without the lines about what TCP carried, in which the headers of records count: the
/// connection in its list, its bytes in the inspector, and the size of the capture.
fn without_tcp_bytes(shown: &str) -> Vec<&str> {
    let is_of_tcp = |line: &str| {
        ["10.0.0.1:50000  ", "TCP bytes", " packets ("].iter().any(|it| line.contains(it))
    };
    shown.lines().filter(|line| !is_of_tcp(line)).collect()
}

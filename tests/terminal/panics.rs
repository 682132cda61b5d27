//! A panic while the interface is shown: this test starts itself as the program that panics.

use std::env;
use std::sync::Arc;

use wslens::analysis::AnalyzerOptions;
use wslens::capture::Error;
use wslens::capture::GrowingFiles;
use wslens::capture::Packet;
use wslens::capture::PacketSource;
use wslens::capture::Secrets;
use wslens::capture::SkippedBlocks;
use wslens::capture::Spool;
use wslens::tui;
use wslens::tui::QuitPolicy;
use wslens::tui::Show;
use wslens::tui::Store;
use wslens::tui::alerts::Bell;
use wslens::tui::theme::Glyphs;
use wslens::tui::theme::Palette;
use wslens::tui::theme::Theme;
use wslens::tui::world::LoadStage;

use crate::program::{Program, SMALL};

#[test]
fn a_panic_restores_the_terminal_and_is_reported() {
    let itself = env::current_exe().unwrap();
    let arguments = ["--exact", "panics::the_interface_of_a_capture_that_panics", "--nocapture"];
    let mut program = Program::start_program(&itself, SMALL, &arguments, &[(PANIC, "1")]);
    program.writes("\x1b[?1049h");
    program.shows("nothing yet");
    assert_ne!(program.ends(), 0);
    program.shows(MESSAGE);
    program.shows("panicked at");
    program.gives_the_terminal_back();
    let written = program.written();
    let (shown, told) = (written.rfind("\x1b[?1049l"), written.find(MESSAGE));
    assert!(shown < told, "it is told where it can be read: {written:?}");
}

/// Does nothing, unless the test above started it: it is the program that panics then.
#[test]
fn the_interface_of_a_capture_that_panics() {
    if env::var_os(PANIC).is_none() {
        return;
    }
    let show = Show {
        packets: Box::new(Panicking::default()),
        store: Store::Spool(Spool::new(1 << 20).unwrap()),
        files: None,
        stage: LoadStage::Live,
        stop: Arc::default(),
        ending: QuitPolicy::Perhaps,
        length: None,
        count: u64::MAX,
        owners: None,
        keylogs: GrowingFiles::default(),
        options: AnalyzerOptions::default(),
        filter: None,
        bell: Bell::Off,
        theme: Theme { palette: Palette::Plain, glyphs: Glyphs::Unicode },
    };
    tui::run(show).unwrap();
}

/// Gives no packet, and panics a while after the interface has come up.
#[derive(Default)]
struct Panicking {
    skipped_blocks: SkippedBlocks,
}

impl PacketSource for Panicking {
    fn next_packet(&mut self) -> Result<Option<Packet<'_>>, Error> {
        std::thread::sleep(std::time::Duration::from_millis(1_500));
        panic!("{MESSAGE}");
    }

    fn name(&self) -> &'static str {
        "panicking"
    }

    fn position(&self) -> u64 {
        0
    }

    fn secrets(&self) -> &[Secrets] {
        &[]
    }

    fn skipped_blocks(&self) -> &SkippedBlocks {
        &self.skipped_blocks
    }

    fn dropped(&mut self) -> u64 {
        0
    }
}

/// Set for the program that panics.
const PANIC: &str = "WSLENS_TEST_PANIC";

const MESSAGE: &str = "this panic is a test";

//! Reading the capture while the interface shows what was read.

use std::fs::File;
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread;

use crate::analysis::Options;
use crate::capture::{self, Error, Packet, PacketSource, Spool};
use crate::findings::{Reading, Settings};
use crate::pipeline::Pipeline;
use crate::timeline::Timeline;
use crate::tui::app::{Notice, Stage, Tone};
use crate::tui::export::Extract;

/// What the interface and the thread that reads have in common.
#[derive(Debug)]
pub struct Shared {
    timeline: Mutex<Timeline>,
    /// The interface wants the timeline: the reader waits.
    wanted: AtomicBool,
    /// The reader is to stop.
    stop: AtomicBool,
    position: AtomicU64,
    stage: Mutex<Stage>,
    /// Something that the interface is to say.
    notice: Mutex<Option<Notice>>,
}

/// What is to be read.
pub struct Source {
    /// Gives the packets.
    pub packets: Box<dyn PacketSource + Send>,
    /// Keeps them, where they cannot be read twice.
    pub spool: Option<Spool>,
    /// How many packets are wanted.
    pub count: u64,
    /// How to analyze them.
    pub options: Options,
}

impl Shared {
    /// Makes an empty timeline to be filled.
    pub fn new(stage: Stage) -> Self {
        Self {
            timeline: Mutex::new(Timeline::new()),
            wanted: AtomicBool::new(false),
            stop: AtomicBool::new(false),
            position: AtomicU64::new(0),
            stage: Mutex::new(stage),
            notice: Mutex::new(None),
        }
    }

    /// The timeline, for the interface: the reader lets it have its turn.
    pub fn timeline(&self) -> MutexGuard<'_, Timeline> {
        self.wanted.store(true, Ordering::Release);
        let timeline = self.timeline.lock().unwrap_or_else(PoisonError::into_inner);
        self.wanted.store(false, Ordering::Release);
        timeline
    }

    /// How far the reader is.
    pub fn stage(&self) -> Stage {
        self.stage.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Bytes of the capture that were read.
    pub fn position(&self) -> u64 {
        self.position.load(Ordering::Relaxed)
    }

    /// Something that the interface is to say.
    pub fn take_notice(&self) -> Option<Notice> {
        self.notice.lock().unwrap_or_else(PoisonError::into_inner).take()
    }

    /// Tells the reader to stop.
    pub fn stop(&self) {
        self.stop.store(true, Ordering::Release);
    }

    fn with_timeline<T>(&self, work: impl FnOnce(&mut Timeline) -> T) -> T {
        while self.wanted.load(Ordering::Acquire) {
            thread::yield_now();
        }
        work(&mut self.timeline.lock().unwrap_or_else(PoisonError::into_inner))
    }

    fn end(&self, stage: Stage) {
        *self.stage.lock().unwrap_or_else(PoisonError::into_inner) = stage;
    }
}

/// Starts to read. The thread ends with the capture, or when it is told to stop.
#[expect(clippy::disallowed_methods, reason = "the interface must not wait for the capture")]
pub fn start(source: Source, shared: Arc<Shared>) {
    thread::spawn(move || {
        let stage = read(source, &shared);
        shared.end(stage);
    });
}

/// Starts to write the packets of a connection of the first file to the second one; what came of it
/// is said when it is done.
#[expect(clippy::disallowed_methods, reason = "the interface must not wait for the capture")]
pub fn extract(
    (extract, capture): (Extract, PathBuf),
    (file, path): (File, String),
    shared: Arc<Shared>,
) {
    thread::spawn(move || {
        let notice = match extract.run(&capture, file) {
            Ok(count) => {
                Notice { tone: Tone::Done, text: format!("{count} packets written to {path}") }
            }
            Err(error) => Notice { tone: Tone::Failed, text: format!("{path}: {error}") },
        };
        *shared.notice.lock().unwrap_or_else(PoisonError::into_inner) = Some(notice);
    });
}

/// Reads to the end, on this thread.
pub fn read(mut source: Source, shared: &Shared) -> Stage {
    let mut pipeline = Pipeline::new(source.options.clone(), Settings::default());
    let (stage, failure) = match packets(&mut source, &mut pipeline, shared) {
        Ok(stage) => (stage, None),
        Err(error) => (Stage::Broken(error.to_string()), Some(error.to_string())),
    };
    let skipped: Vec<String> = source.packets.notices().list().iter().map(in_words).collect();
    let reading = Reading {
        packets: pipeline.totals().packets,
        damage: failure.as_deref(),
        skipped: &skipped,
        dropped: source.packets.dropped(),
    };
    if stage != Stage::Cancelled {
        shared.with_timeline(|timeline| pipeline.finish(&reading, timeline));
    }
    shared.position.store(source.packets.position(), Ordering::Relaxed);
    stage
}

fn packets(source: &mut Source, pipeline: &mut Pipeline, shared: &Shared) -> Result<Stage, Error> {
    let mut count = 0_u64;
    let mut secrets = 0;
    while count < source.count {
        if shared.stop.load(Ordering::Acquire) {
            return Ok(Stage::Cancelled);
        }
        // Without the timeline: the next packet may take a while to come.
        let Some(packet) = source.packets.next_packet()? else { break };
        count = count.saturating_add(1);
        let packet = match &source.spool {
            Some(spool) => Packet { file_offset: spool.push(&packet)?, ..packet },
            None => packet,
        };
        shared.with_timeline(|timeline| {
            timeline.packet(&packet);
            pipeline.push(&packet, timeline);
        });
        for more in source.packets.secrets().iter().skip(secrets) {
            secrets = secrets.saturating_add(1);
            if more.is_key_log() {
                // What cannot be read in it is of no use, and no failure of ours.
                pipeline.add_secrets(&more.data).ok();
            }
        }
        if count.is_multiple_of(PROGRESS_INTERVAL) {
            shared.position.store(source.packets.position(), Ordering::Relaxed);
        }
    }
    Ok(Stage::Whole)
}

fn in_words(capture::Notice { offset, after, fault }: &capture::Notice) -> String {
    format!("damaged block at byte {offset}, behind packet {after}, skipped: {fault}")
}

/// Packets between two looks at the position.
const PROGRESS_INTERVAL: u64 = 256;

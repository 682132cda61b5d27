//! Reading the capture while the interface shows what was read.

use std::fs::File;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread::{self, JoinHandle};

use crate::analysis::AnalyzerOptions;
use crate::capture::live::SocketOwners;
use crate::capture::{self, Error, GrowingFiles, Packet, PacketLog, PacketSource, Spool};
use crate::findings::{ConnectionName, GroupReports, Reading, Settings};
use crate::pipeline::Pipeline;
use crate::stream::Timestamp;
use crate::text::amount::size;
use crate::timeline::Timeline;
use crate::tls::KeyLog;
use crate::tui::QuitPolicy;
use crate::tui::export::{Extract, Origin};
use crate::tui::world::{LoadStage, StatusNotice, Tone};

/// What the interface and the thread that reads have in common.
#[derive(Debug)]
pub struct SharedTimeline {
    timeline: Mutex<Timeline>,
    /// The interface wants the timeline: the reader waits.
    wanted: AtomicBool,
    /// The reader is to stop, and so is the capture, which may be what it waits for.
    stop: Arc<AtomicBool>,
    /// Whether that ends the source of packets at once, after those already received.
    ending: QuitPolicy,
    /// Nobody wants the rest any more.
    quit: AtomicBool,
    /// Packets are pushed into it, until the reader or the interface finishes it.
    pipeline: Mutex<Option<Pipeline>>,
    position: AtomicU64,
    /// Packets that the capturing machine lost.
    dropped: AtomicU64,
    stage: Mutex<LoadStage>,
    /// The secrets that were known when it was finished.
    keylog: Mutex<KeyLog>,
    /// Something that the interface is to say.
    notice: Mutex<Option<StatusNotice>>,
}

/// What is to be read.
pub struct LoaderSource {
    /// Gives the packets.
    pub packets: Box<dyn PacketSource + Send>,
    /// Keeps them, where they cannot be read twice.
    pub spool: Option<PacketLog>,
    /// How many packets are wanted.
    pub count: u64,
    /// How to analyze them.
    pub options: AnalyzerOptions,
    /// The connections that the user named.
    pub named: Vec<ConnectionName>,
    /// Who owns the sockets of this machine, where it is captured live and the system tells.
    pub owners: Option<SocketOwners>,
    /// Key logs that grow while packets are captured.
    pub keylogs: GrowingFiles,
}

impl SharedTimeline {
    /// Makes an empty timeline to be filled.
    pub fn new(stage: LoadStage) -> Self {
        Self::with_stop(stage, Arc::default(), QuitPolicy::Perhaps)
    }

    /// The same, where setting `stop` ends the capture, too.
    pub fn with_stop(stage: LoadStage, stop: Arc<AtomicBool>, ending: QuitPolicy) -> Self {
        Self {
            timeline: Mutex::new(Timeline::new()),
            wanted: AtomicBool::new(false),
            stop,
            ending,
            quit: AtomicBool::new(false),
            pipeline: Mutex::new(None),
            position: AtomicU64::new(0),
            dropped: AtomicU64::new(0),
            stage: Mutex::new(stage),
            keylog: Mutex::default(),
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
    pub fn stage(&self) -> LoadStage {
        self.stage.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Bytes of the capture that were read.
    pub fn position(&self) -> u64 {
        self.position.load(Ordering::Relaxed)
    }

    /// Something that the interface is to say.
    pub fn take_notice(&self) -> Option<StatusNotice> {
        self.notice.lock().unwrap_or_else(PoisonError::into_inner).take()
    }

    /// Packets that the capturing machine lost, as far as that is known.
    pub fn dropped(&self) -> u64 {
        self.dropped.load(Ordering::Relaxed)
    }

    fn say(&self, notice: StatusNotice) {
        *self.notice.lock().unwrap_or_else(PoisonError::into_inner) = Some(notice);
    }

    /// Asks the reader to stop.
    pub fn stop(&self) {
        self.stop.store(true, Ordering::Release);
    }

    /// Asks the reader to stop without reading what has already arrived.
    pub fn quit(&self) {
        self.quit.store(true, Ordering::Release);
        self.stop();
    }

    /// Whether the reader is to read nothing more. One whose source ends at once reads what has come until
    /// then.
    fn is_over(&self) -> bool {
        let stop = match self.ending {
            QuitPolicy::AtOnce => &self.quit,
            QuitPolicy::Perhaps => self.stop.as_ref(),
        };
        stop.load(Ordering::Acquire)
    }

    /// Whether the reader may wait for a packet that never comes, though it was asked to stop.
    pub fn may_wait(&self) -> bool {
        self.ending == QuitPolicy::Perhaps || self.quit.load(Ordering::Acquire)
    }

    /// Ends the capture with all that has come, for a reader that was asked to stop and waits for a packet that
    /// never comes. The caller must not hold the timeline.
    pub fn give_up(&self) {
        if self.finish(&Reading { dropped: self.dropped(), ..Reading::default() }) {
            self.end(LoadStage::Stopped);
        }
    }

    /// Ends the capture, unless that was done; returns whether it was not.
    fn finish(&self, reading: &Reading<'_>) -> bool {
        let Some(mut pipeline) = self.pipeline().take() else { return false };
        let reading = Reading { packets: pipeline.totals().packets, ..*reading };
        self.with_timeline(|timeline| pipeline.finish(&reading, timeline));
        *self.keylog.lock().unwrap_or_else(PoisonError::into_inner) = pipeline.keylog().clone();
        true
    }

    /// The TLS secrets that are known.
    fn keylog(&self) -> KeyLog {
        match self.pipeline().as_ref() {
            Some(pipeline) => pipeline.keylog().clone(),
            None => self.keylog.lock().unwrap_or_else(PoisonError::into_inner).clone(),
        }
    }

    fn pipeline(&self) -> MutexGuard<'_, Option<Pipeline>> {
        self.pipeline.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn with_timeline<T>(&self, work: impl FnOnce(&mut Timeline) -> T) -> T {
        while self.wanted.load(Ordering::Acquire) {
            thread::yield_now();
        }
        work(&mut self.timeline.lock().unwrap_or_else(PoisonError::into_inner))
    }

    fn end(&self, stage: LoadStage) {
        *self.stage.lock().unwrap_or_else(PoisonError::into_inner) = stage;
    }
}

/// Starts to read. The thread ends with the capture, or when it is asked to stop.
#[expect(clippy::disallowed_methods, reason = "the interface must not wait for the capture")]
pub fn start(source: LoaderSource, shared: Arc<SharedTimeline>) -> JoinHandle<()> {
    thread::spawn(move || {
        let stage = read(source, &shared);
        shared.end(stage);
    })
}

/// Starts to write the packets of a connection to a file; what came of it is said when it is done.
#[expect(clippy::disallowed_methods, reason = "the interface must not wait for the capture")]
pub fn extract(
    (extract, from): (Extract, Origin),
    (file, path): (File, String),
    shared: Arc<SharedTimeline>,
) {
    thread::spawn(move || {
        let notice = match extract.run(&from, &shared.keylog(), file) {
            Ok(count) => StatusNotice {
                tone: Tone::Done,
                text: format!("{count} packets written to {path}{}", extract.addition()),
            },
            Err(error) => StatusNotice { tone: Tone::Failed, text: format!("{path}: {error}") },
        };
        shared.say(notice);
    });
}

/// Reads to the end, on this thread.
pub fn read(mut source: LoaderSource, shared: &SharedTimeline) -> LoadStage {
    let is_live = shared.stage() == LoadStage::Live;
    let groups = if is_live { GroupReports::Early } else { GroupReports::AtEnd };
    let settings = Settings { groups, ..Settings::default() };
    let pipeline = Pipeline::new(source.options.clone(), settings);
    *shared.pipeline() = Some(pipeline.with_named(source.named.clone()));
    let (stage, failure) = match packets(&mut source, shared) {
        Ok(stage) => (stage, None),
        Err(error) => (LoadStage::Broken(error.to_string()), Some(error.to_string())),
    };
    let closed = source.packets.close();
    let (stage, failure) = match (closed, failure) {
        (Err(error), None) => (LoadStage::Broken(error.to_string()), Some(error.to_string())),
        (Ok(()) | Err(_), failure) => (stage, failure),
    };
    let skipped: Vec<String> =
        source.packets.skipped_blocks().list().iter().map(in_words).collect();
    let dropped = source.packets.dropped();
    let reading = Reading {
        packets: 0,
        damage: failure.as_deref(),
        skipped: &skipped,
        dropped,
        files: source.packets.files(),
        last_evicted: source.spool.as_ref().and_then(|journal| journal.spool().evicted()),
    };
    shared.dropped.store(reading.dropped, Ordering::Relaxed);
    if stage != LoadStage::Cancelled {
        shared.finish(&reading);
    }
    shared.position.store(source.packets.position(), Ordering::Relaxed);
    stage
}

fn packets(source: &mut LoaderSource, shared: &SharedTimeline) -> Result<LoadStage, Error> {
    let is_live = shared.stage() == LoadStage::Live;
    let stopped = if is_live { LoadStage::Stopped } else { LoadStage::Cancelled };
    let mut count = 0_u64;
    let mut asked = Timestamp(0);
    // Said once.
    let mut full = false;
    if let Some(pipeline) = shared.pipeline().as_mut() {
        pipeline.learn_secrets(source.packets.as_mut());
    }
    while count < source.count {
        if shared.is_over() {
            return Ok(stopped);
        }
        if !source.keylogs.is_empty() {
            follow_key_logs(source, shared);
        }
        // Without the timeline: the next packet may take a while to come.
        let Some(packet) = source.packets.next_packet()? else { break };
        count = count.saturating_add(1);
        let packet = match &mut source.spool {
            Some(spool) => Packet { file_offset: spool.push(&packet)?, ..packet },
            None => packet,
        };
        let time = packet.time;
        let mut pipeline = shared.pipeline();
        let Some(pipeline) = pipeline.as_mut() else { return Ok(stopped) };
        shared.with_timeline(|timeline| {
            timeline.packet(&packet);
            pipeline.push(&packet, timeline);
        });
        if let Some(owners) = &mut source.owners {
            pipeline.learn_sockets(owners, time);
        }
        if is_live && time.since(asked) >= DROPPED_INTERVAL {
            asked = time;
            shared.dropped.store(source.packets.dropped(), Ordering::Relaxed);
        }
        pipeline.learn_secrets(source.packets.as_mut());
        if count.is_multiple_of(PROGRESS_INTERVAL) {
            let spool = source.spool.as_ref().map(PacketLog::spool);
            if !full && let Some(spool) = spool.filter(|it| it.evicted().is_some()) {
                full = true;
                shared.say(StatusNotice { tone: Tone::Failed, text: eviction_text(spool) });
            }
            shared.position.store(source.packets.position(), Ordering::Relaxed);
        }
    }
    if !source.keylogs.is_empty()
        && let Some(pipeline) = shared.pipeline().as_mut()
    {
        let lines = source.keylogs.read_rest();
        shared.with_timeline(|timeline| pipeline.learn_key_log(&lines, timeline));
    }
    let is_stopped = shared.stop.load(Ordering::Acquire);
    Ok(if is_stopped { stopped } else { LoadStage::Whole })
}

/// Adds what key logs have got, until the next packet is there or no more secrets are awaited.
fn follow_key_logs(source: &mut LoaderSource, shared: &SharedTimeline) {
    source.keylogs.follow(source.packets.as_ref(), |lines| {
        let mut pipeline = shared.pipeline();
        let Some(pipeline) = pipeline.as_mut().filter(|_| !shared.is_over()) else { return false };
        shared.with_timeline(|timeline| pipeline.learn_key_log(lines, timeline))
    });
}

fn eviction_text(spool: &Spool) -> String {
    let mut text = "CAP-09 the oldest packets are discarded: the newest ".to_owned();
    size(&mut text, spool.limit());
    text.push_str(" can be opened (--spool-limit)");
    text
}

fn in_words(capture::SkippedBlock { offset, after, damage }: &capture::SkippedBlock) -> String {
    format!("damaged block at byte {offset}, after packet {after}, skipped: {damage}")
}

/// Nanoseconds of the capture between two looks at what was lost.
const DROPPED_INTERVAL: u64 = 500_000_000;

/// Packets between two looks at the position.
const PROGRESS_INTERVAL: u64 = 256;

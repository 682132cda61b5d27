//! The loop that every subcommand about a capture runs: packets in, a report out.

use std::io::{self, Write as _};
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use super::capture::{OpenedCapture, SourceKind, absent_connection};
use super::progress::{ProgressIndicator, Scrolling};
use super::{ExitStatus, Remark, hint, signals};
use crate::capture::{Packet, PacketSource, SkippedBlock, SkippedBlocks};
use crate::findings::Reading;
use crate::journal::Hindsight;
use crate::pipeline::Pipeline;
use crate::report::Report;
use crate::stream::length_u64;
use crate::timeline::filter::Filter;

/// Reads a capture to its end, and writes the report.
///
/// # Errors
///
/// When the report cannot be written. When the capture is damaged, everything before the damage is
/// in the report. A capture without packets is a [`Remark`]. If it lacks a connection that the user
/// asked for.
pub(super) fn drive<R: Report>(
    mut opened: OpenedCapture,
    mut pipeline: Pipeline,
    scrolling: Scrolling,
    report: &mut R,
) -> anyhow::Result<()> {
    match opened.kind {
        SourceKind::File => {}
        SourceKind::Stream | SourceKind::Live if opened.ends_with_command => {}
        SourceKind::Stream | SourceKind::Live => signals::stop_at_first(&opened.stop, || {})?,
    }
    let progress = ProgressIndicator::new(opened.length, scrolling);
    let outcome = read(&mut opened, &progress, &mut pipeline, report);
    progress.clear();
    let closed = opened.source.close();
    let failure = match outcome {
        Ok(()) => closed.err(),
        Err(StopReason::Output(error)) => return Err(error.into()),
        Err(StopReason::Capture(error)) => Some(error),
    };
    let damage = failure.as_ref().map(ToString::to_string);
    let skipped = skipped(opened.source.skipped_blocks());
    let packets = pipeline.totals().packets;
    let dropped = opened.source.dropped();
    let reading = Reading {
        packets,
        damage: damage.as_deref(),
        skipped: &skipped,
        dropped,
        files: opened.source.files(),
        last_evicted: None,
    };
    let is_given = pipeline.keylog().is_given();
    let summary = pipeline.finish(&reading, report);
    report.finish(&summary)?;
    if summary.encrypted > 0
        && !is_given
        && let Some(hint) = hint::about_secrets()
    {
        // Nothing can be done if standard error is gone.
        writeln!(io::stderr(), "wslens: {hint}").ok();
    }
    let name = opened.source.name();
    let absent = absent_connection(&opened.wanted, summary.totals.connections, name);
    match (failure, absent) {
        (Some(error), _) => Err(error.into()),
        (None, Some(absent)) if packets > 0 => Err(anyhow::Error::msg(absent)),
        (None, None) if packets > 0 => Ok(()),
        (None, _) => {
            let text = format!("{name} has no packets; was the capture filter too narrow?");
            Err(Remark { text, verdict: ExitStatus::Fine }.into())
        }
    }
}

/// Reads a capture before it is reported, if a filter asks for something that is known only later than
/// the entry that it concerns. `open` gives nothing for a capture that can be read only once: its
/// entries are matched with what is known so far.
pub(super) fn look_ahead(
    filter: Option<&Filter>,
    open: impl FnOnce() -> Option<OpenedCapture>,
    pipeline: impl FnOnce() -> Pipeline,
    scrolling: Scrolling,
) -> Option<Arc<Hindsight>> {
    filter.filter(|filter| filter.needs().is_late())?;
    let (mut opened, mut pipeline) = (open()?, pipeline());
    let mut hindsight = Hindsight::new();
    let progress = ProgressIndicator::new(opened.length, scrolling);
    // Damage is reported when the capture is read again.
    read(&mut opened, &progress, &mut pipeline, &mut hindsight).ok();
    progress.clear();
    pipeline.finish(&Reading::default(), &mut hindsight);
    Some(Arc::new(hindsight))
}

/// Why the loop ended early.
enum StopReason {
    /// The capture cannot be read any further.
    Capture(crate::capture::Error),
    /// The report cannot be written any further.
    Output(io::Error),
}

fn read<R: Report>(
    opened: &mut OpenedCapture,
    progress: &ProgressIndicator,
    pipeline: &mut Pipeline,
    report: &mut R,
) -> Result<(), StopReason> {
    let mut flushing = Flushing::new(opened.kind);
    let mut packets = 0_u64;
    let embeds_secrets = opened.source.embeds_secrets();
    pipeline.learn_secrets(opened.source.as_mut());
    while packets < opened.count {
        if !opened.keylogs.is_empty() {
            follow_key_logs(opened, pipeline, report).map_err(StopReason::Output)?;
        }
        // What is captured live ends by itself, with what had come until then.
        if opened.kind == SourceKind::Stream && opened.stop.load(Ordering::Relaxed) {
            break;
        }
        let packet = match opened.source.next_packet() {
            Ok(Some(packet)) => packet,
            Ok(None) => break,
            Err(error) => return Err(StopReason::Capture(error)),
        };
        let (end, time) = (end_of(&packet), packet.time);
        if packets == 0 {
            report.start(opened.start.unwrap_or(packet.time));
        }
        packets = packets.saturating_add(1);
        pipeline.push(&packet, report);
        if let Some(owners) = &mut opened.owners {
            pipeline.learn_sockets(owners, time);
        }
        if embeds_secrets {
            // They are needed for the server's answer at the earliest.
            pipeline.learn_secrets(opened.source.as_mut());
        }
        report.check().map_err(StopReason::Output)?;
        if flushing.is_due(opened.source.as_ref(), end, report) {
            report.flush().map_err(StopReason::Output)?;
        }
        if packets.is_multiple_of(PROGRESS_INTERVAL) {
            progress.update(opened.source.position());
        }
    }
    if !opened.keylogs.is_empty() {
        pipeline.learn_key_log(&opened.keylogs.read_rest(), report);
    }
    Ok(())
}

/// Adds what key logs have got, until the next packet is there or no more secrets are awaited.
fn follow_key_logs<R: Report>(
    opened: &mut OpenedCapture,
    pipeline: &mut Pipeline,
    report: &mut R,
) -> io::Result<()> {
    let OpenedCapture { keylogs, source, .. } = opened;
    keylogs.follow(source.as_ref(), |lines| {
        let awaits = pipeline.learn_key_log(lines, report);
        if !lines.is_empty() && report.is_pending() {
            // What it reports is checked after the next packet.
            report.flush().ok();
        }
        awaits
    });
    report.check()
}

/// Where a packet ends in its file.
fn end_of(packet: &Packet<'_>) -> u64 {
    packet.file_offset.saturating_add(length_u64(packet.bytes.len()))
}

/// When lines are handed over before the buffer is full: a reader waits for those of a source that
/// makes us wait.
struct Flushing {
    kind: SourceKind,
    latest: Instant,
}

impl Flushing {
    fn new(kind: SourceKind) -> Self {
        Self { kind, latest: now() }
    }

    /// Whether to flush after a packet that ends at `end`.
    fn is_due(&mut self, source: &dyn PacketSource, end: u64, report: &impl Report) -> bool {
        match self.kind {
            SourceKind::File => false,
            SourceKind::Live => report.is_pending() && (!source.is_ready() || self.has_waited()),
            SourceKind::Stream => {
                // All that has come so far is read: the next packet is one to wait for.
                report.is_pending()
                    && (source.position().saturating_sub(end) <= BETWEEN_PACKETS
                        || self.has_waited())
            }
        }
    }

    /// Whether lines have waited long enough.
    fn has_waited(&mut self) -> bool {
        let due = self.latest.elapsed() >= FLUSH_INTERVAL;
        if due {
            self.latest = now();
        }
        due
    }
}

#[expect(clippy::disallowed_methods, reason = "how long a reader waits is a matter of wall time")]
fn now() -> Instant {
    Instant::now()
}

/// The damaged blocks that were skipped, in words.
fn skipped(notices: &SkippedBlocks) -> Vec<String> {
    let mut texts: Vec<String> = notices.list().iter().map(in_words).collect();
    if notices.omitted() > 0 {
        texts.push(format!("{} more damaged blocks were skipped", notices.omitted()));
    }
    texts
}

fn in_words(SkippedBlock { offset, after, damage }: &SkippedBlock) -> String {
    format!("damaged block at byte {offset}, after packet {after}, skipped: {damage}")
}

/// Packets between two looks at the progress.
const PROGRESS_INTERVAL: u64 = 1024;

/// How long lines wait at most while packets come, so that a pipe looks alive.
const FLUSH_INTERVAL: Duration = Duration::from_millis(50);

/// Bytes that may be between the end of a packet and the next header: padding, and options of pcapng.
const BETWEEN_PACKETS: u64 = 64;

//! Taking things out: a payload, the rows that are shown, the packets of a connection.

use std::collections::BTreeSet;
use std::fs::File;
use std::io::{self, BufWriter};
use std::net::SocketAddr;
use std::ops::Range;
use std::path::Path;

use crate::capture::{
    CaptureFiles, EmbeddedSecrets, LoggedPacket, Packet, PacketLogReader, PacketPlace, PacketStore,
    PcapngWriter, Secrets,
};
use crate::decode::{Decoded, Decoder, Limits, Segment};
use crate::findings::Peers;
use crate::report::ndjson::{Ndjson, NdjsonOptions};
use crate::report::style::{Coloring, Style};
use crate::report::text::{Text, TextConnection, TextOptions};
use crate::report::{Detail, Listing, Report, Selection};
use crate::stream::PacketId;
use crate::timeline::{
    ConnectionRow, OpenLimits, Opened, Opener, ResumePoints, Row, RowId, Timeline,
};
use crate::tls::{KeyLog, SessionSecrets};
use crate::tui::chooser::{STREAMS, WORK};
use crate::tui::rows::RowList;
use crate::tui::world::{PendingWork, World};
use crate::websocket::Digest;

/// How messages are written.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum SaveFormat {
    /// A JSON object on each line, as printed.
    Ndjson,
    /// A line of text for each.
    Text,
}

/// What is to be written to a file.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Outgoing {
    /// These bytes.
    Bytes(Vec<u8>),
    /// The messages that are shown.
    Rows(SaveFormat),
    /// The packets of a connection.
    Packets(Extract),
}

/// Where all packets of a capture can be read once more.
#[derive(Clone, Debug)]
pub enum Origin {
    /// In its files.
    Files(CaptureFiles),
    /// Where they were kept while they were read; of a datagram in IP fragments, the last one is not
    /// recognized there.
    Kept(PacketLogReader),
}

impl Origin {
    /// The files of the capture; none if its packets were kept.
    pub fn paths(&self) -> Vec<&Path> {
        match self {
            Self::Files(files) => files.paths().collect(),
            Self::Kept(_) => Vec::new(),
        }
    }
}

/// Which packets are wanted.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Extract {
    peers: BTreeSet<SocketAddr>,
    packets: Range<PacketId>,
    /// The sessions of TLS in them that were decrypted.
    sessions: Vec<[u8; 32]>,
    /// Whether their secrets are wanted as well.
    secrets: EmbeddedSecrets,
}

impl Extract {
    /// Those of a connection, up to the next one between the same peers: its last acknowledgments bring
    /// nothing new, and no row reports them.
    pub fn of(connection: &ConnectionRow, timeline: &Timeline) -> Self {
        let peers = BTreeSet::from([connection.client, connection.server]);
        let first = connection.first.packet;
        let next = timeline
            .connections()
            .iter()
            .filter(|it| it.first.packet > first && BTreeSet::from([it.client, it.server]) == peers)
            .map(|it| it.first.packet)
            .min();
        Self {
            peers,
            packets: first..next.unwrap_or(PacketId(u64::MAX)),
            sessions: connection.decrypted.clone(),
            secrets: EmbeddedSecrets::LeftOut,
        }
    }

    /// Whether it was decrypted, so that there are secrets that could be written.
    pub fn is_decrypted(&self) -> bool {
        !self.sessions.is_empty()
    }

    /// The same with the secrets of the connection.
    #[must_use]
    pub fn with_secrets(self) -> Self {
        Self { secrets: EmbeddedSecrets::Written, ..self }
    }

    /// What is written beside packets, in words.
    pub fn addition(&self) -> &'static str {
        match self.secrets {
            EmbeddedSecrets::Written => ", with the TLS secrets of the connection",
            EmbeddedSecrets::LeftOut => "",
        }
    }

    fn wants(&self, segment: &Segment<'_>) -> bool {
        let peers = [segment.source.socket_address(), segment.destination.socket_address()];
        self.peers == BTreeSet::from(peers)
    }

    /// Reads packets once more, and writes those that are wanted; gives their number. Secrets are written only
    /// if they are wanted, before the packets, from all that are known. A damaged capture is read up to
    /// the damage, as it was before.
    ///
    /// # Errors
    ///
    /// When packets cannot be read, or the file not be written.
    pub fn run(&self, from: &Origin, known: &KeyLog, file: File) -> io::Result<u64> {
        let mut writer = PcapngWriter::new(BufWriter::new(file))?;
        if self.secrets == EmbeddedSecrets::Written {
            let mut secrets = SessionSecrets::default();
            self.sessions.iter().for_each(|random| secrets.add_session(known, *random));
            if !secrets.is_empty() {
                writer.secrets(&Secrets::key_log(secrets.text().bytes()))?;
            }
        }
        match from {
            Origin::Files(files) => self.of_files(files, writer),
            Origin::Kept(past) => self.of_past(past, writer),
        }
    }

    fn of_files(
        &self,
        files: &CaptureFiles,
        mut writer: PcapngWriter<BufWriter<File>>,
    ) -> io::Result<u64> {
        let mut source = files.open().map_err(io::Error::other)?;
        let mut decoder = Decoder::new(Limits::default());
        let (mut count, mut bytes) = (0_u64, Vec::new());
        loop {
            let packet = match source.next_packet() {
                Ok(Some(packet)) if packet.id < self.packets.end => packet,
                Ok(_) => break,
                Err(error) if error.is_damage() => break,
                Err(error) => return Err(io::Error::other(error)),
            };
            // Earlier packets are decoded as well: one may hold the first fragment of a datagram.
            let decoded = decoder.decode(&packet);
            let is_wanted = self.packets.contains(&packet.id)
                && matches!(&decoded, Decoded::Tcp(segment) if self.wants(segment));
            if !is_wanted {
                continue;
            }
            let (place, time) = (PacketPlace::of(&packet), packet.time);
            bytes.clear();
            bytes.extend_from_slice(packet.bytes);
            writer.push(&Packet { time, ..place.packet(&bytes) })?;
            count = count.saturating_add(1);
        }
        writer.finish()?;
        Ok(count)
    }

    /// What was kept is read from its end: first which packets are wanted, then these in their order.
    fn of_past(
        &self,
        past: &PacketLogReader,
        mut writer: PcapngWriter<BufWriter<File>>,
    ) -> io::Result<u64> {
        let mut wanted: Vec<LoggedPacket> = Vec::new();
        let mut bytes = Vec::new();
        let mut next = past.latest().map_err(io::Error::other)?;
        while let Some(kept) = next.filter(|kept| kept.place.id >= self.packets.start) {
            if kept.place.id < self.packets.end {
                past.store().read(&kept.place, &mut bytes).map_err(io::Error::other)?;
                let mut decoder = Decoder::new(Limits::default());
                let decoded = decoder.decode(&kept.place.packet(&bytes));
                if matches!(&decoded, Decoded::Tcp(segment) if self.wants(segment)) {
                    wanted.push(kept);
                }
            }
            // What was dropped is not there any more: what is, is written.
            next = past.before(&kept).unwrap_or(None);
        }
        for kept in wanted.iter().rev() {
            past.store().read(&kept.place, &mut bytes).map_err(io::Error::other)?;
            writer.push(&Packet { time: kept.time, ..kept.place.packet(&bytes) })?;
        }
        writer.finish()?;
        Ok(u64::try_from(wanted.len()).unwrap_or(u64::MAX))
    }
}

/// The messages that are shown, on their way to a file.
#[derive(Debug)]
pub struct Export {
    writer: MessageWriter,
    /// The index in the list of what is written next.
    place: usize,
    /// How many there were when it began: later ones are left out.
    end: usize,
    /// Where rows were read last.
    resume_points: ResumePoints,
    /// Messages written.
    pub count: u64,
    /// Messages that could not be read again.
    pub lost: u64,
}

impl Export {
    /// Begins with the first row of the list.
    pub fn new(format: SaveFormat, rows: &RowList) -> Self {
        let resume_points = ResumePoints::new(STREAMS);
        let writer = match format {
            SaveFormat::Ndjson => MessageWriter::Json,
            SaveFormat::Text => MessageWriter::Text(Box::new(TextWriter::new())),
        };
        Self { writer, place: 0, end: rows.len(), resume_points, count: 0, lost: 0 }
    }

    /// How many rows were written, and of how many.
    pub fn progress(&self) -> (usize, usize) {
        (self.place, self.end)
    }

    /// Writes some rows.
    pub fn step(&mut self, rows: &RowList, world: World<'_>, out: &mut Vec<u8>) -> PendingWork {
        let resume_points = std::mem::take(&mut self.resume_points);
        let mut opener = Opener::resume(world.store, SAVE_LIMITS, resume_points, WORK);
        let stop = self.end.min(self.place.saturating_add(ROWS_PER_STEP));
        while self.place < stop && !opener.is_out_of_budget() {
            let row = rows.at(self.place).and_then(|id| world.timeline.row(id));
            if let Some(row) = row.filter(Row::is_message) {
                match opener.try_open(world.timeline, row.id) {
                    Ok(Some(opened)) => {
                        match &mut self.writer {
                            MessageWriter::Json => {
                                write_json(&row, &opened, SAVE_LIMITS.content, out);
                            }
                            MessageWriter::Text(text) => {
                                text.write(world.timeline, &row, &opened, out);
                            }
                        }
                        self.count = self.count.saturating_add(1);
                    }
                    Ok(None) => break,
                    Err(_) => self.lost = self.lost.saturating_add(1),
                }
            }
            self.place = self.place.saturating_add(1);
        }
        self.resume_points = opener.into_resume_points();
        if self.place < self.end { PendingWork::More } else { PendingWork::Nothing }
    }
}

/// Rows that are written before keys are examined.
const ROWS_PER_STEP: usize = 64;

/// What lines are written with.
#[derive(Debug)]
enum MessageWriter {
    Json,
    Text(Box<TextWriter>),
}

/// Writes messages as `print` does, in lines as long as they need to be.
#[derive(Debug)]
struct TextWriter {
    lines: Text<Vec<u8>>,
    /// The row up to which numbers were counted, and how many there are.
    next: RowId,
    number: u64,
}

impl TextWriter {
    fn new() -> Self {
        let lines = Text::new(
            Vec::new(),
            TextOptions {
                selection: Selection::default(),
                detail: Detail::Messages,
                findings: Listing::No,
                style: Style::new(Coloring::Off),
                columns: Some(usize::MAX),
            },
        );
        Self { lines, next: RowId(0), number: 0 }
    }

    fn write(&mut self, timeline: &Timeline, row: &Row, opened: &Opened, out: &mut Vec<u8>) {
        let Some(message) = opened.message(row) else { return };
        let Some(connection) = timeline.connection(row.connection) else { return };
        self.lines.start(timeline.start());
        let rows = (self.next.0..=row.id.0).filter_map(|id| timeline.row(RowId(id)));
        let numbered = rows.filter(Row::is_numbered).count();
        self.number = self.number.saturating_add(u64::try_from(numbered).unwrap_or(u64::MAX));
        self.next = RowId(row.id.0.saturating_add(1));
        let connection = TextConnection {
            id: connection.id,
            peers: Peers { client: connection.client, server: connection.server },
            opened: connection.first.time,
        };
        let findings = row.worst.into_iter().flat_map(|_| timeline.findings_of(row.id));
        let found = findings.map(|it| it.finding.clone());
        self.lines.saved_message(self.number, &connection, row.direction, &message, found);
        out.append(&mut self.lines.take());
    }
}

/// Appends a message as one line of JSON, line end included; nothing for a row that is not a message. At
/// most `keep` bytes of its content were read.
pub fn write_json(row: &Row, opened: &Opened, keep: usize, out: &mut Vec<u8>) {
    let Some(message) = opened.message(row) else { return };
    let options = NdjsonOptions {
        selection: Selection::default(),
        detail: Detail::Messages,
        findings: Listing::No,
        max_payload: keep,
    };
    let mut lines = Ndjson::new(out, options);
    lines.message(row.connection, row.time, row.direction, &message);
    // Writing into memory does not fail.
    lines.flush().ok();
}

/// What is read of a message to save it: as much of its content as filters look at, and all of it for
/// the digest.
pub const SAVE_LIMITS: OpenLimits = OpenLimits {
    content: 1 << 20,
    wire: 300 << 20,
    carried: 0,
    inflated_bytes: 256 << 20,
    digest: Digest::Wanted,
};

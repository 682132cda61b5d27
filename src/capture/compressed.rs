//! Decompression of gzip and zstd files while they are read.

use std::fmt;
use std::io::{self, BufRead, BufReader, Read};

use flate2::bufread::MultiGzDecoder;
use ruzstd::decoding::errors::{FrameDecoderError, ReadFrameHeaderError};
use ruzstd::decoding::{BlockDecodingStrategy, FrameDecoder};

use super::error::{CompressionFormat, Flaw};

/// The failure of a decompressor, carried through [`io::Error`].
#[derive(Debug)]
pub(super) struct Undecodable {
    pub(super) flaw: Flaw,
}

impl fmt::Display for Undecodable {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.flaw.fmt(f)
    }
}

impl std::error::Error for Undecodable {}

impl Undecodable {
    fn error(flaw: Flaw) -> io::Error {
        io::Error::new(io::ErrorKind::InvalidData, Self { flaw })
    }
}

/// Recognizes a compressed file by its first bytes.
pub(super) fn recognize(first: &[u8]) -> Option<CompressionFormat> {
    match first {
        [0x1f, 0x8b, ..] => Some(CompressionFormat::Gzip),
        // RFC 8878, 3.1.1 and 3.1.2: a frame, or one of 16 kinds of skippable frames.
        [0x28, 0xb5, 0x2f, 0xfd, ..] | [0x50..=0x5f, 0x2a, 0x4d, 0x18, ..] => {
            Some(CompressionFormat::Zstd)
        }
        _ => None,
    }
}

/// Reads the content of a compressed file.
pub(super) fn decompress(
    compression: CompressionFormat,
    reader: Box<dyn Read + Send>,
) -> Box<dyn Read + Send> {
    let source = BufReader::with_capacity(SOURCE_LENGTH, Watched { reader, failure: None });
    match compression {
        CompressionFormat::Gzip => Box::new(Gzip { decoder: MultiGzDecoder::new(source) }),
        CompressionFormat::Zstd => Box::new(Zstd::new(source)),
    }
}

/// A reader that keeps its own failure, which decoders wrap beyond recognition.
struct Watched {
    reader: Box<dyn Read + Send>,
    failure: Option<io::Error>,
}

impl Read for Watched {
    fn read(&mut self, target: &mut [u8]) -> io::Result<usize> {
        loop {
            match self.reader.read(target) {
                Ok(count) => return Ok(count),
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => {
                    let kind = error.kind();
                    self.failure = Some(error);
                    return Err(kind.into());
                }
            }
        }
    }
}

/// What went wrong: the reader below, else the compressed data.
fn failure(source: &mut BufReader<Watched>, compression: CompressionFormat) -> io::Error {
    if let Some(error) = source.get_mut().failure.take() {
        return error;
    }
    Undecodable::error(match source.fill_buf() {
        Ok([]) => Flaw::CutShort(compression),
        Ok(_) | Err(_) => Flaw::Corrupt(compression),
    })
}

/// A gzip file of one or more members.
struct Gzip {
    decoder: MultiGzDecoder<BufReader<Watched>>,
}

impl Read for Gzip {
    fn read(&mut self, target: &mut [u8]) -> io::Result<usize> {
        self.decoder.read(target).map_err(|error| match error.kind() {
            // A wrong checksum is at the end of the data as well.
            io::ErrorKind::InvalidInput | io::ErrorKind::InvalidData => {
                Undecodable::error(Flaw::Corrupt(CompressionFormat::Gzip))
            }
            _ => failure(self.decoder.get_mut(), CompressionFormat::Gzip),
        })
    }
}

/// A zstd file of one or more frames, skippable ones among them.
struct Zstd {
    source: BufReader<Watched>,
    decoder: FrameDecoder,
    state: ZstdState,
    /// Returned after everything decoded before it has been read.
    failure: Option<io::Error>,
}

/// Where a zstd file is being read.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum ZstdState {
    /// Between two frames.
    Between,
    /// In a frame.
    Frame,
    /// At the end, or after a failure.
    End,
}

impl Zstd {
    fn new(source: BufReader<Watched>) -> Self {
        let mut decoder = FrameDecoder::new();
        decoder.set_max_window_size(MAX_WINDOW);
        Self { source, decoder, state: ZstdState::Between, failure: None }
    }

    /// Reads the header of the next frame, or skips a skippable one.
    fn next_frame(&mut self) -> io::Result<()> {
        if self.source.fill_buf()?.is_empty() {
            self.state = ZstdState::End;
            return Ok(());
        }
        match self.decoder.init(&mut self.source) {
            Ok(()) => self.state = ZstdState::Frame,
            Err(FrameDecoderError::ReadFrameHeaderError(ReadFrameHeaderError::SkipFrame {
                length,
                ..
            })) => {
                let length = u64::from(length);
                let skipped = io::copy(&mut (&mut self.source).take(length), &mut io::sink());
                if !skipped.is_ok_and(|skipped| skipped == length) {
                    return Err(failure(&mut self.source, CompressionFormat::Zstd));
                }
            }
            Err(_) => return Err(failure(&mut self.source, CompressionFormat::Zstd)),
        }
        Ok(())
    }

    /// Decodes until something can be read or the frame ends.
    fn next_block(&mut self) {
        while self.decoder.can_collect() == 0 && !self.decoder.is_finished() {
            let step = BlockDecodingStrategy::UptoBlocks(1);
            if self.decoder.decode_blocks(&mut self.source, step).is_err() {
                self.failure = Some(failure(&mut self.source, CompressionFormat::Zstd));
                // The decoder holds back a window of what it decoded until the frame's last
                // block, so it gets one. This cannot fail: the block is complete and empty.
                let _result = self.decoder.decode_blocks(LAST_BLOCK, BlockDecodingStrategy::All);
                return;
            }
        }
    }

    /// Compares the checksum at the end of a frame, if there is one.
    fn end_frame(&mut self) -> io::Result<()> {
        self.state = ZstdState::Between;
        if let Some(error) = self.failure.take() {
            return Err(error);
        }
        let given = self.decoder.get_checksum_from_data();
        if given.is_some() && given != self.decoder.get_calculated_checksum() {
            return Err(Undecodable::error(Flaw::Corrupt(CompressionFormat::Zstd)));
        }
        Ok(())
    }

    fn step(&mut self, target: &mut [u8]) -> io::Result<usize> {
        loop {
            match self.state {
                ZstdState::End => return Ok(0),
                ZstdState::Between => self.next_frame()?,
                ZstdState::Frame => {
                    self.next_block();
                    if self.decoder.can_collect() == 0 {
                        self.end_frame()?;
                    } else {
                        return self.decoder.read(target);
                    }
                }
            }
        }
    }
}

impl Read for Zstd {
    fn read(&mut self, target: &mut [u8]) -> io::Result<usize> {
        if target.is_empty() {
            return Ok(0);
        }
        let result = self.step(target);
        if result.is_err() {
            self.state = ZstdState::End;
        }
        result
    }
}

/// Compressed bytes read at once.
const SOURCE_LENGTH: usize = 256 << 10;

/// The largest window of a zstd frame, in bytes: what `zstd -d` accepts by default.
const MAX_WINDOW: u64 = 128 << 20;

/// RFC 8878, 3.1.1.2: an empty raw block with `Last_Block` set, and room for a checksum.
const LAST_BLOCK: &[u8] = &[1, 0, 0, 0, 0, 0, 0];

//! One reader for every compression a package member may have.

use super::{Error, Limits};
use std::io::{self, BufRead, BufReader, Read, Take};

/// Bytes read from the package at a time, and handed on at a time: large enough that calls cost nothing.
const BUFFER: usize = 128 << 10;

/// A member of the outer archive being decoded.
pub(super) enum Decoder<R: Read> {
    Plain(Input<R>),
    Gz(Box<flate2::bufread::MultiGzDecoder<Input<R>>>),
    Xz(liblzma::bufread::XzDecoder<Input<R>>),
    Zst(zstd::stream::read::Decoder<'static, Input<R>>),
    Bz2(bzip2::bufread::MultiBzDecoder<Input<R>>),
}

type Input<R> = BufReader<Take<R>>;

impl<R: Read> Decoder<R> {
    /// Decodes `member`, whose name is `part`; the compression is what follows `.tar` in it.
    pub(super) fn new(part: &str, member: Take<R>, limits: &Limits) -> Result<Self, Error> {
        let suffix = part.rsplit_once(".tar").map_or("", |(_, suffix)| suffix);
        let input = BufReader::with_capacity(BUFFER, member);
        let liblzma = |stream: Result<liblzma::stream::Stream, liblzma::stream::Error>| {
            stream.map_err(|error| Error::from_io(part, io::Error::other(error)))
        };
        Ok(match suffix {
            "" => Self::Plain(input),
            ".gz" => Self::Gz(Box::new(flate2::bufread::MultiGzDecoder::new(input))),
            ".xz" => {
                let ignore = if limits.inner_checksums { 0 } else { liblzma::stream::IGNORE_CHECK };
                let flags = liblzma::stream::CONCATENATED | ignore;
                let stream = liblzma(liblzma::stream::Stream::new_stream_decoder(limits.decoder_memory, flags))?;
                Self::Xz(liblzma::bufread::XzDecoder::new_stream(input, stream))
            }
            ".lzma" => {
                let stream = liblzma(liblzma::stream::Stream::new_lzma_decoder(limits.decoder_memory))?;
                Self::Xz(liblzma::bufread::XzDecoder::new_stream(input, stream))
            }
            ".zst" => {
                let decoder = zstd::stream::read::Decoder::with_buffer(input).and_then(|mut decoder| {
                    // The largest power of two within the limit; zstd's own default is 2^27.
                    decoder.window_log_max(limits.decoder_memory.max(1).ilog2().clamp(10, 31))?;
                    Ok(decoder)
                });
                Self::Zst(decoder.map_err(|error| Error::from_io(part, error))?)
            }
            ".bz2" => Self::Bz2(bzip2::bufread::MultiBzDecoder::new(input)),
            _ => return Err(Error::UnknownCompression { part: part.to_owned() }),
        })
    }

    /// Gives the member back once nothing more decodes; bytes that no decoder took are an error.
    pub(super) fn finish(self, part: &str) -> Result<Take<R>, Error> {
        let mut input = match self {
            Self::Plain(input) => input,
            Self::Gz(decoder) => decoder.into_inner(),
            Self::Xz(decoder) => decoder.into_inner(),
            Self::Zst(decoder) => decoder.finish(),
            Self::Bz2(decoder) => decoder.into_inner(),
        };
        if !input.fill_buf().map_err(|error| Error::from_io(part, error))?.is_empty() {
            return Err(Error::format(part, "something follows its compressed content"));
        }
        let member = input.into_inner();
        if member.limit() > 0 {
            return Err(Error::Truncated { part: part.to_owned() });
        }
        Ok(member)
    }
}

impl<R: Read> Read for Decoder<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        match self {
            Self::Plain(decoder) => decoder.read(buffer),
            Self::Gz(decoder) => decoder.read(buffer),
            Self::Xz(decoder) => decoder.read(buffer),
            Self::Zst(decoder) => decoder.read(buffer),
            Self::Bz2(decoder) => decoder.read(buffer),
        }
    }
}

/// A decoder with a buffer after it and an end to what it may give.
pub(super) struct Bounded<R: Read> {
    part: String,
    decoder: BufReader<Decoder<R>>,
    limit: u64,
    left: u64,
}

impl<R: Read> Bounded<R> {
    pub(super) fn new(part: String, member: Take<R>, limit: u64, limits: &Limits) -> Result<Self, Error> {
        let decoder = BufReader::with_capacity(BUFFER, Decoder::new(&part, member, limits)?);
        Ok(Self { part, decoder, limit, left: limit })
    }

    pub(super) fn part(&self) -> &str {
        &self.part
    }

    /// Some of the bytes that come next; none at the end.
    pub(super) fn chunk(&mut self) -> Result<&[u8], Error> {
        let chunk = self.decoder.fill_buf().map_err(|error| Error::from_io(&self.part, error))?;
        if self.left == 0 && !chunk.is_empty() {
            return Err(Error::TooLarge { part: self.part.clone(), limit: self.limit, unit: "bytes unpacked" });
        }
        let length = chunk.len().min(usize::try_from(self.left).unwrap_or(usize::MAX));
        Ok(&chunk[..length])
    }

    /// Passes over bytes that [`Self::chunk`] gave.
    pub(super) fn consume(&mut self, length: usize) {
        self.left -= length as u64;
        self.decoder.consume(length);
    }

    /// Fills as much of `buffer` as there are bytes.
    pub(super) fn fill(&mut self, buffer: &mut [u8]) -> Result<usize, Error> {
        let mut filled = 0;
        while filled < buffer.len() {
            let chunk = self.chunk()?;
            if chunk.is_empty() {
                break;
            }
            let length = chunk.len().min(buffer.len() - filled);
            buffer[filled..filled + length].copy_from_slice(&chunk[..length]);
            filled += length;
            self.consume(length);
        }
        Ok(filled)
    }

    pub(super) fn finish(self) -> Result<Take<R>, Error> {
        self.decoder.into_inner().finish(&self.part)
    }
}

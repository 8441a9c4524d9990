//! Opens compressed index files as plain byte streams.

use std::io::{self, BufReader, Read};

/// How an index file is compressed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Compression {
    /// Not at all.
    None,
    /// `.gz`
    Gzip,
    /// `.xz`
    Xz,
    /// `.lzma`, the old container of the same algorithm.
    Lzma,
    /// `.zst`
    Zstd,
    /// `.bz2`
    Bzip2,
}

/// Whether a compressed file's own checksums are looked at.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Checks {
    /// They are, where the format has them.
    Verify,
    /// They cost time and say nothing new: a digest proves what comes out.
    Skip,
}

/// A decoder may not take more than this for its dictionary: `xz -9` needs 65 MiB, a hostile header asks for 4 GiB.
const DECODER_MEMORY: u64 = 96 << 20;

impl Compression {
    /// Guesses the compression from a file name's ending.
    pub fn of_name(name: &str) -> Self {
        match name.rsplit_once('.').map(|(_, ending)| ending) {
            Some("gz") => Self::Gzip,
            Some("xz") => Self::Xz,
            Some("lzma") => Self::Lzma,
            Some("zst") => Self::Zstd,
            Some("bz2") => Self::Bzip2,
            _ => Self::None,
        }
    }

    /// Wraps `reader` so that it yields the uncompressed bytes.
    pub fn decode<'a>(self, reader: impl Read + Send + 'a, checks: Checks) -> io::Result<Box<dyn Read + Send + 'a>> {
        let reader = BufReader::with_capacity(256 << 10, reader);
        Ok(match self {
            Self::None => Box::new(reader),
            Self::Gzip => Box::new(flate2::bufread::MultiGzDecoder::new(reader)),
            Self::Xz => {
                let ignore = if checks == Checks::Skip { liblzma::stream::IGNORE_CHECK } else { 0 };
                let stream = liblzma::stream::Stream::new_stream_decoder(DECODER_MEMORY, liblzma::stream::CONCATENATED | ignore)?;
                Box::new(liblzma::bufread::XzDecoder::new_stream(reader, stream))
            }
            Self::Lzma => {
                let stream = liblzma::stream::Stream::new_lzma_decoder(DECODER_MEMORY)?;
                Box::new(liblzma::bufread::XzDecoder::new_stream(reader, stream))
            }
            Self::Zstd => {
                let mut decoder = zstd::stream::read::Decoder::with_buffer(reader)?;
                decoder.window_log_max(27)?;
                Box::new(decoder)
            }
            Self::Bzip2 => Box::new(bzip2::bufread::MultiBzDecoder::new(reader)),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Write;

    #[test]
    fn decodes_what_it_names() {
        let text = b"Package: a\n".repeat(1000);
        let gz = {
            let mut out = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
            out.write_all(&text).unwrap();
            out.finish().unwrap()
        };
        let xz = {
            let mut out = liblzma::write::XzEncoder::new(Vec::new(), 1);
            out.write_all(&text).unwrap();
            out.finish().unwrap()
        };
        let zst = zstd::encode_all(&text[..], 1).unwrap();
        let bz2 = {
            let mut out = bzip2::write::BzEncoder::new(Vec::new(), bzip2::Compression::fast());
            out.write_all(&text).unwrap();
            out.finish().unwrap()
        };
        for (name, bytes) in [("P", text.clone()), ("P.gz", gz), ("P.xz", xz), ("P.zst", zst), ("P.bz2", bz2)] {
            let mut decoded = Vec::new();
            Compression::of_name(name).decode(&bytes[..], Checks::Verify).unwrap().read_to_end(&mut decoded).unwrap();
            assert_eq!(decoded, text, "{name}");
        }
    }
}

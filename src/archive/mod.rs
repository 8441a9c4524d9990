//! One package file as a stream of entries.
//!
//! [`Deb`] takes anything that reads and gives the control members at once and the payload entry by entry, in the
//! archive's order, with bounded memory. [`Tree`] collects entries into directories and refuses what no honest package
//! has. Nothing is written anywhere: where content goes is the caller's affair.
//!
//! The bytes are taken to be hostile, whatever checksum they have. Every way in which they can be wrong is an
//! [`Error`]; a real failure of the medium is [`Error::Io`] and nothing else is.

mod compression;
mod control;
mod deb;
mod entry;
mod error;
mod members;
mod path;
mod tar;
mod tree;

#[cfg(test)]
mod tests;

pub use control::{Control, ControlMember};
pub use deb::Deb;
pub use entry::{Entry, Kind, Metadata, Xattr};
pub use error::{Error, Problem};
pub use tree::{Directory, Node, Tree};

/// How much of everything a package may have, and how closely it is looked at.
///
/// The defaults are several times what the largest package of Debian needs; tests set smaller ones.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Bytes of all control members together.
    pub control_size: u64,
    /// Bytes of the unpacked payload that are fine however small the package is.
    pub payload_floor: u64,
    /// Above the floor, how many times larger than its compressed form the payload may be: packages have 3 to 20, a file of
    /// nothing but zeros 1,000 and more.
    pub payload_ratio: u64,
    /// Bytes of the unpacked payload that are never exceeded.
    pub payload_size: u64,
    /// Number of payload entries.
    pub entries: usize,
    /// Number of directories, those that are only part of a longer path included.
    pub directories: usize,
    /// Bytes of all paths and link targets together.
    pub path_bytes: usize,
    /// Memory that a decoder may take for its dictionary.
    pub decoder_memory: u64,
    /// Whether the checksums inside compressed members are computed too. For a file whose digest is proven they say
    /// nothing new, and cost 7 % of the unpacking.
    pub inner_checksums: bool,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            control_size: 32 << 20,
            payload_floor: 512 << 20,
            payload_ratio: 100,
            payload_size: 64 << 30,
            entries: 1_000_000,
            directories: 100_000,
            path_bytes: 128 << 20,
            decoder_memory: 512 << 20,
            inner_checksums: true,
        }
    }
}

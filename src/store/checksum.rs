//! Object checksums.

use crate::pkg::{ParseDigestError, Sha256};
use std::fmt;
use std::str::FromStr;

/// The name of an object: the SHA-256 of its canonical form.
///
/// Not [`Sha256`]: a package file's digest and the checksum of an object made from it are different things.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Checksum(pub(crate) [u8; 32]);

impl Checksum {
    /// The checksum of a metadata object's bytes.
    pub(crate) fn of(bytes: &[u8]) -> Self {
        Self(Sha256::of(bytes).0)
    }

    /// Its raw bytes, as other objects hold them.
    pub fn as_bytes(&self) -> &[u8; 32] {
        &self.0
    }

    /// Its 64 hexadecimal digits.
    pub fn to_hex(self) -> String {
        Sha256(self.0).to_hex()
    }
}

impl FromStr for Checksum {
    type Err = ParseDigestError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        text.parse::<Sha256>().map(|digest| Self(digest.0))
    }
}

impl fmt::Display for Checksum {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.to_hex())
    }
}

impl fmt::Debug for Checksum {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Checksum({self})")
    }
}

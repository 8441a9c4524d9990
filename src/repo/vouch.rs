//! Who vouches for a suite: the value without which nothing of it is read.
//!
//! Takes a `Release` as it came, from a server or from the cache, and the repository it is meant to be of; gives a
//! [`Vouched`]. That type has one constructor, [`Vouched::judge`], whatever way the bytes took: it verifies a signature by
//! an accepted key or, with [`Unproven`], takes the user's word that there need not be one. [`Unproven`] is made from
//! `trust = "none"` and from nothing else. What a suite's indexes must be is read off a [`Vouched`] only, and where it has
//! no `Release` at all, only by who holds an [`Unproven`]. `docs/design/0013-who-vouches.md` has the states of a reading.

use jiff::Timestamp;

use super::cache::Raw;
use super::deb::Source;
use super::{Error, openpgp};
use crate::index::release::Release;
use crate::pkg::{RepoSteering, Sha256, Trust};

/// The user's word that a repository needs no proof.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Unproven(());

impl Unproven {
    /// The word as the manifest gives it; none unless it says `trust = "none"`.
    pub(super) fn of(steering: &RepoSteering) -> Option<Self> {
        (steering.trust == Trust::None).then_some(Self(()))
    }
}

/// A `Release` that an accepted key has signed, or for which the user has asked for no proof.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Vouched {
    release: Release,
    sha256: Option<Sha256>,
    signers: Vec<String>,
    without_release: Option<Unproven>,
}

impl Vouched {
    /// Judges what there is of a `Release`; `url` is where it came from, for messages.
    ///
    /// A signature that is there and can be judged must be good, also where none is asked for.
    ///
    /// # Errors
    /// [`Error::Unsigned`] if there is no signature and the repository needs one, [`Error::Signature`] if there is none that is
    /// accepted, and [`Error::Release`] if the text is not a `Release`.
    pub(super) fn judge(raw: Option<&Raw>, source: &Source, url: &str, now: Timestamp) -> Result<Self, Error> {
        let unsigned = || Error::Unsigned { repo: source.name.clone(), url: url.to_owned() };
        let signature = |error| Error::Signature { repo: source.name.clone(), url: url.to_owned(), source: error };
        let verify = |raw: &Raw| match raw {
            Raw::Inline(text) => openpgp::verify_cleartext(text.as_bytes(), &source.keys, now).map_err(signature),
            Raw::Detached { text, signature: block } => {
                openpgp::verify_detached(text.as_bytes(), &from_hex(block), &source.keys, now).map_err(signature)
            }
            Raw::Unsigned(_) => Err(unsigned()),
        };
        let (text, signers) = match (raw, Unproven::of(&source.steering)) {
            (None, None) => return Err(unsigned()),
            (None, Some(word)) => {
                return Ok(Self { release: Release::default(), sha256: None, signers: Vec::new(), without_release: Some(word) });
            }
            (Some(Raw::Unsigned(text)), Some(_)) => (text.clone(), Vec::new()),
            (Some(Raw::Inline(text)), Some(_)) if source.keys.is_empty() => {
                (openpgp::unverified_text(text.as_bytes()).map_err(signature)?, Vec::new())
            }
            (Some(Raw::Detached { text, .. }), Some(_)) if source.keys.is_empty() => (text.clone(), Vec::new()),
            (Some(raw), _) => {
                let signed = verify(raw)?;
                (signed.text().to_owned(), signed.signers().to_vec())
            }
        };
        let release = Release::parse(&text).map_err(|source| Error::Release { url: url.to_owned(), source })?;
        Ok(Self { release, sha256: Some(Sha256::of(text.as_bytes())), signers, without_release: None })
    }

    /// What it says; an empty one where there is no `Release`.
    pub fn release(&self) -> &Release {
        &self.release
    }

    /// The digest of its text; none where there is no `Release`.
    pub fn sha256(&self) -> Option<Sha256> {
        self.sha256
    }

    /// Fingerprints of the accepted primary keys that signed it; none where no proof was asked for.
    pub fn signers(&self) -> &[String] {
        &self.signers
    }

    /// The word by which indexes are taken although no `Release` lists them.
    pub(super) fn without_release(&self) -> Option<Unproven> {
        self.without_release
    }
}

fn from_hex(text: &str) -> Vec<u8> {
    text.as_bytes().chunks(2).filter_map(|pair| u8::from_str_radix(std::str::from_utf8(pair).ok()?, 16).ok()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hexadecimal_comes_back() {
        assert_eq!(from_hex("00ff10"), [0, 255, 16]);
        assert!(from_hex("zz").is_empty());
    }
}

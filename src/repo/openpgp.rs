//! OpenPGP verification of `InRelease`, and of `Release` with `Release.gpg`.
//!
//! Takes the bytes as they came, the accepted certificates and the time to judge by; gives the text that is signed and
//! who signed it. Stricter than the library's default in these points: a key that is expired or revoked *now* signs
//! nothing, whenever the signature was made; text around the signed block is refused rather than skipped; and one wrong
//! signature by an accepted key spoils the good ones. `docs/design/0002-openpgp.md` lists what is checked and by which
//! test.

use std::fmt;
use std::io::Read as _;
use std::time::Duration;

use jiff::Timestamp;
use openpgp::cert::amalgamation::{ValidAmalgamation as _, ValidateAmalgamation as _};
use openpgp::cert::prelude::ValidErasedKeyAmalgamation;
use openpgp::packet::key::PublicParts;
use openpgp::parse::Parse as _;
use openpgp::parse::stream::{
    DetachedVerifierBuilder, MessageLayer, MessageStructure, VerificationError, VerificationHelper, VerifierBuilder,
};
use openpgp::policy::StandardPolicy;
use openpgp::types::RevocationStatus;
use openpgp::{Cert, KeyHandle};
use sequoia_openpgp as openpgp;

use super::keys::KeyRing;

/// The largest signature block; real ones are below 4 kB, and each signature costs a public key operation.
pub const MAX_SIGNATURE: usize = 256 << 10;
/// How far a signature's time may lie ahead of our clock.
const CLOCK_SKEW: Duration = Duration::from_secs(30 * 60);

const MESSAGE_START: &str = "-----BEGIN PGP SIGNED MESSAGE-----";
const SIGNATURE_START: &str = "-----BEGIN PGP SIGNATURE-----";
const SIGNATURE_END: &str = "-----END PGP SIGNATURE-----";

/// A file has no signature that is accepted.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The file is not text.
    #[error("not UTF-8 text")]
    NotText,
    /// The file does not have the form of a cleartext-signed message.
    #[error("not a signed message: {problem}")]
    Framing {
        /// What is wrong with it.
        problem: &'static str,
    },
    /// The signature is larger than [`MAX_SIGNATURE`].
    #[error("a signature of {size} bytes is larger than the {MAX_SIGNATURE} allowed")]
    TooLarge {
        /// Its size.
        size: usize,
    },
    /// The signature cannot be read.
    #[error("the signature is malformed: {problem}")]
    Malformed {
        /// What the parser found.
        problem: String,
    },
    /// There is no signature at all.
    #[error("there is no signature")]
    NoSignature,
    /// OpenPGP knows no such time.
    #[error("no signature can be judged as of {now}")]
    Time {
        /// The time.
        now: Timestamp,
    },
    /// No signature is good, or one is wrong.
    #[error("no acceptable signature: {}", join(.reasons))]
    Refused {
        /// Why, signature by signature.
        reasons: Vec<Reason>,
    },
}

/// Why one signature does not count.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Reason {
    /// It was made by a key that is not among the accepted ones.
    UnknownKey {
        /// Key id or fingerprint, as the signature says.
        issuer: String,
    },
    /// The key must not sign: expired, revoked, too weak, or not meant for it.
    Key {
        /// The certificate's fingerprint.
        fingerprint: String,
        /// What is wrong with it.
        problem: String,
    },
    /// The signature itself is expired, not valid yet, or made with a broken algorithm.
    Signature {
        /// The certificate's fingerprint.
        fingerprint: String,
        /// What is wrong with it.
        problem: String,
    },
    /// The signature is not over this text.
    Wrong {
        /// The certificate's fingerprint.
        fingerprint: String,
    },
    /// The signature cannot be understood.
    Malformed {
        /// What the parser found.
        problem: String,
    },
}

impl fmt::Display for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::UnknownKey { issuer } => write!(f, "key {issuer} is not among the accepted ones"),
            Self::Key { fingerprint, problem } => write!(f, "key {fingerprint}: {problem}"),
            Self::Signature { fingerprint, problem } => write!(f, "signature by {fingerprint}: {problem}"),
            Self::Wrong { fingerprint } => write!(f, "the signature by {fingerprint} is not over this text"),
            Self::Malformed { problem } => write!(f, "malformed signature: {problem}"),
        }
    }
}

fn join(reasons: &[Reason]) -> String {
    reasons.iter().map(Reason::to_string).collect::<Vec<_>>().join("; ")
}

/// Verified text. Only a good signature by an accepted key makes one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Signed {
    text: String,
    signers: Vec<String>,
}

impl Signed {
    /// What the signature covers, and nothing else.
    pub fn text(&self) -> &str {
        &self.text
    }

    /// Fingerprints of the accepted primary keys that signed it, sorted.
    pub fn signers(&self) -> &[String] {
        &self.signers
    }
}

/// Refuses a clock that cannot be right, before the library is asked: times of OpenPGP go from 1970 to 2106, and the library
/// takes the machine's own for one of them.
///
/// # Errors
/// [`super::Error::Clock`].
pub fn check_clock(now: Timestamp) -> Result<(), super::Error> {
    if has_time(now) { Ok(()) } else { Err(super::Error::Clock { now }) }
}

/// Whether OpenPGP can say this time, and the one that somewhat later is tried.
fn has_time(now: Timestamp) -> bool {
    let latest = i64::from(u32::MAX) - i64::try_from(CLOCK_SKEW.as_secs()).unwrap_or_default();
    (0..latest).contains(&now.as_second())
}

/// Verifies a cleartext-signed message (`InRelease`).
pub fn verify_cleartext(bytes: &[u8], ring: &KeyRing, now: Timestamp) -> Result<Signed, Error> {
    let message = framed(bytes)?;
    with_clock_skew(now, |now| {
        let policy = StandardPolicy::new();
        let builder = VerifierBuilder::from_bytes(message.as_bytes()).map_err(malformed)?;
        let time = std::time::SystemTime::from(now);
        let mut verifier = builder.with_policy(&policy, time, Judge::new(ring, now, &policy)).map_err(malformed)?;
        let mut text = Vec::new();
        verifier.read_to_end(&mut text).map_err(malformed)?;
        if !verifier.message_processed() {
            return Err(Error::Malformed { problem: "the message does not end".to_owned() });
        }
        let signers = verifier.into_helper().verdict()?;
        // The line end before the signature block is not signed; with it the text is that of the `Release` file.
        text.push(b'\n');
        Ok(Signed { text: String::from_utf8(text).map_err(|_| Error::NotText)?, signers })
    })
}

/// Verifies a file (`Release`) by its detached signature (`Release.gpg`: armored blocks, one or several, or binary).
pub fn verify_detached(bytes: &[u8], signature: &[u8], ring: &KeyRing, now: Timestamp) -> Result<Signed, Error> {
    if signature.len() > MAX_SIGNATURE {
        return Err(Error::TooLarge { size: signature.len() });
    }
    let mut packets = Vec::new();
    for block in blocks(signature) {
        if block.starts_with(b"-----BEGIN") {
            let mode = openpgp::armor::ReaderMode::Tolerant(Some(openpgp::armor::Kind::Signature));
            openpgp::armor::Reader::from_bytes(block, mode).read_to_end(&mut packets).map_err(malformed)?;
        } else {
            packets.extend_from_slice(block);
        }
    }
    if packets.is_empty() {
        return Err(Error::NoSignature);
    }
    let text = std::str::from_utf8(bytes).map_err(|_| Error::NotText)?;
    with_clock_skew(now, |now| {
        let policy = StandardPolicy::new();
        let builder = DetachedVerifierBuilder::from_bytes(&packets).map_err(malformed)?;
        let time = std::time::SystemTime::from(now);
        let mut verifier = builder.with_policy(&policy, time, Judge::new(ring, now, &policy)).map_err(malformed)?;
        verifier.verify_bytes(bytes).map_err(malformed)?;
        Ok(Signed { text: text.to_owned(), signers: verifier.into_helper().verdict()? })
    })
}

/// Takes the text out of a cleartext-signed message without asking who signed it; for `trust = "none"` only.
pub fn unverified_text(bytes: &[u8]) -> Result<String, Error> {
    let message = framed(bytes)?;
    let (_, body) = message.split_once("\n\n").ok_or(Error::Framing { problem: "no empty line after its header" })?;
    let end = body.find(SIGNATURE_START).ok_or(Error::Framing { problem: "no signature block" })?;
    Ok(body[..end].lines().map(|line| line.strip_prefix("- ").unwrap_or(line)).fold(String::new(), |text, line| text + line + "\n"))
}

/// Splits a file into its armored blocks; one that is not armored is one block.
pub(super) fn blocks(bytes: &[u8]) -> Vec<&[u8]> {
    const START: &[u8] = b"-----BEGIN PGP ";
    let starts: Vec<usize> = memchr::memmem::find_iter(bytes, START).filter(|&at| at == 0 || bytes[at - 1] == b'\n').collect();
    if starts.is_empty() {
        return if bytes.is_empty() { Vec::new() } else { vec![bytes] };
    }
    let ends = starts.iter().skip(1).copied().chain([bytes.len()]);
    starts.iter().zip(ends).map(|(&start, end)| &bytes[start..end]).collect()
}

/// Checks that nothing stands outside the signed block, so that a reader of the file cannot be shown unsigned text.
fn framed(bytes: &[u8]) -> Result<String, Error> {
    let wrong = |problem| Error::Framing { problem };
    let text = std::str::from_utf8(bytes).map_err(|_| Error::NotText)?;
    let text = text.replace("\r\n", "\n");
    let is = |line: &str, marker: &str| line.trim_end() == marker;
    let first = text.lines().next().unwrap_or_default();
    if !is(first, MESSAGE_START) {
        return Err(wrong(if text.contains(MESSAGE_START) { "text before the signed block" } else { "no signed block" }));
    }
    let (mut starts, mut ended) = (0, false);
    for line in text.lines().skip(1) {
        if ended && !line.trim().is_empty() {
            return Err(wrong("text after the signature block"));
        }
        match line {
            line if is(line, MESSAGE_START) => return Err(wrong("a second signed block")),
            line if is(line, SIGNATURE_START) => starts += 1,
            line if is(line, SIGNATURE_END) => ended = true,
            _ => {}
        }
    }
    match (starts, ended) {
        (0, _) => Err(wrong("no signature block")),
        (1, false) => Err(wrong("the signature block does not end")),
        (1, true) => {
            let size = text.len() - text.find(SIGNATURE_START).unwrap_or_default();
            if size > MAX_SIGNATURE { Err(Error::TooLarge { size }) } else { Ok(text) }
        }
        _ => Err(wrong("a second signature block")),
    }
}

/// Verifies once more with a clock that is somewhat ahead, in case the only trouble is that ours is slow.
fn with_clock_skew(now: Timestamp, verify: impl Fn(Timestamp) -> Result<Signed, Error>) -> Result<Signed, Error> {
    if !has_time(now) {
        return Err(Error::Time { now });
    }
    verify(now).or_else(|error| match now.checked_add(CLOCK_SKEW) {
        Ok(later) if matches!(error, Error::Refused { .. }) => verify(later).map_err(|_| error),
        _ => Err(error),
    })
}

fn malformed(error: impl Into<openpgp::anyhow::Error>) -> Error {
    Error::Malformed { problem: format!("{:#}", error.into()) }
}

/// Gives the library its certificates and writes down what it says of each signature.
struct Judge<'a> {
    ring: &'a KeyRing,
    now: Timestamp,
    policy: &'a StandardPolicy<'a>,
    signers: Vec<String>,
    reasons: Vec<Reason>,
}

impl<'a> Judge<'a> {
    fn new(ring: &'a KeyRing, now: Timestamp, policy: &'a StandardPolicy<'a>) -> Self {
        Self { ring, now, policy, signers: Vec::new(), reasons: Vec::new() }
    }

    fn verdict(mut self) -> Result<Vec<String>, Error> {
        let wrong = self.reasons.iter().any(|reason| matches!(reason, Reason::Wrong { .. }));
        if wrong || (self.signers.is_empty() && !self.reasons.is_empty()) {
            return Err(Error::Refused { reasons: self.reasons });
        }
        if self.signers.is_empty() {
            return Err(Error::NoSignature);
        }
        self.signers.sort();
        self.signers.dedup();
        Ok(self.signers)
    }

    /// What forbids the key to sign as of now; the library has looked at the time of the signature only.
    fn objection(&self, key: &ValidErasedKeyAmalgamation<'_, PublicParts>) -> Option<String> {
        let now = std::time::SystemTime::from(self.now);
        let key = match key.clone().with_policy(self.policy, now) {
            Ok(key) => key,
            Err(error) => return Some(format!("{error:#}")),
        };
        let certificate = key.valid_cert();
        if matches!(certificate.revocation_status(), RevocationStatus::Revoked(_)) {
            Some("it is revoked".to_owned())
        } else if matches!(key.revocation_status(), RevocationStatus::Revoked(_)) {
            Some(format!("its subkey {} is revoked", key.key().fingerprint()))
        } else if let Err(error) = certificate.alive() {
            Some(format!("{error:#}"))
        } else if let Err(error) = key.alive() {
            Some(format!("its subkey {}: {error:#}", key.key().fingerprint()))
        } else {
            None
        }
    }
}

impl VerificationHelper for Judge<'_> {
    fn get_certs(&mut self, _ids: &[KeyHandle]) -> openpgp::Result<Vec<Cert>> {
        Ok(self.ring.certs().to_vec())
    }

    fn check(&mut self, structure: MessageStructure<'_>) -> openpgp::Result<()> {
        for layer in structure {
            let MessageLayer::SignatureGroup { results } = layer else {
                self.reasons.push(Reason::Malformed { problem: "more than a signature".to_owned() });
                continue;
            };
            for result in results {
                match result {
                    Ok(good) => {
                        let fingerprint = good.ka.cert().fingerprint().to_hex();
                        match self.objection(&good.ka) {
                            None => self.signers.push(fingerprint),
                            Some(problem) => self.reasons.push(Reason::Key { fingerprint, problem }),
                        }
                    }
                    Err(error) => self.reasons.push(reason(error)),
                }
            }
        }
        // The verdict is read off the judge, so that its reasons stay values.
        Ok(())
    }
}

fn reason(error: VerificationError<'_>) -> Reason {
    match error {
        VerificationError::MissingKey { sig } => {
            let issuer = sig.get_issuers().first().map_or_else(|| "(not named)".to_owned(), KeyHandle::to_hex);
            Reason::UnknownKey { issuer }
        }
        VerificationError::UnboundKey { cert, error, .. } => {
            Reason::Key { fingerprint: cert.fingerprint().to_hex(), problem: format!("{error:#}") }
        }
        VerificationError::BadKey { ka, error, .. } => {
            Reason::Key { fingerprint: ka.cert().fingerprint().to_hex(), problem: format!("{error:#}") }
        }
        VerificationError::BadSignature { ka, error, .. } => {
            let fingerprint = ka.cert().fingerprint().to_hex();
            match error.downcast_ref::<openpgp::Error>() {
                Some(openpgp::Error::Expired(_) | openpgp::Error::NotYetLive(_) | openpgp::Error::PolicyViolation(..)) => {
                    Reason::Signature { fingerprint, problem: format!("{error:#}") }
                }
                _ => Reason::Wrong { fingerprint },
            }
        }
        VerificationError::MalformedSignature { error, .. } => Reason::Malformed { problem: format!("{error:#}") },
        VerificationError::UnknownSignature { sig } => Reason::Malformed { problem: format!("{:#}", sig.error()) },
        other => Reason::Malformed { problem: other.to_string() },
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::repo::keys::KeySource;

    #[test]
    fn judges_by_no_clock_that_cannot_be_right() {
        let ring = KeyRing::load(&[KeySource::Builtin("debian-bookworm".to_owned())]).unwrap();
        let message = format!("{MESSAGE_START}\nHash: SHA256\n\nx\n{SIGNATURE_START}\n\niQ==\n{SIGNATURE_END}\n");
        for (now, fits) in [
            ("-009998-06-01T00:00:00Z", false),
            ("1969-12-31T23:59:59Z", false),
            ("1970-01-01T00:00:00Z", true),
            ("2106-02-07T05:00:00Z", true),
            ("2106-02-07T06:20:00Z", false),
            ("2106-02-07T06:28:16Z", false),
            ("9999-12-30T00:00:00Z", false),
        ] {
            let now: Timestamp = now.parse().unwrap();
            assert_eq!(check_clock(now).is_ok(), fits, "{now}");
            // Whatever becomes of it, it is no panic.
            let inline = verify_cleartext(message.as_bytes(), &ring, now).unwrap_err();
            let detached = verify_detached(b"x\n", b"\x88\x00", &ring, now).unwrap_err();
            for error in [inline, detached] {
                assert_eq!(matches!(error, Error::Time { .. }), !fits, "{now}: {error}");
            }
        }
    }

    #[test]
    fn accepts_the_real_archive() {
        let Some(cases) = std::env::var_os("PINTREE_CASES") else { return };
        for (suite, set) in [("bookworm", "debian-bookworm"), ("trixie", "debian-trixie")] {
            let path = std::path::Path::new(&cases).join("apt/indexes").join(suite).join("InRelease");
            let ring = KeyRing::load(&[KeySource::Builtin(set.to_owned())]).unwrap();
            let now = "2026-11-22T00:00:00Z".parse().unwrap();
            let bytes = std::fs::read(path).unwrap();
            let signed = verify_cleartext(&bytes, &ring, now).unwrap();
            assert!(signed.text().starts_with("Origin: Debian\n"));
            assert!(!signed.signers().is_empty());
            assert_eq!(unverified_text(&bytes).unwrap(), signed.text());
        }
    }
}

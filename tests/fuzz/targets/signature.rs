//! Signed Release files: no text is accepted without the signature of a trusted key, which no input here can have.
#![cfg_attr(fuzzing, no_main)]

use pintree::repo::{KeyRing, KeySource, openpgp};
use std::sync::LazyLock;

static RING: LazyLock<KeyRing> = LazyLock::new(|| {
    let bookworm = KeySource::Builtin("debian-bookworm".to_owned());
    KeyRing::load(&[bookworm]).unwrap_or_else(|error| panic!("{error}"))
});

/// A file as `InRelease`, and what stands before and after its first zero byte as `Release` and `Release.gpg`.
pub fn check(bytes: &[u8]) {
    // 2025-01-01, when the keys were valid.
    let now = std::time::UNIX_EPOCH + std::time::Duration::from_secs(1_735_689_600);
    let now = now.try_into().unwrap_or_else(|error| panic!("{error}"));
    assert!(openpgp::verify_cleartext(bytes, &RING, now).is_err());
    if let Ok(text) = openpgp::unverified_text(bytes) {
        assert!(text.is_empty() || text.ends_with('\n'));
    }
    let cut = bytes.iter().position(|byte| *byte == 0).unwrap_or(bytes.len());
    let (text, signature) = (&bytes[..cut], bytes.get(cut + 1..).unwrap_or_default());
    assert!(openpgp::verify_detached(text, signature, &RING, now).is_err());
}

#[cfg(fuzzing)]
libfuzzer_sys::fuzz_target!(|bytes: &[u8]| check(bytes));

//! The policy table of `docs/design/0002-openpgp.md`, row by row, with keys and signatures by real `gpg`.

use std::sync::LazyLock;

use jiff::Timestamp;
use pintree::repo::openpgp::{Error, Signed, unverified_text, verify_cleartext, verify_detached};
use pintree::repo::{KeyRing, KeySource};
use pintree::testkit::keys::{Gpg, SignOptions};

const TEXT: &[u8] = b"Origin: Test\nSuite: stable\nSHA256:\n- dashed line\nlast\n";
const NONE: SignOptions<'static> = SignOptions { at: "", expires: "", digest: "", binary: false };

/// One key store for all rows: making keys is what takes time.
static GPG: LazyLock<Gpg> = LazyLock::new(Gpg::new);
static ALICE: LazyLock<String> = LazyLock::new(|| GPG.key_with("alice", "ed25519", "never", "20250101T000000"));
static BOB: LazyLock<String> = LazyLock::new(|| GPG.key_with("bob", "rsa3072", "never", "20250101T000000"));

fn ring(keys: &[&str]) -> KeyRing {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("key.asc");
    GPG.export_to(keys, &path);
    KeyRing::load(&[KeySource::File(path)]).unwrap()
}

fn at(text: &str) -> Timestamp {
    text.parse().unwrap()
}

fn now() -> Timestamp {
    Timestamp::now()
}

fn cleartext(signers: &[&str], options: SignOptions<'_>) -> Vec<u8> {
    GPG.sign_cleartext(signers, TEXT, options)
}

fn text_of(bytes: &[u8]) -> String {
    String::from_utf8(bytes.to_vec()).unwrap()
}

/// The text of an error with fingerprints replaced by names.
fn said(result: Result<Signed, Error>, names: &[(&str, &str)]) -> String {
    let text = result.unwrap_err().to_string();
    names.iter().fold(text, |text, (fingerprint, name)| text.replace(fingerprint, name).replace(&fingerprint[24..], name))
}

#[test]
fn accepts_a_good_inline_signature() {
    let signed = verify_cleartext(&cleartext(&[&ALICE], NONE), &ring(&[&ALICE]), now()).unwrap();
    assert_eq!(signed.text().as_bytes(), TEXT);
    assert_eq!(signed.signers(), [ALICE.as_str()]);
}

#[test]
fn accepts_good_detached_signatures() {
    for binary in [false, true] {
        let signature = GPG.sign_detached(&[&BOB], TEXT, SignOptions { binary, ..NONE });
        let signed = verify_detached(TEXT, &signature, &ring(&[&BOB]), now()).unwrap();
        assert_eq!((signed.text().as_bytes(), signed.signers()), (TEXT, &[BOB.clone()][..]));
    }
}

#[test]
fn one_accepted_key_of_several_signers_is_enough() {
    let both = cleartext(&[&ALICE, &BOB], NONE);
    for (keys, signers) in [(vec![ALICE.as_str()], 1), (vec![BOB.as_str()], 1), (vec![ALICE.as_str(), BOB.as_str()], 2)] {
        assert_eq!(verify_cleartext(&both, &ring(&keys), now()).unwrap().signers().len(), signers);
    }
    // Two armored blocks in one file, as some archives have it.
    let mut blocks = GPG.sign_detached(&[&BOB], TEXT, NONE);
    blocks.extend(GPG.sign_detached(&[&ALICE], TEXT, NONE));
    assert_eq!(verify_detached(TEXT, &blocks, &ring(&[&ALICE]), now()).unwrap().signers(), [ALICE.as_str()]);
}

#[test]
fn accepts_several_key_files() {
    let dir = tempfile::tempdir().unwrap();
    let (one, two) = (dir.path().join("one.asc"), dir.path().join("two.gpg"));
    GPG.export_to(&[&ALICE], &one);
    std::fs::write(&two, GPG.export_binary(&[&BOB])).unwrap();
    let ring = KeyRing::load(&[KeySource::File(one), KeySource::File(two)]).unwrap();
    for signer in [&ALICE, &BOB] {
        verify_cleartext(&cleartext(&[signer], NONE), &ring, now()).unwrap();
    }
}

#[test]
fn refuses_another_key() {
    let message = cleartext(&[&BOB], NONE);
    insta::assert_snapshot!(said(verify_cleartext(&message, &ring(&[&ALICE]), now()), &[(&BOB, "BOB")]), @"no acceptable signature: key BOB is not among the accepted ones");
}

#[test]
fn refuses_tampered_text() {
    let message = text_of(&cleartext(&[&ALICE], NONE)).replace("Suite: stable", "Suite: sid");
    insta::assert_snapshot!(said(verify_cleartext(message.as_bytes(), &ring(&[&ALICE]), now()), &[(&ALICE, "ALICE")]), @"no acceptable signature: the signature by ALICE is not over this text");
    let signature = GPG.sign_detached(&[&ALICE], TEXT, NONE);
    assert!(matches!(verify_detached(b"other", &signature, &ring(&[&ALICE]), now()), Err(Error::Refused { .. })));
}

#[test]
fn one_wrong_signature_spoils_the_good_one() {
    let mut blocks = GPG.sign_detached(&[&ALICE], TEXT, NONE);
    blocks.extend(GPG.sign_detached(&[&BOB], b"other text", NONE));
    let keys = ring(&[&ALICE, &BOB]);
    insta::assert_snapshot!(said(verify_detached(TEXT, &blocks, &keys, now()), &[(&BOB, "BOB")]), @"no acceptable signature: the signature by BOB is not over this text");
    // One that nobody here can judge does not.
    assert!(verify_detached(TEXT, &blocks, &ring(&[&ALICE]), now()).is_ok());
}

#[test]
fn refuses_text_around_the_signed_block() {
    let message = text_of(&cleartext(&[&ALICE], NONE));
    let keys = ring(&[&ALICE]);
    let refused = |text: String| verify_cleartext(text.as_bytes(), &keys, now()).unwrap_err().to_string();
    assert_eq!(refused(format!("Origin: Evil\n{message}")), "not a signed message: text before the signed block");
    assert_eq!(refused(format!("{message}Origin: Evil\n")), "not a signed message: text after the signature block");
    assert_eq!(refused(format!("{message}{message}")), "not a signed message: text after the signature block");
    assert_eq!(refused(format!("\n{message}")), "not a signed message: text before the signed block");
    assert_eq!(refused("Origin: Evil\n".to_owned()), "not a signed message: no signed block");
    assert!(verify_cleartext(format!("{message}\n\n").as_bytes(), &keys, now()).is_ok(), "empty lines at the end are harmless");
    assert!(verify_cleartext(message.replace('\n', "\r\n").as_bytes(), &keys, now()).is_ok(), "line ends are not signed");
}

#[test]
fn header_lines_never_become_text() {
    let message = text_of(&cleartext(&[&ALICE], NONE));
    let with_header = message.replacen("Hash: SHA512\n", "Hash: SHA512\nOrigin: Evil\n", 1);
    assert_ne!(with_header, message);
    if let Ok(signed) = verify_cleartext(with_header.as_bytes(), &ring(&[&ALICE]), now()) {
        assert!(!signed.text().contains("Evil"));
    }
}

#[test]
fn refuses_truncated_messages() {
    let message = cleartext(&[&ALICE], NONE);
    let keys = ring(&[&ALICE]);
    for length in (0..message.len() - 1).step_by(7) {
        assert!(verify_cleartext(&message[..length], &keys, now()).is_err(), "{length}");
    }
    let signature = GPG.sign_detached(&[&ALICE], TEXT, SignOptions { binary: true, ..NONE });
    for length in 0..signature.len() {
        assert!(verify_detached(TEXT, &signature[..length], &keys, now()).is_err(), "{length}");
    }
}

#[test]
fn refuses_an_expired_key_even_for_old_signatures() {
    let key = GPG.key_with("expired", "ed25519", "10d", "20260101T000000");
    let message = cleartext(&[&key], SignOptions { at: "20260105T000000", ..NONE });
    let keys = ring(&[&key]);
    assert!(verify_cleartext(&message, &keys, at("2026-01-06T00:00:00Z")).is_ok());
    insta::assert_snapshot!(said(verify_cleartext(&message, &keys, at("2026-02-01T00:00:00Z")), &[(&key, "KEY")]), @"no acceptable signature: key KEY: The primary key is not live: Expired on 2026-01-11T00:00:00Z");
}

#[test]
fn refuses_an_expired_signature() {
    let message = cleartext(&[&ALICE], SignOptions { at: "20260105T000000", expires: "3d", ..NONE });
    let keys = ring(&[&ALICE]);
    assert!(verify_cleartext(&message, &keys, at("2026-01-06T00:00:00Z")).is_ok());
    insta::assert_snapshot!(said(verify_cleartext(&message, &keys, at("2026-02-01T00:00:00Z")), &[(&ALICE, "ALICE")]), @"no acceptable signature: signature by ALICE: Expired on 2026-01-08T00:00:00Z");
}

#[test]
fn refuses_a_signature_from_the_future_beyond_clock_skew() {
    let message = cleartext(&[&ALICE], SignOptions { at: "20260105T120000", ..NONE });
    let keys = ring(&[&ALICE]);
    assert!(verify_cleartext(&message, &keys, at("2026-01-05T11:50:00Z")).is_ok());
    assert!(verify_cleartext(&message, &keys, at("2026-01-05T11:00:00Z")).is_err());
}

#[test]
fn refuses_a_revoked_key() {
    let key = GPG.key_with("revoked", "ed25519", "never", "20250101T000000");
    let message = cleartext(&[&key], SignOptions { at: "20260105T000000", ..NONE });
    assert!(verify_cleartext(&message, &ring(&[&key]), now()).is_ok());
    let before = GPG.export(&[&key]);
    GPG.revoke(&key);
    let revoked = ring(&[&key]);
    insta::assert_snapshot!(said(verify_cleartext(&message, &revoked, now()), &[(&key, "KEY")]), @r#"no acceptable signature: key KEY: Invalid key: "certificate is revoked""#);

    // The revocation counts although another file has the key without it.
    let dir = tempfile::tempdir().unwrap();
    let (old, new) = (dir.path().join("old.asc"), dir.path().join("new.asc"));
    std::fs::write(&old, before).unwrap();
    GPG.export_to(&[&key], &new);
    let both = KeyRing::load(&[KeySource::File(old), KeySource::File(new)]).unwrap();
    assert!(verify_cleartext(&message, &both, now()).is_err());
}

#[test]
fn judges_signing_subkeys_on_their_own() {
    let key = GPG.key_with("subkeys", "ed25519", "never", "20250101T000000");
    let subkey = GPG.signing_subkey(&key, "never", "20250101T000000");
    let message = cleartext(&[&format!("{subkey}!")], NONE);
    let signed = verify_cleartext(&message, &ring(&[&key]), now()).unwrap();
    assert_eq!(signed.signers(), [key.as_str()], "the primary key is named");
    GPG.revoke_subkey(&key);
    insta::assert_snapshot!(said(verify_cleartext(&message, &ring(&[&key]), now()), &[(&key, "KEY"), (&subkey, "SUBKEY")]), @r#"no acceptable signature: key KEY: Invalid key: "signing key is revoked""#);
    assert!(verify_cleartext(&cleartext(&[&format!("{key}!")], NONE), &ring(&[&key]), now()).is_ok(), "the primary key still signs");
}

#[test]
fn refuses_an_expired_subkey() {
    let key = GPG.key_with("oldsub", "ed25519", "never", "20250101T000000");
    let subkey = GPG.signing_subkey(&key, "10d", "20260101T000000");
    let message = cleartext(&[&format!("{subkey}!")], SignOptions { at: "20260105T000000", ..NONE });
    assert!(verify_cleartext(&message, &ring(&[&key]), at("2026-01-06T00:00:00Z")).is_ok());
    insta::assert_snapshot!(said(verify_cleartext(&message, &ring(&[&key]), at("2026-02-01T00:00:00Z")), &[(&key, "KEY"), (&subkey, "SUBKEY")]), @"no acceptable signature: key KEY: its subkey SUBKEY: The subkey is not live: Expired on 2026-01-11T00:00:00Z");
}

#[test]
fn refuses_sha1() {
    let message = cleartext(&[&BOB], SignOptions { digest: "SHA1", ..NONE });
    insta::assert_snapshot!(said(verify_cleartext(&message, &ring(&[&BOB]), now()), &[(&BOB, "BOB")]), @"no acceptable signature: signature by BOB: Policy rejected non-revocation signature (Text) requiring collision resistance: SHA1 is not considered secure since 2013-02-01T00:00:00Z");
    // Nor by a clock that is set back to when it was still usual.
    let old = GPG.key_with("old", "rsa2048", "never", "20100101T000000");
    let message = cleartext(&[&old], SignOptions { digest: "SHA1", at: "20100102T000000", ..NONE });
    assert!(verify_cleartext(&message, &ring(&[&old]), at("2010-01-03T00:00:00Z")).is_err());
}

#[test]
fn refuses_short_rsa_keys() {
    let key = GPG.key_with("short", "rsa1024", "never", "20250101T000000");
    assert!(matches!(verify_cleartext(&cleartext(&[&key], NONE), &ring(&[&key]), now()), Err(Error::Refused { .. })));
}

#[test]
fn refuses_no_signature_and_garbage() {
    let keys = ring(&[&ALICE]);
    assert!(matches!(verify_detached(TEXT, b"", &keys, now()), Err(Error::NoSignature)));
    assert!(matches!(verify_detached(TEXT, b"hello", &keys, now()), Err(Error::Malformed { .. })));
    assert!(matches!(verify_detached(TEXT, &[0; 300 << 10], &keys, now()), Err(Error::TooLarge { .. })));
    let message = text_of(&cleartext(&[&ALICE], NONE));
    let start = message.find("-----BEGIN PGP SIGNATURE").unwrap();
    let empty = format!("{}-----BEGIN PGP SIGNATURE-----\n\n-----END PGP SIGNATURE-----\n", &message[..start]);
    assert!(verify_cleartext(empty.as_bytes(), &keys, now()).is_err());
    // A certificate is no signature.
    assert!(verify_detached(TEXT, &GPG.export(&[&ALICE]), &keys, now()).is_err());
}

#[test]
fn the_text_without_proof_is_the_same() {
    let message = cleartext(&[&ALICE], NONE);
    let signed = verify_cleartext(&message, &ring(&[&ALICE]), now()).unwrap();
    assert_eq!(unverified_text(&message).unwrap(), signed.text());
}

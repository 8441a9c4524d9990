//! The keys that a repository's signature is judged by: built in, or from files the manifest names.
//!
//! The files under `keys/` are verbatim copies from Debian's package `debian-archive-keyring` 2023.3+deb12u2, where they
//! lie in `/etc/apt/trusted.gpg.d/`. Anybody can check them: `cmp` each with the file of that package, or compare
//! `gpg --show-keys FILE` with the list in [`BUILTIN`] and with `https://ftp-master.debian.org/keys.html`. A test
//! holds the files to the list. Never taken into account: what the host itself trusts.

use std::fmt;
use std::path::{Path, PathBuf};

use openpgp::Cert;
use openpgp::cert::CertParser;
use openpgp::parse::Parse as _;
use sequoia_openpgp as openpgp;

/// The largest key file that is read; a distribution's whole keyring is about 60 kB.
const MAX_KEY_FILE: u64 = 8 << 20;

/// One built-in certificate: the name of its set, the primary key's fingerprint, and the certificate.
#[derive(Clone, Copy, Debug)]
pub struct BuiltinKey {
    /// What manifests call the set, after `builtin:`.
    pub set: &'static str,
    /// The primary key's fingerprint.
    pub fingerprint: &'static str,
    /// Whose key it is.
    pub owner: &'static str,
    armored: &'static str,
}

macro_rules! key {
    ($set:literal, $file:literal, $fingerprint:literal, $owner:literal) => {
        BuiltinKey { set: $set, fingerprint: $fingerprint, owner: $owner, armored: include_str!(concat!("keys/", $file, ".asc")) }
    };
}

/// Every built-in certificate.
pub const BUILTIN: [BuiltinKey; 6] = [
    key!(
        "debian-bookworm",
        "debian-archive-bookworm-automatic",
        "B8B80B5B623EAB6AD8775C45B7C5D7D6350947F8",
        "Debian Archive Automatic Signing Key (12/bookworm)"
    ),
    key!(
        "debian-bookworm",
        "debian-archive-bookworm-security-automatic",
        "05AB90340C0C5E797F44A8C8254CF3B5AEC0A8F0",
        "Debian Security Archive Automatic Signing Key (12/bookworm)"
    ),
    key!(
        "debian-bookworm",
        "debian-archive-bookworm-stable",
        "4D64FEC119C2029067D6E791F8D2585B8783D481",
        "Debian Stable Release Key (12/bookworm)"
    ),
    key!(
        "debian-trixie",
        "debian-archive-trixie-automatic",
        "04B54C3CDCA79751B16BC6B5225629DF75B188BD",
        "Debian Archive Automatic Signing Key (13/trixie)"
    ),
    key!(
        "debian-trixie",
        "debian-archive-trixie-security-automatic",
        "5E04A1E3223A19A20706E20F9904613D4CCE68C6",
        "Debian Security Archive Automatic Signing Key (13/trixie)"
    ),
    key!(
        "debian-trixie",
        "debian-archive-trixie-stable",
        "41587F7DB8C774BCCF131416762F67A0B2C39DE4",
        "Debian Stable Release Key (13/trixie)"
    ),
];

/// A key file or set cannot be used.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// There is no built-in set of that name.
    #[error("there is no built-in key `builtin:{name}`; there are {}", sets().join(", "))]
    NoSuchSet {
        /// The name after `builtin:`.
        name: String,
    },
    /// The file cannot be read.
    #[error("cannot read key file `{}`", .path.display())]
    Read {
        /// The file.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// The file is too large to be a keyring.
    #[error("key file `{}` has {size} bytes, more than the {MAX_KEY_FILE} allowed", .path.display())]
    TooLarge {
        /// The file.
        path: PathBuf,
        /// Its size.
        size: u64,
    },
    /// The file is GnuPG's own database.
    #[error("key file `{}` is a GnuPG keybox; write the keys out with `gpg --export --armor`", .path.display())]
    Keybox {
        /// The file.
        path: PathBuf,
    },
    /// There is no OpenPGP certificate in the file.
    #[error("key file `{}` holds no usable OpenPGP certificate", .path.display())]
    NoCertificate {
        /// The file.
        path: PathBuf,
    },
}

fn sets() -> Vec<String> {
    let mut names: Vec<String> = BUILTIN.iter().map(|key| format!("`builtin:{}`", key.set)).collect();
    names.dedup();
    names
}

/// Where keys come from, in manifest words.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum KeySource {
    /// `builtin:NAME`.
    Builtin(String),
    /// A file, armored or binary, with one or more certificates.
    File(PathBuf),
}

impl KeySource {
    /// Reads a manifest's `key` value; relative paths are taken from `directory`.
    pub fn parse(text: &str, directory: &Path) -> Self {
        match text.strip_prefix("builtin:") {
            Some(name) => Self::Builtin(name.to_owned()),
            None => Self::File(directory.join(text)),
        }
    }
}

/// The certificates that a repository accepts.
#[derive(Clone, Default)]
pub struct KeyRing {
    certs: Vec<Cert>,
}

impl fmt::Debug for KeyRing {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("KeyRing").field(&self.fingerprints()).finish()
    }
}

impl KeyRing {
    /// Reads all certificates of all sources; one that stands in several is merged, so a revocation anywhere counts.
    pub fn load(sources: &[KeySource]) -> Result<Self, Error> {
        let mut ring = Self::default();
        for source in sources {
            match source {
                KeySource::Builtin(name) => {
                    let keys: Vec<&BuiltinKey> = BUILTIN.iter().filter(|key| key.set == name).collect();
                    if keys.is_empty() {
                        return Err(Error::NoSuchSet { name: name.clone() });
                    }
                    keys.iter().for_each(|key| ring.add(key.armored.as_bytes()));
                }
                KeySource::File(path) => {
                    let bytes = read_key_file(path)?;
                    if bytes.get(8..12) == Some(b"KBXf") {
                        return Err(Error::Keybox { path: path.clone() });
                    }
                    let mut own = Self::default();
                    own.add(&bytes);
                    if own.certs.is_empty() {
                        return Err(Error::NoCertificate { path: path.clone() });
                    }
                    own.certs.into_iter().for_each(|cert| ring.insert(cert));
                }
            }
        }
        Ok(ring)
    }

    /// Adds what certificates there are in `bytes`; unusable ones beside them are passed over, as keyrings keep old ones.
    fn add(&mut self, bytes: &[u8]) {
        for block in super::openpgp::blocks(bytes) {
            if let Ok(parser) = CertParser::from_bytes(block) {
                parser.flatten().for_each(|cert| self.insert(cert));
            }
        }
    }

    fn insert(&mut self, cert: Cert) {
        let cert = cert.strip_secret_key_material();
        match self.certs.iter_mut().find(|old| old.fingerprint() == cert.fingerprint()) {
            Some(old) => {
                *old = old.clone().merge_public(cert).expect("both have one fingerprint, which is all that merging asks");
            }
            None => self.certs.push(cert),
        }
    }

    /// The primary keys' fingerprints in upper-case hexadecimal, sorted.
    pub fn fingerprints(&self) -> Vec<String> {
        let mut all: Vec<String> = self.certs.iter().map(|cert| cert.fingerprint().to_hex()).collect();
        all.sort();
        all
    }

    /// Tells whether there is no certificate in it.
    pub fn is_empty(&self) -> bool {
        self.certs.is_empty()
    }

    pub(super) fn certs(&self) -> &[Cert] {
        &self.certs
    }
}

fn read_key_file(path: &Path) -> Result<Vec<u8>, Error> {
    use std::io::Read as _;
    let read = |source| Error::Read { path: path.to_owned(), source };
    let file = std::fs::File::open(path).map_err(read)?;
    let mut bytes = Vec::new();
    file.take(MAX_KEY_FILE + 1).read_to_end(&mut bytes).map_err(read)?;
    let size = bytes.len() as u64;
    if size > MAX_KEY_FILE { Err(Error::TooLarge { path: path.to_owned(), size }) } else { Ok(bytes) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn builtin_keys_have_the_fingerprints_listed() {
        for key in BUILTIN {
            let mut ring = KeyRing::default();
            ring.add(key.armored.as_bytes());
            assert_eq!(ring.fingerprints(), [key.fingerprint], "{}", key.owner);
            let user = ring.certs[0].userids().next().unwrap();
            assert!(String::from_utf8_lossy(user.userid().value()).starts_with(key.owner), "{}", key.owner);
        }
    }

    #[test]
    fn loads_sets_by_name() {
        let ring = KeyRing::load(&[KeySource::parse("builtin:debian-trixie", Path::new("/"))]).unwrap();
        assert_eq!(ring.fingerprints().len(), 3);
        let error = KeyRing::load(&[KeySource::Builtin("debian-buzz".to_owned())]).unwrap_err();
        insta::assert_snapshot!(error, @"there is no built-in key `builtin:debian-buzz`; there are `builtin:debian-bookworm`, `builtin:debian-trixie`");
    }

    #[test]
    fn loads_files_with_several_armored_blocks_and_binary_ones() {
        let dir = tempfile::tempdir().unwrap();
        let both = dir.path().join("both.asc");
        std::fs::write(&both, format!("{}\n{}", BUILTIN[2].armored, BUILTIN[5].armored)).unwrap();
        assert_eq!(KeyRing::load(&[KeySource::File(both)]).unwrap().fingerprints(), [BUILTIN[5].fingerprint, BUILTIN[2].fingerprint]);

        let binary = dir.path().join("binary.gpg");
        let cert = Cert::from_bytes(BUILTIN[2].armored.as_bytes()).unwrap();
        std::fs::write(&binary, openpgp::serialize::MarshalInto::to_vec(&cert).unwrap()).unwrap();
        let twice = [KeySource::File(binary), KeySource::Builtin("debian-bookworm".to_owned())];
        assert_eq!(KeyRing::load(&twice).unwrap().fingerprints().len(), 3, "the same certificate counts once");
    }

    #[test]
    fn refuses_what_is_no_key_file() {
        let dir = tempfile::tempdir().unwrap();
        for (bytes, expected) in [
            (&b""[..], "holds no usable OpenPGP certificate"),
            (b"hello\n", "holds no usable OpenPGP certificate"),
            (b"\0\0\0\x20\x01\x01\0\x02KBXf\0\0\0\0", "is a GnuPG keybox; write the keys out with `gpg --export --armor`"),
        ] {
            let path = dir.path().join("key");
            std::fs::write(&path, bytes).unwrap();
            let error = KeyRing::load(&[KeySource::File(path)]).unwrap_err().to_string();
            assert!(error.ends_with(expected), "{error}");
        }
        assert!(matches!(KeyRing::load(&[KeySource::File(dir.path().join("none"))]), Err(Error::Read { .. })));
    }
}

//! Debian repositories on disk: `dists/`, `pool/`, flat ones; signed or not.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use super::deb::Compression;
use super::keys::{Gpg, SignOptions};
use crate::pkg::Sha256;

/// Which files carry a suite's `Release`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub enum ReleaseFiles {
    /// `InRelease`, `Release` and `Release.gpg`, as Debian has it.
    #[default]
    All,
    /// `InRelease` alone.
    Inline,
    /// `Release` and `Release.gpg`.
    Detached,
    /// `Release` without any signature.
    Unsigned,
    /// Nothing but `Packages`.
    None,
}

/// A suite to be written.
#[derive(Clone, Debug)]
pub struct Suite {
    /// Its directory's name below `dists/`; a path that ends in `/` makes a flat repository.
    pub directory: String,
    /// The fields of its `Release`, without the file list; an empty value leaves the field out.
    pub fields: BTreeMap<String, String>,
    /// Stanzas by component and architecture; in a flat repository under `("", "")`.
    pub packages: BTreeMap<(String, String), String>,
    /// Further listed files by path without suffix, such as `main/Contents-armhf`.
    pub listed: BTreeMap<String, String>,
    /// In which compressions the indexes are written.
    pub compressions: Vec<Compression>,
    /// Which `Release` files there are.
    pub files: ReleaseFiles,
    /// Whether each index is also there under its digest.
    pub by_hash: bool,
    /// The clock to sign by, as in `20260101T000000`; now if empty.
    pub signed_at: String,
}

impl Suite {
    /// A suite named by its code name, made on 2026-01-01, as Debian's are.
    pub fn new(directory: &str) -> Self {
        let mut suite = Self {
            directory: directory.to_owned(),
            fields: BTreeMap::new(),
            packages: BTreeMap::new(),
            listed: BTreeMap::new(),
            compressions: vec![Compression::Xz],
            files: ReleaseFiles::All,
            by_hash: false,
            signed_at: String::new(),
        };
        for (name, value) in [("Origin", "Test"), ("Label", "Test"), ("Date", "Thu, 01 Jan 2026 00:00:00 UTC")] {
            suite = suite.field(name, value);
        }
        if !directory.ends_with('/') {
            suite = suite.field("Codename", directory);
        }
        suite
    }

    /// Sets a field of the `Release`; an empty value leaves it out.
    pub fn field(mut self, name: &str, value: &str) -> Self {
        self.fields.insert(name.to_owned(), value.to_owned());
        self
    }

    /// Adds stanzas to the index of a component and architecture (`""` twice in a flat repository).
    pub fn packages(mut self, component: &str, architecture: &str, stanzas: &str) -> Self {
        let index = self.packages.entry((component.to_owned(), architecture.to_owned())).or_default();
        if !index.is_empty() {
            index.push('\n');
        }
        index.push_str(stanzas.trim_end());
        index.push('\n');
        self
    }

    /// Adds a file to the list, such as `main/Contents-armhf`; it is compressed as the indexes are.
    pub fn listed(mut self, stem: &str, text: &str) -> Self {
        self.listed.insert(stem.to_owned(), text.to_owned());
        self
    }

    /// Chooses the compressions of the indexes.
    pub fn compressions(mut self, compressions: &[Compression]) -> Self {
        self.compressions = compressions.to_vec();
        self
    }

    /// Chooses the `Release` files.
    pub fn files(mut self, files: ReleaseFiles) -> Self {
        self.files = files;
        self
    }

    /// Has every index under its digest, too.
    pub fn by_hash(mut self) -> Self {
        self.by_hash = true;
        self.field("Acquire-By-Hash", "yes")
    }

    /// Where its files lie below the repository's base.
    pub fn path(&self, base: &Path) -> PathBuf {
        if self.directory.ends_with('/') { base.join(&self.directory) } else { base.join("dists").join(&self.directory) }
    }

    /// Writes the suite below `base`, over what an earlier state of it left; signs it when there is a key.
    pub fn write(&self, base: &Path, signer: Option<(&Gpg, &str)>) {
        let directory = self.path(base);
        let mut list = String::new();
        let packages = self.packages.iter().map(|((component, architecture), stanzas)| {
            let stem = if component.is_empty() { "Packages".to_owned() } else { format!("{component}/binary-{architecture}/Packages") };
            (stem, stanzas)
        });
        for (stem, stanzas) in packages.chain(self.listed.iter().map(|(stem, text)| (stem.clone(), text))) {
            for compression in &self.compressions {
                let bytes = compression.compress(stanzas.as_bytes());
                let path = directory.join(format!("{stem}{}", compression.suffix()));
                put(&path, &bytes);
                let digest = Sha256::of(&bytes);
                list += &format!(" {digest} {} {stem}{}\n", bytes.len(), compression.suffix());
                if self.by_hash {
                    put(&path.with_file_name("by-hash").join("SHA256").join(digest.to_hex()), &bytes);
                }
            }
            if !self.compressions.contains(&Compression::None) {
                // Debian lists the plain file, which its servers do not have.
                list += &format!(" {} {} {stem}\n", Sha256::of(stanzas.as_bytes()), stanzas.len());
            }
        }
        let mut fields = self.fields.clone();
        let words = |pick: fn(&(String, String)) -> &String| {
            let mut words: Vec<&str> = self.packages.keys().map(|key| pick(key).as_str()).filter(|word| !word.is_empty()).collect();
            words.sort_unstable();
            words.dedup();
            words.join(" ")
        };
        fields.entry("Components".to_owned()).or_insert_with(|| words(|key| &key.0));
        fields.entry("Architectures".to_owned()).or_insert_with(|| words(|key| &key.1));
        let mut text: String =
            fields.iter().filter(|(_, value)| !value.is_empty()).map(|(name, value)| format!("{name}: {value}\n")).collect();
        text += &format!("SHA256:\n{list}");
        sign_release(&directory, &text, self.files, signer, SignOptions { at: &self.signed_at, ..SignOptions::default() });
    }
}

/// Writes the `Release` files of a suite's directory and removes those that should not be there.
pub fn sign_release(directory: &Path, text: &str, files: ReleaseFiles, signer: Option<(&Gpg, &str)>, options: SignOptions<'_>) {
    let plain = matches!(files, ReleaseFiles::All | ReleaseFiles::Detached | ReleaseFiles::Unsigned);
    let place = |name: &str, wanted: bool, bytes: &dyn Fn() -> Vec<u8>| {
        let path = directory.join(name);
        if wanted {
            put(&path, &bytes());
        } else if path.exists() {
            std::fs::remove_file(&path).expect("the test's file can be removed");
        }
    };
    place("Release", plain, &|| text.as_bytes().to_vec());
    let inline = matches!(files, ReleaseFiles::All | ReleaseFiles::Inline) && signer.is_some();
    let detached = matches!(files, ReleaseFiles::All | ReleaseFiles::Detached) && signer.is_some();
    let sign = || signer.expect("asked for only with a signer");
    place("InRelease", inline, &|| sign().0.sign_cleartext(&[sign().1], text.as_bytes(), options));
    place("Release.gpg", detached, &|| sign().0.sign_detached(&[sign().1], text.as_bytes(), options));
}

/// Puts a package file into the pool and gives its stanza: the control text and where the file lies.
pub fn add_deb(base: &Path, path: &str, control: &str, deb: &[u8]) -> String {
    put(&base.join(path), deb);
    format!("{}\nFilename: {path}\nSize: {}\nSHA256: {}\n", control.trim_end(), deb.len(), Sha256::of(deb))
}

fn put(path: &Path, bytes: &[u8]) {
    std::fs::create_dir_all(path.parent().expect("a file in a directory")).expect("the test's directory can be made");
    std::fs::write(path, bytes).expect("the test's file can be written");
}

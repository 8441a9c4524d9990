//! A repository on loopback, signed by real `gpg`, and a cache beside it.

use jiff::Timestamp;
use pintree::pkg::{Architecture, RepoSteering, Trust};
use pintree::repo::{Cache, Client, ClientOptions, Error, KeyRing, KeySource, Loaded, Source, Url, update};
use pintree::testkit::keys::Gpg;
use pintree::testkit::repo::Suite;
use pintree::testkit::server::Server;
use std::path::{Path, PathBuf};
use std::sync::LazyLock;

pub static GPG: LazyLock<Gpg> = LazyLock::new(Gpg::new);
pub static KEY: LazyLock<String> = LazyLock::new(|| GPG.key("archive"));
pub static OTHER: LazyLock<String> = LazyLock::new(|| GPG.key("other"));

pub const STANZA: &str = "Package: a\nVersion: 1\nArchitecture: armhf\n";

/// A directory with `www` (served) and `cache`.
pub struct Site {
    pub dir: tempfile::TempDir,
    pub server: Server,
    pub keys: KeyRing,
    pub now: Timestamp,
}

impl Site {
    pub fn new() -> Self {
        let dir = tempfile::tempdir().unwrap();
        std::fs::create_dir(dir.path().join("www")).unwrap();
        let key = dir.path().join("key.asc");
        GPG.export_to(&[&KEY], &key);
        let keys = KeyRing::load(&[KeySource::File(key)]).unwrap();
        let server = Server::start(&dir.path().join("www"));
        Self { server, keys, now: Timestamp::now(), dir }
    }

    pub fn www(&self) -> PathBuf {
        self.dir.path().join("www")
    }

    pub fn write(&self, suite: &Suite) {
        suite.write(&self.www(), Some((&GPG, &KEY)));
    }

    pub fn source(&self, suites: &[&str], components: &[&str]) -> Source {
        let words = |words: &[&str]| words.iter().map(|word| (*word).to_owned()).collect();
        Source {
            name: "vendor".to_owned(),
            steering: RepoSteering {
                archive: None,
                suites: words(suites),
                components: words(components),
                only: Vec::new(),
                exclude: Vec::new(),
                priority: RepoSteering::DEFAULT_PRIORITY,
                trust: Trust::Index,
            },
            bases: vec![Url::parse(&self.server.url()).unwrap()],
            at: None,
            expected: std::collections::BTreeMap::new(),
            recorded: std::collections::BTreeMap::new(),
            keys: self.keys.clone(),
        }
    }

    pub fn update_as(&self, source: &Source, architectures: &[&str], options: ClientOptions) -> Result<Loaded, Error> {
        let architectures: Vec<Architecture> = architectures.iter().map(|name| Architecture::parse(name).unwrap()).collect();
        let cache = Cache::new(self.dir.path().join("cache"));
        update(&Client::new(options), &cache, std::slice::from_ref(source), &architectures, self.now)
    }

    pub fn update(&self, source: &Source) -> Result<Loaded, Error> {
        self.update_as(source, &["armhf"], crate::fetch::options())
    }

    pub fn offline(&self, source: &Source) -> Result<Loaded, Error> {
        self.update_as(source, &["armhf"], ClientOptions { offline: true, ..crate::fetch::options() })
    }

    /// What changes from run to run is taken out.
    pub fn said(&self, error: &Error) -> String {
        let mut text = format!("{:?}: {error}", error.kind());
        let mut cause = std::error::Error::source(error);
        while let Some(inner) = cause {
            text += &format!("\ncaused by: {inner}");
            cause = inner.source();
        }
        if let Some(hint) = error.hint() {
            text += &format!("\nhint: {hint}");
        }
        let memory = std::fs::read_dir(self.dir.path().join("cache/release")).map(|dir| dir.flatten().map(|entry| entry.path()).collect());
        let paths: Vec<PathBuf> = memory.unwrap_or_default();
        let text = paths.iter().fold(text, |text, path| text.replace(&path.display().to_string(), "MEMORY"));
        text.replace(&format!(":{}", self.server.port()), "")
            .replace(KEY.as_str(), "KEY")
            .replace(OTHER.as_str(), "OTHER")
            .replace(&OTHER[24..], "OTHER")
    }
}

pub fn stable() -> Suite {
    Suite::new("bookworm").field("Suite", "stable").packages("main", "armhf", STANZA)
}

pub fn plain_text(path: &Path, compression: pintree::index::Compression) -> String {
    let mut text = String::new();
    let mut reader = compression.decode(std::fs::File::open(path).unwrap(), pintree::index::Checks::Verify).unwrap();
    std::io::Read::read_to_string(&mut reader, &mut text).unwrap();
    text
}

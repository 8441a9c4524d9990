//! An archive of which every state can be read.

use crate::fixture::{Project, pool_path};
use pintree::testkit::deb::Package;
use pintree::testkit::keys::Gpg;
use pintree::testkit::repo::{Suite, add_deb};
use pintree::testkit::server::Server;

/// An archive whose past states can be read: each is a directory named by its moment, the present one is `now`.
pub struct Past {
    directory: tempfile::TempDir,
    gpg: Gpg,
    key: String,
    pub server: Server,
}

/// The suites of every state, with the versions of `app` in them.
pub type State<'a> = &'a [(&'a str, &'a [&'a str])];

impl Past {
    pub fn new() -> Self {
        let gpg = Gpg::new();
        let key = gpg.key_with("archive", "ed25519", "never", "20200101T000000");
        let directory = tempfile::tempdir().unwrap();
        let server = Server::start(directory.path());
        Self { directory, gpg, key, server }
    }

    /// Publishes a state, made and signed at a moment.
    pub fn publish(&self, name: &str, moment: &str, state: State<'_>) {
        let moment: jiff::Timestamp = moment.parse().unwrap();
        let until = moment + jiff::SignedDuration::from_hours(7 * 24);
        let date = |moment: jiff::Timestamp| moment.strftime("%a, %d %b %Y %H:%M:%S UTC").to_string();
        for (suite, versions) in state {
            let base = self.directory.path().join(name);
            let mut suite = Suite::new(suite).field("Date", &date(moment)).field("Valid-Until", &date(until)).packages("main", "armhf", "");
            for version in *versions {
                let package = Package::new("app", version).file("usr/share/app", 0o644, *version);
                let stanza = add_deb(&base, &pool_path(&package), &package.control_paragraph(), &package.build());
                suite = suite.packages("main", "armhf", &stanza);
            }
            suite.signed_at = moment.strftime("%Y%m%dT%H%M%S").to_string();
            suite.write(&base, Some((&self.gpg, &self.key)));
        }
    }

    /// A state is gone, with its package files.
    pub fn forget(&self, name: &str) {
        std::fs::remove_dir_all(self.directory.path().join(name)).unwrap();
    }

    /// A project that reads the present state, with `keys` among those of its repository.
    pub fn project(&self, suites: &str, top: &str, keys: &str) -> Project {
        let project = Project::empty();
        let url = format!("{}/now", self.server.url());
        let text = format!(
            "arches = [\"armhf\"]\n{top}\n[repo.debian]\ndeb = \"{url}\"\nsuites = {suites}\ncomponents = [\"main\"]\nkey = \"keys/archive.asc\"\n{keys}\n\
             [image.root]\nvariant = \"custom\"\npackages = [\"app\"]\n"
        );
        project.write("manifests/main.toml", &text);
        std::fs::create_dir_all(project.path("keys")).unwrap();
        self.gpg.export_to(&[&self.key], &project.path("keys/archive.asc"));
        project
    }
}

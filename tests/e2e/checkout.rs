//! A project in a git checkout, with nobody's git configuration.

use crate::fixture::{Archive, Project, Ran};
use pintree::testkit::deb::{Compression, Package};
use std::process::Command;

/// Names of `count` packages, in order.
pub fn names(count: usize) -> Vec<String> {
    (0..count).map(|number| format!("part{number:02}")).collect()
}

/// A package of all architectures with one file that says its version.
pub fn part(name: &str, version: &str) -> Package {
    // A compressor's next version changes no size.
    let package = Package::new(name, version).compression(Compression::None).control_compression(Compression::None);
    package.file(&format!("usr/share/{name}/version"), 0o644, format!("{version}\n"))
}

/// All of [`names`] at one version.
pub fn parts(count: usize, version: &str) -> Vec<Package> {
    names(count).iter().map(|name| part(name, version)).collect()
}

/// The manifest's part for an image of packages by name.
pub fn image_of(names: &[String]) -> String {
    format!("[image.root]\nvariant = \"custom\"\npackages = {names:?}\n")
}

impl Project {
    /// A git command of somebody who works on the project.
    pub fn git_command(&self, arguments: &[&str]) -> Command {
        let mut command = self.command("git");
        command.args(["-c", "user.name=Ann", "-c", "user.email=ann@example.org", "-c", "init.defaultBranch=main"]).args(arguments);
        command
    }

    /// Runs git, which must do what it is asked; gives what it printed.
    #[track_caller]
    pub fn git(&self, arguments: &[&str]) -> String {
        let ran: Ran = self.finish(&mut self.git_command(arguments)).exits(0);
        ran.stdout.trim_end().to_owned()
    }

    /// A checkout of a first commit: the manifest, its lockfile and what is not to be committed.
    pub fn checked_in(archive: &Archive, text: &str) -> Self {
        let project = Self::new(archive, text);
        project.write(".gitignore", "/_build/\n");
        project.ok(&["lock"]);
        project.git(&["init", "-q"]);
        project.commit("first");
        project
    }

    /// Commits everything; gives the commit's id.
    #[track_caller]
    pub fn commit(&self, message: &str) -> String {
        self.git(&["add", "-A"]);
        self.git(&["commit", "-q", "-m", message]);
        self.git(&["rev-parse", "HEAD"])
    }

    /// Everything of the checkout that a tool should leave alone: branches, index, files, and what git makes of them.
    pub fn state(&self) -> String {
        let refs = self.git(&["for-each-ref"]);
        let index = std::fs::read(self.path(".git/index")).unwrap();
        let files = self.git(&["ls-files", "-s", "-o", "--exclude-standard"]);
        format!("{refs}\n{files}\n{}\n{}", self.git(&["status", "--porcelain"]), pintree::pkg::Sha256::of(&index))
    }
}

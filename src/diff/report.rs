//! The report as values; its fields are those of the JSON form, which `docs/diff.schema.json` describes.

use super::Role;
use serde::Serialize;
use std::collections::BTreeMap;

/// Everything that a reviewer is told.
#[derive(Clone, Debug, PartialEq, Eq, Default, Serialize)]
#[serde(rename_all = "kebab-case")]
pub struct Report {
    /// What the old side is, in the user's words.
    pub old: String,
    /// What the new side is.
    pub new: String,
    /// One comparison for each manifest whose lockfile differs, or one for two images.
    pub comparisons: Vec<Comparison>,
    /// The files of two image commits.
    pub trees: Vec<TreeChange>,
}

/// How two pinned sets differ.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub struct Comparison {
    /// The manifest's name; for image commits what the images are called.
    pub name: String,
    /// The manifest's name before, where its lockfile was found again under another one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub renamed_from: Option<String>,
    /// Whether there was a lockfile before, and is one now.
    pub status: Status,
    /// How much changed.
    pub counts: Counts,
    /// Source packages, the most important first.
    pub sources: Vec<SourceChange>,
    /// Images, by name.
    pub images: Vec<ImageChange>,
    /// Source packages that the new side has at several versions, by name; changed or not.
    pub skew: Vec<Skew>,
    /// Holds of the new side.
    pub holds: Vec<Held>,
    /// Who is believed: repositories, keys, what is signed.
    pub trust: Vec<TrustChange>,
    /// Everything else that the manifest says, one sentence each.
    pub steering: Vec<String>,
    /// Fixed user and group numbers.
    pub ids: Vec<IdChange>,
    /// Packages that came, went or changed and could not be looked into, as `NAME VERSION ARCHITECTURE`.
    pub not_read: Vec<String>,
}

/// Whether something is on both sides.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Status {
    /// Only on the new side.
    Added,
    /// Only on the old side.
    Removed,
    /// On both, and different.
    Changed,
    /// On both, and equal.
    Unchanged,
}

/// Source packages by what happened to them; each counts once, security updates besides.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default, Serialize)]
#[serde(rename_all = "kebab-case")]
pub struct Counts {
    /// All of them.
    pub sources: usize,
    /// Those that are security updates.
    pub security: usize,
    /// Those with a newer version.
    pub updated: usize,
    /// Those with an older version.
    pub downgraded: usize,
    /// Those with other files of the same version.
    pub rebuilt: usize,
    /// Those with the same files from another repository.
    pub moved: usize,
    /// New ones.
    pub added: usize,
    /// Those that are gone.
    pub removed: usize,
}

/// A source package whose pins changed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub struct SourceChange {
    /// The source package.
    pub name: String,
    /// What happened.
    pub kind: Kind,
    /// Where it stands in the report.
    pub group: Group,
    /// What the package does before anything else runs, if it does.
    pub role: Option<Role>,
    /// Why this is a security update; none if nothing says so.
    pub security: Option<Security>,
    /// The source versions it had, in dpkg's order.
    pub from: Vec<String>,
    /// The source versions it has.
    pub to: Vec<String>,
    /// The repositories it came from.
    pub from_repos: Vec<String>,
    /// The repositories it comes from.
    pub to_repos: Vec<String>,
    /// Its binary packages that came, went or changed, by name.
    pub packages: Vec<PackageChange>,
    /// Its binary packages that went back although its own versions do not tell so, such as one that another source had.
    pub lowered: Vec<String>,
    /// The images that have it on either side.
    pub images: Vec<String>,
    /// What its changelog says about the change.
    pub changelog: Changelog,
    /// What deserves a second look.
    pub alerts: Vec<Alert>,
}

/// What happened to a source package.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Kind {
    /// It is new.
    Added,
    /// It is gone.
    Removed,
    /// It has other versions, and no binary package went back.
    Updated,
    /// A binary package has a lower version than before, in some image.
    Downgraded,
    /// Same version, other package files: a binNMU, or a repository that replaced a file.
    Rebuilt,
    /// The same files, from elsewhere.
    Moved,
}

/// The parts of the report, in their order.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Group {
    /// Security updates.
    Security,
    /// What takes part in starting the system.
    Boot,
    /// What went back.
    Downgraded,
    /// What is new.
    Added,
    /// What is gone.
    Removed,
    /// The rest.
    Other,
}

/// Why an update is a security update.
#[derive(Clone, Debug, PartialEq, Eq, Default, Serialize)]
#[serde(rename_all = "kebab-case")]
pub struct Security {
    /// The security repositories that it comes from.
    pub repos: Vec<String>,
    /// CVE, DSA, DLA and USN numbers in the part of the changelog that is new.
    pub ids: Vec<String>,
}

/// A binary package on some architectures.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub struct PackageChange {
    /// The binary package.
    pub name: String,
    /// Its architectures.
    pub arches: Vec<String>,
    /// The versions it had there.
    pub from: Vec<String>,
    /// The versions it has.
    pub to: Vec<String>,
}

/// What a changelog says about a change.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(tag = "state", rename_all = "kebab-case", rename_all_fields = "kebab-case")]
pub enum Changelog {
    /// There is nothing to say: the version is the same, lower, or new.
    None,
    /// It was read.
    Read {
        /// The entries between both versions, newest first.
        entries: Vec<Entry>,
        /// Lines that were left out.
        left_out: usize,
        /// Whether it reaches back to the old version.
        complete: bool,
    },
    /// It was not read.
    NotRead {
        /// Why.
        reason: String,
    },
}

/// One entry of a changelog.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub struct Entry {
    /// The version.
    pub version: String,
    /// Where it was uploaded to.
    pub distribution: String,
    /// Its urgency, as written.
    pub urgency: String,
    /// What it says, without the bugs it closes.
    pub lines: Vec<String>,
}

/// Something that deserves a second look.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "kebab-case")]
pub struct Alert {
    /// What it is.
    pub kind: AlertKind,
    /// The binary package.
    pub package: String,
    /// The path, or the script's name.
    pub subject: String,
    /// On which architectures.
    pub arches: Vec<String>,
}

/// What deserves a second look.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum AlertKind {
    /// A file that runs as its owner, and did not before.
    Setuid,
    /// A file that runs as its group, and did not before.
    Setgid,
    /// A file that has capabilities, and had not before.
    Capability,
    /// A maintainer script that was not there before.
    ScriptAdded,
    /// A maintainer script that is another one.
    ScriptChanged,
    /// A maintainer script that is gone.
    ScriptRemoved,
    /// A systemd service.
    Service,
    /// A systemd socket.
    Socket,
    /// A systemd timer.
    Timer,
    /// A D-Bus service.
    DbusService,
    /// A job of cron.
    CronJob,
    /// An init script.
    InitScript,
}

/// An image whose packages changed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub struct ImageChange {
    /// The image.
    pub image: String,
    /// Whether it was there before, and is there now.
    pub status: Status,
    /// Packages that came.
    pub added: Vec<Arrival>,
    /// Packages that went.
    pub removed: Vec<Arrival>,
    /// One row for each architecture.
    pub rows: Vec<Row>,
}

/// A package that came into an image, or went.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub struct Arrival {
    /// The package, with `:ARCH` where it is a foreign one.
    pub package: String,
    /// Its version.
    pub version: String,
    /// Its source package.
    pub source: String,
    /// On which of the image's architectures.
    pub arches: Vec<String>,
    /// Whether that is all of them.
    pub everywhere: bool,
    /// Why it is there, or was.
    pub reason: Reason,
}

/// Why a package is in an image.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(tag = "state", rename_all = "kebab-case", rename_all_fields = "kebab-case")]
pub enum Reason {
    /// The shortest way to it.
    Known {
        /// What the image asks for, in words.
        asked: String,
        /// The packages from there to the package itself.
        chain: Vec<String>,
    },
    /// It was not looked for, or could not be found out.
    NotKnown {
        /// Why.
        reason: String,
    },
}

/// An image on one architecture: numbers.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub struct Row {
    /// The architecture.
    pub arch: String,
    /// How many packages it has.
    pub packages: usize,
    /// Those that came.
    pub added: usize,
    /// Those that went.
    pub removed: usize,
    /// Those with a newer version.
    pub updated: usize,
    /// Those with an older version.
    pub downgraded: usize,
    /// Those with another file of the same version.
    pub rebuilt: usize,
    /// All package files together, in bytes; none where no file is known.
    pub download: Option<u64>,
    /// How much that grew.
    pub download_change: Option<i64>,
    /// The package files that were not there before, in bytes.
    pub fetch: Option<u64>,
    /// How much the installed size grew, in bytes, by what packages say; none where a package was not read.
    pub installed_change: Option<i64>,
}

/// A source package at several versions.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub struct Skew {
    /// The source package.
    pub source: String,
    /// Whether the old side had not the same.
    pub new: bool,
    /// Each version, in dpkg's order.
    pub versions: Vec<SkewVersion>,
}

/// Who has which version.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub struct SkewVersion {
    /// The source version.
    pub version: String,
    /// The images that have it, each with the architectures.
    pub images: BTreeMap<String, Vec<String>>,
}

/// A hold, and what lockfiles prove about it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub struct Held {
    /// The pattern of package or source names.
    pub package: String,
    /// The pattern of versions.
    pub version: String,
    /// Why.
    pub reason: Option<String>,
    /// The last day.
    pub until: Option<String>,
    /// Whether the old side had not this hold.
    pub new: bool,
    /// The pins that it holds, as `NAME VERSION`.
    pub pins: Vec<String>,
    /// Pins of the same sources that are further, as `NAME VERSION`: what the hold keeps others from.
    pub ahead: Vec<String>,
}

/// Somebody is believed who was not before, or the other way round.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub struct TrustChange {
    /// The repository.
    pub repo: String,
    /// What changed, as a sentence.
    pub text: String,
    /// Whether less is checked than before.
    pub weaker: bool,
}

/// A fixed user or group number that came, went or changed; as the lockfile writes it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub struct IdChange {
    /// The user or group.
    pub name: String,
    /// What it was.
    pub from: Option<String>,
    /// What it is.
    pub to: Option<String>,
}

/// How the files of two image commits differ.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub struct TreeChange {
    /// The old ref or commit.
    pub old: String,
    /// The new ref or commit.
    pub new: String,
    /// Files that came.
    pub added: usize,
    /// Files that went.
    pub removed: usize,
    /// Files that changed.
    pub changed: usize,
    /// By the package they belong to.
    pub packages: Vec<PackageFiles>,
}

/// Changed files of one package.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub struct PackageFiles {
    /// The package; none for files that no package ships.
    pub package: Option<String>,
    /// The files, by path.
    pub files: Vec<FileChange>,
}

/// A file that differs between two image commits.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub struct FileChange {
    /// Its path.
    pub path: String,
    /// What happened to it.
    pub kind: FileChangeKind,
    /// Owner, mode or type, where they changed: `mode 0755 ► 4755`.
    pub note: Option<String>,
}

/// What happened to a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum FileChangeKind {
    /// It is new.
    Added,
    /// It is gone.
    Removed,
    /// Its content, owner, mode or attributes differ.
    Changed,
}

impl Comparison {
    /// Tells whether nothing changed.
    pub fn is_empty(&self) -> bool {
        self.status == Status::Unchanged && self.renamed_from.is_none()
    }

    /// What deserves a second look. Of a new lockfile that is who gets more rights: all services and scripts in it are new.
    pub fn alerts(&self) -> Vec<&Alert> {
        let all = self.sources.iter().flat_map(|source| &source.alerts);
        all.filter(|alert| self.status != Status::Added || alert.kind.is_privilege()).collect()
    }

    /// The source packages of a group.
    pub fn group(&self, group: Group) -> impl Iterator<Item = &SourceChange> {
        self.sources.iter().filter(move |source| source.group == group)
    }
}

impl Report {
    /// Tells whether nothing changed.
    pub fn is_empty(&self) -> bool {
        self.comparisons.iter().all(Comparison::is_empty) && self.trees.iter().all(|tree| tree.added + tree.removed + tree.changed == 0)
    }

    /// Tells whether there is a security update.
    pub fn has_security(&self) -> bool {
        self.counts().security > 0
    }

    /// How much changed in all comparisons together.
    pub fn counts(&self) -> Counts {
        self.comparisons.iter().fold(Counts::default(), |sum, comparison| sum + comparison.counts)
    }
}

impl std::ops::Add for Counts {
    type Output = Self;

    fn add(self, other: Self) -> Self {
        Self {
            sources: self.sources + other.sources,
            security: self.security + other.security,
            updated: self.updated + other.updated,
            downgraded: self.downgraded + other.downgraded,
            rebuilt: self.rebuilt + other.rebuilt,
            moved: self.moved + other.moved,
            added: self.added + other.added,
            removed: self.removed + other.removed,
        }
    }
}

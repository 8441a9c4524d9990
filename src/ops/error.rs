//! Why a verb could not do its work.

use super::blame::Class;
use crate::manifest::Manifest;
use crate::pkg::Architecture;
use crate::resolve::{self, Unsolvable};
use crate::{index, lock, manifest, ninja, repo, sandbox, store};
use std::path::PathBuf;

/// Why a verb could not do its work.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// A file could not be read or written.
    #[error("cannot {doing} `{}`", path.display())]
    Io {
        /// What was being done, as a verb phrase.
        doing: &'static str,
        /// To which file.
        path: PathBuf,
        /// Why it failed.
        source: std::io::Error,
    },
    /// Something stands where this program makes a directory or a file of its own.
    #[error("`{}` is not used: {fault}", path.display())]
    Planted {
        /// Where.
        path: PathBuf,
        /// What it is.
        fault: crate::util::place::Fault,
    },
    /// A path leads where it may not, or to what cannot be read.
    #[error(transparent)]
    Stray(#[from] crate::util::bounds::Stray),
    /// A file that is to be written is there already.
    #[error("`{}` is there already", path.display())]
    Exists {
        /// The file.
        path: PathBuf,
    },
    /// This host cannot run scripts.
    #[error("no script can run here")]
    Host {
        /// What it lacks.
        source: sandbox::Lack,
    },
    /// There is nothing to work on.
    #[error("there is no manifest in `{}`", directory.display())]
    NoManifests {
        /// Where manifests should be.
        directory: PathBuf,
    },
    /// No manifest has the image.
    #[error("there is no image `{image}`; there are: {}", list(.known))]
    NoImage {
        /// The image as asked for.
        image: String,
        /// All images.
        known: Vec<String>,
    },
    /// Several manifests have the image.
    #[error("several manifests have an image `{image}`: {}", list(.candidates))]
    AmbiguousImage {
        /// The image as asked for.
        image: String,
        /// What it may mean.
        candidates: Vec<String>,
    },
    /// The image is not built for an architecture that was asked for.
    #[error("`{image}` is not built for the architecture that was asked for{}", known_arches(.known))]
    NoArchitecture {
        /// The image.
        image: String,
        /// Its architectures.
        known: Vec<Architecture>,
    },
    /// A lockfile does not fit its manifest, and may not be changed.
    #[error("`{}` does not fit its manifest{}", stale.lockfile.display(), reasons(.stale))]
    Stale {
        /// What differs.
        stale: Stale,
    },
    /// The manifest is faulty.
    #[error(transparent)]
    Manifest(#[from] manifest::Error),
    /// The lockfile is faulty.
    #[error(transparent)]
    Lock(#[from] lock::Error),
    /// A lockfile cannot be made of what was solved: a fault of this program, or of an index.
    #[error("cannot write the lockfile of `{manifest}`")]
    Contradiction {
        /// The manifest's name.
        manifest: String,
        /// What contradicts itself.
        source: lock::Contradiction,
    },
    /// `--lockfile` names one file for several manifests.
    #[error("`--lockfile` takes one manifest, not {given}")]
    OneManifest {
        /// How many there are.
        given: usize,
    },
    /// A repository is to be read as it was, and nothing says where its past lies.
    #[error("nothing says where past states of repository `{repo}` lie")]
    NoSnapshot {
        /// The repository.
        repo: String,
        /// The named archive, where it is one.
        archive: Option<String>,
    },
    /// The moment to read repositories at has not come yet.
    #[error("{moment} has not come yet")]
    Ahead {
        /// The moment.
        moment: jiff::Timestamp,
    },
    /// `--upgrade-package` names what is not locked.
    #[error("no locked package and no locked source package is called `{package}`")]
    NotLocked {
        /// The name.
        package: String,
    },
    /// A pinned version has left the indexes, and its package file is nowhere to be had.
    #[error("`{package}` {version} of repository `{repo}` is locked{}: no index lists it any more, and its file cannot be had", more(*.others))]
    Gone {
        /// The package.
        package: String,
        /// The locked version.
        version: String,
        /// The repository.
        repo: String,
        /// How many more there are.
        others: usize,
        /// Why the file cannot be had.
        source: Option<Box<repo::Error>>,
    },
    /// The lockfile would change, and may not.
    #[error("`{}` would change", lockfile.display())]
    WouldChange {
        /// The lockfile.
        lockfile: PathBuf,
    },
    /// An architecture on the command line is malformed.
    #[error("`{name}` is not the name of an architecture")]
    Architecture {
        /// What stood there.
        name: String,
    },
    /// There is no starting manifest for what was asked.
    #[error(transparent)]
    Starter(#[from] manifest::StarterError),
    /// Two lockfiles cannot be merged.
    #[error(transparent)]
    Clash(#[from] lock::merge::Clash),
    /// The upstream repositories cannot be used.
    #[error(transparent)]
    Repo(#[from] repo::Error),
    /// A file list cannot be searched.
    #[error("cannot search `{path}` of repository `{repo}`, suite `{suite}`")]
    Contents {
        /// The repository.
        repo: String,
        /// The suite.
        suite: String,
        /// The list.
        path: String,
        /// Why.
        source: index::contents::Error,
    },
    /// A path is asked for, and no repository says which package ships it.
    #[error("cannot tell which package ships `{path}`: there is no `Contents` file for {architecture} in {}", list(.suites))]
    NoContents {
        /// The path.
        path: String,
        /// The architecture.
        architecture: Architecture,
        /// Repositories and suites.
        suites: Vec<String>,
    },
    /// What packages depend on is not known.
    #[error("{} are neither imported nor listed by a verified index: {}", count(.packages), some(.packages))]
    NoFields {
        /// Name, version and architecture of each.
        packages: Vec<String>,
    },
    /// The fields of an imported package cannot be read: a fault of this program, or damage.
    #[error("cannot read the fields of imported packages: {reason}")]
    Unreadable {
        /// Which, and why.
        reason: String,
    },
    /// An image does not have a package that others have.
    #[error("`{package}` is not in the image `{image}`{}{}", for_arches(.arches), places(.elsewhere))]
    NotInImage {
        /// The package.
        package: String,
        /// The image.
        image: String,
        /// The architectures that were looked at.
        arches: Vec<Architecture>,
        /// Where it is.
        elsewhere: Vec<String>,
    },
    /// No lockfile has a package of that name.
    #[error("no lockfile has a package `{package}`{}", meant(.similar))]
    UnknownPackage {
        /// The name.
        package: String,
        /// Names that are like it.
        similar: Vec<String>,
    },
    /// An image's requests cannot be met.
    #[error("cannot lock image `{image}` of `{manifest}` for {architecture}")]
    Unsolvable {
        /// The manifest's name.
        manifest: String,
        /// The image's name.
        image: String,
        /// The architecture.
        architecture: Architecture,
        /// Why.
        source: Box<Unsolvable>,
    },
    /// The solver gave an invalid answer: a fault of this program.
    #[error("cannot lock image `{image}` of `{manifest}` for {architecture}")]
    Solver {
        /// The manifest's name.
        manifest: String,
        /// The image's name.
        image: String,
        /// The architecture.
        architecture: Architecture,
        /// What is wrong.
        source: resolve::Error,
    },
    /// git could not be run, or said no.
    #[error("cannot {doing} with git")]
    Git {
        /// What it was asked to do, as a verb phrase.
        doing: &'static str,
        /// What became of it.
        source: crate::util::command::Error,
    },
    /// git has no such commit.
    #[error("git knows no revision `{revision}`")]
    NoRevision {
        /// What stood there.
        revision: String,
    },
    /// An image would be built without what the user's own images have: it lies in the work tree and in no commit.
    #[error("commit {} lacks {}, which the image of the work tree has: {reason}", short(.commit), some(.paths))]
    NotInCommit {
        /// The commit.
        commit: String,
        /// What it lacks.
        paths: Vec<String>,
        /// Why it does.
        reason: &'static str,
    },
    /// A submodule's files are not here.
    #[error("submodule `{}` is not here at commit {}", path.display(), short(.commit))]
    NoSubmodule {
        /// Where it stands.
        path: PathBuf,
        /// The recorded commit.
        commit: String,
    },
    /// A file of Git LFS is not here.
    #[error("the file of Git LFS `{}` is not here as commit {} has it", path.display(), short(.commit))]
    NoLfsFile {
        /// The file.
        path: PathBuf,
        /// The commit.
        commit: String,
    },
    /// A revision does not have a directory or file.
    #[error("revision `{revision}` has no `{}`", path.display())]
    NotInRevision {
        /// The revision.
        revision: String,
        /// What was looked for.
        path: PathBuf,
    },
    /// The project is not in a git checkout, and what was asked for is about one.
    #[error("the project is in no git checkout{}", below(.directory))]
    NoCheckout {
        /// The project's directory.
        directory: PathBuf,
    },
    /// No commit between two revisions changes a lockfile.
    #[error("no commit {}up to `{bad}` changes a lockfile", good.as_ref().map(|good| format!("after `{good}` ")).unwrap_or_default())]
    NoChanges {
        /// The older one; without it that of the first lockfiles.
        good: Option<String>,
        /// The newer one.
        bad: String,
    },
    /// A branch has commits of somebody else.
    #[error("somebody else has been on `{branch}`: {}", list(.commits))]
    Foreign {
        /// The branch.
        branch: String,
        /// Their commits.
        commits: Vec<String>,
    },
    /// The branch that is to be written is checked out.
    #[error("the branch `{branch}` is checked out")]
    CheckedOut {
        /// The branch.
        branch: String,
    },
    /// A text is no name of a branch.
    #[error("`{name}` cannot be the name of a branch")]
    BranchName {
        /// The text.
        name: String,
    },
    /// A text is no author.
    #[error("`{text}` is no author")]
    Author {
        /// The text.
        text: String,
    },
    /// Something is to be pushed, and the network is off.
    #[error("cannot push: the network is off")]
    OfflinePush,
    /// What is there without any update does not build either, or what fails cannot stay as it is.
    #[error("nothing can be held back to make it build: {summary}")]
    Unbuildable {
        /// What fails.
        summary: String,
    },
    /// The command that is to judge could not do so.
    #[error("`{command}` ended with {status}: it judges nothing any more")]
    Judge {
        /// The command.
        command: String,
        /// How it ended.
        status: std::process::ExitStatus,
    },
    /// A word names nothing that can be compared.
    #[error("`{word}` is neither a lockfile, nor a git revision, nor an image of the store")]
    NothingToCompare {
        /// What stood there.
        word: String,
    },
    /// An image is to be compared with something that is none.
    #[error("`{image}` is an image, and {other} is none")]
    NotComparable {
        /// The image.
        image: String,
        /// The other side.
        other: String,
    },
    /// The package database of an image cannot be read.
    #[error("commit {commit} has no package database that can be read")]
    NoDatabase {
        /// The commit.
        commit: store::Checksum,
    },
    /// The repository cannot be used.
    #[error(transparent)]
    Store(#[from] store::Error),
    /// ninja could not be run.
    #[error(transparent)]
    Ninja(#[from] ninja::Error),
    /// Steps failed; each has told why already.
    #[error("{failed} of {steps} build steps failed, first `{first}`")]
    Steps {
        /// How many failed.
        failed: usize,
        /// How many ran.
        steps: usize,
        /// The first one's description.
        first: String,
        /// The first one's exit code.
        exit: u8,
        /// Whose fault it is: of several the gravest.
        class: Class,
        /// Packages that no mirror has any more.
        gone: Vec<String>,
    },
    /// Something was tried out, and what failed says nothing of what was tried.
    #[error("{message}")]
    Trial {
        /// What failed, in one line.
        message: String,
        /// Whose fault it is.
        class: Class,
        /// The exit code of the step that failed.
        exit: u8,
    },
    /// A step ended without telling why: somebody killed it.
    #[error("a build step was killed: `{command}`")]
    StepDied {
        /// Its command.
        command: String,
    },
    /// ninja failed by itself; it has told why already.
    #[error("`ninja` ended with {status}")]
    NinjaFailed {
        /// How it ended.
        status: std::process::ExitStatus,
    },
    /// Packages are not in the store, and the network is off.
    #[error("not in the store, and the network is off: {}", list(.missing))]
    Missing {
        /// Name and version of each.
        missing: Vec<String>,
    },
    /// Packages make users or groups that no table has a number for, and the lockfile may not change.
    #[error("users and groups that packages make have no ids{}", ids(.tables))]
    Unrecorded {
        /// The lines that would be added to the `[ids]` of each lockfile.
        tables: Vec<(PathBuf, Vec<String>)>,
    },
    /// A file of a directory of packages cannot be named in a build file.
    #[error("`{}` has a name that a build file cannot have", path.display())]
    LocalName {
        /// The file.
        path: PathBuf,
    },
    /// A file of a directory of packages is no package.
    #[error("`{}` is no package that can be read", path.display())]
    LocalPackage {
        /// The file.
        path: PathBuf,
        /// Why.
        source: crate::archive::Error,
    },
    /// The fields of a package in a directory cannot be understood.
    #[error("cannot read the packages of `{}`: {reason}", directory.display())]
    LocalFields {
        /// The directory.
        directory: PathBuf,
        /// Which, and why.
        reason: String,
    },
    /// Two files of one directory are the same version of one package, with other contents.
    #[error("`{}` and `{}` in `{}` are one version of one package with different contents", .files[0], .files[1], directory.display())]
    LocalTwice {
        /// Both.
        files: [String; 2],
        /// The directory.
        directory: PathBuf,
    },
    /// A package file was made anew under the same version.
    #[error("`{}` is not the file that is locked as `{package}` {version}: its contents have changed", path.display())]
    LocalChanged {
        /// The file.
        path: PathBuf,
        /// The package.
        package: String,
        /// Its version.
        version: String,
    },
    /// A package file of a directory is not there.
    #[error("there is no `{}`, which is locked as `{package}`", path.display())]
    NoLocalFile {
        /// The file.
        path: PathBuf,
        /// Name, version and architecture.
        package: String,
    },
    /// A step asks again for what it was given: a fault of this program.
    #[error("`{step}` has no ids for {} although they were given", list(.names))]
    IdsNotTaken {
        /// The step's description.
        step: String,
        /// The names.
        names: Vec<String>,
    },
    /// Every system id has a name.
    #[error("there is no system id left for `{name}`: 100 to 999 are taken")]
    NoFreeId {
        /// The user or group.
        name: String,
    },
    /// An image is to be built again and was not built once.
    #[error("image `{image}` for {architecture} was not built from its lockfile as it is now")]
    NotBuilt {
        /// The image.
        image: String,
        /// The architecture.
        architecture: Architecture,
    },
    /// A file that the manifest names is not there.
    #[error("image `{image}` needs `{}`, which does not exist", path.display())]
    NoInput {
        /// The image.
        image: String,
        /// The overlay, script or key file.
        path: PathBuf,
    },
    /// A build ended well and left no ref: a fault of this program.
    #[error("the build ended well, but there is no ref `{reference}`")]
    NoRef {
        /// The ref.
        reference: store::RefName,
    },
    /// A build of the same directory is running.
    #[error("a build of `{}` is running", directory.display())]
    Busy {
        /// The directory of generated files.
        directory: PathBuf,
    },
    /// The user asked to stop.
    #[error("interrupted")]
    Interrupted,
}

impl Error {
    /// Says for which image the solver failed.
    pub(super) fn resolve(error: resolve::Error, manifest: &Manifest, image: &str, architecture: &Architecture) -> Self {
        let (manifest, image, architecture) = (manifest.name.clone(), image.to_owned(), architecture.clone());
        match error {
            resolve::Error::Unsolvable(source) => Self::Unsolvable { manifest, image, architecture, source },
            source => Self::Solver { manifest, image, architecture, source },
        }
    }
}

/// A lockfile that does not fit its manifest.
#[derive(Debug)]
pub struct Stale {
    /// The lockfile.
    pub lockfile: PathBuf,
    /// What differs, one a line.
    pub reasons: Vec<String>,
}

fn more(count: usize) -> String {
    match count {
        0 => String::new(),
        1 => ", and so is one more".to_owned(),
        count => format!(", and so are {count} more"),
    }
}

fn list(names: &[String]) -> String {
    names.iter().map(|name| format!("`{name}`")).collect::<Vec<_>>().join(", ")
}

fn below(directory: &std::path::Path) -> String {
    if directory.as_os_str().is_empty() { String::new() } else { format!(": `{}`", directory.display()) }
}

/// As many names as fit a message.
fn some(names: &[String]) -> String {
    const MOST: usize = 5;
    match names.len() {
        0..=MOST => list(names),
        more => format!("{} and {} more", list(&names[..MOST]), more - MOST),
    }
}

/// As much of a commit's id as people read.
fn short(commit: &str) -> &str {
    &commit[..commit.len().min(12)]
}

fn count(names: &[String]) -> String {
    if names.len() == 1 { "1 package".to_owned() } else { format!("{} packages", names.len()) }
}

fn for_arches(arches: &[Architecture]) -> String {
    format!(" for {}", arches.iter().map(Architecture::deb_name).collect::<Vec<_>>().join(", "))
}

fn places(places: &[String]) -> String {
    if places.is_empty() { String::new() } else { format!("; it is in {}", places.join("; ")) }
}

fn meant(similar: &[String]) -> String {
    if similar.is_empty() { String::new() } else { format!("; did you mean {}?", list(similar)) }
}

fn known_arches(known: &[Architecture]) -> String {
    if known.is_empty() {
        return String::new();
    }
    format!("; it is built for {}", known.iter().map(|arch| format!("`{arch}`")).collect::<Vec<_>>().join(", "))
}

fn ids(tables: &[(PathBuf, Vec<String>)]) -> String {
    let lines = |lines: &[String]| lines.iter().map(|line| format!("\n    {line}")).collect::<String>();
    tables.iter().map(|(lockfile, ids)| format!("\n  `{}` needs\n    [ids]{}", lockfile.display(), lines(ids))).collect()
}

fn reasons(stale: &Stale) -> String {
    stale.reasons.iter().map(|reason| format!("\n  {reason}")).collect()
}

//! What ninja's rules pass to steps (`ninja/rules.ninja`).

use crate::pkg::{Architecture, Permissions, Severity, Sha256, TreeCheck};
use crate::step::configure::Id;
use crate::store::RefName;
use clap::{Args, Subcommand};
use std::path::PathBuf;

/// `pintree step`
#[derive(Debug, Args)]
pub struct Step {
    /// Which step.
    #[command(subcommand)]
    pub step: StepKind,
}

/// The steps.
#[derive(Debug, Subcommand)]
pub enum StepKind {
    /// Download, verify and unpack one package into its own ref
    Import(StepImport),
    /// Merge package refs into one root filesystem commit
    Compose(StepCompose),
    /// Run the maintainer scripts of composed packages
    Configure(StepConfigure),
    /// Remove scratch directories of steps that were killed
    Remove(StepRemove),
    /// Turn a configured root filesystem into an image commit
    Seal(StepSeal),
}

/// `pintree step import`
#[derive(Debug, Args)]
pub struct StepImport {
    /// The OSTree repository
    #[arg(long)]
    pub store: PathBuf,
    /// The file that maps repositories to base URLs
    #[arg(long)]
    pub sources: PathBuf,
    /// The directory of slot files that bound work on this host
    #[arg(long)]
    pub slots: PathBuf,
    /// The package's name
    #[arg(long)]
    pub package: String,
    /// The package's full version
    #[arg(long)]
    pub version: String,
    /// The package's own architecture field
    #[arg(long, value_parser = architecture)]
    pub architecture: Architecture,
    /// The file's SHA-256
    #[arg(long)]
    pub sha256: Sha256,
    /// The file's size in bytes
    #[arg(long)]
    pub size: u64,
    /// A file of the project that should be the package, looked at first (repeatable)
    #[arg(long)]
    pub file: Vec<PathBuf>,
    /// Where to look: MANIFEST/REPOSITORY:PATH (repeatable)
    #[arg(long)]
    pub from: Vec<String>,
}

/// What each step on a whole image is told.
#[derive(Debug, Args)]
pub struct StepTree {
    /// The OSTree repository
    #[arg(long)]
    pub store: PathBuf,
    /// The image's architecture
    #[arg(long, value_parser = architecture)]
    pub architecture: Architecture,
    /// A further architecture of the image (repeatable)
    #[arg(long, value_parser = architecture)]
    pub foreign: Vec<Architecture>,
    /// The digest of everything the lockfile says of the image
    #[arg(long)]
    pub identity: Sha256,
    /// The ref to write
    #[arg(long)]
    pub target: RefName,
}

/// What each step that runs scripts is told besides.
#[derive(Debug, Args)]
pub struct StepRoot {
    /// The directory of slots that all steps share
    #[arg(long)]
    pub slots: PathBuf,
    /// A directory for this step alone, on the repository's file system
    #[arg(long)]
    pub work: PathBuf,
    /// The time that scripts are told, in seconds since 1970
    #[arg(long)]
    pub epoch: u64,
    /// Where to write what scripts print
    #[arg(long)]
    pub log: PathBuf,
    /// The file with the manifest's limits of scripts; those that it does not name are the defaults
    #[arg(long)]
    pub limits: Option<PathBuf>,
}

/// `pintree step compose`
#[derive(Debug, Args)]
pub struct StepCompose {
    /// The image and its ref.
    #[command(flatten)]
    pub tree: StepTree,
    /// A file with one package ref a line
    #[arg(long)]
    pub packages: PathBuf,
}

/// `pintree step configure`
#[derive(Debug, Args)]
pub struct StepConfigure {
    /// The image and its ref.
    #[command(flatten)]
    pub tree: StepTree,
    /// Where and when its scripts run.
    #[command(flatten)]
    pub root: StepRoot,
    /// The ref of the same packages, composed
    #[arg(long)]
    pub composed: RefName,
    /// Where to write which checkpoints are in use
    #[arg(long)]
    pub stages: Option<PathBuf>,
    /// Run all scripts again, whatever checkpoints there are
    #[arg(long)]
    pub no_checkpoints: bool,
    /// An answer to a question of debconf (repeatable)
    #[arg(long, allow_hyphen_values = true)]
    pub debconf: Vec<String>,
    /// The ids of a user or group: `NAME=UID:GID`, either may be empty (repeatable)
    #[arg(long, value_parser = id)]
    pub id: Vec<(String, Id)>,
    /// A file with one package ref a line
    #[arg(long)]
    pub packages: PathBuf,
}

/// `pintree step remove`
#[derive(Debug, Args)]
pub struct StepRemove {
    /// What to remove
    pub paths: Vec<PathBuf>,
}

/// `pintree step seal`
#[derive(Debug, Args)]
pub struct StepSeal {
    /// The image and its ref.
    #[command(flatten)]
    pub tree: StepTree,
    /// Where and when its scripts run.
    #[command(flatten)]
    pub root: StepRoot,
    /// The image's name
    #[arg(long)]
    pub image: String,
    /// The ref of the configured root filesystem
    #[arg(long)]
    pub configured: RefName,
    /// The digest of the files that are read, for ninja alone: the step reads the files
    #[arg(long)]
    pub inputs: Option<String>,
    /// A directory to lay over the tree (repeatable, the last one wins)
    #[arg(long)]
    pub overlay: Vec<PathBuf>,
    /// A program to run in the sandbox (repeatable)
    #[arg(long)]
    pub script: Vec<PathBuf>,
    /// A directory outside the current one in which these may lie (repeatable)
    #[arg(long)]
    pub outside: Vec<String>,
    /// The system's name
    #[arg(long)]
    pub hostname: Option<String>,
    /// The name of the time zone
    #[arg(long)]
    pub timezone: Option<String>,
    /// The value of LANG
    #[arg(long)]
    pub locale: Option<String>,
    /// A file of public keys for root (repeatable)
    #[arg(long)]
    pub authorized_keys: Vec<PathBuf>,
    /// Owner and mode of a path: `PATH=USER:GROUP MODE` (repeatable)
    #[arg(long, value_parser = permissions)]
    pub permissions: Vec<(String, Permissions)>,
    /// What becomes of findings: `CHECK=off`, `warn` or `fail` (repeatable)
    #[arg(long, value_parser = check)]
    pub check: Vec<(TreeCheck, Severity)>,
}

fn architecture(text: &str) -> Result<Architecture, String> {
    Architecture::parse(text).ok_or_else(|| "it is no architecture's name".to_owned())
}

fn id(text: &str) -> Result<(String, Id), String> {
    let number = |text: &str| if text.is_empty() { Some(None) } else { text.parse().ok().map(Some) };
    let id = text.split_once('=').and_then(|(name, numbers)| {
        let (uid, gid) = numbers.split_once(':')?;
        Some((name.to_owned(), Id { uid: number(uid)?, gid: number(gid)? }))
    });
    id.ok_or_else(|| "write NAME=UID:GID".to_owned())
}

fn permissions(text: &str) -> Result<(String, Permissions), String> {
    let pair = text.rsplit_once('=').and_then(|(path, permissions)| Some((path.to_owned(), permissions.parse().ok()?)));
    pair.ok_or_else(|| "write PATH=USER:GROUP MODE".to_owned())
}

fn check(text: &str) -> Result<(TreeCheck, Severity), String> {
    let pair = text.split_once('=').and_then(|(check, severity)| Some((check.parse().ok()?, severity.parse().ok()?)));
    pair.ok_or_else(|| "write CHECK=off, CHECK=warn or CHECK=fail".to_owned())
}

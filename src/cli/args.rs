//! The command line as types; its help text is the reference.

mod step;
mod updates;

pub use step::{Step, StepCompose, StepConfigure, StepImport, StepKind, StepRemove, StepRoot, StepSeal};
pub use updates::{Bisect, Bot, Diff};

use crate::pkg::parse_age;
use clap::{Args, Parser, Subcommand, ValueEnum};
use jiff::Timestamp;
use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::time::Duration;

/// Turns a short manifest into a reproducible, reviewable, signed OSTree image.
///
/// A manifest (`manifests/NAME.toml`) says which packages an image needs. `pintree lock` pins them in
/// `lockfiles/NAME.lock`, which you review and commit. `pintree build` downloads, verifies and unpacks each package into
/// its own OSTree ref and merges them into one root filesystem commit per image and architecture.
#[derive(Debug, Parser)]
#[command(name = "pintree", version, max_term_width = 100, disable_help_subcommand = true)]
#[command(after_help = "Start with `pintree init`, then `pintree build`. `pintree VERB --help` tells more.")]
pub struct Cli {
    /// Options of every verb.
    #[command(flatten)]
    pub global: Global,
    /// What to do.
    #[command(subcommand)]
    pub verb: Verb,
}

/// Options of every verb.
#[derive(Debug, Args)]
pub struct Global {
    /// Work in this project directory instead of the current one
    #[arg(short = 'C', long = "directory", value_name = "DIR", global = true, default_value = ".", hide_default_value = true)]
    pub directory: PathBuf,
    /// Fail instead of changing a lockfile (`CI=true` implies this for `build`)
    #[arg(long, global = true)]
    pub locked: bool,
    /// Do not use the network
    #[arg(long, global = true)]
    pub offline: bool,
    /// Both --locked and --offline
    #[arg(long, global = true)]
    pub frozen: bool,
    /// How results are printed on stdout
    #[arg(long, value_enum, default_value_t = Format::Human, global = true, hide_default_value = true)]
    pub format: Format,
    /// Print only results and errors
    #[arg(short, long, global = true, conflicts_with = "verbose")]
    pub quiet: bool,
    /// Print more about what is being done
    #[arg(short, long, global = true)]
    pub verbose: bool,
    /// When to use colour
    #[arg(long, value_enum, default_value_t = Color::Auto, global = true, hide_default_value = true)]
    pub color: Color,
    /// Use this mirror of a named archive, for example `debian=https://mirror.example.org/debian` (repeatable)
    #[arg(long = "mirror", value_name = "ARCHIVE=URL", global = true)]
    pub mirrors: Vec<String>,
}

impl Global {
    /// The project directory; empty for the current one, so that messages name paths as one would type them.
    pub fn project(&self) -> &Path {
        if self.directory == Path::new(".") { Path::new("") } else { &self.directory }
    }

    /// Whether the network is off.
    pub fn is_offline(&self) -> bool {
        self.offline || self.frozen
    }

    /// Whether lockfiles may not change.
    pub fn is_locked(&self) -> bool {
        self.locked || self.frozen
    }
}

/// How results are printed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Format {
    /// For people
    Human,
    /// For programs
    Json,
    /// For change requests
    Markdown,
}

/// When to use colour.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Color {
    /// On a terminal, unless NO_COLOR is set
    Auto,
    /// Always
    Always,
    /// Never
    Never,
}

/// The verbs.
#[derive(Debug, Subcommand)]
pub enum Verb {
    /// Write a commented starting manifest
    Init(Init),
    /// Resolve manifests and write their lockfiles
    Lock(Lock),
    /// Build images from their lockfiles
    Build(Build),
    /// Write `_build/build.ninja` without running it
    Ninja(Images),
    /// Say what changed between two lockfiles, git revisions or images
    Diff(Diff),
    /// Say why a package is in an image
    Why(Why),
    /// Show an image's packages as a tree of dependencies
    Tree(Tree),
    /// Bring the lockfiles up to date on a branch of their own, built, for a change request
    Bot(Bot),
    /// Find the commit, and the package in it, that made something fail
    Bisect(Bisect),
    /// Show what the repositories have for each pin
    Outdated(Outdated),
    /// Show which scripts ran for an image, and what they printed
    Log(Log),
    /// Check the trust chain and the closure of the lockfiles, or build an image again and compare
    #[command(after_help = VERIFY_HELP)]
    Verify(Verify),
    /// Drop refs and objects that no lockfile names any more
    Gc(Gc),
    /// Check what this host lacks, and name the command that mends it
    Doctor(Doctor),
    /// One step of a build, as ninja runs it
    #[command(hide = true)]
    Step(Box<Step>),
    /// Generate man pages, completions and references
    #[command(hide = true)]
    Util(Util),
}

const VERIFY_HELP: &str = "\
Four checks for each manifest:
  lockfile  it fits the manifest, its keys included, and is as pintree wrote it
  packages  each imported package is the pinned one, and every object in its ref has its checksum
  images    each image, at each stage that was built, is of this lockfile, and every object in it has its checksum
  closure   in each image and architecture every dependency is met and nothing conflicts

With --rebuild an image is built again instead, in `_build/verify`: from its packages on, every script run, with
another umask, time zone, locale, job count and directory. Each stage must give the same commit; where one does
not, the first files that differ are shown, and the second build stays there to be looked at.

Exit code 5 when something is damaged or a rebuilt commit differs, else 1 when something was found.

Examples:
  pintree verify
  pintree verify --rebuild kiosk
  pintree --offline verify manifests/edge.toml";

/// `pintree init`
#[derive(Debug, Args)]
#[command(after_help = "\
Writes the manifest, and adds what is missing to `.gitattributes` and `.gitignore`. Lockfiles are then merged and shown by
pintree in every checkout whose configuration has the drivers; --git-drivers sets them in this one.

Examples:\n  pintree init\n  pintree init --git-drivers   in a project that has manifests already\n  pintree init --distro debian:trixie --arch arm64 --arch amd64 manifests/edge.toml")]
pub struct Init {
    /// The distribution and its release, for example `debian:bookworm`
    #[arg(long, default_value = "debian:bookworm", value_name = "DISTRO:RELEASE")]
    pub distro: String,
    /// An architecture of the devices (repeatable)
    #[arg(long = "arch", default_value = "armhf", value_name = "ARCH")]
    pub arches: Vec<String>,
    /// Only prepare this git checkout: set the merge and diff drivers for lockfiles, and write no manifest
    #[arg(long, conflicts_with_all = ["distro", "arches", "file"])]
    pub git_drivers: bool,
    /// The file to write
    #[arg(default_value = "manifests/main.toml", value_name = "FILE")]
    pub file: PathBuf,
}

/// `pintree lock`
#[derive(Debug, Args)]
#[command(group = clap::ArgGroup::new("moving").args(["upgrade", "upgrade_package", "only"]).multiple(true))]
#[command(after_help = "\
Pins that still satisfy the manifest are kept: without --upgrade only what must change changes.

Examples:
  pintree lock                          lock every manifest of manifests/
  pintree lock --upgrade                move every pin to what the repositories have now
  pintree lock --upgrade-package nginx  move one package
  pintree lock --only security          move what has a security update, and nothing else
  pintree lock --upgrade --at 2026-01-02   move every pin to what they had on that day
  pintree lock --upgrade --min-age 3d   as --upgrade, without what is younger than three days
  pintree lock --upgrade --allow-downgrade   go back where the repositories have gone back
  pintree lock --check                  compare manifest and lockfile, offline; exit 1 when stale")]
pub struct Lock {
    /// Manifests to lock; all of `manifests/` when none is given
    #[arg(value_name = "MANIFEST")]
    pub manifests: Vec<PathBuf>,
    /// Move all pins to the newest versions the manifest allows
    #[arg(long)]
    pub upgrade: bool,
    /// Move the pins of this binary or source package (repeatable)
    #[arg(long, value_name = "PACKAGE", conflicts_with = "upgrade")]
    pub upgrade_package: Vec<String>,
    /// Move only the pins that a suite of security updates has something newer for, and what that forces
    #[arg(long, value_enum, value_name = "KIND", conflicts_with = "upgrade_package")]
    pub only: Option<Only>,
    /// Read the repositories as they were then, by their snapshots: a day (its first moment, UTC) or an RFC 3339 time
    #[arg(long, value_name = "DATE", value_parser = moment, requires = "moving")]
    pub at: Option<Timestamp>,
    /// Take only packages that are so old, security updates apart: a number and `h`, `d` or `w`
    #[arg(long, value_name = "AGE", value_parser = age, conflicts_with = "at")]
    pub min_age: Option<Duration>,
    /// Merge a lockfile in conflict by solving again: what each side changed is kept, of what both changed the newer
    #[arg(long, conflicts_with_all = ["upgrade", "upgrade_package", "only", "lockfile"])]
    pub resolve_conflicts: bool,
    /// Let architectures differ where one has an update that another one has not yet
    #[arg(long)]
    pub allow_skew: bool,
    /// Let versions go back to what the repositories have, where a pinned one has left them and nothing newer is there
    #[arg(long)]
    pub allow_downgrade: bool,
    /// Only compare manifest and lockfile; exit 1 with the reasons when the lockfile is stale or a hold has run out
    #[arg(long, conflicts_with_all = ["upgrade", "upgrade_package", "only", "at", "min_age", "allow_skew", "allow_downgrade", "resolve_conflicts", "dry_run"])]
    pub check: bool,
    /// Say what would change, and write nothing
    #[arg(long)]
    pub dry_run: bool,
    /// Write this file instead of `lockfiles/NAME.lock` (one manifest only)
    #[arg(long, value_name = "FILE")]
    pub lockfile: Option<PathBuf>,
}

/// Which kind of updates.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Only {
    /// Security updates
    Security,
}

/// `pintree build`
#[derive(Debug, Args)]
#[command(after_help = "\
Each package is downloaded, verified and unpacked once, into its own ref, and shared by all images.
A second run with nothing changed does nothing.

Examples:
  pintree build                  build every image of manifests/
  pintree build kiosk            build one image, for all its architectures
  pintree build edge/kiosk --arch armhf
  pintree --offline build        use only what is in the store already")]
pub struct Build {
    /// Which images, and for which architectures.
    #[command(flatten)]
    pub images: Images,
    /// Stop after this step
    #[arg(long, value_enum, default_value_t = Until::Sealed)]
    pub until: Until,
    /// How many steps use the processor at once; downloads run beside them (default: the number of cores)
    #[arg(short, long, value_name = "N")]
    pub jobs: Option<usize>,
    /// Keep each package file in this directory, and take package files from it
    #[arg(long, value_name = "DIR")]
    pub keep_archives: Option<PathBuf>,
}

/// How far a build goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Until {
    /// The merged root filesystem, its packages unpacked but not configured
    Composed,
    /// The root filesystem after its packages' maintainer scripts have run
    Configured,
    /// The image commit: with overlays, settings and scripts, in the form that OSTree deploys
    Sealed,
}

/// A choice of images.
#[derive(Debug, Args)]
pub struct Images {
    /// Images as NAME, or MANIFEST/NAME where two manifests have it; all when none is given
    #[arg(value_name = "IMAGE")]
    pub images: Vec<String>,
    /// Only for this architecture (repeatable)
    #[arg(long = "arch", value_name = "ARCH")]
    pub arches: Vec<String>,
}

/// `pintree verify`
#[derive(Debug, Args)]
#[command(after_help = "\
Each imported package is imported again from its file, without writing anything, and the commits are compared: the
package is proved, or damaged. Where its file cannot be had, as with --offline, it is only consistent, and named so.

Examples:
  pintree verify
  pintree --offline verify --archives debs/   prove what lies in debs/, where `build --keep-archives` put it
  pintree verify --rebuild kiosk --arch armhf")]
pub struct Verify {
    /// Manifests; all of `manifests/` when none is given
    #[arg(value_name = "MANIFEST")]
    pub manifests: Vec<PathBuf>,
    /// Build this image again and compare (repeatable); NAME, or MANIFEST/NAME where two manifests have it
    #[arg(long, value_name = "IMAGE", conflicts_with = "manifests")]
    pub rebuild: Vec<String>,
    /// With --rebuild: only for this architecture (repeatable)
    #[arg(long = "arch", value_name = "ARCH", requires = "rebuild")]
    pub arches: Vec<String>,
    /// Take package files from this directory first
    #[arg(long, value_name = "DIR")]
    pub archives: Option<PathBuf>,
}

/// `pintree log`
#[derive(Debug, Args)]
#[command(after_help = "\
Commits list the scripts in the order in which they ran: those of packages, then the image's own. What they
printed is in the logs of the machine that ran them, below `_build/logs`; a script that failed is shown last.

Examples:
  pintree log kiosk
  pintree log kiosk openssh-server --arch armhf")]
pub struct Log {
    /// The image, as NAME or MANIFEST/NAME
    pub image: String,
    /// Only scripts of this package, as NAME or NAME:ARCH
    pub package: Option<String>,
    /// Only for this architecture
    #[arg(long, value_name = "ARCH")]
    pub arch: Option<String>,
}

/// `pintree why`
#[derive(Debug, Args)]
#[command(after_help = "\
Shows the shortest way from each request (or the variant) to the package; architectures with the same
answer share it. Dependencies are read from the imported packages, and from the repositories' verified
indexes for those that are not imported yet.

With --offers: which repositories have the package and at which versions, whether or not the image has it.
docs/queries.md has the shape of --format json.

Examples:
  pintree why kiosk libssl3
  pintree why kiosk nginx --offers
  pintree why edge/kiosk libc6:i386 --arch amd64
  pintree --offline why kiosk libssl3   ask neither mirror nor archive")]
pub struct Why {
    /// The image, as NAME or MANIFEST/NAME
    pub image: String,
    /// The binary package, as NAME or NAME:ARCH
    pub package: String,
    /// Also list the repositories that have the package
    #[arg(long)]
    pub offers: bool,
    /// Only for this architecture
    #[arg(long, value_name = "ARCH")]
    pub arch: Option<String>,
}

/// `pintree tree`
#[derive(Debug, Args)]
#[command(after_help = "\
Requests come first, then the packages of the variant. A package whose dependencies were shown further
up has the mark (*). With --reverse the packages that need one stand below it, down to those that the image
asks for. docs/queries.md has the shape of --format json.

Examples:
  pintree tree kiosk
  pintree tree kiosk --reverse libssl3
  pintree tree kiosk --arch armhf --depth 2")]
pub struct Tree {
    /// The image, as NAME or MANIFEST/NAME
    pub image: String,
    /// Only for this architecture
    #[arg(long, value_name = "ARCH")]
    pub arch: Option<String>,
    /// Show what needs this package instead, as NAME or NAME:ARCH
    #[arg(long, value_name = "PACKAGE")]
    pub reverse: Option<String>,
    /// How many levels to show; 1 shows only what is asked for
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u16).range(1..))]
    pub depth: Option<u16>,
}

/// `pintree outdated`
#[derive(Debug, Args)]
#[command(after_help = "\
One line for each source package that has something newer: what is locked, what `pintree lock --upgrade` would take, the
newest that any repository lists, and why that is not taken where it is not. Security updates come first. The exit
code is 0 whether something is outdated or not; docs/queries.md has the shape of --format json.

Examples:
  pintree outdated
  pintree --offline outdated manifests/edge.toml   by the indexes that are in the cache")]
pub struct Outdated {
    /// Manifests; all of `manifests/` when none is given
    #[arg(value_name = "MANIFEST")]
    pub manifests: Vec<PathBuf>,
}

/// `pintree gc`
#[derive(Debug, Args)]
#[command(after_help = "\
Keeps every package and image that any lockfile of the project names, and drops the rest of the build's
OSTree repository, together with logs and scratch files of images that are gone, and checkpoints of
scripts that no image uses. Cached indexes that nothing has used for 30 days go too. What is dropped comes
back with the next build that needs it. Refuses to work beside a running build.

Examples:
  pintree gc --dry-run
  pintree gc --older-than 14d   keep what a build has written in the last two weeks")]
pub struct Gc {
    /// Say what would go, and drop nothing
    #[arg(long)]
    pub dry_run: bool,
    /// Drop only what was not written or used for so long: a number and `d`, `h` or `w`
    #[arg(long, value_name = "AGE", value_parser = age)]
    pub older_than: Option<Duration>,
}

fn moment(text: &str) -> Result<Timestamp, String> {
    let day = || text.parse::<jiff::civil::Date>().ok()?.to_zoned(jiff::tz::TimeZone::UTC).ok().map(|day| day.timestamp());
    let time = text.parse::<Timestamp>().ok();
    time.or_else(day).ok_or_else(|| "write a day such as `2026-01-02`, or a time such as `2026-01-02T03:04:05Z`".to_owned())
}

fn age(text: &str) -> Result<Duration, String> {
    parse_age(text).ok_or_else(|| "write a number and `h`, `d` or `w`, for example `30d`".to_owned())
}

/// `pintree doctor`
#[derive(Debug, Args)]
#[command(after_help = "\
One line for each check: `ok`, `note`, or `missing` with the command that mends it. Exit code 7 when
something that a build needs is missing.

Examples:
  pintree doctor
  pintree --offline doctor   do not try the mirrors")]
pub struct Doctor {}

/// `pintree util`
#[derive(Debug, Args)]
pub struct Util {
    /// What to generate.
    #[command(subcommand)]
    pub util: UtilKind,
}

/// What can be generated.
#[derive(Debug, Subcommand)]
pub enum UtilKind {
    /// Write man pages into a directory
    Man {
        /// The directory
        directory: PathBuf,
    },
    /// Print a shell's completions
    Completions {
        /// The shell
        shell: clap_complete::Shell,
    },
    /// Print a JSON Schema
    Schema {
        /// Of what
        #[arg(value_enum, default_value_t = SchemaOf::Manifest)]
        of: SchemaOf,
    },
    /// Print the command-line reference as Markdown
    CliMarkdown,
    /// Merge lockfiles by solving again, as git's merge driver
    GitMerge(GitMerge),
    /// Show how a lockfile differs, as git's external diff command
    GitDiff {
        /// What git gives: path, then file, id and mode of the old state and of the new one
        #[arg(value_name = "ARGUMENT", required = true)]
        arguments: Vec<OsString>,
    },
    /// Print a lockfile without digests, as git's text conversion
    GitText {
        /// The lockfile
        file: PathBuf,
    },
}

/// `pintree util git-merge`
#[derive(Debug, Args)]
pub struct GitMerge {
    /// What both sides grew from (%O)
    pub base: PathBuf,
    /// Our side, and where the result goes (%A)
    pub ours: PathBuf,
    /// Their side (%B)
    pub theirs: PathBuf,
    /// The lockfile's path in the work tree (%P)
    pub path: PathBuf,
}

/// What has a schema.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum SchemaOf {
    /// Manifests
    Manifest,
    /// What `diff --format json` prints
    Diff,
}

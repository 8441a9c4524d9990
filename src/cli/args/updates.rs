//! Arguments of the verbs that bring updates, show them, and find the one that broke something.

use super::{Only, Until, age, moment};
use clap::Args;
use jiff::Timestamp;
use std::ffi::OsString;
use std::time::Duration;

/// `pintree bot`
#[derive(Debug, Args)]
#[command(after_help = "\
Starts from HEAD (or --base), moves the lockfiles to what the repositories have now, builds the images, and writes
one commit for each group (security, boot, rest; `bot.toml` has other rules) on the branch `pintree/update`. Where
the build fails, the package that did it is found and held back, and the others go through. Work tree, index and
other branches stay as they are. With nothing new, nothing is written. Each run starts from the base anew, so a base
that has moved needs no merge.

Nothing leaves this machine without --push. A branch that somebody else has committed to is left alone (exit code 1).
The text of the change request goes to stdout. `docs/bot.md` has recipes for GitHub, GitLab, Gitea and Jenkins.

Examples:
  pintree bot --dry-run                  say what would be written, and what is held back
  pintree bot --push                     put it on the branch at `origin`
  pintree bot --push --push-option merge_request.create
  pintree bot --only security --push
  pintree bot --message-only > message.md   the text of the change request of the branch that is there")]
pub struct Bot {
    /// The revision to start from (default: HEAD)
    #[arg(long, value_name = "REVISION")]
    pub base: Option<String>,
    /// The branch to write, in place of that of `bot.toml`; `{date}` in it is the day
    #[arg(long, value_name = "NAME")]
    pub branch: Option<String>,
    /// The author of the commits, in place of that of `bot.toml`
    #[arg(long, value_name = "NAME <EMAIL>")]
    pub author: Option<String>,
    /// Push the branch to this remote, unless somebody else has moved it meanwhile
    #[arg(long, value_name = "REMOTE", num_args = 0..=1, default_missing_value = "origin")]
    pub push: Option<String>,
    /// An option for the remote, as of `git push -o` (repeatable)
    #[arg(long, value_name = "OPTION", requires = "push")]
    pub push_option: Vec<String>,
    /// Resolve and build, and write no commit
    #[arg(long, conflicts_with = "push")]
    pub dry_run: bool,
    /// Only print the text of the change request: of the branch that is there, else of what would be tried
    #[arg(long, conflicts_with = "dry_run")]
    pub message_only: bool,
    /// Move only the pins that a suite of security updates has something newer for, and what that forces
    #[arg(long, value_enum, value_name = "KIND")]
    pub only: Option<Only>,
    /// Read the repositories as they were then, by their snapshots: a day (its first moment, UTC) or an RFC 3339 time
    #[arg(long, value_name = "DATE", value_parser = moment)]
    pub at: Option<Timestamp>,
    /// Take only packages that are so old, security updates apart: a number and `h`, `d` or `w`
    #[arg(long, value_name = "AGE", value_parser = age, conflicts_with = "at")]
    pub min_age: Option<Duration>,
    /// Let versions go back to what the repositories have, where a pinned one has left them and nothing newer is there
    #[arg(long)]
    pub allow_downgrade: bool,
    /// Build images up to this step
    #[arg(long, value_enum, default_value_t = Until::Sealed)]
    pub until: Until,
    /// How many steps use the processor at once
    #[arg(short, long, value_name = "N")]
    pub jobs: Option<usize>,
}

/// `pintree bisect`
#[derive(Debug, Args)]
#[command(after_help = "\
First the commits between GOOD and BAD that changed a lockfile are searched, by halving; then the package changes
inside the commit that did it. Source packages that need each other move together; what is needed comes first, so
every trial is a whole image. One of 40 updates takes 6 builds.

Trials are built in `_build/bisect`, with lockfiles made of the two known ones: your work tree, index, lockfiles and
images stay as they are. An interrupted search goes on where it was when the same command is given again.

COMMAND runs in the project directory, once for each image and architecture, with PINTREE_STORE (an OSTree
repository), PINTREE_REF, PINTREE_COMMIT, PINTREE_MANIFEST, PINTREE_IMAGE, PINTREE_ARCH and PINTREE_LOCKFILE. Its
exit code says, as for `git bisect run`: 0 good, 125 cannot be judged (skipped), 1 to 127 bad, anything else ends the
search. What cannot be built is skipped; with --build-only it is bad. A commit that cannot be read is skipped.

Exit code 1 when skipped trials left more than one candidate.

Examples:
  pintree bisect -- ./boots.sh
  pintree bisect v1.4 HEAD --image kiosk --arch armhf -- sh -c 'ostree --repo=$PINTREE_STORE ls $PINTREE_REF /usr/bin/app'
  pintree bisect --build-only")]
pub struct Bisect {
    /// A revision that is good (default: the one before the last commit that changed a lockfile)
    #[arg(value_name = "GOOD")]
    pub good: Option<String>,
    /// A revision that is bad (default: HEAD)
    #[arg(value_name = "BAD")]
    pub bad: Option<String>,
    /// Only this image (repeatable); NAME, or MANIFEST/NAME where two manifests have it
    #[arg(long = "image", value_name = "IMAGE")]
    pub images: Vec<String>,
    /// Only for this architecture (repeatable)
    #[arg(long = "arch", value_name = "ARCH")]
    pub arches: Vec<String>,
    /// Build images up to this step
    #[arg(long, value_enum, default_value_t = Until::Sealed)]
    pub until: Until,
    /// How many steps use the processor at once
    #[arg(short, long, value_name = "N")]
    pub jobs: Option<usize>,
    /// Let the build itself judge: bad is what does not build
    #[arg(long, conflicts_with = "command")]
    pub build_only: bool,
    /// The command that judges, after `--`
    #[arg(last = true, value_name = "COMMAND", required_unless_present = "build_only")]
    pub command: Vec<OsString>,
}

/// `pintree diff`
#[derive(Debug, Args)]
#[command(after_help = "\
OLD and NEW are lockfiles, git revisions, or image commits: a ref of the store (`image/main/kiosk/armhf/sealed`, or
`main/kiosk/armhf`) or a commit's checksum. Without NEW the working tree is the new side, without OLD `HEAD` is the
old one. Revisions stand for every lockfile of the project.

Security updates come first, then what starts the system, then what went back; then packages that came and went, with
the reason, and the rest. Changelogs, scripts, privileges, services and sizes are read from imported packages: what is
not in the store is said not to be known. `docs/diff.md` explains each part and the JSON form.

Examples:
  pintree diff                              HEAD and the working tree
  pintree diff HEAD~1..                     the last commit
  pintree diff main...update --format markdown
  pintree diff old.lock lockfiles/edge.lock
  pintree diff 1f0e… edge/kiosk/armhf       two image commits, with their files")]
pub struct Diff {
    /// The old side, or a range of git revisions
    pub old: Option<String>,
    /// The new side
    pub new: Option<String>,
    /// Exit with 1 when something changed
    #[arg(long)]
    pub exit_code: bool,
    /// Print directly, also on a terminal
    #[arg(long)]
    pub no_pager: bool,
}

//! The user's command, with git bisect's meaning of exit codes.

use crate::culprit::Verdict;
use crate::ops::scratch::Scratch;
use crate::ops::{Error, Session, build};
use crate::util::command::shell_line;
use std::ffi::OsString;
use std::os::fd::AsFd as _;
use std::path::Path;
use std::process::{Command, Stdio};

/// The exit code that says: cannot be judged.
const SKIP: i32 = 125;

/// Asks the command about an image: 0 is good, 125 cannot be judged, any other up to 127 is bad.
///
/// It runs in the user's project directory. What it prints on stdout goes to stderr, for stdout is for results.
///
/// # Errors
/// [`Error::Judge`] where it ends in another way, which ends the search.
pub fn run(session: &Session<'_>, command: &[OsString], scratch: &Scratch, built: &build::Built) -> Result<Verdict, Error> {
    let absolute = |path: &Path| std::path::absolute(path).map_err(|source| Error::Io { doing: "find", path: path.to_owned(), source });
    let (program, arguments) = command.split_first().expect("the caller has a command");
    let mut judge = Command::new(program);
    judge.args(arguments).stdin(Stdio::null());
    if !session.project.root().as_os_str().is_empty() {
        judge.current_dir(session.project.root());
    }
    judge.env("PINTREE_STORE", absolute(&scratch.project().store())?);
    judge.env("PINTREE_LOCKFILE", absolute(&scratch.project().lockfile(&built.manifest))?);
    judge.env("PINTREE_REF", built.reference.as_str()).env("PINTREE_COMMIT", built.commit.to_hex());
    judge.env("PINTREE_MANIFEST", &built.manifest).env("PINTREE_IMAGE", &built.image);
    judge.env("PINTREE_ARCH", built.architecture.deb_name());
    let io = |source| Error::Io { doing: "run", path: program.into(), source };
    judge.stdout(std::io::stderr().as_fd().try_clone_to_owned().map_err(io)?);
    let status = judge.status().map_err(io)?;
    match status.code() {
        Some(0) => Ok(Verdict::Good),
        Some(SKIP) => Ok(Verdict::Skip),
        Some(1..=127) => Ok(Verdict::Bad),
        _ if session.interrupt.is_raised() => Err(Error::Interrupted),
        _ => Err(Error::Judge { command: shell_line(&judge), status }),
    }
}

//! Files that a merge could not merge, and the settings that say how files are merged.

use super::Git;
use crate::ops::Error;
use crate::util::command;
use std::path::Path;
use std::process::Command;

/// git ends a merge of texts with the number of conflicts, at most this many; beyond it is an error.
const MOST_CONFLICTS: i32 = 127;

impl Git {
    /// The three states of a file in conflict: what both sides grew from, ours and theirs; none if there is no conflict.
    pub fn conflict(&self, path: &Path) -> Result<Option<[Option<String>; 3]>, Error> {
        let Some(inside) = self.inside(path)? else { return Ok(None) };
        let output = self.output("list conflicts", self.command().args(["ls-files", "--unmerged", "-z", "--"]).arg(inside))?;
        let mut states: [Option<String>; 3] = [None, None, None];
        for line in output.stdout.split(|byte| *byte == 0) {
            // `MODE ID STAGE<TAB>PATH`
            let line = String::from_utf8_lossy(line);
            let mut words = line.split(['\t', ' ']).skip(1);
            let (Some(id), Some(stage)) = (words.next(), words.next().and_then(|stage| stage.parse::<usize>().ok())) else { continue };
            let text = self.output("read a state of a conflict", self.command().args(["cat-file", "blob", id]))?.stdout;
            if let Some(state) = stage.checked_sub(1).and_then(|at| states.get_mut(at)) {
                *state = Some(String::from_utf8_lossy(&text).into_owned());
            }
        }
        Ok(states.iter().any(Option::is_some).then_some(states))
    }

    /// The value of a setting; none if it is not set.
    pub fn config(&self, key: &str) -> Result<Option<String>, Error> {
        self.id("read the configuration", &["config", "--get", key])
    }

    /// Sets a setting of this checkout.
    pub fn set_config(&self, key: &str, value: &str) -> Result<(), Error> {
        self.output("set the configuration", self.command().args(["config", "--local", key, value])).map(drop)
    }
}

/// Merges texts line by line into `ours`, with marks where that does not work; tells whether it worked everywhere.
pub fn merge_text(ours: &Path, base: &Path, theirs: &Path) -> Result<bool, Error> {
    let mut git = Command::new("git");
    git.args(["merge-file", "-L", "ours", "-L", "base", "-L", "theirs", "--"]).args([ours, base, theirs]);
    match command::run_checked(&mut git) {
        Ok(_) => Ok(true),
        Err(command::Error::Status { status, .. }) if status.code().is_some_and(|code| (1..=MOST_CONFLICTS).contains(&code)) => Ok(false),
        Err(source) => Err(Error::Git { doing: "merge texts", source }),
    }
}

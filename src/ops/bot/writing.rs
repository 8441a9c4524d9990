//! The commits of an update, on their branch here and at the remote.

use super::branch::Branch;
use super::{Outcome, Planned, Report, Run, Written};
use crate::manifest::Author;
use crate::ops::git::Identity;
use crate::ops::scratch::Scratch;
use crate::ops::{Error, Session};
use std::path::PathBuf;

impl Run<'_> {
    /// Puts the commits on the branch, unless it has them, and pushes it if that is wanted.
    pub(super) fn write(
        &self,
        session: &Session<'_>,
        scratch: &Scratch,
        planned: Vec<Planned>,
        (local, remote): (&Option<Branch>, &Option<Branch>),
        mut report: Report,
    ) -> Result<Report, Error> {
        let written = |one: &Planned| Written {
            id: None,
            group: one.group.clone(),
            message: one.message.clone(),
            sources: one.sources.iter().cloned().collect(),
        };
        report.commits = planned.iter().map(written).collect();
        if self.options.dry_run {
            report.outcome = Outcome::WouldUpdate;
            return Ok(report);
        }
        let mut trees = vec![];
        for one in &planned {
            let files: Vec<(PathBuf, Vec<u8>)> =
                one.lockfiles.iter().map(|(name, lockfile)| (session.project.lockfile(name), lockfile.render().into_bytes())).collect();
            trees.push((self.git.tree_with(&self.base, &files, &scratch.file("index"))?, one.message.clone()));
        }
        let existing = remote.as_ref().or(local.as_ref()).filter(|branch| branch.is(&self.base, &trees));
        let tip = match existing {
            Some(branch) => {
                report.outcome = Outcome::Unchanged;
                branch.tip.clone()
            }
            None => {
                report.outcome = Outcome::Updated;
                self.commit(session, &trees, &mut report)?
            }
        };
        let here = self.git.branch(&self.name)?;
        if here.as_ref() != Some(&tip) {
            self.git.set_branch(&self.name, &tip, here.as_deref())?;
        }
        let there = remote.as_ref().map(|branch| branch.tip.as_str());
        if there != Some(&tip) {
            report.pushed = self.push(&tip, there)?;
        }
        Ok(report)
    }

    fn commit(&self, session: &Session<'_>, trees: &[(String, String)], report: &mut Report) -> Result<String, Error> {
        let time = jiff::Timestamp::try_from(session.now).map(jiff::Timestamp::as_second).unwrap_or_default();
        let Author { name, email } = self.rules.author.clone();
        let identity = Identity { name, email, time };
        let mut tip = self.base.clone();
        for ((tree, message), written) in trees.iter().zip(&mut report.commits) {
            tip = self.git.commit(tree, &tip, message, &identity)?;
            written.id = Some(tip.clone());
        }
        Ok(tip)
    }

    /// Pushes a commit to the remote's branch, if that is wanted; tells where to.
    pub(super) fn push(&self, tip: &str, there: Option<&str>) -> Result<Option<String>, Error> {
        let Some(remote) = self.options.push.as_ref().filter(|_| !self.options.dry_run) else { return Ok(None) };
        // A branch whose commits the base has is not ours to look at, but it is there.
        let there = match there {
            Some(there) => Some(there.to_owned()),
            None => self.git.remote_branch(remote, &self.name)?,
        };
        self.git.push(remote, &self.name, tip, there.as_deref(), &self.options.push_options)?;
        Ok(Some(remote.clone()))
    }
}

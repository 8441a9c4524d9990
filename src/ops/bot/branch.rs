//! The branch that the bot writes: what is on it, and whether somebody else has been there.

use crate::manifest::Author;
use crate::ops::Error;
use crate::ops::git::{Git, Record};

/// The trailer that every commit of the bot has.
pub const MARK: &str = "Pintree-Update";
/// The trailer that tells from what its branch was made; the last commit has it.
pub const ATTEMPT: &str = "Pintree-Attempt";
/// The trailer of a change that stays where it was.
pub const HELD: &str = "Pintree-Held-Back";
/// The trailer of what the repositories have and a hold or another architecture keeps out.
pub const WAITS: &str = "Pintree-Waits";
/// The trailer of what no index has any more and stays.
pub const UNLISTED: &str = "Pintree-Unlisted";
/// The trailer of an index that was used.
pub const INDEX: &str = "Pintree-Index";
/// The trailer of security advisories that a change closes.
pub const SECURITY: &str = "Pintree-Security";

/// More commits than groups can be: beyond them nobody looks.
const MOST: usize = 200;

/// Commits of others that are named.
const SHOWN: usize = 5;

/// A branch that the bot has made.
#[derive(Clone, Debug)]
pub struct Branch {
    /// Its last commit.
    pub tip: String,
    /// The commit that it starts from.
    pub base: String,
    /// Its commits, the oldest first.
    pub commits: Vec<Record>,
}

impl Branch {
    /// Looks at a branch that is at `tip`; none if all of it is in `base`.
    ///
    /// Its commits are those at its end that are the bot's. What they stand on is where it was made from: a clone that does
    /// not go far back may not know whether that is in the base.
    ///
    /// # Errors
    /// [`Error::Foreign`] if somebody else's commits are at its end.
    pub fn read(git: &Git, name: &str, tip: &str, base: &str, author: &Author) -> Result<Option<Self>, Error> {
        let records = git.commits(base, tip, MOST)?;
        if records.is_empty() {
            return Ok(None);
        }
        let is_own = |record: &Record| {
            record.parents.len() == 1
                && record.emails.iter().all(|email| *email == author.email)
                && trailer(&record.message, MARK).next().is_some()
        };
        let foreign: Vec<String> = records.iter().take_while(|record| !is_own(record)).take(SHOWN).map(describe).collect();
        if !foreign.is_empty() {
            return Err(Error::Foreign { branch: name.to_owned(), commits: foreign });
        }
        let mut commits: Vec<Record> = records.into_iter().take_while(is_own).collect();
        commits.reverse();
        Ok(Some(Self { tip: tip.to_owned(), base: commits[0].parents[0].clone(), commits }))
    }

    /// What the branch was made from.
    pub fn attempt(&self) -> Option<&str> {
        trailer(&self.commits.last()?.message, ATTEMPT).next()
    }

    /// Whether the branch already is what would be written: the same commits on the same one.
    pub fn is(&self, base: &str, commits: &[(String, String)]) -> bool {
        let same = |(record, (tree, message)): (&Record, &(String, String))| {
            record.tree == *tree && record.message.trim_end() == message.trim_end()
        };
        self.base == base && self.commits.len() == commits.len() && self.commits.iter().zip(commits).all(same)
    }
}

fn describe(record: &Record) -> String {
    let subject = record.message.lines().next().unwrap_or_default();
    let subject: String = subject.chars().filter(|c| !c.is_control()).take(60).collect();
    format!("{} {subject}", &record.id[..record.id.len().min(12)])
}

/// The values of a trailer in a message.
pub fn trailer<'m>(message: &'m str, name: &str) -> impl Iterator<Item = &'m str> {
    let prefix = format!("{name}: ");
    let last = message.trim_end().rsplit("\n\n").next().unwrap_or_default();
    last.lines().filter_map(move |line| line.strip_prefix(&prefix)).collect::<Vec<_>>().into_iter()
}

//! What was said of trials, kept in a file so that a search that was interrupted can go on.

use crate::culprit::Verdict;
use crate::ops::Error;
use crate::pkg::Sha256;
use crate::util::fs::write_atomic;
use std::collections::BTreeMap;
use std::path::PathBuf;

/// The verdicts of one search.
pub struct Record {
    path: PathBuf,
    question: String,
    verdicts: BTreeMap<String, Verdict>,
}

impl Record {
    /// Takes up what the file has, if that is about the same question.
    pub fn open(path: PathBuf, question: &str) -> Result<Self, Error> {
        let question = Sha256::of(question.as_bytes()).to_hex();
        let text = match std::fs::read_to_string(&path) {
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => String::new(),
            other => other.map_err(|source| Error::Io { doing: "read", path: path.clone(), source })?,
        };
        let mut lines = text.lines();
        let verdicts = match lines.next() == Some(&question) {
            true => {
                lines.filter_map(|line| line.split_once(' ')).filter_map(|(trial, word)| Some((trial.to_owned(), read(word)?))).collect()
            }
            false => BTreeMap::new(),
        };
        Ok(Self { path, question, verdicts })
    }

    /// What was said of a trial before.
    pub fn verdict(&self, trial: &str) -> Option<Verdict> {
        self.verdicts.get(&Sha256::of(trial.as_bytes()).to_hex()).copied()
    }

    /// Keeps what was said of a trial.
    pub fn add(&mut self, trial: &str, verdict: Verdict) -> Result<(), Error> {
        self.verdicts.insert(Sha256::of(trial.as_bytes()).to_hex(), verdict);
        let lines: String = self.verdicts.iter().map(|(trial, verdict)| format!("{trial} {}\n", write(*verdict))).collect();
        let text = format!("{}\n{lines}", self.question);
        write_atomic(&self.path, text.as_bytes()).map_err(|source| Error::Io { doing: "write", path: self.path.clone(), source })
    }

    /// Forgets everything: the search has come to its end.
    pub fn remove(self) -> Result<(), Error> {
        match std::fs::remove_file(&self.path) {
            Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
                Err(Error::Io { doing: "remove", path: self.path, source: error })
            }
            _ => Ok(()),
        }
    }
}

fn write(verdict: Verdict) -> &'static str {
    match verdict {
        Verdict::Good => "good",
        Verdict::Bad => "bad",
        Verdict::Skip => "skip",
    }
}

fn read(word: &str) -> Option<Verdict> {
    [Verdict::Good, Verdict::Bad, Verdict::Skip].into_iter().find(|verdict| write(*verdict) == word)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn another_question_starts_anew() {
        let directory = tempfile::tempdir().unwrap();
        let open = |question: &str| Record::open(directory.path().join("verdicts"), question).unwrap();
        open("one").add("a", Verdict::Skip).unwrap();
        let mut record = open("one");
        record.add("b", Verdict::Bad).unwrap();
        let record = open("one");
        assert_eq!((record.verdict("a"), record.verdict("b"), record.verdict("c")), (Some(Verdict::Skip), Some(Verdict::Bad), None));
        assert_eq!(open("two").verdict("a"), None);
        record.remove().unwrap();
        assert_eq!(open("one").verdict("a"), None);
    }
}

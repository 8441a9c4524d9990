//! Taking commits over from another repository on the same file system, by links: nothing is copied or computed.

use super::repo::object_path;
use super::{Checksum, Error, Repo};
use std::collections::HashSet;
use std::io;

impl Repo {
    /// Links everything that `commits` of `from` hold into this repository. What is there already stays.
    ///
    /// # Errors
    /// [`Error::Missing`] when `from` lacks something; an I/O error when the two lie on different file systems.
    pub fn link_commits<'c>(&self, from: &Self, commits: impl IntoIterator<Item = &'c Checksum>) -> Result<(), Error> {
        let mut seen = HashSet::new();
        let mut directories = HashSet::new();
        for commit in commits {
            from.walk_commit(commit, &mut seen, &mut |checksum, kind| {
                let name = object_path(checksum, kind);
                let path = self.path.join("objects").join(&name);
                if let Some(parent) = path.parent()
                    && directories.insert(parent.to_owned())
                {
                    std::fs::create_dir_all(parent).map_err(Error::io("create directory", parent))?;
                }
                match std::fs::hard_link(from.path.join("objects").join(&name), &path) {
                    Err(error) if error.kind() == io::ErrorKind::NotFound => {
                        Err(Error::Missing { repo: from.path.clone(), checksum: *checksum, kind })
                    }
                    Err(error) if error.kind() != io::ErrorKind::AlreadyExists => Err(Error::io("link object", path)(error)),
                    _ => Ok(true),
                }
            })?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use crate::store::{CommitParts, Metadata, Repo, Tree};

    #[test]
    fn takes_whole_commits_over() {
        let dir = tempfile::tempdir().unwrap();
        let [from, to] = ["from", "to"].map(|name| Repo::init(&dir.path().join(name)).unwrap());
        let meta = from.write_dirmeta(&Metadata::root(0o755)).unwrap();
        let commit = |word: &str| {
            let mut tree = Tree::new();
            for file in ["shared", word] {
                let object = from.write_file(&Metadata::root(0o644), file.as_bytes()).unwrap();
                tree.insert_file(&from, &format!("usr/{file}"), object, Some(meta)).unwrap();
            }
            from.write_commit(&CommitParts::new(tree.write(&from).unwrap(), meta)).unwrap()
        };
        let commits = ["a", "b"].map(commit);
        to.link_commits(&from, &commits).unwrap();
        to.link_commits(&from, &commits[..1]).unwrap();
        drop(from);
        std::fs::remove_dir_all(dir.path().join("from")).unwrap();
        for commit in &commits {
            to.check_commit(commit).unwrap();
        }
        let lost = Repo::init(&dir.path().join("lost")).unwrap();
        assert!(to.link_commits(&lost, &commits).is_err());
    }
}

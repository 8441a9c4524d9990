//! Checking objects against their names, and walking over all that a commit holds.

use super::metadata::{TYPE_REGULAR, TYPE_SYMLINK};
use super::repo::object_path;
use super::{Checksum, Error, FileKind, ObjectKind, Repo};
use sha2::{Digest as _, Sha256};
use std::collections::HashSet;
use std::io::Read as _;

impl Repo {
    /// Reads an object whole and compares it with its name.
    pub fn check_object(&self, checksum: &Checksum, kind: ObjectKind) -> Result<(), Error> {
        let found = match kind {
            ObjectKind::File => self.file_checksum(checksum)?,
            _ => {
                let mut bytes = Vec::new();
                self.read_into(checksum, kind, &mut bytes)?;
                Checksum::of(&bytes)
            }
        };
        let reason = "its content does not have this checksum";
        if found == *checksum { Ok(()) } else { Err(Error::Corrupt { checksum: *checksum, kind, reason }) }
    }

    fn file_checksum(&self, checksum: &Checksum) -> Result<Checksum, Error> {
        let (meta, mut file) = self.open_file(checksum)?;
        let mut hasher = Sha256::new();
        let (type_bits, target) = match &meta.kind {
            FileKind::Symlink(target) => (TYPE_SYMLINK, Some(target.as_str())),
            FileKind::Regular(_) => (TYPE_REGULAR, None),
        };
        hasher.update(meta.metadata.to_file_header(type_bits, target)?);
        if target.is_none() {
            let mut buffer = vec![0; 128 << 10];
            loop {
                let path = || self.path.join("objects").join(object_path(checksum, ObjectKind::File));
                let length = file.read(&mut buffer).map_err(|error| Error::io("read object", path())(error))?;
                if length == 0 {
                    break;
                }
                hasher.update(&buffer[..length]);
            }
        }
        Ok(Checksum(hasher.finalize().into()))
    }

    /// Visits every object that a commit holds, itself included, each once over all calls with the same `seen`; does not
    /// go below what `visit` refuses with `false`.
    pub fn walk_commit(
        &self,
        commit: &Checksum,
        seen: &mut HashSet<(Checksum, ObjectKind)>,
        visit: &mut dyn FnMut(&Checksum, ObjectKind) -> Result<bool, Error>,
    ) -> Result<(), Error> {
        if !seen.insert((*commit, ObjectKind::Commit)) || !visit(commit, ObjectKind::Commit)? {
            return Ok(());
        }
        let parts = self.read_commit(commit)?;
        if seen.insert((parts.meta, ObjectKind::DirMeta)) {
            visit(&parts.meta, ObjectKind::DirMeta)?;
        }
        // A stack of our own: the depth of a tree is not ours to trust.
        let mut trees = vec![parts.tree];
        let mut buffer = Vec::new();
        while let Some(tree) = trees.pop() {
            if !seen.insert((tree, ObjectKind::DirTree)) || !visit(&tree, ObjectKind::DirTree)? {
                continue;
            }
            let mut leaves = Vec::new();
            self.view_dirtree(&tree, &mut buffer, |view| {
                leaves.extend(view.files().map(|(_, file)| (file, ObjectKind::File)));
                for (_, tree, meta) in view.dirs() {
                    leaves.push((meta, ObjectKind::DirMeta));
                    trees.push(tree);
                }
            })?;
            for leaf in leaves {
                if seen.insert(leaf) {
                    visit(&leaf.0, leaf.1)?;
                }
            }
        }
        Ok(())
    }

    /// Checks every object that a commit holds against its name; gives their number.
    pub fn check_commit(&self, commit: &Checksum) -> Result<usize, Error> {
        let mut seen = HashSet::new();
        self.walk_commit(commit, &mut seen, &mut |checksum, kind| self.check_object(checksum, kind).map(|()| true))?;
        Ok(seen.len())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::{CommitParts, DirTree, Metadata};

    #[test]
    fn finds_damage_in_every_kind_of_object() {
        let dir = tempfile::tempdir().unwrap();
        let repo = Repo::init(dir.path()).unwrap();
        let meta = repo.write_dirmeta(&Metadata::root(0o755)).unwrap();
        let file = repo.write_file(&Metadata { xattrs: vec![(b"user.x".to_vec(), vec![1])], ..Metadata::root(0o644) }, b"content").unwrap();
        let link = repo.write_symlink(&Metadata::root(0), "target").unwrap();
        let files = vec![("a".to_owned(), file), ("b".to_owned(), link)];
        let tree = repo.write_dirtree(&DirTree { files, dirs: vec![] }).unwrap();
        let commit = repo.write_commit(&CommitParts::new(tree, meta)).unwrap();
        assert_eq!(repo.check_commit(&commit).unwrap(), 5);
        for (checksum, kind) in [
            (file, ObjectKind::File),
            (link, ObjectKind::File),
            (tree, ObjectKind::DirTree),
            (meta, ObjectKind::DirMeta),
            (commit, ObjectKind::Commit),
        ] {
            let path = dir.path().join("objects").join(object_path(&checksum, kind));
            let whole = std::fs::read(&path).unwrap();
            for damage in [vec![], whole[..whole.len() - 1].to_vec(), [&whole[..], b"x"].concat()] {
                std::fs::write(&path, damage).unwrap();
                assert!(repo.check_commit(&commit).is_err(), "{kind}");
            }
            std::fs::remove_file(&path).unwrap();
            assert!(matches!(repo.check_commit(&commit), Err(Error::Missing { .. })), "{kind}");
            // Put back with its attributes.
            repo.write_file(&Metadata { xattrs: vec![(b"user.x".to_vec(), vec![1])], ..Metadata::root(0o644) }, b"content").unwrap();
            repo.write_symlink(&Metadata::root(0), "target").unwrap();
            if kind != ObjectKind::File {
                std::fs::write(&path, whole).unwrap();
            }
        }
        repo.check_commit(&commit).unwrap();
    }
}

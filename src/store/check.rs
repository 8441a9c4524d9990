//! Checking objects against their names, and walking over all that a commit holds.

use super::metadata::{TYPE_REGULAR, TYPE_SYMLINK};
use super::repo::object_path;
use super::{Checksum, Error, FileKind, ObjectKind, Repo};
use rustix::fs;
use sha2::{Digest as _, Sha256};
use std::collections::HashSet;
use std::fs::File;
use std::io::Read as _;

/// Attributes that steer what lies above an object: layers of a sandbox, and recorded owners.
const STRANGE: [&[u8]; 3] = [b"trusted.overlay.", b"user.overlay.", b"user.pintree."];

impl Repo {
    /// Reads an object whole and compares it with its name.
    pub fn check_object(&self, checksum: &Checksum, kind: ObjectKind) -> Result<(), Error> {
        let found = match kind {
            ObjectKind::File => self.file_checksum(checksum)?,
            // Reading one compares it.
            _ => return self.read_into(checksum, kind, &mut Vec::new()),
        };
        let reason = "its content does not have this checksum";
        if found == *checksum { Ok(()) } else { Err(Error::Corrupt { checksum: *checksum, kind, reason }) }
    }

    fn file_checksum(&self, checksum: &Checksum) -> Result<Checksum, Error> {
        let (meta, mut file) = self.open_file(checksum)?;
        self.check_looks(checksum, &file)?;
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

    /// Compares what the file itself shows, and a checkout by hard link would show too, with what objects have. The checksum
    /// covers none of it.
    fn check_looks(&self, checksum: &Checksum, file: &File) -> Result<(), Error> {
        let corrupt = |reason| Err(Error::Corrupt { checksum: *checksum, kind: ObjectKind::File, reason });
        let path = || self.path.join("objects").join(object_path(checksum, ObjectKind::File));
        let io = |error: rustix::io::Errno| Error::io("read object", path())(error.into());
        if fs::fstat(file).map_err(io)?.st_mode & 0o7002 != 0 {
            return corrupt("its file has set-id bits, or everybody may write it");
        }
        let mut names = vec![0; fs::flistxattr_query(file).map_err(io)?];
        let length = fs::flistxattr(file, &mut names[..]).map_err(io)?;
        let strange = |name: &[u8]| name == b"security.capability" || STRANGE.iter().any(|prefix| name.starts_with(prefix));
        if names[..length].split(|byte| *byte == 0).any(strange) {
            return corrupt("its file has attributes that objects do not have");
        }
        Ok(())
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

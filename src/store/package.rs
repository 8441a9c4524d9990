//! Commits of packages: which package file they claim to be made of.
//!
//! The claim binds a ref to its commit, so that a ref which names the commit of another package is noticed wherever it
//! is read. It proves nothing by itself: whoever writes to the repository can write a claim too. The proof is to import
//! the file again, which gives the same commit or another one.

use super::{Checksum, Commit, CommitParts, Error, RefName, Repo, Value};
use crate::pkg::Sha256;

/// Keys of a package commit's metadata.
const FILE_SHA256: &str = "pintree.file-sha256";
const FILE_SIZE: &str = "pintree.file-size";

/// A package file, as a commit names the one that it was made of.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct PackageFile {
    /// Its digest.
    pub sha256: Sha256,
    /// Its size in bytes.
    pub size: u64,
}

impl PackageFile {
    /// The file with this content.
    pub fn of(content: &[u8]) -> Self {
        Self { sha256: Sha256::of(content), size: content.len() as u64 }
    }
}

impl CommitParts {
    /// Claims that the commit is made of `file`.
    #[must_use]
    pub fn made_of(self, file: &PackageFile) -> Self {
        self.with(FILE_SHA256, Value::String(file.sha256.to_hex())).with(FILE_SIZE, Value::U64(file.size))
    }

    /// The package file that the commit claims to be made of.
    pub fn package_file(&self) -> Option<PackageFile> {
        let sha256 = self.metadata.get(FILE_SHA256)?.as_str()?.parse().ok()?;
        let Value::U64(size) = self.metadata.get(FILE_SIZE)? else { return None };
        Some(PackageFile { sha256, size: *size })
    }
}

impl Repo {
    /// The commit of a package's ref, if the ref exists.
    ///
    /// # Errors
    /// [`Error::Claim`] when the commit claims to be made of another file than the ref names, or of none.
    pub fn read_package(&self, name: &RefName) -> Result<Option<(Checksum, Commit)>, Error> {
        let Some(checksum) = self.read_ref(name)? else { return Ok(None) };
        let commit = self.read_commit(&checksum)?;
        let claimed = commit.package_file().map(|file| file.sha256);
        if claimed.is_none() || claimed != name.package_digest() {
            return Err(Error::Claim { name: name.to_string(), claimed });
        }
        Ok(Some((checksum, commit)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::{Metadata, Tree};

    #[test]
    fn refuses_a_ref_to_the_commit_of_another_package() {
        let dir = tempfile::tempdir().unwrap();
        let repo = Repo::init(dir.path()).unwrap();
        let meta = repo.write_dirmeta(&Metadata::root(0o755)).unwrap();
        let parts = CommitParts::new(Tree::new().write(&repo).unwrap(), meta);
        let files = [b"one", b"two"].map(|content| PackageFile::of(content));
        let commits = files.map(|file| repo.write_commit(&parts.clone().made_of(&file)).unwrap());
        let name = RefName::deb(&files[0].sha256);
        assert_eq!(repo.read_package(&name).unwrap(), None);
        repo.write_ref_if_changed(&name, &commits[0]).unwrap();
        let (checksum, commit) = repo.read_package(&name).unwrap().unwrap();
        assert_eq!((checksum, commit.package_file()), (commits[0], Some(files[0])));
        repo.write_ref_if_changed(&name, &commits[1]).unwrap();
        assert!(matches!(repo.read_package(&name), Err(Error::Claim { claimed, .. }) if claimed == Some(files[1].sha256)));
        repo.write_ref_if_changed(&name, &repo.write_commit(&parts).unwrap()).unwrap();
        assert!(matches!(repo.read_package(&name), Err(Error::Claim { claimed: None, .. })));
    }
}

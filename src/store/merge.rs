//! Three-way merge of trees: what two successors of one tree made of it, in one tree.
//!
//! Directories that at most one side touched are taken whole by their checksum and never read.

use super::{Checksum, DirTree, Error, FileKind, Repo, Tree};
use std::collections::BTreeSet;

/// A directory: its dirtree and its dirmeta.
pub type Root = (Checksum, Checksum);

/// Whose version of a path is taken where both sides changed it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Side {
    /// The first successor's.
    Ours,
    /// The second successor's.
    Theirs,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Item {
    File(Checksum),
    Directory(Root),
}

/// What the second successor brought into a directory in whose place the first has a symbolic link.
struct Graft {
    link: String,
    base: Option<Checksum>,
    theirs: Checksum,
}

struct Merge<'a> {
    repo: &'a Repo,
    decide: &'a mut dyn FnMut(&str) -> Side,
    grafts: Vec<Graft>,
}

impl Repo {
    /// Merges `ours` and `theirs`, both made from `base`; `decide` is asked for each path that both changed differently.
    ///
    /// Where `ours` has a symbolic link and `theirs` a directory, what `theirs` added below it goes to where the link
    /// leads, as a package manager unpacks through such a link.
    pub fn merge_trees(
        &self,
        base: Root,
        ours: Root,
        theirs: Root,
        decide: &mut dyn FnMut(&str) -> Side,
    ) -> Result<(Tree, Checksum), Error> {
        let mut merge = Merge { repo: self, decide, grafts: Vec::new() };
        let mut tree = match merge.directory("", Some(base.0), ours.0, theirs.0)? {
            Ok(same) => Tree::read(self, &same)?,
            Err(tree) => tree,
        };
        for graft in std::mem::take(&mut merge.grafts) {
            let Some(target) = merge.target(&mut tree, &graft.link)? else { continue };
            merge.graft(&mut tree, &target, graft.base, graft.theirs)?;
        }
        Ok((tree, if ours.1 == base.1 { theirs.1 } else { ours.1 }))
    }
}

impl Merge<'_> {
    /// Merges one directory: a dirtree that is there already, or a new one.
    fn directory(&mut self, path: &str, base: Option<Checksum>, ours: Checksum, theirs: Checksum) -> Result<Result<Checksum, Tree>, Error> {
        if ours == theirs || base == Some(theirs) {
            return Ok(Ok(ours));
        }
        if base == Some(ours) {
            return Ok(Ok(theirs));
        }
        let base = base.map_or_else(|| Ok(DirTree::default()), |base| self.repo.read_dirtree(&base))?;
        let (ours, theirs) = (self.repo.read_dirtree(&ours)?, self.repo.read_dirtree(&theirs)?);
        let mut tree = Tree::new();
        let names: BTreeSet<&str> = [&base, &ours, &theirs].into_iter().flat_map(names).collect();
        for name in names {
            let (base, ours, theirs) = (item(&base, name), item(&ours, name), item(&theirs, name));
            let full = if path.is_empty() { name.to_owned() } else { format!("{path}/{name}") };
            self.entry(&full, name, (base, ours, theirs), &mut tree)?;
        }
        Ok(Err(tree))
    }

    fn entry(&mut self, path: &str, name: &str, items: (Option<Item>, Option<Item>, Option<Item>), tree: &mut Tree) -> Result<(), Error> {
        let taken = match items {
            (_, ours, theirs) if ours == theirs => ours,
            (base, ours, theirs) if ours == base => theirs,
            (base, ours, theirs) if theirs == base => ours,
            (base, Some(Item::Directory(ours)), Some(Item::Directory(theirs))) => {
                let base = if let Some(Item::Directory(base)) = base { Some(base) } else { None };
                let meta = if base.is_some_and(|base| base.1 == ours.1) { theirs.1 } else { ours.1 };
                match self.directory(path, base.map(|base| base.0), ours.0, theirs.0)? {
                    Ok(same) => tree.put_frozen(name, same, meta),
                    Err(below) => tree.put_tree(name, below, meta),
                }
                return Ok(());
            }
            (base, Some(Item::File(link)), Some(Item::Directory(theirs))) if self.is_link(&link)? => {
                let base = if let Some(Item::Directory(base)) = base { Some(base.0) } else { None };
                self.grafts.push(Graft { link: path.to_owned(), base, theirs: theirs.0 });
                Some(Item::File(link))
            }
            (_, ours, theirs) => match (self.decide)(path) {
                Side::Ours => ours,
                Side::Theirs => theirs,
            },
        };
        match taken {
            None => {}
            Some(Item::File(file)) => tree.put_file(name, file),
            Some(Item::Directory((below, meta))) => tree.put_frozen(name, below, meta),
        }
        Ok(())
    }

    fn is_link(&self, file: &Checksum) -> Result<bool, Error> {
        Ok(matches!(self.repo.read_file_meta(file)?.kind, FileKind::Symlink(_)))
    }

    /// The directory that the link at `path` leads to; none for a link out of the root or to nothing.
    fn target(&self, tree: &mut Tree, path: &str) -> Result<Option<String>, Error> {
        let Some(resolved) = tree.resolve(self.repo, path)? else { return Ok(None) };
        Ok(matches!(tree.get(self.repo, &resolved)?, Some(super::Entry::Directory(_))).then_some(resolved))
    }

    /// Adds what `theirs` has and `base` has not to the directory `path`.
    fn graft(&mut self, tree: &mut Tree, path: &str, base: Option<Checksum>, theirs: Checksum) -> Result<(), Error> {
        let base = base.map_or_else(|| Ok(DirTree::default()), |base| self.repo.read_dirtree(&base))?;
        let theirs = self.repo.read_dirtree(&theirs)?;
        for (name, file) in &theirs.files {
            if item(&base, name) != Some(Item::File(*file)) {
                tree.insert_file(self.repo, &format!("{path}/{name}"), *file, None)?;
            }
        }
        for (name, below, meta) in &theirs.dirs {
            let old = item(&base, name);
            if old == Some(Item::Directory((*below, *meta))) {
                continue;
            }
            let full = format!("{path}/{name}");
            let old = if let Some(Item::Directory(old)) = old { Some(old.0) } else { None };
            match tree.get(self.repo, &full)? {
                Some(super::Entry::Directory(_)) => {}
                _ => drop(tree.insert_directory(self.repo, &full, *meta, None)?),
            }
            self.graft(tree, &full, old, *below)?;
        }
        Ok(())
    }
}

fn names(tree: &DirTree) -> impl Iterator<Item = &str> {
    tree.files.iter().map(|(name, _)| name.as_str()).chain(tree.dirs.iter().map(|(name, _, _)| name.as_str()))
}

fn item(tree: &DirTree, name: &str) -> Option<Item> {
    if let Ok(at) = tree.files.binary_search_by(|(other, _)| other.as_str().cmp(name)) {
        return Some(Item::File(tree.files[at].1));
    }
    let at = tree.dirs.binary_search_by(|(other, _, _)| other.as_str().cmp(name)).ok()?;
    Some(Item::Directory((tree.dirs[at].1, tree.dirs[at].2)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::{Entry, Metadata};

    struct Trees {
        _dir: tempfile::TempDir,
        repo: Repo,
        meta: Checksum,
    }

    impl Trees {
        fn new() -> Self {
            let dir = tempfile::tempdir().unwrap();
            let repo = Repo::init(dir.path()).unwrap();
            let meta = repo.write_dirmeta(&Metadata::root(0o755)).unwrap();
            Self { _dir: dir, repo, meta }
        }

        /// Lines of `PATH CONTENT`, `PATH -> TARGET` or `PATH/`.
        fn make(&self, lines: &str) -> Root {
            let mut tree = Tree::new();
            for line in lines.lines().map(str::trim).filter(|line| !line.is_empty()) {
                if let Some(path) = line.strip_suffix('/') {
                    tree.insert_directory(&self.repo, path, self.meta, Some(self.meta)).unwrap();
                    continue;
                }
                let (path, file) = match line.split_once(" -> ") {
                    Some((path, target)) => (path, self.repo.write_symlink(&Metadata::root(0o777), target).unwrap()),
                    None => {
                        let (path, content) = line.split_once(' ').unwrap();
                        (path, self.repo.write_file(&Metadata::root(0o644), content.as_bytes()).unwrap())
                    }
                };
                tree.insert_file(&self.repo, path, file, Some(self.meta)).unwrap();
            }
            (tree.write(&self.repo).unwrap(), self.meta)
        }

        fn merge(&self, base: &str, ours: &str, theirs: &str) -> (Root, Vec<String>) {
            let mut asked = vec![];
            let mut decide = |path: &str| {
                asked.push(path.to_owned());
                if path.starts_with("etc") { Side::Ours } else { Side::Theirs }
            };
            let (tree, meta) = self.repo.merge_trees(self.make(base), self.make(ours), self.make(theirs), &mut decide).unwrap();
            ((tree.write(&self.repo).unwrap(), meta), asked)
        }
    }

    #[test]
    fn takes_what_either_side_changed() {
        let trees = Trees::new();
        let (merged, asked) = trees.merge("a/x 1\na/y 1\nb/z 1", "a/x 2\na/y 1\na/new 1\nb/z 1", "a/x 1\na/y 1\nb/z 2\nc/w 1");
        assert_eq!(merged, trees.make("a/x 2\na/y 1\na/new 1\nb/z 2\nc/w 1"));
        assert_eq!(asked, [""; 0]);
    }

    #[test]
    fn asks_about_what_both_changed() {
        let trees = Trees::new();
        let (merged, asked) = trees.merge("etc/x 1\nusr/x 1", "etc/x 2\nusr/x 2", "etc/x 3\nusr/x 3\nusr/y 1");
        assert_eq!(merged, trees.make("etc/x 2\nusr/x 3\nusr/y 1"));
        assert_eq!(asked, ["etc/x", "usr/x"]);
    }

    #[test]
    fn unpacks_through_a_link_that_replaced_a_directory() {
        let trees = Trees::new();
        let (merged, asked) = trees.merge("run/\nvar/run/", "run/\nvar/run -> ../run", "run/\nvar/run/daemon/socket.d 1");
        assert_eq!(merged, trees.make("run/daemon/socket.d 1\nvar/run -> ../run"));
        assert_eq!(asked, [""; 0]);
        let mut tree = Tree::read(&trees.repo, &merged.0).unwrap();
        assert!(matches!(tree.get(&trees.repo, "var/run").unwrap(), Some(Entry::File(_))));
    }
}

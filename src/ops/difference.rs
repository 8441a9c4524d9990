//! What differs between two commits, for people: paths in order, metadata in words, text as unified diffs.

use crate::store::{Checksum, Commit, DirTree, Error, FileKind, FileMeta, Metadata, Repo, Value};
use crate::util::text::plain;
use std::collections::BTreeSet;
use std::io::Read as _;

/// Differences that are described; further ones are counted.
pub const DESCRIBED: usize = 20;

/// A larger file is compared and not shown.
const TEXT_LIMIT: u64 = 1 << 20;

/// Lines of one diff that are shown.
const DIFF_LINES: usize = 60;

/// One of the two commits.
#[derive(Clone, Copy, Debug)]
pub struct Side<'a> {
    /// Where it is kept.
    pub repo: &'a Repo,
    /// The commit.
    pub commit: &'a Checksum,
}

/// How two commits differ.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Differences {
    /// The first ones, each a path (or `commit metadata KEY`) and then what differs, in one or more lines.
    pub described: Vec<String>,
    /// How many there are.
    pub count: usize,
}

impl Differences {
    fn push(&mut self, describe: impl FnOnce() -> Result<String, Error>) -> Result<(), Error> {
        self.count += 1;
        if self.described.len() < DESCRIBED {
            self.described.push(describe()?);
        }
        Ok(())
    }
}

/// Compares two commits and all that they hold. What has one checksum is not looked at.
pub fn compare(left: Side<'_>, right: Side<'_>) -> Result<Differences, Error> {
    let mut found = Differences::default();
    let (old, new) = (left.repo.read_commit(left.commit)?, right.repo.read_commit(right.commit)?);
    let keys: BTreeSet<&String> = old.metadata.keys().chain(new.metadata.keys()).collect();
    for key in keys {
        let (old, new) = (old.metadata.get(key), new.metadata.get(key));
        if old != new {
            found.push(|| Ok(format!("commit metadata {key}\n{}", unified(&value_text(old), &value_text(new)))))?;
        }
    }
    walk((left.repo, &old), (right.repo, &new), &mut |path, differs| found.push(|| describe(left, right, path, differs)))?;
    Ok(found)
}

fn value_text(value: Option<&Value>) -> String {
    match value {
        None => String::new(),
        Some(Value::String(text)) => format!("{text}\n"),
        Some(Value::Strings(list)) => list.iter().map(|text| format!("{text}\n")).collect(),
        Some(other) => format!("{other:?}\n"),
    }
}

/// What a name in a directory stands for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Named {
    /// A file or a link.
    File(Checksum),
    /// A directory: its tree, and its owner and mode.
    Directory(Checksum, Checksum),
}

/// How two trees differ at one path.
#[derive(Clone, Copy, Debug)]
pub enum Differs {
    /// Both have a directory there, with other owners or modes.
    Metadata(Checksum, Checksum),
    /// Only the left one has something there; of a directory nothing below is told.
    Left(Named),
    /// Only the right one has.
    Right(Named),
    /// Both have something there, and it is not the same.
    Both(Named, Named),
}

fn named(tree: &DirTree, name: &str) -> Option<Named> {
    let file = tree.files.binary_search_by(|(other, _)| other.as_str().cmp(name)).ok().map(|at| Named::File(tree.files[at].1));
    file.or_else(|| {
        let at = tree.dirs.binary_search_by(|(other, _, _)| other.as_str().cmp(name)).ok()?;
        Some(Named::Directory(tree.dirs[at].1, tree.dirs[at].2))
    })
}

/// Calls `visit` with every path at which the trees of two commits differ, in order. What has one checksum is not looked
/// at.
pub fn walk(
    left: (&Repo, &Commit),
    right: (&Repo, &Commit),
    visit: &mut dyn FnMut(&str, Differs) -> Result<(), Error>,
) -> Result<(), Error> {
    let ((left, old), (right, new)) = (left, right);
    if old.meta != new.meta {
        visit("/", Differs::Metadata(old.meta, new.meta))?;
    }
    trees((left, &old.tree), (right, &new.tree), "", visit)
}

fn trees(
    left: (&Repo, &Checksum),
    right: (&Repo, &Checksum),
    path: &str,
    visit: &mut dyn FnMut(&str, Differs) -> Result<(), Error>,
) -> Result<(), Error> {
    let ((left, old), (right, new)) = (left, right);
    if old == new {
        return Ok(());
    }
    let (old, new) = (left.read_dirtree(old)?, right.read_dirtree(new)?);
    let names = |tree: &DirTree| -> Vec<String> {
        tree.files.iter().map(|(name, _)| name.clone()).chain(tree.dirs.iter().map(|(name, _, _)| name.clone())).collect()
    };
    let all: BTreeSet<String> = names(&old).into_iter().chain(names(&new)).collect();
    for name in all {
        let path = format!("{path}/{name}");
        match (named(&old, &name), named(&new, &name)) {
            (Some(a), Some(b)) if a == b => {}
            (Some(Named::Directory(old_tree, old_meta)), Some(Named::Directory(new_tree, new_meta))) => {
                if old_meta != new_meta {
                    visit(&path, Differs::Metadata(old_meta, new_meta))?;
                }
                trees((left, &old_tree), (right, &new_tree), &path, visit)?;
            }
            (Some(a), Some(b)) => visit(&path, Differs::Both(a, b))?,
            (Some(a), None) => visit(&path, Differs::Left(a))?,
            (None, Some(b)) => visit(&path, Differs::Right(b))?,
            (None, None) => {}
        }
    }
    Ok(())
}

fn describe(left: Side<'_>, right: Side<'_>, path: &str, differs: Differs) -> Result<String, Error> {
    Ok(match differs {
        Differs::Metadata(old, new) => format!("{path}{}", metadata(&left.repo.read_dirmeta(&old)?, &right.repo.read_dirmeta(&new)?)),
        Differs::Both(Named::File(old), Named::File(new)) => format!("{path}{}", files(left, right, &old, &new)?),
        Differs::Both(old, new) => format!("{path}\n  is {}, rebuilt {}", kind(left, old)?, kind(right, new)?),
        Differs::Left(old) => format!("{path}\n  is {}, rebuilt not there", kind(left, old)?),
        Differs::Right(new) => format!("{path}\n  is not there, rebuilt {}", kind(right, new)?),
    })
}

fn kind(side: Side<'_>, named: Named) -> Result<String, Error> {
    Ok(match named {
        Named::Directory(..) => "a directory".to_owned(),
        Named::File(file) => match side.repo.read_file_meta(&file)?.kind {
            FileKind::Regular(size) => format!("a file of {size} bytes"),
            FileKind::Symlink(target) => format!("a link to `{target}`"),
        },
    })
}

/// How two files differ, one line each, then the content.
fn files(left: Side<'_>, right: Side<'_>, old: &Checksum, new: &Checksum) -> Result<String, Error> {
    let ((old_meta, old_file), (new_meta, new_file)) = (left.repo.open_file(old)?, right.repo.open_file(new)?);
    let mut text = metadata(&old_meta.metadata, &new_meta.metadata);
    match (&old_meta.kind, &new_meta.kind) {
        (FileKind::Regular(old_size), FileKind::Regular(new_size)) => {
            let io = |checksum: &Checksum, side: Side<'_>| {
                let path = side.repo.path().join("objects").join(checksum.to_hex());
                move |source| Error::Io { action: "read object", path, source }
            };
            if *old_size.max(new_size) <= TEXT_LIMIT {
                let (mut a, mut b) = (vec![], vec![]);
                (&old_file).take(TEXT_LIMIT).read_to_end(&mut a).map_err(io(old, left))?;
                (&new_file).take(TEXT_LIMIT).read_to_end(&mut b).map_err(io(new, right))?;
                text.push_str(&content(&a, &b));
            } else {
                text.push_str(&format!("\n  the content differs ({old_size} bytes, rebuilt {new_size})"));
            }
        }
        (FileKind::Symlink(old), FileKind::Symlink(new)) if old == new => {}
        _ => {
            let show = |meta: &FileMeta| match &meta.kind {
                FileKind::Regular(size) => format!("a file of {size} bytes"),
                FileKind::Symlink(target) => format!("a link to `{target}`"),
            };
            text.push_str(&format!("\n  is {}, rebuilt {}", show(&old_meta), show(&new_meta)));
        }
    }
    Ok(text)
}

fn content(old: &[u8], new: &[u8]) -> String {
    if old == new {
        return String::new();
    }
    let is_text = |bytes: &[u8]| !bytes.contains(&0) && std::str::from_utf8(bytes).is_ok();
    if is_text(old) && is_text(new) {
        return format!("\n{}", unified(&String::from_utf8_lossy(old), &String::from_utf8_lossy(new)));
    }
    let at = old.iter().zip(new).take_while(|(a, b)| a == b).count();
    format!("\n  the content differs from byte {at} on ({} bytes, rebuilt {})", old.len(), new.len())
}

/// A unified diff, two columns in.
fn unified(old: &str, new: &str) -> String {
    let diff = similar::TextDiff::from_lines(old, new);
    let text = diff.unified_diff().context_radius(2).to_string();
    let mut lines: Vec<String> = text.lines().map(|line| format!("  {}", plain(line))).collect();
    if lines.len() > DIFF_LINES {
        let more = lines.len() - DIFF_LINES;
        lines.truncate(DIFF_LINES);
        lines.push(format!("  … and {more} more lines"));
    }
    lines.join("\n")
}

fn metadata(old: &Metadata, new: &Metadata) -> String {
    let mut text = String::new();
    for (what, old, new) in [("owner", old.uid, new.uid), ("group", old.gid, new.gid)] {
        if old != new {
            text.push_str(&format!("\n  {what} {old}, rebuilt {new}"));
        }
    }
    if old.mode != new.mode {
        text.push_str(&format!("\n  mode {:04o}, rebuilt {:04o}", old.mode, new.mode));
    }
    let names: BTreeSet<&Vec<u8>> = old.xattrs.iter().chain(&new.xattrs).map(|(name, _)| name).collect();
    for name in names {
        let value = |metadata: &Metadata| {
            metadata.xattrs.iter().find(|(other, _)| other == name).map(|(_, value)| value.escape_ascii().to_string())
        };
        let (old, new) = (value(old), value(new));
        if old != new {
            let show = |value: Option<String>| value.map_or("not there".to_owned(), |value| format!("\"{value}\""));
            text.push_str(&format!("\n  attribute {} {}, rebuilt {}", String::from_utf8_lossy(name), show(old), show(new)));
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::{CommitParts, Tree};

    struct Builder<'a> {
        repo: &'a Repo,
        tree: Tree,
        meta: Checksum,
    }

    impl<'a> Builder<'a> {
        fn new(repo: &'a Repo) -> Self {
            Self { repo, tree: Tree::new(), meta: repo.write_dirmeta(&Metadata::root(0o755)).unwrap() }
        }

        fn file(mut self, path: &str, mode: u32, content: &[u8]) -> Self {
            let file = self.repo.write_file(&Metadata::root(mode), content).unwrap();
            self.tree.insert_file(self.repo, path, file, Some(self.meta)).unwrap();
            self
        }

        fn with(mut self, path: &str, metadata: Metadata) -> Self {
            let file = self.repo.write_file(&metadata, b"same").unwrap();
            self.tree.insert_file(self.repo, path, file, Some(self.meta)).unwrap();
            self
        }

        fn link(mut self, path: &str, target: &str) -> Self {
            let file = self.repo.write_symlink(&Metadata::root(0o777), target).unwrap();
            self.tree.insert_file(self.repo, path, file, Some(self.meta)).unwrap();
            self
        }

        fn directory(mut self, path: &str, mode: u32) -> Self {
            let meta = self.repo.write_dirmeta(&Metadata::root(mode)).unwrap();
            self.tree.insert_directory(self.repo, path, meta, Some(self.meta)).unwrap();
            self
        }

        fn commit(self, scripts: &[&str]) -> Checksum {
            let scripts = Value::Strings(scripts.iter().map(ToString::to_string).collect());
            self.repo.write_commit(&CommitParts::new(self.tree.write(self.repo).unwrap(), self.meta).with("scripts", scripts)).unwrap()
        }
    }

    #[test]
    fn says_what_differs_and_nothing_else() {
        let dir = tempfile::tempdir().unwrap();
        let [a, b] = ["a", "b"].map(|name| Repo::init(&dir.path().join(name)).unwrap());
        let xattr = |value: &[u8]| Metadata { xattrs: vec![(b"user.x".to_vec(), value.to_vec())], ..Metadata::root(0o755) };
        let old = Builder::new(&a)
            .file("etc/same", 0o644, b"same")
            .file("etc/list", 0o644, b"one\ntwo\nthree\nfour\nfive\nsix\n")
            .file("etc/shadow", 0o640, b"x")
            .file("usr/bin/tool", 0o755, b"\x7fELF\0abc")
            .link("etc/zone", "UTC")
            .with("usr/bin/caps", xattr(b"1"))
            .file("usr/gone", 0o644, b"")
            .directory("var/tmp", 0o1777)
            .commit(&["a postinst", "b postinst"]);
        let new = Builder::new(&b)
            .file("etc/same", 0o644, b"same")
            .file("etc/list", 0o644, b"one\ntwo\nthree\n4\nfive\nsix\n")
            .file("etc/shadow", 0o644, b"x")
            .file("usr/bin/tool", 0o755, b"\x7fELF\0abd!")
            .link("etc/zone", "CET")
            .with("usr/bin/caps", Metadata { uid: 5, ..xattr(b"\x02") })
            .directory("usr/new", 0o755)
            .directory("var/tmp", 0o755)
            .commit(&["b postinst"]);
        let differences = compare(Side { repo: &a, commit: &old }, Side { repo: &b, commit: &new }).unwrap();
        assert_eq!(differences.count, differences.described.len());
        insta::assert_snapshot!(differences.described.join("\n"), @r#"
        commit metadata scripts
          @@ -1,2 +1 @@
          -a postinst
           b postinst
        /etc/list
          @@ -2,5 +2,5 @@
           two
           three
          -four
          +4
           five
           six
        /etc/shadow
          mode 0640, rebuilt 0644
        /etc/zone
          is a link to `UTC`, rebuilt a link to `CET`
        /usr/bin/caps
          owner 0, rebuilt 5
          attribute user.x "1", rebuilt "\x02"
        /usr/bin/tool
          the content differs from byte 7 on (8 bytes, rebuilt 9)
        /usr/gone
          is a file of 0 bytes, rebuilt not there
        /usr/new
          is not there, rebuilt a directory
        /var/tmp
          mode 1777, rebuilt 0755
        "#);
        assert_eq!(compare(Side { repo: &a, commit: &old }, Side { repo: &a, commit: &old }).unwrap(), Differences::default());
    }

    #[test]
    fn describes_the_first_and_counts_the_rest() {
        let dir = tempfile::tempdir().unwrap();
        let repo = Repo::init(dir.path()).unwrap();
        let commit = |word: &str| {
            let builder =
                (0..30).fold(Builder::new(&repo), |builder, number| builder.file(&format!("f{number:02}"), 0o644, word.as_bytes()));
            builder.commit(&[])
        };
        let (old, new) = (commit("a"), commit("b"));
        let differences = compare(Side { repo: &repo, commit: &old }, Side { repo: &repo, commit: &new }).unwrap();
        assert_eq!((differences.count, differences.described.len()), (30, DESCRIBED));
        assert!(differences.described[0].starts_with("/f00\n"), "{}", differences.described[0]);
    }
}

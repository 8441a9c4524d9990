//! An open package ► objects and one commit.

use super::attributes::Attributes;
use crate::archive::{self, Control, Deb, Directory, Entry, Kind, Node, Problem, Tree};
use crate::store::{self, Checksum, CommitParts, DirTree, Metadata, Objects, PackageFile, Value};
use std::collections::HashMap;
use std::fmt::Write as _;
use std::io::{Read, Write as _};

/// Where dpkg keeps what it knows of installed packages, in a commit's tree.
const INFO: &str = "var/lib/dpkg/info";

/// The key of a package commit's metadata that holds the control paragraph.
pub const STATUS: &str = "pintree.status";

/// Why a package could not be stored.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The package is at fault, or the medium it is read from.
    #[error(transparent)]
    Archive(#[from] archive::Error),
    /// The repository is.
    #[error(transparent)]
    Store(#[from] store::Error),
}

/// A package that became a commit.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Stored {
    /// The commit.
    pub commit: Checksum,
    /// What was left out of it, for the user.
    pub warnings: Vec<String>,
}

/// Turns everything in `deb`, which is read from `file`, into objects and gives the commit's checksum; no ref is touched.
///
/// The commit's tree is the payload as shipped, with the control members below `var/lib/dpkg/info` as dpkg names them
/// and the `.list` that dpkg would write; the control paragraph is in the metadata under `pintree.status`, beside what
/// names `file`. The same package gives the same commit, always.
///
/// # Errors
/// When the package or the repository is at fault.
pub fn store_package<'r, R: Read>(objects: impl Into<Objects<'r>>, mut deb: Deb<R>, file: &PackageFile) -> Result<Stored, Error> {
    let objects = objects.into();
    let mut attributes = Attributes::default();
    let control = deb.control().clone();
    let mut tree = Tree::new(deb.limits());
    let (mut list, mut links) = (String::new(), String::new());
    let mut sums = Sums::for_package(&control);
    while let Some(mut entry) = deb.next_entry()? {
        attributes.settle(&mut entry)?;
        tree.check(&entry)?;
        if entry.kind != Kind::Dir && entry.path.strip_prefix(INFO).is_some_and(|rest| rest.is_empty() || rest.starts_with('/')) {
            return Err(archive::Error::Member { path: entry.path, problem: Problem::Reserved }.into());
        }
        let object = match &entry.kind {
            Kind::File { size } => store_file(objects, &mut deb, &entry, *size, &mut sums)?,
            Kind::Symlink { target } => objects.write_symlink(&metadata(&entry), target)?,
            // Nothing is kept of these two.
            Kind::Dir | Kind::Hardlink { .. } => Checksum::of(&[]),
        };
        tree.insert(&entry, || object)?;
        sums.end_entry(&entry);
        // dpkg unpacks symlinks after everything else and lists them so, and it writes the root as `/.`.
        let lines = if matches!(entry.kind, Kind::Symlink { .. }) { &mut links } else { &mut list };
        lines.push('/');
        lines.push_str(if entry.path.is_empty() { "." } else { &entry.path });
        lines.push('\n');
    }
    drop(deb);
    list += &links;
    let mut info = |member: &str, mode, content: &[u8]| -> Result<(), Error> {
        let path = format!("{INFO}/{}.{member}", control.info_name());
        let object = objects.write_file(&Metadata::root(mode), content)?;
        let kind = Kind::File { size: content.len() as u64 };
        let metadata = archive::Metadata { mode, ..archive::Metadata::default() };
        Ok(tree.insert(&Entry { path, kind, metadata }, || object)?)
    };
    info("list", 0o644, list.as_bytes())?;
    if let Some(sums) = sums.finish() {
        info("md5sums", 0o644, sums.as_bytes())?;
    }
    for member in &control.members {
        // dpkg writes the list itself and passes over one that a package brings.
        if member.name != "list" {
            info(&member.name, if is_script(&member.name) { 0o755 } else { 0o644 }, &member.content)?;
        }
    }
    let mut writer = TreeWriter { objects, dirmetas: HashMap::new() };
    let (tree, meta) = writer.write(tree.into_root())?;
    let commit = CommitParts::new(tree, meta).with(STATUS, Value::String(control.paragraph)).made_of(file);
    Ok(Stored { commit: objects.write_commit(&commit)?, warnings: attributes.warnings() })
}

/// Tells whether a control member is a program that dpkg or debconf runs.
pub fn is_script(member: &str) -> bool {
    matches!(member, "preinst" | "postinst" | "prerm" | "postrm" | "config")
}

fn metadata(entry: &Entry) -> Metadata {
    let archive::Metadata { mode, uid, gid, xattrs } = &entry.metadata;
    Metadata { uid: *uid, gid: *gid, mode: *mode, xattrs: xattrs.clone() }
}

/// Streams one file. What the decoder has in its buffer already, most files whole, is not copied.
fn store_file<R: Read>(objects: Objects<'_>, deb: &mut Deb<R>, entry: &Entry, size: u64, sums: &mut Sums) -> Result<Checksum, Error> {
    let chunk = deb.chunk()?;
    if chunk.len() as u64 == size {
        sums.update(chunk);
        let object = objects.write_file(&metadata(entry), chunk)?;
        let length = chunk.len();
        deb.consume(length);
        return Ok(object);
    }
    let mut writer = objects.file_writer(&metadata(entry))?;
    loop {
        let chunk = deb.chunk()?;
        let length = chunk.len();
        if length == 0 {
            return Ok(writer.finish()?);
        }
        sums.update(chunk);
        let io = |source| store::Error::Io { action: "write the file", path: entry.path.clone().into(), source };
        writer.write_all(chunk).map_err(io)?;
        deb.consume(length);
    }
}

/// Writes directories from the leaves up, each distinct owner and mode once.
struct TreeWriter<'r> {
    objects: Objects<'r>,
    dirmetas: HashMap<archive::Metadata, Checksum>,
}

impl TreeWriter<'_> {
    fn write(&mut self, directory: Directory<Checksum>) -> Result<(Checksum, Checksum), store::Error> {
        let mut tree = DirTree::default();
        for (name, node) in directory.children {
            match node {
                Node::File(object) | Node::Symlink(object) => tree.files.push((name, object)),
                Node::Directory(directory) => {
                    let (subtree, meta) = self.write(directory)?;
                    tree.dirs.push((name, subtree, meta));
                }
            }
        }
        let meta = match self.dirmetas.get(&directory.metadata) {
            Some(meta) => *meta,
            None => {
                let archive::Metadata { mode, uid, gid, xattrs } = directory.metadata.clone();
                let meta = self.objects.write_dirmeta(&Metadata { uid, gid, mode, xattrs })?;
                self.dirmetas.insert(directory.metadata, meta);
                meta
            }
        };
        Ok((self.objects.write_dirtree(&tree)?, meta))
    }
}

/// The `md5sums` that dpkg writes itself for a package without one: all its files, conffiles too.
struct Sums {
    lines: Option<String>,
    known: HashMap<String, String>,
    current: md5::Md5,
}

impl Sums {
    fn for_package(control: &Control) -> Self {
        use md5::Digest as _;
        let lines = control.member("md5sums").is_none().then(String::new);
        Self { lines, known: HashMap::new(), current: md5::Md5::new() }
    }

    fn update(&mut self, bytes: &[u8]) {
        if self.lines.is_some() {
            md5::Digest::update(&mut self.current, bytes);
        }
    }

    fn end_entry(&mut self, entry: &Entry) {
        let Some(lines) = &mut self.lines else { return };
        let sum = match &entry.kind {
            Kind::File { .. } => {
                let digest = md5::Digest::finalize_reset(&mut self.current);
                digest.iter().fold(String::with_capacity(32), |mut text, byte| {
                    write!(text, "{byte:02x}").expect("a string takes every write");
                    text
                })
            }
            Kind::Hardlink { target } => match self.known.get(target) {
                Some(sum) => sum.clone(),
                None => return,
            },
            Kind::Dir | Kind::Symlink { .. } => return,
        };
        writeln!(lines, "{sum}  {}", entry.path).expect("a string takes every write");
        self.known.insert(entry.path.clone(), sum);
    }

    fn finish(self) -> Option<String> {
        self.lines
    }
}

//! The files of a commit in a directory of their own.
//!
//! They are written from git's objects alone. Git's own checkout runs the filters that configuration and attributes name,
//! and a checkout brings both; here content is what the commit has. Files of Git LFS come from where `git lfs` keeps them.

use super::Git;
use crate::ops::Error;
use crate::pkg::Sha256;
use std::ffi::OsStr;
use std::fs::{File, OpenOptions};
use std::io::{self, BufRead as _, BufReader, Read, Write as _};
use std::os::unix::ffi::OsStrExt as _;
use std::os::unix::fs::{OpenOptionsExt as _, symlink};
use std::path::{Component, Path, PathBuf};
use std::process::Stdio;

/// Something that a commit names and this checkout does not have.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Absent {
    /// Where it belongs, seen from the directory that was copied.
    pub path: PathBuf,
    /// What it is.
    pub lack: Lack,
}

/// What a checkout may lack.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Lack {
    /// A submodule at the commit that is recorded for it.
    Submodule {
        /// The commit.
        commit: String,
    },
    /// A file of Git LFS; what stands there is the pointer.
    Lfs,
}

/// The longest target of a link, as the system has it.
const PATH_MAX: u64 = 4096;

/// The first line of a file of Git LFS (`docs/spec.md` of git-lfs), and the largest such file.
const POINTER: &str = "version https://git-lfs.github.com/spec/v1\n";
const POINTER_MAX: u64 = 1024;

/// The directory that no commit fills: what lies there is made here.
const GENERATED: &str = "_build";

/// What stands in a tree.
struct Item {
    mode: Vec<u8>,
    id: String,
    path: PathBuf,
}

/// Where a commit is written.
struct Copy<'c> {
    target: &'c Path,
    absent: Vec<Absent>,
    /// Links and where they lead; made last, so that nothing is written through one.
    links: Vec<(PathBuf, Vec<u8>)>,
}

impl Git {
    /// Writes the files that `directory` had in a commit into `target`, which has nothing of that name yet, with those of
    /// submodules at the commits that are recorded for them. Neither the user's work tree nor their index is touched. Gives
    /// what is not here.
    pub fn check_out(&self, commit: &str, directory: &Path, target: &Path) -> Result<Vec<Absent>, Error> {
        let here = if directory.as_os_str().is_empty() { Path::new(".") } else { directory };
        let absolute = std::path::absolute(here).map_err(|source| Error::Io { doing: "find", path: here.to_owned(), source })?;
        let mut copy = Copy { target, absent: vec![], links: vec![] };
        self.write_tree(&self.tree(commit, directory)?, &absolute, Path::new(""), &mut copy)?;
        for (path, leads) in &copy.links {
            symlink(OsStr::from_bytes(leads), path).map_err(|source| Error::Io { doing: "create the link", path: path.clone(), source })?;
        }
        Ok(copy.absent)
    }

    /// Writes a tree that the user has at `directory` into the copy at `place`.
    fn write_tree(&self, tree: &str, directory: &Path, place: &Path, copy: &mut Copy<'_>) -> Result<(), Error> {
        let (submodules, files): (Vec<Item>, Vec<Item>) = self.items(tree, place)?.into_iter().partition(|item| item.mode == b"160000");
        self.write_files(&files, place, copy)?;
        for Item { id: commit, path, .. } in submodules {
            let (theirs, inside) = (directory.join(&path), place.join(&path));
            make_directory(&copy.target.join(&inside))?;
            // A directory without `.git` belongs to the checkout around it.
            let git = Self { top: theirs.clone(), network: self.network };
            let tree = match theirs.join(".git").exists() {
                true => {
                    let named = format!("{commit}^{{tree}}");
                    git.id("find a submodule's commit", &["rev-parse", "--verify", "--quiet", "--end-of-options", &named])?
                }
                false => None,
            };
            match tree {
                Some(tree) => git.write_tree(&tree, &theirs, &inside, copy)?,
                None => copy.absent.push(Absent { path: inside, lack: Lack::Submodule { commit } }),
            }
        }
        Ok(())
    }

    /// Everything in a tree but directories.
    fn items(&self, tree: &str, place: &Path) -> Result<Vec<Item>, Error> {
        let mut command = self.command();
        command.args(["ls-tree", "-r", "-z", "--full-tree", tree]);
        let output = self.output("list a commit", &mut command)?;
        let mut items = vec![];
        for line in output.stdout.split(|byte| *byte == 0).filter(|line| !line.is_empty()) {
            let odd = || Error::Io { doing: "read", path: place.join(OsStr::from_bytes(line)), source: io::ErrorKind::InvalidData.into() };
            let tab = line.iter().position(|byte| *byte == b'\t').ok_or_else(odd)?;
            let path = PathBuf::from(OsStr::from_bytes(&line[tab + 1..]));
            let is_name = |part: Component<'_>| matches!(part, Component::Normal(name) if !name.eq_ignore_ascii_case(".git"));
            let words: Vec<&[u8]> = line[..tab].split(|byte| *byte == b' ').collect();
            let [mode, _, id] = words[..] else { return Err(odd()) };
            // git itself writes no such tree, and refuses to check one out.
            if !path.components().all(is_name) {
                return Err(odd());
            }
            if !place.join(&path).starts_with(GENERATED) {
                items.push(Item { mode: mode.to_vec(), id: String::from_utf8_lossy(id).into_owned(), path });
            }
        }
        Ok(items)
    }

    fn write_files(&self, items: &[Item], place: &Path, copy: &mut Copy<'_>) -> Result<(), Error> {
        let doing = "read a commit";
        let start = |source| Error::Git { doing, source: crate::util::command::Error::Start { program: "git".to_owned(), source } };
        let mut command = self.command();
        command.args(["cat-file", "--batch"]).stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::null());
        let mut child = command.spawn().map_err(start)?;
        let (input, output) = (child.stdin.take(), child.stdout.take());
        let wanted: String = items.iter().map(|item| format!("{}\n", item.id)).collect();
        let written = std::thread::scope(|scope| {
            // git answers while it reads; a pipe holds little of either.
            scope.spawn(move || input.map(|mut input| input.write_all(wanted.as_bytes())));
            let mut objects = BufReader::new(output.expect("stdout was asked to be a pipe"));
            items.iter().try_for_each(|item| self.write_file(&mut objects, item, place, copy))
        });
        let _ended = child.wait().map_err(start)?;
        written
    }

    /// Writes the next object that git gives, which is that of the item.
    fn write_file(&self, objects: &mut BufReader<impl Read>, item: &Item, place: &Path, copy: &mut Copy<'_>) -> Result<(), Error> {
        let inside = place.join(&item.path);
        let path = copy.target.join(&inside);
        let io = |doing| {
            let path = path.clone();
            move |source| Error::Io { doing, path, source }
        };
        let mut header = String::new();
        objects.read_line(&mut header).map_err(io("read"))?;
        let size = header.strip_prefix(&item.id).and_then(|rest| rest.strip_prefix(" blob ")).and_then(|size| size.trim_end().parse().ok());
        let size: u64 = size.ok_or_else(|| Error::NotInRevision { revision: item.id.clone(), path: inside.clone() })?;
        let mut content = objects.by_ref().take(size);
        if item.mode == b"120000" {
            if size > PATH_MAX {
                return Err(io("create the link")(io::ErrorKind::InvalidFilename.into()));
            }
            let mut leads = vec![];
            content.read_to_end(&mut leads).map_err(io("read"))?;
            make_directory(path.parent().unwrap_or(copy.target))?;
            copy.links.push((path.clone(), leads));
        } else {
            make_directory(path.parent().unwrap_or(copy.target))?;
            let mode = if item.mode == b"100755" { 0o777 } else { 0o666 };
            let mut file = OpenOptions::new().write(true).create_new(true).mode(mode).open(&path).map_err(io("create"))?;
            if size <= POINTER_MAX {
                let mut text = vec![];
                content.read_to_end(&mut text).map_err(io("read"))?;
                match Pointer::parse(&text) {
                    Some(pointer) if self.write_lfs(&pointer, &mut file).map_err(io("write"))? => {}
                    pointer => {
                        file.write_all(&text).map_err(io("write"))?;
                        if pointer.is_some() {
                            copy.absent.push(Absent { path: inside, lack: Lack::Lfs });
                        }
                    }
                }
            } else if io::copy(&mut content, &mut file).map_err(io("write"))? < size {
                return Err(io("read")(io::ErrorKind::UnexpectedEof.into()));
            }
        }
        let mut newline = [0];
        objects.read_exact(&mut newline).map_err(io("read"))
    }

    /// Writes a file of Git LFS, if it is here and is what its pointer says.
    fn write_lfs(&self, pointer: &Pointer, file: &mut File) -> io::Result<bool> {
        let Ok(Some(common)) = self.id("find the repository", &["rev-parse", "--git-common-dir"]) else { return Ok(false) };
        let hex = pointer.digest.to_hex();
        let kept = self.top.join(common).join("lfs/objects").join(&hex[..2]).join(&hex[2..4]).join(&hex);
        let Ok(kept) = crate::util::place::open_file(&kept) else { return Ok(false) };
        let (digest, size) = Sha256::of_reader(&kept)?;
        if (digest, size) != (pointer.digest, pointer.size) {
            return Ok(false);
        }
        io::Seek::rewind(&mut &kept)?;
        io::copy(&mut &kept, file)?;
        Ok(true)
    }
}

/// What stands in a commit in place of a file of Git LFS.
struct Pointer {
    digest: Sha256,
    size: u64,
}

impl Pointer {
    fn parse(text: &[u8]) -> Option<Self> {
        let rest = std::str::from_utf8(text).ok()?.strip_prefix(POINTER)?;
        let value = |key: &str| rest.lines().find_map(|line| line.strip_prefix(key));
        Some(Self { digest: value("oid sha256:")?.parse().ok()?, size: value("size ")?.parse().ok()? })
    }
}

/// Makes a directory and those above it. There is no link to follow yet.
fn make_directory(path: &Path) -> Result<(), Error> {
    std::fs::create_dir_all(path).map_err(|source| Error::Io { doing: "create the directory", path: path.to_owned(), source })
}

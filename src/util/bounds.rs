//! Where the files of a project may lie, and how a path of a manifest is opened.
//!
//! A path may be a link inside the project, or lead through one, and is read as its target. One that leads out is refused
//! unless the project allows the directory it leads to. What is opened afterwards is the target, by a path without any
//! link in it: should somebody put a link there in the meantime, opening it fails.

use super::place::{self, Fault};
use rustix::fs::{CWD, FileType, Mode, OFlags, ResolveFlags};
use rustix::io::Errno;
use std::fs::File;
use std::io;
use std::path::{Path, PathBuf};

/// The directories in which the files of a project may lie.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Bounds {
    /// The project, as its files are named.
    root: PathBuf,
    /// Real paths: the project's, then those that are allowed besides.
    allowed: Vec<PathBuf>,
}

/// A path of the project with what it leads to, which lies where it may.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Located {
    /// The path in the user's words.
    named: PathBuf,
    /// The same without links.
    real: PathBuf,
}

/// A path that cannot be used.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Stray {
    /// It leads out of the project.
    #[error("`{}` leads out of the project, to `{}`", link.display(), target.display())]
    Outside {
        /// The path up to the link that leads out.
        link: PathBuf,
        /// Where it leads.
        target: PathBuf,
    },
    /// It is a link to what is not there.
    #[error("`{}` leads nowhere: it is a link to `{}`", link.display(), target.display())]
    Nowhere {
        /// The link.
        link: PathBuf,
        /// What stands in it.
        target: PathBuf,
    },
    /// Something else stands there.
    #[error("`{}` cannot be read: {fault}", path.display())]
    Odd {
        /// Where.
        path: PathBuf,
        /// What it is.
        fault: Fault,
    },
    /// It cannot be found or opened.
    #[error("cannot open `{}`", path.display())]
    Io {
        /// The path.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
}

impl Stray {
    fn io(path: &Path, source: io::Error) -> Self {
        let path = path.to_owned();
        match source.get_ref().and_then(|inner| inner.downcast_ref::<Fault>()) {
            Some(fault) => Self::Odd { path, fault: fault.clone() },
            None => Self::Io { path, source },
        }
    }
}

impl Bounds {
    /// Takes a project, and directories outside it that it allows, seen from `home`. One that is not there allows nothing.
    ///
    /// # Errors
    /// When the project's directory is not there.
    pub fn new<'a>(root: &Path, home: &Path, outside: impl IntoIterator<Item = &'a str>) -> Result<Self, Stray> {
        let mut allowed = vec![here(root).canonicalize().map_err(|source| Stray::io(root, source))?];
        allowed.extend(outside.into_iter().filter_map(|directory| here(home).join(directory).canonicalize().ok()));
        Ok(Self { root: root.to_owned(), allowed })
    }

    /// A path of the project, as the user sees it.
    pub fn named(&self, path: impl AsRef<Path>) -> PathBuf {
        self.root.join(path)
    }

    /// Finds what a path of the project leads to; `None` if nothing is there yet.
    pub fn locate(&self, path: impl AsRef<Path>) -> Result<Option<Located>, Stray> {
        let path = path.as_ref();
        let named = self.root.join(path);
        match named.canonicalize() {
            Ok(real) if self.has(&real) => Ok(Some(Located { named, real })),
            Ok(target) => Err(Stray::Outside { link: self.first_outside(path).unwrap_or(named), target }),
            Err(error) if matches!(error.kind(), io::ErrorKind::NotFound | io::ErrorKind::NotADirectory) => {
                // It may be made later, and must not be made elsewhere.
                match self.first_outside(path) {
                    Some(link) => Err(Stray::Outside { target: link.canonicalize().unwrap_or_default(), link }),
                    None => Ok(None),
                }
            }
            Err(source) => Err(Stray::io(&named, source)),
        }
    }

    /// As [`Self::locate`], for a path that something is written to: a link to what is not there would make it elsewhere.
    pub fn locate_for_writing(&self, path: impl AsRef<Path>) -> Result<Option<Located>, Stray> {
        let found = self.locate(&path)?;
        let link = self.root.join(path);
        match std::fs::read_link(&link) {
            Ok(target) if found.is_none() => Err(Stray::Nowhere { link, target }),
            _ => Ok(found),
        }
    }

    /// The shortest beginning of `path` that lies outside.
    fn first_outside(&self, path: &Path) -> Option<PathBuf> {
        let mut beginning = self.root.clone();
        path.components().find_map(|part| {
            beginning.push(part);
            let real = beginning.canonicalize().ok()?;
            (!self.has(&real)).then(|| beginning.clone())
        })
    }

    fn has(&self, real: &Path) -> bool {
        self.allowed.iter().any(|allowed| real.starts_with(allowed))
    }
}

impl Located {
    /// The path in the user's words.
    pub fn named(&self) -> &Path {
        &self.named
    }

    /// What it leads to, without links.
    pub fn real(&self) -> &Path {
        &self.real
    }

    /// Opens the file that it leads to.
    pub fn open_file(&self) -> Result<File, Stray> {
        self.open(OFlags::RDONLY, FileType::RegularFile)
    }

    /// Opens the directory that it leads to.
    pub fn open_directory(&self) -> Result<File, Stray> {
        self.open(OFlags::RDONLY | OFlags::DIRECTORY, FileType::Directory)
    }

    /// Reads the file that it leads to, if that has at most `limit` bytes.
    pub fn read(&self, limit: u64) -> Result<Vec<u8>, Stray> {
        place::read_bounded(self.open_file()?, limit).map_err(|source| Stray::io(&self.named, source))
    }

    fn open(&self, flags: OFlags, wanted: FileType) -> Result<File, Stray> {
        let failed = |error: io::Error| Stray::io(&self.named, error);
        // Looked at first: opening a device may do something.
        place::look(&self.real, wanted).map_err(failed)?;
        let flags = flags | OFlags::NONBLOCK | OFlags::NOCTTY | OFlags::CLOEXEC;
        let file = loop {
            match rustix::fs::openat2(CWD, &self.real, flags, Mode::empty(), ResolveFlags::NO_SYMLINKS) {
                Err(Errno::AGAIN | Errno::INTR) => {}
                other => break other.map_err(|error| failed(error.into()))?,
            }
        };
        let kind = FileType::from_raw_mode(rustix::fs::fstat(&file).map_err(|error| failed(error.into()))?.st_mode);
        if kind == wanted {
            return Ok(file.into());
        }
        Err(failed(Fault::Kind { found: place::kind_name(kind), wanted: place::kind_name(wanted) }.into()))
    }
}

/// The current directory's path is empty, which the system does not take.
fn here(path: &Path) -> &Path {
    if path.as_os_str().is_empty() { Path::new(".") } else { path }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::symlink;

    struct Place {
        directory: tempfile::TempDir,
    }

    impl Place {
        fn new() -> Self {
            let place = Self { directory: tempfile::tempdir().unwrap() };
            for name in ["project/overlays/a", "shared/b", "elsewhere"] {
                std::fs::create_dir_all(place.at(name)).unwrap();
            }
            for name in ["project/overlays/a/file", "shared/b/file", "elsewhere/secret"] {
                std::fs::write(place.at(name), name).unwrap();
            }
            for (link, target) in [
                ("inside", "overlays/a"),
                ("out", "../elsewhere"),
                ("chain", "second"),
                ("second", "out"),
                ("allowed", "../shared"),
                ("dangling", "overlays/none"),
                ("dangling-out", "../elsewhere/none"),
                ("circle", "circle"),
                ("zero", "/dev/zero"),
            ] {
                symlink(target, place.at("project").join(link)).unwrap();
            }
            place
        }

        fn at(&self, name: &str) -> PathBuf {
            self.directory.path().join(name)
        }

        fn bounds(&self, outside: &[&str]) -> Bounds {
            Bounds::new(&self.at("project"), &self.at("project"), outside.iter().copied()).unwrap()
        }

        /// What a path gives: content, nothing, or why not.
        fn read(&self, outside: &[&str], path: &str) -> String {
            let text = match self.bounds(outside).locate(path) {
                Ok(None) => "nothing".to_owned(),
                Ok(Some(located)) => match located.read(40) {
                    Ok(bytes) => String::from_utf8(bytes).unwrap(),
                    Err(error) => error.to_string(),
                },
                Err(error) => error.to_string(),
            };
            text.replace(&*self.directory.path().canonicalize().unwrap().to_string_lossy(), "").replace("`/project/", "`")
        }
    }

    #[test]
    fn follows_links_inside_and_names_those_that_lead_out() {
        let place = Place::new();
        for (path, given) in [
            ("overlays/a/file", "project/overlays/a/file"),
            ("inside/file", "project/overlays/a/file"),
            ("none", "nothing"),
            ("dangling", "nothing"),
            ("overlays/a/file/none", "nothing"),
            ("out/secret", "`out` leads out of the project, to `/elsewhere/secret`"),
            ("out", "`out` leads out of the project, to `/elsewhere`"),
            ("out/none", "`out` leads out of the project, to `/elsewhere`"),
            ("chain/secret", "`chain` leads out of the project, to `/elsewhere/secret`"),
            ("overlays/../out/../elsewhere/secret", "`overlays/../out` leads out of the project, to `/elsewhere/secret`"),
            ("zero", "`zero` leads out of the project, to `/dev/zero`"),
            ("circle", "cannot open `circle`"),
            ("allowed/b/file", "`allowed` leads out of the project, to `/shared/b/file`"),
            ("overlays/a", "`overlays/a` cannot be read: it is a directory, not a file"),
        ] {
            assert_eq!(place.read(&[], path), given, "{path}");
        }
        assert_eq!(place.read(&["../shared"], "allowed/b/file"), "shared/b/file");
        assert_eq!(place.read(&["../shared/c", "../none"], "allowed/b/file"), "`allowed` leads out of the project, to `/shared/b/file`");
    }

    #[test]
    fn opens_what_it_found_or_nothing() {
        let place = Place::new();
        let located = place.bounds(&[]).locate("inside/file").unwrap().unwrap();
        std::fs::rename(place.at("project/overlays/a"), place.at("project/overlays/b")).unwrap();
        symlink(place.at("elsewhere"), place.at("project/overlays/a")).unwrap();
        std::fs::write(place.at("elsewhere/file"), "secret").unwrap();
        assert!(matches!(located.read(20), Err(Stray::Io { .. })));
    }

    #[test]
    fn writes_through_no_link_that_leads_nowhere() {
        let place = Place::new();
        let bounds = place.bounds(&[]);
        for link in ["dangling", "dangling-out"] {
            assert!(matches!(bounds.locate_for_writing(link), Err(Stray::Nowhere { .. })), "{link}");
        }
        assert!(bounds.locate_for_writing("overlays/a/file").unwrap().is_some());
        assert!(bounds.locate_for_writing("none").unwrap().is_none());
    }
}

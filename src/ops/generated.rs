//! The directory of generated files, looked at before a run enters it: what a checkout brings in its place is refused.
//!
//! Git keeps links, and an archive may hold fifos and hard links besides. With `_build/work` as a link to somebody's home,
//! a build that clears its scratch would empty that home. So everything that this program makes below `_build` must be a
//! directory or a file there; names that are not its own are not looked at. `docs/design/0012-links.md` says more.

use super::Error;
use crate::util::place::{self, Fault};
use rustix::fs::FileType;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};

/// The environment variable that names the one directory to which `_build` may be a link.
pub const DIRECTORY: &str = "PINTREE_BUILD_DIR";

/// What a directory or file is to this program.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Part {
    /// A build: scratch, logs, a store and what else a run keeps.
    Site,
    /// An OSTree repository.
    Store,
    /// A copy of the project, and what a run keeps beside it.
    Copy,
    /// The project in it, with a build of its own.
    Project,
    /// Directories with files, all the way down.
    Deep,
    /// A directory whose entries are made and removed by name, and looked at by whoever enters them.
    Flat,
    /// Such an entry.
    Entry,
    /// A file that somebody writes to in place.
    File,
    /// None of this program's own.
    Foreign,
}

impl Part {
    /// What an entry of it is.
    fn below(self, name: &str) -> Self {
        const FILES: [&str; 7] = [".ninja_deps", ".ninja_log", "build.ninja", "lock", "outcomes", "rules.ninja", "sources.toml"];
        match (self, name.strip_suffix(".gone").unwrap_or(name)) {
            (Self::Site, "work") | (Self::Store, "objects" | "tmp") => Self::Flat,
            (Self::Site, "cache" | "ids" | "limits" | "logs" | "slots" | "stages") => Self::Deep,
            (Self::Site, "ostree") => Self::Store,
            (Self::Site, "verify") | (Self::Project, "_build") => Self::Site,
            (Self::Site, "bisect" | "bot") => Self::Copy,
            (Self::Site, name) if FILES.contains(&name) || name.ends_with(".packages") || name.ends_with(".indexes.json") => Self::File,
            (Self::Copy, "project") => Self::Project,
            (Self::Store | Self::Copy | Self::Deep, _) => Self::Deep,
            (Self::Flat, _) => Self::Entry,
            _ => Self::Foreign,
        }
    }
}

/// Refuses a directory of generated files with links, fifos and devices where this program makes directories and files.
///
/// # Errors
/// [`Error::Planted`] names the first one.
pub fn check(generated: &Path) -> Result<(), Error> {
    match place::look(generated, FileType::Directory) {
        Ok(None) => Ok(()),
        Ok(Some(_)) => enter(generated, generated, Part::Site),
        Err(error) => match agreed(generated) {
            Some(real) => enter(generated, &real, Part::Site),
            None => Err(planted(generated, error)),
        },
    }
}

/// Makes the directory unless it is there.
pub fn make(generated: &Path) -> Result<(), Error> {
    check(generated)?;
    let made = if generated.is_dir() { Ok(()) } else { place::make_directory(generated) };
    made.map_err(|source| Error::Io { doing: "create the directory", path: generated.to_owned(), source })
}

/// Where the directory is, if it is a link to where the caller's environment says.
fn agreed(generated: &Path) -> Option<PathBuf> {
    let named = std::env::var_os(DIRECTORY).filter(|named| !named.is_empty())?;
    let real = generated.canonicalize().ok()?;
    (Path::new(&named).canonicalize().ok()? == real).then_some(real)
}

/// Looks at what is in `real`, which messages call `path`.
fn enter(path: &Path, real: &Path, part: Part) -> Result<(), Error> {
    for (name, kind) in place::list(real).map_err(|error| planted(path, error))? {
        let part = name.to_str().map_or(Part::Foreign, |name| part.below(name));
        look(&path.join(&name), &real.join(&name), kind, part)?;
    }
    Ok(())
}

fn look(path: &Path, real: &Path, kind: FileType, part: Part) -> Result<(), Error> {
    let either = if kind == FileType::Directory { FileType::Directory } else { FileType::RegularFile };
    let wanted = match part {
        Part::Foreign => return Ok(()),
        Part::File => FileType::RegularFile,
        Part::Deep | Part::Entry => either,
        Part::Site | Part::Store | Part::Copy | Part::Project | Part::Flat => FileType::Directory,
    };
    if kind != wanted {
        place::look(real, wanted).map_err(|error| planted(path, error))?;
    }
    match part {
        // ninja truncates and appends to what it finds.
        // One that another run has removed meanwhile has no name at all.
        Part::File => match real.symlink_metadata().map_or(0, |meta| meta.nlink()) {
            0 | 1 => Ok(()),
            count => Err(Error::Planted { path: path.to_owned(), fault: Fault::Names { count } }),
        },
        Part::Entry => Ok(()),
        _ if wanted == FileType::Directory => enter(path, real, part),
        _ => Ok(()),
    }
}

fn planted(path: &Path, source: std::io::Error) -> Error {
    let path = PathBuf::from(path);
    match source.get_ref().and_then(|inner| inner.downcast_ref::<Fault>()) {
        Some(fault) => Error::Planted { path, fault: fault.clone() },
        None => Error::Io { doing: "read", path, source },
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::symlink;

    fn refusal(make: impl FnOnce(&Path)) -> Option<String> {
        let project = tempfile::tempdir().unwrap();
        std::fs::create_dir_all(project.path().join("home")).unwrap();
        std::fs::write(project.path().join("home/document"), "mine").unwrap();
        make(project.path());
        let error = check(&project.path().join("_build")).err()?;
        Some(error.to_string().replace(&*project.path().to_string_lossy(), "PROJECT"))
    }

    fn plant(project: &Path, path: &str, make: impl FnOnce(&Path)) {
        let path = project.join(path);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        make(&path);
    }

    #[test]
    fn refuses_a_link_wherever_this_program_goes() {
        let places = [
            "",
            "/work",
            "/work/m.i.armhf.seal",
            "/ids",
            "/logs",
            "/logs/stages",
            "/logs/stages/0.log",
            "/slots",
            "/slots/cpu-0",
            "/stages",
            "/ostree",
            "/ostree/tmp",
            "/ostree/tmp/cache",
            "/ostree/objects",
            "/ostree/objects/00",
            "/ostree/config",
            "/ostree/refs/heads/deb",
            "/ostree/extensions/pintree",
            "/verify",
            "/verify/work",
            "/verify.gone",
            "/bot",
            "/bot/lock",
            "/bot/project",
            "/bot/project/_build",
            "/bot/project/_build/work",
            "/bisect/project/_build/logs",
            "/lock",
            "/outcomes",
            "/build.ninja",
            "/rules.ninja",
            "/sources.toml",
            "/.ninja_log",
            "/m.i.armhf.packages",
            "/m.indexes.json",
            "/cache/pintree",
        ];
        for place in places {
            let refused = refusal(|project| plant(project, &format!("_build{place}"), |path| symlink(project.join("home"), path).unwrap()));
            assert_eq!(
                refused.as_deref(),
                Some(&*format!("`PROJECT/_build{place}` is not used: it is a link to `PROJECT/home`")),
                "{place}"
            );
        }
    }

    #[test]
    fn refuses_what_blocks_and_what_is_shared() {
        let fifo = |path: &Path| rustix::fs::mknodat(rustix::fs::CWD, path, FileType::Fifo, rustix::fs::Mode::RWXU, 0).unwrap();
        for place in ["_build/lock", "_build/slots/cpu-0", "_build/work", "_build/ostree/config", "_build"] {
            assert!(refusal(|project| plant(project, place, fifo)).unwrap().contains("it is a fifo"), "{place}");
        }
        let link = refusal(|project| {
            plant(project, "_build/.ninja_log", |path| std::fs::hard_link(project.join("home/document"), path).unwrap());
        });
        assert!(link.unwrap().contains("2 names"));
        let file = refusal(|project| plant(project, "_build/work", |path| std::fs::write(path, "").unwrap()));
        assert!(file.unwrap().contains("it is a file, not a directory"));
    }

    #[test]
    fn leaves_the_users_own_alone() {
        let own = ["_build/mine", "_build/bot/project/docs", "_build/bot/project/lockfiles", "_build/work/m.i.armhf.seal/upper/etc/x"];
        for place in own {
            assert_eq!(refusal(|project| plant(project, place, |path| symlink(project.join("home"), path).unwrap())), None, "{place}");
        }
        assert_eq!(refusal(|_| ()), None);
    }
}

//! Files of images in the directory of generated files, outside the store: scratch, logs, and what a build remembers.
//!
//! Their names begin with `MANIFEST.IMAGE.ARCHITECTURE`; none of the three has a dot.

use super::Error;
use crate::store::RefName;
use crate::util::command::run_checked;
use crate::util::{environment, place};
use rustix::fs::FileType;
use std::collections::HashSet;
use std::path::{Path, PathBuf};
use std::time::SystemTime;

/// Directories that hold one or more files or directories for each image.
const DIRECTORIES: [&str; 4] = ["ids", "logs", "stages", "work"];

/// Directories of builds beside the user's own: what a rebuild that found differences has left to look at, and copies of
/// the project that an update or a search will make again; and what a killed run has left of one that it removed.
const SITES: [&str; 6] = ["bisect", "bisect.gone", "bot", "bot.gone", "verify", "verify.gone"];

/// Whether a run has locked a file or directory. The kernel drops the lock when the run ends, however that is.
fn is_held(path: &Path) -> bool {
    let opened = place::open_directory(path).or_else(|_| place::open_file(path));
    opened.is_ok_and(|file| file.try_lock().is_err())
}

/// What lies there of images that are not among `images`, and what a rebuild has left; sorted. A name that is no image's
/// stays.
pub fn unnamed(generated: &Path, images: &HashSet<String>) -> Result<Vec<PathBuf>, Error> {
    let mut found = vec![];
    found.extend(SITES.iter().map(|name| generated.join(name)).filter(|path| path.exists() && !is_held(&path.join("lock"))));
    for directory in DIRECTORIES {
        for (path, name) in entries(&generated.join(directory))? {
            if image_of(&name).is_some_and(|image| !images.contains(image)) {
                found.push(path);
            }
        }
    }
    found.sort();
    Ok(found)
}

/// Logs of stages whose checkpoints are not in use, sorted.
pub fn stage_logs(generated: &Path, in_use: &HashSet<RefName>) -> Result<Vec<PathBuf>, Error> {
    let unused = |(path, name): (PathBuf, String)| {
        let key = name.strip_suffix(".log").or_else(|| name.strip_suffix(".lock"))?.parse().ok()?;
        (!in_use.contains(&RefName::stage(&key))).then_some(path)
    };
    let mut found: Vec<PathBuf> = entries(&generated.join("logs/stages"))?.into_iter().filter_map(unused).collect();
    found.sort();
    Ok(found)
}

/// When a file or directory was last written.
pub fn written(path: &Path) -> Result<SystemTime, Error> {
    path.symlink_metadata().and_then(|meta| meta.modified()).map_err(|source| Error::Io { doing: "read", path: path.to_owned(), source })
}

/// Removes a file, or a directory with all that is in it.
///
/// What a killed step has left may belong to users that only exist in its sandbox. Then a step removes it, which can be
/// one of them.
pub fn remove(path: &Path) -> std::io::Result<()> {
    let is_directory = place::look(path, FileType::Directory).is_ok_and(|found| found.is_some());
    let removed = if is_directory { std::fs::remove_dir_all(path) } else { std::fs::remove_file(path) };
    match removed {
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(()),
        Err(error) if error.kind() == std::io::ErrorKind::PermissionDenied => {
            let mut command = std::process::Command::new(std::env::current_exe()?);
            command.env_clear().envs(environment::plain());
            run_checked(command.args(["step", "remove"]).arg(path)).map(drop).map_err(|_| error)
        }
        other => other,
    }
}

/// Removes a directory with a store, and never leaves half of it for others to find: refs without what they name. What a run
/// that was killed meanwhile has left goes first.
pub fn discard(path: &Path) -> std::io::Result<()> {
    let gone = path.with_extension("gone");
    remove(&gone)?;
    match std::fs::rename(path, &gone) {
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(()),
        other => other.and_then(|()| remove(&gone)),
    }
}

/// Removes scratch directories of steps that were killed. Those of a step that still runs, in somebody's own ninja, stay.
///
/// Nobody else may enter the directory that they lie in: images have set-user-ID programs, and older ones have known holes.
pub fn clear(generated: &Path) -> Result<(), Error> {
    let work = generated.join("work");
    place::make_private_directory(&work).map_err(|source| Error::Io { doing: "create the directory", path: work.clone(), source })?;
    for (path, _) in entries(&work)? {
        if !is_held(&path) {
            remove(&path).map_err(|source| Error::Io { doing: "remove", path, source })?;
        }
    }
    Ok(())
}

/// The refs of stage checkpoints that the last configure step of each image used.
pub fn stages_in_use(generated: &Path, images: &HashSet<String>) -> Result<HashSet<RefName>, Error> {
    let mut refs = HashSet::new();
    for (path, name) in entries(&generated.join("stages"))? {
        if image_of(&name).is_some_and(|image| images.contains(image)) {
            let text = std::fs::read_to_string(&path).map_err(|source| Error::Io { doing: "read", path, source })?;
            refs.extend(text.lines().filter_map(|line| line.parse::<RefName>().ok()));
        }
    }
    Ok(refs)
}

/// `MANIFEST.IMAGE.ARCHITECTURE`, as names of files have it.
pub fn image_name(manifest: &str, image: &str, architecture: &crate::pkg::Architecture) -> String {
    format!("{manifest}.{image}.{architecture}")
}

fn image_of(name: &str) -> Option<&str> {
    let mut dots = name.match_indices('.').map(|(at, _)| at);
    dots.nth(1)?;
    Some(&name[..dots.next().unwrap_or(name.len())])
}

fn entries(directory: &Path) -> Result<Vec<(PathBuf, String)>, Error> {
    let listed = place::list(directory).map_err(|source| Error::Io { doing: "read the directory", path: directory.to_owned(), source })?;
    Ok(listed.into_iter().filter_map(|(name, _)| Some((directory.join(&name), name.into_string().ok()?))).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn knows_whose_a_file_is() {
        assert_eq!(image_of("edge.kiosk.armhf"), Some("edge.kiosk.armhf"));
        assert_eq!(image_of("edge.kiosk.armhf.configure.log"), Some("edge.kiosk.armhf"));
        assert_eq!(image_of("edge.kiosk"), None);
        assert_eq!(image_of("README"), None);
    }

    #[test]
    fn finds_what_belongs_to_no_image() {
        let directory = tempfile::tempdir().unwrap();
        let write = |path: &str, text: &str| {
            let path = directory.path().join(path);
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            std::fs::write(path, text).unwrap();
        };
        let stage = |word: &str| format!("stage/1/{}", crate::pkg::Sha256::of(word.as_bytes()));
        write("logs/m.a.armhf.configure.log", "");
        write("logs/m.b.armhf.configure.log", "");
        write("logs/mine", "");
        write("work/m.b.armhf.configure/upper/file", "");
        write("stages/m.a.armhf", &format!("{}\n{}\n", stage("1"), stage("2")));
        write("stages/m.b.armhf", &stage("3"));
        write("bisect/project/manifests/m.toml", "");
        write("bot/lock", "");
        let held = std::fs::File::open(directory.path().join("bot/lock")).unwrap();
        held.lock().unwrap();
        let images = HashSet::from(["m.a.armhf".to_owned()]);
        let unnamed = unnamed(directory.path(), &images).unwrap();
        let names: Vec<_> = unnamed.iter().map(|path| path.strip_prefix(directory.path()).unwrap().to_str().unwrap()).collect();
        assert_eq!(names, ["bisect", "logs/m.b.armhf.configure.log", "stages/m.b.armhf", "work/m.b.armhf.configure"]);
        let stages = stages_in_use(directory.path(), &images).unwrap();
        assert_eq!(stages, [stage("1"), stage("2")].map(|text| text.parse().unwrap()).into());
        let key = |word: &str| crate::pkg::Sha256::of(word.as_bytes());
        for (word, suffix) in [("1", "log"), ("3", "lock"), ("3", "log")] {
            write(&format!("logs/stages/{}.{suffix}", key(word)), "");
        }
        write("logs/stages/mine", "");
        let logs = stage_logs(directory.path(), &stages).unwrap();
        assert_eq!(logs, ["lock", "log"].map(|suffix| directory.path().join(format!("logs/stages/{}.{suffix}", key("3")))));
        drop(held);
        // A run was killed while it removed its copy.
        write("bot.gone/project/_build/ostree/refs/heads/deb/1/x", "");
        discard(&directory.path().join("bot")).unwrap();
        discard(&directory.path().join("bot.gone")).unwrap();
        assert!(!directory.path().join("bot").exists() && !directory.path().join("bot.gone").exists());
        unnamed.iter().for_each(|path| remove(path).unwrap());
        assert!(!directory.path().join("work/m.b.armhf.configure").exists());
        assert!(directory.path().join("logs/mine").exists());
    }
}

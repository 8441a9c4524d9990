//! `pintree diff`: what changed between two states of a project, or two images.

use super::git::Git;
use super::reasons::Locked;
use super::{Error, Session, facts, reasons, trees};
use crate::diff::{self, Comparison, Facts, Report};
use crate::lock::{self, Lockfile};
use crate::manifest;
use crate::store::{Checksum, RefName, Repo};
use std::collections::BTreeSet;
use std::ffi::OsString;
use std::path::{Path, PathBuf};

/// What to compare.
#[derive(Clone, Debug, Default)]
pub struct Options {
    /// The old side; `HEAD` if there is none. A range names both sides.
    pub old: Option<String>,
    /// The new side; the working tree if there is none.
    pub new: Option<String>,
}

/// What a word on the command line means.
#[derive(Clone, Debug)]
enum Place {
    /// The files as they are.
    WorkTree,
    /// A commit of git.
    Revision {
        /// As the user calls it.
        name: String,
        /// Its id.
        commit: String,
    },
    /// One lockfile; none where git says `/dev/null`.
    File(Option<PathBuf>),
    /// An image commit of the store.
    Image {
        /// As the user calls it.
        name: String,
        /// The commit.
        commit: Checksum,
    },
}

impl Place {
    fn name(&self) -> String {
        match self {
            Self::WorkTree => "the working tree".to_owned(),
            Self::Revision { name, .. } | Self::Image { name, .. } => name.clone(),
            Self::File(Some(path)) => path.display().to_string(),
            Self::File(None) => "nothing".to_owned(),
        }
    }
}

/// Compares what the options name.
pub fn diff(session: &mut Session<'_>, options: &Options) -> Result<Report, Error> {
    let path = session.project.store();
    let store = if path.join("config").exists() { Some(Repo::open(&path)?) } else { None };
    let git = Git::find(session.project.root())?;
    let git = if session.offline { git.map(Git::without_network) } else { git };
    let (old, new) = places(session, store.as_ref(), git.as_ref(), options)?;
    let mut report = Report { old: old.name(), new: new.name(), ..Report::default() };
    match (&old, &new) {
        (Place::Image { commit: before, .. }, Place::Image { commit: after, .. }) => {
            let store = store.as_ref().expect("an image that was found is in a store");
            let (comparison, tree) = trees::compare(session, store, (&report.old, before), (&report.new, after))?;
            report.comparisons.push(comparison);
            report.trees.push(tree);
        }
        (Place::Image { name, .. }, other) | (other, Place::Image { name, .. }) => {
            return Err(Error::NotComparable { image: name.clone(), other: other.name() });
        }
        _ => {
            for pair in renamed(pairs(session, git.as_ref(), &old, &new)?) {
                let mut comparison = compare(session, store.as_ref(), &pair.name, &pair.sides)?;
                comparison.renamed_from = pair.renamed_from;
                report.comparisons.push(comparison);
            }
        }
    }
    report.comparisons.retain(|comparison| !comparison.is_empty());
    Ok(report)
}

/// Compares two lockfiles of one manifest, whose text is that of the working tree.
pub fn lockfiles(session: &mut Session<'_>, manifest_name: &str, old: Option<&Lockfile>, new: &Lockfile) -> Result<Report, Error> {
    let path = session.project.store();
    let store = if path.join("config").exists() { Some(Repo::open(&path)?) } else { None };
    let manifest = session.project.load(&session.project.manifest(manifest_name)).ok();
    let side = |lockfile: Option<&Lockfile>| Locked { lockfile: lockfile.cloned(), manifest: manifest.clone() };
    let comparison = compare(session, store.as_ref(), manifest_name, &[side(old), side(Some(new))])?;
    let comparisons = if comparison.is_empty() { vec![] } else { vec![comparison] };
    Ok(Report { old: "before".to_owned(), new: "after".to_owned(), comparisons, trees: vec![] })
}

fn compare(session: &mut Session<'_>, store: Option<&Repo>, name: &str, sides: &[Locked; 2]) -> Result<Comparison, Error> {
    let (old, new) = (sides[0].lockfile.as_ref(), sides[1].lockfile.as_ref());
    // The first look says what to read.
    let first = diff::compare(name, old, new, &Facts::default());
    if first.is_empty() || new.is_none() {
        return Ok(first);
    }
    let mut facts = facts::gather(store, old, new, &first)?;
    if old.is_none() {
        return Ok(diff::compare(name, old, new, &facts));
    }
    facts.arrivals = reasons::find(session, &sides[1], &first, |image| &image.added)?;
    facts.departures = reasons::find(session, &sides[0], &first, |image| &image.removed)?;
    Ok(diff::compare(name, old, new, &facts))
}

/// Finds out what the words mean.
fn places(session: &Session<'_>, store: Option<&Repo>, git: Option<&Git>, options: &Options) -> Result<(Place, Place), Error> {
    let head = || -> Result<Place, Error> {
        let commit = needed(session, git)?.resolve("HEAD")?.ok_or_else(|| Error::NoRevision { revision: "HEAD".to_owned() })?;
        Ok(Place::Revision { name: "HEAD".to_owned(), commit })
    };
    match (&options.old, &options.new) {
        (None, _) => Ok((head()?, Place::WorkTree)),
        (Some(old), None) => {
            if let (None, Some(git)) = (file(session, old), git)
                && let Some(range) = git.range(old)?
            {
                let (before, after) = old.split_once("..").unwrap_or((old, ""));
                let name = |text: &str| if text.is_empty() { "HEAD".to_owned() } else { text.to_owned() };
                let old = Place::Revision { name: name(before), commit: range.old };
                return Ok((old, Place::Revision { name: name(after.trim_start_matches('.')), commit: range.new }));
            }
            match place(session, store, git, old)? {
                // The project's own lockfile is compared with what git has of it.
                Place::File(Some(path)) if is_own(session, &path) => Ok((head()?, Place::File(Some(path)))),
                place => Ok((place, Place::WorkTree)),
            }
        }
        (Some(old), Some(new)) => Ok((place(session, store, git, old)?, place(session, store, git, new)?)),
    }
}

/// A word as a file that is there, or that can be nothing else.
fn file(session: &Session<'_>, word: &str) -> Option<Place> {
    if word == "/dev/null" {
        return Some(Place::File(None));
    }
    let path = session.project.root().join(word);
    (path.is_file() || word.ends_with(".lock")).then_some(Place::File(Some(path)))
}

fn place(session: &Session<'_>, store: Option<&Repo>, git: Option<&Git>, word: &str) -> Result<Place, Error> {
    if let Some(place) = file(session, word) {
        return Ok(place);
    }
    let image = |commit| Place::Image { name: word.to_owned(), commit };
    if let Some(store) = store {
        for name in [word.to_owned(), format!("image/{word}"), format!("image/{word}/sealed")] {
            // Half a name is the name of a directory.
            if let Ok(reference) = name.parse::<RefName>()
                && store.path().join("refs/heads").join(reference.as_str()).is_file()
                && let Some(commit) = store.read_ref(&reference)?
            {
                return Ok(image(commit));
            }
        }
        if let Ok(commit) = word.parse::<Checksum>()
            && store.has_object(&commit, crate::store::ObjectKind::Commit)
        {
            return Ok(image(commit));
        }
    }
    match git.map(|git| git.resolve(word)).transpose()?.flatten() {
        Some(commit) => Ok(Place::Revision { name: word.to_owned(), commit }),
        None => Err(Error::NothingToCompare { word: word.to_owned() }),
    }
}

/// Whether a file is one of the project's lockfiles.
fn is_own(session: &Session<'_>, path: &Path) -> bool {
    let real = |path: &Path| path.canonicalize().ok();
    real(path).is_some_and(|path| path.parent().map(Path::to_owned) == real(&session.project.lockfiles()))
}

/// The lockfiles of both places, with their names: every one of the project, unless a file is named.
fn pairs(session: &Session<'_>, git: Option<&Git>, old: &Place, new: &Place) -> Result<Vec<(String, [Locked; 2])>, Error> {
    let named = |place: &Place| match place {
        Place::File(Some(path)) => Some(path.clone()),
        _ => None,
    };
    let Some(path) = named(new).or_else(|| named(old)) else {
        let mut names: BTreeSet<OsString> = names(session, git, old)?.into_iter().collect();
        names.extend(self::names(session, git, new)?);
        let pair = |name: OsString| {
            let path = session.project.lockfiles().join(&name);
            let stem = Path::new(&name).file_stem().unwrap_or_default().to_string_lossy().into_owned();
            Ok((stem, [locked(session, git, old, &path)?, locked(session, git, new, &path)?]))
        };
        return names.into_iter().map(pair).collect();
    };
    // What stands beside a file without a name of its own is the lockfile of the same name.
    let own = session.project.lockfiles().join(path.file_name().unwrap_or_default());
    let counterpart = |place: &Place| match place {
        Place::Revision { .. } if is_own(session, &path) || !own.exists() => locked(session, git, place, &path),
        place => locked(session, git, place, &own),
    };
    let name = path.file_stem().unwrap_or_default().to_string_lossy().into_owned();
    Ok(vec![(name, [counterpart(old)?, counterpart(new)?])])
}

/// The lockfiles of one manifest on both sides.
struct Pair {
    name: String,
    renamed_from: Option<String>,
    sides: [Locked; 2],
}

/// Puts what is gone under one name and new under another together, where it is the same lockfile.
fn renamed(pairs: Vec<(String, [Locked; 2])>) -> Vec<Pair> {
    let mut pairs: Vec<Pair> = pairs.into_iter().map(|(name, sides)| Pair { name, renamed_from: None, sides }).collect();
    // Those with a lockfile on this side alone.
    let only = |pairs: &[Pair], side: usize| -> Vec<usize> {
        let is_only = |at: &usize| pairs[*at].sides[side].lockfile.is_some() && pairs[*at].sides[1 - side].lockfile.is_none();
        (0..pairs.len()).filter(is_only).collect()
    };
    let (gone, came) = (only(&pairs, 0), only(&pairs, 1));
    let found = {
        let lockfiles = |at: &[usize], side: usize| at.iter().filter_map(|at| pairs[*at].sides[side].lockfile.as_ref()).collect::<Vec<_>>();
        diff::renames(&lockfiles(&gone, 0), &lockfiles(&came, 1))
    };
    let mut merged = vec![];
    for (old, new) in found {
        let (old, new) = (gone[old], came[new]);
        pairs[new].sides[0] = std::mem::take(&mut pairs[old].sides[0]);
        pairs[new].renamed_from = Some(pairs[old].name.clone());
        merged.push(old);
    }
    merged.sort_unstable_by(|a, b| b.cmp(a));
    merged.into_iter().for_each(|at| drop(pairs.remove(at)));
    pairs
}

/// The names of the lockfiles that a place has.
fn names(session: &Session<'_>, git: Option<&Git>, place: &Place) -> Result<Vec<OsString>, Error> {
    let directory = session.project.lockfiles();
    let mut names = match place {
        Place::Revision { commit, .. } => needed(session, git)?.names_at(commit, &directory)?,
        _ => match std::fs::read_dir(&directory) {
            Ok(entries) => entries.map(|entry| entry.map(|entry| entry.file_name())).collect::<Result<_, _>>(),
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(vec![]),
            Err(error) => Err(error),
        }
        .map_err(|source| Error::Io { doing: "read the directory", path: directory, source })?,
    };
    names.retain(|name| Path::new(name).extension().is_some_and(|extension| extension == "lock"));
    Ok(names)
}

fn needed<'g>(session: &Session<'_>, git: Option<&'g Git>) -> Result<&'g Git, Error> {
    git.ok_or_else(|| Error::NoCheckout { directory: session.project.root().to_owned() })
}

/// A lockfile as a place has it, with its manifest.
fn locked(session: &Session<'_>, git: Option<&Git>, place: &Place, path: &Path) -> Result<Locked, Error> {
    let name = path.file_stem().unwrap_or_default().to_string_lossy().into_owned();
    let manifest_path = session.project.manifest(&name);
    match place {
        Place::File(None) | Place::Image { .. } => Ok(Locked::default()),
        Place::WorkTree | Place::File(Some(_)) => {
            let (path, named) = if let Place::File(Some(path)) = place { (path.as_path(), true) } else { (path, false) };
            let lockfile = if named || path.exists() { Some(Lockfile::load(path)?) } else { None };
            Ok(Locked { lockfile, manifest: session.project.load(&manifest_path).ok() })
        }
        Place::Revision { name, commit } => {
            let git = needed(session, git)?;
            let text = |path: &Path| Ok::<_, Error>(git.file_at(commit, path)?.map(|bytes| String::from_utf8_lossy(&bytes).into_owned()));
            let parse = |text: String| {
                let load =
                    |source| lock::Error::Load { path: PathBuf::from(format!("{name}:{}", path.display())), source: Box::new(source) };
                Lockfile::parse(&text).map_err(load)
            };
            let lockfile = text(path)?.map(parse).transpose()?;
            let manifest = text(&manifest_path)?.and_then(|text| manifest::parse(&text, &manifest_path).ok());
            Ok(Locked { lockfile, manifest })
        }
    }
}

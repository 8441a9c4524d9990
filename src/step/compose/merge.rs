//! Merging directory trees: reading only what two packages share, deciding only where they clash.

use super::Frame;
use super::conflict::{self, Decision, FileClaim};
use super::diversion::{self, Diversion};
use super::error::{Clash, ClashKind, Error};
use super::package::Package;
use super::usrmerge::{self, UsrMerge};
use crate::store::{Checksum, Entry, FileKind, Metadata, Repo, Tree};
use std::collections::{BTreeMap, HashSet};
use std::rc::Rc;

/// Linux follows forty symbolic links in one path.
const MAX_LINKS: usize = 40;

/// Deeper than any real package has directories.
const MAX_DEPTH: usize = 256;

/// Where dpkg keeps what it knows of each package.
pub(super) const DATABASE: &str = "var/lib/dpkg";
pub(super) const INFO: &str = "var/lib/dpkg/info";

/// A package's directory, to be merged with others.
#[derive(Clone, Debug)]
struct DirClaim {
    package: usize,
    tree: Checksum,
    meta: Checksum,
    /// Where the package ships it, where a symbolic link leads here from there.
    origin: Option<Rc<str>>,
}

/// Directories that symbolic links bring in from elsewhere, by where they belong.
#[derive(Clone, Debug, Default)]
struct Graft {
    here: Vec<DirClaim>,
    below: BTreeMap<String, Graft>,
}

impl Graft {
    fn at(&mut self, components: &[&str]) -> &mut Self {
        components.iter().fold(self, |graft, name| graft.below.entry((*name).to_owned()).or_default())
    }

    fn absorb(&mut self, other: Self) {
        self.here.extend(other.here);
        for (name, graft) in other.below {
            self.below.entry(name).or_default().absorb(graft);
        }
    }
}

/// Everything that wants one name in one directory.
#[derive(Debug, Default)]
struct Slot {
    files: Vec<FileClaim>,
    dirs: Vec<DirClaim>,
    graft: Option<Graft>,
    /// A link of the merged root that no package ships.
    link: Option<Checksum>,
    visits: usize,
}

/// A path that a package lost to another one.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Moved {
    pub(super) package: usize,
    /// As the package ships it.
    pub(super) path: String,
}

/// A file of the package database, or a place where it goes.
#[derive(Clone, Debug)]
pub(super) struct DatabaseFile {
    pub(super) package: usize,
    pub(super) path: String,
    pub(super) file: Checksum,
}

/// What the database must know of a merge.
#[derive(Debug, Default)]
pub(super) struct Outcome {
    pub(super) moved: Vec<Moved>,
    pub(super) diversions: Vec<Diversion>,
    pub(super) database: Vec<DatabaseFile>,
    redirects: BTreeMap<String, String>,
}

impl Outcome {
    /// Where a path leads when the links that were followed are followed.
    pub(super) fn canonical(&self, path: &str) -> String {
        canonical(&self.redirects, path)
    }

    /// The same for a directory, whose own name may be a link.
    fn canonical_directory(&self, path: &str) -> String {
        let mut path = canonical(&self.redirects, &format!("{path}/"));
        path.truncate(path.trim_end_matches('/').len());
        path
    }
}

fn canonical(redirects: &BTreeMap<String, String>, path: &str) -> String {
    let mut path = path.to_owned();
    for _ in 0..MAX_LINKS {
        let step = path.match_indices('/').find_map(|(at, _)| redirects.get(&path[..at]).map(|to| format!("{to}{}", &path[at..])));
        match step {
            Some(next) => path = next,
            None => break,
        }
    }
    path
}

fn join(directory: &str, name: &str) -> String {
    if directory.is_empty() { name.to_owned() } else { format!("{directory}/{name}") }
}

/// A merge of many packages' trees.
pub(super) struct Merge<'a> {
    repo: &'a Repo,
    packages: &'a [Package],
    usr_merge: UsrMerge,
    /// What scripts diverted before these packages were unpacked.
    diversions: &'a [Diversion],
    merged: bool,
    grafts: Graft,
    grafted: HashSet<(String, usize, Checksum)>,
    /// A directory that had been passed needs a graft: another round.
    again: bool,
    open: Vec<(String, Vec<FileClaim>, Clash)>,
    clashes: Vec<Clash>,
    outcome: Outcome,
    buffer: Vec<u8>,
}

impl<'a> Merge<'a> {
    pub(super) fn new(repo: &'a Repo, packages: &'a [Package], frame: &Frame<'a>) -> Self {
        let usr_merge = frame.usr_merge;
        Self {
            repo,
            packages,
            usr_merge,
            diversions: frame.diversions,
            merged: usr_merge == UsrMerge::Yes || usr_merge == UsrMerge::Auto && usrmerge::is_announced(packages),
            grafts: Graft::default(),
            grafted: HashSet::new(),
            again: false,
            open: Vec::new(),
            clashes: Vec::new(),
            outcome: Outcome::default(),
            buffer: Vec::new(),
        }
    }

    pub(super) fn usr_merged(&self) -> bool {
        self.merged
    }

    /// Merges all trees; gives the root and its dirmeta.
    pub(super) fn run(&mut self) -> Result<(Tree, Checksum), Error> {
        for _ in 0..MAX_LINKS {
            self.again = false;
            self.open.clear();
            self.clashes.clear();
            self.outcome.moved.clear();
            self.outcome.database.clear();
            let roots = self.packages.iter().enumerate();
            let roots = roots.map(|(package, p)| DirClaim { package, tree: p.tree, meta: p.meta, origin: None }).collect();
            let graft = self.grafts.clone();
            let mut tree = self.directory("", roots, Some(graft), 0)?;
            if self.again {
                continue;
            }
            let plain = self.repo.write_dirmeta(&Metadata::root(0o755))?;
            if self.merged {
                for target in self.outcome.redirects.values().filter(|target| target.starts_with("usr/")) {
                    if tree.get(self.repo, target)?.is_none() {
                        tree.insert_directory(self.repo, target, plain, Some(plain))?;
                    }
                }
            }
            return Ok((tree, self.packages.first().map_or(plain, |package| package.meta)));
        }
        let link = self.outcome.redirects.keys().next().cloned().unwrap_or_default();
        Err(Error::Circle { package: "several packages".to_owned(), path: link })
    }

    fn directory(&mut self, path: &str, claims: Vec<DirClaim>, graft: Option<Graft>, depth: usize) -> Result<Tree, Error> {
        if depth > MAX_DEPTH {
            return Err(Error::Depth { path: path.to_owned() });
        }
        let mut slots = self.read(&claims)?;
        for (name, graft) in graft.into_iter().flat_map(|graft| graft.below) {
            slots.entry(name.into()).or_default().graft = Some(graft);
        }
        if path.is_empty() {
            self.merge_usr(&mut slots)?;
        }
        for (name, slot) in &mut slots {
            if slot.files.len() > 1 {
                let claims = std::mem::take(&mut slot.files);
                slot.files.push(self.decide(join(path, name), claims)?);
            }
            if path.starts_with(DATABASE) && (path.len() == DATABASE.len() || path == INFO) {
                let kept = slot.files.iter().map(|claim| DatabaseFile { package: claim.package, path: join(path, name), file: claim.file });
                self.outcome.database.extend(kept);
            }
        }
        self.follow_links(path, &mut slots)?;
        let mut tree = Tree::new();
        for (name, slot) in slots {
            self.fill(path, &name, slot, &mut tree, depth)?;
        }
        Ok(tree)
    }

    /// Collects what all claims hold, by name.
    fn read(&mut self, claims: &[DirClaim]) -> Result<BTreeMap<Box<str>, Slot>, Error> {
        let mut slots: BTreeMap<Box<str>, Slot> = BTreeMap::new();
        for claim in claims {
            self.repo.view_dirtree(&claim.tree, &mut self.buffer, |view| {
                for (name, file) in view.files() {
                    let file = FileClaim { package: claim.package, file, origin: claim.origin.clone() };
                    slots.entry(name.into()).or_default().files.push(file);
                }
                for (name, tree, meta) in view.dirs() {
                    let origin = claim.origin.as_ref().map(|origin| join(origin, name).into());
                    slots.entry(name.into()).or_default().dirs.push(DirClaim { package: claim.package, tree, meta, origin });
                }
            })?;
        }
        Ok(slots)
    }

    /// Makes the links of a merged root, and moves what lies in their way.
    fn merge_usr(&mut self, slots: &mut BTreeMap<Box<str>, Slot>) -> Result<(), Error> {
        let ships_link = |name: &&str| slots.get(*name).is_some_and(|slot| !slot.files.is_empty());
        self.merged |= self.usr_merge == UsrMerge::Auto && usrmerge::DIRECTORIES.iter().any(ships_link);
        if !self.merged {
            return Ok(());
        }
        for name in usrmerge::DIRECTORIES {
            let target = format!("usr/{name}");
            if !slots.contains_key(name) && !usrmerge::ALWAYS.contains(&name) {
                continue;
            }
            self.outcome.redirects.insert(name.to_owned(), target.clone());
            let slot = slots.entry(name.into()).or_default();
            if slot.files.is_empty() {
                slot.link = Some(self.repo.write_symlink(&Metadata::root(0o777), &target)?);
                let (dirs, graft) = (std::mem::take(&mut slot.dirs), slot.graft.take());
                self.graft("", slots, name, &target, dirs, graft.unwrap_or_default());
            }
        }
        Ok(())
    }

    /// Brings directories to where `link` leads: within this level at once, elsewhere in another round.
    fn graft(
        &mut self,
        level: &str,
        slots: &mut BTreeMap<Box<str>, Slot>,
        link: &str,
        target: &str,
        dirs: Vec<DirClaim>,
        mut graft: Graft,
    ) {
        let origin: Rc<str> = join(level, link).into();
        let dirs = dirs.into_iter().map(|claim| DirClaim { origin: claim.origin.or_else(|| Some(origin.clone())), ..claim });
        graft.here.extend(dirs);
        let below = if level.is_empty() { Some(target) } else { target.strip_prefix(level).and_then(|rest| rest.strip_prefix('/')) };
        if let Some(below) = below {
            let components: Vec<&str> = below.split('/').collect();
            let slot = slots.entry(components[0].into()).or_default();
            if components.len() == 1 {
                slot.dirs.append(&mut graft.here);
            }
            if components.len() > 1 || !graft.below.is_empty() {
                slot.graft.get_or_insert_default().at(&components[1..]).absorb(graft);
            }
            return;
        }
        let components: Vec<&str> = target.split('/').collect();
        self.graft_elsewhere(&components, graft);
    }

    fn graft_elsewhere(&mut self, target: &[&str], graft: Graft) {
        for claim in graft.here {
            // What an earlier round has brought there must not come twice.
            if self.grafted.insert((target.join("/"), claim.package, claim.tree)) {
                self.grafts.at(target).here.push(claim);
                self.again = true;
            }
        }
        for (name, graft) in graft.below {
            self.graft_elsewhere(&[target, &[&name]].concat(), graft);
        }
    }

    /// Where one package has a directory and another a symbolic link, dpkg unpacks through the link.
    fn follow_links(&mut self, path: &str, slots: &mut BTreeMap<Box<str>, Slot>) -> Result<(), Error> {
        let both = |slot: &Slot| !slot.files.is_empty() && (!slot.dirs.is_empty() || slot.graft.is_some());
        let mut names: Vec<Box<str>> = slots.iter().filter(|(_, slot)| both(slot)).map(|(name, _)| name.clone()).collect();
        while let Some(name) = names.pop() {
            let Some(slot) = slots.get_mut(&name).filter(|slot| both(slot)) else { continue };
            slot.visits += 1;
            let link = slot.files[0].clone();
            let full = join(path, &name);
            let (dirs, graft) = (std::mem::take(&mut slot.dirs), slot.graft.take().unwrap_or_default());
            let circle = || Error::Circle { package: self.packages[link.package].to_string(), path: full.clone() };
            if slot.visits > MAX_LINKS {
                return Err(circle());
            }
            let place = link.origin.as_ref().map_or_else(|| full.clone(), |origin| join(origin, &name));
            let target = self.link_target(&place, &link.file)?.map(|target| self.outcome.canonical_directory(&target));
            match target {
                Some(target) if target == full || target.starts_with(&format!("{full}/")) => return Err(circle()),
                Some(target) if !target.is_empty() => {
                    self.outcome.redirects.insert(full, target.clone());
                    self.graft(path, slots, &name, &target, dirs, graft);
                    // The link's target may be the next link of this level.
                    let below = if path.is_empty() { Some(&*target) } else { target.strip_prefix(path).and_then(|t| t.strip_prefix('/')) };
                    names.extend(below.and_then(|below| below.split('/').next()).map(Box::from));
                }
                _ => {
                    let directory = dirs.first().map_or(link.package, |claim| claim.package);
                    let other = FileClaim { package: directory, ..link.clone() };
                    self.clashes.push(conflict::clash(self.packages, &full, &link, &other, ClashKind::FileAndDirectory));
                }
            }
        }
        Ok(())
    }

    /// Where the link at `path` leads, if it is one and stays inside the root.
    fn link_target(&self, path: &str, file: &Checksum) -> Result<Option<String>, Error> {
        let FileKind::Symlink(target) = self.repo.read_file_meta(file)?.kind else { return Ok(None) };
        let parent = path.rsplit_once('/').map_or("", |(parent, _)| parent);
        let start = if target.starts_with('/') { "" } else { parent };
        let mut components: Vec<&str> = Vec::new();
        for component in start.split('/').chain(target.split('/')) {
            match component {
                "" | "." => {}
                ".." => {
                    components.pop();
                }
                name => components.push(name),
            }
        }
        Ok(Some(components.join("/")))
    }

    fn decide(&mut self, path: String, mut claims: Vec<FileClaim>) -> Result<FileClaim, Error> {
        // A merged root gives `/bin/x -> /usr/bin/x` and `/usr/bin/x` one path; the file is meant.
        let mut kept = Vec::with_capacity(claims.len());
        for claim in &claims {
            let name = path.rsplit('/').next().unwrap_or_default();
            let place = claim.origin.as_ref().map_or_else(|| path.clone(), |origin| join(origin, name));
            let target = self.link_target(&place, &claim.file)?;
            if target.is_none_or(|target| canonical(&self.outcome.redirects, &target) != path) {
                kept.push(claim.clone());
            }
        }
        if !kept.is_empty() {
            claims = kept;
        }
        if let [claim] = &claims[..] {
            return Ok(claim.clone());
        }
        match conflict::decide(self.packages, &path, &claims) {
            Decision::Winner(winner, losers) => {
                let name = path.rsplit('/').next().unwrap_or_default();
                self.outcome.moved.extend(losers.into_iter().map(|claim| Moved {
                    package: claim.package,
                    path: claim.origin.map_or_else(|| path.clone(), |origin| join(&origin, name)),
                }));
                Ok(winner)
            }
            Decision::Clash(clash) => {
                let first = claims[0].clone();
                self.open.push((path, claims, clash));
                Ok(first)
            }
        }
    }

    /// Puts a decided name into the new directory.
    fn fill(&mut self, path: &str, name: &str, mut slot: Slot, tree: &mut Tree, depth: usize) -> Result<(), Error> {
        if let Some(file) = slot.link.or_else(|| slot.files.first().map(|claim| claim.file)) {
            tree.put_file(name, file);
            return Ok(());
        }
        let full = join(path, name);
        if let Some(graft) = &mut slot.graft {
            slot.dirs.append(&mut graft.here);
        }
        // What was shipped here speaks before what links bring here.
        slot.dirs.sort_by_key(|claim| (claim.origin.is_some(), claim.package));
        let Some(first) = slot.dirs.first().cloned() else {
            // Nothing but grafts below: a link leads deeper into directories that nobody ships.
            if let Some(graft) = slot.graft.filter(|graft| !graft.below.is_empty()) {
                let meta = self.repo.write_dirmeta(&Metadata::root(0o755))?;
                let below = self.directory(&full, Vec::new(), Some(graft), depth + 1)?;
                tree.put_tree(name, below, meta);
            }
            return Ok(());
        };
        let grafted = slot.graft.as_ref().is_some_and(|graft| !graft.below.is_empty());
        let same = slot.dirs.iter().all(|claim| {
            claim.tree == first.tree
                && (claim.package == first.package || self.packages[claim.package].shares_with(&self.packages[first.package]))
        });
        let needed = INFO == full || INFO.strip_prefix(&full).is_some_and(|rest| rest.starts_with('/'));
        if same && !grafted && !needed {
            tree.put_frozen(name, first.tree, first.meta);
        } else {
            let below = self.directory(&full, slot.dirs, slot.graft, depth + 1)?;
            tree.put_tree(name, below, first.meta);
        }
        Ok(())
    }

    /// Lets declared diversions settle what Replaces did not, and reports the rest.
    pub(super) fn finish(mut self, tree: &mut Tree) -> Result<Outcome, Error> {
        for (path, claims, clash) in std::mem::take(&mut self.open) {
            match self.divert(&path, &claims)? {
                Some((diversion, owner, other)) => {
                    let to = self.outcome.canonical(&diversion.to);
                    if tree.get(self.repo, &to)?.is_some() {
                        self.clashes.push(clash);
                        continue;
                    }
                    tree.insert_file(self.repo, &path, owner.file, None)?;
                    tree.insert_file(self.repo, &to, other.file, None)?;
                    self.outcome.diversions.push(diversion);
                }
                None => self.clashes.push(clash),
            }
        }
        self.give_way(tree)?;
        if !self.clashes.is_empty() {
            self.clashes.sort();
            self.clashes.dedup();
            return Err(Error::Clashes(self.clashes));
        }
        self.outcome.moved.sort();
        self.outcome.diversions.sort();
        Ok(self.outcome)
    }

    /// Moves files that a script's diversion keeps from their place.
    fn give_way(&self, tree: &mut Tree) -> Result<(), Error> {
        for Diversion { from, to, package } in self.diversions {
            let (path, to) = (self.outcome.canonical(from), self.outcome.canonical(to));
            let Ok(Some(Entry::File(file))) = tree.get(self.repo, &path) else { continue };
            let ships = |other: &Package| -> Result<bool, Error> {
                let entry = Tree::read(self.repo, &other.tree)?.get(self.repo, from)?;
                Ok(other.name == *package && entry == Some(Entry::File(file)))
            };
            let mut own = false;
            for package in self.packages {
                own |= ships(package)?;
            }
            if !own {
                tree.remove(self.repo, &path)?;
                tree.insert_file(self.repo, &to, file, None)?;
            }
        }
        Ok(())
    }

    /// Finds the one diversion that leaves one file at `path` and moves the one other.
    fn divert(&self, path: &str, claims: &[FileClaim]) -> Result<Option<(Diversion, FileClaim, FileClaim)>, Error> {
        let [one, two] = claims else { return Ok(None) };
        let mut found = Vec::new();
        for (claim, other) in [(one, two), (two, one)] {
            let package = &self.packages[claim.package];
            let preinst = format!("{INFO}/{}.preinst", package.info_name());
            let Some(script) = self.outcome.database.iter().find(|file| file.path == preinst) else { continue };
            let script = self.repo.read_file(&script.file, 1 << 20)?;
            let declared = diversion::declared(&String::from_utf8_lossy(&script), &package.name);
            let here = declared.into_iter().filter(|diversion| self.outcome.canonical(&diversion.from) == path);
            found.extend(here.map(|diversion| (diversion, claim.clone(), other.clone())));
            let known = self.diversions.iter().find(|known| known.package == package.name && self.outcome.canonical(&known.from) == path);
            if let Some(known) = known.filter(|_| found.is_empty()) {
                found.push((known.clone(), claim.clone(), other.clone()));
            }
        }
        Ok(if found.len() == 1 { found.pop() } else { None })
    }
}

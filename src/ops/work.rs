//! What a build works on: the chosen images with their lockfiles, and the ids that each image is given.
//!
//! Every image of a manifest may be given every id, and unused ones change nothing in it. But they stand on the command
//! line of its configure step, and ninja runs a step again when that changes. So an image that was planned before is
//! given what it was given then and what its scripts have asked for since: an id that is recorded for one image runs no
//! other one again.

use super::choice::Chosen;
use super::{Error, Project, Session, additions, ids, leftovers, lock, targets};
use crate::lock::{Id, Lockfile, id_line};
use crate::plan::{self, Configure, Plan};
use crate::step::outcome::{Outcome, Unrecorded};
use crate::util::fs::write_if_changed;
use crate::util::place;
use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

/// Chosen images with their lockfiles.
pub struct Work {
    pub chosen: Vec<(Chosen, Lockfile)>,
    project: Project,
    /// Where the names that each image is given ids for are kept, one file an image.
    directory: PathBuf,
    /// Names that scripts have asked for in this run, by the ref of the configured image.
    asked: BTreeMap<String, BTreeSet<String>>,
}

impl Work {
    /// Reads the lockfile of each manifest; one that is stale is made anew unless it is `locked`.
    pub fn load(session: &mut Session<'_>, chosen: Vec<Chosen>, locked: bool) -> Result<Self, Error> {
        let mut with_lockfiles = vec![];
        for chosen in chosen {
            let lockfile = lock::current(session, &chosen.manifest, locked)?;
            with_lockfiles.push((chosen, lockfile));
        }
        Ok(Self::of(session, with_lockfiles))
    }

    /// Takes lockfiles as they are.
    pub fn of(session: &Session<'_>, chosen: Vec<(Chosen, Lockfile)>) -> Self {
        let (project, directory) = (session.project.clone(), session.project.generated().join("ids"));
        Self { chosen, project, directory, asked: BTreeMap::new() }
    }

    /// Keeps the names that images are given ids for in another directory.
    pub fn keep_ids_in(&mut self, directory: &Path) {
        directory.clone_into(&mut self.directory);
    }

    /// Plans every chosen image.
    pub fn plan(&self) -> Result<Plan, Error> {
        let mut wanted = vec![];
        for (chosen, lockfile) in &self.chosen {
            for (image, arches) in &chosen.images {
                for architecture in arches {
                    let mut target = targets::target(&chosen.manifest, lockfile, image, architecture)?;
                    if let Some(resolved) = chosen.manifest.flatten(image) {
                        target.additions = additions::additions(&self.project, &chosen.manifest, &resolved)?;
                    }
                    wanted.push(target);
                }
            }
        }
        let mut plan = plan::plan(wanted);
        for configure in &mut plan.configures {
            let Some(mut names) = read_names(&self.path(configure))? else { continue };
            names.extend(self.asked.get(configure.reference.as_str()).into_iter().flatten().cloned());
            configure.ids.retain(|name, _| names.contains(name));
        }
        Ok(plan)
    }

    /// Remembers which ids each image is given.
    pub fn save(&self, plan: &Plan) -> Result<(), Error> {
        let io = |doing, path: &Path| {
            let path = path.to_owned();
            move |source| Error::Io { doing, path, source }
        };
        place::make_directory(&self.directory).map_err(io("create the directory", &self.directory))?;
        for configure in &plan.configures {
            let path = self.path(configure);
            let text: String = configure.ids.keys().map(|name| format!("{name}\n")).collect();
            write_if_changed(&path, text.as_bytes()).map_err(io("write", &path))?;
        }
        Ok(())
    }

    fn path(&self, configure: &Configure) -> PathBuf {
        self.directory.join(leftovers::image_name(&configure.manifest, &configure.image, &configure.architecture))
    }

    /// Gives ids to what the steps of `plan` had none for, and records those that no table has yet.
    ///
    /// # Errors
    /// When a lockfile would change and is `locked`; when a step asks for what it was given.
    pub fn record(&mut self, session: &mut Session<'_>, plan: &Plan, outcomes: &[Outcome], locked: bool) -> Result<(), Error> {
        let mut wanted: BTreeMap<&str, Vec<Unrecorded>> = BTreeMap::new();
        for configure in &plan.configures {
            let step = format!("configure {}", configure.reference);
            let unrecorded: Vec<&Unrecorded> =
                outcomes.iter().filter(|outcome| outcome.step == step).flat_map(|outcome| &outcome.unrecorded).collect();
            if unrecorded.is_empty() {
                continue;
            }
            if !unrecorded.iter().any(|one| lacks(configure.ids.get(&one.name), one)) {
                let names = unrecorded.iter().map(|one| one.name.clone()).collect();
                return Err(Error::IdsNotTaken { step, names });
            }
            let asked = self.asked.entry(configure.reference.as_str().to_owned()).or_default();
            asked.extend(unrecorded.iter().map(|one| one.name.clone()));
            wanted.entry(&configure.manifest).or_default().extend(unrecorded.into_iter().cloned());
        }
        let mut tables = vec![];
        for (chosen, lockfile) in &mut self.chosen {
            let Some(wanted) = wanted.get(chosen.manifest.name.as_str()) else { continue };
            let mut recorded = lockfile.ids().clone();
            let added = ids::record(&chosen.manifest, &mut recorded, wanted)?;
            if added.is_empty() {
                continue;
            }
            let lines: Vec<String> = added.iter().map(|name| id_line(name, recorded[name])).collect();
            lockfile.set_ids(recorded);
            tables.push((session.project.lockfile(&chosen.manifest.name), lockfile, lines));
        }
        if locked && !tables.is_empty() {
            return Err(Error::Unrecorded { tables: tables.into_iter().map(|(path, _, lines)| (path, lines)).collect() });
        }
        for (path, lockfile, lines) in tables {
            lock::save(lockfile, &path)?;
            for line in lines {
                session.talk.status("Recorded", &format!("`{}`: {line}", path.display()));
            }
        }
        Ok(())
    }
}

/// Whether an image that was given `id` lacks what a script asks for.
fn lacks(id: Option<&Id>, asked: &Unrecorded) -> bool {
    let id = id.copied().unwrap_or_default();
    asked.user && id.uid.is_none() || asked.group && id.gid.is_none()
}

/// The names that an image was given ids for; `None` if it was never planned.
fn read_names(path: &Path) -> Result<Option<BTreeSet<String>>, Error> {
    match std::fs::read_to_string(path) {
        Ok(text) => Ok(Some(text.lines().map(str::to_owned).collect())),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(None),
        Err(source) => Err(Error::Io { doing: "read", path: path.to_owned(), source }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::manifest::{self, Manifest};
    use crate::ops::Talk;
    use crate::pkg::Architecture;
    use crate::util::interrupt::Interrupt;
    use std::time::SystemTime;

    #[derive(Default)]
    struct Heard(Vec<String>);

    impl Talk for Heard {
        fn status(&mut self, verb: &str, text: &str) {
            self.0.push(format!("{verb} {text}"));
        }
        fn detail(&mut self, _: &str, _: &str) {}
        fn warn(&mut self, _: &str) {}
        fn progress(&mut self, _: usize, _: usize, _: &str) {}
        fn output(&mut self, _: &str) {}
    }

    fn manifest() -> Manifest {
        let text = "arches = [\"armhf\"]\n[image.a]\nvariant = \"custom\"\n[image.b]\nvariant = \"custom\"\n[ids]\nfixed = 101\n";
        manifest::parse(text, Path::new("m.toml")).unwrap()
    }

    /// A project whose lockfile has one id, and what `run` makes of it.
    fn with_work<T>(directory: &Path, run: impl FnOnce(&mut Work, &mut Session<'_>) -> T) -> (T, Vec<String>) {
        let (interrupt, mut heard) = (Interrupt::new(), Heard::default());
        let mut session = Session {
            project: Project::new(directory),
            cache: directory.join("cache"),
            config: None,
            mirrors: vec![],
            offline: true,
            now: SystemTime::UNIX_EPOCH,
            interrupt: &interrupt,
            talk: &mut heard,
        };
        let manifest = manifest();
        let armhf = Architecture::parse("armhf").unwrap();
        let images = ["a", "b"].map(|name| (name.to_owned(), vec![armhf.clone()])).into();
        let mut work = Work::load(&mut session, vec![Chosen { manifest, images }], true).unwrap();
        let result = run(&mut work, &mut session);
        (result, heard.0)
    }

    fn project() -> tempfile::TempDir {
        let directory = tempfile::tempdir().unwrap();
        std::fs::create_dir(directory.path().join("lockfiles")).unwrap();
        let image = |name: &str| format!("\n[image.{name}]\narches = [\"armhf\"]\nvariant = \"custom\"\nroots = []\npackages = []\n");
        let text = format!(
            "{}\nversion = 1\necosystem = \"deb\"\n\n[ids]\nold = {{ gid = 100 }}\n{}{}",
            crate::lock::HEADER,
            image("a"),
            image("b")
        );
        std::fs::write(directory.path().join("lockfiles/m.lock"), text).unwrap();
        directory
    }

    fn given(plan: &Plan) -> Vec<String> {
        let ids = |configure: &Configure| configure.ids.keys().map(String::as_str).collect::<Vec<_>>().join(" ");
        plan.configures.iter().map(|configure| format!("{}: {}", configure.image, ids(configure))).collect()
    }

    fn asks(image: &str, name: &str) -> Outcome {
        let unrecorded = vec![Unrecorded { name: name.to_owned(), user: true, group: true }];
        Outcome { step: format!("configure image/m/{image}/armhf/configured"), exit: 1, unrecorded, ..Outcome::default() }
    }

    #[test]
    fn an_id_for_one_image_changes_no_other_ones_step() {
        let directory = project();
        let (plans, heard) = with_work(directory.path(), |work, session| {
            let first = work.plan().unwrap();
            work.save(&first).unwrap();
            work.record(session, &first, &[asks("a", "mess")], false).unwrap();
            let second = work.plan().unwrap();
            work.save(&second).unwrap();
            (given(&first), given(&second))
        });
        assert_eq!(plans.0, ["a: fixed old", "b: fixed old"]);
        assert_eq!(plans.1, ["a: fixed mess old", "b: fixed old"]);
        let lockfile = directory.path().join("lockfiles/m.lock");
        assert_eq!(heard, [format!("Recorded `{}`: mess = {{ uid = 102, gid = 102 }}", lockfile.display())]);

        // The next build plans the same, and one that asks for a recorded id gets it, though nothing may change.
        let (plans, heard) = with_work(directory.path(), |work, session| {
            let first = work.plan().unwrap();
            work.record(session, &first, &[asks("b", "mess")], true).unwrap();
            (given(&first), given(&work.plan().unwrap()))
        });
        assert_eq!(plans.0, ["a: fixed mess old", "b: fixed old"]);
        assert_eq!(plans.1, ["a: fixed mess old", "b: fixed mess old"]);
        assert_eq!(heard, [""; 0]);

        // A new clone gives every image every id.
        std::fs::remove_dir_all(directory.path().join("_build")).unwrap();
        let (plan, _) = with_work(directory.path(), |work, _| given(&work.plan().unwrap()));
        assert_eq!(plan, ["a: fixed mess old", "b: fixed mess old"]);
    }

    #[test]
    fn locked_prints_what_would_be_added() {
        let directory = project();
        let before = std::fs::read_to_string(directory.path().join("lockfiles/m.lock")).unwrap();
        let (error, _) = with_work(directory.path(), |work, session| {
            let plan = work.plan().unwrap();
            work.record(session, &plan, &[asks("b", "Debian-exim"), asks("a", "mess")], true).unwrap_err()
        });
        let text = error.to_string().replace(&directory.path().display().to_string(), "[PROJECT]");
        insta::assert_snapshot!(text, @r"
        users and groups that packages make have no ids
          `[PROJECT]/lockfiles/m.lock` needs
            [ids]
            Debian-exim = { uid = 102, gid = 102 }
            mess = { uid = 103, gid = 103 }
        ");
        assert_eq!(std::fs::read_to_string(directory.path().join("lockfiles/m.lock")).unwrap(), before);
    }

    #[test]
    fn a_step_that_does_not_take_its_ids_ends_the_build() {
        let directory = project();
        let (error, _) = with_work(directory.path(), |work, session| {
            let plan = work.plan().unwrap();
            work.record(session, &plan, &[asks("a", "fixed")], false).unwrap_err()
        });
        assert_eq!(error.to_string(), "`configure image/m/a/armhf/configured` has no ids for `fixed` although they were given");
    }
}

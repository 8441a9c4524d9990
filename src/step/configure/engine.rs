//! dpkg's rules of configuring packages: states, maintainer scripts and triggers, one package after the other.
//!
//! Nothing is read or run here; [`Root`] does that. So the rules can be judged without a sandbox.

use super::Error;
use super::database::{Database, State};
use super::order::{Needs, Preinst, Stage};
use super::triggers::{Triggers, Wait, deferred};
use std::collections::{BTreeMap, BTreeSet, VecDeque};

/// A package that is triggered so many times in one round is in a circle with others; dpkg's own limit is less plain.
const MAX_TRIGGERED: usize = 20;

/// A call of a maintainer script (policy 6.5).
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Call<'a> {
    /// `name:architecture`.
    pub(super) package: &'a str,
    /// `preinst` or `postinst`.
    pub(super) script: &'static str,
    /// Its arguments.
    pub(super) arguments: Vec<String>,
}

/// What the rules need of the root that is being configured.
pub(super) trait Root {
    /// Whether a package has a script.
    fn has(&self, package: &str, script: &str) -> bool;
    /// Lets scripts see who is in which state.
    fn write_status(&mut self, status: &str) -> Result<(), Error>;
    /// Runs a script; one that fails is an error.
    fn run(&mut self, call: &Call<'_>) -> Result<(), Error>;
    /// What scripts activated with `dpkg-trigger` since the last time: the text of `triggers/Unincorp`.
    fn take_deferred(&mut self) -> Result<String, Error>;
}

/// The state machine.
pub(super) struct Engine<'a, R> {
    pub(super) root: R,
    pub(super) database: Database,
    pub(super) triggers: &'a Triggers,
    /// `name:architecture` of each package.
    keys: &'a [String],
    needs: &'a Needs,
    /// Packages with pending triggers, in the order in which they were activated.
    queue: VecDeque<String>,
    written: Option<String>,
}

impl<'a, R: Root> Engine<'a, R> {
    pub(super) fn new(root: R, database: Database, triggers: &'a Triggers, keys: &'a [String], needs: &'a Needs) -> Self {
        Self { root, database, triggers, keys, needs, queue: VecDeque::new(), written: None }
    }

    /// Configures the packages of a stage, which are unpacked; `unpacked` are the paths that each brought.
    pub(super) fn stage(&mut self, stage: &Stage, unpacked: &[(usize, Vec<String>)]) -> Result<(), Error> {
        let triggers = self.triggers;
        for (index, paths) in unpacked {
            for (name, _) in triggers.activated_by(&self.keys[*index]) {
                self.activate(name, None);
            }
            for path in paths {
                for name in triggers.file_triggers(path) {
                    self.activate(name, None);
                }
            }
        }
        let mut configured = BTreeSet::new();
        if stage.preinst == Preinst::BeforeAll {
            self.prepare(stage, &mut configured)?;
        }
        for group in &stage.groups {
            if stage.preinst == Preinst::BeforeOwnPostinst {
                for index in group {
                    self.call(&self.keys[*index], "preinst", &["install"])?;
                }
            }
            self.configure_group(group, &mut configured)?;
        }
        self.process_triggers()?;
        self.write_status()
    }

    /// Runs all `preinst` scripts; what one pre-depends on is configured before it.
    fn prepare(&mut self, stage: &Stage, configured: &mut BTreeSet<usize>) -> Result<(), Error> {
        let mut prepared = BTreeSet::new();
        for index in stage.groups.iter().flatten() {
            let before = if self.root.has(&self.keys[*index], "preinst") { self.needs.before_preinst(*index) } else { BTreeSet::new() };
            for group in &stage.groups {
                let group: Vec<usize> = group.iter().copied().filter(|index| before.contains(index)).collect();
                // In a circle one may come here whose own turn is yet to come.
                for index in &group {
                    if prepared.insert(*index) {
                        self.call(&self.keys[*index], "preinst", &["install"])?;
                    }
                }
                self.configure_group(&group, configured)?;
            }
            if prepared.insert(*index) {
                self.call(&self.keys[*index], "preinst", &["install"])?;
            }
        }
        Ok(())
    }

    /// Configures the packages of a group that are not configured yet.
    fn configure_group(&mut self, group: &[usize], configured: &mut BTreeSet<usize>) -> Result<(), Error> {
        // Of packages that need each other, those without a script can do no harm when they come first; dpkg breaks
        // circles at the same place.
        let (first, last): (Vec<usize>, Vec<usize>) =
            group.iter().partition(|index| group.len() > 1 && !self.root.has(&self.keys[**index], "postinst"));
        for index in first.into_iter().chain(last) {
            if configured.insert(index) {
                self.configure(index)?;
            }
        }
        Ok(())
    }

    fn configure(&mut self, index: usize) -> Result<(), Error> {
        // A package that waits for triggers does not satisfy a dependency (deb-triggers(5)).
        let waits =
            |database: &Database, need: usize| database.get(&self.keys[need]).is_some_and(|record| record.state == State::TriggersAwaited);
        if self.needs.of(index).any(|need| waits(&self.database, need)) {
            self.process_triggers()?;
        }
        let (keys, triggers) = (self.keys, self.triggers);
        let key = &keys[index];
        self.set_state(key, State::HalfConfigured);
        for (name, wait) in triggers.activated_by(key) {
            self.activate(name, (*wait == Wait::Await).then_some(key));
        }
        // dpkg gives the version that was configured last, which for a new package is none.
        self.call(key, "postinst", &["configure", ""])?;
        self.settle(key);
        Ok(())
    }

    /// Runs a script, if the package has it, and takes in what it triggered.
    fn call(&mut self, package: &str, script: &'static str, arguments: &[&str]) -> Result<(), Error> {
        if !self.root.has(package, script) {
            return Ok(());
        }
        self.write_status()?;
        let arguments = arguments.iter().map(|argument| (*argument).to_owned()).collect();
        self.root.run(&Call { package, script, arguments })?;
        let text = self.root.take_deferred()?;
        // The file has the latest first.
        for (name, waiting) in deferred(&text).into_iter().rev() {
            if waiting.is_empty() {
                self.activate(&name, None);
            }
            for package in waiting {
                let key = self.key_of(&package);
                self.activate(&name, key.as_deref());
            }
        }
        Ok(())
    }

    /// Resolves `name` or `name:architecture`, as scripts write it.
    fn key_of(&self, name: &str) -> Option<String> {
        if self.database.get(name).is_some() {
            return Some(name.to_owned());
        }
        self.keys.iter().find(|key| key.rsplit_once(':').is_some_and(|(bare, _)| bare == name)).cloned()
    }

    /// Notes a trigger for every package that is interested in it; one that is yet to be configured needs no trigger.
    fn activate(&mut self, name: &str, waiting: Option<&str>) {
        let triggers = self.triggers;
        for (interested, wait) in triggers.interested(name) {
            let Some(record) = self.database.get_mut(interested) else { continue };
            if !matches!(record.state, State::Installed | State::TriggersAwaited | State::TriggersPending) {
                continue;
            }
            if !record.pending.iter().any(|pending| pending == name) {
                record.pending.insert(0, name.to_owned());
            }
            if record.state == State::Installed {
                record.state = State::TriggersPending;
            }
            if !self.queue.contains(interested) {
                self.queue.push_back(interested.clone());
            }
            let waiting = waiting.filter(|waiting| *wait == Wait::Await && waiting != interested);
            if let Some(record) = waiting.and_then(|waiting| self.database.get_mut(waiting))
                && !record.awaited.contains(interested)
            {
                record.awaited.push(interested.clone());
            }
        }
    }

    fn process_triggers(&mut self) -> Result<(), Error> {
        let mut times: BTreeMap<String, usize> = BTreeMap::new();
        while let Some(key) = self.queue.pop_front() {
            let Some(record) = self.database.get_mut(&key) else { continue };
            let names = std::mem::take(&mut record.pending);
            if names.is_empty() {
                continue;
            }
            let count = times.entry(key.clone()).or_default();
            *count += 1;
            if *count > MAX_TRIGGERED {
                return Err(Error::TriggerCircle { package: key, triggers: names.join(" ") });
            }
            self.set_state(&key, State::HalfConfigured);
            self.call(&key, "postinst", &["triggered", &names.join(" ")])?;
            for other in self.keys {
                let Some(record) = self.database.get_mut(other) else { continue };
                let before = record.awaited.len();
                record.awaited.retain(|awaited| *awaited != key);
                if before > 0 && record.state == State::TriggersAwaited {
                    self.settle(other);
                }
            }
            self.settle(&key);
        }
        Ok(())
    }

    fn set_state(&mut self, key: &str, state: State) {
        if let Some(record) = self.database.get_mut(key) {
            record.state = state;
        }
    }

    /// Puts a package whose scripts have run into the state that its triggers leave it in.
    fn settle(&mut self, key: &str) {
        if let Some(record) = self.database.get_mut(key) {
            record.state = match (record.awaited.is_empty(), record.pending.is_empty()) {
                (false, _) => State::TriggersAwaited,
                (true, false) => State::TriggersPending,
                (true, true) => State::Installed,
            };
        }
    }

    fn write_status(&mut self) -> Result<(), Error> {
        let status = self.database.render();
        if self.written.as_ref() != Some(&status) {
            self.root.write_status(&status)?;
            self.written = Some(status);
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;

    /// Packages by name with `needs`, `interest` and `activate` lines; scripts are noted, not run.
    #[derive(Default)]
    struct Noted {
        scripts: BTreeSet<String>,
        calls: Vec<String>,
        deferred: BTreeMap<String, String>,
        pending: String,
        status: String,
    }

    impl Root for Noted {
        fn has(&self, package: &str, script: &str) -> bool {
            self.scripts.contains(&format!("{package}.{script}"))
        }
        fn write_status(&mut self, status: &str) -> Result<(), Error> {
            status.clone_into(&mut self.status);
            Ok(())
        }
        fn run(&mut self, call: &Call<'_>) -> Result<(), Error> {
            let words = format!("{} {} {}", call.package, call.script, call.arguments.join(" "));
            self.pending = self.deferred.get(words.trim()).cloned().unwrap_or_default();
            self.calls.push(words.trim().to_owned());
            Ok(())
        }
        fn take_deferred(&mut self) -> Result<String, Error> {
            Ok(std::mem::take(&mut self.pending))
        }
    }

    fn run(
        keys: &[&str],
        needs: &[(usize, usize)],
        triggers: &[(&str, &str)],
        root: Noted,
        groups: Vec<Vec<usize>>,
    ) -> (Result<(), Error>, Noted) {
        run_stage(keys, &Needs::of_pairs(keys.len(), needs, &[]), triggers, root, &Stage { groups, preinst: Preinst::BeforeAll })
    }

    fn run_stage(keys: &[&str], needs: &Needs, triggers: &[(&str, &str)], root: Noted, stage: &Stage) -> (Result<(), Error>, Noted) {
        let status: String = keys
            .iter()
            .map(|key| {
                let (name, architecture) = key.split_once(':').unwrap();
                format!("Package: {name}\nStatus: install ok unpacked\nArchitecture: {architecture}\n\n")
            })
            .collect();
        let mut known = Triggers::default();
        for (package, text) in triggers {
            known.add(package, text);
        }
        let keys: Vec<String> = keys.iter().map(|key| (*key).to_owned()).collect();
        let mut engine = Engine::new(root, Database::parse(&status), &known, &keys, needs);
        let result = engine.stage(stage, &[]);
        (result, engine.root)
    }

    fn scripts(names: &[&str]) -> BTreeSet<String> {
        names.iter().map(|name| (*name).to_owned()).collect()
    }

    #[test]
    fn runs_preinst_and_postinst_in_order_and_ends_installed() {
        let root = Noted { scripts: scripts(&["a:armhf.preinst", "a:armhf.postinst", "b:all.postinst"]), ..Noted::default() };
        let (result, root) = run(&["a:armhf", "b:all"], &[(1, 0)], &[], root, vec![vec![0], vec![1]]);
        result.unwrap();
        assert_eq!(root.calls, ["a:armhf preinst install", "a:armhf postinst configure", "b:all postinst configure"]);
        assert_eq!(root.status.matches("install ok installed").count(), 2, "{}", root.status);
    }

    #[test]
    fn all_preinst_scripts_come_first_but_after_what_they_pre_depend_on() {
        let names = ["a:all", "b:all", "tool:all"];
        let known = || Noted {
            scripts: scripts(&["a:all.preinst", "a:all.postinst", "b:all.preinst", "b:all.postinst", "tool:all.postinst"]),
            ..Noted::default()
        };
        let needs = Needs::of_pairs(3, &[], &[(1, 2)]);
        let groups = vec![vec![0], vec![2], vec![1]];
        let calls = |preinst| {
            let (result, root) = run_stage(&names, &needs, &[], known(), &Stage { groups: groups.clone(), preinst });
            result.unwrap();
            root.calls
        };
        let first = [
            "a:all preinst install",
            "tool:all postinst configure",
            "b:all preinst install",
            "a:all postinst configure",
            "b:all postinst configure",
        ];
        assert_eq!(calls(Preinst::BeforeAll), first);
        let each = [
            "a:all preinst install",
            "a:all postinst configure",
            "tool:all postinst configure",
            "b:all preinst install",
            "b:all postinst configure",
        ];
        assert_eq!(calls(Preinst::BeforeOwnPostinst), each);
    }

    #[test]
    fn breaks_a_circle_at_the_package_without_a_script() {
        let root = Noted { scripts: scripts(&["a:all.preinst", "a:all.postinst", "b:all.preinst"]), ..Noted::default() };
        let (result, root) = run(&["a:all", "b:all"], &[(0, 1), (1, 0)], &[], root, vec![vec![0, 1]]);
        result.unwrap();
        assert_eq!(root.calls, ["a:all preinst install", "b:all preinst install", "a:all postinst configure"]);
    }

    #[test]
    fn triggers_run_once_after_all_that_activate_them() {
        let triggers =
            [("libc-bin:all", "interest-await ldconfig"), ("x:all", "activate-noawait ldconfig"), ("y:all", "activate-noawait ldconfig")];
        let root = Noted { scripts: scripts(&["libc-bin:all.postinst"]), ..Noted::default() };
        let (result, root) = run(&["libc-bin:all", "x:all", "y:all"], &[], &triggers, root, vec![vec![0], vec![1], vec![2]]);
        result.unwrap();
        assert_eq!(root.calls, ["libc-bin:all postinst configure ", "libc-bin:all postinst triggered ldconfig"].map(str::trim));
    }

    #[test]
    fn what_needs_a_waiting_package_comes_after_its_triggers() {
        let triggers = [("t:all", "interest-await go"), ("x:all", "activate go")];
        let root = Noted { scripts: scripts(&["t:all.postinst", "y:all.postinst"]), ..Noted::default() };
        let (result, root) = run(&["t:all", "x:all", "y:all"], &[(2, 1)], &triggers, root, vec![vec![0], vec![1], vec![2]]);
        result.unwrap();
        assert_eq!(root.calls, ["t:all postinst configure", "t:all postinst triggered go", "y:all postinst configure"]);
    }

    #[test]
    fn takes_in_what_dpkg_trigger_left() {
        let mut root = Noted { scripts: scripts(&["t:all.postinst", "x:all.postinst"]), ..Noted::default() };
        root.deferred.insert("x:all postinst configure".into(), "second x\nfirst -\n".into());
        let triggers = [("t:all", "interest first\ninterest second")];
        let (result, root) = run(&["t:all", "x:all"], &[], &triggers, root, vec![vec![0], vec![1]]);
        result.unwrap();
        assert_eq!(root.calls.last().unwrap(), "t:all postinst triggered second first");
        assert_eq!(root.status.matches("install ok installed").count(), 2);
    }

    #[test]
    fn a_circle_of_triggers_is_an_error() {
        let mut root = Noted { scripts: scripts(&["t:all.postinst", "x:all.postinst"]), ..Noted::default() };
        root.deferred.insert("x:all postinst configure".into(), "go -\n".into());
        root.deferred.insert("t:all postinst triggered go".into(), "back -\n".into());
        root.deferred.insert("x:all postinst triggered back".into(), "go -\n".into());
        let triggers = [("t:all", "interest go"), ("x:all", "interest back")];
        let (result, _) = run(&["t:all", "x:all"], &[], &triggers, root, vec![vec![0], vec![1]]);
        assert!(matches!(result, Err(Error::TriggerCircle { .. })), "{result:?}");
    }
}

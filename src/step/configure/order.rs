//! In which order packages are configured, and where a checkpoint may stand.
//!
//! The order depends on the set of packages alone. What is essential comes first, with what it needs, as where a system is
//! installed from nothing. Then all others are unpacked at once: whatever a script looks for, as a hook, a tool or a setting of
//! a package that nothing depends on, is there, as under apt.

use super::super::compose::Package;
use crate::pkg::{ArchQualifier, Relation};
use std::collections::{BTreeMap, BTreeSet};

/// When the `preinst` scripts of a stage run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Preinst {
    /// Each just before its package is configured: the packages before it are needed for any script to run.
    BeforeOwnPostinst,
    /// All before any package is configured that no `preinst` pre-depends on, as apt has it.
    BeforeAll,
}

/// Packages that are unpacked together and then configured one after the other.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Stage {
    /// Indexes of packages. Each group is configured after what it needs; a group of several needs each other.
    pub(super) groups: Vec<Vec<usize>>,
    /// When their `preinst` scripts run.
    pub(super) preinst: Preinst,
}

impl Stage {
    /// All its packages in order.
    pub(super) fn packages(&self) -> impl Iterator<Item = usize> {
        self.groups.iter().flatten().copied()
    }
}

/// What a package needs to be configured: for each dependency the packages of the image that satisfy it first.
#[derive(Clone)]
pub(super) struct Needs {
    /// By `Pre-Depends` and `Depends`.
    all: Vec<BTreeSet<usize>>,
    /// By `Pre-Depends` alone.
    before_unpacking: Vec<BTreeSet<usize>>,
}

impl Needs {
    /// Reads `Pre-Depends` and `Depends` of all packages. A dependency that nothing in the set satisfies is left out: the
    /// set is closed unless somebody excluded a package on purpose.
    pub(super) fn read(packages: &[Package]) -> Self {
        let mut by_name: BTreeMap<&str, Vec<usize>> = BTreeMap::new();
        let mut provided: BTreeMap<String, Vec<(usize, Option<String>)>> = BTreeMap::new();
        for (index, package) in packages.iter().enumerate() {
            by_name.entry(&package.name).or_default().push(index);
            for relation in relations(package, "Provides").into_iter().flatten() {
                let version = relation.version.map(|version| version.version);
                provided.entry(relation.name).or_default().push((index, version));
            }
        }
        let satisfies = |from: &Package, relation: &Relation| -> Vec<usize> {
            let real = by_name.get(relation.name.as_str()).into_iter().flatten().copied().filter(|index| {
                let package = &packages[*index];
                serves(from, package, relation) && relation.version.as_ref().is_none_or(|version| version.accepts(&package.version))
            });
            let real: Vec<usize> = real.collect();
            if !real.is_empty() {
                return real;
            }
            let mut virtuals: Vec<usize> = vec![];
            for (index, version) in provided.get(&relation.name).into_iter().flatten() {
                let fits = match (&relation.version, version) {
                    (None, _) => true,
                    (Some(demand), Some(version)) => demand.accepts(version),
                    (Some(_), None) => false,
                };
                if fits && serves(from, &packages[*index], relation) {
                    virtuals.push(*index);
                }
            }
            // One provider is enough; which one must not depend on the order of the set.
            virtuals.sort_by(|a, b| packages[*a].order(&packages[*b]));
            virtuals.truncate(1);
            virtuals
        };
        let by = |fields: &[&str]| -> Vec<BTreeSet<usize>> {
            let needs = packages.iter().enumerate().map(|(index, package)| {
                let mut needs = BTreeSet::new();
                for group in fields.iter().flat_map(|field| relations(package, field)) {
                    let found = group.iter().map(|relation| satisfies(package, relation)).find(|found| !found.is_empty());
                    needs.extend(found.into_iter().flatten());
                }
                needs.remove(&index);
                needs
            });
            needs.collect()
        };
        Self { all: by(&["Pre-Depends", "Depends"]), before_unpacking: by(&["Pre-Depends"]) }
    }

    /// What the package `index` needs.
    pub(super) fn of(&self, index: usize) -> impl Iterator<Item = usize> {
        self.all[index].iter().copied()
    }

    /// What must be configured before the `preinst` of the package `index` runs: what it pre-depends on, with all that needs
    /// (policy 7.2). In a circle that is also the package itself, which is left out.
    pub(super) fn before_preinst(&self, index: usize) -> BTreeSet<usize> {
        let nothing = BTreeSet::new();
        let mut before: BTreeSet<usize> = self.before_unpacking[index].iter().flat_map(|need| self.closure(*need, &nothing)).collect();
        before.remove(&index);
        before
    }

    /// Needs by pairs of who needs what; `before_unpacking` are those that are pre-dependencies.
    #[cfg(test)]
    pub(super) fn of_pairs(count: usize, pairs: &[(usize, usize)], before_unpacking: &[(usize, usize)]) -> Self {
        let of = |pairs: &[(usize, usize)]| {
            let mut needs = vec![BTreeSet::new(); count];
            for (from, to) in pairs {
                needs[*from].insert(*to);
            }
            needs
        };
        Self { all: of(&[pairs, before_unpacking].concat()), before_unpacking: of(before_unpacking) }
    }

    /// `index` and everything it needs, directly or not, without what is in `done`.
    fn closure(&self, index: usize, done: &BTreeSet<usize>) -> BTreeSet<usize> {
        let mut closure = BTreeSet::new();
        let mut open = vec![index];
        while let Some(index) = open.pop() {
            if !done.contains(&index) && closure.insert(index) {
                open.extend(&self.all[index]);
            }
        }
        closure
    }
}

/// Whether `package` may satisfy a relation of `from`, as far as architectures go (dpkg's rules, Multi-Arch).
fn serves(from: &Package, package: &Package, relation: &Relation) -> bool {
    let multi_arch = package.stanza.get("Multi-Arch");
    match &relation.qualifier {
        Some(ArchQualifier::Any) => multi_arch == Some("allowed") || package.architecture == from.architecture,
        Some(ArchQualifier::Architecture(architecture)) => package.architecture == *architecture,
        Some(ArchQualifier::Native) | None => {
            package.architecture == from.architecture
                || package.architecture.is_independent()
                || from.architecture.is_independent()
                || multi_arch == Some("foreign")
        }
    }
}

fn relations(package: &Package, field: &str) -> Vec<Vec<Relation>> {
    // A field that cannot be read was refused when the package was resolved; here it orders nothing.
    package.stanza.get(field).and_then(|value| Relation::parse_field(value).ok()).unwrap_or_default()
}

/// Puts packages into stages: what is essential with what it needs, then all others.
pub(super) fn stages(packages: &[Package], needs: &Needs) -> Vec<Stage> {
    let nothing = BTreeSet::new();
    let essential: BTreeSet<usize> =
        (0..packages.len()).filter(|index| packages[*index].essential).flat_map(|index| needs.closure(index, &nothing)).collect();
    let others: BTreeSet<usize> = (0..packages.len()).filter(|index| !essential.contains(index)).collect();
    let mut stages = vec![];
    if !essential.is_empty() {
        // `base-passwd` gives the names that every other script may use, though none depends on it (policy 3.8).
        let first = (0..packages.len()).find(|index| packages[*index].name == "base-passwd" && essential.contains(index));
        let mut needs = needs.clone();
        if let Some(first) = first {
            let before = needs.closure(first, &nothing);
            for index in essential.iter().filter(|index| !before.contains(index)) {
                needs.all[*index].insert(first);
            }
        }
        stages.push(Stage { groups: groups(packages, &needs, &essential), preinst: Preinst::BeforeOwnPostinst });
    }
    if !others.is_empty() {
        stages.push(Stage { groups: groups(packages, needs, &others), preinst: Preinst::BeforeAll });
    }
    stages
}

/// The strongly connected groups of `set`, each after those that it needs, by name where nothing else decides.
fn groups(packages: &[Package], needs: &Needs, set: &BTreeSet<usize>) -> Vec<Vec<usize>> {
    let mut search = Search { packages, needs, set, index: BTreeMap::new(), low: BTreeMap::new(), stack: vec![], groups: vec![] };
    let mut order: Vec<usize> = set.iter().copied().collect();
    order.sort_by(|a, b| packages[*a].order(&packages[*b]));
    for start in order {
        search.visit(start);
    }
    search.groups
}

/// Tarjan's search for strongly connected components; components come out after what they need.
struct Search<'a> {
    packages: &'a [Package],
    needs: &'a Needs,
    set: &'a BTreeSet<usize>,
    index: BTreeMap<usize, usize>,
    low: BTreeMap<usize, usize>,
    stack: Vec<usize>,
    groups: Vec<Vec<usize>>,
}

impl Search<'_> {
    fn targets(&self, index: usize) -> Vec<usize> {
        let mut targets: Vec<usize> = self.needs.all[index].iter().copied().filter(|target| self.set.contains(target)).collect();
        targets.sort_by(|a, b| self.packages[*a].order(&self.packages[*b]));
        targets
    }

    /// Without recursion: chains of dependencies may be as long as the set.
    fn visit(&mut self, start: usize) {
        if self.index.contains_key(&start) {
            return;
        }
        let mut work: Vec<(usize, Vec<usize>)> = vec![];
        self.enter(start, &mut work);
        while let Some((at, targets)) = work.last_mut() {
            let at = *at;
            if let Some(target) = targets.pop() {
                if !self.index.contains_key(&target) {
                    self.enter(target, &mut work);
                } else if self.stack.contains(&target) {
                    let low = self.low[&at].min(self.index[&target]);
                    self.low.insert(at, low);
                }
                continue;
            }
            work.pop();
            if let Some((parent, _)) = work.last() {
                let low = self.low[parent].min(self.low[&at]);
                self.low.insert(*parent, low);
            }
            if self.low[&at] == self.index[&at] {
                let from = self.stack.iter().position(|other| *other == at).expect("a visited package is on the stack");
                let mut group = self.stack.split_off(from);
                group.sort_by(|a, b| self.packages[*a].order(&self.packages[*b]));
                self.groups.push(group);
            }
        }
    }

    fn enter(&mut self, at: usize, work: &mut Vec<(usize, Vec<usize>)>) {
        let number = self.index.len();
        self.index.insert(at, number);
        self.low.insert(at, number);
        self.stack.push(at);
        let mut targets = self.targets(at);
        targets.reverse();
        work.push((at, targets));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::archive::Deb;
    use crate::pkg::Architecture;
    use crate::step::compose::{Frame, UsrMerge, load_all};
    use crate::step::import::store_package;
    use crate::store::{PackageFile, RefName, Repo};
    use crate::testkit::deb::Package as Made;

    /// The stages of these packages, each as the names of its groups.
    fn plan(made: &[Made]) -> String {
        let dir = tempfile::tempdir().unwrap();
        let repo = Repo::init(dir.path()).unwrap();
        let import = |package: &Made| {
            let bytes = package.build();
            let file = PackageFile::of(&bytes);
            let name = RefName::deb(&file.sha256);
            repo.write_ref_if_changed(&name, &store_package(&repo, Deb::open(&bytes[..]).unwrap(), &file).unwrap().commit).unwrap();
            name
        };
        let names: Vec<RefName> = made.iter().map(import).collect();
        let architecture = Architecture::parse("armhf").unwrap();
        let foreign = [Architecture::parse("i386").unwrap()];
        let frame = Frame { architecture: &architecture, foreign: &foreign, usr_merge: UsrMerge::No, diversions: &[] };
        let packages = load_all(&repo, &names, &frame).unwrap();
        let stages = stages(&packages, &Needs::read(&packages));
        let group = |group: &Vec<usize>| group.iter().map(|index| packages[*index].name.clone()).collect::<Vec<_>>().join("+");
        stages.iter().map(|stage| stage.groups.iter().map(group).collect::<Vec<_>>().join(" ") + "\n").collect()
    }

    fn package(name: &str, depends: &str) -> Made {
        let made = Made::new(name, "1").arch("armhf");
        if depends.is_empty() { made } else { made.depends(depends) }
    }

    #[test]
    fn essential_first_and_the_names_before_all_that_may_use_them() {
        let essential = |name: &str, depends: &str| package(name, depends).field("Essential", "yes");
        let set = [
            essential("base-files", ""),
            essential("base-passwd", "libc"),
            essential("bash", "").field("Pre-Depends", "libtinfo"),
            package("libc", ""),
            package("libtinfo", "libc"),
            package("app", "libc"),
        ];
        assert_eq!(plan(&set), "libc base-passwd base-files libtinfo bash\napp\n");
    }

    #[test]
    fn all_others_are_unpacked_at_once_and_come_by_name_after_what_they_need() {
        let set = [package("kernel", "tool"), package("tool", ""), package("z-hook", ""), package("app", "z-lib"), package("z-lib", "")];
        assert_eq!(plan(&set), "z-lib app tool kernel z-hook\n");
        let mut other = set.to_vec();
        other.reverse();
        assert_eq!(plan(&other), plan(&set));
    }

    #[test]
    fn circles_alternatives_and_virtual_packages() {
        let set = [
            package("a", "b"),
            package("b", "a"),
            package("user", "missing | mta, a"),
            package("exim", "").field("Provides", "mta"),
            package("z", "").field("Provides", "mta"),
        ];
        assert_eq!(plan(&set), "a+b exim user z\n");
    }
}

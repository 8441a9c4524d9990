//! Which changes force one another: the packages of a mixture must satisfy each other, as dpkg has it.
//!
//! Whether one package satisfies or excludes another does not depend on the rest. So it is worked out once, over all packages
//! that either lockfile has, and each mixture is judged by what of it is there.

use crate::index::{Field, Package};
use crate::pkg::{Architecture, Relation};
use crate::resolve::Closure;
use std::collections::BTreeSet;

/// Which of two lockfiles have a package.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Side {
    /// Only the old one.
    Old,
    /// Only the new one.
    New,
    /// Both.
    Both,
}

/// A package of either lockfile.
#[derive(Clone, Debug)]
pub struct Member<'u> {
    /// The source package.
    pub source: String,
    /// The package.
    pub package: Package<'u>,
    /// Which lockfiles have it.
    pub side: Side,
}

/// One image for one architecture.
#[derive(Clone, Debug)]
pub struct Setting<'u> {
    /// The architecture.
    pub architecture: Architecture,
    /// What the lockfiles have, each package once.
    pub members: Vec<Member<'u>>,
    /// What the image asks for by name.
    pub requests: Vec<Relation>,
}

/// What changes force, over all images.
#[derive(Clone, Debug)]
pub struct Forces {
    settings: Vec<Rules>,
}

/// The rules of one image: places are those of its members.
#[derive(Clone, Debug)]
struct Rules {
    members: Vec<(String, Side)>,
    /// What needs one of some others; an image's own requests are nobody's.
    needs: Vec<(Option<usize>, Vec<usize>)>,
    /// What cannot be together.
    excludes: Vec<(usize, usize)>,
}

impl Forces {
    /// Looks at images whose source packages may stay or move.
    pub fn new(settings: Vec<Setting<'_>>) -> Self {
        Self { settings: settings.iter().map(Rules::new).collect() }
    }

    /// `moved` and all that must move with it, so that every image is whole. What is broken in the new lockfile itself is
    /// nobody's fault here.
    pub fn close(&self, moved: &BTreeSet<String>) -> BTreeSet<String> {
        let mut moved = moved.clone();
        loop {
            let before = moved.len();
            self.settings.iter().for_each(|rules| rules.force(&mut moved));
            if moved.len() == before {
                return moved;
            }
        }
    }
}

impl Rules {
    fn new(setting: &Setting<'_>) -> Self {
        let packages: Vec<Package<'_>> = setting.members.iter().map(|member| member.package).collect();
        let closure = Closure::new(&packages, &setting.architecture);
        let mut needs = vec![];
        for (at, package) in packages.iter().enumerate() {
            for field in [Field::PreDepends, Field::Depends] {
                needs.extend(closure.dependencies(package, field).into_iter().map(|group| (Some(at), group.by)));
            }
        }
        needs.extend(setting.requests.iter().map(|request| (None, closure.requested(request))));
        let excludes = closure.broken_rules().into_iter().filter_map(|rule| Some((rule.package, rule.other?))).collect();
        let members = setting.members.iter().map(|member| (member.source.clone(), member.side)).collect();
        Self { members, needs, excludes }
    }

    /// Adds what must move as well, as long as that makes something else move.
    fn force(&self, moved: &mut BTreeSet<String>) {
        loop {
            let is_there: Vec<bool> = self
                .members
                .iter()
                .map(|(source, side)| match side {
                    Side::Both => true,
                    Side::New => moved.contains(source),
                    Side::Old => !moved.contains(source),
                })
                .collect();
            let is_old = |at: &usize| is_there[*at] && self.members[*at].1 == Side::Old;
            let mut forced = BTreeSet::new();
            for (whose, by) in &self.needs {
                if whose.is_some_and(|at| !is_there[at]) || by.iter().any(|at| is_there[*at]) {
                    continue;
                }
                // What is old and lacks something has to go; what is new lacks what comes with another change.
                let first = || by.iter().find(|at| !is_there[**at] && self.members[**at].1 == Side::New).copied();
                forced.extend(whose.filter(is_old).or_else(first));
            }
            for (one, other) in self.excludes.iter().filter(|(one, other)| is_there[*one] && is_there[*other]) {
                forced.extend([*one, *other].into_iter().find(is_old));
            }
            if forced.is_empty() {
                return;
            }
            moved.extend(forced.into_iter().map(|at| self.members[at].0.clone()));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::changes::tests::{closed, sources};

    #[test]
    fn what_stands_alone_moves_alone() {
        let (old, new) = ([("a", "1", ""), ("b", "1", "")], [("a", "2", ""), ("b", "2", "")]);
        assert_eq!(closed(&old, &new, &["a"]), sources(&["a"]));
    }

    #[test]
    fn an_exact_dependency_moves_both() {
        let old = [("app", "1", "Depends: lib (= 1)"), ("lib", "1", "")];
        let new = [("app", "2", "Depends: lib (= 2)"), ("lib", "2", "")];
        assert_eq!(closed(&old, &new, &["app"]), sources(&["app", "lib"]));
        assert_eq!(closed(&old, &new, &["lib"]), sources(&["app", "lib"]));
    }

    #[test]
    fn a_newer_dependency_forces_one_way() {
        let old = [("app", "1", "Depends: lib"), ("lib", "1", "")];
        let new = [("app", "2", "Depends: lib (>= 2)"), ("lib", "2", "")];
        assert_eq!(closed(&old, &new, &["app"]), sources(&["app", "lib"]));
        assert_eq!(closed(&old, &new, &["lib"]), sources(&["lib"]));
    }

    #[test]
    fn breaks_and_removals_force_what_is_old() {
        let old = [("app", "1", "Depends: gone"), ("gone", "1", ""), ("lib", "1", "")];
        let new = [("app", "2", ""), ("lib", "2", "Breaks: app (<< 2)")];
        assert_eq!(closed(&old, &new, &["lib"]), sources(&["app", "lib"]));
        assert_eq!(closed(&old, &new, &["gone"]), sources(&["app", "gone"]));
        assert_eq!(closed(&old, &new, &["app"]), sources(&["app"]));
    }

    #[test]
    fn what_comes_with_a_new_dependency_comes_along() {
        let old = [("app", "1", "")];
        let new = [("app", "2", "Depends: new | other"), ("new", "1", "Depends: deeper"), ("deeper", "1", "")];
        assert_eq!(closed(&old, &new, &["app"]), sources(&["app", "deeper", "new"]));
    }
}

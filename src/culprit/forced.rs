//! Which changes force one another: the packages of a mixture must satisfy each other, as dpkg has it.

use crate::index::Package;
use crate::pkg::{Architecture, Relation};
use crate::resolve::{Closure, Violation};
use std::collections::BTreeSet;

/// A package and the name of its source package.
#[derive(Clone, Debug)]
pub struct Member<'u> {
    /// The source package.
    pub source: String,
    /// The package.
    pub package: Package<'u>,
}

/// One image for one architecture, as both lockfiles have it.
#[derive(Clone, Debug)]
pub struct Setting<'u> {
    /// The architecture.
    pub architecture: Architecture,
    /// What the old lockfile has.
    pub old: Vec<Member<'u>>,
    /// What the new lockfile has.
    pub new: Vec<Member<'u>>,
    /// What the image asks for by name.
    pub requests: Vec<Relation>,
}

/// What changes force, over all images.
#[derive(Clone, Debug)]
pub struct Forces<'u> {
    changed: BTreeSet<String>,
    settings: Vec<Setting<'u>>,
}

impl<'u> Forces<'u> {
    /// Looks at images in which the `changed` source packages may stay or move.
    pub fn new(changed: BTreeSet<String>, settings: Vec<Setting<'u>>) -> Self {
        Self { changed, settings }
    }

    /// `moved` and all that must move with it, so that every image is whole. What is broken in the new lockfile itself is
    /// nobody's fault here.
    pub fn close(&self, moved: &BTreeSet<String>) -> BTreeSet<String> {
        let mut moved = moved.clone();
        loop {
            let before = moved.len();
            for setting in &self.settings {
                let forced = self.forced(setting, &moved);
                moved.extend(forced);
            }
            if moved.len() == before {
                return moved;
            }
        }
    }

    fn forced(&self, setting: &Setting<'u>, moved: &BTreeSet<String>) -> BTreeSet<String> {
        let stays = |member: &&Member<'u>| self.changed.contains(&member.source) && !moved.contains(&member.source);
        let staying: Vec<&Member<'u>> = setting.old.iter().filter(stays).collect();
        let coming: Vec<&Member<'u>> = setting.new.iter().filter(|member| !stays(member)).collect();
        let members: Vec<&Member<'u>> = staying.iter().chain(&coming).copied().collect();
        let packages: Vec<Package<'u>> = members.iter().map(|member| member.package).collect();
        let closure = Closure::new(&packages, &setting.architecture);
        let mut forced = BTreeSet::new();
        let broken = closure.broken_rules();
        let unasked: Vec<&Relation> = setting.requests.iter().filter(|request| closure.requested(request).is_empty()).collect();
        if broken.is_empty() && unasked.is_empty() {
            return forced;
        }
        let new: Vec<Package<'u>> = setting.new.iter().map(|member| member.package).collect();
        let whole = Closure::new(&new, &setting.architecture);
        for violation in broken {
            let stays = |at: usize| at < staying.len();
            let named = Some(violation.package).filter(|at| stays(*at)).or(violation.other.filter(|at| stays(*at)));
            let source = match named {
                // Something old is in the way or lacks something: it has to move, too.
                Some(at) => Some(members[at].source.clone()),
                None => self.supplier(setting, &whole, &members[violation.package].package, &violation, moved),
            };
            forced.extend(source);
        }
        for request in unasked {
            forced.extend(self.first_to_move(setting, whole.requested(request), moved));
        }
        forced
    }

    /// The source package whose move satisfies what a new package lacks.
    fn supplier(
        &self,
        setting: &Setting<'u>,
        whole: &Closure<'_, 'u>,
        package: &Package<'u>,
        violation: &Violation,
        moved: &BTreeSet<String>,
    ) -> Option<String> {
        let (field, group) = violation.unmet.as_ref()?;
        let dependencies = whole.dependencies(package, *field);
        let dependency = dependencies.into_iter().find(|dependency| dependency.group == *group)?;
        self.first_to_move(setting, dependency.by, moved)
    }

    fn first_to_move(&self, setting: &Setting<'u>, places: Vec<usize>, moved: &BTreeSet<String>) -> Option<String> {
        let sources = places.into_iter().map(|at| &setting.new[at].source);
        sources.into_iter().find(|source| self.changed.contains(*source) && !moved.contains(*source)).cloned()
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

//! Judges a set of packages by the rules of Debian policy and dpkg, sharing no code with what chose it.
//!
//! Takes the packages themselves and looks at nothing else: no preference, no candidate, no memory of the search.

use crate::index::packages::Qualifier;
use crate::index::{Field, MultiArch, Package};
use crate::pkg::{Architecture, version};
use std::collections::HashMap;

/// What is wrong with a set; empty for a valid one.
pub(super) fn violations(set: &[Package<'_>], native: &Architecture) -> Vec<String> {
    let mut checker = Checker { set, native, by_name: HashMap::new(), provided: HashMap::new() };
    for (at, package) in set.iter().enumerate() {
        checker.by_name.entry(package.name()).or_default().push(at);
        for group in package.relations(Field::Provides) {
            for relation in group {
                checker.provided.entry(relation.name).or_default().push(at);
            }
        }
    }
    let mut found = Vec::new();
    for package in set {
        checker.twins(package, &mut found);
        for field in [Field::PreDepends, Field::Depends] {
            checker.needs(package, field, &mut found);
        }
        for field in [Field::Conflicts, Field::Breaks] {
            checker.forbids(package, field, &mut found);
        }
    }
    found
}

struct Checker<'a, 'u> {
    set: &'a [Package<'u>],
    native: &'a Architecture,
    by_name: HashMap<&'u str, Vec<usize>>,
    provided: HashMap<String, Vec<usize>>,
}

/// Which architectures a relation accepts, as the checker reads it.
#[derive(Clone, Copy, PartialEq)]
enum Asks<'a> {
    /// A dependency without qualifier, of a package of this architecture.
    Own(&'a Architecture),
    Any,
    Only(&'a Architecture),
    /// A conflict without qualifier.
    Every,
}

impl<'u> Checker<'_, 'u> {
    fn architecture<'p>(&'p self, package: &'p Package<'u>) -> &'p Architecture {
        match package.architecture().is_independent() {
            true => self.native,
            false => package.architecture(),
        }
    }

    fn label(&self, package: &Package<'u>) -> String {
        match self.architecture(package) == self.native {
            true => format!("{} {}", package.name(), package.version()),
            false => format!("{}:{} {}", package.name(), package.architecture(), package.version()),
        }
    }

    /// One version per name and architecture; several architectures only for `Multi-Arch: same` in one version.
    fn twins(&self, package: &Package<'u>, found: &mut Vec<String>) {
        for &at in &self.by_name[package.name()] {
            let other = &self.set[at];
            if other.sha256() == package.sha256() && other.architecture() == package.architecture() && other.version() == package.version()
            {
                continue;
            }
            let good = self.architecture(other) != self.architecture(package)
                && other.version() == package.version()
                && package.multi_arch() == MultiArch::Same
                && other.multi_arch() == MultiArch::Same;
            if !good {
                found.push(format!("`{}` and `{}` exclude each other", self.label(package), self.label(other)));
            }
        }
    }

    fn needs(&self, package: &Package<'u>, field: Field, found: &mut Vec<String>) {
        let groups = package.links(field).chunk_by(|link, _| link.or());
        for (group, texts) in groups.zip(package.relations(field)) {
            let satisfied = group.iter().zip(&texts).any(|(link, relation)| {
                let own = self.architecture(package);
                let qualifier = match link.qualifier() {
                    Qualifier::None => Asks::Own(own),
                    Qualifier::Any => Asks::Any,
                    Qualifier::Native => Asks::Only(self.native),
                    Qualifier::Architecture(_) => self.only(relation),
                };
                self.offering(relation, qualifier).next().is_some()
            });
            if !satisfied {
                let text: Vec<String> = texts.iter().map(ToString::to_string).collect();
                found.push(format!("`{}`: {field} `{}` is not met", self.label(package), text.join(" | ")));
            }
        }
    }

    fn forbids(&self, package: &Package<'u>, field: Field, found: &mut Vec<String>) {
        for (link, relation) in package.links(field).iter().zip(package.relations(field).iter().flatten()) {
            let qualifier = match link.qualifier() {
                Qualifier::None => Asks::Every,
                Qualifier::Any => Asks::Any,
                Qualifier::Native => Asks::Only(self.native),
                Qualifier::Architecture(_) => self.only(relation),
            };
            for at in self.offering(relation, qualifier) {
                let other = &self.set[at];
                if other.name() == package.name() {
                    // Its own name, of any architecture, is the business of `twins` and of the relation itself.
                    let itself = self.architecture(other) == self.architecture(package);
                    if itself || package.multi_arch() == MultiArch::Same || relation.name != package.name() {
                        continue;
                    }
                }
                found.push(format!("`{}`: {field} `{relation}` hits `{}`", self.label(package), self.label(other)));
            }
        }
    }

    fn only<'r>(&self, relation: &'r crate::pkg::Relation) -> Asks<'r> {
        match &relation.qualifier {
            Some(crate::pkg::ArchQualifier::Architecture(architecture)) => Asks::Only(architecture),
            _ => Asks::Any,
        }
    }

    /// Members of the set that offer what a relation names.
    fn offering<'r>(&'r self, relation: &'r crate::pkg::Relation, qualifier: Asks<'r>) -> impl Iterator<Item = usize> + 'r {
        let accepts = move |offered: Option<&str>| match (&relation.version, offered) {
            (None, _) => true,
            (Some(_), None) => false,
            (Some(wanted), Some(offered)) => wanted.comparison.accepts(version::compare(offered, &wanted.version)),
        };
        let real = self.by_name.get(relation.name.as_str()).into_iter().flatten().copied().filter(move |&at| {
            let other = &self.set[at];
            let fits = match qualifier {
                Asks::Own(own) => self.architecture(other) == own || other.multi_arch() == MultiArch::Foreign,
                Asks::Any => other.multi_arch() == MultiArch::Allowed,
                Asks::Only(only) => self.architecture(other) == only,
                Asks::Every => true,
            };
            fits && accepts(Some(other.version()))
        });
        let provided = self.provided.get(&relation.name).into_iter().flatten().copied().filter(move |&at| {
            let other = &self.set[at];
            other.relations(Field::Provides).iter().flatten().filter(|provide| provide.name == relation.name).any(|provide| {
                let fits = match (&provide.qualifier, qualifier) {
                    (_, Asks::Every) => true,
                    (Some(crate::pkg::ArchQualifier::Any), Asks::Any) => true,
                    (Some(crate::pkg::ArchQualifier::Any), _) => false,
                    (Some(crate::pkg::ArchQualifier::Architecture(arch)), Asks::Own(own) | Asks::Only(own)) => arch == own,
                    (_, Asks::Own(own)) => self.architecture(other) == own || other.multi_arch() == MultiArch::Foreign,
                    (_, Asks::Any) => other.multi_arch() == MultiArch::Allowed,
                    (_, Asks::Only(only)) => self.architecture(other) == only,
                };
                fits && accepts(provide.version.as_ref().map(|version| version.version.as_str()))
            })
        });
        real.chain(provided)
    }
}

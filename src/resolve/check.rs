//! Judges a set of packages by the rules of Debian policy and dpkg, sharing no code with what chose it.
//!
//! Takes the packages themselves and looks at nothing else: no preference, no candidate, no memory of the search.

use super::Satisfied;
use crate::index::packages::Qualifier;
use crate::index::{Field, Package};
use crate::pkg::{Architecture, MultiArch, Relation, version};
use std::collections::HashMap;

/// What is wrong with a set; empty for a valid one.
pub(super) fn violations(set: &[Package<'_>], native: &Architecture) -> Vec<String> {
    Closure::new(set, native).violations()
}

/// A fixed set of packages, to be asked whether it is whole and what in it satisfies what.
pub struct Closure<'a, 'u> {
    set: &'a [Package<'u>],
    native: &'a Architecture,
    by_name: HashMap<&'u str, Vec<usize>>,
    provided: HashMap<String, Vec<usize>>,
}

/// A rule that a set breaks.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Violation {
    /// Whose rule it is: a place in the set.
    pub package: usize,
    /// What is in its way; nothing where something is missing.
    pub other: Option<usize>,
    /// The field and the group of alternatives that nothing satisfies, in a control file's words.
    pub unmet: Option<(Field, String)>,
    /// All of it in one sentence.
    pub text: String,
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

impl<'a, 'u> Closure<'a, 'u> {
    /// Looks at a set that is installed on a machine of architecture `native`.
    pub fn new(set: &'a [Package<'u>], native: &'a Architecture) -> Self {
        let mut closure = Self { set, native, by_name: HashMap::new(), provided: HashMap::new() };
        for (at, package) in set.iter().enumerate() {
            closure.by_name.entry(package.name()).or_default().push(at);
            for relation in package.relations(Field::Provides).into_iter().flatten() {
                closure.provided.entry(relation.name).or_default().push(at);
            }
        }
        closure
    }

    /// What is wrong with the set, one sentence each; empty for a valid one.
    pub fn violations(&self) -> Vec<String> {
        self.broken_rules().into_iter().map(|violation| violation.text).collect()
    }

    /// What is wrong with the set; empty for a valid one.
    pub fn broken_rules(&self) -> Vec<Violation> {
        let mut found = Vec::new();
        for at in 0..self.set.len() {
            self.twins(at, &mut found);
            for field in [Field::PreDepends, Field::Depends] {
                self.needs(at, field, &mut found);
            }
            for field in [Field::Conflicts, Field::Breaks] {
                self.forbids(at, field, &mut found);
            }
        }
        found
    }

    /// The groups of one of the package's dependency fields, each with the places in the set that satisfy it, in the
    /// order of the alternatives.
    pub fn dependencies(&self, package: &Package<'u>, field: Field) -> Vec<Satisfied> {
        let groups = package.links(field).chunk_by(|link, _| link.or());
        let satisfied = groups.zip(package.relations(field)).map(|(group, texts)| {
            let mut by = Vec::new();
            for (link, relation) in group.iter().zip(&texts) {
                let own = self.architecture(package);
                let qualifier = match link.qualifier() {
                    Qualifier::None => Asks::Own(own),
                    Qualifier::Any => Asks::Any,
                    Qualifier::Native => Asks::Only(self.native),
                    Qualifier::Architecture(_) => self.only(relation),
                };
                for at in self.offering(relation, qualifier) {
                    if !by.contains(&at) {
                        by.push(at);
                    }
                }
            }
            let text: Vec<String> = texts.iter().map(ToString::to_string).collect();
            Satisfied { field, group: text.join(" | "), by }
        });
        satisfied.collect()
    }

    /// The places in the set that are what a request names: packages of that name, else what provides it.
    pub fn requested(&self, relation: &Relation) -> Vec<usize> {
        let qualifier = match relation.qualifier {
            None => Asks::Only(self.native),
            Some(_) => self.only(relation),
        };
        let all: Vec<usize> = self.offering(relation, qualifier).collect();
        let named: Vec<usize> = all.iter().copied().filter(|&at| self.set[at].name() == relation.name).collect();
        if named.is_empty() { all } else { named }
    }

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
    fn twins(&self, at: usize, found: &mut Vec<Violation>) {
        let package = &self.set[at];
        for &twin in &self.by_name[package.name()] {
            let other = &self.set[twin];
            if other.sha256() == package.sha256() && other.architecture() == package.architecture() && other.version() == package.version()
            {
                continue;
            }
            let good = self.architecture(other) != self.architecture(package)
                && other.version() == package.version()
                && package.multi_arch() == MultiArch::Same
                && other.multi_arch() == MultiArch::Same;
            if !good {
                let text = format!("`{}` and `{}` exclude each other", self.label(package), self.label(other));
                found.push(Violation { package: at, other: Some(twin), unmet: None, text });
            }
        }
    }

    fn needs(&self, at: usize, field: Field, found: &mut Vec<Violation>) {
        let package = &self.set[at];
        for Satisfied { group, by, .. } in self.dependencies(package, field) {
            if by.is_empty() {
                let text = format!("`{}`: {field} `{group}` is not met", self.label(package));
                found.push(Violation { package: at, other: None, unmet: Some((field, group)), text });
            }
        }
    }

    fn forbids(&self, place: usize, field: Field, found: &mut Vec<Violation>) {
        let package = &self.set[place];
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
                let text = format!("`{}`: {field} `{relation}` hits `{}`", self.label(package), self.label(other));
                found.push(Violation { package: place, other: Some(at), unmet: None, text });
            }
        }
    }

    fn only<'r>(&self, relation: &'r Relation) -> Asks<'r> {
        match &relation.qualifier {
            Some(crate::pkg::ArchQualifier::Architecture(architecture)) => Asks::Only(architecture),
            _ => Asks::Any,
        }
    }

    /// Members of the set that offer what a relation names.
    fn offering<'r>(&'r self, relation: &'r Relation, qualifier: Asks<'r>) -> impl Iterator<Item = usize> + 'r {
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

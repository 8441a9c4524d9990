//! Changes in an order in which every beginning of the row is a whole lockfile.

use std::collections::{BTreeMap, BTreeSet};

/// Source packages that can only move together.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Unit {
    /// Their names, in order.
    pub sources: BTreeSet<String>,
    /// What else must have moved before, or with them.
    pub needs: BTreeSet<String>,
}

/// All changes between two lockfiles.
#[derive(Clone, Debug, PartialEq, Eq, Default)]
pub struct Changes {
    /// What moves in any case, because the manifest is the new one.
    pub given: BTreeSet<String>,
    /// What may move, one after the other.
    pub units: Vec<Unit>,
}

impl Changes {
    /// Arranges `changed` source packages: lower `rank` first, then what needs least, then by name.
    ///
    /// `close` adds to some source packages those that must move with them. What is `drawn_in` by others, and wanted by
    /// nobody else, is no unit of its own but belongs to the first that needs it.
    pub fn arrange(
        changed: &BTreeSet<String>,
        drawn_in: &BTreeSet<String>,
        rank: impl Fn(&str) -> usize,
        close: impl Fn(&BTreeSet<String>) -> BTreeSet<String>,
    ) -> Self {
        let given = close(&BTreeSet::new());
        let needs: BTreeMap<&String, BTreeSet<String>> =
            changed.iter().map(|source| (source, close(&given.iter().chain([source]).cloned().collect()))).collect();
        let is_drawn =
            |source: &String| drawn_in.contains(source) && needs.iter().any(|(other, needs)| *other != source && needs.contains(source));
        let mut left: Vec<&String> = changed.iter().filter(|source| !given.contains(*source) && !is_drawn(source)).collect();
        let mut moved = given.clone();
        let mut units = vec![];
        loop {
            left.retain(|source| !moved.contains(*source));
            let cost = |source: &&String| (rank(source), needs[*source].difference(&moved).count());
            let Some(next) = left.iter().copied().min_by_key(cost) else { break };
            let all = close(&moved.union(&needs[next]).cloned().collect());
            let sources: BTreeSet<String> = all.difference(&moved).cloned().collect();
            let needs = sources.iter().filter_map(|source| needs.get(source)).flatten().cloned().collect();
            units.push(Unit { sources, needs });
            moved = all;
        }
        // What draws each other in and is wanted by nobody is left over.
        let rest: BTreeSet<String> = changed.difference(&moved).cloned().collect();
        if !rest.is_empty() {
            units.push(Unit { needs: rest.clone(), sources: rest });
        }
        Self { given, units }
    }

    /// What has moved once the first `count` units have.
    pub fn beginning(&self, count: usize) -> BTreeSet<String> {
        self.given.iter().chain(self.units.iter().take(count).flat_map(|unit| &unit.sources)).cloned().collect()
    }

    /// The units that must stay where some source packages do.
    pub fn held_with(&self, held: &BTreeSet<String>) -> Vec<usize> {
        let is_held = |unit: &Unit| !unit.sources.is_disjoint(held) || !unit.needs.is_disjoint(held);
        (0..self.units.len()).filter(|at| is_held(&self.units[*at])).collect()
    }

    /// Puts the units that stay with `held` at the end; tells how many stand before them.
    pub fn put_last(&mut self, held: &BTreeSet<String>) -> usize {
        let last = self.held_with(held);
        let (mut first, mut rest) = (vec![], vec![]);
        for (at, unit) in std::mem::take(&mut self.units).into_iter().enumerate() {
            if last.contains(&at) { rest.push(unit) } else { first.push(unit) }
        }
        let count = first.len();
        self.units = first;
        self.units.append(&mut rest);
        count
    }
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;
    use crate::culprit::forced::{Forces, Member, Setting, Side};
    use crate::index::packages::{Index, Limits};
    use crate::lock::{ImagePart, Lockfile, Parts, RepoPart, Steering};
    use crate::pkg::{Architecture, ImageSteering, Pin, RepoSteering, Sha256, Trust};
    use proptest::prelude::*;

    pub fn sources(names: &[&str]) -> BTreeSet<String> {
        names.iter().map(ToString::to_string).collect()
    }

    fn amd64() -> Architecture {
        Architecture::parse("amd64").unwrap()
    }

    /// A lockfile of one image with packages of sources of the same name and version.
    pub fn lockfile(packages: &[(&str, &str)]) -> Lockfile {
        let pin = |(name, version): &(&str, &str)| Pin {
            name: (*name).to_owned(),
            architecture: amd64(),
            version: (*version).to_owned(),
            source: (*name).to_owned(),
            source_version: (*version).to_owned(),
            repo: "r".to_owned(),
            path: format!("pool/main/{}/{name}/{name}_{version}_amd64.deb", &name[..1]),
            sha256: Sha256::of(format!("{name} {version}").as_bytes()),
            size: 1,
        };
        let repo = RepoSteering {
            archive: None,
            suites: vec!["s".to_owned()],
            components: vec!["main".to_owned()],
            only: vec![],
            exclude: vec![],
            priority: RepoSteering::DEFAULT_PRIORITY,
            trust: Trust::Index,
        };
        let image = ImagePart { arches: vec![amd64()], extends: None, steering: ImageSteering::default(), roots: vec![] };
        let steering = Steering {
            repos: [("r".to_owned(), RepoPart { steering: repo, signed_by: vec![] })].into(),
            images: [("i".to_owned(), image)].into(),
            ..Steering::default()
        };
        let pins = [(("i".to_owned(), amd64()), packages.iter().map(pin).collect())].into();
        Lockfile::build(Parts { steering, pins, ..Parts::default() }, None).unwrap()
    }

    type Line<'a> = (&'a str, &'a str, &'a str);

    fn index(packages: &[Line<'_>]) -> Index {
        let stanza = |(name, version, fields): &Line<'_>| {
            let fields = if fields.is_empty() { String::new() } else { format!("{fields}\n") };
            let digest = Sha256::of(format!("{name} {version}").as_bytes());
            format!("Package: {name}\nVersion: {version}\nArchitecture: amd64\n{fields}Filename: x\nSize: 1\nSHA256: {digest}\n\n")
        };
        Index::parse(packages.iter().map(stanza).collect::<String>().as_bytes(), &Limits::default()).unwrap()
    }

    fn with_forces<T>(old: &[Line<'_>], new: &[Line<'_>], run: impl FnOnce(&BTreeSet<String>, &Forces) -> T) -> T {
        let mut all: Vec<(Line<'_>, Side)> = vec![];
        for line in old {
            all.push((*line, if new.contains(line) { Side::Both } else { Side::Old }));
        }
        all.extend(new.iter().filter(|line| !old.contains(line)).map(|line| (*line, Side::New)));
        let changed: BTreeSet<String> = all.iter().filter(|(_, side)| *side != Side::Both).map(|(line, _)| line.0.to_owned()).collect();
        let index = index(&all.iter().map(|(line, _)| *line).collect::<Vec<_>>());
        let sides: BTreeMap<(&str, &str), Side> = all.iter().map(|(line, side)| ((line.0, line.1), *side)).collect();
        let member = |package: crate::index::Package<'_>| sides[&(package.name(), package.version())];
        let members =
            index.packages().map(|package| Member { source: package.name().to_owned(), side: member(package), package }).collect();
        run(&changed, &Forces::new(vec![Setting { architecture: amd64(), members, requests: vec![] }]))
    }

    pub fn closed(old: &[Line<'_>], new: &[Line<'_>], moved: &[&str]) -> BTreeSet<String> {
        with_forces(old, new, |_, forces| forces.close(&sources(moved)))
    }

    fn units(changes: &Changes) -> Vec<String> {
        changes.units.iter().map(|unit| unit.sources.iter().cloned().collect::<Vec<_>>().join("+")).collect()
    }

    const OLD: [Line<'_>; 5] =
        [("app", "1", "Depends: lib"), ("lib", "1", ""), ("twin", "1", "Depends: other (= 1)"), ("other", "1", ""), ("zed", "1", "")];
    const NEW: [Line<'_>; 6] = [
        ("app", "2", "Depends: lib (>= 2), extra"),
        ("lib", "2", ""),
        ("twin", "2", "Depends: other (= 2)"),
        ("other", "2", ""),
        ("zed", "2", ""),
        ("extra", "1", ""),
    ];

    #[test]
    fn what_is_needed_comes_first_and_what_needs_each_other_together() {
        let arrange = |drawn: &[&str], first: &str| {
            with_forces(&OLD, &NEW, |changed, forces| {
                units(&Changes::arrange(changed, &sources(drawn), |name| usize::from(name != first), |moved| forces.close(moved)))
            })
        };
        assert_eq!(arrange(&[], "zed"), ["zed", "extra", "lib", "app", "other+twin"]);
        assert_eq!(arrange(&["extra"], ""), ["lib", "zed", "app+extra", "other+twin"]);
        assert_eq!(arrange(&["extra"], "app"), ["app+extra+lib", "zed", "other+twin"]);
    }

    #[test]
    fn what_stays_keeps_those_that_need_it() {
        with_forces(&OLD, &NEW, |changed, forces| {
            let mut changes = Changes::arrange(changed, &sources(&["extra"]), |_| 0, |moved| forces.close(moved));
            assert_eq!(changes.put_last(&sources(&["lib"])), 2);
            assert_eq!(units(&changes), ["zed", "other+twin", "lib", "app+extra"]);
            let rest = changes.beginning(2);
            assert_eq!(forces.close(&rest), rest, "the rest is whole without it");
        });
    }

    proptest! {
        /// Whatever depends on whatever, in whatever version: each beginning is whole, and each change is there once.
        #[test]
        fn every_beginning_is_whole(edges in proptest::collection::vec((0usize..9, 0usize..9, 0usize..3), 0..14)) {
            let names = ["a", "b", "c", "d", "e", "f", "g", "h", "i"];
            let side = |version: &str| -> Vec<(String, String)> {
                names.iter().enumerate().map(|(at, name)| {
                    let depends: Vec<String> = edges.iter().filter(|(from, to, _)| *from == at && to != from).map(|(_, to, kind)| match kind {
                        0 => names[*to].to_owned(),
                        1 => format!("{} (>= {version})", names[*to]),
                        _ => format!("{} (= {version})", names[*to]),
                    }).collect();
                    ((*name).to_owned(), if depends.is_empty() { String::new() } else { format!("Depends: {}", depends.join(", ")) })
                }).collect()
            };
            let (old, new) = (side("1"), side("2"));
            let lines = |side: &'static str, text: &'_ [(String, String)]| -> Vec<(String, &'static str, String)> {
                text.iter().map(|(name, fields)| (name.clone(), side, fields.clone())).collect()
            };
            let (old, new) = (lines("1", &old), lines("2", &new));
            fn borrowed<'a>(lines: &'a [(String, &'static str, String)]) -> Vec<Line<'a>> {
                lines.iter().map(|(name, version, fields)| (name.as_str(), *version, fields.as_str())).collect()
            }
            with_forces(&borrowed(&old), &borrowed(&new), |changed, forces| {
                let changes = Changes::arrange(changed, &BTreeSet::new(), |_| 0, |moved| forces.close(moved));
                let mut seen = BTreeSet::new();
                for unit in &changes.units {
                    assert!(seen.is_disjoint(&unit.sources));
                    seen.extend(unit.sources.iter().cloned());
                }
                assert_eq!(&seen, changed);
                for count in 0..=changes.units.len() {
                    let moved = changes.beginning(count);
                    assert_eq!(forces.close(&moved), moved);
                }
            });
        }
    }
}

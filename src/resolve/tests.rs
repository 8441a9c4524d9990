//! Properties of the resolver on tiny universes, judged by a solver that tries every set.

use super::*;
use crate::index::packages::Limits;
use crate::index::{Field, Index, Package, Source, Universe};
use crate::pkg::{Architecture, Ecosystem, Pin, Relation, RepoSteering, Request, Trust, Variant};
use proptest::prelude::*;
use std::sync::Arc;

fn architecture(name: &str) -> Architecture {
    Architecture::parse(name).unwrap()
}

fn source(text: &str, repo: &str) -> Source {
    let index = Index::parse(text.as_bytes(), &Limits::default()).unwrap();
    assert!(index.skipped().is_empty(), "{:?}", index.skipped());
    let steering = RepoSteering {
        archive: None,
        suites: Vec::new(),
        components: Vec::new(),
        only: Vec::new(),
        exclude: Vec::new(),
        priority: RepoSteering::DEFAULT_PRIORITY,
        trust: Trust::Index,
    };
    Source {
        index: Arc::new(index),
        repo: repo.to_owned(),
        steering: Arc::new(steering),
        suite: repo.to_owned(),
        aliases: Vec::new(),
        not_automatic: false,
        but_automatic_upgrades: false,
        security: false,
        pinned: None,
    }
}

/// A package of a tiny universe: fields as text.
#[derive(Clone, Debug)]
struct Tiny {
    name: String,
    version: u8,
    foreign: bool,
    fields: Vec<(&'static str, String)>,
}

impl Tiny {
    fn stanza(&self) -> String {
        let Self { name, version, foreign, fields } = self;
        let arch = if *foreign { "i386" } else { "armhf" };
        let digest = crate::pkg::Sha256::of(format!("{self:?}").as_bytes());
        let fields: String = fields.iter().filter(|(_, v)| !v.is_empty()).map(|(k, v)| format!("{k}: {v}\n")).collect();
        format!(
            "Package: {name}\nVersion: {version}\nArchitecture: {arch}\nFilename: x/{name}_{version}_{arch}.deb\nSize: 1\nSHA256: {digest}\n{fields}\n"
        )
    }
}

fn relation() -> impl Strategy<Value = String> {
    let names = prop::sample::select(vec!["a", "b", "c", "d", "v", "w"]);
    let version = prop::sample::select(vec!["", "", "", " (>= 2)", " (<< 2)", " (= 1)"]);
    let qualifier = prop::sample::select(vec!["", "", "", "", ":any", ":i386"]);
    (names, qualifier, version).prop_map(|(name, qualifier, version)| format!("{name}{qualifier}{version}"))
}

fn groups() -> impl Strategy<Value = String> {
    let group = prop::collection::vec(relation(), 1..3).prop_map(|alternatives| alternatives.join(" | "));
    prop::collection::vec(group, 0..3).prop_map(|groups| groups.join(", "))
}

fn tiny() -> impl Strategy<Value = Tiny> {
    let provides = prop::sample::select(vec!["", "", "v", "w", "v (= 2)", "v, w"]);
    let multi_arch = prop::sample::select(vec!["", "same", "foreign", "allowed"]);
    let conflicts = prop::option::weighted(0.3, relation());
    let breaks = prop::option::weighted(0.2, relation());
    let name = prop::sample::select(vec!["a", "b", "c", "d"]);
    (name, 1u8..3, prop::bool::weighted(0.25), groups(), groups(), conflicts, breaks, provides, multi_arch).prop_map(
        |(name, version, foreign, depends, recommends, conflicts, breaks, provides, multi_arch)| Tiny {
            name: name.to_owned(),
            version,
            foreign,
            fields: vec![
                ("Depends", depends),
                ("Recommends", recommends),
                ("Conflicts", conflicts.unwrap_or_default()),
                ("Breaks", breaks.unwrap_or_default()),
                ("Provides", provides.to_owned()),
                ("Multi-Arch", multi_arch.to_owned()),
            ],
        },
    )
}

fn tinies() -> impl Strategy<Value = Vec<Tiny>> {
    prop::collection::vec(tiny(), 1..8).prop_map(|mut all| {
        all.sort_by_key(|tiny| (tiny.name.clone(), tiny.version, tiny.foreign));
        all.dedup_by_key(|tiny| (tiny.name.clone(), tiny.version, tiny.foreign));
        all
    })
}

/// The rules once more, as naively as can be: on the text of relations, one pair of packages at a time.
mod naive {
    use super::*;

    fn matches(relation: &Relation, from: &Package<'_>, to: &Package<'_>, negative: bool) -> bool {
        let any = relation.qualifier == Some(crate::pkg::ArchQualifier::Any);
        let arch = match &relation.qualifier {
            Some(crate::pkg::ArchQualifier::Architecture(arch)) => Some(arch.clone()),
            _ => None,
        };
        let multi_arch = to.multi_arch();
        let fits = match (any, &arch) {
            (true, _) => multi_arch == crate::pkg::MultiArch::Allowed,
            (_, Some(arch)) => to.architecture() == arch,
            _ => negative || to.architecture() == from.architecture() || multi_arch == crate::pkg::MultiArch::Foreign,
        };
        let version = |offered: Option<&str>| match (&relation.version, offered) {
            (None, _) => true,
            (Some(_), None) => false,
            (Some(wanted), Some(offered)) => wanted.accepts(offered),
        };
        let real = to.name() == relation.name && version(Some(to.version()));
        let provided = to
            .relations(Field::Provides)
            .iter()
            .flatten()
            .any(|provide| provide.name == relation.name && version(provide.version.as_ref().map(|version| version.version.as_str())));
        fits && (real || provided)
    }

    pub fn is_valid(set: &[Package<'_>]) -> bool {
        set.iter().all(|p| {
            let depends = p.relations(Field::Depends).iter().all(|group| group.iter().any(|r| set.iter().any(|q| matches(r, p, q, false))));
            let negative: Vec<Relation> = [Field::Conflicts, Field::Breaks].iter().flat_map(|&f| p.relations(f)).flatten().collect();
            let peace = set.iter().all(|q| {
                let same = p.multi_arch() == crate::pkg::MultiArch::Same;
                if q.name() == p.name() {
                    if q.architecture() == p.architecture() {
                        return q.version() == p.version();
                    }
                    let twins = same && q.multi_arch() == crate::pkg::MultiArch::Same && q.version() == p.version();
                    return twins;
                }
                !negative.iter().any(|r| matches(r, p, q, true))
            });
            depends && peace
        })
    }

    /// Tells whether any set of the packages is valid and has the wanted ones.
    pub fn is_solvable(all: &[Package<'_>], wanted: &[&str]) -> bool {
        (0u32..1 << all.len()).any(|mask| {
            let set: Vec<Package<'_>> = (0..all.len()).filter(|at| mask >> at & 1 == 1).map(|at| all[at]).collect();
            let native = architecture("armhf");
            let has = |name: &str| set.iter().any(|p| p.name() == name && *p.architecture() == native);
            wanted.iter().all(|name| has(name)) && is_valid(&set)
        })
    }
}

fn problem<'a>(universe: &'a Universe, requests: &[&str], recommends: bool) -> Problem<'a> {
    let mut problem = Problem::new(universe, architecture("armhf"));
    problem.foreign = vec![architecture("i386")];
    problem.requests = requests.iter().map(|text| Request::parse(text, Ecosystem::Deb).unwrap()).collect();
    problem.steering.variant = Variant::Custom;
    problem.steering.recommends = recommends;
    problem
}

fn text(tinies: &[Tiny]) -> String {
    tinies.iter().map(Tiny::stanza).collect()
}

fn pins(problem: &Problem<'_>) -> Option<Vec<Pin>> {
    match resolve(problem) {
        Ok(solution) => Some(solution.pins()),
        Err(Error::Unsolvable(unsolvable)) => {
            assert!(!unsolvable.causes.is_empty(), "a refusal without a cause");
            assert!(unsolvable.to_string().lines().count() > 1);
            None
        }
        Err(error) => panic!("{error}"),
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 600, ..ProptestConfig::default() })]

    #[test]
    fn solves_exactly_what_can_be_solved(tinies in tinies(), count in 1usize..4) {
        let native: Vec<&str> = tinies.iter().filter(|t| !t.foreign).map(|t| t.name.as_str()).collect();
        let mut wanted: Vec<&str> = native.into_iter().take(count).collect();
        wanted.dedup();
        prop_assume!(!wanted.is_empty());
        let universe = Universe::new(vec![source(&text(&tinies), "main")]);
        let all: Vec<Package<'_>> = universe.sources()[0].index.packages().collect();
        let found = pins(&problem(&universe, &wanted, false));
        prop_assert_eq!(found.is_some(), naive::is_solvable(&all, &wanted));
    }

    #[test]
    fn checker_agrees_with_the_naive_rules(tinies in tinies(), mask in 0u32..256) {
        let universe = Universe::new(vec![source(&text(&tinies), "main")]);
        let all: Vec<Package<'_>> = universe.sources()[0].index.packages().collect();
        let set: Vec<Package<'_>> = (0..all.len()).filter(|at| mask >> at & 1 == 1).map(|at| all[at]).collect();
        let violations = check::violations(&set, &architecture("armhf"));
        prop_assert_eq!(violations.is_empty(), naive::is_valid(&set), "{:?}", violations);
    }

    #[test]
    fn a_valid_old_lock_stays_as_it_is(tinies in tinies(), recommends: bool, newer in tiny()) {
        let wanted: Vec<&str> = tinies.iter().filter(|t| !t.foreign).map(|t| t.name.as_str()).take(1).collect();
        prop_assume!(!wanted.is_empty());
        let universe = Universe::new(vec![source(&text(&tinies), "main")]);
        let Some(old) = pins(&problem(&universe, &wanted, recommends)) else { return Ok(()) };
        let keep = vec![Preference { choices: true, pins: old.clone() }];
        let mut again = problem(&universe, &wanted, recommends);
        again.preferences = keep.clone();
        prop_assert_eq!(pins(&again), Some(old.clone()));
        // A package more, and an empty suite in front, change nothing either; Recommends may bring the new one.
        let taken = tinies.iter().any(|t| (&t.name, t.version, t.foreign) == (&newer.name, newer.version, newer.foreign));
        if !recommends && !taken {
            let more = Tiny { fields: Vec::new(), ..newer };
            let universe = Universe::new(vec![source(&text(&tinies), "main"), source(&more.stanza(), "updates")]);
            let mut again = problem(&universe, &wanted, recommends);
            again.preferences = keep;
            prop_assert_eq!(pins(&again), Some(old));
        }
    }

    #[test]
    fn order_of_requests_and_stanzas_decides_nothing_about_solvability(tinies in tinies()) {
        let wanted: Vec<&str> = tinies.iter().filter(|t| !t.foreign).map(|t| t.name.as_str()).take(2).collect();
        let mut turned = tinies.clone();
        turned.reverse();
        let mut wanted_turned = wanted.clone();
        wanted_turned.reverse();
        let one = Universe::new(vec![source(&text(&tinies), "main")]);
        let other = Universe::new(vec![source(&text(&turned), "main")]);
        let found = pins(&problem(&one, &wanted, false));
        prop_assert_eq!(&found, &pins(&problem(&one, &wanted, false)));
        prop_assert_eq!(found.is_some(), pins(&problem(&other, &wanted_turned, false)).is_some());
    }
}

#[test]
fn a_chain_as_long_as_an_attacker_likes_is_only_long() {
    let mut text = String::new();
    for at in 0..5000 {
        let depends = vec![("Depends", format!("p{}", at + 1))];
        text.push_str(&Tiny { name: format!("p{at}"), version: 1, foreign: false, fields: depends }.stanza());
    }
    let universe = Universe::new(vec![source(&text, "main")]);
    assert_eq!(pins(&problem(&universe, &["p0"], false)), None);
    let end = Tiny { name: "p5000".to_owned(), version: 1, foreign: false, fields: Vec::new() }.stanza();
    let universe = Universe::new(vec![source(&(text + &end), "main")]);
    assert_eq!(pins(&problem(&universe, &["p0"], false)).map(|pins| pins.len()), Some(5001));
}

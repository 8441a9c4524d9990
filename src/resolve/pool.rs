//! The part of the universe that a problem has reached so far, as numbers.
//!
//! Takes a [`Problem`] and looks into its indexes only for names that somebody asks about: a server image reaches some
//! 2,000 of 60,000 packages. Knows the rules of visibility (`only`, `exclude`, priorities, NotAutomatic, holds) and of
//! Multi-Arch; knows nothing of what is chosen.

mod relations;

use super::problem::Problem;
use super::unsolvable::Because;
use crate::index::{Field, Package, Source};
use crate::pkg::{Architecture, Comparison, Glob, Pin, version};
use std::collections::{BTreeSet, HashMap};
use std::rc::Rc;

/// A name that has been met.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(super) struct NameId(pub u32);

/// A package name of one architecture: what apt calls a package. At most one candidate of a unit is installed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(super) struct Unit(pub u32);

/// A version of a unit that may be installed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(super) struct CandidateId(pub u32);

/// An architecture: 0 is the native one (and `all`), then the foreign ones in their order.
pub(super) type Slot = u8;

#[derive(Clone, Copy, Debug)]
pub(super) struct Candidate<'u> {
    pub package: Package<'u>,
    pub source: u16,
    pub name: NameId,
    pub unit: Unit,
    pub slot: Slot,
}

/// What a relation is about.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Target<'u> {
    pub name: NameId,
    pub scope: Scope,
    pub version: Option<(Comparison, &'u str)>,
}

/// Which architectures a relation accepts.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) enum Scope {
    /// The own architecture, or `Multi-Arch: foreign` of any other.
    Own(Slot),
    /// `:any`: `Multi-Arch: allowed` of any architecture.
    Any,
    /// `:i386`: only that one.
    Only(Slot),
    /// Every architecture: how Conflicts and Breaks read an unqualified name.
    All,
    /// An architecture that the image does not have.
    Nowhere,
}

/// A dependency: one of the alternatives must be there.
#[derive(Clone, Debug)]
pub(super) struct Clause<'u> {
    pub field: Field,
    /// Where the group starts among the field's links, for the text.
    pub first: u16,
    pub alternatives: Box<[Alternative<'u>]>,
}

#[derive(Clone, Debug)]
pub(super) struct Alternative<'u> {
    pub target: Target<'u>,
    /// Who satisfies it, in apt's order; of a unit the preferred version first.
    pub solutions: Rc<[CandidateId]>,
}

/// A relation that must not be met, and who meets it.
#[derive(Clone, Debug)]
pub(super) struct Forbidden {
    pub field: Field,
    /// The place among the field's links; `None` for the Multi-Arch rule.
    pub link: Option<u16>,
    pub victims: Rc<[CandidateId]>,
}

/// Who offers a name: a candidate, and the version that it offers.
#[derive(Clone, Copy, Debug)]
struct Offer<'u> {
    candidate: CandidateId,
    version: Option<&'u str>,
}

type Offers<'u> = Rc<[Offer<'u>]>;

pub(super) struct Pool<'u> {
    pub problem: &'u Problem<'u>,
    pub slots: Vec<Architecture>,
    sources: &'u [Source],
    names: Vec<&'u str>,
    by_text: HashMap<&'u str, NameId>,
    /// By source, then by the index's own number of a name.
    global: Vec<Vec<u32>>,
    /// By name, then by source.
    local: Vec<u32>,
    pub candidates: Vec<Candidate<'u>>,
    by_record: HashMap<(u16, u32), CandidateId>,
    groups: Vec<Option<Rc<[CandidateId]>>>,
    offers: HashMap<(NameId, Scope), Offers<'u>>,
    clauses: Vec<Option<Rc<[Clause<'u>]>>>,
    forbidden: Vec<Option<Rc<[Forbidden]>>>,
    orders: HashMap<Unit, u64>,
    /// What requests and `from` leave of a unit's versions.
    restricted: HashMap<Unit, Rc<[CandidateId]>>,
    /// By name and architecture: versions to keep, most important first.
    pins: HashMap<(&'u str, Slot), Vec<&'u str>>,
    /// Names and slots of packages to prefer among alternatives.
    choices: HashMap<(&'u str, Slot), ()>,
    /// By name and architecture: the version that nothing older may take the place of.
    floors: HashMap<(&'u str, Slot), &'u str>,
    pub unlocked: BTreeSet<Unit>,
    /// What the walk had chosen when it failed.
    draft: BTreeSet<CandidateId>,
}

const NONE: u32 = u32::MAX;

impl<'u> Pool<'u> {
    pub fn new(problem: &'u Problem<'u>) -> Self {
        let mut slots = vec![problem.native.clone()];
        slots.extend(problem.foreign.iter().filter(|arch| **arch != problem.native).cloned());
        let sources = problem.universe.sources();
        let mut pool = Self {
            problem,
            slots,
            sources,
            names: Vec::new(),
            by_text: HashMap::new(),
            global: sources.iter().map(|source| vec![NONE; source.index.name_count()]).collect(),
            local: Vec::new(),
            candidates: Vec::new(),
            by_record: HashMap::new(),
            groups: Vec::new(),
            offers: HashMap::new(),
            clauses: Vec::new(),
            forbidden: Vec::new(),
            orders: HashMap::new(),
            restricted: HashMap::new(),
            pins: HashMap::new(),
            choices: HashMap::new(),
            floors: HashMap::new(),
            unlocked: BTreeSet::new(),
            draft: BTreeSet::new(),
        };
        for pin in &problem.floors {
            let Some(slot) = pool.slot_of(&pin.architecture) else { continue };
            let floor = pool.floors.entry((&pin.name, slot)).or_insert(&pin.version);
            if version::compare(&pin.version, floor).is_gt() {
                *floor = &pin.version;
            }
        }
        for pin in &problem.updates {
            pool.prefer(pin);
        }
        for preference in &problem.preferences {
            for pin in &preference.pins {
                let Some(slot) = pool.prefer(pin) else { continue };
                if preference.choices {
                    pool.choices.insert((&pin.name, slot), ());
                }
            }
        }
        pool
    }

    /// Adds a version to those to keep, as the least important so far.
    fn prefer(&mut self, pin: &'u Pin) -> Option<Slot> {
        let slot = self.slot_of(&pin.architecture)?;
        let versions = self.pins.entry((pin.name.as_str(), slot)).or_default();
        if !versions.contains(&pin.version.as_str()) {
            versions.push(&pin.version);
        }
        Some(slot)
    }

    /// The slot in which packages of this architecture live.
    pub fn slot_of(&self, architecture: &Architecture) -> Option<Slot> {
        if architecture.is_independent() {
            return Some(0);
        }
        self.slots.iter().position(|known| known == architecture).map(|at| at as Slot)
    }

    pub fn sources(&self) -> &'u [Source] {
        self.sources
    }

    pub fn source(&self, candidate: CandidateId) -> &'u Source {
        &self.sources[usize::from(self.candidates[candidate.0 as usize].source)]
    }

    pub fn get(&self, candidate: CandidateId) -> &Candidate<'u> {
        &self.candidates[candidate.0 as usize]
    }

    pub fn unit_of(&self, candidate: CandidateId) -> Unit {
        self.candidates[candidate.0 as usize].unit
    }

    pub fn unit(&self, name: NameId, slot: Slot) -> Unit {
        Unit(name.0 * self.slots.len() as u32 + u32::from(slot))
    }

    pub fn unit_name(&self, unit: Unit) -> (NameId, Slot) {
        let slots = self.slots.len() as u32;
        (NameId(unit.0 / slots), (unit.0 % slots) as Slot)
    }

    pub fn name(&self, name: NameId) -> &'u str {
        self.names[name.0 as usize]
    }

    /// The name with `:arch` where the unit is foreign.
    pub fn display_unit(&self, unit: Unit) -> String {
        let (name, slot) = self.unit_name(unit);
        match slot {
            0 => self.name(name).to_owned(),
            _ => format!("{}:{}", self.name(name), self.slots[usize::from(slot)]),
        }
    }

    /// The number of a name; `None` when no index mentions it.
    pub fn find_name(&mut self, text: &str) -> Option<NameId> {
        if let Some(&known) = self.by_text.get(text) {
            return Some(known);
        }
        let sources = self.sources;
        let text = sources.iter().find_map(|source| source.index.name_id(text).map(|id| source.index.name(id)))?;
        Some(self.intern(text))
    }

    fn intern(&mut self, text: &'u str) -> NameId {
        if let Some(&known) = self.by_text.get(text) {
            return known;
        }
        let id = NameId(self.names.len() as u32);
        self.names.push(text);
        self.by_text.insert(text, id);
        for (source, global) in self.sources.iter().zip(&mut self.global) {
            let local = source.index.name_id(text).unwrap_or(NONE);
            self.local.push(local);
            if local != NONE {
                global[local as usize] = id.0;
            }
        }
        self.groups.resize(self.names.len() * self.slots.len(), None);
        id
    }

    fn intern_local(&mut self, source: usize, local: u32) -> NameId {
        match self.global[source][local as usize] {
            NONE => self.intern(self.sources[source].index.name(local)),
            known => NameId(known),
        }
    }

    fn local(&self, name: NameId, source: usize) -> Option<u32> {
        Some(self.local[name.0 as usize * self.sources.len() + source]).filter(|&local| local != NONE)
    }

    /// The candidate for a package of an index; it may belong to no group.
    fn candidate(&mut self, source: usize, package: Package<'u>, name: NameId, slot: Slot) -> CandidateId {
        let unit = self.unit(name, slot);
        *self.by_record.entry((source as u16, package.id())).or_insert_with(|| {
            self.candidates.push(Candidate { package, source: source as u16, name, unit, slot });
            self.clauses.push(None);
            self.forbidden.push(None);
            CandidateId(self.candidates.len() as u32 - 1)
        })
    }

    /// The versions of a unit that may be installed, the preferred one first.
    pub fn group(&mut self, unit: Unit) -> Rc<[CandidateId]> {
        if let Some(known) = &self.groups[unit.0 as usize] {
            return known.clone();
        }
        let group = match self.restricted.get(&unit) {
            Some(restricted) => restricted.clone(),
            None => self.visible(unit).into(),
        };
        let group = self.prefer_pins(unit, group);
        self.groups[unit.0 as usize] = Some(group.clone());
        group
    }

    /// What the walk takes of a unit: one version, as apt's policy.
    pub fn preferred(&mut self, unit: Unit) -> Option<CandidateId> {
        self.group(unit).first().copied()
    }

    fn prefer_pins(&self, unit: Unit, group: Rc<[CandidateId]>) -> Rc<[CandidateId]> {
        let (name, slot) = self.unit_name(unit);
        if self.unlocked.contains(&unit) {
            return group;
        }
        let Some(pins) = self.pins.get(&(self.name(name), slot)) else { return group };
        let wanted = pins.iter().find_map(|pin| group.iter().position(|&candidate| self.get(candidate).package.version() == *pin));
        match wanted {
            None | Some(0) => group,
            Some(at) => {
                let mut sorted = group.to_vec();
                sorted[..=at].rotate_right(1);
                sorted.into()
            }
        }
    }

    /// Tells whether the unit's preferred version is preferred only because a pin says so.
    pub fn is_pinned(&mut self, unit: Unit) -> bool {
        let group = self.group(unit);
        let Some(&first) = group.first() else { return false };
        let first = self.get(first).package.version();
        group[1..].iter().any(|&other| version::compare(self.get(other).package.version(), first).is_gt())
    }

    /// Lets units move to their best version again; those with an update only when nothing else is left to give way.
    pub fn unlock(&mut self, units: BTreeSet<Unit>) {
        let (firm, soft): (BTreeSet<Unit>, BTreeSet<Unit>) = units.into_iter().partition(|&unit| self.has_update(unit));
        self.unlocked.extend(if soft.is_empty() { firm } else { soft });
        // The order of versions stands in every list of solutions.
        self.forget();
    }

    /// Tells whether one of the problem's updates is about the unit.
    pub fn has_update(&self, unit: Unit) -> bool {
        let (name, slot) = self.unit_name(unit);
        let name = self.name(name);
        self.problem.updates.iter().any(|pin| pin.name == name && self.slot_of(&pin.architecture) == Some(slot))
    }

    /// Drops everything that was concluded from groups, after a group changed.
    fn forget(&mut self) {
        self.groups.fill(None);
        self.offers.clear();
        self.clauses.fill(None);
        self.forbidden.fill(None);
    }

    /// Leaves a unit only the given versions.
    pub fn restrict(&mut self, unit: Unit, candidates: Vec<CandidateId>) {
        self.restricted.insert(unit, candidates.into());
        self.forget();
    }

    /// All packages of the unit's name and architecture, with their source, whatever is allowed.
    pub fn listings(&mut self, unit: Unit) -> Vec<(usize, CandidateId)> {
        let (name, slot) = self.unit_name(unit);
        let mut found = Vec::new();
        for source in 0..self.sources.len() {
            let Some(local) = self.local(name, source) else { continue };
            let index = &self.sources[source].index;
            for &record in index.records_named(local) {
                let package = index.record(record);
                if self.slot_of(package.architecture()) == Some(slot) {
                    found.push((source, self.candidate(source, package, name, slot)));
                }
            }
        }
        found
    }

    /// Why a listing may not be chosen although it is there; none if it may, priorities apart.
    pub fn hidden_because(&self, source: usize, candidate: CandidateId) -> Option<Because> {
        let steered = self.steered_away(source, candidate);
        steered.or_else(|| self.sources[source].not_automatic.then_some(Because::NotAutomatic))
    }

    /// The same, whether or not the suite is automatic.
    fn steered_away(&self, source: usize, candidate: CandidateId) -> Option<Because> {
        let package = self.get(candidate).package;
        let name = package.name();
        let steering = &self.sources[source].steering;
        let matching = |globs: &[Glob]| globs.iter().find(|glob| glob.matches(name)).map(|glob| glob.as_str().to_owned());
        if let Some(exclude) = matching(&self.problem.steering.exclude) {
            return Some(Because::ImageExclude { exclude });
        }
        if let Some(exclude) = matching(&steering.exclude) {
            return Some(Because::RepoExclude { exclude });
        }
        if !steering.supplies(name) {
            return Some(Because::RepoOnly);
        }
        if self.sources[source].pinned.as_ref().is_some_and(|pinned| !pinned.contains(&package.sha256())) {
            return Some(Because::TooYoung);
        }
        if let Some(ceiling) = self.problem.ceilings.get(package.source())
            && version::compare(package.source_version(), ceiling).is_gt()
        {
            return Some(Because::Lagging { version: ceiling.clone() });
        }
        let slot = self.get(candidate).slot;
        if let Some(locked) = self.floors.get(&(name, slot))
            && version::compare(package.version(), locked).is_lt()
        {
            return Some(Because::Older { locked: (*locked).to_owned() });
        }
        let mut holds = self.problem.holds.iter();
        let hold = holds.find(|hold| hold.names(name, package.source()) && !hold.allows(package.version()))?;
        let (package, version) = (hold.package.to_string(), hold.version.to_string());
        Some(Because::Hold { package, version, reason: hold.reason.clone() })
    }

    fn visible(&mut self, unit: Unit) -> Vec<CandidateId> {
        let listings = self.listings(unit);
        let shown: Vec<_> = listings.into_iter().filter(|&(source, c)| self.hidden_because(source, c).is_none()).collect();
        self.best_first(shown)
    }

    /// Keeps the repositories with the lowest priority number; sorts by version; of equal versions the first source's.
    fn best_first(&self, shown: Vec<(usize, CandidateId)>) -> Vec<CandidateId> {
        let priority = |source: usize| self.sources[source].steering.priority;
        let Some(best) = shown.iter().map(|&(source, _)| priority(source)).min() else { return Vec::new() };
        let mut kept: Vec<CandidateId> = shown.into_iter().filter(|&(source, _)| priority(source) == best).map(|(_, c)| c).collect();
        let version_of = |candidate: CandidateId| self.get(candidate).package.version();
        kept.sort_by(|&a, &b| version::compare(version_of(b), version_of(a)));
        kept.dedup_by(|b, a| version::compare(version_of(*a), version_of(*b)).is_eq());
        kept
    }

    /// Versions of a unit that sources named `from` list, best first; holds and excludes count, NotAutomatic does not.
    pub fn versions_from(&mut self, unit: Unit, from: &str) -> Vec<CandidateId> {
        let mut found = Vec::new();
        for (source, candidate) in self.listings(unit) {
            if self.sources[source].is_named(from) && self.steered_away(source, candidate).is_none() {
                found.push((source, candidate));
            }
        }
        self.best_first(found)
    }

    /// Where apt would have created the unit: later ones have the higher package ID.
    pub fn order(&mut self, unit: Unit) -> u64 {
        if let Some(&known) = self.orders.get(&unit) {
            return known;
        }
        let (name, slot) = self.unit_name(unit);
        let mut order = u64::MAX;
        let mut mentioned = false;
        for source in 0..self.sources.len() {
            let Some(local) = self.local(name, source) else { continue };
            let index = &self.sources[source].index;
            let found = index.first_mention(local, &self.slots[usize::from(slot)], &self.slots[0]);
            if let Some((position, fresh)) = found
                && !(fresh && mentioned)
            {
                order = (source as u64) << 32 | u64::from(position);
                break;
            }
            mentioned |= (0..self.slots.len()).any(|s| index.first_mention(local, &self.slots[s], &self.slots[0]).is_some());
        }
        self.orders.insert(unit, order);
        order
    }

    /// Tells whether apt would know the unit at all: a stanza or a relation names it.
    pub fn is_mentioned(&mut self, unit: Unit) -> bool {
        self.order(unit) != u64::MAX
    }

    /// Tells whether the old lock or an extended image has the unit: then it is preferred among alternatives.
    pub fn is_choice(&self, unit: Unit) -> bool {
        if self.choices.is_empty() {
            return false;
        }
        let (name, slot) = self.unit_name(unit);
        self.choices.contains_key(&(self.name(name), slot))
    }

    /// Remembers what the walk chose although something in it is broken: most of it is what apt would take.
    pub fn set_draft(&mut self, chosen: Vec<CandidateId>) {
        self.draft = chosen.into_iter().collect();
    }

    /// Tells whether the walk chose the candidate before it failed: then it goes before other ways to serve a dependency.
    pub fn is_drafted(&self, candidate: CandidateId) -> bool {
        self.draft.contains(&candidate)
    }

    /// The updates, and the old pins that may stay: those whose version is the preferred one of its unit.
    pub fn kept(&mut self) -> Vec<CandidateId> {
        let problem = self.problem;
        let Some(first) = problem.preferences.iter().find(|preference| preference.choices) else { return Vec::new() };
        let mut kept = Vec::new();
        for pin in problem.updates.iter().chain(&first.pins) {
            let Some(slot) = self.slot_of(&pin.architecture) else { continue };
            let Some(name) = self.find_name(&pin.name) else { continue };
            let unit = self.unit(name, slot);
            kept.extend(self.preferred(unit).filter(|&candidate| self.get(candidate).package.version() == pin.version));
        }
        kept
    }

    /// The best visible version of a candidate's unit, if the candidate is not that.
    pub fn newest(&mut self, candidate: CandidateId) -> Option<String> {
        let unit = self.unit_of(candidate);
        let own = self.get(candidate).package.version();
        let group = self.group(unit);
        let best = group.iter().map(|&other| self.get(other).package.version()).max_by(|a, b| version::compare(a, b))?;
        version::compare(best, own).is_gt().then(|| best.to_owned())
    }
}

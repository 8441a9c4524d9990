//! What the relations of a candidate mean: who offers a name, who satisfies a dependency, who is excluded.
//!
//! The Multi-Arch rules and apt's order of providers stand here and nowhere else (the checker has its own reading).

use super::{Alternative, Candidate, CandidateId, Clause, Forbidden, NameId, Offer, Offers, Pool, Scope, Slot, Target, Unit};
use crate::index::Field;
use crate::index::packages::{Link, Qualifier};
use crate::pkg::{Architecture, MultiArch, version};
use std::rc::Rc;

impl<'u> Pool<'u> {
    fn offers(&mut self, name: NameId, scope: Scope) -> Offers<'u> {
        if let Some(known) = self.offers.get(&(name, scope)) {
            return known.clone();
        }
        let mut found: Vec<Offer<'u>> = Vec::new();
        for slot in 0..self.slots.len() as Slot {
            if matches!(scope, Scope::Only(only) if only != slot) {
                continue;
            }
            let unit = self.unit(name, slot);
            for &candidate in self.group(unit).iter() {
                let package = self.get(candidate).package;
                let fits = match scope {
                    Scope::Own(own) => own == slot || package.multi_arch() == MultiArch::Foreign,
                    Scope::Any => package.multi_arch() == MultiArch::Allowed,
                    Scope::Only(_) | Scope::All => true,
                    Scope::Nowhere => false,
                };
                if fits {
                    found.push(Offer { candidate, version: Some(package.version()) });
                }
            }
        }
        self.provided(name, scope, &mut found);
        let real = |pool: &Self, offer: &Offer| pool.get(offer.candidate).name == name;
        let mut keyed: Vec<(_, Offer<'u>)> = found
            .into_iter()
            .map(|offer| {
                let Candidate { package, unit, slot, .. } = *self.get(offer.candidate);
                // apt counts itself among the essential and important packages.
                let apt = package.name() == "apt";
                let key = (
                    !self.is_choice(unit),
                    !real(self, &offer),
                    !(package.is_essential() || apt),
                    !(package.is_important() || apt),
                    slot,
                    package.priority(),
                    std::cmp::Reverse(self.order(unit)),
                );
                (key, offer)
            })
            .collect();
        // Stable: the versions of a unit keep their group's order.
        keyed.sort_by_key(|(key, _)| *key);
        let offers: Offers<'u> = keyed.into_iter().map(|(_, offer)| offer).collect();
        self.offers.insert((name, scope), offers.clone());
        offers
    }

    /// The units that any listing of provides the name.
    pub fn provider_units(&mut self, name: NameId) -> Vec<Unit> {
        let mut providers: Vec<Unit> = Vec::new();
        for source in 0..self.sources.len() {
            let Some(local) = self.local(name, source) else { continue };
            let index = &self.sources[source].index;
            for &record in index.records_providing(local) {
                let package = index.record(record);
                let Some(slot) = self.slot_of(package.architecture()) else { continue };
                let owner = self.intern_local(source, package.name_id());
                providers.push(self.unit(owner, slot));
            }
        }
        providers.sort_unstable();
        providers.dedup();
        providers
    }

    fn provided(&mut self, name: NameId, scope: Scope, found: &mut Vec<Offer<'u>>) {
        let providers = self.provider_units(name);
        for unit in providers {
            let slot = self.unit_name(unit).1;
            for &candidate in self.group(unit).iter() {
                let Candidate { package, source, .. } = *self.get(candidate);
                let index = &self.sources[usize::from(source)].index;
                for link in package.links(Field::Provides) {
                    if self.intern_local(source.into(), link.name) != name {
                        continue;
                    }
                    let multi_arch = package.multi_arch();
                    let fits = match (scope, self.scope(source.into(), link, slot)) {
                        (Scope::Nowhere, _) | (_, Scope::Nowhere) => false,
                        (Scope::All, _) => true,
                        // `Provides: foo:any`
                        (Scope::Any, Scope::Any) => true,
                        (_, Scope::Any) => false,
                        // `Provides: foo:i386`
                        (Scope::Own(own) | Scope::Only(own), Scope::Only(only)) => own == only,
                        (Scope::Any, _) => multi_arch == MultiArch::Allowed,
                        (Scope::Own(own), _) => own == slot || multi_arch == MultiArch::Foreign,
                        (Scope::Only(only), _) => only == slot,
                    };
                    if fits {
                        let version = link.comparison().map(|_| index.text(link.version));
                        found.push(Offer { candidate, version });
                    }
                }
            }
        }
    }

    fn scope(&self, source: usize, link: &Link, own: Slot) -> Scope {
        let only = |architecture: &Architecture| self.slot_of(architecture).map_or(Scope::Nowhere, Scope::Only);
        match link.qualifier() {
            Qualifier::None => Scope::Own(own),
            Qualifier::Any => Scope::Any,
            Qualifier::Native => Scope::Only(0),
            Qualifier::Architecture(id) => only(self.sources[source].index.architecture(id)),
        }
    }

    /// Who satisfies a target, in apt's order.
    pub fn solutions(&mut self, target: &Target<'_>) -> Rc<[CandidateId]> {
        let offers = self.offers(target.name, target.scope);
        let mut found: Vec<CandidateId> = Vec::with_capacity(offers.len());
        for offer in offers.iter() {
            let fits = match (target.version, offer.version) {
                (None, _) => true,
                (Some(_), None) => false,
                (Some((comparison, wanted)), Some(version)) => comparison.accepts(version::compare(version, wanted)),
            };
            if fits && !found.contains(&offer.candidate) {
                found.push(offer.candidate);
            }
        }
        found.into()
    }

    /// The dependencies of a candidate, in apt's order: Pre-Depends, Depends, and Recommends where they count.
    pub fn clauses(&mut self, candidate: CandidateId) -> Rc<[Clause<'u>]> {
        if let Some(known) = &self.clauses[candidate.0 as usize] {
            return known.clone();
        }
        let Candidate { package, source, slot, .. } = *self.get(candidate);
        let mut clauses = Vec::new();
        let fields: &[Field] = match self.problem.steering.recommends {
            true => &[Field::PreDepends, Field::Depends, Field::Recommends],
            false => &[Field::PreDepends, Field::Depends],
        };
        for &field in fields {
            let links = package.links(field);
            let mut first = 0;
            for group in links.chunk_by(|link, _| link.or()) {
                let alternatives = group
                    .iter()
                    .map(|link| {
                        let target = self.target(source.into(), link, slot);
                        Alternative { target, solutions: self.solutions(&target) }
                    })
                    .collect();
                clauses.push(Clause { field, first, alternatives });
                first += group.len() as u16;
            }
        }
        let clauses: Rc<[Clause<'u>]> = clauses.into();
        self.clauses[candidate.0 as usize] = Some(clauses.clone());
        clauses
    }

    fn target(&mut self, source: usize, link: &Link, slot: Slot) -> Target<'u> {
        let index = &self.sources[source].index;
        Target {
            name: self.intern_local(source, link.name),
            scope: self.scope(source, link, slot),
            version: link.comparison().map(|comparison| (comparison, index.text(link.version))),
        }
    }

    /// Who must not be there together with a candidate, by the candidate's own fields and the Multi-Arch rule.
    pub fn forbidden(&mut self, candidate: CandidateId) -> Rc<[Forbidden]> {
        if let Some(known) = &self.forbidden[candidate.0 as usize] {
            return known.clone();
        }
        let Candidate { package, source, slot, name, unit } = *self.get(candidate);
        let same = package.multi_arch() == MultiArch::Same;
        let mut found = Vec::new();
        for field in [Field::Conflicts, Field::Breaks] {
            for (at, link) in package.links(field).iter().enumerate() {
                let mut target = self.target(source.into(), link, slot);
                if link.qualifier() == Qualifier::None {
                    target.scope = Scope::All;
                }
                let victims: Rc<[CandidateId]> = self
                    .solutions(&target)
                    .iter()
                    .copied()
                    // A package never conflicts with its own name's provider, nor a co-installable one with its twins.
                    .filter(|&victim| {
                        let other = self.get(victim);
                        other.name != name || (target.name == name && other.unit != unit && !same)
                    })
                    .collect();
                if !victims.is_empty() {
                    found.push(Forbidden { field, link: Some(at as u16), victims });
                }
            }
        }
        for other in (0..self.slots.len() as Slot).filter(|&other| other != slot) {
            let twins = self.group(self.unit(name, other));
            let victims: Rc<[CandidateId]> =
                twins.iter().copied().filter(|&twin| !(same && self.get(twin).package.version() == package.version())).collect();
            if !victims.is_empty() {
                let field = if same { Field::Breaks } else { Field::Conflicts };
                found.push(Forbidden { field, link: None, victims });
            }
        }
        let found: Rc<[Forbidden]> = found.into();
        self.forbidden[candidate.0 as usize] = Some(found.clone());
        found
    }

    /// A clause in a control file's words.
    pub fn clause_text(&self, candidate: CandidateId, clause: &Clause<'_>) -> String {
        let package = self.get(candidate).package;
        let links = &package.links(clause.field)[usize::from(clause.first)..][..clause.alternatives.len()];
        links.iter().map(|&link| package.relation(link).to_string()).collect::<Vec<_>>().join(" | ")
    }

    /// A negative relation in a control file's words.
    pub fn forbidden_text(&self, candidate: CandidateId, forbidden: &Forbidden) -> String {
        let package = self.get(candidate).package;
        match forbidden.link {
            Some(at) => package.relation(package.links(forbidden.field)[usize::from(at)]).to_string(),
            None => format!("{} of another architecture", package.name()),
        }
    }
}

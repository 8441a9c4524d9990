//! Two lockfiles that grew from one: what each side changed, put together as a value.
//!
//! Text merges know lines; this knows pins. A package that one side changed takes that side's pin; one that both changed
//! takes the newer. What comes out is what is *wanted*: whether it holds together is for the resolver to say.

use super::{Id, ImagePart, Lockfile, Parts, RepoPart, Steering};
use crate::pkg::{Architecture, Pin, version};
use std::collections::{BTreeMap, BTreeSet};

/// Both sides changed one thing of the manifest, differently.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("both sides changed {what}")]
pub struct Clash {
    /// What, for people.
    pub what: String,
}

/// Three states of one lockfile; without a common one, everything counts as new on both sides.
#[derive(Clone, Copy, Debug)]
pub struct Sides<'a> {
    /// What both grew from.
    pub base: Option<&'a Lockfile>,
    /// The side that is merged into.
    pub ours: &'a Lockfile,
    /// The side that is merged.
    pub theirs: &'a Lockfile,
}

impl Sides<'_> {
    /// What the merged manifest says, as far as it steers.
    ///
    /// # Errors
    /// [`Clash`] where both sides changed one thing differently.
    pub fn steering(&self) -> Result<Steering, Clash> {
        let empty = Steering { accelerate: vec![], ..Steering::default() };
        let base = self.base.map_or(&empty, |base| &base.steering);
        let (ours, theirs) = (&self.ours.steering, &self.theirs.steering);
        let clash = |what: &str| Clash { what: what.to_owned() };
        let holds = merge_set(&base.holds, &ours.holds, &theirs.holds);
        let mut held: BTreeMap<(&str, &str), u32> = BTreeMap::new();
        for hold in &holds {
            *held.entry((hold.package.as_str(), hold.version.as_str())).or_default() += 1;
        }
        if let Some(((package, _), _)) = held.into_iter().find(|(_, count)| *count > 1) {
            return Err(clash(&format!("the hold on `{package}`")));
        }
        Ok(Steering {
            ecosystem: ours.ecosystem,
            foreign_arches: three(&base.foreign_arches, &ours.foreign_arches, &theirs.foreign_arches)
                .ok_or_else(|| clash("`foreign-arches`"))?,
            accelerate: three(&base.accelerate, &ours.accelerate, &theirs.accelerate).ok_or_else(|| clash("`accelerate`"))?,
            holds,
            repos: merge_map(&base.repos, &ours.repos, &theirs.repos, merge_repo).map_err(|name| clash(&format!("repository `{name}`")))?,
            images: merge_map(&base.images, &ours.images, &theirs.images, merge_image).map_err(|name| clash(&format!("image `{name}`")))?,
        })
    }

    /// The numbers of users and groups. A number that both sides gave, to different names, stays with the first by name;
    /// the other name gets a new one from the next build.
    pub fn ids(&self) -> BTreeMap<String, Id> {
        let none = BTreeMap::new();
        let base = self.base.map_or(&none, |base| &base.ids);
        let mut merged: BTreeMap<String, Id> = BTreeMap::new();
        let names: BTreeSet<&String> = self.ours.ids.keys().chain(self.theirs.ids.keys()).collect();
        for name in names {
            let sides = [base.get(name), self.ours.ids.get(name), self.theirs.ids.get(name)];
            // Of two different numbers the lower, whichever side is merged into which.
            let id = three(&sides[0], &sides[1], &sides[2])
                .unwrap_or_else(|| sides[1..].iter().flatten().min_by_key(|id| (id.uid, id.gid)).copied());
            let Some(id) = id else { continue };
            let taken = |other: &Id| id.uid.is_some() && id.uid == other.uid || id.gid.is_some() && id.gid == other.gid;
            if !merged.values().any(taken) {
                merged.insert(name.clone(), *id);
            }
        }
        merged
    }

    /// The pins to prefer, for the images and repositories of `steering`.
    pub fn pins(&self, steering: &Steering) -> BTreeMap<(String, Architecture), Vec<Pin>> {
        let mut merged = BTreeMap::new();
        for (image, part) in &steering.images {
            for architecture in &part.arches {
                let of = |lockfile: &Lockfile| -> BTreeMap<(String, Option<Architecture>), Pin> {
                    let pins = lockfile.pins(image, architecture).unwrap_or_default().into_iter();
                    let native = |pin: &Pin| pin.architecture == *architecture || pin.architecture.is_independent();
                    pins.map(|pin| ((pin.name.clone(), (!native(&pin)).then(|| pin.architecture.clone())), pin)).collect()
                };
                let (base, ours, theirs) = (self.base.map(of).unwrap_or_default(), of(self.ours), of(self.theirs));
                let keys: BTreeSet<_> = ours.keys().chain(theirs.keys()).collect();
                let pins = keys.into_iter().filter_map(|key| {
                    let (base, ours, theirs) = (base.get(key), ours.get(key), theirs.get(key));
                    let pin = three(&base, &ours, &theirs).unwrap_or_else(|| newer(ours, theirs));
                    pin.filter(|pin| steering.repos.contains_key(&pin.repo)).cloned()
                });
                merged.insert((image.clone(), architecture.clone()), pins.collect());
            }
        }
        merged
    }

    /// Everything that any side has pinned for an architecture's images.
    pub fn all_pins(&self) -> BTreeSet<Pin> {
        self.base.into_iter().chain([self.ours, self.theirs]).flat_map(|lockfile| lockfile.cells().iter().cloned()).collect()
    }

    /// All of it as parts of a lockfile for a manifest that says `steering`.
    pub fn parts(&self, steering: Steering) -> Parts {
        let pins = self.pins(&steering);
        Parts { steering, ids: self.ids(), pins, ..Parts::default() }
    }
}

/// The newer of two pins; what only one side has is taken, since the resolver drops what nobody needs.
fn newer<'a>(ours: Option<&'a Pin>, theirs: Option<&'a Pin>) -> Option<&'a Pin> {
    let newer = |a: &&Pin, b: &&Pin| version::compare(&a.version, &b.version).then_with(|| a.sha256.cmp(&b.sha256));
    ours.into_iter().chain(theirs).max_by(newer)
}

/// The side that changed; none if both did, differently.
fn three<T: Clone + PartialEq>(base: &T, ours: &T, theirs: &T) -> Option<T> {
    match () {
        () if ours == theirs || theirs == base => Some(ours.clone()),
        () if ours == base => Some(theirs.clone()),
        () => None,
    }
}

/// What a side took away is gone, what a side added is there.
fn merge_set<T: Clone + PartialEq>(base: &[T], ours: &[T], theirs: &[T]) -> Vec<T> {
    let stays = |entry: &&T| theirs.contains(entry) || !base.contains(entry);
    let comes = |entry: &&T| !base.contains(entry) && !ours.contains(entry);
    ours.iter().filter(stays).chain(theirs.iter().filter(comes)).cloned().collect()
}

/// Merges entry by entry; where both sides changed one, by what is in it. The name of one that cannot be merged is the error.
fn merge_map<T: Clone + PartialEq>(
    base: &BTreeMap<String, T>,
    ours: &BTreeMap<String, T>,
    theirs: &BTreeMap<String, T>,
    inner: impl Fn(&T, &T, &T) -> Option<T>,
) -> Result<BTreeMap<String, T>, String> {
    let mut merged = BTreeMap::new();
    let names: BTreeSet<&String> = ours.keys().chain(theirs.keys()).collect();
    for name in names {
        let (base, ours, theirs) = (base.get(name), ours.get(name), theirs.get(name));
        let value = match (three(&base, &ours, &theirs), ours, theirs) {
            (Some(value), ..) => value.cloned(),
            (None, Some(ours), Some(theirs)) => Some(inner(base.unwrap_or(ours), ours, theirs).ok_or_else(|| name.clone())?),
            // One side removed what the other changed.
            (None, ..) => return Err(name.clone()),
        };
        merged.extend(value.map(|value| (name.clone(), value)));
    }
    Ok(merged)
}

fn merge_repo(base: &RepoPart, ours: &RepoPart, theirs: &RepoPart) -> Option<RepoPart> {
    let (b, o, t) = (&base.steering, &ours.steering, &theirs.steering);
    let mut merged = ours.clone();
    merged.steering.archive = three(&b.archive, &o.archive, &t.archive)?;
    merged.steering.suites = three(&b.suites, &o.suites, &t.suites)?;
    merged.steering.components = three(&b.components, &o.components, &t.components)?;
    merged.steering.only = merge_set(&b.only, &o.only, &t.only);
    merged.steering.exclude = merge_set(&b.exclude, &o.exclude, &t.exclude);
    merged.steering.priority = three(&b.priority, &o.priority, &t.priority)?;
    merged.steering.trust = three(&b.trust, &o.trust, &t.trust)?;
    merged.signed_by = merge_set(&base.signed_by, &ours.signed_by, &theirs.signed_by);
    Some(merged)
}

fn merge_image(base: &ImagePart, ours: &ImagePart, theirs: &ImagePart) -> Option<ImagePart> {
    let (b, o, t) = (&base.steering, &ours.steering, &theirs.steering);
    let mut merged = ours.clone();
    merged.arches = three(&base.arches, &ours.arches, &theirs.arches)?;
    merged.extends = three(&base.extends, &ours.extends, &theirs.extends)?;
    merged.steering.variant = three(&b.variant, &o.variant, &t.variant)?;
    merged.steering.recommends = three(&b.recommends, &o.recommends, &t.recommends)?;
    merged.steering.exclude = merge_set(&b.exclude, &o.exclude, &t.exclude);
    merged.roots = merge_set(&base.roots, &ours.roots, &theirs.roots);
    let mut texts: BTreeMap<&str, u32> = BTreeMap::new();
    merged.roots.iter().for_each(|(text, _)| *texts.entry(text).or_default() += 1);
    texts.values().all(|count| *count == 1).then(|| merged.clone())
}

/// What stands between the marks of a conflict: the text of each side, and of what both grew from where it is there.
///
/// None if the text has no mark.
pub fn split_conflict(text: &str) -> Option<(Option<String>, String, String)> {
    #[derive(PartialEq)]
    enum In {
        Both,
        Ours,
        Base,
        Theirs,
    }
    let (mut base, mut ours, mut theirs) = (String::new(), String::new(), String::new());
    let (mut place, mut has_base, mut marks) = (In::Both, false, 0);
    for line in text.split_inclusive('\n') {
        let mark = |sign: &str| line.starts_with(sign) && matches!(line.as_bytes().get(sign.len()), None | Some(b' ' | b'\n' | b'\r'));
        match () {
            () if mark("<<<<<<<") => (place, marks) = (In::Ours, marks + 1),
            () if mark("|||||||") => (place, has_base) = (In::Base, true),
            () if mark("=======") && place != In::Both => place = In::Theirs,
            () if mark(">>>>>>>") => place = In::Both,
            () => {
                let to: &mut [&mut String] = match place {
                    In::Both => &mut [&mut base, &mut ours, &mut theirs],
                    In::Ours => &mut [&mut ours],
                    In::Base => &mut [&mut base],
                    In::Theirs => &mut [&mut theirs],
                };
                to.iter_mut().for_each(|side| side.push_str(line));
            }
        }
    }
    (marks > 0).then_some((has_base.then_some(base), ours, theirs))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_side_that_changed_wins() {
        assert_eq!([three(&1, &1, &2), three(&1, &2, &1), three(&1, &2, &2), three(&1, &2, &3)], [Some(2), Some(2), Some(2), None]);
        assert_eq!(merge_set(&[1, 2, 3], &[1, 2, 4], &[1, 3, 5]), [1, 4, 5]);
    }

    #[test]
    fn marks_part_the_sides() {
        let text = "a\n<<<<<<< ours\nb\n||||||| base\nc\n=======\nd\n>>>>>>> theirs\ne\n";
        assert_eq!(split_conflict(text), Some((Some("a\nc\ne\n".to_owned()), "a\nb\ne\n".to_owned(), "a\nd\ne\n".to_owned())));
        let text = "<<<<<<<\nb\n=======\n>>>>>>>\n=======\n";
        assert_eq!(split_conflict(text), Some((None, "b\n=======\n".to_owned(), "=======\n".to_owned())));
        assert_eq!(split_conflict("a\n<<<<<<<<\n"), None);
    }
}

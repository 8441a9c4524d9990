//! Numbers of the users and groups that maintainer scripts make: who has one, and who gets which.
//!
//! A name has its number from the manifest's `[ids]`, else from the lockfile's. The same number goes to every image of
//! the manifest, before any script runs, so a new package never shifts ids.

use super::Error;
use crate::lock::{Id, Lockfile};
use crate::manifest::Manifest;
use crate::step::outcome::Unrecorded;
use std::collections::{BTreeMap, BTreeSet};
use std::ops::RangeInclusive;

/// The numbers that are given to users and groups that packages make (Debian policy 9.2.2: dynamically allocated system
/// users and groups).
const SYSTEM: RangeInclusive<u32> = 100..=999;

/// A group that `base-passwd` has inside [`SYSTEM`]: `users`.
const USERS_GROUP: u32 = 100;

/// Every name that has a number. What the manifest fixes holds for a user and a group of that name.
pub fn fixed(manifest: &Manifest, lockfile: &Lockfile) -> BTreeMap<String, Id> {
    let mut ids = lockfile.ids().clone();
    ids.extend(manifest.ids.iter().map(|(name, number)| (name.clone(), Id { uid: Some(*number), gid: Some(*number) })));
    ids
}

/// What the lockfile keeps of its numbers under the manifest as it is now: all but those that the manifest gives to the
/// name itself or to another one. A name that no image has any more keeps its number, for the day it comes back.
pub fn kept(manifest: &Manifest, recorded: &BTreeMap<String, Id>) -> BTreeMap<String, Id> {
    let mut kept = recorded.clone();
    kept.retain(|name, id| conflict(manifest, name, *id).is_none());
    kept
}

/// Why recorded numbers do not fit the manifest, one reason each.
pub fn conflicts(manifest: &Manifest, recorded: &BTreeMap<String, Id>) -> Vec<String> {
    recorded.iter().filter_map(|(name, id)| conflict(manifest, name, *id)).collect()
}

fn conflict(manifest: &Manifest, name: &str, id: Id) -> Option<String> {
    if let Some(number) = manifest.ids.get(name) {
        return Some(format!("ids: the manifest fixes `{name}` to {number} now"));
    }
    let numbers = [id.uid, id.gid];
    let (other, number) = manifest.ids.iter().find(|(_, number)| numbers.contains(&Some(**number)))?;
    Some(format!("ids: the manifest gives {number}, which `{name}` has, to `{other}` now"))
}

/// Adds a number for each of `wanted` to `recorded`: in name order, the lowest system id that nobody has; a name that is
/// a user and a group gets one number for both. Gives the names that got one.
///
/// # Errors
/// When no system id is left.
pub fn record(manifest: &Manifest, recorded: &mut BTreeMap<String, Id>, wanted: &[Unrecorded]) -> Result<BTreeSet<String>, Error> {
    let mut taken: BTreeSet<u32> = recorded.values().flat_map(|id| [id.uid, id.gid]).flatten().collect();
    taken.extend(manifest.ids.values());
    let mut names: BTreeMap<&str, (bool, bool)> = BTreeMap::new();
    for one in wanted.iter().filter(|one| !manifest.ids.contains_key(&one.name)) {
        let (user, group) = names.entry(&one.name).or_default();
        *user |= one.user;
        *group |= one.group;
    }
    let mut added = BTreeSet::new();
    for (name, (user, group)) in names {
        let id = recorded.get(name).copied().unwrap_or_default();
        let (user, group) = (user && id.uid.is_none(), group && id.gid.is_none());
        if !user && !group {
            continue;
        }
        let is_free = |number: &u32| !(taken.contains(number) || group && *number == USERS_GROUP);
        let own = id.uid.or(id.gid).filter(|number| !(group && *number == USERS_GROUP));
        let number = own.or_else(|| SYSTEM.into_iter().find(is_free)).ok_or_else(|| Error::NoFreeId { name: name.to_owned() })?;
        taken.insert(number);
        let id = Id { uid: if user { Some(number) } else { id.uid }, gid: if group { Some(number) } else { id.gid } };
        recorded.insert(name.to_owned(), id);
        added.insert(name.to_owned());
    }
    Ok(added)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::path::Path;

    fn manifest(ids: &str) -> Manifest {
        crate::manifest::parse(&format!("arches = [\"armhf\"]\n[image.root]\n[ids]\n{ids}"), Path::new("m.toml")).unwrap()
    }

    fn wanted(names: &[(&str, bool, bool)]) -> Vec<Unrecorded> {
        names.iter().map(|(name, user, group)| Unrecorded { name: (*name).to_owned(), user: *user, group: *group }).collect()
    }

    fn lines(ids: &BTreeMap<String, Id>) -> Vec<String> {
        ids.iter().map(|(name, id)| crate::lock::id_line(name, *id)).collect()
    }

    #[test]
    fn gives_the_lowest_free_number_in_name_order() {
        let manifest = manifest("fixed = 102\n");
        let mut ids = BTreeMap::from([("old".to_owned(), Id { uid: None, gid: Some(101) })]);
        let names = [("zed", true, true), ("alone", true, false), ("mess", true, false), ("mess", false, true), ("fixed", true, true)];
        let added = record(&manifest, &mut ids, &wanted(&names)).unwrap();
        assert_eq!(added.into_iter().collect::<Vec<_>>(), ["alone", "mess", "zed"]);
        insta::assert_snapshot!(lines(&ids).join("\n"), @"
        alone = { uid = 100 }
        mess = { uid = 103, gid = 103 }
        old = { gid = 101 }
        zed = { uid = 104, gid = 104 }
        ");
    }

    #[test]
    fn the_order_of_reports_does_not_matter() {
        let manifest = manifest("");
        let mut names = vec![("c", true, true), ("a", false, true), ("b", true, true)];
        let record = |names: &[(&str, bool, bool)]| {
            let mut ids = BTreeMap::new();
            super::record(&manifest, &mut ids, &wanted(names)).unwrap();
            ids
        };
        let one = record(&names);
        names.reverse();
        assert_eq!(one, record(&names));
    }

    #[test]
    fn adds_the_other_half_of_a_name() {
        let mut ids = BTreeMap::from([
            ("alone".to_owned(), Id { uid: Some(100), gid: None }),
            ("mail2".to_owned(), Id { uid: Some(104), gid: None }),
        ]);
        record(&manifest(""), &mut ids, &wanted(&[("alone", true, true), ("mail2", false, true)])).unwrap();
        assert_eq!(lines(&ids), ["alone = { uid = 100, gid = 101 }", "mail2 = { uid = 104, gid = 104 }"]);
    }

    #[test]
    fn says_when_none_is_left() {
        let mut ids = BTreeMap::new();
        let names: Vec<String> = (0..900).map(|number| format!("u{number:03}")).collect();
        let all: Vec<_> = names.iter().map(|name| (name.as_str(), true, false)).collect();
        record(&manifest(""), &mut ids, &wanted(&all)).unwrap();
        let error = record(&manifest(""), &mut ids, &wanted(&[("late", true, false)])).unwrap_err();
        assert_eq!(error.to_string(), "there is no system id left for `late`: 100 to 999 are taken");
    }

    #[test]
    fn the_manifest_wins() {
        let manifest = manifest("mess = 105\nother = 101\n");
        let id = |number| Id { uid: Some(number), gid: Some(number) };
        let recorded = BTreeMap::from([("mess".to_owned(), id(103)), ("loser".to_owned(), id(101)), ("kept".to_owned(), id(102))]);
        assert_eq!(lines(&kept(&manifest, &recorded)), ["kept = { uid = 102, gid = 102 }"]);
        insta::assert_snapshot!(conflicts(&manifest, &recorded).join("\n"), @"
        ids: the manifest gives 101, which `loser` has, to `other` now
        ids: the manifest fixes `mess` to 105 now
        ");
        let text = "# @generated\nversion = 1\necosystem = \"deb\"\naccelerate = []\n\n[ids]\nkept = { gid = 102 }\nmess = { uid = 103 }\n";
        let lockfile = Lockfile::parse(text).unwrap();
        assert_eq!(
            lines(&fixed(&manifest, &lockfile)),
            ["kept = { gid = 102 }", "mess = { uid = 105, gid = 105 }", "other = { uid = 101, gid = 101 }"]
        );
    }
}

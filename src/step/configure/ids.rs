//! User and group ids that do not depend on the order in which scripts ran.
//!
//! Scripts take the next free id. What they took is replaced here by what the image's tables say, in the files of names
//! and in the owner of every file that scripts touched: the result is as if the ids had been there before the scripts.

use super::Error;
use super::unpack::{change, text};
use crate::step::outcome::Unrecorded;
use crate::store::{DirTree, Entry, FileKind, Metadata, Repo, Root, Tree};
use std::collections::{BTreeMap, BTreeSet};

/// Ids that scripts hand out without being told one (policy 9.2.2).
const DYNAMIC: std::ops::RangeInclusive<u32> = 100..=999;

/// The id of one name, as user, as group or as both.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Id {
    /// The user id.
    pub uid: Option<u32>,
    /// The group id.
    pub gid: Option<u32>,
}

/// What the files of names say.
struct Names {
    /// By name: the id that the scripts gave.
    users: BTreeMap<String, u32>,
    groups: BTreeMap<String, u32>,
}

impl Names {
    fn read(repo: &Repo, tree: &mut Tree) -> Result<Self, Error> {
        let mut table = |path: &str, master: &str| -> Result<BTreeMap<String, u32>, Error> {
            let given = entries(&text(repo, tree, master)?);
            let mut names = entries(&text(repo, tree, path)?);
            names.retain(|name, id| DYNAMIC.contains(id) && !given.contains_key(name));
            Ok(names)
        };
        let users = table("etc/passwd", "usr/share/base-passwd/passwd.master")?;
        let groups = table("etc/group", "usr/share/base-passwd/group.master")?;
        Ok(Self { users, groups })
    }
}

/// Name and id of each line of `passwd` or `group`.
fn entries(text: &str) -> BTreeMap<String, u32> {
    let entry = |line: &str| {
        let mut fields = line.split(':');
        Some((fields.next()?.to_owned(), fields.nth(1)?.parse().ok()?))
    };
    text.lines().filter_map(entry).collect()
}

/// Names that scripts made in `tree` and that `ids` does not have.
pub(super) fn unrecorded(repo: &Repo, tree: &mut Tree, ids: &BTreeMap<String, Id>) -> Result<Vec<Unrecorded>, Error> {
    let Names { users, groups } = Names::read(repo, tree)?;
    let names: BTreeSet<&String> = users.keys().chain(groups.keys()).collect();
    let mut unrecorded = vec![];
    for name in names {
        let known = ids.get(name).copied().unwrap_or_default();
        let user = users.contains_key(name) && known.uid.is_none();
        let group = groups.contains_key(name) && known.gid.is_none();
        if user || group {
            unrecorded.push(Unrecorded { name: name.clone(), user, group });
        }
    }
    Ok(unrecorded)
}

/// Which id becomes which.
struct Renumbering {
    users: BTreeMap<u32, u32>,
    groups: BTreeMap<u32, u32>,
}

impl Renumbering {
    fn apply(&self, metadata: &mut Metadata) {
        metadata.uid = *self.users.get(&metadata.uid).unwrap_or(&metadata.uid);
        metadata.gid = *self.groups.get(&metadata.gid).unwrap_or(&metadata.gid);
        for (name, value) in &mut metadata.xattrs {
            if name.starts_with(b"system.posix_acl_") {
                self.apply_to_acl(value);
            }
        }
    }

    /// An access control list: a version, then entries of tag, permissions and id, all little-endian
    /// (`linux/posix_acl_xattr.h`).
    fn apply_to_acl(&self, value: &mut [u8]) {
        const USER: u16 = 0x02;
        const GROUP: u16 = 0x08;
        for entry in value.get_mut(4..).unwrap_or_default().chunks_exact_mut(8) {
            let id = u32::from_le_bytes([entry[4], entry[5], entry[6], entry[7]]);
            let new = match u16::from_le_bytes([entry[0], entry[1]]) {
                USER => self.users.get(&id),
                GROUP => self.groups.get(&id),
                _ => None,
            };
            if let Some(new) = new {
                entry[4..].copy_from_slice(&new.to_le_bytes());
            }
        }
    }
}

/// Gives the names in `tree` the ids of the table. `base` is the tree before any script: what is still the same there
/// has only the distribution's own ids.
pub(super) fn renumber(repo: &Repo, base: Root, tree: &mut Tree, meta: Root, ids: &BTreeMap<String, Id>) -> Result<(), Error> {
    let Names { users, groups } = Names::read(repo, tree)?;
    let moved = |names: &BTreeMap<String, u32>, to: &dyn Fn(&Id) -> Option<u32>| -> BTreeMap<u32, u32> {
        names.iter().filter_map(|(name, old)| Some((*old, to(ids.get(name)?)?))).filter(|(old, new)| old != new).collect()
    };
    let renumbering = Renumbering { users: moved(&users, &|id| id.uid), groups: moved(&groups, &|id| id.gid) };
    for (kind, names, table) in [("user", &users, &renumbering.users), ("group", &groups, &renumbering.groups)] {
        let mut taken: BTreeMap<u32, &str> = BTreeMap::new();
        for (name, old) in names {
            let id = *table.get(old).unwrap_or(old);
            if let Some(other) = taken.insert(id, name) {
                return Err(Error::IdTwice { kind, id, first: other.to_owned(), second: name.clone() });
            }
        }
    }
    if renumbering.users.is_empty() && renumbering.groups.is_empty() {
        return Ok(());
    }
    for path in ["etc/passwd", "etc/group"] {
        let old = text(repo, tree, path)?;
        let is_group = path == "etc/group";
        let lines = old.lines().map(|line| {
            let mut fields: Vec<String> = line.split(':').map(str::to_owned).collect();
            let mut set = |at: usize, table: &BTreeMap<u32, u32>| {
                if let Some(field) = fields.get_mut(at)
                    && let Some(new) = field.parse().ok().and_then(|old: u32| table.get(&old))
                {
                    *field = new.to_string();
                }
            };
            if is_group {
                set(2, &renumbering.groups);
            } else {
                set(2, &renumbering.users);
                set(3, &renumbering.groups);
            }
            fields.join(":") + "\n"
        });
        let new: String = lines.collect();
        super::replace_content(repo, tree, path, &new)?;
    }
    let mut changed = vec![];
    different(repo, Some(base.0), meta.0, "", &mut changed)?;
    for path in changed {
        let foreign = match tree.get(repo, &path)? {
            Some(Entry::File(file)) => repo.read_file_meta(&file)?,
            Some(Entry::Directory(dir)) => crate::store::FileMeta { metadata: repo.read_dirmeta(&dir)?, kind: FileKind::Regular(0) },
            None => continue,
        };
        let mut moved = foreign.metadata.clone();
        renumbering.apply(&mut moved);
        if moved != foreign.metadata {
            change(repo, tree, &path, |metadata| renumbering.apply(metadata))?;
        }
    }
    Ok(())
}

/// Every path of `tree` that `base` has not, or has otherwise.
fn different(
    repo: &Repo,
    base: Option<crate::store::Checksum>,
    tree: crate::store::Checksum,
    path: &str,
    changed: &mut Vec<String>,
) -> Result<(), Error> {
    if base == Some(tree) {
        return Ok(());
    }
    let base = base.map_or_else(|| Ok(DirTree::default()), |base| repo.read_dirtree(&base))?;
    let tree = repo.read_dirtree(&tree)?;
    let join = |name: &str| if path.is_empty() { name.to_owned() } else { format!("{path}/{name}") };
    for (name, file) in &tree.files {
        if base.files.binary_search_by(|(other, _)| other.cmp(name)).ok().map(|at| base.files[at].1) != Some(*file) {
            changed.push(join(name));
        }
    }
    for (name, below, meta) in &tree.dirs {
        let old = base.dirs.binary_search_by(|(other, _, _)| other.cmp(name)).ok().map(|at| &base.dirs[at]);
        if old.map(|old| old.2) != Some(*meta) {
            changed.push(join(name));
        }
        different(repo, old.map(|old| old.1), *below, &join(name), changed)?;
    }
    Ok(())
}

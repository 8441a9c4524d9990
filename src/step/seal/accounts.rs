//! The image's own users and groups.

use super::{Error, root::Root};
use std::collections::BTreeMap;

/// Names and ids of `/etc/passwd` and `/etc/group`.
#[derive(Debug, Default)]
pub(super) struct Accounts {
    users: BTreeMap<String, u32>,
    groups: BTreeMap<String, u32>,
}

impl Accounts {
    pub(super) fn read(root: &mut Root<'_>) -> Result<Self, Error> {
        let mut ids = |path| -> Result<BTreeMap<String, u32>, Error> { Ok(parse(&root.text(path)?.unwrap_or_default())) };
        Ok(Self { users: ids("etc/passwd")?, groups: ids("etc/group")? })
    }

    /// Whether the image has no accounts at all, so that none can be asked for.
    pub(super) fn is_empty(&self) -> bool {
        self.users.is_empty() && self.groups.is_empty()
    }

    pub(super) fn user(&self, name: &str) -> Option<u32> {
        id(&self.users, name)
    }

    pub(super) fn group(&self, name: &str) -> Option<u32> {
        id(&self.groups, name)
    }

    pub(super) fn has_user(&self, uid: u32) -> bool {
        uid == 0 || self.users.values().any(|known| *known == uid)
    }

    pub(super) fn has_group(&self, gid: u32) -> bool {
        gid == 0 || self.groups.values().any(|known| *known == gid)
    }
}

/// The id of a name; a number stands for itself, and `root` needs no table.
fn id(table: &BTreeMap<String, u32>, name: &str) -> Option<u32> {
    let number = || name.parse().ok().filter(|id| *id != u32::MAX);
    table.get(name).copied().or_else(number).or_else(|| (name == "root").then_some(0))
}

fn parse(text: &str) -> BTreeMap<String, u32> {
    let account = |line: &str| {
        let mut fields = line.split(':');
        Some((fields.next()?.to_owned(), fields.nth(1)?.parse().ok()?))
    };
    text.lines().filter_map(account).collect()
}

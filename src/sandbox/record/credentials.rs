//! The identities that processes believe to have, by the rules that the kernel has for them.

use super::Ids;
use rustix::io::Errno;

/// No id; in calls it means that one stays as it is.
const KEEP: u32 = u32::MAX;

/// The user and group ids of a process.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Credentials {
    pub(super) user: Set,
    pub(super) group: Set,
    pub(super) groups: Vec<u32>,
    power: Power,
}

/// What is left of the capabilities to take on any identity.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Power {
    /// It has them.
    permitted: bool,
    /// It uses them.
    effective: bool,
    /// It shall not lose them with its last root id (`PR_SET_KEEPCAPS`).
    kept: bool,
}

impl Default for Power {
    fn default() -> Self {
        Self { permitted: true, effective: true, kept: false }
    }
}

/// The four ids of one kind.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Set {
    pub(super) real: u32,
    pub(super) effective: u32,
    pub(super) saved: u32,
    pub(super) file: u32,
}

/// Users or groups.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    User,
    Group,
}

impl Set {
    fn has(self, id: u32) -> bool {
        id == KEEP || [self.real, self.effective, self.saved].contains(&id)
    }

    fn with_effective(self, effective: u32) -> Self {
        Self { effective, file: effective, ..self }
    }
}

impl Credentials {
    /// Tells whether the process may take on any identity.
    fn is_privileged(&self) -> bool {
        self.power.effective
    }

    /// Capabilities come and go with root's id.
    fn settle(mut self, old: Set) -> Self {
        let any_root = |set: Set| [set.real, set.effective, set.saved].contains(&0);
        if any_root(old) && !any_root(self.user) && !self.power.kept {
            self.power.permitted = false;
        }
        if old.effective == 0 && self.user.effective != 0 {
            self.power.effective = false;
        } else if old.effective != 0 && self.user.effective == 0 {
            self.power.effective = self.power.permitted;
        }
        self.power.effective &= self.power.permitted;
        self
    }

    /// `prctl(PR_SET_KEEPCAPS)`.
    pub(super) fn keep_power(&self, kept: bool) -> Self {
        Self { power: Power { kept, ..self.power }, ..self.clone() }
    }

    /// `capset`; nobody gets what they do not have.
    pub(super) fn set_power(&self, permitted: bool, effective: bool) -> Self {
        let permitted = permitted && self.power.permitted;
        Self { power: Power { permitted, effective: effective && permitted, ..self.power }, ..self.clone() }
    }

    /// `execve` of a file that belongs to `file`, with these set-id bits.
    pub(super) fn execute(&self, file: Ids, set_user: bool, set_group: bool) -> Self {
        let mut new = self.clone();
        if set_user {
            new.user.effective = file.uid;
        }
        if set_group {
            new.group.effective = file.gid;
        }
        for set in [&mut new.user, &mut new.group] {
            set.saved = set.effective;
            set.file = set.effective;
        }
        let root = new.user.effective == 0 || new.user.real == 0;
        new.power = Power { permitted: root, effective: new.user.effective == 0, kept: false };
        new
    }

    /// Who owns the files that it makes.
    pub(super) fn owner(&self) -> Ids {
        Ids { uid: self.user.file, gid: self.group.file }
    }

    /// Tells whether it is in a group.
    pub(super) fn is_in(&self, gid: u32) -> bool {
        self.group.file == gid || self.groups.contains(&gid)
    }

    pub(super) fn set(&self, kind: Kind) -> Set {
        match kind {
            Kind::User => self.user,
            Kind::Group => self.group,
        }
    }

    fn with(&self, kind: Kind, set: Set) -> Self {
        match kind {
            Kind::User => Self { user: set, ..self.clone() }.settle(self.user),
            Kind::Group => Self { group: set, ..self.clone() },
        }
    }

    /// `setuid`, `setgid`.
    pub(super) fn set_one(&self, kind: Kind, id: u32) -> Result<Self, Errno> {
        mapped(id)?;
        let old = self.set(kind);
        if id == KEEP {
            return Err(Errno::INVAL);
        }
        if self.is_privileged() {
            return Ok(self.with(kind, Set { real: id, effective: id, saved: id, file: id }));
        }
        if id != old.real && id != old.saved {
            return Err(Errno::PERM);
        }
        Ok(self.with(kind, old.with_effective(id)))
    }

    /// `setreuid`, `setregid`.
    pub(super) fn set_two(&self, kind: Kind, real: u32, effective: u32) -> Result<Self, Errno> {
        mapped(real)?;
        mapped(effective)?;
        let old = self.set(kind);
        let real_may = real == KEEP || real == old.real || real == old.effective;
        let may = self.is_privileged() || real_may && old.has(effective);
        if !may {
            return Err(Errno::PERM);
        }
        let mut new = old;
        if real != KEEP {
            new.real = real;
        }
        if effective != KEEP {
            new.effective = effective;
        }
        if real != KEEP || (effective != KEEP && effective != old.real) {
            new.saved = new.effective;
        }
        Ok(self.with(kind, new.with_effective(new.effective)))
    }

    /// `setresuid`, `setresgid`.
    pub(super) fn set_three(&self, kind: Kind, real: u32, effective: u32, saved: u32) -> Result<Self, Errno> {
        let old = self.set(kind);
        for id in [real, effective, saved] {
            mapped(id)?;
            if !self.is_privileged() && !old.has(id) {
                return Err(Errno::PERM);
            }
        }
        let or = |new: u32, old: u32| if new == KEEP { old } else { new };
        let new = Set { real: or(real, old.real), effective: or(effective, old.effective), saved: or(saved, old.saved), file: 0 };
        Ok(self.with(kind, new.with_effective(new.effective)))
    }

    /// `setfsuid`, `setfsgid`, which tell the old id and never fail.
    pub(super) fn set_file(&self, kind: Kind, id: u32) -> (Self, u32) {
        let old = self.set(kind);
        let may = id != KEEP && mapped(id).is_ok() && (self.is_privileged() || old.has(id) || id == old.file);
        (if may { self.with(kind, Set { file: id, ..old }) } else { self.clone() }, old.file)
    }

    /// `setgroups`.
    pub(super) fn set_groups(&self, groups: Vec<u32>) -> Result<Self, Errno> {
        if !self.is_privileged() {
            return Err(Errno::PERM);
        }
        groups.iter().try_for_each(|gid| if *gid == KEEP { Err(Errno::INVAL) } else { mapped(*gid) })?;
        let mut groups = groups;
        groups.sort_unstable();
        Ok(Self { groups, ..self.clone() })
    }

    /// Whether it may give a file that belongs to `old` these new owners.
    pub(super) fn may_change(&self, old: Ids, new: Ids) -> bool {
        let owns = self.user.file == old.uid;
        self.user.file == 0 || (owns && new.uid == old.uid && (new.gid == old.gid || self.is_in(new.gid)))
    }
}

/// Ids beyond these do not exist where owners are real; they shall not exist here either.
pub(super) fn mapped(id: u32) -> Result<(), Errno> {
    if id == KEEP || id < super::super::idmap::COUNT { Ok(()) } else { Err(Errno::INVAL) }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn user(credentials: &Credentials) -> [u32; 4] {
        let Set { real, effective, saved, file } = credentials.user;
        [real, effective, saved, file]
    }

    #[test]
    fn root_becomes_a_user_for_good() {
        let root = Credentials::default();
        let www = root.set_groups(vec![42, 4]).unwrap().set_one(Kind::Group, 33).unwrap().set_one(Kind::User, 33).unwrap();
        assert_eq!((user(&www), www.owner(), &www.groups[..]), ([33; 4], Ids { uid: 33, gid: 33 }, &[4, 42][..]));
        assert_eq!(www.set_one(Kind::User, 0), Err(Errno::PERM));
        assert_eq!(www.set_two(Kind::User, KEEP, 0), Err(Errno::PERM));
        assert_eq!(www.set_groups(vec![]), Err(Errno::PERM));
        assert_eq!(www.set_file(Kind::User, 0), (www.clone(), 33));
    }

    #[test]
    fn root_puts_a_user_on_and_off() {
        let root = Credentials::default();
        let worn = root.set_three(Kind::User, KEEP, 33, KEEP).unwrap();
        assert_eq!(user(&worn), [0, 33, 0, 33]);
        assert_eq!(worn.set_three(Kind::User, KEEP, 0, KEEP).unwrap(), root);
        assert_eq!(user(&root.set_two(Kind::User, KEEP, 33).unwrap()), [0, 33, 33, 33]);
        assert_eq!(user(&root.set_two(Kind::User, 33, KEEP).unwrap()), [33, 0, 0, 0]);
        assert_eq!(worn.set_one(Kind::Group, 5), Err(Errno::PERM), "the effective user is not root");
        assert_eq!(user(&root.set_file(Kind::User, 33).0), [0, 0, 0, 33]);
    }

    #[test]
    fn keeps_its_power_if_it_asks_before() {
        let root = Credentials::default();
        let www = root.keep_power(true).set_one(Kind::User, 33).unwrap();
        assert_eq!(www.set_one(Kind::Group, 33), Err(Errno::PERM));
        let strong = www.set_power(true, true);
        assert!(strong.set_one(Kind::Group, 33).is_ok());
        assert_eq!(strong.execute(Ids::ROOT, false, false).set_one(Kind::Group, 33), Err(Errno::PERM));
        let weak = root.set_one(Kind::User, 33).unwrap().set_power(true, true);
        assert_eq!(weak.set_one(Kind::Group, 33), Err(Errno::PERM));
        let none = root.set_power(false, false);
        assert_eq!(none.set_one(Kind::User, 33), Err(Errno::PERM));
    }

    #[test]
    fn becomes_the_owner_of_a_set_id_program() {
        let www = Credentials::default().set_one(Kind::Group, 33).unwrap().set_one(Kind::User, 33).unwrap();
        let su = www.execute(Ids::ROOT, true, false);
        assert_eq!((user(&su), su.group.effective), ([33, 0, 0, 0], 33));
        assert!(su.set_one(Kind::User, 0).is_ok());
        assert_eq!(Credentials::default().execute(Ids { uid: 6, gid: 7 }, false, true).owner(), Ids { uid: 0, gid: 7 });
    }

    #[test]
    fn knows_no_more_ids_than_a_real_map() {
        assert_eq!(Credentials::default().set_one(Kind::User, 65536), Err(Errno::INVAL));
        assert_eq!(Credentials::default().set_groups(vec![70000]), Err(Errno::INVAL));
        assert!(Credentials::default().set_one(Kind::User, 65534).is_ok());
    }

    #[test]
    fn only_root_gives_files_away() {
        let ids = |uid, gid| Ids { uid, gid };
        let www = Credentials::default().set_groups(vec![42]).unwrap().set_one(Kind::User, 33).unwrap();
        assert!(www.may_change(ids(33, 0), ids(33, 42)) && www.may_change(ids(33, 7), ids(33, 7)));
        assert!(
            !www.may_change(ids(33, 0), ids(0, 0)) && !www.may_change(ids(0, 0), ids(0, 42)) && !www.may_change(ids(33, 0), ids(33, 7))
        );
        assert!(Credentials::default().may_change(ids(33, 0), ids(1, 1)));
    }
}

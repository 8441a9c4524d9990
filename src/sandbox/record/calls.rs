//! What each call does.

use super::credentials::{Credentials, Kind, mapped};
use super::guest::{Guest, last};
use super::owners::{self, Ids, OWNER};
use super::{Recorder, Reply, acl, filter};
use rustix::fs::FileType;
use rustix::io::Errno;
use std::ffi::{CStr, CString};
use std::os::fd::{AsRawFd as _, FromRawFd as _, OwnedFd};

/// No kernel takes more groups.
const GROUPS: usize = 65536;

/// No attribute or list of them is longer.
const ATTRIBUTE: usize = 65536;

/// A new file.
struct New<'a> {
    directory: i32,
    path: u64,
    mode: u32,
    kind: NewKind<'a>,
}

enum NewKind<'a> {
    Directory,
    Node(u64),
    Link(&'a CStr),
}

/// What a new file gets.
struct Heir {
    ids: Ids,
    list: Option<Vec<u8>>,
}

impl Recorder<'_> {
    pub(super) fn answer(&mut self, guest: Guest, id: u64, call: &libc::seccomp_data) -> Result<Reply, Errno> {
        let arguments = call.args;
        // Registers are wider than most arguments.
        let word = |index: usize| arguments[index] as u32;
        let int = |index: usize| arguments[index] as i32;
        let here = libc::AT_FDCWD;
        match libc::c_long::from(call.nr) {
            libc::SYS_fstat => self.stat(guest, int(0), 0, libc::AT_EMPTY_PATH, arguments[1]),
            libc::SYS_newfstatat => self.stat(guest, int(0), arguments[1], int(3), arguments[2]),
            libc::SYS_statx => self.statx(guest, int(0), arguments[1], int(2), word(3), arguments[4]),
            libc::SYS_openat => self.open(guest, id, int(0), arguments[1], int(2), word(3)),
            libc::SYS_openat2 => self.openat2(guest, id, int(0), arguments[1], arguments[2], arguments[3]),
            libc::SYS_fchown => self.chown(guest, int(0), 0, libc::AT_EMPTY_PATH, word(1), word(2)),
            libc::SYS_fchownat => self.chown(guest, int(0), arguments[1], int(4), word(2), word(3)),
            libc::SYS_mkdirat => self.make(guest, &New { directory: int(0), path: arguments[1], mode: word(2), kind: NewKind::Directory }),
            libc::SYS_mknodat => {
                self.make(guest, &New { directory: int(0), path: arguments[1], mode: word(2), kind: NewKind::Node(arguments[3]) })
            }
            libc::SYS_symlinkat => self.symlink(guest, arguments[0], int(1), arguments[2]),
            libc::SYS_setuid => self.identify(guest, |old| old.set_one(Kind::User, word(0))),
            libc::SYS_setgid => self.identify(guest, |old| old.set_one(Kind::Group, word(0))),
            libc::SYS_setreuid => self.identify(guest, |old| old.set_two(Kind::User, word(0), word(1))),
            libc::SYS_setregid => self.identify(guest, |old| old.set_two(Kind::Group, word(0), word(1))),
            libc::SYS_setresuid => self.identify(guest, |old| old.set_three(Kind::User, word(0), word(1), word(2))),
            libc::SYS_setresgid => self.identify(guest, |old| old.set_three(Kind::Group, word(0), word(1), word(2))),
            libc::SYS_setfsuid => self.identify_files(guest, Kind::User, word(0)),
            libc::SYS_setfsgid => self.identify_files(guest, Kind::Group, word(0)),
            libc::SYS_setgroups => self.set_groups(guest, arguments[0], arguments[1]),
            libc::SYS_getuid => Ok(self.tell(guest, |known| known.user.real)),
            libc::SYS_geteuid => Ok(self.tell(guest, |known| known.user.effective)),
            libc::SYS_getgid => Ok(self.tell(guest, |known| known.group.real)),
            libc::SYS_getegid => Ok(self.tell(guest, |known| known.group.effective)),
            libc::SYS_getresuid => self.tell_three(guest, Kind::User, [arguments[0], arguments[1], arguments[2]]),
            libc::SYS_getresgid => self.tell_three(guest, Kind::Group, [arguments[0], arguments[1], arguments[2]]),
            libc::SYS_getgroups => self.tell_groups(guest, int(0), arguments[1]),
            libc::SYS_prctl => {
                let new = self.credentials(guest)?.keep_power(arguments[1] == 1);
                self.become_one(guest, new)?;
                Ok(Reply::Continue)
            }
            libc::SYS_prlimit64 => limit_locks(guest, arguments[2], arguments[3]),
            libc::SYS_setrlimit => limit_locks(guest, arguments[1], 0),
            libc::SYS_getrlimit => limit_locks(guest, 0, arguments[1]),
            libc::SYS_capset => self.set_power(guest, arguments[0], arguments[1]),
            libc::SYS_execve => self.execute(guest, here, arguments[0], 0),
            libc::SYS_execveat => self.execute(guest, int(0), arguments[1], int(4)),
            libc::SYS_chroot => {
                self.rerooted = true;
                Ok(Reply::Continue)
            }
            libc::SYS_setxattr => self.set_attribute(guest, &self.named(guest, arguments[0])?, true, arguments),
            libc::SYS_lsetxattr => self.set_attribute(guest, &self.named(guest, arguments[0])?, false, arguments),
            libc::SYS_fsetxattr => self.set_attribute(guest, &guest.place(int(0), b"")?, true, arguments),
            libc::SYS_getxattr => self.get_attribute(guest, || self.named(guest, arguments[0]), true, arguments),
            libc::SYS_lgetxattr => self.get_attribute(guest, || self.named(guest, arguments[0]), false, arguments),
            libc::SYS_fgetxattr => self.get_attribute(guest, || guest.place(int(0), b""), true, arguments),
            libc::SYS_listxattr => self.list_attributes(guest, &self.named(guest, arguments[0])?, true, arguments[1], arguments[2]),
            libc::SYS_llistxattr => self.list_attributes(guest, &self.named(guest, arguments[0])?, false, arguments[1], arguments[2]),
            libc::SYS_flistxattr => self.list_attributes(guest, &guest.place(int(0), b"")?, true, arguments[1], arguments[2]),
            libc::SYS_removexattr => self.remove_attribute(guest, &self.named(guest, arguments[0])?, true, arguments[1]),
            libc::SYS_lremovexattr => self.remove_attribute(guest, &self.named(guest, arguments[0])?, false, arguments[1]),
            libc::SYS_fremovexattr => self.remove_attribute(guest, &guest.place(int(0), b"")?, true, arguments[1]),
            #[cfg(target_arch = "x86_64")]
            libc::SYS_stat => self.stat(guest, here, arguments[0], 0, arguments[1]),
            #[cfg(target_arch = "x86_64")]
            libc::SYS_lstat => self.stat(guest, here, arguments[0], libc::AT_SYMLINK_NOFOLLOW, arguments[1]),
            #[cfg(target_arch = "x86_64")]
            libc::SYS_open => self.open(guest, id, here, arguments[0], int(1), word(2)),
            #[cfg(target_arch = "x86_64")]
            libc::SYS_creat => self.open(guest, id, here, arguments[0], libc::O_CREAT | libc::O_WRONLY | libc::O_TRUNC, word(1)),
            #[cfg(target_arch = "x86_64")]
            libc::SYS_chown => self.chown(guest, here, arguments[0], 0, word(1), word(2)),
            #[cfg(target_arch = "x86_64")]
            libc::SYS_lchown => self.chown(guest, here, arguments[0], libc::AT_SYMLINK_NOFOLLOW, word(1), word(2)),
            #[cfg(target_arch = "x86_64")]
            libc::SYS_mkdir => self.make(guest, &New { directory: here, path: arguments[0], mode: word(1), kind: NewKind::Directory }),
            #[cfg(target_arch = "x86_64")]
            libc::SYS_mknod => {
                self.make(guest, &New { directory: here, path: arguments[0], mode: word(1), kind: NewKind::Node(arguments[2]) })
            }
            #[cfg(target_arch = "x86_64")]
            libc::SYS_symlink => self.symlink(guest, arguments[0], here, arguments[1]),
            _ => Ok(Reply::Continue),
        }
    }

    /// Where a path given without a directory leads.
    fn named(&self, guest: Guest, path: u64) -> Result<CString, Errno> {
        guest.place(libc::AT_FDCWD, &not_empty(guest.text(path)?)?)
    }

    /// Where a path leads that may be empty if the flags say so.
    fn found(&self, guest: Guest, directory: i32, path: u64, flags: i32) -> Result<CString, Errno> {
        let text = if path == 0 { CString::default() } else { guest.text(path)? };
        if text.is_empty() && flags & libc::AT_EMPTY_PATH == 0 {
            return Err(Errno::NOENT);
        }
        guest.place(directory, text.as_bytes())
    }

    fn stat(&self, guest: Guest, directory: i32, path: u64, flags: i32, to: u64) -> Result<Reply, Errno> {
        let place = self.found(guest, directory, path, flags)?;
        let follow = flags & libc::AT_SYMLINK_NOFOLLOW == 0;
        let Some(ids) = self.owners.at(&place, follow) else { return Ok(Reply::Continue) };
        let mut stat = std::mem::MaybeUninit::<libc::stat>::zeroed();
        let how = if follow { 0 } else { libc::AT_SYMLINK_NOFOLLOW };
        // SAFETY: the C library writes one `stat`, which on these machines is also the kernel's.
        if unsafe { libc::fstatat(libc::AT_FDCWD, place.as_ptr(), stat.as_mut_ptr(), how) } != 0 {
            return Err(last());
        }
        // SAFETY: it was zeroed and filled; it has integers only.
        let mut stat = unsafe { stat.assume_init() };
        (stat.st_uid, stat.st_gid) = (ids.uid, ids.gid);
        guest.write(to, bytes_of(&stat))?;
        Ok(Reply::Value(0))
    }

    fn statx(&self, guest: Guest, directory: i32, path: u64, flags: i32, mask: u32, to: u64) -> Result<Reply, Errno> {
        let place = self.found(guest, directory, path, flags)?;
        let follow = flags & libc::AT_SYMLINK_NOFOLLOW == 0;
        let Some(ids) = self.owners.at(&place, follow) else { return Ok(Reply::Continue) };
        let mut stat = std::mem::MaybeUninit::<libc::statx>::zeroed();
        // SAFETY: the kernel writes one `statx`.
        if unsafe { libc::statx(libc::AT_FDCWD, place.as_ptr(), flags & !libc::AT_EMPTY_PATH, mask, stat.as_mut_ptr()) } != 0 {
            return Err(last());
        }
        // SAFETY: it was zeroed and filled; it has integers only.
        let mut stat = unsafe { stat.assume_init() };
        (stat.stx_uid, stat.stx_gid) = (ids.uid, ids.gid);
        guest.write(to, bytes_of(&stat))?;
        Ok(Reply::Value(0))
    }

    fn chown(&mut self, guest: Guest, directory: i32, path: u64, flags: i32, uid: u32, gid: u32) -> Result<Reply, Errno> {
        mapped(uid)?;
        mapped(gid)?;
        let place = self.found(guest, directory, path, flags)?;
        let follow = flags & libc::AT_SYMLINK_NOFOLLOW == 0;
        let file = owners::open(&place, follow)?;
        let kind = FileType::from_raw_mode(rustix::fs::fstat(&file)?.st_mode);
        let old = self.owners.at(&place, follow).unwrap_or(Ids::ROOT);
        let or = |new: u32, old: u32| if new == u32::MAX { old } else { new };
        let new = Ids { uid: or(uid, old.uid), gid: or(gid, old.gid) };
        if !self.credentials(guest)?.may_change(old, new) {
            return Err(Errno::PERM);
        }
        owners::touch(&file, uid, gid)?;
        self.owners.record(&file, kind, new)?;
        Ok(Reply::Value(0))
    }

    /// What a new file gets that the kernel would not give it: the owner that the process believes to be, the group of a
    /// set-group-ID directory, and the directory's list.
    fn heir(&self, guest: Guest, parent: &CStr) -> Result<Option<Heir>, Errno> {
        let mut ids = self.credentials(guest)?.owner();
        match rustix::fs::stat(parent) {
            Ok(stat) if stat.st_mode & libc::S_ISGID != 0 => ids.gid = self.owners.at(parent, true).unwrap_or_default().gid,
            Ok(_) => {}
            // The kernel knows best what is wrong with the path.
            Err(_) => return Ok(None),
        }
        let mut list = vec![0; ATTRIBUTE];
        let list = rustix::fs::getxattr(parent, acl::DEFAULT, &mut list[..]).ok().map(|length| list[..length].to_vec());
        Ok((ids != Ids::ROOT || list.is_some()).then_some(Heir { ids, list }))
    }

    /// Records what a new file gets.
    fn bequeath(&mut self, file: &OwnedFd, heir: &Heir, mode: u32) -> Result<(), Errno> {
        let stat = rustix::fs::fstat(file)?;
        let kind = FileType::from_raw_mode(stat.st_mode);
        self.owners.record(file, kind, heir.ids)?;
        let Some(list) = heir.list.as_ref().filter(|_| owners::carries(kind)) else { return Ok(()) };
        let path = format!("self/fd/{}", file.as_raw_fd());
        let own = acl::inherited(list, mode);
        rustix::fs::chmod(&*path, acl::mode(&own, stat.st_mode).into())?;
        rustix::fs::setxattr(&*path, acl::ACCESS, &own, rustix::fs::XattrFlags::empty())?;
        if kind == FileType::Directory {
            rustix::fs::setxattr(&*path, acl::DEFAULT, list, rustix::fs::XattrFlags::empty())?;
        }
        Ok(())
    }

    fn open(&mut self, guest: Guest, id: u64, directory: i32, path: u64, flags: i32, mode: u32) -> Result<Reply, Errno> {
        let place = guest.place(directory, &not_empty(guest.text(path)?)?)?;
        let unnamed = flags & libc::O_TMPFILE == libc::O_TMPFILE;
        let parent = if unnamed { place.clone() } else { parent(&place)? };
        let Some(heir) = self.heir(guest, &parent)? else { return Ok(Reply::Continue) };
        let exclusive = if unnamed { 0 } else { libc::O_EXCL };
        let opened = with_umask(guest, &heir, || {
            // SAFETY: takes a string that ends with a zero byte.
            unsafe {
                libc::open(place.as_ptr(), flags | exclusive | libc::O_CLOEXEC | libc::O_NOCTTY, libc::c_uint::from(mode as u16 & 0o7777))
            }
        })?;
        if opened < 0 {
            return match last() {
                // It is there already, so nothing is created.
                Errno::EXIST if flags & libc::O_EXCL == 0 => Ok(Reply::Continue),
                error => Err(error),
            };
        }
        // SAFETY: the kernel just made this descriptor for us, and nobody else knows it.
        let file = unsafe { OwnedFd::from_raw_fd(opened) };
        self.bequeath(&file, &heir, mode)?;
        self.hand_over(id, &file, flags)
    }

    /// Gives the process the open file as the result of its call.
    fn hand_over(&self, id: u64, file: &OwnedFd, flags: i32) -> Result<Reply, Errno> {
        let mut request = libc::seccomp_notif_addfd {
            id,
            flags: libc::SECCOMP_ADDFD_FLAG_SEND as u32,
            srcfd: file.as_raw_fd() as u32,
            newfd: 0,
            newfd_flags: (flags & libc::O_CLOEXEC) as u32,
        };
        // SAFETY: the kernel reads one `seccomp_notif_addfd`.
        match unsafe { libc::ioctl(self.listener.as_raw_fd(), libc::SECCOMP_IOCTL_NOTIF_ADDFD, &raw mut request) } {
            // Such as that the process has no room for another one.
            -1 => Ok(Reply::Refused(last())),
            _ => Ok(Reply::Sent),
        }
    }

    fn openat2(&mut self, guest: Guest, id: u64, directory: i32, path: u64, how: u64, size: u64) -> Result<Reply, Errno> {
        let mut words = [0; 24];
        if size < 24 || guest.read_exact(how, &mut words).is_err() {
            return Ok(Reply::Continue);
        }
        let long = |at: usize| u64::from_ne_bytes(std::array::from_fn(|index| words[at + index]));
        let (flags, mode, resolve) = (long(0) as i32, long(8) as u32, long(16));
        // A walk that is restricted is not repeated by us.
        if flags & filter::CREATING == 0 || resolve != 0 {
            return Ok(Reply::Continue);
        }
        self.open(guest, id, directory, path, flags, mode)
    }

    fn symlink(&mut self, guest: Guest, target: u64, directory: i32, path: u64) -> Result<Reply, Errno> {
        let target = guest.text(target)?;
        self.make(guest, &New { directory, path, mode: 0, kind: NewKind::Link(&target) })
    }

    fn make(&mut self, guest: Guest, new: &New<'_>) -> Result<Reply, Errno> {
        let place = guest.place(new.directory, &not_empty(guest.text(new.path)?)?)?;
        let Some(heir) = self.heir(guest, &parent(&place)?)? else { return Ok(Reply::Continue) };
        let made = with_umask(guest, &heir, || {
            // SAFETY: these take strings that end with a zero byte.
            unsafe {
                match new.kind {
                    NewKind::Directory => libc::mkdir(place.as_ptr(), new.mode),
                    NewKind::Node(device) => libc::mknod(place.as_ptr(), new.mode, device),
                    NewKind::Link(target) => libc::symlink(target.as_ptr(), place.as_ptr()),
                }
            }
        })?;
        if made != 0 {
            return Err(last());
        }
        let file = owners::open(&CString::new(trimmed(place.as_bytes())).map_err(|_| Errno::INVAL)?, false)?;
        self.bequeath(&file, &heir, new.mode)?;
        Ok(Reply::Value(0))
    }

    fn identify(&mut self, guest: Guest, change: impl FnOnce(&Credentials) -> Result<Credentials, Errno>) -> Result<Reply, Errno> {
        let old = self.credentials(guest)?;
        let new = change(&old)?;
        if new != old {
            self.become_one(guest, new)?;
        }
        Ok(Reply::Value(0))
    }

    fn identify_files(&mut self, guest: Guest, kind: Kind, id: u32) -> Result<Reply, Errno> {
        let (new, old) = self.credentials(guest)?.set_file(kind, id);
        self.become_one(guest, new)?;
        Ok(Reply::Value(i64::from(old)))
    }

    fn set_groups(&mut self, guest: Guest, count: u64, from: u64) -> Result<Reply, Errno> {
        let count = usize::try_from(count).ok().filter(|count| *count <= GROUPS).ok_or(Errno::INVAL)?;
        let mut bytes = vec![0; count * 4];
        if count > 0 {
            guest.read_exact(from, &mut bytes)?;
        }
        let groups = bytes.chunks_exact(4).map(|id| u32::from_ne_bytes(std::array::from_fn(|index| id[index]))).collect();
        self.identify(guest, |old| old.set_groups(groups))
    }

    /// The capabilities to take on identities are two bits; a process has both or counts as having none.
    fn set_power(&mut self, guest: Guest, header: u64, sets: u64) -> Result<Reply, Errno> {
        const POWER: u32 = 1 << 6 | 1 << 7;
        let (mut version, mut words) = ([0; 8], [0; 8]);
        if guest.read_exact(header, &mut version).is_err() || guest.read_exact(sets, &mut words).is_err() {
            return Ok(Reply::Continue);
        }
        let has = |at: usize| u32::from_ne_bytes(std::array::from_fn(|index| words[at + index])) & POWER == POWER;
        let old = self.credentials(guest)?;
        let new = old.set_power(has(4), has(0));
        if new != old {
            self.become_one(guest, new)?;
        }
        Ok(Reply::Continue)
    }

    /// The kernel starts the program, and does not know what the process and the file believe to be.
    fn execute(&mut self, guest: Guest, directory: i32, path: u64, flags: i32) -> Result<Reply, Errno> {
        let Ok(place) = self.found(guest, directory, path, flags) else { return Ok(Reply::Continue) };
        let old = self.credentials(guest)?;
        let Ok(stat) = rustix::fs::stat(&*place) else { return Ok(Reply::Continue) };
        let set_user = stat.st_mode & libc::S_ISUID != 0;
        let set_group = stat.st_mode & (libc::S_ISGID | libc::S_IXGRP) == libc::S_ISGID | libc::S_IXGRP;
        let usual = old == Credentials::default() && !set_user && !set_group;
        if usual || FileType::from_raw_mode(stat.st_mode) != FileType::RegularFile || stat.st_mode & 0o111 == 0 {
            return Ok(Reply::Continue);
        }
        let trusted = (set_user || set_group) && !owners::is_script(&place);
        let file = self.owners.at(&place, true).unwrap_or_default();
        let new = old.execute(file, set_user && trusted, set_group && trusted);
        if new != old {
            self.become_one(guest, new)?;
        }
        Ok(Reply::Continue)
    }

    fn tell(&self, guest: Guest, which: impl FnOnce(&Credentials) -> u32) -> Reply {
        match guest.token() {
            Ok(Some(token)) => self.identities.get(token).map_or(Reply::Continue, |known| Reply::Value(i64::from(which(known)))),
            // The kernel says 0, too.
            _ => Reply::Continue,
        }
    }

    fn tell_three(&self, guest: Guest, kind: Kind, to: [u64; 3]) -> Result<Reply, Errno> {
        let set = self.credentials(guest)?.set(kind);
        for (address, id) in to.into_iter().zip([set.real, set.effective, set.saved]) {
            guest.write(address, &id.to_ne_bytes())?;
        }
        Ok(Reply::Value(0))
    }

    fn tell_groups(&self, guest: Guest, size: i32, to: u64) -> Result<Reply, Errno> {
        let groups = self.credentials(guest)?.groups;
        let room = usize::try_from(size).map_err(|_| Errno::INVAL)?;
        if room > 0 && room < groups.len() {
            return Err(Errno::INVAL);
        }
        if room > 0 && !groups.is_empty() {
            guest.write(to, &groups.iter().flat_map(|gid| gid.to_ne_bytes()).collect::<Vec<_>>())?;
        }
        Ok(Reply::Value(groups.len() as i64))
    }

    /// An access control list with ids that are not mapped is kept beside the file; the kernel would refuse it.
    fn set_attribute(&mut self, guest: Guest, place: &CStr, follow: bool, arguments: [u64; 6]) -> Result<Reply, Errno> {
        let name = guest.text(arguments[1])?;
        let Some(record) = acl::record_of(name.to_bytes()) else { return Ok(Reply::Continue) };
        let size = usize::try_from(arguments[3]).ok().filter(|size| *size <= ATTRIBUTE).ok_or(Errno::TOOBIG)?;
        let mut value = vec![0; size];
        guest.read_exact(arguments[2], &mut value)?;
        let file = owners::open(place, follow)?;
        let path = format!("self/fd/{}", file.as_raw_fd());
        if !acl::is_foreign(&value) {
            forget(&path, record)?;
            return Ok(Reply::Continue);
        }
        if record == acl::ACCESS {
            rustix::fs::chmod(&*path, acl::mode(&value, rustix::fs::fstat(&file)?.st_mode).into())?;
        }
        rustix::fs::setxattr(&*path, record, &value, rustix::fs::XattrFlags::empty())?;
        Ok(Reply::Value(0))
    }

    fn get_attribute(
        &self,
        guest: Guest,
        place: impl FnOnce() -> Result<CString, Errno>,
        follow: bool,
        arguments: [u64; 6],
    ) -> Result<Reply, Errno> {
        let name = guest.text(arguments[1])?;
        let name = match acl::record_of(name.to_bytes()) {
            Some(record) => record,
            None if is_ours(name.to_bytes()) => return Err(Errno::NODATA),
            None => return Ok(Reply::Continue),
        };
        let place = place()?;
        let mut value = vec![0; ATTRIBUTE];
        let got = match follow {
            true => rustix::fs::getxattr(&*place, name, &mut value[..]),
            false => rustix::fs::lgetxattr(&*place, name, &mut value[..]),
        };
        let Ok(length) = got else { return Ok(Reply::Continue) };
        value.truncate(length);
        if name == acl::ACCESS {
            value = acl::with_mode(&value, rustix::fs::stat(&*place)?.st_mode);
        }
        give(guest, &value, arguments[2], arguments[3])
    }

    fn list_attributes(&self, guest: Guest, place: &CStr, follow: bool, to: u64, size: u64) -> Result<Reply, Errno> {
        let mut list = vec![0; ATTRIBUTE];
        let length = match follow {
            true => rustix::fs::listxattr(place, &mut list[..])?,
            false => rustix::fs::llistxattr(place, &mut list[..])?,
        };
        let names = list[..length].split_inclusive(|byte| *byte == 0);
        let shown: Vec<u8> = names
            .flat_map(|name| {
                let name = name.strip_suffix(b"\0").unwrap_or(name);
                let shown = if is_ours(name) { acl::shown_as(name).unwrap_or_default() } else { name };
                shown.iter().copied().chain((!shown.is_empty()).then_some(0))
            })
            .collect();
        give(guest, &shown, to, size)
    }

    fn remove_attribute(&self, guest: Guest, place: &CStr, follow: bool, name: u64) -> Result<Reply, Errno> {
        let name = guest.text(name)?;
        let Some(record) = acl::record_of(name.to_bytes()) else { return Ok(Reply::Continue) };
        let file = owners::open(place, follow)?;
        match forget(&format!("self/fd/{}", file.as_raw_fd()), record)? {
            true => Ok(Reply::Value(0)),
            false => Ok(Reply::Continue),
        }
    }
}

/// The limit of file locks, of which a process would become somebody else: it stays as it is, and is shown as no limit. It limits nothing.
fn limit_locks(guest: Guest, new: u64, old: u64) -> Result<Reply, Errno> {
    if new != 0 {
        let mut limits = [0; 16];
        guest.read_exact(new, &mut limits)?;
        let long = |at: usize| u64::from_ne_bytes(std::array::from_fn(|index| limits[at + index]));
        if long(0) > long(8) {
            return Err(Errno::INVAL);
        }
    }
    if old != 0 {
        guest.write(old, &[libc::RLIM_INFINITY.to_ne_bytes(); 2].concat())?;
    }
    Ok(Reply::Value(0))
}

/// Tells whether an attribute is one of those that only the recorder uses.
fn is_ours(name: &[u8]) -> bool {
    name.starts_with(b"user.pintree.") || name == OWNER.as_bytes()
}

/// Removes an attribute; tells whether there was one.
fn forget(path: &str, name: &str) -> Result<bool, Errno> {
    match rustix::fs::removexattr(path, name) {
        Ok(()) => Ok(true),
        Err(Errno::NODATA | Errno::OPNOTSUPP | Errno::PERM) => Ok(false),
        Err(error) => Err(error),
    }
}

/// Writes what an attribute call returns: only its length if no room is given.
fn give(guest: Guest, value: &[u8], to: u64, size: u64) -> Result<Reply, Errno> {
    if size > 0 && size < value.len() as u64 {
        return Err(Errno::RANGE);
    }
    if size > 0 && !value.is_empty() {
        guest.write(to, value)?;
    }
    Ok(Reply::Value(value.len() as i64))
}

fn not_empty(path: CString) -> Result<Vec<u8>, Errno> {
    if path.is_empty() { Err(Errno::NOENT) } else { Ok(path.into_bytes()) }
}

fn trimmed(path: &[u8]) -> &[u8] {
    let end = path.iter().rposition(|byte| *byte != b'/').map_or(0, |last| last + 1);
    &path[..end]
}

/// The directory in which a path's last component lies.
fn parent(place: &CStr) -> Result<CString, Errno> {
    let path = trimmed(place.to_bytes());
    let end = path.iter().rposition(|byte| *byte == b'/').map_or(0, |slash| slash + 1);
    CString::new(&path[..end]).map_err(|_| Errno::INVAL)
}

/// Makes a file as the process would: without the permissions that its mask takes away.
fn with_umask<T>(guest: Guest, heir: &Heir, make: impl FnOnce() -> T) -> Result<T, Errno> {
    // Where a directory has a list for new files, that stands for the mask.
    let mask = if heir.list.is_some() { 0 } else { guest.umask()? };
    let own = rustix::process::umask(rustix::fs::Mode::from_raw_mode(mask));
    let made = make();
    // It leaves the error number alone.
    rustix::process::umask(own);
    Ok(made)
}

fn bytes_of<T: Copy>(value: &T) -> &[u8] {
    // SAFETY: called with structures of the kernel that were zeroed first, so that their padding is set, too.
    unsafe { std::slice::from_raw_parts(std::ptr::from_ref(value).cast(), size_of::<T>()) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn finds_the_directory_of_a_path() {
        for (path, directory) in [(c"/a/b", "/a/"), (c"/a", "/"), (c"7/cwd/x//", "7/cwd/"), (c"7/fd/3/a/b/", "7/fd/3/a/")] {
            assert_eq!(parent(path).unwrap().to_str().unwrap(), directory);
        }
    }
}

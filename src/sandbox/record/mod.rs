//! Ownership without ids to own with: owners recorded from the calls that set them, and shown by the calls that read them.
//!
//! The programs run under a filter that hands such calls to process 1 of their sandbox. It does them itself, or records
//! what they would have done and answers so, or lets them go on as they are. So a program that copies a file's group to
//! another file, or makes files as another user, acts as it would with real owners.
//!
//! Not pretended: permissions. A process that believes to be another user still may what root may.

mod acl;
mod calls;
mod credentials;
mod filter;
mod guest;
mod owners;

pub(super) use acl::{ACCESS, DEFAULT, is_foreign, record_of, with_mode};
pub(super) use filter::{available, install, program};
pub(super) use owners::{Ids, Key, OWNER, Table, carries};

use credentials::Credentials;
use guest::Guest;
use owners::{Owners, Roots};
use rustix::fs::{AtFlags, CWD, StatxFlags};
use rustix::io::Errno;
use std::os::fd::{AsRawFd as _, OwnedFd};

/// How a call is answered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Reply {
    /// The kernel does it, as if nobody had asked.
    Continue,
    /// It returns this.
    Value(i64),
    /// It was answered already.
    Sent,
    /// It fails with this, which has to do with the process and not with the recorder.
    Refused(Errno),
}

/// Answers the calls of one sandbox.
pub(super) struct Recorder<'a> {
    listener: OwnedFd,
    owners: Owners<'a>,
    /// The identities that processes have taken on; a process's token is a place in this list.
    identities: Vec<Credentials>,
    /// Whether some process has changed its root directory, so that absolute paths need a closer look.
    rerooted: bool,
    /// What makes further answers wrong.
    broken: Option<Errno>,
}

/// Errors of the recorder itself. A program that is told of them would go on with owners that no other way to keep them gives.
const OWN: [Errno; 2] = [Errno::MFILE, Errno::NFILE];

/// What a kernel that sends more than we know may write at most.
const ROOM: usize = 512;

#[repr(C, align(8))]
struct Buffer([u8; ROOM]);

impl<'a> Recorder<'a> {
    /// Changes the current directory to `processes`, a `/proc` that shows the recorder too; there it must stay.
    pub(super) fn new(
        listener: OwnedFd,
        processes: OwnedFd,
        table: &'a mut Table,
        upper: &'a OwnedFd,
        lower: &'a OwnedFd,
    ) -> Result<Self, Errno> {
        let flags = rustix::fs::OFlags::PATH | rustix::fs::OFlags::DIRECTORY | rustix::fs::OFlags::CLOEXEC;
        let root = rustix::fs::open(c"/", flags, rustix::fs::Mode::empty())?;
        rustix::process::fchdir(&processes)?;
        let stat = rustix::fs::statx(CWD, c"/", AtFlags::empty(), StatxFlags::from_bits_retain(libc::STATX_MNT_ID))?;
        let wake = libc::SECCOMP_IOCTL_NOTIF_SET_FLAGS;
        // SAFETY: takes a number. Since Linux 6.6 it makes the kernel switch straight to whoever is waited for; older ones
        // refuse it, which costs time only.
        unsafe { libc::ioctl(listener.as_raw_fd(), wake, 1_u64) };
        let owners = Owners { table, upper, lower, mount: stat.stx_mnt_id, roots: Roots { own: root, guest: None, processes } };
        Ok(Self { listener, owners, identities: vec![], rerooted: false, broken: None })
    }

    /// The file that can be read when a call waits.
    pub(super) fn listener(&self) -> &OwnedFd {
        &self.listener
    }

    /// Answers one call.
    pub(super) fn serve(&mut self) -> Result<(), Errno> {
        // The kernel wants it zeroed.
        let mut buffer = Buffer([0; ROOM]);
        // SAFETY: the kernel writes a `seccomp_notif` of its own size, which is 80 bytes and may grow; there is room.
        if unsafe { libc::ioctl(self.listener.as_raw_fd(), libc::SECCOMP_IOCTL_NOTIF_RECV, &raw mut buffer) } != 0 {
            return match guest::last() {
                // Whoever called has died or was interrupted.
                Errno::NOENT | Errno::INTR => Ok(()),
                error => Err(error),
            };
        }
        // SAFETY: the kernel filled it in; it has integers only, and the buffer is aligned for them.
        let call: libc::seccomp_notif = unsafe { std::ptr::read((&raw const buffer).cast()) };
        let guest = Guest { pid: call.pid };
        let reply = self.with_root_of(guest, |recorder| recorder.answer(guest, call.id, &call.data));
        if let Some(error) = self.broken.or_else(|| reply.err().filter(|error| OWN.contains(error))) {
            return Err(error);
        }
        let mut response = libc::seccomp_notif_resp { id: call.id, val: 0, error: 0, flags: 0 };
        match reply {
            Ok(Reply::Sent) => return Ok(()),
            Ok(Reply::Continue) => response.flags = libc::SECCOMP_USER_NOTIF_FLAG_CONTINUE as u32,
            Ok(Reply::Value(value)) => response.val = value,
            Ok(Reply::Refused(error)) | Err(error) => response.error = -error.raw_os_error(),
        }
        let mut buffer = Buffer([0; ROOM]);
        // SAFETY: the buffer is aligned for it and has room.
        unsafe { std::ptr::write((&raw mut buffer).cast(), response) };
        // SAFETY: the kernel reads a `seccomp_notif_resp` of its own size; what lies beyond ours is zero.
        match unsafe { libc::ioctl(self.listener.as_raw_fd(), libc::SECCOMP_IOCTL_NOTIF_SEND, &raw mut buffer) } {
            0 => Ok(()),
            _ => match guest::last() {
                Errno::NOENT => Ok(()),
                error => Err(error),
            },
        }
    }

    /// Does `work` with the root directory of the process, if any process has one of its own.
    fn with_root_of<T>(&mut self, guest: Guest, work: impl FnOnce(&mut Self) -> Result<T, Errno>) -> Result<T, Errno> {
        if !self.rerooted {
            return work(self);
        }
        let flags = rustix::fs::OFlags::PATH | rustix::fs::OFlags::DIRECTORY | rustix::fs::OFlags::CLOEXEC;
        let root = rustix::fs::open(format!("{}/root", guest.pid), flags, rustix::fs::Mode::empty())?;
        let done = self.owners.roots.enter(root).and_then(|()| work(self));
        self.broken = self.owners.roots.leave().err();
        done
    }

    fn credentials(&self, guest: Guest) -> Result<Credentials, Errno> {
        let token = guest.token()?;
        Ok(token.and_then(|token| self.identities.get(token)).cloned().unwrap_or_default())
    }

    fn become_one(&mut self, guest: Guest, new: Credentials) -> Result<(), Errno> {
        if new == Credentials::default() {
            return guest.set_token(None);
        }
        let known = self.identities.iter().position(|credentials| *credentials == new);
        let token = known.unwrap_or_else(|| {
            self.identities.push(new);
            self.identities.len() - 1
        });
        guest.set_token(Some(token))
    }
}

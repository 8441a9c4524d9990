//! Entering the namespaces, and choosing how owners are kept.

use super::error::{Error, Lack};
use super::given::Given;
use super::idmap::{self, Extent};
use super::sys::{self, Fork};
use super::{OWNERSHIP, Options, Ownership, Sandbox, emulator, forbidden, record, shift};
use rustix::fs::Mode;
use rustix::mount::{MountPropagationFlags, mount_change};
use rustix::process::{Signal, WaitOptions, getegid, geteuid};
use std::cell::RefCell;
use std::fs::File;
use std::io::{self, Read as _, Write as _};
use std::path::{Path, PathBuf};
use std::process::Command;

/// Everything but the process ids, which each program gets for itself.
const NAMESPACES: libc::c_int = libc::CLONE_NEWUSER | libc::CLONE_NEWNS | libc::CLONE_NEWIPC | libc::CLONE_NEWUTS | libc::CLONE_NEWNET;

/// The ids of a user namespace, and who may write them.
#[derive(Debug)]
enum Map {
    /// Root writes them itself.
    Own { uids: Vec<Extent>, gids: Vec<Extent> },
    /// `newuidmap` and `newgidmap` look in `/etc/subuid` and `/etc/subgid` and write them.
    Tools { uids: Vec<Extent>, gids: Vec<Extent>, newuidmap: PathBuf, newgidmap: PathBuf },
    /// The caller's own ids as 0, which needs nobody's leave.
    Single,
}

/// What became of a [`Map`].
#[derive(Debug, PartialEq, Eq)]
enum Mapped {
    Done,
    /// Nothing is mapped; why.
    Refused(String),
    /// Groups are mapped, users are not; why.
    Half(String),
}

impl Sandbox {
    /// Moves this process into its own user, mount, IPC, host name and network namespaces.
    ///
    /// The process must have one thread. Afterwards it is root there, sees every file as before, has no network but a
    /// loopback of its own, and keeps the mounts that it makes to itself.
    pub fn enter(options: &Options) -> Result<Self, Error> {
        let threads = threads()?;
        if threads != 1 {
            return Err(Error::Threads { threads });
        }
        if forbidden::program().is_none() {
            return Err(forbidden::lack().into());
        }
        // Keys of the caller's session are for the caller's programs.
        sys::join_session_keyring();
        // A parent that ignores its children hands that on, and then nobody could be waited for.
        sys::hear_of_children();
        let wanted = wanted(options)?;
        let forced = wanted.is_some();
        let (ownership, map) = choose(wanted)?;
        if ownership == Ownership::Recorded && !can_record() {
            return Err(unrecorded().into());
        }
        let (uid, gid) = (geteuid().as_raw(), getegid().as_raw());
        let mut ownership = ownership;
        if geteuid().is_root() && shift::is_host() {
            shift::enter(if ownership == Ownership::Recorded { 1 } else { idmap::COUNT })?;
        } else {
            match unshare(&map)? {
                Mapped::Done => {}
                Mapped::Refused(_) if !forced && can_record() => {
                    ownership = Ownership::Recorded;
                    map_single(uid, gid)?;
                }
                Mapped::Refused(reason) | Mapped::Half(reason) => return Err(unmapped(&reason).into()),
            }
            if let Map::Single = map {
                map_single(uid, gid)?;
            }
        }
        mount_change("/", MountPropagationFlags::REC | MountPropagationFlags::PRIVATE).map_err(|error| refused(error.into()))?;
        if ownership != Ownership::Recorded {
            // The user's other groups have no name here.
            rustix::thread::set_thread_groups(&[]).map_err(|error| refused(error.into()))?;
        }
        // Scripts start servers for a moment, or ask which addresses there are: no system is without these.
        sys::loopback_up().map_err(|error| Error::io("bring up the loopback of", "/proc/self/ns/net", error))?;
        rustix::process::umask(Mode::WGRP | Mode::WOTH);
        let (emulators, registry) = emulator::prepare(&options.architectures, ownership)?;
        let table = record::Table::new().map_err(|error| Error::io("record owners in", "memory", error))?;
        Ok(Self { ownership, emulators, _registry: registry, given: Given::find(), table: RefCell::new(table) })
    }
}

/// How many threads this process has.
pub(super) fn threads() -> Result<usize, Error> {
    let tasks = Path::new("/proc/self/task");
    Ok(std::fs::read_dir(tasks).map_err(|error| Error::io("list", tasks, error))?.count())
}

fn wanted(options: &Options) -> Result<Option<Ownership>, Error> {
    if options.ownership.is_some() {
        return Ok(options.ownership);
    }
    match std::env::var_os(OWNERSHIP).filter(|value| !value.is_empty()) {
        None => Ok(None),
        Some(value) => {
            let value = value.to_string_lossy();
            Ownership::parse(&value).map(Some).ok_or_else(|| Error::Ownership { value: value.into_owned() })
        }
    }
}

/// The best way that this host has, or the one that is wanted.
fn choose(wanted: Option<Ownership>) -> Result<(Ownership, Map), Error> {
    match wanted {
        Some(Ownership::Root) => Ok((Ownership::Root, own()?)),
        Some(Ownership::Subordinate) => Ok((Ownership::Subordinate, tools()?)),
        Some(Ownership::Recorded) => Ok((Ownership::Recorded, Map::Single)),
        None => Ok(own()
            .map(|map| (Ownership::Root, map))
            .or_else(|_| tools().map(|map| (Ownership::Subordinate, map)))
            .unwrap_or((Ownership::Recorded, Map::Single))),
    }
}

fn own() -> Result<Map, Lack> {
    let lack = || Lack::new("to keep owners as root does, root and the ids 0 to 65535 are needed", unset());
    let read = |path: &str| std::fs::read_to_string(path).ok().and_then(|map| idmap::identity(&map));
    match (geteuid().is_root(), read("/proc/self/uid_map"), read("/proc/self/gid_map")) {
        (true, Some(uids), Some(gids)) => Ok(Map::Own { uids, gids }),
        _ => Err(lack()),
    }
}

fn unset() -> String {
    format!("unset {OWNERSHIP}, which asks for this way")
}

/// Looks for subordinate ids and the programs that give them.
fn tools() -> Result<Map, Lack> {
    let uid = geteuid().as_raw();
    let user = sys::user_name(uid).unwrap_or_else(|| uid.to_string());
    let read = |path: &str, own| {
        let text = std::fs::read_to_string(path).unwrap_or_default();
        idmap::subordinate(&text, &user, uid, own)
    };
    let extents = read("/etc/subuid", uid).zip(read("/etc/subgid", getegid().as_raw()));
    let Some((uids, gids)) = extents else {
        let what = format!("`{user}` has no 65536 subordinate ids in `/etc/subuid` and `/etc/subgid`");
        return Err(Lack::new(what, format!("usermod --add-subuids 100000-165535 --add-subgids 100000-165535 {user}")));
    };
    let find = |name: &str| {
        emulator::find_program(&[name.to_owned()], |_| true)
            .ok_or_else(|| Lack::new(format!("`{name}`, which gives subordinate ids, is not installed"), "apt-get install uidmap"))
    };
    Ok(Map::Tools { uids, gids, newuidmap: find("newuidmap")?, newgidmap: find("newgidmap")? })
}

/// Tells whether owners can be recorded here: the kernel must let a process answer calls of another (5.0) with an open file
/// (5.14).
fn can_record() -> bool {
    let release = rustix::system::uname();
    let release = release.release().to_string_lossy();
    let mut numbers = release.split(|c: char| !c.is_ascii_digit()).map(|number| number.parse::<u32>().unwrap_or_default());
    let version = (numbers.next().unwrap_or_default(), numbers.next().unwrap_or_default());
    version >= (5, 14) && record::available()
}

fn unrecorded() -> Lack {
    let what = "this kernel cannot record owners of files (Linux 5.14 on x86-64 or arm64 can)";
    match lack_of_subordinate_ids() {
        Some(lack) => Lack::new(format!("{what}, and {lack}"), lack.mend),
        None => Lack::new(what, unset()),
    }
}

/// What would give this user subordinate ids; `None` if there are some already.
pub(super) fn lack_of_subordinate_ids() -> Option<Lack> {
    tools().err()
}

/// Enters the namespaces. A child that was made before and stays outside maps the ids: only from there it can be done.
fn unshare(map: &Map) -> Result<Mapped, Error> {
    let failed = |doing: &'static str| move |error: io::Error| Error::io(doing, "/proc/self", error);
    if let Map::Single = map {
        sys::unshare(NAMESPACES).map_err(refused)?;
        return Ok(Mapped::Done);
    }
    let pipe = || rustix::pipe::pipe_with(rustix::pipe::PipeFlags::CLOEXEC).map_err(io::Error::from);
    let (start_reader, start_writer) = pipe().map_err(failed("make a pipe for"))?;
    let (told_reader, told_writer) = pipe().map_err(failed("make a pipe for"))?;
    let pid = std::process::id();
    let child = match sys::fork().map_err(failed("fork"))? {
        Fork::Child => {
            drop(start_writer);
            drop(told_reader);
            // Should the parent die first, the pipe ends and nothing is mapped.
            let _unheard = rustix::process::set_parent_process_death_signal(Some(Signal::KILL));
            let mut byte = [0];
            if !matches!(File::from(start_reader).read(&mut byte), Ok(1)) {
                sys::exit(3);
            }
            let (code, text) = match apply(map, pid) {
                Mapped::Done => (0, String::new()),
                Mapped::Refused(text) => (1, text),
                Mapped::Half(text) => (2, text),
            };
            let told = File::from(told_writer).write_all(text.as_bytes()).is_ok();
            sys::exit(if told { code } else { 3 });
        }
        Fork::Parent(child) => child,
    };
    drop(start_reader);
    drop(told_writer);
    let entered = sys::unshare(NAMESPACES);
    if entered.is_ok() {
        File::from(start_writer).write_all(b"x").map_err(failed("start mapping the ids of"))?;
    } else {
        drop(start_writer);
    }
    let mut text = String::new();
    File::from(told_reader).read_to_string(&mut text).map_err(failed("map the ids of"))?;
    let status = rustix::io::retry_on_intr(|| rustix::process::waitpid(Some(child), WaitOptions::empty()));
    let status = status.map_err(|error| Error::io("map the ids of", "/proc/self", error))?;
    entered.map_err(refused)?;
    match status.and_then(|(_, status)| status.exit_status()) {
        Some(0) => Ok(Mapped::Done),
        Some(1) => Ok(Mapped::Refused(text)),
        _ => Ok(Mapped::Half(text)),
    }
}

fn apply(map: &Map, pid: u32) -> Mapped {
    let (uids, gids) = match map {
        Map::Own { uids, gids } => {
            let write = |name: &str, extents| std::fs::write(format!("/proc/{pid}/{name}"), idmap::render(extents));
            let told = |error: io::Error| error.to_string();
            (write("uid_map", uids).map_err(told), write("gid_map", gids).map_err(told))
        }
        Map::Tools { uids, gids, newuidmap, newgidmap } => {
            // Groups first: if they are refused, nothing is mapped yet.
            let gids = tool(newgidmap, pid, gids);
            let uids = if gids.is_ok() { tool(newuidmap, pid, uids) } else { Err(String::new()) };
            (uids, gids)
        }
        Map::Single => (Ok(()), Ok(())),
    };
    match (gids, uids) {
        (Ok(()), Ok(())) => Mapped::Done,
        (Err(text), Err(_)) => Mapped::Refused(text),
        (Ok(()), Err(text)) | (Err(text), Ok(())) => Mapped::Half(text),
    }
}

fn tool(program: &Path, pid: u32, extents: &[Extent]) -> Result<(), String> {
    let mut command = Command::new(program);
    command.arg(pid.to_string());
    for extent in extents {
        command.args([extent.inside, extent.outside, extent.count].map(|number| number.to_string()));
    }
    crate::util::command::run_checked(&mut command).map(drop).map_err(|error| error.to_string())
}

/// Maps the caller's own ids to 0. Whoever may not set ids of others must give up setting groups first.
fn map_single(uid: u32, gid: u32) -> Result<(), Error> {
    let write = |path: &str, text: String| std::fs::write(path, text).map_err(|error| Error::from(refused(error)));
    write("/proc/self/setgroups", "deny".to_owned())?;
    write("/proc/self/uid_map", format!("0 {uid} 1"))?;
    write("/proc/self/gid_map", format!("0 {gid} 1"))
}

fn unmapped(reason: &str) -> Lack {
    Lack::new(
        format!("subordinate ids cannot be used: {}", reason.trim()),
        format!("`apt-get install --reinstall uidmap` where newuidmap lacks its setuid bit; else set {OWNERSHIP}=recorded"),
    )
}

/// Why namespaces cannot be had, as far as the host says so.
pub(super) fn refused(error: io::Error) -> Lack {
    let setting = |name: &str| std::fs::read_to_string(format!("/proc/sys/{name}")).map(|text| text.trim().to_owned()).ok();
    let what = "this host does not let its users make namespaces";
    let mend = if setting("kernel/unprivileged_userns_clone").as_deref() == Some("0") {
        "sysctl -w kernel.unprivileged_userns_clone=1".to_owned()
    } else if setting("user/max_user_namespaces").as_deref() == Some("0") {
        "sysctl -w user.max_user_namespaces=15000".to_owned()
    } else if setting("kernel/apparmor_restrict_unprivileged_userns").as_deref() == Some("1") && !in_container() {
        "sysctl -w kernel.apparmor_restrict_unprivileged_userns=0".to_owned()
    } else if in_container() {
        container_options().to_owned()
    } else {
        "use a kernel with CONFIG_USER_NS, and do not run this inside a chroot".to_owned()
    };
    Lack::new(what, mend).because(error)
}

fn in_container() -> bool {
    ["/.dockerenv", "/run/.containerenv"].iter().any(|path| Path::new(path).exists()) || std::env::var_os("container").is_some()
}

/// What a container must be started with so that namespaces can be made in it.
pub(super) fn container_options() -> &'static str {
    "start the container with `podman run --security-opt seccomp=unconfined --security-opt unmask=ALL --security-opt label=disable`, \
     or `docker run --cap-add SYS_ADMIN --security-opt seccomp=unconfined --security-opt apparmor=unconfined --security-opt \
     systempaths=unconfined`"
}

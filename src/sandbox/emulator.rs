//! What runs programs of another machine: the processor itself, or qemu through `binfmt_misc`.

use super::Ownership;
use super::error::{Error, Lack};
use super::sys::{self, Fork, MountIs, Words};
use crate::pkg::Architecture;
use crate::util::command::run_checked;
use rustix::fs::{CWD, MemfdFlags, Mode, OFlags};
use rustix::mount::{
    FsMountFlags, FsOpenFlags, MountAttrFlags, MoveMountFlags, OpenTreeFlags, fsconfig_create, fsmount, fsopen, move_mount, open_tree,
};
use rustix::process::WaitOptions;
use std::fmt::Write as _;
use std::fs::File;
use std::io::{Read as _, Write as _};
use std::os::fd::{AsFd as _, AsRawFd as _, OwnedFd};
use std::path::{Path, PathBuf};
use std::process::Command;

/// What runs the programs of one architecture.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Emulator {
    /// The architecture.
    pub architecture: Architecture,
    /// Its name and version, as `qemu-arm 7.2.22`; `native` if the processor itself does.
    pub version: String,
}

/// How the programs of an architecture look, and which program emulates it.
struct Machine {
    /// Debian's names for it.
    names: &'static [&'static str],
    /// 1 for 32 bits, 2 for 64.
    class: u8,
    /// Whether the most significant byte comes first.
    big: bool,
    /// The number that ELF gives it.
    number: u16,
    /// The emulator's name.
    qemu: &'static str,
    /// Instructions that end a process with status 0, for machines that a 64-bit processor may or may not run.
    exit: &'static [u8],
}

const MACHINES: &[Machine] = &[
    // mov r7, #1; mov r0, #0; svc 0
    Machine {
        names: &["armhf", "armel"],
        class: 1,
        big: false,
        number: 40,
        qemu: "qemu-arm",
        exit: &[0x01, 0x70, 0xa0, 0xe3, 0x00, 0x00, 0xa0, 0xe3, 0x00, 0x00, 0x00, 0xef],
    },
    // Never run by the processor: its calls for sockets keep their arguments in memory, where no filter sees them.
    Machine { names: &["i386"], class: 1, big: false, number: 3, qemu: "qemu-i386", exit: &[] },
    Machine { names: &["arm64"], class: 2, big: false, number: 183, qemu: "qemu-aarch64", exit: &[] },
    Machine { names: &["amd64"], class: 2, big: false, number: 62, qemu: "qemu-x86_64", exit: &[] },
    Machine { names: &["riscv64"], class: 2, big: false, number: 243, qemu: "qemu-riscv64", exit: &[] },
    Machine { names: &["ppc64el"], class: 2, big: false, number: 21, qemu: "qemu-ppc64le", exit: &[] },
    Machine { names: &["mips64el"], class: 2, big: false, number: 8, qemu: "qemu-mips64el", exit: &[] },
    Machine { names: &["loong64"], class: 2, big: false, number: 258, qemu: "qemu-loongarch64", exit: &[] },
    Machine { names: &["s390x"], class: 2, big: true, number: 22, qemu: "qemu-s390x", exit: &[] },
];

/// Where an ELF header has the type of the file; executables and position-independent ones count.
const TYPE: usize = 16;

impl Machine {
    fn of(architecture: &Architecture) -> Option<&'static Self> {
        MACHINES.iter().find(|machine| machine.names.contains(&architecture.deb_name()))
    }

    /// The first bytes of its executables.
    fn magic(&self) -> [u8; 20] {
        let mut bytes = [0; 20];
        bytes[..7].copy_from_slice(&[0x7f, b'E', b'L', b'F', self.class, if self.big { 2 } else { 1 }, 1]);
        let number = |value: u16| if self.big { value.to_be_bytes() } else { value.to_le_bytes() };
        bytes[TYPE..18].copy_from_slice(&number(2));
        bytes[18..].copy_from_slice(&number(self.number));
        bytes
    }

    /// Which bits of them count: any system's executables, fixed or position-independent.
    fn mask(&self) -> [u8; 20] {
        let mut bytes = [0xff; 20];
        bytes[7] = 0;
        bytes[TYPE + usize::from(self.big)] = 0xfe;
        bytes
    }

    /// A program of 32 bits that does nothing.
    fn nothing(&self) -> Vec<u8> {
        const HEADERS: u32 = 52 + 32;
        const BASE: u32 = 0x10000;
        let mut bytes = self.magic().to_vec();
        let size = HEADERS + u32::try_from(self.exit.len()).unwrap_or_default();
        // Version, entry, program headers, section headers, flags (the ABI's version for ARM).
        let flags = if self.number == 40 { 0x0500_0000 } else { 0 };
        for word in [1, BASE + HEADERS, 52, 0, flags] {
            bytes.extend(word.to_le_bytes());
        }
        for half in [52_u16, 32, 1, 0, 0, 0] {
            bytes.extend(half.to_le_bytes());
        }
        // One segment to load: the whole file, readable and executable.
        for word in [1, 0, BASE, BASE, size, size, 5, 0x1000_u32] {
            bytes.extend(word.to_le_bytes());
        }
        bytes.extend(self.exit);
        bytes
    }
}

/// Makes programs of every architecture run in this user namespace; the file that is returned keeps them running.
pub(super) fn prepare(architectures: &[Architecture], ownership: Ownership) -> Result<(Vec<Emulator>, Option<OwnedFd>), Error> {
    let mut emulators = vec![];
    let mut registry = None;
    for architecture in architectures {
        let version = match needed(architecture, ownership)? {
            None => "native".to_owned(),
            Some(machine) => emulate(machine, &mut registry)?,
        };
        emulators.push(Emulator { architecture: architecture.clone(), version });
    }
    Ok((emulators, registry))
}

/// The machine to emulate; `None` if the processor runs its programs.
fn needed(architecture: &Architecture, ownership: Ownership) -> Result<Option<&'static Machine>, Error> {
    let host = Architecture::host();
    if *architecture == host {
        return Ok(None);
    }
    let lack = || Lack::new(format!("no emulator is known for {architecture}"), "build such images on a machine of that architecture");
    let machine = Machine::of(architecture).ok_or_else(lack)?;
    // The recorder knows the calls of the host's own programs, which qemu makes too.
    let native = ownership != Ownership::Recorded && !machine.exit.is_empty() && runs(machine);
    Ok((!native).then_some(machine))
}

/// Tells whether the kernel and the processor run programs of this machine.
fn runs(machine: &Machine) -> bool {
    let tried = || -> std::io::Result<bool> {
        let mut file = File::from(rustix::fs::memfd_create("program", MemfdFlags::CLOEXEC)?);
        file.write_all(&machine.nothing())?;
        let path = sys::c_string(format!("/proc/self/fd/{}", file.as_raw_fd())).map_err(std::io::Error::other)?;
        let none = Words::new(vec![]);
        match sys::fork()? {
            Fork::Child => {
                sys::exec(&path, &none, &none);
                sys::exit(1);
            }
            Fork::Parent(child) => {
                let status = rustix::io::retry_on_intr(|| rustix::process::waitpid(Some(child), WaitOptions::empty()))?;
                Ok(status.is_some_and(|(_, status)| status.exit_status() == Some(0)))
            }
        }
    };
    tried().unwrap_or(false)
}

/// Registers the machine's emulator, or finds that the host has; gives its version.
fn emulate(machine: &Machine, registry: &mut Option<OwnedFd>) -> Result<String, Error> {
    let name = machine.qemu;
    if registry.is_none() {
        *registry = private_registry();
    }
    let Some(registry) = registry else {
        let interpreter = registered(machine).ok_or_else(|| {
            let what = format!("`{name}` is not registered on this host for programs that have no access to it (flag F)");
            Lack::new(what, "apt-get install qemu-user-static binfmt-support, or Linux 6.7 or newer")
        })?;
        return Ok(version(&interpreter).unwrap_or_else(|| format!("{name} of unknown version")));
    };
    let program = find_program(&[format!("{name}-static"), name.to_owned()], is_static).ok_or_else(|| {
        Lack::new(format!("`{name}-static`, a statically linked qemu for programs of {}, is not installed", machine.names[0]), install())
    })?;
    protect(&program).map_err(|error| Error::io("protect", &program, error))?;
    register(registry, machine, &program).map_err(|error| Error::io("register", &program, error))?;
    version(&program).ok_or_else(|| Lack::new(format!("`{}` does not run here", program.display()), install()).into())
}

fn install() -> &'static str {
    "apt-get install qemu-user-static"
}

/// Sees to it that nobody writes to the program by way of a process that it runs. Only this process and those that it starts see that.
fn protect(program: &Path) -> std::io::Result<()> {
    let place = program.canonicalize()?;
    let file = open_tree(CWD, &place, OpenTreeFlags::OPEN_TREE_CLONE | OpenTreeFlags::OPEN_TREE_CLOEXEC)?;
    sys::set_mount(file.as_fd(), &MountIs::Unwritable)?;
    Ok(move_mount(&file, "", CWD, &place, MoveMountFlags::MOVE_MOUNT_F_EMPTY_PATH)?)
}

/// A `binfmt_misc` of our own, which Linux has since 6.7. It is mounted nowhere.
fn private_registry() -> Option<OwnedFd> {
    let system = fsopen("binfmt_misc", FsOpenFlags::FSOPEN_CLOEXEC).ok()?;
    fsconfig_create(&system).ok()?;
    fsmount(&system, FsMountFlags::FSMOUNT_CLOEXEC, MountAttrFlags::empty()).ok()
}

/// Flag F opens the emulator now, so that no root needs a copy. O and C let programs that cannot be read or that are setuid
/// run as they do natively.
fn register(registry: &OwnedFd, machine: &Machine, program: &Path) -> std::io::Result<()> {
    let escaped = |bytes: [u8; 20]| {
        bytes.iter().fold(String::new(), |mut text, byte| {
            let _infallible = write!(text, "\\x{byte:02x}");
            text
        })
    };
    // The first character separates the fields.
    let mark = if program.as_os_str().as_encoded_bytes().contains(&b':') { '|' } else { ':' };
    let fields = [machine.qemu, "M", "", &escaped(machine.magic()), &escaped(machine.mask())].join(&mark.to_string());
    let mut line = format!("{mark}{fields}{mark}").into_bytes();
    line.extend(program.as_os_str().as_encoded_bytes());
    line.extend(format!("{mark}OCF").bytes());
    let file = rustix::fs::openat(registry, "register", OFlags::WRONLY | OFlags::CLOEXEC, Mode::empty())?;
    rustix::io::write(&file, &line)?;
    Ok(())
}

/// The emulator that the host has registered for the machine with flag F.
fn registered(machine: &Machine) -> Option<PathBuf> {
    let directory = std::fs::read_dir("/proc/sys/fs/binfmt_misc").ok()?;
    directory.filter_map(|entry| std::fs::read_to_string(entry.ok()?.path()).ok()).find_map(|text| entry_for(&text, machine))
}

/// The interpreter of a `binfmt_misc` entry if it is on, has flag F, and is for the machine.
fn entry_for(text: &str, machine: &Machine) -> Option<PathBuf> {
    let field = |name: &str| text.lines().find_map(|line| line.strip_prefix(name)).map(str::trim);
    let bytes = |text: &str| -> Option<Vec<u8>> {
        (0..text.len()).step_by(2).map(|at| u8::from_str_radix(text.get(at..at + 2)?, 16).ok()).collect()
    };
    if !text.starts_with("enabled") || !field("flags:")?.contains('F') || field("offset ")? != "0" {
        return None;
    }
    let magic = bytes(field("magic ")?)?;
    let mask = field("mask ").map_or_else(|| Some(vec![0xff; magic.len()]), bytes)?;
    let header = machine.magic();
    let fits =
        magic.len() <= header.len() && header.iter().zip(magic.iter().zip(&mask)).all(|(byte, (magic, mask))| byte & mask == magic & mask);
    (fits && magic.len() == header.len()).then(|| field("interpreter ").map(PathBuf::from)).flatten()
}

/// Asks an emulator for its name and version.
fn version(program: &Path) -> Option<String> {
    let output = run_checked(Command::new(program).arg("--version").env_clear()).ok()?;
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    let mut words = text.lines().next()?.split_whitespace();
    let name = words.next()?;
    words.find(|word| word.starts_with(|c: char| c.is_ascii_digit())).map(|number| format!("{name} {number}"))
}

/// The first of these programs that is there and that will do.
pub(super) fn find_program(names: &[String], will_do: impl Fn(&Path) -> bool) -> Option<PathBuf> {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let always = ["/usr/bin", "/usr/local/bin", "/bin"].map(PathBuf::from);
    let directories: Vec<PathBuf> = std::env::split_paths(&path).chain(always).filter(|path| path.is_absolute()).collect();
    let places = names.iter().flat_map(|name| directories.iter().map(move |directory| directory.join(name)));
    places.filter(|path| path.is_file()).find(|path| will_do(path))
}

/// Tells whether an executable needs no dynamic linker.
fn is_static(path: &Path) -> bool {
    let mut start = vec![];
    let read = File::open(path).and_then(|file| file.take(4096).read_to_end(&mut start));
    if read.is_err() || !start.starts_with(b"\x7fELF\x02\x01") {
        return false;
    }
    let number = |at: usize, size: usize| {
        start.get(at..at + size).map(|bytes| bytes.iter().rev().fold(0_usize, |number, byte| number << 8 | usize::from(*byte)))
    };
    let (Some(offset), Some(size), Some(count)) = (number(32, 8), number(54, 2), number(56, 2)) else { return false };
    const INTERPRETER: usize = 3;
    (0..count).all(|index| number(offset.saturating_add(index * size), 4).is_some_and(|kind| kind != INTERPRETER))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn machine(name: &str) -> &'static Machine {
        Machine::of(&Architecture::parse(name).unwrap()).unwrap()
    }

    #[test]
    fn knows_an_entry_of_the_host() {
        let arm = "enabled\ninterpreter /usr/libexec/qemu-binfmt/arm-binfmt-P\nflags: POCF\noffset 0\nmagic 7f454c4601010100000000000000000002002800\nmask ffffffffffffff00fffffffffffffffffeffffff\n";
        assert_eq!(entry_for(arm, machine("armhf")).unwrap(), Path::new("/usr/libexec/qemu-binfmt/arm-binfmt-P"));
        assert_eq!(entry_for(arm, machine("arm64")), None);
        assert_eq!(entry_for(&arm.replace("POCF", "OC"), machine("armhf")), None);
        assert_eq!(entry_for(&arm.replace("enabled", "disabled"), machine("armhf")), None);
    }

    #[test]
    fn knows_static_programs() {
        assert!(!is_static(Path::new("/bin/sh")));
        assert!(!is_static(Path::new("/etc/passwd")));
    }

    #[test]
    fn masks_what_varies_between_executables() {
        let big = machine("s390x");
        assert_eq!((big.magic()[16..].to_vec(), big.mask()[16..].to_vec()), (vec![0, 2, 0, 22], vec![0xff, 0xfe, 0xff, 0xff]));
        let little = machine("armhf");
        assert_eq!((little.magic()[16..].to_vec(), little.mask()[16..].to_vec()), (vec![2, 0, 40, 0], vec![0xfe, 0xff, 0xff, 0xff]));
    }
}

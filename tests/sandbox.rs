//! Programs run in a sandbox: what they see, what they leave, and what ends them.

#![allow(clippy::unwrap_used, clippy::print_stderr, reason = "a test says no in this way, and tells what it skips")]

use pintree::pkg::Architecture;
use pintree::sandbox::{self, Change, ChangeKind, Command, Ended, Error, Layers, Limits, Options, Ownership, Root, Sandbox};
use rustix::fs::{Gid, Uid};
use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

/// What the scripts of these tests run.
const PROGRAMS: &str = "bash sh cat chgrp chmod chown cp head hostname id install ln ls mkdir mkfifo mv readlink rm rmdir setpriv setsid sleep stat tar \
                        touch true uname wc";

/// Directories for one overlay, with the host's own programs as the tree below.
struct Place {
    directory: tempfile::TempDir,
    user: Option<(u32, u32)>,
    ownership: Ownership,
}

impl Place {
    fn new(ownership: Ownership) -> Option<Self> {
        let user = user_for(ownership)?;
        let directory = tempfile::tempdir().unwrap();
        let place = Self { directory, user, ownership };
        std::fs::set_permissions(place.directory.path(), PermissionsExt::from_mode(0o755)).unwrap();
        for name in ["lower", "upper", "work", "merged"] {
            std::fs::create_dir(place.path(name)).unwrap();
        }
        furnish(&place.path("lower"));
        std::fs::write(place.directory.path().join("host-only"), "secret").unwrap();
        if let Some((uid, gid)) = user {
            own(place.directory.path(), uid, gid);
        }
        Some(place)
    }

    fn path(&self, name: &str) -> PathBuf {
        self.directory.path().join(name)
    }

    /// Does `work` in a process of its own that has entered a sandbox.
    fn enter(&self, architectures: &[&str], work: impl FnOnce(&Sandbox) -> String) -> String {
        let architectures = architectures.iter().map(|name| Architecture::parse(name).unwrap()).collect();
        let options = Options { architectures, ownership: Some(self.ownership) };
        sandbox::apart(|| {
            become_user(self.user);
            match Sandbox::enter(&options) {
                Ok(sandbox) => work(&sandbox),
                Err(error) => format!("{error}: {:?}: {:?}", std::error::Error::source(&error), error.hint()),
            }
        })
        .unwrap()
    }

    fn mount(&self, sandbox: &Sandbox) -> Root {
        let [lower, upper, work, merged] = &["lower", "upper", "work", "merged"].map(|name| self.path(name));
        sandbox.mount(&Layers { lower, upper, work, merged }).map_err(|error| panic!("{}", chain(&error))).unwrap()
    }

    /// Runs a shell script; gives its output and how it ended, if not well.
    fn run(&self, script: &str) -> String {
        self.enter(&[], |sandbox| {
            let root = self.mount(sandbox);
            run(sandbox, &root, script)
        })
    }

    /// Runs a shell script; gives what it changed, one path a line.
    fn changes(&self, script: &str) -> String {
        self.enter(&[], |sandbox| {
            let root = self.mount(sandbox);
            let mut said = run(sandbox, &root, script);
            root.unmount().unwrap();
            let visited = sandbox.changes::<Error>(&self.path("upper"), &mut |change| {
                writeln!(said, "{}", line(change)).unwrap();
                Ok(())
            });
            visited.unwrap();
            sandbox.remove_all(&self.path("upper")).unwrap();
            sandbox.remove_all(&self.path("work")).unwrap();
            said
        })
    }
}

fn chain(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(cause) = source {
        write!(text, ": {cause}").unwrap();
        source = cause.source();
    }
    text
}

fn command<'a>(arguments: &'a [&'a str]) -> Command<'a> {
    let environment = &[("PATH", "/usr/bin:/bin"), ("LC_ALL", "C")];
    Command { program: "sh", arguments, environment, directory: "/", input: None, limits: Limits::default() }
}

fn run(sandbox: &Sandbox, root: &Root, script: &str) -> String {
    let mut said = vec![];
    let ended = sandbox.run(root, &command(&["-c", script]), &mut |bytes| said.extend_from_slice(bytes));
    let mut said = String::from_utf8(said).unwrap();
    match ended {
        Ok(Ended::Exit(0)) => {}
        Ok(ended) => writeln!(said, "ended by {ended}").unwrap(),
        Err(error) => writeln!(said, "{}", chain(&error)).unwrap(),
    }
    said
}

fn line(change: &Change<'_>) -> String {
    let kind = match &change.kind {
        ChangeKind::Removed => return format!("removed {}", change.path),
        ChangeKind::Directory { opaque: false } => "directory".to_owned(),
        ChangeKind::Directory { opaque: true } => "opaque directory".to_owned(),
        ChangeKind::File { size, .. } => format!("file of {size}"),
        ChangeKind::Symlink(target) => return format!("{} {}:{} link to {target}", change.path, change.uid, change.gid),
        ChangeKind::Special(kind) => (*kind).to_owned(),
    };
    let names: Vec<_> = change.xattrs.iter().map(|(name, value)| format!(" {}={}", String::from_utf8_lossy(name), hex(value))).collect();
    format!("{} {}:{} {:04o} {kind}{}", change.path, change.uid, change.gid, change.mode, names.concat())
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// The host's programs with the libraries they need, and the usual empty directories.
fn furnish(lower: &Path) {
    let mut wanted = BTreeSet::new();
    for name in PROGRAMS.split_whitespace() {
        let path = ["/usr/bin", "/bin", "/usr/sbin"].iter().map(|directory| Path::new(directory).join(name)).find(|path| path.exists());
        let path = path.unwrap_or_else(|| panic!("{name} is not installed"));
        let libraries = std::process::Command::new("ldd").arg(&path).output().unwrap();
        for word in String::from_utf8(libraries.stdout).unwrap().split_whitespace().filter(|word| word.starts_with('/')) {
            wanted.insert(PathBuf::from(word));
        }
        wanted.insert(Path::new("/usr/bin").join(name));
    }
    for name in ["bin", "lib", "lib64"] {
        std::fs::create_dir_all(lower.join("usr").join(name)).unwrap();
        symlink(format!("usr/{name}"), lower.join(name)).unwrap();
    }
    for name in ["proc", "dev", "sys", "run", "tmp", "etc/deep/er", "root"] {
        std::fs::create_dir_all(lower.join(name)).unwrap();
    }
    for path in wanted {
        let to = lower.join(path.strip_prefix("/").unwrap());
        std::fs::create_dir_all(to.parent().unwrap()).unwrap();
        let from = if path.exists() { path.clone() } else { Path::new("/bin").join(path.file_name().unwrap()) };
        std::fs::copy(from, to).unwrap();
    }
    std::fs::write(lower.join("etc/passwd"), "root:x:0:0::/root:/bin/sh\nwww:x:33:33::/:/bin/sh\n").unwrap();
    std::fs::write(lower.join("etc/group"), "root:x:0:\nwww:x:33:\nshadow:x:42:\n").unwrap();
    std::fs::write(lower.join("etc/old"), "old\n").unwrap();
    std::fs::write(lower.join("etc/deep/er/file"), "file\n").unwrap();
    std::fs::write(lower.join("run/of-image"), "").unwrap();
}

fn own(path: &Path, uid: u32, gid: u32) {
    std::os::unix::fs::lchown(path, Some(uid), Some(gid)).unwrap();
    if path.is_dir() && !path.is_symlink() {
        for entry in std::fs::read_dir(path).unwrap() {
            own(&entry.unwrap().path(), uid, gid);
        }
    }
}

/// The ids with which this way to keep owners can be tried here; `None`, with a word, if it cannot.
fn user_for(ownership: Ownership) -> Option<Option<(u32, u32)>> {
    let root = rustix::process::geteuid().is_root();
    let found = match ownership {
        Ownership::Root => root.then_some(None),
        // Nobody's ids, so certainly ones without subordinate ids.
        Ownership::Recorded => Some(root.then_some((12345, 12345))),
        Ownership::Subordinate if root => subordinate_user().map(Some),
        Ownership::Subordinate => Some(None),
    };
    if found.is_none() {
        eprintln!("skipped: nobody here could keep owners by way of `{ownership}`");
    }
    found
}

/// A user who has subordinate ids.
fn subordinate_user() -> Option<(u32, u32)> {
    let ranges = std::fs::read_to_string("/etc/subuid").ok()?;
    let users = std::fs::read_to_string("/etc/passwd").ok()?;
    ranges.lines().find_map(|range| {
        let name = range.split(':').next()?;
        let user = users.lines().find(|user| user.split(':').next() == Some(name))?;
        let mut ids = user.split(':').skip(2).map(str::parse);
        Some((ids.next()?.ok()?, ids.next()?.ok()?))
    })
}

fn become_user(user: Option<(u32, u32)>) {
    let Some((uid, gid)) = user else { return };
    let (uid, gid) = (Uid::from_raw(uid), Gid::from_raw(gid));
    rustix::thread::set_thread_groups(&[gid]).unwrap();
    rustix::thread::set_thread_res_gid(gid, gid, gid).unwrap();
    rustix::thread::set_thread_res_uid(uid, uid, uid).unwrap();
    // A process that changes its user is nobody's own otherwise.
    rustix::process::set_dumpable_behavior(rustix::process::DumpableBehavior::Dumpable).unwrap();
}

const ALL: [Ownership; 3] = [Ownership::Root, Ownership::Subordinate, Ownership::Recorded];

fn everywhere() -> impl Iterator<Item = Place> {
    ALL.into_iter().filter_map(Place::new)
}

#[test]
fn gives_a_program_what_it_expects() {
    for place in everywhere() {
        let said = place.run(
            "id -u; id -g; id -G; umask; pwd; uname -n; echo a >/dev/null; head -c 3 /dev/zero | wc -c; head -c 2 /dev/urandom | wc -c
             [ -d /dev/pts ] && [ -w /dev/shm ] && [ -d /run/lock ] && [ ! -e /run/of-image ] && readlink /dev/stdin
             echo \"$PATH $LC_ALL $HOME\"; ulimit -c; ulimit -n; ulimit -s; [ $$ = 2 ] && echo process 2; echo to stderr >&2; cat; echo end",
        );
        let expected = "0\n0\n0\n0022\n/\nlocalhost\n3\n2\n/proc/self/fd/0\n/usr/bin:/bin C \n0\n1024\n8192\nprocess 2\nto stderr\nend\n";
        assert_eq!(said, expected, "{}", place.ownership);
    }
}

#[test]
fn hides_the_host_and_its_network() {
    for place in everywhere() {
        let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        let secret = place.path("host-only");
        let said = place.run(&format!(
            "for d in / /proc/1/root /proc/2/cwd /proc/self/root/..; do [ -e $d{secret} ] && echo sees $d; done
             bash -c 'exec 3<>/dev/tcp/127.0.0.1/{port}' 2>/dev/null && echo connected
             ls /proc/self/fd | wc -l; ls /proc | grep -c '^[0-9]' >&2; cat /proc/net/dev | wc -l",
            secret = secret.display(),
        ));
        // Three, and the one with which `ls` reads the list; two lines of heading and `lo`.
        assert_eq!(said.replace("sh: 3: grep: not found\n", ""), "4\n3\n", "{}", place.ownership);
    }
}

#[test]
fn tells_how_a_program_ended() {
    let Some(place) = everywhere().next() else { return };
    let said = place.enter(&[], |sandbox| {
        let root = place.mount(sandbox);
        let mut said = String::new();
        for script in ["exit 3", "kill -9 $$", "sleep 1000 & setsid sleep 1000 & (sleep 1000 >/dev/null &) ; exit 4", "no-such-program"] {
            said.push_str(&run(sandbox, &root, script));
        }
        let ended = |command: &Command<'_>| match sandbox.run(&root, command, &mut |_| {}) {
            Ok(ended) => format!("{ended}\n"),
            Err(error) => format!("{}\n", chain(&error)),
        };
        said.push_str(&ended(&Command { program: "nothing", ..command(&[]) }));
        said.push_str(&ended(&Command { program: "/etc/passwd", ..command(&[]) }));
        said.push_str(&ended(&Command { directory: "/nowhere", ..command(&[]) }));
        let limits = Limits { time: Duration::from_millis(200), ..Limits::default() };
        let started = Instant::now();
        said.push_str(&ended(&Command { limits, ..command(&["-c", "sleep 1000 & sleep 1000"]) }));
        assert!(started.elapsed() < Duration::from_secs(60));
        said
    });
    let expected = "ended by exit status 3
ended by signal 9
ended by exit status 4
sh: 1: no-such-program: not found
ended by exit status 127
cannot start `nothing`: No such file or directory (os error 2)
cannot start `/etc/passwd`: Permission denied (os error 13)
cannot change the directory for `sh`: No such file or directory (os error 2)
its time limit
";
    assert_eq!(said, expected);
}

#[test]
fn gives_a_program_its_input() {
    let Some(place) = everywhere().next() else { return };
    let said = place.enter(&[], |sandbox| {
        let root = place.mount(sandbox);
        let input = vec![b'x'; 300_000];
        let mut said = vec![];
        let command = Command { input: Some(&input), ..command(&["-c", "cat | wc -c; cat"]) };
        sandbox.run(&root, &command, &mut |bytes| said.extend_from_slice(bytes)).unwrap();
        String::from_utf8(said).unwrap()
    });
    assert_eq!(said, "300000\n");
}

#[test]
fn reads_back_what_changed() {
    for place in everywhere() {
        let said = place.changes(
            "cd /etc; rm old; mkdir new; echo x >new/f; chown 33:42 new/f; chmod 4710 new/f; chgrp 42 new; chmod 2750 new; ln -s f new/l
             chown -h 33:33 new/l; ln new/f new/hard; mkfifo new/fifo; chmod 600 new/fifo; rm -r deep; mkdir deep; chmod 700 deep; echo more >>passwd
             echo >/run/x; echo >/tmp/x; echo >/dev/shm/x; touch -d @0 group; mv new/hard /root/moved",
        );
        let expected = "etc 0:0 0755 directory
etc/deep 0:0 0700 opaque directory
etc/group 0:0 0644 file of 33
etc/new 0:42 2750 directory
etc/new/f 33:42 4710 file of 2
etc/new/fifo 0:42 0600 fifo
etc/new/l 33:33 link to f
removed etc/old
etc/passwd 0:0 0644 file of 54
root 0:0 0755 directory
root/moved 33:42 4710 file of 2
";
        assert_eq!(said, expected, "{}", place.ownership);
        assert!(!place.path("upper").exists() && !place.path("work").exists());
        assert_eq!(std::fs::read(place.path("lower/etc/old")).unwrap(), b"old\n");
    }
}

#[test]
fn mounts_one_layer_again() {
    for place in everywhere() {
        let said = place.enter(&[], |sandbox| {
            let write = |script: &str| run(sandbox, &place.mount(sandbox), script);
            write("echo >/etc/kept; chown 33:42 /etc/kept; ln -s x /etc/link; chown -h 5:6 /etc/link; echo >/tmp/lost")
                + &write("stat -c '%u:%g %n' /etc/kept /etc/link; ls /tmp")
        });
        assert_eq!(said, "33:42 /etc/kept\n5:6 /etc/link\n", "{}", place.ownership);
    }
}

#[test]
fn shows_owners_that_were_set_before() {
    for place in everywhere() {
        let said = place.enter(&[], |sandbox| {
            let flags = rustix::fs::OFlags::DIRECTORY;
            let etc = rustix::fs::open(place.path("lower/etc"), flags, rustix::fs::Mode::empty()).unwrap();
            let set = |name: &str, uid, gid, mode| {
                sandbox.set_owner(std::os::fd::AsFd::as_fd(&etc), name.as_ref(), uid, gid, mode).unwrap();
            };
            set("old", 33, 42, 0o4750);
            set("deep", 33, 0, 0o2700);
            let root = place.mount(sandbox);
            run(
                sandbox,
                &root,
                "stat -c '%u %g %a %n' /etc/old /etc/deep /etc/deep/er /etc/passwd; chmod g+w /etc/old; stat -c '%u %g %a %n' /etc/old",
            )
        });
        let expected = "33 42 4750 /etc/old\n33 0 2700 /etc/deep\n0 0 755 /etc/deep/er\n0 0 644 /etc/passwd\n33 42 4770 /etc/old\n";
        assert_eq!(said, expected, "{}", place.ownership);
    }
}

/// What real packages do with owners, in one script.
const OWNERS: &str = "
see() { stat -c '%u:%g %a %F %n' \"$@\"; }
cd /etc
echo >shadow; chown 0:42 shadow; chmod 640 shadow; see shadow
cp -a shadow shadow-; install -o 33 -g 42 -m 2755 shadow installed; see shadow- installed
mv shadow- moved; echo y >new; chgrp $(stat -c %g shadow) new; chown --reference=shadow new; mv new shadow; see shadow moved
mkdir spool; chown 33:42 spool; chmod 2775 spool; mkdir spool/d; echo >spool/f; ln -s f spool/l; mkfifo spool/p; see spool/*
cp shadow spool/copy; cp -a installed spool/kept; mkdir -p spool/a/b/c; see spool/copy spool/kept spool/a/b/c
chown -R 7:8 deep; ln deep/er/file hard; see deep deep/er hard; echo >>hard; see deep/er/file
chown -h 33:33 spool/l; ln -s none dangling; chown -h 5:6 dangling; see spool/l dangling; mv dangling dangled; see dangled
chmod 4755 installed; see installed; chown 33 installed; see installed; chmod 6711 installed; chown :7 installed; see installed
mkdir tree; chmod 4755 shadow; chgrp 42 tree; tar cf tar shadow spool hard tree; mkdir x; tar xf tar -C x --same-owner; see x/shadow x/spool x/spool/l x/spool/f x/hard x/tree
cp -r spool plain; see plain plain/f; cp -a spool again; see again/l again/p again/d
chown 0:0 moved; see moved; chown 100000 moved; chown nobody-here moved; chown -1 moved 2>&1; see moved
touch tmpfile /tmp/t /run/t; chown 33:33 /tmp/t /run/t; see /tmp/t /run/t; cp -a /tmp/t from-tmp; see from-tmp
chmod 777 .; as() { setpriv --reuid 33 --regid 33 --groups 42,7 \"$@\"; }
as sh -c 'id; id -u; id -g; echo >mine; mkdir mine.d; ln -s x mine.l; mkfifo mine.p; echo >spool/mine; stat -c %u:%g mine; chgrp 42 mine
  chown 0 mine; chgrp 9 mine; chgrp 42 moved; stat -c %u:%g mine moved; umask 077; echo >private; mkdir private.d; echo >>private'
see mine* spool/mine private*
setpriv --reuid 33 --clear-groups sh -c '(id; echo >half) & wait; id -G'; see half; id
setpriv --ruid 33 --regid 5 --clear-groups id; setpriv --euid 33 --clear-groups --rgid 4 id -u
rm -r plain again/d; mkdir again/d; see again/d
echo gone >moved; see moved; rm moved; echo >moved; see moved
echo >by; chown 5:6 /proc/self/fd/0 <by; see by; chgrp 7 /dev/stdin <by; stat -L -c %u:%g /dev/fd/0 <by
cp /usr/bin/id setid; chown 6:7 setid; chmod 6755 setid; as ./setid -u; as ./setid -g; ./setid; chown 0:0 setid; chmod 4755 setid; as ./setid
bash -c 'echo >excl; set -o noclobber; echo a >excl; echo b >spool/excl; echo c >spool/excl; cd spool; echo >../spool/rel; mkdir -m 0 zero; see() { stat -c \"%u:%g %a %n\" $@; }; see rel zero excl'
";

#[test]
fn keeps_owners_alike_in_every_way() {
    let mut told = vec![];
    for place in everywhere() {
        told.push((place.ownership, place.changes(OWNERS)));
    }
    for pair in told.windows(2) {
        for (one, other) in pair[0].1.lines().zip(pair[1].1.lines()) {
            assert_eq!(one, other, "{} and {}", pair[0].0, pair[1].0);
        }
        assert_eq!(pair[0].1, pair[1].1);
    }
    let (_, told) = &told[0];
    for line in [
        "0:42 640 regular file shadow",
        "33:42 2755 regular file installed",
        "33:33 777 symbolic link spool/l",
        "etc/dangled 5:6 link to none",
        "33:42 644 regular file mine",
    ] {
        assert!(told.contains(line), "{line}\n{told}");
    }
}

/// An archive of files with access control lists for group 4, and one with the capability to make raw sockets.
fn attributes() -> Vec<u8> {
    let mut archive = tar::Builder::new(vec![]);
    let capability = [1, 0, 0, 2, 0, 0x20, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0];
    let entries: [(&str, &str, &[u8]); 3] = [
        ("open/", "SCHILY.acl.default", b"user::rwx\ngroup::r-x\ngroup:4:rwx\nmask::rwx\nother::---\n"),
        ("listed", "SCHILY.acl.access", b"user::rw-\ngroup::r-x\ngroup:4:r-x\nuser:33:rwx\nmask::r-x\nother::---\n"),
        ("capable", "SCHILY.xattr.security.capability", &capability),
    ];
    for (name, key, value) in entries {
        archive.append_pax_extensions([(key, value)]).unwrap();
        let mut header = tar::Header::new_ustar();
        header.set_mode(0o755);
        let directory = name.ends_with('/');
        header.set_entry_type(if directory { tar::EntryType::Directory } else { tar::EntryType::Regular });
        header.set_size(if directory { 0 } else { 2 });
        archive.append_data(&mut header, name, if directory { &b""[..] } else { &b"x\n"[..] }).unwrap();
    }
    archive.into_inner().unwrap()
}

#[test]
fn keeps_attributes_alike_in_every_way() {
    let script = "cd /etc; tar --acls --xattrs '--xattrs-include=*' -xf /attributes.tar; ls -l listed | head -c 11; echo; cp -a listed copied
        chown 33:42 listed; chmod 704 listed; ls -l listed | head -c 11; echo; cp --preserve=mode,xattr listed moded; cp -a capable kept; chown 33 capable
        cp --preserve=xattr,mode listed mine; chmod 640 copied; ls -l copied mine | head -c 11
        umask 077; touch open/file; mkdir open/dir; mkdir -m 700 open/closed; echo >open/dir/file; ln -s x open/link; install -m 600 moded open/put";
    let mut told = vec![];
    for place in everywhere() {
        std::fs::write(place.path("lower/attributes.tar"), attributes()).unwrap();
        told.push((place.ownership, place.changes(script)));
    }
    for (ownership, said) in &told {
        assert_eq!(*said, told[0].1, "{ownership} and {}", told[0].0);
    }
    for line in [
        "etc/copied 0:0 0640 file of 2 system.posix_acl_access=0200000001000600ffffffff0200070021000000040005\
         00ffffffff080005000400000010000400ffffffff20000000ffffffff",
        "etc/kept 0:0 0755 file of 2 security.capability=0100000200200000000000000000000000000000",
        "etc/listed 33:42 0704 ",
        "etc/capable 33:0 0755 file of 2\n",
        "etc/open/file 0:0 0660 file of 0 system.posix_acl_access=",
    ] {
        assert!(told[0].1.contains(line), "{line}\n{}", told[0].1);
    }
}

#[test]
fn shows_attributes_that_were_set_before() {
    for place in everywhere() {
        let said = place.enter(&[], |sandbox| {
            let flags = rustix::fs::OFlags::DIRECTORY;
            let etc = rustix::fs::open(place.path("lower/etc"), flags, rustix::fs::Mode::empty()).unwrap();
            let mut list = vec![2, 0, 0, 0];
            for (kind, permissions, id) in [(1_u8, 7_u8, 0xff_u8), (4, 5, 0xff), (8, 7, 4), (16, 7, 0xff), (32, 0, 0xff)] {
                list.extend([
                    kind,
                    0,
                    permissions,
                    0,
                    id,
                    if id == 4 { 0 } else { 0xff },
                    if id == 4 { 0 } else { 0xff },
                    if id == 4 { 0 } else { 0xff },
                ]);
            }
            let set = |name: &str, wanted: &[(&str, &[u8])]| {
                let wanted: Vec<_> = wanted.iter().map(|(name, value)| (name.as_bytes().to_vec(), value.to_vec())).collect();
                sandbox.set_attributes(std::os::fd::AsFd::as_fd(&etc), name.as_ref(), &wanted).map_err(|error| chain(&error)).unwrap();
            };
            set("deep", &[("system.posix_acl_default", &list), ("user.kept", b"1"), ("user.ostreemeta", b"not")]);
            set("old", &[("user.lost", b"1"), ("system.posix_acl_access", &list)]);
            set("old", &[("user.kept", b"2")]);
            let root = place.mount(sandbox);
            let said = run(sandbox, &root, "cd /etc; touch deep/new; chmod 600 old");
            root.unmount().unwrap();
            let mut said = said;
            let visited = sandbox.changes::<Error>(&place.path("upper"), &mut |change| {
                writeln!(said, "{}", line(change)).unwrap();
                Ok(())
            });
            visited.unwrap();
            said
        });
        let expected = "etc 0:0 0755 directory
etc/deep 0:0 0755 directory system.posix_acl_default=0200000001000700ffffffff04000500ffffffff080007000400000010000700ffffffff20000000ffffffff user.kept=31
etc/deep/new 0:0 0660 file of 0 system.posix_acl_access=0200000001000600ffffffff04000500ffffffff080007000400000010000600ffffffff20000000ffffffff
etc/old 0:0 0600 file of 4 user.kept=32
";
        assert_eq!(said, expected, "{}", place.ownership);
    }
}

#[test]
fn removes_what_nobody_may_enter() {
    for place in everywhere() {
        let tree = place.path("lower/tree");
        std::fs::create_dir(&tree).unwrap();
        if let Some((uid, gid)) = place.user {
            own(&tree, uid, gid);
        }
        let said = place.enter(&[], |sandbox| {
            let mut deep = rustix::fs::open(&tree, rustix::fs::OFlags::DIRECTORY, rustix::fs::Mode::empty()).unwrap();
            for _ in 0..1500 {
                rustix::fs::mkdirat(&deep, "d", rustix::fs::Mode::from_raw_mode(0o700)).unwrap();
                deep = rustix::fs::openat(&deep, "d", rustix::fs::OFlags::DIRECTORY, rustix::fs::Mode::empty()).unwrap();
            }
            drop(deep);
            std::fs::write(tree.join("d/file"), "").unwrap();
            if place.ownership != Ownership::Recorded {
                std::os::unix::fs::lchown(tree.join("d/file"), Some(1), Some(1)).unwrap();
            }
            std::fs::create_dir(tree.join("closed")).unwrap();
            std::fs::write(tree.join("closed/file"), "").unwrap();
            symlink("/etc", tree.join("closed/link")).unwrap();
            std::fs::set_permissions(tree.join("closed"), PermissionsExt::from_mode(0o000)).unwrap();
            sandbox.remove_all(&tree).map_err(|error| chain(&error)).unwrap();
            sandbox.remove_all(&tree).unwrap();
            format!("{}", tree.exists())
        });
        assert_eq!(said, "false", "{}", place.ownership);
    }
}

#[test]
fn opens_no_file_outside_the_root() {
    let Some(place) = everywhere().next() else { return };
    let secret = place.path("host-only");
    symlink(&secret, place.path("lower/etc/absolute")).unwrap();
    symlink(format!("../../../../../../..{}", secret.display()), place.path("lower/etc/relative")).unwrap();
    symlink("/etc/passwd", place.path("lower/etc/inside")).unwrap();
    let said = place.enter(&[], |sandbox| {
        let root = place.mount(sandbox);
        for path in ["etc/absolute", "/etc/relative", "../../etc/absolute", "etc/none", "etc/passwd/x"] {
            assert_eq!(root.read(path).unwrap(), None, "{path}");
            assert!(!root.exists(path), "{path}");
        }
        assert!(root.read("/etc/inside").unwrap().unwrap().starts_with(b"root:"));
        root.write("etc/inside", b"one", 0o640).unwrap();
        root.append("/etc/passwd", b"two").unwrap();
        root.make_directory("a/b/c", 0o1777).unwrap();
        root.make_directory("a/b/c", 0o700).unwrap();
        root.symlink("c", "a/b/link").unwrap();
        root.write("/a/b/link/program", b"#!/bin/sh", 0o755).unwrap();
        assert!(root.is_executable("a/b/c/program") && !root.is_executable("etc/passwd") && !root.is_executable("a/b/c"));
        assert!(root.remove("a/b/link").unwrap() && !root.remove("a/b/link").unwrap() && !root.remove("x/y").unwrap());
        assert!(root.remove("usr").is_err(), "not empty");
        assert!(root.symlink("x", "etc/passwd").is_err(), "there already");
        run(sandbox, &root, "cat /etc/passwd; echo; stat -c '%a %n' /etc/passwd /a /a/b/c /a/b/c/program")
    });
    assert_eq!(said, "onetwo\n640 /etc/passwd\n755 /a\n1777 /a/b/c\n755 /a/b/c/program\n");
    assert_eq!(std::fs::read(&secret).unwrap(), b"secret");
}

/// A program that writes `armed` and exits with 7.
fn arm_program() -> Vec<u8> {
    // mov r7, #4; mov r0, #1; add r1, pc, #16; mov r2, #6; svc 0; mov r7, #1; mov r0, #7; svc 0
    let code: [u32; 8] = [0xe3a0_7004, 0xe3a0_0001, 0xe28f_1010, 0xe3a0_2006, 0xef00_0000, 0xe3a0_7001, 0xe3a0_0007, 0xef00_0000];
    let mut bytes = b"\x7fELF\x01\x01\x01\0\0\0\0\0\0\0\0\0\x02\0\x28\0".to_vec();
    let size = 84 + 32 + 6;
    for word in [1, 0x10054, 52, 0, 0x0500_0000, 0x0020_0034, 1, 0, 1, 0, 0x10000, 0x10000, size, size, 5, 0x1000] {
        bytes.extend(u32::to_le_bytes(word));
    }
    bytes.extend(code.into_iter().flat_map(u32::to_le_bytes));
    bytes.extend(b"armed\n");
    bytes
}

#[test]
fn runs_programs_of_another_machine() {
    for place in everywhere() {
        let program = place.path("lower/usr/bin/armed");
        std::fs::write(&program, arm_program()).unwrap();
        std::fs::set_permissions(&program, PermissionsExt::from_mode(0o755)).unwrap();
        let said = place.enter(&["armhf", Architecture::host().deb_name()], |sandbox| {
            let names: Vec<_> = sandbox.emulators().iter().map(|emulator| emulator.architecture.deb_name()).collect();
            assert_eq!(names, ["armhf", Architecture::host().deb_name()]);
            assert_eq!(sandbox.emulators()[1].version, "native");
            let root = place.mount(sandbox);
            run(sandbox, &root, "/usr/bin/armed; echo $?; exec armed")
        });
        if said.contains("qemu-arm") && std::env::var_os("CI").is_none() {
            eprintln!("skipped: {said}");
            continue;
        }
        assert_eq!(said, "armed\n7\narmed\nended by exit status 7\n", "{}", place.ownership);
    }
}

#[test]
fn refuses_what_it_cannot_run() {
    let Some(place) = everywhere().next() else { return };
    let said = place.enter(&["m68k"], |_| String::new());
    assert!(said.starts_with("no emulator is known for m68k"), "{said}");
    let said = sandbox::apart(|| {
        let waiting = std::thread::spawn(|| std::thread::sleep(Duration::from_secs(60)));
        let entered = Sandbox::enter(&Options::default());
        drop(waiting);
        entered.map(drop).unwrap_err().to_string()
    });
    assert_eq!(said.unwrap(), "a process with 2 threads cannot enter a sandbox");
}

/// The processes with this text in their command line.
fn processes(text: &str) -> usize {
    let all = std::fs::read_dir("/proc").unwrap().filter_map(|entry| std::fs::read(entry.ok()?.path().join("cmdline")).ok());
    all.filter(|line| String::from_utf8_lossy(line).contains(text)).count()
}

#[test]
fn leaves_nothing_when_killed() {
    for place in everywhere() {
        let mounts = std::fs::read_to_string("/proc/self/mounts").unwrap();
        let mark = format!("1000{}", std::process::id());
        let ready = place.path("upper/ready");
        let script = format!("sleep {mark} & (sleep {mark} &) ; cat /proc/self/mounts >/mounts; echo >/ready; sleep {mark}");
        let pid = place.path("pid");
        let started = std::thread::scope(|scope| {
            let killed = scope.spawn(|| {
                sandbox::apart(|| {
                    std::fs::write(&pid, std::process::id().to_string()).unwrap();
                    become_user(place.user);
                    let sandbox = Sandbox::enter(&Options { architectures: vec![], ownership: Some(place.ownership) }).unwrap();
                    let root = place.mount(&sandbox);
                    run(&sandbox, &root, &script)
                })
            });
            while !ready.exists() {
                assert!(!killed.is_finished(), "{:?}", killed.join());
                std::thread::sleep(Duration::from_millis(5));
            }
            let started = processes(&mark);
            let victim = std::fs::read_to_string(&pid).unwrap().parse().unwrap();
            rustix::process::kill_process(rustix::process::Pid::from_raw(victim).unwrap(), rustix::process::Signal::KILL).unwrap();
            assert!(killed.join().unwrap().is_err());
            started
        });
        assert!(started >= 3);
        let seen = std::fs::read_to_string(place.path("upper/mounts")).unwrap();
        assert!(!seen.contains(place.directory.path().to_str().unwrap()), "{seen}");
        let patience = Instant::now() + Duration::from_secs(30);
        while processes(&mark) > 0 {
            assert!(Instant::now() < patience, "processes outlive the step");
            std::thread::sleep(Duration::from_millis(5));
        }
        assert_eq!(std::fs::read_to_string("/proc/self/mounts").unwrap(), mounts);
    }
}

#[test]
fn surveys_the_host_without_leaving_anything() {
    let directory = tempfile::tempdir().unwrap();
    let host = Architecture::host();
    let found = sandbox::survey(&[host.clone(), Architecture::parse("m68k").unwrap()], directory.path());
    let subjects: Vec<_> = found.iter().map(|finding| finding.subject.as_str()).collect();
    assert_eq!(subjects, ["namespaces", "owners of files", "overlayfs", &format!("programs of {host}"), "programs of m68k"]);
    assert_eq!((found[3].state, found[3].text.as_str()), (sandbox::State::Ok, "run natively"));
    assert_eq!(found[4].state, sandbox::State::Missing);
    assert_eq!(std::fs::read_dir(directory.path()).unwrap().count(), 0);
}

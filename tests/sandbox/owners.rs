//! Owners and attributes of files, alike in every way to keep them.

use crate::place::{chain, everywhere, line, run};
use pintree::sandbox::{Error, Limits};
use std::fmt::Write as _;

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
            let visited = sandbox.changes::<Error>(&place.path("upper"), &Limits::default(), &mut |change| {
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

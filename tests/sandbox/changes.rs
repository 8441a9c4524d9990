//! What programs changed in the tree, and what is put into it without them.

use crate::place::{chain, everywhere, own, run};
use pintree::sandbox::Ownership;
use std::os::unix::fs::{PermissionsExt, symlink};

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

#[test]
fn opens_what_programs_left_only_where_it_is_a_file() {
    for place in everywhere() {
        let said = place.enter(&[], |sandbox| {
            let root = place.mount(sandbox);
            let script =
                "cd /etc; ln -s /dev/zero zero; ln -s /dev/null null; mkfifo fifo; mkdir dir; ln -s circle circle; ln -s ../root/real link
                ln -s ../../../../../../root/real up; echo real >/root/real";
            let mut said = run(sandbox, &root, script);
            root.write("etc/big", &vec![0; 70_000_000], 0o644).unwrap();
            for name in ["link", "up", "none", "zero", "fifo", "dir", "circle", "big"] {
                let read = root.read(&format!("etc/{name}")).map(|read| read.map(|bytes| String::from_utf8(bytes).unwrap()));
                said += &match read {
                    Ok(read) => format!("{name}: {read:?}\n"),
                    Err(error) => format!("{name}: {error}: {}, left {}\n", std::error::Error::source(&error).unwrap(), error.is_left()),
                };
            }
            for name in ["null", "fifo", "dir", "link"] {
                said += &match root.write(&format!("etc/{name}"), b"new", 0o700) {
                    Ok(()) => format!("{name}: written\n"),
                    Err(error) => format!("{name}: {error}: {}\n", std::error::Error::source(&error).unwrap()),
                };
            }
            said
        });
        let expected = r#"link: Some("real\n")
up: Some("real\n")
none: None
zero: cannot read `/etc/zero` as programs have left it: it is a device, not a file, left true
fifo: cannot read `/etc/fifo` as programs have left it: it is a fifo, not a file, left true
dir: cannot read `/etc/dir` as programs have left it: it is a directory, not a file, left true
circle: cannot read `/etc/circle` as programs have left it: Too many levels of symbolic links (os error 40), left true
big: cannot read `/etc/big` as programs have left it: it has more than 67108864 bytes, left true
null: cannot write `/etc/null` as programs have left it: it is a device, not a file
fifo: cannot write `/etc/fifo` as programs have left it: it is a fifo, not a file
dir: cannot write `/etc/dir` as programs have left it: it is a directory, not a file
link: written
"#;
        assert_eq!(said, expected, "{}", place.ownership);
        let mode = std::fs::metadata("/dev/null").unwrap().permissions().mode() & 0o777;
        assert_eq!(mode, 0o666, "the host's device keeps its mode");
    }
}

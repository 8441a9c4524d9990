//! What a manifest adds.

use super::*;

#[test]
fn lays_overlays_over_the_tree() {
    let set = Set::new(&[
        ("usr/share/kiosk/old", "0600 33:33 old"),
        ("usr/share/kiosk/deep/", "0750 33:33"),
        ("usr/lib/kiosk", "-> ../share/kiosk"),
    ])
    .overlay(
        "one",
        &[
            ("bin/tool!", "one"),
            ("lib/kiosk/old", "new"),
            ("lib/kiosk/deep/er/x", "x"),
            ("lib/kiosk/.gitkeep", ""),
            ("usr/share/kiosk/link", "-> ../nowhere"),
            ("usr/share/kiosk/empty/.gitkeep", ""),
        ],
    )
    .overlay("two", &[("usr/bin/tool", "two")]);
    insta::assert_snapshot!(set.listing("usr/share/kiosk"), @r#"
    usr/share/kiosk/deep/ 0750 33:33
    usr/share/kiosk/deep/er/ 0755 0:0
    usr/share/kiosk/deep/er/x 0644 0:0 "x"
    usr/share/kiosk/empty/ 0755 0:0
    usr/share/kiosk/link -> ../nowhere
    usr/share/kiosk/old 0644 0:0 "new"
    "#);
    assert_eq!(set.listing("usr/bin"), "usr/bin/sh 0755 0:0 \"sh\"\nusr/bin/tool 0644 0:0 \"two\"\n");
}

#[test]
fn overlays_count_by_what_git_keeps() {
    let files = [("etc/b", "b"), ("etc/a!", "a"), ("srv/l", "-> x")];
    let one = Set::new(&[]).overlay("o", &files);
    let two = Set::new(&[]).overlay("o", &[files[2], files[1], files[0]]);
    let overlay = two.dir.path().join("o");
    fs::set_permissions(overlay.join("etc/b"), fs::Permissions::from_mode(0o666)).unwrap();
    fs::set_permissions(overlay.join("etc/a"), fs::Permissions::from_mode(0o755)).unwrap();
    fs::set_permissions(overlay.join("etc"), fs::Permissions::from_mode(0o700)).unwrap();
    fs::File::open(overlay.join("etc/b")).unwrap().set_modified(std::time::SystemTime::UNIX_EPOCH).unwrap();
    assert_eq!(one.run().commit, two.run().commit);
    fs::set_permissions(overlay.join("etc/b"), fs::Permissions::from_mode(0o700)).unwrap();
    assert_ne!(one.run().commit, two.run().commit);
    // An overlay that changes nothing is still part of what the image is made from.
    let none = Set::new(&[]);
    let same = Set::new(&[]).overlay("o", &[("usr/bin/sh!", "sh")]);
    let metadata = |set: &Set| set.repo.read_commit(&set.run().commit).unwrap().metadata;
    assert_ne!(metadata(&none)["pintree.overlays"], metadata(&same)["pintree.overlays"]);
    assert_eq!(
        metadata(&none).keys().collect::<Vec<_>>(),
        ["pintree.architecture", "pintree.format", "pintree.identity", "pintree.overlays", "pintree.settings", "pintree.user-scripts"]
    );
    assert!(!one.run().changed, "the ref names it already");
}

#[test]
fn says_which_overlays_cannot_be_laid() {
    let entries = [("etc/app/x", "x"), ("loop/a", "-> b"), ("loop/b", "-> a")];
    let errors = [
        Set::new(&entries).overlay("o", &[("etc/app", "x")]),
        Set::new(&entries).overlay("o", &[("etc/app/x/y", "y")]),
        Set::new(&entries).overlay("o", &[("lib/os-release/y", "y")]),
        Set::new(&entries).overlay("o", &[("etc/app", "-> elsewhere")]),
        Set::new(&entries).overlay("o", &[("usr/etc/app/z", "z")]),
        Set::new(&entries).overlay("o", &[("loop/a/z", "z")]),
        Set::new(&entries).permissions("etc/none", "0640"),
        Set::new(&entries).permissions("bin", "0640"),
        Set::new(&entries).permissions("etc/app", "nobody:adm"),
        Set::new(&entries).permissions("etc/app", "root:nobody 0700"),
    ];
    let mut set = Set::new(&entries).overlay("o", &[]);
    rustix::fs::mkfifoat(rustix::fs::CWD, set.dir.path().join("o/pipe"), rustix::fs::Mode::RUSR).unwrap();
    let mut lines: Vec<String> = errors.iter().map(Set::error).collect();
    lines.push(set.error());
    fs::remove_file(set.dir.path().join("o/pipe")).unwrap();
    fs::write(set.dir.path().join("o").join(<std::ffi::OsStr as std::os::unix::ffi::OsStrExt>::from_bytes(b"x\xff")), "").unwrap();
    lines.push(set.error());
    set.arguments.overlays = vec![set.dir.path().join("missing")];
    lines.push(set.error());
    insta::assert_snapshot!(lines.join("\n"), @"
    cannot lay `PROJECT/o/etc/app` over the tree: it is a file, and `/etc/app` is a directory
    cannot lay `PROJECT/o/etc/app/x` over the tree: it is a directory, and `/etc/app/x` is a file
    cannot lay `PROJECT/o/lib/os-release` over the tree: it is a directory, and `/usr/lib/os-release` is a file
    cannot lay `PROJECT/o/etc/app` over the tree: it is a file, and `/etc/app` is a directory
    cannot lay `PROJECT/o/usr/etc` over the tree: `/usr/etc` is made of `/etc`; put it into `etc`
    the symbolic links at `/loop/a` lead in a circle
    cannot set owner and mode of `/etc/none`: the image has no such file or directory
    cannot set owner and mode of `/bin`: it is a symbolic link to `usr/bin`
    cannot set owner and mode of `/etc/app`: the image has no user `nobody`
    cannot set owner and mode of `/etc/app`: the image has no group `nobody`
    cannot lay `PROJECT/o/pipe` over the tree: a fifo cannot be part of an image
    cannot lay `PROJECT/o/x�` over the tree: its name or target is not UTF-8
    cannot open `PROJECT/missing`
    ");
}

#[test]
fn gives_single_paths_their_owner_and_mode() {
    let set = Set::new(&[("etc/sudoers.d/", "")])
        .overlay("o", &[("etc/kiosk/secret", "s"), ("usr/bin/helper!", "h")])
        .permissions("etc/kiosk/secret", "root:www-data 0640")
        .permissions("etc/kiosk", "0:4 2750")
        .permissions("bin/helper", "4755");
    assert_eq!(set.listing("usr/etc/kiosk"), "usr/etc/kiosk/secret 0640 0:33 \"s\"\n");
    assert!(set.listing("usr/etc").contains("usr/etc/kiosk/ 2750 0:4\n"));
    assert!(set.listing("usr/bin").contains("usr/bin/helper 4755 0:0 \"h\"\n"));
    assert_eq!(set.findings(), "set-id: 1 set-id program is from no package: `/usr/bin/helper`\n");
}

#[test]
fn writes_name_zone_and_locale() {
    let zone = ("usr/share/zoneinfo/Europe/Berlin", "TZif");
    let mut set = Set::new(&[zone, ("etc/default/", "")]);
    set.arguments.settings = Settings {
        hostname: Some("kiosk.example.org".to_owned()),
        timezone: Some("Europe/Berlin".to_owned()),
        locale: Some("C.UTF-8".to_owned()),
        authorized_keys: vec![],
    };
    assert_eq!(set.read("usr/etc/hostname").unwrap(), "kiosk.example.org\n");
    assert!(set.read("usr/etc/hosts").unwrap().contains("127.0.1.1\tkiosk.example.org kiosk\n"));
    assert_eq!(set.read("usr/etc/localtime").unwrap(), "-> /usr/share/zoneinfo/Europe/Berlin");
    assert_eq!(set.read("usr/etc/timezone").unwrap(), "Europe/Berlin\n");
    assert_eq!(set.read("usr/etc/default/locale").unwrap(), "LANG=C.UTF-8\n");
    let os_release = set.read("usr/lib/os-release").unwrap();
    let (known, version) = os_release.rsplit_once('=').unwrap();
    assert_eq!(known, "ID=debian\nVERSION_ID=12\nVARIANT_ID=kiosk\nIMAGE_ID=kiosk\nIMAGE_VERSION");
    assert_eq!(version.trim_end().len(), 16);
    assert_eq!(set.read("usr/lib/os-release.distrib").unwrap(), "ID=debian\nVERSION_ID=12");
    assert_eq!(set.read("usr/lib/sysimage/dpkg/diversions").unwrap(), "/usr/lib/os-release\n/usr/lib/os-release.distrib\n:\n");

    // Debian 13 has moved it, with a link for the old name.
    let mut moved =
        Set::new(&[("etc/default/locale", "-> ../locale.conf"), ("etc/locale.conf", "LANG=C\n"), ("usr/lib/locale/de_DE.utf8/", "")]);
    moved.arguments.settings.locale = Some("de_DE.UTF-8".to_owned());
    assert_eq!(moved.read("usr/etc/locale.conf").unwrap(), "LANG=de_DE.UTF-8\n");
    assert_eq!(moved.read("usr/etc/default/locale").unwrap(), "-> ../locale.conf");
    moved.arguments.settings.locale = Some("fr_FR.UTF-8".to_owned());
    assert_eq!(moved.error(), "the image has no locale `fr_FR.UTF-8`");
    moved.arguments.settings = Settings { timezone: Some("Europe/Berlin".to_owned()), ..Settings::default() };
    assert_eq!(moved.error(), "the image has no time zone `Europe/Berlin`");
    assert!(matches!(run(&moved.repo, &moved.arguments), Err(Error::Timezone { installed: false, .. })));
}

#[test]
fn makes_the_certificate_that_scripts_made_anew_on_each_device() {
    const UNIT: &str = "usr/lib/systemd/system/pintree-ssl-cert.service";
    let program = ("usr/sbin/make-ssl-cert", "0755 x");
    let set = Set::new(&[program, ("usr/lib/systemd/system/", "")]);
    let unit = set.read(UNIT).unwrap();
    assert!(unit.contains("\nConditionPathExists=!/etc/ssl/private/ssl-cert-snakeoil.key\n"), "{unit}");
    assert!(unit.contains("\nBefore=sysinit.target ") && unit.ends_with("\nExecStart=/usr/sbin/make-ssl-cert generate-default-snakeoil\n"));
    assert_eq!(set.read("usr/lib/systemd/system/sysinit.target.wants/pintree-ssl-cert.service").unwrap(), "-> ../pintree-ssl-cert.service");
    // One that an overlay brings is the owner's; without systemd nobody would start the unit.
    let brought = Set::new(&[program, ("usr/lib/systemd/system/", "")]).overlay("o", &[("etc/ssl/private/ssl-cert-snakeoil.key", "key")]);
    assert_eq!(brought.read(UNIT), None);
    assert_eq!(Set::new(&[program]).read(UNIT), None);
}

#[test]
fn lets_a_first_person_in() {
    let mut set = Set::new(SSH);
    set.arguments.settings.authorized_keys =
        vec![set.file("a.pub", &format!("# ops\n{KEY}\n\n")), set.file("b.pub", &format!("restrict,pty {KEY}"))];
    assert_eq!(set.read("usr/lib/ssh/authorized_keys.d/root").unwrap(), format!("{KEY}\nrestrict,pty {KEY}\n"));
    assert_eq!(
        set.read("usr/etc/ssh/sshd_config.d/50-pintree-login.conf").unwrap(),
        "AuthorizedKeysFile .ssh/authorized_keys .ssh/authorized_keys2 /usr/lib/ssh/authorized_keys.d/%u\n"
    );
    insta::assert_snapshot!(set.listing("usr/lib/systemd/system"), @r#"
    usr/lib/systemd/system/pintree-ssh-host-keys.service 0644 0:0 "[Unit]\nDescription=Make the SSH host keys that this system lacks\nConditionPathIsReadWrite=/etc/ssh\n\n[Service]\nType=oneshot\nRemainAfterExit=yes\nExecStart=/usr/bin/ssh-keygen -A\n"
    usr/lib/systemd/system/ssh.service 0644 0:0 "[Service]\n"
    usr/lib/systemd/system/ssh.service.d/ 0755 0:0
    usr/lib/systemd/system/ssh.service.d/50-pintree-host-keys.conf 0644 0:0 "[Unit]\nWants=pintree-ssh-host-keys.service\nAfter=pintree-ssh-host-keys.service\n"
    usr/lib/systemd/system/ssh@.service 0644 0:0 "[Service]\n"
    usr/lib/systemd/system/ssh@.service.d/ 0755 0:0
    usr/lib/systemd/system/ssh@.service.d/50-pintree-host-keys.conf 0644 0:0 "[Unit]\nWants=pintree-ssh-host-keys.service\nAfter=pintree-ssh-host-keys.service\n"
    "#);

    for (text, fault) in [
        ("", "it holds no key"),
        ("ssh-ed25519\n", "line 1 is no OpenSSH public key"),
        ("-----BEGIN OPENSSH PRIVATE KEY-----\n", "it holds a private key, which must never be part of an image"),
    ] {
        set.arguments.settings.authorized_keys = vec![set.file("bad", text)];
        assert_eq!(set.error(), format!("`PROJECT/bad` cannot be authorised: {fault}"));
    }
    let mut none = Set::new(&[]);
    none.arguments.settings.authorized_keys = vec![none.file("a.pub", KEY)];
    assert_eq!(none.error(), "`authorized-keys` needs an SSH server, and the image has none");
}

/// The server itself takes the configuration, and finds the keys with it.
#[test]
fn sshd_reads_the_keys() {
    let mut set = Set::new(SSH);
    set.arguments.settings.authorized_keys = vec![set.file("a.pub", KEY)];
    let Ok(keygen) = Command::new("ssh-keygen").arg("-lf").arg(set.dir.path().join("a.pub")).output() else { return };
    assert!(!keygen.stdout.is_empty() || !keygen.status.success());
    let configuration = set.read("usr/etc/ssh/sshd_config.d/50-pintree-login.conf").unwrap();
    let (host, path) = (set.dir.path().join("host"), set.file("sshd_config", &configuration));
    if !Path::new("/usr/sbin/sshd").exists() {
        return;
    }
    Command::new("ssh-keygen").args(["-q", "-N", "", "-t", "ed25519", "-f"]).arg(&host).status().unwrap();
    let shown = Command::new("/usr/sbin/sshd").arg("-T").arg("-f").arg(&path).arg("-h").arg(&host).output().unwrap();
    let shown = String::from_utf8_lossy(&shown.stdout).into_owned();
    assert!(shown.contains("/usr/lib/ssh/authorized_keys.d/%u"), "{shown}");
}

#[test]
fn enables_units_as_presets_say() {
    let unit = |install: &str| format!("[Service]\nExecStart=/bin/true\n[Install]\n{install}\n");
    let units = [
        ("a.service", unit("WantedBy=multi-user.target\nAlias=alias.service\nAlso=a.socket")),
        ("a.socket", unit("WantedBy=sockets.target")),
        ("b.service", unit("RequiredBy=a.service")),
        ("getty@.service", unit("WantedBy=getty.target\nDefaultInstance=tty1")),
        ("serial@.service", unit("WantedBy=getty.target")),
        ("other.service", unit("WantedBy=multi-user.target")),
        ("static.service", "[Service]\n".to_owned()),
    ];
    let mut entries: Vec<(String, String)> =
        units.iter().map(|(name, text)| (format!("usr/lib/systemd/system/{name}"), text.clone())).collect();
    let link = |unit: &str| format!("-> /lib/systemd/system/{unit}");
    entries.push(("etc/systemd/system/multi-user.target.wants/other.service".to_owned(), link("other.service")));
    entries.push(("etc/systemd/system/multi-user.target.wants/c.service".to_owned(), link("c.service")));
    entries.push(("etc/systemd/system/x.target.wants/static.service".to_owned(), link("static.service")));
    entries.push(("usr/lib/systemd/system-preset/90-systemd.preset".to_owned(), "disable *\n".to_owned()));
    let entries: Vec<(&str, &str)> = entries.iter().map(|(path, text)| (path.as_str(), text.as_str())).collect();
    let preset = "enable a.service\nenable b.*\nenable getty@.service\nenable serial@.service ttyS0 ttyS1\ndisable other.service\ndisable static.service\n";
    let set = Set::new(&entries).overlay("o", &[("usr/lib/systemd/system-preset/50-kiosk.preset", preset)]);
    insta::assert_snapshot!(set.listing("usr/etc/systemd/system"), @"
    usr/etc/systemd/system/a.service.requires/ 0755 0:0
    usr/etc/systemd/system/a.service.requires/b.service -> /usr/lib/systemd/system/b.service
    usr/etc/systemd/system/alias.service -> /usr/lib/systemd/system/a.service
    usr/etc/systemd/system/getty.target.wants/ 0755 0:0
    usr/etc/systemd/system/getty.target.wants/getty@tty1.service -> /usr/lib/systemd/system/getty@.service
    usr/etc/systemd/system/getty.target.wants/serial@ttyS0.service -> /usr/lib/systemd/system/serial@.service
    usr/etc/systemd/system/getty.target.wants/serial@ttyS1.service -> /usr/lib/systemd/system/serial@.service
    usr/etc/systemd/system/multi-user.target.wants/ 0755 0:0
    usr/etc/systemd/system/multi-user.target.wants/a.service -> /usr/lib/systemd/system/a.service
    usr/etc/systemd/system/multi-user.target.wants/c.service -> /lib/systemd/system/c.service
    usr/etc/systemd/system/sockets.target.wants/ 0755 0:0
    usr/etc/systemd/system/sockets.target.wants/a.socket -> /usr/lib/systemd/system/a.socket
    ");
    let untouched = Set::new(&entries);
    assert!(untouched.read("usr/etc/systemd/system/multi-user.target.wants/other.service").is_some(), "no overlay asked for anything");

    // systemctl itself, on the same tree.
    if Command::new("systemctl").arg("--version").output().is_err() {
        assert!(std::env::var_os("CI").is_none(), "systemctl is missing");
        return;
    }
    let root = set.dir.path().join("root");
    let configured = untouched.repo.read_commit(&untouched.repo.resolve_ref(&untouched.arguments.configured).unwrap()).unwrap();
    check_out(&untouched.repo, &mut Tree::read(&untouched.repo, &configured.tree).unwrap(), "", &root);
    fs::write(root.join("usr/lib/systemd/system-preset/50-kiosk.preset"), preset).unwrap();
    let names = units.iter().map(|(name, _)| *name).filter(|name| *name != "a.socket");
    let output = Command::new("systemctl").arg("--root").arg(&root).arg("preset").args(names).output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let found =
        Command::new("find").current_dir(root.join("etc/systemd/system")).args(["-type", "l", "-printf", "%P -> %l\\n"]).output().unwrap();
    let mut theirs: Vec<String> =
        String::from_utf8(found.stdout).unwrap().lines().map(|line| line.replace("-> /lib", "-> /usr/lib")).collect();
    theirs.sort();
    let ours = set.listing("usr/etc/systemd/system").replace("usr/etc/systemd/system/", "").replace("-> /lib", "-> /usr/lib");
    let mut ours: Vec<&str> = ours.lines().filter(|line| line.contains("->")).collect();
    ours.sort_unstable();
    assert_eq!(ours, theirs);
}

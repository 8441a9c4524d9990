//! The tree as OSTree deploys it: `/usr` and `/usr/etc` belong to the image, `/var` to the device.
//!
//! `docs/design/0009-sealed-layout.md` says why each thing goes where it goes.

use super::error::Error;
use super::kernel;
use super::root::Root;
use super::tmpfiles::{self, Line};
use crate::store::{Entry, Metadata};

/// What the kernel, systemd or OSTree fills on the device, with the mode of the empty directory.
const FILLED: [(&str, u32); 6] = [("boot", 0o755), ("dev", 0o755), ("proc", 0o555), ("run", 0o755), ("sys", 0o555), ("tmp", 0o1777)];

/// State of the device that is not below `/var` yet: where it is, where it goes, and the mode of one that the tree lacks.
const STATE: [(&str, &str, u32); 5] = [
    ("home", "var/home", 0o755),
    ("root", "var/roothome", 0o700),
    ("srv", "var/srv", 0o755),
    ("mnt", "var/mnt", 0o755),
    ("media", "var/media", 0o755),
];

/// Places for what the device's owner installs; where the image itself has files there, they stay with the image.
const LOCAL: [(&str, &str, &str); 2] = [("opt", "var/opt", "var/opt"), ("usr/local", "var/usrlocal", "../var/usrlocal")];

/// What package tools know about `/usr`. It changes with `/usr`, so it belongs there; the device finds it by links.
const PACKAGES: [(&str, &str); 8] = [
    ("var/lib/dpkg", "dpkg"),
    ("var/cache/debconf", "debconf"),
    ("var/lib/ucf", "ucf"),
    ("var/lib/pam", "pam"),
    ("var/lib/systemd/deb-systemd-helper-enabled", "deb-systemd-helper-enabled"),
    ("var/lib/systemd/deb-systemd-helper-masked", "deb-systemd-helper-masked"),
    ("var/lib/systemd/deb-systemd-user-helper-enabled", "deb-systemd-user-helper-enabled"),
    ("var/lib/systemd/deb-systemd-user-helper-masked", "deb-systemd-user-helper-masked"),
];

const SYSIMAGE: &str = "usr/lib/sysimage";

/// Where the lines stand that make `/var` on the device.
const TMPFILES: &str = "usr/lib/tmpfiles.d/pintree-var.conf";

/// Gives the tree its final form; gives the versions of its kernels.
pub(super) fn run(root: &mut Root<'_>) -> Result<Vec<String>, Error> {
    let kernels = kernel::run(root)?;
    temporary(root)?;
    for (name, mode) in FILLED {
        let meta = match root.tree.get(root.repo, name)? {
            Some(Entry::Directory(meta)) => meta,
            _ => root.repo.write_dirmeta(&Metadata::root(mode))?,
        };
        root.tree.remove(root.repo, name)?;
        root.tree.insert_directory(root.repo, name, meta, None)?;
    }
    for (name, to, mode) in STATE {
        move_state(root, name, to, to, mode)?;
    }
    for (name, to, target) in LOCAL {
        if !has_files(root, name)? {
            move_state(root, name, to, target, 0o755)?;
        }
    }
    for (from, name) in PACKAGES {
        let to = format!("{SYSIMAGE}/{name}");
        if matches!(root.tree.get(root.repo, from)?, Some(Entry::Directory(_)))
            && root.tree.rename(root.repo, from, &to, Some(root.plain))?
        {
            root.symlink(from, &format!("{}{to}", "../".repeat(from.matches('/').count())))?;
        }
    }
    variable(root)?;
    if root.tree.get(root.repo, "usr/etc")?.is_some() {
        return Err(Error::UsrEtc);
    }
    if matches!(root.tree.get(root.repo, "etc")?, Some(Entry::Directory(_))) {
        root.tree.rename(root.repo, "etc", "usr/etc", Some(root.plain))?;
    }
    root.make_directory("sysroot")?;
    root.symlink("ostree", "sysroot/ostree")?;
    Ok(kernels)
}

/// `/tmp` is part of a root filesystem that nobody may write: systemd mounts a tmpfs there, where the tree has the unit.
fn temporary(root: &mut Root<'_>) -> Result<(), Error> {
    let units = "usr/lib/systemd/system";
    let unit = format!("{units}/tmp.mount");
    let wanted = format!("{units}/local-fs.target.wants/tmp.mount");
    if root.entry(&unit)?.is_none() {
        // Debian 12 has it as an example.
        let Some(Entry::File(example)) = root.reached("usr/share/systemd/tmp.mount")? else { return Ok(()) };
        let place = root.place(&unit)?;
        root.put(&place, example)?;
    }
    if root.entry(&wanted)?.is_none() {
        root.symlink(&wanted, "../tmp.mount")?;
    }
    Ok(())
}

/// Moves the directory `name` to `to` below `/var`, and leaves a link; one that is missing is made.
fn move_state(root: &mut Root<'_>, name: &str, to: &str, target: &str, mode: u32) -> Result<(), Error> {
    match root.tree.get(root.repo, name)? {
        Some(Entry::Directory(_)) => {
            match root.tree.entries(root.repo, to)? {
                // base-files has an empty `/var/opt`.
                Some(entries) if entries.is_empty() => drop(root.tree.remove(root.repo, to)?),
                None if root.tree.get(root.repo, to)?.is_none() => {}
                _ => return Err(Error::Occupied { from: name.to_owned(), to: to.to_owned() }),
            }
            root.tree.rename(root.repo, name, to, Some(root.plain))?;
        }
        // A link, wherever it leads, was somebody's intent.
        Some(Entry::File(_)) => return Ok(()),
        None if root.tree.get(root.repo, to)?.is_none() => {
            let meta = root.repo.write_dirmeta(&Metadata::root(mode))?;
            root.tree.insert_directory(root.repo, to, meta, Some(root.plain))?;
        }
        None => {}
    }
    root.symlink(name, target)
}

/// Whether there is anything but directories below `path`.
fn has_files(root: &mut Root<'_>, path: &str) -> Result<bool, Error> {
    for (name, entry) in root.tree.entries(root.repo, path)?.unwrap_or_default() {
        if matches!(entry, Entry::File(_)) || has_files(root, &format!("{path}/{name}"))? {
            return Ok(true);
        }
    }
    Ok(false)
}

/// Writes down what must exist below `/var`, and empties it.
fn variable(root: &mut Root<'_>) -> Result<(), Error> {
    let present = tmpfiles::shipped(root)?;
    let mut lines: Vec<Line> = Vec::new();
    let mut contents: Vec<(String, String)> = Vec::new();
    root.walk("var", &mut |root, path, entry| {
        if let Some(line) = tmpfiles::line(root, path, entry, &present)? {
            contents.extend(line.source.clone().map(|source| (path.to_owned(), source)));
            lines.push(line);
        }
        Ok(())
    })?;
    for (path, source) in contents {
        root.tree.rename(root.repo, &path, &source, Some(root.plain))?;
    }
    let meta = match root.tree.get(root.repo, "var")? {
        Some(Entry::Directory(meta)) => meta,
        _ => root.plain,
    };
    let database = root.link("var/lib/dpkg")?;
    root.tree.remove(root.repo, "var")?;
    root.tree.insert_directory(root.repo, "var", meta, None)?;
    if let Some(target) = database {
        // OSTree gives the device a `/var` of its own; this one link is for those who look at the commit.
        root.symlink("var/lib/dpkg", &target)?;
    }
    root.write(TMPFILES, tmpfiles::render(&lines).as_bytes())
}

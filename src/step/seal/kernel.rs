//! Kernels: from `/boot` to where OSTree looks for them.

use super::error::Error;
use super::root::Root;
use crate::store::Entry;

/// What belongs to a kernel, by the name it has in `/boot` before its version, and the name it gets beside its modules.
const PARTS: [(&str, &str); 5] = [
    ("vmlinuz-", "vmlinuz"),
    // riscv64, ppc64el and others have it uncompressed; OSTree knows one name.
    ("vmlinux-", "vmlinuz"),
    ("initrd.img-", "initramfs.img"),
    ("config-", "config"),
    ("System.map-", "System.map"),
];

/// Links to the newest kernel and the one before, which Debian makes in the root and in `/boot`.
const LINKS: [&str; 6] = ["vmlinuz", "vmlinuz.old", "vmlinux", "vmlinux.old", "initrd.img", "initrd.img.old"];

/// Where OSTree looks for what was in `/boot` and is no kernel.
const BOOT: &str = "usr/lib/ostree-boot";

/// Moves kernels to `/usr/lib/modules/VERSION` and the rest of `/boot` out of the way; gives the kernels' versions.
pub(super) fn run(root: &mut Root<'_>) -> Result<Vec<String>, Error> {
    for name in LINKS.iter().flat_map(|name| [(*name).to_owned(), format!("boot/{name}")]) {
        if root.link(&name)?.is_some() {
            let place = root.place(&name)?;
            root.tree.remove(root.repo, &place)?;
        }
    }
    let mut versions = Vec::new();
    let boot = root.follow("boot")?;
    for (name, entry) in root.list(&boot)? {
        let part = PARTS.into_iter().find_map(|(prefix, part)| name.strip_prefix(prefix).map(|version| (version.to_owned(), part)));
        let from = format!("{boot}/{name}");
        match part {
            Some((version, part)) if matches!(entry, Entry::File(_)) && root.is_directory(&format!("usr/lib/modules/{version}"))? => {
                let to = format!("usr/lib/modules/{version}/{part}");
                // Some packages ship the kernel there already, the same file.
                if root.entry(&to)?.is_some() {
                    root.tree.remove(root.repo, &to)?;
                }
                root.tree.rename(root.repo, &from, &to, None)?;
                if part == "vmlinuz" {
                    versions.push(version);
                }
            }
            _ => {
                root.tree.rename(root.repo, &from, &format!("{BOOT}/{name}"), Some(root.plain))?;
            }
        }
    }
    for version in &versions {
        // Debian has device trees beside the package's name; OSTree takes them from beside the kernel. The same objects.
        let (trees, to) = (format!("usr/lib/linux-image-{version}"), format!("usr/lib/modules/{version}/dtb"));
        if root.is_directory(&trees)? && root.entry(&to)?.is_none() {
            root.tree.copy(root.repo, &trees, &to, None)?;
        }
    }
    Ok(versions)
}

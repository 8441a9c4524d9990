//! Which packages take part in starting the system, by name: an update of one deserves a test on the device.

use serde::Serialize;

/// What a package does before anything else runs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Role {
    /// The kernel and its modules.
    Kernel,
    /// What the processor or its devices run: microcode, firmware of a board.
    Firmware,
    /// What loads the kernel.
    BootLoader,
    /// What runs between the kernel and the root filesystem.
    Initramfs,
    /// The first process, and what it starts by itself.
    Init,
}

impl Role {
    /// The words for it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Kernel => "kernel",
            Self::Firmware => "firmware",
            Self::BootLoader => "boot loader",
            Self::Initramfs => "initramfs",
            Self::Init => "init",
        }
    }
}

/// The rules, in the order in which they are tried, over the names of binary packages: a library of systemd starts
/// nothing. A pattern ends in `*`, or is the whole name. `docs/diff.md` has the same list.
const RULES: [(Role, &[&str]); 5] = [
    (Role::Kernel, &["linux-image-*", "linux-modules-*", "linux-dtb-*", "kmod"]),
    (
        Role::Firmware,
        &["intel-microcode", "amd64-microcode", "firmware-*", "linux-firmware", "raspi-firmware", "arm-trusted-firmware*", "opensbi"],
    ),
    (
        Role::BootLoader,
        &[
            "grub-*",
            "grub2-*",
            "shim-*",
            "u-boot-*",
            "syslinux*",
            "extlinux",
            "isolinux",
            "flash-kernel",
            "systemd-boot*",
            "efibootmgr",
            "rpi-eeprom",
            "barebox*",
            "zipl*",
        ],
    ),
    (
        Role::Initramfs,
        &[
            "initramfs-tools*",
            "dracut*",
            "tiny-initramfs*",
            "klibc-utils",
            "cryptsetup-initramfs",
            "dropbear-initramfs",
            "lvm2",
            "mdadm",
            "ostree-boot",
            "plymouth",
        ],
    ),
    (
        Role::Init,
        &[
            "systemd",
            "systemd-sysv",
            "udev",
            "init",
            "init-system-helpers",
            "sysvinit-*",
            "initscripts",
            "sysv-rc",
            "insserv",
            "runit",
            "runit-init",
            "openrc",
            "eudev",
            "finit",
            "dinit",
            "s6-*",
        ],
    ),
];

/// What a source package with these binary packages does at the start of the system, if it does anything.
pub(super) fn role<'a>(binaries: impl Iterator<Item = &'a str> + Clone) -> Option<Role> {
    let meant = |pattern: &str, name: &str| pattern.strip_suffix('*').map_or(pattern == name, |start| name.starts_with(start));
    let holds = |patterns: &[&str]| binaries.clone().any(|name| patterns.iter().any(|pattern| meant(pattern, name)));
    RULES.iter().find(|(_, patterns)| holds(patterns)).map(|(role, _)| *role)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tells_what_starts_a_system_from_what_does_not() {
        let of = |binaries: &[&str]| role(binaries.iter().copied()).map_or("none", Role::as_str);
        let table: [(&[&str], &str); 12] = [
            (&["linux-image-6.1.0-40-amd64", "linux-headers-amd64"], "kernel"),
            (&["linux-libc-dev"], "none"),
            (&["grub-common", "grub-pc-bin"], "boot loader"),
            (&["u-boot-menu"], "boot loader"),
            (&["libudev1", "udev"], "init"),
            (&["libsystemd0"], "none"),
            (&["sysvinit-utils"], "init"),
            (&["initramfs-tools-core"], "initramfs"),
            (&["firmware-atheros"], "firmware"),
            (&["libssl3"], "none"),
            (&["linuxptp"], "none"),
            (&["mount", "util-linux"], "none"),
        ];
        for (binaries, expected) in table {
            assert_eq!(of(binaries), expected, "{binaries:?}");
        }
    }

    #[test]
    fn the_documentation_has_the_same_list() {
        let page = include_str!("../../docs/diff.md");
        for pattern in RULES.iter().flat_map(|(_, patterns)| patterns.iter()) {
            assert!(page.contains(&format!("`{pattern}`")), "docs/diff.md does not name {pattern}");
        }
    }
}

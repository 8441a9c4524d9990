//! How long a maintainer script will take, guessed from the commands it names.
//!
//! The guess decides in which order packages are configured where nothing else does, so that what takes long comes early
//! and stays in a checkpoint. A wrong guess costs time, never correctness.

/// Commands of Debian's scripts that take long under an emulator, and for how many milliseconds: `armhf` on an `amd64` host,
/// rounded. What is not listed takes what starting a program takes.
const COMMANDS: &[(&str, u64)] = &[
    ("update-initramfs", 60_000),
    ("update-ca-certificates", 25_000),
    ("locale-gen", 10_000),
    ("mandb", 10_000),
    ("ssh-keygen", 2_000),
    ("make-ssl-cert", 2_000),
    ("py3compile", 3_000),
    ("pycompile", 3_000),
    ("py_compile", 3_000),
    ("fc-cache", 3_000),
    ("update-mime-database", 3_000),
    ("gtk-update-icon-cache", 3_000),
    ("glib-compile-schemas", 1_000),
    ("systemd-hwdb", 2_000),
    ("confmodule", 800),
    ("adduser", 500),
    ("addgroup", 500),
    ("useradd", 200),
    ("groupadd", 200),
    ("systemd-sysusers", 300),
    ("deb-systemd-helper", 250),
    ("deb-systemd-invoke", 250),
    ("update-rc.d", 250),
    ("invoke-rc.d", 250),
    ("dpkg-maintscript-helper", 250),
    ("ucf", 250),
    ("dpkg-divert", 100),
    ("dpkg-statoverride", 100),
    ("dpkg-trigger", 100),
    ("update-alternatives", 100),
    ("systemd-tmpfiles", 100),
];

/// What a script takes that does nothing.
const START: u64 = 20;

/// The guess for one script, in milliseconds.
pub(super) fn estimate(script: &[u8]) -> u64 {
    let text = String::from_utf8_lossy(script);
    let words = text.split(|c: char| !(c.is_ascii_alphanumeric() || "-_.".contains(c)));
    let mut cost = START;
    for word in words {
        cost += COMMANDS.iter().find(|(command, _)| *command == word).map_or(0, |(_, cost)| *cost);
    }
    cost
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn goes_by_the_commands_that_a_script_names() {
        assert_eq!(estimate(b"#!/bin/sh\nexit 0\n"), START);
        assert_eq!(estimate(b"\xff\xfe"), START);
        let script = b"if [ -x /usr/bin/deb-systemd-helper ]; then deb-systemd-helper enable x; fi\nupdate-alternatives.bak\n";
        assert_eq!(estimate(script), START + 500);
    }
}

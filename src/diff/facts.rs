//! What was read of packages, by somebody who may read.

use super::{Changelog, Reason};
use crate::pkg::{Architecture, Sha256};
use std::collections::{BTreeMap, BTreeSet, HashMap};

/// Everything that was read for one comparison; empty means that nothing was.
#[derive(Clone, Debug, Default)]
pub struct Facts {
    /// Package files that were looked into, by digest.
    pub contents: HashMap<Sha256, Contents>,
    /// The new part of each source package's changelog, or why there is none.
    pub changelogs: BTreeMap<String, ChangelogFacts>,
    /// Why packages of the new side are there.
    pub arrivals: BTreeMap<ReasonKey, Reason>,
    /// Why packages of the old side were there.
    pub departures: BTreeMap<ReasonKey, Reason>,
}

/// An image, an architecture, and a package as the image has it.
pub type ReasonKey = (String, Architecture, String);

/// A changelog as far as it was read, and the numbers of flaws in it.
pub type ChangelogFacts = (Changelog, Vec<String>);

/// What a package has that a reviewer wants to know.
#[derive(Clone, Debug, PartialEq, Eq, Default)]
pub struct Contents {
    /// What it takes when installed, in bytes, as its maintainers say.
    pub installed: u64,
    /// Its maintainer scripts, with something that tells contents apart.
    pub scripts: BTreeMap<String, String>,
    /// Files that run as their owner or group, with their mode.
    pub privileged: BTreeMap<String, u32>,
    /// Files with capabilities.
    pub capable: BTreeSet<String>,
    /// Files that start programs by themselves.
    pub services: BTreeSet<(ServiceKind, String)>,
}

/// What starts a program by itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum ServiceKind {
    /// A systemd service.
    Service,
    /// A systemd socket.
    Socket,
    /// A systemd timer.
    Timer,
    /// A D-Bus service.
    Dbus,
    /// A job of cron.
    Cron,
    /// An init script.
    Init,
}

impl ServiceKind {
    /// What a path from the root on is, if it starts a program by itself.
    pub fn of(path: &str) -> Option<Self> {
        let (directory, name) = path.strip_prefix('/')?.rsplit_once('/')?;
        let directory = directory.strip_prefix("usr/").unwrap_or(directory);
        // A placeholder keeps cron's directories; dpkg leaves them alone.
        if name.starts_with('.') || name == "README" || name == "skeleton" {
            return None;
        }
        match directory {
            "lib/systemd/system" | "lib/systemd/user" | "etc/systemd/system" | "etc/systemd/user" => {
                match name.rsplit_once('.').map(|(_, extension)| extension) {
                    Some("service") => Some(Self::Service),
                    Some("socket") => Some(Self::Socket),
                    Some("timer") => Some(Self::Timer),
                    _ => None,
                }
            }
            "share/dbus-1/system-services" | "share/dbus-1/services" => Some(Self::Dbus),
            "etc/init.d" => Some(Self::Init),
            "etc/cron.d" | "etc/cron.hourly" | "etc/cron.daily" | "etc/cron.weekly" | "etc/cron.monthly" | "etc/cron.yearly" => {
                Some(Self::Cron)
            }
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn knows_what_starts_by_itself() {
        let table = [
            ("/lib/systemd/system/ssh.service", Some(ServiceKind::Service)),
            ("/usr/lib/systemd/system/ssh@.service", Some(ServiceKind::Service)),
            ("/usr/lib/systemd/system/ssh.socket", Some(ServiceKind::Socket)),
            ("/usr/lib/systemd/system/multi-user.target", None),
            ("/usr/lib/systemd/system/x.service.d/y.conf", None),
            ("/usr/share/dbus-1/system-services/org.x.service", Some(ServiceKind::Dbus)),
            ("/etc/cron.daily/apt", Some(ServiceKind::Cron)),
            ("/etc/cron.d/.placeholder", None),
            ("/etc/init.d/ssh", Some(ServiceKind::Init)),
            ("/etc/crontab", None),
            ("/file", None),
        ];
        for (path, kind) in table {
            assert_eq!(ServiceKind::of(path), kind, "{path}");
        }
    }
}

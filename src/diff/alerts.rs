//! What deserves a second look in the packages of one source: privileges, services, scripts.

use super::facts::{Contents, Facts, ServiceKind};
use super::report::{Alert, AlertKind};
use crate::pkg::Pin;
use std::collections::{BTreeMap, BTreeSet};

/// Alerts of a source's binary packages, as far as they were looked into; architectures share one where they agree.
///
/// A package that is new counts with all that it has, apart from its scripts: a package comes with scripts.
pub(super) fn of_source(old: &[&Pin], new: &[&Pin], facts: &Facts) -> Vec<Alert> {
    let mut found: BTreeMap<(AlertKind, &str, String), BTreeSet<String>> = BTreeMap::new();
    for pin in new {
        // The version that this one takes the place of; where it was not read, nothing can be said to be new.
        let before = old.iter().filter(|other| other.name == pin.name && other.architecture == pin.architecture);
        let before: Vec<&Pin> = before.copied().collect();
        if before.iter().any(|other| other.sha256 == pin.sha256) {
            continue;
        }
        let Some(now) = facts.contents.get(&pin.sha256) else { continue };
        let read: Option<Vec<&Contents>> = before.iter().map(|other| facts.contents.get(&other.sha256)).collect();
        let Some(read) = read else { continue };
        let mut tell = |kind, subject: &str| {
            found.entry((kind, pin.name.as_str(), subject.to_owned())).or_default().insert(pin.architecture.to_string());
        };
        privileges(now, &read, &mut tell);
        scripts(now, &read, &mut tell);
    }
    let alert = |((kind, package, subject), arches): ((AlertKind, &str, String), BTreeSet<String>)| Alert {
        kind,
        package: package.to_owned(),
        subject,
        arches: arches.into_iter().collect(),
    };
    found.into_iter().map(alert).collect()
}

fn privileges(now: &Contents, before: &[&Contents], tell: &mut impl FnMut(AlertKind, &str)) {
    for (path, mode) in &now.privileged {
        for (bit, kind) in [(0o4000, AlertKind::Setuid), (0o2000, AlertKind::Setgid)] {
            let had = before.iter().any(|contents| contents.privileged.get(path).is_some_and(|mode| mode & bit != 0));
            if mode & bit != 0 && !had {
                tell(kind, path);
            }
        }
    }
    for path in &now.capable {
        if !before.iter().any(|contents| contents.capable.contains(path)) {
            tell(AlertKind::Capability, path);
        }
    }
    for (kind, path) in &now.services {
        // A unit that moved from /lib to /usr/lib is no new one.
        let same =
            |(other, place): &(ServiceKind, String)| other == kind && place.trim_start_matches("/usr") == path.trim_start_matches("/usr");
        if !before.iter().any(|contents| contents.services.iter().any(same)) {
            let kind = match kind {
                ServiceKind::Service => AlertKind::Service,
                ServiceKind::Socket => AlertKind::Socket,
                ServiceKind::Timer => AlertKind::Timer,
                ServiceKind::Dbus => AlertKind::DbusService,
                ServiceKind::Cron => AlertKind::CronJob,
                ServiceKind::Init => AlertKind::InitScript,
            };
            tell(kind, path);
        }
    }
}

fn scripts(now: &Contents, before: &[&Contents], tell: &mut impl FnMut(AlertKind, &str)) {
    if before.is_empty() {
        return;
    }
    for (name, content) in &now.scripts {
        let mut others = before.iter().map(|contents| contents.scripts.get(name)).peekable();
        if others.clone().all(|other| other.is_none()) {
            tell(AlertKind::ScriptAdded, name);
        } else if !others.any(|other| other == Some(content)) {
            tell(AlertKind::ScriptChanged, name);
        }
    }
    let gone: BTreeSet<&String> = before.iter().flat_map(|contents| contents.scripts.keys()).collect();
    for name in gone.into_iter().filter(|name| !now.scripts.contains_key(*name)) {
        tell(AlertKind::ScriptRemoved, name);
    }
}

impl AlertKind {
    /// The words for it, in front of package and path.
    pub fn words(self) -> &'static str {
        match self {
            Self::Setuid => "new setuid file",
            Self::Setgid => "new setgid file",
            Self::Capability => "new file with capabilities",
            Self::ScriptAdded => "new maintainer script",
            Self::ScriptChanged => "changed maintainer script",
            Self::ScriptRemoved => "maintainer script gone",
            Self::Service => "new service",
            Self::Socket => "new socket",
            Self::Timer => "new timer",
            Self::DbusService => "new D-Bus service",
            Self::CronJob => "new cron job",
            Self::InitScript => "new init script",
        }
    }

    /// Whether it gives somebody more rights.
    pub fn is_privilege(self) -> bool {
        matches!(self, Self::Setuid | Self::Setgid | Self::Capability)
    }
}

//! systemd's presets: units that an overlay's preset files name are enabled or disabled as `systemctl preset` does it.
//!
//! Packages have enabled their units while they were configured; only what an overlay names is touched.

use super::error::Error;
use super::root::Root;
use crate::store::Entry;
use std::collections::{BTreeMap, BTreeSet};

/// Where preset files are, the first place of one name counts.
const PRESETS: [&str; 4] =
    ["etc/systemd/system-preset", "run/systemd/system-preset", "usr/local/lib/systemd/system-preset", "usr/lib/systemd/system-preset"];

/// Where units are, the first place of one name counts.
const UNITS: [&str; 3] = ["etc/systemd/system", "usr/local/lib/systemd/system", "usr/lib/systemd/system"];

/// One line of a preset file.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Directive {
    enable: bool,
    pattern: String,
    /// Instances to enable of a template.
    instances: Vec<String>,
}

/// Enables and disables the units that preset files in `added` name.
pub(super) fn apply(root: &mut Root<'_>) -> Result<(), Error> {
    let added = |root: &Root<'_>, path: &str| root.added.contains(path);
    let mut files: BTreeMap<String, String> = BTreeMap::new();
    let mut named: Vec<Directive> = Vec::new();
    let mut own = BTreeSet::new();
    for directory in PRESETS {
        let place = root.follow(directory)?;
        for (name, entry) in root.list(&place)? {
            if !name.ends_with(".preset") || matches!(entry, Entry::Directory(_)) || files.contains_key(&name) {
                continue;
            }
            let path = format!("{place}/{name}");
            if added(root, &path) {
                own.insert(name.clone());
            }
            // One that leads to /dev/null says nothing, and hides those of its name.
            let text = root.text(&path)?.unwrap_or_default();
            files.insert(name, text);
        }
    }
    let mut all: Vec<Directive> = Vec::new();
    for (name, text) in &files {
        let directives = parse(text);
        if own.contains(name) {
            named.extend(directives.iter().cloned());
        }
        all.extend(directives);
    }
    if named.is_empty() {
        return Ok(());
    }
    let mut units: BTreeSet<String> = BTreeSet::new();
    for directory in UNITS {
        // A link is an alias, or a unit that is masked.
        for (name, entry) in root.list(directory)? {
            if matches!(entry, Entry::File(_)) && root.link(&format!("{directory}/{name}"))?.is_none() {
                units.insert(name);
            }
        }
    }
    for unit in units {
        let matches = |directive: &&Directive| crate::pkg::Glob::parse(&directive.pattern).is_ok_and(|glob| glob.matches(&unit));
        if !named.iter().any(|directive| matches(&directive)) {
            continue;
        }
        let Some(directive) = all.iter().find(matches) else { continue };
        if !directive.enable {
            disable(root, &unit, &mut BTreeSet::new())?;
        } else if directive.instances.is_empty() {
            enable(root, &unit, None, &mut BTreeSet::new())?;
        } else {
            for instance in &directive.instances {
                enable(root, &unit, Some(instance), &mut BTreeSet::new())?;
            }
        }
    }
    Ok(())
}

fn parse(text: &str) -> Vec<Directive> {
    let directive = |line: &str| {
        let mut words = line.split_whitespace().map(str::to_owned);
        let enable = match words.next()?.as_str() {
            "enable" => true,
            "disable" => false,
            // A comment; systemd passes over other words with a warning.
            _ => return None,
        };
        Some(Directive { enable, pattern: words.next()?, instances: words.collect() })
    };
    text.lines().filter_map(directive).collect()
}

/// A unit's file, and what its `[Install]` section says: values by key.
type Install = (String, BTreeMap<String, Vec<String>>);

/// Reads the `[Install]` section of a unit, that of its drop-ins included.
fn install(root: &mut Root<'_>, unit: &str) -> Result<Option<Install>, Error> {
    let mut found = None;
    for directory in UNITS {
        let path = format!("{directory}/{unit}");
        if root.link(&path)?.is_none() && root.is_file(&path)? {
            found = Some(path);
            break;
        }
    }
    let Some(path) = found else { return Ok(None) };
    let mut texts = vec![root.text(&path)?.unwrap_or_default()];
    for directory in UNITS.iter().rev() {
        let directory = format!("{directory}/{unit}.d");
        for (name, _) in root.list(&directory)? {
            if name.ends_with(".conf") {
                texts.push(root.text(&format!("{directory}/{name}"))?.unwrap_or_default());
            }
        }
    }
    let mut values: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for text in texts {
        let mut inside = false;
        // A backslash at the end goes on with the next line.
        for line in text.replace("\\\n", " ").lines().map(str::trim) {
            if line.starts_with('[') {
                inside = line == "[Install]";
            } else if let Some((key, value)) = line.split_once('=').filter(|_| inside && !line.starts_with(['#', ';'])) {
                let list = values.entry(key.trim().to_owned()).or_default();
                if value.trim().is_empty() {
                    list.clear();
                }
                list.extend(value.split_whitespace().map(str::to_owned));
            }
        }
    }
    Ok(Some((path, values)))
}

const BESIDE: [(&str, &str); 3] = [("WantedBy", "wants"), ("RequiredBy", "requires"), ("UpheldBy", "upholds")];

fn enable(root: &mut Root<'_>, unit: &str, instance: Option<&str>, done: &mut BTreeSet<String>) -> Result<(), Error> {
    if !done.insert(unit.to_owned()) {
        return Ok(());
    }
    let Some((path, install)) = install(root, unit)? else { return Ok(()) };
    let values = |key: &str| install.get(key).cloned().unwrap_or_default();
    let target = format!("/{path}");
    let default = values("DefaultInstance").into_iter().next();
    let instance = instance.map(str::to_owned).or(default);
    let linked = match unit.split_once('@') {
        Some((name, suffix)) if suffix.starts_with('.') => match &instance {
            Some(instance) => format!("{name}@{instance}{suffix}"),
            // A template without an instance: only its aliases can be made.
            None => String::new(),
        },
        _ => unit.to_owned(),
    };
    let specified = |name: &str| {
        let (prefix, suffix) = unit.rsplit_once('.').unwrap_or((unit, ""));
        let (prefix, at) = prefix.split_once('@').unwrap_or((prefix, ""));
        let instance = if at.is_empty() { instance.as_deref().unwrap_or_default() } else { at };
        name.replace("%i", instance)
            .replace("%j", prefix.rsplit('-').next().unwrap_or_default())
            .replace("%p", prefix)
            .replace("%n", &if linked.is_empty() { format!("{prefix}@.{suffix}") } else { linked.clone() })
    };
    for alias in values("Alias") {
        link(root, &format!("etc/systemd/system/{}", specified(&alias)), &target)?;
    }
    for (key, directory) in BESIDE {
        for other in values(key).iter().filter(|_| !linked.is_empty()) {
            link(root, &format!("etc/systemd/system/{}.{directory}/{linked}", specified(other)), &target)?;
        }
    }
    for other in values("Also") {
        enable(root, &specified(&other), None, done)?;
    }
    Ok(())
}

/// Links, unless a file of its own stands there.
fn link(root: &mut Root<'_>, path: &str, target: &str) -> Result<(), Error> {
    let place = root.place(path)?;
    // The unit itself lies there: an alias of its own name.
    if format!("/{place}") == target || root.entry(&place)?.is_some() && root.link(&place)?.is_none() {
        return Ok(());
    }
    root.symlink(&place, target)
}

fn disable(root: &mut Root<'_>, unit: &str, done: &mut BTreeSet<String>) -> Result<(), Error> {
    if !done.insert(unit.to_owned()) {
        return Ok(());
    }
    let base = root.follow("etc/systemd/system")?;
    let template = unit.split_once('@').filter(|(_, suffix)| suffix.starts_with('.'));
    let mut found = Vec::new();
    root.walk(&base, &mut |root, path, _| {
        let Some(target) = root.link(path)? else { return Ok(()) };
        let name = |path: &str| path.rsplit('/').next().unwrap_or_default().to_owned();
        let (here, there) = (name(path), name(&target));
        let instance = template.is_some_and(|(prefix, suffix)| {
            here.strip_prefix(prefix).and_then(|rest| rest.strip_prefix('@')).is_some_and(|rest| rest.ends_with(suffix))
        });
        // A mask leads to /dev/null and stays.
        if there == unit || (here == unit || instance) && there != "null" {
            found.push(path.to_owned());
        }
        Ok(())
    })?;
    for path in found {
        root.tree.remove(root.repo, &path)?;
        root.added.remove(&path);
        // systemd removes a directory that becomes empty.
        let directory = path.rsplit_once('/').map(|(directory, _)| directory).unwrap_or_default();
        if directory != base && root.list(directory)?.is_empty() {
            root.tree.remove(root.repo, directory)?;
        }
    }
    let also = install(root, unit)?.map(|(_, mut values)| values.remove("Also").unwrap_or_default()).unwrap_or_default();
    for other in also {
        disable(root, &other, done)?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_preset_files() {
        let directive = |enable, pattern: &str, instances: &[&str]| Directive {
            enable,
            pattern: pattern.to_owned(),
            instances: instances.iter().map(|text| (*text).to_owned()).collect(),
        };
        let text = "# x\n; y\n\nenable a.service\n  disable *\nenable getty@.service tty1 tty2\nignore z\nenable\n";
        let read = [directive(true, "a.service", &[]), directive(false, "*", &[]), directive(true, "getty@.service", &["tty1", "tty2"])];
        assert_eq!(parse(text), read);
    }
}

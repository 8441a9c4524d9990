//! Triggers: who is interested in what, and what a package activates (deb-triggers(5), dpkg's triggers specification).

use std::collections::BTreeMap;

/// Whether the activating package waits until the interested one has dealt with the trigger.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Wait {
    Await,
    NoAwait,
}

/// The control members `triggers` of all packages.
#[derive(Debug, Default)]
pub(super) struct Triggers {
    /// By trigger name, or by path for file triggers: the interested packages.
    interests: BTreeMap<String, Vec<(String, Wait)>>,
    /// By package: what it activates whenever its state changes.
    activates: BTreeMap<String, Vec<(String, Wait)>>,
}

impl Triggers {
    /// Adds the control member of one package.
    pub(super) fn add(&mut self, package: &str, text: &str) {
        for line in text.lines() {
            let mut words = line.split('#').next().unwrap_or_default().split_whitespace();
            let (Some(directive), Some(name)) = (words.next(), words.next()) else { continue };
            let (interest, wait) = match directive {
                "interest" | "interest-await" => (true, Wait::Await),
                "interest-noawait" => (true, Wait::NoAwait),
                "activate" | "activate-await" => (false, Wait::Await),
                "activate-noawait" => (false, Wait::NoAwait),
                _ => continue,
            };
            if interest {
                self.interests.entry(name.to_owned()).or_default().push((package.to_owned(), wait));
            } else {
                self.activates.entry(package.to_owned()).or_default().push((name.to_owned(), wait));
            }
        }
    }

    /// Who is interested in the trigger `name`.
    pub(super) fn interested(&self, name: &str) -> &[(String, Wait)] {
        self.interests.get(name).map_or(&[], Vec::as_slice)
    }

    /// What `package` activates.
    pub(super) fn activated_by(&self, package: &str) -> &[(String, Wait)] {
        self.activates.get(package).map_or(&[], Vec::as_slice)
    }

    /// The file triggers that unpacking `path` (with its leading slash) activates.
    pub(super) fn file_triggers<'a>(&'a self, path: &'a str) -> impl Iterator<Item = &'a str> {
        // A trigger is a directory or a file; each parent of the path may be one.
        let parents = path.match_indices('/').map(|(at, _)| &path[..at]).chain([path]);
        parents.filter(|parent| !parent.is_empty()).filter_map(|parent| self.interests.get_key_value(parent)).map(|(name, _)| name.as_str())
    }
}

/// Reads `triggers/Unincorp`, where `dpkg-trigger` leaves what scripts activated: a trigger's name and who waits for it
/// (`-` for nobody), latest first.
pub(super) fn deferred(text: &str) -> Vec<(String, Vec<String>)> {
    let lines = text.lines().filter_map(|line| {
        let mut words = line.split_whitespace();
        let name = words.next()?.to_owned();
        Some((name, words.filter(|word| *word != "-").map(str::to_owned).collect()))
    });
    lines.collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_interests_and_activations() {
        let mut triggers = Triggers::default();
        triggers.add("libc-bin:armhf", "interest-await ldconfig # note\n");
        triggers.add("man-db:armhf", "interest-noawait /usr/share/man\n");
        triggers.add("libx:armhf", "# comment\nactivate-noawait ldconfig\n");
        assert_eq!(triggers.interested("ldconfig"), [("libc-bin:armhf".to_owned(), Wait::Await)]);
        assert_eq!(triggers.activated_by("libx:armhf"), [("ldconfig".to_owned(), Wait::NoAwait)]);
        let found = |path: &str| triggers.file_triggers(path).map(str::to_owned).collect::<Vec<_>>();
        assert_eq!(found("/usr/share/man/man1/x.1.gz"), ["/usr/share/man"]);
        assert_eq!(found("/usr/share/man"), ["/usr/share/man"]);
        assert_eq!(found("/usr/share/manual/x"), [""; 0]);
        assert_eq!(
            deferred("ldconfig libx:armhf\nother -\n"),
            [("ldconfig".to_owned(), vec!["libx:armhf".to_owned()]), ("other".to_owned(), vec![])]
        );
    }
}

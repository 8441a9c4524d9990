//! Which change goes into which commit.

use crate::culprit::Unit;
use crate::diff;
use crate::manifest::{BotRules, Class, REST};
use std::collections::{BTreeMap, BTreeSet};

/// The rules, and what is known of each source package that they ask for.
pub struct Groups<'r> {
    rules: &'r BotRules,
    classes: BTreeMap<String, Vec<Class>>,
}

impl<'r> Groups<'r> {
    /// Takes what a report says of the changes.
    pub fn new(rules: &'r BotRules, report: &diff::Report) -> Self {
        let mut classes: BTreeMap<String, Vec<Class>> = BTreeMap::new();
        for source in report.comparisons.iter().flat_map(|comparison| &comparison.sources) {
            let known = classes.entry(source.name.clone()).or_default();
            known.extend(source.security.is_some().then_some(Class::Security));
            known.extend(source.role.is_some().then_some(Class::Boot));
        }
        Self { rules, classes }
    }

    /// The place of a source package's group; after the last rule comes the rest.
    pub fn rank(&self, source: &str) -> usize {
        let classes = self.classes.get(source).map_or(&[][..], Vec::as_slice);
        let fits = |rule: &&crate::manifest::GroupRule| {
            rule.classes.iter().any(|class| classes.contains(class)) || rule.packages.iter().any(|glob| glob.matches(source))
        };
        self.rules.groups.iter().position(|rule| fits(&rule)).unwrap_or(self.rules.groups.len())
    }

    /// The place of the group of packages that move together: that of the first of them.
    fn rank_of(&self, unit: &Unit) -> usize {
        unit.sources.iter().map(|source| self.rank(source)).min().unwrap_or(self.rules.groups.len())
    }

    /// The name of a group.
    fn name(&self, rank: usize) -> &str {
        self.rules.groups.get(rank).map_or(REST, |rule| &rule.name)
    }

    /// The names of the groups of source packages, in the order of the rules.
    pub fn names(&self, sources: &BTreeSet<String>) -> Vec<String> {
        let ranks: BTreeSet<usize> = sources.iter().map(|source| self.rank(source)).collect();
        ranks.into_iter().map(|rank| self.name(rank).to_owned()).collect()
    }

    /// Where each group ends in a row of changes, and what it is called; the last one always ends where the row does.
    pub fn ends(&self, units: &[Unit]) -> Vec<(usize, String)> {
        let mut ends: Vec<(usize, String)> = vec![];
        let mut last = None;
        for (at, unit) in units.iter().enumerate() {
            // A package that others needed earlier does not open a group a second time.
            let rank = self.rank_of(unit).max(last.unwrap_or_default());
            if last == Some(rank)
                && let Some(end) = ends.last_mut()
            {
                end.0 = at + 1;
            } else {
                ends.push((at + 1, self.name(rank).to_owned()));
            }
            last = Some(rank);
        }
        if ends.is_empty() {
            ends.push((0, REST.to_owned()));
        }
        ends
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::path::Path;

    fn unit(names: &[&str]) -> Unit {
        Unit { sources: names.iter().map(ToString::to_string).collect(), needs: BTreeSet::new() }
    }

    #[test]
    fn the_first_rule_that_fits_takes_a_package() {
        let text = "[[group]]\nname = \"web\"\npackages = [\"nginx*\"]\n[[group]]\nname = \"kernel\"\npackages = [\"linux*\", \"nginx\"]\n";
        let rules = BotRules::parse(text, Path::new("bot.toml")).unwrap();
        let groups = Groups::new(&rules, &diff::Report::default());
        assert_eq!(["nginx", "linux", "vim"].map(|name| groups.rank(name)), [0, 1, 2]);
        assert_eq!(groups.names(&unit(&["vim", "nginx", "nginx-extra"]).sources), ["web", "rest"]);
        let row = [unit(&["nginx", "vim"]), unit(&["linux"]), unit(&["linux-base"]), unit(&["vim-tiny"])];
        assert_eq!(groups.ends(&row), [(1, "web".to_owned()), (3, "kernel".to_owned()), (4, "rest".to_owned())]);
        assert_eq!(groups.ends(&row[1..3]), [(2, "kernel".to_owned())]);
        assert_eq!(groups.ends(&[]), [(0, "rest".to_owned())]);
    }
}

//! What a new lockfile changes, in a few lines: the talk of `pintree lock`.

use super::report::{Arrival, Comparison, ImageChange, Kind, Skew, SourceChange};
use std::collections::{BTreeMap, BTreeSet};
use std::fmt::{self, Write as _};

impl Comparison {
    /// One line for each source package and each image that changed, and for each source at several versions; where no pin
    /// changed, one for each thing that the manifest says differently. Empty for none.
    pub fn brief(&self) -> String {
        let mut out = String::new();
        let mut sources: Vec<&SourceChange> = self.sources.iter().collect();
        sources.sort_by_key(|source| &source.name);
        let write = |out: &mut String, line: &dyn fmt::Display| writeln!(out, "{line}").expect("writing to a string does not fail");
        sources.iter().for_each(|source| write(&mut out, source));
        self.images.iter().filter(|image| !image.added.is_empty() || !image.removed.is_empty()).for_each(|image| write(&mut out, image));
        if self.sources.is_empty() && self.images.is_empty() {
            self.trust.iter().for_each(|change| write(&mut out, &change.text));
            self.steering.iter().for_each(|sentence| write(&mut out, sentence));
        }
        self.skew.iter().for_each(|skew| write(&mut out, skew));
        out
    }
}

impl fmt::Display for SourceChange {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (name, from, to) = (&self.name, self.from.join(", "), self.to.join(", "));
        match self.kind {
            Kind::Added => write!(f, "{name} added at {to}"),
            Kind::Removed => write!(f, "{name} removed, was at {from}"),
            Kind::Updated | Kind::Downgraded if from != to => write!(f, "{name} {from} ► {to}"),
            Kind::Updated | Kind::Downgraded | Kind::Rebuilt => write!(f, "{name} {to} rebuilt on {}", self.rebuilt_on().join(", ")),
            Kind::Moved => write!(f, "{name} from {} instead of {}", self.to_repos.join(", "), self.from_repos.join(", ")),
        }
    }
}

impl SourceChange {
    /// The architectures on which a binary package is another file than before.
    pub fn rebuilt_on(&self) -> Vec<&str> {
        let both = self.packages.iter().filter(|package| !package.from.is_empty() && !package.to.is_empty());
        let mut arches: Vec<&str> = both.flat_map(|package| package.arches.iter().map(String::as_str)).collect();
        arches.sort_unstable();
        arches.dedup();
        arches
    }
}

impl fmt::Display for ImageChange {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "image {}:", self.image)?;
        for (sign, arrivals) in [('+', &self.added), ('-', &self.removed)] {
            for (package, arches) in by_package(arrivals) {
                let everywhere = arches.len() == self.rows.len() || arrivals.iter().any(|one| one.everywhere && one.package == package);
                match everywhere {
                    true => write!(f, " {sign}{package}")?,
                    false => write!(f, " {sign}{package} [{}]", arches.into_iter().collect::<Vec<_>>().join(" "))?,
                }
            }
        }
        Ok(())
    }
}

/// The packages with all architectures on which they came or went, whatever their versions.
fn by_package(arrivals: &[Arrival]) -> BTreeMap<&str, BTreeSet<&str>> {
    let mut packages: BTreeMap<&str, BTreeSet<&str>> = BTreeMap::new();
    for arrival in arrivals {
        packages.entry(&arrival.package).or_default().extend(arrival.arches.iter().map(String::as_str));
    }
    packages
}

impl fmt::Display for Skew {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        /// Images named per version; the rest is counted.
        const SHOWN: usize = 3;
        write!(f, "{} differs:", self.source)?;
        for (at, version) in self.versions.iter().enumerate() {
            let places = version.images.iter().take(SHOWN).map(|(image, arches)| format!("{image} ({})", arches.join(", ")));
            let places = places.collect::<Vec<_>>().join(", ");
            write!(f, "{} {} in {places}", if at == 0 { "" } else { ";" }, version.version)?;
            if version.images.len() > SHOWN {
                write!(f, " and {} more", version.images.len() - SHOWN)?;
            }
        }
        Ok(())
    }
}

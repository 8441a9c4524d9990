//! Architecture names, with Debian's and rpm's spellings of the same machine folded into one value.

use std::fmt;
use std::sync::Arc;

/// A machine architecture; `armhf` and `armv7hl`, `arm64` and `aarch64`, `amd64` and `x86_64` are the same value.
///
/// Displayed in Debian's spelling. `all` and `noarch` are not architectures of a machine, but packages carry them, so
/// they are kept as they stand.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Architecture(Arc<str>);

const SYNONYMS: [(&str, &str); 3] = [("armhf", "armv7hl"), ("arm64", "aarch64"), ("amd64", "x86_64")];

impl Architecture {
    /// Reads an architecture name; rpm's synonyms become Debian's.
    ///
    /// Returns `None` when the text has characters that no architecture name has.
    pub fn parse(text: &str) -> Option<Self> {
        let legal = text.starts_with(|c: char| c.is_ascii_lowercase())
            && text.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-' || b == b'_');
        if !legal {
            return None;
        }
        let canonical = SYNONYMS.iter().find(|(_, rpm)| *rpm == text).map_or(text, |(deb, _)| deb);
        Some(Self(canonical.into()))
    }

    /// The architecture in Debian's spelling.
    pub fn deb_name(&self) -> &str {
        &self.0
    }

    /// The architecture in rpm's spelling.
    pub fn rpm_name(&self) -> &str {
        SYNONYMS.iter().find(|(deb, _)| *deb == &*self.0).map_or(&self.0, |(_, rpm)| rpm)
    }

    /// Tells whether packages of this "architecture" fit every machine (`all`, `noarch`).
    pub fn is_independent(&self) -> bool {
        matches!(&*self.0, "all" | "noarch")
    }

    /// The architecture of the machine this program runs on, in Debian's spelling.
    pub fn host() -> Self {
        let name = match std::env::consts::ARCH {
            "x86_64" => "amd64",
            "aarch64" => "arm64",
            "arm" => "armhf",
            "x86" => "i386",
            "powerpc64" => "ppc64el",
            other => other,
        };
        Self(name.into())
    }
}

impl fmt::Display for Architecture {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn folds_synonyms() {
        let arch = Architecture::parse("armv7hl").unwrap();
        assert_eq!(arch, Architecture::parse("armhf").unwrap());
        assert_eq!((arch.deb_name(), arch.rpm_name()), ("armhf", "armv7hl"));
        assert_eq!(Architecture::parse("i686").unwrap().rpm_name(), "i686");
    }

    #[test]
    fn refuses_what_is_no_architecture() {
        for text in ["", "Armhf", "arm hf", "../x", "1"] {
            assert!(Architecture::parse(text).is_none(), "{text:?}");
        }
    }
}

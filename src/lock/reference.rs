//! References: how an image's list names one cell.

use super::factor::is_package_name;
use crate::pkg::{Architecture, Pin};
use std::collections::HashMap;
use std::fmt;
use std::str::FromStr;

/// `name[:arch][@version]`, as image lists have it.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Reference {
    /// The binary package.
    pub name: String,
    /// Its architecture, where it is neither the image's nor independent.
    pub architecture: Option<Architecture>,
    /// Its full version, where the name alone would be ambiguous.
    pub version: Option<String>,
}

/// The text is no reference.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
#[error("`{text}` is not a reference of the form `name[:arch][@version]`")]
pub struct ParseReferenceError {
    /// What stood there.
    pub text: String,
}

impl FromStr for Reference {
    type Err = ParseReferenceError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let bad = || ParseReferenceError { text: text.to_owned() };
        let (head, version) = match text.split_once('@') {
            None => (text, None),
            Some((head, version)) => {
                let version: crate::pkg::DebVersion = version.parse().map_err(|_| bad())?;
                (head, Some(version.as_str().to_owned()))
            }
        };
        let (name, architecture) = match head.split_once(':') {
            None => (head, None),
            Some((name, architecture)) => {
                let architecture = Architecture::parse(architecture).filter(|a| !a.is_independent()).ok_or_else(bad)?;
                (name, Some(architecture))
            }
        };
        if !is_package_name(name) {
            return Err(bad());
        }
        Ok(Self { name: name.to_owned(), architecture, version })
    }
}

impl fmt::Display for Reference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.name)?;
        if let Some(architecture) = &self.architecture {
            write!(f, ":{architecture}")?;
        }
        match &self.version {
            None => Ok(()),
            Some(version) => write!(f, "@{version}"),
        }
    }
}

/// Finds cells by name, as references do.
pub(super) struct NameIndex<'a> {
    cells: &'a [Pin],
    by_name: HashMap<&'a str, Vec<u32>>,
}

impl<'a> NameIndex<'a> {
    /// Indexes `cells`.
    pub(super) fn new(cells: &'a [Pin]) -> Self {
        let mut by_name: HashMap<&str, Vec<u32>> = HashMap::with_capacity(cells.len());
        for (index, pin) in (0..).zip(cells) {
            by_name.entry(&pin.name).or_default().push(index);
        }
        Self { cells, by_name }
    }

    /// The cells that `name` means in an image for `image`, or `name:architecture` where an architecture is given.
    pub(super) fn candidates(
        &self,
        name: &str,
        architecture: Option<&Architecture>,
        image: &Architecture,
    ) -> impl Iterator<Item = u32> + use<'_, 'a> {
        let wanted = architecture.unwrap_or(image).clone();
        let or_independent = architecture.is_none();
        self.by_name.get(name).map_or(&[][..], Vec::as_slice).iter().copied().filter(move |&cell| {
            let own = &self.cells[cell as usize].architecture;
            *own == wanted || or_independent && own.is_independent()
        })
    }

    /// The one exact reference to a cell in an image for `image`, in its shortest form.
    pub(super) fn reference(&self, cell: u32, image: &Architecture) -> Reference {
        let pin = &self.cells[cell as usize];
        let architecture = (pin.architecture != *image && !pin.architecture.is_independent()).then(|| pin.architecture.clone());
        let ambiguous = self.candidates(&pin.name, architecture.as_ref(), image).nth(1).is_some();
        Reference { name: pin.name.clone(), architecture, version: ambiguous.then(|| pin.version.clone()) }
    }
}

/// Takes ` [arch arch]` off the end of a root or entry.
pub(super) fn split_bracket(text: &str) -> Result<(&str, Option<Vec<Architecture>>), ParseReferenceError> {
    let Some((head, list)) = text.strip_suffix(']').and_then(|text| text.rsplit_once(" [")) else {
        return Ok((text, None));
    };
    let bad = || ParseReferenceError { text: text.to_owned() };
    let arches: Option<Vec<_>> = list.split(' ').map(Architecture::parse).collect();
    Ok((head, Some(arches.ok_or_else(bad)?)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_and_prints() {
        for text in ["nginx", "libc6:i386", "nginx@1:1.22-1+b1", "libstdc++6:i386@12.2.0-14"] {
            assert_eq!(text.parse::<Reference>().unwrap().to_string(), text);
        }
    }

    #[test]
    fn refuses_what_is_no_reference() {
        for text in ["", "a b", "a:all", "a:", "a@", "@1", "a@1 2", "../a", "a:Armhf"] {
            assert!(text.parse::<Reference>().is_err(), "{text:?}");
        }
    }

    #[test]
    fn takes_the_bracket_off() {
        let arches = |names: &[&str]| Some(names.iter().map(|n| Architecture::parse(n).unwrap()).collect());
        assert_eq!(split_bracket("nginx (>= 1) [amd64 armhf]"), Ok(("nginx (>= 1)", arches(&["amd64", "armhf"]))));
        assert_eq!(split_bracket("/usr/bin/["), Ok(("/usr/bin/[", None)));
        assert!(split_bracket("nginx []").is_err());
    }
}

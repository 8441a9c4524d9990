//! Which images a verb works on.

use super::{Error, Project};
use crate::manifest::Manifest;
use crate::pkg::Architecture;
use std::collections::BTreeMap;

/// Images by name, as the command line gives them.
#[derive(Clone, Debug, Default)]
pub struct Choice {
    /// `NAME` or `MANIFEST/NAME`; empty means all.
    pub images: Vec<String>,
    /// Architectures; empty means all that the image has.
    pub arches: Vec<Architecture>,
}

/// A manifest, and which of its images and architectures are wanted.
#[derive(Debug)]
pub struct Chosen {
    /// The manifest.
    pub manifest: Manifest,
    /// Architectures by image.
    pub images: BTreeMap<String, Vec<Architecture>>,
}

impl Choice {
    /// Loads the project's manifests and finds the images in them.
    pub fn load(&self, project: &Project) -> Result<Vec<Chosen>, Error> {
        let manifests = project.manifests()?.iter().map(|path| project.load(path)).collect::<Result<Vec<_>, _>>()?;
        self.pick(manifests)
    }

    fn pick(&self, manifests: Vec<Manifest>) -> Result<Vec<Chosen>, Error> {
        for wanted in &self.images {
            let holders: Vec<&Manifest> =
                manifests.iter().filter(|manifest| manifest.images.keys().any(|image| names(wanted, manifest, image))).collect();
            match holders[..] {
                [_] => {}
                [] => {
                    let known = manifests.iter().flat_map(|m| m.images.keys().map(|image| format!("{}/{image}", m.name))).collect();
                    return Err(Error::NoImage { image: wanted.clone(), known });
                }
                _ => {
                    let candidates = holders.iter().map(|manifest| format!("{}/{wanted}", manifest.name)).collect();
                    return Err(Error::AmbiguousImage { image: wanted.clone(), candidates });
                }
            }
        }
        let mut chosen = vec![];
        for manifest in manifests {
            let mut images = BTreeMap::new();
            for (name, image) in &manifest.images {
                if !self.images.is_empty() && !self.images.iter().any(|wanted| names(wanted, &manifest, name)) {
                    continue;
                }
                let arches: Vec<Architecture> =
                    image.arches.iter().filter(|arch| self.arches.is_empty() || self.arches.contains(arch)).cloned().collect();
                if arches.is_empty() && !self.images.is_empty() {
                    return Err(Error::NoArchitecture { image: format!("{}/{name}", manifest.name), known: image.arches.clone() });
                }
                if !arches.is_empty() {
                    images.insert(name.clone(), arches);
                }
            }
            if !images.is_empty() {
                chosen.push(Chosen { manifest, images });
            }
        }
        if chosen.is_empty() && !self.arches.is_empty() {
            return Err(Error::NoArchitecture { image: "any image".to_owned(), known: vec![] });
        }
        Ok(chosen)
    }
}

fn names(wanted: &str, manifest: &Manifest, image: &str) -> bool {
    match wanted.split_once('/') {
        Some((in_manifest, name)) => in_manifest == manifest.name && name == image,
        None => wanted == image,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::manifest;
    use std::path::Path;

    fn manifests() -> Vec<Manifest> {
        let text = |images: &str| {
            format!(
                "arches = [\"armhf\", \"amd64\"]\n[repo.r]\ndeb = \"debian\"\nsuites = [\"bookworm\"]\ncomponents = [\"main\"]\nkey = \"builtin:debian-bookworm\"\n{images}"
            )
        };
        let parse = |name: &str, images| manifest::parse(&text(images), Path::new(name)).unwrap();
        vec![parse("a.toml", "[image.base]\n[image.kiosk]\n"), parse("b.toml", "[image.base]\narches = [\"amd64\"]\n")]
    }

    fn pick(images: &[&str], arches: &[&str]) -> Result<Vec<String>, String> {
        let choice = Choice {
            images: images.iter().map(ToString::to_string).collect(),
            arches: arches.iter().map(|arch| Architecture::parse(arch).unwrap()).collect(),
        };
        let chosen = choice.pick(manifests()).map_err(|error| error.to_string())?;
        let line = |chosen: &Chosen| {
            let images: Vec<String> = chosen
                .images
                .iter()
                .map(|(name, arches)| format!("{name}:{}", arches.iter().map(Architecture::deb_name).collect::<Vec<_>>().join("+")))
                .collect();
            format!("{} {}", chosen.manifest.name, images.join(" "))
        };
        Ok(chosen.iter().map(line).collect())
    }

    #[test]
    fn picks_by_name_manifest_and_architecture() {
        assert_eq!(pick(&[], &[]).unwrap(), ["a base:armhf+amd64 kiosk:armhf+amd64", "b base:amd64"]);
        assert_eq!(pick(&["kiosk"], &[]).unwrap(), ["a kiosk:armhf+amd64"]);
        assert_eq!(pick(&["b/base"], &[]).unwrap(), ["b base:amd64"]);
        assert_eq!(pick(&[], &["armhf"]).unwrap(), ["a base:armhf kiosk:armhf"]);
    }

    #[test]
    fn refuses_what_is_unknown_or_ambiguous() {
        let refusals = [pick(&["base"], &[]), pick(&["kisok"], &[]), pick(&["b/base"], &["armhf"])].map(Result::unwrap_err);
        insta::assert_snapshot!(refusals.join("\n"), @"
        several manifests have an image `base`: `a/base`, `b/base`
        there is no image `kisok`; there are: `a/base`, `a/kiosk`, `b/base`
        `b/base` is not built for the architecture that was asked for; it is built for `amd64`
        ");
    }
}

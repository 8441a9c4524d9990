//! Names of refs, made only in ways that OSTree accepts.

use super::Checksum;
use crate::pkg::{Architecture, Sha256};
use std::fmt;
use std::str::FromStr;

/// The version of what an import makes of a `.deb`; a change that gives other objects needs a new one.
pub const DEB_IMPORT_FORMAT: u32 = 2;

/// The version of what a compose makes of package refs; part of each image's identity.
///
/// Raising it makes every image commit of every user a new one: only for a change of what steps produce.
pub const IMAGE_FORMAT: u32 = 1;

/// A ref: `deb/2/SHA256` for a package, `image/MANIFEST/IMAGE/ARCH/STAGE` for an image.
///
/// OSTree refuses `+`, `~`, `:`, `^` and components that start with a dot, so versions and package names never stand in
/// a ref, and free names are escaped: `_` becomes `__`, any other byte outside `[A-Za-z0-9.-]` becomes `_` and two
/// hexadecimal digits, as does a dot or dash in front.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct RefName(String);

/// The text is no ref that OSTree would accept.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
#[error("`{text}` is not a ref: components of `A-Z a-z 0-9 . _ -`, split by `/`, not starting with a dot or a dash")]
pub struct ParseRefNameError {
    /// What stood there.
    pub text: String,
}

impl RefName {
    /// The ref of the `.deb` file with this digest.
    pub fn deb(sha256: &Sha256) -> Self {
        Self(format!("deb/{DEB_IMPORT_FORMAT}/{sha256}"))
    }

    /// The ref of an image's tree after `stage` (`composed`, `configured`, `sealed`).
    pub fn image(manifest: &str, image: &str, architecture: &Architecture, stage: &str) -> Self {
        Self(format!("image/{}/{}/{}/{}", escape(manifest), escape(image), escape(architecture.deb_name()), escape(stage)))
    }

    /// The ref of a checkpoint: the tree after one stage of configuring, by the digest of all that it depends on.
    pub fn stage(key: &Sha256) -> Self {
        Self(format!("stage/1/{key}"))
    }

    /// The ref's text, which is also its path below `refs/heads`.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Tells whether the ref belongs to a package import of another format: no build reads it.
    pub fn is_of_other_import(&self) -> bool {
        self.0.strip_prefix("deb/").is_some_and(|rest| rest.split('/').next() != Some(&DEB_IMPORT_FORMAT.to_string()))
    }

    /// The digest of the package file, if this is a package's ref.
    pub fn package_digest(&self) -> Option<Sha256> {
        let (ecosystem, rest) = self.0.split_once('/')?;
        let (_format, digest) = rest.split_once('/')?;
        if matches!(ecosystem, "deb" | "rpm") { digest.parse().ok() } else { None }
    }
}

fn escape(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for (index, byte) in text.bytes().enumerate() {
        match byte {
            b'_' => escaped.push_str("__"),
            b'.' | b'-' if index == 0 => escaped.push_str(&format!("_{byte:02x}")),
            b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'.' | b'-' => escaped.push(char::from(byte)),
            other => escaped.push_str(&format!("_{other:02x}")),
        }
    }
    // An empty component would make two names one; no escape gives a lone underscore.
    if escaped.is_empty() { "_".to_owned() } else { escaped }
}

impl FromStr for RefName {
    type Err = ParseRefNameError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let legal = |component: &str| {
            !component.is_empty()
                && component.len() <= 255
                && !component.starts_with(['.', '-'])
                && component.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'.' | b'_' | b'-'))
        };
        // Sixty-four hexadecimal digits alone are a commit to every OSTree command.
        if text.len() <= 1024 && text.split('/').all(legal) && text.parse::<Checksum>().is_err() {
            Ok(Self(text.to_owned()))
        } else {
            Err(ParseRefNameError { text: text.chars().take(80).collect() })
        }
    }
}

impl fmt::Display for RefName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn image(name: &str) -> RefName {
        RefName::image("m", name, &Architecture::parse("armhf").unwrap(), "composed")
    }

    #[test]
    fn names_packages_by_digest() {
        let digest = Sha256::of(b"");
        let name = RefName::deb(&digest);
        assert_eq!(name.as_str(), format!("deb/2/{digest}"));
        assert_eq!(name.package_digest(), Some(digest));
        assert!(!name.is_of_other_import());
        assert!(format!("deb/1/{digest}").parse::<RefName>().unwrap().is_of_other_import());
    }

    #[test]
    fn escapes_what_ostree_refuses() {
        for (name, escaped) in
            [("kiosk", "kiosk"), ("a_b", "a__b"), ("c++", "c_2b_2b"), (".x", "_2ex"), ("a:b/c", "a_3ab_2fc"), ("", "_"), ("1.2", "1.2")]
        {
            assert_eq!(image(name).as_str(), format!("image/m/{escaped}/armhf/composed"));
        }
    }

    #[test]
    fn refuses_malformed_refs() {
        for text in ["", "/", "a//b", "a/", ".a", "a/.b", "../a", "a+b", "a:b", "-a", &"0".repeat(64)] {
            assert!(text.parse::<RefName>().is_err(), "{text:?}");
        }
    }

    proptest! {
        #[test]
        fn escaping_is_injective_and_legal(a in ".{0,12}", b in ".{0,12}") {
            prop_assert!(image(&a).as_str().parse::<RefName>().is_ok());
            prop_assert_eq!(image(&a) == image(&b), a == b);
        }
    }
}

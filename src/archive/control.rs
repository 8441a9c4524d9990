//! The control part of a package: its paragraph, scripts and lists.

use super::{Error, Kind, Limits, members};
use crate::pkg::{Architecture, DebVersion, MultiArch, is_deb_name};

/// The control part of a package.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Control {
    /// The control paragraph as it stands, with one line feed at its end.
    pub paragraph: String,
    /// `Package`.
    pub package: String,
    /// `Version`, in full.
    pub version: String,
    /// `Architecture`.
    pub architecture: Architecture,
    /// `Multi-Arch`.
    pub multi_arch: MultiArch,
    /// The other members, in the archive's order: scripts, `md5sums`, `conffiles`, `triggers` …
    pub members: Vec<ControlMember>,
}

/// A control member other than `control`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ControlMember {
    /// Its name, without directories.
    pub name: String,
    /// Permission bits as shipped.
    pub mode: u32,
    /// Its content.
    pub content: Vec<u8>,
}

impl Control {
    /// The member of that name.
    pub fn member(&self, name: &str) -> Option<&ControlMember> {
        self.members.iter().find(|member| member.name == name)
    }

    /// The name under which dpkg keeps the package's files: with the architecture only where several may be installed.
    pub fn info_name(&self) -> String {
        match self.multi_arch {
            MultiArch::Same => format!("{}:{}", self.package, self.architecture),
            _ => self.package.clone(),
        }
    }

    /// Collects the control members from a tar archive.
    pub(super) fn read<R: std::io::Read>(members: &mut super::tar::Members<R>, limits: &Limits) -> Result<Self, Error> {
        let mut paragraph = None;
        let mut others: Vec<ControlMember> = Vec::new();
        while let Some(entry) = members.next()? {
            let fail = |problem| Err(Error::member(entry.path.as_bytes(), problem));
            let size = match entry.kind {
                Kind::Dir if entry.path.is_empty() => continue,
                Kind::File { size } => size,
                _ => return Err(control(format!("member `{}` is no regular file", entry.path.escape_debug()))),
            };
            if entry.path.contains('/') {
                return Err(control(format!("member `{}` is in a directory", entry.path.escape_debug())));
            }
            if others.len() > 1000 {
                return Err(Error::TooLarge { part: "control.tar".into(), limit: 1000, unit: "members" });
            }
            // The whole tar archive ends at the limit, so the content does too; its claimed size is only a hint.
            let mut content = Vec::with_capacity(usize::try_from(size.min(limits.control_size).min(1 << 20)).unwrap_or(0));
            loop {
                let chunk = members.chunk()?;
                let length = chunk.len();
                if length == 0 {
                    break;
                }
                content.extend_from_slice(chunk);
                members.consume(length);
            }
            if entry.path == "control" {
                if paragraph.replace(content).is_some() {
                    return fail(super::Problem::Duplicate);
                }
            } else if others.iter().any(|other| other.name == entry.path) {
                return fail(super::Problem::Duplicate);
            } else {
                let member = ControlMember { name: entry.path, mode: entry.metadata.mode, content };
                members::check(&member)?;
                others.push(member);
            }
        }
        // dpkg passes over them, too: a name in its database has one dot.
        others.retain(|other| !other.name.contains('.'));
        Self::parse(paragraph.ok_or_else(|| control("is missing".into()))?, others)
    }

    fn parse(paragraph: Vec<u8>, members: Vec<ControlMember>) -> Result<Self, Error> {
        let mut paragraph = String::from_utf8(paragraph).map_err(|_| control("is not UTF-8".into()))?;
        paragraph.truncate(paragraph.trim_end().len());
        // dpkg passes over empty lines before the paragraph.
        let start = paragraph.find(|c| c != '\n').unwrap_or(paragraph.len());
        paragraph.drain(..start);
        paragraph.push('\n');
        let mut fields: [(&str, Option<String>); 4] = [("Package", None), ("Version", None), ("Architecture", None), ("Multi-Arch", None)];
        for line in paragraph.lines() {
            if line.starts_with([' ', '\t']) {
                continue;
            }
            if line.contains('\0') || line.contains('\r') {
                return Err(control("has a NUL or carriage return".into()));
            }
            if line.is_empty() {
                return Err(control("is more than one paragraph".into()));
            }
            let (key, value) = line
                .split_once(':')
                .filter(|(key, _)| !key.is_empty() && !key.contains(char::is_whitespace))
                .ok_or_else(|| control(format!("line `{}` is no field", line.chars().take(80).collect::<String>().escape_debug())))?;
            if let Some(name) = DATABASE_FIELDS.iter().find(|name| name.eq_ignore_ascii_case(key)) {
                return Err(control(format!("has `{name}`, which only the package database may say")));
            }
            if let Some((name, known)) = fields.iter_mut().find(|(name, _)| name.eq_ignore_ascii_case(key))
                && known.replace(value.trim().to_owned()).is_some()
            {
                return Err(control(format!("has `{name}` twice")));
            }
        }
        let [(_, package), (_, version), (_, architecture), (_, multi_arch)] = fields;
        let missing = |name: &str| control(format!("has no usable `{name}`"));
        let package = package.filter(|name| is_deb_name(name)).ok_or_else(|| missing("Package"))?;
        let version = version.filter(|version| version.parse::<DebVersion>().is_ok()).ok_or_else(|| missing("Version"))?;
        let architecture = architecture.and_then(|name| Architecture::parse(&name)).ok_or_else(|| missing("Architecture"))?;
        let multi_arch = match multi_arch.as_deref() {
            None => MultiArch::No,
            Some(word) => MultiArch::parse(word).ok_or_else(|| missing("Multi-Arch"))?,
        };
        if multi_arch == MultiArch::Same && architecture.is_independent() {
            return Err(control("has `Multi-Arch: same` although it is for all architectures".into()));
        }
        Ok(Self { paragraph, package, version, architecture, multi_arch, members })
    }
}

/// What dpkg writes of installed packages; in a package itself it refuses them.
const DATABASE_FIELDS: [&str; 5] = ["Status", "Conffiles", "Config-Version", "Triggers-Pending", "Triggers-Awaited"];

fn control(reason: String) -> Error {
    Error::Control { reason }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(text: &str) -> Result<Control, Error> {
        Control::parse(text.as_bytes().to_vec(), Vec::new())
    }

    #[test]
    fn reads_the_essentials_and_keeps_the_text() {
        let text = "package: libc6\nVersion: 2.36-9\nArchitecture: armhf\nMulti-Arch: same\nDescription: x\n .\n Version: y\n";
        let control = parse(&format!("\n{text}\n\n")).unwrap();
        assert_eq!(control.paragraph, text);
        assert_eq!((control.version.as_str(), control.info_name().as_str()), ("2.36-9", "libc6:armhf"));
    }

    #[test]
    fn refuses_what_dpkg_refuses() {
        let good = "Package: a\nVersion: 1\nArchitecture: all\n";
        assert!(parse(good).is_ok());
        for bad in [
            "",
            "Package: a\nVersion: 1\n",
            "Package: A_B\nVersion: 1\nArchitecture: all\n",
            "Package: a\nVersion: 1 2\nArchitecture: all\n",
            "Package: a\nVersion: 1\nArchitecture: ../x\n",
            "Package: a\nVersion: 1\nArchitecture: all\nMulti-Arch: yes\n",
            "Package: a\nVersion: 1\nArchitecture: all\nPackage: b\n",
            "Package: a\nVersion: 1\nArchitecture: all\n\nPackage: b\n",
            "Package: a\nVersion: 1\nArchitecture: all\nno field\n",
            "Package: a\nVersion: 1\nArchitecture: all\nMulti-Arch: same\n",
            "Package: a\nVersion: 1\nArchitecture: all\nStatus: install ok installed\n",
            "Package: a\nVersion: 1\nArchitecture: all\nconffiles:\n /etc/shadow 0\n",
        ] {
            assert!(parse(bad).is_err(), "{bad:?}");
        }
    }
}

//! Where the host's own apt gets a distribution's archive from.
//!
//! Reads `sources.list`, `sources.list.d/*.list` (one line each) and `sources.list.d/*.sources` (paragraphs). Only
//! addresses are taken, never trust: what comes from them is judged by the manifest's keys.

use std::path::{Path, PathBuf};

use reqwest::Url;

/// The largest file that is read.
const MAX_SIZE: u64 = 4 << 20;

/// A file of the host's apt configuration is there and cannot be read.
#[derive(Debug, thiserror::Error)]
#[error("cannot read `{}`", .path.display())]
pub struct Error {
    /// The file or directory.
    pub path: PathBuf,
    /// Why.
    pub source: std::io::Error,
}

/// One address with what stands beside it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Entry {
    pub url: Url,
    pub suites: Vec<String>,
    pub components: Vec<String>,
    /// The `signed-by` option; empty where there is none.
    pub signed_by: String,
}

impl Entry {
    /// The named archive that this is an address of.
    ///
    /// Others publish for Debian under like-named paths, so component and key must fit as well; a mirror under another
    /// path is known by the distribution's own key only.
    pub(super) fn archive(&self) -> Option<&'static str> {
        let key = |name: &str| self.signed_by.contains(name);
        let debian_key = key("debian-archive-");
        let ubuntu_key = key("ubuntu-archive-") || key("ubuntu-keyring");
        if !self.components.iter().any(|component| component == "main" || component.ends_with("/main")) {
            return None;
        }
        let foreign_key = !self.signed_by.is_empty() && !debian_key && !ubuntu_key;
        let last = self.url.path_segments()?.rfind(|part| !part.is_empty()).unwrap_or_default();
        let is_security = self.suites.iter().all(|suite| suite.ends_with("-security") || suite.ends_with("/updates"));
        match last {
            _ if foreign_key => None,
            "debian" if !is_security => Some("debian"),
            "debian-security" => Some("debian-security"),
            "ubuntu" => Some("ubuntu"),
            "ubuntu-ports" => Some("ubuntu-ports"),
            _ if debian_key && is_security => Some("debian-security"),
            _ if debian_key && self.suites.iter().all(|suite| !suite.ends_with("-security")) => Some("debian"),
            _ => None,
        }
    }
}

/// Reads the apt configuration below `root` (`/` on a real host).
pub(super) fn load(root: &Path) -> Result<Vec<Entry>, Error> {
    let directory = root.join("etc/apt/sources.list.d");
    let mut files = vec![root.join("etc/apt/sources.list")];
    match std::fs::read_dir(&directory) {
        Ok(entries) => {
            let mut more: Vec<PathBuf> = entries.flatten().map(|entry| entry.path()).collect();
            more.sort();
            files.extend(more);
        }
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => {}
        Err(source) => return Err(Error { path: directory, source }),
    }
    let mut all = Vec::new();
    for path in files {
        let parse: fn(&str) -> Vec<Entry> = match path.extension().and_then(|extension| extension.to_str()) {
            Some("list") => parse_lines,
            Some("sources") => parse_paragraphs,
            _ => continue,
        };
        match read(&path) {
            Ok(text) => all.extend(parse(&text)),
            // Some hosts keep a password there, for root's eyes only; what others may not read is not for us.
            Err(error) if matches!(error.kind(), std::io::ErrorKind::NotFound | std::io::ErrorKind::PermissionDenied) => {}
            Err(source) => return Err(Error { path, source }),
        }
    }
    Ok(all)
}

fn read(path: &Path) -> std::io::Result<String> {
    use std::io::Read as _;
    let mut bytes = Vec::new();
    std::fs::File::open(path)?.take(MAX_SIZE).read_to_end(&mut bytes)?;
    Ok(String::from_utf8_lossy(&bytes).into_owned())
}

/// Reads `deb [option=value …] URL SUITE COMPONENT…` lines.
fn parse_lines(text: &str) -> Vec<Entry> {
    text.lines().filter_map(parse_line).collect()
}

fn parse_line(line: &str) -> Option<Entry> {
    let line = line.split('#').next()?.trim();
    let rest = line.strip_prefix("deb")?;
    let rest = rest.strip_prefix([' ', '\t'])?.trim_start();
    let (options, rest) = match rest.strip_prefix('[') {
        Some(rest) => rest.split_once(']')?,
        None => ("", rest),
    };
    let signed_by = options.split_ascii_whitespace().find_map(|option| option.strip_prefix("signed-by=")).unwrap_or_default();
    let mut words = rest.split_ascii_whitespace().map(str::to_owned);
    let url = address(&words.next()?)?;
    Some(Entry { url, suites: vec![words.next()?], components: words.collect(), signed_by: signed_by.to_owned() })
}

/// Reads deb822 paragraphs.
fn parse_paragraphs(text: &str) -> Vec<Entry> {
    let mut entries = Vec::new();
    let mut fields: Vec<(String, String)> = Vec::new();
    for line in text.lines().chain([""]) {
        if line.starts_with('#') {
            continue;
        }
        if line.trim().is_empty() {
            entries.extend(paragraph(&std::mem::take(&mut fields)));
        } else if line.starts_with([' ', '\t']) {
            if let Some((_, value)) = fields.last_mut() {
                value.push('\n');
                value.push_str(line.trim());
            }
        } else if let Some((name, value)) = line.split_once(':') {
            fields.push((name.trim().to_ascii_lowercase(), value.trim().to_owned()));
        }
    }
    entries
}

fn paragraph(fields: &[(String, String)]) -> Vec<Entry> {
    let field = |name: &str| fields.iter().find(|(field, _)| field == name).map_or("", |(_, value)| value.as_str());
    let words = |name: &str| field(name).split_ascii_whitespace().map(str::to_owned).collect::<Vec<_>>();
    let disabled = matches!(field("enabled").to_ascii_lowercase().as_str(), "no" | "false" | "0" | "off" | "without" | "disable");
    if disabled || !words("types").iter().any(|kind| kind == "deb") {
        return Vec::new();
    }
    let entry = |url| Entry { url, suites: words("suites"), components: words("components"), signed_by: field("signed-by").to_owned() };
    words("uris").iter().filter_map(|text| address(text)).map(entry).collect()
}

/// Other methods (`cdrom:`, `tor+http:`, `mirror:`) and apt's variables are not for us.
fn address(text: &str) -> Option<Url> {
    let url = Url::parse(text).ok().filter(|_| !text.contains("$("))?;
    matches!(url.scheme(), "http" | "https" | "file").then_some(url)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn archives(entries: &[Entry]) -> Vec<(String, Option<&'static str>)> {
        entries.iter().map(|entry| (entry.url.to_string(), entry.archive())).collect()
    }

    #[test]
    fn reads_lines() {
        let entries = parse_lines(
            "# deb http://off.example/debian bookworm main\n\
             deb-src http://src.example/debian bookworm main\n\
             deb [arch=amd64 signed-by=/usr/share/keyrings/debian-archive-keyring.gpg] http://a.example/debian/ bookworm main # x\n\
             deb http://a.example/debian-security bookworm-security main\n\
             deb cdrom:[Debian]/ bookworm main\n\
             deb https://docker.example/linux/debian bookworm stable\n\
             deb [signed-by=/etc/apt/keyrings/tail.gpg] https://tail.example/stable/debian bookworm main\n\
             deb [signed-by=/usr/share/keyrings/debian-archive-keyring.gpg] https://cache.example/remote-deb trixie main contrib\n\
             deb [signed-by=/usr/share/keyrings/debian-archive-keyring.gpg] https://cache.example/remote-sec trixie-security main\n\
             deb http://ports.example/ubuntu-ports/ noble main universe\n\
             deb http://vendor.example/apt ./\n\
             debris\ndeb\ndeb [x http://a/debian b main\n",
        );
        insta::assert_debug_snapshot!(archives(&entries), @r#"
        [
            (
                "http://a.example/debian/",
                Some(
                    "debian",
                ),
            ),
            (
                "http://a.example/debian-security",
                Some(
                    "debian-security",
                ),
            ),
            (
                "https://docker.example/linux/debian",
                None,
            ),
            (
                "https://tail.example/stable/debian",
                None,
            ),
            (
                "https://cache.example/remote-deb",
                Some(
                    "debian",
                ),
            ),
            (
                "https://cache.example/remote-sec",
                Some(
                    "debian-security",
                ),
            ),
            (
                "http://ports.example/ubuntu-ports/",
                Some(
                    "ubuntu-ports",
                ),
            ),
            (
                "http://vendor.example/apt",
                None,
            ),
        ]
        "#);
    }

    #[test]
    fn reads_paragraphs() {
        let entries = parse_paragraphs(
            "Types: deb deb-src\nURIs: http://a.example/debian\n http://b.example/debian\nSuites: bookworm bookworm-updates\n\
             # a comment\nComponents: main\nSigned-By: /usr/share/keyrings/debian-archive-keyring.gpg\n\n\n\
             Types: deb\nEnabled: no\nURIs: http://off.example/debian\nSuites: bookworm\nComponents: main\n\n\
             Types: deb-src\nURIs: http://src.example/debian\nSuites: bookworm\nComponents: main\n\n\
             Types: deb\nURIs: http://c.example/debian\nSuites: bookworm\nComponents: main\nSigned-By:\n -----BEGIN PGP PUBLIC KEY BLOCK-----\n .\n",
        );
        assert_eq!(
            archives(&entries),
            [
                ("http://a.example/debian".to_owned(), Some("debian")),
                ("http://b.example/debian".to_owned(), Some("debian")),
                ("http://c.example/debian".to_owned(), None),
            ]
        );
        assert_eq!(entries[0].suites, ["bookworm", "bookworm-updates"]);
    }

    #[test]
    fn a_host_without_apt_has_no_sources() {
        let dir = tempfile::tempdir().unwrap();
        assert_eq!(load(dir.path()).unwrap(), []);
        let d = dir.path().join("etc/apt/sources.list.d");
        std::fs::create_dir_all(&d).unwrap();
        std::fs::write(d.join("b.list"), "deb http://b.example/debian bookworm main\n").unwrap();
        std::fs::write(d.join("a.sources"), "Types: deb\nURIs: http://a.example/debian\nSuites: bookworm\nComponents: main\n").unwrap();
        std::fs::write(d.join("c.list.save"), "deb http://c.example/debian bookworm main\n").unwrap();
        let urls: Vec<String> = load(dir.path()).unwrap().iter().map(|entry| entry.url.to_string()).collect();
        assert_eq!(urls, ["http://a.example/debian", "http://b.example/debian"]);
    }
}

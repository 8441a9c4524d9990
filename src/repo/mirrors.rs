//! Where archives lie: a named archive's addresses, from the settings, the host, or a default.
//!
//! First found wins, archive by archive: arguments (`--mirror debian=URL`), the environment (`PINTREE_MIRROR_DEBIAN`),
//! `mirrors.toml` of the project, that of the user, the host's own apt sources, the built-in default. A setting may give
//! several addresses, which are tried in turn. Mirrors are no part of a lockfile and cause no rebuild: steps read them
//! from a file that this module writes and reads again.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use jiff::Timestamp;
use reqwest::Url;
use toml_edit::{DocumentMut, Item, Value};

use super::{Error, aptsources};
use crate::pkg::SnapshotTemplate;

/// The named archives, in manifest words.
pub const ARCHIVES: [&str; 4] = ["debian", "debian-security", "ubuntu", "ubuntu-ports"];
/// Where the past states of named archives lie, as the archives' own documentation has it.
const SNAPSHOTS: [(&str, &str); 4] = [
    ("debian", "https://snapshot.debian.org/archive/debian/{timestamp}/"),
    ("debian-security", "https://snapshot.debian.org/archive/debian-security/{timestamp}/"),
    ("ubuntu", "https://snapshot.ubuntu.com/ubuntu/{timestamp}/"),
    ("ubuntu-ports", "https://snapshot.ubuntu.com/ubuntu/{timestamp}/"),
];
/// The table of `mirrors.toml` with snapshot templates by archive.
const SNAPSHOT_TABLE: &str = "snapshot";
/// What the environment variables start with.
const VARIABLE: &str = "PINTREE_MIRROR_";

/// Addresses by the name of an archive, or of a repository.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Mirrors {
    addresses: BTreeMap<String, Vec<Url>>,
    snapshots: BTreeMap<String, SnapshotTemplate>,
}

/// Where settings are looked for.
#[derive(Clone, Debug, Default)]
pub struct Settings {
    /// `NAME=URL[,URL…]`, as given on the command line.
    pub arguments: Vec<String>,
    /// The environment's variables; only those that start with `PINTREE_MIRROR_` are looked at.
    pub environment: Vec<(String, String)>,
    /// Files like `mirrors.toml`, the one that wins first; those that are not there are passed over.
    pub files: Vec<PathBuf>,
    /// The host's root directory, for its apt sources; `None` leaves them alone.
    pub host_root: Option<PathBuf>,
}

impl Mirrors {
    /// Finds the addresses of all named archives.
    pub fn discover(settings: &Settings) -> Result<Self, Error> {
        let mut mirrors = Self::default();
        for argument in &settings.arguments {
            let wrong = |problem: &str| Error::Mirror { origin: format!("`--mirror {}`", redacted(argument)), problem: problem.to_owned() };
            let (name, urls) = argument.split_once('=').ok_or_else(|| wrong("is not of the form `NAME=URL`"))?;
            mirrors.offer(name, addresses(urls).map_err(|problem| wrong(&problem))?);
        }
        for (variable, value) in settings.environment.iter().filter(|(_, value)| !value.trim().is_empty()) {
            let Some(name) = variable.strip_prefix(VARIABLE) else { continue };
            let name = name.to_ascii_lowercase().replace('_', "-");
            let urls = addresses(value).map_err(|problem| Error::Mirror { origin: format!("`{variable}`"), problem })?;
            mirrors.offer(&name, urls);
        }
        for path in &settings.files {
            match Self::load(path) {
                Ok(more) => {
                    more.addresses.into_iter().for_each(|(name, urls)| mirrors.offer(&name, urls));
                    more.snapshots.into_iter().for_each(|(name, template)| mirrors.offer_snapshot(&name, template));
                }
                Err(Error::Io { source, .. }) if source.kind() == std::io::ErrorKind::NotFound => {}
                Err(error) => return Err(error),
            }
        }
        if let Some(root) = &settings.host_root {
            let mut host: BTreeMap<&str, Vec<Url>> = BTreeMap::new();
            for entry in aptsources::load(root)? {
                let Some(archive) = entry.archive() else { continue };
                let urls = host.entry(archive).or_default();
                if !urls.iter().any(|url| url.as_str().trim_end_matches('/') == entry.url.as_str().trim_end_matches('/')) {
                    urls.push(entry.url);
                }
            }
            host.into_iter().for_each(|(name, urls)| mirrors.offer(name, urls));
        }
        for (name, url) in [("debian", "http://ftp.debian.org/debian"), ("debian-security", "http://ftp.debian.org/debian-security")] {
            mirrors.offer(name, vec![Url::parse(url).expect("the text is a URL")]);
        }
        for (name, template) in SNAPSHOTS {
            mirrors.offer_snapshot(name, template.parse().expect("the text is a template"));
        }
        Ok(mirrors)
    }

    /// Gives `name` addresses, unless it has some.
    pub fn offer(&mut self, name: &str, addresses: Vec<Url>) {
        if !addresses.is_empty() {
            self.addresses.entry(name.to_owned()).or_insert(addresses);
        }
    }

    /// Says where past states of an archive lie, unless that is known.
    pub fn offer_snapshot(&mut self, name: &str, template: SnapshotTemplate) {
        self.snapshots.entry(name.to_owned()).or_insert(template);
    }

    /// Where past states of an archive lie.
    pub fn snapshot(&self, name: &str) -> Option<&SnapshotTemplate> {
        self.snapshots.get(name)
    }

    /// The addresses of an archive or repository, to be tried in turn.
    pub fn addresses(&self, name: &str) -> Result<&[Url], Error> {
        self.addresses.get(name).map(Vec::as_slice).ok_or_else(|| Error::NoMirror { archive: name.to_owned() })
    }

    /// Reads the text of a `mirrors.toml`: `NAME = "URL"` or `NAME = ["URL", …]`, and `NAME = "TEMPLATE"` in `[snapshot]`.
    pub fn parse(text: &str, origin: &str) -> Result<Self, Error> {
        let wrong = |problem: String| Error::Mirror { origin: origin.to_owned(), problem };
        let document: DocumentMut = text.parse().map_err(|error: toml_edit::TomlError| wrong(error.message().to_owned()))?;
        let mut mirrors = Self::default();
        for (name, item) in document.iter() {
            if let (SNAPSHOT_TABLE, Some(table)) = (name, item.as_table_like()) {
                for (name, item) in table.iter() {
                    let template = item.as_str().ok_or_else(|| wrong(format!("`{SNAPSHOT_TABLE}.{name}` must be a URL template")))?;
                    let template: SnapshotTemplate = template.parse().map_err(|error| wrong(format!("{error}")))?;
                    address(&template.at(Timestamp::UNIX_EPOCH))
                        .map_err(|problem| wrong(format!("`{SNAPSHOT_TABLE}.{name}`: {problem}")))?;
                    mirrors.offer_snapshot(name, template);
                }
                continue;
            }
            let urls: Option<Vec<&str>> = match item {
                Item::Value(Value::String(text)) => Some(vec![text.value()]),
                Item::Value(Value::Array(array)) => array.iter().map(Value::as_str).collect(),
                _ => None,
            };
            let urls = urls.ok_or_else(|| wrong(format!("`{name}` must be a URL or a list of URLs")))?;
            let urls: Result<Vec<Url>, String> = urls.into_iter().map(address).collect();
            mirrors.offer(name, urls.map_err(|problem| wrong(format!("`{name}`: {problem}")))?);
        }
        Ok(mirrors)
    }

    /// Reads a file like `mirrors.toml`.
    pub fn load(path: &Path) -> Result<Self, Error> {
        let text = std::fs::read_to_string(path).map_err(|source| Error::Io { action: "read", path: path.to_owned(), source })?;
        Self::parse(&text, &format!("`{}`", path.display()))
    }

    /// The addresses as the text of a `mirrors.toml`.
    pub fn to_toml(&self) -> String {
        // JSON's strings are TOML's, too.
        let quoted = |text: &str| serde_json::Value::from(text).to_string();
        self.addresses.iter().fold(String::new(), |text, (name, urls)| {
            let urls: Vec<String> = urls.iter().map(|url| quoted(url.as_str())).collect();
            text + &format!("{} = [{}]\n", quoted(name), urls.join(", "))
        })
    }

    /// Writes the addresses for the steps, unless they stand there already. Only the owner may read the file, as
    /// addresses may carry passwords.
    pub fn save(&self, path: &Path) -> Result<(), Error> {
        use std::io::Write as _;
        use std::os::unix::fs::OpenOptionsExt as _;
        let text = self.to_toml();
        if std::fs::read(path).is_ok_and(|old| old == text.as_bytes()) {
            return Ok(());
        }
        let mut name = path.file_name().unwrap_or_default().to_owned();
        name.push(format!(".{}.tmp", std::process::id()));
        let temporary = path.with_file_name(name);
        // The name can be foreseen, so what stands there may be a link that somebody has left.
        let cleared = match std::fs::remove_file(&temporary) {
            Err(error) if error.kind() != std::io::ErrorKind::NotFound => Err(error),
            _ => Ok(()),
        };
        let file = cleared.and_then(|()| std::fs::File::options().create_new(true).write(true).mode(0o600).open(&temporary));
        let written = file.and_then(|mut file| file.write_all(text.as_bytes())).and_then(|()| std::fs::rename(&temporary, path));
        written.map_err(|source| Error::Io { action: "write", path: path.to_owned(), source })
    }
}

/// Reads one or several URLs, separated by commas or white space.
fn addresses(text: &str) -> Result<Vec<Url>, String> {
    let urls: Vec<Url> = text.split([',', ' ', '\t', '\n']).filter(|word| !word.is_empty()).map(address).collect::<Result<_, _>>()?;
    if urls.is_empty() { Err("gives no URL".to_owned()) } else { Ok(urls) }
}

fn address(text: &str) -> Result<Url, String> {
    let url = Url::parse(text.trim()).map_err(|_| format!("`{}` is not a URL", redacted(text)))?;
    match url.scheme() {
        "http" | "https" if url.host_str().is_some() => Ok(url),
        "file" => Ok(url),
        other => Err(format!("`{other}:` is neither http, https nor file")),
    }
}

/// What may be shown of text that should have been a URL: a password, if there is one, stands before the `@`.
fn redacted(text: &str) -> String {
    match (text.find("://"), text.rfind('@')) {
        (Some(start), Some(end)) if start < end => format!("{}{}", &text[..start + 3], &text[end + 1..]),
        _ => text.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shown(mirrors: &Mirrors, name: &str) -> String {
        mirrors.addresses(name).map_or_else(|error| error.to_string(), |urls| urls.iter().map(|url| format!("{url} ")).collect())
    }

    #[test]
    fn first_found_wins() {
        let dir = tempfile::tempdir().unwrap();
        let project = dir.path().join("mirrors.toml");
        std::fs::write(
            &project,
            "ubuntu = [\"http://file.example/ubuntu\", \"file:///srv/ubuntu\"]\ndebian = \"http://file.example/debian\"\n",
        )
        .unwrap();
        let apt = dir.path().join("root/etc/apt");
        std::fs::create_dir_all(&apt).unwrap();
        std::fs::write(
            apt.join("sources.list"),
            "deb http://host.example/debian-security bookworm-security main\ndeb http://host.example/debian bookworm main\n\
             deb http://host.example/debian/ bookworm-updates main\ndeb http://second.example/debian bookworm main\n",
        )
        .unwrap();
        let mut settings = Settings {
            arguments: vec!["debian=http://arg.example/debian".to_owned()],
            environment: vec![
                ("PINTREE_MIRROR_DEBIAN".to_owned(), "http://env.example/debian".to_owned()),
                ("PINTREE_MIRROR_UBUNTU_PORTS".to_owned(), "http://env.example/ports, http://env2.example/ports".to_owned()),
            ],
            files: vec![dir.path().join("none.toml"), project],
            host_root: Some(dir.path().join("root")),
        };
        let mirrors = Mirrors::discover(&settings).unwrap();
        assert_eq!(shown(&mirrors, "debian"), "http://arg.example/debian ");
        assert_eq!(shown(&mirrors, "debian-security"), "http://host.example/debian-security ");
        assert_eq!(shown(&mirrors, "ubuntu"), "http://file.example/ubuntu file:///srv/ubuntu ");
        assert_eq!(shown(&mirrors, "ubuntu-ports"), "http://env.example/ports http://env2.example/ports ");

        settings.arguments.clear();
        assert_eq!(shown(&Mirrors::discover(&settings).unwrap(), "debian"), "http://env.example/debian ");
        settings.environment.clear();
        assert_eq!(shown(&Mirrors::discover(&settings).unwrap(), "debian"), "http://file.example/debian ");
        settings.files.clear();
        let mirrors = Mirrors::discover(&settings).unwrap();
        assert_eq!(shown(&mirrors, "debian"), "http://host.example/debian http://second.example/debian ");
        settings.host_root = None;
        let mirrors = Mirrors::discover(&settings).unwrap();
        assert_eq!(shown(&mirrors, "debian"), "http://ftp.debian.org/debian ");
        assert_eq!(shown(&mirrors, "debian-security"), "http://ftp.debian.org/debian-security ");
        insta::assert_snapshot!(shown(&mirrors, "ubuntu"), @"nothing says where the archive `ubuntu` is");
    }

    #[test]
    fn comes_back_from_text() {
        let mut mirrors = Mirrors::default();
        mirrors.offer("debian", addresses("http://a.example/debian https://u:p@b.example/x").unwrap());
        mirrors.offer("o.d d", addresses("file:///srv/x").unwrap());
        assert_eq!(Mirrors::parse(&mirrors.to_toml(), "x").unwrap(), mirrors);
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("mirrors.toml");
        mirrors.save(&path).unwrap();
        mirrors.save(&path).unwrap();
        assert_eq!(Mirrors::load(&path).unwrap(), mirrors);
        assert_eq!(std::os::unix::fs::MetadataExt::mode(&std::fs::metadata(&path).unwrap()) & 0o777, 0o600);
    }

    #[test]
    fn says_what_is_wrong_and_no_password() {
        let discover = |argument: &str| {
            let settings = Settings { arguments: vec![argument.to_owned()], ..Settings::default() };
            Mirrors::discover(&settings).unwrap_err().to_string()
        };
        assert_eq!(discover("debian"), "`--mirror debian`: is not of the form `NAME=URL`");
        assert_eq!(discover("debian=ftp://me:secret@h/x"), "`--mirror debian=ftp://h/x`: `ftp:` is neither http, https nor file");
        assert_eq!(discover("debian=https://me:secret@"), "`--mirror debian=https://`: `https://` is not a URL");
        let parse = |text: &str| Mirrors::parse(text, "`mirrors.toml`").unwrap_err().to_string();
        assert_eq!(parse("debian = 1"), "`mirrors.toml`: `debian` must be a URL or a list of URLs");
        assert_eq!(parse("debian = \"nowhere\""), "`mirrors.toml`: `debian`: `nowhere` is not a URL");
    }
}

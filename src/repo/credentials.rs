//! Who we are to a server: tokens from the environment, logins from `netrc`, and what stands in the URL itself.
//!
//! First found wins: `user:password@` in the URL; `PINTREE_TOKEN_HOST`, sent as a bearer token; the host's `machine` entry of
//! the file that `NETRC` names, else of `~/.netrc`. HOST is the host's name in upper case with `_` for `.` and `__` for `-`
//! (`PINTREE_TOKEN_PACKAGES_EXAMPLE_COM`), so that no variable means two hosts: a token must not go to one that only looks
//! like its own. [`variable`] says how a host is spelt, [`host`] which one a variable means. Nothing secret goes over plain http except to this machine itself (`localhost`),
//! unless the URL or the entry says so (`machine http://packages.example.com`, as in apt). Nothing follows a redirect
//! to another host. No value here is ever displayed.

use std::collections::BTreeMap;
use std::fmt;
use std::io::Read as _;
use std::path::{Path, PathBuf};

use reqwest::Url;
use reqwest::header::HeaderValue;

use super::Warning;

/// The largest `netrc` that is read.
const MAX_NETRC: u64 = 1 << 20;

/// The environment's tokens and the logins of a `netrc` file.
#[derive(Clone, Default)]
pub struct Credentials {
    /// Token by host.
    tokens: BTreeMap<String, String>,
    logins: Vec<Login>,
}

#[derive(Clone)]
struct Login {
    /// `None` is the `default` entry.
    machine: Option<String>,
    user: String,
    password: String,
}

impl fmt::Debug for Credentials {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Credentials({} tokens, {} logins)", self.tokens.len(), self.logins.len())
    }
}

const PREFIX: &str = "PINTREE_TOKEN_";

impl Credentials {
    /// Reads the tokens of the environment and the `netrc` it leads to; an unreadable or open `netrc` is a warning.
    pub fn from_environment(variables: impl IntoIterator<Item = (String, String)>) -> (Self, Vec<Warning>) {
        let variables: BTreeMap<String, String> = variables.into_iter().collect();
        let mut credentials = Self::default();
        let mut warnings = Vec::new();
        for (name, value) in &variables {
            let Some(spelling) = name.strip_prefix(PREFIX).filter(|_| !value.trim().is_empty()) else { continue };
            match host(spelling) {
                Some(host) => {
                    credentials.tokens.insert(host, value.trim().to_owned());
                }
                None => warnings.push(Warning::TokenName { variable: name.clone() }),
            }
        }
        let named = variables.get("NETRC").filter(|value| !value.is_empty()).map(PathBuf::from);
        let path = named.clone().or_else(|| Some(Path::new(variables.get("HOME")?).join(".netrc")));
        if let Some(path) = path {
            match read_netrc(&path) {
                Ok((text, open)) => {
                    credentials.logins = parse_netrc(&text);
                    if open && !credentials.logins.is_empty() {
                        warnings.push(Warning::OpenNetrc { path });
                    }
                }
                // No `~/.netrc` is the normal case; one that was named should be there.
                Err(error) if named.is_none() && error.kind() == std::io::ErrorKind::NotFound => {}
                Err(error) => warnings.push(Warning::UnreadableNetrc { path, problem: error.to_string() }),
            }
        }
        (credentials, warnings)
    }

    /// The `Authorization` header for a request to `url`.
    pub(super) fn header_for(&self, url: &Url) -> Option<HeaderValue> {
        let mut value = HeaderValue::from_str(&self.value_for(url)?).ok()?;
        value.set_sensitive(true);
        Some(value)
    }

    fn value_for(&self, url: &Url) -> Option<String> {
        if !url.username().is_empty() || url.password().is_some() {
            let decode = |text: &str| percent_decoded(text);
            return Some(basic(&decode(url.username()), &decode(url.password().unwrap_or_default())));
        }
        let host = url.host_str()?;
        let safe = url.scheme() == "https" || is_this_machine(host);
        if safe && let Some(token) = self.tokens.get(host) {
            return Some(format!("Bearer {token}"));
        }
        let login = self.logins.iter().find(|login| match login.machine.as_deref() {
            None => safe,
            Some(machine) => match machine.split_once("://") {
                Some((scheme, machine)) => scheme == url.scheme() && is_machine(machine, url, host),
                None => safe && is_machine(machine, url, host),
            },
        })?;
        Some(basic(&login.user, &login.password))
    }
}

/// `packages.example.com` or `packages.example.com:8443`, with a path in apt's manner that we take as a prefix.
fn is_machine(machine: &str, url: &Url, host: &str) -> bool {
    let (authority, path) = machine.split_once('/').map_or((machine, ""), |(authority, path)| (authority, path));
    let (name, port) = authority.rsplit_once(':').map_or((authority, None), |(name, port)| (name, Some(port)));
    let port_fits = port.is_none_or(|port| port.parse().ok() == url.port_or_known_default());
    name.eq_ignore_ascii_case(host) && port_fits && url.path().trim_start_matches('/').starts_with(path)
}

fn is_this_machine(host: &str) -> bool {
    host == "localhost" || host == "[::1]" || host.parse::<std::net::Ipv4Addr>().is_ok_and(|address| address.is_loopback())
}

/// The variable that has the token for a host.
///
/// A name of letters, digits, `-` and `.` is spelt as one expects. Any other one, such as `[::1]`, is written as `_` and the
/// hexadecimal numbers of its characters; no ordinary name begins with `_`.
pub(super) fn variable(host: &str) -> String {
    let spelling = if is_ordinary(host) {
        host.to_ascii_uppercase().replace('-', "__").replace('.', "_")
    } else {
        host.bytes().fold("_".to_owned(), |text, byte| format!("{text}{byte:02X}"))
    };
    format!("{PREFIX}{spelling}")
}

/// The one host that a variable's spelling means, as URLs have it; none if it could mean none or several.
fn host(spelling: &str) -> Option<String> {
    let host = match spelling.strip_prefix('_') {
        Some(digits) => {
            let pairs = digits.as_bytes().chunks(2).map(|pair| u8::from_str_radix(std::str::from_utf8(pair).ok()?, 16).ok());
            String::from_utf8(pairs.collect::<Option<_>>()?).ok()?
        }
        // A run of `_` is one `.`, or `-` as often as there are pairs; what is in between could be `.-` and `-.`.
        None => spelling.to_ascii_lowercase().replace("__", "-").replace('_', "."),
    };
    let upper = spelling.to_ascii_uppercase();
    (!host.is_empty() && variable(&host).strip_prefix(PREFIX) == Some(&upper)).then_some(host)
}

/// Letters, digits, `-` and `.`, where neither begins or ends a part.
fn is_ordinary(host: &str) -> bool {
    let fits = |part: &str| {
        !part.is_empty()
            && !part.starts_with('-')
            && !part.ends_with('-')
            && part.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-')
    };
    host.split('.').all(fits)
}

fn basic(user: &str, password: &str) -> String {
    format!("Basic {}", base64(format!("{user}:{password}").as_bytes()))
}

fn base64(bytes: &[u8]) -> String {
    const DIGITS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let mut text = String::with_capacity(bytes.len().div_ceil(3) * 4);
    for chunk in bytes.chunks(3) {
        let word = chunk.iter().fold(0u32, |word, byte| word << 8 | u32::from(*byte)) << (8 * (3 - chunk.len()));
        for place in 0..4 {
            let digit = DIGITS[(word >> (18 - 6 * place) & 63) as usize];
            text.push(if place <= chunk.len() { char::from(digit) } else { '=' });
        }
    }
    text
}

fn percent_decoded(text: &str) -> String {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let Some((&first, tail)) = rest.split_first() {
        let hex = tail.get(..2).and_then(|pair| u8::from_str_radix(std::str::from_utf8(pair).ok()?, 16).ok());
        match hex.filter(|_| first == b'%') {
            Some(byte) => {
                bytes.push(byte);
                rest = &tail[2..];
            }
            None => {
                bytes.push(first);
                rest = tail;
            }
        }
    }
    String::from_utf8_lossy(&bytes).into_owned()
}

fn read_netrc(path: &Path) -> std::io::Result<(String, bool)> {
    use std::os::unix::fs::MetadataExt as _;
    let file = std::fs::File::open(path)?;
    let open = file.metadata()?.mode() & 0o077 != 0;
    let mut text = String::new();
    file.take(MAX_NETRC).read_to_string(&mut text)?;
    Ok((text, open))
}

fn parse_netrc(text: &str) -> Vec<Login> {
    let mut logins: Vec<Login> = Vec::new();
    // Macros are not for us: they run to the next empty line.
    let mut in_macro = false;
    let mut words = Vec::new();
    for line in text.lines() {
        in_macro = (in_macro || line.trim_start().starts_with("macdef")) && !line.trim().is_empty();
        if !in_macro && !line.trim_start().starts_with('#') {
            words.extend(line.split_ascii_whitespace());
        }
    }
    let mut words = words.into_iter();
    while let Some(word) = words.next() {
        match word {
            "machine" => logins.push(Login { machine: words.next().map(str::to_owned), user: String::new(), password: String::new() }),
            "default" => logins.push(Login { machine: None, user: String::new(), password: String::new() }),
            "login" | "password" | "account" => {
                let value = words.next().unwrap_or_default().to_owned();
                match (word, logins.last_mut()) {
                    ("login", Some(login)) => login.user = value,
                    ("password", Some(login)) => login.password = value,
                    _ => {}
                }
            }
            _ => {}
        }
    }
    // The default entry serves what no other does, wherever it stands.
    logins.sort_by_key(|login| login.machine.is_none());
    logins
}

#[cfg(test)]
mod tests {
    use super::*;

    fn credentials(variables: &[(&str, &str)], netrc: &str) -> Credentials {
        let variables = variables.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned()));
        let (mut credentials, _) = Credentials::from_environment(variables);
        credentials.logins = parse_netrc(netrc);
        credentials
    }

    #[test]
    fn first_found_wins() {
        let netrc = "# comment\nmachine b.example login me password p:w\nmachine c.example:8443/apt login x password y\n\
                     macdef init\n machine z.example login no\n\nmachine http://d.example login h password t\n";
        let credentials = credentials(&[("PINTREE_TOKEN_A_EXAMPLE", "tok"), ("PINTREE_TOKEN_127_0_0_1", "local")], netrc);
        for (url, expected) in [
            ("https://a.example/x", Some("Bearer tok")),
            ("http://a.example/x", None),
            ("http://u:p%40@a.example/x", Some("Basic dTpwQA==")),
            ("https://b.example/", Some("Basic bWU6cDp3")),
            ("http://b.example/", None),
            ("https://bb.example/", None),
            ("https://c.example:8443/apt/dists", Some("Basic eDp5")),
            ("https://c.example:8443/rpm", None),
            ("https://c.example/apt", None),
            ("http://d.example/", Some("Basic aDp0")),
            ("https://d.example/", None),
            ("http://127.0.0.1:99/", Some("Bearer local")),
            ("https://z.example/", None),
        ] {
            assert_eq!(credentials.value_for(&Url::parse(url).unwrap()).as_deref(), expected, "{url}");
        }
        assert_eq!(format!("{credentials:?}"), "Credentials(2 tokens, 3 logins)");
    }

    #[test]
    fn no_variable_means_two_hosts() {
        for (name, spelling) in [
            ("packages.example.com", "PACKAGES_EXAMPLE_COM"),
            ("packages-example.com", "PACKAGES__EXAMPLE_COM"),
            ("packages.example-com", "PACKAGES_EXAMPLE__COM"),
            ("xn--bcher-kva.example", "XN____BCHER__KVA_EXAMPLE"),
            ("127.0.0.1", "127_0_0_1"),
            ("localhost", "LOCALHOST"),
            ("[::1]", "_5B3A3A315D"),
            ("a_b.example", "_615F622E6578616D706C65"),
            ("example.com.", "_6578616D706C652E636F6D2E"),
            ("a-.b.example", "_612D2E622E6578616D706C65"),
        ] {
            assert_eq!(variable(name), format!("{PREFIX}{spelling}"));
            assert_eq!(host(spelling).as_deref(), Some(name), "{spelling}");
        }
        // `a.-b` or `a-.b`; not in upper-case hexadecimal; an ordinary name in disguise.
        for spelling in ["A___B", "A_____B", "", "_", "A_", "_5", "_ZZ", "__A", "_6578616D706C65", "A B", "A.B"] {
            assert_eq!(host(spelling), None, "{spelling}");
        }
        let (credentials, warnings) = Credentials::from_environment([("PINTREE_TOKEN_A___B".to_owned(), "t".to_owned())]);
        assert_eq!((credentials.tokens.len(), warnings.len()), (0, 1));
    }

    #[test]
    fn a_look_alike_gets_no_token() {
        let credentials = credentials(&[("PINTREE_TOKEN_PACKAGES_EXAMPLE_COM", "tok"), ("PINTREE_TOKEN__5B3A3A315D", "six")], "");
        for (url, expected) in [
            ("https://packages.example.com/x", Some("Bearer tok")),
            ("https://Packages.Example.Com:8443/x", Some("Bearer tok")),
            ("https://packages-example.com/x", None),
            ("https://packages.example-com/x", None),
            ("https://packages-example-com/x", None),
            ("https://packages_example_com/x", None),
            ("https://packages.example.com./x", None),
            ("https://packages.example.com.evil.example/x", None),
            ("http://[::1]:99/x", Some("Bearer six")),
        ] {
            assert_eq!(credentials.value_for(&Url::parse(url).unwrap()).as_deref(), expected, "{url}");
        }
    }

    #[test]
    fn the_default_entry_comes_last() {
        let credentials = credentials(&[], "default login d password d machine m.example login m password m");
        assert_eq!(credentials.value_for(&Url::parse("https://m.example/").unwrap()), Some(basic("m", "m")));
        assert_eq!(credentials.value_for(&Url::parse("https://n.example/").unwrap()), Some(basic("d", "d")));
        assert_eq!(credentials.value_for(&Url::parse("http://n.example/").unwrap()), None);
    }

    #[test]
    fn warns_of_a_netrc_that_others_can_read() {
        use std::os::unix::fs::PermissionsExt as _;
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join(".netrc");
        std::fs::write(&path, "machine a login b password c\n").unwrap();
        let home = || [("HOME".to_owned(), dir.path().display().to_string())];
        for (mode, warned) in [(0o644, true), (0o600, false)] {
            std::fs::set_permissions(&path, std::fs::Permissions::from_mode(mode)).unwrap();
            let (credentials, warnings) = Credentials::from_environment(home());
            assert_eq!((credentials.logins.len(), !warnings.is_empty()), (1, warned), "{mode:o}");
        }
        let missing = dir.path().join("none").display().to_string();
        assert_eq!(Credentials::from_environment([("NETRC".to_owned(), missing)]).1.len(), 1);
        assert!(Credentials::from_environment([]).1.is_empty());
    }

    #[test]
    fn encodes_base64() {
        for (text, expected) in [("", ""), ("f", "Zg=="), ("fo", "Zm8="), ("foo", "Zm9v"), ("foob", "Zm9vYg==")] {
            assert_eq!(base64(text.as_bytes()), expected);
        }
    }
}

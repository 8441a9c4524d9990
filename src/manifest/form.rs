//! The forms that names, paths, URLs and refs of a manifest have.

use super::problem::{ProblemKind, closest, without_credentials};
use crate::pkg::Architecture;

/// Tells whether `text` may name a manifest, an image or a repository: it becomes part of refs and paths.
pub(super) fn is_name(text: &str) -> bool {
    let legal = |b: u8| b.is_ascii_alphanumeric() || b == b'_' || b == b'-';
    !text.is_empty() && text.len() <= 100 && !text.starts_with('-') && text.bytes().all(legal)
}

/// Checks the name of an image or a repository.
pub(super) fn name(text: &str, what: &'static str) -> Result<(), ProblemKind> {
    if is_name(text) {
        return Ok(());
    }
    let mended: String = text.chars().map(|c| if c.is_ascii_alphanumeric() || c == '_' { c } else { '-' }).collect();
    let mended = mended.trim_matches('-').to_owned();
    let hint = is_name(&mended).then(|| format!("`{mended}` would do; names have letters, digits, `_` and `-`"));
    Err(malformed(text, what, hint))
}

/// Checks a user or group name.
pub(super) fn id_name(text: &str) -> Result<(), ProblemKind> {
    let legal = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'_' || b == b'-';
    let starts = text.starts_with(|c: char| c.is_ascii_lowercase() || c == '_');
    if starts && text.len() <= 32 && text.bytes().all(legal) { Ok(()) } else { Err(malformed(text, "a user or group name", None)) }
}

/// The types of debconf's questions, and the word that marks one as seen.
const DEBCONF_TYPES: [&str; 10] = ["string", "boolean", "select", "multiselect", "note", "password", "text", "title", "error", "seen"];

/// Checks a line for `debconf-set-selections`, which itself would skip a malformed one with a warning.
pub(super) fn debconf(line: &str) -> Result<(), ProblemKind> {
    let mut words = line.split_whitespace();
    let hint = match (words.next(), words.next(), words.next()) {
        _ if line.chars().any(|c| c.is_control() && c != '\t') => Some("write each line as an entry of its own".to_owned()),
        (Some(owner), Some(_), Some(word)) if !owner.starts_with('#') => {
            if DEBCONF_TYPES.contains(&word) {
                return Ok(());
            }
            closest(word, DEBCONF_TYPES).map(|near| format!("did you mean `{near}`?"))
        }
        _ => None,
    };
    let hint = hint.or_else(|| Some("owner, question, type and value: `tzdata tzdata/Areas select Europe`".to_owned()));
    Err(malformed(line, "a line for debconf", hint))
}

/// Checks a host name: what `hostnamectl` takes.
pub(super) fn hostname(text: &str) -> Result<(), ProblemKind> {
    let part = |part: &str| {
        !part.is_empty() && !part.starts_with('-') && !part.ends_with('-') && part.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-')
    };
    if text.len() <= 64 && text.split('.').all(part) { Ok(()) } else { Err(malformed(text, "a host name", None)) }
}

/// Checks the name of a time zone.
pub(super) fn timezone(text: &str) -> Result<(), ProblemKind> {
    let part = |part: &str| !part.is_empty() && part.bytes().all(|b| b.is_ascii_alphanumeric() || b"_+-".contains(&b));
    let hint = || Some("a name below `/usr/share/zoneinfo`: `Europe/Berlin`, `Etc/UTC`".to_owned());
    if text.split('/').all(part) { Ok(()) } else { Err(malformed(text, "a time zone", hint())) }
}

/// Checks the name of a locale.
pub(super) fn locale(text: &str) -> Result<(), ProblemKind> {
    let legal = |b: u8| b.is_ascii_alphanumeric() || b"_.@-".contains(&b);
    let hint = || Some("a value of `LANG`: `C.UTF-8`, `de_DE.UTF-8`".to_owned());
    if !text.is_empty() && text.bytes().all(legal) { Ok(()) } else { Err(malformed(text, "a locale", hint())) }
}

/// Checks an absolute path of the image, and gives it without the slash in front.
pub(super) fn absolute(text: &str) -> Result<String, ProblemKind> {
    let hint = || Some("an absolute path of the image: `/etc/foo.conf`".to_owned());
    match text.strip_prefix('/').map(path) {
        Some(Ok(path)) => Ok(path),
        _ => Err(malformed(text, "a clean absolute path", hint())),
    }
}

fn malformed(value: &str, expected: &'static str, hint: Option<String>) -> ProblemKind {
    ProblemKind::Malformed { value: value.chars().take(100).collect(), expected, hint }
}

/// Checks a path that must stay inside the project directory.
pub(super) fn path(text: &str) -> Result<String, ProblemKind> {
    let bad = |reason| Err(ProblemKind::Path { path: text.to_owned(), reason });
    let clean = text.strip_suffix('/').unwrap_or(text);
    if clean.is_empty() {
        return bad("it is empty");
    }
    if clean.starts_with('/') {
        return bad("it is absolute");
    }
    if clean.chars().any(char::is_control) {
        return bad("it has a control character");
    }
    for part in clean.split('/') {
        match part {
            ".." => return bad("`..` may lead out of it"),
            "" | "." => return bad("it has an empty or `.` part"),
            _ => {}
        }
    }
    Ok(clean.to_owned())
}

/// Checks a repository's URL: one that paths can be appended to and that holds no secret.
pub(super) fn url(text: &str) -> Result<(), ProblemKind> {
    let (scheme, rest) = text.split_once(':').unwrap_or(("", text));
    let bad = |reason| Err(ProblemKind::Url { url: without_credentials(text), reason });
    if text.chars().any(|c| c.is_control() || c.is_whitespace() || c == '\\' || c == '"') {
        return bad("it has a space, a quote or a backslash");
    }
    if text.contains(['?', '#']) {
        return bad("paths are appended to it, so it may have no `?` and no `#`");
    }
    match scheme {
        "https" | "http" => {
            let authority = rest.strip_prefix("//").map(|rest| rest.split('/').next().unwrap_or_default());
            match authority {
                None | Some("") => bad("it names no host"),
                Some(authority) if authority.contains('@') => bad("credentials do not belong in a manifest; put them into netrc"),
                Some(authority) if authority.starts_with(':') => bad("it names no host"),
                Some(authority) if !has_sound_port(authority) => bad("the port behind its host is no number"),
                Some(_) => Ok(()),
            }
        }
        "file" => {
            let path = rest.strip_prefix("//").unwrap_or(rest);
            if !path.starts_with('/') {
                return bad("a `file:` URL takes an absolute path");
            }
            Ok(())
        }
        _ => bad("only `https:`, `http:` and `file:` can be fetched"),
    }
}

fn has_sound_port(authority: &str) -> bool {
    // The colons of `[::1]:80` before the bracket are the address's own.
    let tail = authority.rsplit_once(']').map_or(authority, |(_, tail)| tail);
    tail.split_once(':').is_none_or(|(_, port)| port.parse::<u16>().is_ok())
}

/// Tells whether `text` has the form of a URL, whatever its scheme.
pub(super) fn is_url(text: &str) -> bool {
    text.split_once(':')
        .is_some_and(|(scheme, _)| !scheme.is_empty() && scheme.bytes().all(|b| b.is_ascii_alphanumeric() || b"+-.".contains(&b)))
}

/// Checks a suite's name; one that ends in `/` is the path of a flat repository.
pub(super) fn suite(text: &str) -> Result<(), ProblemKind> {
    let legal = |b: u8| b.is_ascii_alphanumeric() || b"._/~+-".contains(&b);
    let tail = text.strip_prefix("./").unwrap_or(text);
    let tail = tail.strip_suffix('/').unwrap_or(tail);
    let clean = (tail.is_empty() && text == "./") || tail.split('/').all(|part| !matches!(part, "" | "." | ".."));
    if clean && text.bytes().all(legal) && text.starts_with(|c: char| c.is_ascii_alphanumeric() || c == '.' || c == '_') {
        return Ok(());
    }
    let hint = matches!(text, "/" | "." | "").then(|| "the flat repository at the URL itself is `./`".to_owned());
    Err(malformed(text, "a suite", hint))
}

/// Checks a component's name.
pub(super) fn component(text: &str) -> Result<(), ProblemKind> {
    let legal = |b: u8| b.is_ascii_alphanumeric() || b"._/+-".contains(&b);
    let clean = text.split('/').all(|part| part.starts_with(|c: char| c.is_ascii_alphanumeric()));
    if clean && text.bytes().all(legal) { Ok(()) } else { Err(malformed(text, "a component", None)) }
}

/// The placeholder of a ref template.
pub(super) const ARCH: &str = "{arch}";

/// Checks the template of a release branch; `shared` says that several architectures would publish to it.
pub(super) fn reference(text: &str, shared: bool) -> Result<(), ProblemKind> {
    let legal = |b: u8| b.is_ascii_alphanumeric() || b"._-".contains(&b);
    let plain = text.replace(ARCH, "arch");
    if let Some(open) = plain.find('{') {
        let name = plain[open..].split_inclusive('}').next().unwrap_or_default();
        return Err(malformed(text, "a ref", Some(format!("`{name}` stands for nothing; `{ARCH}` is the only placeholder"))));
    }
    // What `ostree_validate_rev` takes.
    let part = |part: &str| part.starts_with(|c: char| c.is_ascii_alphanumeric() || c == '_') && part.bytes().all(legal);
    if plain.len() > 200 || !plain.split('/').all(part) {
        let hint = "parts split by `/`, of letters, digits, `_`, `-` and `.`, each beginning with a letter or digit".to_owned();
        return Err(malformed(text, "a ref", Some(hint)));
    }
    if shared && !text.contains(ARCH) {
        return Err(malformed(text, "a ref of several architectures", Some(format!("put `{ARCH}` into it: `{text}/{ARCH}`"))));
    }
    Ok(())
}

/// The processors that dpkg knows (its `cputable`), Debian's historical names included.
const PROCESSORS: [&str; 43] = [
    "alpha",
    "amd64",
    "arc",
    "arm",
    "arm64",
    "armeb",
    "armel",
    "armhf",
    "avr32",
    "hppa",
    "i386",
    "ia64",
    "loong64",
    "m32r",
    "m68k",
    "mips",
    "mips64",
    "mips64el",
    "mips64r6",
    "mips64r6el",
    "mipsel",
    "mipsn32",
    "mipsn32el",
    "mipsr6",
    "mipsr6el",
    "nios2",
    "or1k",
    "powerpc",
    "powerpcel",
    "powerpcspe",
    "ppc64",
    "ppc64el",
    "riscv64",
    "s390",
    "s390x",
    "sh3",
    "sh3eb",
    "sh4",
    "sh4eb",
    "sparc",
    "sparc64",
    "tilegx",
    "x32",
];

/// Reads an architecture that a root filesystem can have.
pub(super) fn architecture(text: &str) -> Result<Architecture, ProblemKind> {
    // `kfreebsd-amd64` and `musl-linux-armhf` are architectures too.
    let known = |arch: &Architecture| {
        let processor = arch.deb_name().rsplit('-').next().unwrap_or_default();
        PROCESSORS.contains(&processor)
    };
    Architecture::parse(text).filter(known).ok_or_else(|| {
        let other_name = match text {
            "armv7" | "armv7l" | "armv7hf" | "arm-linux-gnueabihf" => Some("armhf"),
            "x86-64" | "x64" => Some("amd64"),
            "i486" | "i586" | "i686" | "x86" => Some("i386"),
            "ppc64le" => Some("ppc64el"),
            "armv8" => Some("arm64"),
            _ => None,
        };
        let suggestion = other_name.map(str::to_owned).or_else(|| closest(text, PROCESSORS));
        ProblemKind::UnknownArchitecture { value: text.chars().take(100).collect(), suggestion }
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_stay_inside() {
        for good in ["overlays/kiosk", "a", "a b/c$d", ".hidden/x", "overlays/kiosk/"] {
            assert!(path(good).is_ok(), "{good:?}");
        }
        for bad in ["", "/", "/etc", "../x", "a/../b", "a//b", "./a", "a/.", "a\nb", "a/..", "a\0"] {
            assert!(path(bad).is_err(), "{bad:?}");
        }
        assert_eq!(path("a/").unwrap(), "a");
    }

    #[test]
    fn urls_can_be_appended_to_and_hold_no_secret() {
        for good in ["https://mirror.example.org/debian", "http://[::1]:80/", "http://127.0.0.1:3142", "file:///srv/repo", "file:/srv/a"] {
            assert!(url(good).is_ok(), "{good:?}");
        }
        for bad in [
            "https://",
            "https:/x",
            "http:///x",
            "http://:80/x",
            "ftp://x/",
            "file:srv",
            "file://srv",
            "https://a b/",
            "https://x/?y",
            "https://x/#y",
        ] {
            assert!(url(bad).is_err(), "{bad:?}");
        }
        let error = format!("{:?}", url("https://joe:secret@mirror.example.org/x").unwrap_err());
        assert!(!error.contains("secret") && !error.contains("joe"), "{error}");
    }

    #[test]
    fn suites_and_components() {
        for good in ["bookworm", "bookworm-updates", "bookworm/updates", "./", "./sub/", "all/", "stable~1"] {
            assert!(suite(good).is_ok(), "{good:?}");
        }
        for bad in ["", "/", ".", "..", "../", "a/../b", "/a", "a//b", "a b", "a//", "-a", "././"] {
            assert!(suite(bad).is_err(), "{bad:?}");
        }
        for good in ["main", "non-free-firmware", "main/debug", "updates/main"] {
            assert!(component(good).is_ok(), "{good:?}");
        }
        for bad in ["", "/", "a/", "..", "a/../b", "a b", ".a"] {
            assert!(component(bad).is_err(), "{bad:?}");
        }
    }

    #[test]
    fn refs_are_what_ostree_takes() {
        for good in ["acme/base/{arch}", "{arch}", "acme/{arch}-base", "a.b/c_d/{arch}"] {
            assert!(reference(good, true).is_ok(), "{good:?}");
        }
        for bad in
            ["", "/a/{arch}", "a/{arch}/", "a//{arch}", "-a/{arch}", "a b/{arch}", "a/{image}/{arch}", "a/{arch", "a:b/{arch}", "../{arch}"]
        {
            assert!(reference(bad, true).is_err(), "{bad:?}");
        }
        assert!(reference("acme/base", true).is_err());
        assert!(reference("acme/base", false).is_ok());
    }

    #[test]
    fn architectures() {
        for good in ["armhf", "armv7hl", "x86_64", "riscv64", "hurd-i386"] {
            assert!(architecture(good).is_ok(), "{good:?}");
        }
        for bad in ["armfh", "all", "noarch", "any", "", "ARMHF"] {
            assert!(architecture(bad).is_err(), "{bad:?}");
        }
    }
}

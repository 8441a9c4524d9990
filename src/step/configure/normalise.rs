//! Takes out of a configured tree what would differ between two runs of the same scripts.
//!
//! One table, [`RULES`], says all of it; `docs/reproducibility.md` is written from the same table.

use super::unpack::text;
use super::{Error, keystore};
use crate::pkg::Glob;
use crate::store::{Entry, FileKind, Repo, Tree};

/// What is done to the files that a rule matches.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Action {
    /// The file is removed.
    Remove,
    /// A link to a file of the same directory is removed where that file is gone.
    RemoveDangling,
    /// The file is removed at the end, and empty until then: scripts of a later stage may look whether it is there.
    RemoveLast,
    /// The file becomes empty.
    Empty,
    /// Dates in a Java keystore become the manifest's `epoch`.
    KeystoreDates,
    /// Days since 1970 in the third field of each line become those of the manifest's `epoch`.
    ShadowDays,
}

impl Action {
    /// As the documentation says it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Remove | Self::RemoveLast => "removed",
            Self::RemoveDangling => "removed if its file is",
            Self::Empty => "emptied",
            Self::ShadowDays | Self::KeystoreDates => "date of `epoch`",
        }
    }
}

/// The keystore of Debian's certificates has 160 KB.
const MAX_KEYSTORE: u64 = 64 << 20;

/// Files that vary, and what becomes of them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Rule {
    /// The path from the root; `*` stands for any part of one component.
    pub path: &'static str,
    /// What is done.
    pub action: Action,
    /// Why, in one sentence.
    pub reason: &'static str,
}

const fn rule(path: &'static str, action: Action, reason: &'static str) -> Rule {
    Rule { path, action, reason }
}

/// Everything that is removed or normalised after scripts have run.
pub const RULES: &[Rule] = &[
    rule(
        "etc/machine-id",
        Action::Empty,
        "Random; systemd makes one for each device at its first boot when the file is empty (machine-id(5)).",
    ),
    rule("var/lib/dbus/machine-id", Action::Remove, "A copy of the machine id; D-Bus makes it again, or systemd-tmpfiles links it."),
    rule(
        "etc/ssh/ssh_host_*_key",
        Action::Remove,
        "A secret that must differ between devices; `ssh-keygen -A` makes them at the first boot.",
    ),
    rule("etc/ssh/ssh_host_*_key.pub", Action::Remove, "The public half of such a secret."),
    rule(
        "etc/ssl/private/ssl-cert-snakeoil.key",
        Action::RemoveLast,
        "A secret of the package ssl-cert that must differ between devices; a unit of the image makes it at the first boot.",
    ),
    rule("etc/ssl/certs/ssl-cert-snakeoil.pem", Action::RemoveLast, "The certificate to that secret."),
    rule("etc/ssl/certs/*.0", Action::RemoveDangling, "The link to that certificate, by the digest of a host name."),
    rule("etc/ssl/certs/java/cacerts", Action::KeystoreDates, "The moment at which each certificate was taken in, and a digest of it all."),
    rule("var/lib/systemd/random-seed", Action::Remove, "Random; made at shutdown."),
    rule("var/lib/systemd/credential.secret", Action::Remove, "A secret that must differ between devices; made at the first boot."),
    rule("var/lib/urandom/random-seed", Action::Remove, "Random; made at shutdown."),
    rule("etc/shadow", Action::ShadowDays, "The day a password was changed is the day of the build."),
    rule("etc/passwd-", Action::Remove, "A backup of an older state; it depends on the order of the scripts."),
    rule("etc/group-", Action::Remove, "A backup of an older state."),
    rule("etc/shadow-", Action::Remove, "A backup of an older state."),
    rule("etc/gshadow-", Action::Remove, "A backup of an older state."),
    rule("etc/subuid-", Action::Remove, "A backup of an older state."),
    rule("etc/subgid-", Action::Remove, "A backup of an older state."),
    rule("etc/.pwd.lock", Action::Remove, "A lock file; made when it is needed."),
    rule("var/log/alternatives.log", Action::Remove, "A log with times."),
    rule("var/log/bootstrap.log", Action::Remove, "A log of the installation."),
    rule("var/log/dpkg.log", Action::Remove, "A log with times."),
    rule("var/log/fontconfig.log", Action::Remove, "A log."),
    rule("var/log/apt/*", Action::Remove, "Logs with times."),
    rule("var/cache/ldconfig/aux-cache", Action::Remove, "Inode numbers and times of libraries; ldconfig makes it again."),
    rule("var/cache/apt/pkgcache.bin", Action::Remove, "A cache; apt makes it again."),
    rule("var/cache/apt/srcpkgcache.bin", Action::Remove, "A cache; apt makes it again."),
    rule("var/cache/debconf/config.dat-old", Action::Remove, "A backup of an older state."),
    rule("var/cache/debconf/passwords.dat-old", Action::Remove, "A backup of an older state."),
    rule("var/cache/debconf/templates.dat-old", Action::Remove, "A backup of an older state."),
    rule("var/cache/man/index.db", Action::Remove, "Times of manual pages; `man` works without, mandb makes it again."),
    rule("var/cache/man/*/index.db", Action::Remove, "The same for pages in other languages."),
    rule("var/lib/dpkg/available-old", Action::Remove, "A backup of an older state."),
    rule("var/lib/dpkg/diversions-old", Action::Remove, "A backup of an older state."),
    rule("var/lib/dpkg/statoverride-old", Action::Remove, "A backup of an older state."),
    rule("var/lib/dpkg/status-old", Action::Remove, "A backup of an older state."),
    rule("var/lib/dpkg/lock", Action::Remove, "A lock file; made when it is needed."),
    rule("var/lib/dpkg/lock-frontend", Action::Remove, "A lock file; made when it is needed."),
    rule("var/lib/dpkg/triggers/Lock", Action::Remove, "A lock file; made when it is needed."),
    rule("var/lib/dpkg/triggers/Unincorp", Action::Empty, "What scripts triggered has been dealt with."),
];

/// Whether more stages may follow.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum When {
    /// After any stage.
    Stage,
    /// After the last one.
    End,
}

/// Applies all rules; `epoch` is in seconds.
pub(super) fn normalise(repo: &Repo, tree: &mut Tree, epoch: u64, when: When) -> Result<(), Error> {
    for Rule { path, action, .. } in RULES {
        for path in matching(repo, tree, path)? {
            match action {
                Action::RemoveLast if when == When::Stage => super::replace_content(repo, tree, &path, "")?,
                Action::Remove | Action::RemoveLast => {
                    tree.remove(repo, &path)?;
                }
                Action::RemoveDangling => {
                    let (directory, _) = path.rsplit_once('/').unwrap_or_default();
                    if let Some(target) = sibling(repo, tree, &path)?
                        && tree.get(repo, &format!("{directory}/{target}"))?.is_none()
                    {
                        tree.remove(repo, &path)?;
                    }
                }
                Action::Empty => super::replace_content(repo, tree, &path, "")?,
                Action::KeystoreDates => {
                    let old = tree.read_file(repo, &path, MAX_KEYSTORE)?.unwrap_or_default();
                    if let Some(new) = keystore::dated(&old, epoch.saturating_mul(1000)) {
                        super::replace_content(repo, tree, &path, new)?;
                    }
                }
                Action::ShadowDays => {
                    let old = text(repo, tree, &path)?;
                    super::replace_content(repo, tree, &path, shadow(&old, epoch / 86_400))?;
                }
            }
        }
    }
    Ok(())
}

/// The name that a link at `path` has for a file of its own directory.
fn sibling(repo: &Repo, tree: &mut Tree, path: &str) -> Result<Option<String>, Error> {
    let Some(Entry::File(file)) = tree.get(repo, path)? else { return Ok(None) };
    Ok(match repo.read_file_meta(&file)?.kind {
        FileKind::Symlink(target) if !target.contains('/') => Some(target),
        _ => None,
    })
}

/// Files (not directories) that the pattern names.
fn matching(repo: &Repo, tree: &mut Tree, pattern: &str) -> Result<Vec<String>, Error> {
    let mut candidates = vec![String::new()];
    for component in pattern.split('/') {
        let glob = Glob::parse(component).map_err(|_| Error::Internal { what: "a rule's pattern is malformed" })?;
        let mut below = vec![];
        for directory in candidates {
            let join = |name: &str| if directory.is_empty() { name.to_owned() } else { format!("{directory}/{name}") };
            if component.contains('*') {
                below.extend(tree.names(repo, &directory)?.iter().filter(|name| glob.matches(name)).map(|name| join(name)));
            } else {
                below.push(join(component));
            }
        }
        candidates = below;
    }
    let mut files = vec![];
    for path in candidates {
        if matches!(tree.get(repo, &path)?, Some(Entry::File(_))) {
            files.push(path);
        }
    }
    Ok(files)
}

/// Sets the date of the last change, third field, where there is one (shadow(5)).
fn shadow(text: &str, days: u64) -> String {
    let line = |line: &str| {
        let mut fields: Vec<&str> = line.split(':').collect();
        let days = days.to_string();
        if let Some(field) = fields.get_mut(2).filter(|field| !field.is_empty()) {
            *field = &days;
        }
        fields.join(":") + "\n"
    };
    text.lines().map(line).collect()
}

/// The table of `docs/reproducibility.md`.
pub fn table() -> String {
    let rows = RULES.iter().map(|rule| format!("| `/{}` | {} | {} |\n", rule.path, rule.action.as_str(), rule.reason));
    std::iter::once("| file | becomes | why |\n|---|---|---|\n".to_owned()).chain(rows).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::Metadata;

    #[test]
    fn removes_empties_and_dates() {
        let dir = tempfile::tempdir().unwrap();
        let repo = Repo::init(dir.path()).unwrap();
        let meta = repo.write_dirmeta(&Metadata::root(0o755)).unwrap();
        let mut tree = Tree::new();
        for (path, content) in [
            ("etc/machine-id", "0123\n"),
            ("etc/ssh/ssh_host_rsa_key", "secret"),
            ("etc/ssh/sshd_config", "kept"),
            ("etc/shadow", "root:*:20123:0:99999:7:::\nx:!::::::\n"),
            ("var/log/apt/history.log", "x"),
            ("var/cache/man/index.db", "x"),
            ("var/cache/man/de/index.db", "x"),
            ("var/cache/man/de/CACHEDIR.TAG", "x"),
            ("var/cache/man/CACHEDIR.TAG", "x"),
            ("etc/ssl/certs/ssl-cert-snakeoil.pem", "x"),
            ("etc/ssl/certs/root.pem", "x"),
        ] {
            let file = repo.write_file(&Metadata { gid: 42, ..Metadata::root(0o640) }, content.as_bytes()).unwrap();
            tree.insert_file(&repo, path, file, Some(meta)).unwrap();
        }
        for (name, target) in
            [("ce275665.0", "ssl-cert-snakeoil.pem"), ("1.0", "root.pem"), ("2.0", "/usr/share/x.pem"), ("other", "nowhere")]
        {
            let link = repo.write_symlink(&Metadata::root(0o777), target).unwrap();
            tree.insert_file(&repo, &format!("etc/ssl/certs/{name}"), link, Some(meta)).unwrap();
        }
        normalise(&repo, &mut tree, 1_767_225_600, When::Stage).unwrap();
        // PostgreSQL and Dovecot use the certificate where it is there, and must find it whatever the stages are.
        assert_eq!(tree.names(&repo, "etc/ssl/certs").unwrap(), ["1.0", "2.0", "ce275665.0", "other", "root.pem", "ssl-cert-snakeoil.pem"]);
        assert_eq!(text(&repo, &mut tree, "etc/ssl/certs/ssl-cert-snakeoil.pem").unwrap(), "");
        normalise(&repo, &mut tree, 1_767_225_600, When::End).unwrap();
        assert_eq!(tree.names(&repo, "etc/ssl/certs").unwrap(), ["1.0", "2.0", "other", "root.pem"]);
        assert_eq!(text(&repo, &mut tree, "etc/machine-id").unwrap(), "");
        assert_eq!(text(&repo, &mut tree, "etc/shadow").unwrap(), "root:*:20454:0:99999:7:::\nx:!::::::\n");
        assert_eq!(tree.names(&repo, "etc/ssh").unwrap(), ["sshd_config"]);
        assert_eq!(tree.names(&repo, "var/log/apt").unwrap(), [""; 0]);
        assert_eq!(tree.names(&repo, "var/cache/man/de").unwrap(), ["CACHEDIR.TAG"]);
        assert_eq!(tree.names(&repo, "var/cache/man").unwrap(), ["CACHEDIR.TAG", "de"]);
        let Some(Entry::File(shadow)) = tree.get(&repo, "etc/shadow").unwrap() else { panic!("it is a file") };
        assert_eq!(repo.read_file_meta(&shadow).unwrap().metadata.gid, 42, "owners stay");
    }

    #[test]
    fn no_rule_stands_twice() {
        for (at, rule) in RULES.iter().enumerate() {
            assert!(RULES[..at].iter().all(|other| other.path != rule.path), "{}", rule.path);
        }
    }

    #[test]
    fn the_reproducibility_page_has_every_rule() {
        const MARK: &str = "<!-- table: written by `UPDATE_DOCS=1 cargo test` -->\n";
        let path = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/reproducibility.md");
        let page = std::fs::read_to_string(&path).unwrap();
        let (before, rest) = page.split_once(MARK).unwrap();
        let after = rest.split_once("\n\n").map_or("", |(_, after)| after);
        let after = if after.is_empty() { String::new() } else { format!("\n{after}") };
        let wanted = format!("{before}{MARK}{}{after}", table());
        if std::env::var_os("UPDATE_DOCS").is_some() {
            std::fs::write(&path, &wanted).unwrap();
        } else {
            assert!(page == wanted, "{} is out of date; run this test with UPDATE_DOCS=1", path.display());
        }
    }
}

//! The system's name, time zone and locale, and who may log in first.

use super::error::{Error, KeyFault};
use super::located;
use super::root::{MAX_TEXT, Root};
use crate::util::bounds::Bounds;
use std::path::{Path, PathBuf};

/// What the manifest says of the system inside the image.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Settings {
    /// The system's name.
    pub hostname: Option<String>,
    /// The name of the time zone.
    pub timezone: Option<String>,
    /// The value of `LANG`.
    pub locale: Option<String>,
    /// Files with public keys of those who may log in as root.
    pub authorized_keys: Vec<PathBuf>,
}

/// Where the keys of the first login stand. Below `/usr`, so that they belong to the image: a release without a key
/// takes it from every device, which a copy below `/var` or `/etc` would not.
const KEYS: &str = "usr/lib/ssh/authorized_keys.d";

/// Writes all settings into the tree; gives the text of the keys, which the image's digest needs.
pub(super) fn apply(root: &mut Root<'_>, settings: &Settings, bounds: &Bounds) -> Result<String, Error> {
    if let Some(name) = &settings.hostname {
        root.write("etc/hostname", format!("{name}\n").as_bytes())?;
        if root.entry("etc/hosts")?.is_none() {
            // Without nss-myhostname nothing else knows the system's own name.
            let short = name.split('.').next().filter(|short| short != name).map(|short| format!(" {short}")).unwrap_or_default();
            let hosts = format!("127.0.0.1\tlocalhost\n127.0.1.1\t{name}{short}\n::1\tlocalhost ip6-localhost ip6-loopback\n");
            root.write("etc/hosts", hosts.as_bytes())?;
        }
    }
    if let Some(zone) = &settings.timezone {
        timezone(root, zone)?;
    }
    if let Some(locale) = &settings.locale {
        self::locale(root, locale)?;
    }
    host_keys(root)?;
    certificate(root)?;
    login(root, &settings.authorized_keys, bounds)
}

fn timezone(root: &mut Root<'_>, zone: &str) -> Result<(), Error> {
    if !root.is_file(&format!("usr/share/zoneinfo/{zone}"))? {
        let installed = root.is_directory("usr/share/zoneinfo")?;
        return Err(Error::Timezone { zone: zone.to_owned(), installed });
    }
    root.symlink("etc/localtime", &format!("/usr/share/zoneinfo/{zone}"))?;
    root.write("etc/timezone", format!("{zone}\n").as_bytes())
}

fn locale(root: &mut Root<'_>, locale: &str) -> Result<(), Error> {
    let built_in = matches!(locale, "C" | "POSIX" | "C.UTF-8" | "C.utf8");
    // `locales` writes one archive for all, `locales-all` too, others a directory each.
    let (language, encoding) = locale.split_once('.').unwrap_or((locale, ""));
    let normal = format!("{language}.{}", encoding.to_lowercase().replace('-', ""));
    if !built_in
        && !root.is_file("usr/lib/locale/locale-archive")?
        && !root.is_directory(&format!("usr/lib/locale/{locale}"))?
        && !root.is_directory(&format!("usr/lib/locale/{normal}"))?
    {
        return Err(Error::Locale { locale: locale.to_owned() });
    }
    let moved = root.entry("etc/locale.conf")?.is_some() || !root.is_directory("etc/default")?;
    let path = if moved { "etc/locale.conf" } else { "etc/default/locale" };
    root.write(path, format!("LANG={locale}\n").as_bytes())
}

/// Lets a system make its SSH host keys when it first starts: an image has none, since all devices would share them, and
/// Debian makes them only when the package is configured.
fn host_keys(root: &mut Root<'_>) -> Result<(), Error> {
    const UNIT: &str = "pintree-ssh-host-keys.service";
    let units = "usr/lib/systemd/system";
    let shipped = root.list("etc/ssh")?.iter().any(|(name, _)| name.starts_with("ssh_host_") && name.ends_with("_key"));
    if shipped || !root.is_file("usr/sbin/sshd")? || !root.is_file("usr/bin/ssh-keygen")? || !root.is_directory(units)? {
        return Ok(());
    }
    let service = "\
[Unit]
Description=Make the SSH host keys that this system lacks
ConditionPathIsReadWrite=/etc/ssh

[Service]
Type=oneshot
RemainAfterExit=yes
ExecStart=/usr/bin/ssh-keygen -A
";
    root.write(&format!("{units}/{UNIT}"), service.as_bytes())?;
    for server in ["ssh.service", "ssh@.service", "sshd.service", "sshd@.service"] {
        if root.is_file(&format!("{units}/{server}"))? {
            let addition = format!("[Unit]\nWants={UNIT}\nAfter={UNIT}\n");
            root.write(&format!("{units}/{server}.d/50-pintree-host-keys.conf"), addition.as_bytes())?;
        }
    }
    Ok(())
}

/// Lets a system make its self-signed certificate when it first starts, as [`host_keys`] does for SSH: servers are set up to
/// use it where the package `ssl-cert` is, and do not start without.
fn certificate(root: &mut Root<'_>) -> Result<(), Error> {
    const UNIT: &str = "pintree-ssl-cert.service";
    let units = "usr/lib/systemd/system";
    let shipped = root.entry("etc/ssl/private/ssl-cert-snakeoil.key")?.is_some();
    if shipped || !root.is_file("usr/sbin/make-ssl-cert")? || !root.is_directory(units)? {
        return Ok(());
    }
    // Who uses it cannot be known, so it is there before any service starts.
    let service = "\
[Unit]
Description=Make the self-signed certificate that this system lacks
DefaultDependencies=no
ConditionPathExists=!/etc/ssl/private/ssl-cert-snakeoil.key
ConditionPathIsReadWrite=/etc/ssl
After=local-fs.target systemd-sysusers.service systemd-tmpfiles-setup.service
Before=sysinit.target shutdown.target
Conflicts=shutdown.target

[Service]
Type=oneshot
RemainAfterExit=yes
ExecStart=/usr/sbin/make-ssl-cert generate-default-snakeoil
";
    root.write(&format!("{units}/{UNIT}"), service.as_bytes())?;
    root.symlink(&format!("{units}/sysinit.target.wants/{UNIT}"), &format!("../{UNIT}"))
}

/// Lets those who have one of the keys log in as root.
fn login(root: &mut Root<'_>, files: &[PathBuf], bounds: &Bounds) -> Result<String, Error> {
    let mut keys = String::new();
    for file in files {
        let bytes = located(bounds, file)?.read(MAX_TEXT)?;
        let text = String::from_utf8_lossy(&bytes);
        let found = public_keys(&text).map_err(|fault| Error::Key { path: file.clone(), fault })?;
        found.iter().for_each(|key| keys.extend([*key, "\n"]));
    }
    if files.is_empty() {
        return Ok(keys);
    }
    let configuration = root.text("etc/ssh/sshd_config")?.ok_or(Error::NoSshServer)?;
    let includes = |line: &str| {
        let mut words = line.split_whitespace();
        words.next().is_some_and(|word| word.eq_ignore_ascii_case("include"))
            && words.any(|pattern| Path::new(pattern).parent() == Some(Path::new("/etc/ssh/sshd_config.d")))
    };
    if !configuration.lines().any(includes) {
        return Err(Error::SshInclude);
    }
    root.write(&format!("{KEYS}/root"), keys.as_bytes())?;
    let own = format!("AuthorizedKeysFile .ssh/authorized_keys .ssh/authorized_keys2 /{KEYS}/%u\n");
    root.write("etc/ssh/sshd_config.d/50-pintree-login.conf", own.as_bytes())?;
    Ok(keys)
}

/// The lines of `text` that hold a key.
fn public_keys(text: &str) -> Result<Vec<&str>, KeyFault> {
    if text.contains("PRIVATE KEY") {
        return Err(KeyFault::Private);
    }
    let mut keys = Vec::new();
    for (number, line) in text.lines().enumerate() {
        let line = line.trim();
        if line.is_empty() || line.starts_with('#') {
            continue;
        }
        // Options may stand before the type.
        let kinds = ["ssh-ed25519", "ssh-rsa", "ecdsa-sha2-", "sk-ssh-ed25519@", "sk-ecdsa-sha2-"];
        let words: Vec<&str> = line.split_whitespace().collect();
        let key = |pair: &[&str]| kinds.iter().any(|kind| pair[0].starts_with(kind)) && pair[1].starts_with("AAAA");
        if !words.windows(2).any(key) {
            return Err(KeyFault::Malformed { line: number + 1 });
        }
        keys.push(line);
    }
    if keys.is_empty() { Err(KeyFault::Empty) } else { Ok(keys) }
}

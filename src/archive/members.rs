//! What control members may be called and may name: nothing outside the package's own files.
//!
//! dpkg and its helpers open what these lists name below the root, some of them without a look at `..`.

use super::{ControlMember, Error};

/// The longest name of a control member; dpkg's own limit is 100.
const MAX_NAME: usize = 64;

/// Refuses a member that no honest package has.
pub(super) fn check(member: &ControlMember) -> Result<(), Error> {
    let name = &member.name;
    let plain = |b: u8| b.is_ascii_alphanumeric() || b"-_.+".contains(&b);
    if name.len() > MAX_NAME || !name.starts_with(|c: char| c.is_ascii_alphanumeric()) || !name.bytes().all(plain) {
        return Err(fault(format!("member `{}` has a name that dpkg has no use for", super::error::shown(name.as_bytes()))));
    }
    let bad = match name.as_str() {
        "conffiles" => lines(member).find(|line| climbs(line)),
        "md5sums" | "sha256sums" => lines(member).find(|line| climbs(line)),
        "triggers" => lines(member).find(|line| is_bad_trigger(line)),
        _ => None,
    };
    match bad {
        Some(line) => Err(fault(format!("`{name}` has the line `{}`, which leads out of the package", super::error::shown(line)))),
        None => Ok(()),
    }
}

fn fault(reason: String) -> Error {
    Error::Control { reason }
}

fn lines(member: &ControlMember) -> impl Iterator<Item = &[u8]> {
    member.content.split(|byte| *byte == b'\n')
}

/// Tells whether a line has a path with a component `..`, or a byte that ends paths.
fn climbs(line: &[u8]) -> bool {
    line.contains(&0) || line.split(|byte| byte.is_ascii_whitespace() || *byte == b'/').any(|part| part == b"..")
}

/// Tells whether a line names a trigger that dpkg would keep elsewhere than in a file of its own in its directory of them.
fn is_bad_trigger(line: &[u8]) -> bool {
    let line = line.split(|byte| *byte == b'#').next().unwrap_or_default();
    let Some(name) = line.split(u8::is_ascii_whitespace).filter(|word| !word.is_empty()).nth(1) else { return false };
    match name.first() {
        Some(b'/') => climbs(name),
        Some(b'.') => true,
        _ => name.contains(&b'/') || matches!(name, b"File" | b"Unincorp" | b"Lock") || !name.iter().all(u8::is_ascii_graphic),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn judge(name: &str, content: &str) -> bool {
        check(&ControlMember { name: name.into(), mode: 0o644, content: content.as_bytes().to_vec() }).is_ok()
    }

    #[test]
    fn takes_what_real_packages_have() {
        for (name, content) in [
            ("conffiles", "/etc/a..b/c\nremove-on-upgrade /etc/old\n\n"),
            ("md5sums", "0123  usr/share/a...b\n0123  ./usr/x y\n"),
            ("triggers", "# ../x\ninterest-noawait /usr/lib/x86_64-linux-gnu/gio/modules\nactivate-noawait ldconfig\n"),
            ("postinst", "cat ../../x\n"),
            ("symbols", ""),
            ("mod.old", ""),
        ] {
            assert!(judge(name, content), "{name} {content:?}");
        }
    }

    #[test]
    fn refuses_what_leads_out() {
        for (name, content) in [
            ("conffiles", "/../../etc/passwd\n"),
            ("conffiles", "remove-on-upgrade /etc/../../x\n"),
            ("conffiles", "/etc/a\0b\n"),
            ("md5sums", "0123  ../x\n"),
            ("triggers", "interest ../../etc/cron.d/x\n"),
            ("triggers", "interest /usr/../../x\n"),
            ("triggers", "interest-noawait File\n"),
            ("triggers", "activate a/b\n"),
            ("post inst", ""),
            ("x\u{1b}[2J", ""),
            (".hidden", ""),
            ("-rf", ""),
        ] {
            assert!(!judge(name, content), "{name} {content:?}");
        }
    }
}

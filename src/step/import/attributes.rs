//! Extended attributes of packages: the one that images keep, and those that no image needs.
//!
//! dpkg gives a file none at all. `security.capability` is kept, since tools that unpack with tar keep it and what it does
//! cannot be had otherwise. All others are dropped: they steer OSTree (`user.ostreemeta`), overlay file systems
//! (`user.overlay.*`, `trusted.overlay.*`), containers, the host's security modules or this program itself
//! (`user.pintree.*`), and a list of names to refuse would always lack one.

use crate::archive::{Entry, Error, Kind, Problem};
use std::collections::BTreeMap;

const CAPABILITY: &[u8] = b"security.capability";

/// Names beyond this are only counted.
const SHOWN: usize = 8;

/// What became of attributes.
#[derive(Debug, Default)]
pub(super) struct Attributes {
    /// By name: how many files had it, and the first of them.
    dropped: BTreeMap<String, (usize, String)>,
    /// Files with further names.
    more: usize,
}

impl Attributes {
    /// Leaves `entry` with the attributes that an image keeps.
    ///
    /// # Errors
    /// A capability that is none is the package's fault.
    pub(super) fn settle(&mut self, entry: &mut Entry) -> Result<(), Error> {
        if entry.metadata.xattrs.is_empty() {
            return Ok(());
        }
        let is_file = matches!(entry.kind, Kind::File { .. });
        for (name, value) in std::mem::take(&mut entry.metadata.xattrs) {
            if name == CAPABILITY && is_file {
                if !is_capability(&value) {
                    return Err(Error::Member { path: entry.path.escape_debug().to_string(), problem: Problem::Capability });
                }
                entry.metadata.xattrs.push((name, value));
            } else if !matches!(entry.kind, Kind::Hardlink { .. }) {
                self.note(String::from_utf8_lossy(&name).escape_debug().to_string(), &entry.path);
            }
        }
        Ok(())
    }

    fn note(&mut self, name: String, path: &str) {
        let room = self.dropped.len() < SHOWN;
        match self.dropped.get_mut(&name) {
            Some((count, _)) => *count += 1,
            None if room => drop(self.dropped.insert(name, (1, path.escape_debug().to_string()))),
            None => self.more += 1,
        }
    }

    /// One sentence for each name.
    pub(super) fn warnings(self) -> Vec<String> {
        let mut warnings: Vec<String> = self
            .dropped
            .into_iter()
            .map(|(name, (count, path))| {
                let others = match count - 1 {
                    0 => String::new(),
                    1 => " and another file".to_owned(),
                    others => format!(" and {others} other files"),
                };
                format!("attribute `{name}` of `/{path}`{others} is dropped: of attributes images keep `security.capability` only")
            })
            .collect();
        if self.more > 0 {
            warnings.push(format!("attributes of {} other names are dropped", self.more));
        }
        warnings
    }
}

/// Tells whether the kernel takes the bytes for capabilities of a file (capabilities(7), `struct vfs_ns_cap_data`), and
/// for those of the system's own user namespace.
fn is_capability(value: &[u8]) -> bool {
    let word = |at: usize| value.get(at..at + 4).and_then(|word| word.try_into().ok()).map(u32::from_le_bytes);
    match (word(0).map(|magic| magic & !1), value.len()) {
        (Some(0x0200_0000), 20) => true,
        (Some(0x0300_0000), 24) => word(20) == Some(0),
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::archive::Metadata;

    const PING: &[u8] = b"\x01\0\0\x02\0\x20\0\0\0\0\0\0\0\0\0\0\0\0\0\0";

    fn settle(kind: Kind, xattrs: &[(&str, &[u8])]) -> Result<(usize, Vec<String>), Error> {
        let xattrs = xattrs.iter().map(|(name, value)| (name.as_bytes().to_vec(), value.to_vec())).collect();
        let mut entry = Entry { path: "bin/ping".into(), kind, metadata: Metadata { xattrs, ..Metadata::default() } };
        let mut attributes = Attributes::default();
        attributes.settle(&mut entry)?;
        Ok((entry.metadata.xattrs.len(), attributes.warnings()))
    }

    #[test]
    fn keeps_capabilities_and_drops_the_rest() {
        let file = || Kind::File { size: 0 };
        let (kept, warnings) =
            settle(file(), &[("security.capability", PING), ("security.ima", b"x"), ("user.pintree.owner", b"0:0")]).unwrap();
        assert_eq!((kept, warnings.len()), (1, 2));
        assert!(warnings[0].starts_with("attribute `security.ima` of `/bin/ping` is dropped"), "{warnings:?}");
        assert_eq!(settle(Kind::Dir, &[("security.capability", PING)]).unwrap().0, 0);
        for name in
            ["user.ostreemeta", "user.overlay.opaque", "trusted.overlay.redirect", "security.selinux", "system.posix_acl_access", "user.x"]
        {
            assert_eq!(settle(file(), &[(name, b"x")]).unwrap().0, 0, "{name}");
        }
    }

    #[test]
    fn refuses_what_is_no_capability() {
        let own = [&[0, 0, 0, 3][..], &[0; 16], &[0, 0, 0, 0]].concat();
        let foreign = [&own[..20], &[1, 0, 0, 0]].concat();
        assert!(settle(Kind::File { size: 0 }, &[("security.capability", &own)]).is_ok());
        for value in [&b""[..], &PING[..19], b"AAAAAAAAAAAAAAAAAAAA", &foreign] {
            assert!(settle(Kind::File { size: 0 }, &[("security.capability", value)]).is_err(), "{value:?}");
        }
    }
}

//! Access control lists with ids that only exist by record.

/// Where a list is kept that the kernel would refuse.
pub(in super::super) const ACCESS: &str = "user.pintree.acl-access";

/// The same for the list that new files in a directory get.
pub(in super::super) const DEFAULT: &str = "user.pintree.acl-default";

const NAMES: [(&[u8], &str); 2] = [(b"system.posix_acl_access", ACCESS), (b"system.posix_acl_default", DEFAULT)];

/// A list is a version of four bytes and entries of two bytes for the kind, two for the permissions, four for the id.
const HEADER: usize = 4;
const ENTRY: usize = 8;

const OWNING_USER: u16 = 1;
const USER: u16 = 2;
const OWNING_GROUP: u16 = 4;
const GROUP: u16 = 8;
const MASK: u16 = 16;
const OTHER: u16 = 32;

/// Where a list of this name is recorded; `None` if it is no list.
pub(in super::super) fn record_of(name: &[u8]) -> Option<&'static str> {
    NAMES.iter().find(|(known, _)| *known == name).map(|(_, record)| *record)
}

/// The name by which programs know a record.
pub(super) fn shown_as(record: &[u8]) -> Option<&'static [u8]> {
    NAMES.iter().find(|(_, known)| known.as_bytes() == record).map(|(name, _)| *name)
}

fn entries(list: &[u8]) -> impl Iterator<Item = (u16, u16, u32)> {
    list.get(HEADER..).unwrap_or_default().chunks_exact(ENTRY).map(|entry| {
        let half = |at: usize| u16::from_le_bytes([entry[at], entry[at + 1]]);
        (half(0), half(2), u32::from_le_bytes([entry[4], entry[5], entry[6], entry[7]]))
    })
}

/// Tells whether a list names ids that are not mapped, but would be if owners were real.
pub(in super::super) fn is_foreign(list: &[u8]) -> bool {
    let named = entries(list).filter(|(kind, ..)| matches!(*kind, USER | GROUP)).map(|(.., id)| id);
    let (mut foreign, mut possible) = (false, true);
    for id in named {
        foreign |= id != 0;
        possible &= id < super::super::idmap::COUNT;
    }
    foreign && possible
}

/// The mode of a file that gets this list.
pub(super) fn mode(list: &[u8], old: u32) -> u32 {
    let of = |wanted: u16| entries(list).find(|(kind, ..)| *kind == wanted).map(|(_, permissions, _)| u32::from(permissions) & 7);
    let group = of(MASK).or_else(|| of(OWNING_GROUP)).unwrap_or_default();
    old & 0o7000 | of(OWNING_USER).unwrap_or_default() << 6 | group << 3 | of(OTHER).unwrap_or_default()
}

/// The list as it is after `chmod`, which changes a list along with the mode.
pub(in super::super) fn with_mode(list: &[u8], mode: u32) -> Vec<u8> {
    let masked = entries(list).any(|(kind, ..)| kind == MASK);
    let mut list = list.to_vec();
    for entry in list.get_mut(HEADER..).unwrap_or_default().chunks_exact_mut(ENTRY) {
        let permissions = match u16::from_le_bytes([entry[0], entry[1]]) {
            OWNING_USER => mode >> 6,
            OWNING_GROUP if !masked => mode >> 3,
            MASK => mode >> 3,
            OTHER => mode,
            _ => continue,
        };
        (entry[2], entry[3]) = ((permissions & 7) as u8, 0);
    }
    list
}

/// The list of a new file, made with this mode in a directory whose files get `list`.
pub(super) fn inherited(list: &[u8], mode: u32) -> Vec<u8> {
    let masked = entries(list).any(|(kind, ..)| kind == MASK);
    let mut list = list.to_vec();
    for entry in list.get_mut(HEADER..).unwrap_or_default().chunks_exact_mut(ENTRY) {
        let most = match u16::from_le_bytes([entry[0], entry[1]]) {
            OWNING_USER => mode >> 6,
            OWNING_GROUP if !masked => mode >> 3,
            MASK => mode >> 3,
            OTHER => mode,
            _ => continue,
        };
        entry[2] &= (most & 7) as u8;
    }
    list
}

#[cfg(test)]
mod tests {
    use super::*;

    fn list(entries: &[(u16, u16, u32)]) -> Vec<u8> {
        let mut bytes = vec![2, 0, 0, 0];
        for (kind, permissions, id) in entries {
            bytes.extend(kind.to_le_bytes());
            bytes.extend(permissions.to_le_bytes());
            bytes.extend(id.to_le_bytes());
        }
        bytes
    }

    #[test]
    fn knows_lists_with_ids() {
        let plain = [(OWNING_USER, 6, u32::MAX), (OWNING_GROUP, 4, u32::MAX), (OTHER, 0, u32::MAX)];
        assert!(!is_foreign(&list(&plain)));
        assert_eq!(mode(&list(&plain), 0o102_777), 0o2640);
        let named = [plain[0], (GROUP, 5, 4), plain[1], (MASK, 5, u32::MAX), plain[2]];
        assert!(is_foreign(&list(&named)));
        assert_eq!(mode(&list(&named), 0o100_644), 0o650);
        assert_eq!(mode(&with_mode(&list(&named), 0o741), 0), 0o741);
        assert_eq!(with_mode(&list(&named), 0o650), list(&named));
        assert_eq!(mode(&inherited(&list(&named), 0o755), 0), 0o650);
        assert_eq!(mode(&inherited(&list(&named), 0o200), 0), 0o200);
        assert!(!is_foreign(&list(&[(USER, 5, 0)])) && !is_foreign(&list(&[(USER, 5, 70000)])) && !is_foreign(b"x"));
    }
}

//! Owner, mode and extended attributes of a file or directory.

use super::{Error, gvariant};

/// The type bits of a mode.
pub(super) const TYPE_MASK: u32 = 0o170_000;
pub(super) const TYPE_REGULAR: u32 = 0o100_000;
pub(super) const TYPE_DIRECTORY: u32 = 0o040_000;
pub(super) const TYPE_SYMLINK: u32 = 0o120_000;

/// Extended attributes of one file may take this much; Linux allows 64 KiB a value.
const MAX_XATTRS: usize = 1 << 20;

/// Owner, permission bits and extended attributes of a file or directory.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Metadata {
    /// The owner.
    pub uid: u32,
    /// The group.
    pub gid: u32,
    /// The permission bits (`0o7777`); type bits are ignored, the object's kind says them.
    pub mode: u32,
    /// Extended attributes, name and value; any order, stored sorted.
    pub xattrs: Vec<(Vec<u8>, Vec<u8>)>,
}

impl Metadata {
    /// Owned by root, with these permission bits and no extended attributes.
    pub fn root(mode: u32) -> Self {
        Self { mode, ..Self::default() }
    }

    /// Serialises as `(uuua(ayay))`: a dirmeta object, or the attribute `user.ostreemeta` of a file object.
    pub(super) fn to_meta_bytes(&self, type_bits: u32) -> Result<Vec<u8>, Error> {
        let mut bytes = Vec::with_capacity(12);
        for value in [self.uid, self.gid, type_bits | self.mode & 0o7777] {
            bytes.extend_from_slice(&value.to_be_bytes());
        }
        self.push_xattrs(&mut bytes)?;
        Ok(bytes)
    }

    /// Serialises as `(uuuusa(ayay))` behind its length: what a file object's checksum covers before the content.
    pub(super) fn to_file_header(&self, type_bits: u32, target: Option<&str>) -> Result<Vec<u8>, Error> {
        let mut header = Vec::with_capacity(32);
        for value in [self.uid, self.gid, type_bits | self.mode & 0o7777, 0] {
            header.extend_from_slice(&value.to_be_bytes());
        }
        gvariant::push_string(&mut header, target.unwrap_or_default());
        let string_end = header.len();
        self.push_xattrs(&mut header)?;
        gvariant::finish(&mut header, [string_end].into_iter());
        let length = u32::try_from(header.len()).expect("extended attributes and targets are bounded");
        let mut bytes = Vec::with_capacity(header.len() + 8);
        bytes.extend_from_slice(&length.to_be_bytes());
        bytes.extend_from_slice(&[0; 4]);
        bytes.append(&mut header);
        Ok(bytes)
    }

    /// Appends `a(ayay)`, whose elements need no alignment. Names carry their terminator, as libostree writes them.
    fn push_xattrs(&self, bytes: &mut Vec<u8>) -> Result<(), Error> {
        if self.xattrs.is_empty() {
            return Ok(());
        }
        let mut sorted: Vec<_> = self.xattrs.iter().collect();
        sorted.sort();
        let mut array = Vec::new();
        let mut ends = Vec::with_capacity(sorted.len());
        for (name, value) in sorted {
            if name.is_empty() || name.contains(&0) {
                let name = String::from_utf8_lossy(name).into_owned();
                return Err(Error::Unstorable { name, reason: "an extended attribute's name is empty or has a zero byte" });
            }
            let mut pair = Vec::with_capacity(name.len() + value.len() + 3);
            pair.extend_from_slice(name);
            pair.push(0);
            let name_end = pair.len();
            pair.extend_from_slice(value);
            gvariant::finish(&mut pair, [name_end].into_iter());
            array.append(&mut pair);
            ends.push(array.len());
            if array.len() > MAX_XATTRS {
                let name = String::from_utf8_lossy(name).into_owned();
                return Err(Error::Unstorable { name, reason: "extended attributes of one file exceed 1 MiB" });
            }
        }
        gvariant::finish(&mut array, ends.into_iter());
        bytes.append(&mut array);
        Ok(())
    }

    /// Reads `(uuua(ayay))`; gives the type bits beside.
    pub(super) fn from_meta_bytes(bytes: &[u8]) -> Result<(Self, u32), &'static str> {
        let (fixed, xattrs) = bytes.split_at_checked(12).ok_or("it is too short")?;
        let number = |index: usize| {
            let mut value = [0; 4];
            value.copy_from_slice(&fixed[index * 4..index * 4 + 4]);
            u32::from_be_bytes(value)
        };
        let (uid, gid, mode) = (number(0), number(1), number(2));
        if mode & !(TYPE_MASK | 0o7777) != 0 {
            return Err("its mode has unknown bits");
        }
        let mut pairs = Vec::new();
        for element in gvariant::Container::new(xattrs).elements(1).ok_or("its attribute table is malformed")? {
            let element = element.ok_or("its attribute table is malformed")?;
            let ([name_end], table) = gvariant::Container::new(element).tuple_ends::<1>().ok_or("an attribute is malformed")?;
            let name = element[..name_end].split_last().filter(|(zero, name)| **zero == 0 && !name.is_empty() && !name.contains(&0));
            let (_, name) = name.ok_or("an attribute's name is malformed")?;
            pairs.push((name.to_vec(), element[name_end..table].to_vec()));
        }
        Ok((Self { uid, gid, mode: mode & 0o7777, xattrs: pairs }, mode & TYPE_MASK))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn round_trips_with_attributes() {
        let meta =
            Metadata { uid: 1, gid: 42, mode: 0o2755, xattrs: vec![(b"user.z".to_vec(), vec![0, 1, 2]), (b"user.a".to_vec(), vec![])] };
        let bytes = meta.to_meta_bytes(TYPE_DIRECTORY).unwrap();
        let (mut back, kind) = Metadata::from_meta_bytes(&bytes).unwrap();
        assert_eq!(kind, TYPE_DIRECTORY);
        back.xattrs.reverse();
        assert_eq!(back, meta);
    }

    #[test]
    fn refuses_truncated_bytes() {
        let meta = Metadata { xattrs: vec![(b"user.a".to_vec(), vec![1; 9])], ..Metadata::root(0o644) };
        let bytes = meta.to_meta_bytes(TYPE_REGULAR).unwrap();
        for length in (0..12).chain(13..bytes.len()) {
            assert!(Metadata::from_meta_bytes(&bytes[..length]).is_err(), "{length} of {}", bytes.len());
        }
    }
}

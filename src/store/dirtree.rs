//! Directory objects: `(a(say)a(sayay))`, files and subdirectories, each sorted by name bytewise.

use super::gvariant::{self, Container};
use super::{Checksum, Error};

/// A directory's names and what they name.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct DirTree {
    /// Regular files and symbolic links: name and file object; sorted by name.
    pub files: Vec<(String, Checksum)>,
    /// Subdirectories: name, dirtree object, dirmeta object; sorted by name.
    pub dirs: Vec<(String, Checksum, Checksum)>,
}

/// Tells why `name` cannot stand in a directory, if it cannot.
pub(super) fn name_fault(name: &str) -> Option<&'static str> {
    if name.is_empty() || name == "." || name == ".." {
        Some("it is no name of a directory entry")
    } else if memchr::memchr2(b'/', 0, name.as_bytes()).is_some() {
        Some("a name has a slash or a zero byte")
    } else if name.len() > 255 {
        Some("a name is longer than 255 bytes")
    } else {
        None
    }
}

impl DirTree {
    /// Serialises; refuses unsorted, doubled or malformed names.
    pub(super) fn to_bytes(&self) -> Result<Vec<u8>, Error> {
        serialise(
            self.files.iter().map(|(name, file)| (name.as_str(), *file)),
            self.dirs.iter().map(|(name, tree, meta)| (name.as_str(), *tree, *meta)),
        )
    }
}

/// Serialises names that come sorted; refuses unsorted, doubled or malformed ones.
pub(super) fn serialise<'n>(
    files: impl Iterator<Item = (&'n str, Checksum)>,
    dirs: impl Iterator<Item = (&'n str, Checksum, Checksum)>,
) -> Result<Vec<u8>, Error> {
    let mut bytes = Vec::with_capacity(1024);
    let mut ends = Vec::new();
    let mut entry = Vec::with_capacity(128);
    let mut order = Order::default();
    for (name, file) in files {
        order.check(name)?;
        entry.clear();
        gvariant::push_string(&mut entry, name);
        let name_end = entry.len();
        entry.extend_from_slice(&file.0);
        gvariant::finish(&mut entry, [name_end].into_iter());
        bytes.extend_from_slice(&entry);
        ends.push(bytes.len());
    }
    gvariant::finish(&mut bytes, ends.iter().copied());
    let mut array = Vec::with_capacity(512);
    ends.clear();
    order = Order::default();
    for (name, tree, meta) in dirs {
        order.check(name)?;
        entry.clear();
        gvariant::push_string(&mut entry, name);
        let name_end = entry.len();
        entry.extend_from_slice(&tree.0);
        entry.extend_from_slice(&meta.0);
        gvariant::finish(&mut entry, [name_end + 32, name_end].into_iter());
        array.extend_from_slice(&entry);
        ends.push(array.len());
    }
    gvariant::finish(&mut array, ends.iter().copied());
    let files_end = bytes.len();
    bytes.append(&mut array);
    gvariant::finish(&mut bytes, [files_end].into_iter());
    Ok(bytes)
}

#[derive(Default)]
struct Order<'n> {
    last: Option<&'n str>,
}

impl<'n> Order<'n> {
    fn check(&mut self, name: &'n str) -> Result<(), Error> {
        let unsorted = self.last.is_some_and(|last| last.as_bytes() >= name.as_bytes());
        self.last = Some(name);
        let fault = if unsorted { Some("names of a directory are not sorted and unique") } else { name_fault(name) };
        fault.map_or(Ok(()), |reason| Err(Error::Unstorable { name: name.to_owned(), reason }))
    }
}

/// A dirtree object's bytes, checked and read in place.
pub struct DirTreeView<'a> {
    files: Container<'a>,
    dirs: Container<'a>,
}

impl<'a> DirTreeView<'a> {
    /// Checks `bytes` whole; what the iterators then give is well formed, sorted and unique.
    pub fn parse(bytes: &'a [u8]) -> Result<Self, &'static str> {
        const MALFORMED: &str = "its framing is malformed";
        let ([files_end], table) = Container::new(bytes).tuple_ends::<1>().ok_or(MALFORMED)?;
        let view = Self { files: Container::new(&bytes[..files_end]), dirs: Container::new(&bytes[files_end..table]) };
        let mut last = None;
        for element in view.files.elements(1).ok_or(MALFORMED)? {
            let (name, _) = file_entry(element.ok_or(MALFORMED)?).ok_or("a file entry is malformed")?;
            Self::check(&mut last, name)?;
        }
        last = None;
        for element in view.dirs.elements(1).ok_or(MALFORMED)? {
            let (name, _, _) = dir_entry(element.ok_or(MALFORMED)?).ok_or("a directory entry is malformed")?;
            Self::check(&mut last, name)?;
        }
        Ok(view)
    }

    fn check(last: &mut Option<&'a str>, name: &'a str) -> Result<(), &'static str> {
        if last.is_some_and(|last| last.as_bytes() >= name.as_bytes()) {
            return Err("its names are not sorted and unique");
        }
        *last = Some(name);
        name_fault(name).map_or(Ok(()), Err)
    }

    /// Files and symbolic links, sorted by name.
    pub fn files(&self) -> impl Iterator<Item = (&'a str, Checksum)> {
        self.files.elements(1).into_iter().flatten().flatten().filter_map(file_entry)
    }

    /// Subdirectories, sorted by name: name, dirtree, dirmeta.
    pub fn dirs(&self) -> impl Iterator<Item = (&'a str, Checksum, Checksum)> {
        self.dirs.elements(1).into_iter().flatten().flatten().filter_map(dir_entry)
    }

    /// An owned copy.
    pub fn to_dirtree(&self) -> DirTree {
        DirTree {
            files: self.files().map(|(name, file)| (name.to_owned(), file)).collect(),
            dirs: self.dirs().map(|(name, tree, meta)| (name.to_owned(), tree, meta)).collect(),
        }
    }
}

fn file_entry(element: &[u8]) -> Option<(&str, Checksum)> {
    let ([name_end], table) = Container::new(element).tuple_ends::<1>()?;
    Some((gvariant::string(&element[..name_end])?, Checksum(element[name_end..table].try_into().ok()?)))
}

fn dir_entry(element: &[u8]) -> Option<(&str, Checksum, Checksum)> {
    let ([name_end, tree_end], table) = Container::new(element).tuple_ends::<2>()?;
    Some((
        gvariant::string(&element[..name_end])?,
        Checksum(element[name_end..tree_end].try_into().ok()?),
        Checksum(element[tree_end..table].try_into().ok()?),
    ))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn trees() -> impl Strategy<Value = DirTree> {
        let names = || proptest::collection::btree_set("[a-zé+~._-]{1,40}".prop_filter("names", |n| name_fault(n).is_none()), 0..40);
        (names(), names(), any::<[u8; 32]>()).prop_map(|(files, dirs, seed)| DirTree {
            files: files.into_iter().map(|name| (name.clone(), Checksum::of(name.as_bytes()))).collect(),
            dirs: dirs.into_iter().map(|name| (name.clone(), Checksum(seed), Checksum::of(name.as_bytes()))).collect(),
        })
    }

    proptest! {
        #[test]
        fn round_trips(tree in trees()) {
            let bytes = tree.to_bytes().unwrap();
            prop_assert_eq!(DirTreeView::parse(&bytes).unwrap().to_dirtree(), tree);
        }

        #[test]
        fn damage_is_an_error_or_another_tree(tree in trees(), at in any::<prop::sample::Index>(), value in any::<u8>()) {
            let mut bytes = tree.to_bytes().unwrap();
            let length = bytes.len();
            bytes[at.index(length)] = value;
            if let Ok(view) = DirTreeView::parse(&bytes) {
                let again = view.to_dirtree();
                prop_assert!(again.to_bytes().is_ok());
            }
        }

        #[test]
        fn noise_is_no_panic(bytes in proptest::collection::vec(any::<u8>(), 0..400)) {
            let _view = DirTreeView::parse(&bytes);
        }
    }

    #[test]
    fn refuses_names_that_leave_the_directory() {
        for name in ["", ".", "..", "a/b", "/", "a\0b"] {
            let tree = DirTree { files: vec![(name.to_owned(), Checksum([0; 32]))], dirs: vec![] };
            assert!(tree.to_bytes().is_err(), "{name:?}");
        }
    }
}

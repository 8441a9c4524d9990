//! Package files: entries or an error that is the package's fault, within the limits; all paths stay inside the root.
#![cfg_attr(fuzzing, no_main)]

use pintree::archive::{Deb, Error, Limits, Tree};

/// A whole file.
pub fn check(bytes: &[u8]) {
    if let Err(error) = read(bytes) {
        assert!(error.is_package_fault(), "{error}");
        assert!(!error.to_string().is_empty());
    }
}

fn read(bytes: &[u8]) -> Result<(), Error> {
    let limits = Limits {
        control_size: 1 << 20,
        payload_floor: 1 << 20,
        payload_size: 1 << 22,
        entries: 1 << 10,
        path_bytes: 1 << 16,
        decoder_memory: 64 << 20,
        ..Limits::default()
    };
    let mut deb = Deb::open_with(bytes, limits)?;
    let (mut tree, mut content) = (Tree::default(), vec![]);
    while let Some(entry) = deb.next_entry()? {
        assert!(!entry.path.starts_with('/') && entry.path.split('/').all(|part| part != ".."), "{}", entry.path);
        tree.insert(&entry, || ())?;
        content.clear();
        deb.read_content(&mut content)?;
    }
    Ok(())
}

#[cfg(fuzzing)]
libfuzzer_sys::fuzz_target!(|bytes: &[u8]| check(bytes));

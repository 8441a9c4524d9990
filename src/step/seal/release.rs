//! `/usr/lib/os-release`: which image a system runs.

use super::error::Error;
use super::root::Root;
use crate::store::{Entry, Metadata};

const FILE: &str = "usr/lib/os-release";
const DIVERSIONS: &str = "var/lib/dpkg/diversions";

/// Adds the image's name and version to the distribution's file, unless an overlay has said them.
///
/// The package's own file stays beside it, diverted as dpkg has it, so that `dpkg --verify` finds what the package shipped.
pub(super) fn run(root: &mut Root<'_>, image: &str, version: &str) -> Result<(), Error> {
    let Some(text) = root.text(FILE)? else { return Ok(()) };
    let place = root.follow(FILE)?;
    let name = image.to_ascii_lowercase();
    let mut new = text.clone();
    if !new.is_empty() && !new.ends_with('\n') {
        new.push('\n');
    }
    for (key, value) in [("VARIANT_ID", name.as_str()), ("IMAGE_ID", name.as_str()), ("IMAGE_VERSION", version)] {
        if !text.lines().any(|line| line.split_once('=').is_some_and(|(known, _)| known.trim() == key)) {
            new.push_str(&format!("{key}={value}\n"));
        }
    }
    if new == text {
        return Ok(());
    }
    let packaged = !root.added.contains(&place) && root.is_file("var/lib/dpkg/status")?;
    let Some(Entry::File(old)) = root.entry(&place)? else { return Ok(()) };
    if packaged {
        let aside = format!("{FILE}.distrib");
        root.tree.insert_file(root.repo, &aside, old, None)?;
        let mut diversions = root.read(DIVERSIONS)?.unwrap_or_default();
        // From, to, and the package that may keep the name: none, it is the administrator's.
        diversions.extend_from_slice(format!("/{FILE}\n/{aside}\n:\n").as_bytes());
        root.write(DIVERSIONS, &diversions)?;
    }
    let file = root.repo.write_file(&Metadata::root(0o644), new.as_bytes())?;
    root.tree.insert_file(root.repo, &place, file, None)?;
    Ok(())
}

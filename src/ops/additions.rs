//! What a manifest adds to a configured image, with the files of the project that are read for it.
//!
//! ninja compares times; a file that is gone has none, and one that came with an old time has the wrong one. So the digest
//! of all names and contents stands in the build file too.

use super::{Error, Project};
use crate::manifest::{Manifest, ResolvedImage};
use crate::pkg::Sha256;
use crate::plan::Additions;
use crate::util::place;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;

/// Everything that `image` of `manifest` adds, with its files.
///
/// A path that is a link is what it leads to, and links inside an overlay are links of the image. A file that is not there
/// is an input all the same: another rule of the user's build may make it.
pub fn additions(project: &Project, manifest: &Manifest, image: &ResolvedImage<'_>) -> Result<Additions, Error> {
    let settings = image.settings();
    let owned = |paths: Vec<&str>| paths.into_iter().map(str::to_owned).collect::<Vec<_>>();
    let bounds = project.bounds(manifest)?;
    let mut found = Found { inputs: vec![], text: String::new() };
    let files = image.scripts().into_iter().chain(settings.authorized_keys.iter().map(String::as_str));
    for path in image.overlays().into_iter().chain(files) {
        match bounds.locate(path)? {
            Some(located) => found.add(path, located.real())?,
            None => found.note(path, "missing", ""),
        }
    }
    Ok(Additions {
        overlays: owned(image.overlays()),
        scripts: owned(image.scripts()),
        outside: project.outside(manifest),
        hostname: settings.hostname,
        timezone: settings.timezone,
        locale: settings.locale,
        authorized_keys: settings.authorized_keys,
        permissions: settings.permissions,
        checks: settings.checks,
        digest: Sha256::of(found.text.as_bytes()),
        inputs: found.inputs,
    })
}

struct Found {
    inputs: Vec<String>,
    text: String,
}

impl Found {
    /// Adds a file, or a directory with all below it, that lies at `real` and is called `path`.
    fn add(&mut self, path: &str, real: &Path) -> Result<(), Error> {
        let io = |doing| {
            let path = real.to_owned();
            move |source| Error::Io { doing, path, source }
        };
        let meta = real.symlink_metadata().map_err(io("read"))?;
        if meta.is_dir() {
            self.note(path, "directory", "");
            for (name, _) in place::list(real).map_err(io("read"))? {
                match name.to_str().filter(|name| !name.contains('\n')) {
                    Some(name) => self.add(&format!("{path}/{name}"), &real.join(name))?,
                    // The step says what is wrong with it.
                    None => self.text.push_str(&format!("{path} {:?}\n", Path::new(&name))),
                }
            }
        } else if meta.is_symlink() {
            let target = std::fs::read_link(real).map_err(io("read"))?;
            // ninja would follow it; the directory's time tells when the link changes.
            self.text.push_str(&format!("{path} link {target:?}\n"));
        } else if meta.is_file() {
            let (digest, _) = place::open_file(real).and_then(Sha256::of_reader).map_err(io("read"))?;
            let kind = if meta.permissions().mode() & 0o111 == 0 { "file" } else { "program" };
            self.note(path, kind, &digest.to_hex());
        } else {
            self.note(path, "special", "");
        }
        Ok(())
    }

    fn note(&mut self, path: &str, kind: &str, what: &str) {
        self.text.push_str(&format!("{path} {kind} {what}\n"));
        self.inputs.push(path.to_owned());
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::manifest;
    use std::fs;

    #[test]
    fn lists_and_digests_what_is_read() {
        let project = tempfile::tempdir().unwrap();
        let overlay = project.path().join("overlays/a");
        fs::create_dir_all(overlay.join("etc/empty")).unwrap();
        fs::write(overlay.join("etc/b"), "b").unwrap();
        fs::write(overlay.join("etc/a"), "a").unwrap();
        std::os::unix::fs::symlink("nowhere", overlay.join("etc/link")).unwrap();
        fs::write(project.path().join("x.sh"), "#!/bin/sh\n").unwrap();
        let text = "arches = ['armhf']\n[image.i]\noverlay = ['overlays/a', 'made']\nscripts = ['x.sh']\nauthorized-keys = ['k.pub']\n";
        let manifest = manifest::parse(text, Path::new("m.toml")).unwrap();
        let look = || additions(&Project::new(project.path()), &manifest, &manifest.flatten("i").unwrap()).unwrap();
        let first = look();
        let inputs =
            ["overlays/a", "overlays/a/etc", "overlays/a/etc/a", "overlays/a/etc/b", "overlays/a/etc/empty", "made", "x.sh", "k.pub"];
        assert_eq!(first.inputs, inputs);
        assert_eq!(first, look());

        let mut digests = vec![first.digest];
        fs::set_permissions(project.path().join("x.sh"), fs::Permissions::from_mode(0o755)).unwrap();
        digests.push(look().digest);
        fs::remove_dir(overlay.join("etc/empty")).unwrap();
        digests.push(look().digest);
        fs::write(overlay.join("etc/a"), "c").unwrap();
        digests.push(look().digest);
        fs::remove_file(overlay.join("etc/link")).unwrap();
        digests.push(look().digest);
        let count = digests.len();
        digests.sort();
        digests.dedup();
        assert_eq!(digests.len(), count, "each change shows");
    }
}

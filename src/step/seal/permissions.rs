//! Owner and mode of single paths, as the manifest gives them.

use super::accounts::Accounts;
use super::error::{Error, PermissionsFault};
use super::root::Root;
use crate::pkg::Permissions;
use crate::store::{Entry, FileKind, Metadata};
use std::collections::BTreeMap;
use std::io;

/// Gives each path its owner and mode.
pub(super) fn apply(root: &mut Root<'_>, permissions: &BTreeMap<String, Permissions>) -> Result<(), Error> {
    if permissions.is_empty() {
        return Ok(());
    }
    let accounts = Accounts::read(root)?;
    for (path, wanted) in permissions {
        let fault = |fault| Error::Permissions { path: path.clone(), fault };
        let change = |metadata: &mut Metadata| -> Result<(), Error> {
            if let Some((user, group)) = &wanted.owner {
                metadata.uid = accounts.user(user).ok_or_else(|| fault(PermissionsFault::User { name: user.clone() }))?;
                metadata.gid = accounts.group(group).ok_or_else(|| fault(PermissionsFault::Group { name: group.clone() }))?;
            }
            metadata.mode = wanted.mode.unwrap_or(metadata.mode);
            Ok(())
        };
        let place = root.place(path)?;
        match root.entry(&place)? {
            None => return Err(fault(PermissionsFault::Missing)),
            Some(Entry::Directory(meta)) => {
                let mut metadata = root.repo.read_dirmeta(&meta)?;
                change(&mut metadata)?;
                let meta = root.repo.write_dirmeta(&metadata)?;
                root.tree.insert_directory(root.repo, &place, meta, None)?;
            }
            Some(Entry::File(file)) => {
                let (mut meta, mut content) = root.repo.open_file(&file)?;
                if let FileKind::Symlink(target) = meta.kind {
                    return Err(fault(PermissionsFault::Link { target }));
                }
                change(&mut meta.metadata)?;
                let mut writer = root.repo.file_writer(&meta.metadata)?;
                io::copy(&mut content, &mut writer).map_err(Error::io("read", path))?;
                let file = writer.finish()?;
                root.tree.insert_file(root.repo, &place, file, None)?;
            }
        }
    }
    Ok(())
}

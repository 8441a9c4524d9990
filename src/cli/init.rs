//! `pintree init`: a commented starting manifest.

use super::Exit;
use super::args::{Global, Init};
use super::ui::Ui;
use crate::manifest;
use crate::ops::Error;
use std::io::Write as _;

/// Runs the verb. A file that is there already is never changed.
pub fn run(global: &Global, init: &Init, ui: &mut Ui) -> Result<Exit, Error> {
    let arches = super::architectures(&init.arches)?;
    let text = manifest::starter(&init.distro, &arches)?;
    let path = global.project().join(&init.file);
    let io = |doing| {
        let path = path.clone();
        move |source| Error::Io { doing, path, source }
    };
    if let Some(parent) = path.parent() {
        std::fs::create_dir_all(parent).map_err(io("create the directory of"))?;
    }
    let mut file = match std::fs::OpenOptions::new().write(true).create_new(true).open(&path) {
        Err(error) if error.kind() == std::io::ErrorKind::AlreadyExists => return Err(Error::Exists { path }),
        opened => opened.map_err(io("create"))?,
    };
    file.write_all(text.as_bytes()).map_err(io("write"))?;
    ui.status("Created", &path.display().to_string());
    ui.note("next: put your packages in, then run `pintree build`");
    Ok(Exit::Done)
}

//! What git should know of a project: which files are lockfiles, how they are merged and shown, and what is generated.

use super::git::Git;
use super::{Error, Session};
use std::path::{Path, PathBuf};

/// The line of `.gitattributes`. Forges hide what they take for generated; lockfiles are to be read.
pub const ATTRIBUTES: &str = "lockfiles/*.lock diff=pintree merge=pintree linguist-generated=false";

/// The line of `.gitignore`.
pub const IGNORED: &str = "_build/";

/// What a checkout's configuration must say before git uses the drivers; it is no part of what is committed.
fn configuration() -> [(&'static str, String); 5] {
    let program = program();
    [
        ("merge.pintree.name", "solve lockfiles again".to_owned()),
        ("merge.pintree.driver", format!("{program} util git-merge %O %A %B %P")),
        // Several common ancestors are not merged by solving; one of them is as good a base.
        ("merge.pintree.recursive", "binary".to_owned()),
        ("diff.pintree.command", format!("{program} util git-diff")),
        ("diff.pintree.textconv", format!("{program} util git-text")),
    ]
}

/// This program as a shell finds it: by name if it is in the search path, else by its path.
fn program() -> String {
    let Ok(own) = std::env::current_exe().and_then(|path| path.canonicalize()) else { return "pintree".to_owned() };
    let paths = std::env::var_os("PATH").unwrap_or_default();
    let first = std::env::split_paths(&paths).map(|directory| directory.join("pintree")).find(|path| path.is_file());
    match first.and_then(|path| path.canonicalize().ok()) {
        Some(found) if found == own => "pintree".to_owned(),
        _ => format!("'{}'", own.display().to_string().replace('\'', "'\\''")),
    }
}

/// Adds what is missing to `.gitattributes` and `.gitignore`; gives the files that changed. What stands there stays, and where it
/// says already how lockfiles are merged, that counts.
pub fn write_files(session: &Session<'_>) -> Result<Vec<PathBuf>, Error> {
    let merges = |line: &str| line.starts_with("lockfiles/*.lock") && line.split_whitespace().any(|word| word.starts_with("merge"));
    let ignored = |line: &str| line.trim_matches('/') == IGNORED.trim_matches('/');
    let mut changed = vec![];
    for (name, line, has) in [(".gitattributes", ATTRIBUTES, &merges as &dyn Fn(&str) -> bool), (".gitignore", IGNORED, &ignored)] {
        let path = session.project.root().join(name);
        if append(&path, line, has)? {
            changed.push(path);
        }
    }
    Ok(changed)
}

fn append(path: &Path, line: &str, has: &dyn Fn(&str) -> bool) -> Result<bool, Error> {
    let io = |doing| move |source| Error::Io { doing, path: path.to_owned(), source };
    let mut text = match std::fs::read_to_string(path) {
        Ok(text) => text,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => String::new(),
        Err(error) => return Err(io("read")(error)),
    };
    if text.lines().any(|line| has(line.trim())) {
        return Ok(false);
    }
    if !text.is_empty() && !text.ends_with('\n') {
        text.push('\n');
    }
    text.push_str(line);
    text.push('\n');
    std::fs::write(path, text).map_err(io("write")).map(|()| true)
}

/// Sets the drivers in the checkout's configuration; what is set already stays as it is.
///
/// # Errors
/// [`Error::NoCheckout`] if the project is in none.
pub fn configure(session: &Session<'_>) -> Result<(), Error> {
    let root = session.project.root();
    let git = Git::find(root)?.ok_or_else(|| Error::NoCheckout { directory: root.to_owned() })?;
    for (key, value) in configuration() {
        if git.config(key)?.is_none() {
            git.set_config(key, &value)?;
        }
    }
    Ok(())
}

/// Whether git has the drivers that the project's attributes name; none if the project is in no checkout or names none.
pub fn is_configured(session: &Session<'_>) -> Result<Option<bool>, Error> {
    let root = session.project.root();
    let attributes = std::fs::read_to_string(root.join(".gitattributes")).unwrap_or_default();
    let Some(git) = Git::find(root)?.filter(|_| attributes.contains("merge=pintree")) else { return Ok(None) };
    Ok(Some(git.config("merge.pintree.driver")?.is_some()))
}

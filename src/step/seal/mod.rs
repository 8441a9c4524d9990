//! A configured root filesystem ► an image commit.
//!
//! Takes the configured ref and what the manifest adds to it: overlays, settings, scripts. Gives a commit in the form in
//! which OSTree deploys it, and what the checks of the finished tree found. The tree is never checked out: directories
//! and metadata are edited in memory, and only what an overlay brings or a setting changes is written.
//!
//! The result depends on the configured tree, on the overlays' names, contents and executable bits, on scripts and on
//! settings; not on who builds, where or when. `docs/design/0009-sealed-layout.md` tells where things go and why.

mod accounts;
mod check;
mod error;
mod kernel;
mod layout;
mod overlay;
mod permissions;
mod presets;
mod release;
mod root;
mod scripts;
mod settings;
#[cfg(test)]
mod tests;
mod tmpfiles;

pub use check::Finding;
pub use error::{Error, KeyFault, OverlayFault, PermissionsFault};
pub use settings::Settings;

use crate::pkg::{Architecture, Permissions, Severity, Sha256, TreeCheck};
use crate::sandbox;
use crate::step::configure::SCRIPTS;
use crate::store::{Checksum, CommitParts, IMAGE_FORMAT, RefName, Repo, Tree, Value};
use crate::util::bounds::{Bounds, Located};
use root::Root;
use sha2::Digest as _;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

/// What a seal step is told.
#[derive(Clone, Debug)]
pub struct Arguments {
    /// The image's name.
    pub image: String,
    /// The architecture of the root filesystem.
    pub architecture: Architecture,
    /// Further architectures inside it, in manifest order.
    pub foreign: Vec<Architecture>,
    /// The digest of everything that the lockfile says of the image.
    pub identity: Sha256,
    /// The ref of the configured tree.
    pub configured: RefName,
    /// The ref to write.
    pub target: RefName,
    /// Where overlays, scripts and keys may lie.
    pub bounds: Bounds,
    /// Directories to lay over the tree, the last one wins.
    pub overlays: Vec<PathBuf>,
    /// Programs to run in the sandbox, in their order.
    pub scripts: Vec<PathBuf>,
    /// The time that scripts are told, in seconds since 1970.
    pub epoch: u64,
    /// A directory for this step alone, on the repository's file system; only scripts need it.
    pub work: PathBuf,
    /// Where to write what scripts say.
    pub log: PathBuf,
    /// What each script may take; no part of what it gives.
    pub limits: sandbox::Limits,
    /// What the manifest says of the system inside.
    pub settings: Settings,
    /// Owner and mode of single paths, without the slash in front.
    pub permissions: BTreeMap<String, Permissions>,
    /// What becomes of findings, where that is not the default.
    pub checks: BTreeMap<TreeCheck, Severity>,
    /// The directory of the project, which no file of the image should name.
    pub project: Option<PathBuf>,
}

/// What a seal step made.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Sealed {
    /// The image commit.
    pub commit: Checksum,
    /// Whether the ref had another value before.
    pub changed: bool,
    /// Versions of the kernels in it.
    pub kernels: Vec<String>,
    /// What the checks found and the build should tell.
    pub findings: Vec<Finding>,
}

/// Seals the tree and lets the target ref name the commit; an unchanged ref stays untouched.
pub fn run(repo: &Repo, arguments: &Arguments) -> Result<Sealed, Error> {
    let mut sealed = seal(repo, arguments)?;
    sealed.changed = repo.write_ref_if_changed(&arguments.target, &sealed.commit)?;
    Ok(sealed)
}

/// Seals the tree into a commit that no ref names yet.
fn seal(repo: &Repo, arguments: &Arguments) -> Result<Sealed, Error> {
    let configured = repo.read_commit(&repo.resolve_ref(&arguments.configured)?)?;
    let mut root = Root::new(repo, Tree::read(repo, &configured.tree)?)?;

    let mut overlays = sha2::Sha256::new();
    for overlay in &arguments.overlays {
        overlay::lay(&mut root, &located(&arguments.bounds, overlay)?, &mut overlays)?;
    }
    let overlays = hex(overlays);
    permissions::apply(&mut root, &arguments.permissions)?;
    let keys = settings::apply(&mut root, &arguments.settings, &arguments.bounds)?;
    presets::apply(&mut root)?;
    let settings = settings_digest(arguments, &keys);
    let scripts = scripts::run(&mut root, configured.meta, arguments)?;

    let mut version = sha2::Sha256::new();
    version.update(format!("{} {} {overlays} {settings} {scripts}\n", arguments.identity.to_hex(), configured.tree));
    release::run(&mut root, &arguments.image, &hex(version)[..16])?;
    let findings = check::run(&mut root, &arguments.checks, arguments.project.as_deref())?;
    let (failures, findings): (Vec<_>, Vec<_>) = findings.into_iter().partition(|finding| finding.severity == Severity::Fail);
    if !failures.is_empty() {
        return Err(Error::Findings { findings: failures });
    }
    let kernels = layout::run(&mut root)?;

    let tree = root.tree.write(repo)?;
    let mut commit = CommitParts::new(tree, configured.meta)
        .with("pintree.architecture", Value::String(arguments.architecture.deb_name().to_owned()))
        .with("pintree.format", Value::U32(IMAGE_FORMAT))
        .with("pintree.identity", Value::String(arguments.identity.to_hex()))
        .with("pintree.overlays", Value::String(overlays))
        .with("pintree.settings", Value::String(settings))
        .with("pintree.user-scripts", Value::String(scripts));
    let mut ran = match configured.metadata.get(SCRIPTS) {
        Some(Value::Strings(scripts)) => scripts.clone(),
        _ => vec![],
    };
    ran.extend(arguments.scripts.iter().map(|path| scripts::title(path)));
    if !ran.is_empty() {
        commit = commit.with(SCRIPTS, Value::Strings(ran));
    }
    if let Some(kernel) = kernels.last() {
        // What `ostree commit --bootable` adds.
        commit = commit.with("ostree.bootable", Value::Other("b".to_owned(), vec![1])).with("ostree.linux", Value::String(kernel.clone()));
    }
    let commit = repo.write_commit(&commit)?;
    Ok(Sealed { commit, changed: false, kernels, findings })
}

/// What a path of the manifest leads to.
fn located(bounds: &Bounds, path: &Path) -> Result<Located, Error> {
    bounds.locate(path)?.ok_or_else(|| Error::io("open", path)(std::io::ErrorKind::NotFound.into()))
}

/// The digest of all settings: two images with one digest have the same.
fn settings_digest(arguments: &Arguments, keys: &str) -> String {
    let Settings { hostname, timezone, locale, authorized_keys: _ } = &arguments.settings;
    let mut digest = sha2::Sha256::new();
    let texts =
        [("image", Some(&arguments.image)), ("hostname", hostname.as_ref()), ("timezone", timezone.as_ref()), ("locale", locale.as_ref())];
    for (key, text) in texts {
        digest.update(format!("{key}\0{}\0", text.map_or("", String::as_str)));
    }
    digest.update(format!("keys\0{keys}\0"));
    for (path, permissions) in &arguments.permissions {
        digest.update(format!("permissions\0{path}\0{permissions}\0"));
    }
    hex(digest)
}

fn hex(digest: sha2::Sha256) -> String {
    Checksum(digest.finalize().into()).to_string()
}

/// The directory that all of `paths` lie in, if it is deep enough to be a project's own.
pub fn common_directory(paths: &[&Path]) -> Option<PathBuf> {
    let mut common = std::path::absolute(paths.first()?).ok()?;
    for path in &paths[1..] {
        let path = std::path::absolute(path).ok()?;
        while !path.starts_with(&common) {
            common.pop();
        }
    }
    (common.components().count() > 2).then_some(common)
}

//! What somebody may have put into the store: a build takes none of it, and `verify` finds it.
//!
//! Each row changes a store that was built honestly, with the means of whoever may write to it.

use crate::fixture::{Archive, Project, Ran, files_below, needs};
use crate::table::{self, Accepted, Row, Verdict};
use pintree::store::{Checksum, Commit, PackageFile, RefName, Repo};
use pintree::testkit::deb::Package;
use std::os::unix::fs::{PermissionsExt as _, symlink};
use std::path::{Path, PathBuf};

/// One line a row.
macro_rules! row {
    ($name:expr, $guard:expr, $attack:expr, $twin:expr) => {
        Row { name: $name, guard: $guard, attack: $attack, twin: $twin }
    };
}

const ROWS: &[Row] = &[
    row!("ref-of-another-package", "claim", || build_refused(swap_ref), || build_takes(touch_ref)),
    row!("ref-of-another-package-unbuilt", "claim", || found(swap_ref, "verify"), || clean(touch_ref, "verify")),
    row!("forged-commit-online", "proof", || forged(true), || proved(true)),
    row!("forged-commit-offline", "proof-named", || forged(false), || proved(false)),
    row!("forged-commit-in-a-rebuild", "proof-rebuild", || rebuild_found(forge), || rebuild_clean(touch_ref)),
    row!("commit-overwritten", "metadata", || build_refused(overwrite_commit), || build_takes(touch_objects)),
    row!("directory-overwritten", "metadata", || build_refused(overwrite_directory), || build_takes(touch_objects)),
    row!("file-overwritten", "content", || found(overwrite_file, "verify"), || clean(touch_objects, "verify")),
    row!("file-overwritten-before-a-rebuild", "rebuild", || rebuild_found(overwrite_file), || rebuild_clean(touch_objects)),
    row!("file-cut-short", "content", || found(cut_file, "verify"), || clean(rewrite_file, "verify")),
    row!("file-of-another-owner", "content", || found(change_owner, "verify"), || clean(touch_objects, "verify")),
    row!("file-missing", "missing", || found(|project| remove(&the_file(project)), "verify"), || clean(remove_nothing, "verify")),
    row!("partial-commit", "missing", || found(make_partial, "verify"), || clean(mark_partial, "verify")),
    row!("tombstone", "missing", || found(bury, "verify"), || clean(remove_nothing, "verify")),
    row!("set-id-object", "looks", || found(|project| chmod(&the_file(project), 0o4755), "verify"), || clean(
        |project| chmod(&the_file(project), 0o644),
        "verify"
    )),
    row!("object-for-everybody", "looks", || found(|project| chmod(&the_file(project), 0o666), "verify"), || clean(
        |project| chmod(&the_file(project), 0o664),
        "verify"
    )),
    row!("object-with-an-owner-recorded", "looks", || found(|project| attribute(project, "user.pintree.owner"), "verify"), || clean(
        |project| attribute(project, "user.comment"),
        "verify"
    )),
    row!("object-is-a-link", "links", || found(link_file, "verify"), || clean(touch_objects, "verify")),
    row!("objects-behind-a-link", "links", || found(link_objects, "verify"), || clean(link_project, "verify")),
    row!("ref-is-a-link", "links", || found(link_ref, "verify"), || clean(alias, "verify")),
    row!("refs-lead-out", "links-written", leads_out, || build_takes(alias)),
    row!("object-is-a-pipe", "pipe", || found(pipe_file, "verify"), || clean(remove_nothing, "verify")),
    row!("objects-of-a-parent", "config", || found(|project| configure(project, "parent=/tmp\n"), "verify"), || clean(
        |project| configure(project, "[remote \"mine\"]\nurl=http://127.0.0.1:9/\n"),
        "verify"
    )),
    row!("image-of-another-name", "identity", || found(swap_image, "verify"), || clean(touch_ref, "verify")),
];

const ACCEPTED: &[Accepted] = &[
    Accepted {
        name: "file-overwritten-then-built",
        reason: "a compose opens no file, so content is checked by `verify` and `verify --rebuild`, not by every build",
    },
    Accepted { name: "forged-image-commit", reason: "only making it again tells: `verify --rebuild`" },
];

#[test]
fn stores() {
    needs!();
    table::run("store", ROWS, ACCEPTED);
}

fn packages() -> [Package; 2] {
    [("one", "the content of one"), ("two", "the content of two")]
        .map(|(name, content)| Package::new(name, "1").arch("armhf").file(&format!("usr/share/{name}"), 0o644, content))
}

const IMAGES: &str =
    "[image.root]\nvariant = \"custom\"\npackages = [\"one\", \"two\"]\n\n[image.small]\nvariant = \"custom\"\npackages = [\"two\"]\n";

/// A project with a directory of packages, and its images composed.
fn project() -> Project {
    let project = Project::empty();
    std::fs::create_dir(project.path("debs")).unwrap();
    for package in packages() {
        std::fs::write(project.path("debs").join(package.file_name()), package.build()).unwrap();
    }
    let repo = "arches = [\"armhf\"]\n\n[repo.own]\ndeb = \"dir:debs\"\ntrust = \"none\"\n\n";
    project.write("manifests/main.toml", &format!("{repo}{IMAGES}"));
    project.ok(&["lock"]);
    project.ok(&["build", "--until", "composed"]);
    project
}

fn store(project: &Project) -> PathBuf {
    project.path("_build/ostree")
}

/// The refs of `one` and `two`, whatever the import format.
fn refs(project: &Project) -> [RefName; 2] {
    let digests = packages().map(|package| pintree::pkg::Sha256::of(&package.build()).to_hex());
    let all = project.refs("deb");
    digests.map(|digest| all.iter().find(|name| name.ends_with(&digest)).unwrap().parse().unwrap())
}

fn commit(project: &Project, name: &RefName) -> (Checksum, Commit) {
    let text = std::fs::read_to_string(store(project).join("refs/heads").join(name.as_str())).unwrap();
    let checksum: Checksum = text.trim().parse().unwrap();
    (checksum, Repo::open(&store(project)).unwrap().read_commit(&checksum).unwrap())
}

fn object(project: &Project, checksum: &Checksum, kind: &str) -> PathBuf {
    let hex = checksum.to_hex();
    store(project).join("objects").join(&hex[..2]).join(format!("{}.{kind}", &hex[2..]))
}

/// The object of the file that `one` ships.
fn the_file(project: &Project) -> PathBuf {
    let mut found = None;
    files_below(&store(project).join("objects"), &mut |path| {
        if path.extension().is_some_and(|kind| kind == "file") && std::fs::read(path).is_ok_and(|content| content == b"the content of one")
        {
            found = Some(path.to_owned());
        }
    });
    found.expect("the file is in the store")
}

/// The dirtree of `/usr/share` of a package.
fn share(project: &Project, name: &RefName) -> Checksum {
    let repo = Repo::open(&store(project)).unwrap();
    let mut tree = commit(project, name).1.tree;
    for directory in ["usr", "share"] {
        tree = repo.read_dirtree(&tree).unwrap().dirs.iter().find(|(name, ..)| name == directory).unwrap().1;
    }
    tree
}

fn point(project: &Project, name: &RefName, checksum: &Checksum) {
    std::fs::write(store(project).join("refs/heads").join(name.as_str()), format!("{checksum}\n")).unwrap();
}

// What is done to the store.

/// Points the ref of `one` at what an honest import made of another build of the same version.
fn swap_ref(project: &Project) {
    let [one, _] = refs(project);
    let other = Package::new("one", "1").arch("armhf").file("usr/share/one", 0o644, "the content of evi").build();
    std::fs::write(project.path("other.deb"), &other).unwrap();
    let mut import = project.pintree(&["step", "import", "--store", "_build/ostree", "--sources", "none", "--slots", "slots"]);
    import.args(["--package", "one", "--version", "1", "--architecture", "armhf", "--file", "other.deb"]);
    let digest = pintree::pkg::Sha256::of(&other).to_hex();
    project.finish(import.args(["--sha256", &digest, "--size", &other.len().to_string()])).exits(0);
    let name: RefName = project.refs("deb").iter().find(|name| name.ends_with(&digest)).unwrap().parse().unwrap();
    point(project, &one, &commit(project, &name).0);
}

fn touch_ref(project: &Project) {
    let [one, _] = refs(project);
    point(project, &one, &commit(project, &one).0);
}

fn swap_image(project: &Project) {
    let heads = store(project).join("refs/heads/image/main");
    std::fs::copy(heads.join("small/armhf/composed"), heads.join("root/armhf/composed")).unwrap();
}

/// Gives `one` the tree of `two`, in a commit that claims to be made of `one` all the same.
fn forge(project: &Project) {
    let [one, two] = refs(project);
    let file = PackageFile::of(&packages()[0].build());
    let (own, other) = (commit(project, &one).1, commit(project, &two).1);
    let forged = Commit { tree: other.tree, ..own }.made_of(&file);
    let checksum = Repo::open(&store(project)).unwrap().write_commit(&forged).unwrap();
    point(project, &one, &checksum);
}

fn overwrite_commit(project: &Project) {
    let [one, two] = refs(project).map(|name| commit(project, &name).0);
    replace(&object(project, &one, "commit"), &std::fs::read(object(project, &two, "commit")).unwrap());
}

fn overwrite_directory(project: &Project) {
    let [one, two] = refs(project).map(|name| share(project, &name));
    replace(&object(project, &one, "dirtree"), &std::fs::read(object(project, &two, "dirtree")).unwrap());
}

/// Writes into a file without giving it another inode or other attributes.
fn replace(path: &Path, content: &[u8]) {
    chmod(path, 0o644);
    std::fs::write(path, content).unwrap();
}

fn overwrite_file(project: &Project) {
    replace(&the_file(project), b"the content of evi");
}

fn cut_file(project: &Project) {
    replace(&the_file(project), b"the content");
}

fn rewrite_file(project: &Project) {
    replace(&the_file(project), b"the content of one");
}

fn touch_objects(project: &Project) {
    files_below(&store(project).join("objects"), &mut |path| {
        std::fs::File::open(path).unwrap().set_modified(std::time::SystemTime::now()).unwrap();
    });
}

fn change_owner(project: &Project) {
    let path = the_file(project);
    let mut meta = vec![0; 64];
    let length = rustix::fs::getxattr(&path, "user.ostreemeta", &mut meta[..]).unwrap();
    meta.truncate(length);
    meta[3] = 33;
    chmod(&path, 0o644);
    rustix::fs::setxattr(&path, "user.ostreemeta", &meta, rustix::fs::XattrFlags::REPLACE).unwrap();
}

fn attribute(project: &Project, name: &str) {
    rustix::fs::setxattr(the_file(project), name, b"0:0", rustix::fs::XattrFlags::CREATE).unwrap();
}

fn remove(path: &Path) {
    std::fs::remove_file(path).unwrap();
}

fn remove_nothing(project: &Project) {
    std::fs::write(store(project).join("tmp/pintree-0-0-0-0"), "left over").unwrap();
}

fn mark_partial(project: &Project) {
    std::fs::write(store(project).join(format!("state/{}.commitpartial", "0".repeat(64))), "").unwrap();
}

fn make_partial(project: &Project) {
    remove(&the_file(project));
    let commit = commit(project, &refs(project)[0]).0;
    std::fs::write(store(project).join(format!("state/{commit}.commitpartial")), "").unwrap();
}

fn bury(project: &Project) {
    let commit = commit(project, &refs(project)[0]).0;
    let path = object(project, &commit, "commit");
    std::fs::rename(&path, path.with_extension("tombstone-commit")).unwrap();
}

fn chmod(path: &Path, mode: u32) {
    std::fs::set_permissions(path, std::fs::Permissions::from_mode(mode)).unwrap();
}

fn link_file(project: &Project) {
    let path = the_file(project);
    remove(&path);
    symlink("/etc/hostname", path).unwrap();
}

fn link_objects(project: &Project) {
    let directory = the_file(project).parent().unwrap().to_owned();
    let elsewhere = project.root().join("elsewhere");
    std::fs::rename(&directory, &elsewhere).unwrap();
    symlink(elsewhere, directory).unwrap();
}

/// The project itself may lie behind a link.
fn link_project(project: &Project) {
    std::fs::rename(project.path(""), project.root().join("moved")).unwrap();
    symlink("moved", project.root().join("project")).unwrap();
}

fn link_ref(project: &Project) {
    let [one, _] = refs(project);
    let path = store(project).join("refs/heads").join(one.as_str());
    let elsewhere = project.root().join("elsewhere");
    std::fs::rename(&path, &elsewhere).unwrap();
    symlink(elsewhere, path).unwrap();
}

/// A ref of the user's own may name what one of ours names.
fn alias(project: &Project) {
    let heads = store(project).join("refs/heads");
    std::fs::create_dir_all(heads.join("mine")).unwrap();
    std::fs::copy(heads.join("image/main/root/armhf/composed"), heads.join("mine/current")).unwrap();
}

fn pipe(path: &Path) {
    rustix::fs::mknodat(rustix::fs::CWD, path, rustix::fs::FileType::Fifo, 0o644.into(), 0).unwrap();
}

fn pipe_file(project: &Project) {
    let path = the_file(project);
    remove(&path);
    pipe(&path);
}

fn configure(project: &Project, text: &str) {
    let path = store(project).join("config");
    let old = std::fs::read_to_string(&path).unwrap();
    std::fs::write(path, old + text).unwrap();
}

// What it must come to.

/// Runs the program, which must end by itself.
fn run(project: &Project, arguments: &[&str]) -> Ran {
    let mut command = project.command("timeout");
    command.args(["60", &crate::fixture::program()]).args(arguments);
    project.finish(&mut command)
}

fn figure(ran: &Ran) -> String {
    let told = ran.stdout.lines().chain(ran.stderr.lines()).filter(|line| !line.starts_with("ok"));
    format!("exit {}, {}", ran.code, told.collect::<Vec<_>>().join(" "))
}

fn found(attack: fn(&Project), verb: &str) -> Verdict {
    let project = project();
    attack(&project);
    let ran = run(&project, &[verb]);
    // An image that is another one than the lockfile's is a finding that the next build mends; a link or pipe that is met
    // before the store is opened is no file of the project's.
    let met = ran.code == 1 && ran.stdout.contains("something else") || ran.code == 2 && ran.stderr.contains("is not used");
    Verdict::of(ran.code == 5 || met, figure(&ran))
}

fn clean(twin: fn(&Project), verb: &str) -> Verdict {
    let project = project();
    twin(&project);
    let ran = run(&project, &[verb]);
    Verdict::of(ran.code == 0, figure(&ran))
}

/// Composes another image of the same packages.
fn another(project: &Project) -> Ran {
    let text = project.read("manifests/main.toml");
    project.write("manifests/main.toml", &format!("{text}\n[image.other]\nvariant = \"custom\"\npackages = [\"one\", \"two\"]\n"));
    run(project, &["lock"]);
    run(project, &["build", "--until", "composed", "other"])
}

fn build_refused(attack: fn(&Project)) -> Verdict {
    let project = project();
    attack(&project);
    let ran = another(&project);
    Verdict::of(ran.code == 5 && !project.path("_build/ostree/refs/heads/image/main/other/armhf/composed").exists(), figure(&ran))
}

fn build_takes(twin: fn(&Project)) -> Verdict {
    let project = project();
    twin(&project);
    let ran = another(&project);
    if ran.code != 0 {
        return Verdict::Broke(figure(&ran));
    }
    let content = project.ostree(&["cat", "image/main/other/armhf/composed", "/usr/share/one"]);
    Verdict::of(content == "the content of one", format!("exit {}, {content}", ran.code))
}

fn rebuild_found(attack: fn(&Project)) -> Verdict {
    let project = project();
    attack(&project);
    let ran = run(&project, &["verify", "--rebuild", "root"]);
    Verdict::of(ran.code == 5 && !project.path("_build/verify").exists(), figure(&ran))
}

fn rebuild_clean(twin: fn(&Project)) -> Verdict {
    let project = project();
    twin(&project);
    let ran = run(&project, &["verify", "--rebuild", "root"]);
    Verdict::of(ran.code == 0 && !project.path("_build/verify").exists(), figure(&ran))
}

/// A project whose packages come from a server.
fn served() -> (Archive, Project) {
    let archive = Archive::new(&packages());
    let project = Project::new(&archive, IMAGES);
    project.ok(&["lock"]);
    project.ok(&["build", "--until", "composed"]);
    (archive, project)
}

fn forged(online: bool) -> Verdict {
    let (_archive, project) = served();
    forge(&project);
    if online {
        let ran = run(&project, &["verify"]);
        return Verdict::of(ran.code == 5 && ran.stdout.contains("one 1 armhf: its package file gives"), figure(&ran));
    }
    let ran = run(&project, &["--offline", "verify"]);
    let named = ran.stdout.lines().any(|line| line.trim().starts_with("consistent, unproved") && line.contains("one 1 armhf"));
    Verdict::of(named && !ran.stdout.contains(" 2 proved"), figure(&ran))
}

fn proved(online: bool) -> Verdict {
    let (_archive, project) = served();
    let ran = if online { run(&project, &["verify"]) } else { run(&project, &["verify", "--format", "json"]) };
    let all = if online { ran.stdout.contains("; 2 proved\n") } else { ran.stdout.contains("\"proved\": 2") };
    Verdict::of(ran.code == 0 && all, format!("{} {}", figure(&ran), ran.stdout.replace('\n', " ")))
}

/// A directory of refs that leads out must stay as empty as it was.
fn leads_out() -> Verdict {
    let project = project();
    let (heads, elsewhere) = (store(&project).join("refs/heads"), project.root().join("elsewhere"));
    std::fs::rename(heads.join("image"), project.root().join("image")).unwrap();
    std::fs::create_dir(&elsewhere).unwrap();
    symlink(&elsewhere, heads.join("image")).unwrap();
    let ran = run(&project, &["build", "--until", "composed"]);
    let written = std::fs::read_dir(&elsewhere).unwrap().count();
    Verdict::of(written == 0 && ran.code != 0, format!("{} written: {written}", figure(&ran)))
}

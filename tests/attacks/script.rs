//! What a maintainer script may try against the host, against the process that surrounds it and against the kernel.
//!
//! `script.c` plays all rows in one go, as the `postinst` of a package. It runs for every kind of user, natively and under qemu, and on a host
//! whose `/proc` is masked as a container's is. All of these must give the same commit.

use crate::fixture::{Archive, Project, Ran, needs, skip};
use crate::table::{self, Row, Verdict};
use pintree::sandbox::Ownership;
use pintree::testkit::deb::{Compression, Package};
use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::Command;

/// The compilers for the machines, and how they are asked.
const COMPILERS: [(&str, &str); 2] = [("amd64", "gcc"), ("armhf", "arm-linux-gnueabihf-gcc")];
const FLAGS: &[&str] = &["-O1", "-nostdlib", "-static", "-ffreestanding", "-fno-stack-protector", "-fno-pie", "-no-pie"];

/// What covers parts of `/proc` in a container, as docker and podman do it.
const MASK: &str = "mount --bind /dev/null /proc/timer_list && mount --bind /dev/null /proc/keys && mount -t tmpfs -o ro none /proc/acpi \
                    && mount --bind /proc/sys /proc/sys && mount -o remount,bind,ro /proc/sys && exec \"$@\"";

/// Who builds, and where.
#[derive(Clone, Copy)]
struct Host {
    name: &'static str,
    arch: &'static str,
    ownership: Ownership,
    masked: bool,
}

const fn host(name: &'static str, arch: &'static str, ownership: Ownership) -> Host {
    Host { name, arch, ownership, masked: false }
}

/// Nobody's id, so certainly one without subordinate ids.
const NOBODY: u32 = 54321;

const HOSTS: [Host; 8] = [
    host("root", "amd64", Ownership::Root),
    host("subordinate", "amd64", Ownership::Subordinate),
    host("recorded", "amd64", Ownership::Recorded),
    host("root-arm", "armhf", Ownership::Root),
    host("subordinate-arm", "armhf", Ownership::Subordinate),
    host("recorded-arm", "armhf", Ownership::Recorded),
    Host { masked: true, ..host("masked", "amd64", Ownership::Root) },
    Host { masked: true, ..host("masked-arm", "armhf", Ownership::Root) },
];

const ROWS: &[Row] = &[Row { name: "interpreter", guard: "program", attack: by_interpreter, twin: by_shell }];

#[test]
fn scripts() {
    needs!("gcc", "setpriv", "unshare");
    if cfg!(not(target_arch = "x86_64")) {
        return skip("the rows are compiled for amd64");
    }
    table::run("script", ROWS, &[]);
    let stage = Stage::new();
    let mut rows: Vec<Tried> = vec![];
    let mut commits: Vec<(&str, String)> = vec![];
    let mut same = Tried::new("commit", "same");
    for host in HOSTS {
        let Some(played) = stage.play(host) else { continue };
        match commits.iter().find(|(arch, _)| *arch == host.arch) {
            Some((_, first)) => same.add(host.name, *first == played.commit, *first == played.commit, &played.commit),
            None => commits.push((host.arch, played.commit)),
        }
        for Line { name, guard, worked, number, twin } in played.lines {
            let index = rows.iter().position(|row| row.name == name).unwrap_or_else(|| {
                rows.push(Tried::new(&name, &guard));
                rows.len() - 1
            });
            rows[index].add(host.name, !worked, twin, &number);
        }
    }
    rows.push(same);
    let results: Vec<_> = rows.iter().map(|row| (&*row.name, &*row.guard, verdict(&row.attack), verdict(&row.twin))).collect();
    table::judge("script", &results, &[]);
}

/// A row on all hosts.
struct Tried {
    name: String,
    guard: String,
    /// Which host, whether it held, and what came of it.
    attack: Vec<(&'static str, bool, String)>,
    twin: Vec<(&'static str, bool, String)>,
}

impl Tried {
    fn new(name: &str, guard: &str) -> Self {
        Self { name: name.to_owned(), guard: guard.to_owned(), attack: vec![], twin: vec![] }
    }

    fn add(&mut self, host: &'static str, held: bool, twin: bool, figure: &str) {
        self.attack.push((host, held, figure.to_owned()));
        self.twin.push((host, twin, String::new()));
    }
}

/// What holds on all hosts; else where it does not.
fn verdict(tried: &[(&'static str, bool, String)]) -> Verdict {
    let broke: Vec<String> = tried.iter().filter(|(_, held, _)| !held).map(|(host, _, figure)| format!("{host} {figure}")).collect();
    Verdict::of(broke.is_empty(), if broke.is_empty() { format!("on {} hosts", tried.len()) } else { broke.join(", ") })
}

/// The hostile packages, and a host with things to find.
struct Stage {
    archive: Archive,
    directory: tempfile::TempDir,
    /// What a script would find if it got out to this machine's network.
    _listener: TcpListener,
}

/// What came of one build.
struct Played {
    commit: String,
    lines: Vec<Line>,
}

/// What the program of the package printed of a row.
struct Line {
    name: String,
    guard: String,
    worked: bool,
    number: String,
    twin: bool,
}

impl Stage {
    fn new() -> Self {
        let directory = tempfile::Builder::new().prefix("pintree-script-").tempdir().unwrap();
        open_to_all(directory.path());
        let canary = directory.path().join("canary");
        std::fs::write(&canary, "a file of the host").unwrap();
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port().to_string();
        let packages: Vec<Package> = COMPILERS
            .iter()
            .filter_map(|(arch, compiler)| {
                let program = compile(directory.path(), arch, compiler)?;
                // Not compressed, so that a compressor's next version changes no byte.
                let package = Package::new("hostile", "1").arch(arch).compression(Compression::None);
                let package = package.file("usr/bin/probe", 0o755, std::fs::read(program).unwrap());
                let package = package.file("etc/canary", 0o644, canary.to_str().unwrap()).file("etc/port", 0o644, &port);
                Some(package.script("postinst", "#!/usr/bin/probe\n"))
            })
            .collect();
        let archive = Archive::new(&packages);
        for_all(directory.path());
        Self { archive, directory, _listener: listener }
    }

    /// Builds the image as this kind of user; `None`, with a word, where that cannot be tried.
    fn play(&self, host: Host) -> Option<Played> {
        let probe = self.directory.path().join(format!("probe-{}", host.arch));
        if !probe.exists() {
            skip(&format!("{}: no compiler for {}", host.name, host.arch));
            return None;
        }
        let user = user_for(host.ownership, self.directory.path())?;
        let project = Project::with_arches(&self.archive, &[host.arch], "[image.root]\nvariant = \"custom\"\npackages = [\"hostile\"]\n");
        if let Some((uid, gid)) = user {
            own(project.root(), uid, gid);
        }
        self.run(&project, host, user, &["lock"]).exits(0);
        let ran = self.run(&project, host, user, &["build", "--format", "json"]);
        let said = ran.stderr.clone();
        let commit = if ran.code == 0 { ran.images().remove(0).commit } else { format!("exit {} {said}", ran.code) };
        let mut lines = lines(&logs(&project));
        if lines.is_empty() {
            let (name, guard) = ("build".to_owned(), "build".to_owned());
            lines.push(Line { name, guard, worked: true, number: commit.clone(), twin: false });
        }
        Some(Played { commit, lines })
    }

    fn run(&self, project: &Project, host: Host, user: Option<(u32, u32)>, arguments: &[&str]) -> Ran {
        let mut words = vec![self.directory.path().join("probe-amd64").display().to_string(), "host".to_owned()];
        if host.masked {
            words.extend(["/usr/bin/unshare", "--mount", "/bin/sh", "-c", MASK, "sh"].map(str::to_owned));
        }
        words.push("/usr/bin/setpriv".to_owned());
        match user {
            Some((uid, gid)) => words.extend([format!("--reuid={uid}"), format!("--regid={gid}"), "--clear-groups".to_owned()]),
            None => words.push("--keep-groups".to_owned()),
        }
        words.push(self.directory.path().join("pintree").display().to_string());
        let mut command = project.command(&words[0]);
        command.args(&words[1..]).args(arguments).env("PINTREE_TOKEN_EXAMPLE_COM", "attack-secret");
        project.finish(&mut command)
    }
}

fn compile(directory: &Path, arch: &str, compiler: &str) -> Option<PathBuf> {
    let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/attacks/script.c");
    let program = directory.join(format!("probe-{arch}"));
    let mut command = Command::new(compiler);
    command.args(FLAGS).arg("-o").arg(&program).arg(source);
    if arch == "armhf" {
        command.arg("-marm");
    }
    match command.output() {
        Ok(output) => assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr)),
        Err(error) => {
            eprintln!("{compiler}: {error}");
            return None;
        }
    }
    Some(program)
}

/// Everything that scripts printed.
fn logs(project: &Project) -> String {
    let mut text = String::new();
    crate::fixture::files_below(&project.path("_build/logs"), &mut |path| {
        text.push_str(&String::from_utf8_lossy(&std::fs::read(path).unwrap()));
    });
    text
}

/// Reads what the rows printed.
fn lines(log: &str) -> Vec<Line> {
    let mut lines: Vec<Line> = vec![];
    for line in log.lines() {
        let words: Vec<&str> = line.split(' ').collect();
        // Logs of stages are in the log of the whole, too.
        if let ["ROW", name, guard, attack, number, twin] = words[..]
            && !lines.iter().any(|known| known.name == name)
        {
            let (name, guard, number) = (name.to_owned(), guard.to_owned(), number.to_owned());
            lines.push(Line { name, guard, worked: attack != "0", number, twin: twin == "1" });
        }
    }
    lines
}

/// The ids with which this way to keep owners can be tried here.
fn user_for(ownership: Ownership, directory: &Path) -> Option<Option<(u32, u32)>> {
    let own = std::os::unix::fs::MetadataExt::uid(&std::fs::metadata(directory).unwrap());
    let found = match (ownership, own) {
        (Ownership::Root, 0) => Some(None),
        (Ownership::Recorded, 0) => Some(Some((NOBODY, NOBODY))),
        (Ownership::Subordinate, 0) => subordinate_user().map(Some),
        _ => None,
    };
    if found.is_none() {
        skip(&format!("nobody here could keep owners by way of `{ownership}`"));
    }
    found
}

/// A user who has subordinate ids.
fn subordinate_user() -> Option<(u32, u32)> {
    let read = |path: &str| std::fs::read_to_string(path).unwrap_or_default();
    let (users, ranges) = (read("/etc/passwd"), read("/etc/subuid"));
    users.lines().find_map(|line| {
        let fields: Vec<&str> = line.split(':').collect();
        let named = ranges.lines().any(|range| range.split(':').next() == fields.first().copied());
        (named && fields.get(2) != Some(&"0")).then(|| Some((fields.get(2)?.parse().ok()?, fields.get(3)?.parse().ok()?)))?
    })
}

/// Copies the programs to where users other than root can run them, unless they are there; gives the path of `pintree`.
pub fn for_all(directory: &Path) -> PathBuf {
    for name in ["pintree", "pintree-ostree"] {
        let (from, to) = (Path::new(&crate::fixture::program()).with_file_name(name), directory.join(name));
        if !to.exists() {
            // A file that this process wrote could not be started while another test forks.
            assert!(Command::new("cp").arg(from).arg(to).status().unwrap().success());
        }
    }
    directory.join("pintree")
}

/// A command of a user with one id: the one who runs the tests, or somebody whom root becomes, who then owns the project.
pub fn as_nobody(project: &Project, program: &Path) -> Command {
    if std::os::unix::fs::MetadataExt::uid(&std::fs::metadata("/proc/self").unwrap()) != 0 {
        return project.command(&program.display().to_string());
    }
    own(project.root(), NOBODY, NOBODY);
    let mut command = project.command("setpriv");
    command.args([format!("--reuid={NOBODY}"), format!("--regid={NOBODY}"), "--clear-groups".to_owned()]).arg(program);
    command
}

fn own(path: &Path, uid: u32, gid: u32) {
    std::os::unix::fs::lchown(path, Some(uid), Some(gid)).unwrap();
    if path.is_dir() && !path.is_symlink() {
        std::fs::read_dir(path).unwrap().for_each(|entry| own(&entry.unwrap().path(), uid, gid));
    }
}

fn open_to_all(path: &Path) {
    std::fs::set_permissions(path, std::os::unix::fs::PermissionsExt::from_mode(0o755)).unwrap();
}

/// Builds an image whose only script begins with this line.
fn interpreted(line: &str) -> Ran {
    let directory = tempfile::tempdir().unwrap();
    let program = compile(directory.path(), "amd64", "gcc").unwrap();
    let package = Package::new("hostile", "1").arch("amd64").file("usr/bin/probe", 0o755, std::fs::read(program).unwrap());
    let archive = Archive::new(&[package.script("postinst", &format!("{line}\n"))]);
    let project = Project::with_arches(&archive, &["amd64"], "[image.root]\nvariant = \"custom\"\npackages = [\"hostile\"]\n");
    project.ok(&["lock"]);
    project.run(&["build"])
}

/// The kernel would start pintree's own file, of the host, in the sandbox.
fn by_interpreter() -> Verdict {
    let ran = interpreted("#!/proc/self/exe");
    // Without the guard it is the linker that the image does not have.
    let refused = ran.stderr.contains("Too many levels of symbolic links");
    Verdict::of(refused, format!("exit {}, a link of `/proc` is refused: {refused}", ran.code))
}

fn by_shell() -> Verdict {
    let ran = interpreted("#!/usr/bin/probe");
    Verdict::of(
        ran.code == 0,
        format!("exit {} {}", ran.code, ran.stderr.lines().filter(|line| !line.starts_with('[')).collect::<String>()),
    )
}

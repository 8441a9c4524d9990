//! What a script may take of the host: each row takes all that it can get and must end at the limit that its table names, with
//! an error that says which script went beyond which limit, and with nothing left.
//!
//! Limits are low, so that the rows take little even where nothing stops them at once; scripts give up by themselves a little
//! later.

use crate::fixture::{Archive, Project, needs};
use crate::table::{self, Row, Verdict};
use crate::universe::shell;
use pintree::sandbox::Ownership;
use pintree::testkit::deb::{Compression, Package};
use std::time::{Duration, Instant};

/// A script with these words is run where owners are recorded.
const RECORDED: &str = "# owners are recorded";

/// Scripts run natively here.
const ARCH: &str = "amd64";

/// No row takes longer, and no script works longer at what it must not.
const PATIENCE: Duration = Duration::from_secs(120);

const ROWS: &[Row] = &[
    Row { name: "private-memory", guard: "memory", attack: private_memory, twin: some_memory },
    Row { name: "shared-memory", guard: "memory", attack: shared_memory, twin: some_shared_memory },
    Row { name: "memory-of-a-file-without-a-name", guard: "memory", attack: nameless_memory, twin: some_nameless_memory },
    Row { name: "memory-of-system-v", guard: "memory", attack: system_v_memory, twin: some_system_v_memory },
    Row { name: "memory-of-messages", guard: "memory", attack: messages, twin: some_messages },
    Row { name: "memory-of-semaphores", guard: "memory", attack: semaphores, twin: some_semaphores },
    Row { name: "file-in-memory", guard: "memory", attack: file_in_memory, twin: small_file_in_memory },
    Row { name: "many-small-processes", guard: "memory", attack: many_small_processes, twin: many_sharing_processes },
    Row { name: "hidden-from-its-parent", guard: "memory", attack: memory_of_a_daemon, twin: some_memory },
    Row { name: "memory-after-its-leader", guard: "threads", attack: memory_after_its_leader, twin: some_memory_after_its_leader },
    Row { name: "memory-of-a-thread's-files", guard: "threads", attack: memory_of_a_table, twin: some_memory_of_a_table },
    Row { name: "disk-of-a-thread's-files", guard: "threads", attack: disk_of_a_table, twin: some_disk_of_a_table },
    Row { name: "shared-memory-unseen", guard: "unseen", attack: unseen_shared_memory, twin: reserved_shared_memory },
    Row { name: "memory-of-a-mapped-file", guard: "unseen", attack: unseen_nameless_memory, twin: reserved_nameless_memory },
    Row { name: "disk-of-a-mapped-file", guard: "unseen", attack: unseen_disk, twin: some_mapped_disk },
    Row { name: "groups-of-a-recorder", guard: "recorder", attack: recorded_groups, twin: some_recorded_groups },
    Row { name: "owners-of-a-recorder", guard: "recorder", attack: recorded_owners, twin: some_recorded_owners },
    Row { name: "fork-bomb", guard: "processes", attack: fork_bomb, twin: parallel_work },
    Row { name: "daemons", guard: "processes", attack: daemons, twin: a_daemon },
    Row { name: "users-by-turns", guard: "processes", attack: users_by_turns, twin: parallel_work },
    Row { name: "bomb-that-gives-up", guard: "processes", attack: bomb_that_gives_up, twin: parallel_work },
    Row { name: "sparse-file", guard: "file-size", attack: sparse_file, twin: small_sparse_file },
    Row { name: "huge-file", guard: "file-size", attack: huge_file, twin: small_file },
    Row { name: "huge-file-of-another-name", guard: "file-size", attack: appended_file, twin: small_file },
    Row { name: "many-files", guard: "disk", attack: many_files, twin: some_files },
    Row { name: "many-sparse-files", guard: "disk", attack: many_sparse_files, twin: some_files },
    Row { name: "long-links", guard: "no-content", attack: long_links, twin: some_long_links },
    Row { name: "large-attributes", guard: "no-content", attack: large_attributes, twin: some_large_attributes },
    Row { name: "removed-but-open", guard: "disk", attack: removed_but_open, twin: removed_at_once },
    Row { name: "inode-bomb", guard: "inodes", attack: inode_bomb, twin: some_inodes },
    Row { name: "inode-bomb-in-memory", guard: "inodes", attack: inode_bomb_in_memory, twin: some_inodes },
    Row { name: "deep-directories", guard: "depth", attack: deep_directories, twin: some_directories },
    Row { name: "full-tmp", guard: "tmpfs", attack: full_tmp, twin: small_file_in_tmp },
    Row { name: "full-tmp-unsaid", guard: "tmpfs", attack: full_tmp_unsaid, twin: small_file_in_tmp },
    Row { name: "endless-output", guard: "log", attack: endless_output, twin: some_output },
    Row { name: "output-without-line", guard: "log", attack: output_without_line, twin: some_output },
    Row { name: "endless-sleep", guard: "script-time", attack: endless_sleep, twin: short_sleep },
    Row { name: "signals-ignored", guard: "script-time", attack: signals_ignored, twin: short_sleep },
    Row { name: "closed-output", guard: "script-time", attack: closed_output, twin: closed_output_and_done },
    Row { name: "endless-sleep-in-own-session", guard: "script-time", attack: own_session, twin: left_behind },
    Row { name: "endless-database", guard: "read", attack: endless_database, twin: small_database },
    Row { name: "image-script", guard: "image-script", attack: image_script, twin: short_image_script },
    Row { name: "image-script-leaves-a-hole", guard: "image-script", attack: image_script_leaves_a_hole, twin: short_image_script },
];

#[test]
fn limits() {
    needs!();
    table::run("limits", ROWS, &[]);
}

/// A package for the tests' architecture; nothing is compressed.
fn package(name: &str, version: &str) -> Package {
    Package::new(name, version).arch(ARCH).compression(Compression::None).control_compression(Compression::None)
}

/// A program of the host with its libraries, as a package.
fn program(name: &str) -> Option<Package> {
    let path = format!("/usr/bin/{name}");
    let libraries = std::process::Command::new("ldd").arg(&path).output().ok()?;
    let mut package = package(name, "1.0").file(&path[1..], 0o755, std::fs::read(&path).ok()?);
    for library in String::from_utf8(libraries.stdout).ok()?.split_whitespace().filter(|word| word.starts_with('/')) {
        package = package.file(&library[1..], 0o755, std::fs::read(library).ok()?);
    }
    Some(package)
}

/// The program that takes what a look at processes does not see, as a package.
fn taker() -> Option<Package> {
    let directory = tempfile::tempdir().unwrap();
    let program = directory.path().join("taker");
    let source = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/attacks/taker.c");
    let built =
        std::process::Command::new("gcc").args(["-O1", "-static", "-pthread", "-w", "-o"]).arg(&program).arg(source).output().ok()?;
    assert!(built.status.success(), "{}", String::from_utf8_lossy(&built.stderr));
    Some(package("taker", "1.0").file("usr/bin/taker", 0o755, std::fs::read(program).unwrap()))
}

struct Played {
    project: Project,
    archive: Archive,
    packages: Vec<Package>,
    /// Whether owners are recorded, whoever builds.
    recorded: bool,
}

impl Played {
    /// A project whose package `hostile` runs a script, with these limits besides low ones for whatever is not being tried.
    fn new(limits: &str, script: &str) -> Result<Self, Verdict> {
        if cfg!(not(target_arch = "x86_64")) {
            return Err(Verdict::Skipped("this test's shell is for amd64".into()));
        }
        let shell = shell(ARCH).ok_or_else(|| Verdict::Skipped("busybox is not installed".into()))?;
        let perl = program("perl").ok_or_else(|| Verdict::Skipped("perl is not installed".into()))?;
        let mut packages = vec![shell, perl];
        let takes = script.contains("taker ");
        if takes {
            packages.push(taker().ok_or_else(|| Verdict::Skipped("gcc is not installed".into()))?);
        }
        let archive = Archive::new(&[packages.clone(), vec![hostile("1.0", script)]].concat());
        let mut all = String::from("[limits]\n");
        for (key, value) in
            [("processes", "1000"), ("memory", "\"200MiB\""), ("disk", "\"200MiB\""), ("script-time", "\"60s\""), ("log", "\"1MiB\"")]
        {
            if !limits.contains(&format!("{key} =")) {
                all += &format!("{key} = {value}\n");
            }
        }
        let text = format!("{all}{limits}\n[image.root]\npackages = [\"hostile\", \"perl\"{}]\n", if takes { ", \"taker\"" } else { "" });
        let project = Project::with_arches(&archive, &[ARCH], &text);
        let recorded = script.contains(RECORDED);
        Ok(Self { project, archive, packages, recorded })
    }

    fn run(&self, arguments: &[&str]) -> crate::fixture::Ran {
        if !self.recorded {
            return self.project.run(arguments);
        }
        let program = crate::script::for_all(self.project.root());
        let mut command = crate::script::as_nobody(&self.project, &program);
        self.project.finish(command.args(arguments).env(pintree::sandbox::OWNERSHIP, Ownership::Recorded.to_string()))
    }

    fn build(&self) -> (crate::fixture::Ran, Duration) {
        let build = || (Instant::now(), self.run(&["build", "--until", "configured"]));
        let (mut start, mut ran) = build();
        if ran.code == 2 && ran.stderr.contains("limits") {
            // A program from before there were any.
            let text = self.project.read("manifests/main.toml");
            let (before, rest) = text.split_once("[limits]").unwrap();
            self.project.write("manifests/main.toml", &format!("{before}{}", &rest[rest.find("[image.root]").unwrap()..]));
            (start, ran) = build();
        }
        (ran, start.elapsed())
    }
}

fn hostile(version: &str, script: &str) -> Package {
    let depends = if script.contains("taker ") { "shell, perl, taker" } else { "shell, perl" };
    package("hostile", version).depends(depends).script("postinst", &format!("#!/bin/busybox sh\n{script}\n"))
}

fn mounts() -> usize {
    std::fs::read_to_string("/proc/self/mounts").unwrap().lines().filter(|line| line.contains("pintree-e2e-")).count()
}

/// Processes whose command line names the project, and directories of its work, which a build must not leave.
fn remains(project: &Project) -> Vec<String> {
    let mut found = vec![];
    for entry in std::fs::read_dir("/proc").unwrap().flatten() {
        let line = std::fs::read(entry.path().join("cmdline")).unwrap_or_default();
        let line = String::from_utf8_lossy(&line).replace('\0', " ");
        if line.contains(&project.root().display().to_string()) || line.contains("hostile.postinst") {
            found.push(line);
        }
    }
    // Other rows run beside this one, with scripts of the same name.
    found.retain(|line| line.contains(&project.root().display().to_string()));
    if let Ok(work) = std::fs::read_dir(project.path("_build/work")) {
        found.extend(work.flatten().map(|entry| entry.path().display().to_string()));
    }
    found
}

/// Judges a script that must end at a limit, and the build after it, of the same package with a script that is honest.
fn ends(limits: &str, script: &str, told: &str) -> Verdict {
    let played = match Played::new(limits, script) {
        Ok(played) => played,
        Err(skipped) => return skipped,
    };
    let (ran, time) = played.build();
    let named = ran.stderr.contains("the postinst configure script of `hostile:amd64` failed: it")
        || ran.stderr.contains("the postinst configure script of `hostile:amd64` failed: with it");
    let error = ran.stderr.lines().find(|line| line.contains("failed: ")).or(ran.stderr.lines().last()).unwrap_or_default().to_owned();
    let figure = format!("exit {}, {:.1} s, {error}", ran.code, time.as_secs_f64());
    if ran.code != 6 || !named || !ran.stderr.contains(told) || time > PATIENCE {
        return Verdict::Broke(figure);
    }
    let remains = remains(&played.project);
    if !remains.is_empty() || mounts() > 0 {
        return Verdict::Broke(format!("left behind: {remains:?}"));
    }
    played.archive.publish(&[played.packages.clone(), vec![hostile("2.0", "echo honest > /var/log/hostile")]].concat());
    for arguments in [&["lock", "--upgrade"][..], &["build", "--until", "configured"]] {
        let ran = played.run(arguments);
        if ran.code != 0 {
            return Verdict::Broke(format!("the next `{}` ended with {}: {}", arguments[0], ran.code, ran.stderr));
        }
    }
    Verdict::Held(figure)
}

/// Judges a script that must do what it does.
fn works(limits: &str, script: &str) -> Verdict {
    match Played::new(limits, &format!("set -e\n{script}\necho done > /var/log/hostile")) {
        Ok(played) => {
            let (ran, time) = played.build();
            let error = ran.stderr.lines().find(|line| line.contains("failed: ")).unwrap_or_default().to_owned();
            Verdict::of(ran.code == 0, format!("exit {}, {:.1} s {error}", ran.code, time.as_secs_f64()))
        }
        Err(skipped) => skipped,
    }
}

/// A Perl program that goes on at a walking pace while `$i` is below `steps`, each of which takes a megabyte.
fn perl(steps: usize, before: &str, step: &str) -> String {
    format!(
        "cat > /run/p <<'END'\nmy $m = 1 << 20; {before}\nfor (my $i = 0; $i < {steps}; $i++) {{ {step}; select(undef, undef, undef, 0.005); }}\nEND\nperl /run/p"
    )
}

const MEMORY: &str = "memory = \"64MiB\"\n";
const MEMORY_LIMIT: &str = "the limit is `memory = \"64MiB\"`";

fn private_memory() -> Verdict {
    ends(MEMORY, &perl(200, "my @kept;", "push @kept, 'x' x $m"), MEMORY_LIMIT)
}

fn some_memory() -> Verdict {
    works(MEMORY, &perl(20, "my @kept;", "push @kept, 'x' x $m"))
}

/// Maps 200 MiB that children would share, and fills it bit by bit.
const SHARED: &str = "open(my $z, '<', '/dev/zero'); my $a = syscall(9, 0, 200 * $m, 3, 0x21, -1, 0);";

fn shared_memory() -> Verdict {
    ends(MEMORY, &perl(200, SHARED, "syscall(0, fileno($z), $a + $i * $m, $m)"), MEMORY_LIMIT)
}

fn some_shared_memory() -> Verdict {
    works(MEMORY, &perl(30, SHARED, "syscall(0, fileno($z), $a + $i * $m, $m)"))
}

/// A file of `memfd_create`, which is written and never mapped.
const NAMELESS: &str = "my $n = \"x\\0\"; my $f = syscall(319, $n, 0); my $d = 'x' x $m;";

fn nameless_memory() -> Verdict {
    ends(MEMORY, &perl(200, NAMELESS, "syscall(1, $f, $d, $m)"), MEMORY_LIMIT)
}

fn some_nameless_memory() -> Verdict {
    works(MEMORY, &perl(30, NAMELESS, "syscall(1, $f, $d, $m)"))
}

/// Segments of System V that nobody is attached to once they are filled.
const SEGMENT: &str = "my $s = syscall(29, 0, $m, 0x3b6); my $a = syscall(30, $s, 0, 0); open(my $z, '<', '/dev/zero'); \
                       syscall(0, fileno($z), $a, $m); syscall(67, $a)";

fn system_v_memory() -> Verdict {
    ends(MEMORY, &perl(200, "", SEGMENT), MEMORY_LIMIT)
}

fn some_system_v_memory() -> Verdict {
    works(MEMORY, &perl(30, "", SEGMENT))
}

/// Queues full of messages, which belong to no process.
const QUEUE: &str = "for (1 .. 64) { my $q = syscall(68, 0, 0x3b6); syscall(69, $q, $d, 8000, 2048) for 1 .. 2 }";

fn messages() -> Verdict {
    ends("memory = \"48MiB\"\n", &perl(200, "my $d = pack('q', 1) . 'x' x 8000;", QUEUE), "the limit is `memory = \"48MiB\"`")
}

fn some_messages() -> Verdict {
    works("memory = \"48MiB\"\n", &perl(10, "my $d = pack('q', 1) . 'x' x 8000;", QUEUE))
}

/// Sets of semaphores, which belong to no process either.
const SEMAPHORES: &str = "syscall(64, 0, 16000, 0x3b6)";

fn semaphores() -> Verdict {
    ends(MEMORY, &perl(200, "", SEMAPHORES), MEMORY_LIMIT)
}

fn some_semaphores() -> Verdict {
    works(MEMORY, &perl(30, "", SEMAPHORES))
}

/// Writes `megabytes` to files that `name` gives, a bit at a time.
fn writes(megabytes: usize, name: &str) -> String {
    format!("for i in $(seq {megabytes}); do dd if=/dev/zero bs=1048576 count=1 2>/dev/null >> {name}; busybox usleep 2000; done")
        .replace("dd if", "busybox dd if")
}

fn file_in_memory() -> Verdict {
    ends(MEMORY, &writes(200, "/dev/shm/x"), MEMORY_LIMIT)
}

fn small_file_in_memory() -> Verdict {
    works(MEMORY, &writes(20, "/dev/shm/x"))
}

fn many_small_processes() -> Verdict {
    let step = "if (!fork) { my $k = 'x' x $m; sleep 20; exit }";
    ends(MEMORY, &perl(200, "", step), MEMORY_LIMIT)
}

/// Their sum would be too much if what they share counted for each of them.
fn many_sharing_processes() -> Verdict {
    let script = perl(30, "my $k = 'x' x (8 * $m); my @p;", "my $p = fork; if (!$p) { sleep 2; exit } push @p, $p");
    works(MEMORY, &script.replace("\nEND\n", " waitpid($_, 0) for @p;\nEND\n"))
}

fn memory_after_its_leader() -> Verdict {
    ends(MEMORY, "taker leader 200", MEMORY_LIMIT)
}

fn some_memory_after_its_leader() -> Verdict {
    works(MEMORY, "taker leader 20 keep")
}

fn memory_of_a_table() -> Verdict {
    ends(MEMORY, "taker table 200", MEMORY_LIMIT)
}

fn some_memory_of_a_table() -> Verdict {
    works(MEMORY, "taker table 20 keep")
}

fn unseen_shared_memory() -> Verdict {
    ends(MEMORY, "taker shared 200", MEMORY_LIMIT)
}

/// Other rows fill shared memory meanwhile, so the limit is higher; what is reserved is more than that.
fn reserved_shared_memory() -> Verdict {
    works("memory = \"3GiB\"\n", "taker shared 20 keep")
}

fn unseen_nameless_memory() -> Verdict {
    ends(MEMORY, "taker nameless 200", MEMORY_LIMIT)
}

fn reserved_nameless_memory() -> Verdict {
    works("memory = \"3GiB\"\n", "taker nameless 20 keep")
}

fn recorded_groups() -> Verdict {
    ends(MEMORY, &format!("{RECORDED}\ntaker groups 200"), MEMORY_LIMIT)
}

fn some_recorded_groups() -> Verdict {
    works(MEMORY, &format!("{RECORDED}\ntaker groups 10 keep"))
}

fn recorded_owners() -> Verdict {
    let limit = "memory = \"24MiB\"\n";
    ends(limit, &format!("{RECORDED}\ntaker owners 60"), "the limit is `memory = \"24MiB\"`")
}

fn some_recorded_owners() -> Verdict {
    works("memory = \"24MiB\"\n", &format!("{RECORDED}\ntaker owners 1 keep"))
}

fn memory_of_a_daemon() -> Verdict {
    let taken = perl(200, "my @kept;", "push @kept, 'x' x $m").replace("perl /run/p", "(setsid setsid perl /run/p &)\nsleep 20");
    ends(MEMORY, &taken.replace("setsid", "busybox setsid"), MEMORY_LIMIT)
}

const PROCESSES: &str = "processes = 64\nmemory = \"150MiB\"\n";
const PROCESSES_LIMIT: &str = "the limit is `processes = 64`";

/// Each round has five hundred processes at most, whatever happens.
fn fork_bomb() -> Verdict {
    let script = "b() { test $1 -gt 0 && { b $(($1 - 1)) & b $(($1 - 1)) & } ; sleep 1; }\nfor i in $(seq 15); do b 8; done";
    ends(PROCESSES, script, PROCESSES_LIMIT)
}

fn daemons() -> Verdict {
    ends(PROCESSES, "for i in $(seq 300); do (busybox setsid sleep 20 &) ; done\nsleep 20", PROCESSES_LIMIT)
}

/// The kernel's own limit counts the processes of each user for themselves.
fn users_by_turns() -> Verdict {
    let step = "if (!fork) { my $u = 1 + $i % 8; ($<, $>) = ($u, $u); sleep 20; exit }";
    ends(PROCESSES, &(perl(300, "", step) + "\nsleep 20"), PROCESSES_LIMIT)
}

fn bomb_that_gives_up() -> Verdict {
    ends(PROCESSES, "for i in $(seq 1000); do sleep 20 & done\nexit 1", PROCESSES_LIMIT)
}

fn parallel_work() -> Verdict {
    works(PROCESSES, "for i in $(seq 40); do sleep 1 & done\nwait")
}

fn a_daemon() -> Verdict {
    works(PROCESSES, "(busybox setsid sleep 20 &)")
}

const FILE: &str = "file-size = \"32MiB\"\n";
const FILE_LIMIT: &str = "the limit is `file-size = \"32MiB\"`";

fn sparse_file() -> Verdict {
    ends("file-size = \"2GiB\"\n", "busybox truncate -s 3G /var/lib/hole", "`/var/lib/hole` of 3.2 GB, the limit is `file-size = \"2GiB\"`")
}

fn small_sparse_file() -> Verdict {
    works("file-size = \"2GiB\"\n", "busybox truncate -s 20M /var/lib/hole")
}

fn huge_file() -> Verdict {
    ends(FILE, &writes(150, "/var/lib/huge"), FILE_LIMIT)
}

fn appended_file() -> Verdict {
    ends(FILE, &(writes(150, "/var/lib/.huge") + "\nmv /var/lib/.huge /etc/huge"), FILE_LIMIT)
}

fn small_file() -> Verdict {
    works(FILE, &writes(20, "/var/lib/small"))
}

const DISK: &str = "disk = \"32MiB\"\n";
const DISK_LIMIT: &str = "the limit is `disk = \"32MiB\"`";

fn many_files() -> Verdict {
    ends(DISK, &writes(150, "/var/lib/f$i"), DISK_LIMIT)
}

fn many_sparse_files() -> Verdict {
    ends(DISK, "for i in $(seq 50); do busybox truncate -s 1M /var/lib/f$i; done", DISK_LIMIT)
}

fn some_files() -> Verdict {
    works(DISK, &writes(20, "/var/lib/f$i"))
}

/// Each takes a block, which is not in the size of any file.
const LINK: &str = "symlink(sprintf('%04000d', $i), \"/var/lib/l$i\")";

/// A file without content, with a value in an attribute that takes a block.
const ATTRIBUTE: &str = "my $p = \"/var/lib/a$i\"; open(my $f, '>', $p); my $v = sprintf('%03900d', $i); my $n = 'user.x'; \
                         syscall(188, $p, $n, $v, 3900, 0)";

fn fast(steps: usize, step: &str) -> String {
    perl(steps, "", step).replace("select(undef, undef, undef, 0.005)", "1")
}

fn long_links() -> Verdict {
    ends(DISK, &fast(15000, LINK), DISK_LIMIT)
}

fn some_long_links() -> Verdict {
    works(DISK, &fast(2000, LINK))
}

fn large_attributes() -> Verdict {
    ends(DISK, &fast(15000, ATTRIBUTE), DISK_LIMIT)
}

fn some_large_attributes() -> Verdict {
    works(DISK, &fast(2000, ATTRIBUTE))
}

fn removed_but_open() -> Verdict {
    let script =
        "exec 3> /var/lib/gone; rm /var/lib/gone\n".to_owned() + &writes(150, "/proc/self/fd/3").replace(">> /proc/self/fd/3", ">&3");
    ends(DISK, &(script + "\nsleep 20"), DISK_LIMIT)
}

fn disk_of_a_table() -> Verdict {
    ends(DISK, "taker disk-table 150", DISK_LIMIT)
}

fn some_disk_of_a_table() -> Verdict {
    works(DISK, "taker disk-table 20 keep")
}

fn unseen_disk() -> Verdict {
    ends(DISK, "taker disk 150", DISK_LIMIT)
}

fn some_mapped_disk() -> Verdict {
    works("disk = \"8GiB\"\n", "taker disk 20 keep")
}

fn removed_at_once() -> Verdict {
    works(DISK, &(writes(20, "/var/lib/f$i") + "\nrm /var/lib/f*\n" + &writes(20, "/var/lib/g$i")))
}

const INODES: &str = "inodes = 500\n";
const INODES_LIMIT: &str = "the limit is `inodes = 500`";

fn inode_bomb() -> Verdict {
    ends(INODES, "mkdir /var/lib/many; for i in $(seq 3000); do : > /var/lib/many/$i; done\nsleep 5", INODES_LIMIT)
}

fn inode_bomb_in_memory() -> Verdict {
    ends(INODES, "for i in $(seq 3000); do : > /tmp/$i || exit 3; done\nsleep 5", INODES_LIMIT)
}

fn some_inodes() -> Verdict {
    works(INODES, "mkdir /var/lib/many; for i in $(seq 300); do : > /var/lib/many/$i; : > /tmp/$i; done")
}

fn deep_directories() -> Verdict {
    let script = "cd /var/lib; for i in $(seq 1000); do mkdir d; cd d; done";
    ends("", script, "it made more than 200 directories inside one another")
}

fn some_directories() -> Verdict {
    works("", "cd /var/lib; for i in $(seq 150); do mkdir d; cd d; done")
}

const TMPFS: &str = "tmpfs = \"16MiB\"\n";
const TMPFS_LIMIT: &str = "it filled `/tmp`, the limit is `tmpfs = \"16MiB\"`";

fn full_tmp() -> Verdict {
    ends(TMPFS, &format!("set -e\n{}", writes(100, "/tmp/x")), TMPFS_LIMIT)
}

/// Says nothing of it; whichever script came next would have to do without `/tmp`.
fn full_tmp_unsaid() -> Verdict {
    ends(TMPFS, "busybox dd if=/dev/zero of=/tmp/x bs=1048576 count=100 2>/dev/null\nexit 0", TMPFS_LIMIT)
}

fn small_file_in_tmp() -> Verdict {
    works(TMPFS, &writes(10, "/tmp/x"))
}

const LOG: &str = "log = \"256KiB\"\n";
const LOG_LIMIT: &str = "the limit is `log = \"256KiB\"`";

fn endless_output() -> Verdict {
    printed("busybox yes the same again | busybox head -c 20000000")
}

fn output_without_line() -> Verdict {
    printed("busybox dd if=/dev/zero bs=4096 count=5000")
}

/// Judges a script that prints without end: its log stops at the limit, wherever it is kept.
fn printed(script: &str) -> Verdict {
    let played = match Played::new(LOG, script) {
        Ok(played) => played,
        Err(skipped) => return skipped,
    };
    played.build();
    let mut kept = 0;
    crate::fixture::files_below(&played.project.path("_build/logs"), &mut |path| kept += path.metadata().unwrap().len());
    // Twice where the log of the stage is small enough for the image's own log.
    if kept > 4 << 20 {
        return Verdict::Broke(format!("{kept} bytes of log"));
    }
    ends(LOG, script, LOG_LIMIT)
}

fn some_output() -> Verdict {
    works(LOG, "for i in $(seq 2000); do echo line $i; done")
}

const TIME: &str = "script-time = \"3s\"\n";
const TIME_LIMIT: &str = "the limit is `script-time = \"3s\"`";

fn endless_sleep() -> Verdict {
    ends(TIME, "sleep 30", TIME_LIMIT)
}

fn short_sleep() -> Verdict {
    works(TIME, "sleep 1")
}

fn signals_ignored() -> Verdict {
    ends(TIME, "trap '' HUP INT QUIT TERM USR1 USR2 XCPU XFSZ PIPE\nfor i in $(seq 30); do sleep 1; done", TIME_LIMIT)
}

fn closed_output() -> Verdict {
    ends(TIME, "exec > /dev/null 2>&1 < /dev/null\nsleep 30", TIME_LIMIT)
}

fn closed_output_and_done() -> Verdict {
    works(TIME, "exec > /dev/null 2>&1 < /dev/null\nsleep 1")
}

fn own_session() -> Verdict {
    ends(TIME, "mkfifo /run/p\n(busybox setsid sleep 30 > /run/p &)\ncat /run/p".replace("mkfifo", "busybox mkfifo").as_str(), TIME_LIMIT)
}

/// What a script leaves running ends with it.
fn left_behind() -> Verdict {
    works(TIME, "(busybox setsid sleep 30 &)\nsleep 30 &")
}

/// The file where `dpkg-trigger` leaves what it was told, which the step reads after each script.
const DATABASE: &str = "/var/lib/dpkg/triggers/Unincorp";

/// The step must not read on.
fn endless_database() -> Verdict {
    let script = format!("mkdir -p /var/lib/dpkg/triggers; ln -sf /dev/zero {DATABASE}");
    match Played::new("", &script) {
        Ok(played) => {
            let mut command = played.project.command("prlimit");
            command.args(["--data=1000000000", &crate::fixture::program(), "build", "--until", "configured"]);
            let start = Instant::now();
            let ran = played.project.finish(&mut command);
            let remains = remains(&played.project);
            let held = ran.code == 6 && remains.is_empty() && !ran.stderr.contains("memory");
            let error = ran.stderr.lines().find(|line| line.contains("error")).unwrap_or_default().to_owned();
            Verdict::of(held, format!("exit {}, {:.1} s, {error} {remains:?}", ran.code, start.elapsed().as_secs_f64()))
        }
        Err(skipped) => skipped,
    }
}

fn small_database() -> Verdict {
    works("", &format!("mkdir -p /var/lib/dpkg/triggers; echo 'nothing -' > {DATABASE}"))
}

/// Judges a script of the image itself.
fn image(limits: &str, script: &str, told: Option<&str>) -> Verdict {
    let played = match Played::new(&format!("{TIME}{limits}"), "exit 0") {
        Ok(played) => played,
        Err(skipped) => return skipped,
    };
    played.project.write("scripts/own.sh", &format!("#!/bin/busybox sh\n{script}\n"));
    let text = played.project.read("manifests/main.toml");
    played.project.write("manifests/main.toml", &(text + "scripts = [\"scripts/own.sh\"]\n"));
    let ran = played.project.run(&["build"]);
    let error = ran.stderr.lines().find(|line| line.contains("failed: ")).unwrap_or_default().to_owned();
    let figure = format!("exit {}, {error}", ran.code);
    match told {
        None => Verdict::of(ran.code == 0, figure),
        Some(told) => {
            let held = ran.code == 6 && error.contains("the script `scripts/own.sh` failed: it") && error.contains(told);
            let remains = remains(&played.project);
            Verdict::of(held && remains.is_empty(), format!("{figure} {remains:?}"))
        }
    }
}

fn image_script() -> Verdict {
    image("", "sleep 30", Some(TIME_LIMIT))
}

fn image_script_leaves_a_hole() -> Verdict {
    image(FILE, "busybox truncate -s 3G /usr/sbin/hole", Some(FILE_LIMIT))
}

fn short_image_script() -> Verdict {
    image(FILE, "sleep 1", None)
}

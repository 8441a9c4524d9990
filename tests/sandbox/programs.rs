//! What a program sees of the world, how it ends, and what is left of it.

use crate::place::{become_user, chain, command, everywhere, run};
use pintree::pkg::Architecture;
use pintree::sandbox::{self, Command, Limits, Options, Sandbox};
use std::os::unix::fs::PermissionsExt;
use std::time::Duration;
use std::time::Instant;

#[test]
fn gives_a_program_what_it_expects() {
    for place in everywhere() {
        let said = place.run(
            "id -u; id -g; id -G; umask; pwd; uname -n; echo a >/dev/null; head -c 3 /dev/zero | wc -c; head -c 2 /dev/urandom | wc -c
             [ -d /dev/pts ] && [ -w /dev/shm ] && [ -d /run/lock ] && [ ! -e /run/of-image ] && readlink /dev/stdin
             echo \"$PATH $LC_ALL $HOME\"; ulimit -c; ulimit -n; ulimit -s; [ $$ = 2 ] && echo process 2; echo to stderr >&2; cat; echo end",
        );
        let expected = "0\n0\n0\n0022\n/\nlocalhost\n3\n2\n/proc/self/fd/0\n/usr/bin:/bin C \n0\n1024\n8192\nprocess 2\nto stderr\nend\n";
        assert_eq!(said, expected, "{}", place.ownership);
    }
}

#[test]
fn hides_the_host_and_its_network() {
    for place in everywhere() {
        let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        let secret = place.path("host-only");
        let said = place.run(&format!(
            "for d in / /proc/1/root /proc/2/cwd /proc/self/root/..; do [ -e $d{secret} ] && echo sees $d; done
             case $(bash -c 'exec 3<>/dev/tcp/127.0.0.1/{port}' 2>&1 && echo connected) in
                 *': Connection refused') echo a loopback of its own;; *connected*) echo connected;; *) echo none;; esac
             ls /proc/self/fd | wc -l; ls /proc | grep -c '^[0-9]' >&2; cat /proc/net/dev | wc -l",
            secret = secret.display(),
        ));
        // Three, and the one with which `ls` reads the list; two lines of heading and `lo`.
        assert_eq!(said.replace("sh: 4: grep: not found\n", ""), "a loopback of its own\n4\n3\n", "{}", place.ownership);
    }
}

#[test]
fn tells_how_a_program_ended() {
    let Some(place) = everywhere().next() else { return };
    let said = place.enter(&[], |sandbox| {
        let root = place.mount(sandbox);
        let mut said = String::new();
        for script in ["exit 3", "kill -9 $$", "sleep 1000 & setsid sleep 1000 & (sleep 1000 >/dev/null &) ; exit 4", "no-such-program"] {
            said.push_str(&run(sandbox, &root, script));
        }
        let ended = |command: &Command<'_>| match sandbox.run(&root, command, &mut |_| {}) {
            Ok(ended) => format!("{ended}\n"),
            Err(error) => format!("{}\n", chain(&error)),
        };
        said.push_str(&ended(&Command { program: "nothing", ..command(&[]) }));
        said.push_str(&ended(&Command { program: "/etc/passwd", ..command(&[]) }));
        said.push_str(&ended(&Command { directory: "/nowhere", ..command(&[]) }));
        let limits = Limits { time: Duration::from_millis(200), ..Limits::default() };
        let started = Instant::now();
        said.push_str(&ended(&Command { limits, ..command(&["-c", "sleep 1000 & sleep 1000"]) }));
        assert!(started.elapsed() < Duration::from_secs(60));
        said
    });
    let expected = "ended by exit status 3
ended by signal 9
ended by exit status 4
sh: 1: no-such-program: not found
ended by exit status 127
cannot start `nothing`: No such file or directory (os error 2)
cannot start `/etc/passwd`: Permission denied (os error 13)
cannot change the directory for `sh`: No such file or directory (os error 2)
it ran for 0s, the limit is `script-time = \"0s\"`
";
    assert_eq!(said, expected);
}

#[test]
fn gives_a_program_its_input() {
    let Some(place) = everywhere().next() else { return };
    let said = place.enter(&[], |sandbox| {
        let root = place.mount(sandbox);
        let input = vec![b'x'; 300_000];
        let mut said = vec![];
        let command = Command { input: Some(&input), ..command(&["-c", "cat | wc -c; cat"]) };
        sandbox.run(&root, &command, &mut |bytes| said.extend_from_slice(bytes)).unwrap();
        String::from_utf8(said).unwrap()
    });
    assert_eq!(said, "300000\n");
}

/// A program that writes `armed` and exits with 7.
fn arm_program() -> Vec<u8> {
    // mov r7, #4; mov r0, #1; add r1, pc, #16; mov r2, #6; svc 0; mov r7, #1; mov r0, #7; svc 0
    let code: [u32; 8] = [0xe3a0_7004, 0xe3a0_0001, 0xe28f_1010, 0xe3a0_2006, 0xef00_0000, 0xe3a0_7001, 0xe3a0_0007, 0xef00_0000];
    let mut bytes = b"\x7fELF\x01\x01\x01\0\0\0\0\0\0\0\0\0\x02\0\x28\0".to_vec();
    let size = 84 + 32 + 6;
    for word in [1, 0x10054, 52, 0, 0x0500_0000, 0x0020_0034, 1, 0, 1, 0, 0x10000, 0x10000, size, size, 5, 0x1000] {
        bytes.extend(u32::to_le_bytes(word));
    }
    bytes.extend(code.into_iter().flat_map(u32::to_le_bytes));
    bytes.extend(b"armed\n");
    bytes
}

#[test]
fn runs_programs_of_another_machine() {
    for place in everywhere() {
        let program = place.path("lower/usr/bin/armed");
        std::fs::write(&program, arm_program()).unwrap();
        std::fs::set_permissions(&program, PermissionsExt::from_mode(0o755)).unwrap();
        let said = place.enter(&["armhf", Architecture::host().deb_name()], |sandbox| {
            let names: Vec<_> = sandbox.emulators().iter().map(|emulator| emulator.architecture.deb_name()).collect();
            assert_eq!(names, ["armhf", Architecture::host().deb_name()]);
            assert_eq!(sandbox.emulators()[1].version, "native");
            let root = place.mount(sandbox);
            run(sandbox, &root, "/usr/bin/armed; echo $?; exec armed")
        });
        if said.contains("qemu-arm") && std::env::var_os("CI").is_none() {
            eprintln!("skipped: {said}");
            continue;
        }
        assert_eq!(said, "armed\n7\narmed\nended by exit status 7\n", "{}", place.ownership);
    }
}

#[test]
fn refuses_what_it_cannot_run() {
    let Some(place) = everywhere().next() else { return };
    let said = place.enter(&["m68k"], |_| String::new());
    assert!(said.starts_with("no emulator is known for m68k"), "{said}");
    let said = sandbox::apart(|| {
        let waiting = std::thread::spawn(|| std::thread::sleep(Duration::from_secs(60)));
        let entered = Sandbox::enter(&Options::default());
        drop(waiting);
        entered.map(drop).unwrap_err().to_string()
    });
    assert_eq!(said.unwrap(), "a process with 2 threads cannot enter a sandbox");
}

/// The processes with this text in their command line.
fn processes(text: &str) -> usize {
    let all = std::fs::read_dir("/proc").unwrap().filter_map(|entry| std::fs::read(entry.ok()?.path().join("cmdline")).ok());
    all.filter(|line| String::from_utf8_lossy(line).contains(text)).count()
}

#[test]
fn leaves_nothing_when_killed() {
    for place in everywhere() {
        let mounts = std::fs::read_to_string("/proc/self/mounts").unwrap();
        let mark = format!("1000{}", std::process::id());
        let ready = place.path("upper/ready");
        let script = format!("sleep {mark} & (sleep {mark} &) ; cat /proc/self/mounts >/mounts; echo >/ready; sleep {mark}");
        let pid = place.path("pid");
        let started = std::thread::scope(|scope| {
            let killed = scope.spawn(|| {
                sandbox::apart(|| {
                    std::fs::write(&pid, std::process::id().to_string()).unwrap();
                    become_user(place.user);
                    let sandbox = Sandbox::enter(&Options { architectures: vec![], ownership: Some(place.ownership) }).unwrap();
                    let root = place.mount(&sandbox);
                    run(&sandbox, &root, &script)
                })
            });
            while !ready.exists() {
                assert!(!killed.is_finished(), "{:?}", killed.join());
                std::thread::sleep(Duration::from_millis(5));
            }
            let started = processes(&mark);
            let victim = std::fs::read_to_string(&pid).unwrap().parse().unwrap();
            rustix::process::kill_process(rustix::process::Pid::from_raw(victim).unwrap(), rustix::process::Signal::KILL).unwrap();
            assert!(killed.join().unwrap().is_err());
            started
        });
        assert!(started >= 3);
        let seen = std::fs::read_to_string(place.path("upper/mounts")).unwrap();
        assert!(!seen.contains(place.directory.path().to_str().unwrap()), "{seen}");
        let patience = Instant::now() + Duration::from_secs(30);
        while processes(&mark) > 0 {
            assert!(Instant::now() < patience, "processes outlive the step");
            std::thread::sleep(Duration::from_millis(5));
        }
        assert_eq!(std::fs::read_to_string("/proc/self/mounts").unwrap(), mounts);
    }
}

#[test]
fn surveys_the_host_without_leaving_anything() {
    let directory = tempfile::tempdir().unwrap();
    let host = Architecture::host();
    let found = sandbox::survey(&[host.clone(), Architecture::parse("m68k").unwrap()], directory.path());
    let subjects: Vec<_> = found.iter().map(|finding| finding.subject.as_str()).collect();
    let (own, other) = (format!("programs of {host}"), "programs of m68k");
    let root = rustix::process::geteuid().is_root().then_some("root in scripts");
    let expected: Vec<_> = ["namespaces", "/proc", "owners of files"].into_iter().chain(root).chain(["overlayfs", &own, other]).collect();
    assert_eq!(subjects, expected);
    let of = |subject: &str| found.iter().find(|finding| finding.subject == subject).unwrap();
    assert_eq!((of(&own).state, of(&own).text.as_str()), (sandbox::State::Ok, "run natively"));
    assert_eq!(of(other).state, sandbox::State::Missing);
    assert_eq!(std::fs::read_dir(directory.path()).unwrap().count(), 0);
}

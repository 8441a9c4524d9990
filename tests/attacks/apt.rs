//! A real apt beside the program: the same servers in the same state, and the same memory of earlier runs.
//!
//! apt gets a root of its own in which nothing is installed, as one that builds an image. What it remembers lies in the
//! project's cache directory, so a row that forgets that one makes apt a fresh machine too. Its settings are Debian's, but
//! for retries, of which there are none.

use crate::fixture::{self, Project, Ran};
use pintree::lock::Lockfile;
use std::cell::RefCell;
use std::path::Path;
use toml_edit::{DocumentMut, Item};

/// The tables whose attacks are states of servers.
const TABLES: [&str; 2] = ["repository", "freshness"];

/// So many seconds apt may take for one run, as the program may.
const PATIENCE: &str = "110";

/// What came of a run.
#[derive(Clone, Debug)]
pub struct Answer {
    /// `accepted`, `warned`, `refused`, or `waits` where it had to be killed.
    pub word: &'static str,
    /// What it took and what it said first.
    pub figure: String,
}

thread_local! {
    static LAST: RefCell<Option<(Answer, Answer)>> = const { RefCell::new(None) };
}

/// Plays a side of a row of `table`, with apt beside it if `PINTREE_ATTACKS_APT=1`; gives the answers of the program's last
/// run and of apt's as well. None are there where no run asked a server.
pub fn beside<T>(table: &str, play: impl FnOnce() -> T) -> (T, Option<(Answer, Answer)>) {
    let wanted = TABLES.contains(&table) && std::env::var("PINTREE_ATTACKS_APT").is_ok_and(|value| value == "1");
    fixture::BESIDE.set(wanted.then_some(ask));
    LAST.take();
    let played = play();
    fixture::BESIDE.set(None);
    (played, LAST.take())
}

fn ask(project: &Project, arguments: &[&str], ours: Option<&Ran>) {
    let apt = Apt::new(project, arguments);
    let (updated, mut said) = if arguments.contains(&"--offline") { (0, String::new()) } else { apt.run(&["update"]) };
    let mut codes = vec![updated];
    for arch in if updated == WAITS { &[] } else { &apt.arches[..] } {
        let native = format!("APT::Architecture={arch}");
        let names = apt.packages.iter().map(String::as_str);
        let (code, more) = apt.run(&[&["install", "-y", "--download-only", "-o", &native][..], &names.collect::<Vec<_>>()].concat());
        codes.push(code);
        said += &more;
    }
    let is_waiting = codes.contains(&WAITS);
    let is_refused = codes.iter().any(|code| *code != 0);
    let theirs = answer(is_waiting, is_refused, &apt.taken(), first(&said, &["E: ", "W: "]));
    let said = ours.map(|ran| ran.stderr.as_str()).unwrap_or_default();
    let is_refused = ours.is_some_and(|ran| ran.code != 0);
    let ours = answer(ours.is_none(), is_refused, &pins(project, arguments), first(said, &["error", "warning"]));
    LAST.set(Some((ours, theirs)));
}

/// The figure of what was taken is `PACKAGES | LINE`, each as far as there is one.
fn answer(is_waiting: bool, is_refused: bool, packages: &str, line: Option<&str>) -> Answer {
    let word = match (is_waiting, is_refused, line) {
        (true, ..) => "waits",
        (_, true, _) => "refused",
        (_, _, Some(_)) => "warned",
        _ => "accepted",
    };
    let packages = if is_waiting || is_refused { None } else { Some(packages) };
    Answer { word, figure: packages.into_iter().chain(line).collect::<Vec<_>>().join(" | ") }
}

/// The first line that begins in one of these ways.
fn first<'a>(said: &'a str, beginnings: &[&str]) -> Option<&'a str> {
    said.lines().find(|line| beginnings.iter().any(|beginning| line.starts_with(beginning)))
}

/// The packages in the lockfile, as files are named; the bot leaves it on its branch.
fn pins(project: &Project, arguments: &[&str]) -> String {
    let text = if arguments.contains(&"bot") {
        project.finish(project.command("git").args(["show", "pintree/update:lockfiles/main.lock"])).stdout
    } else {
        std::fs::read_to_string(project.path("lockfiles/main.lock")).unwrap_or_default()
    };
    let Ok(lockfile) = Lockfile::parse(&text) else { return String::new() };
    sorted(lockfile.cells().iter().map(|pin| format!("{}_{}_{}", pin.name, pin.version, pin.architecture)).collect())
}

fn sorted(mut names: Vec<String>) -> String {
    names.sort();
    names.join(", ")
}

/// The exit code of `timeout` when it had to kill.
const WAITS: i32 = 124;

/// An apt that is set up as the project's manifest is.
struct Apt<'a> {
    project: &'a Project,
    directory: std::path::PathBuf,
    arches: Vec<String>,
    packages: Vec<String>,
}

impl<'a> Apt<'a> {
    fn new(project: &'a Project, arguments: &[&str]) -> Self {
        let manifest: DocumentMut = project.read("manifests/main.toml").parse().unwrap();
        let directory = project.home("cache/apt");
        let (arches, packages) = (strings(&manifest["arches"]), strings(&manifest["image"]["root"]["packages"]));
        // What an earlier run took is not what this one takes.
        let _unused = std::fs::remove_dir_all(directory.join("var/cache"));
        for path in ["etc/apt/apt.conf.d", "etc/apt/preferences.d", "var/lib/apt/lists/partial", "var/cache/apt/archives/partial"] {
            std::fs::create_dir_all(directory.join(path)).unwrap();
        }
        std::fs::write(directory.join("status"), "").unwrap();
        let at = arguments.iter().position(|argument| *argument == "--at").map(|index| arguments[index + 1]);
        let repositories = manifest["repo"].as_table().unwrap().iter();
        let sources = repositories.map(|(name, repository)| source(project, &directory, name, repository, at)).collect::<String>();
        std::fs::write(directory.join("etc/apt/sources.list"), sources).unwrap();
        std::fs::write(
            directory.join("apt.conf"),
            format!(
                "Dir \"{0}\";\nDir::State::status \"{0}/status\";\nAPT::Architecture \"{1}\";\nAPT::Architectures {{ \"{2}\"; }};\n\
                 APT::Sandbox::User \"root\";\nAcquire::Languages \"none\";\nAcquire::Retries \"0\";\nDebug::NoLocking \"true\";\n",
                directory.display(),
                arches[0],
                arches.join("\"; \""),
            ),
        )
        .unwrap();
        let apt = Self { project, directory, arches, packages };
        apt.age_lists();
        apt
    }

    /// Makes the lists a second older: states that follow each other within one look alike to who asks by the second.
    fn age_lists(&self) {
        fixture::files_below(&self.directory.join("var/lib/apt/lists"), &mut |path| {
            let file = std::fs::File::open(path).unwrap();
            let time = file.metadata().unwrap().modified().unwrap();
            file.set_modified(time - std::time::Duration::from_secs(1)).unwrap();
        });
    }

    /// Runs `apt-get`; gives its exit code and what it said.
    fn run(&self, arguments: &[&str]) -> (i32, String) {
        let mut command = self.project.command("timeout");
        command.args(["--kill-after=5", PATIENCE, "apt-get", "-q"]).args(arguments).env("APT_CONFIG", self.directory.join("apt.conf"));
        let ran = self.project.finish(&mut command);
        (ran.code, ran.stderr)
    }

    /// The package files that the last run left.
    fn taken(&self) -> String {
        let mut names = vec![];
        fixture::files_below(&self.directory.join("var/cache/apt/archives"), &mut |path| {
            names.extend(
                path.extension().filter(|end| *end == "deb").and(path.file_stem()).map(|stem| stem.to_string_lossy().replace("%3a", ":")),
            );
        });
        sorted(names)
    }
}

/// A repository as lines of apt's `sources.list`; several addresses are a list of mirrors, in their order.
fn source(project: &Project, directory: &Path, name: &str, repository: &Item, at: Option<&str>) -> String {
    let text = |key: &str| repository.get(key).and_then(Item::as_str);
    let mut options = format!("signed-by={}", project.path(text("key").unwrap()).display());
    if let Some(days) = text("max-age").and_then(|age| age.strip_suffix('d')) {
        options += &format!(" valid-until-max={}", days.parse::<u64>().unwrap() * 86400);
    }
    let mut urls = text("deb").map_or_else(|| strings(&repository["deb"]), |url| vec![url.to_owned()]);
    if let (Some(moment), Some(snapshot)) = (at, text("snapshot")) {
        urls = vec![snapshot.replace("{timestamp}", &moment.replace(['-', ':'], ""))];
    }
    // apt tells repositories of one host apart by the host's name alone.
    if repository.get("priority").is_some() {
        urls = vec![urls[0].replace("127.0.0.1", "localhost")];
        let pin = "Package: *\nPin: origin \"localhost\"\nPin-Priority: 990\n";
        std::fs::write(directory.join("etc/apt/preferences.d/first"), pin).unwrap();
    }
    let url = if urls.len() > 1 {
        let list = directory.join(name);
        let lines = urls.iter().enumerate().map(|(index, url)| format!("{url}\tpriority:{}\n", index + 1)).collect::<String>();
        std::fs::write(&list, lines).unwrap();
        format!("mirror+file:{}", list.display())
    } else {
        urls.remove(0)
    };
    let components = repository.get("components").map(strings).unwrap_or_default().join(" ");
    strings(&repository["suites"]).iter().map(|suite| format!("deb [{options}] {url} {suite} {components}\n")).collect()
}

fn strings(item: &Item) -> Vec<String> {
    item.as_array().unwrap().iter().map(|value| value.as_str().unwrap().to_owned()).collect()
}

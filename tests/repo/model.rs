//! Every way to an index as one model: random servers, caches and options, and what may never come of them.
//!
//! A history is a few runs over one cache. Before each run the servers get new answers (status, validators, body) and the
//! cache may be meddled with. Two things must hold of a run that succeeds: no package of it stands in an index that no
//! accepted key vouches for, and its `Release` came with a status that means "here is the file" in this run, or was
//! remembered and confirmed or asked for offline. `docs/design/0013-who-vouches.md` describes the states.
//!
//! `PINTREE_HISTORIES=10000` runs as many; a failing one is named by its number and can be run alone with
//! `PINTREE_HISTORY=NUMBER`.

use crate::site::{GPG, KEY, OTHER};
use jiff::Timestamp;
use pintree::pkg::{Architecture, Expected, MaxAge, RepoSteering, Sha256, Trust};
use pintree::repo::{Cache, Client, ClientOptions, KeyRing, KeySource, Source, Url, update};
use pintree::testkit::deb::Compression;
use pintree::testkit::keys::SignOptions;
use std::collections::{BTreeMap, BTreeSet};
use std::io::{BufRead as _, BufReader, Write as _};
use std::net::{TcpListener, TcpStream};
use std::path::Path;
use std::sync::{Arc, LazyLock, Mutex};
use std::time::Duration;

/// What a server may answer instead of 200; 304 twice as often as any other.
const STATUSES: [u16; 17] = [304, 304, 404, 404, 403, 401, 410, 416, 500, 503, 201, 202, 203, 204, 206, 226, 300];

/// A small, repeatable source of chance (xorshift64*).
struct Chance(u64);

impl Chance {
    fn new(seed: u64) -> Self {
        Self(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1)
    }

    fn below(&mut self, count: usize) -> usize {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        usize::try_from(self.0.wrapping_mul(0x2545_f491_4f6c_dd1d) >> 33).unwrap() % count
    }

    /// True once in `count` times.
    fn once_in(&mut self, count: usize) -> bool {
        self.below(count) == 0
    }

    fn pick<'a, T>(&mut self, of: &'a [T]) -> &'a T {
        &of[self.below(of.len())]
    }
}

/// A state of the suite: its index and the files that vouch for it, if they do.
struct Edition {
    packages: Vec<u8>,
    packed: Vec<u8>,
    release: Vec<u8>,
    inline: Vec<u8>,
    detached: Vec<u8>,
}

/// The packages of an edition; all editions are of one length.
fn packages(name: &str, version: u32) -> Vec<u8> {
    let mut text =
        format!("Package: {name}\nVersion: {version}\nArchitecture: armhf\nFilename: x.deb\nSize: 1\nSHA256: {}\n", "0".repeat(64));
    text += &format!("Description: {}\n", "x".repeat(400 - text.len()));
    text.into_bytes()
}

fn edition(name: &str, version: u32, date: &str, key: Option<&str>) -> Edition {
    let packages = packages(name, version);
    let packed = Compression::Gz.compress(&packages);
    let mut list = String::new();
    for (suffix, bytes) in [("", &packages), (".gz", &packed)] {
        list += &format!(" {} {} main/binary-armhf/Packages{suffix}\n", Sha256::of(bytes), bytes.len());
    }
    let date = if date.is_empty() { String::new() } else { format!("Date: {date}\n") };
    let release = format!("Suite: stable\nCodename: stable\n{date}Components: main\nArchitectures: armhf\nSHA256:\n{list}");
    let sign = |inline: bool| match key {
        Some(key) if inline => GPG.sign_cleartext(&[key], release.as_bytes(), SignOptions::default()),
        Some(key) => GPG.sign_detached(&[key], release.as_bytes(), SignOptions::default()),
        None => release.clone().into_bytes(),
    };
    Edition { inline: sign(true), detached: sign(false), packed, packages, release: release.into_bytes() }
}

/// Two good editions, a good one without a date, one that somebody else signed and one that nobody did.
static EDITIONS: LazyLock<[Edition; 5]> = LazyLock::new(|| {
    [
        edition("good", 1, "Thu, 01 Jan 2026 00:00:00 UTC", Some(&KEY)),
        edition("good", 2, "Fri, 02 Jan 2026 00:00:00 UTC", Some(&KEY)),
        edition("good", 3, "", Some(&KEY)),
        edition("evil", 9, "Sat, 03 Jan 2026 00:00:00 UTC", Some(&OTHER)),
        edition("evil", 8, "Sat, 03 Jan 2026 00:00:00 UTC", None),
    ]
});
const GOOD: usize = 3;

/// Bodies that are no edition's: mixtures of one that is signed with one that is not.
static MIXTURES: LazyLock<Vec<Vec<u8>>> = LazyLock::new(|| {
    let [one, two, _, evil, _] = &*EDITIONS;
    let text = |bytes: &[u8]| String::from_utf8(bytes.to_vec()).unwrap();
    let digest = |bytes: &[u8]| Sha256::of(bytes).to_hex();
    let swapped =
        text(&one.inline).replace(&digest(&one.packages), &digest(&evil.packages)).replace(&digest(&one.packed), &digest(&evil.packed));
    vec![
        swapped.into_bytes(),
        [&one.inline[..], &evil.release].concat(),
        [&evil.release[..], b"\n", &one.inline].concat(),
        [&evil.inline[..], &one.inline].concat(),
        [&evil.release[..], &one.detached].concat(),
        two.detached.clone(),
        b"<html>Sign in</html>".to_vec(),
        vec![],
    ]
});

/// What a server answers to one path.
#[derive(Clone)]
struct Reply {
    status: u16,
    body: Vec<u8>,
    etag: Option<String>,
    /// Answers 304 to whoever sends the tag.
    honours: bool,
}

/// One answer that was given.
struct Given {
    path: String,
    status: u16,
    conditional: bool,
    body: Vec<u8>,
}

#[derive(Default)]
struct Script {
    replies: BTreeMap<String, Reply>,
    given: Vec<Given>,
}

/// A server whose answers are replaced between runs.
struct Scripted {
    port: u16,
    script: Arc<Mutex<Script>>,
}

impl Scripted {
    fn start() -> Self {
        let listener = TcpListener::bind(("127.0.0.1", 0)).unwrap();
        let port = listener.local_addr().unwrap().port();
        let script = Arc::<Mutex<Script>>::default();
        let shared = Arc::clone(&script);
        std::thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let shared = Arc::clone(&shared);
                std::thread::spawn(move || drop(serve(&stream, &shared)));
            }
        });
        Self { port, script }
    }
}

fn serve(mut stream: &TcpStream, script: &Mutex<Script>) -> std::io::Result<()> {
    stream.set_nodelay(true)?;
    let mut reader = BufReader::new(stream);
    loop {
        let (mut line, mut tag) = (String::new(), None);
        if reader.read_line(&mut line)? == 0 {
            return Ok(());
        }
        let path = line.split(' ').nth(1).unwrap_or_default().to_owned();
        loop {
            line.clear();
            if reader.read_line(&mut line)? == 0 || line.trim().is_empty() {
                break;
            }
            if let Some((name, value)) = line.split_once(':')
                && name.eq_ignore_ascii_case("if-none-match")
            {
                tag = Some(value.trim().to_owned());
            }
        }
        let (status, head, body) = {
            let mut script = script.lock().unwrap();
            let missing = Reply { status: 404, body: vec![], etag: None, honours: false };
            let reply = script.replies.get(&path).cloned().unwrap_or(missing);
            let status = if reply.honours && tag.is_some() && tag == reply.etag { 304 } else { reply.status };
            let bodyless = matches!(status, 204 | 304);
            let body = if bodyless { vec![] } else { reply.body };
            let head = reply.etag.map(|etag| format!("ETag: {etag}\r\n")).unwrap_or_default();
            let length = if bodyless { String::new() } else { format!("Content-Length: {}\r\n", body.len()) };
            script.given.push(Given { path, status, conditional: tag.is_some(), body: body.clone() });
            (status, head + &length, body)
        };
        stream.write_all(format!("HTTP/1.1 {status} X\r\n{head}\r\n").as_bytes())?;
        stream.write_all(&body)?;
    }
}

/// One file of an edition.
type Part = fn(&Edition) -> &Vec<u8>;

/// The answers of one base: an honest edition, with some that are not.
fn replies(chance: &mut Chance, base: &str) -> BTreeMap<String, Reply> {
    let edition = if chance.once_in(4) { GOOD + chance.below(2) } else { chance.below(GOOD) };
    let hostile = chance.below(4);
    let mut replies = BTreeMap::new();
    let files: [(&str, Part); 5] = [
        ("InRelease", |edition| &edition.inline),
        ("Release", |edition| &edition.release),
        ("Release.gpg", |edition| &edition.detached),
        ("main/binary-armhf/Packages", |edition| &edition.packages),
        ("main/binary-armhf/Packages.gz", |edition| &edition.packed),
    ];
    let inline = !chance.once_in(3);
    for (index, (name, of)) in files.into_iter().enumerate() {
        let mut body = of(&EDITIONS[edition]).clone();
        let mut status = if index == 0 && !inline { 404 } else { 200 };
        if chance.below(4) < hostile {
            match chance.below(3) {
                0 => status = *chance.pick(&STATUSES),
                1 => body.clone_from(of(chance.pick(&*EDITIONS))),
                _ => body.clone_from(chance.pick(&MIXTURES)),
            }
        }
        let etag = (!chance.once_in(3)).then(|| format!("\"{}\"", if chance.once_in(4) { 1 } else { edition }));
        let honours = chance.once_in(2);
        replies.insert(format!("{base}/dists/stable/{name}"), Reply { status, body, etag, honours });
    }
    replies
}

/// What others may do to a cache between two runs.
fn meddle(chance: &mut Chance, cache: &Path) {
    let evil = &EDITIONS[GOOD + chance.below(2)];
    match chance.below(6) {
        // Index files under names that are not theirs.
        0 => {
            let index = cache.join("index");
            std::fs::create_dir_all(&index).unwrap();
            for edition in &EDITIONS[..GOOD] {
                std::fs::write(index.join(Sha256::of(&edition.packages).to_hex()), &evil.packages).unwrap();
                std::fs::write(index.join(format!("{}.gz", Sha256::of(&edition.packed))), &evil.packed).unwrap();
            }
        }
        // Memories of something else, with or without a signature, or of nothing at all.
        1 | 2 => {
            let text = |bytes: &[u8]| String::from_utf8(bytes.to_vec()).unwrap();
            let raw = match chance.below(5) {
                0 => serde_json::Value::Null,
                1 => serde_json::json!({ "inline": text(&evil.inline) }),
                2 => serde_json::json!({ "unsigned": text(&evil.release) }),
                3 => serde_json::json!({ "detached": { "text": text(&evil.release), "signature": "00" } }),
                _ => serde_json::json!({ "inline": text(&MIXTURES[0]) }),
            };
            for entry in std::fs::read_dir(cache.join("release")).into_iter().flatten().flatten() {
                let mut memory: serde_json::Value = serde_json::from_slice(&std::fs::read(entry.path()).unwrap()).unwrap();
                memory["raw"] = raw.clone();
                memory["etag"] = serde_json::json!(format!("\"{}\"", chance.below(5)));
                if chance.once_in(2) {
                    memory["date"] = serde_json::Value::Null;
                }
                if chance.once_in(2) {
                    let (sha256, size) = (Sha256::of(&evil.packages).to_hex(), evil.packages.len());
                    let loose = serde_json::json!({ "sha256": sha256, "size": size, "suffix": "", "etag": "\"1\"", "last_modified": null });
                    memory["loose"] = serde_json::json!({ "main/binary-armhf/Packages": loose });
                    std::fs::create_dir_all(cache.join("index")).unwrap();
                    std::fs::write(cache.join("index").join(&sha256), &evil.packages).unwrap();
                }
                std::fs::write(entry.path(), memory.to_string()).unwrap();
            }
        }
        3 => drop(std::fs::remove_dir_all(cache.join("release"))),
        4 => drop(std::fs::remove_dir_all(cache)),
        _ => {}
    }
}

/// What all histories together came across, to see that they went everywhere.
#[derive(Default)]
struct Seen {
    accepted: usize,
    refused: usize,
    unasked: usize,
    confirmed: usize,
    offline: usize,
    past: usize,
    second: usize,
    statuses: BTreeSet<u16>,
}

struct World {
    server: Scripted,
    keys: KeyRing,
    dir: tempfile::TempDir,
}

impl World {
    fn new() -> Self {
        let dir = tempfile::tempdir().unwrap();
        let key = dir.path().join("key.asc");
        GPG.export_to(&[&KEY], &key);
        Self { server: Scripted::start(), keys: KeyRing::load(&[KeySource::File(key)]).unwrap(), dir }
    }

    /// Plays one history; says what went wrong in it.
    fn play(&self, number: u64, trust: Trust, seen: &mut Seen) -> Result<(), String> {
        let mut chance = Chance::new(number + 1);
        let cache_directory = self.dir.path().join(format!("cache-{number}"));
        let mut remembered: BTreeSet<Vec<u8>> = BTreeSet::new();
        let bases: Vec<String> = ["/a", "/b"].iter().take(1 + chance.below(2)).map(|base| (*base).to_owned()).collect();
        for run in 0..1 + chance.below(4) {
            {
                let mut script = self.server.script.lock().unwrap();
                script.given.clear();
                script.replies.clear();
                for base in &bases {
                    script.replies.extend(replies(&mut chance, base));
                }
            }
            if run > 0 {
                meddle(&mut chance, &cache_directory);
            }
            let (offline, past) = (run > 0 && chance.once_in(5), chance.once_in(6));
            let max_age = chance.once_in(6).then_some(MaxAge { age: Duration::from_secs(86400 * 36500), is_error: chance.once_in(2) });
            let now = Timestamp::now();
            let source = Source {
                name: "r".to_owned(),
                steering: RepoSteering {
                    archive: None,
                    suites: vec!["stable".to_owned()],
                    components: vec!["main".to_owned()],
                    only: vec![],
                    exclude: vec![],
                    priority: RepoSteering::DEFAULT_PRIORITY,
                    trust,
                },
                bases: bases.iter().map(|base| Url::parse(&format!("http://127.0.0.1:{}{base}", self.server.port)).unwrap()).collect(),
                keys: if trust == Trust::None { KeyRing::default() } else { self.keys.clone() },
                at: past.then_some(now),
                expected: BTreeMap::from([("stable".to_owned(), Expected { name: None, max_age })]),
                recorded: BTreeMap::new(),
            };
            let options = ClientOptions {
                offline,
                tries: 1,
                pause: Duration::ZERO,
                longest_pause: Duration::ZERO,
                read_timeout: Duration::from_secs(20),
                ..ClientOptions::default()
            };
            let cache = Cache::new(&cache_directory);
            let loaded = update(&Client::new(options), &cache, &[source], &[Architecture::parse("armhf").unwrap()], now);
            let read = loaded.and_then(|loaded| {
                let texts = loaded.indexes.iter().map(|file| {
                    let index = file.read(&cache)?;
                    let names: Vec<String> = index.packages().map(|package| package.name().to_owned()).collect();
                    Ok((names, file.vouched().sha256()))
                });
                texts.collect::<Result<Vec<_>, pintree::repo::Error>>()
            });
            let script = self.server.script.lock().unwrap();
            for given in &script.given {
                seen.statuses.insert(given.status);
                seen.unasked += usize::from(given.status == 304 && !given.conditional);
                seen.confirmed += usize::from(given.status == 304 && given.conditional);
            }
            let Ok(read) = read else {
                seen.refused += 1;
                continue;
            };
            seen.accepted += 1;
            seen.offline += usize::from(offline);
            seen.past += usize::from(past);
            for (names, release) in read {
                if names.iter().any(|name| name != "good") {
                    return Err(format!("run {run}: packages {names:?} that no accepted key vouches for"));
                }
                let body_of = |edition: &Edition| [edition.inline.clone(), edition.release.clone()];
                let edition = EDITIONS[..GOOD].iter().find(|edition| Some(Sha256::of(&edition.release)) == release);
                let edition = edition.ok_or_else(|| format!("run {run}: a `Release` that is no edition's"))?;
                let is_its = |given: &&Given| given.status == 200 && body_of(edition).contains(&given.body);
                let came = script.given.iter().find(is_its);
                seen.second += usize::from(came.is_some_and(|given| given.path.starts_with("/b")));
                let confirmed = script.given.iter().any(|given| given.status == 304 && given.conditional);
                let known = body_of(edition).iter().any(|body| remembered.contains(body));
                if came.is_none() && !(known && (confirmed || offline)) {
                    return Err(format!("run {run}: its `Release` came with no status that gives it"));
                }
                remembered.extend(body_of(edition));
            }
        }
        let _unused = std::fs::remove_dir_all(&cache_directory);
        Ok(())
    }
}

fn number(variable: &str) -> Option<u64> {
    std::env::var(variable).ok().map(|text| text.parse().unwrap())
}

#[test]
fn no_history_lets_unsigned_bytes_in() {
    let world = World::new();
    let mut seen = Seen::default();
    let histories = match number("PINTREE_HISTORY") {
        Some(one) => one..one + 1,
        None => 0..number("PINTREE_HISTORIES").unwrap_or(400),
    };
    let count = histories.end - histories.start;
    let wrong: Vec<String> = histories
        .filter_map(|number| world.play(number, Trust::Index, &mut seen).err().map(|problem| format!("history {number}: {problem}")))
        .collect();
    eprintln!(
        "{count} histories: {} runs accepted, {} refused; {} answers 304 unasked, {} asked; offline {}, past {}, second mirror {}; {} wrong",
        seen.accepted,
        seen.refused,
        seen.unasked,
        seen.confirmed,
        seen.offline,
        seen.past,
        seen.second,
        wrong.len()
    );
    assert!(wrong.is_empty(), "{} of {count}:\n{}", wrong.len(), wrong[..wrong.len().min(10)].join("\n"));
    if count >= 400 {
        let places = [seen.accepted / 40, seen.refused / 40, seen.unasked, seen.confirmed, seen.offline, seen.past, seen.second];
        assert!(places.iter().all(|count| *count > 3) && STATUSES.iter().all(|status| seen.statuses.contains(status)), "{places:?}");
    }
}

/// The same model sees unsigned bytes where the user has asked for no proof.
#[test]
fn the_model_sees_unsigned_bytes() {
    let world = World::new();
    let wrong = (0..60).filter(|number| world.play(*number, Trust::None, &mut Seen::default()).is_err()).count();
    assert!(wrong > 10, "{wrong}");
}

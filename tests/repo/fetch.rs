//! One file from a server that behaves as servers do.

use std::fs::File;
use std::io::Read as _;
use std::path::Path;
use std::time::{Duration, Instant};

use pintree::pkg::Sha256;
use pintree::repo::{
    Answer, Client, ClientOptions, Credentials, Error, ErrorKind, HashedFile, Limit, Proxies, Url, Validators, fetch_package,
};
use pintree::testkit::server::{Fault, Server};

pub fn options() -> ClientOptions {
    ClientOptions {
        tries: 3,
        pause: Duration::from_millis(1),
        longest_pause: Duration::from_millis(20),
        read_timeout: Duration::from_secs(5),
        ..ClientOptions::default()
    }
}

pub fn site() -> (tempfile::TempDir, Server) {
    let dir = tempfile::tempdir().unwrap();
    std::fs::write(dir.path().join("file"), b"hello world").unwrap();
    std::fs::write(dir.path().join("empty"), b"").unwrap();
    std::fs::write(dir.path().join("big"), vec![7; 300_000]).unwrap();
    let server = Server::start(dir.path());
    (dir, server)
}

pub fn url(server: &Server, path: &str) -> Url {
    Url::parse(&format!("{}{path}", server.url())).unwrap()
}

fn get(client: &Client, url: &Url, limit: Limit) -> Result<Vec<u8>, Error> {
    let mut body = Vec::new();
    client.get(url, limit, &mut body).map(|_| body)
}

/// Ports change from run to run.
fn said(error: &Error, server: &Server) -> String {
    let mut text = error.to_string().replace(&format!(":{}", server.port()), "");
    let mut cause = std::error::Error::source(error);
    while let Some(inner) = cause {
        text += &format!("\ncaused by: {inner}");
        cause = inner.source();
    }
    text
}

#[test]
fn gets_files_of_every_length() {
    let (_dir, server) = site();
    let client = Client::new(options());
    assert_eq!(get(&client, &url(&server, "/file"), Limit::Exactly(11)).unwrap(), b"hello world");
    assert_eq!(get(&client, &url(&server, "/empty"), Limit::Exactly(0)).unwrap(), b"");
    assert_eq!(get(&client, &url(&server, "/big"), Limit::AtMost(300_000)).unwrap().len(), 300_000);
    server.fault("/big", 1, Fault::Chunked);
    assert_eq!(get(&client, &url(&server, "/big"), Limit::Exactly(300_000)).unwrap().len(), 300_000);
    assert_eq!(server.connections(), 1, "one connection serves them all");
}

#[test]
fn never_reads_more_than_allowed() {
    let (_dir, server) = site();
    let client = Client::new(options());
    for (limit, chunked, expected) in [
        (Limit::Exactly(10), false, "`http://127.0.0.1/big` has 300000 bytes, expected 10"),
        (Limit::Exactly(400_000), false, "`http://127.0.0.1/big` has 300000 bytes, expected 400000"),
        (Limit::Exactly(400_000), true, "`http://127.0.0.1/big` has 300000 bytes, expected 400000"),
        (Limit::AtMost(1000), false, "`http://127.0.0.1/big` is longer than the 1000 bytes allowed"),
        (Limit::AtMost(1000), true, "`http://127.0.0.1/big` is longer than the 1000 bytes allowed"),
    ] {
        if chunked {
            server.fault("/big", 1, Fault::Chunked);
        }
        let error = get(&client, &url(&server, "/big"), limit).unwrap_err();
        assert_eq!((said(&error, &server).as_str(), error.kind()), (expected, ErrorKind::Integrity));
    }
    server.fault("/big", 1, Fault::Chunked);
    let error = get(&client, &url(&server, "/big"), Limit::Exactly(10)).unwrap_err().to_string();
    assert!(error.contains("has at least "), "{error}");
    assert_eq!(server.take_log().len(), 6, "none of them is tried again");
}

#[test]
fn tries_again_after_transient_failures() {
    let (_dir, server) = site();
    let client = Client::new(options());
    for fault in [
        Fault::Status(500, None),
        Fault::Status(503, Some("1".to_owned())),
        Fault::Status(429, Some("Thu, 01 Jan 2099 00:00:00 GMT".to_owned())),
        Fault::Status(408, None),
        Fault::Truncate(4),
        Fault::Truncate(0),
        Fault::Hangup,
    ] {
        server.fault("/file", 2, fault.clone());
        let start = Instant::now();
        assert_eq!(get(&client, &url(&server, "/file"), Limit::Exactly(11)).unwrap(), b"hello world", "{fault:?}");
        assert!(start.elapsed() < Duration::from_secs(5), "{fault:?}: pauses have an end");
        assert!(server.take_log().len() >= 3, "{fault:?}");
    }
}

#[test]
fn waits_as_long_as_the_server_asks() {
    let (_dir, server) = site();
    let client = Client::new(ClientOptions { longest_pause: Duration::from_secs(10), ..options() });
    server.fault("/file", 1, Fault::Status(503, Some("1".to_owned())));
    let start = Instant::now();
    get(&client, &url(&server, "/file"), Limit::Exactly(11)).unwrap();
    assert!(start.elapsed() >= Duration::from_secs(1));
}

#[test]
fn gives_up_in_the_end() {
    let (_dir, server) = site();
    let client = Client::new(options());
    server.fault("/file", usize::MAX, Fault::Status(503, None));
    let error = get(&client, &url(&server, "/file"), Limit::Exactly(11)).unwrap_err();
    insta::assert_snapshot!(said(&error, &server), @"`http://127.0.0.1/file`: the server answered 503");
    assert_eq!((error.kind(), server.take_log().len()), (ErrorKind::Network, 3));

    server.behave();
    server.fault("/file", usize::MAX, Fault::Truncate(4));
    let error = get(&client, &url(&server, "/file"), Limit::Exactly(11)).unwrap_err();
    assert!(said(&error, &server).starts_with("cannot get `http://127.0.0.1/file`\ncaused by: "), "{}", said(&error, &server));
    assert_eq!(error.kind(), ErrorKind::Network);

    let port = server.port();
    drop(server);
    // Nobody listens there any more, once the listening thread has ended.
    let gone = Url::parse(&format!("http://me:secret@127.0.0.1:{}/file", if port == 1 { 2 } else { 1 })).unwrap();
    let error = get(&client, &gone, Limit::Exactly(11)).unwrap_err();
    let text = format!("{error} {:?}", error);
    assert_eq!(error.kind(), ErrorKind::Network);
    assert!(!text.contains("secret") && !text.contains("me:"), "{text}");
}

#[test]
fn does_not_wait_for_a_silent_server() {
    let (_dir, server) = site();
    let client = Client::new(ClientOptions { read_timeout: Duration::from_millis(100), tries: 2, ..options() });
    server.fault("/file", 1, Fault::Delay(Duration::from_secs(2)));
    assert_eq!(get(&client, &url(&server, "/file"), Limit::Exactly(11)).unwrap(), b"hello world");
}

#[test]
fn does_not_try_again_what_cannot_change() {
    let (_dir, server) = site();
    let client = Client::new(options());
    for (status, kind) in [(404, ErrorKind::Missing), (410, ErrorKind::Missing), (403, ErrorKind::Network), (400, ErrorKind::Network)] {
        server.fault("/file", 1, Fault::Status(status, None));
        assert_eq!(get(&client, &url(&server, "/file"), Limit::AtMost(99)).unwrap_err().kind(), kind, "{status}");
        assert_eq!(server.take_log().len(), 1);
    }
    let error = get(&client, &url(&server, "/none"), Limit::AtMost(99)).unwrap_err();
    insta::assert_snapshot!(said(&error, &server), @"`http://127.0.0.1/none` does not exist");
}

#[test]
fn asks_only_for_what_changed() {
    let (dir, server) = site();
    let client = Client::new(options());
    let mut body = Vec::new();
    let Answer::Body { validators, .. } = client.get(&url(&server, "/file"), Limit::AtMost(99), &mut body).unwrap() else { panic!() };
    assert!(validators.etag.is_some() && validators.last_modified.is_some());
    let again = |validators: &Validators| client.get_if_changed(&url(&server, "/file"), Limit::AtMost(99), validators, &mut Vec::new());
    assert_eq!(again(&validators).unwrap(), Answer::NotModified);
    let date_only = Validators { etag: None, ..validators.clone() };
    assert_eq!(again(&date_only).unwrap(), Answer::NotModified);
    std::fs::write(dir.path().join("file"), b"other").unwrap();
    assert!(matches!(again(&validators).unwrap(), Answer::Body { size: 5, .. }));
}

#[test]
fn follows_redirects_up_to_a_point() {
    let (_dir, server) = site();
    let client = Client::new(options());
    for status in [301, 302, 303, 307, 308] {
        server.fault("/a", 1, Fault::Redirect(status, "/file".to_owned()));
        assert_eq!(get(&client, &url(&server, "/a"), Limit::Exactly(11)).unwrap(), b"hello world");
    }
    server.fault("/loop", usize::MAX, Fault::Redirect(302, "/loop".to_owned()));
    server.take_log();
    let error = get(&client, &url(&server, "/loop"), Limit::AtMost(99)).unwrap_err();
    insta::assert_snapshot!(said(&error, &server), @"`http://127.0.0.1/loop`: more than 10 redirects");
    assert_eq!(server.take_log().len(), 11);
    server.fault("/out", 1, Fault::Redirect(302, "file:///etc/passwd".to_owned()));
    assert!(matches!(get(&client, &url(&server, "/out"), Limit::AtMost(99)), Err(Error::Redirect { .. })));
}

#[test]
fn logs_in_where_it_should_and_nowhere_else() {
    let (_dir, server) = site();
    let (_other_dir, other) = site();
    let (credentials, _) = Credentials::from_environment([("PINTREE_TOKEN_127_0_0_1".to_owned(), "s3cret".to_owned())]);
    let client = Client::new(ClientOptions { credentials, ..options() });
    server.demand("Bearer s3cret");
    assert!(get(&client, &url(&server, "/file"), Limit::Exactly(11)).is_ok());
    let stranger = get(&Client::new(options()), &url(&server, "/file"), Limit::Exactly(11)).unwrap_err();
    insta::assert_snapshot!(said(&stranger, &server), @"`http://127.0.0.1/file`: the server answered 401 (credentials are missing or wrong)");
    insta::assert_snapshot!(stranger.hint().unwrap(), @"credentials come from `~/.netrc` or from `PINTREE_TOKEN_127_0_0_1`");

    // Another port is another server.
    server.fault("/away", 1, Fault::Redirect(302, format!("{}/file", other.url())));
    assert!(get(&client, &url(&server, "/away"), Limit::Exactly(11)).is_ok());
    assert!(!other.take_log()[0].headers.contains_key("authorization"));
    // The same server keeps it.
    server.fault("/here", 1, Fault::Redirect(302, "/file".to_owned()));
    assert!(get(&client, &url(&server, "/here"), Limit::Exactly(11)).is_ok());

    // What stands in the URL is used and never shown.
    server.demand("Basic bWU6c2VjcmV0");
    let with_login = Url::parse(&format!("http://me:secret@127.0.0.1:{}/file", server.port())).unwrap();
    assert!(get(&client, &with_login, Limit::Exactly(11)).is_ok());
    let error = get(&client, &with_login, Limit::Exactly(12)).unwrap_err();
    insta::assert_snapshot!(said(&error, &server), @"`http://127.0.0.1/file` has 11 bytes, expected 12");
}

#[test]
fn goes_through_proxies() {
    let (_dir, server) = site();
    let proxies = |pairs: Vec<(&'static str, String)>| {
        let pairs: Vec<_> = pairs;
        Proxies::from_environment(move |name| pairs.iter().find(|(key, _)| *key == name).map(|(_, value)| value.clone()))
    };
    let through = |proxies| Client::new(ClientOptions { proxies, ..options() });
    let target = Url::parse("http://packages.invalid/file").unwrap();
    let client = through(proxies(vec![("http_proxy", server.url())]));
    assert_eq!(get(&client, &target, Limit::Exactly(11)).unwrap(), b"hello world");
    assert_eq!(server.take_log()[0].path, "http://packages.invalid/file");
    let client = through(proxies(vec![("all_proxy", format!("127.0.0.1:{}", server.port()))]));
    assert_eq!(get(&client, &target, Limit::Exactly(11)).unwrap(), b"hello world");
    // A proxy that wants credentials has its own place for them.
    server.fault("/file", 1, Fault::Status(407, None));
    let error = get(&client, &target, Limit::Exactly(11)).unwrap_err();
    insta::assert_snapshot!(error.hint().unwrap(), @"a proxy's credentials stand in its address: `http_proxy=http://USER:PASSWORD@proxy.example.org:3128`");
    // Exceptions are asked directly.
    server.take_log();
    let client = through(proxies(vec![("http_proxy", "http://proxy.invalid:1".to_owned()), ("no_proxy", "127.0.0.1".to_owned())]));
    assert_eq!(get(&client, &url(&server, "/file"), Limit::Exactly(11)).unwrap(), b"hello world");
    assert_eq!(server.take_log()[0].path, "/file");
}

#[test]
fn offline_means_offline() {
    let (dir, server) = site();
    let client = Client::new(ClientOptions { offline: true, ..options() });
    let error = get(&client, &url(&server, "/file"), Limit::Exactly(11)).unwrap_err();
    assert_eq!((error.kind(), server.connections()), (ErrorKind::Network, 0));
    let local = Url::from_file_path(dir.path().join("file")).unwrap();
    assert_eq!(get(&client, &local, Limit::Exactly(11)).unwrap(), b"hello world");
}

#[test]
fn reads_local_files_with_the_same_rules() {
    let (dir, _server) = site();
    let client = Client::new(options());
    let local = |name: &str| Url::from_file_path(dir.path().join(name)).unwrap();
    assert!(matches!(get(&client, &local("none"), Limit::AtMost(9)), Err(Error::Missing { .. })));
    assert!(matches!(get(&client, &local("."), Limit::AtMost(9)), Err(Error::Missing { .. })), "a directory is no file");
    assert!(matches!(get(&client, &local("file"), Limit::Exactly(9)), Err(Error::Size { expected: 9, actual: 11, .. })));
    assert!(matches!(get(&client, &local("big"), Limit::AtMost(9)), Err(Error::TooLarge { .. })));
    assert!(matches!(get(&client, &Url::parse("ftp://h/x").unwrap(), Limit::AtMost(9)), Err(Error::Scheme { .. })));
}

#[test]
fn shares_connection_slots_between_clients() {
    let (dir, server) = site();
    server.fault("/file", usize::MAX, Fault::Delay(Duration::from_millis(10)));
    let slots = Some((dir.path().join("slots"), 2));
    std::thread::scope(|scope| {
        for _ in 0..8 {
            scope.spawn(|| {
                get(&Client::new(ClientOptions { slots: slots.clone(), ..options() }), &url(&server, "/file"), Limit::Exactly(11)).unwrap()
            });
        }
    });
    assert!(server.most_busy() <= 2, "{}", server.most_busy());
}

fn package(client: &Client, sources: &[Url], size: u64, sha256: Sha256, path: &Path) -> Result<Vec<String>, Error> {
    let file = File::options().create(true).truncate(true).write(true).open(path).unwrap();
    let fetched = fetch_package(client, sources, size, sha256, &mut HashedFile::new(&file))?;
    Ok(fetched.warnings.iter().map(ToString::to_string).collect())
}

#[test]
fn the_next_source_mends_what_the_first_spoils() {
    let (dir, bad) = site();
    let (_good_dir, good) = site();
    let client = Client::new(options());
    let path = dir.path().join("out");
    let sources = [url(&bad, "/file"), url(&good, "/file")];
    let sha256 = Sha256::of(b"hello world");
    for (fault, warning) in [
        (Fault::Corrupt, "has SHA-256 "),
        (Fault::Replace(b"short".to_vec()), "has 5 bytes, expected 11; used the next address"),
        (Fault::Status(404, None), "does not exist; used the next address"),
        (Fault::Status(500, None), "answered 500; used the next address"),
        (Fault::Truncate(3), "cannot get"),
    ] {
        bad.behave();
        bad.fault("/file", usize::MAX, fault.clone());
        let warnings = package(&client, &sources, 11, sha256, &path).unwrap();
        assert!(warnings.len() == 1 && warnings[0].contains(warning), "{fault:?}: {warnings:?}");
        let mut text = String::new();
        File::open(&path).unwrap().read_to_string(&mut text).unwrap();
        assert_eq!(text, "hello world");
    }
    assert!(package(&client, &sources[1..], 11, sha256, &path).unwrap().is_empty());
}

#[test]
fn of_several_failures_the_worst_is_told() {
    let (dir, one) = site();
    let (_two_dir, two) = site();
    let client = Client::new(options());
    let path = dir.path().join("out");
    let sources = [url(&one, "/file"), url(&two, "/file")];
    let missing = || Fault::Status(404, None);
    for (first, second, kind) in [
        (missing(), missing(), ErrorKind::Missing),
        (missing(), Fault::Status(500, None), ErrorKind::Network),
        (Fault::Corrupt, Fault::Status(500, None), ErrorKind::Integrity),
        (missing(), Fault::Corrupt, ErrorKind::Integrity),
    ] {
        one.behave();
        two.behave();
        one.fault("/file", usize::MAX, first);
        two.fault("/file", usize::MAX, second);
        let error = package(&client, &sources, 11, Sha256::of(b"hello world"), &path).unwrap_err();
        assert_eq!(error.kind(), kind);
        assert_eq!(error.to_string(), "none of 2 addresses has a usable `file`");
    }
    let error = package(&client, &sources[..1], 11, Sha256::of(b"x"), &path).unwrap_err();
    assert!(matches!(error, Error::Missing { .. }), "one address: its own failure");
    assert_eq!(package(&client, &[], 11, Sha256::of(b"x"), &path).unwrap_err().kind(), ErrorKind::Usage);
}

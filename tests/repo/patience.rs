//! No server holds a run up, however it goes about it: the next address has its turn.
//!
//! Times are those of the product divided by a hundred; that the product's own are what they should be is read off its
//! options.

use crate::fetch::{options, site, url};
use pintree::pkg::Sha256;
use pintree::repo::{Client, ClientOptions, Error, ErrorKind, HashedFile, Limit, Pace, Url, fetch_package};
use pintree::testkit::server::{Fault, Server};
use std::time::{Duration, Instant};

const BIG: u64 = 300_000;

fn milliseconds(count: u64) -> Duration {
    Duration::from_millis(count)
}

/// A hundredth of the product's times, and a hundred times its rates.
fn hurried() -> ClientOptions {
    let pace = Pace { least: 100_000, window: milliseconds(300), total: milliseconds(6000), steady: 400_000 };
    ClientOptions { tries: 4, read_timeout: milliseconds(300), pace, longest_pause: milliseconds(200), ..options() }
}

#[test]
fn the_product_waits_no_longer_than_it_says() {
    let options = ClientOptions::default();
    let Pace { least, window, total, .. } = options.pace;
    assert_eq!((least, window.as_secs(), total.as_secs()), (1000, 30, 600));
    assert_eq!((options.connect_timeout.as_secs(), options.read_timeout.as_secs(), options.longest_pause.as_secs()), (20, 30, 20));
}

/// What becomes of a file that a server sends in its way, and how long that takes.
fn get(server: &Server, fault: Fault, limit: Limit) -> (Error, Duration) {
    server.fault("/big", usize::MAX, fault);
    let start = Instant::now();
    let error = Client::new(hurried()).get(&url(server, "/big"), limit, &mut Vec::new()).unwrap_err();
    (error, start.elapsed())
}

#[test]
fn a_slow_server_is_given_up() {
    for (fault, limit, most) in [
        // A byte now and then, never silent for long.
        (Fault::Drip(1, milliseconds(30)), Limit::Exactly(BIG), 600),
        // Just below the least rate.
        (Fault::Drip(2000, milliseconds(25)), Limit::Exactly(BIG), 900),
        (Fault::Endless(10, milliseconds(10)), Limit::AtMost(1 << 30), 600),
        // Silent from the first byte, in the middle, after the head: two tries, since a packet may have been lost.
        (Fault::Stall(0), Limit::Exactly(BIG), 1200),
        (Fault::Stall(1000), Limit::Exactly(BIG), 1200),
        (Fault::Delay(milliseconds(2000)), Limit::Exactly(BIG), 1200),
        // A head that never ends: each line comes in time, all of them do not.
        (Fault::Headers(milliseconds(20)), Limit::Exactly(BIG), 1200),
    ] {
        let (_dir, server) = site();
        let (error, time) = get(&server, fault.clone(), limit);
        assert_eq!(error.kind(), ErrorKind::Network, "{fault:?}: {error}");
        assert!(time < milliseconds(most + 800), "{fault:?}: {time:?}");
        assert!(server.take_log().len() <= 2, "{fault:?}");
    }
}

#[test]
fn what_never_ends_ends_at_its_limit() {
    let (_dir, server) = site();
    let (error, time) = get(&server, Fault::Endless(10_000, Duration::ZERO), Limit::AtMost(1_000_000));
    assert!(matches!(error, Error::TooLarge { .. }) && time < milliseconds(2000), "{error} {time:?}");
    let (_dir, server) = site();
    let (error, time) = get(&server, Fault::Endless(10_000, Duration::ZERO), Limit::Exactly(BIG));
    assert!(matches!(error, Error::Size { at_least: true, .. }) && time < milliseconds(2000), "{error} {time:?}");
    let (_dir, server) = site();
    // Headers as fast as they go: the library stops reading, long before memory is full.
    let (error, time) = get(&server, Fault::Headers(Duration::ZERO), Limit::Exactly(BIG));
    assert!(error.kind() == ErrorKind::Network && time < milliseconds(4000), "{error} {time:?}");
}

#[test]
fn all_tries_of_an_address_have_one_end() {
    // Fast enough at any time, and cut off again and again.
    let (_dir, server) = site();
    let pace = Pace { total: milliseconds(400), steady: 1 << 30, ..hurried().pace };
    let client = Client::new(ClientOptions { pace, tries: 1000, ..hurried() });
    server.fault("/big", usize::MAX, Fault::Truncate(1000));
    let start = Instant::now();
    let error = client.get(&url(&server, "/big"), Limit::Exactly(BIG), &mut Vec::new()).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Network);
    assert!(start.elapsed() < milliseconds(1500), "{:?}", start.elapsed());
    // A server that asks for patience gets some.
    let (_dir, server) = site();
    let (error, time) = get(&server, Fault::Status(503, Some("99999".to_owned())), Limit::Exactly(BIG));
    assert!(matches!(error, Error::Status { status: 503, .. }) && time < milliseconds(1400), "{error} {time:?}");
    assert_eq!(server.take_log().len(), 4);
    // Redirects that take their time are part of the head.
    let (_dir, server) = site();
    for number in 0..20 {
        let path = if number == 0 { "/big".to_owned() } else { format!("/hop{number}") };
        server.fault(&path, usize::MAX, Fault::Hop(milliseconds(200), format!("/hop{}", number + 1)));
    }
    let start = Instant::now();
    assert!(Client::new(hurried()).get(&url(&server, "/big"), Limit::Exactly(BIG), &mut Vec::new()).is_err());
    assert!(start.elapsed() < milliseconds(2500), "{:?}", start.elapsed());
}

#[test]
fn the_next_address_has_its_turn() {
    let digest = Sha256::of(&vec![7; 300_000]);
    for fault in [Fault::Drip(1, milliseconds(30)), Fault::Stall(0), Fault::Headers(milliseconds(20)), Fault::Endless(1, milliseconds(5))] {
        let (dir, slow) = site();
        let (_good_dir, good) = site();
        slow.fault("/big", usize::MAX, fault.clone());
        // What one process found out is known to the next one, which asks the slow one last.
        let slots = Some((dir.path().join("slots"), 2));
        for (asked, most) in [(true, 2500), (false, 600)] {
            let client = Client::new(ClientOptions { slots: slots.clone(), ..hurried() });
            let out = tempfile::tempfile().unwrap();
            let sources: Vec<Url> = vec![url(&slow, "/big"), url(&good, "/big")];
            let start = Instant::now();
            let fetched = fetch_package(&client, &sources, BIG, digest, &mut HashedFile::new(&out)).unwrap();
            assert!(fetched.url.starts_with(&good.url()), "{fault:?}");
            assert!(start.elapsed() < milliseconds(most), "{fault:?}: {:?}", start.elapsed());
            assert_eq!(!slow.take_log().is_empty(), asked, "{fault:?}");
        }
    }
}

#[test]
fn a_slow_server_keeps_no_slot_and_is_not_asked_for_ever() {
    let (dir, server) = site();
    server.fault("/big", usize::MAX, Fault::Drip(1, milliseconds(30)));
    let client = Client::new(ClientOptions { slots: Some((dir.path().join("slots"), 1)), ..hurried() });
    for turn in 0..5 {
        let error = client.get(&url(&server, "/big"), Limit::Exactly(BIG), &mut Vec::new()).unwrap_err();
        assert_eq!(matches!(error, Error::SlowServer { .. }), turn >= 3, "{turn}: {error}");
    }
    assert_eq!(server.take_log().len(), 3);
    let other = Client::new(ClientOptions { slots: Some((dir.path().join("slots"), 1)), ..hurried() });
    let start = Instant::now();
    other.get(&url(&server, "/file"), Limit::Exactly(11), &mut Vec::new()).unwrap();
    assert!(start.elapsed() < milliseconds(300), "the slot is free");
}

#[test]
fn what_is_slow_and_steady_comes() {
    let (dir, server) = site();
    // Above the least rate, in lumps, and for longer than the window.
    server.fault("/big", 1, Fault::Drip(20_000, milliseconds(50)));
    let mut body = Vec::new();
    Client::new(hurried()).get(&url(&server, "/big"), Limit::Exactly(BIG), &mut body).unwrap();
    assert_eq!(body.len(), 300_000);
    // Nobody writes into a pipe, and nobody waits for that.
    let pipe = dir.path().join("pipe");
    let made = std::process::Command::new("mkfifo").arg(&pipe).status();
    if made.is_ok_and(|status| status.success()) {
        let error = Client::new(hurried()).get(&Url::from_file_path(&pipe).unwrap(), Limit::AtMost(9), &mut Vec::new()).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Missing);
    }
}

use super::*;
use proptest::prelude::*;
use proptest::sample::select;
use std::collections::BTreeSet;

/// A pin of any shape; content depends on nothing but what identifies the file.
fn any_pin() -> impl Strategy<Value = Pin> {
    let names = select(vec!["a", "a-dev", "libb", "libc++6", "X_y"]);
    let arches = select(vec!["amd64", "armhf", "i386", "all"]);
    let sources = select(vec!["a", "libb", "src.7"]);
    let source_versions = select(vec!["1.0", "1.0-1", "1:2.0-1", "1.0+b1"]);
    let versions = select(vec!["=", "=+b1", "=+b2", "3:9", "3:9+b1", "7+b1+b2"]);
    let repos = select(vec!["debian", "security", "flat"]);
    let pools = select(vec!["pool/main", "pool/main", "pool/updates/main", "pool/contrib", ""]);
    (names, arches, sources, source_versions, versions, repos, pools).prop_map(
        |(name, architecture, source, source_version, version, repo, pool)| {
            let version = version.replace('=', source_version);
            let mut pin = from_source(name, &version, architecture, source, source_version);
            pin.repo = repo.to_owned();
            pin.path = match pool {
                "" => format!("./odd dir/{name}_{architecture}.deb"),
                pool => factor::derived_path(pool, source, name, &version, &arch(architecture)),
            };
            pin
        },
    )
}

/// Leaves out what cannot stand beside the rest in any lockfile.
fn compatible(pins: Vec<Pin>) -> Vec<Pin> {
    let mut kept: Vec<Pin> = vec![];
    for pin in pins {
        let clash = kept.iter().any(|other| {
            let same_name = other.name == pin.name;
            let mixed = other.architecture.is_independent() != pin.architecture.is_independent();
            let same_block = (&other.source, &other.source_version, &other.repo) == (&pin.source, &pin.source_version, &pin.repo);
            same_name && (other.version == pin.version && (mixed || other.architecture == pin.architecture) || mixed && same_block)
        });
        if !clash {
            kept.push(pin);
        }
    }
    kept
}

/// One image: its architectures, what it extends, and which packages it flips against it.
type ImageSketch = (Vec<&'static str>, Option<usize>, Vec<bool>);

fn any_parts() -> impl Strategy<Value = Parts> {
    let images = prop::collection::vec(
        (
            select(vec![vec!["amd64"], vec!["armhf", "amd64"], vec!["amd64", "armhf"]]),
            prop::option::of(0_usize..3),
            prop::collection::vec(any::<bool>(), 80),
        ),
        1..4,
    );
    (prop::collection::vec(any_pin(), 0..40).prop_map(compatible), images).prop_map(|(universe, images)| parts_of(&universe, &images))
}

fn parts_of(universe: &[Pin], sketches: &[ImageSketch]) -> Parts {
    let mut parts = Parts::default();
    for name in ["debian", "security", "flat"] {
        parts.steering.repos.insert(name.into(), repo(Some(name), &["stable"], &["main"]));
    }
    for (number, (arches, base, flips)) in sketches.iter().enumerate() {
        let name = format!("image{number}");
        let base = base.filter(|base| *base < number).map(|base| format!("image{base}"));
        parts.steering.images.insert(name.clone(), image(arches, base.as_deref(), &["a"]));
        for (a, architecture) in arches.iter().map(|name| arch(name)).enumerate() {
            let inherited = base.as_ref().and_then(|base| parts.pins.get(&(base.clone(), architecture.clone())));
            let mut set: Vec<Pin> = vec![];
            for (at, pin) in universe.iter().enumerate() {
                let has = inherited.is_some_and(|set| set.contains(pin)) != flips[(2 * at + a) % flips.len()];
                let native = |pin: &Pin| pin.architecture == architecture || pin.architecture.is_independent();
                let taken =
                    |other: &Pin| other.name == pin.name && (other.architecture == pin.architecture || native(other) && native(pin));
                if has && !set.iter().any(taken) {
                    set.push(pin.clone());
                }
            }
            set.sort();
            parts.pins.insert((name.clone(), architecture), set);
        }
    }
    parts
}

/// The same text with its blocks, lines and entries in another order.
fn shuffled(text: &str, mut seed: u64) -> String {
    let mut shuffle = |lines: &mut [String]| {
        for at in (1..lines.len()).rev() {
            seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            lines.swap(at, (seed >> 33) as usize % (at + 1));
        }
    };
    let mut blocks: Vec<String> = text.split("\n\n").map(str::to_owned).collect();
    for block in &mut blocks {
        let mut entries: Vec<String> = block.lines().filter(|line| line.starts_with("  ")).map(str::to_owned).collect();
        if entries.is_empty() && block.starts_with("[[source]]") {
            let mut lines: Vec<String> = block.lines().skip(1).map(str::to_owned).collect();
            shuffle(&mut lines);
            *block = format!("[[source]]\n{}", lines.join("\n"));
        } else if block.matches(" = [\n").count() == 1 {
            let (head, tail) = block.split_once(" = [\n").unwrap();
            let rest: Vec<&str> = tail.lines().filter(|line| !line.starts_with("  ") && *line != "]").collect();
            shuffle(&mut entries);
            *block = format!("{}\n{head} = [ # comment\n{}]", rest.join("\n"), entries.join("\n"));
            let name = block.lines().position(|line| line.starts_with("[image")).unwrap_or(0);
            let lines: Vec<&str> = block.lines().collect();
            *block = format!("{}\n{}\n{}", lines[name], lines[..name].join("\n"), lines[name + 1..].join("\n"));
        }
    }
    shuffle(&mut blocks[1..]);
    blocks.join("\n\n\n")
}

proptest! {
    #[test]
    fn pins_come_back(parts in any_parts()) {
        let lock = Lockfile::build(parts.clone(), None).unwrap();
        let text = lock.render();
        let read = Lockfile::parse(&text).unwrap_or_else(|error| panic!("{error}\n{text}"));
        prop_assert_eq!(&read, &lock);
        prop_assert_eq!(read.check(&text), vec![]);
        for ((image, architecture), pins) in &parts.pins {
            prop_assert_eq!(&read.pins(image, architecture).unwrap(), pins, "{} {}\n{}", image, architecture, text);
        }
        prop_assert_eq!(Lockfile::build(read.to_parts(), Some(&read)).unwrap(), lock);
        prop_assert_eq!(read.compare(&parts.steering), Ok(vec![]));
        prop_assert_eq!(read.differences(&read), vec![]);
    }

    #[test]
    fn order_of_input_means_nothing(parts in any_parts(), seed in any::<u64>()) {
        let lock = Lockfile::build(parts.clone(), None).unwrap();
        let mut backwards = parts;
        backwards.pins.values_mut().for_each(|set| set.reverse());
        prop_assert_eq!(Lockfile::build(backwards, None).unwrap().render(), lock.render());
        let text = shuffled(&lock.render(), seed);
        let read = Lockfile::parse(&text).unwrap_or_else(|error| panic!("{error}\n{text}"));
        prop_assert_eq!(read.render(), lock.render());
    }

    #[test]
    fn broken_text_is_an_error_or_a_value(parts in any_parts(), at in any::<prop::sample::Index>(), other in any::<prop::sample::Index>()) {
        let text = Lockfile::build(parts, None).unwrap().render();
        let mut lines: Vec<&str> = text.lines().collect();
        let (at, other) = (at.index(lines.len()), other.index(lines.len()));
        lines[at] = lines[other];
        if let Ok(lock) = Lockfile::parse(&lines.join("\n")) {
            prop_assert_eq!(&Lockfile::parse(&lock.render()).unwrap(), &lock);
        }
    }

    #[test]
    fn a_list_names_each_package_once(parts in any_parts()) {
        let text = Lockfile::build(parts, None).unwrap().render();
        for image in text.split("\n\n").filter(|block| block.starts_with("[image.")) {
            let packages: Vec<&str> = image.split_once("packages = [").unwrap().1.lines().filter(|line| line.starts_with("  ")).collect();
            let distinct: BTreeSet<&str> = packages.iter().copied().collect();
            prop_assert_eq!(distinct.len(), packages.len(), "{}", image);
        }
    }
}

#[test]
fn two_binnmus_of_one_source_stand_side_by_side() {
    let mut parts = Parts::default();
    parts.steering.repos.insert("debian".into(), repo(None, &["stable"], &["main"]));
    for (name, version) in [("one", "1.0+b1"), ("two", "1.0+b2")] {
        parts.steering.images.insert(name.into(), image(&["amd64"], None, &[]));
        parts.pins.insert((name.into(), arch("amd64")), vec![from_source("a", version, "amd64", "a", "1.0")]);
    }
    let text = Lockfile::build(parts, None).unwrap().render();
    let shown: Vec<&str> = text.lines().filter(|line| line.starts_with("bin") || line.starts_with("  ")).collect();
    insta::assert_snapshot!(shown.join("\n"), @r#"
    binnmu = { amd64 = 1 }
    bin.a = { amd64 = "0f5b7ccdeec5c145c52f4c0b37d32838b75de850e80493a49fbe0ffe273ede95 1001" }
    bin."a@1.0+b2" = { amd64 = "9c8e772e3ac30499a79aec1bc68382d466234e99b5264cdec67ca2240ac12c5e 1001" }
      "a@1.0+b1",
      "a@1.0+b2",
    "#);
}

#[test]
fn the_pool_that_goes_without_saying_is_sticky() {
    let mut parts = Parts::default();
    parts.steering.repos.insert("debian".into(), repo(None, &["stable"], &["main"]));
    parts.steering.images.insert("i".into(), image(&["amd64"], None, &[]));
    let at = |name: &str, pool: &str| {
        let path = factor::derived_path(pool, name, name, "1", &arch("amd64"));
        elsewhere(pin(name, "1", "amd64"), "debian", &path)
    };
    let build = |pins: Vec<Pin>, old: Option<&Lockfile>| {
        let mut parts = parts.clone();
        parts.pins.insert(("i".into(), arch("amd64")), pins);
        Lockfile::build(parts, old).unwrap()
    };
    let pool = |lock: &Lockfile| lock.pool("debian").to_owned();
    let first = build(vec![at("a", "pool/x"), at("b", "pool/y"), at("c", "pool/x")], None);
    assert_eq!(pool(&first), "pool/x", "most blocks use it");
    let majority_gone = build(vec![at("b", "pool/y"), at("c", "pool/x"), at("d", "pool/y")], Some(&first));
    assert_eq!(pool(&majority_gone), "pool/x", "one block still uses it");
    assert_eq!(pool(&build(vec![], Some(&first))), "pool/x", "nothing speaks against it");
    assert_eq!(pool(&build(vec![at("b", "pool/y")], Some(&majority_gone))), "pool/y", "nothing uses it");
    assert_eq!(pool(&build(vec![], None)), "pool/main");
}

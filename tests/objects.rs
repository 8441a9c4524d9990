//! Our objects against libostree's: the same checksums, readable both ways, clean to `ostree fsck`.

#![allow(clippy::unwrap_used, clippy::print_stderr, reason = "a test may panic, and says why it skips")]

use ostree::gio;
use ostree::glib::{Variant, VariantTy};
use ostree::prelude::*;
use pintree::store::{Checksum, CommitParts, DirTree, FileKind, Metadata, ObjectKind, Repo, Value};
use proptest::prelude::*;
use std::collections::BTreeMap;
use std::io::Write as _;
use std::path::Path;

const NONE: Option<&gio::Cancellable> = None;

fn theirs(path: &Path) -> ostree::Repo {
    let repo = ostree::Repo::new_for_path(path);
    repo.open(NONE).expect("libostree opens our repository");
    repo
}

fn xattrs_variant(metadata: &Metadata) -> Variant {
    let terminated = |name: &[u8]| name.iter().copied().chain([0]).collect::<Vec<u8>>();
    // libostree sorts neither here; callers must.
    let mut sorted = metadata.xattrs.clone();
    sorted.sort();
    sorted.iter().map(|(name, value)| (terminated(name), value.clone())).collect::<Vec<(Vec<u8>, Vec<u8>)>>().to_variant()
}

fn metadata() -> impl Strategy<Value = Metadata> {
    let number = prop_oneof![Just(0u32), 0u32..70_000, Just(u32::MAX - 1)];
    let xattrs =
        proptest::collection::btree_map(proptest::collection::vec(1u8..=255, 1..40), proptest::collection::vec(any::<u8>(), 0..300), 0..4);
    (number.clone(), number, 0u32..0o10000, xattrs).prop_map(|(uid, gid, mode, xattrs)| Metadata {
        uid,
        gid,
        mode,
        xattrs: xattrs.into_iter().map(|(name, value)| ([b"user.".to_vec(), name].concat(), value)).collect(),
    })
}

fn names() -> impl Strategy<Value = Vec<String>> {
    proptest::collection::btree_set("[a-zA-Zäß+~:, _-]{1,60}", 0..50).prop_map(|set| set.into_iter().collect())
}

fn values() -> impl Strategy<Value = Value> {
    prop_oneof![
        "[^\0]{0,400}".prop_map(Value::String),
        proptest::collection::vec(any::<u8>(), 0..300).prop_map(Value::Bytes),
        any::<u32>().prop_map(Value::U32),
        any::<u64>().prop_map(Value::U64),
        proptest::collection::vec("[^\0]{0,9}", 0..40).prop_map(Value::Strings),
    ]
}

fn to_variant(value: &Value) -> Variant {
    match value {
        Value::String(text) => text.to_variant(),
        Value::Bytes(bytes) => bytes.to_variant(),
        Value::U32(number) => number.to_variant(),
        Value::U64(number) => number.to_variant(),
        Value::Strings(texts) => texts.to_variant(),
        other => panic!("not made here: {other:?}"),
    }
}

fn fsck(path: &Path) {
    let output = std::process::Command::new("ostree").arg("fsck").arg("--repo").arg(path).output().expect("ostree is installed");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 64, ..ProptestConfig::default() })]

    #[test]
    fn files_are_libostrees(metadata in metadata(), content in proptest::collection::vec(any::<u8>(), 0..5000), target in "[^\0]{1,200}") {
        let dir = tempfile::tempdir().unwrap();
        let ours = Repo::init(&dir.path().join("ours")).unwrap();
        let _reference = Repo::init(&dir.path().join("theirs")).unwrap();
        let theirs = theirs(&dir.path().join("theirs"));
        let xattrs = xattrs_variant(&metadata);

        let file = ours.write_file(&metadata, &content).unwrap();
        let mode = 0o100_000 | metadata.mode;
        let expected = theirs.write_regfile_inline(None, metadata.uid, metadata.gid, mode, Some(&xattrs), &content, NONE).unwrap();
        prop_assert_eq!(file.to_hex(), expected.as_str());
        let mut streamed = ours.file_writer(&metadata).unwrap();
        streamed.write_all(&content).unwrap();
        prop_assert_eq!(streamed.finish().unwrap(), file);

        // The same on disk, too: checkouts by hard link show it.
        let relative = format!("objects/{}/{}.file", &expected[..2], &expected[2..]);
        let look = |root: &str| {
            use std::os::unix::fs::MetadataExt as _;
            let path = dir.path().join(root).join(&relative);
            let stat = std::fs::metadata(&path).unwrap();
            let mut attribute = vec![0; 65536];
            let length = rustix::fs::getxattr(&path, "user.ostreemeta", &mut attribute[..]).unwrap();
            (stat.mode(), stat.size(), stat.mtime(), attribute[..length].to_vec())
        };
        prop_assert_eq!(look("ours"), look("theirs"));

        let (meta, _) = ours.open_file(&file).unwrap();
        prop_assert_eq!(meta.kind, FileKind::Regular(content.len() as u64));
        prop_assert_eq!(&meta.metadata, &metadata);

        let link = ours.write_symlink(&metadata, &target).unwrap();
        let expected = theirs.write_symlink(None, metadata.uid, metadata.gid, Some(&xattrs), &target, NONE).unwrap();
        prop_assert_eq!(link.to_hex(), expected.as_str());
        prop_assert_eq!(ours.read_file_meta(&link).unwrap().kind, FileKind::Symlink(target));
    }

    #[test]
    fn directories_and_commits_are_libostrees(
        metadata in metadata(), files in names(), dirs in names(), subject in "[^\0]{0,80}", body in "[^\0]{0,300}", timestamp in any::<u64>(),
        parent in any::<Option<[u8; 32]>>(), words in proptest::collection::btree_map("[a-z.]{1,30}", values(), 0..8),
    ) {
        let dir = tempfile::tempdir().unwrap();
        let ours = Repo::init(&dir.path().join("ours")).unwrap();
        let _reference = Repo::init(&dir.path().join("theirs")).unwrap();
        let theirs = theirs(&dir.path().join("theirs"));
        let write = |kind, type_string: &str, value: Variant| {
            let value = if value.type_().as_str() == type_string { value } else {
                panic!("{} is not {type_string}", value.type_())
            };
            theirs.write_metadata(kind, None, &value, NONE).unwrap().to_hex().to_string()
        };

        let be = u32::to_be;
        let xattrs = xattrs_variant(&metadata);
        let dirmeta = ours.write_dirmeta(&metadata).unwrap();
        let value = Variant::tuple_from_iter([be(metadata.uid).to_variant(), be(metadata.gid).to_variant(), be(0o040_000 | metadata.mode).to_variant(), xattrs]);
        prop_assert_eq!(dirmeta.to_hex(), write(ostree::ObjectType::DirMeta, "(uuua(ayay))", value));
        prop_assert_eq!(&ours.read_dirmeta(&dirmeta).unwrap(), &metadata);

        let sum = |name: &str| pintree::pkg::Sha256::of(name.as_bytes()).to_hex().parse::<Checksum>().unwrap();
        let tree = DirTree {
            files: files.iter().map(|name| (name.clone(), sum(name))).collect(),
            dirs: dirs.iter().map(|name| (name.clone(), sum(name), dirmeta)).collect(),
        };
        let dirtree = ours.write_dirtree(&tree).unwrap();
        let value = (
            files.iter().map(|name| (name.clone(), sum(name).as_bytes().to_vec())).collect::<Vec<(String, Vec<u8>)>>(),
            dirs.iter().map(|name| (name.clone(), sum(name).as_bytes().to_vec(), dirmeta.as_bytes().to_vec())).collect::<Vec<(String, Vec<u8>, Vec<u8>)>>(),
        ).to_variant();
        prop_assert_eq!(dirtree.to_hex(), write(ostree::ObjectType::DirTree, "(a(say)a(sayay))", value));
        prop_assert_eq!(ours.read_dirtree(&dirtree).unwrap(), tree);

        let commit = CommitParts {
            parent: parent.map(|bytes| pintree::pkg::Sha256(bytes).to_hex().parse().unwrap()),
            subject: subject.clone(), body: body.clone(), timestamp, metadata: words.clone(), ..CommitParts::new(dirtree, dirmeta)
        };
        let sum = ours.write_commit(&commit).unwrap();
        let sorted: BTreeMap<&String, Variant> = words.iter().map(|(key, value)| (key, to_variant(value))).collect();
        let entries = sorted.into_iter().map(|(key, value)| Variant::from_dict_entry(&key.to_variant(), &Variant::from_variant(&value)));
        let dict = Variant::array_from_iter_with_type(VariantTy::new("{sv}").unwrap(), entries);
        let value = Variant::tuple_from_iter([
            dict,
            commit.parent.map(|parent| parent.as_bytes().to_vec()).unwrap_or_default().to_variant(),
            Vec::<(String, Vec<u8>)>::new().to_variant(),
            subject.to_variant(),
            body.to_variant(),
            timestamp.to_be().to_variant(),
            dirtree.as_bytes().to_vec().to_variant(),
            dirmeta.as_bytes().to_vec().to_variant(),
        ]);
        prop_assert_eq!(sum.to_hex(), write(ostree::ObjectType::Commit, "(a{sv}aya(say)sstayay)", value));
        prop_assert_eq!(ours.read_commit(&sum).unwrap(), commit);
    }
}

#[test]
fn a_large_file_streams_and_fsck_is_content() {
    let dir = tempfile::tempdir().unwrap();
    let repo = Repo::init(dir.path()).unwrap();
    let meta = Metadata::root(0o755);
    let content: Vec<u8> = (0..3_000_000u32).map(|n| (n % 251) as u8).collect();
    let whole = repo.write_file(&meta, &content).unwrap();
    // Another mode, so that the object is not there yet.
    let suid = Metadata::root(0o4755);
    let mut writer = repo.file_writer(&suid).unwrap();
    for chunk in content.chunks(70_001) {
        writer.write_all(chunk).unwrap();
    }
    let streamed = writer.finish().unwrap();
    assert_ne!(whole, streamed);
    assert!(repo.has_object(&streamed, ObjectKind::File));
    assert_eq!(repo.read_file(&streamed, u64::MAX).unwrap(), content);

    let link = repo.write_symlink(&Metadata::root(0), "a").unwrap();
    let dirmeta = repo.write_dirmeta(&meta).unwrap();
    let files = vec![("a".to_owned(), whole), ("b".to_owned(), streamed), ("c".to_owned(), link)];
    let tree = repo.write_dirtree(&DirTree { files, dirs: vec![] }).unwrap();
    let commit = repo.write_commit(&CommitParts::new(tree, dirmeta).with("pintree.x", Value::U32(1))).unwrap();
    let name = "image/m/i/armhf/composed".parse().unwrap();
    assert!(repo.write_ref_if_changed(&name, &commit).unwrap());
    fsck(dir.path());
    let list =
        std::process::Command::new("ostree").args(["ls", "-R", "image/m/i/armhf/composed", "--repo"]).arg(dir.path()).output().unwrap();
    insta::assert_snapshot!(String::from_utf8(list.stdout).unwrap(), @r"
    d00755 0 0      0 /
    -00755 0 0 3000000 /a
    -04755 0 0 3000000 /b
    l00777 0 0      0 /c -> a
    ");
}

#[test]
fn threads_writing_the_same_objects_do_no_harm() {
    let dir = tempfile::tempdir().unwrap();
    let repo = Repo::init(dir.path()).unwrap();
    let sums: Vec<Vec<Checksum>> = std::thread::scope(|scope| {
        let write = || (0..500u32).map(|n| repo.write_file(&Metadata::root(0o644), &n.to_le_bytes()).unwrap()).collect();
        let runs: Vec<_> = (0..4).map(|_| scope.spawn(write)).collect();
        runs.into_iter().map(|run| run.join().unwrap()).collect()
    });
    assert!(sums.windows(2).all(|pair| pair[0] == pair[1]));
    fsck(dir.path());
    assert_eq!(std::fs::read_dir(dir.path().join("tmp")).unwrap().count(), 1, "only `cache` stays");
}

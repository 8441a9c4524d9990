//! What compose makes of small packages, and of a real set where one is at hand.

use super::*;
use crate::archive::Deb;
use crate::step::import::store_package;
use crate::store::{Entry, FileKind, Tree};
use crate::testkit::deb::Package as Made;

struct Set {
    _dir: tempfile::TempDir,
    repo: Repo,
    arguments: Arguments,
}

impl Set {
    fn new(packages: &[Made]) -> Self {
        let dir = tempfile::tempdir().unwrap();
        let repo = Repo::init(dir.path()).unwrap();
        let names = packages.iter().map(|package| import(&repo, &package.build())).collect();
        let arguments = Arguments {
            packages: names,
            architecture: Architecture::parse("armhf").unwrap(),
            foreign: vec![Architecture::parse("i386").unwrap()],
            identity: Sha256::of(b"pins"),
            target: "image/m/i/armhf/composed".parse().unwrap(),
            usr_merge: UsrMerge::Auto,
        };
        Self { _dir: dir, repo, arguments }
    }

    fn merged(mut self) -> Self {
        self.arguments.usr_merge = UsrMerge::Yes;
        self
    }

    fn run(&self) -> Result<Composed, Error> {
        run(&self.repo, &self.arguments)
    }

    fn error(&self) -> String {
        self.run().unwrap_err().to_string()
    }

    /// Paths outside the database, one a line: mode, owner, and a file's content or a link's target.
    fn listing(&self) -> String {
        let commit = self.repo.read_commit(&self.run().unwrap().commit).unwrap();
        let mut lines = String::new();
        list(&self.repo, &commit.tree, "", &mut lines);
        lines
    }

    fn read(&self, path: &str) -> Option<String> {
        let commit = self.repo.read_commit(&self.run().unwrap().commit).unwrap();
        match Tree::read(&self.repo, &commit.tree).unwrap().get(&self.repo, path).unwrap()? {
            Entry::File(file) => Some(String::from_utf8(self.repo.read_file(&file, 1 << 20).unwrap()).unwrap()),
            Entry::Directory(_) => panic!("{path} is a directory"),
        }
    }
}

fn import(repo: &Repo, bytes: &[u8]) -> RefName {
    let commit = store_package(repo, Deb::open(bytes).unwrap()).unwrap();
    let name = RefName::deb(&Sha256::of(bytes));
    repo.write_ref_if_changed(&name, &commit).unwrap();
    name
}

fn list(repo: &Repo, tree: &Checksum, path: &str, lines: &mut String) {
    let tree = repo.read_dirtree(tree).unwrap();
    for (name, file) in &tree.files {
        let meta = repo.read_file_meta(file).unwrap();
        let what = match meta.kind {
            FileKind::Symlink(target) => format!("-> {target}"),
            FileKind::Regular(_) => String::from_utf8(repo.read_file(file, 1 << 20).unwrap()).unwrap(),
        };
        lines.push_str(&format!("{path}/{name} {:o} {what}\n", meta.metadata.mode));
    }
    for (name, tree, meta) in &tree.dirs {
        let meta = repo.read_dirmeta(meta).unwrap();
        let full = format!("{path}/{name}");
        if full != "/var/lib/dpkg" {
            lines.push_str(&format!("{full}/ {:o} {}:{}\n", meta.mode, meta.uid, meta.gid));
            list(repo, tree, &full, lines);
        }
    }
}

fn made(name: &str) -> Made {
    Made::new(name, "1.0").arch("armhf")
}

#[test]
#[ignore = "needs a directory of packages in PINTREE_DEBS and a place in PINTREE_STORE"]
fn real_set() {
    let repo = Repo::init(Path::new(&std::env::var("PINTREE_STORE").unwrap())).unwrap();
    let mut packages = Vec::new();
    for line in std::fs::read_to_string(std::env::var("PINTREE_DEBS").unwrap()).unwrap().lines() {
        let bytes = std::fs::read(line).unwrap();
        let name = RefName::deb(&Sha256::of(&bytes));
        if repo.read_ref(&name).unwrap().is_none() {
            import(&repo, &bytes);
        }
        packages.push(name);
    }
    let arguments = Arguments {
        packages,
        architecture: Architecture::parse("armhf").unwrap(),
        foreign: vec![],
        identity: Sha256::of(b"pins"),
        target: std::env::var("PINTREE_TARGET").unwrap().parse().unwrap(),
        usr_merge: UsrMerge::Auto,
    };
    for _ in 0..5 {
        let start = std::time::Instant::now();
        let composed = run(&repo, &arguments).unwrap();
        eprintln!("{:?} {composed:?}", start.elapsed());
    }
}

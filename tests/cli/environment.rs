//! A project, a signed repository beside it, and a `pintree` that sees nothing else of this machine.

use pintree::testkit::deb::Package;
use pintree::testkit::keys::Gpg;
use pintree::testkit::repo::{Suite, add_deb};
use std::path::PathBuf;
use std::process::Command;
use std::sync::LazyLock;

static GPG: LazyLock<Gpg> = LazyLock::new(Gpg::new);
static KEY: LazyLock<String> = LazyLock::new(|| GPG.key("archive"));

/// What a run left.
pub struct Ran {
    pub code: i32,
    pub stdout: String,
    pub stderr: String,
}

impl Ran {
    /// Everything in one text, for snapshots.
    pub fn all(&self) -> String {
        format!("exit {}\n{}{}", self.code, self.stdout, self.stderr)
    }
}

/// A temporary directory with `p` (the project), `www` (the repository), `home` and `cache`.
pub struct TestEnv {
    dir: tempfile::TempDir,
    path: Option<PathBuf>,
}

impl TestEnv {
    pub fn new() -> Self {
        let dir = tempfile::tempdir().unwrap();
        for name in ["p/manifests", "p/keys", "www", "home"] {
            std::fs::create_dir_all(dir.path().join(name)).unwrap();
        }
        GPG.export_to(&[&KEY], &dir.path().join("p/keys/test.asc"));
        Self { dir, path: None }
    }

    /// The usual project: two architectures, two images, a chain of dependencies that differs between architectures.
    pub fn with_project() -> Self {
        let environment = Self::new();
        environment.publish(true);
        environment.manifest("edge", "[image.kiosk]\npackages = [\"app\"]\n[image.small]\npackages = [\"libtwo\"]\n");
        assert_eq!(environment.run(&["lock"]).code, 0, "{}", environment.run(&["lock"]).stderr);
        environment
    }

    /// Without programs, as on a host that lacks everything.
    pub fn without_programs(mut self) -> Self {
        self.path = Some(self.dir.path().join("home"));
        self
    }

    pub fn project(&self) -> PathBuf {
        self.dir.path().join("p")
    }

    /// The repository's directory.
    pub fn www(&self) -> PathBuf {
        self.dir.path().join("www")
    }

    /// Writes `manifests/NAME.toml` with the usual repository and these images.
    pub fn manifest(&self, name: &str, images: &str) {
        self.manifest_of(name, &format!("file://{}", self.www().display()), "arches = [\"armhf\", \"amd64\"]", images);
    }

    /// Writes `manifests/NAME.toml` with the repository at `url`.
    pub fn manifest_of(&self, name: &str, url: &str, top: &str, images: &str) {
        let repo = format!("[repo.test]\ndeb = \"{url}\"\nsuites = [\"stable\"]\ncomponents = [\"main\"]\nkey = \"keys/test.asc\"\n");
        let text = format!("{top}\n{repo}{images}");
        std::fs::write(self.project().join(format!("manifests/{name}.toml")), text).unwrap();
    }

    pub fn publish(&self, contents: bool) {
        let www = self.www();
        let on = |arch: &str| {
            let app = Package::new("app", "1.0").arch(arch).field("Pre-Depends", "base").file("usr/bin/app", 0o755, arch);
            let app = match arch {
                "armhf" => app.depends("libone (>= 1), mail-agent | exim"),
                _ => app.depends("libtwo, mail-agent | exim"),
            };
            vec![
                app,
                Package::new("base", "1").arch(arch).field("Essential", "yes").file("etc/base", 0o644, "base"),
                Package::new("libone", "1.2-1").arch(arch).depends("libtwo (>= 2)").file("usr/lib/libone.so", 0o644, arch),
                Package::new("libtwo", "2.0").file("usr/share/libtwo", 0o644, "two"),
                Package::new("postfix", "3.7").arch(arch).field("Provides", "mail-agent").file("usr/sbin/postfix", 0o755, arch),
                Package::new("tool", "0.5").arch(arch).depends("libtwo").file("usr/bin/tool", 0o755, arch),
            ]
        };
        let mut suite = Suite::new("stable");
        for arch in ["armhf", "amd64"] {
            for package in on(arch) {
                let name = package.get("Package").unwrap().to_owned();
                let path = format!("pool/main/{}/{name}/{}", &name[..1], package.file_name());
                suite = suite.packages("main", arch, &add_deb(&www, &path, &package.control_paragraph(), &package.build()));
            }
            if contents {
                suite = suite.listed(&format!("main/Contents-{arch}"), "usr/bin/app    web/app\nusr/bin/tool   utils/tool\n");
            }
        }
        if contents {
            suite = suite.listed("main/Contents-all", "usr/share/libtwo   libs/libtwo\n");
        }
        self.publish_suite(&suite);
    }

    pub fn publish_suite(&self, suite: &Suite) {
        suite.write(&self.www(), Some((&GPG, &KEY)));
    }

    /// Takes the repository away, as if the network were gone.
    pub fn unpublish(&self) {
        std::fs::rename(self.www(), self.dir.path().join("gone")).unwrap();
    }

    pub fn run(&self, arguments: &[&str]) -> Ran {
        let mut command = Command::new(env!("CARGO_BIN_EXE_pintree"));
        let path = self.path.clone().map_or_else(|| std::env::var_os("PATH").unwrap_or_default(), PathBuf::into_os_string);
        command.env_clear().env("PATH", path).env("LC_ALL", "C").env("TZ", "UTC").args(arguments);
        command.env("HOME", self.dir.path().join("home")).env("XDG_CACHE_HOME", self.dir.path().join("cache"));
        let output = command.current_dir(self.project()).output().unwrap();
        let text = |bytes: Vec<u8>| String::from_utf8(bytes).unwrap().replace(&self.dir.path().display().to_string(), "[DIR]");
        Ran { code: output.status.code().unwrap(), stdout: text(output.stdout), stderr: text(output.stderr) }
    }
}

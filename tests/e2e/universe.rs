//! The packages that the tests build images from.

use pintree::testkit::deb::{Compression, Package};

/// An application for one architecture with all sorts of files, its library, its data for all architectures, and a tool
/// that any architecture may use. Nothing is compressed, so that a compressor's next version changes no byte.
pub fn app(arch: &str) -> Vec<Package> {
    let packages = [
        Package::new("base-files", "12.4")
            .arch(arch)
            .field("Essential", "yes")
            .field("Priority", "required")
            .conffile("etc/issue", "Test\n")
            .dir("tmp", 0o1777)
            .dir("var/mail", 0o2775)
            .owner(0, 8)
            .file("usr/lib/os-release", 0o644, "NAME=Test\n")
            .symlink("etc/os-release", "../usr/lib/os-release"),
        Package::new("libapp1", "1.0-1")
            .arch(arch)
            .field("Source", "app")
            .field("Multi-Arch", "same")
            .file(&format!("usr/lib/{}/libapp.so.1.0", triplet(arch)), 0o644, format!("code for {arch}\n"))
            .symlink(&format!("usr/lib/{}/libapp.so.1", triplet(arch)), "libapp.so.1.0")
            .file("usr/share/doc/libapp1/copyright", 0o644, "free\n"),
        Package::new("app", "1.0-1")
            .arch(arch)
            .depends("libapp1 (= 1.0-1), app-data (>= 1.0), tool")
            .conffile("etc/app.conf", "colour = blue\n")
            .file("usr/bin/app", 0o4755, "#!/bin/sh\necho app\n")
            .hardlink("usr/bin/app-too", "usr/bin/app")
            .file("var/games/app.scores", 0o664, "")
            .owner(5, 60)
            .script("postinst", "#!/bin/sh\nexit 0\n"),
        Package::new("app-data", "1.0-1").field("Source", "app").file("usr/share/app/data", 0o644, "data\n"),
        Package::new("tool", "1:2.5-3").arch(arch).field("Multi-Arch", "foreign").file("usr/bin/tool", 0o755, format!("{arch}\n")),
    ];
    packages.map(|package| package.compression(Compression::None).control_compression(Compression::None)).to_vec()
}

/// `app` for two architectures; what is for all is there once.
pub fn app_twice() -> Vec<Package> {
    let mut packages = app("armhf");
    packages.extend(app("amd64").into_iter().filter(|package| package.get("Architecture") != Some("all")));
    packages
}

/// The manifest's part for [`app`].
pub const APP: &str = "[image.root]\npackages = [\"app\"]\n";

fn triplet(arch: &str) -> &'static str {
    match arch {
        "armhf" => "arm-linux-gnueabihf",
        _ => "x86_64-linux-gnu",
    }
}

/// `count` packages, each with a few files that nobody else has; `all` needs every one.
pub fn many(count: usize) -> Vec<Package> {
    let names: Vec<String> = (0..count).map(|number| format!("part{number:02}")).collect();
    let mut packages: Vec<Package> = names
        .iter()
        .map(|name| {
            let mut package = Package::new(name, "1.0").arch("armhf").field("Multi-Arch", "foreign");
            for file in 0..20 {
                package = package.file(&format!("usr/share/{name}/{file}"), 0o644, format!("{name} {file}\n").repeat(400));
            }
            package
        })
        .collect();
    packages.push(Package::new("all", "1.0").depends(&names.join(", ")));
    packages
}

/// The manifest's part for [`many`].
pub const MANY: &str = "[image.root]\nvariant = \"custom\"\npackages = [\"all\"]\n";

/// One package called `one` with one file.
pub fn one(version: &str) -> Package {
    Package::new("one", version).arch("armhf").file("usr/bin/one", 0o755, format!("one {version}\n"))
}

/// The manifest's part for [`one`].
pub const ONE: &str = "[image.root]\nvariant = \"custom\"\npackages = [\"one\"]\n";

/// A shell and its tools for images whose scripts run: the host's static busybox under its many names. `None` if the host
/// has none.
pub fn shell(arch: &str) -> Option<Package> {
    let places = ["/usr/bin/busybox", "/bin/busybox"];
    let content = places.iter().find_map(|path| std::fs::read(path).ok())?;
    let mut package = Package::new("shell", "1").arch(arch).field("Essential", "yes").file("bin/busybox", 0o755, content);
    let names = [
        "awk", "cat", "chgrp", "chmod", "chown", "cp", "cut", "date", "echo", "env", "grep", "hostname", "id", "install", "ln", "ls",
        "mkdir", "mv", "nc", "ps", "pwd", "rm", "sed", "seq", "sh", "sleep", "sort", "stat", "tail", "tar", "test", "touch", "true",
        "umask", "wc",
    ];
    for name in names {
        package = package.symlink(&format!("bin/{name}"), "busybox");
    }
    let package = package.dir("etc", 0o755).dir("tmp", 0o1777).dir("run", 0o755).dir("usr/sbin", 0o755).dir("var/log", 0o755);
    Some(package.compression(Compression::None).control_compression(Compression::None))
}

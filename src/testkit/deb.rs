//! Writes real `.deb` files for tests: what `dpkg-deb --build` would make, and what nobody should.
//!
//! [`Package`] gives bytes that `dpkg-deb` accepts, the same on every run. [`Package::raw`], [`Package::data_tar`] and
//! [`Package::ar_member`] are the way to hostile ones. No code is shared with the reader in `archive`, so a
//! misunderstanding cannot hide in both.

use std::collections::BTreeSet;

/// The modification time of every member: 2020-01-01.
const MTIME: u64 = 1_577_836_800;

/// How a tar member of the package is compressed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Compression {
    /// A plain `.tar`.
    None,
    /// `.tar.gz`.
    Gz,
    /// `.tar.xz`, what Debian uses.
    Xz,
    /// `.tar.zst`, what Ubuntu uses.
    Zst,
    /// `.tar.bz2`, found in old archives.
    Bz2,
    /// `.tar.lzma`, found in old archives.
    Lzma,
}

impl Compression {
    /// Every compression, for tests that try all.
    pub const ALL: [Self; 6] = [Self::None, Self::Gz, Self::Xz, Self::Zst, Self::Bz2, Self::Lzma];

    /// The member name's suffix.
    pub fn suffix(self) -> &'static str {
        match self {
            Self::None => "",
            Self::Gz => ".gz",
            Self::Xz => ".xz",
            Self::Zst => ".zst",
            Self::Bz2 => ".bz2",
            Self::Lzma => ".lzma",
        }
    }

    /// Compresses `bytes`.
    pub fn compress(self, bytes: &[u8]) -> Vec<u8> {
        match self {
            Self::None => bytes.to_vec(),
            Self::Gz => written(flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast()), bytes, |w| w.finish()),
            Self::Xz => written(liblzma::write::XzEncoder::new(Vec::new(), 1), bytes, |w| w.finish()),
            Self::Zst => zstd::encode_all(bytes, 3).expect("memory takes every write"),
            Self::Bz2 => written(bzip2::write::BzEncoder::new(Vec::new(), bzip2::Compression::fast()), bytes, |w| w.finish()),
            Self::Lzma => {
                let options = liblzma::stream::LzmaOptions::new_preset(1).expect("a legal preset");
                let stream = liblzma::stream::Stream::new_lzma_encoder(&options).expect("a legal preset");
                written(liblzma::write::XzEncoder::new_stream(Vec::new(), stream), bytes, |w| w.finish())
            }
        }
    }
}

fn written<W: std::io::Write>(mut encoder: W, bytes: &[u8], finish: impl FnOnce(W) -> std::io::Result<Vec<u8>>) -> Vec<u8> {
    encoder.write_all(bytes).and_then(|()| finish(encoder)).expect("memory takes every write")
}

/// One tar member exactly as given: the name is not normalised and the size may lie.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Raw {
    /// The name's bytes; more than 100 of them go to a GNU long-name member.
    pub name: Vec<u8>,
    /// The type flag: `b'0'` file, `b'1'` hardlink, `b'2'` symlink, `b'3'` and `b'4'` devices, `b'5'` directory, `b'6'` fifo.
    pub kind: u8,
    /// The link target's bytes.
    pub link: Vec<u8>,
    /// Permission bits.
    pub mode: u32,
    /// Owner.
    pub uid: u32,
    /// Group.
    pub gid: u32,
    /// Extended attributes, written as PAX records `SCHILY.xattr.NAME`.
    pub xattrs: Vec<(String, Vec<u8>)>,
    /// The content.
    pub content: Vec<u8>,
    /// The size to claim instead of the content's.
    pub claimed_size: Option<u64>,
    /// Says the name and link target in PAX records instead of the header.
    pub pax_names: bool,
}

impl Raw {
    /// A regular file with mode 0644 of root.
    pub fn file(name: impl AsRef<[u8]>, content: impl AsRef<[u8]>) -> Self {
        Self { content: content.as_ref().to_vec(), ..Self::node(name, b'0', "") }
    }

    /// A directory with mode 0755 of root.
    pub fn dir(name: impl AsRef<[u8]>) -> Self {
        Self { mode: 0o755, ..Self::node(name, b'5', "") }
    }

    /// A symbolic link.
    pub fn symlink(name: impl AsRef<[u8]>, target: impl AsRef<[u8]>) -> Self {
        Self { mode: 0o777, ..Self::node(name, b'2', target) }
    }

    /// A hardlink to an earlier member.
    pub fn hardlink(name: impl AsRef<[u8]>, target: impl AsRef<[u8]>) -> Self {
        Self::node(name, b'1', target)
    }

    /// A member of any type without content.
    pub fn node(name: impl AsRef<[u8]>, kind: u8, link: impl AsRef<[u8]>) -> Self {
        Self {
            name: name.as_ref().to_vec(),
            kind,
            link: link.as_ref().to_vec(),
            mode: 0o644,
            uid: 0,
            gid: 0,
            xattrs: Vec::new(),
            content: Vec::new(),
            claimed_size: None,
            pax_names: false,
        }
    }

    fn append(&self, tar: &mut tar::Builder<Vec<u8>>) {
        let io = "memory takes every write";
        let mut records: Vec<(String, &[u8])> =
            self.xattrs.iter().map(|(name, value)| (format!("SCHILY.xattr.{name}"), value.as_slice())).collect();
        let mut header = self.header(self.kind, self.claimed_size.unwrap_or(self.content.len() as u64));
        let (name, link) = if self.pax_names {
            records.push(("path".into(), &self.name));
            if !self.link.is_empty() {
                records.push(("linkpath".into(), &self.link));
            }
            (&b"pax"[..], &b""[..])
        } else {
            (&self.name[..], &self.link[..])
        };
        for (flag, text) in [(b'K', link), (b'L', name)] {
            if text.len() > 100 {
                let long = Self { name: b"././@LongLink".to_vec(), link: Vec::new(), ..self.clone() };
                let mut content = text.to_vec();
                content.push(0);
                tar.append(&long.header(flag, content.len() as u64), &content[..]).expect(io);
            }
        }
        if !records.is_empty() {
            tar.append_pax_extensions(records.iter().map(|(key, value)| (key.as_str(), *value))).expect(io);
        }
        set_text(&mut header, name, link);
        tar.append(&header, &self.content[..]).expect(io);
    }

    fn header(&self, flag: u8, size: u64) -> tar::Header {
        let mut header = tar::Header::new_gnu();
        header.set_entry_type(tar::EntryType::new(flag));
        header.set_mode(self.mode);
        header.set_uid(self.uid.into());
        header.set_gid(self.gid.into());
        header.set_mtime(MTIME);
        header.set_size(size);
        if self.uid == 0 && self.gid == 0 {
            header.set_username("root").and_then(|()| header.set_groupname("root")).expect("short names");
        }
        if matches!(flag, b'3' | b'4') {
            header.set_device_major(1).and_then(|()| header.set_device_minor(3)).expect("a GNU header");
        }
        set_text(&mut header, &self.name, &self.link);
        header
    }
}

fn set_text(header: &mut tar::Header, name: &[u8], link: &[u8]) {
    let gnu = header.as_gnu_mut().expect("made as a GNU header");
    for (field, text) in [(&mut gnu.name, name), (&mut gnu.linkname, link)] {
        let length = text.len().min(field.len());
        field.fill(0);
        field[..length].copy_from_slice(&text[..length]);
    }
    header.set_cksum();
}

/// A tar archive of exactly these members, with the two empty blocks at its end.
pub fn tar_of(members: &[Raw]) -> Vec<u8> {
    let mut tar = tar::Builder::new(Vec::new());
    for member in members {
        member.append(&mut tar);
    }
    tar.into_inner().expect("memory takes every write")
}

/// An `ar` archive of exactly these members.
pub fn ar_of<N: AsRef<[u8]>, B: AsRef<[u8]>>(members: &[(N, B)]) -> Vec<u8> {
    let mut ar = ar::Builder::new(Vec::new());
    for (name, bytes) in members {
        let bytes = bytes.as_ref();
        let mut header = ar::Header::new(name.as_ref().to_vec(), bytes.len() as u64);
        header.set_mode(0o100_644);
        header.set_mtime(MTIME);
        ar.append(&header, bytes).expect("memory takes every write");
    }
    ar.into_inner().expect("memory takes every write")
}

/// A binary package to be written as a `.deb`.
///
/// ```
/// use pintree::testkit::deb::Package;
/// let bytes = Package::new("a", "1.0").arch("armhf").depends("b (>= 2)").file("usr/bin/a", 0o755, "#!/bin/sh\n").build();
/// assert!(bytes.starts_with(b"!<arch>\n"));
/// ```
#[derive(Clone, Debug)]
pub struct Package {
    fields: Vec<(String, String)>,
    control: Vec<Raw>,
    conffiles: String,
    members: Vec<Raw>,
    data_tar: Option<Vec<u8>>,
    control_tar: Option<Vec<u8>>,
    extra: Vec<(String, Vec<u8>)>,
    compression: Compression,
    control_compression: Compression,
}

impl Package {
    /// A package without files for all architectures.
    pub fn new(name: &str, version: &str) -> Self {
        let fields = [
            ("Package", name),
            ("Version", version),
            ("Architecture", "all"),
            ("Maintainer", "Nobody <nobody@example.org>"),
            ("Description", "a package made for a test"),
        ];
        Self {
            fields: fields.map(|(key, value)| (key.to_owned(), value.to_owned())).to_vec(),
            control: Vec::new(),
            conffiles: String::new(),
            members: Vec::new(),
            data_tar: None,
            control_tar: None,
            extra: Vec::new(),
            compression: Compression::Xz,
            control_compression: Compression::Gz,
        }
    }

    /// Sets `Architecture`.
    pub fn arch(self, architecture: &str) -> Self {
        self.field("Architecture", architecture)
    }

    /// Sets `Depends`.
    pub fn depends(self, relations: &str) -> Self {
        self.field("Depends", relations)
    }

    /// Sets a control field; a new one goes before `Description`, the last.
    pub fn field(mut self, key: &str, value: &str) -> Self {
        match self.fields.iter_mut().find(|(old, _)| old.eq_ignore_ascii_case(key)) {
            Some((_, old)) => value.clone_into(old),
            None => self.fields.insert(self.fields.len() - 1, (key.to_owned(), value.to_owned())),
        }
        self
    }

    /// Removes a control field.
    pub fn without_field(mut self, key: &str) -> Self {
        self.fields.retain(|(old, _)| !old.eq_ignore_ascii_case(key));
        self
    }

    /// Ships a regular file; its mode may have the set-user-id bit and its like.
    pub fn file(self, path: &str, mode: u32, content: impl AsRef<[u8]>) -> Self {
        self.raw(Raw { mode, ..Raw::file(member_name(path), content) })
    }

    /// Ships a directory. Missing parents come by themselves, with mode 0755.
    pub fn dir(self, path: &str, mode: u32) -> Self {
        self.raw(Raw { mode, ..Raw::dir(member_name(path) + "/") })
    }

    /// Ships a symbolic link.
    pub fn symlink(self, path: &str, target: &str) -> Self {
        self.raw(Raw::symlink(member_name(path), target))
    }

    /// Ships a hardlink to a file shipped before.
    pub fn hardlink(self, path: &str, target: &str) -> Self {
        let link = Raw::hardlink(member_name(path), member_name(target));
        // As tar writes it: mode and owner are the file's.
        let file = self.members.iter().find(|m| m.name == link.link).map(|m| (m.mode, m.uid, m.gid));
        let (mode, uid, gid) = file.unwrap_or((0o644, 0, 0));
        self.raw(Raw { mode, uid, gid, ..link })
    }

    /// Ships a member exactly as given.
    pub fn raw(mut self, member: Raw) -> Self {
        self.members.push(member);
        self
    }

    /// Sets owner and group of the member added last.
    pub fn owner(mut self, uid: u32, gid: u32) -> Self {
        let last = self.members.last_mut().expect("owner() stands after a member");
        (last.uid, last.gid) = (uid, gid);
        self
    }

    /// Gives the member added last an extended attribute. `dpkg-deb` itself reads no PAX records; only GNU tar does.
    pub fn xattr(mut self, name: &str, value: impl AsRef<[u8]>) -> Self {
        let last = self.members.last_mut().expect("xattr() stands after a member");
        last.xattrs.push((name.to_owned(), value.as_ref().to_vec()));
        self
    }

    /// Ships a file under `/etc` or elsewhere that is listed in `conffiles`.
    pub fn conffile(mut self, path: &str, content: impl AsRef<[u8]>) -> Self {
        self.conffiles += &format!("/{}\n", path.trim_start_matches('/'));
        self.file(path, 0o644, content)
    }

    /// Adds a maintainer script (`preinst`, `postinst`, `prerm`, `postrm`, `config`).
    pub fn script(mut self, name: &str, text: &str) -> Self {
        self.control.push(Raw { mode: 0o755, ..Raw::file(format!("./{name}"), text) });
        self
    }

    /// Adds another control member (`triggers`, `shlibs`, `symbols`, `templates` …).
    pub fn control_member(mut self, name: &str, content: impl AsRef<[u8]>) -> Self {
        self.control.push(Raw::file(format!("./{name}"), content));
        self
    }

    /// Adds a control member exactly as given.
    pub fn control_raw(mut self, member: Raw) -> Self {
        self.control.push(member);
        self
    }

    /// Sets the compression of `data.tar`; xz unless said.
    pub fn compression(mut self, compression: Compression) -> Self {
        self.compression = compression;
        self
    }

    /// Sets the compression of `control.tar`; gz unless said.
    pub fn control_compression(mut self, compression: Compression) -> Self {
        self.control_compression = compression;
        self
    }

    /// Replaces the whole uncompressed `data.tar`.
    pub fn data_tar(mut self, bytes: Vec<u8>) -> Self {
        self.data_tar = Some(bytes);
        self
    }

    /// Replaces the whole uncompressed `control.tar`.
    pub fn control_tar(mut self, bytes: Vec<u8>) -> Self {
        self.control_tar = Some(bytes);
        self
    }

    /// Adds an `ar` member between `debian-binary` and `control.tar`, where deb(5) lets tools put `_` members.
    pub fn ar_member(mut self, name: &str, bytes: impl AsRef<[u8]>) -> Self {
        self.extra.push((name.to_owned(), bytes.as_ref().to_vec()));
        self
    }

    /// The value of a control field.
    pub fn get(&self, key: &str) -> Option<&str> {
        self.fields.iter().find(|(name, _)| name.eq_ignore_ascii_case(key)).map(|(_, value)| value.as_str())
    }

    /// The control paragraph, as it stands in the package and, with more fields, in a `Packages` index.
    pub fn control_paragraph(&self) -> String {
        self.fields.iter().map(|(key, value)| format!("{key}: {value}\n")).collect()
    }

    /// The name the file has in a pool: `NAME_VERSION_ARCH.deb`, without epoch.
    pub fn file_name(&self) -> String {
        let field = |key| self.get(key).unwrap_or_default();
        let version = field("Version");
        let version = version.split_once(':').map_or(version, |(_, rest)| rest);
        format!("{}_{version}_{}.deb", field("Package"), field("Architecture"))
    }

    /// The members of `data.tar` in the order in which they are written, parents included.
    pub fn members(&self) -> Vec<Raw> {
        let mut seen = BTreeSet::from([b"./".to_vec()]);
        let mut all = Vec::new();
        if !self.members.iter().any(|m| m.name == b"./") {
            all.push(Raw::dir("./"));
        }
        for member in &self.members {
            for (at, _) in member.name.iter().enumerate().filter(|(at, b)| **b == b'/' && *at + 1 < member.name.len()) {
                let parent = &member.name[..=at];
                // Raw names that are no plain `./` path get no parents: they are meant to be odd.
                if member.name.starts_with(b"./") && seen.insert(parent.to_vec()) {
                    all.push(Raw::dir(parent));
                }
            }
            seen.insert(member.name.clone());
            all.push(member.clone());
        }
        all
    }

    fn control_members(&self) -> Vec<Raw> {
        let mut members = vec![Raw::dir("./"), Raw::file("./control", self.control_paragraph())];
        let sums: String = (self.members.iter().filter(|m| m.kind == b'0'))
            .map(|m| {
                use md5::Digest as _;
                let sum: String = md5::Md5::digest(&m.content).iter().map(|b| format!("{b:02x}")).collect();
                format!("{sum}  {}\n", String::from_utf8_lossy(m.name.strip_prefix(b"./").unwrap_or(&m.name)))
            })
            .collect();
        if !sums.is_empty() {
            members.push(Raw::file("./md5sums", sums));
        }
        if !self.conffiles.is_empty() {
            members.push(Raw::file("./conffiles", &self.conffiles));
        }
        members.extend(self.control.iter().cloned());
        members
    }

    /// Writes the package.
    pub fn build(&self) -> Vec<u8> {
        let control = self.control_tar.clone().unwrap_or_else(|| tar_of(&self.control_members()));
        let data = self.data_tar.clone().unwrap_or_else(|| tar_of(&self.members()));
        let mut members = vec![("debian-binary".to_owned(), b"2.0\n".to_vec())];
        members.extend(self.extra.iter().cloned());
        let (control_by, data_by) = (self.control_compression, self.compression);
        members.push((format!("control.tar{}", control_by.suffix()), control_by.compress(&control)));
        members.push((format!("data.tar{}", data_by.suffix()), data_by.compress(&data)));
        ar_of(&members)
    }
}

fn member_name(path: &str) -> String {
    format!("./{}", path.trim_start_matches('/').trim_end_matches('/'))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::util::command::run_checked;
    use std::process::Command;

    fn sample() -> Package {
        Package::new("a", "1:1.0-1")
            .arch("armhf")
            .depends("b (>= 2)")
            .dir("usr/share/a", 0o2775)
            .owner(0, 42)
            .file("usr/bin/a", 0o4755, "#!/bin/sh\n")
            .hardlink("usr/bin/b", "usr/bin/a")
            .symlink("usr/bin/c", "../share/a")
            .file(&format!("usr/share/a/{}", "long".repeat(40)), 0o644, "")
            .conffile("etc/a.conf", "x = 1\n")
            .script("postinst", "#!/bin/sh\nexit 0\n")
    }

    #[test]
    fn dpkg_deb_accepts_every_compression() {
        let dir = tempfile::tempdir().unwrap();
        for compression in Compression::ALL {
            let path = dir.path().join("a.deb");
            std::fs::write(&path, sample().compression(compression).build()).unwrap();
            let ask = |option: &str| {
                let output = run_checked(Command::new("dpkg-deb").env("TZ", "UTC").arg(option).arg(&path)).unwrap();
                String::from_utf8(output.stdout).unwrap()
            };
            let info = ask("--info");
            assert!(info.contains("Depends: b (>= 2)\n") && info.contains("postinst"), "{info}");
            insta::allow_duplicates! {
                insta::assert_snapshot!(ask("--contents").replace(&"long".repeat(40), "[long]"), @r"
                drwxr-xr-x root/root         0 2020-01-01 00:00 ./
                drwxr-xr-x root/root         0 2020-01-01 00:00 ./usr/
                drwxr-xr-x root/root         0 2020-01-01 00:00 ./usr/share/
                drwxrwsr-x 0/42              0 2020-01-01 00:00 ./usr/share/a/
                drwxr-xr-x root/root         0 2020-01-01 00:00 ./usr/bin/
                -rwsr-xr-x root/root        10 2020-01-01 00:00 ./usr/bin/a
                hrwsr-xr-x root/root         0 2020-01-01 00:00 ./usr/bin/b link to ./usr/bin/a
                lrwxrwxrwx root/root         0 2020-01-01 00:00 ./usr/bin/c -> ../share/a
                -rw-r--r-- root/root         0 2020-01-01 00:00 ./usr/share/a/[long]
                drwxr-xr-x root/root         0 2020-01-01 00:00 ./etc/
                -rw-r--r-- root/root         6 2020-01-01 00:00 ./etc/a.conf
                ");
            }
        }
    }

    #[test]
    fn dpkg_takes_the_package_apart_into_its_files() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("a.deb");
        std::fs::write(&path, sample().build()).unwrap();
        run_checked(Command::new("dpkg-deb").arg("-x").arg(&path).arg(dir.path().join("x"))).unwrap();
        assert_eq!(std::fs::read(dir.path().join("x/usr/bin/b")).unwrap(), b"#!/bin/sh\n");
    }

    #[test]
    fn writes_the_same_bytes_again() {
        assert_eq!(sample().build(), sample().build());
        assert_eq!(sample().file_name(), "a_1.0-1_armhf.deb");
    }
}

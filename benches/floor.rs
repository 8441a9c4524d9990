//! The least that importing packages can cost: decompress, hash and write the objects, in one process and one thread.
//!
//! `floor STORE < LIST` takes a list of `.deb` files, one a line, and a directory that does not exist yet; it makes an
//! object of each distinct file there, as a `bare-user` repository needs it (content, attribute, mode, time, name),
//! and nothing else: no directories, commits or refs, no checks, no sync. With `--plain` an object is only a file with
//! content. Nothing of the library is used. The import step is measured against it; see `benches/README.md`.

#![allow(clippy::unwrap_used, missing_docs, reason = "a yardstick that stops at the first surprise")]

use rustix::fs::{AtFlags, CWD, Mode, OFlags, Timespec, Timestamps, XattrFlags};
use sha2::{Digest, Sha256};
use std::collections::HashSet;
use std::io::{BufRead as _, Read, Write as _};
use std::os::fd::AsRawFd as _;

/// Larger files go to the disk while they are hashed.
const IN_MEMORY: u64 = 8 << 20;

fn main() {
    let words: Vec<String> = std::env::args().skip(1).filter(|word| word != "--bench").collect();
    let plain = words.iter().any(|word| word == "--plain");
    let Some(store) = words.iter().find(|word| !word.starts_with('-')) else { return };
    std::fs::create_dir_all(store).unwrap();
    let directory = rustix::fs::open(store, OFlags::DIRECTORY | OFlags::RDONLY, Mode::empty()).unwrap();
    for shard in 0..256 {
        std::fs::create_dir(format!("{store}/{shard:02x}")).unwrap();
    }
    let mut seen = HashSet::new();
    for path in std::io::stdin().lock().lines() {
        let mut archive = ar::Archive::new(std::io::BufReader::with_capacity(128 << 10, std::fs::File::open(path.unwrap()).unwrap()));
        while let Some(part) = archive.next_entry() {
            let part = part.unwrap();
            let name = String::from_utf8(part.header().identifier().to_vec()).unwrap();
            let decoder: Box<dyn Read + '_> = match name.strip_prefix("data.tar") {
                Some(".xz") => Box::new(liblzma::read::XzDecoder::new(part)),
                Some(".gz") => Box::new(flate2::read::MultiGzDecoder::new(part)),
                Some(".zst") => Box::new(zstd::Decoder::new(part).unwrap()),
                Some("") => Box::new(part),
                _ => continue,
            };
            let mut tar = tar::Archive::new(std::io::BufReader::with_capacity(128 << 10, decoder));
            let mut content = Vec::new();
            for entry in tar.entries().unwrap() {
                let mut entry = entry.unwrap();
                if entry.header().entry_type() != tar::EntryType::Regular {
                    continue;
                }
                let header = entry.header();
                let meta: Vec<u8> = [header.uid().unwrap() as u32, header.gid().unwrap() as u32, 0o100_000 | header.mode().unwrap()]
                    .iter()
                    .flat_map(|number| number.to_be_bytes())
                    .collect();
                let mut hasher = Sha256::new_with_prefix(&meta);
                let mut file = None;
                if entry.size() <= IN_MEMORY {
                    content.clear();
                    entry.read_to_end(&mut content).unwrap();
                    hasher.update(&content);
                } else {
                    let to = file.insert(unnamed(&directory));
                    content.resize(128 << 10, 0);
                    loop {
                        let length = entry.read(&mut content).unwrap();
                        if length == 0 {
                            break;
                        }
                        hasher.update(&content[..length]);
                        to.write_all(&content[..length]).unwrap();
                    }
                    content.clear();
                }
                let digest: [u8; 32] = hasher.finalize().into();
                if !seen.insert(digest) {
                    continue;
                }
                let hex: String = digest.iter().map(|byte| format!("{byte:02x}")).collect();
                let object = format!("{}/{}.file", &hex[..2], &hex[2..]);
                if plain && file.is_none() {
                    std::fs::write(format!("{store}/{object}"), &content).unwrap();
                    continue;
                }
                let mut file = file.unwrap_or_else(|| unnamed(&directory));
                file.write_all(&content).unwrap();
                if !plain {
                    rustix::fs::fsetxattr(&file, "user.ostreemeta", &meta, XattrFlags::empty()).unwrap();
                    rustix::fs::fchmod(&file, Mode::from_raw_mode(0o755)).unwrap();
                    let epoch = Timespec { tv_sec: 0, tv_nsec: 0 };
                    rustix::fs::futimens(&file, &Timestamps { last_access: epoch, last_modification: epoch }).unwrap();
                }
                let fd = format!("/proc/self/fd/{}", file.as_raw_fd());
                rustix::fs::linkat(CWD, fd, &directory, object, AtFlags::SYMLINK_FOLLOW).unwrap();
            }
        }
    }
}

fn unnamed(directory: &impl std::os::fd::AsFd) -> std::fs::File {
    rustix::fs::openat(directory, ".", OFlags::TMPFILE | OFlags::WRONLY, Mode::RUSR | Mode::WUSR).unwrap().into()
}

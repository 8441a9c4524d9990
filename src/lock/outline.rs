//! A lockfile without digests and sizes, for people who compare two.

use super::Lockfile;

impl Lockfile {
    /// The canonical text, with architectures and differing versions alone where package files stand.
    pub fn outline(&self) -> String {
        self.render().lines().fold(String::new(), |text, line| text + &outlined(line) + "\n")
    }
}

/// `arm64 = "DIGEST SIZE VERSION"` becomes `arm64 VERSION`.
fn outlined(line: &str) -> String {
    if !line.starts_with("bin.") {
        return line.to_owned();
    }
    let mut out = String::new();
    let mut rest = line;
    while let Some(at) = rest.find(" = \"") {
        let (before, value) = (&rest[..at], &rest[at + 4..]);
        let Some(end) = value.find('"') else { break };
        let mut words = value[..end].split(' ');
        let is_file =
            words.next().is_some_and(|word| word.len() == 64) && words.next().is_some_and(|word| word.bytes().all(|b| b.is_ascii_digit()));
        out.push_str(before);
        match (is_file, words.next()) {
            (true, None) => {}
            (true, Some(version)) => {
                out.push(' ');
                out.push_str(version);
            }
            (false, _) => out.push_str(&rest[at..at + 4 + end + 1]),
        }
        rest = &value[end + 1..];
    }
    out + rest
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn digests_and_sizes_go() {
        let digest = "a".repeat(64);
        let line = format!(
            "bin.x = {{ version = \"2\", amd64 = \"{digest} 10\", armhf = \"{digest} 12 2+b1\", path = {{ armhf = \"./x.deb\" }} }}"
        );
        assert_eq!(outlined(&line), "bin.x = { version = \"2\", amd64, armhf 2+b1, path = { armhf = \"./x.deb\" } }");
        assert_eq!(outlined("name = \"x\""), "name = \"x\"");
    }
}

//! Modules import only what stands above them in ARCHITECTURE.md's table.

#![allow(clippy::unwrap_used, reason = "a test says no in this way")]

use std::collections::BTreeMap;
use std::path::Path;

/// The table as ARCHITECTURE.md has it: `| `module` | job | may use |`.
fn table() -> BTreeMap<String, Vec<String>> {
    let text = std::fs::read_to_string("ARCHITECTURE.md").unwrap();
    let rows = text.lines().filter_map(|line| {
        let cells: Vec<&str> = line.trim().trim_matches('|').split('|').map(str::trim).collect();
        let module = cells.first()?.strip_prefix('`')?.strip_suffix('`')?.to_owned();
        // The table of files has the same look; its rows are no modules.
        Path::new("src").join(&module).is_dir().then_some(())?;
        let may_use = cells.get(2)?.split_whitespace().map(str::to_owned).collect();
        Some((module, may_use))
    });
    rows.collect()
}

fn sources(dir: &Path, found: &mut Vec<std::path::PathBuf>) {
    for entry in std::fs::read_dir(dir).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            sources(&path, found);
        } else if path.extension().is_some_and(|e| e == "rs") && path.file_name().is_some_and(|name| name != "tests.rs") {
            found.push(path);
        }
    }
}

#[test]
fn modules_import_only_upwards() {
    let table = table();
    let mut wrong = vec![];
    for (module, may_use) in &table {
        let mut files = vec![];
        sources(&Path::new("src").join(module), &mut files);
        for file in files {
            let text = std::fs::read_to_string(&file).unwrap();
            // Unit tests at a file's bottom may use what they like.
            let code = text.split("#[cfg(test)]").next().unwrap();
            for (at, _) in code.match_indices("crate::") {
                let line = code[..at].rsplit('\n').next().unwrap().trim_start();
                let used: String = code[at + 7..].chars().take_while(|c| c.is_alphanumeric() || *c == '_').collect();
                let allowed = used == *module || may_use.contains(&used) || !table.contains_key(&used);
                if !allowed && !line.starts_with("//") {
                    wrong.push(format!("{}: `{module}` uses `{used}`", file.display()));
                }
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn table_lists_every_module() {
    let table = table();
    for entry in std::fs::read_dir("src").unwrap() {
        let entry = entry.unwrap();
        let name = entry.file_name().into_string().unwrap();
        if entry.path().is_dir() && name != "bin" {
            assert!(table.contains_key(&name), "ARCHITECTURE.md does not list `{name}`");
        }
    }
}

#[test]
fn each_concern_has_one_module() {
    for (word, module) in [("reqwest::", "src/repo"), ("toml_edit::", "src/"), ("ostree::glib", "src/bin"), ("resolvo::", "src/resolve")] {
        let mut files = vec![];
        sources(Path::new("src"), &mut files);
        for file in files.iter().filter(|f| !f.starts_with(module)) {
            let text = std::fs::read_to_string(file).unwrap();
            assert!(!text.contains(word), "{} uses {word}, which belongs to {module}", file.display());
        }
    }
}

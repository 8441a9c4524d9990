//! `pintree lock`.

use super::args::{Format, Global, Lock, Only};
use super::ui::Ui;
use super::{Exit, args};
use crate::ops::lock::{Checked, Locked, Options, Unlisted, Upgrade};
use crate::ops::{Error, lock};
use crate::pkg::Hold;
use serde_json::{Value, json};

/// Runs the verb.
pub fn run(global: &Global, args: &Lock, ui: &mut Ui) -> Result<Exit, Error> {
    if args.check {
        return check(global, args, ui);
    }
    let upgrade = match (args.only, args.upgrade, &args.upgrade_package[..]) {
        (Some(Only::Security), ..) => Upgrade::Security,
        (None, true, _) => Upgrade::All,
        (None, false, []) => Upgrade::Nothing,
        (None, false, packages) => Upgrade::Packages(packages.to_vec()),
    };
    let options = Options {
        manifests: args.manifests.clone(),
        upgrade,
        at: args.at,
        min_age: args.min_age,
        resolve_conflicts: args.resolve_conflicts,
        allow_skew: args.allow_skew,
        allow_downgrade: args.allow_downgrade,
        dry_run: args.dry_run || global.is_locked(),
        lockfile: args.lockfile.clone(),
    };
    let locked = lock::lock(&mut super::session(global, ui), &options)?;
    if ui.format() == Format::Json {
        let unlisted: Vec<Value> = locked.iter().flat_map(|one| one.unlisted.iter().map(|kept| unlisted(&one.manifest, kept))).collect();
        let mut result = images(&locked)?;
        result["unlisted"] = json!(unlisted);
        ui.result(&super::pretty(&result));
    }
    // That a mirror has gone back is more than any change.
    locked.iter().for_each(|one| tell_unlisted(&one.unlisted, ui));
    for one in &locked {
        tell(one, options.dry_run, ui);
    }
    match locked.iter().find(|one| one.differs) {
        Some(one) if global.is_locked() => Err(Error::WouldChange { lockfile: one.path.clone() }),
        _ => Ok(Exit::Done),
    }
}

fn check(global: &Global, args: &Lock, ui: &mut Ui) -> Result<Exit, Error> {
    let Checked { stale, expired } = lock::check(&mut super::session(global, ui), &args.manifests)?;
    if ui.format() == args::Format::Json {
        let rows: Vec<Value> = stale.iter().map(|stale| json!({"lockfile": stale.lockfile, "reasons": stale.reasons})).collect();
        let holds: Vec<Value> = expired.iter().map(|expired| hold(&expired.manifest, &expired.hold)).collect();
        ui.result(&super::pretty(&json!({"stale": rows, "expired_holds": holds})));
    }
    for stale in &stale {
        ui.always(&format!("`{}` is stale:", stale.lockfile.display()));
        for reason in &stale.reasons {
            ui.always(&format!("  {reason}"));
        }
    }
    expired.iter().for_each(|expired| ui.always(&expired.to_string()));
    if !stale.is_empty() {
        ui.always("hint: run `pintree lock`");
    }
    if !expired.is_empty() {
        ui.always("hint: give the hold a later `until`, or remove it and run `pintree lock --upgrade-package` on what it held");
    }
    if stale.is_empty() && expired.is_empty() {
        ui.note("every lockfile fits its manifest");
        return Ok(Exit::Done);
    }
    Ok(Exit::Findings)
}

fn hold(manifest: &str, hold: &Hold) -> Value {
    let (package, version) = (hold.package.as_str(), hold.version.as_str());
    json!({"manifest": manifest, "package": package, "version": version, "reason": hold.reason, "until": hold.until})
}

/// What stays although no index has it any more, for programs.
pub fn unlisted(manifest: &str, kept: &Unlisted) -> Value {
    json!({
        "manifest": manifest,
        "source": kept.source,
        "version": kept.version,
        "newest": kept.newest,
        "repo": kept.repo,
        "packages": kept.packages,
        "arches": kept.arches.iter().map(|arch| arch.deb_name()).collect::<Vec<_>>(),
    })
}

/// Says what stays although no index has it any more.
pub fn tell_unlisted(unlisted: &[Unlisted], ui: &mut Ui) {
    unlisted.iter().for_each(|one| ui.warn(&one.to_string()));
    if !unlisted.is_empty() {
        ui.always("hint: wait for the mirror, or use another one; `--allow-downgrade` goes back to what the indexes have");
    }
}

/// The whole set of each image, as design and documentation promise it to programs.
fn images(locked: &[Locked]) -> Result<Value, Error> {
    let mut rows = vec![];
    for one in locked {
        for (image, part) in one.lockfile.images() {
            let mut arches = part.arches.clone();
            arches.sort();
            for arch in arches {
                let packages: Vec<Value> = one
                    .lockfile
                    .pins(image, &arch)?
                    .iter()
                    .map(|pin| {
                        json!({
                            "name": pin.name,
                            "version": pin.version,
                            "arch": pin.architecture.deb_name(),
                            "source": pin.source,
                            "repo": pin.repo,
                            "sha256": pin.sha256.to_hex(),
                            "size": pin.size,
                        })
                    })
                    .collect();
                rows.push(json!({"manifest": one.manifest, "image": image, "arch": arch.deb_name(), "packages": packages}));
            }
        }
    }
    Ok(json!({"images": rows}))
}

fn tell(one: &Locked, dry_run: bool, ui: &mut Ui) {
    // A fix that is kept out is said even where nothing else is.
    one.blocked.iter().filter(|blocked| blocked.security).for_each(|blocked| ui.warn(&blocked.to_string()));
    let path = one.path.display().to_string();
    if !one.differs {
        ui.status("Unchanged", &path);
        told_besides(one, ui);
        return;
    }
    ui.status(if dry_run { "Would lock" } else { "Locked" }, &path);
    if one.fresh {
        // Of a first lockfile everything is new; the file itself is the list.
        for (image, part) in one.lockfile.images() {
            for arch in &part.arches {
                let count = one.lockfile.iter_pins(image, arch).map_or(0, |pins| pins.len());
                ui.note(&format!("           image {image} for {arch}: {count} packages"));
            }
        }
        told_besides(one, ui);
        return;
    }
    for line in one.change.brief().lines() {
        ui.note(&format!("           {line}"));
    }
    told_besides(one, ui);
}

/// What did not change although something newer is there.
fn told_besides(one: &Locked, ui: &mut Ui) {
    one.lagging.iter().for_each(|lagging| ui.note(&format!("           {lagging}")));
    one.blocked.iter().filter(|blocked| !blocked.security).for_each(|blocked| ui.note(&format!("           {blocked}")));
}

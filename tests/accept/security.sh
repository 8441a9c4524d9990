#!/usr/bin/env bash
# `pintree lock --only security` on a real lockfile: what a suite of security updates has moves there, nothing else does.
. "$(dirname "$0")/update-locks.sh"
cp "$scratch/kept.lock" "$project/lockfiles/update.lock"
code=0
lock fixed --only security || code=$?
python3 - "$scratch" >"$scratch/report" <<'PYTHON' || failures=$((failures + 1))
import sys, tomllib
scratch = sys.argv[1]
def load(name):
    """By package, architecture and image: version, repository."""
    lock = tomllib.load(open(f"{scratch}/{name}.lock", "rb"))
    return {(source["name"], source["version"]): source for source in lock["source"]}
kept, fixed, new = load("kept"), load("fixed"), load("new")
came, went = fixed.keys() - kept.keys(), kept.keys() - fixed.keys()
elsewhere = sorted(f"{name} {version}" for name, version in came if fixed[name, version]["repo"] != "debian-security")
fixes = {name for name, version in new.keys() - kept.keys() if new[name, version]["repo"] == "debian-security"}
missing = sorted(fixes - {name for name, _ in fixed.keys() & new.keys()})
touched = sorted(f"{name} {version}" for name, version in fixed.keys() & kept.keys() if fixed[name, version] != kept[name, version])
names = {name for name, _ in fixed}
skew = sorted(name for name in names if sum(other == name for other, _ in fixed) > sum(other == name for other, _ in kept))
bad = 0
def check(what, wrong, figure):
    global bad
    bad += bool(wrong)
    print(f"{'FAIL' if wrong else 'PASS'} {what}: {figure}{'; ' + ', '.join(wrong[:5]) if wrong else ''}")
check("only security moves to security suites alone", elsewhere, f"{len(came)} source packages came from debian-security, {len(elsewhere)} from elsewhere")
check("only security takes every fix that an upgrade takes from there", missing, f"{len(fixes)} fixes, {len(missing)} not taken")
check("only security leaves every other block alone", touched, f"{len(fixed.keys() & kept.keys())} blocks stay, {len(touched)} differ")
check("only security keeps images and architectures in step", skew, f"{len(skew)} source packages at more versions than before")
sys.exit(bad > 0)
PYTHON
cat "$scratch/report"
check "only security" $code "exit $code"

#!/usr/bin/env python3
"""Plays whole tables of attacks, and shows of each row that it can fail.

  attacks.py PINTREE TABLE...

Each row is played against PINTREE, where it must hold and its twin succeed; then against the state before the guards
(BEFORE below) and, if it held there as well, against a copy of the working tree without the guards that
`guards/TABLE.toml` names. A row that breaks in neither shows nothing. Prints `PASS|FAIL name: figure` lines.
"""

import os
import re
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

BEFORE = "b96ac9e"
ROOT = Path(__file__).resolve().parent.parent.parent
TARGET = Path(os.environ.get("CARGO_TARGET_DIR", ROOT / "target"))


def say(text):
    print(text, file=sys.stderr, flush=True)


def build(tree, name):
    """Builds the programs of a tree; gives the path of `pintree`. What the trees depend on is built once for all."""
    shared, kept = TARGET / "attacks", TARGET / "attacks" / name
    environment = {**os.environ, "CARGO_TARGET_DIR": str(shared)}
    subprocess.run(["cargo", "build", "--quiet", "--bins"], cwd=tree, env=environment, check=True)
    kept.mkdir(exist_ok=True)
    for program in ("pintree", "pintree-ostree"):
        shutil.copy2(shared / "debug" / program, kept / program)
    return kept / "pintree"


def copy_of(revision, directory):
    """The tree of a revision, or the working tree if there is none, in a directory of its own."""
    if revision:
        archive = subprocess.run(["git", "archive", revision], cwd=ROOT, check=True, stdout=subprocess.PIPE).stdout
        subprocess.run(["tar", "-x", "-C", directory], input=archive, check=True)
        return
    files = subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, check=True, stdout=subprocess.PIPE).stdout.decode()
    for name in filter(None, files.split("\0")):
        if (ROOT / name).exists():
            (directory / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(ROOT / name, directory / name)


def guards(table):
    """The guards of a table: (file, what stands there, what stands there without the guard)."""
    path = ROOT / f"tests/accept/guards/{table}.toml"
    if not path.exists():
        return []
    # Python 3.11 has a TOML reader; older ones do not.
    import tomllib
    return [(guard["file"], guard["find"], guard["replace"]) for guard in tomllib.loads(path.read_text()).get("guard", [])]


def without_guards(table):
    """A build of the working tree without the guards of a table; none if it has no guards to remove."""
    listed = guards(table)
    if not listed:
        return None
    with tempfile.TemporaryDirectory() as scratch:
        tree = Path(scratch)
        copy_of(None, tree)
        for file, find, replace in listed:
            text = (tree / file).read_text()
            if text.count(find) != 1:
                raise SystemExit(f"error: {file} has the guard `{find.strip()}` {text.count(find)} times")
            (tree / file).write_text(text.replace(find, replace))
        return build(tree, f"without-{table}")


def lines(table, program, **more):
    """Plays every row, with more variables; gives the report's lines as table, row, guard, side, word and figure."""
    with tempfile.NamedTemporaryFile() as report:
        environment = {
            **os.environ,
            "PINTREE_ATTACKS": "all",
            "PINTREE_PROGRAM": str(program),
            "PINTREE_ATTACKS_REPORT": report.name,
            "CARGO_TARGET_DIR": str(TARGET),
            **more,
        }
        environment.pop("CI", None)
        command = ["cargo", "test", "--quiet", "--test", "attacks", "--", f"{table}::"]
        subprocess.run(command, cwd=ROOT, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, check=False)
        rows = [line.split("\t") for line in Path(report.name).read_text().splitlines()]
    return [row for row in rows if len(row) == 6]


def play(table, program):
    """Plays every row; gives what became of attacks and twins by row."""
    rows = lines(table, program)
    sides = {side: {row[1]: (row[4], row[5]) for row in rows if row[3] == side} for side in ("attack", "twin")}
    accepted = [(row[1], row[5]) for row in rows if row[3] == "accepted"]
    return sides["attack"], sides["twin"], accepted


def check(name, good, figure):
    print(f"{'PASS' if good else 'FAIL'} {name}: {figure}", flush=True)
    return good


def main(program, *tables):
    good = True
    with tempfile.TemporaryDirectory() as scratch:
        say(f"building {BEFORE}")
        copy_of(BEFORE, Path(scratch))
        before = build(scratch, "before")
    for table in tables:
        attacks, twins, accepted = play(table, program)
        held = [row for row, (word, _) in attacks.items() if word == "held"]
        skipped = [row for row, (word, _) in attacks.items() if word == "skipped"]
        succeed = [row for row, (word, _) in twins.items() if word == "held"]
        wrong = sorted({row for row, (word, _) in [*attacks.items(), *twins.items()] if word == "BROKE"})
        figure = f"{len(held)} of {len(attacks)} rows held, {len(succeed)} twins succeed, {len(skipped)} skipped"
        good &= check(f"{table} attacks", attacks and not wrong, figure + (f"; broke: {', '.join(wrong)}" if wrong else ""))
        for name, reason in accepted:
            say(f"accepted: {table}/{name}: {reason}")
        broke_before = {row for row, (word, _) in play(table, before)[0].items() if word == "BROKE"}
        open_rows = set(held) - broke_before
        without = without_guards(table) if open_rows else None
        broke_without = {row for row, (word, _) in play(table, without)[0].items() if word == "BROKE"} if without else set()
        unshown = sorted(open_rows - broke_without)
        figure = f"{len(broke_before & set(held))} rows broke on {BEFORE}, {len(broke_without & open_rows)} more without their guards"
        good &= check(f"{table} can fail", not unshown, figure + (f"; not shown: {', '.join(unshown)}" if unshown else ""))
    return 0 if good else 1


if __name__ == "__main__":
    if len(sys.argv) < 3 or not re.fullmatch(r".*pintree", sys.argv[1]):
        raise SystemExit(__doc__)
    sys.exit(main(*sys.argv[1:]))

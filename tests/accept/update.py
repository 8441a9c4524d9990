#!/usr/bin/env python3
"""Judges the change from one lockfile to another, beside the same change in `Packages` stanzas.

usage: update.py DIRECTORY CACHE

DIRECTORY has old, kept and new, each as .lock and .json; CACHE the verified indexes that the pins came from.
"""
import difflib
import glob
import gzip
import json
import lzma
import re
import sys

directory, cache = sys.argv[1:]


def lines(name):
    with open(f"{directory}/{name}.lock") as file:
        return file.read().splitlines()


def pins(name):
    """(image, arch, package, its arch) to what is pinned."""
    with open(f"{directory}/{name}.json") as file:
        images = json.load(file)["images"]
    return {(image["image"], image["arch"], pin["name"], pin["arch"]): pin for image in images for pin in image["packages"]}


def blocks(text):
    """Blocks of a lockfile by their heading, lines included."""
    found, current = {}, []
    for line in [*text, ""]:
        if line:
            current.append(line)
        elif current:
            key = tuple(current[:2]) if current[0] == "[[source]]" else (current[0],)
            found.setdefault(key, []).extend(current)
            current = []
    return found


def changed_lines(old, new):
    return [line for line in difflib.ndiff(old, new) if line[:2] in ("- ", "+ ")] if max(len(old), len(new)) < 400 else [
        line for line in difflib.unified_diff(old, new, n=0, lineterm="") if line[0] in "+-" and line[:3] not in ("+++", "---")]


def stanzas():
    """Every stanza of the cached indexes by the digest of its package."""
    found = {}
    for path in glob.glob(f"{cache}/pintree/index/*"):
        opener = lzma.open if path.endswith(".xz") else gzip.open if path.endswith(".gz") else open
        with opener(path, "rt") as file:
            for stanza in file.read().split("\n\n"):
                digest = re.search(r"^SHA256: (\S+)", stanza, re.M)
                if digest:
                    found[digest[1]] = stanza.strip().splitlines()
    return found


def main():
    old, kept, new = (lines(name) for name in ("old", "kept", "new"))
    before, after = pins("kept"), pins("new")
    identity = lambda pin: pin and (pin["version"], pin["sha256"])
    moved = {key for key in before.keys() | after.keys() if identity(before.get(key)) != identity(after.get(key))}
    sources = {pin["source"] for key in moved for pin in (before.get(key), after.get(key)) if pin}
    names = {key[2] for key in moved}

    # Adding repositories keeps every pin: only what describes them may change.
    was, now = blocks(old), blocks(kept)
    stray = [key for key in was.keys() | now.keys() if was.get(key) != now.get(key) and not key[0].startswith("[repo.")]
    good = not stray and pins("old").keys() == before.keys()
    print(f"{'PASS' if good else 'FAIL'} lock keeps pins: two suites more change {len(stray)} blocks other than [repo]{'' if good else ': ' + str(stray[:3])}")

    was, now = blocks(kept), blocks(new)
    unexplained, count = [], 0
    for key in sorted(was.keys() | now.keys()):
        if was.get(key) == now.get(key):
            continue
        delta = changed_lines(was.get(key, []), now.get(key, []))
        count += len(delta)
        if key[0] == "[[source]]":
            name = key[1].split('"')[1]
            unexplained += [] if name in sources else delta
        elif key[0].startswith("[repo."):
            # Where most of a repository's packages lie is told with the first of them.
            first = not any(f'repo = "{key[0][6:-1]}"' in block for block in was.values())
            unexplained += [line for line in delta if not (first and line.startswith("+ pool = "))]
        else:
            about = lambda line: (found := re.match(r'[+-]\s+"([^":@ ]+)', line)) and found[1] in names
            unexplained += [line for line in delta if not about(line)]
    good = bool(sources) and not unexplained
    print(f"{'PASS' if good else 'FAIL'} every changed line is about a changed package: {count} lines, {len(sources)} sources, {len(names)} packages changed, "
          f"{len(unexplained)} lines unexplained{'' if good else ': ' + str(unexplained[:5])}")

    known = stanzas()
    total = 0
    arches = sorted({key[1] for key in before | after})
    for arch in arches:
        sides = []
        for pinned in (before, after):
            chosen = {(key[2], key[3]): pin for key, pin in pinned.items() if key[1] == arch}
            sides.append([line for _, pin in sorted(chosen.items()) for line in [*known[pin["sha256"]], ""]])
        total += sum(1 for line in difflib.unified_diff(*sides, n=0, lineterm="") if line[0] in "+-" and line[:3] not in ("+++", "---"))
    ours = count / max(len(sources), 1)
    theirs = total / max(len(sources), 1)
    small = count < total
    print(f"{'PASS' if small else 'FAIL'} size of the change: {ours:.1f} lines a changed source, {theirs:.1f} as Packages stanzas ({count} beside {total} lines, {'+'.join(arches)})")
    sys.exit(0 if good and small and not stray else 1)


main()

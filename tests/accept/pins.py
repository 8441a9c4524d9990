#!/usr/bin/env python3
"""Prints what a lockfile pins for one image: NAME VERSION ARCHITECTURE, sorted.

usage: pins.py LOCKFILE IMAGE ARCH

It follows docs/lockfile.md and shares nothing with the program, so that neither can hide the other's mistake.
"""
import re
import sys
import tomllib

lockfile, image, arch = sys.argv[1:]
with open(lockfile, "rb") as file:
    lock = tomllib.load(file)

cells = {}  # name to a list of (architecture, version)
for source in lock.get("source", []):
    for name, entry in source["bin"].items():
        base = entry.get("version", source["version"])
        for where, cell in entry.items():
            if where in ("version", "path"):
                continue
            _, _, *own = cell.split()
            number = source.get("binnmu", {}).get(where)
            version = own[0] if own else f"{base}+b{number}" if number and where != "all" else base
            cells.setdefault(name, []).append((where, version))


def chosen(name):
    """The entries of an image, those that it extends included."""
    block = lock["image"][name]
    entries = chosen(block["extends"]) if "extends" in block else set()
    def here(field):
        for entry in block.get(field, []):
            ref, _, arches = entry.partition(" [")
            if not arches or arch in arches.rstrip("]").split():
                yield ref
    return (entries | set(here("packages"))) - set(here("without"))


lines = []
for ref in chosen(image):
    name, where, version = re.fullmatch(r"([^:@]+)(?::([^@]+))?(?:@(.+))?", ref).groups()
    wanted = (where,) if where else (arch, "all")
    found = [cell for cell in cells[name] if cell[0] in wanted and version in (None, cell[1])]
    if len(found) != 1:
        sys.exit(f"`{ref}` means {len(found)} packages")
    lines.append(f"{name} {found[0][1]} {found[0][0]}")
print(*sorted(lines), sep="\n")

#!/usr/bin/env python3
"""Compares a composed commit with a tree that `mmdebstrap --variant=extract` made of the same packages.

usage: compare-extract.py REPO REF TREE

Compares names, types, modes, owners, sizes of regular files and targets of links; TREE must be readable by the caller.
Differences that the table below explains are counted, the others printed; any of them is exit 1.
"""
import os
import stat
import subprocess
import sys

from differences import report

# Path pattern, and why the two may differ there.
EXPLAINED = [
    ("/dev/*", "mmdebstrap makes device nodes; a commit has none"),
    ("/var/lib/dpkg/*", "compose writes the database that `dpkg --unpack` would; extract leaves it empty"),
    ("/etc/apt/sources.list", "mmdebstrap's own configuration of apt"),
    ("/etc/apt/apt.conf.d/99mmdebstrap", "mmdebstrap's own configuration of apt"),
    ("/etc/apt/preferences.d", "made by mmdebstrap for the apt that it runs"),
    ("/etc/apt/sources.list.d", "made by mmdebstrap for the apt that it runs"),
    ("/etc/fstab", "an empty one is written by mmdebstrap"),
    ("/etc/hostname", "copied from the host by mmdebstrap"),
    ("/etc/resolv.conf", "copied from the host by mmdebstrap"),
    ("/var/lib/apt*", "left by the apt that mmdebstrap runs"),
    ("/var/cache/apt*", "left by the apt that mmdebstrap runs"),
    ("/var/log/apt*", "left by the apt that mmdebstrap runs"),
]


def composed(repo, ref):
    entries = {}
    output = subprocess.run(["ostree", "ls", "-R", f"--repo={repo}", ref], check=True, capture_output=True).stdout
    for line in output.decode().splitlines():
        mode, uid, gid, rest = line.split(None, 3)
        size, path = rest.lstrip().split(" ", 1)
        kind, mode = mode[0], int(mode[1:], 8)
        if kind == "l":
            path, target = path.split(" -> ", 1)
            entries[path] = ("l", 0o777, int(uid), int(gid), target)
        else:
            entries[path] = (kind, mode, int(uid), int(gid), int(size) if kind == "-" else None)
    return entries


def extracted(root):
    entries = {}
    paths = [root]
    for directory, dirs, files in os.walk(root):
        paths += [os.path.join(directory, name) for name in dirs + files]
    for path in paths:
        found = os.lstat(path)
        mode = stat.S_IMODE(found.st_mode)
        name = "/" + os.path.relpath(path, root) if path != root else "/"
        if stat.S_ISLNK(found.st_mode):
            entries[name] = ("l", 0o777, found.st_uid, found.st_gid, os.readlink(path))
        elif stat.S_ISDIR(found.st_mode):
            entries[name] = ("d", mode, found.st_uid, found.st_gid, None)
        elif stat.S_ISREG(found.st_mode):
            entries[name] = ("-", mode, found.st_uid, found.st_gid, found.st_size)
        else:
            entries[name] = ("?", mode, found.st_uid, found.st_gid, None)
    return entries


def text(entry):
    return "absent" if entry is None else f"{entry[0]}{entry[1]:05o} {entry[2]}:{entry[3]} {'' if entry[4] is None else entry[4]}"


def main():
    if len(sys.argv) != 4:
        sys.exit(__doc__)
    ours, theirs = composed(sys.argv[1], sys.argv[2]), extracted(sys.argv[3].rstrip("/"))
    report(ours, theirs, EXPLAINED, lambda entry, _: text(entry), ("composed", "extracted"))


main()

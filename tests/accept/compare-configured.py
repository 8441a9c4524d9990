#!/usr/bin/env python3
"""Compares a configured commit with a tree that `mmdebstrap` installed from the same packages.

usage: compare-configured.py REPO REF TREE

Compares names, types, modes, owners (by name), contents, targets of links and extended attributes. `/lib/x` and `/usr/lib/x`
are one target: which of the two scripts find first depends on when `/usr` is merged, which mmdebstrap leaves to the package
`usrmerge` while it installs. TREE must be readable by the caller. Differences that the table below explains are counted, the others printed; any of them is exit 1.
"""
import glob
import os
import re
import stat
import subprocess
import sys
import tempfile

from differences import report

# Path pattern, and why the two may differ there. `docs/reproducibility.md` has the reasons for what a build removes.
EXPLAINED = [
    ("/dev*", "mmdebstrap makes device nodes; a commit has none"),
    ("/run/*", "memory at run time; what scripts leave there is no part of an image"),
    ("/etc/apt/sources.list", "mmdebstrap's own configuration of apt"),
    ("/etc/apt/apt.conf.d/99mmdebstrap", "mmdebstrap's own configuration of apt"),
    ("/etc/apt/preferences.d", "made by mmdebstrap for the apt that it runs"),
    ("/etc/apt/sources.list.d", "made by mmdebstrap for the apt that it runs"),
    ("/etc/fstab", "an empty one is written by mmdebstrap"),
    ("/etc/hostname", "copied from the host by mmdebstrap"),
    ("/etc/resolv.conf", "copied from the host by mmdebstrap"),
    ("/etc/ssh/ssh_host_*", "secrets that differ between devices are removed"),
    ("/etc/ssl/private/ssl-cert-snakeoil.key", "secrets that differ between devices are removed"),
    ("/etc/ssl/certs/ssl-cert-snakeoil.pem", "secrets that differ between devices are removed"),
    ("/etc/machine-id", "the first boot makes it; ours is empty"),
    ("/var/lib/dbus/machine-id", "the first boot makes it"),
    ("/etc/.pwd.lock", "lock files are removed"),
    ("/var/lib/dpkg/lock*", "lock files are removed"),
    ("/var/lib/dpkg/triggers/Lock", "lock files are removed"),
    ("/etc/passwd-", "backups of older states are removed"),
    ("/etc/group-", "backups of older states are removed"),
    ("/etc/shadow-", "backups of older states are removed"),
    ("/etc/gshadow-", "backups of older states are removed"),
    ("/etc/subuid-", "backups of older states are removed"),
    ("/etc/subgid-", "backups of older states are removed"),
    ("/var/lib/dpkg/*-old", "backups of older states are removed"),
    ("/var/cache/debconf/*-old", "backups of older states are removed"),
    ("/var/log/alternatives.log", "logs with times are removed"),
    ("/var/log/bootstrap.log", "logs with times are removed"),
    ("/var/cache/man/*index.db", "a cache with times is removed"),
    ("/var/cache/man/*/CACHEDIR.TAG", "made when the cache is updated, for which mmdebstrap has unpacked everything too early"),
    ("/var/log/fontconfig.log", "logs are removed"),
    ("/var/log/dpkg.log", "logs with times are removed"),
    ("/var/log/apt*", "left by the apt that mmdebstrap runs"),
    ("/var/lib/apt*", "left by the apt that mmdebstrap runs"),
    ("/var/cache/apt*", "left by the apt that mmdebstrap runs"),
    ("/var/lib/ucf/*.[0-9]", "backups of older states, which depend on the order of scripts"),
    ("/var/lib/*/global/pg_control", "a database that a script initialises has random identifiers"),
    ("/var/lib/*/pg_stat/*", "a database that a script initialises has random identifiers"),
    ("/var/lib/mysql/*", "a database that a script initialises has random identifiers"),
    ("/var/lib/*/pg_wal/*", "a database that a script initialises has random identifiers"),
    ("/var/cache/ldconfig/aux-cache", "inode numbers and times"),
    ("/var/lib/systemd/random-seed", "random"),
    ("/var/lib/dpkg/available", "an empty file, which dpkg makes when it needs it"),
    ("/var/lib/dpkg/statoverride", "an empty file, which dpkg makes when it needs it"),
]

# Files whose lines both have in another order.
UNORDERED = {"/etc/passwd", "/etc/group", "/etc/shadow", "/etc/gshadow", "/etc/subuid", "/etc/subgid", "/etc/shells", "/var/lib/dpkg/triggers/File"}
UNORDERED |= {"/var/lib/ucf/hashfile", "/var/lib/ucf/registry"}


# Top directories that a merged `/usr` has as links.
MERGED = re.compile(r"^/usr/((?:s?bin|lib(?:32|64|x32)?)(?:/|$))")


def diverted(root):
    """Where diversions have moved files of the very package that diverts: mmdebstrap extracts all packages before dpkg knows
    whose file is whose. dpkg itself never does it."""
    database = os.path.join(root, "var/lib/dpkg")
    with open(os.path.join(database, "diversions"), encoding="utf-8") as file:
        lines = file.read().splitlines()
    owners = {}
    for name in os.listdir(os.path.join(database, "info")):
        if name.endswith(".list"):
            with open(os.path.join(database, "info", name), encoding="utf-8") as file:
                for path in file.read().splitlines():
                    owners.setdefault(path, set()).add(name[: -len(".list")].split(":")[0])
    found = []
    for origin, moved, package in zip(lines[::3], lines[1::3], lines[2::3]):
        if owners.get(origin) == {package}:
            found.append((glob.escape(moved), "extracted before dpkg ran, then diverted by its own package"))
            found.append((glob.escape("/usr" + moved), found[-1][1]))
    return found


def names(root):
    users, groups = {}, {}
    for table, path in ((users, "etc/passwd"), (groups, "etc/group")):
        try:
            with open(os.path.join(root, path), encoding="utf-8") as lines:
                for line in lines:
                    fields = line.split(":")
                    table[int(fields[2])] = fields[0]
        except FileNotFoundError:
            pass
    return users, groups


def text_of(path, name, users, groups):
    """The content, in a form in which what may differ does not."""
    with open(path, "rb") as file:
        content = file.read()
    if name in ("/etc/passwd", "/etc/group"):
        lines = []
        for line in content.decode().splitlines():
            fields = line.split(":")
            if name == "/etc/passwd":
                fields[2] = f"<{users.get(int(fields[2]))}>"
                fields[3] = f"<{groups.get(int(fields[3]))}>"
            else:
                fields[2] = f"<{groups.get(int(fields[2]))}>"
            lines.append(":".join(fields))
        return "\n".join(sorted(lines))
    if name in UNORDERED:
        return "\n".join(sorted(content.decode().splitlines()))
    if name == "/var/cache/debconf/config.dat" or name == "/var/cache/debconf/templates.dat":
        return "\n\n".join(sorted(content.decode(errors="replace").strip().split("\n\n")))
    if name == "/etc/ssl/certs/java/cacerts":
        # Eight bytes behind each alias are the moment of the build, the last twenty a digest.
        return re.sub(rb"(\.pem).{8}(\0\5X\.509)", rb"\1\2", content[:-20], flags=re.DOTALL)
    if name.endswith(".pyc"):
        # Behind the magic number stands which source it is made from, by time and size or by hash (PEP 552); files of an
        # OSTree checkout are all as old as 1970.
        return content[:4] + content[16:]
    return content


def committed(repo, ref, directory):
    subprocess.run(["ostree", f"--repo={repo}", "checkout", "-U", ref, directory], check=True)
    users, groups = names(directory)
    entries = {}
    output = subprocess.run(["ostree", "ls", "-R", "-X", f"--repo={repo}", ref], check=True, capture_output=True).stdout
    for line in output.decode().splitlines():
        mode, uid, gid, rest = line.split(None, 3)
        size, rest = rest.lstrip().split(" ", 1)
        match = re.match(r"\{ (.*?) \} (/.*)$", rest)
        xattrs, path = (match.group(1), match.group(2)) if match else ("", rest)
        kind, mode = mode[0], int(mode[1:], 8)
        owner = (users.get(int(uid), uid), groups.get(int(gid), gid))
        attributes = "" if xattrs in ("", "@a(ayay) []", "[]") else xattrs.replace("[byte 0x", "[0x")
        if kind == "l":
            path, target = path.split(" -> ", 1)
            entries[path] = ("l", 0o777, owner, MERGED.sub(r"/\1", target), attributes)
        elif kind == "d":
            entries[path] = ("d", mode, owner, None, attributes)
        else:
            entries[path] = ("-", mode, owner, text_of(directory + path, path, users, groups), attributes)
    return entries


def attributes_of(path):
    found = []
    for name in os.listxattr(path, follow_symlinks=False):
        value = os.getxattr(path, name, follow_symlinks=False)
        found.append((name.encode() + b"\0", value))
    if not found:
        return ""
    # As `ostree ls -X` prints an array of pairs of byte strings.
    quoted = [f"({printed(name)}, {printed(value)})" for name, value in sorted(found)]
    return "[" + ", ".join(quoted) + "]"


def printed(value):
    if value.endswith(b"\0") and b"\0" not in value[:-1]:
        return "b'" + value[:-1].decode("latin-1") + "'"
    return "[" + ", ".join(f"0x{byte:02x}" for byte in value) + "]"


def installed(root):
    users, groups = names(root)
    entries = {}
    paths = [root]
    for directory, dirs, files in os.walk(root):
        paths += [os.path.join(directory, name) for name in dirs + files]
    for path in paths:
        found = os.lstat(path)
        mode = stat.S_IMODE(found.st_mode)
        name = "/" + os.path.relpath(path, root) if path != root else "/"
        owner = (users.get(found.st_uid, str(found.st_uid)), groups.get(found.st_gid, str(found.st_gid)))
        attributes = attributes_of(path)
        if stat.S_ISLNK(found.st_mode):
            entries[name] = ("l", 0o777, owner, MERGED.sub(r"/\1", os.readlink(path)), attributes)
        elif stat.S_ISDIR(found.st_mode):
            entries[name] = ("d", mode, owner, None, attributes)
        elif stat.S_ISREG(found.st_mode):
            entries[name] = ("-", mode, owner, text_of(path, name, users, groups), attributes)
        else:
            entries[name] = ("?", mode, owner, None, attributes)
    return entries


def shown(entry, other):
    if entry is None:
        return "absent"
    text = f"{entry[0]}{entry[1]:05o} {entry[2][0]}:{entry[2][1]} {entry[4]}"
    if entry[0] == "l":
        return f"{text} -> {entry[3]}"
    if entry[0] == "-" and other and other[0] == "-" and entry[3] != other[3]:
        def lines(content):
            return (content.decode(errors="replace") if isinstance(content, bytes) else content).splitlines()
        known = set(lines(other[3]))
        extra = [line for line in lines(entry[3]) if line not in known]
        return f"{text}, {len(entry[3])} bytes, lines only here: " + "".join(f"\n      {line[:160]}" for line in extra[:6])
    return text


def main():
    if len(sys.argv) != 4:
        sys.exit(__doc__)
    with tempfile.TemporaryDirectory() as directory:
        ours = committed(sys.argv[1], sys.argv[2], os.path.join(directory, "tree"))
    root = sys.argv[3].rstrip("/")
    theirs = installed(root)
    links = [path for path, entry in theirs.items() if entry[3] == "ssl-cert-snakeoil.pem"]
    links = [(glob.escape(path), "a link to a secret that is removed, by the digest of a host name") for path in links]
    report(ours, theirs, EXPLAINED + diverted(root) + links, shown, ("configured", "installed"))


main()

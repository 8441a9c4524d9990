#!/usr/bin/env python3
"""The floor of configuring: runs maintainer scripts one after the other in a plain chroot, as root.

usage: chroot.py TREE CALLS

CALLS has one `PACKAGE:ARCH SCRIPT ARGUMENTS` a line, as the metadata of a configured commit lists them. Every package is
marked installed beforehand, so that scripts which ask dpkg find what they need.
"""
import os
import subprocess
import sys

tree, calls = sys.argv[1], sys.argv[2]
status = os.path.join(tree, "var/lib/dpkg/status")
with open(status, encoding="utf-8") as file:
    text = file.read()
with open(status, "w", encoding="utf-8") as file:
    file.write(text.replace("Status: install ok unpacked", "Status: install ok installed"))
policy = os.path.join(tree, "usr/sbin/policy-rc.d")
with open(policy, "w", encoding="ascii") as file:
    file.write("#!/bin/sh\nexit 101\n")
os.chmod(policy, 0o755)
for name in ("null", "zero", "urandom", "random", "full", "tty"):
    host = os.stat("/dev/" + name)
    os.mknod(os.path.join(tree, "dev", name), host.st_mode, host.st_rdev)
    os.chmod(os.path.join(tree, "dev", name), 0o666)
os.symlink("/proc/self/fd", os.path.join(tree, "dev/fd"))
subprocess.run(["mount", "-t", "proc", "proc", os.path.join(tree, "proc")], check=True)
failed = 0
try:
    with open(calls, encoding="utf-8") as file:
        lines = [line.split() for line in file if line.strip()]
    for package, script, *arguments in lines:
        name, architecture = package.rsplit(":", 1)
        info = f"/var/lib/dpkg/info/{name}.{script}"
        if not os.path.exists(tree + info):
            info = f"/var/lib/dpkg/info/{package}.{script}"
        if script == "postinst" and arguments == ["configure"]:
            arguments.append("")
        environment = {
            "PATH": "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
            "HOME": "/root",
            "LC_ALL": "C.UTF-8",
            "DEBIAN_FRONTEND": "noninteractive",
            "DEBCONF_NONINTERACTIVE_SEEN": "true",
            "SOURCE_DATE_EPOCH": "1767225600",
            "DPKG_MAINTSCRIPT_PACKAGE": name,
            "DPKG_MAINTSCRIPT_ARCH": architecture,
            "DPKG_MAINTSCRIPT_NAME": script,
            "DPKG_RUNNING_VERSION": "1.21.22",
            "DPKG_ADMINDIR": "/var/lib/dpkg",
            "DPKG_ROOT": "",
        }
        ended = subprocess.run(["chroot", tree, info, *arguments], env=environment, stdin=subprocess.DEVNULL, check=False)
        if ended.returncode != 0:
            failed += 1
            print(f"{package} {script} {arguments}: exit {ended.returncode}")
finally:
    subprocess.run(["umount", os.path.join(tree, "proc")], check=True)
sys.exit(1 if failed else 0)

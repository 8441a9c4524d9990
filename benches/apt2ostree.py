"""A build file of apt2ostree's own rules, where its source is at hand; a peer for peers.py.

apt2ostree.py SOURCE MIRROR_DIR URL SET: run in an empty directory. It leaves a lockfile as apt2ostree has it (the stanzas
of the set's packages), a repository, and a build file whose default target is the image with all packages unpacked.

Two of its parts need an ostree with patches, and are left out, which favours it: moving a package's files below `/usr`,
and the change that it makes to the package `usrmerge`.
"""

import lzma
import os
import pathlib
import re
import subprocess
import sys

source, mirror, url, name = sys.argv[1:]
sys.path.insert(0, source)

from apt2ostree.apt import Apt  # noqa: E402
from apt2ostree.ninja import Ninja  # noqa: E402

base = pathlib.Path(mirror)
wanted = set((base / f"sets/{name}.files").read_text().split())
with lzma.open(base / "mirror/debian/dists/bookworm/main/binary-armhf/Packages.xz", "rt") as index:
    stanzas = [stanza for stanza in index.read().split("\n\n") if (re.search(r"^Filename: (.*)$", stanza, re.M) or [""] * 2)[1] in wanted]
pathlib.Path("Packages.lock").write_text("\n\n".join(stanza.strip() for stanza in stanzas) + "\n")

os.mkdir("_build")
subprocess.run(["ostree", "init", "--repo=_build/ostree", "--mode=bare-user"], check=True)


class Unpatched(Apt):
    """Leaves every package as it is."""

    def fix_package(self, pkgname, version, data):
        return data


with Ninja(["./configure.py"], debug=False) as ninja:
    ninja.variable("ostree_repo", "_build/ostree")
    image = Unpatched(ninja, deb_pool_mirrors=[url]).image_from_lockfile("Packages.lock", architecture="armhf")
    ninja.default(image.filename)
# Nothing of it changes, and the script that it was made with is not there to make it again.
text = pathlib.Path("build.ninja").read_text()
pathlib.Path("build.ninja").write_text(re.sub(r"^build build\.ninja: configure (?:.*\$\n)*.*\n", "", text, flags=re.M))

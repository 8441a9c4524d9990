"""Rows of `benches/peers.sh`: pintree and its peers on the same bytes, run in turn, in fresh directories."""

import argparse
import dataclasses
import json
import os
import pathlib
import re
import shutil
import subprocess
import sys

import debs
from measure import Failed, median, run, say

HERE = pathlib.Path(__file__).resolve().parent
KEYRING = "/usr/share/keyrings/debian-archive-keyring.gpg"
COMMIT = ["--no-bindings", "--orphan", "--timestamp=0"]
CORES = len(os.sched_getaffinity(0))


@dataclasses.dataclass
class Line:
    """One comparison, or one figure with a bound."""

    row: str
    what: str
    ours: str
    peer: str
    figure: float
    must: float | None
    aim: float | None
    unit: str = "x"

    @property
    def verdict(self):
        """Whether the must is reached; a line without one only informs."""
        return "info" if self.must is None else "PASS" if self.figure <= self.must else "FAIL"

    def cells(self):
        """The line as table cells."""
        def bound(number):
            return "–" if number is None else f"≤ {number:.3g}{self.unit}"
        reached = "" if self.aim is None else (" (aim reached)" if self.figure <= self.aim else "")
        return [self.row, self.what, self.ours, self.peer, f"{self.figure:.3g}{self.unit}", bound(self.must), bound(self.aim), self.verdict + reached]


HEAD = ["row", "ours / peer", "ours: CPU s (wall s)", "peer: CPU s (wall s)", "figure", "must", "aim", ""]


class Bench:
    """Where things lie, and how the sides of a comparison are run."""

    def __init__(self, options):
        self.pintree = str(pathlib.Path(options.pintree).resolve())
        self.mirror = pathlib.Path(options.mirror).resolve()
        self.url = options.url
        self.floor = options.floor
        self.apt2ostree_source = options.apt2ostree
        self.runs = options.runs
        self.work = pathlib.Path(options.work).resolve()
        self.archive = self.mirror / "mirror/debian"
        self.lines = []
        self.notes = []
        self.work.mkdir(parents=True)
        self.environment = {name: value for name, value in os.environ.items() if not name.startswith(("PINTREE_", "XDG_", "APT_"))}
        self.environment.update(LC_ALL="C.UTF-8", HOME=str(self.work / "home"), CI="")
        del self.environment["CI"]

    # Comparisons

    def compare(self, row, sides, runs=None):
        """Runs each of `sides` (name: function of a fresh directory that gives a sample) in turn, several times."""
        samples = {name: [] for name in sides}
        for number in range(runs or self.runs):
            for name, side in sides.items():
                directory = self.work / f"{row}-{name}-{number}"
                directory.mkdir()
                sample = side(directory)
                samples[name].append(sample)
                say(f"{row:12} {name:12} {number + 1}/{runs or self.runs}  CPU {sample.cpu:7.3f} s  wall {sample.wall:7.3f} s  {sample.rss:5.0f} MB")
        # What is deleted now would make ext4's share of all that is written in the next minutes several times larger:
        # everything goes at the very end.
        os.sync()
        return {name: median(list_) for name, list_ in samples.items()}

    def ratio(self, row, what, ours, peer, must, aim=None):
        """A line whose figure is our CPU over the peer's."""
        self.lines.append(Line(row, what, self.cost(ours), self.cost(peer), ours.cpu / peer.cpu, must, aim))

    @staticmethod
    def cost(sample):
        """A sample as a table cell."""
        return f"{sample.cpu:.3f} ({sample.wall:.3f})"

    # Our side

    def project(self, directory, name, packages=None, url=None):
        """A project with one manifest and one armhf image."""
        # apt takes itself for essential; nobody else does.
        packages = packages or sorted({"apt", *self.request(name)} - {"?essential"})
        (directory / "manifests").mkdir(parents=True)
        (directory / "manifests" / f"{name.lower()}.toml").write_text(
            'arches = ["armhf"]\n\n[repo.debian]\ndeb = "debian"\nsuites = ["bookworm"]\ncomponents = ["main"]\nkey = "builtin:debian-bookworm"\n\n'
            f"[image.set]\npackages = {json.dumps(packages)}\n"
        )
        (directory / "mirrors.toml").write_text(f'debian = "{url or self.url}"\n')
        return directory

    def request(self, name):
        """The words apt was asked for."""
        return (self.mirror / f"sets/{name}.request").read_text().split()

    def ours(self, directory, *words, cache=None, **more):
        """Runs pintree in a project."""
        cache = cache or directory / "cache"
        return run([self.pintree, "-C", directory, *words], env={**self.environment, "XDG_CACHE_HOME": str(cache)}, log=directory / "log", **more)

    def ninja(self, directory, *targets):
        """Runs ninja as `pintree build` runs it."""
        environment = {**self.environment, "PINTREE_CPU_SLOTS": str(CORES)}
        return run(["ninja", "-C", directory, "-f", "_build/build.ninja", "-j", CORES + 8, *targets], env=environment, log=directory / "log")

    def imports(self, directory):
        """The import targets of a project's build file."""
        return re.findall(r"^build (\S+): import", (directory / "_build/build.ninja").read_text(), re.M)

    def locked(self, name, url=None):
        """A project with its lockfile and build file, made once; and a check that both sides build the same set."""
        directory = self.work / f"locked-{name}-{'http' if url is None else 'file'}"
        if not directory.exists():
            self.project(directory, name, url=url)
            self.ours(directory, "lock")
            self.ours(directory, "ninja")
            pins = set((self.mirror / f"sets/{name}.pins").read_text().split())
            own = {f"{pin['name']}={pin['version']}" for pin in self.pins(directory)}
            if own != pins:
                self.notes.append(f"{name}: our set differs from apt's: only ours {sorted(own - pins)}, only apt's {sorted(pins - own)}")
        return directory

    def pins(self, directory):
        """The pins of a project's only image."""
        words = [self.pintree, "-C", directory, "--offline", "--format", "json", "lock", "--dry-run"]
        text = subprocess.run(words, env={**self.environment, "XDG_CACHE_HOME": str(directory / "cache")}, check=True, capture_output=True, text=True).stdout
        return json.loads(text)["images"][0]["packages"]

    def imported(self, name):
        """A project whose packages are all imported, made once."""
        directory = self.work / f"imported-{name}"
        if not directory.exists():
            copy_project(self.locked(name, f"file://{self.archive}"), directory)
            self.ninja(directory, *self.imports(directory))
        return directory

    def built(self, name):
        """A project that is built to `composed`, made once."""
        directory = self.work / f"built-{name}"
        if not directory.exists():
            copy_project(self.imported(name), directory)
            self.ours(directory, "build", "--until", "composed")
        return directory

    def refs(self, directory):
        """The package refs that the only image of a project is composed of."""
        return next((directory / "_build").glob("*.packages"), None) or self.inputs(directory)

    def inputs(self, directory):
        """The same where no response file was left: from the build file."""
        text = re.sub(r"\$\n\s*", "", (directory / "_build/build.ninja").read_text())
        line = re.search(r"^build \S+: compose (.*)$", text, re.M)[1]
        path = directory / "_build/refs"
        path.write_text("".join(f"{word.split('/refs/heads/')[1]}\n" for word in line.split() if "/refs/heads/deb/" in word))
        return path

    # The peers' side

    def apt(self, *words, **more):
        """Runs apt-get on the mirror."""
        environment = {**self.environment, "APT_CONFIG": str(self.mirror / "apt/local/apt.conf")}
        return run(["apt-get", "-qq", *words], env=environment, **more)

    def forget(self):
        """Removes apt's own cache of its indexes."""
        for path in (self.mirror / "apt/local/var/cache/apt").glob("*.bin"):
            path.unlink()

    def files(self, name):
        """The package files of a set, smallest path first."""
        return [self.archive / path for path in (self.mirror / f"sets/{name}.files").read_text().split()]

    def repository(self, directory):
        """An empty bare-user repository with ostree's own defaults."""
        subprocess.run(["ostree", f"--repo={directory}/repo", "init", "--mode=bare-user"], check=True)
        return directory / "repo"

    def apt2ostree(self, directory, name, stage):
        """A ninja file of apt2ostree's commands; `stage` is "import" or "image"."""
        script, repo = HERE / "apt2ostree-like.sh", self.repository(directory)
        text = [f"rule run\n  command = {script} $words\n  description = $words\n"]
        names, data, info = {}, [], []
        for pin in (self.mirror / f"sets/{name}.files").read_text().split():
            names[pin] = pathlib.Path(pin).name.split("_")[0]
        for pin, package in names.items():
            digest = self.digest(self.archive / pin)
            word = f"fetch {repo} {self.url}/{pin.replace('+', '%2b')} {digest}" if stage == "image" else f"import {repo} {self.archive / pin} {digest}"
            ref = f"{repo}/refs/heads/deb/{digest}"
            text.append(f"build {ref}/data {ref}/control: run\n  words = {word}\n")
            data.append(f"deb/{digest}/data")
            if stage == "image":
                text.append(f"build {ref}/info: run | {ref}/control {ref}/data\n  words = info {repo} {digest} {package}\n")
                info.append(f"deb/{digest}/info")
        if stage == "image":
            heads = f"{repo}/refs/heads"
            for branch, refs in (("image/data", data), ("image/info", info), ("image/unpacked", ["image/data", "image/info", "image/status", "image/available"])):
                listed = directory / branch.replace("/", "-")
                listed.write_text("".join(f"{ref}\n" for ref in refs))
                text.append(f"build {heads}/{branch}: run | {' '.join(f'{heads}/{ref}' for ref in refs)}\n  words = merge {repo} {branch} {listed}\n")
            for word in ("status", "available"):
                text.append(f"build {heads}/image/{word}: run | {' '.join(f'{heads}/{ref}' for ref in info)}\n  words = {word} {repo}\n")
        (directory / "build.ninja").write_text("\n".join(text))
        return run(["ninja", "-C", directory], env=self.environment, log=directory / "log")

    def apt2ostree_rules(self, directory, name):
        """The same to its image by apt2ostree's own rules. ostree commits that run side by side trip over each other now
        and then; what a second start costs counts."""
        words = [sys.executable, HERE / "apt2ostree.py", self.apt2ostree_source, self.mirror, self.url, name]
        subprocess.run(words, cwd=directory, check=True, stdout=subprocess.DEVNULL)
        return run(["sh", "-c", "ninja || ninja || ninja"], cwd=directory, env=self.environment, log=directory / "log")

    digests = {}

    def digest(self, path):
        """The SHA-256 of a file, computed once."""
        if path not in self.digests:
            import hashlib
            self.digests[path] = hashlib.sha256(path.read_bytes()).hexdigest()
        return self.digests[path]


def copy_project(source, target):
    """Copies a project; objects are hard links, which nothing writes to, and times stay, which ninja looks at."""
    def link(path, to):
        os.link(path, to) if "/objects/" in path else shutil.copy2(path, to)
    shutil.copytree(source, target, symlinks=True, copy_function=link, dirs_exist_ok=True, ignore=shutil.ignore_patterns("lock.*", "slots"))


# Rows. Each takes the bench and adds its lines.


def resolve(bench):
    """M from indexes on disk: nothing parsed before, and with each side's own cache."""
    project = bench.locked("M")
    cold_cache = project / "cache"

    def ours(parsed):
        def side(directory):
            shutil.copytree(cold_cache, directory / "cache", copy_function=shutil.copy2)
            if not parsed:
                shutil.rmtree(directory / "cache/pintree/parsed", ignore_errors=True)
            bench.project(directory, "M")
            return bench.ours(directory, "--offline", "lock")
        return side

    def simulate(_):
        bench.forget()
        return bench.apt("-s", "install", *bench.request("M"))

    def uris(_):
        return bench.apt("--print-uris", "-y", "install", *bench.request("M"))

    got = bench.compare("resolve", {"cold": ours(False), "apt-s": simulate, "warm": ours(True), "apt-uris": uris})
    bench.ratio("resolve", "M, no cache / apt-get -s, no pkgcache", got["cold"], got["apt-s"], 0.3)
    bench.ratio("resolve", "M, index cache / apt-get --print-uris", got["warm"], got["apt-uris"], 0.4)


def import_m(bench):
    """Every package of M into its own ref, one process each, through ninja."""
    listed = bench.work / "M.debs"
    listed.write_text("".join(f"{path}\n" for path in bench.files("M")))

    def ours(url):
        def side(directory):
            copy_project(bench.locked("M", url), directory)
            return bench.ninja(directory, *bench.imports(directory))
        return side

    sides = {"ours": ours(f"file://{bench.archive}"), "ours-http": ours(None)}
    if bench.floor:
        sides["floor"] = lambda directory: run([bench.floor, directory / "store"], stdin=listed)
    sides["a2o"] = lambda directory: bench.apt2ostree(directory, "M", "import")
    got = bench.compare("import-M", sides)
    if bench.floor:
        bench.ratio("import-M", "M from disk / floor: decompress, hash, write objects", got["ours"], got["floor"], 1.4, 1.15)
        bench.ratio("import-M", "M over HTTP / floor", got["ours-http"], got["floor"], None)
    bench.ratio("import-M", "M from disk / ar x, ostree commit --tree=tar", got["ours"], got["a2o"], None)


def build_m(bench):
    """From nothing to the composed root of M, resolving and downloading included."""

    def ours(directory):
        bench.project(directory, "M")
        return bench.ours(directory, "build", "--until", "composed")

    def mmdebstrap(directory):
        repo = bench.repository(directory)
        script = directory / "run.sh"
        # A pattern of apt's takes what follows a comma as its own.
        include = " ".join(f"'--include={word}'" for word in bench.request("M"))
        mode = "root" if os.geteuid() == 0 else "unshare"
        script.write_text(
            f"set -e\nmmdebstrap --quiet --mode={mode} --variant=extract --architectures=armhf {include} "
            f"bookworm {directory}/root 'deb [signed-by={KEYRING}] {bench.url} bookworm main'\n"
            f"rm -rf {directory}/root/dev/*\n"
            f"ostree --repo={repo} commit -b image --tree=dir={directory}/root --owner-uid=0 --owner-gid=0 {' '.join(COMMIT)}\n"
        )
        return run(["sh", script], env=bench.environment, log=directory / "log")

    sides = {"ours": ours, "mmdebstrap": mmdebstrap, "a2o": lambda directory: bench.apt2ostree(directory, "M", "image")}
    if bench.apt2ostree_source:
        sides["a2o-rules"] = lambda directory: bench.apt2ostree_rules(directory, "M")
    got = bench.compare("build-M", sides)
    bench.ratio("build-M", "M from nothing / mmdebstrap extract, ostree commit", got["ours"], got["mmdebstrap"], 1 / 2, 1 / 3)
    # The bound is about apt2ostree; a script that is like it stands in for it.
    bounds = (1 / 8, 1 / 12)
    if bench.apt2ostree_source:
        bench.ratio("build-M", "M from nothing / apt2ostree's own stage 1", got["ours"], got["a2o-rules"], *bounds)
        bounds = (None,)
    bench.ratio("build-M", "M from nothing / apt2ostree-like stage 1", got["ours"], got["a2o"], *bounds)


def compose(bench, name, must, aim):
    """Package refs into one root, through ninja."""
    imported = bench.imported(name)
    refs = bench.inputs(imported)
    words = [f"--tree=ref={ref}" for ref in refs.read_text().split()]
    # The build file goes on to configured and sealed images by itself.
    edges = (imported / "_build/build.ninja").read_text().splitlines()
    composed = [edge.split()[1].rstrip(":") for edge in edges if edge.startswith("build ") and edge.split()[2] == "compose"]

    def ours(directory):
        copy_project(imported, directory)
        return bench.ninja(directory, *composed)

    def ostree(directory):
        copy_project(imported, directory)
        return run(["ostree", f"--repo={directory}/_build/ostree", "commit", "-b", "peer", *words, *COMMIT], env=bench.environment, log=directory / "log")

    got = bench.compare(f"compose-{name}", {"ours": ours, "ostree": ostree})
    bench.ratio(f"compose-{name}", f"{len(words)} packages / ostree commit --tree=ref", got["ours"], got["ostree"], must, aim)


def compose_m(bench):
    """Compose M."""
    compose(bench, "M", 1 / 20, 1 / 50)


def compose_l(bench):
    """Compose L."""
    compose(bench, "L", 1 / 29, 1 / 58)


def change_l(bench):
    """One changed package in L, to the composed root."""
    built = bench.built("L")
    pins = bench.pins(built)
    mean = sum(pin["size"] for pin in pins) / len(pins)
    lock = next((built / "lockfiles").glob("*.lock"))
    text = lock.read_text()
    for pin in sorted((pin for pin in pins if pin["arch"] == "armhf"), key=lambda pin: abs(pin["size"] - mean)):
        cell = f'"{pin["sha256"]} {pin["size"]}"'
        path = next(path for path in bench.files("L") if path.name.startswith(f"{pin['name']}_") and bench.digest(path) == pin["sha256"])
        if cell in text:
            break
    scratch = bench.work / "changed"
    scratch.mkdir()
    deb, old, new, sha256, size = debs.changed(path, scratch)
    say(f"changed package: {pin['name']} {old}, {pin['size']} bytes (the mean is {mean:.0f})")
    target = path.with_name(path.name.replace(old.split(":")[-1], new.split(":")[-1]))
    shutil.copyfile(deb, target)
    edited = text.replace(cell, f'"{sha256} {size} {new}"')
    refs = bench.inputs(built).read_text().split()
    merged = [f"--tree=ref={ref}" for ref in refs if pin["sha256"] not in ref]

    def ours(directory):
        copy_project(built, directory)
        (directory / "lockfiles" / lock.name).write_text(edited)
        return bench.ours(directory, "build", "--until", "composed", "--locked")

    def a2o(directory):
        copy_project(built, directory)
        repo = directory / "_build/ostree"
        script = directory / "run.sh"
        script.write_text(
            f"set -e\ncd {directory}\nar x {deb}\n"
            f"ostree --repo={repo} commit -b new/data --tree=tar=data.tar.xz {' '.join(COMMIT)}\n"
            f"ostree --repo={repo} commit -b new/control --tree=tar=control.tar.xz {' '.join(COMMIT)}\n"
            f"xargs ostree --repo={repo} commit -b peer {' '.join(COMMIT)} --tree=ref=new/data <words\n"
        )
        (directory / "words").write_text("\n".join(merged))
        return run(["sh", script], env=bench.environment, log=directory / "log")

    try:
        got = bench.compare("change-L", {"ours": ours, "a2o": a2o})
    finally:
        target.unlink()
    bench.ratio("change-L", "one package of 702 / ar x, ostree commit --tree=tar, --tree=ref", got["ours"], got["a2o"], 1 / 13, 1 / 33)


def nothing(bench, name):
    """A build with nothing to do."""
    built = bench.built(name)
    got = bench.compare(f"nothing-{name}", {"ours": lambda _: bench.ours(built, "build", "--until", "composed"), "ninja": lambda _: bench.ninja(built)}, runs=max(bench.runs, 5))
    ours, ninja = got["ours"].cpu * 1000, got["ninja"].cpu * 1000
    bench.lines.append(Line(f"nothing-{name}", "pintree build / ninja", bench.cost(got["ours"]), bench.cost(got["ninja"]), ours, 2 * ninja + 20, ninja + 15, " ms"))


def nothing_m(bench):
    """Nothing to do in M."""
    nothing(bench, "M")


def nothing_l(bench):
    """Nothing to do in L."""
    nothing(bench, "L")


def memory(bench):
    """The largest process of `pintree lock` from nothing."""
    for name in ("M", "L"):
        def ours(directory, name=name):
            bench.project(directory, name)
            return bench.ours(directory, "lock")
        got = bench.compare(f"memory-{name}", {"ours": ours}, runs=2)["ours"]
        bench.lines.append(Line("memory", f"pintree lock {name} from nothing", bench.cost(got), "–", got.rss, 150, None, " MB"))


def scale(bench):
    """1,000 images of 300 packages each, from 3,000 packages."""
    directory = bench.work / "scale"
    stacks, each, images = 100, 30, 1000
    packages = []
    for stack in range(stacks):
        parts = [f"part-{stack}-{number}" for number in range(1, each)]
        for name, depends in [(f"stack-{stack}", ", ".join(parts)), *((part, "") for part in parts)]:
            control = {"Package": name, "Version": "1.0-1", "Architecture": "all", "Maintainer": "nobody <nobody@example.org>", "Description": "part of a benchmark"}
            packages.append(({**control, **({"Depends": depends} if depends else {})}, [(f"./usr/share/{name}/file", name.encode())]))
    debs.repository(directory / "repository", packages)
    text = [f'arches = ["armhf"]\n\n[repo.flat]\ndeb = "file://{directory}/repository"\nsuites = ["./"]\ntrust = "none"\n']
    for image in range(images):
        chosen = sorted((image * 7 + step * (1 + image % 9)) % stacks for step in range(10))
        while len(set(chosen)) < 10:
            chosen = sorted(set(chosen) | {(max(chosen) + 1) % stacks})
        text.append(f'[image.image-{image}]\nvariant = "custom"\npackages = {json.dumps([f"stack-{stack}" for stack in chosen])}\n')
    (directory / "manifests").mkdir()
    (directory / "manifests/scale.toml").write_text("\n".join(text))
    say("scale: locking 1,000 images")
    lock = bench.ours(directory, "lock")
    lockfile = (directory / "lockfiles/scale.lock").stat().st_size / 1e6
    bench.notes.append(f"scale: `lock` of 1,000 images took {bench.cost(lock)} s, {lock.rss:.0f} MB; the lockfile has {lockfile:.1f} MB")
    got = bench.compare("scale-ninja", {"ours": lambda _: bench.ours(directory, "ninja")}, runs=3)["ours"]
    bench.lines.append(Line("scale", "build.ninja of 1,000 images of 300 packages", bench.cost(got), "–", got.cpu, 2, None, " s"))
    say("scale: building 1,000 images")
    built = bench.ours(directory, "build", "--until", "composed")
    bench.notes.append(f"scale: the build of 3,000 packages and 1,000 images took {bench.cost(built)} s")
    got = bench.compare("scale-nothing", {"ours": lambda _: bench.ours(directory, "build", "--until", "composed"), "ninja": lambda _: bench.ninja(directory)}, runs=3)
    bench.lines.append(Line("scale", "pintree build with nothing to do / ninja", bench.cost(got["ours"]), bench.cost(got["ninja"]), got["ours"].cpu, 2, None, " s"))


ROWS = {
    "resolve": resolve,
    "import-M": import_m,
    "build-M": build_m,
    "compose-M": compose_m,
    "compose-L": compose_l,
    "change-L": change_l,
    "nothing-M": nothing_m,
    "nothing-L": nothing_l,
    "memory": memory,
    "scale": scale,
}


def machine():
    """What the figures are of."""
    def first(*words):
        found = subprocess.run(words, capture_output=True, text=True, check=False)
        return (found.stdout or found.stderr).splitlines()[0].strip()
    model = next((line.split(": ")[1] for line in open("/proc/cpuinfo").read().splitlines() if line.startswith("model name")), "unknown")
    gigabytes = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30
    versions = [first("apt-get", "--version").split(" (")[0], first("mmdebstrap", "--version"), first("ostree", "--version"), f"ninja {first('ninja', '--version')}"]
    if "libostree" in versions[2]:
        versions[2] = "ostree " + versions[2]
    version = subprocess.run(["ostree", "--version"], capture_output=True, text=True, check=False).stdout
    found = re.search(r"Version: '([^']+)'", version)
    versions[2] = f"ostree {found[1]}" if found else versions[2]
    return f"{CORES} cores ({model}), {gigabytes:.0f} GiB; Linux {os.uname().release}; {', '.join(versions)}; load {os.getloadavg()[0]:.1f} at the start"


def main():
    """Runs the rows that were asked for and prints the table."""
    parser = argparse.ArgumentParser()
    for name in ("pintree", "mirror", "url", "work"):
        parser.add_argument(f"--{name}", required=True)
    parser.add_argument("--floor")
    parser.add_argument("--apt2ostree")
    parser.add_argument("--runs", type=int, default=5)
    parser.add_argument("rows", nargs="*")
    options = parser.parse_args()
    unknown = set(options.rows) - ROWS.keys()
    if unknown:
        sys.exit(f"peers.sh: unknown rows {sorted(unknown)}; there are: {' '.join(ROWS)}")
    bench = Bench(options)
    about = machine()
    for name in options.rows or ROWS:
        say(f"== {name}: {ROWS[name].__doc__}")
        try:
            ROWS[name](bench)
        except (Failed, OSError, subprocess.CalledProcessError, KeyError, StopIteration, TypeError) as error:
            say(f"{name}: {type(error).__name__}: {error}")
            bench.lines.append(Line(name, f"not measured: {type(error).__name__}", "–", "–", float("inf"), 0, None, ""))
    table = [HEAD, ["---"] * len(HEAD), *(line.cells() for line in bench.lines)]
    text = "".join(f"| {' | '.join(cells)} |\n" for cells in table)
    notes = "".join(f"- {note}\n" for note in bench.notes)
    result = f"Machine: {about}. {bench.runs} runs, medians; CPU is user and system of all processes.\n\n{text}\n{notes}"
    print(result)
    shutil.rmtree(bench.work, ignore_errors=True)
    sys.exit(1 if any(line.verdict == "FAIL" for line in bench.lines) else 0)


main()

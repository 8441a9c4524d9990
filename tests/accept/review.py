#!/usr/bin/env python3
"""Judges what `pintree diff` says of a real update against counts made from the lockfiles alone.

usage: review.py DIRECTORY

DIRECTORY has kept and new, each as .lock and .json, and diff.json, diff.markdown and diff.html: what cmark-gfm made of it.
"""
import functools
import html.parser
import json
import re
import subprocess
import sys
import tomllib

directory = sys.argv[1]
failed = False


def tell(good, name, figure):
    global failed
    failed |= not good
    print(f"{'PASS' if good else 'FAIL'} {name}: {figure}")


def read(name):
    with open(f"{directory}/{name}") as file:
        return file.read()


@functools.cache
def is_lower(left, right):
    return subprocess.run(["dpkg", "--compare-versions", left, "lt", right], check=False).returncode == 0


def sources(name):
    """Source package to its versions and repositories, and to the digests of each binary package and architecture."""
    found = {}
    for block in tomllib.loads(read(f"{name}.lock"))["source"]:
        versions, repos, files = found.setdefault(block["name"], (set(), set(), {}))
        versions.add(block["version"])
        repos.add(block["repo"])
        for binary, cells in block["bin"].items():
            for arch, cell in cells.items():
                if arch not in ("version", "path"):
                    files.setdefault((binary, arch), set()).add(cell.split()[0])
    return found


def images(name):
    """(image, arch) to what stands under each name; what is native may become independent of the machine."""
    found = {}
    for image in json.loads(read(f"{name}.json"))["images"]:
        native = lambda pin: "" if pin["arch"] in (image["arch"], "all") else pin["arch"]
        found[image["image"], image["arch"]] = {(pin["name"], native(pin)): pin for pin in image["packages"]}
    return found


def expected():
    old, new = sources("kept"), sources("new")
    before, after = images("kept"), images("new")
    rows, lowered, replacing, security = {}, set(), set(), set()
    for place in before.keys() | after.keys():
        was, now = before.get(place, {}), after.get(place, {})
        both = [(was[key], now[key]) for key in was.keys() & now.keys() if was[key]["sha256"] != now[key]["sha256"]]
        lower = [pin for left, pin in both if is_lower(pin["version"], left["version"])]
        higher = [pin for left, pin in both if is_lower(left["version"], pin["version"])]
        lowered |= {pin["source"] for pin in lower}
        replacing |= {pin["source"] for _, pin in both}
        known = {pin["sha256"] for image in before.values() for pin in image.values()}
        security |= {pin["source"] for pin in now.values() if pin["repo"] == "debian-security" and pin["sha256"] not in known}
        rows[place] = {
            "packages": len(now), "added": len(now.keys() - was.keys()), "removed": len(was.keys() - now.keys()),
            "updated": len(higher), "downgraded": len(lower), "rebuilt": len(both) - len(higher) - len(lower),
            "download": sum(pin["size"] for pin in now.values()),
            "download-change": sum(pin["size"] for pin in now.values()) - sum(pin["size"] for pin in was.values()),
            "fetch": sum(pin["size"] for pin in now.values() if pin["sha256"] not in known),
        }
    kinds = {}
    for name in old.keys() | new.keys():
        was, now = old.get(name), new.get(name)
        if not was or not now:
            kinds[name] = "removed" if was else "added"
        elif name in lowered:
            kinds[name] = "downgraded"
        elif was[0] != now[0]:
            kinds[name] = "updated"
        elif any(was[2].get(key, digests) != digests for key, digests in now[2].items()):
            kinds[name] = "rebuilt"
        elif was[1] != now[1]:
            kinds[name] = "moved"
    marked = {name for name in security if kinds.get(name) in ("updated", "rebuilt") or kinds.get(name) == "added" and name in replacing}
    return kinds, marked, rows


class Tables(html.parser.HTMLParser):
    """The tables of a page: the cells of each row; and paragraphs that look like what a table left behind."""

    def __init__(self, text):
        super().__init__()
        self.tables, self.broken, self.open, self.depth = [], [], None, 0
        self.feed(text)

    def handle_starttag(self, tag, attrs):
        if tag == "table":
            self.tables.append([])
        elif tag == "tr":
            self.tables[-1].append(0)
        elif tag in ("td", "th"):
            self.tables[-1][-1] += 1
        elif tag == "details":
            self.depth += 1
        self.open = tag

    def handle_endtag(self, tag):
        self.depth -= tag == "details"

    def handle_data(self, data):
        if self.open == "p" and data.lstrip().startswith("|"):
            self.broken.append(data.strip()[:60])


def main():
    kinds, marked, rows = expected()
    report = json.loads(read("diff.json"))
    comparison = report["comparisons"][0]
    told = {source["name"]: source["kind"] for source in comparison["sources"]}
    counts = {kind: list(kinds.values()).count(kind) for kind in ("updated", "downgraded", "rebuilt", "moved", "added", "removed")}
    counts["sources"] = len(kinds)
    same = all(report["counts"][key] == number for key, number in counts.items()) and told == kinds
    tell(same, "counts of the message", f"{counts}, each source and its kind the same from the lockfiles alone"
         + ("" if same else f"; told {report['counts']}, differing {sorted(set(told.items()) ^ set(kinds.items()))[:5]}"))

    ours = {(image["image"], row["arch"]): {key: row[key] for key in rows[image["image"], row["arch"]]} for image in comparison["images"] for row in image["rows"]}
    moved = {place: row for place, row in rows.items() if place in ours}
    tell(ours == moved and bool(ours), "counts and bytes of each image and architecture",
         "; ".join(f"{image} {arch}: {row['packages']} packages, +{row['added']} -{row['removed']}, {row['updated']} up, {row['fetch']} bytes to fetch"
                   for (image, arch), row in sorted(moved.items())))

    flagged = {source["name"] for source in comparison["sources"] if source["security"]}
    by_flaw = {source["name"] for source in comparison["sources"] if source["security"] and source["security"]["ids"]}
    tell(marked <= flagged and bool(marked), "every security update is marked as one", f"{len(marked)} from the security repository, "
         f"{len(flagged)} marked" + (f"; not marked {sorted(marked - flagged)[:5]}" if marked - flagged else ""))
    tell(flagged <= marked | by_flaw, "nothing else is marked", f"{len(flagged - marked)} by what their changelogs name")
    groups = [source["group"] for source in comparison["sources"]]
    order = ["security", "boot", "downgraded", "added", "removed", "other"]
    tell(groups == sorted(groups, key=order.index), "security comes first", ", ".join(f"{groups.count(group)} {group}" for group in order))

    markdown, page = read("diff.markdown"), Tables(read("diff.html"))
    heads = len(re.findall(r"^\| --- ", markdown, re.M))
    uneven = [table for table in page.tables if len(set(table)) != 1]
    good = heads == len(page.tables) > 0 and not uneven and not page.broken and page.depth == 0
    tell(good, "Markdown renders without broken tables", f"{len(page.tables)} of {heads} tables, {sum(map(len, page.tables))} rows, {len(uneven)} uneven, "
         f"{len(page.broken)} left over, {len(markdown.encode())} bytes")
    numbers = re.search(r"(\d+) source packages change, (\d+) of them for security: (\d+) updated", markdown)
    stated = numbers and [int(number) for number in numbers.groups()] == [len(kinds), len(flagged), counts["updated"]]
    tell(bool(stated), "the headline has the same numbers", numbers[0] if numbers else markdown[:80])
    sys.exit(failed)


main()

"""Small Debian packages and a flat repository of them, for figures that need many packages or a changed one."""

import hashlib
import io
import os
import subprocess
import tarfile


def _tar(files):
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w", format=tarfile.GNU_FORMAT) as tar:
        made = set()
        for path, content in [("./", None), *files]:
            parts = path.strip("/").split("/")
            for depth in range(1, len(parts)):
                above = "/".join(parts[:depth]) + "/"
                if above not in made and above != "./":
                    made.add(above)
                    tar.addfile(_entry(above, None))
            tar.addfile(_entry(path, content), io.BytesIO(content) if content is not None else None)
    return buffer.getvalue()


def _entry(path, content):
    entry = tarfile.TarInfo(path)
    entry.type, entry.mode = (tarfile.DIRTYPE, 0o755) if content is None else (tarfile.REGTYPE, 0o644)
    entry.size = 0 if content is None else len(content)
    return entry


def deb(control, files):
    """The bytes of a package with these control fields and these (path, bytes) files; nothing in it is compressed."""
    text = "".join(f"{field}: {value}\n" for field, value in control.items())
    members = [("debian-binary", b"2.0\n"), ("control.tar", _tar([("./control", text.encode())])), ("data.tar", _tar(files))]
    out = b"!<arch>\n"
    for name, content in members:
        out += f"{name:<16}{0:<12}{0:<6}{0:<6}{100644:<8}{len(content):<10}`\n".encode() + content + b"\n" * (len(content) % 2)
    return out


def repository(directory, packages):
    """Writes (control, files) packages as a flat, unsigned repository."""
    os.makedirs(directory, exist_ok=True)
    stanzas = []
    for control, files in packages:
        content, name = deb(control, files), f"{control['Package']}_{control['Version']}_{control['Architecture']}.deb"
        with open(f"{directory}/{name}", "wb") as file:
            file.write(content)
        extra = {"Filename": f"./{name}", "Size": len(content), "SHA256": hashlib.sha256(content).hexdigest()}
        stanzas.append("".join(f"{field}: {value}\n" for field, value in {**control, **extra}.items()))
    index = "\n".join(stanzas).encode()
    with open(f"{directory}/Packages", "wb") as file:
        file.write(index)
    with open(f"{directory}/Release", "w") as file:
        file.write("Date: Thu, 01 Jan 2026 00:00:00 UTC\nSHA256:\n")
        file.write(f" {hashlib.sha256(index).hexdigest()} {len(index)} Packages\n")


def changed(path, directory):
    """Writes the package at `path` again with a higher version and a changed file; gives (path, version, sha256, size)."""
    tree = f"{directory}/tree"
    subprocess.run(["dpkg-deb", "-R", path, tree], check=True)
    with open(f"{tree}/DEBIAN/control") as file:
        lines = file.read().splitlines()
    old = next(line[9:] for line in lines if line.startswith("Version: "))
    version = old + "+pintree1"
    with open(f"{tree}/DEBIAN/control", "w") as file:
        file.writelines(f"Version: {version}\n" if line.startswith("Version: ") else f"{line}\n" for line in lines)
    package = next(line[9:] for line in lines if line.startswith("Package: "))
    os.makedirs(f"{tree}/usr/share/doc/{package}", exist_ok=True)
    with open(f"{tree}/usr/share/doc/{package}/changed", "w") as file:
        file.write("changed\n")
    out = f"{directory}/changed.deb"
    subprocess.run(["dpkg-deb", "--root-owner-group", "-Zxz", "-b", tree, out], check=True, stdout=subprocess.DEVNULL)
    with open(out, "rb") as file:
        content = file.read()
    return out, old, version, hashlib.sha256(content).hexdigest(), len(content)

#!/usr/bin/env python3
"""Assembles the appliance's root from extracted Debian packages, of which no maintainer script ever ran.

    image/build-root.py PACKAGES BINARY VERSION OUT

PACKAGES: the folder that image/make-parts extracted them to. What is taken is in keep.list; what is laid over it, in rootfs/.
The same packages, binary and version give the same tree.
"""

import os
import re
import shutil
import stat
import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path

HERE = Path(__file__).resolve().parent
LIBRARIES = [Path("usr/lib/x86_64-linux-gnu"), Path("usr/lib/x86_64-linux-gnu/systemd"), Path("usr/lib/systemd")]
UNITS = Path("usr/lib/systemd/system")
LOADER = Path("usr/lib/x86_64-linux-gnu/ld-linux-x86-64.so.2")
#: What would let somebody who is in do more than the box does.
INTERPRETERS = ("sh", "bash", "dash", "busybox", "perl", "python3", "awk", "gawk", "mawk", "lua", "tclsh")
#: What only root may read.
PRIVATE = {"etc/shadow": 0o600}


def kept():
    """The sections of keep.list."""
    sections, lines = {}, []
    for line in (HERE / "keep.list").read_text().splitlines():
        line = line.strip()
        if line.startswith("[") and line.endswith("]"):
            lines = sections.setdefault(line[1:-1], [])
        elif line and not line.startswith("#"):
            lines.append(line)
    return sections


class Root:
    """The tree in the making."""

    def __init__(self, packages, out):
        self.packages, self.out = Path(packages), Path(out)
        self.done = set()

    def make(self):
        shutil.rmtree(self.out, ignore_errors=True)
        # var/tmp: units have one of their own there even where nothing is mounted at /var.
        for folder in "usr/bin usr/lib/x86_64-linux-gnu usr/lib64 usr/share etc var/tmp run proc sys dev tmp boot root".split():
            (self.out / folder).mkdir(parents=True, exist_ok=True)
        (self.out / UNITS).mkdir(parents=True)
        for link, target in (
            ("bin", "usr/bin"), ("sbin", "usr/bin"), ("lib", "usr/lib"), ("lib64", "usr/lib64"), ("usr/sbin", "bin"),
            ("usr/bin/init", "../lib/systemd/systemd"), ("usr/lib64/ld-linux-x86-64.so.2", "../lib/x86_64-linux-gnu/ld-linux-x86-64.so.2"),
        ):
            (self.out / link).symlink_to(target)

    def put(self, path):
        """A file of a package, with what a link leads to."""
        source, target = self.packages / path, self.out / path
        if not os.path.lexists(source):
            sys.exit(f"{path}: in none of the packages; correct keep.list or packages.list")
        target.parent.mkdir(parents=True, exist_ok=True)
        if not source.is_symlink():
            shutil.copy2(source, target)
            return
        real = Path(os.path.relpath(os.path.realpath(source), os.path.realpath(self.packages)))
        if real.parts[0] == "..":
            sys.exit(f"{path}: a link out of the tree")
        if not os.path.lexists(target):
            target.symlink_to(os.readlink(source))
        if real != path:
            self.put(real)
            self.needed(real)

    def library(self, name):
        for folder in LIBRARIES:
            if os.path.lexists(self.packages / folder / name):
                return folder / name
        sys.exit(f"no library {name} in the packages")

    def needed(self, path):
        """The libraries that a program or a library lists, and theirs."""
        if path in self.done:
            return
        self.done.add(path)
        listed = subprocess.run(
            ["readelf", "-dW", os.path.realpath(self.packages / path)], capture_output=True, text=True, check=True
        ).stdout
        for name in re.findall(r"\(NEEDED\).*\[(.+?)\]", listed):
            if not name.startswith("ld-linux"):
                self.program(self.library(name))

    def program(self, path):
        path = Path(path)
        self.put(path)
        self.needed(path)

    def unit_links(self, names):
        """Who wants and requires whom, among the units that are kept; ours say it in [Install]."""
        folder = self.packages / UNITS
        for wanting in sorted(folder.iterdir()):
            whose = wanting.name.removesuffix(".wants").removesuffix(".requires")
            if wanting.name != whose and whose in names:
                for wanted in sorted(wanting.iterdir()):
                    if wanted.name in names:
                        self.link(f"{wanting.name}/{wanted.name}", f"../{wanted.name}")
        for unit in sorted((HERE / "rootfs" / UNITS).iterdir()):
            for kind, targets in re.findall(r"^(Wanted|Required)By=(.*)$", unit.read_text(), re.M):
                for target in targets.split():
                    ending = "wants" if kind == "Wanted" else "requires"
                    self.link(f"{target}.{ending}/{unit.name}", f"../{unit.name}")
        for name, target in (
            ("default.target", "multi-user.target"),
            ("multi-user.target.wants/systemd-networkd.service", "../systemd-networkd.service"),
            ("sockets.target.wants/systemd-networkd.socket", "../systemd-networkd.socket"),
            ("sysinit.target.wants/systemd-timesyncd.service", "../systemd-timesyncd.service"),
        ):
            self.link(name, target)

    def link(self, name, target):
        path = self.out / UNITS / name
        path.parent.mkdir(exist_ok=True)
        if not os.path.lexists(path):
            path.symlink_to(target)

    def rights(self):
        """The same whatever they were where a file comes from: nothing is setuid, and nothing can be written but by root."""
        for folder, _, names in os.walk(self.out):
            os.chmod(folder, 0o755)
            for file in (Path(folder) / name for name in names):
                if not file.is_symlink():
                    public = 0o755 if file.stat().st_mode & stat.S_IXUSR else 0o644
                    file.chmod(PRIVATE.get(str(file.relative_to(self.out)), public))
        (self.out / "root").chmod(0o700)

    def check(self):
        """What the root must not have, and how much it is."""
        files = [Path(folder) / name for folder, _, names in os.walk(self.out) for name in names]
        plain = [file for file in files if not file.is_symlink()]
        found = [name for name in INTERPRETERS if os.path.lexists(self.out / "usr/bin" / name)]
        if found:
            sys.exit(f"an interpreter on the root: {', '.join(found)}")
        programs = sum(1 for file in plain if file.open("rb").read(4) == b"\x7fELF")
        size = sum(file.stat().st_size for file in plain)
        print(f"root: {len(files)} files, {programs} ELF, {size / 1e6:.1f} MB")


def main():
    if len(sys.argv) != 5:
        sys.exit(__doc__)
    packages, binary, version, out = sys.argv[1:]
    root, keep = Root(packages, out), kept()
    root.make()
    root.put(LOADER)
    for path in keep["programs"]:
        root.program(path)
    for name in keep["libraries"]:
        root.program(root.library(name))
    for name in keep["units"]:
        root.put(UNITS / name) if os.path.lexists(root.packages / UNITS / name) else note(name)
    for path in keep["files"]:
        root.put(Path(path))
    subprocess.run(["cp", "-a", "--no-preserve=ownership", f"{HERE / 'rootfs'}/.", out], check=True)
    root.unit_links(set(keep["units"]))
    shutil.copy2(binary, f"{out}/usr/bin/fluxgate")
    os.chmod(f"{out}/usr/bin/fluxgate", 0o755)
    Path(out, "etc/os-release").write_text(
        f'ID=fluxgate\nNAME="Fluxgate"\nPRETTY_NAME="Fluxgate {version}"\nIMAGE_ID=fluxgate\n'
        f"IMAGE_VERSION={version}\nVERSION_ID={version}\n"
        # No clock is believed that stands before it.
        f"BUILD_ID={datetime.fromtimestamp(int(os.environ.get('SOURCE_DATE_EPOCH', 1764000000)), UTC):%Y-%m-%dT%H:%M:%SZ}\n"
    )
    root.rights()
    root.check()


def note(name):
    """Slices and scopes that systemd makes itself have no file."""
    if not name.endswith((".slice", ".scope")):
        sys.exit(f"{name}: no such unit in the packages")


if __name__ == "__main__":
    main()

#!/usr/bin/env python3
"""Debian's packages that the image is made of: which they are today, whether that was reviewed, and their bytes.

    image/debian.py resolve CACHE [--locked]    a line a package: PART NAME VERSION ARCHITECTURE SHA256
    image/debian.py extract CACHE OUT                     reads such lines; OUT/tree: what is in them; OUT/packages.json: whose it is

PART is `root` (packages.list and what those need) or `kernel` (its source). What was reviewed stands in packages.lock, which
image/refresh-lock writes. Without --locked Debian's newest are taken, and what differs from the list is told; with it, exactly
those of the list: one that Debian no longer has must lie in CACHE/debs. No maintainer script ever runs.
"""

import hashlib
import json
import os
import re
import subprocess
import sys
import tarfile
import time
from pathlib import Path
from typing import NamedTuple

HERE = Path(__file__).resolve().parent
LOCK = HERE / "packages.lock"
SUITE, KERNEL_SOURCE = "trixie", "linux-source-6.12"
KEYRING = "/usr/share/keyrings/debian-archive-keyring.gpg"
#: Lists younger than this are not asked for again.
LISTS_AGE_SECONDS = 12 * 3600


class Package(NamedTuple):
    """A line of packages.lock."""

    part: str
    name: str
    version: str
    architecture: str
    sha256: str

    def line(self):
        return " ".join(self)

    def file(self):
        return f"{self.name}_{self.version.replace(':', '%3a')}_{self.architecture}.deb"


def read_lines(text):
    packages = []
    for line in text.splitlines():
        if line and not line.startswith("#"):
            fields = line.split()
            if len(fields) != 5 or fields[0] not in ("root", "kernel") or not re.fullmatch(r"[0-9a-f]{64}", fields[4]):
                sys.exit(f"not a line of packages.lock (PART NAME VERSION ARCHITECTURE SHA256): {line}")
            packages.append(Package(*fields))
    return packages


def mirror(suite, otherwise):
    """The mirror that this machine's own packages come from."""
    own = re.search(r'^VERSION_CODENAME=(\w+)', Path("/etc/os-release").read_text(), re.M)
    for sources in sorted(Path("/etc/apt/sources.list.d").glob("*.sources")):
        for block in sources.read_text().split("\n\n"):
            found, suites = re.search(r"^URIs: *(\S+)", block, re.M), re.search(r"^Suites: *(.+)$", block, re.M)
            if own and found and suites and own[1] + suite in suites[1].split():
                return found[1]
    return otherwise


class Archive:
    """Debian's archive as apt sees it from a state of its own; this machine's packages have no part in it."""

    def __init__(self, cache):
        self.cache = Path(cache).resolve()
        self.state, self.debs = self.cache / "apt", self.cache / "debs"
        for folder in (self.state / "lists/partial", self.state / "archives/partial", self.debs):
            folder.mkdir(parents=True, exist_ok=True)
        (self.state / "status").touch()
        (self.state / "sources.list").write_text("\n".join(self.sources()) + "\n")

    @staticmethod
    def sources():
        main = mirror("", "http://deb.debian.org/debian")
        security = mirror("-security", "http://deb.debian.org/debian-security")
        return [f"deb [signed-by={KEYRING}] {main} {SUITE} main", f"deb [signed-by={KEYRING}] {security} {SUITE}-security main"]

    def apt(self, program, *words, cwd=None, check=True):
        state = self.state
        options = {
            "Dir::Etc::SourceList": state / "sources.list", "Dir::Etc::SourceParts": "/dev/null", "Dir::State::Lists": state / "lists",
            "Dir::State::status": state / "status", "Dir::State::extended_states": state / "extended", "Dir::Cache": state,
            "Dir::Cache::archives": state / "archives", "APT::Architecture": "amd64", "APT::Architectures": "amd64",
            "APT::Install-Recommends": "false", "APT::Sandbox::User": "root", "Acquire::Languages": "none",
            "Acquire::IndexTargets::deb::DEP-11::DefaultEnabled": "false", "Acquire::Retries": "3",
        }  # fmt: skip
        flags = [word for key, value in options.items() for word in ("-o", f"{key}={value}")]
        done = subprocess.run([program, "-q", *flags, *words], cwd=cwd, capture_output=True, text=True)
        if check and done.returncode:
            sys.exit(f"{program} {words[0]}: {done.stderr.strip()}")
        return done

    def update(self, fresh):
        """Fetches the package lists, unless there are young ones. Old ones are better than none, and it is told."""
        stamp = self.state / "updated"
        if not fresh and stamp.exists() and time.time() - stamp.stat().st_mtime < LISTS_AGE_SECONDS:
            return
        done = self.apt("apt-get", "update", "--error-on=any", check=False)
        if not done.returncode:
            stamp.touch()
        elif fresh or not stamp.exists():
            sys.exit(f"Debian's package lists cannot be fetched; look at the network or the proxy of apt: {done.stderr.strip()}")
        else:
            print(f"warning: Debian's package lists are those of {time.ctime(stamp.stat().st_mtime)}: {done.stderr.strip()}", file=sys.stderr)

    def newest(self):
        """What would be installed today on an empty system: looked up once for each fetch of the lists."""
        stamp = (self.state / "updated").stat().st_mtime_ns
        asked = hashlib.sha256(f"{stamp} {KERNEL_SOURCE} {(HERE / 'packages.list').read_text()}".encode()).hexdigest()
        known = self.state / "newest"
        if known.exists() and known.read_text().startswith(f"# {asked}\n"):
            return read_lines(known.read_text())
        packages = self.looked_up()
        # Whole or not at all: a list that was cut would be believed.
        making = known.with_suffix(".part")
        making.write_text(f"# {asked}\n" + "".join(package.line() + "\n" for package in packages))
        os.replace(making, known)
        return packages

    def looked_up(self):
        wanted = [line for line in (HERE / "packages.list").read_text().split("\n") if line and not line.startswith("#")]
        plan = self.apt("apt-get", "install", "-s", *wanted).stdout
        root = re.findall(r"^Inst (\S+) \((\S+)", plan, re.M)
        if not root:
            sys.exit(f"apt says nothing of what it would install: {plan}")
        kernel = re.search(r"Candidate: (\S+)", self.apt("apt-cache", "policy", KERNEL_SOURCE).stdout)
        if not kernel or kernel[1] == "(none)":
            sys.exit(f"{KERNEL_SOURCE}: Debian's {SUITE} has no such package")
        return sorted([*self.known("root", root), *self.known("kernel", [(KERNEL_SOURCE, kernel[1])])])

    def known(self, part, wanted):
        text = self.apt("apt-cache", "show", *(f"{name}={version}" for name, version in wanted)).stdout
        found = {}
        for block in text.split("\n\n"):
            fields = dict(re.findall(r"^([\w-]+): (.*)$", block, re.M))
            if fields:
                key = fields["Package"], fields["Version"]
                found[key] = Package(part, *key, fields["Architecture"], fields["SHA256"])
        return [found[pair] for pair in wanted]

    def used(self, packages):
        """Their files are not cleared away yet."""
        for package in packages:
            if (self.debs / package.file()).exists():
                (self.debs / package.file()).touch()

    def fetch(self, packages):
        """The packages' files, from the cache or from Debian, each with the hash that was asked for."""
        missing = [package for package in packages if not (self.debs / package.file()).exists()]
        if missing:
            self.update(fresh=False)
            # One that Debian no longer has would keep it from fetching the others.
            there = self.apt("apt-cache", "show", *(package.name for package in missing), check=False).stdout
            there = set(re.findall(r"^Package: (\S+)$.*?^Version: (\S+)$", there, re.M | re.S))
            gone = [package.file() for package in missing if (package.name, package.version) not in there]
            if gone:
                sys.exit(f"Debian no longer has {', '.join(gone)}: put them into {self.debs}, or refresh packages.lock")
            print(f"fetching {len(missing)} packages", file=sys.stderr)
            self.apt("apt-get", "download", *(f"{package.name}={package.version}" for package in missing), cwd=self.debs)
        for package in packages:
            path = self.debs / package.file()
            found = sha256(path)
            if found != package.sha256:
                path.unlink()
                sys.exit(f"{path.name}: SHA-256 {found}, not {package.sha256}; the file was removed")
            path.touch()
            yield path


def cache():
    """Where image/make-parts keeps what it made."""
    home = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    return os.environ.get("FLUXGATE_IMAGE_CACHE") or Path(home) / "fluxgate/image"


def sha256(path):
    with open(path, "rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def differences(reviewed, taken):
    """What stands in one list and not in the other, a line each."""
    was, now = ({(p.part, p.name): p for p in packages} for packages in (reviewed, taken))
    for key in sorted({**was, **now}):
        name = " ".join(key)
        if key not in now:
            yield f"{name}: no longer needed ({was[key].version})"
        elif key not in was:
            yield f"{name}: new ({now[key].version})"
        elif was[key].version != now[key].version:
            yield f"{name}: {was[key].version} -> {now[key].version}"
        elif was[key] != now[key]:
            yield f"{name}: {now[key].version} is the same version with other bytes"


def resolve(cache, locked=False):
    """The packages to build from."""
    archive = Archive(cache)
    reviewed = read_lines(LOCK.read_text()) if LOCK.exists() else []
    if locked:
        if not reviewed:
            sys.exit("image/packages.lock names nothing; run image/refresh-lock")
        archive.used(reviewed)
        return reviewed
    archive.update(fresh=False)
    taken = archive.newest()
    archive.used(taken)
    for line in differences(reviewed, taken):
        print(f"warning: not reviewed: {line}", file=sys.stderr)
    return taken


def extract(cache, packages, out):
    """Unpacks packages into OUT/tree and says in OUT/packages.json which file is whose."""
    archive, tree, known = Archive(cache), Path(out) / "tree", []
    tree.mkdir(parents=True)
    for package, deb in zip(packages, archive.fetch(packages), strict=True):
        subprocess.run(["dpkg-deb", "--extract", deb, tree], check=True)
        control = subprocess.run(["dpkg-deb", "--field", deb], capture_output=True, text=True, check=True).stdout
        fields = dict(re.findall(r"^([\w-]+): (.*)$", control, re.M))
        # A binary package names its source, and that one's version where it differs.
        source = re.fullmatch(r"(\S+)(?: \((\S+)\))?", fields.get("Source", fields["Package"]))
        known.append({
            "name": package.name, "version": package.version, "architecture": package.architecture, "sha256": package.sha256,
            "source": source[1], "source_version": source[2] or package.version, "maintainer": fields["Maintainer"],
            "files": contents(deb),
        })  # fmt: skip
    (Path(out) / "packages.json").write_text(json.dumps(known, indent=1) + "\n")


def contents(deb):
    """The paths of all files and links of a package."""
    with subprocess.Popen(["dpkg-deb", "--fsys-tarfile", deb], stdout=subprocess.PIPE) as stream:
        with tarfile.open(fileobj=stream.stdout, mode="r|") as files:
            return sorted(member.name.removeprefix("./") for member in files if not member.isdir())


def main():
    verb, words = (sys.argv[1:2] or [""])[0], [word for word in sys.argv[2:] if not word.startswith("--")]
    flags = {word for word in sys.argv[2:] if word.startswith("--")}
    if verb == "resolve" and len(words) == 1 and flags <= {"--locked"}:
        packages = resolve(words[0], "--locked" in flags)
        print("\n".join(package.line() for package in packages))
    elif verb == "extract" and len(words) == 2 and not flags:
        extract(words[0], read_lines(sys.stdin.read()), words[1])
    else:
        sys.exit(__doc__)


if __name__ == "__main__":
    main()

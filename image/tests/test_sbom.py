"""Does the bill of materials say what is on the box, and do the packages come from the reviewed list?"""

import hashlib
import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from cyclonedx.schema import SchemaVersion
from cyclonedx.validation.json import JsonStrictValidator
from gateway import BINARY, PROJECT
from packageurl import PackageURL

IMAGE = PROJECT / "image"
sys.path.insert(0, str(IMAGE))

import debian  # noqa: E402


@pytest.fixture(scope="module")
def bill(image):
    return json.loads((image / "sbom.cdx.json").read_text())


def sha256(path):
    with open(path, "rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def components(bill, kind):
    return {part["name"]: part for part in bill["components"] if part["purl"].startswith(f"pkg:{kind}/")}


def test_it_is_what_cyclonedx_1_6_allows(bill):
    validator = JsonStrictValidator(SchemaVersion.V1_6)
    assert validator.validate_str(json.dumps(bill)) is None
    broken = {**bill, "components": [{**bill["components"][0], "type": "box"}]}
    assert validator.validate_str(json.dumps(broken)) is not None
    for part in bill["components"]:
        assert PackageURL.from_string(part["purl"]).to_string() == part["purl"]
    references = [part["bom-ref"] for part in bill["components"]] + [bill["metadata"]["component"]["bom-ref"]]
    assert len(references) == len(set(references))
    for entry in bill["dependencies"]:
        assert set(entry["dependsOn"]) <= set(references) and entry["ref"] in references


def test_it_names_what_ships_and_nothing_else(bill, image):
    deb, crates = components(bill, "deb"), components(bill, "cargo")
    assert {"libc6", "systemd", "nftables", "e2fsprogs", "systemd-boot-efi", "linux-source-6.12"} <= deb.keys()
    # Unpacked to build from, but none of their files is on the box.
    assert not {"adduser", "debconf", "passwd", "libpam-runtime"} & deb.keys()
    assert {"rustls", "rusqlite", "tokio"} <= crates.keys()
    assert not {"windows-sys", "proptest", "insta"} & crates.keys()
    assert bill["metadata"]["component"]["hashes"][0]["content"] == sha256(image / "slots/root.img")
    program = components(bill, "generic")["fluxgate"]
    assert program["hashes"][0]["content"] == sha256(image / "root/usr/bin/fluxgate") == sha256(BINARY)
    # Each library and program on the root, but for ours, is of a package that the bill names.
    known = {file: package for package in packages() if package["name"] in deb for file in package["files"]}
    for folder in ("usr/lib/x86_64-linux-gnu", "usr/bin"):
        for path in (image / "root" / folder).rglob("*"):
            place = str(path.relative_to(image / "root"))
            if path.is_file() and not path.is_symlink() and path.name != "fluxgate":
                assert place in known or place.replace("usr/bin", "usr/sbin") in known, place


def cache():
    return Path(debian.cache())


def packages():
    """What image/make-parts extracted."""
    told = subprocess.run([IMAGE / "make-parts"], capture_output=True, text=True, check=True).stdout
    return json.loads((Path(re.search(r"^PACKAGES=(.*)$", told, re.M)[1]) / "packages.json").read_text())


def test_what_was_not_reviewed_is_told(bill):
    reviewed = {package.name: package for package in debian.read_lines(debian.LOCK.read_text())}
    told = subprocess.run([IMAGE / "make-parts"], capture_output=True, text=True, check=True).stderr
    for name, part in components(bill, "deb").items():
        same = name in reviewed and (part["version"], part["hashes"][0]["content"]) == (reviewed[name].version, reviewed[name].sha256)
        assert same or re.search(rf"^warning: not reviewed: \w+ {re.escape(name)}: ", told, re.M), name


def test_a_build_from_the_lock_takes_no_other_bytes(tmp_path):
    """A .deb in the cache is what the list says it is, or the build ends and says which is not."""
    reviewed = debian.read_lines(debian.LOCK.read_text())
    netbase = next(package for package in reviewed if package.name == "netbase")
    # Debian's lists, as the build left them.
    shutil.copytree(cache() / "apt", tmp_path / "cache/apt")
    (tmp_path / "cache/debs").mkdir()
    shutil.copy(cache() / "debs" / netbase.file(), tmp_path / "cache/debs")
    whole = tmp_path / "whole"
    debian.extract(tmp_path / "cache", [netbase], whole)
    assert (whole / "tree/etc/protocols").exists()
    deb = tmp_path / "cache/debs" / netbase.file()
    body = bytearray(deb.read_bytes())
    body[len(body) // 2] ^= 1
    deb.write_bytes(body)
    with pytest.raises(SystemExit, match=f"{re.escape(netbase.file())}: SHA-256 .* not {netbase.sha256}"):
        debian.extract(tmp_path / "cache", [netbase], tmp_path / "changed")
    assert not deb.exists()
    gone = netbase._replace(version="6.4-never")
    with pytest.raises(SystemExit, match=r"Debian no longer has netbase_6\.4-never_all\.deb: put them into .*, or refresh packages\.lock"):
        debian.extract(tmp_path / "cache", [gone], tmp_path / "gone")


def test_a_change_of_the_list_is_told_by_its_kind():
    package = debian.Package("root", "libc6", "2.41-12", "amd64", "a" * 64)
    other = package._replace(name="zlib1g")
    tell = lambda was, now: list(debian.differences(was, now))  # noqa: E731
    assert tell([package], [package]) == []
    assert tell([package], [package, other]) == ["root zlib1g: new (2.41-12)"]
    assert tell([package, other], [package]) == ["root zlib1g: no longer needed (2.41-12)"]
    assert tell([package], [package._replace(version="2.41-13")]) == ["root libc6: 2.41-12 -> 2.41-13"]
    assert tell([package], [package._replace(sha256="b" * 64)]) == ["root libc6: 2.41-12 is the same version with other bytes"]


def unsigned(program, folder):
    """A program's bytes without its signature."""
    copy = folder / "unsigned.efi"
    shutil.copy(program, copy)
    subprocess.run(["sbattach", "--remove", copy], check=True, capture_output=True)
    return copy.read_bytes()


def test_the_same_parts_give_the_same_bytes(image, tmp_path):
    version = json.loads((image / "sbom.cdx.json").read_text())["metadata"]["component"]["version"]
    words = (image / "slots/cmdline-a").read_text().split()
    console = "ttyS0" + " no_timer_check" * ("no_timer_check" in words) if "console=ttyS0" in words else ""
    command = [IMAGE / "build", BINARY, version, tmp_path / "again", image / "keys"]
    subprocess.run(command, check=True, env={**os.environ, "CONSOLE": console})
    for name in ("slots/root.img", "slots/root.hash", "slots/cmdline-b", "bzImage", "sbom.cdx.json", "packages.txt"):
        assert sha256(tmp_path / "again" / name) == sha256(image / name), name
    for name in ("bootloader.efi", "slots/kernel-a.efi", "slots/kernel-b.efi"):
        # A signature holds the time it was made.
        assert unsigned(image / name, tmp_path) == unsigned(tmp_path / "again" / name, tmp_path), name
    shutil.rmtree(tmp_path / "again")

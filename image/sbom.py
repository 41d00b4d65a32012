#!/usr/bin/env -S python3 -B
"""Says what an image is made of, as CycloneDX 1.6: Debian's packages of which a file ships, the kernel, our binary with its crates.

    image/sbom.py VERSION BINARY TOOLS PACKAGES KERNEL OUT     writes OUT/sbom.cdx.json and OUT/packages.txt

TOOLS, PACKAGES, KERNEL: what image/make-parts made; OUT: where image/build put root/ and slots/. The same image gives the same
bytes. Crates are those that cargo says go into the binary for this target, by the checkout's Cargo.lock.
"""

import json
import os
import re
import subprocess
import sys
import tomllib
import uuid
from pathlib import Path
from urllib.parse import quote

from debian import sha256

HERE = Path(__file__).resolve().parent
TARGET, DISTRIBUTION = "x86_64-unknown-linux-gnu", "debian-13"
#: What ships outside the root: the boot loader, and the stub before each slot's kernel.
OUTSIDE_ROOT = ("usr/lib/systemd/boot/efi/systemd-bootx64.efi", "usr/lib/systemd/boot/efi/linuxx64.efi.stub")


def shipped(root, packages):
    """Debian's packages with the number of their files that ship, and the root's files that no package has."""
    owner = {file: package["name"] for package in packages for file in package["files"]}
    counts, ours = {}, []
    for folder, _, names in os.walk(root):
        for name in names:
            path = os.path.relpath(os.path.join(folder, name), root)
            # On the root usr/sbin is usr/bin.
            whose = owner.get(path) or owner.get(path.replace("usr/bin/", "usr/sbin/", 1))
            if whose:
                counts[whose] = counts.get(whose, 0) + 1
            else:
                ours.append(path)
    for path in OUTSIDE_ROOT:
        counts[owner[path]] = counts.get(owner[path], 0) + 1
    return counts, sorted(ours)


def purl(kind, name, version, **qualifiers):
    rest = "&".join(f"{key}={quote(value, safe='.-_~:')}" for key, value in sorted(qualifiers.items()))
    return f"pkg:{kind}/{quote(name, safe='/.-_~')}@{quote(version, safe='.-_~:')}" + (f"?{rest}" if rest else "")


def properties(**values):
    return [{"name": f"fluxgate:{key.replace('_', '-')}", "value": str(value)} for key, value in sorted(values.items())]


def debian(package, kind="library", **more):
    source = package["source"]
    if package["source_version"] != package["version"]:
        source += "@" + package["source_version"]
    name = purl("deb", f"debian/{package['name']}", package["version"], arch=package["architecture"], distro=DISTRIBUTION, upstream=source)
    return {
        "type": kind, "bom-ref": name, "name": package["name"], "version": package["version"], "purl": name,
        "supplier": {"name": package["maintainer"]}, "hashes": [{"alg": "SHA-256", "content": package["sha256"]}],
        "properties": properties(debian_source=package["source"], debian_source_version=package["source_version"], **more),
    }  # fmt: skip


def crates():
    """The crates of the binary: name, version, SHA-256 of what the registry serves."""
    words = ["cargo", "tree", "--locked", "--quiet", "-e", "normal", "--target", TARGET, "--prefix", "none", "--format", "{p}"]
    told = subprocess.run(words, cwd=HERE.parent, capture_output=True, text=True)
    if told.returncode:
        sys.exit(f"cargo tree: {told.stderr.strip()}")
    used = set(re.findall(r"^(\S+) v(\S+)", told.stdout, re.M))
    locked = tomllib.loads((HERE.parent / "Cargo.lock").read_text())["package"]
    found = [package for package in locked if (package["name"], package["version"]) in used and package["name"] != "fluxgate"]
    for package in sorted(found, key=lambda package: (package["name"], package["version"])):
        name = purl("cargo", package["name"], package["version"])
        yield {
            "type": "library", "bom-ref": name, "name": package["name"], "version": package["version"], "purl": name,
            "hashes": [{"alg": "SHA-256", "content": package["checksum"]}],
        }  # fmt: skip


def tools(folder, compiler):
    """What built it and is not in it."""
    wanted = [line for line in (HERE / "tools.list").read_text().splitlines() if line and not line.startswith("#")]
    words = ["dpkg-query", f"--admindir={folder}/var/lib/dpkg", "-W", "-f=${Package} ${Version}\\n", *wanted]
    for line in sorted(subprocess.run(words, capture_output=True, text=True, check=True).stdout.splitlines()):
        name, version = line.split()
        yield {"type": "application", "name": name, "version": version}
    yield {"type": "application", "name": "gcc", "version": compiler.split()[-1]}


def bill(version, binary, tools_folder, packages_folder, kernel_folder, out):
    packages = json.loads((Path(packages_folder) / "packages.json").read_text())
    counts, ours = shipped(out / "root", packages)
    kernel = json.loads((Path(kernel_folder) / "packages.json").read_text())[0]
    release = (Path(kernel_folder) / "version").read_text().strip()
    compiler = (Path(kernel_folder) / "compiler").read_text().strip()
    libraries = list(crates())
    program = {
        "type": "application", "bom-ref": f"pkg:generic/fluxgate@{version}", "name": "fluxgate", "version": version,
        "purl": f"pkg:generic/fluxgate@{version}", "licenses": [{"license": {"id": "Apache-2.0"}}],
        "hashes": [{"alg": "SHA-256", "content": sha256(binary)}], "properties": properties(files=len(ours)),
    }  # fmt: skip
    parts = [program, debian(kernel, "operating-system", linux=release, configuration_sha256=sha256(HERE / "kernel/appliance.config"))]
    parts += [debian(package, files=counts[package["name"]]) for package in packages if package["name"] in counts]
    image = f"pkg:generic/fluxgate-appliance@{version}"
    slot = out / "slots"
    text = {
        "$schema": "http://cyclonedx.org/schema/bom-1.6.schema.json", "bomFormat": "CycloneDX", "specVersion": "1.6", "version": 1,
        "metadata": {
            "lifecycles": [{"phase": "build"}],
            "tools": {"components": list(tools(tools_folder, compiler))},
            "component": {
                "type": "firmware", "bom-ref": image, "name": "fluxgate-appliance", "version": version, "purl": image,
                "hashes": [{"alg": "SHA-256", "content": sha256(slot / "root.img")}],
                "properties": properties(verity_root_hash=(slot / "root.hash").read_text().strip()),
            },
        },
        "components": parts + libraries,
        "dependencies": [
            {"ref": image, "dependsOn": sorted(part["bom-ref"] for part in parts)},
            {"ref": program["bom-ref"], "dependsOn": sorted(library["bom-ref"] for library in libraries)},
        ],
    }  # fmt: skip
    # From what it says, so that the same image gives the same number.
    text["serialNumber"] = uuid.uuid5(uuid.NAMESPACE_URL, json.dumps(text, sort_keys=True)).urn
    listed = [f"{p['name']} {p['version']} {p['architecture']} {p['sha256']}" for p in [kernel, *packages] if p is kernel or p["name"] in counts]
    return text, listed, len(libraries)


def main():
    if len(sys.argv) != 7:
        sys.exit(__doc__)
    out = Path(sys.argv[6])
    text, listed, libraries = bill(*sys.argv[1:6], out)
    (out / "sbom.cdx.json").write_text(json.dumps(text, indent=1, ensure_ascii=False) + "\n")
    (out / "packages.txt").write_text("\n".join(listed) + "\n")
    print(f"bill of materials: {len(listed)} of Debian's packages, {libraries} crates")


if __name__ == "__main__":
    main()

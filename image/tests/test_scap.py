"""Does OpenSCAP find the root as the minimal profile of ANSSI-BP-028 wants it?

The rules are those of Debian's `ssg-debian` for Debian 12 (it has none for 13). A rule asks three things that an image without a
package manager cannot answer, so that without more each one would be called not applicable, and nothing would be shown. The copy that is
judged gets them: Debian's version, so that the rules hold for it; a database of packages, with what the bill of materials
names; and the table of mounted file systems. Then the folders of `/var`, `/run` and `/tmp` are made as at a first boot.
"""

import os
import re
import shutil
import subprocess
import xml.etree.ElementTree as ElementTree
from collections import Counter

import pytest
from gateway import PROJECT
from parts import in_tools, tree

PROFILE = "anssi_bp28_minimal"
XCCDF = "{http://checklists.nist.gov/xccdf/1.2}"
RULE = "xccdf_org.ssgproject.content_rule_"

#: Why a rule has no say, by what its name begins with. Whatever else does not pass is a failure.
NOT_APPLICABLE = {
    "accounts_password_pam_": "no PAM: nobody logs in (image/BP-028.md, R31, R67)",
    "accounts_passwords_pam_": "no PAM",
    "package_pam_pwquality_installed": "no PAM",
    "set_password_hashing_algorithm_logindefs": "no `login`, which would read it: nobody logs in",
}
NOT_CHECKED = {"security_patches_up_to_date": "it asks Debian's list over the network; image/BP-028.md, R61"}
#: Packages that the profile wants to be absent.
UNWANTED = (
    "dhcp kea sendmail xinetd ypbind-mt ypserv rsh-server rsh talk-server talk telnet-server telnet tftp-server tftp"
).split()  # fmt: skip


def entry(name, version="1", architecture="all"):
    """A package in dpkg's database."""
    return (
        f"Package: {name}\nStatus: install ok installed\nMaintainer: none\nArchitecture: {architecture}\n"
        f"Version: {version}\nDescription: none\n\n"
    )


@pytest.fixture(scope="module")
def started(image, tmp_path_factory):
    """The root as it is after a first boot, with what the rules ask for."""
    work = tmp_path_factory.mktemp("scap")
    subprocess.run(["cp", "-a", image / "root", work / "root"], check=True)
    in_tools(work, "systemd-tmpfiles", "--root=root", "--create", "--boot", *(f"--exclude-prefix=/{name}" for name in ("dev", "proc", "sys")))
    root = work / "root"
    assert (root / "tmp").stat().st_mode & 0o7777 == 0o1777
    assert folders_of_units(root) >= 2
    (root / "etc/debian_version").write_text("12.0\n")
    (root / "etc/mtab").symlink_to("../proc/self/mounts")
    (root / "var/lib/dpkg").mkdir()
    packages = [line.split()[:3] for line in (image / "packages.txt").read_text().splitlines()]
    # By the last the rules know a system with a kernel of its own, which ours comes beside.
    database = "".join(entry(*package) for package in packages) + entry("linux-base")
    (root / "var/lib/dpkg/status").write_text(database)
    yield root
    shutil.rmtree(work)


def folders_of_units(root):
    """Makes what systemd makes for units that say so, and says how many."""
    accounts = [line.split(":") for line in (root / "etc/passwd").read_text().splitlines()]
    owners = {name: (int(user), int(group)) for name, _, user, group, *_ in accounts}
    made = 0
    for unit in (root / "usr/lib/systemd/system").glob("fluxgate-*.service"):
        said = dict(re.findall(r"^(\w+)=(.*)$", unit.read_text(), re.M))
        for kind, place in (("State", "var/lib"), ("Runtime", "run")):
            for name in said.get(f"{kind}Directory", "").split():
                folder = root / place / name
                folder.mkdir(parents=True, exist_ok=True)
                os.chown(folder, *owners[said.get("User", "root")])
                folder.chmod(int(said.get(f"{kind}DirectoryMode", "0755"), 8))
                made += 1
    return made


def scan(root, out):
    """What became of each rule of the profile."""
    done = subprocess.run([PROJECT / "image/tests/scan", tree("scanner"), root, PROFILE, out], capture_output=True, text=True)
    assert done.returncode in (0, 2), done.stderr
    assert "E: oscap" not in done.stderr, done.stderr
    results = ElementTree.parse(out / f"{PROFILE}.xml").iter(f"{XCCDF}rule-result")
    found = {rule.get("idref").removeprefix(RULE): rule.find(f"{XCCDF}result").text for rule in results}
    return {rule: result for rule, result in found.items() if result != "notselected"}


def test_no_rule_of_the_minimal_profile_fails_and_each_can(image, started, tmp_path):
    found = scan(started, tmp_path)
    shutil.copy(tmp_path / f"{PROFILE}.html", image / "bp-028-minimal.html")
    counts = Counter(found.values())
    print(f"OpenSCAP, ANSSI-BP-028 minimal: {len(found)} rules, {', '.join(f'{number} {result}' for result, number in sorted(counts.items()))}")
    allowed = {
        "notapplicable": lambda rule: rule.startswith(tuple(NOT_APPLICABLE)),
        "notchecked": lambda rule: rule in NOT_CHECKED,
        "pass": lambda rule: True,
    }
    assert [(rule, result) for rule, result in found.items() if result not in allowed or not allowed[result](rule)] == []
    # It is as the reasons say.
    for absent in ("etc/pam.d", "usr/lib/pam.d", "usr/lib/x86_64-linux-gnu/security", "etc/login.defs", "usr/bin/login"):
        assert not os.path.lexists(started / absent), absent

    # On a root that does everything wrong, each rule that passed fails: it was really looked at.
    passed = {rule for rule, result in found.items() if result == "pass"}
    assert len(passed) >= 20, passed
    spoil(started)
    again = scan(started, tmp_path)
    assert {rule for rule, result in again.items() if result == "fail"} == passed


def spoil(root):
    """One thing made wrong for each rule."""
    (root / "etc/shadow").write_text("root:!*:::::::\n")
    open_file, open_folder, foreign_folder = root / "etc/open", root / "usr/lib/open", root / "var/foreign"
    open_file.touch()
    open_file.chmod(0o666)
    open_folder.mkdir()
    open_folder.chmod(0o777)
    foreign_folder.mkdir()
    os.chown(foreign_folder, 900, 900)
    foreign_folder.chmod(0o1777)
    for name, user, group in (("nobodys", 4711, 0), ("no-groups", 0, 4711)):
        (root / "usr/lib" / name).touch()
        os.chown(root / "usr/lib" / name, user, group)
    with open(root / "var/lib/dpkg/status", "a") as database:
        database.write("".join(entry(name) for name in UNWANTED))

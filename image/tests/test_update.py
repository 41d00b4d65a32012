"""A release comes in by the page, from an address or over SFTP: what is none is refused, what is good proves itself, what is broken is
left, and each is told."""

import html
import os
import re
import shutil
import sqlite3
import subprocess
import time

from box import Box
from gateway import PROJECT, put
from invoices import invoice
from marks import LONG, LONGEST
from publisher import Publisher
from shelf import Shelf

PAGE = "/appliance/mises-a-jour"
STARTED = "BdsDxe: starting"


class Updates:
    """The page of updates, as a person uses it."""

    def __init__(self, box):
        self.box, self.vm = box, box.vm

    def text(self):
        # A restart may be under way.
        found = self.vm.get(PAGE) if not self.box.visit.cookies else None
        text = found[1] if found else self.box.page(PAGE).text
        return html.unescape(re.sub(r"\s+", " ", re.sub(r"<[^>]*>", " ", text)))

    def wait(self, pattern, seconds=120):
        """Waits until the page says so."""
        end = time.monotonic() + seconds
        while True:
            try:
                text = self.text()
            except OSError:
                text = "the page does not answer"
            if found := re.search(pattern, text):
                return found
            assert time.monotonic() < end, f"{pattern}: {text}"
            time.sleep(0.5)

    def offer(self, path):
        with open(path, "rb") as file:
            self.box.fill(PAGE, PAGE, files={"release": (path.name, file)})

    def refuse(self, path, code):
        """Hands in what is none; how it is refused."""
        self.offer(path)
        return self.wait(rf"{code} : .*?→.*?Version en service")[0]

    def look(self):
        """At the address, now."""
        self.box.fill(PAGE, f"{PAGE}/chercher")

    def drop(self, path):
        """Into the folder, over SFTP; what its receipt says."""
        with self.box.sftp() as sftp:
            put(sftp, f"/mise-a-jour/{path.name}", path.read_bytes())
        return self.box.wait_state(path.name, "offered", 300)

    def install(self, version):
        """What is offered."""
        self.wait(rf"Version proposée {re.escape(version)} .*plus vite qu’avant.*Installer la version")
        sha256 = re.search(r'name="sha256" value="(\w{64})"', self.box.page(PAGE).text)[1]
        self.box.fill(PAGE, f"{PAGE}/installer", sha256=sha256)
        self.wait(rf"Au prochain démarrage {re.escape(version)} ", 180)

    def restart(self):
        start = len(self.vm.said())
        self.box.fill(PAGE, f"{PAGE}/redemarrer")
        return self.vm.wait_said(STARTED, 120, start).end()

    def running(self, version, slot, seconds=300):
        """Waits until this version runs, and nobody doubts it any more."""
        end = time.monotonic() + seconds
        while True:
            try:
                self.box.log_in()
                text = self.text()
                if re.search(rf"Version {re.escape(version)} emplacement {slot} ", text):
                    return text
            except (OSError, AssertionError):
                text = "the page does not answer"
            assert time.monotonic() < end, f"{version} in {slot}: {text}; {self.vm.said()[-1500:]}"
            time.sleep(1)


def following(version):
    head, last = version.rsplit(".", 1)
    return f"{head}.{int(last) + 1}"


@LONGEST
def test_a_release_is_refused_installed_or_left(start, disk, image, publisher, release, simulator, password_hash, tmp_path):
    version, path = release
    vm = start(disk)
    box = Box(vm).claim()
    shelf = Shelf(tmp_path / "shelf")
    box.secret("update-ca.pem", shelf.ca)
    section = f'[update]\nurl = "{shelf.url}"\nca_file = "secrets/update-ca.pem"\naccount = "sifac"\n'
    box.configure(simulator, password_hash, section)
    box.drop("avant.xml", invoice("MISE-A-JOUR-1"))
    box.wait_state("avant.xml", "integrated")
    updates = Updates(box)
    updates.running(former_of(image), "A")

    # What is no release for this box changes nothing, and is told.
    none = tmp_path / "photo.update"
    none.write_bytes(b"\xff\xd8" + bytes(5000))
    assert "archive" in updates.refuse(none, "FG-920")
    changed = tmp_path / "changed.update"
    body = bytearray(path.read_bytes())
    body[len(body) // 2] ^= 1
    changed.write_bytes(body)
    updates.refuse(changed, "FG-922")
    other = tmp_path / "keys"
    other.mkdir()
    stranger = Publisher(other)
    stranger.found()
    updates.refuse(stranger.release(image / "next/slots", version, tmp_path / "foreign.update"), "FG-923")
    updates.refuse(publisher.release(image / "slots", former_of(image), tmp_path / "same.update"), "FG-926")

    # Nothing lies at the address; a good one does, is read before it is installed, tried, and blessed.
    updates.wait("le serveur a répondu HTTP 404")
    # Whole at once: the box may look just then.
    shutil.copy(path, tmp_path / "whole")
    (tmp_path / "whole").rename(shelf.file)
    updates.look()
    updates.install(version)
    updates.restart()
    text = updates.running(version, "B")
    updates.wait(rf"{re.escape(version)} a fait ses preuves")
    # It is there still, and is not offered again.
    updates.look()
    assert "Version proposée" not in updates.wait("rien de nouveau .*Chercher maintenant.*").string
    assert "refusée" in text
    box.wait_state("avant.xml", "integrated")
    box.drop("apres.xml", invoice("MISE-A-JOUR-2"))
    box.wait_state("apres.xml", "integrated")

    # One whose root is not the one that its kernel knows never comes up: three tries, then what ran before.
    broken, worse = tmp_path / "slots", following(version)
    broken.mkdir()
    for name in "kernel-a.efi", "kernel-b.efi":
        # The boot loader goes by the version that a kernel tells of itself.
        kernel = (image / "next/slots" / name).read_bytes()
        (broken / name).write_bytes(kernel.replace(f"={version}\n".encode(), f"={worse}\n".encode()))
    root = bytearray((image / "next/slots/root.img").read_bytes())
    root[4096 : len(root) // 2] = bytes(len(root) // 2 - 4096)
    (broken / "root.img").write_bytes(root)
    receipt = updates.drop(publisher.release(broken, worse, tmp_path / "worse.update"))
    assert receipt["version"] == worse and receipt["final"]
    updates.install(worse)
    begun = updates.restart()
    updates.running(version, "B")
    updates.wait(rf"{re.escape(worse)} essayée dans l.emplacement a, démarrages\s: 3\s; {re.escape(version)} fonctionne")
    assert len(re.findall("Kernel panic", vm.said()[begun:])) == 3
    box.wait_state("apres.xml", "integrated")
    time.sleep(5)
    vm.end()
    shelf.end()
    assert journal(disk, tmp_path) == ["refused"] * 4 + ["begun", "committed", "booted", "healthy", "begun", "committed", "fell-back"]


@LONG
def test_a_version_whose_core_never_answers_is_left(start, disk, image, publisher, tmp_path):
    former = former_of(image)
    worse, made = following(former), tmp_path / "made"
    made.mkdir()
    subprocess.run(["cp", "-a", image / "next/root", image / "next/bzImage", image / "next/stub.efi", made], check=True)
    unit = made / "root/usr/lib/systemd/system/fluxgate-core.service"
    begins = "ExecStart=/usr/bin/fluxgate serve --role core\n"
    assert begins in unit.read_text()
    unit.write_text(unit.read_text().replace(begins, "ExecStart=/usr/bin/fluxgate --version\n"))
    [tools] = subprocess.run([PROJECT / "image/make-parts", "--tools"], capture_output=True, text=True, check=True).stdout.split()
    words = [PROJECT / "image/in-tools", tools.removeprefix("TOOLS="), made, "/src/image/build-slots", "root", "bzImage", "slots"]
    # Its patience is short, so that the test is.
    settings = {"STUB": "stub.efi", "CONSOLE": "ttyS0 no_timer_check", "TRIAL": "90"}
    subprocess.run(words, check=True, env=os.environ | settings)

    vm = start(disk)
    updates = Updates(Box(vm).claim())
    updates.running(former, "A")
    updates.offer(publisher.release(made / "slots", worse, tmp_path / "worse.update"))
    updates.install(worse)
    begun = updates.restart()
    updates.running(former, "A", 900)
    updates.wait(rf"{re.escape(worse)} essayée dans l.emplacement b, démarrages\s: 3\s; {re.escape(former)} fonctionne")
    assert "Kernel panic" not in vm.said()[begun:]
    # Its first start is behind: its two others, and the one of the version that came back.
    assert len(re.findall(STARTED, vm.said()[begun:])) == 3
    time.sleep(5)
    vm.end()
    assert journal(disk, tmp_path) == ["begun", "committed", *["booted", "unhealthy"] * 3, "fell-back"]


def former_of(image):
    return re.search(r"^IMAGE_VERSION=\"?([\d.]+)", (image / "root/etc/os-release").read_text(), re.M)[1]


def journal(disk, folder):
    """The steps of updates that the journal on a disk tells of, oldest first."""
    partition = folder / "data.img"
    listed = subprocess.run(["sfdisk", "-d", disk], capture_output=True, text=True, check=True).stdout
    begin, size = re.search(r'start= *(\d+), size= *(\d+),.*name="data"', listed).groups()
    subprocess.run(
        ["dd", f"if={disk}", f"of={partition}", "bs=512", f"skip={begin}", f"count={size}", "conv=sparse", "status=none"], check=True
    )
    # As the next start would: what the file system's own journal holds counts.
    subprocess.run(["e2fsck", "-fy", partition], capture_output=True)
    for name in "fluxgate.db", "fluxgate.db-wal":
        subprocess.run(["debugfs", "-R", f"dump /lib/fluxgate/{name} {folder / name}", partition], capture_output=True, check=True)
    store = sqlite3.connect(folder / "fluxgate.db")
    leaves = [bytes(leaf) for (leaf,) in store.execute("SELECT bytes FROM leaf ORDER BY seq")]
    return [text(leaf, "step") for leaf in leaves if b"fupdate" in leaf and b"dstep" in leaf]


def text(leaf, key):
    """A short text of a leaf's map (CBOR: a text of fewer than 24 bytes has its length in its first byte)."""
    at = leaf.index(bytes([0x60 + len(key)]) + key.encode()) + 1 + len(key)
    return leaf[at + 1 : at + 1 + leaf[at] - 0x60].decode()

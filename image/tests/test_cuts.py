"""The power fails while an update is written, or while the new version is tried for the first time: the box comes up with a version
that is whole, and says what became of the attempt.

A box that is about to install is kept as it is (memory and disk), so that each cut begins there. `FLUXGATE_CUTS=N`: so many of
them; `FLUXGATE_CUTS_SEED=N`: others."""

import os
import re
import shutil

from box import Box
from test_update import PAGE, Updates, former_of
from vm import VM
from volatile import ESP, Disk, copy

CUTS = int(os.environ.get("FLUXGATE_CUTS") or (100 if os.environ.get("FLUXGATE_LONG") else 10))
SEED = int(os.environ.get("FLUXGATE_CUTS_SEED", "1"))


class Kept:
    """A running box in files, from which others begin."""

    def __init__(self, folder, disk, vm, box, wire):
        self.folder, self.wire = folder, wire
        # The box that is kept knows this session and no later one.
        self.cookies = box.visit.cookies.copy()
        vm.command("stop")
        self.pending = disk.copied(folder / "kept.img")
        vm.command("migrate", uri=f"exec:cat >{folder}/kept.memory")
        vm.wait(lambda: vm.command("query-migrate").get("status") == "completed", 120, "the box is kept")
        shutil.copy(vm.work / f"{vm.name}.firmware", folder / "kept.firmware")

    def begin(self, name, seed, cut_at=None):
        """A box as it was then, and its disk."""
        path = self.folder / f"{name}.img"
        copy(self.folder / "kept.img", path)
        shutil.copy(self.folder / "kept.firmware", self.folder / f"{name}.firmware")
        disk = Disk(path, self.folder / f"{name}.nbd", seed, self.pending, cut_at)
        incoming = ("-incoming", f"exec:cat {self.folder}/kept.memory")
        vm = VM(None, self.folder, name=name, wire=self.wire, drive=disk.drive, extra=incoming)
        try:
            self.go_on(vm)
        except BaseException:
            vm.end()
            raise
        return vm, disk

    def go_on(self, vm):
        vm.wait(lambda: vm.command("query-status")["status"] in ("paused", "running"), 120, "the box goes on")
        if vm.command("query-status")["status"] == "paused":
            vm.command("cont")


def install(box, vm, kept, disk):
    """Asks a box for what was offered; the power may fail before the answer, and before that it may be busy with its blessing."""
    box.vm, box.visit.cookies = vm, kept.cookies.copy()
    # What was said to another box goes on with none.
    box.visit.close()

    def asked():
        try:
            page = box.page(PAGE).text
            if re.search("class=\"running\"|Au prochain démarrage", page):
                return True
            form = dict(re.findall(r'name="(csrf|sha256)" value="([^"]+)"', page))
            if len(form) < 2:
                return False
            return box.visit.post(f"{box.url}{PAGE}/installer", form, timeout=60, allow_redirects=False).status_code == 303
        except OSError:
            # A connection of before the box went on may be closed.
            return disk.is_off.is_set()

    vm.wait(asked, 120, "the box installs")


def test_a_cut_leaves_a_whole_version_that_says_so(start, net, disk, image, release, tmp_path):
    version, path = release
    former = former_of(image)
    first = Disk(disk, tmp_path / "first.nbd", SEED)
    vm = start(None, drive=first.drive, name="first")
    box = Box(vm).claim()
    updates = Updates(box)
    updates.running(former, "A")
    updates.offer(path)
    # Its own blessing comes first.
    updates.wait(rf"Version proposée {re.escape(version)} .*Installer la version")
    kept = Kept(tmp_path, first, vm, box, net.tap)
    vm.end()
    first.cut()

    # Once to its end, to know what is written when.
    vm, whole = kept.begin("whole", SEED)
    with vm:
        install(box, vm, kept, whole)
        updates.wait(rf"Au prochain démarrage {re.escape(version)} ", 180)
    written = len(whole.writes)
    whole.cut()
    on_esp = [n for n, where in enumerate(whole.writes) if where in ESP]
    # Half of the cuts where the boot partition is written, which decides what is booted; the others to the very last write.
    half = CUTS // 2
    points = [on_esp[len(on_esp) * n // (CUTS - half)] for n in range(CUTS - half)]
    points += [written * (n + 1) // half - 1 for n in range(half)]
    seen = []
    for n, cut_at in enumerate(sorted(points)):
        vm, cut = kept.begin(f"cut-{n}", SEED * 1000 + n, cut_at)
        with vm:
            install(box, vm, kept, cut)
            assert cut.is_off.wait(180), f"the update writes less than before: {len(cut.writes)} of {cut_at}"
        cut.cut()
        seen.append(after(start, box, cut.path, (former, version)))
        cut.path.unlink()
    print(f"{CUTS} cuts among {written} writes, {len(on_esp)} of them on the boot partition: {dict((s, seen.count(s)) for s in set(seen))}")
    assert set(seen) >= {former}, seen


def after(start, box, disk, versions):
    """What runs after a cut: one of the two versions, blessed, with the attempt told."""
    former, version = versions
    vm = start(disk, name="after")
    box.vm = vm
    box.visit.close()
    vm.wait_page(240)
    box.log_in()
    updates = Updates(box)
    found = updates.wait(rf"Version ({re.escape(former)}|{re.escape(version)}) emplacement (A|B) ", 120)
    assert found.groups() in ((former, "A"), (version, "B")), found
    assert "FG-9" not in updates.text()
    if found[1] == version:
        updates.wait(rf"{re.escape(version)} a fait ses preuves")
    else:
        # Nothing was begun, or it is told as cut; it can be tried again, and nothing waits to be booted without a word.
        text = updates.wait(rf"Installer la version {re.escape(version)} .*").string
        told = re.search(r"Mises à jour tentées.*", text)
        assert told is None or "coupée pendant l’écriture" in told[0].replace("'", "’"), text
        assert "Au prochain démarrage" not in text and "s’écrit" not in text.replace("'", "’"), text
    return found[1]

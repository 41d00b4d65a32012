"""The power fails while an update is written, or while the new version is tried for the first time: the box comes up with a version
that is whole, and says what became of the attempt.

A box that is about to install is kept as it is (memory and disk), so that each cut begins there. `FLUXGATE_CUTS=N`: so many of
them; `FLUXGATE_CUTS_SEED=N`: others."""

import os
import re
import shutil
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager

from box import Box
from marks import IS_LONG, LONGEST
from test_update import PAGE, STARTED, Updates, former_of
from vm import VM
from volatile import ESP, Disk, copy

CUTS = int(os.environ.get("FLUXGATE_CUTS") or (100 if IS_LONG else 10))
AT_ONCE = 10  # disks kept before they are looked at
SEED = int(os.environ.get("FLUXGATE_CUTS_SEED", "1"))


class Kept:
    """A running box in files, from which others begin."""

    def __init__(self, name, disk, vm, box, wire):
        self.folder, self.name, self.wire = vm.work, name, wire
        # The box that is kept knows this session and no later one.
        self.cookies = box.visit.cookies.copy()
        vm.command("stop")
        self.pending = disk.copied(self.folder / f"{name}.kept")
        vm.command("migrate", uri=f"exec:cat >{self.folder}/{name}.memory")
        vm.wait(lambda: vm.command("query-migrate").get("status") == "completed", 120, "the box is kept")
        shutil.copy(vm.work / f"{vm.name}.firmware", self.folder / f"{name}.firmware.kept")
        vm.end()
        disk.cut()

    @contextmanager
    def begin(self, name, seed, box, cut_at=None):
        """Has a box be as it was then; its disk."""
        path = self.folder / f"{name}.img"
        copy(self.folder / f"{self.name}.kept", path)
        shutil.copy(self.folder / f"{self.name}.firmware.kept", self.folder / f"{name}.firmware")
        disk = Disk(path, self.folder / f"{name}.nbd", seed, self.pending, cut_at)
        incoming = ("-incoming", f"exec:cat {self.folder}/{self.name}.memory")
        with VM(None, self.folder, name=name, wire=self.wire, drive=disk.drive, extra=incoming) as vm:
            disk.at_cut = vm.process.kill
            vm.wait(lambda: vm.command("query-status")["status"] in ("paused", "running"), 120, "the box goes on")
            if vm.command("query-status")["status"] == "paused":
                vm.command("cont")
            box.vm, box.visit.cookies = vm, self.cookies.copy()
            # What was said to another box goes on with none.
            box.visit.close()
            yield disk
        disk.cut()

    def cut_off(self, name, seed, box, cut_at, button):
        """Has a box press a button, and cuts it at this write; its disk's file."""
        with self.begin(name, seed, box, cut_at) as disk:
            button(box, disk)
            # Some of the writes before were a person's, who logged in: where they are missing, it is cut at rest.
            was_cut = disk.is_off.wait(120)
            assert was_cut or len(disk.writes) > cut_at * 3 // 4, f"{len(disk.writes)} writes and no more: fewer than before ({cut_at})"
        return disk.path


def press(box, disk, button, names, done):
    """Until it is taken, or the power fails."""
    end, text = time.monotonic() + 120, ""
    while not disk.is_off.is_set():
        assert time.monotonic() < end, f"the button {button} is not taken: {text}"
        try:
            text = box.visit.get(box.url + PAGE, timeout=20).text
            if re.search(done, text):
                return
            form = dict(re.findall(r'name="(csrf|sha256)" value="([^"]+)"', text))
            if form.keys() >= names:
                answer = box.visit.post(f"{box.url}{PAGE}/{button}", form, timeout=20, allow_redirects=False)
                if answer.status_code == 303:
                    return
                text = answer.text
        except OSError as error:
            # A connection of before the box went on may be closed; where the power failed, nobody answers.
            text = str(error)


def install(box, disk):
    press(box, disk, "installer", {"csrf", "sha256"}, "class=\"running\"|Au prochain démarrage")


def restart(box, disk):
    press(box, disk, "redemarrer", {"csrf"}, "(?!)")


@LONGEST
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
    offered = Kept("offered", first, vm, box, net.tap)

    # Once to its end, to know what is written when.
    with offered.begin("written", SEED, box) as disk:
        install(box, disk)
        Updates(box).wait(rf"Au prochain démarrage {re.escape(version)} ", 180)
        writing = disk.writes.copy()
        installed = Kept("installed", disk, box.vm, box, net.tap)
    with installed.begin("tried", SEED, box) as disk:
        restart(box, disk)
        box.vm.wait_said(STARTED, 120)
        Updates(box).running(version, "B")
        Updates(box).wait(rf"{re.escape(version)} a fait ses preuves")
        trying = disk.writes[: on_esp(disk.writes)[-1] + 1]

    cuts = [(offered, install, at) for at in points(writing, CUTS - CUTS // 3)] + [(installed, restart, at) for at in points(trying, CUTS // 3)]
    seen = []
    for begin in range(0, CUTS, AT_ONCE):
        disks = []
        for n, (kept, button, at) in enumerate(cuts[begin : begin + AT_ONCE], begin):
            disks.append((kept.cut_off(f"cut-{n}", SEED * 1000 + n, box, at, button), kept is installed))
        # Two at a time, for one alone leaves a processor without work.
        with ThreadPoolExecutor(2) as pool:
            seen += pool.map(lambda cut: after(*cut, former, version), disks)
    for name, writes, found in (("written", writing, seen[: CUTS - CUTS // 3]), ("tried", trying, seen[CUTS - CUTS // 3 :])):
        count = {v: found.count(v) for v in set(found)}
        print(f"while it is {name}: {len(found)} cuts among {len(writes)} writes, {len(on_esp(writes))} of them on the boot partition: {count}")
    assert former in seen and (version in seen or CUTS < 10), seen


def on_esp(writes):
    """The numbers of those on the boot partition."""
    return [n for n, where in enumerate(writes) if where in ESP]


def points(writes, count):
    """Where to cut: half of them where the boot partition is written, which decides what is booted; the others to the very last write."""
    there, half, both = count - count // 2, count // 2, on_esp(writes)
    return sorted([both[len(both) * n // there] for n in range(there)] + [len(writes) * (n + 1) // half - 1 for n in range(half)])


def after(disk, tried, former, version):
    """What runs after a cut: one of the two versions, blessed, with the attempt told. `tried`: the new one was about to start."""
    with VM(disk, disk.parent, cpus=1, name=f"after-{disk.stem}") as vm:
        vm.wait_page(240)
        updates = Updates(Box(vm).log_in())
        found = updates.wait(rf"Version ({re.escape(former)}|{re.escape(version)}) emplacement (A|B) ", 120)
        assert found.groups() in ((former, "A"), (version, "B")), found
        assert "FG-9" not in updates.text()
        if found[1] == version:
            updates.wait(rf"{re.escape(version)} a fait ses preuves")
        elif tried:
            # Where the firmware was renaming its entry, that may be gone: no step back that is not told.
            updates.wait(rf"{re.escape(version)} avait disparu de la partition de démarrage\s; {re.escape(former)} fonctionne")
        else:
            # Nothing was begun, or it is told as cut; it can be tried again, and nothing waits to be booted without a word.
            text = updates.wait(rf"Installer la version {re.escape(version)} .*").string
            told = re.search(r"Mises à jour tentées.*", text)
            assert told is None or "coupée pendant l’écriture" in told[0].replace("'", "’"), text
            assert "Au prochain démarrage" not in text and "s’écrit" not in text.replace("'", "’"), text
    disk.unlink()
    return found[1]

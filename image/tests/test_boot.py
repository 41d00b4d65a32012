"""Plugged in: the claim page, the first invoice, what listens, what it needs."""

import re
import subprocess
import time

from box import Box
from gateway import integrated
from invoices import invoice
from marks import LONG
from vm import ADDRESS
from volatile import copy

#: MiB in use once it is ready, at most (image/README.md); and what a password takes, which the program keeps for the next one.
READY, PASSWORD_TAKES = 96, 19


def test_it_boots_to_the_claim_page_and_deposits_the_first_invoice(start, disk, simulator, password_hash):
    vm = start(disk)
    seconds = vm.wait_page()
    print(f"the claim page answers {seconds:.0f} s after power-on")
    box = Box(vm).claim()

    def memory():
        told = re.search(r"<dt>Mémoire</dt><dd>([\d,]+)\sMio ", box.page("/appliance").text)[1]
        return float(told.replace(",", "."))

    # At rest.
    time.sleep(10)
    vm.wait(lambda: memory() <= READY + PASSWORD_TAKES, 60, f"at most {READY} MiB in use, without a password's")
    print(f"memory in use after the claim: {memory()} MiB")
    box.configure(simulator, password_hash)
    box.drop("premiere.xml", invoice("APPAREIL-1"))
    box.wait_state("premiere.xml", "integrated")
    assert own(simulator) == {"APPAREIL-1": 1}

    # Exactly what the manual says listens, over TCP and (what answers at all) over UDP.
    open_ports = scanned("-sS", "-p-", "--min-rate", "3000", "--max-retries", "2")
    assert open_ports == {22, 443}
    assert scanned("-sU", "-p", "53,67,68,69,123,137,161,500,546,547,1900,5353,5355") == set()

    assert vm.get(), "it was there all the while"

    # The plug is pulled; what was acknowledged is there after the next start, which nobody helps.
    box.drop("seconde.xml", invoice("APPAREIL-2"))
    vm = start(disk, name="again")
    print(f"and {vm.wait_page():.0f} s after the next")
    box = Box(vm).log_in()
    box.wait_state("seconde.xml", "integrated")
    assert own(simulator) == {"APPAREIL-1": 1, "APPAREIL-2": 1}


@LONG
def test_a_second_disk_of_the_same_labels_is_left_alone(start, disk, image, tmp_path):
    twin = tmp_path / "twin.img"
    copy(image / "disk.img", twin)
    words = ("-drive", f"file={twin},format=raw,if=none,id=d1", "-device", "virtio-blk-pci,drive=d1,bootindex=2")
    vm = start(disk, extra=words)
    Box(vm).claim()
    # Its data, settings and updates are those of the disk that its root is on.
    vm = start(disk, name="again", extra=words)
    vm.wait_page(240)
    Box(vm).log_in()
    [read] = [one["stats"]["rd_operations"] for one in vm.command("query-blockstats") if one.get("device") == "d1"]
    assert read > 0, "the kernel looks at its table"
    vm.end()
    assert subprocess.run(["cmp", image / "disk.img", twin], capture_output=True).returncode == 0


def own(simulator):
    """What of this test's is integrated; other tests deposit there too."""
    return {number: count for number, count in integrated(simulator.ledger()).items() if number.startswith("APPAREIL")}


def scanned(*words):
    """The ports that nmap finds open."""
    found = subprocess.run(["nmap", "-n", "-Pn", "-T4", *words, ADDRESS], capture_output=True, text=True, check=True).stdout
    assert "Host is up" in found, found
    return {int(port) for port in re.findall(r"^(\d+)/\w+ +open ", found, re.M)}

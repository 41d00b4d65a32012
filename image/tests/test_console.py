"""Who stands before the box: what its screen and its serial line show, a restart, a factory reset."""

import re
import subprocess

from box import CODE, Box
from vm import ADDRESS

STARTED = "BdsDxe: starting"


def confirm(vm, item, digits):
    """Chooses from the menu on the serial line, and types the digits that it asks for; what was said before is over."""
    start = len(vm.said())
    vm.type(item)
    asked = vm.wait_said(rf"Tapez (\d{{{digits}}}) puis", 60, start)[1]
    start = len(vm.said())
    vm.type(f"{asked}\r")
    return vm.wait_said(STARTED, 120, start).end()


def fingerprint(vm, start):
    """Of the door's certificate, as the serial line shows it since."""
    shown = vm.wait_said(r"Certificat, SHA-256\s+((?:[0-9A-F]{2}[:\s]+){31}[0-9A-F]{2})", 120, start)[1]
    return re.sub(r"\s", "", shown)


def test_the_console_leads_in_restarts_and_resets(start, disk, tmp_path):
    vm = start(disk)
    code = vm.wait_said(CODE.pattern, 240)[1]
    first = fingerprint(vm, 0)
    vm.wait_said("A prendre en main", 60)
    # The screen shows the same, and a telephone can read it there.
    picture = tmp_path / "screen.png"

    def read():
        vm.picture(picture)
        return subprocess.run(["zbarimg", "-q", "--raw", picture], capture_output=True, text=True).stdout.strip()

    assert vm.wait(read, 60, "a QR code on the screen") == f"https://{ADDRESS}/claim#{code}"
    claimed = len(vm.said())
    Box(vm).claim()
    # The code goes at once, and does not come back with the next start.
    vm.wait_said("En service|Probleme", 60, claimed)
    vm.wait(lambda: read() == "", 30, "the code's end on the screen")

    begun = confirm(vm, "2", 2)
    assert fingerprint(vm, begun) == first, "a restart keeps everything"
    vm.wait_said("En service|Probleme", 60, begun)
    assert not CODE.search(vm.said()[begun:])

    # The cable is pulled out, and put back.
    begun = len(vm.said())
    vm.command("set_link", name="n0", up=False)
    vm.wait_said(r"enp\w+\s+sans\s+cable", 60, begun)
    vm.wait_said(r"pas\s+encore\s+d'adresse", 60, begun)
    begun = len(vm.said())
    vm.command("set_link", name="n0", up=True)
    vm.wait_said(rf"enp\w+\s+{re.escape(ADDRESS)}/", 60, begun)

    begun = confirm(vm, "3", 6)
    assert vm.wait_said(CODE.pattern, 300, begun)[1] != code
    assert fingerprint(vm, begun) != first, "a factory reset keeps nothing"
    vm.wait_page()
    assert "/claim" in Box(vm).page().url

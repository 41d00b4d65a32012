"""Two sides, a VLAN, a fixed address, a time server; a change that nobody confirms; a clock that stood in 1970."""

import re
import socket
import subprocess
import time

import pytest
import requests
from box import Box
from trunk import TimeServer, Trunk
from vm import ADDRESS, OUTSIDE

INSIDE, VLAN = "192.168.77.50", 42
BEYOND, NEAR, OUTER = "203.0.113.5", "198.51.100.1", "198.51.100.2"
FAR = ["-rtc", "base=1970-01-01T00:00:00"]


@pytest.fixture
def trunk(net):
    trunk = Trunk("tap-vlan", VLAN, f"{NEAR}/24")
    # Somebody behind the gateway: the appliance reaches them by its default route alone.
    subprocess.run(["ip", "addr", "add", f"{BEYOND}/32", "dev", "tap-vlan"], check=True)
    yield trunk
    trunk.end()


@pytest.fixture
def time_server(net):
    server = TimeServer(OUTSIDE)
    yield server
    server.end()


def answers(address, source):
    """Whether the page's port answers there to who comes from `source`."""
    try:
        with socket.create_connection((address, 443), timeout=5, source_address=(source, 0)):
            return True
    except OSError:
        return False


def change(box, **fields):
    """Sends the form; its answer may be lost with the network that it changes."""
    try:
        box.fill("/appliance", "/appliance/reseau", **fields)
    except requests.exceptions.RequestException as error:
        print(f"the form's answer was lost: {error}")


def at(vm, address, seconds=60):
    """The page at another address, logged in."""
    vm.https = (address, 443)
    vm.wait_page(seconds)
    return Box(vm).log_in()


def test_two_sides_are_set_confirmed_and_come_back_when_they_are_not(start, disk, trunk, time_server):
    vm = start(disk, extra=[*trunk.nic, *FAR])
    vm.wait_page(240)
    box = Box(vm).claim()
    page = box.page("/appliance").text
    year = int(re.search(r"\d{2}/\d{2}/(\d{4})", page[page.index("Horloge") :])[1])
    assert year >= 2025, "no clock is believed that stands before the image"
    assert "non synchronisée" in page
    cards = dict(re.findall(r'<option value="([^"]+)">([0-9a-f:]{17})', page))
    assert len(cards) == 2, page
    first, second = (next(name for name, mac in cards.items() if mac.endswith(end)) for end in (":01", ":02"))

    inside = {"inside_card": first, "inside_ipv4": "static", "inside_address4": f"{INSIDE}/24", "inside_ipv6": "off"}
    outside = {
        "outside_card": second, "outside_vlan": str(VLAN), "outside_ipv4": "static", "outside_address4": f"{OUTER}/24",
        "outside_gateway4": NEAR, "outside_ipv6": "off", "time_servers": OUTSIDE,
    }  # fmt: skip
    changed = time.monotonic()
    change(box, **inside, **outside)
    box = at(vm, INSIDE)
    print(f"the page answers at the new address {time.monotonic() - changed:.1f} s after the form was sent")
    vm.wait_said("a l'essai", 30)
    assert not answers(ADDRESS, OUTSIDE), "the former address is gone"
    # The outside answers in its VLAN, and by the default route; strict reverse path keeps the inside closed to it.
    assert answers(OUTER, NEAR) and answers(OUTER, BEYOND)
    assert not answers(INSIDE, BEYOND)
    box.fill("/appliance", "/appliance/reseau/confirmer")

    # The clock follows the server that was set.
    vm.wait(lambda: "synchronisée, " in box.page("/appliance").text, 60, "a time server that is followed")
    assert time_server.asked > 0
    box.log_in()

    # What nobody confirms is gone after a power cut.
    change(box, **{**inside, "inside_address4": "10.9.9.9/24"}, **outside)
    vm.wait(lambda: not answers(INSIDE, OUTSIDE), 30, "the end of the former address")
    vm = start(disk, extra=[*trunk.nic, *FAR], name="after")
    box = at(vm, INSIDE, 240)
    page = box.page("/appliance").text
    assert INSIDE in page and "10.9.9.9" not in page and "à l’essai :" not in page
    assert answers(OUTER, BEYOND)

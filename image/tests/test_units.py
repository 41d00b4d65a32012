"""How much may a unit do? By `systemd-analyze security`, for every service of the root, as the table in image/README.md says."""

import re

import pytest
from gateway import PROJECT
from parts import in_tools

UNITS = "usr/lib/systemd/system"
#: The highest exposure that needs no reason.
OURS_AT_MOST, OTHERS_BELOW = 2.0, 5.0
RUNS_NOTHING = "runs no program"
ENDS = "ends by itself"


@pytest.fixture(scope="module")
def measured(image):
    """The exposure of each service."""
    services = sorted(path.name for path in (image / "root" / UNITS).glob("*.service"))
    told = in_tools(image, "systemd-analyze", "security", "--no-pager", "--offline=true", "--root=root", *services)
    found = re.findall(r"Overall exposure level for (\S+)\.service: ([\d.]+)", told)
    # A template is looked at as an instance of that name.
    found = {name.replace("@test_instance", "@"): float(exposure) for name, exposure in found}
    assert found.keys() == {service.removesuffix(".service") for service in services}
    return found


@pytest.fixture(scope="module")
def written():
    """The table: a service's exposure and the reason for it."""
    text = (PROJECT / "image/README.md").read_text().split("| services | exposure | reason |\n")[1].split("\n\n")[0]
    rows = [[cell.strip() for cell in line.strip("|").split("|")] for line in text.splitlines()[1:]]
    assert all(len(row) == 3 for row in rows), rows
    services = [(name, float(exposure), reason) for names, exposure, reason in rows for name in re.findall(r"`(.+?)`", names)]
    assert len({name for name, *_ in services}) == len(services), "a service stands twice in the table"
    return {name: (exposure, reason) for name, exposure, reason in services}


def test_the_table_says_what_is_measured(measured, written):
    assert {name: exposure for name, (exposure, _) in written.items()} == measured


def is_ours(name):
    return name.startswith("fluxgate-")


def test_each_service_is_within_its_bound_or_has_a_reason_that_holds(image, measured, written):
    above = {name for name, exposure in measured.items() if (exposure > OURS_AT_MOST if is_ours(name) else exposure >= OTHERS_BELOW)}
    assert above == {name for name, (_, reason) in written.items() if reason}
    for name in above:
        unit, reason = (image / "root" / UNITS / f"{name}.service").read_text(), written[name][1]
        if reason.startswith(RUNS_NOTHING):
            assert not re.search(r"^Exec", unit, re.M), name
        elif name == "systemd-udevd":
            assert re.search(r"^IPAddressDeny=any$", unit, re.M)
        else:
            assert reason.startswith(ENDS) and not is_ours(name), f"{name}: no reason for what runs on, or is ours"
            assert re.search(r"^Type=oneshot$", unit, re.M) and re.search(r"^DefaultDependencies=no$", unit, re.M), name
    highest = max(exposure for name, exposure in measured.items() if is_ours(name) and name not in above)
    print(f"{len(measured)} services; ours at most {highest}; above the bound, with a reason: {len(above)}")

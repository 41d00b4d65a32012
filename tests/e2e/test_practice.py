"""What the manual tells a stranger to type, typed: a practice gateway and a simulator, and stock sftp."""

import json
import os
import re
import subprocess

import pytest
from gateway import BINARY, PROJECT, wait_until

# Ports of config/practice.toml and of the manual's lines.
PORTS = (8600, 8622, 8443, 9464)


def lines():
    manual = (PROJECT / "README.md").read_text()
    section = manual[manual.index("### Practice\n") :]
    return section.split("```\n")[1]


@pytest.fixture
def folder(tmp_path):
    """A checkout as the manual means it, with the binary in PATH."""
    for name in ("config", "src"):
        (tmp_path / name).symlink_to(PROJECT / name)
    programs = tmp_path / "programs"
    programs.mkdir()
    (programs / "fluxgate").symlink_to(BINARY)
    return tmp_path


def busy(port):
    hexadecimal = f":{port:04X} "
    return any(hexadecimal in line and " 0A " in line for line in open("/proc/net/tcp"))


def test_the_manual_s_lines_lead_to_an_integrated_invoice(folder):
    if taken := [port for port in PORTS if busy(port)]:
        pytest.skip(f"somebody listens on {taken}")
    environment = {**os.environ, "PATH": f"{folder}/programs:{os.environ['PATH']}"}
    shell = subprocess.Popen(
        ["bash"], stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=open(folder / "shell.log", "w"),
        cwd=folder, env=environment, text=True,
    )
    said = lambda: (folder / "shell.log").read_text()

    def type_in(text):
        """Lines of the user's; answers once they were carried out."""
        shell.stdin.write(text + "\necho DONE:$?\n")
        shell.stdin.flush()
        for line in shell.stdout:
            if found := re.match(r"DONE:(\d+)", line):
                return int(found[1])
        raise AssertionError(f"the shell ended: {said()}")

    def account(command):
        return type_in(f"account <<< '{command}'")

    try:
        assert type_in(lines()) == 0, said()
        wait_until("the gateway runs", lambda: "Front and core run" in said())
        assert account("put src/app/samples/facture-ubl.xml /depot/") == 0, said()
        receipt = folder / "practice/facture-ubl.xml.json"

        def integrated():
            account("get /accuses/facture-ubl.xml.json practice/")
            return receipt.exists() and json.loads(receipt.read_text())["state"] == "integrated"

        wait_until("the invoice is integrated", integrated, 60, 1)
        assert account("get -r /recues practice/") == 0, said()
        assert len(list((folder / "practice/recues").glob("*/facture.json"))) == 3
        # What is said of stopping and starting again.
        assert type_in("kill %1 %2 && wait") == 0, said()
        again = [line for line in lines().splitlines() if line.endswith("&")]
        assert len(again) == 2 and type_in("\n".join(again)) == 0
        wait_until("the gateway runs again", lambda: said().count("Front and core run") == 2)
        assert account("put src/app/samples/facture-cii.xml /depot/") == 0, said()
        gone = {"deposited", "integrated"}

        def accepted():
            account("get /accuses/facture-cii.xml.json practice/")
            other = folder / "practice/facture-cii.xml.json"
            return other.exists() and json.loads(other.read_text())["state"] in gone

        wait_until("the authority of the first start is still good", accepted, 60, 1)
    finally:
        shell.stdin.write("kill %1 %2; wait\n")
        shell.stdin.close()
        shell.wait(60)

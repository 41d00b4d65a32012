"""The file we ship: static, at home in an empty root."""

import os
import re
import shutil
import subprocess

import pytest
from gateway import BINARY


def test_static():
    said = subprocess.run(["file", BINARY], capture_output=True, text=True, check=True).stdout
    assert "statically linked" in said or "static-pie linked" in said, said
    needed = subprocess.run(["readelf", "-d", BINARY], capture_output=True, text=True).stdout
    assert "NEEDED" not in needed, needed


@pytest.mark.skipif(os.geteuid() != 0, reason="an empty root needs root")
def test_whole_demo_in_an_empty_root(tmp_path):
    """Nothing but the binary: no /dev, no /proc, no /etc, no shell. Everything it needs it brings."""
    shutil.copy(BINARY, tmp_path / "fluxgate")
    done = subprocess.run(
        [shutil.which("chroot"), str(tmp_path), "/fluxgate", "demo", "--once", "--dir", "/demo"],
        capture_output=True, text=True, timeout=180, env={},
    )
    assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-3000:]
    # Nothing tells the language there: French, from the title to the last line.
    assert done.stdout.startswith("Démonstration de Fluxgate"), done.stdout[:300]
    assert "7 fichiers terminés sur 7, 3 factures reçues" in done.stdout
    assert re.search(r"facture-destinataire-inconnu\.xml +Rejeté +CPP\d+ +FG-402 Chorus Pro a rejeté le flux", done.stdout), done.stdout
    assert re.search(r"Le journal est intact : \d+ enregistrements", done.stdout)
    assert sorted(entry.name for entry in tmp_path.iterdir()) == ["demo", "fluxgate"]


def test_the_demo_speaks_the_language_of_its_session(tmp_path):
    environment = {**os.environ, "LC_ALL": "en_GB.UTF-8"}
    command = [BINARY, "demo", "--once", "--dir", str(tmp_path / "demo")]
    done = subprocess.run(command, capture_output=True, text=True, timeout=180, env=environment)
    assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-3000:]
    assert "7 of 7 files settled, 3 invoices received" in done.stdout
    assert re.search(r"facture-destinataire-inconnu\.xml +Rejected +CPP\d+ +FG-402 Chorus Pro rejected flux", done.stdout), done.stdout
    # A folder that is not new is refused, in that language and in French.
    for locale, words in (("en_GB.UTF-8", "is not empty: name a new one"), ("fr_FR.UTF-8", "n'est pas vide : nommez-en un nouveau")):
        again = subprocess.run(command, capture_output=True, text=True, timeout=60, env={**os.environ, "LC_ALL": locale})
        assert again.returncode == 1 and words in again.stderr, again.stderr


def test_commands_explain_themselves():
    for words in (["--help"], ["serve", "--help"], ["audit", "--help"], ["config", "--help"]):
        done = subprocess.run([BINARY, *words], capture_output=True, text=True)
        assert done.returncode == 0 and ("Utilisation" in done.stdout or "Usage" in done.stdout)
    assert subprocess.run([BINARY, "config", "check", "/nonexistent"], capture_output=True).returncode == 66
    assert subprocess.run([BINARY, "nonsense"], capture_output=True).returncode == 64

"""The file we ship: static, at home in an empty root."""

import os
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
    assert sorted(entry.name for entry in tmp_path.iterdir()) == ["demo", "fluxgate"]


def test_commands_explain_themselves():
    for words in (["--help"], ["serve", "--help"], ["audit", "--help"], ["config", "--help"]):
        done = subprocess.run([BINARY, *words], capture_output=True, text=True)
        assert done.returncode == 0 and "Usage" in done.stdout
    assert subprocess.run([BINARY, "config", "check", "/nonexistent"], capture_output=True).returncode == 66
    assert subprocess.run([BINARY, "nonsense"], capture_output=True).returncode == 64

"""The trees that image/make-parts made, and commands in them."""

import re
import subprocess

from gateway import PROJECT


def tree(name):
    """The tree of `tools` or of the `scanner`."""
    told = subprocess.run([PROJECT / "image/make-parts", f"--{name}"], capture_output=True, text=True, check=True).stdout
    return re.search(rf"^{name.upper()}=(.*)$", told, re.M)[1]


def in_tools(work, *command):
    """Runs a build tool; `work` is its /work."""
    return subprocess.run([PROJECT / "image/in-tools", tree("tools"), work, *command], capture_output=True, text=True, check=True).stdout

#!/usr/bin/env python3
"""The publisher of updates: holders of keys made for the test, and the releases that they sign.

    image/tests/publisher.py KEYS                             makes KEYS/root.json, and the keys beside it
    image/tests/publisher.py KEYS SLOTS VERSION OUT           signs what image/build-slots made as a release
"""

import os
import shutil
import subprocess
import sys
import tempfile
from datetime import date, timedelta
from pathlib import Path

CHANGES = {
    "fr": "# Version {}\n\n- Les factures partent plus vite qu’avant.\n",
    "en": "# Version {}\n\n- Invoices leave faster than before.\n",
}


def said(*words):
    """What the program answers."""
    done = subprocess.run([os.environ["FLUXGATE"], "release", *map(str, words)], capture_output=True, text=True)
    assert done.returncode == 0, f"{words}: {done.stderr}"
    return done.stdout.strip()


def in_a_year():
    return date.today() + timedelta(days=365)


class Publisher:
    """Five holders of the root, three of releases; the keys lie in a folder."""

    def __init__(self, keys):
        self.keys = Path(keys)
        self.root = self.keys / "root.json"

    def found(self):
        """Makes the keys, and the root that three of its holders signed."""
        public = {}
        for kind, count in ("root", 5), ("release", 3):
            public[kind] = [said("key", "-o", self.key(kind, n)).split()[-1] for n in range(count)]
        words = [word for kind in public for key in public[kind] for word in (f"--{kind}-key", key)]
        said("root", "--expires", in_a_year(), *words, "-o", self.root)
        for n in range(3):
            said("sign", self.root, "--key", self.key("root", n))

    def key(self, kind, n):
        return self.keys / f"{kind}{n}.pem"

    def release(self, slots, version, out, signers=(0, 1)):
        """A release of what build-slots made, as one file."""
        with tempfile.TemporaryDirectory(dir=Path(out).parent) as folder:
            parts, draft = Path(folder) / "parts", Path(folder) / "draft"
            parts.mkdir()
            for name in "root.img", "kernel-a.efi", "kernel-b.efi":
                shutil.copy(Path(slots) / name, parts)
            for language, text in CHANGES.items():
                (parts / f"changelog.{language}.md").write_text(text.format(version))
            said("draft", parts, "--root", self.root, "--release", version, "--expires", in_a_year(), "-o", draft)
            for n in signers:
                said("sign", draft, "--key", self.key("release", n))
            said("pack", draft, "-o", out)
        return Path(out)


if __name__ == "__main__":
    match sys.argv[1:]:
        case [keys]:
            Publisher(keys).found()
        case [keys, slots, version, out]:
            Publisher(keys).release(slots, version, out)
        case _:
            sys.exit(__doc__)

"""Which tests a run leaves out, and says so."""

import os

import pytest

IS_LONG = bool(os.environ.get("FLUXGATE_LONG"))
LONG = pytest.mark.skipif(not IS_LONG, reason="of the long form")
LONGEST = pytest.mark.skipif(
    not IS_LONG and bool(os.environ.get("FLUXGATE_KERNEL_BUILT")), reason="NOT RUN: this run built the kernel, which took its time"
)

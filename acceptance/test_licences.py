"""What Comptoir is made of and tested with goes together with its licence, and stands on docs/LICENCES.md."""

from __future__ import annotations

import subprocess
import sys

from server import ROOT


def test_all_licences_are_known_and_go_together():
    done = subprocess.run([sys.executable, ROOT / "scripts/licences.py", "--check"], capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stderr
    assert " 0 problems" in done.stdout

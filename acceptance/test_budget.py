"""A message costs no more than it may: what the server does for one is counted and held against bench/budget.json."""

from __future__ import annotations

import json
import os
import platform
import warnings

import budget

MESSAGE = "a message between two"


def test_everything_is_within_its_budget():
    allowed = json.loads(budget.BUDGET.read_text())
    if platform.machine() != "x86_64" or "COMPTOIR_BIN" in os.environ:   # functions can be counted in a debug build for x86-64 only
        allowed = {work: {name: value for name, value in counters.items() if name not in budget.FUNCTIONS} for work, counters in allowed.items()}
    found = budget.measure()
    # Whoever is over is asked again: what counts is what the server does, not what the machine did in one of the two.
    if budget.grown(found, allowed):
        again = budget.measure()
        found = {work: {name: value if value is None else min(value, again[work][name]) for name, value in counters.items()} for work, counters in found.items()}
    sentences = budget.grown(found, allowed)
    assert not sentences, "\n".join(["", *sentences, "If it must be so, say why in the commit and run `.venv/bin/python acceptance/budget.py --write`."])
    for sentence in budget.shrunk(found, allowed):
        warnings.warn(f"{sentence} Run `.venv/bin/python acceptance/budget.py --write`, so that it stays so.", stacklevel=1)
    assert set(found) == set(allowed), "bench/budget.json holds other works than acceptance/budget.py measures: write it anew"


def test_more_of_anything_is_noticed():
    allowed = {MESSAGE: {"SQL statements": 31, "allocations": 2000, "JSON parses": 1, "tasks": 10}}
    same = {MESSAGE: {"SQL statements": 31, "allocations": 2040, "JSON parses": 1, "tasks": 11}}
    assert budget.grown(same, allowed) == []
    assert budget.grown({MESSAGE: {"SQL statements": 32, "allocations": 2000, "JSON parses": 1, "tasks": 10}}, allowed) == \
        ["a message between two takes 32 SQL statements, the budget is 31."]
    assert len(budget.grown({MESSAGE: {"SQL statements": 31, "allocations": 2100, "JSON parses": 2, "tasks": 13}}, allowed)) == 3
    assert len(budget.grown({MESSAGE: {"SQL statements": 31, "allocations": 2000, "JSON parses": None, "tasks": 10}}, allowed)) == 1
    assert budget.shrunk({MESSAGE: {"SQL statements": 20, "allocations": 2000, "JSON parses": 1, "tasks": 10}}, allowed) == \
        ["a message between two takes 20 SQL statements only, the budget is 31."]

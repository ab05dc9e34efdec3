"""The short form of `make crash`: every kind of fault, on both databases, under load. Nothing that was acknowledged is lost, doubled or out of order."""

from __future__ import annotations

import pytest

from server import asynchronously
from underfire.report import table, total
from underfire.story import Story

FAULTS = 60


@pytest.mark.parametrize("database", ["sqlite", "postgres"])
def test_nothing_is_lost_under_fire(database):
    story = Story(database, seed=11, faults=FAULTS)
    asynchronously(story.run())
    print(table(story))
    assert not story.problems, table(story)
    everything = total(story)
    assert everything.injected >= FAULTS * 0.9, table(story)
    assert not everything.bad, table(story)
    assert min(everything.acknowledged[what] for what in ("messages", "receipts", "uploads", "notes", "assignments", "to_device", "said", "strange", "sealed", "told", "pushes")) >= 5
    assert len(story.starts) >= 5 and sum(story.refusals.values()) > 0 and story.lost_answers > 0


def test_a_seed_is_a_plan():
    plans = [[(kind.name, size) for kind, size in Story("postgres", seed, 500).plan()] for seed in (1, 1, 2)]
    assert plans[0] == plans[1] != plans[2]
    assert sum(size for _, size in plans[0]) == 500

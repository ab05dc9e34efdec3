"""What a run has shown, for people and for programs."""

from __future__ import annotations

import collections
import dataclasses

from .story import Row, Story

COLUMNS = {"messages": "msgs", "receipts": "rcpts", "uploads": "upl", "notes": "notes", "assignments": "assg", "to_device": "dev", "said": "desk", "strange": "nio", "sealed": "e2e", "pushes": "push", "told": "as"}


def total(story: Story) -> Row:
    sum_ = Row()
    for row in story.rows.values():
        for field in dataclasses.fields(Row):
            value = getattr(row, field.name)
            if isinstance(value, collections.Counter):
                getattr(sum_, field.name).update(value)
            else:
                setattr(sum_, field.name, getattr(sum_, field.name) + value)
    return sum_


def table(story: Story) -> str:
    lines = [f"{story.database}, seed {story.seed}, {story.seconds:.0f} s",
             f"{'':36}{'faults':>7}{'s':>6} " + "".join(f"{short:>7}" for short in COLUMNS.values()) + f"{'lost':>7}{'doubled':>9}{'order':>7}{'differ':>8}"]
    for name, row in [*story.rows.items(), ("all", total(story))]:
        lines.append(f"{name:36}{row.injected:>7}{row.seconds:>6.0f} " + "".join(f"{row.acknowledged[what]:>7}" for what in COLUMNS)
                     + f"{row.lost:>7}{row.doubled:>9}{row.disordered:>7}{row.differing:>8}")
    starts = sorted(story.starts) or [0]
    lines.append(f"{len(story.starts)} starts after a crash, the middle one {starts[len(starts) // 2]:.2f} s, the slowest {starts[-1]:.2f} s; "
                 f"{sum(story.refusals.values())} refusals ({', '.join(f'{n} of {status}' for status, n in sorted(story.refusals.items())) or 'none'}), "
                 f"{story.lost_answers} lost answers; {story.outside.repeated} deliveries repeated to the other sides; {story.sliding_restarts} positions forgotten")
    if story.flight.silent:
        lines.append(f"{len(story.flight.silent)} requests were neither answered nor cut within 20 s: {', '.join(story.flight.silent[:5])}")
    lines += [f"PROBLEM {text}" for text in story.problems]
    return "\n".join(lines)


def as_json(story: Story) -> dict:
    def values(row: Row) -> dict:
        return dataclasses.asdict(row) | {"acknowledged": dict(row.acknowledged)}

    return {
        "database": story.database, "seed": story.seed, "seconds": round(story.seconds, 1), "kinds": {name: values(row) for name, row in story.rows.items()},
        "all": values(total(story)), "starts": len(story.starts), "slowest_start": round(max(story.starts, default=0), 3), "refusals": dict(story.refusals),
        "lost_answers": story.lost_answers, "deliveries_repeated": story.outside.repeated, "positions_forgotten": story.sliding_restarts, "problems": story.problems,
    }

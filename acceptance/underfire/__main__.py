"""python -m underfire: injects faults by a seed and counts what was lost, doubled, out of order or different. `make crash` runs it."""

from __future__ import annotations

import argparse
import asyncio
import json
import pathlib
import subprocess
import sys
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent))

from underfire.faults import KINDS  # noqa: E402
from underfire.report import as_json, table  # noqa: E402
from underfire.story import Story  # noqa: E402


def one(arguments, database: str) -> int:
    began = time.monotonic()
    story = Story(database, arguments.seed, arguments.faults, arguments.kinds, arguments.act, minutes=arguments.minutes,
                  say=lambda text: print(f"{time.monotonic() - began:6.0f} s  {database}: {text}", flush=True))
    asyncio.run(story.run())
    print(table(story), flush=True)
    if arguments.json:
        pathlib.Path(arguments.json).write_text(json.dumps(as_json(story), indent=1) + "\n")
    return 1 if story.problems else 0


def main() -> int:
    parser = argparse.ArgumentParser(prog="make crash", description=__doc__)
    parser.add_argument("--faults", type=int, default=1000, help="how many, over all databases (1000)")
    parser.add_argument("--seed", type=int, default=1, help="the same seed gives the same plan of faults (1)")
    parser.add_argument("--database", choices=["sqlite", "postgres", "both"], default="both", help="both: half of the faults each, side by side (both)")
    parser.add_argument("--kinds", nargs="+", metavar="KIND", help="only these: " + ", ".join(f"'{kind.name}'" for kind in KINDS))
    parser.add_argument("--act", type=int, default=250, help="new people and rooms after so many faults (250)")
    parser.add_argument("--minutes", type=float, default=0, help="end after so long with what was injected by then (no limit)")
    parser.add_argument("--json", help="write a report to this file (with 'both': two files, the database before the last dot)")
    arguments = parser.parse_args()
    for name in arguments.kinds or []:
        if name not in [kind.name for kind in KINDS]:
            parser.error(f"there is no kind '{name}'")
    if arguments.database != "both":
        return one(arguments, arguments.database)
    report = pathlib.Path(arguments.json) if arguments.json else None
    runs = []
    for database in ("sqlite", "postgres"):
        command = [sys.executable, __file__, "--database", database, "--seed", str(arguments.seed), "--faults", str(arguments.faults // 2), "--act", str(arguments.act), "--minutes", str(arguments.minutes)]
        if arguments.kinds:
            command += ["--kinds", *arguments.kinds]
        if report:
            command += ["--json", str(report.with_suffix(f".{database}{report.suffix}"))]
        runs.append(subprocess.Popen(command))
    return max(run.wait() for run in runs)


if __name__ == "__main__":
    sys.exit(main())

#!/usr/bin/env python3
"""Writes docs/spec/sytest.md from the results.json of a SyTest run: scripts/sytest-report.py RESULTS.json > docs/spec/sytest.md

Each test that does not pass must be explained here; one that is not ends the script with an error.
"""

import collections
import json
import sys

# (directory or file, words of the test's name, why)
REASONS = [
    ("17peeking", "", "peeking by sync (MSC2753) was never accepted; world-readable rooms can be looked into by `/events` and `/messages`"),
    ("34room-messages", "", "asks for events before the first one of a room; leaving `prev_batch` out satisfies it and breaks others"),
    ("15lazy-members", "", "says of itself that it should fail, and contradicts another test of the suite"),
    ("40presence", "", "the two users share no room when only one server runs"),
    ("03_unread_count", "mark_unread", "MSC2625 was given up: `unread_count` is not sent"),
    ("21presence-events", "", "presence lists were taken out of Matrix; skipped by the reference homeserver as well"),
]


def area(path: str) -> str:
    return path.removeprefix("tests/").split("/")[0].removesuffix(".pl")


def why(test: dict) -> str:
    for place, words, reason in REASONS:
        if place in test["file"] and words in test["name"]:
            return reason
    sys.exit(f"not explained: {test['name']} ({test['file']})")


results = json.load(open(sys.argv[1]))
counts: dict[str, collections.Counter] = collections.defaultdict(collections.Counter)
reasons: dict[str, list[str]] = collections.defaultdict(list)
for test in results["details"]:
    counts[area(test["file"])][test["result"]] += 1
    if test["result"] != "pass":
        reasons[why(test)].append(f"{test['name']} ({test['file'].split('/')[-1].removesuffix('.pl')})")
total = sum(counts.values(), collections.Counter())

print(f"""# SyTest

SyTest is the Matrix project's own integration suite. Its client group has {sum(total.values())} tests of the Client-Server API; they run against one server over
plain HTTP, new rooms have version {results['meta']['hs_room_version']}, endpoints that the specification has deprecated are tested, too.

**{total['pass']} of {sum(total.values())} pass** ({results['meta']['date'][:10]}), {total['fail']} fail, {total['skip']} are skipped because a test they build on failed. The reference homeserver passes 552
in this mode. Of the group for application services 25 of 25 pass, of the group for media 2 of 2. How to run it: [TESTING.md](../TESTING.md). This file is
written by `scripts/sytest-report.py`.

What the suite does not look at (search, relations and threads, spaces, knocking, sliding sync, room version 12, most of media) has tests of our own.

## By area

| area | tests | pass |
|---|---|---|""")
for name in sorted(counts):
    print(f"| {name} | {sum(counts[name].values())} | {counts[name]['pass']} |")
print("\n## What does not pass, and why")
for reason, tests in sorted(reasons.items(), key=lambda item: -len(item[1])):
    print(f"\n{len(tests)}: {reason}.\n")
    for test in sorted(tests):
        print(f"- {test}")

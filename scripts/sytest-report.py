#!/usr/bin/env python3
"""Writes docs/sytest.md from the results.json of a SyTest run: scripts/sytest-report.py RESULTS.json > docs/sytest.md"""

import collections
import json
import sys

# What an area waits for. An area without a line has defects to mend.
WAITS = {
    "12login": "3pid login, CAS and SSO come with single sign-on",
    "41end-to-end-keys": "device keys, cross-signing and key backup come with end-to-end encryption",
    "54identity": "identity servers: 3pid binding is deprecated by the specification",
    "61push": "pushers and push rules come with notifications",
    "40presence.pl": "uses the old event stream",
    "48admin.pl": "Synapse's own admin interface for purging history",
    "32room-versions.pl": "room versions 1 and 2 have other event formats; nobody should make such rooms",
}


def area(path: str) -> str:
    return path.removeprefix("tests/").split("/")[0]


results = json.load(open(sys.argv[1]))
counts: dict[str, collections.Counter] = collections.defaultdict(collections.Counter)
failed: dict[str, list[tuple[str, str]]] = collections.defaultdict(list)
for test in results["details"]:
    counts[area(test["file"])][test["result"]] += 1
    if test["result"] == "fail":
        failed[area(test["file"])].append((test["name"], test["file"].split("/")[-1].removesuffix(".pl")))
total = sum(counts.values(), collections.Counter())

print(f"""# SyTest: what passes and what does not

Client group of the Matrix project's integration suite, room version {results['meta']['hs_room_version']}, plain HTTP, {results['meta']['date'][:10]}:
**{total['pass']} of {sum(total.values())} pass**, {total['fail']} fail, {total['skip']} are skipped because a test they build on failed. How to run it: [TESTING.md](TESTING.md). This file is
written by `scripts/sytest-report.py`.

| area | pass | fail | skipped | waits for |
|---|---|---|---|---|""")
for name in sorted(counts):
    c = counts[name]
    print(f"| {name.removesuffix('.pl')} | {c['pass']} | {c['fail'] or ''} | {c['skip'] or ''} | {WAITS.get(name, '') if c['fail'] else ''} |")
print("\n## Failing, by area")
for name in sorted(failed):
    print(f"\n### {name.removesuffix('.pl')}\n")
    for test, file in sorted(failed[name], key=lambda pair: (pair[1], pair[0])):
        print(f"- {test} ({file})")

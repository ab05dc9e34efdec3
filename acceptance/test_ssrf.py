"""What a client makes the server fetch reaches the public internet only: by the resolver and the sockets of the system, in a network namespace
where every address answers, so that a hole would be seen. See ssrf_world.py."""

from __future__ import annotations

import ipaddress
import json
import os
import pathlib
import subprocess
import sys

HERE = pathlib.Path(__file__).parent
PUBLIC4, PUBLIC6 = "93.184.216.34", "2a01:4f8::10"

# Names, and what they are said to be at the first question, the second, ...
NAMES = {
    "page.test": [[PUBLIC4]],
    "six.test": [[PUBLIC6]],
    "loop.test": [["127.0.0.1"]], "loop6.test": [["::1"]], "ten.test": [["10.0.0.1"]], "link.test": [["169.254.169.254"]], "nat.test": [["100.64.0.1"]],
    "home.test": [["192.168.0.1"]], "mid.test": [["172.16.0.1"]], "bench.test": [["198.18.0.1"]], "ietf.test": [["192.0.0.1"]], "doc.test": [["203.0.113.1"]],
    "zero.test": [["0.0.0.0"]], "zero6.test": [["::"]], "zeros.test": [["0.1.2.3"]], "class-e.test": [["240.0.0.1"]], "broadcast.test": [["255.255.255.255"]], "many.test": [["224.0.0.1"]],
    "ula.test": [["fd00::1"]], "site.test": [["fec0::1"]], "mapped.test": [["::ffff:127.0.0.1"]], "mapped10.test": [["::ffff:10.0.0.1"]],
    "nat64.test": [["64:ff9b::7f00:1"]], "nat64ten.test": [["64:ff9b::a00:1"]], "six4.test": [["2002:7f00:1::1"]], "six4ten.test": [["2002:a00:1::1"]],
    "doc6.test": [["2001:db8::1"]], "discard.test": [["100::1"]],
    "alias.test": [["cname:localhost"]],
    # One answer with both, and answers that change: public for the first question, inner from the second on.
    "both.test": [["127.0.0.1", PUBLIC4]], "both6.test": [["::1", PUBLIC4]],
    "rebind.test": [[PUBLIC4], ["127.0.0.1"]], "rebind10.test": [[PUBLIC4], ["10.0.0.1"]], "turn.test": [[PUBLIC4], ["127.0.0.1"]], "picture.test": [[PUBLIC4]],
}
REDIRECTS = {
    "/to-loop": "http://127.0.0.1/inner", "/to-ten": "http://10.0.0.1/inner", "/to-six": "http://[::1]/inner", "/to-mapped": "http://[::ffff:10.0.0.1]/inner",
    "/to-name": "http://loop.test/inner", "/to-link": "http://169.254.169.254/latest/meta-data/", "/to-file": "file:///etc/passwd", "/to-gopher": "gopher://127.0.0.1:80/_x",
    "/to-number": "http://2130706433/inner", "/twice": "http://page.test/to-loop",
    # Another port is another question to the name server: what was public is inner by then.
    "/turn": "http://turn.test:81/inner",
}
INNER = [f"http://{name}/inner" for name in NAMES if name.split(".")[0].rstrip("46") not in ("page", "six", "both", "rebind", "rebind10", "turn", "picture") or name == "six4.test"]
LITERALS = [
    "http://127.0.0.1/", "http://127.1/", "http://127.255.255.254/", "http://2130706433/", "http://0x7f000001/", "http://0x7f.0.0.1/", "http://0177.0.0.1/", "http://017700000001/", "http://00000177.0.0.1/",
    "http://localhost/", "http://LOCALHOST/", "http://localhost./", "http://a.localhost/", "http://0/", "http://0.0.0.0/", "http://0.1.2.3/", "http://10.0.0.1/", "http://167772161/", "http://012.0.0.1/",
    "http://100.64.0.1/", "http://169.254.169.254/latest/", "http://0xa9fea9fe/", "http://172.16.0.1/", "http://192.0.0.1/", "http://192.168.0.1/", "http://198.18.0.1/", "http://203.0.113.1/",
    "http://224.0.0.1/", "http://240.0.0.1/", "http://255.255.255.255/", "http://[::1]/", "http://[0:0:0:0:0:0:0:1]/", "http://[::]/", "http://[::ffff:127.0.0.1]/", "http://[::ffff:7f00:1]/",
    "http://[::ffff:10.0.0.1]/", "http://[::127.0.0.1]/", "http://[64:ff9b::7f00:1]/", "http://[64:ff9b::10.0.0.1]/", "http://[2002:7f00:1::1]/", "http://[2002:a00:1::1]/", "http://[fd00::1]/", "http://[fec0::1]/",
    "http://[fe80::1]/", "http://[fe80::1%25lo]/", "http://[fe80::1%25l%6f]/", "http://[::1%25lo]/", "http://[2001:db8::1]/", "http://[100::1]/",
    "http://１２７.0.0.1/", "http://127。0。0。1/", "http://①②⑦.0.0.1/", "http://ⓛocalhost/", "http://page.test@127.0.0.1/", "http://page.test%00@127.0.0.1/", "http://127.0.0.1#@page.test/", "http://127.0.0.1\\@page.test/",
    "http://page.test:80@127.0.0.1/", "http://127.0.0.1?@page.test/", "file:///etc/passwd", "gopher://127.0.0.1:80/_x", "dict://127.0.0.1:80/x", "ftp://127.0.0.1/", "//127.0.0.1/",
]


def run(cases: list[dict], loopback: bool = False) -> list[dict]:
    world = json.dumps({"names": NAMES, "redirects": REDIRECTS, "cases": cases, "loopback": loopback})
    own = ["--map-root-user"] if os.geteuid() else []    # who is not root is so in a namespace of his own
    done = subprocess.run(["unshare", *own, "--net", "--mount", sys.executable, str(HERE / "ssrf_world.py")], input=world, capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stderr[-3000:]
    return json.loads(done.stdout)


def is_public(address: str) -> bool:
    return address in (PUBLIC4, PUBLIC6)


def test_nothing_inside_is_reached():
    cases = [{"url": url} for url in [*INNER, *LITERALS, *(f"http://page.test{path}" for path in REDIRECTS if path != "/turn")]]
    cases += [{"url": "http://turn.test/turn"}, {"url": "http://both.test/", "times": 2}, {"url": "http://both6.test/", "times": 2}, {"url": "http://page.test/picture-127.0.0.1"},
              {"url": "http://page.test/picture-loop.test"}, {"url": "http://page.test/picture-10.0.0.1"}]
    report = run(cases)
    assert len(report) == len(cases) > 100
    for entry in report:
        for address, path in entry["reached"]:
            assert is_public(address), f"{entry['url']} reached {address}{path}"
        for status, body in entry["answers"]:
            assert status < 500 or status == 502, entry
            secrets = [word for word in json.dumps(body).split("Secret of ")[1:] if not word.startswith((PUBLIC4, PUBLIC6))]
            assert not secrets, f"{entry['url']} told {body}"
    # Redirects were followed as far as they may be: the guard refused the second step, not the first.
    reached = {entry["url"]: entry["reached"] for entry in report}
    for path in REDIRECTS:
        url = f"http://{'turn' if path == '/turn' else 'page'}.test{path}"
        assert [PUBLIC4, path] in reached[url], f"{url}: {reached[url]}"
    assert reached["http://page.test/twice"][-1] == [PUBLIC4, "/to-loop"]


def test_a_name_that_turns_inside_leads_nowhere():
    """DNS rebinding: the first fetch is let through, and when the name is asked again it is loopback or the inner network."""
    report = run([{"url": f"http://{name}:{port}/{n}"} for name in ("rebind.test", "rebind10.test") for n, port in enumerate((80, 81, 80))])
    first = [entry for entry in report if entry["url"].endswith(":80/0")]
    assert [entry["reached"] for entry in first] == [[[PUBLIC4, "/0"]]] * 2, first
    assert all(is_public(address) for entry in report for address, _ in entry["reached"]), report
    # The port makes it a new question, whose answer is inner: refused, not reached.
    second = [entry for entry in report if entry["url"].endswith(":81/1")]
    assert len(second) == 2 and all(entry["reached"] == [] and entry["answers"][0][0] >= 400 for entry in second), second


def test_public_pages_are_reached():
    """The world is not just deaf: the same server fetches what it may."""
    report = run([{"url": "http://page.test/a"}, {"url": "http://six.test/b"}, {"url": f"http://{PUBLIC4}/c"}, {"url": f"http://[{PUBLIC6}]/d"}])
    assert [[ipaddress.ip_address(address).compressed for address, _ in entry["reached"]] for entry in report] == [[PUBLIC4], [PUBLIC6], [PUBLIC4], [PUBLIC6]]
    assert all(entry["answers"][0][0] == 200 and "Secret of" in entry["answers"][0][1]["og:title"] for entry in report)


def test_the_switch_for_loopback_opens_loopback_alone():
    report = run([{"url": "http://127.0.0.1/a"}, {"url": "http://10.0.0.1/b"}, {"url": "http://link.test/c"}, {"url": "http://page.test/to-ten"}, {"url": "http://[fd00::1]/d"}], loopback=True)
    assert report[0]["reached"] == [["127.0.0.1", "/a"]]
    assert [entry["reached"] for entry in report[1:]] == [[], [], [[PUBLIC4, "/to-ten"]], []]

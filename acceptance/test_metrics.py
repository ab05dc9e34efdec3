"""What an operator looks at: metrics that Prometheus reads, alarms that ring, a dashboard without gaps, and a log in which a message can be followed."""

from __future__ import annotations

import http.server
import json
import math
import re
import subprocess
import threading
import time

import httpx

from proxies import ENVIRONMENT, tool
from server import ROOT, Server, free_port, run
from test_tls import SecureServer

V3 = "/_matrix/client/v3"


def metrics(server: Server) -> str:
    return httpx.get(server.base + "/_comptoir/metrics").text


def value(text: str, name: str) -> float:
    return float(next(line.split()[1] for line in text.splitlines() if line.startswith(name + " ")))


def test_prometheus_reads_the_metrics_and_the_alarms(server):
    person = server.register()
    room = person.create_room()
    before = metrics(server)
    for n in range(5):
        person.send(room, f"message {n}")
    assert run("backup", str(server.directory / "b.tar"), "--data", str(server.data)).returncode == 0
    text = metrics(server)
    done = subprocess.run([tool("promtool"), "check", "metrics"], input=text, capture_output=True, text=True)
    assert done.returncode == 0 and not done.stderr.strip(), done.stderr
    assert value(text, "comptoir_events_appended_total") - value(before, "comptoir_events_appended_total") == 5
    assert value(text, "comptoir_position") >= value(before, "comptoir_position") + 5
    assert value(text, "comptoir_database_commits_total") > value(before, "comptoir_database_commits_total")
    assert value(text, "comptoir_http_request_seconds_count") - value(before, "comptoir_http_request_seconds_count") >= 5
    assert 0 < value(text, "comptoir_http_request_seconds_sum") < 60
    assert abs(value(text, "comptoir_last_backup_seconds") - time.time()) < 60
    assert abs(value(text, "process_start_time_seconds") - time.time()) < 600
    assert value(text, "process_resident_memory_bytes") > 5 << 20 and value(text, "process_open_fds") > 5 and value(text, "comptoir_disk_free_bytes") > 0

    for command in (["check", "rules", "deploy/alerts.yml"], ["test", "rules", "deploy/alerts.test.yml"]):
        done = subprocess.run([tool("promtool"), *command], capture_output=True, text=True, cwd=ROOT)
        assert done.returncode == 0, done.stdout + done.stderr


def test_dashboard_and_alarms_ask_for_what_the_server_tells(server):
    known = set(re.findall(r"^# TYPE (\S+)", metrics(server), re.M)) | {"comptoir_http_request_seconds_bucket"}
    dashboard = json.loads((ROOT / "deploy/grafana-dashboard.json").read_text())
    expressions = [target["expr"] for panel in dashboard["panels"] for target in panel.get("targets", [])]
    expressions += re.findall(r"expr: (.+)", (ROOT / "deploy/alerts.yml").read_text())
    asked = {name for text in expressions for name in re.findall(r"\b(?:comptoir|process)_\w+", text)}
    assert len(expressions) > 30 and asked <= known, asked - known
    assert known - asked <= {"comptoir_http_request_seconds"}, f"on no panel: {known - asked}"
    boxes = [panel["gridPos"] for panel in dashboard["panels"]]
    for n, a in enumerate(boxes):
        for b in boxes[:n]:
            assert a["x"] >= b["x"] + b["w"] or b["x"] >= a["x"] + a["w"] or a["y"] >= b["y"] + b["h"] or b["y"] >= a["y"] + a["h"], f"panels overlap: {a} {b}"


def test_every_panel_of_the_dashboard_has_something_to_show(tmp_path):
    """A real Prometheus reads a server with a certificate, with the alarms as its rules, and is asked what Grafana would ask."""
    port = free_port()
    with SecureServer() as server:
        (tmp_path / "prometheus.yml").write_text(json.dumps({
            "global": {"scrape_interval": "250ms", "evaluation_interval": "500ms"}, "rule_files": [str(ROOT / "deploy/alerts.yml")],
            "scrape_configs": [{"job_name": "comptoir", "scheme": "https", "metrics_path": "/_comptoir/metrics", "tls_config": {"ca_file": str(server.certificate)},
                                "static_configs": [{"targets": [f"127.0.0.1:{server.port}"]}]}]}))
        assert run("backup", str(server.directory / "b.tar"), "--data", str(server.data)).returncode == 0
        prometheus = subprocess.Popen([tool("prometheus"), f"--config.file={tmp_path}/prometheus.yml", f"--storage.tsdb.path={tmp_path}/data", f"--web.listen-address=127.0.0.1:{port}",
                                       "--log.level=error"], env=ENVIRONMENT, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        try:
            asked = httpx.Client(base_url=f"http://127.0.0.1:{port}/api/v1/", timeout=20)
            person = server.register()
            room = person.create_room()

            def ask(expression: str) -> list[float]:
                for name, filling in (("$instance", ".*"), ("$__rate_interval", "5s")):
                    expression = expression.replace(name, filling)
                answer = asked.get("query", params={"query": expression}).json()
                assert answer["status"] == "success", answer
                return [float(entry["value"][1]) for entry in answer["data"]["result"]]

            deadline = time.monotonic() + 30
            while True:
                person.send(room, "hello")
                time.sleep(0.2)
                try:
                    if ask("count_over_time(up[1m])")[:1] >= [10.0]:
                        break
                except httpx.ConnectError:
                    pass                        # it still starts
                assert time.monotonic() < deadline and prometheus.poll() is None
            panels = json.loads((ROOT / "deploy/grafana-dashboard.json").read_text())["panels"]
            expressions = [(panel["title"], target["expr"]) for panel in panels for target in panel.get("targets", [])]
            shown = {(title, expression): ask(expression) for title, expression in expressions}
            assert len(shown) > 25
            empty = [question for question, values in shown.items() if not values or not all(map(math.isfinite, values))]
            assert not empty, empty

            def value_of(title: str) -> float:
                return next(values[0] for (name, _), values in shown.items() if name == title)

            assert value_of("Up") == 1 and value_of("Events a second") > 1 and 0 < value_of("Time to the answer") < 2
            assert 0 <= value_of("Last backup, age") < 120 and 86_400 < value_of("Certificate ends in") < 3 * 86_400
            rules = [rule for group in asked.get("rules").json()["data"]["groups"] for rule in group["rules"]]
            assert len(rules) == 10 and all(rule["health"] == "ok" for rule in rules), rules
            # The certificate of the tests ends in two days: that alarm must ring, and the others be quiet.
            ringing = {rule["name"] for rule in rules if rule["state"] != "inactive"} - {"ComptoirDiskFills"}
            assert ringing == {"ComptoirCertificateEnds"}, ringing
        finally:
            prometheus.terminate()
            prometheus.wait(20)


class Receiver(http.server.BaseHTTPRequestHandler):
    """A push gateway and an application service that take everything."""

    def do_POST(self):
        self.rfile.read(int(self.headers["Content-Length"]))
        self.send_response(200)
        self.end_headers()
        self.wfile.write(b"{}")

    do_PUT = do_POST

    def log_message(self, *_):
        pass


def fields(line: str) -> dict[str, str]:
    return dict(re.findall(r'([a-z_]+\.[a-z_]+)=("[^"]*"|\S+)', line)) | {"line": line}


def test_one_message_is_followed_through_the_log(tmp_path):
    receiver = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Receiver)
    threading.Thread(target=receiver.serve_forever, daemon=True).start()
    at = f"http://127.0.0.1:{receiver.server_port}"
    registration = tmp_path / "bridge.yaml"
    registration.write_text(json.dumps({"id": "bridge", "url": at, "as_token": "as", "hs_token": "hs", "sender_localpart": "bridge", "rate_limited": False,
                                        "namespaces": {"users": [], "rooms": [{"exclusive": False, "regex": ".*"}], "aliases": []}}))
    with Server("--log-level", "debug", "--appservice", str(registration)) as server:
        ann, ben = server.register(), server.register()
        room = ann.create_room(invite=[ben.id])
        ben.join(room)
        ben.call("POST", V3 + "/pushers/set", {"kind": "http", "app_id": "a", "pushkey": "key", "app_display_name": "a", "device_display_name": "d", "lang": "en",
                                               "data": {"url": at + "/_matrix/push/v1/notify"}})
        since = ben.sync()["next_batch"]
        answers: list[dict] = []
        waiting = threading.Thread(target=lambda: answers.append(ben.sync(since, timeout=10_000)))
        waiting.start()
        time.sleep(0.3)
        secret = "words that nobody may log"
        sent = ann.request("PUT", f"{V3}/rooms/{room}/send/m.room.message/t1", {"msgtype": "m.text", "body": secret}, headers={"X-Request-Id": "followed-1"})
        assert sent.headers["x-request-id"] == "followed-1"
        waiting.join()
        event = sent.json()["event_id"]
        deadline = time.monotonic() + 15
        while not all(step in server.log() for step in ("push delivered", "transaction delivered")) or event not in server.log():
            assert time.monotonic() < deadline, server.tail()
            time.sleep(0.1)
        time.sleep(0.5)
        lines = [fields(line) for line in server.log().splitlines()]

        # From the request to the event and its position ...
        committed = next(f for f in lines if "event committed" in f["line"] and f.get("http.request_id") == "followed-1")
        assert committed["event.id"] == event and committed["room.id"] == room
        position = int(committed["commit.position"])
        answered = next(f for f in lines if "request answered" in f["line"] and f.get("http.request_id") == "followed-1")
        assert "send/{eventType}/{txnId}" in answered["line"] and answered["http.status"] == "200"
        # ... and from there to everybody who is told.
        synced = [f for f in lines if "sync answered" in f["line"] and f["user.id"] == ben.id and f["sync.since"] != "-"]
        assert any(int(f["sync.since"]) < position <= int(f["sync.next"]) and f["device.id"] == ben.device for f in synced), synced
        assert any("push delivered" in f["line"] and f["event.id"] == event and int(f["commit.position"]) >= position for f in lines)
        assert any("transaction delivered" in f["line"] and str(position) in re.findall(r"\d+", f["line"].split("commit.positions=")[1]) for f in lines if "transaction delivered" in f["line"])
        log = server.log()
        for private in (secret, ann.token, ben.token, "correct horse", '"key"'):
            assert private not in log

        # An id of our own where none is given, none that could forge a line, and nothing at the usual level.
        assert re.fullmatch(r"[a-z0-9]{12}", ann.request("GET", V3 + "/account/whoami").headers["x-request-id"])
        assert ann.request("GET", V3 + "/account/whoami", headers={"X-Request-Id": "a b=c"}).headers["x-request-id"] != "a b=c"
    with Server() as quiet:
        person = quiet.register()
        assert "x-request-id" not in person.request("GET", V3 + "/account/whoami", headers={"X-Request-Id": "x"}).headers
        assert "request answered" not in quiet.log()
    receiver.shutdown()

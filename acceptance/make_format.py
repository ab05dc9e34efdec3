"""Writes a released data format down, so that every later version is tested to upgrade it: Tests/AppTests/Operations/Formats/NAME.{sql,json}.

    COMPTOIR_BIN=… .venv/bin/python acceptance/make_format.py 0.1

Run it once for each release, with that release's executable, and commit what it writes. The JSON says what a client of that server held.
"""

from __future__ import annotations

import json
import pathlib
import subprocess
import sys

from desk import Shop
from server import ROOT, Server

V3 = "/_matrix/client/v3"


def main(name: str) -> None:
    server = Server()
    server.name = "format.test"
    server.arguments[server.arguments.index("--server-name") + 1] = server.name
    with server:
        ann, ben = server.register("ann", "a long password"), server.register("ben", "a long password")
        room = ann.create_room(name="Counter", invite=[ben.id])
        ben.join(room)
        sent = {f"t{n}": ann.send(room, f"message {n}", f"t{n}") for n in range(5)}
        ben.call("POST", f"{V3}/rooms/{room}/receipt/m.read/{sent['t1']}", {})
        ann.call("PUT", f"{V3}/rooms/{room}/redact/{sent['t0']}/r1", {})
        ann.call("PUT", f"{V3}/user/{ann.id}/account_data/org.example", {"é": 1})
        ben.call("PUT", f"{V3}/pushrules/global/room/{room}", {"actions": ["notify"]})
        ben.call("POST", f"{V3}/keys/upload", {"device_keys": {"user_id": ben.id, "device_id": ben.device, "algorithms": [], "keys": {}, "signatures": {}}})
        ann.call("POST", "/_matrix/media/v3/upload", content=b"a file", headers={"Content-Type": "text/plain"})
        shop = Shop(server)
        customer = shop.visitor("Zoé")
        customer.write("Bonjour")
        shop.anna.desk("POST", f"/conversations/{customer.conversation}/notes", {"body": "a note", "key": "n1"})
        since = ben.sync()["next_batch"]
        unread = ann.send(room, "unread", "unread")
        ann.call("PUT", f"{V3}/sendToDevice/org.example.note/t1", {"messages": {ben.id: {"*": {"text": "waits"}}}})
        held = {"token": ben.token, "sender": ann.token, "user": ben.id, "password": "a long password", "room": room, "since": since, "sent": sent, "unread": unread}
        assert server.stop() == 0
        dump = subprocess.run(["sqlite3", server.data / "comptoir.db", ".dump"], capture_output=True, text=True, check=True).stdout
    place = ROOT / "Tests/AppTests/Operations/Formats"
    (place / f"{name}.sql").write_text(dump)
    (place / f"{name}.json").write_text(json.dumps(held, indent=1) + "\n")
    print(f"{place / name}.sql: {len(dump)} bytes")


if __name__ == "__main__":
    sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent))
    main(sys.argv[1])

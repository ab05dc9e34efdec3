"""Large files stream through the server: its memory hardly notices them."""

from __future__ import annotations

import hashlib

import httpx

from server import Server

MIB = 1 << 20
SIZE = 100 * MIB
ALLOWED = 20 * MIB


def blocks():
    for n in range(SIZE // MIB):
        yield hashlib.sha256(str(n).encode()).digest() * (MIB // 32)


def test_a_100_mib_upload_and_download_stream():
    with Server(config=f"max_upload = {SIZE}\n") as server:
        person = server.register()
        # one small round trip first, so that lazily made things are counted as at rest
        small = person.call("POST", "/_matrix/media/v3/upload", content=b"x" * MIB, headers={"Content-Type": "application/octet-stream"})
        assert person.request("GET", "/_matrix/client/v1/media/download/" + small["content_uri"].removeprefix("mxc://")).status_code == 200
        server.reset_peak_memory()
        before = server.memory()
        uri = person.call("POST", "/_matrix/media/v3/upload", content=blocks(), timeout=120, headers={
            "Content-Type": "application/octet-stream", "Content-Length": str(SIZE)})["content_uri"]
        grown = server.peak_memory() - before
        assert grown <= ALLOWED, f"the upload grew the server by {grown / MIB:.1f} MiB"

        server.reset_peak_memory()
        before = server.memory()
        received, expected = hashlib.sha256(), hashlib.sha256()
        for block in blocks():
            expected.update(block)
        path = f"{server.base}/_matrix/client/v1/media/download/{uri.removeprefix('mxc://')}"
        with httpx.stream("GET", path, headers={"Authorization": f"Bearer {person.token}"}, timeout=120) as answer:
            assert answer.status_code == 200 and int(answer.headers["content-length"]) == SIZE
            for block in answer.iter_raw():
                received.update(block)
        assert received.digest() == expected.digest()
        grown = server.peak_memory() - before
        assert grown <= ALLOWED, f"the download grew the server by {grown / MIB:.1f} MiB"


def test_one_byte_too_many_is_refused_and_leaves_nothing():
    with Server(config=f"max_upload = {MIB}\n") as server:
        person = server.register()
        answer = person.request("POST", "/_matrix/media/v3/upload", content=b"x" * (MIB + 1), headers={"Content-Type": "application/octet-stream"})
        assert answer.status_code == 413 and answer.json()["errcode"] == "M_TOO_LARGE"
        # the same without a length in front
        answer = person.request("POST", "/_matrix/media/v3/upload", content=iter([b"x" * MIB, b"x"]), headers={"Content-Type": "application/octet-stream"})
        assert answer.status_code == 413 and answer.json()["errcode"] == "M_TOO_LARGE"
        left = [p for p in server.data.rglob("*") if p.is_file() and p.stat().st_size >= MIB // 2 and ".db" not in p.name]
        assert not left, left

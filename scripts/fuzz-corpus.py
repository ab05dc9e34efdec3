#!/usr/bin/env python3
"""Moves inputs between a folder that libFuzzer works in and the checkout, where those that a hunt has found stand in one file in base64.

fuzz-corpus.py unpack Fuzz/Corpus/NAME FOLDER     files and lines become files
fuzz-corpus.py pack FOLDER Fuzz/Corpus/NAME       the smallest that add coverage become lines, as many as MOST; files stay as they are
"""
import base64
import hashlib
import pathlib
import sys

MOST = 80
LONGEST = 300


def unpack(checkout: pathlib.Path, folder: pathlib.Path) -> None:
    for file in sorted(checkout.iterdir()):
        inputs = [base64.b64decode(line) for line in file.read_text().split()] if file.name == "found.base64" else [file.read_bytes()]
        for data in inputs:
            (folder / hashlib.sha1(data).hexdigest()).write_bytes(data)


def pack(folder: pathlib.Path, checkout: pathlib.Path) -> None:
    seeds = {file.read_bytes() for file in checkout.iterdir() if file.name != "found.base64"}
    found = {file.read_bytes() for file in folder.iterdir()} - seeds
    kept = sorted((data for data in found if len(data) <= LONGEST), key=lambda data: (len(data), data))
    # Evenly over the lengths: the shortest alone would all be refused at once.
    step = max(1, len(kept) / MOST)
    chosen = [kept[int(number * step)] for number in range(min(MOST, len(kept)))]
    (checkout / "found.base64").write_text("".join(base64.b64encode(data).decode() + "\n" for data in chosen))


if __name__ == "__main__":
    if len(sys.argv) != 4 or sys.argv[1] not in ("pack", "unpack"):
        sys.exit(__doc__)
    {"pack": pack, "unpack": unpack}[sys.argv[1]](pathlib.Path(sys.argv[2]), pathlib.Path(sys.argv[3]))

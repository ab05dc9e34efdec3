#!/usr/bin/env python3
"""Writes docs/LICENCES.md: what Comptoir is made of and tested with, each with its version and its licence.

    scripts/licences.py            looks at this machine and writes the page
    scripts/licences.py --check    looks at this machine and says what is not compatible, or missing on the page

Read are the resolved Swift packages (.build/checkouts), the Debian packages whose libraries the executable names itself or gets through
them (ldd), and the Python packages of the tests (.venv). A licence that the tables below do not know ends it with status 1: somebody has to
decide. Comptoir is under the Apache License 2.0.
"""
import argparse
import importlib.metadata
import json
import pathlib
import re
import subprocess
import sys

ROOT = pathlib.Path(__file__).resolve().parent.parent
PAGE = ROOT / "docs" / "LICENCES.md"

# May be part of the executable.
PERMISSIVE = {
    "Apache-2.0", "Apache-2.0 with runtime exception", "MIT", "MIT-0", "BSD", "ISC", "Zlib", "PostgreSQL", "curl", "public domain", "CC0-1.0", "IJG", "libpng", "FTL",
    "Unicode", "HPND", "PSF-2.0", "bzip2", "libtiff", "BSL-1.0", "OpenLDAP", "OpenSSL", "Unlicense", "Artistic", "AFL-2.1", "all-permissive", "ZPL-2.1",
}
# May be named by the executable as a shared library, which anybody can replace.
WEAK = {"LGPL-2.0+", "LGPL-2.1", "LGPL-2.1+", "LGPL-3.0+", "MPL-1.1", "MPL-2.0", "GPL with exception"}
# May come along with such a library: the whole, when somebody hands it on, is then under the GPL 3, with which the Apache License is compatible.
COPYLEFT = {"GPL-1+", "GPL-2+", "GPL-3+"}
# Programs of the tests run beside the server and are not handed on.
BESIDE = {"AGPL-3.0", "GPL-2", "GPL-3+"}

# What no machine can read in the packages' own texts; read by a person, with the file that says it.
READ = {
    "libc6": "LGPL-2.1+",              # the libraries; the rest of the source package is not linked
    "libgcc-s1": "GPL with exception",   # the runtime library exception
    "libstdc++6": "GPL with exception",
    "libgomp1": "GPL with exception",
    "libgpg-error0": "LGPL-2.1+",
    "libgcrypt20": "LGPL-2.1+",
    "libexpat1": "MIT",
    "libssl3": "Apache-2.0",
    "libpq5": "PostgreSQL",
    "libsqlite3-0": "public domain",
    "libcurl4": "curl",
    "libyaml-0-2": "MIT",
    "libargon2-1": "CC0-1.0",           # or Apache-2.0
    "libglib2.0-0": "LGPL-2.1+",
    "libcom-err2": "MIT",               # the library; the tools beside it are under the GPL
    "libimath-3-1-29": "BSD",
    "libopenexr-3-1-30": "BSD",
    "libtiff6": "libtiff",
    "libgssapi-krb5-2": "MIT", "libk5crypto3": "MIT", "libkrb5-3": "MIT", "libkrb5support0": "MIT",
    "libidn2-0": "LGPL-3.0+",           # the library; the program is under the GPL
    "libkeyutils1": "LGPL-2.1+", "libblkid1": "LGPL-2.1+", "libmount1": "LGPL-2.1+",
}

SPELLINGS = [
    (r"apache.*(swift|runtime)", "Apache-2.0 with runtime exception"), (r"apache|asl", "Apache-2.0"), (r"affero|^agpl", "AGPL-3.0"),
    (r"^lgpl-?v?3|lesser.*3", "LGPL-3.0+"), (r"^lgpl-?v?2\.1(\.0)?\+|lesser.*2\.1.*later|^lgpl-2\.1-or", "LGPL-2.1+"), (r"^lgpl-?v?2\.1", "LGPL-2.1"), (r"^lgpl|lesser|library general", "LGPL-2.0+"),
    (r"^mpl-?1|mozilla.*1\.1", "MPL-1.1"), (r"^mpl|mozilla", "MPL-2.0"), (r"^(gpl|gnu general public licen[sc]e)[-v ]*3", "GPL-3+"), (r"^gpl[-v ]*2(\.0)?\+|^gpl-2.0-or|gplv2 or later", "GPL-2+"),
    (r"^gpl[-v ]*2", "GPL-2"), (r"^gpl", "GPL-1+"), (r"mit-cmu|hpnd|historical", "HPND"), (r"mit-0|no attribution", "MIT-0"), (r"^(expat|mit|x11|x/mit|x/open|icu)|\bmit\b", "MIT"), (r"bsd", "BSD"),
    (r"^isc|internet systems", "ISC"), (r"zlib", "Zlib"), (r"python software|^psf|^python", "PSF-2.0"), (r"postgresql", "PostgreSQL"), (r"public|^pd\b", "public domain"), (r"^cc0", "CC0-1.0"),
    (r"unlicense", "Unlicense"), (r"openssl", "OpenSSL"), (r"openldap|^oldap", "OpenLDAP"), (r"^curl", "curl"), (r"boost|^bsl", "BSL-1.0"), (r"^ijg|jpeg", "IJG"), (r"libpng|^png", "libpng"), (r"^ftl|freetype", "FTL"),
    (r"unicode", "Unicode"), (r"bzip2|^bzip", "bzip2"), (r"tiff", "libtiff"), (r"artistic", "Artistic"), (r"^afl", "AFL-2.1"), (r"permissive|all-perm|gap|fsf", "all-permissive"), (r"^zpl|zope", "ZPL-2.1"),
]


def spelled(name: str) -> str:
    """One spelling for each licence; what is not known stays as it is."""
    name = name.strip().strip("(),")
    return next((to for pattern, to in SPELLINGS if re.search(pattern, name, re.IGNORECASE)), name)


def run(*command: str) -> str:
    return subprocess.run(command, check=True, capture_output=True, text=True, cwd=ROOT).stdout


def swift_packages() -> list[tuple[str, str, str]]:
    found = []
    for pin in json.loads((ROOT / "Package.resolved").read_text())["pins"]:
        text = (ROOT / ".build" / "checkouts" / pin["identity"] / "LICENSE.txt").read_text()
        licence = "?"
        if "Apache License" in text and "Version 2.0" in text:
            licence = "Apache-2.0 with runtime exception" if "Runtime Library Exception" in text else "Apache-2.0"
        found.append((pin["identity"], pin["state"]["version"], licence))
    return found


def licence_of(package: str) -> str:
    """What the copyright file says of the bulk of a Debian package."""
    if package in READ:
        return READ[package]
    file = pathlib.Path(f"/usr/share/doc/{package}/copyright")
    text = file.read_text(errors="replace") if file.exists() else ""
    for stanza in re.split(r"\n\s*\n", text):
        fields = dict(re.findall(r"^([A-Za-z-]+):[ \t]*(.*(?:\n[ \t]+.*)*)", stanza, re.MULTILINE))
        if "License" in fields and re.match(r"\*(\s|$|,)", fields.get("Files", "")):
            # "A or B": any of them does; "A and B" is said as it is, the strictest counts.
            names = re.split(r"\s+or\s+|\s*\|\s*|,\s*or\s+", fields["License"].split("\n")[0].strip())
            names = [" and ".join(sorted({spelled(part) for part in re.split(r"\s+and\s+|\s*&\s*|,\s*", name) if part})) for name in names]
            return min(names, key=rank)
    for pattern, name in [(r"common-licenses/LGPL-2\.1|Lesser General Public", "LGPL-2.1+"), (r"common-licenses/LGPL|Library General Public", "LGPL-2.0+"), (r"common-licenses/Apache-2\.0|Apache License", "Apache-2.0"),
                          (r"common-licenses/GPL-3", "GPL-3+"), (r"common-licenses/GPL", "GPL-2+"), (r"Permission is hereby granted, free of charge|MIT license", "MIT"), (r"Redistribution and use in source and binary forms", "BSD"),
                          (r"Permission to use, copy, modify", "ISC"), (r"provided 'as-is', without any express or implied", "Zlib"), (r"public domain", "public domain")]:
        if re.search(pattern, text, re.IGNORECASE):
            return name
    return "?"


PYTHON_READ = {"axe-playwright-python": "MIT", "matrix-commander": "GPL-3+", "peewee": "MIT", "uuid": "PSF-2.0", "tempora": "MIT", "vodozemac": "MIT"}


def rank(licence: str) -> int:
    parts = licence.split(" and ")
    for number, kind in enumerate((PERMISSIVE, PERMISSIVE | WEAK, PERMISSIVE | WEAK | COPYLEFT)):
        if all(part in kind for part in parts):
            return number
    return 3


def packages_of(libraries: list[str]) -> dict[str, tuple[str, str]]:
    """Package and version of each library. dpkg knows some by the place they had before /usr was merged."""
    def places(path: str) -> list[str]:
        real = str(pathlib.Path(path).resolve())
        return [path, real, re.sub("^/usr", "", real), "/usr" + path]

    listed = subprocess.run(["dpkg-query", "-S", *(place for path in libraries for place in places(path))], capture_output=True, text=True).stdout
    owners = dict(reversed(line.split(": ", 1)) for line in listed.splitlines() if ": " in line and not line.startswith("diversion"))
    names = {path: next((owners[place].split(":")[0].split(",")[0] for place in places(path) if place in owners), "") for path in libraries}
    unknown = [path for path, name in names.items() if not name]
    if unknown:
        raise SystemExit(f"licences: {unknown[0]} belongs to no Debian package")
    versions = dict(line.split("\t") for line in run("dpkg-query", "-W", "-f", "${Package}\t${Version}\n", *sorted(set(names.values()))).splitlines())
    return {path: (name, versions[name]) for path, name in names.items()}


def debian_packages(executable: pathlib.Path) -> tuple[dict[str, tuple[str, str]], dict[str, tuple[str, str]]]:
    needed = set(re.findall(r"NEEDED\s+(\S+)", run("objdump", "-p", str(executable))))
    direct: dict[str, tuple[str, str]] = {}
    indirect: dict[str, tuple[str, str]] = {}
    # The language's own runtime stands with the packages: a release has it in itself.
    loaded = [(name, path) for name, path in re.findall(r"^\s*(\S+) => (/\S+)", run("ldd", str(executable)), re.MULTILINE) if "/swift/" not in path]
    owners = packages_of([path for _, path in loaded])
    for name, path in loaded:
        package, version = owners[path]
        (direct if name in needed else indirect)[package] = (version, licence_of(package))
    return dict(sorted(direct.items())), dict(sorted((name, value) for name, value in indirect.items() if name not in direct))


def python_packages(venv: str) -> list[tuple[str, str, str]]:
    paths = [str(path) for path in (ROOT / venv).glob("lib/python3*/site-packages")]
    found = []
    for package in importlib.metadata.distributions(path=paths):
        meta = package.metadata
        classifiers = [line.split(" :: ")[-1] for line in meta.get_all("Classifier") or [] if line.startswith("License ::") and not line.endswith("OSI Approved")]
        said = meta.get("License-Expression") or " or ".join(classifiers) or (meta.get("License") or "?").split("\n")[0]
        names = [spelled(part) for part in re.split(r"\s+(?:or|and)\s+(?!later)", said, flags=re.IGNORECASE)]
        found.append((meta["Name"], package.version, PYTHON_READ.get(meta["Name"], " / ".join(sorted(set(names))))))
    return sorted(set(found), key=lambda row: row[0].lower())


def table(rows) -> str:
    return "\n".join("| " + " | ".join(row) + " |" for row in [("package", "version", "licence"), ("---", "---", "---"), *rows])


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--check", action="store_true", help="write nothing")
    check = parser.parse_args().check
    executable = next((path for path in (ROOT / ".build" / kind / "comptoir" for kind in ("release", "debug")) if path.exists()), None)
    if executable is None:
        raise SystemExit("licences: build the server first (scripts/build.sh debug)")

    swift = swift_packages()
    direct, indirect = debian_packages(executable)
    tests = python_packages(".venv")
    bridges = [row for row in python_packages(".venv-bridges") if row not in tests]

    problems = [f"{name}: {licence}" for name, _, licence in swift if licence not in PERMISSIVE]
    problems += [f"{name}: {licence} is named by the executable" for name, (_, licence) in direct.items() if rank(licence) > 1]
    problems += [f"{name}: {licence} comes with a library" for name, (_, licence) in indirect.items() if rank(licence) > 2]
    known = PERMISSIVE | WEAK | COPYLEFT | BESIDE
    problems += [f"{name}: {licence} is used by the tests" for name, _, licence in tests + bridges if not set(licence.split(" / ")) <= known]

    strong = [name for name, (_, licence) in indirect.items() if rank(licence) == 2]
    page = f"""# Licences

Made by `make licences`; do not edit. Comptoir itself is under the [Apache License 2.0](../LICENSE). No third-party code runs in the browser: `web/` has no
dependencies. Its font is Inter (Debian's `fonts-inter`, SIL Open Font License 1.1).

## Compiled into the executable
{table([("Swift's standard library and Foundation", "of the compiler", "Apache-2.0 with runtime exception"), *swift])}

## Shared libraries that the executable names
Debian's packages. All are permissive, or weak copyleft, which asks that the library can be replaced: it can.

{table((name, *value) for name, value in direct.items())}

## Libraries that come with those
Nearly all of them with libvips and libcurl. {len(strong)} are under the GPL ({", ".join(strong)}): whoever hands on an image with all
of it, such as one made by `deploy/Containerfile`, does so under the GPL 3, with which the Apache License is compatible. The executable alone is not
affected: it calls none of them, and runs with a libvips that was built without them.

{table((name, *value) for name, value in indirect.items())}

## Programs of the tests
They run beside the server and are not handed on. Python packages; besides, Debian's chromium, postgresql, ngircd, nheko, xvfb, xdotool and imagemagick.

{table(tests)}

Of the tests with bridges, which have packages of their own:

{table(bridges)}
"""
    if not check:
        PAGE.write_text(page)
    else:
        # Versions move with Debian; names must be on the page.
        text = PAGE.read_text()
        problems += [f"{name} is not on {PAGE.relative_to(ROOT)}: run make licences" for name in [*(row[0] for row in swift), *direct, *indirect] if f"| {name} |" not in text]
    for problem in problems:
        print(f"licences: {problem}", file=sys.stderr)
    print(f"licences: {len(swift)} Swift packages, {len(direct)} + {len(indirect)} Debian packages, {len(tests) + len(bridges)} Python packages, {len(problems)} problems")
    return 1 if problems else 0


if __name__ == "__main__":
    sys.exit(main())

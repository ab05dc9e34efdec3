#!/usr/bin/env bash
# Builds one thing, and only when its sources have changed since the last time.
#
#   scripts/build.sh web        web/dist, by web/build.sh
#   scripts/build.sh debug      .build/debug/comptoir
#   scripts/build.sh release    .build/release/comptoir
#   scripts/build.sh tests      the debug executable and all Swift tests
#
# `swift build` needs seconds to find that nothing is to be done; the stamp (paths, sizes and times of all sources)
# needs milliseconds. FORCE=1 builds in any case.
set -euo pipefail
cd "$(dirname "$0")/.."
what=${1-}
jobs=${JOBS:-$(nproc)}

stamp_of() { # the sources, as one hash
    find "$@" \( -name dist -o -name node_modules \) -prune -o -type f -printf '%p %s %T@\n' | LC_ALL=C sort | sha256sum
}

case $what in
web)     sources=(web scripts/requirements-web.txt) product=web/dist ;;
debug)   sources=(Package.swift Sources) product=.build/debug/comptoir ;;
release) sources=(Package.swift Sources) product=.build/release/comptoir ;;
tests)   sources=(Package.swift Sources Tests) product=.build/debug/comptoir ;;
*)       sed -n '2,10s/^# \{0,1\}//p' "$0" >&2; exit 2 ;;
esac

mkdir -p .build
stamp=.build/stamp-$what
now=$(stamp_of "${sources[@]}")
if [ -z "${FORCE-}" ] && [ -e "$product" ] && [ "$(cat "$stamp" 2>/dev/null)" = "$now" ]; then exit 0; fi

began=$SECONDS
rm -f "$stamp"
case $what in
web)     echo "build: web pages"; PATH="$PWD/.venv/bin:$PATH" web/build.sh ;;
debug)   echo "build: server, debug"; swift build -j "$jobs" --product comptoir ;;
release) echo "build: server, release (the first time takes some minutes)"; swift build -j "$jobs" -c release --product comptoir ;;
tests)   echo "build: server and Swift tests, debug"; swift build -j "$jobs" --build-tests ;;
esac
[ -e "$product" ] || { echo "build: error: $product was not made" >&2; exit 1; }
printf '%s\n' "$now" >"$stamp"
# building the tests has built the debug executable as well
if [ "$what" = tests ]; then stamp_of Package.swift Sources >.build/stamp-debug; fi
echo "build: $what took $((SECONDS - began)) s"

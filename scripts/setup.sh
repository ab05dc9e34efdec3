#!/usr/bin/env bash
# Installs what is missing to run, test or measure Comptoir on Debian 12.
#
#   scripts/setup.sh demo     what a build of the server and of the web needs
#   scripts/setup.sh test     the same, and what the tests need (Chromium, PostgreSQL, Matrix clients)
#   scripts/setup.sh bench    what a build of the server needs, and Go
#   scripts/setup.sh peers    the same, and the servers to compare with (Synapse, ejabberd, prosody)
#
# Debian packages come by apt, Python packages go into .venv of this checkout. It can be run at any time:
# when nothing is missing it takes a fraction of a second and prints nothing.
set -euo pipefail
cd "$(dirname "$0")/.."

profile=${1-}
server=(build-essential pkg-config git ca-certificates libsqlite3-dev libpq-dev libssl-dev libargon2-dev libvips-dev libcurl4-openssl-dev libyaml-dev tzdata)
web=(python3-venv esbuild brotli fonts-inter)
case $profile in
demo)  packages=("${server[@]}" "${web[@]}") lists=(scripts/requirements-web.txt) ;;
test)  packages=("${server[@]}" "${web[@]}" chromium fonts-noto-color-emoji postgresql sqlite3 procps iproute2 systemd
                 ngircd nheko xvfb xdotool imagemagick)
       lists=(scripts/requirements-web.txt acceptance/requirements.txt) ;;
bench) packages=("${server[@]}" golang-go python3) lists=() ;;
peers) packages=("${server[@]}" golang-go python3-venv python3-dev postgresql libjemalloc2 ejabberd erlang-p1-pgsql prosody lua-dbi-sqlite3 lua-event lua-unbound)
       lists=() ;;
*)     sed -n '2,10s/^# \{0,1\}//p' "$0" >&2; exit 2 ;;
esac

say()  { printf '\033[1msetup:\033[0m %s\n' "$*"; }
fail() { printf 'setup: error: %s\n' "$1" >&2; shift; for line; do printf '  %s\n' "$line" >&2; done; exit 1; }

# Swift itself cannot be installed by apt on Debian 12.
command -v swift >/dev/null || fail "Swift was not found." \
    "Install Swift 6.3 or newer for Debian 12 (see swift.org/install) and put its usr/bin into PATH, then run this again."

log=$(mktemp /tmp/comptoir-setup.XXXXXX)
trap 'rm -f "$log"' EXIT

# Runs a command quietly with a line of progress every ten seconds; shows the end of its output when it fails.
quietly() {
    local began=$SECONDS shown=$SECONDS
    "$@" >"$log" 2>&1 </dev/null &
    local pid=$!
    while kill -0 "$pid" 2>/dev/null; do
        sleep 0.2
        if ((SECONDS - shown >= 10)); then
            shown=$SECONDS
            say "  still working ($((SECONDS - began)) s): $(tail -n 1 "$log" | tr -d '\r' | cut -c 1-90)"
        fi
    done
    wait "$pid" && return 0
    tail -n 20 "$log" >&2
    return 1
}

# --- Debian packages -------------------------------------------------------------------------------------------
command -v dpkg-query >/dev/null || fail "this is no Debian system, so nothing can be installed by apt." \
    "Install the equivalents of these packages by hand: ${packages[*]}" \
    "and the Python packages of: ${lists[*]-none} into .venv"
mapfile -t missing < <(comm -23 <(printf '%s\n' "${packages[@]}" | sort -u) \
    <(dpkg-query -W -f '${Status}\t${Package}\n' "${packages[@]}" 2>/dev/null | sed -n 's/^install ok installed\t//p' | sort -u))
if ((${#missing[@]})); then
    root=()
    if [ "$(id -u)" != 0 ]; then
        command -v sudo >/dev/null || fail "these Debian packages are missing: ${missing[*]}" \
            "Run this as root, or as root install them by: apt-get install ${missing[*]}"
        root=(sudo)
        sudo -n true 2>/dev/null || { say "sudo may ask for your password"; sudo true; }
    fi
    say "installing ${#missing[@]} Debian packages: ${missing[*]}"
    apt=("${root[@]}" env DEBIAN_FRONTEND=noninteractive apt-get -o DPkg::Lock::Timeout=600)
    quietly "${apt[@]}" update || say "apt-get update failed; trying with the lists that are here"
    # The servers are wanted for a moment on the loopback interface, not as services of this machine: policy-rc.d keeps apt from starting them.
    policy=/usr/sbin/policy-rc.d
    if [ "$profile" = peers ] && [ ! -e $policy ]; then
        trap 'rm -f "$log"; "${root[@]}" rm -f $policy' EXIT
        printf '#!/bin/sh\nexit 101\n' | "${root[@]}" install -m 755 /dev/stdin $policy
    fi
    quietly "${apt[@]}" install -y --no-install-recommends "${missing[@]}" || fail "apt-get could not install: ${missing[*]}" \
        "Its last lines are above. Check the network and /etc/apt/sources.list, then run this again."
fi

# --- Programs that would start services when they are installed: unpacked into .build/tools -----------------------
unpacked=(caddy haproxy nginx liblua5.3-0 libopentracing-c-wrapper0 libopentracing1 prometheus)
if [ "$profile" = test ] && [ "$(cat .build/tools/unpacked 2>/dev/null)" != "${unpacked[*]}" ]; then
    say "unpacking ${unpacked[*]} into .build/tools"
    rm -rf .build/tools && mkdir -p .build/tools/packages
    (cd .build/tools/packages && quietly apt-get download "${unpacked[@]}") || fail "apt-get could not download: ${unpacked[*]}" \
        "Its last lines are above. Check the network and /etc/apt/sources.list, then run this again."
    for package in .build/tools/packages/*.deb; do dpkg -x "$package" .build/tools; done
    rm -rf .build/tools/packages
    printf '%s' "${unpacked[*]}" >.build/tools/unpacked
fi

# --- Python packages -------------------------------------------------------------------------------------------
# Makes the directory $1 and installs the lists $2...; does nothing when exactly these are installed.
python_packages() {
    local venv=$1 stamp wanted list args=()
    shift
    stamp=$venv/installed-$profile
    wanted=$(cat "$@" | sha256sum)
    [ -x "$venv/bin/python" ] && [ "$(cat "$stamp" 2>/dev/null)" = "$wanted" ] && return
    if ! "$venv/bin/python" -m pip --version >/dev/null 2>&1; then
        say "making $venv"
        rm -rf "$venv"
        quietly /usr/bin/python3 -m venv "$venv" || fail "python3 -m venv failed." "Its last lines are above."
    fi
    say "installing Python packages of: $*"
    for list; do args+=(-r "$list"); done
    quietly "$venv/bin/python" -m pip install --disable-pip-version-check "${args[@]}" || fail "pip could not install the packages." \
        "Its last lines are above. Check the network, then run this again."
    printf '%s\n' "$wanted" >"$stamp"
}
if ((${#lists[@]})); then python_packages .venv "${lists[@]}"; fi
# The bridges ask for older libraries than the other tests.
if [ "$profile" = test ]; then python_packages .venv-bridges acceptance/requirements-bridges.txt; fi
if [ "$profile" = peers ]; then python_packages .venv-peers bench/requirements-peers.txt; fi

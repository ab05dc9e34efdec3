#!/bin/bash
# Starts and stops a PostgreSQL of its own for tests: postgres-throwaway.sh start DIR | stop DIR
# `start` makes a new cluster in DIR (127.0.0.1 only, a free port; fsync on, unless COMPTOIR_POSTGRES_FSYNC=off) and prints its URL; `stop` ends it and
# removes DIR.
set -euo pipefail

usage() { echo "usage: $0 start DIR | stop DIR" >&2; exit 64; }
[ $# -eq 2 ] || usage
mkdir -p "$2"
dir=$(cd "$2" && pwd)
data=$dir/data

bin=${POSTGRES_BIN:-}
if [ -z "$bin" ]; then
    for candidate in /usr/lib/postgresql/15/bin /usr/lib/postgresql/*/bin; do
        if [ -x "$candidate/initdb" ]; then bin=$candidate; break; fi
    done
fi
[ -n "$bin" ] || { echo "PostgreSQL 15 is not installed: apt-get install postgresql" >&2; exit 69; }

# PostgreSQL refuses to run as root.
as_owner() {
    if [ "$(id -u)" = 0 ]; then runuser -u postgres -- "$@"; else "$@"; fi
}

free_port() {
    for _ in $(seq 50); do
        port=$((20000 + RANDOM % 20000))
        if ! (exec 3<>"/dev/tcp/127.0.0.1/$port") 2>/dev/null; then echo "$port"; return; fi
    done
    echo "no free port" >&2
    exit 69
}

case $1 in
start)
    # It outlives who starts it, and must not keep his files open: a lock among them would stay taken.
    exec 3>&- 4>&- 5>&- 6>&- 7>&- 8>&- 9>&-
    [ ! -e "$data" ] || { echo "$data is there already; stop it first" >&2; exit 73; }
    [ "$(id -u)" != 0 ] || chown postgres "$dir"
    cd /
    as_owner "$bin/initdb" -D "$data" -U comptoir --auth=trust --encoding=UTF8 --locale=C.UTF-8 >"$dir/initdb.log" 2>&1 \
        || { cat "$dir/initdb.log" >&2; exit 70; }
    for attempt in 1 2 3 4 5; do
        port=$(free_port)
        if as_owner "$bin/pg_ctl" -D "$data" -l "$data/server.log" -w -t 60 \
            -o "-c listen_addresses=127.0.0.1 -p $port -k '$data' -c fsync=${COMPTOIR_POSTGRES_FSYNC:-on} -c synchronous_commit=on -c max_connections=500 -c shared_buffers=32MB" \
            start >"$dir/start.log" 2>&1; then
            if as_owner "$bin/createdb" -h 127.0.0.1 -p "$port" -U comptoir comptoir; then
                echo "postgresql://comptoir@127.0.0.1:$port/comptoir"
                exit 0
            fi
        fi
    done
    cat "$dir/start.log" "$data/server.log" >&2
    exit 70
    ;;
stop)
    cd /
    if [ -e "$data/postmaster.pid" ]; then as_owner "$bin/pg_ctl" -D "$data" -m immediate -w stop >/dev/null; fi
    rm -rf "$dir"
    ;;
*) usage ;;
esac

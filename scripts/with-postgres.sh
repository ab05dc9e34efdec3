#!/usr/bin/env bash
# Runs a command with a PostgreSQL of its own, whose URL is in COMPTOIR_TEST_POSTGRES; ends it afterwards.
#
#   scripts/with-postgres.sh COMMAND [ARGUMENT...]
#
# When COMPTOIR_TEST_POSTGRES is set already, that one is used and left alone.
set -uo pipefail
(($#)) || { sed -n '2,6s/^# \{0,1\}//p' "$0" >&2; exit 64; }
[ -z "${COMPTOIR_TEST_POSTGRES-}" ] || exec "$@"

throwaway=$(dirname "$0")/postgres-throwaway.sh
directory=$(mktemp -d /tmp/comptoir-postgres.XXXXXX)
trap '"$throwaway" stop "$directory"' EXIT
trap 'exit 130' INT
trap 'exit 143' TERM
COMPTOIR_TEST_POSTGRES=$("$throwaway" start "$directory") || { echo "no throw-away PostgreSQL could be started" >&2; exit 69; }
export COMPTOIR_TEST_POSTGRES
"$@"

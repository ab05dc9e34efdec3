#!/bin/bash
# Unit tests of the web workspace. The last line is "N passed, N failed".
set -uo pipefail
source "$(dirname "$0")/tools/env.sh"
log="$(mktemp)"
trap 'rm -f "$log"' EXIT
"$DENO" test --quiet --no-remote --no-check --allow-read --parallel "$@" 2>&1 | tee "$log"
status=${PIPESTATUS[0]}
line="$(grep -Eo '[0-9]+ passed( \([0-9]+ steps?\))? \| [0-9]+ failed' "$log" | tail -1)"
passed="$(grep -Eo '^[0-9]+' <<<"$line" || echo 0)"
failed="$(grep -Eo '[0-9]+ failed' <<<"$line" | grep -Eo '[0-9]+' || echo 1)"
echo "$passed passed, $failed failed"
exit "$status"

#!/bin/bash
# Types, lint and format of the web workspace. --fix: formats and mends what the linter can.
set -euo pipefail
source "$(dirname "$0")/tools/env.sh"
if [ "${1:-}" = "--fix" ]; then
  "$DENO" fmt --quiet
  "$DENO" lint --quiet --fix
fi
"$DENO" check --quiet --no-remote .
"$DENO" lint --quiet
"$DENO" fmt --check --quiet
echo "web: types, lint and format are clean"

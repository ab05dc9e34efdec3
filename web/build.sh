#!/bin/bash
# Builds web/dist (pages, hashed assets, compressed copies). --dev: not minified, with source maps.
set -euo pipefail
source "$(dirname "$0")/tools/env.sh"
"$DENO" run --quiet --no-remote --allow-read --allow-write --allow-run=esbuild tools/build.ts "$@"

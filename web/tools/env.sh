# Sourced by the scripts beside: finds deno (the project's own first) and stands in web/.
cd "$(dirname "${BASH_SOURCE[0]}")/.."
DENO="../.venv/bin/deno"
[ -x "$DENO" ] || DENO="$(command -v deno || true)"
[ -n "$DENO" ] || { echo "deno not found: install it with pip (see README.md)" >&2; exit 1; }
command -v esbuild >/dev/null || { echo "esbuild not found: apt-get install esbuild" >&2; exit 1; }
export DENO_NO_UPDATE_CHECK=1 NO_COLOR=1

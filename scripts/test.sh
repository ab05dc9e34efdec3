#!/usr/bin/env bash
# Runs parts of the tests and adds their counts up; the last line is "N passed, N failed".
#
#   scripts/test.sh PART... [-- ARGUMENTS]      parts: swift, web, acceptance
#
# ARGUMENTS go to the runner of the part. A part that ran no test, or that ended badly without a failed test, counts
# as one failure. What every part printed stays in .build/test-logs.
set -uo pipefail
cd "$(dirname "$0")/.."
export PATH="$PWD/.venv/bin:$PATH"

parts=()
while (($#)) && [ "$1" != -- ]; do parts+=("$1"); shift; done
(($#)) && shift
((${#parts[@]})) || { sed -n '2,7s/^# \{0,1\}//p' "$0" >&2; exit 2; }

logs=.build/test-logs
mkdir -p "$logs"
passed=0 failed=0 skipped=0
table=()

count() { # name, status, passed, failed, skipped, seconds
    local p=$3 f=$4
    if ((p + f == 0)); then echo "test: $1 ran no test (see $logs/$1.log)" >&2; f=1; fi
    if (($2 != 0 && f == 0)); then echo "test: $1 ended with status $2 though no test failed (see $logs/$1.log)" >&2; f=1; fi
    passed=$((passed + p)) failed=$((failed + f)) skipped=$((skipped + $5))
    table+=("$(printf '%-14s %6d passed %4d failed %4d skipped %6d s' "$1" "$p" "$f" "$5" "$6")")
}

# Counts the cases of JUnit files: "passed failed skipped". A case with several failures is one failed case.
junit() {
    python3 - "$@" <<'PYTHON'
import sys
import xml.etree.ElementTree as xml
passed = failed = skipped = 0
for path in sys.argv[1:]:
    try:
        cases = list(xml.parse(path).iter("testcase"))
    except (OSError, xml.ParseError) as problem:
        print(f"test: {path}: {problem}", file=sys.stderr)
        continue
    for case in cases:
        kinds = {child.tag for child in case}
        if kinds & {"failure", "error"}:
            failed += 1
        elif "skipped" in kinds:
            skipped += 1
        else:
            passed += 1
print(passed, failed, skipped)
PYTHON
}

part_swift() {
    local began=$SECONDS status=0
    scripts/build.sh tests 2>&1 | tee "$logs/swift-build.log"
    if ((PIPESTATUS[0] != 0)); then count swift 1 0 1 0 $((SECONDS - began)); return; fi
    rm -f "$logs"/swift*.xml
    # The tests take a minute or two. One that waits for ever must not take the whole run with it: it is ended, and the log tells which ran.
    timeout --kill-after=10 1800 scripts/with-postgres.sh swift test --skip-build --disable-xctest --xunit-output "$logs/swift.xml" "$@" 2>&1 | tee "$logs/swift.log"
    status=${PIPESTATUS[0]}
    local cases
    read -r -a cases < <(junit "$logs"/swift*.xml)
    count swift "$status" "${cases[@]}" $((SECONDS - began))
    (($#)) || part_swift_on_postgres
}

# The features' tests once more with PostgreSQL below them; one after the other, since each has a database with its connections. They end no
# machine: without fsync they take a third of the time. What is durable is tested by StoreTests and under fire, with fsync.
part_swift_on_postgres() {
    local began=$SECONDS status=0
    printf '\n== swift, on PostgreSQL\n'
    rm -f "$logs"/postgres*.xml
    COMPTOIR_TEST_ON=postgres COMPTOIR_POSTGRES_FSYNC=off timeout --kill-after=10 1800 scripts/with-postgres.sh swift test --skip-build --disable-xctest --no-parallel \
        --filter '^(AccountsTests|RoomsTests|MediaTests|PushTests|AppServiceTests|DeskTests)\.' --xunit-output "$logs/postgres.xml" 2>&1 | tee "$logs/postgres.log"
    status=${PIPESTATUS[0]}
    local cases
    read -r -a cases < <(junit "$logs"/postgres*.xml)
    count swift-postgres "$status" "${cases[@]}" $((SECONDS - began))
}

part_web() {
    local began=$SECONDS status=0 line
    { scripts/build.sh web && web/check.sh; } 2>&1 | tee "$logs/web-check.log"
    if ((PIPESTATUS[0] != 0)); then
        echo "test: web/build.sh or web/check.sh failed" >&2
        count web-check 1 0 1 0 $((SECONDS - began))
    fi
    web/test.sh "$@" 2>&1 | tee "$logs/web.log"
    status=${PIPESTATUS[0]}
    line=$(grep -oE '[0-9]+ passed, [0-9]+ failed' "$logs/web.log" | tail -n 1)
    [ -n "$line" ] || line="0 passed, 0 failed"
    set -- $line
    count web "$status" "$1" "$3" 0 $((SECONDS - began))
}

part_acceptance() {
    local began=$SECONDS status=0
    { scripts/build.sh web && scripts/build.sh "${COMPTOIR_BUILD:-debug}"; } 2>&1 | tee "$logs/acceptance-build.log"
    if ((PIPESTATUS[0] != 0)); then count acceptance 1 0 1 0 $((SECONDS - began)); return; fi
    rm -f "$logs/acceptance.xml"
    scripts/with-postgres.sh python -m pytest acceptance -c acceptance/pytest.ini --junitxml "$logs/acceptance.xml" "$@" 2>&1 | tee "$logs/acceptance.log"
    status=${PIPESTATUS[0]}
    local cases
    read -r -a cases < <(junit "$logs/acceptance.xml")
    count acceptance "$status" "${cases[@]}" $((SECONDS - began))
}

for part in "${parts[@]}"; do
    printf '\n== %s\n' "$part"
    case $part in
    swift | web | acceptance) "part_$part" "$@" ;;
    *) echo "test: there is no part named $part" >&2; exit 2 ;;
    esac
done

printf '\n'
printf '%s\n' "${table[@]}"
if ((skipped)); then echo "$passed passed, $failed failed, $skipped skipped"; else echo "$passed passed, $failed failed"; fi
((failed == 0))

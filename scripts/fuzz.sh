#!/usr/bin/env bash
# Hunts for inputs that break a parser, by libFuzzer. The targets are in Tests/FuzzTargets, what is kept of their inputs in Fuzz/Corpus.
#
#   scripts/fuzz.sh [--target NAME[,NAME...]] [--runs NUMBER] [--seconds NUMBER] [--keep] [--memory]
#
#   --target   some of them (default: all, one after the other)
#   --runs     executions of each (default: 10000000)
#   --seconds  at most so long for each
#   --keep     afterwards put what adds coverage into Fuzz/Corpus/NAME/found.base64
#   --memory   under valgrind, which notices each byte that C code reads or writes wrongly (default: 20000 runs; a hundred times slower)
#
# What hunts found so far waits in .build-fuzz/corpus, so that the next one goes on from there; .build-fuzz/counts has the
# executions of each target. An input that breaks one lies in .build-fuzz/broken: mend the parser and put it into Fuzz/Corpus/NAME.
set -euo pipefail
cd "$(dirname "$0")/.."

targets='' runs='' seconds=0 keep='' memory=''
while (($#)); do
    case $1 in
    --target) targets=${2//,/ }; shift 2 ;;
    --runs) runs=$2; shift 2 ;;
    --seconds) seconds=$2; shift 2 ;;
    --keep) keep=1; shift ;;
    --memory) memory=1; shift ;;
    *) sed -n '2,13s/^# \{0,1\}//p' "$0" >&2; exit 2 ;;
    esac
done
runs=${runs:-$([ -n "$memory" ] && echo 20000 || echo 10000000)}

swift=$(dirname "$(readlink -f "$(command -v swiftc)")")
runtime=$(find "$swift/../lib/clang" -name libclang_rt.fuzzer_no_main-x86_64.a -printf '%h\n' | head -n 1)
[ -n "$runtime" ] || { echo "fuzz: error: this Swift has no libFuzzer (libclang_rt.fuzzer_no_main-x86_64.a)" >&2; exit 1; }

home=.build-fuzz
fuzz=$PWD/$home/release/fuzz
echo "fuzz: building (the first time takes some minutes)"
mkdir -p $home/corpus $home/broken $home/counts $home/logs
COMPTOIR_FUZZ_RUNTIME=$(readlink -f "$runtime") swift build -c release --product fuzz --scratch-path $home -j "${JOBS:-$(nproc)}" \
    >$home/logs/build.log 2>&1 || { grep -m 5 error: $home/logs/build.log >&2; echo "fuzz: error: it cannot be built, see $home/logs/build.log" >&2; exit 1; }
# libFuzzer writes down what broke; the backtracer would only take time.
export SWIFT_BACKTRACE=enable=no
ulimit -c 0

under=() timeout=5 most=2048
if [ -n "$memory" ]; then
    command -v valgrind >/dev/null || { echo "fuzz: error: --memory needs valgrind: apt-get install valgrind" >&2; exit 1; }
    # Valgrind cannot read what Swift writes down for debuggers.
    strip -g -o $home/fuzz-stripped "$fuzz"
    fuzz=$PWD/$home/fuzz-stripped timeout=600 most=0
    under=(valgrind --quiet --error-exitcode=9 --exit-on-first-error=yes --leak-check=no --max-stackframe=4000000)
fi

broken=0
for target in ${targets:-$("$fuzz" list | cut -d ' ' -f 1)}; do
    longest=$("$fuzz" list | awk -v t="$target" '$1 == t { print $2 }')
    [ -n "$longest" ] || { echo "fuzz: there is no target named $target" >&2; exit 2; }
    corpus=$home/corpus/$target
    mkdir -p "$corpus"
    python3 scripts/fuzz-corpus.py unpack "Fuzz/Corpus/$target" "$corpus"
    words=$home/$target.words
    "$fuzz" words "$target" >"$words"
    [ -s "$words" ] || words=''
    log=$home/logs/$target.log
    began=$SECONDS
    if "${under[@]}" "$fuzz" "$target" -runs="$runs" -max_total_time="$seconds" -max_len="$longest" -timeout=$timeout -rss_limit_mb=$most ${words:+-dict="$words"} \
        -print_final_stats=1 -artifact_prefix="$home/broken/$target-" "$corpus" >"$log" 2>&1; then verdict=held; else verdict=BROKEN broken=$((broken + 1)); fi
    done=$(sed -n 's/^stat::number_of_executed_units: *//p' "$log" | tail -n 1)
    printf '%s\t%s\n' "${done:-0}" "$verdict${memory:+ under valgrind}" >>"$home/counts/$target"
    printf '%-16s %-7s %12s executions %6s s %9s inputs\n' "$target" "$verdict" "${done:-?}" $((SECONDS - began)) "$(find "$corpus" -type f | wc -l)"
    if [ $verdict = BROKEN ]; then grep -E "^$target: |ERROR|Fatal error|SUMMARY|Test unit" "$log" | head -n 6 || true; continue; fi
    if [ -n "$keep" ]; then
        rm -rf "$home/kept"
        mkdir -p "$home/kept"
        "$fuzz" "$target" -merge=1 -max_len="$longest" -timeout=5 "$home/kept" "Fuzz/Corpus/$target" "$corpus" >>"$log" 2>&1
        python3 scripts/fuzz-corpus.py pack "$home/kept" "Fuzz/Corpus/$target"
    fi
done
((broken == 0)) || { echo "fuzz: $broken targets are broken; the inputs are in $home/broken"; exit 1; }

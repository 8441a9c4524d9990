#!/usr/bin/env bash
# Runs pintree and the tools it competes with on the same bytes, and prints what each costs.
#
#   benches/peers.sh [ROW…]
#
# Rows: resolve import-M build-M compose-M compose-L change-L nothing-M nothing-L memory scale; all when none is given.
# Exit 1 when a "must" is missed. docs/benchmarks.md says what is measured, and how.
#
#   BENCH_DIR     where the mirror and all output lie (default: _bench)
#   BENCH_RUNS    runs of each side (default: 5)
#   PINTREE       the program (default: target/release/pintree, built if it is missing)
#   APT2OSTREE    a copy of apt2ostree's source, for its own rules beside the script that is like them
#   MIRROR_FROM   see mirror.sh
set -euo pipefail
cd "$(dirname "$0")/.."
target=${CARGO_TARGET_DIR:-target}
pintree=${PINTREE:-$target/release/pintree}
dir=${BENCH_DIR:-_bench}

[ -n "${PINTREE:-}" ] || cargo build --release --quiet
# The floor is a program of its own: cargo says where it puts it.
floor=${FLOOR:-}
[ -n "$floor" ] || floor=$(cargo build --release --quiet --bench floor --message-format=json |
  python3 -c 'import json, sys
# To the last line: cargo does not forgive a reader that goes away.
found = [line["executable"] for line in map(json.loads, sys.stdin) if line.get("executable")]
print(found[0] if found else "")')

running=$(benches/mirror.sh url "$dir" 2>/dev/null || true)
url=$(benches/mirror.sh start "$dir")
[ -n "$running" ] || trap 'benches/mirror.sh stop "$dir"' EXIT
python3 benches/peers.py --pintree "$pintree" --mirror "$dir" --url "$url" --work "$dir/work.$$" --runs "${BENCH_RUNS:-5}" \
  ${floor:+--floor "$floor"} ${APT2OSTREE:+--apt2ostree "$APT2OSTREE"} "$@"

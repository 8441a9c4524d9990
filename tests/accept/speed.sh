#!/usr/bin/env bash
# Every bound on time and memory, by benches/peers.sh: pintree and its peers on the same bytes.
. "$(dirname "$0")/common.sh"
PINTREE=$pintree BENCH_DIR=$bench HOME=$(getent passwd "$(id -u)" | cut -d: -f6) "$root/benches/peers.sh" "$@" >"$scratch/table" && code=0 || code=$?
cat "$scratch/table" >&2
# A line of the table: | row | ours / peer | … | figure | must | aim | verdict |
awk -F ' *[|] *' '$9 ~ /^(PASS|FAIL)/ { split($9, verdict, " "); print verdict[1] " " $2 ", " $3 ": " $6 ", must be " $7 " [CPU " $4 ", " $5 "]" }' "$scratch/table" >"$scratch/lines"
[ -s "$scratch/lines" ] || echo "FAIL speed: no figures, exit $code" >"$scratch/lines"
cat "$scratch/lines"
! grep -q ^FAIL "$scratch/lines" || failures=1

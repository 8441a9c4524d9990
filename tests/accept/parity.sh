#!/usr/bin/env bash
# Package sets beside apt's own, over the recorded cases below $PINTREE_CASES.
. "$(dirname "$0")/common.sh"
if [ ! -e "${PINTREE_CASES:-/nonexistent}/apt/cases.json" ]; then
  skip "parity with apt" "\$PINTREE_CASES/apt/cases.json is not there"
  exit
fi
log=$scratch/log
cd "$root"
HOME=$(getent passwd "$(id -u)" | cut -d: -f6) cargo test --quiet --test apt_parity -- --nocapture >"$log" 2>&1 && code=0 || code=$?
identical=$(grep -o 'identical: [0-9]* of [0-9]* = .*%' "$log" || echo "no figure; see the log: $(tail -n 3 "$log" | tr '\n' ' ')")
check "parity with apt" "$code" "$identical"
refused=$(sed -n 's/^both refuse: //p' "$log")
check "refuses what apt refuses" "$(is "${refused% of *}" = "${refused#* of }")" "${refused:-no figure}"

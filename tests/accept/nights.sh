#!/usr/bin/env bash
# A month of nights of `pintree bot` against a bare repository and an archive that changes: unrelated nights change no byte,
# the broken night lands everything but its culprit, an unreachable mirror changes nothing.
. "$(dirname "$0")/common.sh"
. "$root/tests/accept/played.sh"
export PINTREE_NIGHTS=30
play nights::a_month_of_nights && code=0 || { code=1; told; }
check "30 nights of the bot" "$code" "$(sed -n 's/.*\b\([0-9]\+ nights passed\)$/\1/p' "$scratch/played"), $(grep -c '^night ' "$scratch/played") begun"

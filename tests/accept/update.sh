#!/usr/bin/env bash
# What a real update changes in a lockfile, beside the same change in `Packages` stanzas.
. "$(dirname "$0")/update-locks.sh"
python3 "$root/tests/accept/update.py" "$scratch" "$XDG_CACHE_HOME" >"$scratch/report" && code=0 || code=$?
cat "$scratch/report"
[ "$code" = 0 ] || failures=$((failures + 1))

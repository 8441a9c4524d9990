#!/usr/bin/env bash
# File list, modes, owners and link targets beside `mmdebstrap --variant=extract` of the same packages.
. "$(dirname "$0")/common.sh"
name="same tree as mmdebstrap extract"
[ "$(id -u)" = 0 ] || { skip "$name" "mmdebstrap needs root to show owners and device nodes"; exit; }
with_mirror
project=$scratch/project
project "$project"
"$pintree" -C "$project" --format json lock >"$scratch/lock.json" 2>"$scratch/log"
"$pintree" -C "$project" build --until composed >"$scratch/build" 2>>"$scratch/log"
python3 - "$scratch/lock.json" >"$scratch/packages" <<'PYTHON'
import json, sys
print(*sorted(f"{pin['name']}={pin['version']}" for pin in json.load(open(sys.argv[1]))["images"][0]["packages"]), sep="\n")
PYTHON
"$root/tests/accept/compare-extract.sh" "$project/_build/ostree" "$ref" "$mirror" bookworm $arch "$scratch/packages" >"$scratch/report" 2>"$scratch/log" && code=0 || code=$?
grep ' explained: ' "$scratch/report" >&2 || true
[ "$code" = 0 ] || { head -n 12 "$scratch/report" "$scratch/log" >&2; }
check "$name" "$code" "$(tail -n 1 "$scratch/report"), $(awk '/ explained: /{n += $1} END {print n + 0}' "$scratch/report") explained"

#!/usr/bin/env bash
# The demo's lockfile says what it said: what was tightened refuses nothing of the real archive.
# shellcheck source=tests/accept/common.sh
. "$(dirname "$0")/common.sh"
mkdir -p "$scratch/p"
cp -r "$root/manifests" "$root/lockfiles" "$scratch/p/"
code=0
"$pintree" -C "$scratch/p" lock >"$scratch/out" 2>&1 || code=$?
cmp -s "$root/lockfiles/demo.lock" "$scratch/p/lockfiles/demo.lock" || code=1
check "lockfile of the demo" $code "$(tail -n 1 "$scratch/out")"

#!/usr/bin/env bash
# Runs parts of an acceptance test: prints each figure, then `N passed, N failed`.
#
#   tests/accept/run-parts.sh "ALL PARTS" [PART…]
#
# Each part is a script beside this one that can be run alone. They need what `make bench-setup` installs, the archive that
# this host's apt uses, and, for all of it, root. common.sh lists the variables.
set -euo pipefail
cd "$(dirname "$0")"
read -ra parts <<<"$1"
shift
[ $# = 0 ] || parts=("$@")

results=$(mktemp)
trap 'rm -f "$results" "$results.part"' EXIT
for part in "${parts[@]}"; do
  printf '== %s\n' "$part" >&2
  began=$SECONDS
  code=0
  "./$part.sh" >"$results.part" || code=$?
  # A part that broke off before it could tell counts as a failure.
  if [ $code != 0 ] && ! grep -q '^FAIL' "$results.part"; then echo "FAIL $part: broke off with exit $code" >>"$results.part"; fi
  tee -a "$results" <"$results.part"
  printf '== %s: %d s\n' "$part" $((SECONDS - began)) >&2
done
passed=$(grep -c ^PASS "$results" || true)
failed=$(grep -c ^FAIL "$results" || true)
skipped=$(grep -c ^SKIP "$results" || true)
echo "$passed passed, $failed failed$([ "$skipped" = 0 ] || echo ", $skipped skipped")"
[ "$failed" = 0 ]

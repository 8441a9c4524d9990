#!/usr/bin/env bash
# Two configured roots beside what mmdebstrap installs from the same packages: contents, modes, owners, links, attributes.
. "$(dirname "$0")/common.sh"
name="same tree as mmdebstrap"
[ "$(id -u)" = 0 ] || { skip "$name" "mmdebstrap needs root to show owners"; exit; }
with_mirror
with_emulator
project "$scratch/project"
network_image "$scratch/project"
"$pintree" -C "$scratch/project" build --until configured >"$scratch/out" 2>"$scratch/log" || say "$(tail -n 5 "$scratch/log")"
for which in demo/server net/network; do
  pins "$scratch/project" "${which%/*}" >"$scratch/pins"
  rm -rf --one-file-system "$scratch/tree"
  # The date that scripts write is that of the manifest.
  SOURCE_DATE_EPOCH=$(date -u -d 2026-01-01 +%s) mmdebstrap --quiet --mode=root --variant=custom --architectures=$arch \
    --include="$(paste -sd, "$scratch/pins")" bookworm "$scratch/tree" \
    "deb [signed-by=/usr/share/keyrings/debian-archive-keyring.gpg] $mirror bookworm main" 2>"$scratch/log" ||
    say "$(tail -n 5 "$scratch/log")"
  python3 "$root/tests/accept/compare-configured.py" "$scratch/project/_build/ostree" "image/$which/$arch/configured" "$scratch/tree" \
    >"$scratch/report" 2>"$scratch/log" && code=0 || code=$?
  grep ' explained: ' "$scratch/report" >&2 || true
  [ "$code" = 0 ] || { grep -v ' explained: ' "$scratch/report" | head -n 30 >&2; tail -n 3 "$scratch/log" >&2; }
  check "$name ($which)" "$code" "$(tail -n 1 "$scratch/report"), $(awk '/ explained: /{n += $1} END {print n + 0}' "$scratch/report") explained"
done

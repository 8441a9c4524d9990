#!/usr/bin/env bash
# A whole build to the sealed image beside mmdebstrap's, and beside the floor: the same scripts under plain chroot and qemu.
. "$(dirname "$0")/common.sh"
name="CPU of a build to sealed"
[ "$(id -u)" = 0 ] || { skip "$name" "mmdebstrap and chroot need root"; exit; }
BENCH_RUNS=${BENCH_RUNS:-5} "$root/benches/sealed.sh" "$bench" >"$scratch/report" 2>"$scratch/log" && code=0 || code=$?
cat "$scratch/report" >&2
[ "$code" = 0 ] || tail -n 5 "$scratch/log" >&2
ratio=$(awk '/^ratio/{print $2}' "$scratch/report")
check "$name" "$(python3 -c "print(int(not 0 < float('${ratio:-9}') <= 0.5))")" "$(grep '^ratio' "$scratch/report"), must 0.5"

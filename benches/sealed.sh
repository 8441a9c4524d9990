#!/usr/bin/env bash
# A whole build of the set M to the sealed image, armhf under qemu, beside mmdebstrap with the same packages, and beside
# the floor: the scripts that we ran, one after the other, in a plain chroot of the composed tree.
#
#   benches/sealed.sh [DIR]    DIR as in mirror.sh; needs root, mmdebstrap, and armhf registered with binfmt_misc
#
#   BENCH_RUNS  interleaved runs (default: 3)
#   PINTREE     the program (default: target/release/pintree)
#
# Prints CPU seconds (user and system, with all descendants) of each run, the medians, and `ratio` of ours to mmdebstrap's.
set -euo pipefail
root=$(cd "$(dirname "$0")/.." && pwd)
dir=${1:-$root/_bench}
pintree=$(realpath -m "${PINTREE:-${CARGO_TARGET_DIR:-$root/target}/release/pintree}")
runs=${BENCH_RUNS:-3}
[ "$(id -u)" = 0 ] || { echo "sealed.sh: mmdebstrap and chroot need root" >&2; exit 1; }
scratch=$(mktemp -d)
trap 'rm -rf --one-file-system "$scratch"' EXIT
export XDG_CACHE_HOME=$scratch/cache HOME=$scratch LC_ALL=C.UTF-8
# The peer needs the host's registration of qemu; ours makes its own.
if ! grep -qs enabled /proc/sys/fs/binfmt_misc/qemu-arm; then
  mountpoint -q /proc/sys/fs/binfmt_misc || mount -t binfmt_misc none /proc/sys/fs/binfmt_misc
  printf '%s' ':qemu-arm:M::\x7fELF\x01\x01\x01\x00\x00\x00\x00\x00\x00\x00\x00\x00\x02\x00\x28\x00:\xff\xff\xff\xff\xff\xff\xff\x00\xff\xff\xff\xff\xff\xff\xff\xff\xfe\xff\xff\xff:/usr/bin/qemu-arm-static:F' \
    >/proc/sys/fs/binfmt_misc/register
fi
mirror=$("$root/benches/mirror.sh" start "$dir")
cpu() { python3 "$root/tests/accept/cpu.py" "$scratch/cpu" "$@"; }
median() { sort -n "$1" | awk '{v[NR] = $1} END {print v[int((NR + 1) / 2)]}'; }
for ((run = 1; run <= runs; run++)); do
  project=$scratch/ours$run
  mkdir -p "$project/manifests"
  sed 's/, *"bookworm-updates"//' "$root/manifests/demo.toml" >"$project/manifests/demo.toml"
  echo "debian = \"$mirror\"" >"$project/mirrors.toml"
  cpu "$pintree" -C "$project" build >"$scratch/out" 2>"$scratch/log" || { tail -n 5 "$scratch/log" >&2; exit 1; }
  cat "$scratch/cpu" >>"$scratch/ours"
  "$pintree" -C "$project" --format json lock 2>/dev/null | python3 -c '
import json, sys
print(*sorted(pin["name"] + "=" + pin["version"] for pin in json.load(sys.stdin)["images"][0]["packages"]), sep="\n")' >"$scratch/pins"
  SOURCE_DATE_EPOCH=1767225600 cpu mmdebstrap --quiet --mode=root --variant=custom --architectures=armhf \
    --include="$(paste -sd, "$scratch/pins")" bookworm "$scratch/peer$run" \
    "deb [signed-by=/usr/share/keyrings/debian-archive-keyring.gpg] $mirror bookworm main" 2>"$scratch/log" ||
    { tail -n 5 "$scratch/log" >&2; exit 1; }
  cat "$scratch/cpu" >>"$scratch/peer"
  # The floor: the same calls in the same order, without checkpoints, commits and sandboxes.
  ostree --repo="$project/_build/ostree" checkout image/demo/server/armhf/composed "$scratch/floor$run"
  ostree --repo="$project/_build/ostree" show --print-metadata-key=pintree.scripts image/demo/server/armhf/configured |
    tr ',' '\n' | tr -d "[]'" >"$scratch/calls"
  cpu python3 "$root/benches/chroot.py" "$scratch/floor$run" "$scratch/calls" >"$scratch/out" 2>&1 || tail -n 3 "$scratch/out" >&2
  cat "$scratch/cpu" >>"$scratch/floor"
  echo "run $run: ours $(tail -n 1 "$scratch/ours") s, mmdebstrap $(tail -n 1 "$scratch/peer") s, scripts in a chroot $(tail -n 1 "$scratch/floor") s"
  rm -rf --one-file-system "$scratch/peer$run" "$scratch/floor$run" "$project"
done
ours=$(median "$scratch/ours") peer=$(median "$scratch/peer") floor=$(median "$scratch/floor")
echo "medians: ours $ours s, mmdebstrap $peer s, scripts in a chroot $floor s"
echo "ratio $(python3 -c "print(f'{$ours / $peer:.3f}')") of mmdebstrap, $(python3 -c "print(f'{$ours / $floor:.2f}')") of the floor"

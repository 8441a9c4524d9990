#!/usr/bin/env bash
# What the sandbox costs: the CPU of the configure step of the demo's image, beside that of the state before the sandbox
# was closed (BEFORE), in interleaved pairs from the same composed image without checkpoints.
#
#   PAIRS            how many pairs (default: 9)
#   BEFORE_PINTREE   the program of that state, where it is built already
# shellcheck source=tests/accept/common.sh
. "$(dirname "$0")/common.sh"
BEFORE=b96ac9e PAIRS=${PAIRS:-9}
with_mirror
before=${BEFORE_PINTREE:-}
if [ -z "$before" ]; then
  say "building $BEFORE"
  mkdir -p "$scratch/tree"
  git -C "$root" archive "$BEFORE" | tar -x -C "$scratch/tree"
  home=$(getent passwd "$(id -u)" | cut -d: -f6)
  (cd "$scratch/tree" && HOME=$home CARGO_TARGET_DIR=$target/before cargo build --release --quiet --bins)
  before=$target/before/release/pintree
fi
cpu() { python3 "$root/tests/accept/cpu.py" "$scratch/cpu" "$@"; }
for side in before after; do
  project "$scratch/$side"
  program=$pintree
  [ $side = after ] || program=$before
  # The first build records ids in the lockfile; what is measured has them.
  project "$scratch/first"
  "$program" -C "$scratch/first" -q build --until configured >/dev/null 2>"$scratch/log" || { say "$(tail -n 5 "$scratch/log")"; exit 1; }
  mkdir -p "$scratch/$side/lockfiles"
  cp "$scratch/first/lockfiles/demo.lock" "$scratch/$side/lockfiles/"
  "$program" -C "$scratch/$side" -q build --until composed >/dev/null 2>"$scratch/log" || { say "$(tail -n 5 "$scratch/log")"; exit 1; }
  rm -rf "$scratch/first"
done
for ((pair = 1; pair <= PAIRS; pair++)); do
  for side in before after; do
    program=$pintree
    [ $side = after ] || program=$before
    rm -rf "$scratch/run"
    cp -a "$scratch/$side" "$scratch/run"
    cpu "$program" -C "$scratch/run" -q build --until configured >/dev/null 2>"$scratch/log" || { say "$(tail -n 5 "$scratch/log")"; exit 1; }
    cat "$scratch/cpu" >>"$scratch/$side.cpu"
  done
  say "pair $pair: $BEFORE $(tail -n 1 "$scratch/before.cpu") s, now $(tail -n 1 "$scratch/after.cpu") s"
done
figure=$(python3 - "$scratch/before.cpu" "$scratch/after.cpu" <<'PYTHON'
import statistics
import sys
before, after = ([float(line) for line in open(path)] for path in sys.argv[1:])
ratios = sorted(new / old for old, new in zip(before, after))
print(f"{statistics.median(ratios):.3f} x (pairs {ratios[0]:.3f} to {ratios[-1]:.3f}; medians {statistics.median(before):.2f} s and {statistics.median(after):.2f} s)")
PYTHON
)
check "CPU of configure beside $BEFORE" "$(python3 -c "print(int(${figure%% *} > 1.05))")" "$figure, must 1.05, $PAIRS pairs"

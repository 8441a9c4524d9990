#!/usr/bin/env bash
# kill -9 of the build, or of its step alone, at random moments while scripts run or the image is sealed; then a rerun.
#
#   KILLS  how many moments (default: 20)
#   SEED   for the same moments again
. "$(dirname "$0")/common.sh"
with_mirror
with_stage sealed
kills=${KILLS:-20}
seed=${SEED:-$(date +%s)}
RANDOM=$seed
# Essential packages and an ssh server: enough scripts of all kinds, and little to wait for.
small() {
  project "$1" "file://$archive"
  sed -i 's/^packages = .*/packages = ["openssh-server"]/' "$1/manifests/demo.toml"
}
small "$scratch/reference"
"$pintree" -C "$scratch/reference" -q build --until composed >/dev/null
start=$(date +%s%N)
"$pintree" -C "$scratch/reference" -q build >/dev/null 2>"$scratch/log" || say "$(tail -n 5 "$scratch/log")"
milliseconds=$((($(date +%s%N) - start) / 1000000))
expected=$(commit "$scratch/reference")
say "reference: $expected, $milliseconds ms; seed $seed"
of_session() { pgrep -s "$1" "${@:2}" 2>/dev/null || true; }
same=0 mounted=0 cut=0 left=0
for ((round = 1; round <= kills; round++)); do
  project=$scratch/kill
  # Every fifth round starts from nothing, the others go on with the checkpoints that the last ones left.
  if [ $((round % 5)) = 1 ]; then
    rm -rf --one-file-system "$project"
    small "$project"
    mkdir "$project/lockfiles"
    cp "$scratch/reference/lockfiles/demo.lock" "$project/lockfiles/"
    "$pintree" -C "$project" -q build --until composed >/dev/null
  else
    rm -rf "$project"/_build/ostree/refs/heads/image
    # Two of the checkpoints, so that scripts run each time.
    find "$project/_build/ostree/refs/heads/stage" -type f | shuf -n 2 | xargs -r rm -f
  fi
  cp /proc/self/mounts "$scratch/before"
  moment=$((RANDOM * 32768 + RANDOM))
  moment=$((moment % milliseconds))
  setsid "$pintree" -C "$project" -q build >/dev/null 2>&1 &
  session=$!
  disown
  sleep "$((moment / 1000)).$(printf %03d $((moment % 1000)))"
  if [ $((round % 2)) = 0 ]; then pids=$(of_session "$session" -f 'pintree.* step '); else pids=$(of_session "$session"); fi
  # Each is a process of the session that was started above.
  for pid in $pids; do kill -9 "$pid" 2>/dev/null || true; done
  while [ -n "$(of_session "$session")" ]; do sleep 0.05; done
  [ "$(commit "$project")" = "$expected" ] || cut=$((cut + 1))
  # By a pipe: of a file in /proc, cmp takes the size for 0 and looks no further.
  cat /proc/self/mounts | cmp -s - "$scratch/before" && mounted=$((mounted + 1)) || say "mounts differ"
  "$pintree" -C "$project" -q build --locked >/dev/null 2>"$scratch/rerun" || say "rerun: $(tail -n 5 "$scratch/rerun")"
  found=$(commit "$project")
  [ "$found" != "$expected" ] || same=$((same + 1))
  left=$((left + $(find "$project/_build/work" -mindepth 1 2>/dev/null | wc -l)))
  say "$round/$kills: after $moment ms: rerun $([ "$found" = "$expected" ] && echo same || echo "DIFFERS: $found")"
done
check "same image commit after kill -9" "$(is "$same" = "$kills")" "$same of $kills ($cut builds cut short, seed $seed)"
check "/proc/mounts after kill -9" "$(is "$mounted" = "$kills")" "$mounted of $kills as before"
check "scratch files after a rerun" "$(is "$left" = 0)" "$left"

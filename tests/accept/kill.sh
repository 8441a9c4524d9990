#!/usr/bin/env bash
# kill -9 of pintree, ninja and steps at random moments of a build, each in a project of its own, then a rerun.
#
#   KILLS  how many moments (default: 30)
#   SEED   for the same moments again
. "$(dirname "$0")/common.sh"
with_mirror
kills=${KILLS:-30}
seed=${SEED:-$(date +%s)}
RANDOM=$seed

# Packages come from the disk: a kill is then more often in the middle of unpacking.
project "$scratch/reference" "file://$archive"
"$pintree" -C "$scratch/reference" -q lock
start=$(date +%s%N)
"$pintree" -C "$scratch/reference" -q build --until composed >/dev/null
milliseconds=$((($(date +%s%N) - start) / 1000000))
expected=$(commit "$scratch/reference")
say "reference: $expected, $milliseconds ms; seed $seed"

# Processes of the session that `setsid` gave to the build, oldest first.
of_session() { pgrep -s "$1" "${@:2}" 2>/dev/null || true; }

same=0 clean=0 killed=0 cut=0 bad=()
for ((round = 1; round <= kills; round++)); do
  project=$scratch/kill
  rm -rf "$project"
  project "$project" "file://$archive"
  mkdir "$project/lockfiles"
  cp "$scratch/reference/lockfiles/demo.lock" "$project/lockfiles/"
  moment=$((RANDOM * 32768 + RANDOM))
  moment=$((moment % (milliseconds * 9 / 10)))
  setsid "$pintree" -C "$project" -q build --until composed >/dev/null 2>&1 &
  session=$!
  disown
  sleep "$((moment / 1000)).$(printf %03d $((moment % 1000)))"
  kind=$((round % 4))
  case $kind in
    0) what="everything"; pids=$(of_session "$session") ;;
    1) what="ninja"; pids=$(of_session "$session" -x ninja) ;;
    2) what="one step"; pids=$(of_session "$session" -f 'pintree.* step ' | shuf -n 1) ;;
    3) what="ninja and all steps"; pids="$(of_session "$session" -x ninja) $(of_session "$session" -f 'pintree.* step ')" ;;
  esac
  # Each is a process of the session that was started above.
  for pid in $pids; do kill -9 "$pid" 2>/dev/null && killed=$((killed + 1)) || true; done
  imported=$(find "$project/_build/ostree/refs/heads/deb" -type f 2>/dev/null | wc -l)
  [ "$(commit "$project")" = "$expected" ] || cut=$((cut + 1))
  "$pintree" -C "$project" -q build --until composed --locked >/dev/null 2>"$scratch/rerun" || say "rerun: $(tail -n 5 "$scratch/rerun")"
  while [ -n "$(of_session "$session")" ]; do sleep 0.05; done
  found=$(commit "$project")
  ostree --repo="$project/_build/ostree" fsck -q >/dev/null 2>"$scratch/fsck" && sound=0 || sound=1
  [ "$found" != "$expected" ] || same=$((same + 1))
  [ "$sound" != 0 ] || clean=$((clean + 1))
  if [ "$found" != "$expected" ] || [ "$sound" != 0 ]; then bad+=("round $round, $what at $moment ms: $found, $(tail -n 1 "$scratch/fsck")"); fi
  say "$round/$kills: $what after $moment ms, $imported packages imported: rerun $([ "$found" = "$expected" ] && echo same || echo "DIFFERS"), fsck $([ "$sound" = 0 ] && echo clean || echo "NOT CLEAN")"
done
[ ${#bad[@]} = 0 ] || printf '%s\n' "${bad[@]}" >&2
check "same commit after kill -9" "$(is "$same" = "$kills")" "$same of $kills ($killed processes killed, $cut builds cut short, seed $seed)"
check "ostree fsck after kill -9" "$(is "$clean" = "$kills")" "$clean of $kills clean"

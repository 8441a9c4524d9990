#!/usr/bin/env bash
# One lockfile sealed four times: by root, by a user with subordinate ids, by one without, and in another place under other
# settings; clock.sh is the fifth.
. "$(dirname "$0")/common.sh"
name="one image commit everywhere"
[ "$(id -u)" = 0 ] || { skip "$name" "only root can be three users"; exit; }
with_mirror
with_stage sealed
project "$scratch/first"
say "the first build"
"$pintree" -C "$scratch/first" build >"$scratch/out" 2>"$scratch/log" || say "$(tail -n 5 "$scratch/log")"
# Users who may not read this checkout still need the programs.
mkdir "$scratch/bin"
cp "$pintree" "$(dirname "$pintree")"/pintree-* "$scratch/bin/" 2>/dev/null || true
rm -f "$scratch"/bin/*.d
chmod -R a+rX "$scratch/bin"
subordinate=${SUBORDINATE_USER:-pt-sub} alone=${LONE_USER:-pt-nosub}
id "$subordinate" >/dev/null 2>&1 || useradd --add-subids-for-system --system "$subordinate"
id "$alone" >/dev/null 2>&1 || useradd --system "$alone"
grep -q "^$subordinate:" /etc/subuid || usermod --add-subuids 100000-165535 --add-subgids 100000-165535 "$subordinate"

# one NAME USER UMASK TZ LOCALE JOBS COMMAND…: seals in a directory of its own.
commits=()
one() {
  local directory=$scratch/$1/deep/er user=$2 mask=$3 zone=$4 locale=$5 jobs=$6 made
  shift 6
  mkdir -p "$directory/lockfiles" "${directory%/deep/er}/home"
  project "$directory"
  cp "$scratch/first/lockfiles/demo.lock" "$directory/lockfiles/"
  local as=()
  if [ "$user" != root ]; then
    chown -R "$user:" "${directory%/deep/er}"
    as=(setpriv "--reuid=$user" "--regid=$(id -g "$user")" --clear-groups)
  fi
  (
    umask "$mask"
    "${as[@]}" env -i PATH="$PATH:/usr/bin:/bin" HOME="${directory%/deep/er}/home" TZ="$zone" LC_ALL="$locale" \
      "$@" "$scratch/bin/pintree" -C "$directory" build --locked --jobs "$jobs" >"$scratch/out" 2>"$scratch/log"
  ) || say "$(tail -n 8 "$scratch/log")"
  made=$(commit "$directory")
  say "$user, umask $mask, TZ $zone, locale $locale, -j $jobs${*:+, $*}: $made"
  commits+=("$made")
}
commits+=("$(commit "$scratch/first")")
one a "$subordinate" 077 Asia/Kathmandu tr_TR.UTF-8 7
one b "$alone" 002 America/St_Johns C 3
one c root 000 Pacific/Kiritimati POSIX 16
distinct=$(printf '%s\n' "${commits[@]}" | sort -u | wc -l)
good=1
if [ "$distinct" = 1 ] && [ "${commits[0]}" != none ]; then good=0; fi
check "$name" $good "$distinct distinct of ${#commits[@]} builds: ${commits[0]}"

# What an ordinary user leaves behind is that user's.
foreign=$(find "$scratch/a" "$scratch/b" ! -user "$subordinate" ! -user "$alone" | wc -l)
check "nothing is left that belongs to others" "$(is "$foreign" = 0)" "$foreign files"

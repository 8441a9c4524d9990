#!/usr/bin/env bash
# One lockfile built in different directories, by different users, with other umask, time zone, locale and job count.
. "$(dirname "$0")/common.sh"
with_mirror
project "$scratch/first"
"$pintree" -C "$scratch/first" -q lock
# A user who may not read this checkout still needs the programs.
mkdir "$scratch/bin"
cp "$pintree" "$(dirname "$pintree")"/pintree-* "$scratch/bin/" 2>/dev/null || true
rm -f "$scratch"/bin/*.d
chmod -R a+rX "$scratch/bin"

# one NAME USER UMASK TZ LOCALE JOBS: builds in a directory of its own and prints the commit.
one() {
  local directory=$scratch/$1/deep/er jobs=$6 user=$2
  mkdir -p "$directory/lockfiles" "$scratch/$1/home"
  project "$directory"
  cp "$scratch/first/lockfiles/demo.lock" "$directory/lockfiles/"
  local as=()
  if [ "$user" != "$(id -u)" ]; then
    chown -R "$user:$user" "$scratch/$1"
    as=(setpriv "--reuid=$user" "--regid=$user" --clear-groups)
  fi
  (
    umask "$3"
    "${as[@]}" env -i PATH="$PATH:/usr/bin:/bin" HOME="$scratch/$1/home" TZ="$4" LC_ALL="$5" LANG="$5" \
      "$scratch/bin/pintree" -C "$directory" build --until composed --locked --jobs "$jobs" >"$scratch/$1.out" 2>"$scratch/$1.log"
  ) || { say "$(tail -n 5 "$scratch/$1.log")"; }
  local made
  made=$(commit "$directory")
  say "user $user, umask $3, TZ $4, locale $5, -j $jobs: $made"
  commits+=("$made")
}

commits=()
other=$(id -u)
[ "$(id -u)" != 0 ] || other=65534
one a "$(id -u)" 022 UTC C.UTF-8 1
one b "$other" 077 Asia/Kathmandu tr_TR.UTF-8 7
one c "$other" 002 America/St_Johns C 3
one d "$(id -u)" 000 Pacific/Kiritimati POSIX 16
distinct=$(printf '%s\n' "${commits[@]}" | sort -u | wc -l)
good=1
if [ "$distinct" = 1 ] && [ "${commits[0]}" != none ]; then good=0; fi
note=
[ "$other" != "$(id -u)" ] || note=", one user only: root can try two"
check "same commit everywhere" $good "$distinct distinct of ${#commits[@]} builds$note: ${commits[0]}"
ostree --repo="$scratch/b/deep/er/_build/ostree" fsck -q >/dev/null 2>"$scratch/log" && code=0 || code=$?
check "ostree fsck" "$code" "exit $code"

#!/usr/bin/env bash
# One lockfile sealed five times: by root, by a user with subordinate ids, by one without, in another place under other
# settings, and with a clock that is a year ahead for pintree and for the scripts in the sandbox.
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

# Another clock: libfaketime is loaded into every program of the sandbox by a package of its own, whose one setting is all
# that may differ between the two trees.
clock() {
  local offset=$1 directory=$scratch/clock$1 tree=$scratch/shim$1
  mkdir -p "$tree/DEBIAN" "$tree/etc" "$directory/manifests" "$directory/debs"
  echo /usr/lib/arm-linux-gnueabihf/faketime/libfaketime.so.1 >"$tree/etc/ld.so.preload"
  echo "$offset" >"$tree/etc/faketimerc"
  printf '%s\n' "Package: clock-shim" "Version: 1" "Architecture: armhf" "Essential: yes" "Pre-Depends: libfaketime" \
    "Maintainer: Nobody <nobody@example.org>" "Description: another clock for every program" >"$tree/DEBIAN/control"
  SOURCE_DATE_EPOCH=0 dpkg-deb --root-owner-group --build "$tree" "$directory/debs/clock-shim_1_armhf.deb" >/dev/null
  cat >"$directory/manifests/demo.toml" <<TOML
arches = ["armhf"]
epoch = 2026-01-01

[repo.debian]
deb = "debian"
suites = ["bookworm"]
components = ["main"]
key = "builtin:debian-bookworm"

[repo.local]
deb = "dir:debs"
trust = "none"

[image.server]
packages = ["clock-shim", "openssh-server", "ca-certificates", "debconf"]
TOML
  # The year ahead is pintree's too; its programs are the host's.
  local with=()
  [ "$offset" = +0 ] || with=(faketime -f "$offset")
  "$pintree" -C "$directory" -q lock 2>>"$scratch/log" || return
  "${with[@]}" "$pintree" -C "$directory" build --until configured >"$scratch/out" 2>>"$scratch/log" || say "$(tail -n 8 "$scratch/log")"
}
name="a clock that is a year ahead"
if ! command -v faketime >/dev/null; then
  skip "$name" "faketime is not installed"
  exit
fi
: >"$scratch/log"
clock +0
clock +365d
ref=image/demo/server/armhf/configured
checkouts=()
for offset in +0 +365d; do
  if ! ostree --repo="$scratch/clock$offset/_build/ostree" checkout -U "$ref" "$scratch/tree$offset" 2>>"$scratch/log"; then
    check "$name" 1 "no tree: $(tail -n 1 "$scratch/log")"
    exit
  fi
  ostree --repo="$scratch/clock$offset/_build/ostree" ls -R "$ref" >"$scratch/list$offset"
  checkouts+=("$scratch/tree$offset")
done
differ=$(diff -rq --no-dereference "${checkouts[@]}" | grep -vc -e '/etc.*faketimerc' -e 'clock-shim.md5sums' -e 'dpkg.*status' || true)
meta=$(diff "$scratch/list+0" "$scratch/list+365d" | grep '^[<>]' | grep -vc -e faketimerc -e clock-shim -e '/var/lib/dpkg/status' || true)
check "$name" "$(is "$differ $meta" = "0 0")" "$differ files and $meta owners or modes differ, the clock's own setting apart (libfaketime in every program of the sandbox)"

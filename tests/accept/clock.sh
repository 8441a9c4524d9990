#!/usr/bin/env bash
# One lockfile configured today and with a clock that is a year ahead, for pintree and for the scripts in the sandbox.
. "$(dirname "$0")/common.sh"

# Another clock: a library that a package of its own has loaded into every program of the sandbox (clock.c); what it adds
# to the time is all that may differ between the two trees. libfaketime does not reach programs with 64-bit times there.
clock() {
  local offset=$1 directory=$scratch/clock$1 tree=$scratch/shim$1
  mkdir -p "$tree/DEBIAN" "$tree/etc" "$tree/usr/lib" "$directory/debs"
  arm-linux-gnueabihf-gcc -shared -fPIC -nostdlib -ffreestanding -O2 -DOFFSET="$((offset * 86400))" -o "$tree/usr/lib/clock-shim.so" "$root/tests/accept/clock.c"
  echo /usr/lib/clock-shim.so >"$tree/etc/ld.so.preload"
  printf '%s\n' "Package: clock-shim" "Version: 1" "Architecture: armhf" "Essential: yes" "Pre-Depends: libc6" \
    "Maintainer: Nobody <nobody@example.org>" "Description: another clock for every program" >"$tree/DEBIAN/control"
  # Its script tells the year that scripts see.
  printf '#!/bin/sh\necho "year $(date -u +%%Y) $(perl -e "print 1900 + (gmtime)[5]")"\n' >"$tree/DEBIAN/postinst"
  chmod 755 "$tree/DEBIAN/postinst"
  SOURCE_DATE_EPOCH=0 dpkg-deb --root-owner-group --build "$tree" "$directory/debs/clock-shim_1_armhf.deb" >/dev/null
  with_local "$directory"
  sed -n '/^\[image/,$p' "$root/manifests/demo.toml" | sed 's/^packages = \[/&"clock-shim", /' >>"$directory/manifests/demo.toml"
  # The year ahead is pintree's too; its programs are the host's.
  local with=()
  [ "$offset" = 0 ] || with=(faketime -f "+${offset}d")
  "$pintree" -C "$directory" -q lock 2>>"$scratch/log" || return
  "${with[@]}" "$pintree" -C "$directory" build >"$scratch/out" 2>>"$scratch/log" || say "$(tail -n 8 "$scratch/log")"
}
# year OFFSET: what that script said.
year() { sed -n 's/^year //p' "$scratch/clock$1/_build/logs/demo.server.armhf.configure.log" 2>/dev/null || true; }
name="a clock that is a year ahead"
for tool in faketime arm-linux-gnueabihf-gcc; do
  if ! command -v "$tool" >/dev/null; then
    skip "$name" "$tool is not installed"
    exit
  fi
done
: >"$scratch/log"
clock 0
clock 365
ref=image/demo/server/armhf/sealed
checkouts=()
for offset in 0 365; do
  if ! ostree --repo="$scratch/clock$offset/_build/ostree" checkout -U "$ref" "$scratch/tree$offset" 2>>"$scratch/log"; then
    check "$name" 1 "no tree: $(tail -n 1 "$scratch/log")"
    exit
  fi
  ostree --repo="$scratch/clock$offset/_build/ostree" ls -R "$ref" >"$scratch/list$offset"
  # A digest of the whole tree, and so of the clock's library too.
  sed -i '/^IMAGE_VERSION=/d' "$scratch/tree$offset/usr/lib/os-release"
  checkouts+=("$scratch/tree$offset")
done
differ=$(diff -rq --no-dereference "${checkouts[@]}" | grep -vc -e clock-shim.so -e clock-shim.md5sums -e 'dpkg.*status' || true)
meta=$(diff "$scratch/list0" "$scratch/list365" | grep '^[<>]' | grep -vc -e clock-shim -e 'dpkg/status' || true)
seen="$(year 0) and $(year 365)"
here=$(date -u +%Y) ahead=$(date -u -d '+365 days' +%Y)
check "$name" "$(is "$differ $meta $seen" = "0 0 $here $here and $ahead $ahead")" "scripts saw $seen; $differ files and $meta owners or modes differ, the clock's own library apart (preloaded into every program of the sandbox; pintree and ninja under faketime)"

#!/usr/bin/env bash
# One lockfile configured today and with a clock that is a year ahead, for pintree and for the scripts in the sandbox.
. "$(dirname "$0")/common.sh"

# Another clock: libfaketime is loaded into every program of the sandbox by a package of its own, whose one setting is all
# that may differ between the two trees.
clock() {
  local offset=$1 directory=$scratch/clock$1 tree=$scratch/shim$1
  mkdir -p "$tree/DEBIAN" "$tree/etc" "$directory/manifests" "$directory/debs"
  echo /usr/lib/arm-linux-gnueabihf/faketime/libfaketime.so.1 >"$tree/etc/ld.so.preload"
  echo "$offset" >"$tree/etc/faketimerc"
  printf '%s\n' "Package: clock-shim" "Version: 1" "Architecture: armhf" "Essential: yes" "Pre-Depends: libfaketime" \
    "Maintainer: Nobody <nobody@example.org>" "Description: another clock for every program" >"$tree/DEBIAN/control"
  # Its script tells the year that scripts see.
  printf '#!/bin/sh\necho "year $(date -u +%%Y)"\n' >"$tree/DEBIAN/postinst"
  chmod 755 "$tree/DEBIAN/postinst"
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
# year OFFSET: what that script said.
year() { sed -n 's/^year //p' "$scratch/clock$1/_build/logs/demo.server.armhf.configure.log" 2>/dev/null || true; }
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
seen="$(year +0) and $(year +365d)"
check "$name" "$(is "$differ $meta $seen" = "0 0 $(date -u +%Y) and $(date -u -d '+365 days' +%Y)")" "scripts saw $seen; $differ files and $meta owners or modes differ, the clock's own setting apart (libfaketime in every program of the sandbox)"

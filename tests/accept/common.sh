# What the acceptance parts share; sourced by each. A part prints `PASS|FAIL|SKIP name: figure` lines and nothing else
# on stdout, and its exit code is 1 when a line says FAIL. Each can be run alone.
#
#   PINTREE         the program (default: target/release/pintree)
#   BENCH_DIR       where benches/mirror.sh keeps its mirror (default: _bench)
#   ACCEPT_KEEP=1   leave the scratch directory behind
# shellcheck shell=bash
set -euo pipefail

root=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)
target=${CARGO_TARGET_DIR:-$root/target}
pintree=$(realpath -m "${PINTREE:-$target/release/pintree}")
bench=${BENCH_DIR:-$root/_bench}
failures=0
[ -x "$pintree" ] || { echo "error: \`$pintree\` is missing; run \`make build\`" >&2; exit 2; }

# Only what a test sets reaches pintree.
unset CI PINTREE_OFFLINE PINTREE_CPU_SLOTS PINTREE_CONNECTIONS PINTREE_OUTCOMES
export LC_ALL=C.UTF-8 TZ=UTC
umask 022

scratch=$(mktemp -d)
chmod 755 "$scratch"
export XDG_CACHE_HOME=$scratch/cache XDG_CONFIG_HOME=$scratch/config HOME=$scratch
server_is_ours=
leave() {
  local code=$?
  [ -z "$server_is_ours" ] || "$root/benches/mirror.sh" stop "$bench" || true
  if [ -n "${ACCEPT_KEEP:-}" ]; then echo "kept: $scratch" >&2; else rm -rf "$scratch"; fi
  if [ "$code" = 0 ] && [ "$failures" != 0 ]; then code=1; fi
  exit $code
}
trap leave EXIT

say() { printf '%s\n' "$*" >&2; }
# check NAME CONDITION FIGURE: CONDITION is the exit code of what was tried, or any other number for "no".
check() {
  if [ "$2" = 0 ]; then printf 'PASS %s: %s\n' "$1" "$3"; else printf 'FAIL %s: %s\n' "$1" "$3"; failures=$((failures + 1)); fi
}
skip() { printf 'SKIP %s: %s\n' "$1" "$2"; }
# is WORDS…: 0 or 1, as `test` says.
is() { if [ "$@" ]; then echo 0; else echo 1; fi; }

# Serves the local mirror and sets `mirror` (its URL) and `archive` (its directory).
with_mirror() {
  "$root/benches/mirror.sh" url "$bench" >/dev/null 2>&1 || server_is_ours=1
  mirror=$("$root/benches/mirror.sh" start "$bench")
  # shellcheck disable=SC2034  # for those who source this
  archive=$(cd "$bench/mirror/debian" && pwd)
}

# project DIR [URL]: the demo's manifest as a project of its own, from the local mirror's one suite.
project() {
  mkdir -p "$1/manifests"
  sed 's/, *"bookworm-updates"//' "$root/manifests/demo.toml" >"$1/manifests/demo.toml"
  echo "debian = \"${2:-$mirror}\"" >"$1/mirrors.toml"
}

image=server arch=armhf
ref=image/demo/$image/$arch/composed
commit() { cat "$1/_build/ostree/refs/heads/$ref" 2>/dev/null || echo none; }
# steps LOG: how many steps a `build --format json` ran.
steps() { python3 -c 'import json, sys; print(json.load(open(sys.argv[1]))["steps"])' "$1"; }

# with_stage STAGE: what `commit` reads from here on.
with_stage() { ref=image/demo/$image/$arch/$1; }

# with_local DIR: a manifest `demo` of the archive that apt uses here and of package files in DIR/debs; its images follow.
with_local() {
  mkdir -p "$1/manifests" "$1/debs"
  cat >"$1/manifests/demo.toml" <<TOML
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

TOML
}

# The image of the second comparison, as a manifest `net` with the same repository.
network_image() {
  mkdir -p "$1/manifests"
  sed -n '/^\[image/q;p' "$1/manifests/demo.toml" >"$1/manifests/net.toml"
  printf '[image.network]\npackages = ["python3", "ca-certificates", "dbus", "network-manager"]\n' >>"$1/manifests/net.toml"
}

# pins PROJECT MANIFEST: NAME=VERSION of every package, one a line.
pins() {
  "$pintree" -C "$1" --format json lock "manifests/$2.toml" 2>/dev/null | python3 -c '
import json, sys
print(*sorted(pin["name"] + "=" + pin["version"] for pin in json.load(sys.stdin)["images"][0]["packages"]), sep="\n")'
}

# Registers qemu for armhf with the kernel, for programs that pintree does not run: needs root, and does nothing without.
with_emulator() {
  [ "$(id -u)" = 0 ] || return 0
  mountpoint -q /proc/sys/fs/binfmt_misc || mount -t binfmt_misc none /proc/sys/fs/binfmt_misc
  [ -e /proc/sys/fs/binfmt_misc/qemu-arm ] || printf '%s' ':qemu-arm:M::\x7fELF\x01\x01\x01\x00\x00\x00\x00\x00\x00\x00\x00\x00\x02\x00\x28\x00:\xff\xff\xff\xff\xff\xff\xff\x00\xff\xff\xff\xff\xff\xff\xff\xff\xfe\xff\xff\xff:/usr/bin/qemu-arm-static:F' \
    >/proc/sys/fs/binfmt_misc/register
}

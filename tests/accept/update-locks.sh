# A real update: bookworm to bookworm, updates and security, on amd64 and arm64, from the archive that this host's apt uses.
# Sourced; leaves old, kept and new as .lock and .json in $scratch: bookworm alone, the same with the other suites allowed,
# and all of it moved.
# shellcheck shell=bash
. "$(dirname "${BASH_SOURCE[0]}")/common.sh"
project=$scratch/project
mkdir -p "$project/manifests"
# manifest SUITES [SECURITY]
manifest() {
  cat <<TOML
arches = ["amd64", "arm64"]

[repo.debian]
deb = "debian"
suites = [$1]
components = ["main"]
key = "builtin:debian-bookworm"
${2:-}
[image.server]
packages = ["systemd-sysv", "openssh-server", "nginx", "ca-certificates", "python3", "curl", "git", "postgresql", "vim"]

[image.desktop]
extends = "server"
packages = ["network-manager", "xfce4", "lightdm", "chromium", "libreoffice-writer", "gimp", "vlc", "gnome-core", "kde-standard", "build-essential", "default-jdk", "inkscape"]
TOML
}
security='
[repo.debian-security]
deb = "debian-security"
suites = ["bookworm-security"]
components = ["main"]
key = "builtin:debian-bookworm"
'
lock() { # lock NAME WORDS…: one run, its result kept under that name
  local name=$1 code=0
  shift
  "$pintree" -C "$project" --format json lock "$@" >"$scratch/$name.json" 2>"$scratch/$name.log" || code=$?
  cp "$project/lockfiles/update.lock" "$scratch/$name.lock" 2>/dev/null || true
  [ "$code" = 0 ] || say "lock $*: exit $code: $(tail -n 5 "$scratch/$name.log")"
  return $code
}
manifest '"bookworm"' >"$project/manifests/update.toml"
lock old || { check "real update" 1 "bookworm alone cannot be locked"; exit 1; }
manifest '"bookworm", "bookworm-updates"' "$security" >"$project/manifests/update.toml"
lock kept || { check "real update" 1 "bookworm, updates and security cannot be locked"; exit 1; }
lock new --upgrade || { check "real update" 1 "the update cannot be locked"; exit 1; }

#!/usr/bin/env bash
# The database of a configured root, and whether its programs work: `dpkg --audit` and `--verify` on a checkout, and nginx,
# sshd and python under qemu-user in it.
. "$(dirname "$0")/common.sh"
with_mirror
with_stage configured
project "$scratch/project"
"$pintree" -C "$scratch/project" build --until configured >"$scratch/out" 2>"$scratch/log" || say "$(tail -n 5 "$scratch/log")"
tree=$scratch/tree
# Owners and modes as in the image need root; programs that are tried do not look at them otherwise.
flags=(-U)
[ "$(id -u)" != 0 ] || flags=()
ostree --repo="$scratch/project/_build/ostree" checkout "${flags[@]}" "$ref" "$tree"
audit=$(dpkg --root="$tree" --audit 2>&1) && code=0 || code=$?
check "dpkg --audit" "$(is "$code$audit" = 0)" "$(printf %s "$audit" | grep -c . || true) lines, exit $code"
verify=$(dpkg --root="$tree" --verify 2>&1) && code=0 || code=$?
check "dpkg --verify" "$(is "$code$verify" = 0)" "$(printf %s "$verify" | grep -c . || true) lines, exit $code"
states=$(dpkg-query --admindir="$tree/var/lib/dpkg" -W -f '${Status}\n' | sort | uniq -c | sed 's/^ *//')
locked=$(pins "$scratch/project" demo | wc -l)
check "every package is installed" "$(is "$states" = "$locked install ok installed")" "$states, $locked locked"

# inside COMMAND…: runs a program of the tree in a root and namespaces of its own, with a network that leads nowhere.
inside() {
  # shellcheck disable=SC2016  # the inner shell has these
  unshare --mount --net --pid --ipc --uts --fork env -i PATH=/usr/sbin:/usr/bin:/sbin:/bin LC_ALL=C.UTF-8 sh -c '
    mount -t proc proc "$0/proc" && mount -t tmpfs none "$0/run" && mount -t tmpfs none "$0/tmp" &&
      mount --rbind /dev "$0/dev" && exec chroot "$0" "$@"' "$tree" "$@"
}
with_emulator
if ! inside true 2>"$scratch/log"; then
  skip "programs of the image" "this host does not run armhf programs: $(tail -n 1 "$scratch/log")"
  exit
fi
try() {
  local name=$1
  shift
  output=$(inside "$@" 2>&1) && code=0 || code=$?
  check "$name" "$code" "exit $code${output:+, $(printf %s "$output" | tail -n 1)}"
}
try "nginx -t" nginx -t
try "sshd -t with keys made" sh -c 'mkdir -p /run/sshd && ssh-keygen -A >/dev/null && sshd -t'
try "python3 ssl" python3 -c 'import ssl; print(ssl.OPENSSL_VERSION)'

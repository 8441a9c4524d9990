#!/usr/bin/env bash
# A maintainer script that looks for the network and for the host's files finds nothing.
. "$(dirname "$0")/common.sh"
with_mirror
with_stage configured
mkdir -p "$scratch/project/debs" "$scratch/shim/DEBIAN"
project "$scratch/project"
python3 - "$scratch/project/manifests/demo.toml" <<'PYTHON'
import re, sys
path = sys.argv[1]
text = open(path).read()
text = text.replace("[image.server]", '[repo.local]\ndeb = "dir:debs"\ntrust = "none"\n\n[image.server]')
text = re.sub(r"packages = \[.*\]", 'packages = ["probe", "perl-base"]', text)
open(path, "w").write(text)
PYTHON
echo secret >"$scratch/secret"
port=${mirror##*:}
port=${port%%/*}
cat >"$scratch/shim/DEBIAN/control" <<'CONTROL'
Package: probe
Version: 1
Architecture: all
Maintainer: Nobody <nobody@example.org>
Description: looks around
CONTROL
cat >"$scratch/shim/DEBIAN/postinst" <<SCRIPT
#!/bin/sh
{
  test -e "$scratch/secret" && echo "host file"
  test -e "$root/Cargo.toml" && echo "host directory"
  for pid in /proc/[0-9]*; do tr '\\0' ' ' <\$pid/cmdline; echo; done | grep -e '[n]inja' -e '[n]ginx'
  perl -MSocket -e 'socket(S, PF_INET, SOCK_STREAM, 0) or exit; connect(S, sockaddr_in($port, inet_aton("127.0.0.1"))) and print "network\n"'
  ls /sys/class/net 2>/dev/null | grep -v '^lo$'
  env | grep -i -e secret_token -e "$scratch"
  mknod /tmp/device b 8 0 2>/dev/null && echo "device"
  mount -t proc none /mnt 2>/dev/null && test -d /mnt/1/root/home/* && echo "host root"
} >/var/log/probe
exit 0
SCRIPT
chmod 755 "$scratch/shim/DEBIAN/postinst"
dpkg-deb --root-owner-group --build "$scratch/shim" "$scratch/project/debs/probe_1_all.deb" >/dev/null
cp /proc/self/mounts "$scratch/before"
SECRET_TOKEN=x "$pintree" -C "$scratch/project" build --until configured >"$scratch/out" 2>"$scratch/log" || say "$(tail -n 8 "$scratch/log")"
found=$(ostree --repo="$scratch/project/_build/ostree" cat "$ref" /var/log/probe 2>&1) && code=0 || code=$?
check "a script finds nothing of the host" "$(is "$code$found" = 0)" "${found:-nothing}"
changed=$(diff /proc/self/mounts "$scratch/before" | grep -c "^[<>]" || true)
check "mounts" "$(is "$changed" = 0)" "$changed changed"

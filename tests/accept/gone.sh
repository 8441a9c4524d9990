#!/usr/bin/env bash
# Packages that are gone from the mirror are named, with the command that moves on; nothing is locked again silently.
. "$(dirname "$0")/common.sh"
with_mirror
mkdir -p "$archive/../changed"
overlay=$(mktemp -d "$archive/../changed/XXXXXX")
trap 'rm -rf "$overlay"; leave' EXIT
chmod 755 "$overlay"
cp -al "$archive/pool" "$archive/dists" "$overlay/"
rm "$overlay"/pool/main/n/nginx/nginx_*_armhf.deb "$overlay"/pool/main/o/openssh/openssh-server_*_armhf.deb

project=$scratch/project
project "$project"
"$pintree" -C "$project" -q lock
cp "$project/lockfiles/demo.lock" "$scratch/before.lock"
echo "debian = \"${mirror%/debian}/changed/${overlay##*/}\"" >"$project/mirrors.toml"
"$pintree" -C "$project" build --until composed >"$scratch/out" 2>"$scratch/log" && code=0 || code=$?
named=0
for package in nginx openssh-server; do grep -q "$package" "$scratch/log" && named=$((named + 1)); done
good=1
if [ "$code" = 4 ] && [ $named = 2 ]; then good=0; fi
check "packages gone from the mirror are named" $good "exit $code, $named of 2 named"
# shellcheck disable=SC2016  # the quotes are the message's
hint=$(grep -o '`pintree lock[^`]*`' "$scratch/log" | head -n 1 || true)
check "with the lock command that would move on" "$(is -n "$hint")" "${hint:-none}"
cmp -s "$scratch/before.lock" "$project/lockfiles/demo.lock" && code=0 || code=1
check "nothing is locked again" "$code" "the lockfile is $([ "$code" = 0 ] && echo "unchanged" || echo "changed")"
echo "debian = \"$mirror\"" >"$project/mirrors.toml"
"$pintree" -C "$project" --format json build --until composed >"$scratch/out" 2>"$scratch/log" && code=0 || code=$?
check "and the rest was kept" "$code" "exit $code, $(steps "$scratch/out" 2>/dev/null || echo no) steps once the packages are back"

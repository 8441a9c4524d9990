#!/usr/bin/env bash
# Builds without a network, and without packages.
. "$(dirname "$0")/common.sh"
with_mirror
project=$scratch/project
project "$project"
"$pintree" -C "$project" -q build --until composed >/dev/null 2>"$scratch/log"
first=$(commit "$project")

# The image is made anew, so that a step runs; then there is nothing to do.
rm -f "$project/_build/ostree/refs/heads/$ref"
sockets=0
for run in compose nothing; do
  strace -f -qq -e trace=network -o "$scratch/$run.trace" "$pintree" -C "$project" --offline build --until composed >/dev/null 2>"$scratch/$run.log" && code=0 || code=$?
  sockets=$((sockets + $(grep -c AF_INET "$scratch/$run.trace" || true)))
  [ "$code" = 0 ] || { say "$(tail -n 5 "$scratch/$run.log")"; break; }
done
good=1
if [ "$code" = 0 ] && [ "$(commit "$project")" = "$first" ]; then good=0; fi
check "build --offline works" $good "exit $code, $([ "$(commit "$project")" = "$first" ] && echo "same commit" || echo "another commit")"
check "build --offline opens no internet socket" "$(is "$sockets" = 0)" "$sockets calls name AF_INET or AF_INET6 in two runs"

# The same where the mirror is gone from the earth: no process could have asked it.
echo 'debian = "http://127.0.0.1:1/debian"' >"$project/mirrors.toml"
"$pintree" -C "$project" --frozen build --until composed >/dev/null 2>"$scratch/log" && code=0 || code=$?
check "build --frozen needs no mirror" "$code" "exit $code"

# Two packages are missing in the store.
refs=$project/_build/ostree/refs/heads/deb/1
gone=()
for package in nginx openssh-server; do
  digest=$(sed -n "s/^bin\\.$package = { armhf = \"\\([0-9a-f]*\\) .*/\\1/p" "$project/lockfiles/demo.lock")
  rm "$refs/$digest"
  gone+=("$package")
done
"$pintree" -C "$project" --offline build --until composed >/dev/null 2>"$scratch/log" && code=0 || code=$?
named=0
for package in "${gone[@]}"; do grep -q "$package" "$scratch/log" && named=$((named + 1)); done
good=1
if [ "$code" = 4 ] && [ $named = 2 ]; then good=0; fi
check "build --offline names the missing packages" $good "exit $code, $named of 2 named"
others=$(grep -c 'libc6\|systemd' "$scratch/log" || true)
check "and only those" "$(is "$others" = 0)" "$others lines name packages that are there"

# Nothing is there at all.
project "$scratch/empty"
mkdir "$scratch/empty/lockfiles"
cp "$project/lockfiles/demo.lock" "$scratch/empty/lockfiles/"
"$pintree" -C "$scratch/empty" --offline build --until composed >/dev/null 2>"$scratch/log" && code=0 || code=$?
check "build --offline from nothing" "$(is "$code" = 4)" "exit $code: $(head -n 2 "$scratch/log" | cut -c1-160 | paste -sd' ')"

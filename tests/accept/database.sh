#!/usr/bin/env bash
# The demo, as it is shipped, from the archive that this host's apt uses: what dpkg says of a checkout, and the lock.
. "$(dirname "$0")/common.sh"
project=$scratch/project
mkdir -p "$project/manifests"
cp "$root/manifests/demo.toml" "$project/manifests/"
[ ! -f "$root/lockfiles/demo.lock" ] || { mkdir "$project/lockfiles"; cp "$root/lockfiles/demo.lock" "$project/lockfiles/"; }
"$pintree" -C "$project" build --until composed >"$scratch/build" 2>"$scratch/log" && code=0 || code=$?
check "build of the demo" "$code" "$(tail -n 1 "$scratch/build")$([ "$code" = 0 ] || tail -n 5 "$scratch/log")"
[ "$code" = 0 ] || exit 1
ostree --repo="$project/_build/ostree" checkout -U "$ref" "$scratch/root"
dpkg --root="$scratch/root" --verify >"$scratch/verify" 2>&1 && code=0 || code=$?
check "dpkg --verify" "$(is "$code$(wc -c <"$scratch/verify")" = 00)" "exit $code, $(wc -l <"$scratch/verify") lines$(head -n 3 "$scratch/verify" | sed 's/^/; /')"
python3 "$root/tests/accept/pins.py" "$project/lockfiles/demo.lock" $image $arch >"$scratch/pins"
dpkg-query --admindir="$scratch/root/var/lib/dpkg" -W -f '${Package} ${Version} ${Architecture}\n' | LC_ALL=C sort >"$scratch/installed"
differ=$(LC_ALL=C sort "$scratch/pins" | comm -3 --nocheck-order - "$scratch/installed" | wc -l)
check "dpkg-query agrees with the lock" "$(is "$differ" = 0)" "$(wc -l <"$scratch/installed") packages installed, $(wc -l <"$scratch/pins") locked, $differ lines differ"
states=$(dpkg-query --admindir="$scratch/root/var/lib/dpkg" -W -f '${db:Status-Status}\n' | sort -u | paste -sd,)
check "every package is unpacked for dpkg" "$(is "$states" = unpacked)" "states: $states"

#!/usr/bin/env bash
# A null build runs no step; one changed pin runs one import and the compose.
. "$(dirname "$0")/common.sh"
with_mirror
project=$scratch/project
project "$project"
"$pintree" -C "$project" --format json build --until composed >"$scratch/first.json" 2>"$scratch/log"
first=$(commit "$project")
find "$project/_build/ostree/objects" "$project/_build/ostree/refs" -type f -printf '%p %T@ %i\n' | sort >"$scratch/before"
"$pintree" -C "$project" --format json build --until composed >"$scratch/null.json" 2>"$scratch/null.log"
find "$project/_build/ostree/objects" "$project/_build/ostree/refs" -type f -printf '%p %T@ %i\n' | sort >"$scratch/after"
n=$(steps "$scratch/null.json")
check "null build runs no step" "$(is "$n" = 0)" "$n steps, after $(steps "$scratch/first.json") in the first build; says \`$(tail -n 1 "$scratch/null.log")\`"
cmp -s "$scratch/before" "$scratch/after" && code=0 || code=1
check "null build writes nothing to the store" "$code" "$(wc -l <"$scratch/before") files, $(comm -3 "$scratch/before" "$scratch/after" | wc -l) differ"

# A package with a higher version, placed where a lockfile that pins it would have it fetched.
# The archive is served from another path, whose files are links to the mirror's.
mkdir -p "$archive/../changed"
overlay=$(mktemp -d "$archive/../changed/XXXXXX")
trap 'rm -rf "$overlay"; leave' EXIT
cp -al "$archive/pool" "$overlay/pool"
chmod 755 "$overlay"
pin=$(PYTHONPATH=$root/benches PYTHONDONTWRITEBYTECODE=1 python3 - "$project" "$overlay" "$scratch" <<'PYTHON'
import glob, os, re, shutil, sys
import debs
project, overlay, scratch = sys.argv[1:]
path = sorted(glob.glob(f"{overlay}/pool/main/n/nginx/nginx_*_armhf.deb"))[0]
deb, old, new, sha256, size = debs.changed(path, scratch)
shutil.copyfile(deb, path.replace(old, new))
lock = f"{project}/lockfiles/demo.lock"
text = open(lock).read()
text, count = re.subn(r'(bin\.nginx = \{ armhf = ")[0-9a-f]{64} \d+"', rf'\g<1>{sha256} {size} {new}"', text)
assert count == 1, count
open(lock, "w").write(text)
print(f"nginx {old} to {new}")
PYTHON
)
echo "debian = \"${mirror%/debian}/changed/${overlay##*/}\"" >"$project/mirrors.toml"
"$pintree" -C "$project" --format json build --until composed --locked >"$scratch/one.json" 2>"$scratch/one.log" && code=0 || code=$?
[ "$code" = 0 ] || say "$(tail -n 5 "$scratch/one.log")"
n=$(steps "$scratch/one.json" 2>/dev/null || echo "exit $code, no")
ran=$(python3 -c 'import json, sys; print(", ".join(json.loads(line)["step"] for line in open(sys.argv[1])))' "$project/_build/outcomes" 2>/dev/null || true)
good=1
if [ "$n" = 2 ] && [ "$(commit "$project")" != "$first" ]; then good=0; fi
check "one changed pin runs one import and the compose" $good "$pin: $n steps ($ran)"

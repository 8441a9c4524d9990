#!/usr/bin/env bash
# Two branches that update different packages of a real lockfile, merged by git with the merge driver: the result is what
# `pintree lock` makes of the merged manifest, whichever is merged into which, and no server is asked.
. "$(dirname "$0")/update-locks.sh"
cd "$project"
git() { command git -c user.name=Ann -c user.email=ann@example.org "$@"; }
restore() { cp "$scratch/kept.lock" lockfiles/update.lock; }

# Every second source package that an update moves, without those that come along in both halves.
python3 - "$scratch/kept.lock" "$scratch/new.lock" "$scratch" <<'PYTHON'
import sys, tomllib
load = lambda path: {source["name"]: source["version"] for source in tomllib.load(open(path, "rb"))["source"]}
old, new = load(sys.argv[1]), load(sys.argv[2])
moved = sorted(name for name in old if name in new and old[name] != new[name])
for half, name in enumerate(("left", "right")):
    with open(f"{sys.argv[3]}/{name}.sources", "w") as file:
        print(*moved[half::2], sep="\n", file=file)
PYTHON
words() { sed 's/^/--upgrade-package=/' "$scratch/$1.sources"; }

restore
git init -q -b main
"$pintree" init --git-drivers 2>"$scratch/init.log"
git add -A
git commit -q -m base
edit() { # edit SIDE: what a side changes in the manifest
  case $1 in
    left) sed -i 's/"vim"\]/"vim", "tree"]/' manifests/update.toml ;;
    right) sed -i 's/"inkscape"\]/"inkscape", "htop"]/' manifests/update.toml ;;
  esac
}
for side in left right; do
  git checkout -q -b $side main
  edit $side
  # shellcheck disable=SC2046  # one word a line
  "$pintree" lock $(words $side) 2>"$scratch/$side.log"
  git add -A
  git commit -q -m $side
done

# The same in one place.
git checkout -q main
edit left
edit right
# shellcheck disable=SC2046
"$pintree" lock $(words left) $(words right) 2>"$scratch/both.log"
cp lockfiles/update.lock "$scratch/both.lock"
git reset -q --hard

git checkout -q left
code=0
began=$(date +%s%N)
strace -f -qq -e trace=socket -o "$scratch/sockets" git -c user.name=Ann -c user.email=ann@example.org merge -q --no-edit right 2>"$scratch/merge.log" || code=$?
took=$((($(date +%s%N) - began) / 1000000))
cp lockfiles/update.lock "$scratch/merged.lock"
changed="$(wc -l <"$scratch/left.sources") and $(wc -l <"$scratch/right.sources")"
check "branches merge by themselves" $code "$changed source packages updated and a request added on each side, exit $code, $took ms under strace"
sockets=$(grep -c AF_INET "$scratch/sockets" || true)
check "merging asks no server" "$(is "$sockets" = 0)" "$sockets sockets of the Internet families"

code=0
cmp "$scratch/merged.lock" "$scratch/both.lock" >"$scratch/cmp" 2>&1 || code=$?
check "merged as if done in one place" $code "$(wc -c <"$scratch/merged.lock") bytes$([ $code = 0 ] || { echo -n "; "; cat "$scratch/cmp"; })"
code=0
"$pintree" lock --check 2>"$scratch/check.log" && "$pintree" lock 2>"$scratch/lock.log" && cmp lockfiles/update.lock "$scratch/merged.lock" >"$scratch/cmp" 2>&1 || code=$?
check "pintree lock leaves the merged lockfile alone" $code "$(git status --porcelain --untracked-files=no | wc -l) files differ from the merge"

git checkout -q right
code=0
git merge -q --no-edit left^1 2>"$scratch/merge.log" || code=$?
cmp lockfiles/update.lock "$scratch/merged.lock" >"$scratch/cmp" 2>&1 || code=$?
check "merged the other way round" $code "the same bytes$([ $code = 0 ] || { echo -n ", not: "; cat "$scratch/cmp"; })"

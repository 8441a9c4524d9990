#!/usr/bin/env bash
# What `pintree diff` says of a real update: its counts, its security updates, its time, its Markdown and its JSON.
. "$(dirname "$0")/update-locks.sh"
cd "$project"
cat >.gitignore <<<'/_build/'
for state in kept new; do
  cp "$scratch/$state.lock" lockfiles/update.lock
  [ -d .git ] || git init -q
  git add -A
  git -c user.name=Ann -c user.email=ann@example.org commit -q -m "$state"
done
for format in human json markdown; do
  "$pintree" diff HEAD~1.. --format $format >"$scratch/diff.$format"
done
cmark-gfm -e table -e strikethrough -e autolink -e tagfilter --unsafe "$scratch/diff.markdown" >"$scratch/diff.html"
python3 "$root/tests/accept/review.py" "$scratch" >"$scratch/report" && code=0 || code=$?
cat "$scratch/report"
[ "$code" = 0 ] || failures=$((failures + 1))

code=0
jsonschema -i "$scratch/diff.json" "$root/docs/diff.schema.json" >"$scratch/schema.log" 2>&1 || code=$?
check "JSON fits its schema" $code "$(wc -c <"$scratch/diff.json") bytes$([ $code = 0 ] || { echo -n "; "; tail -n 1 "$scratch/schema.log"; })"

# Both files are read, parsed and compared, in a process of its own; the middle one of nine.
times=()
for _ in 1 2 3 4 5 6 7 8 9; do
  began=$(date +%s%N)
  "$pintree" diff "$scratch/kept.lock" "$scratch/new.lock" --no-pager >/dev/null
  times+=($((($(date +%s%N) - began) / 1000)))
done
middle=$(printf '%s\n' "${times[@]}" | sort -n | sed -n 5p)
packages=$(python3 -c 'import sys, tomllib; print(sum(len(source["bin"]) for source in tomllib.load(open(sys.argv[1], "rb"))["source"]))' "$scratch/new.lock")
check "time of a diff" "$(is "$packages" -ge 1000 -a "$middle" -lt 100000)" "$((middle / 1000)).$((middle % 1000 / 100)) ms for lockfiles of $packages packages, at most 100 ms"

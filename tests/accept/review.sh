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

# Both files are read, parsed and compared, in a process of its own, nine times. Only one thread works, so on an idle machine
# elapsed and processor time are the same; on a busy one the quickest run tells what others took least from.
packages=$(python3 -c 'import sys, tomllib; print(sum(len(source["bin"]) for source in tomllib.load(open(sys.argv[1], "rb"))["source"]))' "$scratch/new.lock")
read -r quickest middle cpu < <(python3 - "$pintree" "$scratch/kept.lock" "$scratch/new.lock" <<'PYTHON'
import resource, statistics, subprocess, sys, time
elapsed, cpu = [], []
for _ in range(9):
    used, began = resource.getrusage(resource.RUSAGE_CHILDREN), time.monotonic()
    subprocess.run([sys.argv[1], "diff", *sys.argv[2:], "--no-pager"], stdout=subprocess.DEVNULL, check=True)
    elapsed.append(time.monotonic() - began)
    now = resource.getrusage(resource.RUSAGE_CHILDREN)
    cpu.append(now.ru_utime + now.ru_stime - used.ru_utime - used.ru_stime)
print(*(round(1000 * seconds) for seconds in (min(elapsed), statistics.median(elapsed), statistics.median(cpu))))
PYTHON
)
check "time of a diff" "$(is "$packages" -ge 1000 -a "$quickest" -lt 100 -a "$cpu" -lt 100)" \
  "$quickest ms, in the middle $middle ms and $cpu ms of processor time, for lockfiles of $packages packages; at most 100 ms"

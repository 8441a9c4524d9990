#!/bin/bash
# import.sh RUNS DEBS: `pintree step import` of every package in DEBS, one process each, against the floor.
set -euo pipefail
runs=$1 debs=$(realpath "$2")
cd "$(dirname "$0")/.."
pintree=${PINTREE:-$PWD/target/release/pintree}
floor=${FLOOR:-$(cargo build -q --release --bench floor --message-format=json | sed -n 's/.*"executable":"\([^"]*floor[^"]*\)".*/\1/p')}
work=$(mktemp -d "${TMPDIR:-/tmp}/pintree-import.XXXXXX")
ls "$debs"/*.deb > "$work/list"
mkdir "$work/pool"
printf '"bench/debs" = ["file://%s/pool/"]\n' "$work" > "$work/sources.toml"
number=0
while read -r deb; do
  number=$((number + 1))
  # Plain names: those of apt's cache have a percent sign.
  ln -s "$deb" "$work/pool/$number.deb"
  read -r name version arch < <(dpkg-deb -W --showformat='${Package} ${Version} ${Architecture}\n' "$deb")
  echo "--package $name --version $version --architecture $arch --sha256 $(sha256sum < "$deb" | cut -c1-64) --size $(stat -c %s "$deb") --from bench/debs:$number.deb"
done < "$work/list" > "$work/arguments"
cat > "$work/ours.sh" <<'X'
while read -r arguments; do "$1" step import --store "$2" --sources "$3/sources.toml" --slots "$3/slots" $arguments; done < "$3/arguments"
X
for run in $(seq "$runs"); do
  # A warm-up of the page cache, so that the first run reads no disk either.
  cat "$debs"/*.deb > /dev/null
  for who in floor ours; do
    case $who in
      floor) command="$floor $work/$run-floor < $work/list" ;;
      ours) command="bash $work/ours.sh $pintree $work/$run-ours $work" ;;
    esac
    /usr/bin/time -a -o "$work/times" -f "$who %U %S %e" bash -c "$command"
  done
done
awk '{ cpu = $2 + $3; all[$1] = all[$1] " " cpu; n[$1]++; v[$1, n[$1]] = cpu }
  function median(who,   i, j, t) {
    for (i = 1; i <= n[who]; i++) for (j = i + 1; j <= n[who]; j++) if (v[who, j] < v[who, i]) { t = v[who, i]; v[who, i] = v[who, j]; v[who, j] = t }
    return v[who, int((n[who] + 1) / 2)]
  }
  END { printf "floor: median %.2f s CPU (%s )\nimport: median %.2f s CPU (%s )\nratio %.2f (limit 1.4)\n", median("floor"), all["floor"], median("ours"), all["ours"], median("ours") / median("floor") }' "$work/times"
echo "stores are left in $work"

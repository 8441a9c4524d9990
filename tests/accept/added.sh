#!/usr/bin/env bash
# One package added to an image: only its import and the steps behind it run, from a checkpoint, at a quarter of the CPU.
. "$(dirname "$0")/common.sh"
with_mirror
with_stage sealed
project "$scratch/project"
project "$scratch/fresh"
cpu() { python3 "$root/tests/accept/cpu.py" "$scratch/cpu" "$@"; }
cpu "$pintree" -C "$scratch/project" build --format json >"$scratch/out" 2>"$scratch/log" || say "$(tail -n 5 "$scratch/log")"
full=$(cat "$scratch/cpu")
sed -i 's/"python3"\]/"python3", "vim"]/' "$scratch/project/manifests/demo.toml" "$scratch/fresh/manifests/demo.toml"
"$pintree" -C "$scratch/project" -q lock
new=$(grep -c '^' <(pins "$scratch/project" demo))
cpu "$pintree" -C "$scratch/project" build --format json >"$scratch/out" 2>"$scratch/log" || say "$(tail -n 5 "$scratch/log")"
again=$(cat "$scratch/cpu")
ran=$(steps "$scratch/out")
share=$(python3 -c "print(f'{100 * $again / $full:.1f}')")
check "CPU of a build after one package was added" "$(python3 -c "print(int($again > $full / 4))")" "$again s of $full s, $share % ($new packages, $ran steps)"
mkdir -p "$scratch/fresh/lockfiles"
cp "$scratch/project/lockfiles/demo.lock" "$scratch/fresh/lockfiles/"
"$pintree" -C "$scratch/fresh" -q build >/dev/null 2>"$scratch/log" || say "$(tail -n 5 "$scratch/log")"
check "same commit with and without checkpoints" "$(is "$(commit "$scratch/project")" = "$(commit "$scratch/fresh")")" "$(commit "$scratch/project") $(commit "$scratch/fresh")"

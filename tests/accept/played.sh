# Runs end-to-end tests that make their own archives, and prints what they count; sourced after common.sh.
# shellcheck shell=bash
user_home=$(getent passwd "$(id -u)" | cut -d: -f6)
export CARGO_HOME=${CARGO_HOME:-$user_home/.cargo} RUSTUP_HOME=${RUSTUP_HOME:-$user_home/.rustup}

# play TEST: its output goes to $scratch/played; the exit code is the test's, and 1 where no such test ran.
play() {
  (cd "$root" && CI=true "${CARGO:-cargo}" test --test e2e -- --exact --nocapture "$1") >"$scratch/played" 2>&1 || return 1
  grep -q '^test result: ok. 1 passed' "$scratch/played"
}
# builds: the most builds that the last test counted.
builds() { sed -n 's/.*[^0-9]*\b\([0-9]\+\) builds$/\1/p' "$scratch/played" | sort -n | tail -n 1; }
told() { tail -n 20 "$scratch/played" >&2; }

#!/usr/bin/env bash
# Every row of the tables of mirrors and of time with a real apt beside us on the same servers; each difference has its reason.
# shellcheck source=tests/accept/common.sh
. "$(dirname "$0")/common.sh"
command -v apt-get >/dev/null || { skip "tables beside apt" "apt-get is not installed"; exit; }
HOME=$(getent passwd "$(id -u)" | cut -d: -f6) "$root/tests/accept/apt.py" "$pintree" repository freshness || failures=$((failures + 1))

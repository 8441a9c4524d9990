#!/usr/bin/env bash
# Every row of the tables of scripts and limits, each beside a twin, and that each row can fail.
# shellcheck source=tests/accept/common.sh
. "$(dirname "$0")/common.sh"
tables=$(cd "$root/tests/attacks" && for table in script limits checkout users; do [ ! -e "$table.rs" ] || echo "$table"; done)
# shellcheck disable=SC2086  # several words
HOME=$(getent passwd "$(id -u)" | cut -d: -f6) "$root/tests/accept/attacks.py" "$pintree" $tables || failures=$((failures + 1))

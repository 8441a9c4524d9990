#!/usr/bin/env bash
# Every row of the tables of mirrors, caches, packages and stores, each beside a twin, and that each row can fail.
# shellcheck source=tests/accept/common.sh
. "$(dirname "$0")/common.sh"
HOME=$(getent passwd "$(id -u)" | cut -d: -f6) "$root/tests/accept/attacks.py" "$pintree" repository freshness cache package store || failures=$((failures + 1))

#!/usr/bin/env bash
# 10,000 random histories of servers, caches and options: no unsigned byte gets in.
# shellcheck source=tests/accept/common.sh
. "$(dirname "$0")/common.sh"
code=0
said=$(cd "$root" && HOME=$(getent passwd "$(id -u)" | cut -d: -f6) PINTREE_HISTORIES=10000 CARGO_TARGET_DIR=$target \
  cargo test --release --quiet --test repo -- no_history_lets_unsigned_bytes_in --nocapture 2>&1) || code=$?
check "model of repositories" $code "$(grep -m1 '^10000 histories' <<<"$said" || tail -n 3 <<<"$said")"

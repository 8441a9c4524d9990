#!/usr/bin/env bash
# What must hold of trust from repository to lockfile and store: prints each figure, then `N passed, N failed`. Parts: see
# below.
exec "$(dirname "$0")/run-parts.sh" "trust-tables trust-apt trust-model trust-demo" "$@"

#!/usr/bin/env bash
# What must hold of configuring and sealing: prints each figure, then `N passed, N failed`. Parts: `parts` below.
exec "$(dirname "$0")/run-parts.sh" "installed compared-installed everywhere clock kernel added unprivileged sealed-speed sealed-kill" "$@"

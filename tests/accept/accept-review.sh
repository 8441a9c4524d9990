#!/usr/bin/env bash
# What must hold of reviewing and refreshing: prints each figure, then `N passed, N failed`. Parts: `parts` below.
exec "$(dirname "$0")/run-parts.sh" "update review security merge nights culprit" "$@"

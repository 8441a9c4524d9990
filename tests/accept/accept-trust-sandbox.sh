#!/usr/bin/env bash
# What must hold of the sandbox and of what scripts leave behind: prints each figure, then `N passed, N failed`. Parts: see
# below.
exec "$(dirname "$0")/run-parts.sh" "sandbox-tables configure-cpu" "$@"

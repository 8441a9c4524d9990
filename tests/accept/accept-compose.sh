#!/usr/bin/env bash
# What must hold of the way from a manifest to a composed root: prints each figure, then `N passed, N failed`. Parts:
# see below.
exec "$(dirname "$0")/run-parts.sh" "parity database extract reproduce minimal update offline gone kill speed" "$@"

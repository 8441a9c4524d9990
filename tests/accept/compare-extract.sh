#!/bin/sh
# Extracts with mmdebstrap what a lockfile pins, and compares the tree with the composed commit.
#
#   compare-extract.sh REPO REF MIRROR SUITE ARCH PACKAGES
#
# MIRROR is an apt URI (copy:/directory works without a network), PACKAGES a file with one NAME=VERSION a line.
# Needs root (for owners and device nodes), mmdebstrap, ostree and python3; prints differences, exit 1 if one is unexplained.
set -eu
repo=$1 ref=$2 mirror=$3 suite=$4 arch=$5 packages=$6
tree=$(mktemp -d)
trap 'rm -rf "$tree"' EXIT
# The links of a merged root, as every bookworm installation has them; extract itself makes none.
# shellcheck disable=SC2016  # mmdebstrap's shell has the $1
merge='for d in bin sbin lib; do mkdir -p "$1/usr/$d"; ln -s "usr/$d" "$1/$d"; done'
mmdebstrap --quiet --mode=root --variant=extract --architectures="$arch" --setup-hook="$merge" \
    --include="$(paste -sd, "$packages")" "$suite" "$tree/root" \
    "deb [signed-by=/usr/share/keyrings/debian-archive-keyring.gpg] $mirror $suite main"
python3 "$(dirname "$0")/compare-extract.py" "$repo" "$ref" "$tree/root"

#!/usr/bin/env bash
# What apt2ostree's build does with the tools that it calls, as commands of a ninja file; a peer for peers.py.
# Its rule text is not used: the calls of curl, ar and ostree are what costs.
#
#   import REPO DEB DIGEST   unpack a local .deb; one commit of its payload, one of its control files
#   fetch REPO URL DIGEST    download and check first
#   info REPO DIGEST NAME    the package's share of the dpkg database, as a third commit
#   status REPO, available REPO   the two files of the database that all packages share, as a commit
#   merge REPO BRANCH REFS   one commit of all refs that the file REFS lists
set -euo pipefail
flags=(--no-bindings --orphan --timestamp=0)
verb=$1 repo=$2
scratch=$(mktemp -d "$repo/../scratch.XXXXXX")
trap 'rm -rf "$scratch"' EXIT

import() {
  (cd "$scratch" && ar x "$1")
  ostree --repo="$repo" commit -b "deb/$2/data" --tree=tar="$(echo "$scratch"/data.tar.*)" "${flags[@]}" >/dev/null
  ostree --repo="$repo" commit -b "deb/$2/control" --tree=tar="$(echo "$scratch"/control.tar.*)" "${flags[@]}" >/dev/null
}

case $verb in
  import) import "$3" "$4" ;;
  fetch)
    curl -sSfo "$scratch/deb" "$3"
    [ "$(sha256sum "$scratch/deb" | cut -d' ' -f1)" = "$4" ]
    import "$scratch/deb" "$4"
    ;;
  info)
    digest=$3 name=$4 database=$scratch/out/var/lib/dpkg
    mkdir -p "$database/info"
    ostree --repo="$repo" checkout -UH "deb/$digest/control" "$scratch/control"
    if [ "$(awk '/^Multi-Arch:/ { print $2 }' "$scratch/control/control")" = same ]; then
      name=$name:$(awk '/^Architecture:/ { print $2 }' "$scratch/control/control")
    fi
    ostree --repo="$repo" ls -R "deb/$digest/data" --nul-filenames-only | tr '\0' '\n' | sed 's,^/$,/.,' >"$database/info/$name.list"
    for member in "$scratch"/control/*; do
      [ "${member##*/}" = control ] || mv "$member" "$database/info/$name.${member##*/}"
    done
    (cat "$scratch/control/control"; echo 'Status: install ok unpacked'; echo) >"$repo/../status.$digest"
    (cat "$scratch/control/control"; echo) >"$repo/../available.$digest"
    ostree --repo="$repo" commit -b "deb/$digest/info" --tree=dir="$scratch/out" "${flags[@]}" --owner-uid=0 --owner-gid=0 --no-xattrs >/dev/null
    ;;
  merge) sed 's/^/--tree=ref=/' "$4" | xargs ostree --repo="$repo" commit -b "$3" "${flags[@]}" >/dev/null ;;
  status | available)
    mkdir -p "$scratch/out/var/lib/dpkg"
    cat "$repo"/../"$verb".* >"$scratch/out/var/lib/dpkg/$verb"
    ostree --repo="$repo" commit -b "image/$verb" --tree=dir="$scratch/out" "${flags[@]}" --owner-uid=0 --owner-gid=0 --no-xattrs >/dev/null
    ;;
  *) echo "unknown verb $verb" >&2; exit 2 ;;
esac

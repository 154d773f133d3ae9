#!/bin/sh
# SPDX-License-Identifier: BSD-2-Clause
#
# usage: byhand.sh ROOT CC
# Run the commands that docs/wsim.md shows, in an empty folder.
set -eu

PSNET=$1 CC=$2
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
sed -n '/^```sh$/,/^```$/{/^```/d;p}' "$PSNET/docs/wsim.md" >"$dir/commands"
grep -q wsim-test "$dir/commands"
cd "$dir"
cc() { command "$CC" "$@"; }
# shellcheck source=/dev/null
. ./commands

#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-2-Clause
#
# The host "user" of scripts/test-kernels: the self-test in user space, and
# the seeded bugs, each put into a copy of the tree.
set -u

# shellcheck source=scripts/kernels/lib.sh
. "$(dirname "$0")/lib.sh" user

SRC=$OUT/src
TREE=$OUT/build
KERNELS_NIGHTLY=${KERNELS_NIGHTLY:-}
ROUNDS=${KERNELS_NIGHTLY:+200}
ROUNDS=${ROUNDS:-10}
BUG_ROUNDS=10

# shellcheck disable=SC2317
# Make the copy what the tree is, touching only what differs.
copy_tree()
{
	local f

	mkdir -p "$SRC"
	(cd "$SRC" && find . -type f -printf '%P\n') | while read -r f; do
		[ -f "$ROOT/$f" ] || rm -f "$SRC/$f"
	done
	git ls-files -co --exclude-standard libsync tests docs meson.build \
		meson_options.txt | while read -r f; do
		[ ! -f "$f" ] || cmp -s "$f" "$SRC/$f" ||
			install -D -m "$(stat -c %a "$f")" "$f" "$SRC/$f"
	done
}

# shellcheck disable=SC2317
configure()
{
	[ -f "$TREE/build.ninja" ] ||
		CC=gcc meson setup "$TREE" "$SRC" -Dstack=false -Dwerror=false
}

build()
{
	ninja -C "$TREE" -j "$KERNELS_JOBS" tests/kernel/ktest_user
}

# shellcheck disable=SC2317 # step calls it
prepare()
{
	copy_tree && configure && build
}

# selftest MODE
selftest()
{
	local log=$OUT/selftest-$1.log started=$SECONDS

	if LIBSYNC_FENCE=$1 timeout 120 "$TREE/tests/kernel/ktest_user" \
		-r "$ROUNDS" >"$log" 2>&1
	then
		result ok "self-test ($1)" \
			"$(tail -n 1 "$log"), $((SECONDS - started)) s"
	else
		failed "self-test ($1)" "$(tail -n 1 "$log")" "$log"
	fi
}

# bug ID TEST
bug()
{
	local id=$1 test=$2 log=$OUT/bug-$1.log files f

	files=$(tests/kernel/seed.py apply "$id" "$SRC") || {
		result FAIL "bug $id" "it does not fit the tree"
		return
	}
	if build >"$log" 2>&1; then
		find_bug "bug $id" "$test" "$log" \
			"$TREE/tests/kernel/ktest_user" -r "$BUG_ROUNDS"
	else
		failed "bug $id" "it does not compile" "$log"
	fi
	for f in $files; do
		cp "$f" "$SRC/$f"
	done
}

need gcc meson ninja-build
step "user: build" "$OUT/build.log" prepare || {
	failed build "the self-test does not compile" "$OUT/build.log"
	end_host
}
selftest auto
[ -z "$KERNELS_NIGHTLY" ] || selftest fenced
[ -z "$KERNELS_NIGHTLY" ] || selftest qsbr
if [ -n "$KERNELS_BUGS" ]; then
	while read -r id test; do
		bug "$id" "$test"
	done < <(tests/kernel/seed.py list user)
fi
end_host

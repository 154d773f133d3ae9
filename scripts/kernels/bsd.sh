#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-2-Clause
#
# The host "bsd" of scripts/test-kernels: the ports to NetBSD and FreeBSD,
# compiled as their kernels compile, for two machines; what they leave
# undefined; the self-test, on processors in user space; the seeded bugs.
#
#   NETBSD_SRC, FREEBSD_SRC  source trees (with sys/), to compile with as well
#   BSD_CPUS                 processors, 4 if it is not set
#   BSD_PARTS                some of: compile run bugs
#   BSD_BUGS                 a pattern (grep -E) of the bugs to try
#
# scripts/kernels/bsd.sh netbsd|freebsd: only one of them.
ONLY=${1:-}
set -u

# shellcheck source=scripts/kernels/lib.sh
. "$(dirname "$0")/lib.sh" bsd

PARTS=${BSD_PARTS:-compile run bugs}
CPUS=${BSD_CPUS:-4}
LIMIT=150    # seconds of a run that should end by itself
BUG_ROUNDS=10
ROUNDS=${KERNELS_NIGHTLY:+10}
ROUNDS=${ROUNDS:-1}
declare -A TRIPLE=([netbsd]=unknown-netbsd10.0 [freebsd]=unknown-freebsd14.0)

# build HOST OUT [ARGUMENTS]: quiet, but for errors.
build()
{
	make -s -j "$KERNELS_JOBS" -f tests/kernel/bsd/Makefile \
		HOST="$1" OUT="$2" "${@:3}"
}

# shellcheck disable=SC2317 # step calls it
# modules HOST OUT [ARGUMENTS]: compile, and compare what is undefined.
modules()
{
	build "$@" &&
		python3 tests/lint/undefined.py . "$1" "$2/libsync.o" &&
		python3 tests/lint/undefined.py . "$1-test" \
			"$2/libsync.o" "$2/ktest.o"
}

# try_modules HOST NAME ARGUMENTS...
try_modules()
{
	local host=$1 name=$1-$2 log=$OUT/$1-$2.build.log

	if step "bsd: build $name" "$log" \
		modules "$host" "$OUT/$name" "${@:3}" libsync ktest; then
		result ok "$name" "compiled, nothing undefined but its list"
	else
		failed "$name" "does not build, or needs more" "$log"
	fi
}

# tree HOST FOLDER: with the headers of a real one.
tree()
{
	[ -n "$2" ] || return 0
	if [ ! -d "$2/sys/sys" ]; then
		result FAIL "$1-tree" "there is no $2/sys/sys"
		return
	fi
	try_modules "$1" tree SRC="$2" CC=clang LD=ld \
		TARGET="--target=x86_64-${TRIPLE[$1]}"
}

compile()
{
	local a

	for a in x86_64 aarch64; do
		try_modules "$1" "clang-$a" CC=clang ARCH="$a" LD=ld.lld \
			TARGET="--target=$a-${TRIPLE[$1]}"
	done
}

verdict()
{
	sed -n 's/^ktest: \(PASS\|FAIL [0-9]\)/\1/p; /^panic/p' "$1" | tail -n 1
}

# run HOST VARIANT
run()
{
	local host=$1 name=$1-$2 log=$OUT/$1-$2.log begun

	if ! step "bsd: build $name" "$OUT/$name.build.log" \
		modules "$host" "$OUT/$name" VARIANT="$2" program; then
		failed "$name" "does not build" "$OUT/$name.build.log"
		return
	fi
	begun=$SECONDS
	if timeout "$LIMIT" "$OUT/$name/ktest" "$CPUS" "$ROUNDS" \
		>"$log" 2>&1 && grep -q '^ktest: PASS' "$log"; then
		result ok "$name" "$(verdict "$log"), $((SECONDS - begun)) s"
	else
		failed "$name" "$(verdict "$log")" "$log"
	fi
}

# shellcheck disable=SC2317 # step calls it
# seed HOST ID FOLDER: the program with a bug, from the objects without.
seed()
{
	local files f

	rm -rf "$3"
	cp -r "$OUT/$1-XCALL" "$3" && rm -f "$3"/*.o "$3/ktest" &&
		files=$(tests/kernel/seed.py apply "$2" "$3/seed") || return
	for f in $files; do
		grep -rlZ --include='*.d' -F -e " $f" "$3" |
			while IFS= read -rd '' d; do
				rm -f "$d" "${d%.d}.o"
			done
	done
	build "$1" "$3" SEED="$3/seed" CFLAGS=-w
}

# bug HOST ID TEST
bug()
{
	local name="$1 bug $2" log=$OUT/bug.log

	if ! step "bsd: build $name" "$log" seed "$1" "$2" "$OUT/bug"; then
		failed "$name" "does not build" "$log"
		return
	fi
	VCPU_BURST=20 find_bug "$name" "$3" "$log" \
		"$OUT/bug/ktest" "$CPUS" "$BUG_ROUNDS"
}

# The core is the same, so that one of them tries all bugs, the other the few.
all_bugs()
{
	python3 tests/kernel/seed.py list "$1"
}

# host HOST FOLDER WHICH_BUGS
host()
{
	if [[ $PARTS == *compile* ]]; then
		compile "$1"
		tree "$1" "$2"
	fi
	if [[ $PARTS == *run* ]]; then
		run "$1" XCALL
		[ "$1" = freebsd ] && [ -z "${KERNELS_NIGHTLY:-}" ] ||
			run "$1" FENCED
	fi
	if [[ $PARTS == *bugs* ]] && [ -n "$KERNELS_BUGS" ]; then
		build "$1" "$OUT/$1-XCALL" >/dev/null 2>&1
		while read -r id test; do
			bug "$1" "$id" "$test"
		done < <("$3" bsd | grep -E "${BSD_BUGS:-.}")
	fi
}

case $ONLY in
'' | netbsd | freebsd) ;;
*) die "bsd: unknown argument '$ONLY': netbsd or freebsd" ;;
esac
need gcc make clang lld python3
[ "$ONLY" = freebsd ] || host netbsd "${NETBSD_SRC:-}" all_bugs
[ "$ONLY" = netbsd ] || host freebsd "${FREEBSD_SRC:-}" often_bugs
end_host

#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-2-Clause
#
# The host "bare" of scripts/test-kernels: the self-test without a kernel, on
# three machines, in three variants, four CPUs each; the same run twice,
# instruction by instruction; the seeded bugs.
set -u

# shellcheck source=scripts/kernels/lib.sh
. "$(dirname "$0")/lib.sh" bare

MACHINES=(x86_64 aarch64 riscv64)
VARIANTS=(XCALL SWITCH FENCED)
LIMIT=120    # seconds until a run is given up
BUG_LIMIT=30 # the same with a bug, which may hang
BUG_ROUNDS=20

# Bugs of the four kinds that matter most; at night all of them.
BUGS=(period-waits-for-nobody period-forgets-one psref-unpinned
	sent-not-handed-off)

# An instruction takes two nanoseconds, CPUs take turns, and nobody sleeps.
REPLAY=(-icount 'shift=1,sleep=off')

# build MACHINE VARIANT KIND [ARGUMENT...]: in the tree that is the folder.
build()
{
	make -s -j "$KERNELS_JOBS" -f tests/kernel/bare/Makefile \
		MACHINE="$1" VARIANT="$2" KIND="$3" OUT=build/kernels/bare \
		"${@:4}"
}

# boot MACHINE IMAGE CPUS LIMIT [ARGUMENT...]: status 0 if the image says so.
boot()
{
	local machine=$1 image=$2 cpus=$3 limit=$4 good=0 qemu

	shift 4
	case $machine in
	x86_64)
		qemu=(qemu-system-x86_64 -machine q35 -cpu max -bios qboot.rom
			-device 'isa-debug-exit,iobase=0xf4,iosize=4')
		good=33 ;;
	aarch64)
		qemu=(qemu-system-aarch64 -machine virt -cpu max -semihosting) ;;
	riscv64)
		qemu=(qemu-system-riscv64 -machine virt -bios none) ;;
	esac
	timeout "$limit" "${qemu[@]}" -accel tcg -smp "$cpus" -m 256 \
		-kernel "$image" -nodefaults -display none -serial stdio \
		-no-reboot "$@" </dev/null
	[ $? -eq "$good" ]
}

# verdict LOG: what the image said at last, or that it did not.
verdict()
{
	local line

	line=$(tr -d '\r' <"$1" | grep -aE \
		'^ktest: (PASS|FAIL [0-9])|^panic|terminating on signal' |
		tail -n 1)
	line=${line#ktest: }
	echo "${line:-no verdict}"
}

# try NAME MACHINE IMAGE CPUS: one run that has to pass.
try()
{
	local name=$1 log=$OUT/$1.log begun=$SECONDS

	shift
	if boot "$1" "$2" "$3" "$LIMIT" >"$log" 2>&1 &&
		grep -aq '^ktest: PASS' "$log"; then
		result ok "$name" "$(verdict "$log"), $((SECONDS - begun)) s"
	else
		failed "$name" "$(verdict "$log")" "$log"
	fi
}

# replay MACHINE: two runs, at the same time, with the same output.
replay()
{
	local name=$1-replay i pids=() one=$OUT/$1-replay.1.log
	local two=$OUT/$1-replay.2.log

	for i in "$one" "$two"; do
		boot "$1" "$OUT/$name.elf" 4 "$LIMIT" "${REPLAY[@]}" \
			>"$i" 2>&1 &
		pids+=($!)
	done
	wait "${pids[@]}"
	if ! grep -aq '^ktest: PASS' "$one"; then
		failed "$name" "$(verdict "$one")" "$one"
	elif cmp -s "$one" "$two"; then
		result ok "$name" "$(verdict "$one"), twice the same $(wc -c \
			<"$one") bytes"
	else
		diff "$one" "$two" >"$OUT/$name.diff"
		failed "$name" "differs from itself" "$OUT/$name.diff"
	fi
}

# machine MACHINE: all of one, without bugs.
machine()
{
	local machine=$1 variant name

	for variant in "${VARIANTS[@]}"; do
		name=$machine-$variant
		if step "bare: build $name" "$OUT/$name.build.log" \
			build "$machine" "$variant" "$variant"; then
			try "$name" "$machine" "$OUT/$name.elf" 4
		else
			failed "$name" "does not build" "$OUT/$name.build.log"
		fi
	done
	name=$machine-replay
	if step "bare: build $name" "$OUT/$name.build.log" build "$machine" \
		XCALL replay HOST=-DKTEST_REPLAY; then
		replay "$machine"
	else
		failed "$name" "does not build" "$OUT/$name.build.log"
	fi
}

# copy_tree FOLDER: with what was compiled, so that only what a bug changes is
# compiled again.
copy_tree()
{
	rm -rf "$1"
	mkdir -p "$1/build/kernels/bare"
	cp -rp --parents libsync stack/route tests/kernel "$1" &&
		cp -rp "${MACHINES[@]/#/$OUT/}" "$1/build/kernels/bare"
}

# bug ID TEST: every machine has to find it.
bug()
{
	local id=$1 test=$2 tree=$OUT/bugs/$1 m log

	if ! { copy_tree "$tree" && python3 tests/kernel/seed.py apply "$id" \
		"$tree"; } >"$OUT/$id.seed.log" 2>&1; then
		failed "bug $id" "cannot be seeded" "$OUT/$id.seed.log"
		return
	fi
	for m in "${MACHINES[@]}"; do
		log=$OUT/$m-$id.log
		if ! (cd "$tree" && build "$m" XCALL bug \
			HOST="-DKTEST_ROUNDS=$BUG_ROUNDS -DKTEST_ONLY='\"$test\"'"
			) >"$log" 2>&1; then
			failed "$m bug $id" "does not build" "$log"
		elif boot "$m" "$tree/build/kernels/bare/$m-bug.elf" 4 \
			"$BUG_LIMIT" >"$log" 2>&1; then
			failed "$m bug $id" "is not found" "$log"
		elif grep -aqE '^ktest: FAIL|^panic' "$log"; then
			result ok "$m bug $id" "found: $(found "$log")"
		else
			failed "$m bug $id" "$(verdict "$log")" "$log"
		fi
	done
	rm -rf "$tree"
}

# found LOG: the first complaint.
found()
{
	tr -d '\r' <"$1" | grep -am 1 -oE '(FAIL|failed:) .*|^panic.*' |
		cut -c 1-60
}

# More CPUs, the other compiler, longer.
night()
{
	local m

	for m in "${MACHINES[@]}"; do
		if (build "$m" XCALL night COMPILER=clang \
			HOST=-DKTEST_ROUNDS=20) >"$OUT/$m-night.build.log" 2>&1; then
			LIMIT=600 try "$m-night" "$m" "$OUT/$m-night.elf" 8
		else
			failed "$m-night" "does not build" \
				"$OUT/$m-night.build.log"
		fi
	done
}

need gcc make python3 gcc-aarch64-linux-gnu gcc-riscv64-unknown-elf \
	qemu-system-x86 qemu-system-arm qemu-system-misc

for m in "${MACHINES[@]}"; do
	machine "$m"
done
if [ -n "$KERNELS_BUGS" ]; then
	while read -r id test; do
		if [ -n "${KERNELS_NIGHTLY:-}" ] ||
			[[ " ${BUGS[*]} " == *" $id "* ]]; then
			bug "$id" "$test"
		fi
	done < <(python3 tests/kernel/seed.py list bare)
fi
[ -z "${KERNELS_NIGHTLY:-}" ] || night
end_host

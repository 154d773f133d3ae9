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
BUG_LIMIT=20 # the same with a bug, which may hang

# CPUs take turns, and nobody sleeps.  An instruction takes two nanoseconds; or
# 64, so that few of them are between two interrupts.
REPLAY=(-icount 'shift=1,sleep=off')
DENSE=(-icount 'shift=6,sleep=off')

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

# replay MACHINE: two runs, at the same time, with the same output.  A thread of
# qemu beside that of the CPUs can come late where the host is busy, and end a
# turn elsewhere: then two of four have to be the same.
replay()
{
	local name=$1-replay log=$OUT/$1-replay n same

	for n in 2 4; do
		replay_twice "$1" $((n - 1)) "$n"
		if ! grep -aq '^ktest: PASS' "$log.$n.log"; then
			failed "$name" "$(verdict "$log.$n.log")" "$log.$n.log"
			return
		fi
		same=$(for i in $(seq "$n"); do cksum <"$log.$i.log"; done |
			sort | uniq -c | sort -n | awk 'END { print $1 }')
		[ "$same" -lt 2 ] || break
	done
	if [ "$same" -ge 2 ]; then
		result ok "$name" \
			"$(verdict "$log.1.log"), $same of $n runs are the same"
	else
		diff "$log.1.log" "$log.2.log" >"$log.diff"
		failed "$name" "differs from itself" "$log.diff"
	fi
}

# replay_twice MACHINE NUMBER NUMBER
replay_twice()
{
	local i pids=()

	for i in "$2" "$3"; do
		boot "$1" "$OUT/$1-replay.elf" 4 "$LIMIT" "${REPLAY[@]}" \
			>"$OUT/$1-replay.$i.log" 2>&1 &
		pids+=($!)
	done
	wait "${pids[@]}"
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
	local id=$1 tree=$OUT/bugs/$1 m

	if ! { copy_tree "$tree" && python3 tests/kernel/seed.py apply "$id" \
		"$tree"; } >"$OUT/$id.seed.log" 2>&1; then
		failed "bug $id" "cannot be seeded" "$OUT/$id.seed.log"
		return
	fi
	for m in "${MACHINES[@]}"; do
		bug_on "$m" "$id" "$2" "$tree"
	done
	rm -rf "$tree"
}

# bug_on MACHINE ID TEST TREE: counting instructions, which is short; and if
# that does not find it, with CPUs that run at the same time, and longer.
bug_on()
{
	local m=$1 id=$2 log=$OUT/$1-$2.log only="-DKTEST_ONLY='\"$3\"'"

	bug_run "$m" "$4" "$log" "${DENSE[*]}" \
		"$only -DKTEST_ROUNDS=20 -DKTEST_REPLAY" ||
		bug_run "$m" "$4" "$log" '' "$only -DKTEST_ROUNDS=100"
	if grep -aqE '^ktest: FAIL|^panic' "$log"; then
		result ok "$m bug $id" "found: $(found "$log")"
	else
		failed "$m bug $id" "is not found: $(verdict "$log")" "$log"
	fi
}

# bug_run MACHINE TREE LOG QEMU_ARGUMENTS OPTIONS: status 0 if it was found.
bug_run()
{
	local args

	read -ra args <<<"$4"
	(cd "$2" && build "$1" XCALL bug WARNINGS=-w HOST="$5" -B \
		build/kernels/bare/"$1"/tests/kernel/bare/host-bug.o &&
		build "$1" XCALL bug WARNINGS=-w HOST="$5") >"$3" 2>&1 &&
		boot "$1" "$2/build/kernels/bare/$1-bug.elf" 4 "$BUG_LIMIT" \
			"${args[@]}" >"$3" 2>&1
	grep -aqE '^ktest: FAIL|^panic' "$3"
}

# found LOG: the first complaint.
found()
{
	tr -d '\r' <"$1" | grep -am 1 -oE '(FAIL|failed:) .*|^panic.*' |
		cut -c 1-60
}

# The other compiler, longer; more CPUs.
night()
{
	local m

	for m in "${MACHINES[@]}"; do
		if (build "$m" XCALL night COMPILER=clang OUT=build/kernels/clang \
			HOST=-DKTEST_ROUNDS=10) >"$OUT/$m-night.build.log" 2>&1
		then
			LIMIT=600 try "$m-night" "$m" \
				"$BUILD/kernels/clang/$m-night.elf" 4
		else
			failed "$m-night" "does not build" \
				"$OUT/$m-night.build.log"
		fi
	done
	LIMIT=600 try x86_64-eight x86_64 "$OUT/x86_64-XCALL.elf" 8
}

need gcc make python3 gcc-aarch64-linux-gnu gcc-riscv64-unknown-elf \
	qemu-system-x86 qemu-system-arm qemu-system-misc

for m in "${MACHINES[@]}"; do
	machine "$m"
done
if [ -n "$KERNELS_BUGS" ]; then
	while read -r id test; do
		bug "$id" "$test"
	done < <(often_bugs bare)
fi
[ -z "${KERNELS_NIGHTLY:-}" ] || night
end_host

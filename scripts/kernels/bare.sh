#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-2-Clause
#
# The self-test without a kernel: three machines, three variants, four CPUs
# each; the same run once more, instruction by instruction; the seeded bugs.
set -u

# shellcheck source=scripts/kernels/lib.sh
. "$(dirname "$0")/lib.sh" bare

MACHINES=(x86_64 aarch64 riscv64)
VARIANTS=(XCALL SWITCH FENCED)
LIMIT=60 # seconds of a run that should end by itself
BUG_LIMIT=10

# One instruction takes two nanoseconds, CPUs take turns, nobody sleeps.
REPLAY=(-icount shift=1,sleep=off)

# build MACHINE VARIANT [OUT [ARGUMENTS]]: quiet, but for errors.
build()
{
	local machine=$1 variant=$2 out=${3:-$OUT}

	make -s -j "$KERNELS_JOBS" -f tests/kernel/bare/Makefile \
		MACHINE="$machine" VARIANT="$variant" OUT="$out" "${@:4}"
}

# boot MACHINE IMAGE CPUS LIMIT ARGUMENTS...: status 0 if the image says so.
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

# verdict LOG: what the last line of the self-test says, or that there is none.
verdict()
{
	local line

	line=$(tr -d '\r' <"$1" | sed -n 's/^ktest: \(PASS\|FAIL [0-9]\)/\1/p' |
		tail -n 1)
	[ -n "$line" ] || line=$(tr -d '\r' <"$1" |
		grep -m 1 -E '^panic|terminating on signal')
	echo "${line:-no verdict}"
}

# try NAME MACHINE IMAGE CPUS ARGUMENTS...: one run that has to pass.
try()
{
	local name=$1 log=$OUT/$1.log begun=$SECONDS

	shift
	if boot "$1" "$2" "$3" "$LIMIT" "${@:4}" >"$log" 2>&1 &&
		grep -q '^ktest: PASS' "$log"; then
		result ok "$name" "$(verdict "$log"), $((SECONDS - begun)) s"
	else
		failed "$name" "$(verdict "$log")" "$log"
	fi
}

# replay MACHINE: two runs, at the same time, with the same output.
replay()
{
	local name=$1-replay i pids=()

	for i in 1 2; do
		boot "$1" "$OUT/$1-XCALL.elf" 4 "$LIMIT" "${REPLAY[@]}" \
			>"$OUT/$name$i.log" 2>&1 &
		pids+=($!)
	done
	wait "${pids[@]}"
	if ! grep -q '^ktest: PASS' "$OUT/${name}1.log"; then
		failed "$name" "$(verdict "$OUT/${name}1.log")" \
			"$OUT/${name}1.log"
	elif cmp -s "$OUT/${name}1.log" "$OUT/${name}2.log"; then
		result ok "$name" "$(verdict "$OUT/${name}1.log"), twice the same"
	else
		diff "$OUT/${name}1.log" "$OUT/${name}2.log" >"$OUT/$name.diff"
		failed "$name" "differs from itself" "$OUT/$name.diff"
	fi
}

need gcc make gcc-aarch64-linux-gnu gcc-riscv64-unknown-elf \
	qemu-system-x86 qemu-system-arm qemu-system-misc

for machine in "${MACHINES[@]}"; do
	for variant in "${VARIANTS[@]}"; do
		name=$machine-$variant
		if step "bare: build $name" "$OUT/$name.build.log" \
			build "$machine" "$variant"; then
			try "$name" "$machine" "$OUT/$name.elf" 4
		else
			failed "$name" "does not build" "$OUT/$name.build.log"
		fi
	done
	replay "$machine"
done
end_host

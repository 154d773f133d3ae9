#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-2-Clause
#
# The host "linux" of scripts/test-kernels: modules for Debian's Linux, built
# out of its tree from the unmodified core, and a guest that loads them.
#
# Everything that a guest does is a part in tests/kernel/linux/guest/, run by
# tests/kernel/linux/init; more modules go into the folders that MODULES names.
set -u

# shellcheck source=scripts/kernels/lib.sh
. "$(dirname "$0")/lib.sh" linux
# shellcheck source=scripts/kernels/linux-kcsan.sh
. "$(dirname "$0")/linux-kcsan.sh"

APPLETS=(sh mount cat cut grep dmesg nproc insmod rmmod poweroff sleep tr wc
	kill echo ls cp head tail awk sed mkdir dd taskset seq test true false cmp)
GUEST_SECONDS=${GUEST_SECONDS:-150} # until a guest that does not end is stopped
MEMORY=512

# The release that the headers are of, such as 6.1.0-50-amd64.
find_release()
{
	RELEASE=$(dpkg-query -W -f='${Depends}' linux-headers-amd64 |
		grep -oE 'linux-headers-[^ ,]+' | head -n 1)
	RELEASE=${RELEASE#linux-headers-}
	[ -d "/lib/modules/$RELEASE/build" ]
}

# The kernel of the same release, not installed, as it is packed, and unpacked.
fetch_kernel()
{
	local tmp=$OUT/download

	rm -rf "$tmp"
	mkdir -p "$tmp" || return 1
	(cd "$tmp" && apt-get -q download "linux-image-$RELEASE") &&
		dpkg --fsys-tarfile "$tmp"/linux-image-*.deb |
		tar -C "$tmp" -x "./boot/vmlinuz-$RELEASE" &&
		unpack_kernel "$tmp/boot/vmlinuz-$RELEASE" >"$tmp/vmlinux" &&
		mv "$tmp/boot/vmlinuz-$RELEASE" "$OUT/" &&
		mv "$tmp/vmlinux" "$OUT/vmlinux-$RELEASE" || return 1
	rm -rf "$tmp"
}

# unpack_kernel FILE: the kernel that the file unpacks at its start, which takes
# longer in the guest than all the rest of the boot.  It also turns 5-level
# paging on, where the processor has it; so one guest boots the file itself.
unpack_kernel()
{
	local sectors offset length

	sectors=$(number "$1" 0x1f1 1) # as of the x86 boot protocol
	offset=$(number "$1" 0x248 4)
	length=$(number "$1" 0x24c 4)
	offset=$((offset + (sectors + 1) * 512))
	tail -c "+$((offset + 1))" "$1" | head -c $((length - 4)) | xz -dc
}

# number FILE OFFSET BYTES
number()
{
	od -A n -t "u$3" -j "$(($2))" -N "$3" "$1" | tr -d ' '
}

# copy_sources FOLDER: what the modules are made of; only what changed, so that
# only that is compiled again.
copy_sources()
{
	local to=$1 f

	mkdir -p "$to"
	(cd "$to" && find libsync tests -name '*.[ch]' 2>/dev/null) |
		while read -r f; do
			[ -e "$ROOT/$f" ] || rm -f "$to/$f"
		done
	(cd "$ROOT" && find libsync tests/kernel -name '*.[ch]' \
		-exec cp -pu --parents -t "$to" {} +) &&
		cp -pu "$ROOT/tests/kernel/linux/Kbuild" "$to/Kbuild"
}

# seed_bugs FOLDER HOST: below bugs/ the files that each bug changes, and bugs.mk,
# which makes a module of each with all the other objects as they are.  A bug in
# a header is compiled into the tests that look for it.
seed_bugs()
{
	local to=$1 host=$2 id only f files

	rm -rf "$to/bugs.new"
	while read -r id only; do
		files=()
		while read -r f; do
			[[ $f == *.h ]] || files+=("$f")
		done < <(python3 tests/kernel/seed.py apply "$id" \
			"$to/bugs.new/$id")
		if [ ${#files[@]} -eq 0 ]; then
			mapfile -t files < <(grep -l "\"$only" tests/kernel/*.c)
			(cp --parents "${files[@]}" "$to/bugs.new/$id")
		fi
		echo "\$(eval \$(call bug,$id,${files[*]%.c}))"
	done < <(python3 tests/kernel/seed.py list "$host") >"$to/bugs.mk.new" ||
		return 1
	keep_same "$to/bugs.new" "$to/bugs"
	cmp -s "$to/bugs.mk.new" "$to/bugs.mk" ||
		cp "$to/bugs.mk.new" "$to/bugs.mk"
}

# keep_same FROM TO: copy what differs.
keep_same()
{
	local from=$1 to=$2 f

	(cd "$from" && find . -type f) | while read -r f; do
		cmp -s "$from/$f" "$to/$f" && continue
		mkdir -p "$(dirname "$to/$f")" && cp "$from/$f" "$to/$f"
	done
}

# build_modules FOLDER KERNEL [ARGUMENT...]
build_modules()
{
	local folder=$1 kernel=$2

	shift 2
	make -C "$kernel" M="$folder" -j "$KERNELS_JOBS" "$@" modules
}

# build_fib FOLDER KERNEL: the demonstration of the routing table.
build_fib()
{
	make -j "$KERNELS_JOBS" -C apps/linux-fib OUT="$1" KERNEL="$2" CHECKS=1
}

# make_tables FOLDER: routing tables, and questions about them with the answers
# that another program gives.
make_tables()
{
	[ -f "$1/answers" ] && [ "$1/answers" -nt scripts/gen-table ] && return
	mkdir -p "$1" && scripts/gen-table -n 100000 -i 255 >"$1/table4" &&
		scripts/gen-table -6 -n 20000 -i 255 >"$1/table6" &&
		tests/kernel/linux/fib_data.py "$1" 2000
}

# What the fast paths are compiled to, and what the objects need of the kernel.
read_code()
{
	local objects

	mapfile -t objects < <(find "$SRC/libsync" -name '[!.]*.o')
	cp -pu tests/lint/fastpaths.c "$SRC" &&
		make -s -C "/lib/modules/$RELEASE/build" M="$SRC" fastpaths.s &&
		python3 tests/lint/codegen.py . linux "$SRC/fastpaths.s" &&
		python3 tests/lint/undefined.py . linux "${objects[@]}"
}

# make_initrd FILE MODULE...
make_initrd()
{
	local file=$1 root a

	shift
	root=$(mktemp -d "$OUT/root.XXXXXX") || return 1
	mkdir -p "$root"/{bin,proc,sys,dev,tmp,guest,modules,data} &&
		cp /bin/busybox "$root/bin/" &&
		cp tests/kernel/linux/init "$root/init" &&
		cp tests/kernel/linux/guest/*.sh "$root/guest/" &&
		cp "$OUT"/data/* "$root/data/" &&
		cp "$@" "$root/modules/" || return 1
	for a in "${APPLETS[@]}"; do
		ln -s busybox "$root/bin/$a"
	done
	(cd "$root" && find . | cpio -o -H newc --quiet | gzip -1) >"$file"
	rm -rf "$root"
}

# What makes a boot short: no calibration, which a busy machine spoils, too, and
# no checks that say nothing here.  The guest counts the ticks of this processor.
KHZ=$(awk -F ': *' '/^cpu MHz/ { printf "%d", $2 * 1000; exit }' /proc/cpuinfo)
QUICK="no_timer_check lpj=4000000 tsc=reliable ${KHZ:+tsc_early_khz=$KHZ} \
	mitigations=off cryptomgr.notests"

# boot HOW KERNEL INITRD CPUS ARGUMENT...: run a guest to its end, with its CPUs
# in turn (single), each for a short time, or at the same time (multi).  In turn
# is much faster where there are fewer CPUs than in the guest: who spins gives
# its turn away.
boot()
{
	local how=$1 kernel=$2 initrd=$3 cpus=$4

	shift 4
	timeout "$GUEST_SECONDS" qemu-system-x86_64 -cpu max -smp "$cpus" \
		-accel "tcg,thread=$how" -m "$MEMORY" -display none \
		-monitor none -no-reboot -kernel "$kernel" -initrd "$initrd" \
		-serial stdio -append "console=ttyS0 quiet panic=-1 oops=panic \
			printk.time=0 PATIENCE=$((GUEST_SECONDS - 20)) $QUICK $*"
}

# run_guest TITLE LOG HOW KERNEL INITRD CPUS ARGUMENT...
run_guest()
{
	local title=$1 log=$2 status

	shift 2
	step "linux: $title" "$log.raw" boot "$@"
	status=$?
	tr -d '\r' <"$log.raw" >"$log"
	return "$status"
}

# guest NAME HOW KERNEL INITRD CPUS ARGUMENT...: boot it and report its verdicts.
guest()
{
	local name=$1 log=$OUT/$1.log status verdict what detail started=$SECONDS

	shift
	run_guest "boot $name" "$log" "$@"
	status=$?
	while read -r _ what verdict detail; do
		result "$verdict" "$name: $what" "$detail"
	done < <(grep -aE '^guest: [^ ]+ (ok|FAIL)' "$log")
	if ! grep -aq '^guest: done' "$log"; then
		failed "$name" "the guest did not end, status $status" "$log"
	elif grep -aE "$COMPLAINTS" "$log"; then
		failed "$name" "the kernel complains" "$log"
	elif grep -aqE '^guest: [^ ]+ FAIL' "$log"; then
		show_log "$log"
	fi
	say "linux: $name took $((SECONDS - started)) s"
}

# seeded_bugs: each has to be found, by the test that is named or by a check that
# ends the guest; then the next guest goes on with those that are left.
seeded_bugs()
{
	local log=$OUT/bugs.log left=() id only tried how=single

	[ -z "$KERNELS_NIGHTLY" ] || how=multi

	while read -r id only; do
		left+=("$id:$only")
	done < <(often_bugs linux)
	while [ ${#left[@]} -gt 0 ]; do
		run_guest "${#left[@]} seeded bugs" "$log" \
			"$how" \
			"$OUT/vmlinux-$RELEASE" "$OUT/bugs.gz" 4 \
			preempt=full STEPS=bugs ROUNDS=400 \
			"BUGS=$(IFS=, && echo "${left[*]}")"
		tried=0
		while read -r _ _ id; do
			judge_bug "$id" "$log"
			tried=$((tried + 1))
		done < <(grep -aE '^guest: try ' "$log")
		if [ "$tried" -eq 0 ]; then
			failed bugs "the guest tries none" "$log"
			return
		fi
		left=("${left[@]:tried}")
	done
}

# judge_bug ID LOG: what the part of the log says that is about this bug.
judge_bug()
{
	local id=$1 part=$OUT/bug-$1.log

	awk -v line="guest: try $id" '/^guest: try / { on = $0 == line } on' \
		"$2" >"$part"
	if grep -aqE "^guest: bug-$id ok" "$part"; then
		result ok "bug $id" "$(sed -n 's/^ktest: \(.* FAIL .*\)/\1/p' \
			"$part" | head -n 1)"
	elif grep -aqE 'requirement failed|Oops|BUG:' "$part"; then
		result ok "bug $id" "$(grep -am 1 -oE \
			'requirement failed.*|Oops.*|BUG:.*' "$part")"
	else
		failed "bug $id" "not found" "$part"
	fi
}

COMPLAINTS='BUG:|kernel BUG|WARNING:|Oops|KCSAN:|rcu:.*stall|lockup'

need gcc make linux-headers-amd64 qemu-system-x86 busybox-static cpio kmod \
	xz-utils
find_release || die "linux: no headers of a release"
[ -f "$OUT/vmlinux-$RELEASE" ] && [ -f "$OUT/vmlinuz-$RELEASE" ] ||
	step "linux: download linux-image-$RELEASE" "$OUT/download.log" \
		fetch_kernel || {
	result skip kernel "no linux-image-$RELEASE, see $OUT/download.log"
	end_host
}

SRC=$OUT/modules
prepare()
{
	copy_sources "$SRC" && seed_bugs "$SRC" linux &&
		build_modules "$SRC" "/lib/modules/$RELEASE/build"
}

prepare_fib()
{
	build_fib "$OUT/fib" "/lib/modules/$RELEASE/build" &&
		make_tables "$OUT/data"
}

step "linux: build" "$OUT/build.log" prepare || {
	failed build "the modules do not compile" "$OUT/build.log"
	end_host
}
step "linux: build the routing table" "$OUT/fib.log" prepare_fib || {
	failed build-fib "the routing table does not compile" "$OUT/fib.log"
	end_host
}
if step "linux: read the code" "$OUT/code.log" read_code; then
	result ok code "no fence in a section, and nothing needed but the KPI"
else
	failed code "see tests/lint/codegen.py and undefined.py" "$OUT/code.log"
fi
make_initrd "$OUT/initrd.gz" "$SRC/ktest.ko" "$OUT"/fib/*.ko
guest "4 CPUs" single "$OUT/vmlinux-$RELEASE" "$OUT/initrd.gz" 4 \
	preempt=voluntary STEPS=selftest,hotplug,fib ROUNDS=3
guest "8 CPUs, preemptible" single "$OUT/vmlinux-$RELEASE" "$OUT/initrd.gz" 8 \
	preempt=full STEPS=selftest,hotplug ROUNDS=3
guest "2 CPUs at once" multi "$OUT/vmlinuz-$RELEASE" "$OUT/initrd.gz" 2 \
	preempt=full STEPS=la57,selftest
if [ -n "$KERNELS_NIGHTLY" ]; then
	guest "4 CPUs at once" multi "$OUT/vmlinux-$RELEASE" \
		"$OUT/initrd.gz" 4 preempt=full STEPS=selftest ROUNDS=5
	guest "8 CPUs at once" multi "$OUT/vmlinux-$RELEASE" \
		"$OUT/initrd.gz" 8 preempt=voluntary STEPS=selftest
	test_kcsan
fi
if [ -n "$KERNELS_BUGS" ]; then
	make_initrd "$OUT/bugs.gz" "$SRC"/bug-*.ko
	seeded_bugs
fi
end_host

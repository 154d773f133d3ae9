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

APPLETS=(sh mount cat cut grep dmesg nproc insmod rmmod poweroff sleep tr wc
	kill echo ls cp head tail awk sed mkdir dd taskset seq test true false cmp)
GUEST_SECONDS=150 # until a guest that does not end is stopped
MEMORY=512

# The release that the headers are of, such as 6.1.0-50-amd64.
find_release()
{
	RELEASE=$(dpkg-query -W -f='${Depends}' linux-headers-amd64 |
		grep -oE 'linux-headers-[^ ,]+' | head -n 1)
	RELEASE=${RELEASE#linux-headers-}
	[ -d "/lib/modules/$RELEASE/build" ]
}

# The kernel of the same release, unpacked and not installed.
fetch_kernel()
{
	local tmp=$OUT/download

	rm -rf "$tmp"
	mkdir -p "$tmp" || return 1
	(cd "$tmp" && apt-get -q download "linux-image-$RELEASE") &&
		dpkg --fsys-tarfile "$tmp"/linux-image-*.deb |
		tar -C "$tmp" -x "./boot/vmlinuz-$RELEASE" &&
		unpack_kernel "$tmp/boot/vmlinuz-$RELEASE" >"$tmp/vmlinux" &&
		mv "$tmp/vmlinux" "$OUT/vmlinux-$RELEASE" || return 1
	rm -rf "$tmp"
}

# unpack_kernel FILE: the kernel that the file unpacks at its start, which takes
# longer in the guest than all the rest of the boot.
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

# seed_bugs FOLDER: below bugs/ the files that each bug changes, and bugs.mk,
# which makes a module of each with all the other objects as they are.  A bug in
# a header is compiled into the tests that look for it.
seed_bugs()
{
	local to=$1 id only f files

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
	done < <(python3 tests/kernel/seed.py list linux) >"$to/bugs.mk.new" || return 1
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

# What makes a boot short: no calibration and no checks that say nothing here.
QUICK='lpj=4000000 tsc=reliable mitigations=off cryptomgr.notests'

# boot KERNEL INITRD CPUS ARGUMENT...: run a guest to its end.
boot()
{
	local kernel=$1 initrd=$2 cpus=$3

	shift 3
	timeout "$GUEST_SECONDS" qemu-system-x86_64 -accel tcg,thread=multi \
		-cpu max -smp "$cpus" -m "$MEMORY" -display none -monitor none \
		-no-reboot -kernel "$kernel" -initrd "$initrd" -serial stdio \
		-append "console=ttyS0 quiet panic=-1 oops=panic printk.time=0 \
			$QUICK $*"
}

# guest NAME INITRD CPUS ARGUMENT...: boot it and report its verdicts.
guest()
{
	local name=$1 log=$OUT/$1.log status verdict what detail started=$SECONDS

	shift
	step "linux: boot $name" "$log" boot "$OUT/vmlinux-$RELEASE" "$@"
	status=$?
	tr -d '\r' <"$log" >"$log.txt"
	while read -r _ what verdict detail; do
		result "$verdict" "$what ($name)" "$detail"
	done < <(grep -aE '^guest: [^ ]+ (ok|FAIL)' "$log.txt")
	if ! grep -aq '^guest: done' "$log.txt"; then
		failed "$name" "the guest did not end, status $status" "$log.txt"
	elif grep -aE "$COMPLAINTS" "$log.txt"; then
		failed "$name" "the kernel complains" "$log.txt"
	elif grep -aqE '^guest: [^ ]+ FAIL' "$log.txt"; then
		show_log "$log.txt"
	fi
	say "linux: $name took $((SECONDS - started)) s"
}

COMPLAINTS='BUG:|WARNING:|Oops|KCSAN:|rcu:.*stall|lockup|requirement failed'

need gcc make linux-headers-amd64 qemu-system-x86 busybox-static cpio kmod xz-utils
find_release || die "linux: no headers of a release"
[ -f "$OUT/vmlinux-$RELEASE" ] ||
	step "linux: download linux-image-$RELEASE" "$OUT/download.log" \
		fetch_kernel || {
	result skip kernel "no linux-image-$RELEASE, see $OUT/download.log"
	end_host
}
SRC=$OUT/modules
step "linux: build" "$OUT/build.log" eval 'copy_sources "$SRC" &&
	build_modules "$SRC" "/lib/modules/$RELEASE/build"' || {
	failed build "the modules do not compile" "$OUT/build.log"
	end_host
}
step "linux: build the routing table" "$OUT/fib.log" \
	eval 'build_fib "$OUT/fib" "/lib/modules/$RELEASE/build" &&
		make_tables "$OUT/data"' || {
	failed build-fib "the routing table does not compile" "$OUT/fib.log"
	end_host
}
if step "linux: read the code" "$OUT/code.log" read_code; then
	result ok code "no fence in a section, and nothing needed but the KPI"
else
	failed code "see tests/lint/codegen.py and undefined.py" "$OUT/code.log"
fi
make_initrd "$OUT/initrd.gz" "$SRC"/*.ko "$OUT"/fib/*.ko
guest "4 CPUs" "$OUT/initrd.gz" 4 preempt=voluntary STEPS=selftest,hotplug,fib
guest "8 CPUs, preemptible" "$OUT/initrd.gz" 8 preempt=full STEPS=selftest
end_host

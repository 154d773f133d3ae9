# SPDX-License-Identifier: BSD-2-Clause
# shellcheck shell=bash
#
# Part of scripts/kernels/linux.sh at night: a Linux with the race detector
# KCSAN, built of Debian's linux-source-6.1 and kept, and the self-test in it,
# which has to be without a race; with a seeded bug one has to be reported.

KCSAN=$OUT/kcsan
KCSAN_BUG=period-waits-for-nobody

# build_kcsan: the kernel, if there is none of this source and configuration.
build_kcsan()
{
	local tar=/usr/src/linux-source-6.1.tar.xz config

	config=$ROOT/tests/kernel/linux/kcsan.config
	if [ -f "$KCSAN/done" ] && [ "$KCSAN/done" -nt "$tar" ] &&
		cmp -s "$config" "$KCSAN/config"; then
		return
	fi
	mkdir -p "$KCSAN/build"
	[ -d "$KCSAN/linux-source-6.1" ] || tar -C "$KCSAN" -xf "$tar" || return 1
	make -C "$KCSAN/linux-source-6.1" O="$KCSAN/build" tinyconfig &&
		cat "$config" >>"$KCSAN/build/.config" &&
		make -C "$KCSAN/linux-source-6.1" O="$KCSAN/build" olddefconfig &&
		kcsan_has_all "$config" &&
		make -C "$KCSAN/linux-source-6.1" O="$KCSAN/build" \
			-j "$KERNELS_JOBS" vmlinux modules &&
		cp "$config" "$KCSAN/config" && touch "$KCSAN/done"
}

# kcsan_has_all FILE: was everything asked for taken?
kcsan_has_all()
{
	! grep '^CONFIG_' "$1" | grep -vxFf "$KCSAN/build/.config"
}

# The detector has no exchange of sixteen bytes, so that is made with a lock.
build_kcsan_modules()
{
	copy_sources "$KCSAN/modules" && seed_bugs "$KCSAN/modules" &&
		build_modules "$KCSAN/modules" "$KCSAN/build" \
			KCFLAGS=-DPORT_CAS16_FORCE_LOCKED= &&
		make_initrd "$KCSAN/initrd.gz" "$KCSAN/modules/ktest.ko" \
			"$KCSAN/modules/bug-$KCSAN_BUG.ko"
}

test_kcsan()
{
	local log=$OUT/kcsan-bug.log

	need linux-source-6.1 flex bison bc libelf-dev libssl-dev
	step "linux: build a kernel with KCSAN" "$OUT/kcsan.log" build_kcsan &&
		step "linux: build the modules for it" "$OUT/kcsan-modules.log" \
			build_kcsan_modules || {
		failed kcsan "does not build, see $OUT/kcsan*.log" "$OUT/kcsan.log"
		return
	}
	guest "KCSAN" multi "$KCSAN/build/vmlinux" "$KCSAN/initrd.gz" 4 \
		STEPS=selftest
	run_guest "KCSAN with a bug" "$log" multi "$KCSAN/build/vmlinux" \
		"$KCSAN/initrd.gz" 4 STEPS=bugs ROUNDS=20 \
		"BUGS=$KCSAN_BUG:pserialize_perform"
	if grep -aq 'BUG: KCSAN: data-race' "$log"; then
		result ok "KCSAN: bug $KCSAN_BUG" \
			"$(grep -ac 'BUG: KCSAN' "$log") races reported"
	else
		failed "KCSAN: bug $KCSAN_BUG" "no race is reported" "$log"
	fi
}

# SPDX-License-Identifier: BSD-2-Clause
# shellcheck shell=bash
#
# Part of scripts/kernels/linux.sh at night: a Linux with the race detector
# KCSAN, built of Debian's linux-source-6.1 and kept, and the self-test in it,
# which has to be without a race; with a bug that only it can see, one has to be
# reported.

KCSAN=$OUT/kcsan
KCSAN_BUG=slot-freed-plainly
KCSAN_OFTEN=kcsan.skip_watch=400 # it looks at one access of so many; else of 4000

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
	copy_sources "$KCSAN/modules" && seed_bugs "$KCSAN/modules" kcsan &&
		build_modules "$KCSAN/modules" "$KCSAN/build" \
			KCFLAGS=-DPORT_CAS16_FORCE_LOCKED= &&
		make_initrd "$KCSAN/initrd.gz" "$KCSAN/modules/ktest.ko" \
			"$KCSAN/modules/bug-$KCSAN_BUG.ko"
}

# ours LOG: what the log reports of code in our modules.  That kernel has races of
# its own, which are reported where they interrupt us, too.
ours()
{
	awk '/^(read|write|read-write) .* by |^race at unknown origin/ {
			getline; if (/\[(ktest|bug_)/) n++ }
		/^BUG: / && !/KCSAN/ { n++ }
		END { print n + 0 }' "$1"
}

test_kcsan()
{
	local log=$OUT/kcsan.boot.log

	need linux-source-6.1 flex bison bc libelf-dev libssl-dev
	step "linux: build a kernel with KCSAN" "$OUT/kcsan.log" build_kcsan &&
		step "linux: build the modules for it" "$OUT/kcsan-modules.log" \
			build_kcsan_modules || {
		failed kcsan "does not build, see $OUT/kcsan*.log" "$OUT/kcsan.log"
		return
	}
	run_guest "boot KCSAN" "$log" single "$KCSAN/build/vmlinux" \
		"$KCSAN/initrd.gz" 4 "$KCSAN_OFTEN" STEPS=selftest ROUNDS=5
	if ! grep -aq '^guest: selftest ok' "$log"; then
		failed KCSAN "the self-test fails" "$log"
	elif [ "$(ours "$log")" -ne 0 ]; then
		failed KCSAN "$(ours "$log") reports" "$log"
	else
		result ok KCSAN "$(grep -a '^ktest: PASS' "$log"), no race"
	fi
	log=$OUT/kcsan-bug.log
	run_guest "KCSAN with a bug" "$log" single "$KCSAN/build/vmlinux" \
		"$KCSAN/initrd.gz" 4 "$KCSAN_OFTEN" STEPS=bugs ROUNDS=60 \
		"BUGS=$KCSAN_BUG:psref_hold"
	if [ "$(ours "$log")" -gt 0 ]; then
		result ok "KCSAN: bug $KCSAN_BUG" "$(ours "$log") reports"
	else
		failed "KCSAN: bug $KCSAN_BUG" "no race is reported" "$log"
	fi
}

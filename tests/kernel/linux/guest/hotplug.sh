# SPDX-License-Identifier: BSD-2-Clause
# shellcheck shell=sh
# Tests while the last CPU goes away and comes back; grace periods, calls and
# cross-calls then meet a record whose CPU is not there.  The test's own threads
# are bound, so they run on the others.  Left out is what stays in a section
# until another thread has run: to take a CPU down the kernel stops all others.
last=$(($(nproc) - 1))
online=/sys/devices/system/cpu/cpu$last/online
turns=0 failed=0
for only in pserialize_p pserialize_c psref localcount percpu; do
	insmod /modules/ktest.ko "cpus=$last" "only=$only" &
	pid=$!
	while kill -0 "$pid" 2>/dev/null; do
		echo 0 >"$online" && echo 1 >"$online" || break
		turns=$((turns + 1))
	done
	wait "$pid" || failed=$((failed + 1))
	rmmod ktest
done
[ "$turns" -gt 0 ] || failed=1
verdict hotplug "$failed" "CPU $last off and on $turns times"

# SPDX-License-Identifier: BSD-2-Clause
# shellcheck shell=sh
# The self-test while the last CPU goes away and comes back; grace periods, calls
# and cross-calls then meet a record whose CPU is not there.  The test's own
# threads are bound, so they run on the others.
last=$(($(nproc) - 1))
online=/sys/devices/system/cpu/cpu$last/online
insmod /modules/ktest.ko "rounds=${ROUNDS:-1}" "cpus=$last" &
pid=$!
turns=0
while kill -0 "$pid" 2>/dev/null; do
	echo 0 >"$online" && echo 1 >"$online" || break
	turns=$((turns + 1))
done
wait "$pid"
status=$?
[ "$turns" -gt 0 ] || status=1
verdict hotplug "$status" "CPU $last off and on $turns times"
rmmod ktest

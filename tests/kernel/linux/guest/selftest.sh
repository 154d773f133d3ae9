# SPDX-License-Identifier: BSD-2-Clause
# shellcheck shell=sh
# The self-test on all CPUs, then the module leaves.
insmod /modules/ktest.ko "rounds=${ROUNDS:-1}" "only=${ONLY:-}"
verdict selftest $?
rmmod ktest && ! dmesg | grep -q 'ktest: stop FAIL'
verdict unload $?

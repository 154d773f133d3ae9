# SPDX-License-Identifier: BSD-2-Clause
# shellcheck shell=sh
# Addresses have 57 bits: the kernel hides the flag where it does not use them.
grep -qw la57 /proc/cpuinfo
verdict la57 $?

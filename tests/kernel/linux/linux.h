/* SPDX-License-Identifier: BSD-2-Clause */

#ifndef TESTS_KERNEL_LINUX_LINUX_H
#define TESTS_KERNEL_LINUX_LINUX_H

/*
 * Note the CPUs that there are, limit at most if it is not 0, as those of the
 * test.
 * Context: no test runs.
 */
void ktest_host_init(unsigned limit);

#endif /* TESTS_KERNEL_LINUX_LINUX_H */

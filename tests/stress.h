/* SPDX-License-Identifier: BSD-2-Clause */

/*
 * The length of stress tests: each names its base length, which takes well
 * under five seconds, and the environment variable STRESS_N multiplies it.
 */
#ifndef TESTS_STRESS_H
#define TESTS_STRESS_H

#include <stdlib.h>

static inline unsigned long
stress_n(unsigned long base)
{
	const char *env = getenv("STRESS_N");
	const unsigned long n = env != NULL ? strtoul(env, NULL, 10) : 1;

	return base * (n > 0 ? n : 1);
}

#endif /* TESTS_STRESS_H */

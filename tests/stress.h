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

#if defined(__has_feature)
#if __has_feature(thread_sanitizer) || __has_feature(address_sanitizer)
#define STRESS_SANITIZED 1
#endif
#elif defined(__SANITIZE_THREAD__) || defined(__SANITIZE_ADDRESS__)
#define STRESS_SANITIZED 1
#endif

/*
 * The length of a case of one thread that compares for long.  All of it is for
 * builds without a sanitizer: there is no race, and what touches memory that it
 * should not does so soon.
 */
static inline unsigned long
stress_alone_n(unsigned long base)
{
#ifdef STRESS_SANITIZED
	return (stress_n(base) + 3) / 4;
#else
	return stress_n(base);
#endif
}

#endif /* TESTS_STRESS_H */

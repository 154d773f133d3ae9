/* SPDX-License-Identifier: BSD-2-Clause */

#ifndef LIBSYNC_BASE_ASSERT_H
#define LIBSYNC_BASE_ASSERT_H

/*
 * Broken contracts.  SYNC_REQUIRE is always on: control paths.  SYNC_ASSERT is
 * on in builds with SYNC_CHECKS: fast paths.  Neither is an error code for bad
 * input; both end the program with the place and the condition.
 */

#include "libsync/port/types.h"

#ifdef __cplusplus
extern "C" {
#endif

/*
 * Report a broken contract on standard error and abort.
 * Context: any thread; does not return.
 */
void sync_assert_fail(const char *expr, const char *file, int line)
    __attribute__((__noreturn__, __cold__));

#ifdef __cplusplus
}
#endif

/* A host may have to do more where it is called. */
#ifndef PORT_ASSERT_FAIL
#define PORT_ASSERT_FAIL sync_assert_fail
#endif

#define SYNC_REQUIRE(c)             \
	(__builtin_expect(!!(c), 1) \
		? (void)0           \
		: PORT_ASSERT_FAIL(#c, __FILE__, __LINE__))

#ifdef SYNC_CHECKS
#define SYNC_ASSERT(c) SYNC_REQUIRE(c)
#else
#define SYNC_ASSERT(c) ((void)sizeof(c))
#endif

#endif /* LIBSYNC_BASE_ASSERT_H */

/* SPDX-License-Identifier: BSD-2-Clause */

/*
 * Put in front of the sources of radix_lf by test_radix_lf_lin: branches are
 * plain memory, whose accesses are traced, too.
 */
#ifndef TESTS_LIBSYNC_RADIX_LF_TRACE_H
#define TESTS_LIBSYNC_RADIX_LF_TRACE_H

#include "tests/lin/traced.h"

#define RADIX_LF_LOAD(field) (replay_load(&(field)), (field))
#define RADIX_LF_STORE(field, x) \
	replay_store(&(field), sizeof(field), (uint64_t)(uintptr_t)(x))

#endif /* TESTS_LIBSYNC_RADIX_LF_TRACE_H */

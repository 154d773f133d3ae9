/* SPDX-License-Identifier: BSD-2-Clause */

/*
 * Put in front of the sources of radix_lf by test_radix_lf_lin: every access
 * to memory that readers and the writer share goes through the two functions
 * there, which replay a reader between any two stores of the writer.
 */
#ifndef TESTS_LIBSYNC_RADIX_LF_TRACE_H
#define TESTS_LIBSYNC_RADIX_LF_TRACE_H

#include <stddef.h>
#include <stdint.h>

/* All that has inline functions: they keep the macros as they are. */
#include "libsync/base/atomic.h"
#include "libsync/port/port.h"
#include "libsync/pserialize/pserialize.h"

/* Called before a load of *field. */
void trace_load(const void *field);

/* Called instead of a store of value to the size bytes of *field. */
void trace_store(void *field, size_t size, uintptr_t value);

#define TRACE_LOAD(field) (trace_load(&(field)), (field))
#define TRACE_STORE(field, x) \
	trace_store(&(field), sizeof(field), (uintptr_t)(x))

#define RADIX_LF_LOAD(field)     TRACE_LOAD(field)
#define RADIX_LF_STORE(field, x) TRACE_STORE(field, x)

/* In these sources the two are used for the root and for nothing else. */
#undef sync_load_acquire
#undef sync_store_release
/* acquire: the traced form; one thread runs both sides. */
#define sync_load_acquire(p) TRACE_LOAD((p)->v)
/* release: likewise. */
#define sync_store_release(p, x) TRACE_STORE((p)->v, x)

#endif /* TESTS_LIBSYNC_RADIX_LF_TRACE_H */

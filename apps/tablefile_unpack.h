/* SPDX-License-Identifier: BSD-2-Clause */

#ifndef APPS_TABLEFILE_UNPACK_H
#define APPS_TABLEFILE_UNPACK_H

/*
 * The decompressors behind one face: one stream each, started again for the
 * next.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Where a step reads and writes; it moves both on. */
struct tablefile_unpack_window {
	const uint8_t *in;
	size_t nin;
	uint8_t *out;
	size_t nout;
};

/*
 * One method.  start() begins a stream: 0 or -ENOMEM.  step() does what it can
 * with the window: 1 at the end of the stream, 0 when it wants more input or
 * room, or -EBADMSG or -ENOMEM.  stop() ends a stream that was started.
 * A method that this program was built without has no functions.
 */
struct tablefile_unpack {
	const char *name, *library;
	const char *magic; /* what such a file begins with */
	size_t nmagic;
	int (*start)(void **state);
	int (*step)(void *state, struct tablefile_unpack_window *w);
	void (*stop)(void *state);
};

/*
 * The method of a file that begins with these bytes.
 * Context: any thread; never sleeps.
 * Returns: NULL if it is none of them.
 */
const struct tablefile_unpack *tablefile_unpack_find(
    const uint8_t *data, size_t len);

#endif /* APPS_TABLEFILE_UNPACK_H */

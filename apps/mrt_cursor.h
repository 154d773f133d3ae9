/* SPDX-License-Identifier: BSD-2-Clause */

#ifndef APPS_MRT_CURSOR_H
#define APPS_MRT_CURSOR_H

/*
 * Big-endian fields one after the other.  Reading beyond the end gives zeros
 * and is remembered, so that a sequence of reads is checked once, behind it.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

struct mrt_cursor {
	const uint8_t *p;
	size_t n;
	bool over; /* more was read than there was */
};

/* The next n bytes.  Returns: NULL if they are not there. */
static inline const uint8_t *
mrt_cursor_bytes(struct mrt_cursor *c, size_t n)
{
	const uint8_t *p = c->p;

	if (c->over || n > c->n) {
		c->over = true;
		c->n = 0;
		return NULL;
	}
	c->p += n;
	c->n -= n;
	return p;
}

static inline void
mrt_cursor_copy(struct mrt_cursor *c, void *to, size_t n)
{
	const uint8_t *p = mrt_cursor_bytes(c, n);

	if (p != NULL)
		memcpy(to, p, n);
	else
		memset(to, 0, n);
}

static inline uint32_t
mrt_cursor_number(struct mrt_cursor *c, size_t n)
{
	const uint8_t *p = mrt_cursor_bytes(c, n);
	uint32_t v = 0;

	for (size_t i = 0; p != NULL && i < n; i++)
		v = v << 8 | p[i];
	return v;
}

/* The next n bytes as a cursor of their own. */
static inline struct mrt_cursor
mrt_cursor_cut(struct mrt_cursor *c, size_t n)
{
	const uint8_t *p = mrt_cursor_bytes(c, n);

	return (struct mrt_cursor){
	    .p = p, .n = p != NULL ? n : 0, .over = p == NULL};
}

#endif /* APPS_MRT_CURSOR_H */

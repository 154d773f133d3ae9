/* SPDX-License-Identifier: BSD-2-Clause */

#ifndef APPS_IDSET_H
#define APPS_IDSET_H

/*
 * A set of numbers that is filled once and then asked often: add all, sort,
 * ask.  Empty is all zero.
 *
 * Context: any thread; never sleeps.
 */

#include <stdbool.h>

#include "apps/array.h"

struct idset {
	uint32_t *id;
	size_t n, room;
};

/* Add one.  Returns: 0 or -ENOMEM. */
static inline int
idset_add(struct idset *s, uint32_t id)
{
	int rc = array_reserve(&s->id, &s->room, s->n, sizeof(id));

	if (rc == 0)
		s->id[s->n++] = id;
	return rc;
}

static inline int
idset_compare(const void *a, const void *b)
{
	uint32_t x, y;

	memcpy(&x, a, sizeof(x));
	memcpy(&y, b, sizeof(y));
	return (x > y) - (x < y);
}

/* Get ready to be asked. */
static inline void
idset_sort(struct idset *s)
{
	if (s->n > 1)
		qsort(s->id, s->n, sizeof(s->id[0]), idset_compare);
}

static inline bool
idset_has(const struct idset *s, uint32_t id)
{
	return s->n > 0 &&
	       bsearch(&id, s->id, s->n, sizeof(id), idset_compare) != NULL;
}

static inline void
idset_fini(struct idset *s)
{
	free(s->id);
	*s = (struct idset){.n = 0};
}

#endif /* APPS_IDSET_H */

/* SPDX-License-Identifier: BSD-2-Clause */

#ifndef APPS_ARRAY_H
#define APPS_ARRAY_H

/*
 * Growing arrays of the control programs.
 */

#include <errno.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

/*
 * Make room for one more element of size bytes behind n of them; the room
 * doubles.  items points to the array's pointer.
 * Context: any thread; never sleeps.
 * Returns: 0 or -ENOMEM with the array as it was.
 */
static inline int
array_reserve(void *items, size_t *room, size_t n, size_t size)
{
	const size_t more = *room == 0 ? 16 : *room * 2;
	void *old, *grown;

	if (n < *room)
		return 0;
	if (more > SIZE_MAX / size)
		return -ENOMEM;
	memcpy(&old, items, sizeof(old));
	grown = realloc(old, more * size);
	if (grown == NULL)
		return -ENOMEM;
	memcpy(items, &grown, sizeof(grown));
	*room = more;
	return 0;
}

#endif /* APPS_ARRAY_H */

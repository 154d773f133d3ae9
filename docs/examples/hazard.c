/* SPDX-License-Identifier: BSD-2-Clause */

#include <pthread.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>

#include "libsync/hazard/hazard.h"

struct settings {
	int version;
	struct hazard_head head;
};

static struct hazard_ptr current;
static struct hazard_cohort all; /* gone before main() returns */

static void
settings_free(struct hazard_head *head)
{
	free((char *)head - offsetof(struct settings, head));
}

/* By one writer at a time. */
static void
settings_replace(int version)
{
	struct settings *old, *new = malloc(sizeof(*new));

	if (new == NULL)
		abort();
	new->version = version;
	/* relaxed: only the writer stores it. */
	old = sync_load_relaxed(&current.to);
	hazard_publish(&current, new);
	if (old != NULL) /* readers may still look at it */
		hazard_cohort_retire(&all, &old->head, old, settings_free);
}

static void *
reader(void *arg)
{
	int *seen = arg;
	struct hazard h;

	if (hazard_init(&h) != 0)
		return NULL;
	for (int i = 0; i < 1000; i++) {
		const struct settings *s = hazard_protect(&h, &current);

		*seen = s->version; /* valid until the next line */
		hazard_clear(&h);
	}
	hazard_fini(&h);
	return NULL;
}

int
main(void)
{
	struct settings *last;
	pthread_t t;
	int seen = 0;

	hazard_cohort_init(&all);
	settings_replace(1);
	if (pthread_create(&t, NULL, reader, &seen) != 0)
		return 1;
	for (int version = 2; version <= 1000; version++)
		settings_replace(version);
	pthread_join(t, NULL);
	printf("the reader ended with version %d\n", seen);

	/* relaxed: nobody else is left. */
	last = sync_load_relaxed(&current.to);
	hazard_publish(&current, NULL);
	hazard_cohort_retire(&all, &last->head, last, settings_free);
	hazard_cohort_fini(&all);
	return seen < 1;
}

/* SPDX-License-Identifier: BSD-2-Clause */

/*
 * Ordering pairs
 *   LIMITS  publish exchanges current (release) -> readers load it (acquire):
 *           limits are filled before they are seen.
 */

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include "libsync/base/atomic.h"
#include "libsync/pserialize/pserialize.h"

struct limits {
	struct pserialize_head head; /* first: a head is its limits */
	unsigned packets, bytes;     /* readers see both old or both new */
};

static SYNC_ATOMIC(struct limits *) current;

/* A reader: any thread, at any time. */
static unsigned
bytes_per_packet(void)
{
	const uint64_t section = pserialize_read_enter();
	/* LIMITS acquire: pairs with the exchange in publish. */
	const struct limits *l = sync_load_acquire(&current);
	const unsigned answer = l->bytes / l->packets;

	pserialize_read_exit(section); /* l may be gone from here on */
	return answer;
}

/* Writers take turns by a lock of their own, or as here by the exchange. */
static struct limits *
publish(unsigned packets, unsigned bytes)
{
	struct limits *l = malloc(sizeof(*l));

	if (l == NULL)
		abort();
	*l = (struct limits){.packets = packets, .bytes = bytes};
	/* LIMITS acq_rel: publishes l, and takes over the old ones. */
	return sync_xchg_acq_rel(&current, l);
}

static void
limits_free(struct pserialize_head *head)
{
	free(head);
}

int
main(void)
{
	struct limits *old;
	uint64_t gp;

	free(publish(10, 1000));
	printf("%u bytes per packet\n", bytes_per_packet());

	old = publish(10, 2000);
	pserialize_perform(); /* wait until nobody looks at the old ones */
	free(old);

	old = publish(10, 3000);
	pserialize_call(&old->head, limits_free); /* or let it be done later */

	old = publish(10, 4000);
	gp = pserialize_poll_start(); /* or look again now and then */
	while (!pserialize_poll(gp))
		(void)pserialize_poll_advance();
	free(old);

	printf("%u bytes per packet\n", bytes_per_packet());
	pserialize_barrier(); /* limits_free has been called */
	return bytes_per_packet() == 400 ? 0 : 1;
}

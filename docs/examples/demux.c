/* SPDX-License-Identifier: BSD-2-Clause */

#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include "libsync/demux/demux.h"
#include "libsync/pserialize/pserialize.h"

struct tuple { /* without padding: its bytes are compared */
	uint32_t local, remote;
	uint16_t local_port, remote_port;
};

struct conn {
	struct pserialize_head retire;
	struct tuple tuple;
	bool open; /* else half-open */
};

static struct demux *conns;

static void
conn_free(struct pserialize_head *head)
{
	free(head); /* it is the first member */
}

static struct conn *
conn_make(const struct tuple *tuple, bool open)
{
	struct conn *c = calloc(1, sizeof(*c));

	if (c == NULL)
		abort();
	c->tuple = *tuple;
	c->open = open;
	return c;
}

/* A packet: 1 if its connection is open, 0 if half-open, -1 if unknown. */
static int
input(const struct tuple *tuple)
{
	const uint64_t s = pserialize_read_enter();
	const struct conn *c = demux_lookup(conns, tuple);
	const int state = c == NULL ? -1 : c->open;

	pserialize_read_exit(s);
	return state;
}

/* The handshake is over: one step, so that no packet finds nothing. */
static void *
establish(void *arg)
{
	struct conn *half = arg, *c = conn_make(&half->tuple, true);

	if (demux_replace(conns, half, c) == 0)
		pserialize_call(&half->retire, conn_free);
	else
		free(c); /* it was closed meanwhile */
	return NULL;
}

static int
conn_close(void *item, void *arg)
{
	struct conn *c = item;

	(void)arg;
	if (demux_remove(conns, c) == 0)
		pserialize_call(&c->retire, conn_free);
	return 0;
}

int
main(void)
{
	const struct tuple tuple = {0x0a000001, 0x0a000002, 80, 12345};
	const struct tuple other = {0x0a000001, 0x0a000003, 80, 12345};
	const struct demux_config cfg = {
	    .key_offset = offsetof(struct conn, tuple),
	    .key_size = sizeof(struct tuple),
	    .seed = {0x243f6a8885a308d3, 0x13198a2e03707344}, /* be random */
	};
	struct conn *half = conn_make(&tuple, false);
	pthread_t thread;

	if (demux_create(&cfg, &conns) != 0)
		return 1;
	if (demux_insert(conns, half) != 0)
		return 1;
	if (pthread_create(&thread, NULL, establish, half) != 0)
		return 1;
	if (input(&tuple) < 0 || input(&other) >= 0)
		return 1;
	pthread_join(thread, NULL);
	printf(
	    "state %d, %zu connections\n", input(&tuple), demux_count(conns));
	if (input(&tuple) != 1)
		return 1;
	if (demux_walk(conns, conn_close, NULL) != 0)
		return 1;
	demux_destroy(conns);
	pserialize_barrier();
	return 0;
}

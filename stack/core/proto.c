/* SPDX-License-Identifier: BSD-2-Clause */

/*
 * The dispatch table is an array of protocols in order of registration and an
 * open-addressed hash of their keys into it, in one block that never changes
 * once published.  There are two blocks: a change fills the one that is not
 * published, publishes it, and waits until readers have left the other.  So a
 * removal needs no memory and cannot fail.
 *
 * Invariants
 *   I1  bucket[] has more places than twice the protocols: a search ends.
 *   I2  The spare has room for all published protocols but one.
 *
 * Ordering pairs
 *   PROTOS  publish stores protos (release) -> a reader loads it (acquire):
 *           the table is filled before it is seen.
 *
 * Reclamation: the control thread waits for a grace period; then the former
 * table is the spare, or is freed if it has become too small.
 */

#include "stack/core/proto.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "libsync/base/assert.h"
#include "stack/core/core_impl.h"

#define CAP_FIRST 16

struct entry {
	const struct proto *proto;
	void *state;
};

/* [c] once published */
struct proto_table {
	unsigned int n, cap, mask;
	uint16_t *bucket; /* place in e, and 1; 0: nothing */
	struct entry e[];
};

static unsigned int
hash(enum proto_carrier carrier, uint16_t number)
{
	return ((uint32_t)carrier << 16 | number) * UINT32_C(0x9e3779b1) >> 16;
}

static struct proto_table *
table_alloc(unsigned int cap)
{
	unsigned int nbuckets = 4;
	struct proto_table *t;

	while (nbuckets <= 2 * cap)
		nbuckets *= 2;
	t = calloc(1, sizeof(*t) + cap * sizeof(t->e[0]) +
			  nbuckets * sizeof(t->bucket[0]));
	if (t == NULL)
		return NULL;
	t->cap = cap;
	t->mask = nbuckets - 1;
	t->bucket = (uint16_t *)&t->e[cap];
	return t;
}

static void
append(struct proto_table *t, const struct entry *e)
{
	unsigned int i = hash(e->proto->carrier, e->proto->number);

	SYNC_REQUIRE(t->n < t->cap);
	while (t->bucket[i & t->mask] != 0)
		i++;
	t->e[t->n++] = *e;
	t->bucket[i & t->mask] = (uint16_t)t->n;
}

static const struct entry *
find(const struct proto_table *t, enum proto_carrier carrier, uint16_t number)
{
	unsigned int i, at;

	for (i = hash(carrier, number);; i++) {
		at = t->bucket[i & t->mask];
		if (at == 0)
			return NULL;
		if (t->e[at - 1].proto->carrier == carrier &&
		    t->e[at - 1].proto->number == number)
			return &t->e[at - 1];
	}
}

static const struct proto_table *
reader_table(struct stack *st)
{
	SYNC_ASSERT(pserialize_in_read_section());
	/* PROTOS acquire: pairs with the release in publish. */
	return sync_load_acquire(&st->protos);
}

static struct proto_table *
writer_table(struct stack *st)
{
	/* relaxed: only writers store it, and they exclude each other. */
	return sync_load_relaxed(&st->protos);
}

/* Publish all but skip (or NULL), and then add (or NULL), by the spare. */
static void
publish(struct stack *st, const struct proto *skip, const struct entry *add)
{
	struct proto_table *old = writer_table(st), *t = st->protos_spare;

	memset(t->bucket, 0, (t->mask + 1) * sizeof(t->bucket[0]));
	t->n = 0;
	for (unsigned int i = 0; i < old->n; i++)
		if (old->e[i].proto != skip)
			append(t, &old->e[i]);
	if (add != NULL)
		append(t, add);
	/* PROTOS release: pairs with the acquire in reader_table; COMMIT. */
	sync_store_release(&st->protos, t);
	pserialize_perform();
	st->protos_spare = old;
}

int
proto_table_create(struct stack *st)
{
	struct proto_table *t = table_alloc(CAP_FIRST);

	st->protos_spare = table_alloc(CAP_FIRST);
	sync_init(&st->protos, t);
	return t == NULL || st->protos_spare == NULL ? -ENOMEM : 0;
}

void
proto_table_destroy(struct stack *st)
{
	free(writer_table(st));
	free(st->protos_spare);
}

void
proto_input(struct worker *w, enum proto_carrier carrier, uint16_t number,
    struct pkt_batch *in)
{
	const struct entry *e;

	SYNC_ASSERT(in->n <= PKT_BATCH_MAX);
	if (in->n == 0)
		return;
	e = find(reader_table(w->stack), carrier, number);
	if (e != NULL) {
		e->proto->input(e->state, w, in);
	} else {
		for (unsigned int i = 0; i < in->n; i++)
			pkt_drop(
			    w, in->pkt[i], in->pkt[i]->rx_if, DROP_NO_PROTO);
	}
	in->n = 0;
}

bool
proto_registered(struct stack *st, enum proto_carrier carrier, uint16_t number)
{
	return find(reader_table(st), carrier, number) != NULL;
}

void
proto_input_runs(
    struct worker *w, enum proto_carrier carrier, struct pkt_batch *in)
{
	struct pkt_batch run;
	unsigned int from = 0, to;

	while (from < in->n) {
		const uint16_t number = in->pkt[from]->proto;

		for (to = from + 1; to < in->n; to++)
			if (in->pkt[to]->proto != number)
				break;
		if (from == 0 && to == in->n) {
			proto_input(w, carrier, number, in);
			return;
		}
		run.n = to - from;
		memcpy(run.pkt, &in->pkt[from], run.n * sizeof(struct pkt *));
		proto_input(w, carrier, number, &run);
		from = to;
	}
	in->n = 0;
}

void
proto_netif_event(struct stack *st, struct netif *nif, enum netif_event event)
{
	const struct proto_table *t = writer_table(st);
	const bool backwards =
	    event == NETIF_EVENT_DOWN || event == NETIF_EVENT_DETACH;

	SYNC_ASSERT(stack_control_held(st));
	for (unsigned int i = 0; i < t->n; i++) {
		const struct entry *e = &t->e[backwards ? t->n - 1 - i : i];

		if (e->proto->netif_event != NULL)
			e->proto->netif_event(e->state, nif, event);
	}
}

void
proto_housekeep(struct stack *st)
{
	const struct proto_table *t;

	stack_control_enter(st);
	t = writer_table(st);
	for (unsigned int i = 0; i < t->n; i++)
		if (t->e[i].proto->housekeep != NULL)
			t->e[i].proto->housekeep(t->e[i].state);
	stack_control_exit(st);
}

/* Is its name or its key in use? */
static bool
taken(const struct proto_table *t, const struct proto *p)
{
	if (find(t, p->carrier, p->number) != NULL)
		return true;
	for (unsigned int i = 0; i < t->n; i++)
		if (strcmp(t->e[i].proto->name, p->name) == 0)
			return true;
	return false;
}

/* Room in the spare for one more than are published. */
static int
reserve(struct stack *st)
{
	const unsigned int n = writer_table(st)->n;
	struct proto_table *t;

	if (n < st->protos_spare->cap)
		return 0;
	if (n >= UINT16_MAX / 2)
		return -ENOMEM;
	t = table_alloc(2 * n);
	if (t == NULL)
		return -ENOMEM;
	free(st->protos_spare);
	st->protos_spare = t;
	return 0;
}

/* The part of proto_add() under the control mutex. */
static int
add_locked(struct stack *st, const struct entry *e)
{
	struct netif *nif;
	int error;

	if (taken(writer_table(st), e->proto))
		return -EEXIST;
	error = reserve(st);
	if (error != 0)
		return error;
	publish(st, NULL, e);
	if (e->proto->netif_event == NULL)
		return 0;
	PSLIST_WRITER_FOREACH (nif, &st->netifs, on_list) {
		e->proto->netif_event(e->state, nif, NETIF_EVENT_ATTACH);
		if (netif_usable(nif))
			e->proto->netif_event(e->state, nif, NETIF_EVENT_UP);
	}
	return 0;
}

int
proto_add(struct stack *st, const struct proto *p)
{
	struct entry e = {.proto = p};
	int error;

	SYNC_REQUIRE(p->name != NULL &&
		     (p->input != NULL) == (p->carrier != PROTO_CARRIER_NONE));
	stack_control_enter(st);
	error = taken(writer_table(st), p) ? -EEXIST : 0;
	stack_control_exit(st);
	if (error == 0 && p->init != NULL)
		error = p->init(st, &e.state);
	if (error != 0)
		return error;

	stack_control_enter(st);
	error = add_locked(st, &e);
	stack_control_exit(st);
	if (error != 0 && p->fini != NULL)
		p->fini(e.state);
	return error;
}

int
proto_remove(struct stack *st, const struct proto *p)
{
	const struct proto_table *t;
	struct netif *nif;
	struct entry e = {0};

	stack_control_enter(st);
	t = writer_table(st);
	for (unsigned int i = 0; i < t->n; i++)
		if (t->e[i].proto == p)
			e = t->e[i];
	if (e.proto == NULL) {
		stack_control_exit(st);
		return -ENOENT;
	}
	publish(st, p, NULL);
	stack_barrier(st);
	if (p->netif_event != NULL) {
		PSLIST_WRITER_FOREACH (nif, &st->netifs, on_list)
			p->netif_event(e.state, nif, NETIF_EVENT_DETACH);
	}
	stack_barrier(st);
	stack_control_exit(st);
	if (p->fini != NULL)
		p->fini(e.state);
	return 0;
}

void
proto_remove_all(struct stack *st)
{
	const struct proto_table *t;

	while ((t = writer_table(st))->n > 0)
		SYNC_REQUIRE(proto_remove(st, t->e[t->n - 1].proto) == 0);
}

void *
proto_state(struct stack *st, const struct proto *p)
{
	const uint64_t s = pserialize_read_enter();
	const struct entry *e = find(reader_table(st), p->carrier, p->number);
	void *state = e != NULL && e->proto == p ? e->state : NULL;

	pserialize_read_exit(s);
	return state;
}

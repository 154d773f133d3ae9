/* SPDX-License-Identifier: BSD-2-Clause */

/*
 * The life of an interface, and what may be asked of it.
 *
 * Attach: reserve an id, fill the structure, append it to the list, put it in
 * the index, tell the protocols, let the workers poll it.
 *
 * Detach, in an order that leaves nothing behind (the numbers are in the
 * code): 1 poll lists, index and list no longer show it, and no reader is left
 * that found it there; 2 every worker ends the turn it is in, so frames
 * collected for it meet a stale id, and messages sent before have run; 3 the
 * protocols forget their routes, neighbours, timers and messages; 4 addresses;
 * 5 references drain; 6 the driver frees its state; 7 only now the slot of the
 * id, under the next generation, and the structure.
 *
 * Invariants
 *   I1  An interface is on the list, in the index and on the poll lists, or
 *       in none of them, whenever the control mutex is free.
 *   I2  NETIF_GONE is set once and for all, and NETIF_RUNNING is clear then.
 *
 * Ordering pairs
 *   (INDEX, NETIF: see netif_index.c.)
 *
 * Reclamation: netif_detach(), after the grace period that ends
 * psref_target_destroy().
 */

#include "stack/core/netif.h"

#include <ctype.h>
#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "libsync/base/assert.h"
#include "stack/core/core_impl.h"

/* An Ethernet header with two VLAN tags. */
#define ETHER_ROOM 22

#define SETTABLE (NETIF_UP | NETIF_PROMISC | NETIF_NOARP)
#define ATTACHABLE \
	(NETIF_RUNNING | NETIF_LOOPBACK | NETIF_NOARP | NETIF_PROMISC)

struct netif *
netif_lookup(struct stack *st, netif_id id)
{
	const uint32_t s = id & NETIF_SLOT_MASK;
	const struct netif_index *x;
	struct netif *nif;

	SYNC_ASSERT(pserialize_in_read_section());
	/* INDEX acquire: pairs with the release in grow. */
	x = sync_load_acquire(&st->index);
	if (s >= x->nslots)
		return NULL;
	/* NETIF acquire: pairs with the release in netif_index_publish. */
	nif = sync_load_acquire(&x->slot[s]);
	return nif != NULL && nif->id == id ? nif : NULL;
}

bool
netif_present(struct stack *st, netif_id id)
{
	const uint64_t s = pserialize_read_enter();
	const bool present = netif_lookup(st, id) != NULL;

	SYNC_ASSERT(stack_control_held(st));
	pserialize_read_exit(s);
	return present;
}

struct netif *
netif_first(struct stack *st)
{
	SYNC_ASSERT(pserialize_in_read_section() || stack_control_held(st));
	return PSLIST_ENTRY(
	    core_list_first(&st->netifs), struct netif, on_list);
}

struct netif *
netif_next(struct stack *st, struct netif *nif)
{
	SYNC_ASSERT(pserialize_in_read_section() || stack_control_held(st));
	return PSLIST_ENTRY(
	    core_list_next(&nif->on_list), struct netif, on_list);
}

struct netif *
netif_lookup_name(struct stack *st, const char *name)
{
	struct netif *nif;

	for (nif = netif_first(st); nif != NULL; nif = netif_next(st, nif))
		if (strcmp(nif->name, name) == 0)
			return nif;
	return NULL;
}

/* By the holder of the control mutex. */
static struct netif *
find(struct stack *st, netif_id id)
{
	struct netif *nif;

	for (nif = netif_first(st); nif != NULL; nif = netif_next(st, nif))
		if (nif->id == id)
			return nif;
	return NULL;
}

void
netif_acquire(struct netif *nif, struct psref *ref)
{
	SYNC_ASSERT(pserialize_in_read_section());
	psref_acquire(ref, &nif->target, nif->stack->netif_class);
}

void
netif_release(struct netif *nif, struct psref *ref)
{
	psref_release(ref, &nif->target, nif->stack->netif_class);
}

void
netif_count(struct worker *w, struct netif *nif, unsigned int c, uint64_t n)
{
	percpu_counters_add(nif->counters, w->id, c, n);
}

uint64_t
netif_counter_read(const struct netif *nif, unsigned int worker, unsigned int c)
{
	return worker == UINT_MAX
		   ? percpu_counters_sum(nif->counters, c)
		   : percpu_counters_read(nif->counters, worker, c);
}

uint64_t
netif_orphan_drops(
    struct stack *st, unsigned int worker, enum drop_reason reason)
{
	return worker == UINT_MAX
		   ? percpu_counters_sum(st->orphans, reason)
		   : percpu_counters_read(st->orphans, worker, reason);
}

void
netif_input(struct worker *w, struct netif *nif, struct pkt_batch *b)
{
	/* relaxed: a packet may get the mark of a moment ago. */
	const uint32_t mark = sync_load_relaxed(&nif->mark);
	uint64_t bytes = 0;

	SYNC_ASSERT(pserialize_in_read_section());
	/* Without a mark nobody writes to the packet's second line. */
	for (unsigned int i = 0; mark != 0 && i < b->n; i++)
		b->pkt[i]->mark = mark;
	for (unsigned int i = 0; i < b->n; i++) {
		b->pkt[i]->rx_if = nif->id;
		bytes += b->pkt[i]->len;
	}
	netif_count(w, nif, NETIF_RX_PACKETS, b->n);
	netif_count(w, nif, NETIF_RX_BYTES, bytes);
	if (netif_usable(nif))
		proto_input(w, PROTO_CARRIER_LINK, nif->link, b);
	else
		pkt_drop_batch(w, b, nif->id, DROP_NETIF_DOWN);
}

static bool
name_valid(const char *name)
{
	const size_t n = strnlen(name, NETIF_NAME_MAX);

	if (n == 0 || n == NETIF_NAME_MAX || strcmp(name, ".") == 0 ||
	    strcmp(name, "..") == 0)
		return false;
	for (size_t i = 0; i < n; i++)
		if (!isgraph((unsigned char)name[i]) || name[i] == '/')
			return false;
	return true;
}

static bool
mtu_valid(enum netif_link link, uint32_t mtu)
{
	const uint32_t max =
	    link == NETIF_LINK_ETHER ? PKT_ROOM - ETHER_ROOM : NETIF_MTU_MAX;

	return mtu >= NETIF_MTU_MIN && mtu <= max;
}

static bool
config_valid(const struct stack *st, const struct netif_config *cfg)
{
	const bool named = cfg->name != NULL && cfg->name[0] != '\0';

	return (!named || name_valid(cfg->name)) && cfg->driver != NULL &&
	       (named || name_valid(cfg->driver)) &&
	       (cfg->link == NETIF_LINK_ETHER || cfg->link == NETIF_LINK_IP) &&
	       mtu_valid(cfg->link, cfg->mtu) &&
	       (cfg->flags & ~(uint32_t)ATTACHABLE) == 0 && cfg->nqueues >= 1 &&
	       cfg->nqueues <= st->nworkers && cfg->ops != NULL &&
	       cfg->ops->poll != NULL && cfg->ops->transmit != NULL;
}

/* Its own name, or the first free number behind the driver's. */
static int
choose_name(struct netif *nif, const char *name)
{
	struct stack *st = nif->stack;
	char tmp[NETIF_NAME_MAX + 12];

	if (name != NULL && name[0] != '\0') {
		if (netif_lookup_name(st, name) != NULL)
			return -EEXIST;
		snprintf(nif->name, sizeof(nif->name), "%s", name);
		return 0;
	}
	for (unsigned int i = 0;; i++) {
		snprintf(tmp, sizeof(tmp), "%s%u", nif->driver, i);
		if (!name_valid(tmp))
			return -EINVAL;
		if (netif_lookup_name(st, tmp) == NULL)
			break;
	}
	memcpy(nif->name, tmp, sizeof(nif->name));
	return 0;
}

/* A locally administered unicast address, the same in every run. */
static void
make_hwaddr(struct netif *nif)
{
	uint64_t h = UINT64_C(0xcbf29ce484222325) ^ nif->stack->seed;

	/* FNV-1a */
	for (const char *c = nif->stack->name; *c != '\0'; c++)
		h = (h ^ (unsigned char)*c) * UINT64_C(0x100000001b3);
	h = (h ^ nif->id) * UINT64_C(0x100000001b3);
	for (const char *c = nif->name; *c != '\0'; c++)
		h = (h ^ (unsigned char)*c) * UINT64_C(0x100000001b3);
	nif->hwaddr[0] = 0x02;
	for (int i = 1; i < 6; i++)
		nif->hwaddr[i] = (uint8_t)(h >> 8 * i);
}

static void
netif_free(struct netif *nif)
{
	netif_output_destroy(nif);
	if (nif->counters != NULL)
		percpu_counters_destroy(nif->counters);
	free(nif);
}

/* Fill all but id and name. */
static int
netif_new(struct stack *st, const struct netif_config *cfg, struct netif **out)
{
	struct netif *nif = calloc(1, sizeof(*nif));
	int error;

	if (nif == NULL)
		return -ENOMEM;
	nif->link = cfg->link;
	sync_init(&nif->flags, cfg->flags);
	sync_init(&nif->mtu, cfg->mtu);
	sync_init(&nif->mark, 0);
	memcpy(nif->hwaddr, cfg->hwaddr, sizeof(nif->hwaddr));
	nif->nqueues = cfg->nqueues;
	nif->ops = cfg->ops;
	nif->softc = cfg->softc;
	nif->stack = st;
	snprintf(nif->driver, sizeof(nif->driver), "%s", cfg->driver);
	pslist_head_init(&nif->addrs);
	pslist_entry_init(&nif->on_list);
	error = percpu_counters_create(
	    st->nworkers, NETIF_COUNTER_COUNT, &nif->counters);
	if (error != 0) {
		free(nif);
		return error;
	}
	*out = nif;
	return 0;
}

static void
list_append(struct netif *nif)
{
	struct pslist_head *list = &nif->stack->netifs;
	struct pslist_entry *last = NULL, *e;

	for (e = pslist_writer_first(list); e != NULL;
	     e = pslist_writer_next(e))
		last = e;
	if (last == NULL)
		pslist_writer_insert_head(list, &nif->on_list);
	else
		pslist_writer_insert_after(last, &nif->on_list);
}

/* The part of netif_attach() under the control mutex. */
static int
attach_locked(struct netif *nif, const struct netif_config *cfg)
{
	static const uint8_t none[6];
	struct stack *st = nif->stack;
	int error = choose_name(nif, cfg->name);

	if (error != 0)
		return error;
	error = worker_polls_reserve(st);
	if (error != 0)
		return error;
	error = netif_index_reserve(st, &nif->id);
	if (error != 0)
		return error;
	error = netif_output_create(nif);
	if (error != 0) {
		netif_index_release(st, nif->id);
		return error;
	}
	if (nif->link == NETIF_LINK_ETHER &&
	    memcmp(nif->hwaddr, none, sizeof(none)) == 0)
		make_hwaddr(nif);
	psref_target_init(&nif->target, st->netif_class);
	list_append(nif);
	netif_index_publish(st, nif);
	proto_netif_event(st, nif, NETIF_EVENT_ATTACH);
	worker_polls_publish(st);
	event_publish_link(nif, EVENT_ADD);
	return 0;
}

int
netif_attach(struct stack *st, const struct netif_config *cfg, netif_id *out)
{
	struct netif *nif;
	netif_id id;
	int error;

	if (!config_valid(st, cfg))
		return -EINVAL;
	error = netif_new(st, cfg, &nif);
	if (error != 0)
		return error;
	stack_control_enter(st);
	error = attach_locked(nif, cfg);
	id = nif->id;
	stack_control_exit(st);
	if (error != 0) {
		netif_free(nif);
		return error;
	}
	*out = id;
	return 0;
}

/* Change flags that others may be changing.  Returns: what they were. */
static uint32_t
flags_change(struct netif *nif, uint32_t set, uint32_t clear)
{
	/* relaxed: a packet may see the state of a moment ago. */
	uint32_t old = sync_load_relaxed(&nif->flags), new;

	do {
		new = (old & ~clear) | set;
		/* I2 */
		if ((new &NETIF_GONE) != 0)
			new &= ~(uint32_t)NETIF_RUNNING;
		/* relaxed: as above, and on failure again. */
	} while (!sync_cas_relaxed(&nif->flags, &old, new));
	return old;
}

int
netif_detach(struct stack *st, netif_id id)
{
	struct netif *nif;

	SYNC_REQUIRE(!pserialize_in_read_section());
	stack_control_enter(st);
	nif = find(st, id);
	if (nif == NULL) {
		stack_control_exit(st);
		return -ENODEV;
	}
	pslist_writer_remove(&nif->on_list);
	netif_index_retire(st, id);
	worker_polls_publish(st); /* 1: ends with a grace period */
	flags_change(nif, 0, NETIF_UP | NETIF_RUNNING);
	stack_barrier(st);                              /* 2 */
	proto_netif_event(st, nif, NETIF_EVENT_DETACH); /* 3 */
	stack_barrier(st);
	netif_addr_retire_all(nif); /* 4 */
	event_publish_link(nif, EVENT_DELETE);
	stack_control_exit(st);

	psref_target_destroy(&nif->target, st->netif_class); /* 5 */
	if (nif->ops->detach != NULL)
		nif->ops->detach(nif); /* 6 */
	stack_control_enter(st);
	netif_index_release(st, id); /* 7 */
	stack_control_exit(st);
	pslist_head_fini(&nif->addrs);
	pslist_entry_fini(&nif->on_list);
	netif_free(nif);
	return 0;
}

/* Apply flags and tell; the driver has agreed. */
static void
flags_commit(struct netif *nif, uint32_t set, uint32_t clear)
{
	const bool before = netif_usable(nif);
	const uint32_t old = flags_change(nif, set, clear);
	const bool after = netif_usable(nif);

	if (before != after)
		proto_netif_event(
		    nif->stack, nif, after ? NETIF_EVENT_UP : NETIF_EVENT_DOWN);
	if (((old & ~clear) | set) != old)
		event_publish_link(nif, EVENT_CHANGE);
}

int
netif_set_flags(struct stack *st, netif_id id, uint32_t set, uint32_t clear)
{
	struct netif *nif;
	uint32_t old, new;
	int error = 0;

	if (((set | clear) & ~(uint32_t)SETTABLE) != 0 || (set & clear) != 0)
		return -EINVAL;
	stack_control_enter(st);
	nif = find(st, id);
	if (nif == NULL) {
		error = -ENODEV;
		goto out;
	}
	/* relaxed: we hold the mutex of those that change these. */
	old = sync_load_relaxed(&nif->flags);
	new = (old & ~clear) | set;
	if (new != old && nif->ops->set_flags != NULL)
		error = nif->ops->set_flags(nif, new);
	if (error == 0)
		flags_commit(nif, set, clear);
out:
	stack_control_exit(st);
	return error;
}

int
netif_set_mtu(struct stack *st, netif_id id, uint32_t mtu)
{
	struct netif *nif;
	int error = 0;

	stack_control_enter(st);
	nif = find(st, id);
	if (nif == NULL)
		error = -ENODEV;
	else if (!mtu_valid(nif->link, mtu))
		error = -EINVAL;
	else if (nif->ops->set_mtu != NULL)
		error = nif->ops->set_mtu(nif, mtu);
	if (error == 0) {
		/* relaxed: a packet may see the MTU of a moment ago. */
		sync_store_relaxed(&nif->mtu, mtu);
		proto_netif_event(st, nif, NETIF_EVENT_CHANGE);
		event_publish_link(nif, EVENT_CHANGE);
	}
	stack_control_exit(st);
	return error;
}

int
netif_set_mark(struct stack *st, netif_id id, uint32_t mark)
{
	struct netif *nif;

	stack_control_enter(st);
	nif = find(st, id);
	if (nif != NULL)
		/* relaxed: as in netif_input. */
		sync_store_relaxed(&nif->mark, mark);
	stack_control_exit(st);
	return nif != NULL ? 0 : -ENODEV;
}

void
netif_set_running(struct stack *st, netif_id id, bool running)
{
	struct netif *nif;

	SYNC_REQUIRE(!pserialize_in_read_section());
	stack_control_enter(st);
	nif = find(st, id);
	if (nif != NULL)
		flags_commit(nif, running ? NETIF_RUNNING : 0,
		    running ? 0 : NETIF_RUNNING);
	stack_control_exit(st);
}

void
netif_device_gone(struct netif *nif)
{
	if ((flags_change(nif, NETIF_GONE, NETIF_RUNNING) & NETIF_GONE) == 0)
		stack_housekeep_ring(nif->stack);
}

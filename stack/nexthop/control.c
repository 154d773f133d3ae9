/* SPDX-License-Identifier: BSD-2-Clause */

/*
 * What the control thread does to neighbours: it has the owner do it.  The
 * interface is looked up there, inside the owner's read section, so no
 * reference to it is needed while the control thread waits.
 */

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "stack/core/stack.h"
#include "stack/nexthop/group.h"
#include "stack/nexthop/neigh_impl.h"

/* One request to the owner. */
struct request {
	int (*fn)(struct request *r, struct worker *w, struct nexthop_table *t);
	netif_id id;
	enum netif_af af;
	const uint8_t *addr, *hwaddr;
	unsigned int plen;
	bool flag;
	struct nexthop_entry *entry; /* of walk: room for nentry */
	unsigned int nentry;
	struct nexthop_table_info *info;
	const struct nexthop_params *params;
};

static int
on_owner(struct worker *w, void *arg)
{
	struct request *r = arg;
	const struct netif *nif = netif_lookup(w->stack, r->id);
	struct nexthop_table *t;

	if (nif == NULL)
		return -ENODEV;
	t = nexthop_table_get(nif, r->af);
	return t == NULL ? -EAFNOSUPPORT : r->fn(r, w, t);
}

static int
ask_owner(struct stack *st, struct request *r)
{
	SYNC_REQUIRE(!pserialize_in_read_section());
	return worker_call(nexthop_owner(st, r->id), on_owner, r);
}

static int
static_add(struct request *r, struct worker *w, struct nexthop_table *t)
{
	const struct nexthop_key key = nexthop_key_make(t, r->addr);

	return nexthop_state_permanent(t, w, &key, r->hwaddr, r->flag);
}

int
nexthop_static_add(struct stack *st, netif_id id, enum netif_af af,
    const uint8_t *addr, const uint8_t *hwaddr, bool replace)
{
	static const uint8_t zero[6];
	struct request r = {
	    .fn = static_add,
	    .id = id,
	    .af = af,
	    .addr = addr,
	    .hwaddr = hwaddr,
	    .flag = replace,
	};

	if ((hwaddr[0] & 1) != 0 || memcmp(hwaddr, zero, sizeof(zero)) == 0)
		return -EINVAL;
	return ask_owner(st, &r);
}

static int
remove_one(struct request *r, struct worker *w, struct nexthop_table *t)
{
	const struct nexthop_key key = nexthop_key_make(t, r->addr);
	struct nexthop_neigh *e = nexthop_find(t, &key);

	if (e == NULL)
		return -ENOENT;
	nexthop_state_remove(e, w, DROP_NEIGH_PURGED);
	return 0;
}

int
nexthop_remove(
    struct stack *st, netif_id id, enum netif_af af, const uint8_t *addr)
{
	struct request r = {.fn = remove_one, .id = id, .af = af, .addr = addr};

	return ask_owner(st, &r);
}

static bool
inside(const uint8_t *addr, const uint8_t *prefix, unsigned int plen)
{
	const unsigned int bytes = plen / 8, bits = plen % 8;

	return memcmp(addr, prefix, bytes) == 0 &&
	       (bits == 0 || (addr[bytes] ^ prefix[bytes]) >> (8 - bits) == 0);
}

static int
flush(struct request *r, struct worker *w, struct nexthop_table *t)
{
	struct nexthop_neigh *e, *next;
	int removed = 0;

	if (r->plen > t->res->addr_len * 8u)
		return -EINVAL;
	for (int i = 0; i < NEXTHOP_LIST_COUNT; i++) {
		if (i == NEXTHOP_PERMANENT && !r->flag)
			continue;
		for (e = TAILQ_FIRST(&t->list[i]); e != NULL; e = next) {
			next = TAILQ_NEXT(e, of_list);
			if (!inside(
				(const uint8_t *)e->key.word, r->addr, r->plen))
				continue;
			nexthop_state_remove(e, w, DROP_NEIGH_PURGED);
			removed++;
		}
	}
	return removed;
}

int
nexthop_flush(struct stack *st, netif_id id, enum netif_af af,
    const uint8_t *prefix, unsigned int plen, bool permanent)
{
	struct request r = {
	    .fn = flush,
	    .id = id,
	    .af = af,
	    .addr = prefix,
	    .plen = plen,
	    .flag = permanent,
	};

	return ask_owner(st, &r);
}

static void
copy_entry(
    const struct nexthop_neigh *e, uint64_t now, struct nexthop_entry *out)
{
	const uint32_t tick = nexthop_group_tick(now);
	const uint32_t used =
	    nexthop_group_tick_later(e->used_last, nexthop_entry_used(e));

	*out = (struct nexthop_entry){
	    .netif = e->table->nif->id,
	    .af = e->table->af,
	    .state = nexthop_entry_state(e),
	    .age = now - e->confirmed,
	    .used = UINT64_MAX,
	    .held = e->held,
	    .tries = e->tries,
	    .proven = e->known || e->wanted,
	};
	/* Another worker's clock may be a turn ahead. */
	if (used != 0)
		out->used = (int32_t)(tick - used) < 0
				? 0
				: (tick - used) * NEXTHOP_GROUP_TICK_NS;
	memcpy(out->addr, e->key.word, sizeof(out->addr));
	memcpy(out->hwaddr, e->hwaddr, sizeof(out->hwaddr));
}

/* Copy all entries if there is room; the answer is how many there are. */
static int
copy_all(struct request *r, struct worker *w, struct nexthop_table *t)
{
	const struct nexthop_neigh *e;
	unsigned int n = 0;

	if (t->nlinked > r->nentry)
		return (int)t->nlinked;
	for (int i = 0; i < NEXTHOP_LIST_COUNT; i++)
		TAILQ_FOREACH(e, &t->list[i], of_list)
	copy_entry(e, w->now, &r->entry[n++]);
	return (int)n;
}

int
nexthop_walk(struct stack *st, netif_id id, enum netif_af af,
    int (*fn)(void *arg, const struct nexthop_entry *e), void *arg)
{
	struct request r = {.fn = copy_all, .id = id, .af = af};
	int n = ask_owner(st, &r), error = 0;

	/* Entries may be made meanwhile: ask until the room was enough. */
	while (n > (int)r.nentry) {
		free(r.entry);
		r.nentry = (unsigned int)n + 16;
		r.entry = calloc(r.nentry, sizeof(*r.entry));
		if (r.entry == NULL)
			return -ENOMEM;
		n = ask_owner(st, &r);
	}
	for (int i = 0; i < n && error == 0; i++)
		error = fn(arg, &r.entry[i]);
	free(r.entry);
	return n < 0 ? n : error;
}

static int
copy_info(struct request *r, struct worker *w, struct nexthop_table *t)
{
	(void)w;
	*r->info = (struct nexthop_table_info){
	    .netif = t->nif->id,
	    .af = t->af,
	    .params = t->params,
	    .room = t->room,
	    .entries = t->nlinked,
	    .held = t->held,
	    .counters = t->counters,
	};
	memcpy(r->info->count, t->count, sizeof(r->info->count));
	return 0;
}

int
nexthop_table_show(struct stack *st, netif_id id, enum netif_af af,
    struct nexthop_table_info *out)
{
	struct request r = {.fn = copy_info, .id = id, .af = af, .info = out};

	return ask_owner(st, &r);
}

static int
set_params(struct request *r, struct worker *w, struct nexthop_table *t)
{
	(void)w;
	if (r->params->max_entries > t->room)
		return -ENOSPC;
	t->params = *r->params;
	return 0;
}

int
nexthop_table_set(struct stack *st, netif_id id, enum netif_af af,
    const struct nexthop_params *params)
{
	struct request r = {
	    .fn = set_params, .id = id, .af = af, .params = params};

	return nexthop_params_valid(params) ? ask_owner(st, &r) : -EINVAL;
}

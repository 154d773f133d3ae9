/* SPDX-License-Identifier: BSD-2-Clause */

/*
 * The side of the neighbour cache that every worker runs: find an entry in a
 * fixed hash of chains, copy its adjacency in front of the packet.  Whatever
 * cannot be done so goes to the table's owner, the packet itself being the
 * message, and from there to state.c.
 *
 * Invariants
 *   I1  An entry has an adjacency exactly while it is REACHABLE, STALE, PROBE
 *       or PERMANENT; the adjacency says stale exactly while it is STALE.
 *   I2  An entry is in a chain exactly while it is on one of the lists;
 *       otherwise it is in limbo, or was never used.
 *   I3  The timer is armed exactly while the entry is in a chain and not
 *       PERMANENT; packets wait exactly while it is INCOMPLETE.
 *   I4  Only the owner changes a table.  The address of an entry changes only
 *       while no reader can find it or stand on it.
 *   I5  A cell of use has one writer, its worker, and cells of two workers are
 *       in different lines.
 *   I6  held and by_source of a table are the sums over its entries.
 *
 * Ordering pairs
 *   TABLE  nexthop_table_attach() stores nif->neighbours (release) ->
 *          nexthop_table_get() loads it (acquire): a table is complete when
 *          it is found.
 *   ADJ    an adjacency is stored (release) in adj_swap() of state.c ->
 *          nexthop_lookup(), nexthop_output() load it (acquire): a header is
 *          complete when it is copied.
 *   POST   note_use() of state.c clears posted (release) -> nexthop_send()
 *          sets it (acquire): the message is off the mailbox when it is
 *          posted again.
 *
 * Reclamation
 *   An adjacency that was swapped out is freed by pserialize_call().  A removed
 *   entry waits in limbo, numbered by its grace period, and is used again only
 *   after it.  A table is freed after a grace period without its name and a
 *   barrier that works off the messages that entries had in the mailbox.
 */

#include "stack/nexthop/neigh.h"

#include <endian.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "stack/core/stack.h"
#include "stack/nexthop/group.h"
#include "stack/nexthop/neigh_impl.h"

#define SEC UINT64_C(1000000000)

void
nexthop_params_default(struct nexthop_params *p)
{
	*p = (struct nexthop_params){
	    .max_entries = 4096,
	    .max_incomplete = 512,
	    .max_source = 128,
	    .max_held = 512,
	    .max_solicits = 3,
	    .max_probes = 3,
	    .solicit_interval = SEC,
	    .solicit_rate = 256,
	    .reachable_time = 30 * SEC,
	    .stale_time = 1200 * SEC,
	    .failed_time = 20 * SEC,
	};
}

const char *
nexthop_state_name(enum nexthop_state s)
{
	static const char *const names[NEXTHOP_STATE_COUNT] = {
	    [NEXTHOP_INCOMPLETE] = "incomplete",
	    [NEXTHOP_REACHABLE] = "reachable",
	    [NEXTHOP_STALE] = "stale",
	    [NEXTHOP_PROBE] = "probe",
	    [NEXTHOP_FAILED] = "failed",
	    [NEXTHOP_PERMANENT] = "permanent",
	};

	return (unsigned int)s < NEXTHOP_STATE_COUNT ? names[s] : "unknown";
}

struct worker *
nexthop_owner(struct stack *st, netif_id id)
{
	return stack_worker(st, (id & 0xffff) % stack_nworkers(st));
}

bool
nexthop_params_valid(const struct nexthop_params *p)
{
	return p->max_entries != 0 && p->max_entries <= 1u << 24 &&
	       p->max_incomplete != 0 && p->max_source != 0 &&
	       p->max_held != 0 && p->max_solicits != 0 && p->max_probes != 0 &&
	       p->solicit_interval != 0 && p->solicit_rate != 0 &&
	       p->reachable_time != 0 && p->stale_time != 0 &&
	       p->failed_time != 0;
}

/* More entries than may be in use: some wait in limbo for their readers. */
static unsigned int
pool_size(const struct nexthop_params *p)
{
	return p->max_entries + p->max_entries / 8 + 2 * PKT_BATCH_MAX;
}

static void
table_free(struct nexthop_table *t)
{
	free(t->pool);
	free(t->mark);
	free(t->bucket);
	free(t);
}

static int
table_alloc(struct stack *st, const struct nexthop_params *params,
    struct nexthop_table **out)
{
	const size_t line = SYNC_CACHELINE / sizeof(uint32_t);
	struct nexthop_table *t = calloc(1, sizeof(*t));
	size_t buckets = 1;

	if (t == NULL)
		return -ENOMEM;
	while (buckets < params->max_entries)
		buckets *= 2;
	t->params = *params;
	t->mask = buckets - 1;
	t->room = params->max_entries;
	t->npool = pool_size(params);
	t->marks = (t->npool + line - 1) / line * line;
	t->bucket = calloc(buckets, sizeof(*t->bucket));
	t->pool = calloc(t->npool, sizeof(*t->pool));
	/* Up to a line more, so that no two workers share one. */
	t->mark = aligned_alloc(
	    SYNC_CACHELINE, stack_nworkers(st) * t->marks * sizeof(*t->mark));
	if (t->bucket == NULL || t->pool == NULL || t->mark == NULL) {
		table_free(t);
		return -ENOMEM;
	}
	for (size_t i = 0; i < buckets; i++)
		pslist_head_init(&t->bucket[i]);
	for (size_t i = 0; i < stack_nworkers(st) * t->marks; i++)
		/* relaxed: the table is published later. */
		sync_store_relaxed(&t->mark[i], 0);
	*out = t;
	return 0;
}

int
nexthop_table_attach(struct netif *nif, enum netif_af af,
    const struct nexthop_resolver *res, void *res_arg,
    const struct nexthop_params *params)
{
	struct nexthop_table *t;

	SYNC_REQUIRE(stack_control_held(nif->stack));
	SYNC_REQUIRE(res->addr_len == 4 || res->addr_len == 16);
	if (!nexthop_params_valid(params))
		return -EINVAL;
	/* relaxed: only holders of the control mutex store it. */
	if (sync_load_relaxed(&nif->neighbours[af]) != NULL)
		return -EEXIST;
	if (table_alloc(nif->stack, params, &t) != 0)
		return -ENOMEM;

	t->nif = nif;
	t->stack = nif->stack;
	t->owner = nexthop_owner(nif->stack, nif->id);
	t->res = res;
	t->res_arg = res_arg;
	t->af = af;
	t->seed = stack_seed(t->stack);
	TAILQ_INIT(&t->limbo);
	for (int i = 0; i < NEXTHOP_LIST_COUNT; i++)
		TAILQ_INIT(&t->list[i]);
	t->credit = SEC;
	/* TABLE release: pairs with the acquire in nexthop_table_get. */
	sync_store_release(&nif->neighbours[af], t);
	return 0;
}

/* On the owner: nothing of the table is armed or held afterwards. */
static int
table_empty(struct worker *w, void *arg)
{
	struct nexthop_table *t = arg;
	struct nexthop_neigh *e;

	for (int i = 0; i < NEXTHOP_LIST_COUNT; i++)
		while ((e = TAILQ_FIRST(&t->list[i])) != NULL)
			nexthop_state_remove(e, w, DROP_NEIGH_PURGED);
	return 0;
}

void
nexthop_table_detach(struct netif *nif, enum netif_af af)
{
	struct nexthop_table *t;

	SYNC_REQUIRE(stack_control_held(nif->stack));
	/* relaxed: only holders of the control mutex store it. */
	t = sync_load_relaxed(&nif->neighbours[af]);
	if (t == NULL)
		return;
	/* relaxed: NULL carries nothing. */
	sync_store_relaxed(&nif->neighbours[af], NULL);
	pserialize_perform();
	(void)worker_call(t->owner, table_empty, t);
	stack_barrier(t->stack);
	for (size_t i = 0; i <= t->mask; i++)
		pslist_head_fini(&t->bucket[i]);
	table_free(t);
}

struct nexthop_table *
nexthop_table_get(const struct netif *nif, enum netif_af af)
{
	SYNC_ASSERT(pserialize_in_read_section());
	/* TABLE acquire: pairs with the release in nexthop_table_attach. */
	return sync_load_acquire(&nif->neighbours[af]);
}

void *
nexthop_resolver_arg(const struct netif *nif, enum netif_af af)
{
	const struct nexthop_table *t = nexthop_table_get(nif, af);

	return t == NULL ? NULL : t->res_arg;
}

struct nexthop_key
nexthop_key_make(const struct nexthop_table *t, const uint8_t *addr)
{
	struct nexthop_key key;
	uint32_t word;

	if (t->res->addr_len == sizeof(word)) {
		/* In registers: the same bytes in front, whatever the order. */
		memcpy(&word, addr, sizeof(word));
		key.word[0] = htole64(le32toh(word));
		key.word[1] = 0;
	} else {
		memcpy(key.word, addr, sizeof(key.word));
	}
	return key;
}

struct pslist_head *
nexthop_bucket(const struct nexthop_table *t, const struct nexthop_key *key)
{
	/* The multiplier of splitmix64's last step; its high half mixes best. */
	const uint64_t mul = UINT64_C(0x94d049bb133111eb);
	uint64_t h = (key->word[0] ^ t->seed) * mul;

	h = ((h ^ (h >> 32)) + key->word[1]) * mul;
	return &t->bucket[(h >> 32) & t->mask];
}

struct nexthop_neigh *
nexthop_find(const struct nexthop_table *t, const struct nexthop_key *key)
{
	struct nexthop_neigh *e;

	PSLIST_READER_FOREACH (e, nexthop_bucket(t, key), link)
		if (e->key.word[0] == key->word[0] &&
		    e->key.word[1] == key->word[1])
			return e;
	return NULL;
}

const struct nexthop_adj *
nexthop_lookup(const struct netif *nif, enum netif_af af, const uint8_t *addr)
{
	const struct nexthop_table *t = nexthop_table_get(nif, af);
	const struct nexthop_neigh *e;
	struct nexthop_key key;

	if (t == NULL)
		return NULL;
	key = nexthop_key_make(t, addr);
	e = nexthop_find(t, &key);
	/* ADJ acquire: pairs with the release in adj_swap. */
	return e == NULL ? NULL : sync_load_acquire(&e->adj);
}

bool
nexthop_known(const struct netif *nif, enum netif_af af, const uint8_t *addr)
{
	const struct nexthop_table *t = nexthop_table_get(nif, af);
	struct nexthop_key key;

	if (t == NULL)
		return false;
	key = nexthop_key_make(t, addr);
	return nexthop_find(t, &key) != NULL;
}

/* w uses e.  Its own cell, and once a tick: nobody else's line is written. */
static inline void
mark_use(
    struct worker *w, struct nexthop_table *t, const struct nexthop_neigh *e)
{
	const size_t at = w->id * t->marks + e->index;
	const uint32_t tick = nexthop_group_tick(w->now);

	/* relaxed: only this worker stores it. */
	if (sync_load_relaxed(&t->mark[at]) != tick)
		/* relaxed: that it was used matters, not for what. */
		sync_store_relaxed(&t->mark[at], tick);
}

void
nexthop_send(struct worker *w, struct nexthop_table *t, struct nexthop_neigh *e,
    const struct nexthop_adj *adj, struct pkt *p)
{
	nexthop_push_header(p, adj->hdr, adj->hdr_len);
	mark_use(w, t, e);
	/* relaxed: it only saves the exchange; whoever makes that decides. */
	if (adj->stale && !sync_load_relaxed(&e->posted) &&
	    /* POST acquire: pairs with the release in note_use. */
	    !sync_xchg_acquire(&e->posted, true))
		worker_post(t->owner, &e->used);
	netif_output(w, t->nif, p);
}

/* A packet that another worker could not send: the owner tries. */
static void
output_message(struct worker *w, struct worker_msg *msg)
{
	struct pkt *p = (struct pkt *)((char *)msg - offsetof(struct pkt, msg));
	struct netif *nif = netif_lookup(w->stack, p->tx_if);

	if (nif == NULL)
		pkt_drop(w, p, p->tx_if, DROP_NETIF_GONE);
	else
		nexthop_output(w, nif, (enum netif_af)p->proto, p);
}

/* There is no adjacency. */
static void
output_slow(struct worker *w, struct nexthop_table *t,
    const struct nexthop_key *key, struct pkt *p)
{
	const uint32_t usable = NETIF_UP | NETIF_RUNNING;
	/* relaxed: one word; a packet may see it a moment late. */
	const uint32_t flags = sync_load_relaxed(&t->nif->flags);

	if ((flags & usable) != usable) {
		pkt_drop(w, p, t->nif->id, DROP_NETIF_DOWN);
	} else if ((flags & NETIF_NOARP) != 0) {
		t->res->unreachable(
		    t->res_arg, w, t->nif, p, DROP_NEIGH_UNRESOLVED);
	} else if (w == t->owner) {
		nexthop_state_hold(t, w, key, p);
	} else {
		p->proto = (uint16_t)t->af;
		p->msg.fn = output_message;
		worker_post(t->owner, &p->msg);
	}
}

void
nexthop_output(
    struct worker *w, struct netif *nif, enum netif_af af, struct pkt *p)
{
	struct nexthop_table *t = nexthop_table_get(nif, af);
	const struct nexthop_adj *adj = NULL;
	struct nexthop_neigh *e;
	struct nexthop_key key;

	p->tx_if = nif->id;
	if (nif->link != NETIF_LINK_ETHER) {
		netif_output(w, nif, p);
		return;
	}
	if (t == NULL) {
		pkt_drop(w, p, nif->id, DROP_NEIGH_UNRESOLVED);
		return;
	}
	key = nexthop_key_make(t, p->nexthop.bytes);
	e = nexthop_find(t, &key);
	if (e != NULL)
		/* ADJ acquire: pairs with the release in adj_swap. */
		adj = sync_load_acquire(&e->adj);
	if (adj != NULL)
		nexthop_send(w, t, e, adj, p);
	/* relaxed: a packet may see it a moment late. */
	else if (e != NULL && sync_load_relaxed(&e->state) == NEXTHOP_FAILED)
		t->res->unreachable(
		    t->res_arg, w, nif, p, DROP_NEIGH_UNRESOLVED);
	else
		output_slow(w, t, &key, p);
}

/* What travels to the owner at the start of a claiming packet's buffer. */
struct claim {
	struct nexthop_key key;
	uint8_t hwaddr[6];
	uint8_t af;
	uint8_t claim;
};

static void
learn_message(struct worker *w, struct worker_msg *msg)
{
	struct pkt *p = (struct pkt *)((char *)msg - offsetof(struct pkt, msg));
	const struct netif *nif = netif_lookup(w->stack, p->tx_if);
	struct nexthop_table *t;
	struct claim c;

	memcpy(&c, p->buf, sizeof(c));
	t = nif == NULL ? NULL : nexthop_table_get(nif, (enum netif_af)c.af);
	if (t != NULL)
		nexthop_state_claim(
		    t, w, &c.key, c.hwaddr, (enum nexthop_claim)c.claim);
	pkt_free(w, p);
}

/* Would it change anything?  Storms of old news end here. */
static bool
is_news(const struct nexthop_table *t, const struct nexthop_key *key,
    const struct nexthop_said *said)
{
	const struct nexthop_neigh *e = nexthop_find(t, key);
	const struct nexthop_adj *adj;
	enum nexthop_state state;

	if (e == NULL)
		return said->claim == NEXTHOP_CLAIM_REQUEST;
	/* relaxed: the owner looks again. */
	state = sync_load_relaxed(&e->state);
	if (state == NEXTHOP_PERMANENT)
		return false;
	/* ADJ acquire: pairs with the release in adj_swap. */
	adj = sync_load_acquire(&e->adj);
	if (adj == NULL || memcmp(adj->hdr, said->hwaddr, 6) != 0)
		return true;
	return said->claim == NEXTHOP_CLAIM_ANSWER && state == NEXTHOP_PROBE;
}

void
nexthop_learn(struct worker *w, struct netif *nif, enum netif_af af,
    const struct nexthop_said *said, struct pkt *p)
{
	struct nexthop_table *t = nexthop_table_get(nif, af);
	struct claim c = {.af = (uint8_t)af, .claim = (uint8_t)said->claim};

	if (t == NULL) {
		pkt_free(w, p);
		return;
	}
	c.key = nexthop_key_make(t, said->addr);
	if (!is_news(t, &c.key, said)) {
		pkt_free(w, p);
	} else if (w == t->owner) {
		nexthop_state_claim(t, w, &c.key, said->hwaddr, said->claim);
		pkt_free(w, p);
	} else {
		SYNC_ASSERT(pkt_headroom(p) >= sizeof(c));
		memcpy(c.hwaddr, said->hwaddr, sizeof(c.hwaddr));
		memcpy(p->buf, &c, sizeof(c));
		p->tx_if = nif->id;
		p->msg.fn = learn_message;
		worker_post(t->owner, &p->msg);
	}
}

/* SPDX-License-Identifier: BSD-2-Clause */

/* rculfhash of liburcu: the table grows and shrinks by itself. */

#include <stdlib.h>
#include <urcu.h>
#include <urcu/rculfhash.h>

#include "benchmarks/demux_flow.h"

#define TABLE_NAME    "rculfhash"
#define TABLE_RESIZES 1
#define TABLE_INIT    rcu_register_thread
#define TABLE_FINI    rcu_unregister_thread

_Static_assert(sizeof(struct cds_lfht_node) == 16, "fits into a flow");
_Static_assert(sizeof(struct rcu_head) == sizeof(struct pserialize_head),
    "fits into a flow");

static struct cds_lfht_node *
node_of(struct flow *f)
{
	return (struct cds_lfht_node *)(void *)f->node;
}

static struct flow *
flow_of(struct cds_lfht_node *node)
{
	return (
	    struct flow *)(void *)((char *)node - offsetof(struct flow, node));
}

static int
match(struct cds_lfht_node *node, const void *key)
{
	return flow_key_equal(&flow_of(node)->key, key);
}

/* Only powers of two will do. */
static size_t
buckets(size_t n)
{
	size_t size = 16;

	while (size < n)
		size *= 2;
	return size;
}

static inline void
table_resize(void *t, size_t n, unsigned step)
{
	cds_lfht_resize(t, buckets(step % 2 == 0 ? 2 * n : n));
}

static void *
table_create(size_t n)
{
	struct flow *f = flow_array(n);
	struct cds_lfht *ht;

	ht = cds_lfht_new(buckets(n), 16, 0,
	    CDS_LFHT_AUTO_RESIZE | CDS_LFHT_ACCOUNTING, NULL);
	if (ht == NULL)
		abort();
	rcu_register_thread();
	for (size_t i = 0; i < n; i++) {
		cds_lfht_node_init(node_of(&f[i]));
		rcu_read_lock();
		if (cds_lfht_add_unique(ht, flow_hash(&f[i].key), match,
			&f[i].key, node_of(&f[i])) != node_of(&f[i]))
			abort();
		rcu_read_unlock();
	}
	rcu_unregister_thread();
	return ht;
}

static inline uint64_t
table_enter(void)
{
	rcu_read_lock();
	return 0;
}

static inline void
table_exit(uint64_t s)
{
	(void)s;
	rcu_read_unlock();
}

static inline struct flow *
table_find(void *t, const struct flow_key *k)
{
	struct cds_lfht_iter iter;
	struct cds_lfht_node *node;

	cds_lfht_lookup(t, flow_hash(k), match, k, &iter);
	node = cds_lfht_iter_get_node(&iter);
	return node == NULL ? NULL : flow_of(node);
}

static void
flow_called(struct rcu_head *head)
{
	flow_free((struct flow *)(void *)((char *)head -
					  offsetof(struct flow, retire)));
}

static inline bool
table_replace(void *t, struct flow *old, struct flow *f)
{
	struct cds_lfht_iter iter;
	struct flow *found;
	const unsigned long h = flow_hash(&f->key);

	cds_lfht_lookup(t, h, match, &f->key, &iter);
	found = flow_of(cds_lfht_iter_get_node(&iter));
	cds_lfht_node_init(node_of(f));
	if (found != old ||
	    cds_lfht_replace(t, &iter, h, match, &f->key, node_of(f)) != 0)
		return false;
	if (old->single)
		call_rcu((struct rcu_head *)(void *)&old->retire, flow_called);
	return true;
}

#include "benchmarks/demux_loop.inc"

const struct bench bench_demux_urcu[] = {
    TABLE_BENCHES,
    TABLE_BENCH_RESIZED,
    {.name = NULL},
};

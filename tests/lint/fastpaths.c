/* SPDX-License-Identifier: BSD-2-Clause */

/*
 * Each fast path in a function of its own, for codegen.py, which reads what
 * they are compiled to.  They are never run, and are as in a program that is not
 * checked.
 */

#undef SYNC_CHECKS

#include "libsync/demux/demux.h"
#include "libsync/lfqueue/spsc.h"
#include "libsync/percpu/counters.h"
#include "libsync/pserialize/pserialize.h"
#include "libsync/pslist/pslist.h"
#include "libsync/psref/psref.h"

/* What readers look for. */
struct shared {
	SYNC_ATOMIC(const int *) where; /* [a] */
};

int fastpaths_section(const struct shared *s);
int fastpaths_fenced(const struct shared *s);
int fastpaths_nested(const struct shared *s);
int fastpaths_reference(
    struct psref_target *t, struct psref_class *cl, const struct shared *s);
unsigned fastpaths_list(const struct pslist_head *head);
void *fastpaths_match(const struct demux *d, const uint64_t *key);
void fastpaths_counter(struct percpu_counters *c, unsigned shard);
void *fastpaths_queue(struct lfqueue_spsc *q, void *item);

/* acquire: read by codegen.py, not run. */
#define LOOK(s) (*sync_load_acquire(&(s)->where))

int
fastpaths_section(const struct shared *s)
{
	uint64_t cookie = pserialize_read_enter();
	int v = LOOK(s);

	pserialize_read_exit(cookie);
	return v;
}

/* A section with a fence in it: the one that has to be found. */
int
fastpaths_fenced(const struct shared *s)
{
	uint64_t cookie = pserialize_read_enter();
	int v;

	sync_fence_full();
	v = LOOK(s);
	pserialize_read_exit(cookie);
	return v;
}

int
fastpaths_nested(const struct shared *s)
{
	uint64_t outer = pserialize_read_enter();
	uint64_t inner = pserialize_read_enter();
	int v = LOOK(s);

	pserialize_read_exit(inner);
	pserialize_read_exit(outer);
	return v;
}

int
fastpaths_reference(
    struct psref_target *t, struct psref_class *cl, const struct shared *s)
{
	struct psref ref;
	int v;

	psref_acquire(&ref, t, cl);
	v = LOOK(s);
	psref_release(&ref, t, cl);
	return v;
}

unsigned
fastpaths_list(const struct pslist_head *head)
{
	struct pslist_entry *e;
	unsigned n = 0;

	for (e = pslist_reader_first(head); e != NULL;
	     e = pslist_reader_next(e))
		n++;
	return n;
}

static inline uint64_t
hash(const void *key, size_t size, const uint64_t *seed)
{
	uint64_t k;

	(void)size;
	__builtin_memcpy(&k, key, sizeof(k));
	return (k ^ seed[0]) * 0x9e3779b97f4a7c15u;
}

static inline bool
equal(const void *a, const void *b, size_t size)
{
	(void)size;
	return demux_equal_bytes(a, b, sizeof(uint64_t));
}

void *
fastpaths_match(const struct demux *d, const uint64_t *key)
{
	return demux_lookup_with(d, key, hash, equal);
}

void
fastpaths_counter(struct percpu_counters *c, unsigned shard)
{
	percpu_counters_add(c, shard, 0, 1);
}

void *
fastpaths_queue(struct lfqueue_spsc *q, void *item)
{
	return lfqueue_spsc_push(q, item) ? lfqueue_spsc_pop(q) : NULL;
}

#ifdef FASTPATHS_HAZARD
#include "libsync/hazard/hazard.h"

int fastpaths_hazard(struct hazard *h, const struct hazard_ptr *p);

int
fastpaths_hazard(struct hazard *h, const struct hazard_ptr *p)
{
	int v = *(int *)hazard_protect(h, p);

	hazard_clear(h);
	return v;
}
#endif

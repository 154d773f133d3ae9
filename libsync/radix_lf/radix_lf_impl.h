/* SPDX-License-Identifier: BSD-2-Clause */

#ifndef LIBSYNC_RADIX_LF_RADIX_LF_IMPL_H
#define LIBSYNC_RADIX_LF_RADIX_LF_IMPL_H

/*
 * The shape of the tree and how one version of it is walked; the algorithm is
 * explained in radix_lf.c.
 */

#include "libsync/base/assert.h"
#include "libsync/base/atomic.h"
#include "libsync/port/port.h"
#include "libsync/port/types.h"
#include "libsync/pserialize/pserialize.h"
#include "libsync/radix_lf/radix_lf.h"

/*
 * Plain accesses to a branch.  A test that explores every interleaving of a
 * reader with a writer compiles this folder with its own pair.
 */
#ifndef RADIX_LF_LOAD
#define RADIX_LF_LOAD(field)     (field)
#define RADIX_LF_STORE(field, x) ((void)((field) = (x)))
#endif

/*
 * A reference is NULL, an item, or a branch plus one: char *, so that tagging
 * is pointer arithmetic.  [c] constant after publication
 */
struct radix_lf_branch {
	uint64_t tag;   /* [c] transaction id << TAG_SIZE | HAS_VAL | bit */
	char *child[2]; /* [c] by the value of bit; NULL allowed with a val */
};

/* One with HAS_VAL: few are. */
struct radix_lf_valued {
	struct radix_lf_branch branch;
	void *val; /* [c] item whose length is bit */
};

#define RADIX_LF_HAS_VAL  (UINT64_C(1) << 16)
#define RADIX_LF_TAG_SIZE 17

_Static_assert(RADIX_LF_BITS_MAX < RADIX_LF_HAS_VAL, "a bit fits");

#define RADIX_LF_BATCH_SIZE 120 /* a kilobyte, and some commits */

/*
 * A list of branches that are retired (before the grace period) or free (after
 * it); the branches themselves are not written meanwhile.
 */
struct radix_lf_batch {
	struct pserialize_head head;
	struct radix_lf *tree;
	struct radix_lf_batch *next;  /* of the same commit, or the same list */
	struct radix_lf_batch *later; /* the next commit that snapshots defer */
	struct pserialize_head *items; /* retired with this commit or before */
	uint64_t version;              /* the commit's */
	unsigned n[2]; /* from the front without a val, from the back with */
	struct radix_lf_branch *branch[RADIX_LF_BATCH_SIZE];
};

struct radix_lf_slab {
	struct radix_lf_slab *next;
	char bytes[] __attribute__((__aligned__(SYNC_CACHELINE)));
};

/* Branches of one size that are free: loose, in batches, or never used. */
struct radix_lf_pool {
	size_t avail;                  /* all of them */
	struct radix_lf_branch *loose; /* linked by child[0] */
	char *bump;                    /* rest of the newest slab */
	size_t bump_left;              /* branches */
	struct radix_lf_slab *slabs;
	size_t slab_size; /* of the next, in branches */
};

/*
 * Where a key is or belongs, and what an edit there costs.
 */
struct radix_lf_spot {
	const uint8_t *near; /* key of an item that shares the most bits */
	unsigned same;       /* how many: at most the key's length */
	unsigned depth;      /* branches on the way that the key shares */
	unsigned published;  /* the last so many of them need a copy */
	unsigned valued;     /* of those, the ones that have a val */
	char *at;            /* end of that way */
	bool exact;          /* at is the key's own item or branch */
	void *hit;           /* the item with exactly this key, or NULL */
};

struct radix_lf_txn {
	struct radix_lf *tree;
	char *root;                   /* private */
	uint64_t id;                  /* of this transaction; 0: none is open */
	size_t count;                 /* of items under root */
	struct radix_lf_batch *first; /* retired: the first, with its head */
	struct radix_lf_batch *last;  /* and the one being filled */
	unsigned kept[2];             /* in the first: of commits before */
	uint64_t finds;               /* the last place has its number */
	unsigned place_bits;          /* of the last place's key */
	struct radix_lf_spot spot;    /* the last place, or an edit's own */
};

/* [c] constant  [a] atomic  [w] writer  [m] lock */
struct radix_lf {
	SYNC_ATOMIC(char *) root;   /* [a] written by the writer, under lock */
	SYNC_ATOMIC(size_t) count;  /* [a] likewise */
	struct radix_lf_config cfg; /* [c] */

	/* [a] batches whose grace period is over, for the writer */
	SYNC_ATOMIC(struct radix_lf_batch *)
	returned __attribute__((__aligned__(SYNC_CACHELINE)));

	struct radix_lf_txn txn /* [w] */
	    __attribute__((__aligned__(SYNC_CACHELINE)));
	uint64_t last_id;             /* [w] ids never repeat */
	struct radix_lf_pool pool[2]; /* [w] without a val, and with */
	struct radix_lf_batch *full;  /* [w] batches of free branches */
	struct radix_lf_batch *ready; /* [w] more of full, not in avail yet */
	struct radix_lf_batch *open;  /* [w] of commits, not passed on yet */
	struct radix_lf_batch *empty; /* [w] batches without branches */
	size_t empties;               /* [w] */

	struct port_mutex lock;
	uint64_t version;                      /* [m] id of the newest commit */
	struct radix_lf_snap *oldest, *newest; /* [m] open snapshots */
	struct radix_lf_batch *first, *last;   /* [m] commits they defer */

	/* [w] the branches on the way of spot, from the root on */
	struct radix_lf_branch *way[];
};

static inline bool
radix_lf_is_branch(const char *ref)
{
	return ((uintptr_t)ref & 1) != 0;
}

static inline struct radix_lf_branch *
radix_lf_branch(char *ref)
{
	return (struct radix_lf_branch *)(void *)(ref - 1);
}

static inline char *
radix_lf_ref(struct radix_lf_branch *b)
{
	return (char *)b + 1;
}

static inline unsigned
radix_lf_bit(const struct radix_lf_branch *b)
{
	return RADIX_LF_LOAD(b->tag) & (RADIX_LF_HAS_VAL - 1);
}

static inline bool
radix_lf_has_val(const struct radix_lf_branch *b)
{
	return (RADIX_LF_LOAD(b->tag) & RADIX_LF_HAS_VAL) != 0;
}

static inline struct radix_lf_valued *
radix_lf_valued(struct radix_lf_branch *b)
{
	return (struct radix_lf_valued *)(void *)b;
}

/* The item whose length is b's bit, or NULL. */
static inline void *
radix_lf_val(struct radix_lf_branch *b)
{
	if (!radix_lf_has_val(b))
		return NULL;
	return RADIX_LF_LOAD(radix_lf_valued(b)->val);
}

static inline const uint8_t *
radix_lf_key(const struct radix_lf *t, const void *item)
{
	return (const uint8_t *)item + t->cfg.key_offset;
}

static inline unsigned
radix_lf_key_bit(const uint8_t *key, unsigned i)
{
	return key[i >> 3] >> (7 - (i & 7)) & 1;
}

/* Walks of one immutable version, named by its root (walk.c). */
void *radix_lf_walk_lookup(
    const struct radix_lf *t, char *root, const void *key, unsigned bits);
void *radix_lf_walk_exact(
    const struct radix_lf *t, char *root, const void *key, unsigned bits);
void *radix_lf_walk_next(
    const struct radix_lf *t, char *root, const void *key, unsigned bits);

void *radix_lf_walk_prev(
    const struct radix_lf *t, char *root, const void *key, unsigned bits);

/* What a walk with a condition asks for. */
struct radix_lf_ask {
	const void *key;
	unsigned bits;
	radix_lf_match_fn match;
	void *arg;
};

/* The longest, or the shortest, item covering the key that matches. */
void *radix_lf_walk_lookup_if(const struct radix_lf *t, char *root,
    const struct radix_lf_ask *ask, bool longest);
/* The first item, in walk order, covered by the key that matches. */
void *radix_lf_walk_covered(
    const struct radix_lf *t, char *root, const struct radix_lf_ask *ask);

/* Find the spot of a key: txn's spot and way. */
void radix_lf_walk_locate(
    struct radix_lf_txn *txn, const uint8_t *key, unsigned bits);

/* Memory of branches (mem.c).  Context: writer, unless said otherwise. */

/*
 * Make sure that the next n calls of alloc without and with a val each, and of
 * retire for all of them, succeed.
 * Returns: 0 or -ENOMEM.
 */
int radix_lf_mem_reserve(struct radix_lf *t, const unsigned n[2]);
/*
 * Have this many free branches of each kind, and empty batches beside the
 * transaction's own.
 * Returns: 0 or -ENOMEM, and then keeps what it got.
 */
int radix_lf_mem_stock(struct radix_lf *t, size_t branches, size_t batches);
/* Its tag says already if it has room for a val. */
static inline struct radix_lf_branch *radix_lf_mem_alloc(
    struct radix_lf *t, bool val);
/* A branch that no reader ever saw: free at once. */
void radix_lf_mem_free(struct radix_lf *t, struct radix_lf_branch *b);
/* A branch that readers may see: free after the commit's grace period. */
static inline void radix_lf_mem_retire(
    struct radix_lf *t, struct radix_lf_branch *b);
/* Give the transaction its first batch.  Returns: 0 or -ENOMEM. */
int radix_lf_mem_begin(struct radix_lf *t);
/* The transaction is published: pass on what fills a batch. */
void radix_lf_mem_commit(struct radix_lf *t);
/* Forget what the transaction retired. */
void radix_lf_mem_abort(struct radix_lf *t);
/* Context: any thread.  Start the grace period of a commit's batches. */
void radix_lf_mem_release(struct radix_lf_batch *first);
/* Context: nobody else uses the tree. */
void radix_lf_mem_fini(struct radix_lf *t);

/* The rarer cases of alloc and retire. */
struct radix_lf_branch *radix_lf_mem_alloc_slow(struct radix_lf *t, bool val);
void radix_lf_mem_retire_slow(struct radix_lf *t);

#define RADIX_LF_AHEAD 8 /* branches that are on their way to the cache */

/* A batch's i-th branch of a kind, from 0 on. */
static inline struct radix_lf_branch **
radix_lf_batch_at(struct radix_lf_batch *b, bool val, unsigned i)
{
	return &b->branch[val ? RADIX_LF_BATCH_SIZE - 1 - i : i];
}

static inline struct radix_lf_branch *
radix_lf_mem_alloc(struct radix_lf *t, bool val)
{
	struct radix_lf_batch *full = t->full;
	unsigned n;

	if (t->pool[val].loose != NULL || full == NULL || full->n[val] == 0 ||
	    full->n[0] + full->n[1] == 1)
		return radix_lf_mem_alloc_slow(t, val);
	t->pool[val].avail--;
	n = --full->n[val];
	if (n >= RADIX_LF_AHEAD)
		__builtin_prefetch(
		    *radix_lf_batch_at(full, val, n - RADIX_LF_AHEAD), 1);
	return *radix_lf_batch_at(full, val, n);
}

static inline void
radix_lf_mem_retire(struct radix_lf *t, struct radix_lf_branch *b)
{
	const bool val = radix_lf_has_val(b);
	struct radix_lf_batch *batch = t->txn.last;

	if (batch->n[0] + batch->n[1] == RADIX_LF_BATCH_SIZE) {
		radix_lf_mem_retire_slow(t);
		batch = t->txn.last;
	}
	*radix_lf_batch_at(batch, val, batch->n[val]++) = b;
}

/* Make the transaction's root the current one and pass on what it retired. */
void radix_lf_publish(struct radix_lf *t);

#endif /* LIBSYNC_RADIX_LF_RADIX_LF_IMPL_H */

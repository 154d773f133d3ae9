/* SPDX-License-Identifier: BSD-2-Clause */

#ifndef LIBSYNC_RADIX_LF_RADIX_LF_H
#define LIBSYNC_RADIX_LF_RADIX_LF_H

/*
 * Prefix tree (Patricia) whose readers never wait and whose every version is
 * immutable: longest-prefix match, exact match, atomic transactions of any
 * number of edits, and ordered walks over a snapshot.  For exact match at
 * packet rate, or for many writers, use a hash table instead.
 *
 * A leaf is the caller's item itself; the tree stores nothing in it, so one
 * item may be in several trees.  An item's key is a string of bits, most
 * significant bit of each byte first, of any length from 0 to max_bits; a key
 * names the prefix that it is.  Bits behind an item's length are never looked
 * at.  Items lie at even addresses.  The key and the length of an item do not
 * change while it is in a tree or may still be read (see "Removed items").
 *
 * What may run together ("-" yes, "X" the caller must prevent it):
 *
 *                  read  write  take, drop a snap  use one snap  retire  destroy
 *   read            -     -            -               -          -       X
 *   write           -     X            -               -          -       X
 *   take, drop ...  -     -            -               X          -       X
 *   use one snap    -     -            X               -          -       X
 *   retire          -     -            -               -          -       X
 *
 *   read   radix_lf_lookup, _lookup_if, _exact, _next, _prev, _covering,
 *          _covered, _count
 *   write  radix_lf_reserve, _insert, _replace, _remove, and radix_lf_txn_*:
 *          from radix_lf_txn_begin() until the end of the transaction
 *   take, drop  radix_lf_snap_open, _close, _pin, _unpin
 *
 * The writer is who holds the caller's mutex of that tree, or is alone.
 *
 * Removed items.  A reader, a snapshot or both may still look at an item that
 * was removed or replaced.  Hand it to radix_lf_retire(), which calls back when
 * nobody can any more; or, in a tree of which no snapshots are taken, to
 * pserialize_call().
 *
 * Memory.  About 24 bytes for each item.  Memory of removed branches is kept
 * for later inserts until radix_lf_destroy().
 */

#include "libsync/port/types.h"

#ifdef __cplusplus
extern "C" {
#endif

struct pserialize_head;
struct radix_lf;
struct radix_lf_txn;

#define RADIX_LF_BITS_MAX 65535U

struct radix_lf_config {
	size_t key_offset; /* of the key's first byte in the item */
	unsigned max_bits; /* longest key, 1 to RADIX_LF_BITS_MAX */
	unsigned (*item_bits)(const void *item); /* the key's length */
};

/*
 * Is item the one that is looked for?  To visit all, return false.  It runs in
 * the section, or with the snapshot, of its caller and may do all that they
 * may; it may read the tree, too.
 */
typedef bool (*radix_lf_match_fn)(void *item, void *arg);

/* Private, here so that a caller can have one without an allocation. */
struct radix_lf_snap {
	struct radix_lf *tree;             /* [c] */
	char *root;                        /* [c] */
	size_t count;                      /* [c] */
	uint64_t version;                  /* [c] */
	struct radix_lf_snap *prev, *next; /* [m] older, newer */
};

/*
 * Make an empty tree.
 * Context: control thread; may sleep (allocates).
 * Owner:   the caller owns *out until radix_lf_destroy().
 * Returns: 0, or -EINVAL (max_bits out of range, no item_bits) or -ENOMEM,
 *          with *out untouched.
 */
int radix_lf_create(const struct radix_lf_config *cfg, struct radix_lf **out);

/*
 * Free a tree.
 * Context: control thread, not in a read section, after all readers, writers
 *          and snapshots have ended; may sleep: it waits until everything that
 *          was retired from it has been called back.
 * Owner:   the items that are still in it are the caller's again.
 */
void radix_lf_destroy(struct radix_lf *t);

/*
 * Find the item with the longest key of at most bits bits that is a prefix of
 * key: longest-prefix match with bits = the address length, the next covering
 * prefix with bits = the length of a prefix, minus one.
 * Context: reader section; never sleeps; wait-free: at most 3 * (max_bits + 1)
 *          branches are visited, and nothing is stored.
 * Order:   linearizable: the answer of one version of the tree that was current
 *          at some instant during the call.
 * Owner:   the item is readable until the section's pserialize_read_exit().
 * Returns: NULL if no item covers key.
 */
void *radix_lf_lookup(const struct radix_lf *t, const void *key, unsigned bits);

/*
 * Find the item whose key is exactly the first bits bits of key.
 * Context: as for radix_lf_lookup().
 * Order:   as for radix_lf_lookup().
 * Owner:   as for radix_lf_lookup().
 * Returns: NULL if there is none.
 */
void *radix_lf_exact(const struct radix_lf *t, const void *key, unsigned bits);

/*
 * Find the item that follows key: a prefix comes before the longer keys that
 * begin with it, else the first differing bit decides.  The key need not be
 * there itself; NULL means "before the first".  Each call looks at the version
 * current then; for a walk through one version take a snapshot.
 * Context: as for radix_lf_lookup().
 * Order:   as for radix_lf_lookup().
 * Owner:   as for radix_lf_lookup().
 * Returns: NULL behind the last item.
 */
void *radix_lf_next(const struct radix_lf *t, const void *key, unsigned bits);

/*
 * Find the item that precedes key: the order of radix_lf_next() backwards, so
 * that a prefix comes after the longer keys that begin with it.  NULL means
 * "behind the last".
 * Context: as for radix_lf_lookup().
 * Order:   as for radix_lf_lookup().
 * Owner:   as for radix_lf_lookup().
 * Returns: NULL before the first item.
 */
void *radix_lf_prev(const struct radix_lf *t, const void *key, unsigned bits);

/*
 * Find the item with the longest key that is a prefix of the first bits bits of
 * key and that matches.  match is asked about each such item, the shortest
 * first.
 * Context: as for radix_lf_lookup(), as far as match allows.
 * Order:   as for radix_lf_lookup(): all of one version.
 * Owner:   as for radix_lf_lookup().
 * Returns: NULL if there is none.
 */
void *radix_lf_lookup_if(const struct radix_lf *t, const void *key,
    unsigned bits, radix_lf_match_fn match, void *arg);

/*
 * Visit the items whose keys are prefixes of the first bits bits of key, the
 * shortest first, until one matches.
 * Context: as for radix_lf_lookup_if().
 * Order:   as for radix_lf_lookup_if().
 * Owner:   as for radix_lf_lookup().
 * Returns: the item that matched, or NULL if none did.
 */
void *radix_lf_covering(const struct radix_lf *t, const void *key,
    unsigned bits, radix_lf_match_fn match, void *arg);

/*
 * Visit the items whose keys begin with the first bits bits of key, in the
 * order of radix_lf_next(), until one matches; with no bits, all items.
 * Context: as for radix_lf_lookup_if(), but for the number of steps: all
 *          branches there are visited once; from the first one on that is more
 *          than 64 forks down, each item may cost a lookup.
 * Order:   as for radix_lf_lookup_if().
 * Owner:   as for radix_lf_lookup().
 * Returns: the item that matched, or NULL if none did.
 */
void *radix_lf_covered(const struct radix_lf *t, const void *key, unsigned bits,
    radix_lf_match_fn match, void *arg);

/*
 * Count the items.
 * Context: any thread; never sleeps; wait-free.
 * Returns: the number as of some version current during the call.
 */
size_t radix_lf_count(const struct radix_lf *t);

/*
 * Get the memory for the next edits, single ones or those of transactions, so
 * that none of them fails for want of memory, whatever their keys.  It stays
 * with the tree until radix_lf_destroy().  At the worst an edit copies as many
 * branches as its key has bits: four kilobytes for IPv4, ten for IPv6.
 * Context: writer (the caller's mutex), no transaction begun; may sleep
 *          (allocates).
 * Returns: 0, or -ENOMEM: nothing is promised then.
 */
int radix_lf_reserve(struct radix_lf *t, size_t edits);

/*
 * Add item.
 * Context: writer (the caller's mutex); may sleep (allocates).
 * Order:   everything before this call happens before what a reader does that
 *          finds item.
 * Owner:   the tree refers to item until it is removed or replaced, on
 *          success; on failure item is the caller's.
 * Returns: 0, -EEXIST if its key is taken, or -ENOMEM; on failure the tree is
 *          unchanged.
 */
int radix_lf_insert(struct radix_lf *t, void *item);

/*
 * Put item in the place of the item with the same key, or add it.  No reader
 * ever sees the key, or an address under it, with neither.
 * Context: as for radix_lf_insert().
 * Order:   as for radix_lf_insert().
 * Owner:   as for radix_lf_insert(); *old is the caller's to retire.
 * Returns: 0 with *old the item replaced, NULL if the key is new; or -ENOMEM
 *          with the tree and *old unchanged.
 */
int radix_lf_replace(struct radix_lf *t, void *item, void **old);

/*
 * Take out the item whose key is exactly the first bits bits of key.
 * Context: as for radix_lf_insert().
 * Owner:   *out is the caller's to retire.
 * Returns: 0 with *out the item; -ENOENT if there is none, or -ENOMEM (a new
 *          version needs memory), with the tree and *out unchanged.
 */
int radix_lf_remove(
    struct radix_lf *t, const void *key, unsigned bits, void **out);

/*
 * Call fn(head) when no reader and no snapshot can reach the item around head
 * any more.  Call it after the commit that removed the item; fn may then free
 * or reuse the item.
 * Context: any thread, in a kernel one that may sleep; does not, but for a mutex
 *          held for a few instructions.  fn runs like a pserialize_call() function: on any
 *          thread, outside sections, and must not wait for a grace period.
 * Owner:   the tree and then pserialize own head until fn is called.
 */
void radix_lf_retire(struct radix_lf *t, struct pserialize_head *head,
    void (*fn)(struct pserialize_head *head));

/*
 * Begin a transaction: edits that all readers see at once, at its commit.
 * Many edits in one transaction cost less than one at a time, as a branch is
 * copied once only; sort a bulk load by key for speed.
 * Context: writer (the caller's mutex), which stays the writer until the
 *          transaction ends; may sleep (allocates, now and then).
 * Owner:   *out is the tree's until radix_lf_txn_commit() or _abort().
 * Returns: 0, or -ENOMEM with *out untouched and no transaction begun.
 */
int radix_lf_txn_begin(struct radix_lf *t, struct radix_lf_txn **out);

/*
 * Edit as radix_lf_insert(), _replace(), _remove() do, within a transaction.
 * Context: writer (the caller's mutex), which began txn; may sleep (allocates).
 * Owner:   as there; an item counts as removed only once txn has committed.
 * Returns: as there; on failure this edit has changed nothing, the edits before
 *          it stand, and txn may go on, commit or abort.
 */
int radix_lf_txn_insert(struct radix_lf_txn *txn, void *item);
int radix_lf_txn_replace(struct radix_lf_txn *txn, void *item, void **old);
int radix_lf_txn_remove(
    struct radix_lf_txn *txn, const void *key, unsigned bits, void **out);

/*
 * Find the item whose key is exactly the first bits bits of key, in the tree as
 * it would be if txn committed now.
 * Context: writer (the caller's mutex), which began txn; never sleeps.
 * Returns: NULL if there is none.
 */
void *radix_lf_txn_exact(
    const struct radix_lf_txn *txn, const void *key, unsigned bits);

/* Where a key is in a transaction's tree, or would be. */
struct radix_lf_place {
	void *item;      /* with exactly this key; NULL: none */
	void *cover;     /* with the longest key that is a shorter prefix of it,
			    or NULL */
	bool has_longer; /* are there longer keys that begin with it? */
	uint64_t number; /* private */
};

/*
 * Find the place of the key that is the first bits bits of key: in one way down
 * what else takes radix_lf_txn_exact(), _lookup(), _covered() and an edit's own.
 * Context: writer (the caller's mutex), which began txn; never sleeps.
 * Owner:   *out may be used for one edit, until the next edit, or the next place
 *          that is found, of txn; its first three fields stay as they are.
 */
void radix_lf_txn_find(struct radix_lf_txn *txn, const void *key, unsigned bits,
    struct radix_lf_place *out);

/*
 * Put item, which has the key of the place, there: as radix_lf_txn_replace()
 * with old = place->item.
 * Context: as for radix_lf_txn_replace().
 * Owner:   as there.
 * Returns: 0, or -ENOMEM, after which the place can still be used.
 */
int radix_lf_txn_put(
    struct radix_lf_txn *txn, const struct radix_lf_place *place, void *item);

/*
 * Take place->item, which is not NULL, out: as radix_lf_txn_remove().
 * Context: as for radix_lf_txn_remove().
 * Owner:   as there.
 * Returns: 0, or -ENOMEM, after which the place can still be used.
 */
int radix_lf_txn_take(
    struct radix_lf_txn *txn, const struct radix_lf_place *place);

/*
 * Look up as radix_lf_lookup() and radix_lf_next() do, in the tree as it would
 * be if txn committed now.
 * Context: writer (the caller's mutex), which began txn; never sleeps.
 * Returns: NULL if there is none.
 */
void *radix_lf_txn_lookup(
    const struct radix_lf_txn *txn, const void *key, unsigned bits);
void *radix_lf_txn_next(
    const struct radix_lf_txn *txn, const void *key, unsigned bits);

/*
 * Visit as radix_lf_covered() does, the tree as it would be if txn committed
 * now.
 * Context: writer (the caller's mutex), which began txn; never sleeps, as far
 *          as match allows, which must not edit.
 * Returns: the item that matched, or NULL if none did.
 */
void *radix_lf_txn_covered(const struct radix_lf_txn *txn, const void *key,
    unsigned bits, radix_lf_match_fn match, void *arg);

/*
 * Make all edits of txn visible, at one instant, and end it.  Cannot fail.
 * Context: writer (the caller's mutex), which began txn; does not sleep, but for
 *          a mutex held for a few instructions.
 * Order:   everything before this call happens before what a reader does that
 *          sees any of the edits.
 */
void radix_lf_txn_commit(struct radix_lf_txn *txn);

/*
 * Forget all edits of txn and end it: the tree is as before its begin.
 * Context: writer (the caller's mutex), which began txn; never sleeps.
 * Owner:   items inserted by txn are the caller's again, at once; items removed
 *          by it are in the tree still.
 */
void radix_lf_txn_abort(struct radix_lf_txn *txn);

/*
 * Hold the current version of the tree, for as long as wanted, in constant
 * time and without a copy.  Meanwhile the memory of everything removed from the
 * tree stays in use: about a kilobyte for each later commit of one edit.
 * Context: any thread, outside read sections; may sleep (allocates).
 * Order:   the snapshot is the version current at some instant of the call; it
 *          contains every commit that happened before the call.
 * Owner:   the caller owns *out until radix_lf_snap_close().
 * Returns: 0, or -ENOMEM with *out untouched.
 */
int radix_lf_snap_open(struct radix_lf *t, struct radix_lf_snap **out);

/*
 * Let go of a snapshot.
 * Context: any thread, in a kernel one that may sleep; does not, but for a mutex
 *          held for a few instructions.
 */
void radix_lf_snap_close(struct radix_lf_snap *snap);

/*
 * Take a snapshot into storage of the caller's: what radix_lf_snap_open() does,
 * where nothing may fail, or from inside a read section that wants to go on
 * outside.  It may be newer than what the section has seen: look up again.
 * Context: any thread, inside a section too, not a signal handler; in a kernel
 *          one that may sleep, outside; does not, but for a mutex held for a few
 *          instructions.
 * Order:   as for radix_lf_snap_open().
 * Owner:   *snap is the tree's until radix_lf_snap_unpin(), and stays in place.
 */
void radix_lf_snap_pin(struct radix_lf *t, struct radix_lf_snap *snap);

/*
 * Let go of a snapshot that radix_lf_snap_pin() took.
 * Context: as for radix_lf_snap_close().
 * Owner:   *snap is the caller's again.
 */
void radix_lf_snap_unpin(struct radix_lf_snap *snap);

/*
 * Look up as radix_lf_lookup() and radix_lf_exact() do, in a snapshot.
 * Context: snapshot held, any thread, no section needed; never sleeps;
 *          wait-free.
 * Owner:   the item is readable until radix_lf_snap_close(), if removed items
 *          go to radix_lf_retire().
 * Returns: NULL if there is none.
 */
void *radix_lf_snap_lookup(
    const struct radix_lf_snap *snap, const void *key, unsigned bits);
void *radix_lf_snap_exact(
    const struct radix_lf_snap *snap, const void *key, unsigned bits);

/*
 * Find the item that follows key in a snapshot, in the order of
 * radix_lf_next().  A walk can be resumed in a later snapshot.
 * Context: as for radix_lf_snap_lookup(); wait-free.
 * Owner:   as for radix_lf_snap_lookup().
 * Returns: NULL behind the last item.
 */
void *radix_lf_snap_next(
    const struct radix_lf_snap *snap, const void *key, unsigned bits);

/*
 * The others of the reading functions, in a snapshot.
 * Context: as for radix_lf_snap_lookup(), and as there for match.
 * Owner:   as for radix_lf_snap_lookup().
 * Returns: as there.
 */
void *radix_lf_snap_prev(
    const struct radix_lf_snap *snap, const void *key, unsigned bits);
void *radix_lf_snap_lookup_if(const struct radix_lf_snap *snap, const void *key,
    unsigned bits, radix_lf_match_fn match, void *arg);
void *radix_lf_snap_covering(const struct radix_lf_snap *snap, const void *key,
    unsigned bits, radix_lf_match_fn match, void *arg);
void *radix_lf_snap_covered(const struct radix_lf_snap *snap, const void *key,
    unsigned bits, radix_lf_match_fn match, void *arg);

/*
 * Count the items of a snapshot.
 * Context: as for radix_lf_snap_lookup(); wait-free.
 * Returns: the number.
 */
size_t radix_lf_snap_count(const struct radix_lf_snap *snap);

#ifdef __cplusplus
}
#endif

#endif /* LIBSYNC_RADIX_LF_RADIX_LF_H */

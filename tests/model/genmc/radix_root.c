/* SPDX-License-Identifier: BSD-2-Clause */

/*
 * ROOT of libsync/radix_lf: a version is complete before it is seen, and a
 * lookup is in one version.  One writer adds a prefix above and takes the one
 * below away, which in a tree that is edited in place is answered by "nothing";
 * then it does both in one transaction the other way round.  No memory is
 * used again here.
 * @must_fail WEAK_STORE
 * @must_fail WEAK_LOAD
 */

#include "tests/model/genmc/model.h"

#include "libsync/radix_lf/mem.c"
#include "libsync/radix_lf/radix_lf.c"
#include "libsync/radix_lf/snap.c"
#include "libsync/radix_lf/txn.c"
#include "libsync/radix_lf/walk.c"

struct item {
	uint8_t key;
	uint8_t bits;
} __attribute__((aligned(8)));

static struct item top = {0x00, 0}, left = {0x00, 2}, right = {0x40, 2};
static struct radix_lf *tree;

void
pserialize_call(
    struct pserialize_head *head, void (*fn)(struct pserialize_head *head))
{
	(void)head;
	(void)fn;
}

void
pserialize_barrier(void)
{
}

void *
port_alloc(size_t size)
{
	return calloc(1, size);
}

void
port_free(void *p)
{
	free(p);
}

void
port_mutex_lock(struct port_mutex *m)
{
	(void)m;
}

void
port_mutex_unlock(struct port_mutex *m)
{
	(void)m;
}

static unsigned
bits_of(const void *item)
{
	return ((const struct item *)item)->bits;
}

static void
edit(void)
{
	struct radix_lf_txn *txn;
	const uint8_t key = 0x00;
	void *out;

	assert(radix_lf_insert(tree, &top) == 0);
	assert(radix_lf_remove(tree, &key, 2, &out) == 0 && out == &left);
	assert(radix_lf_txn_begin(tree, &txn) == 0);
	assert(radix_lf_txn_remove(txn, &key, 0, &out) == 0 && out == &top);
	assert(radix_lf_txn_insert(txn, &left) == 0);
	radix_lf_txn_commit(txn);
}

static void *
writer(void *arg)
{
	(void)arg;
	edit();
	return NULL;
}

static void *
reader(void *arg)
{
	const uint8_t key = 0x01;
	const void *found = radix_lf_lookup(tree, &key, 8);

	(void)arg;
	assert(found == &left || found == &top);
	return NULL;
}

int
main(void)
{
	const struct radix_lf_config cfg = {
	    .max_bits = 8, .item_bits = bits_of};
	pthread_t t[2];

	assert(radix_lf_create(&cfg, &tree) == 0);
	assert(radix_lf_insert(tree, &left) == 0);
	assert(radix_lf_insert(tree, &right) == 0);
	model_start(&t[0], writer, NULL);
	model_start(&t[1], reader, NULL);
	pthread_join(t[0], NULL);
	pthread_join(t[1], NULL);
	return 0;
}

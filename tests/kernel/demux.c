/* SPDX-License-Identifier: BSD-2-Clause */

/*
 * A hash table that grows, shrinks and gets new seeds under readers.  Some keys
 * stay and are always found; every thread has keys of its own that come and go,
 * so there are several writers at a time.
 */

#include "libsync/demux/demux.h"

#include "tests/kernel/ktest.h"

#define STAY   64
#define OWN    8 /* keys of a thread */
#define TWINS  2 /* items of such a key */
#define LARGE  1024
#define WALKED 8 /* updates from one walk to the next */

struct flow_key {
	uint64_t number;
};

struct entry {
	struct flow_key key;
	struct ktest_body body;
	struct pserialize_head head;
	SYNC_ATOMIC(uint32_t) busy; /* [a] in the table, or waits to be dead */
};

/* [w] the writer's  [o] of its thread */
static struct {
	struct demux *table;
	struct entry stay[STAY];
	struct entry own[KTEST_THREADS_MAX][OWN][TWINS];
	struct entry *in[KTEST_THREADS_MAX][OWN]; /* [o] NULL: not there */
	unsigned turn;                            /* [w] */
	uint8_t walked[STAY];                     /* [w] */
} conns;

static uint64_t
own_key(unsigned thread, unsigned i)
{
	return STAY + thread * OWN + i;
}

static void
entry_dies(struct pserialize_head *head)
{
	struct entry *e =
	    (struct entry *)(void *)((char *)head -
				     offsetof(struct entry, head));

	ktest_body_kill(&e->body);
	/* FREED release: pairs with the acquire in entry_take. */
	sync_store_release(&e->busy, 0);
}

/* Returns: the twin that is free, filled; NULL if none is. */
static struct entry *
entry_take(unsigned thread, unsigned i)
{
	for (unsigned t = 0; t < TWINS; t++) {
		struct entry *e = &conns.own[thread][i][t];

		/* FREED acquire: pairs with the release in entry_dies. */
		if (sync_load_acquire(&e->busy) != 0)
			continue;
		/* relaxed: only its thread takes it. */
		sync_store_relaxed(&e->busy, 1);
		e->key.number = own_key(thread, i);
		ktest_body_fill(&e->body, e->key.number);
		return e;
	}
	return NULL;
}

static struct entry *
find(uint64_t number)
{
	const struct flow_key key = {number};
	struct entry *e = demux_lookup(conns.table, &key);

	if (e != NULL)
		ktest_check(e->key.number == number &&
			    ktest_body_alive(&e->body, number));
	return e;
}

/* One of the caller's keys comes, is replaced, or goes. */
static void
change_own(struct ktest_reader *self)
{
	const unsigned i = ktest_rand(&self->rand) % OWN;
	struct entry *old = conns.in[self->me][i], *e = entry_take(self->me, i);

	if (old == NULL && e != NULL) {
		ktest_check(demux_insert(conns.table, e) == 0);
		conns.in[self->me][i] = e;
		return;
	}
	if (old == NULL)
		return;
	if (e != NULL)
		ktest_check(demux_replace(conns.table, old, e) == 0);
	else
		ktest_check(demux_remove(conns.table, old) == 0);
	conns.in[self->me][i] = e;
	pserialize_call(&old->head, entry_dies);
}

static int
count_stay(void *item, void *arg)
{
	const struct entry *e = (const struct entry *)item;

	(void)arg;
	ktest_check(ktest_body_alive(&e->body, e->key.number));
	if (e->key.number < STAY)
		conns.walked[e->key.number]++;
	return 0;
}

static void
walk(void)
{
	for (unsigned i = 0; i < STAY; i++)
		conns.walked[i] = 0;
	ktest_check(demux_walk(conns.table, count_stay, NULL) == 0);
	for (unsigned i = 0; i < STAY; i++)
		ktest_check(conns.walked[i] == 1);
}

/* The table moves. */
static void
table_update(struct ktest_duel *d)
{
	const unsigned turn = conns.turn++;
	const uint64_t seed[2] = {turn, ~(uint64_t)turn};
	int err;

	if (turn % 3 == 2)
		err = demux_rehash(conns.table, seed);
	else
		err = demux_resize(conns.table, turn % 3 == 0 ? LARGE : STAY);
	ktest_check(err == 0);
	ktest_duel_changed(d);
	while (demux_migrate(conns.table, 4))
		ktest_relax();
	if (turn % WALKED == 0)
		walk();
}

static bool
table_read(struct ktest_duel *d, struct ktest_reader *self)
{
	struct entry *own, *stay;
	const unsigned i = ktest_rand(&self->rand) % OWN;
	uint32_t seen;
	uint64_t s;
	bool changed;

	change_own(self);
	s = pserialize_read_enter();
	seen = ktest_duel_version(d);
	stay = find(ktest_rand(&self->rand) % STAY);
	ktest_check(stay != NULL);
	own = find(own_key(self->me, i));
	ktest_check(own == conns.in[self->me][i]);
	own = find(own_key(ktest_rand(&self->rand) % ktest_threads(), i));
	changed = ktest_duel_await(d, seen, self);
	if (own != NULL)
		ktest_check(ktest_body_alive(&own->body, own->key.number));
	pserialize_read_exit(s);
	return changed;
}

static bool
table_handler(struct ktest_duel *d, unsigned cpu)
{
	const uint64_t s = pserialize_read_enter();

	ktest_check(find((ktest_duel_version(d) + cpu) % STAY) != NULL);
	pserialize_read_exit(s);
	return true;
}

static void
table_fill(void)
{
	for (unsigned i = 0; i < STAY; i++) {
		conns.stay[i].key.number = i;
		ktest_body_fill(&conns.stay[i].body, i);
		ktest_check(demux_insert(conns.table, &conns.stay[i]) == 0);
		ktest_check(demux_insert(conns.table, &conns.stay[i]) != 0);
	}
	for (unsigned t = 0; t < KTEST_THREADS_MAX; t++)
		for (unsigned i = 0; i < OWN; i++)
			conns.in[t][i] = NULL;
}

static void
table_empty(void)
{
	for (unsigned i = 0; i < STAY; i++)
		ktest_check(demux_remove(conns.table, &conns.stay[i]) == 0);
	for (unsigned t = 0; t < KTEST_THREADS_MAX; t++)
		for (unsigned i = 0; i < OWN; i++) {
			struct entry *e = conns.in[t][i];

			if (e == NULL)
				continue;
			ktest_check(demux_remove(conns.table, e) == 0);
			pserialize_call(&e->head, entry_dies);
		}
	ktest_check(demux_count(conns.table) == 0);
	pserialize_barrier();
}

static void
table_run(bool handlers)
{
	const struct demux_config cfg = {
	    .key_offset = offsetof(struct entry, key),
	    .key_size = sizeof(struct flow_key)};
	struct ktest_duel duel = {.update = table_update,
	    .read = table_read,
	    .handler = handlers ? table_handler : NULL,
	    .updates = 4,
	    .overlaps = 4,
	    .handled = 20};

	ktest_need(demux_create(&cfg, &conns.table) == 0);
	table_fill();
	ktest_duel(&duel);
	if (ktest_failed())
		return;
	table_empty();
	demux_destroy(conns.table);
}

static void
test_moves(void)
{
	table_run(false);
}

static void
test_handlers(void)
{
	table_run(true);
}

const struct ktest_case ktest_demux[] = {
    {"demux_moves", test_moves},
    {"demux_handlers", test_handlers},
    {NULL, NULL},
};

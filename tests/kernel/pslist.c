/* SPDX-License-Identifier: BSD-2-Clause */

/*
 * A list in ascending order of keys.  The writer takes elements out and puts
 * them back elsewhere; every other key stays.  Readers walk it, from handlers,
 * too: the order holds, what stays is found, and nothing on it is dead.
 */

#include "libsync/pslist/pslist.h"

#include "tests/kernel/ktest.h"

#define KEYS  16 /* even ones stay, odd ones come and go */
#define TWINS 2  /* elements of a key that comes and goes */

struct member {
	struct pslist_entry entry;
	struct ktest_body body;
	uint32_t key;
};

/* [w] the writer's */
static struct {
	struct pslist_head head;
	struct member members[KEYS][TWINS];
	struct member *on[KEYS]; /* [w] NULL: not on the list */
	uint64_t rand;           /* [w] */
	bool handlers;
	unsigned twin; /* [w] */
} list;

static void
member_insert(uint32_t key, unsigned twin)
{
	struct member *m = &list.members[key][twin];
	struct member *after = NULL, *x;

	m->key = key;
	ktest_body_fill(&m->body, key);
	pslist_entry_init(&m->entry);
	PSLIST_WRITER_FOREACH (x, &list.head, entry) {
		if (x->key > key)
			break;
		after = x;
	}
	if (after == NULL)
		pslist_writer_insert_head(&list.head, &m->entry);
	else if (x != NULL && ktest_rand(&list.rand) % 2 == 0)
		pslist_writer_insert_before(&x->entry, &m->entry);
	else
		pslist_writer_insert_after(&after->entry, &m->entry);
	list.on[key] = m;
}

static void
member_remove(uint32_t key)
{
	pslist_writer_remove(&list.on[key]->entry);
	list.on[key] = NULL;
}

/* One odd key leaves, or comes back as the other twin. */
static void
list_update(struct ktest_duel *d)
{
	const uint32_t key = (ktest_rand(&list.rand) % KEYS) | 1;
	struct member *m = list.on[key];

	if (m == NULL) {
		member_insert(key, list.twin++ % TWINS);
		ktest_duel_changed(d);
		return;
	}
	member_remove(key);
	ktest_duel_changed(d);
	ktest_check(!pslist_entry_linked(&m->entry));
	pserialize_perform();
	pslist_entry_fini(&m->entry);
	ktest_body_kill(&m->body);
}

/* Walk all of it, staying a while at the element of a key. */
static bool
walk(struct ktest_duel *d, uint32_t stay, struct ktest_reader *self)
{
	const struct member *m;
	unsigned even = 0;
	bool changed = false, first = true;
	uint32_t last = 0, seen;
	uint64_t s;

	s = pserialize_read_enter();
	seen = ktest_duel_version(d);
	PSLIST_READER_FOREACH (m, &list.head, entry) {
		ktest_check(ktest_body_alive(&m->body, m->key));
		if (!ktest_check(first || m->key > last))
			break;
		first = false;
		last = m->key;
		even += last % 2 == 0;
		if (self != NULL && last >= stay && !changed) {
			stay = KEYS;
			changed = ktest_duel_await(d, seen, self);
			ktest_check(ktest_body_alive(&m->body, last));
		}
	}
	pserialize_read_exit(s);
	ktest_check(even == KEYS / 2);
	return changed;
}

static bool
list_reader(struct ktest_duel *d, struct ktest_reader *self)
{
	return walk(d, ktest_rand(&self->rand) % KEYS, self);
}

static bool
list_handler(struct ktest_duel *d, unsigned cpu)
{
	(void)cpu;
	(void)walk(d, KEYS, NULL);
	return true;
}

static void
list_run(bool handlers)
{
	struct ktest_duel duel = {.update = list_update,
	    .read = list_reader,
	    .handler = handlers ? list_handler : NULL,
	    .updates = 20,
	    .overlaps = 5,
	    .handled = 20};

	pslist_head_init(&list.head);
	list.rand = 1;
	for (uint32_t key = 0; key < KEYS; key++) {
		list.on[key] = NULL;
		member_insert(key, 0);
	}
	list.twin = 1;
	ktest_duel(&duel);
	for (uint32_t key = 0; key < KEYS; key++)
		if (list.on[key] != NULL)
			member_remove(key);
	pserialize_perform();
	pslist_head_fini(&list.head);
}

static void
test_walk(void)
{
	list_run(false);
}

static void
test_handlers(void)
{
	list_run(true);
}

const struct ktest_case ktest_pslist[] = {
    {"pslist_walk", test_walk},
    {"pslist_handlers", test_handlers},
    {NULL, NULL},
};

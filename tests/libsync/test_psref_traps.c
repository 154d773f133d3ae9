/* SPDX-License-Identifier: BSD-2-Clause */

/*
 * The three rules without which references and lists do not fit together.
 * Each test holds the other thread at the one bad moment.
 */

#include <criterion/criterion.h>
#include <pthread.h>
#include <signal.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "libsync/pserialize/pserialize.h"
#include "libsync/pslist/pslist.h"
#include "libsync/psref/psref.h"
#include "tests/libsync/gate.h"

void sync_test_point(const char *name);

struct item {
	struct psref_target target;
	struct pslist_entry entry;
	bool gone;
};

static struct psref_class *cl;
static struct pslist_head list;
static struct item a, b, c;

static void
setup(void)
{
	struct item *all[] = {&c, &b, &a};

	cr_assert_eq(psref_class_create("trap", &cl), 0);
	pslist_head_init(&list);
	for (int i = 0; i < 3; i++) {
		psref_target_init(&all[i]->target, cl);
		pslist_entry_init(&all[i]->entry);
		pslist_writer_insert_head(&list, &all[i]->entry);
	}
}

TestSuite(psref_traps, .init = setup);

static struct gate drained, destroyed, scans, hop, hopped;
static int scanned;

/* Called by psref_target_destroy() of this program. */
void
sync_test_point(const char *name)
{
	if (strcmp(name, "psref_drained") == 0)
		gate_open(&drained, 1);
	if (strcmp(name, "psref_scan") != 0)
		return;
	gate_open(&scans, ++scanned);
	/* Before the second slot is looked at. */
	if (scanned == 2 && gate_is_open(&hop, 1))
		gate_wait(&hopped, 1);
}

static void
retire(struct item *it)
{
	pslist_writer_remove(&it->entry);
	pserialize_perform();
	psref_target_destroy(&it->target, cl);
	pslist_entry_fini(&it->entry);
	it->gone = true;
	gate_open(&destroyed, 1);
}

static void *
retirer(void *arg)
{
	retire(arg);
	return NULL;
}

/*
 * A reader enters a section, releases A, and then steps to what follows A.
 * The drain finds no holder in between.
 */
Test(psref_traps, element_stays_until_the_section_of_its_release_ends)
{
	uint64_t s = pserialize_read_enter();
	struct item *it = PSLIST_READER_FIRST(&list, struct item, entry);
	struct psref ref;
	pthread_t t;
	bool early;

	cr_assert_eq(it, &a);
	psref_acquire(&ref, &it->target, cl);
	pserialize_read_exit(s);

	cr_assert_eq(pthread_create(&t, NULL, retirer, &a), 0);
	gate_wait(&scans, 1); /* past the grace period, which we would stop */
	s = pserialize_read_enter();
	psref_release(&ref, &it->target, cl);
	gate_wait(&drained, 1);
	gate_linger();
	early = gate_is_open(&destroyed, 1);
	if (!early)
		it = PSLIST_READER_NEXT(it, struct item, entry);
	pserialize_read_exit(s);
	pthread_join(t, NULL);
	cr_assert_not(early);
	cr_assert_eq(it, &b);
}

/*
 * A reader keeps A while A is removed, and then B, which nobody holds, is
 * removed, destroyed and finished.  A still leads to B.
 */
Test(psref_traps, walk_is_not_resumed_from_a_removed_element)
{
	uint64_t s = pserialize_read_enter();
	struct item *it = PSLIST_READER_FIRST(&list, struct item, entry);
	struct psref ref;
	bool linked, gone;

	psref_acquire(&ref, &it->target, cl);
	pserialize_read_exit(s);
	cr_assert_eq(it, &a);

	pslist_writer_remove(&a.entry);
	retire(&b);

	s = pserialize_read_enter();
	linked = pslist_entry_linked(&it->entry);
	psref_release(&ref, &it->target, cl);
	it = linked ? PSLIST_READER_NEXT(it, struct item, entry)
		    : PSLIST_READER_FIRST(&list, struct item, entry);
	gone = it->gone;
	pserialize_read_exit(s);
	cr_assert_not(gone);
	cr_assert_eq(it, &c);
}

static void *
hopper(void *arg)
{
	struct psref first, from, to;
	uint64_t s = pserialize_read_enter();

	psref_acquire(&first, &b.target, cl); /* first slot */
	psref_acquire(&from, &a.target, cl);  /* second slot */
	pserialize_read_exit(s);
	psref_release(&first, &b.target, cl);
	gate_open(&hop, 1);

	gate_wait(&scans, 2);
	psref_copy(&to, &from, cl); /* into the first slot */
	psref_release(&from, &a.target, cl);
	gate_open(&hopped, 1);
	while (!gate_is_open(&scans, 64) && !gate_is_open(&destroyed, 1))
		sched_yield(); /* until it has begun again, or ended */
	gate_linger();
	*(bool *)arg = gate_is_open(&destroyed, 1);
	if (gate_is_open(&destroyed, 1))
		psref_target_init(&a.target, cl); /* so that we can end */
	psref_release(&to, &a.target, cl);
	return NULL;
}

/* A reference hops over the scan into a slot already looked at. */
Test(psref_traps, scan_does_not_miss_a_reference_that_is_copied)
{
	pthread_t h, t;
	bool early = true;

	cr_assert_eq(pthread_create(&h, NULL, hopper, &early), 0);
	gate_wait(&hop, 1);
	cr_assert_eq(pthread_create(&t, NULL, retirer, &a), 0);
	pthread_join(h, NULL);
	pthread_join(t, NULL);
	cr_assert_not(early);
}

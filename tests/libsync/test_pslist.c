/* SPDX-License-Identifier: BSD-2-Clause */

#include <criterion/criterion.h>
#include <pthread.h>
#include <signal.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>

#include "libsync/pserialize/pserialize.h"
#include "libsync/pslist/pslist.h"
#include "tests/libsync/gate.h"
#include "tests/stress.h"

struct item {
	int number;
	struct pslist_entry entry;
	struct pserialize_head head;
	int spoilt;
};

static struct pslist_head list;
static struct item items[8];

static void
setup(void)
{
	pslist_head_init(&list);
	for (int i = 0; i < 8; i++) {
		items[i].number = i;
		pslist_entry_init(&items[i].entry);
	}
}

TestSuite(pslist, .init = setup);

/* The list is the numbers given, then -1; as writer and as reader. */
static void
expect(int first, ...)
{
	const struct item *it;
	va_list ap;
	uint64_t s;
	int want = first;

	va_start(ap, first);
	PSLIST_WRITER_FOREACH (it, &list, entry) {
		cr_assert_eq(it->number, want);
		want = va_arg(ap, int);
	}
	cr_assert_eq(want, -1);
	va_end(ap);

	va_start(ap, first);
	want = first;
	s = pserialize_read_enter();
	PSLIST_READER_FOREACH (it, &list, entry) {
		cr_assert_eq(it->number, want);
		want = va_arg(ap, int);
	}
	pserialize_read_exit(s);
	cr_assert_eq(want, -1);
	va_end(ap);
}

static void
insert_012(void)
{
	for (int i = 2; i >= 0; i--)
		pslist_writer_insert_head(&list, &items[i].entry);
}

Test(pslist, new_list_is_empty)
{
	expect(-1, 0);
	cr_assert_null(pslist_writer_first(&list));
	pslist_head_fini(&list);
}

Test(pslist, insert_head_puts_first)
{
	insert_012();
	expect(0, 1, 2, -1);
}

Test(pslist, insert_before_and_after_put_beside)
{
	insert_012();
	pslist_writer_insert_before(&items[1].entry, &items[3].entry);
	pslist_writer_insert_after(&items[1].entry, &items[4].entry);
	pslist_writer_insert_before(&items[0].entry, &items[5].entry);
	pslist_writer_insert_after(&items[2].entry, &items[6].entry);
	expect(5, 0, 3, 1, 4, 2, 6, -1);
}

Test(pslist, remove_takes_first_middle_and_last)
{
	insert_012();
	pslist_writer_insert_head(&list, &items[3].entry);
	pslist_writer_remove(&items[1].entry);
	expect(3, 0, 2, -1);
	pslist_writer_remove(&items[2].entry);
	expect(3, 0, -1);
	pslist_writer_remove(&items[3].entry);
	expect(0, -1);
	pslist_writer_remove(&items[0].entry);
	expect(-1, 0);
	pslist_head_fini(&list);
}

Test(pslist, removed_entry_may_be_inserted_again)
{
	insert_012();
	pslist_writer_remove(&items[0].entry);
	pserialize_perform();
	pslist_writer_insert_after(&items[2].entry, &items[0].entry);
	expect(1, 2, 0, -1);
}

Test(pslist, first_and_next_convert_to_the_object)
{
	const struct item *it;
	uint64_t s;

	insert_012();
	it = PSLIST_WRITER_FIRST(&list, struct item, entry);
	cr_assert_eq(it, &items[0]);
	cr_assert_eq(PSLIST_WRITER_NEXT(it, struct item, entry), &items[1]);
	cr_assert_null(PSLIST_WRITER_NEXT(&items[2], struct item, entry));
	s = pserialize_read_enter();
	it = PSLIST_READER_FIRST(&list, struct item, entry);
	cr_assert_eq(it, &items[0]);
	cr_assert_eq(PSLIST_READER_NEXT(it, struct item, entry), &items[1]);
	cr_assert_null(PSLIST_READER_NEXT(&items[2], struct item, entry));
	pserialize_read_exit(s);
}

Test(pslist, linked_tells_whether_the_entry_is_on_a_list)
{
	cr_assert_not(pslist_entry_linked(&items[0].entry));
	insert_012();
	for (int i = 0; i < 3; i++)
		cr_assert(pslist_entry_linked(&items[i].entry));
	pslist_writer_remove(&items[1].entry);
	cr_assert(pslist_entry_linked(&items[0].entry));
	cr_assert_not(pslist_entry_linked(&items[1].entry));
	cr_assert(pslist_entry_linked(&items[2].entry));
}

Test(pslist, reader_on_a_removed_entry_walks_on)
{
	const struct item *it;
	uint64_t s;

	insert_012();
	s = pserialize_read_enter();
	it = PSLIST_READER_FIRST(&list, struct item, entry);
	it = PSLIST_READER_NEXT(it, struct item, entry);
	pslist_writer_remove(&items[1].entry);
	cr_assert_eq(PSLIST_READER_NEXT(it, struct item, entry), &items[2]);
	pserialize_read_exit(s);
}

Test(pslist, writer_may_remove_while_it_walks)
{
	struct item *it;
	int n = 0;

	insert_012();
	PSLIST_WRITER_FOREACH (it, &list, entry) {
		pslist_writer_remove(&it->entry);
		n++;
	}
	cr_assert_eq(n, 3);
	pslist_head_fini(&list);
}

Test(pslist, fini_of_a_linked_entry_aborts, .signal = SIGABRT)
{
	insert_012();
	pslist_entry_fini(&items[1].entry);
}

Test(pslist, fini_of_a_list_with_entries_aborts, .signal = SIGABRT)
{
	insert_012();
	pslist_head_fini(&list);
}

Test(pslist, second_insertion_aborts, .signal = SIGABRT)
{
	insert_012();
	pslist_writer_insert_head(&list, &items[1].entry);
}

Test(pslist, second_removal_aborts, .signal = SIGABRT)
{
	insert_012();
	pslist_writer_remove(&items[1].entry);
	pslist_writer_remove(&items[1].entry);
}

Test(pslist, finished_entry_leads_nowhere)
{
	insert_012();
	pslist_writer_remove(&items[1].entry);
	pserialize_perform();
	pslist_entry_fini(&items[1].entry);
	/* The writer form does not look at where it gets. */
	cr_assert_eq(pslist_writer_next(&items[1].entry), PSLIST_POISON);
	expect(0, 2, -1);
}

#ifdef SYNC_CHECKS
Test(pslist, reader_on_a_finished_entry_aborts, .signal = SIGABRT)
{
	insert_012();
	pslist_writer_remove(&items[1].entry);
	pslist_entry_fini(&items[1].entry);
	(void)pserialize_read_enter();
	(void)pslist_reader_next(&items[1].entry);
}

Test(pslist, reading_outside_a_section_aborts, .signal = SIGABRT)
{
	(void)pslist_reader_first(&list);
}
#endif

/*
 * Readers walk while a writer inserts, removes, spoils and frees.  The numbers
 * on the list grow from head to tail and one of them is never removed.
 */
#define STAYS 1000

static SYNC_ATOMIC(bool) stop;
static SYNC_ATOMIC(unsigned long) walks, wrong;

static void *
walker(void *arg)
{
	(void)arg;
	/* relaxed: seen sooner or later. */
	while (!sync_load_relaxed(&stop)) {
		uint64_t s = pserialize_read_enter();
		bool ok = true, stays = false;
		const struct item *it;
		int last = -1;

		PSLIST_READER_FOREACH (it, &list, entry) {
			ok = ok && it->spoilt == 0 && it->number > last;
			last = it->number;
			stays = stays || last == STAYS;
		}
		pserialize_read_exit(s);
		if (!ok || !stays)
			/* relaxed: looked at after the threads were joined. */
			sync_fetch_add_relaxed(&wrong, 1);
		/* relaxed: as above. */
		if (sync_fetch_add_relaxed(&walks, 1) % 64 == 0)
			sched_yield();
	}
	return NULL;
}

static void
spoil(struct pserialize_head *head)
{
	struct item *it =
	    (struct item *)(void *)((char *)head - offsetof(struct item, head));

	pslist_entry_fini(&it->entry);
	it->spoilt = 1;
	free(it);
}

static void
insert_sorted(int number)
{
	struct item *it = calloc(1, sizeof(*it)), *at, *last = NULL;

	cr_assert_not_null(it);
	it->number = number;
	pslist_entry_init(&it->entry);
	PSLIST_WRITER_FOREACH (at, &list, entry) {
		if (at->number == number) {
			free(it);
			return;
		}
		if (at->number > number)
			break;
		last = at;
	}
	if (last == NULL)
		pslist_writer_insert_head(&list, &it->entry);
	else if (at == NULL || number % 2 == 0)
		pslist_writer_insert_after(&last->entry, &it->entry);
	else
		pslist_writer_insert_before(&at->entry, &it->entry);
}

static void
remove_number(int number)
{
	struct item *it;

	PSLIST_WRITER_FOREACH (it, &list, entry) {
		if (it->number == number) {
			pslist_writer_remove(&it->entry);
			pserialize_call(&it->head, spoil);
			return;
		}
	}
}

Test(pslist, stress_readers_see_a_sorted_list, .timeout = 100)
{
	unsigned long n = stress_n(20000), lcg = 1;
	pthread_t t[3];
	struct item *it;

	insert_sorted(STAYS);
	for (int i = 0; i < 3; i++)
		cr_assert_eq(pthread_create(&t[i], NULL, walker, NULL), 0);
	/* relaxed: only counts. */
	for (unsigned long i = 0; i < n || sync_load_relaxed(&walks) < n / 10;
	     i++) {
		int number;

		lcg = lcg * 6364136223846793005u + 1442695040888963407u;
		number = STAYS - 10 + (int)((lcg >> 33) % 21);
		if (i % 2 == 0)
			insert_sorted(number);
		else if (number != STAYS)
			remove_number(number);
		if (i % 512 == 0)
			pserialize_barrier();
	}
	/* relaxed: seen sooner or later. */
	sync_store_relaxed(&stop, true);
	for (int i = 0; i < 3; i++)
		pthread_join(t[i], NULL);
	/* relaxed: everybody has been joined. */
	cr_assert_eq(sync_load_relaxed(&wrong), 0);
	while ((it = PSLIST_WRITER_FIRST(&list, struct item, entry)) != NULL) {
		pslist_writer_remove(&it->entry);
		pserialize_call(&it->head, spoil);
	}
	pserialize_barrier();
	pslist_head_fini(&list);
}

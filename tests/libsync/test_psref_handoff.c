/* SPDX-License-Identifier: BSD-2-Clause */

/* References that move to other threads, and targets that end later. */

#include <criterion/criterion.h>
#include <pthread.h>
#include <signal.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "libsync/pserialize/pserialize.h"
#include "libsync/psref/psref.h"
#include "tests/libsync/gate.h"

#define MANY 500

static struct psref_class *cl;
static struct psref_target target, other;
static struct gate destroyed, holding, go;

static void
setup(void)
{
	cr_assert_eq(psref_class_create("test", &cl), 0);
	psref_target_init(&target, cl);
	psref_target_init(&other, cl);
}

TestSuite(psref_handoff, .init = setup);
TestSuite(psref_async, .init = setup);
TestSuite(psref_stall, .init = setup);

static void
acquire(struct psref *ref, struct psref_target *t)
{
	uint64_t s = pserialize_read_enter();

	psref_acquire(ref, t, cl);
	pserialize_read_exit(s);
}

static pthread_t
start(void *(*fn)(void *), void *arg)
{
	pthread_t t;

	cr_assert_eq(pthread_create(&t, NULL, fn, arg), 0);
	return t;
}

static void
run(void *(*fn)(void *), void *arg)
{
	pthread_join(start(fn, arg), NULL);
}

static void *
destroyer(void *arg)
{
	pserialize_perform();
	psref_target_destroy(arg, cl);
	gate_open(&destroyed, 1);
	return NULL;
}

static void *
releaser(void *arg)
{
	psref_release(arg, &target, cl);
	return NULL;
}

static void *
giver(void *arg)
{
	acquire(arg, &target);
	psref_handoff(arg, cl);
	return NULL;
}

Test(psref_handoff, another_thread_releases)
{
	struct psref ref;
	pthread_t d;

	acquire(&ref, &target);
	psref_handoff(&ref, cl);
	cr_assert_not(psref_held(&target, cl));
	d = start(destroyer, &target);
	gate_linger();
	cr_assert_not(gate_is_open(&destroyed, 1));
	run(releaser, &ref);
	pthread_join(d, NULL);
}

Test(psref_handoff, own_thread_may_release_as_well)
{
	struct psref ref;

	acquire(&ref, &target);
	psref_handoff(&ref, cl);
	psref_release(&ref, &target, cl);
	psref_target_destroy(&target, cl);
}

Test(psref_handoff, reference_may_be_moved)
{
	struct psref a, b;

	acquire(&a, &target);
	psref_handoff(&a, cl);
	b = a;
	memset(&a, 0x5a, sizeof(a));
	run(releaser, &b);
	psref_target_destroy(&target, cl);
}

Test(psref_handoff, reference_outlives_its_thread)
{
	struct psref ref;
	pthread_t d;

	run(giver, &ref);
	d = start(destroyer, &target);
	gate_linger();
	cr_assert_not(gate_is_open(&destroyed, 1));
	psref_release(&ref, &target, cl);
	pthread_join(d, NULL);
}

static void *
copier(void *arg)
{
	struct psref *both = arg;

	psref_copy(&both[1], &both[0], cl);
	cr_assert(psref_held(&target, cl));
	psref_release(&both[0], &target, cl);
	cr_assert(psref_held(&target, cl));
	gate_open(&holding, 1);
	gate_wait(&go, 1);
	psref_release(&both[1], &target, cl);
	return NULL;
}

Test(psref_handoff, receiver_makes_it_its_own_by_a_copy)
{
	struct psref both[2];
	pthread_t c, d;

	acquire(&both[0], &target);
	psref_handoff(&both[0], cl);
	c = start(copier, both);
	gate_wait(&holding, 1);
	d = start(destroyer, &target);
	gate_linger();
	cr_assert_not(gate_is_open(&destroyed, 1));
	gate_open(&go, 1);
	pthread_join(c, NULL);
	pthread_join(d, NULL);
}

static void *
releaser_of_many(void *arg)
{
	struct psref *refs = arg;

	for (int i = 0; i < MANY; i++)
		psref_release(&refs[i * 7 % MANY], &target, cl);
	return NULL;
}

/* Slots come back: the address space would show it if they did not. */
Test(psref_handoff, slots_are_used_again)
{
	static struct psref refs[MANY];
	struct psref_slot *seen[2000];
	int n = 0;

	for (int round = 0; round < 30; round++) {
		for (int i = 0; i < MANY; i++) {
			int k = 0;

			acquire(&refs[i], &target);
			while (k < n && seen[k] != refs[i].slot)
				k++;
			if (k == n)
				seen[n++] = refs[i].slot;
			cr_assert_lt(n, 2000);
			psref_handoff(&refs[i], cl);
		}
		run(releaser_of_many, refs);
	}
	psref_target_destroy(&target, cl);
}

static SYNC_ATOMIC(int) written;
static int object;

static void *
writer(void *arg)
{
	object = 1;
	psref_release(arg, &target, cl);
	/* relaxed: the test wants no order but that of the reference. */
	sync_store_relaxed(&written, 1);
	gate_wait(&go, 1);
	return NULL;
}

/* The slot is back with its thread, and the scan sees only that. */
Test(psref_handoff, receiver_is_done_before_the_destruction)
{
	struct psref given, mine[100];
	pthread_t t;

	acquire(&given, &target);
	psref_handoff(&given, cl);
	t = start(writer, &given);
	/* relaxed: as above. */
	while (sync_load_relaxed(&written) == 0)
		sched_yield();
	for (int i = 0; i < 100; i++)
		acquire(&mine[i], &other);
	psref_target_destroy(&target, cl);
	cr_assert_eq(object, 1);
	object = 2;
	for (int i = 0; i < 100; i++)
		psref_release(&mine[i], &other, cl);
	gate_open(&go, 1);
	pthread_join(t, NULL);
}

static void *
give_many(void *arg)
{
	struct psref *refs = arg;

	for (int i = 0; i < MANY; i++) {
		acquire(&refs[i], &target);
		psref_handoff(&refs[i], cl);
	}
	return NULL;
}

static void *
short_holder(void *arg)
{
	struct psref ref;

	(void)arg;
	acquire(&ref, &other);
	psref_release(&ref, &other, cl);
	return NULL;
}

Test(psref_handoff, orphans_are_waited_for_until_the_last)
{
	static struct psref refs[MANY];
	pthread_t d;

	run(give_many, refs);
	d = start(destroyer, &target);
	for (int i = 0; i < MANY; i++) {
		gate_linger();
		cr_assert_not(gate_is_open(&destroyed, 1));
		psref_release(&refs[i], &target, cl);
		if (i % 100 == 0)
			run(short_holder, NULL); /* orphans are reaped */
	}
	pthread_join(d, NULL);
}

static void
in_child(void (*fn)(struct psref *), struct psref *ref)
{
	int status;
	pid_t pid = fork();

	if (pid == 0) {
		fn(ref);
		_exit(0);
	}
	cr_assert_eq(waitpid(pid, &status, 0), pid);
	cr_assert_eq(status, 0);
}

static void
child_releases(struct psref *ref)
{
	pthread_t d = start(destroyer, &target);

	gate_linger();
	if (gate_is_open(&destroyed, 1))
		_exit(1);
	psref_release(ref, &target, cl);
	pthread_join(d, NULL);
	psref_class_destroy(cl);
}

/* The giver is not there in the child, what it gave is. */
Test(psref_handoff, child_has_what_was_handed_off)
{
	struct psref ref;
	pthread_t g;

	psref_target_destroy(&other, cl);
	run(giver, &ref);
	in_child(child_releases, &ref);
	psref_release(&ref, &target, cl);
	g = start(giver, &ref);
	pthread_join(g, NULL);
	in_child(child_releases, &ref);
	psref_release(&ref, &target, cl);
}

static void *
giver_and_holder(void *arg)
{
	struct psref mine;

	acquire(&mine, &other);
	(void)giver(arg);
	gate_open(&holding, 1);
	gate_wait(&go, 1);
	psref_release(&mine, &other, cl);
	return NULL;
}

static void
child_destroys_both(struct psref *ref)
{
	psref_target_destroy(&other, cl);
	psref_release(ref, &target, cl);
	psref_target_destroy(&target, cl);
	psref_class_destroy(cl);
}

Test(psref_handoff, child_forgets_what_was_not_handed_off)
{
	struct psref ref;
	pthread_t h = start(giver_and_holder, &ref);

	gate_wait(&holding, 1);
	in_child(child_destroys_both, &ref);
	gate_open(&go, 1);
	pthread_join(h, NULL);
	psref_release(&ref, &target, cl);
}

static void
destroyed_one(struct psref_target *t)
{
	cr_assert(t == &target || t == &other);
	gate_open(&destroyed, 1);
}

Test(psref_async, target_that_nobody_holds_is_destroyed)
{
	psref_target_destroy_async(&target, cl, destroyed_one);
	gate_wait(&destroyed, 1);
	psref_target_destroy(&other, cl);
	psref_class_destroy(cl);
}

Test(psref_async, holder_is_waited_for)
{
	struct psref ref;

	acquire(&ref, &target);
	psref_target_destroy_async(&target, cl, destroyed_one);
	for (int i = 0; i < 10; i++)
		pserialize_barrier(); /* as many looks */
	cr_assert_not(gate_is_open(&destroyed, 1));
	psref_release(&ref, &target, cl);
	gate_wait(&destroyed, 1);
}

Test(psref_async, section_may_ask_and_still_acquire)
{
	uint64_t s = pserialize_read_enter();
	struct psref ref;

	psref_target_destroy_async(&target, cl, destroyed_one);
	gate_linger();
	cr_assert_not(gate_is_open(&destroyed, 1));
	psref_acquire(&ref, &target, cl);
	pserialize_read_exit(s);
	for (int i = 0; i < 5; i++)
		pserialize_barrier(); /* as many looks */
	cr_assert_not(gate_is_open(&destroyed, 1));
	psref_release(&ref, &target, cl);
	gate_wait(&destroyed, 1);
}

Test(psref_async, others_are_not_held_up)
{
	struct psref ref;

	acquire(&ref, &target);
	psref_target_destroy_async(&target, cl, destroyed_one);
	psref_target_destroy_async(&other, cl, destroyed_one);
	gate_wait(&destroyed, 1);
	psref_release(&ref, &target, cl);
}

Test(psref_async, copies_keep_it)
{
	struct psref a, b;

	acquire(&a, &target);
	psref_target_destroy_async(&target, cl, destroyed_one);
	for (int i = 0; i < 1000; i++) {
		psref_copy(&b, &a, cl);
		psref_release(&a, &target, cl);
		psref_copy(&a, &b, cl);
		psref_release(&b, &target, cl);
		if (i % 100 == 0)
			pserialize_barrier();
	}
	cr_assert_not(gate_is_open(&destroyed, 1));
	psref_release(&a, &target, cl);
	gate_wait(&destroyed, 1);
}

static void
freed(struct psref_target *t)
{
	free(t);
	gate_open(&destroyed, 1);
}

Test(psref_async, callback_may_free)
{
	struct psref_target *t = malloc(sizeof(*t));
	struct psref ref;

	cr_assert_not_null(t);
	psref_target_init(t, cl);
	acquire(&ref, t);
	psref_target_destroy_async(t, cl, freed);
	psref_release(&ref, t, cl);
	gate_wait(&destroyed, 1);
}

static struct psref_target third;
static struct report {
	const struct psref_target *target;
	char class_name[32], thread_name[32], site[128];
	struct gate made;
} reports[] = {{.target = &target}, {.target = &other}, {.target = &third}};

static void
note(const struct psref_stall *s, void *arg)
{
	struct report *r = arg;

	cr_assert_eq(arg, reports);
	while (r->target != s->target)
		r++;
	cr_assert_geq(s->waited_ns, 1000000000u);
	if (gate_is_open(&r->made, 1))
		return;
	strncpy(r->class_name, s->class_name, sizeof(r->class_name) - 1);
	strncpy(r->thread_name, s->thread_name, sizeof(r->thread_name) - 1);
	strncpy(r->site, s->site, sizeof(r->site) - 1);
	gate_open(&r->made, 1);
}

static void *
holder_of_all(void *arg)
{
	struct psref a, b;

	pthread_setname_np(pthread_self(), "holder");
	acquire(&a, &target);
	acquire(&b, &other);
	acquire(arg, &third);
	psref_handoff(arg, cl);
	gate_open(&holding, 1);
	for (int i = 0; i < 3; i++)
		gate_wait(&reports[i].made, 1);
	psref_release(&a, &target, cl);
	psref_release(&b, &other, cl);
	psref_release(arg, &third, cl);
	return NULL;
}

Test(psref_stall, reports_name_thread_and_place)
{
	pthread_t h, d;
	struct psref ref;

	psref_target_init(&third, cl);
	psref_stall_set(note, reports);
	h = start(holder_of_all, &ref);
	gate_wait(&holding, 1);
	d = start(destroyer, &target);
	psref_target_destroy_async(&other, cl, destroyed_one);
	psref_target_destroy(&third, cl);
	pthread_join(d, NULL);
	pthread_join(h, NULL);
	for (int i = 0; i < 3; i++) {
		const char *thread = i == 2 ? "" : "holder";

		cr_assert_str_eq(reports[i].class_name, "test");
		cr_assert_str_eq(reports[i].thread_name, thread);
		cr_assert_not_null(
		    strstr(reports[i].site, "test_psref_handoff.c:"));
	}
}

#ifdef SYNC_CHECKS
Test(psref_handoff, second_release_of_a_moved_one_aborts, .signal = SIGABRT)
{
	struct psref ref, moved;

	acquire(&ref, &target);
	psref_handoff(&ref, cl);
	moved = ref;
	psref_release(&ref, &target, cl);
	psref_release(&moved, &target, cl);
}

Test(psref_handoff, second_handoff_aborts, .signal = SIGABRT)
{
	struct psref ref;

	acquire(&ref, &target);
	psref_handoff(&ref, cl);
	psref_handoff(&ref, cl);
}

static void *
copy_of_anothers(void *arg)
{
	struct psref mine;

	psref_copy(&mine, arg, cl);
	return NULL;
}

Test(psref_handoff, copy_without_handoff_aborts, .signal = SIGABRT)
{
	struct psref ref;

	acquire(&ref, &target);
	run(copy_of_anothers, &ref);
}

Test(psref_handoff, second_release_after_handoff_aborts, .signal = SIGABRT)
{
	struct psref ref;

	acquire(&ref, &target);
	psref_handoff(&ref, cl);
	run(releaser, &ref);
	run(releaser, &ref);
}
#endif

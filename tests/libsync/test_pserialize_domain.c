/* SPDX-License-Identifier: BSD-2-Clause */

#include <criterion/criterion.h>
#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <string.h>

#include "libsync/pserialize/domain.h"
#include "tests/libsync/gate.h"

static struct gate inside, leave, returned, ran;
static unsigned slow_domain;

static void *
sitter(void *arg)
{
	const unsigned d = *(unsigned *)arg;
	const uint64_t s = pserialize_domain_enter(d);

	gate_open(&inside, 1);
	gate_wait(&leave, 1);
	pserialize_domain_exit(d, s);
	return NULL;
}

static pthread_t
start(void *(*fn)(void *), void *arg)
{
	pthread_t t;

	cr_assert_eq(pthread_create(&t, NULL, fn, arg), 0);
	return t;
}

static pthread_t
start_sitter(unsigned *domain)
{
	pthread_t t = start(sitter, domain);

	gate_wait(&inside, 1);
	return t;
}

static void
stop_sitter(pthread_t t)
{
	gate_open(&leave, 1);
	pthread_join(t, NULL);
}

static void *
performer(void *arg)
{
	pserialize_domain_perform(*(unsigned *)arg);
	gate_open(&returned, 1);
	return NULL;
}

static void
open_ran(struct pserialize_head *head)
{
	(void)head;
	gate_open(&ran, 1);
}

static void
create_slow(void)
{
	cr_assert_eq(pserialize_domain_create("slow", &slow_domain), 0);
}

Test(pserialize_domain, numbers_are_given_once)
{
	unsigned d, taken[PSERIALIZE_DOMAINS];

	for (unsigned i = 1; i < PSERIALIZE_DOMAINS; i++) {
		cr_assert_eq(pserialize_domain_create("test", &taken[i]), 0);
		for (unsigned k = 1; k < i; k++)
			cr_assert_neq(taken[i], taken[k]);
	}
	d = 99;
	cr_assert_eq(pserialize_domain_create("test", &d), -ENOSPC);
	cr_assert_eq(d, 99);
	cr_assert_eq(pserialize_domain_claim(3, "again"), -EBUSY);
	pserialize_domain_destroy(3);
	cr_assert_null(pserialize_domain_name(3));
	cr_assert_eq(pserialize_domain_claim(3, "again"), 0);
	cr_assert_str_eq(pserialize_domain_name(3), "again");
	cr_assert_str_eq(pserialize_domain_name(0), "global");
}

Test(pserialize_domain, sections_of_two_domains_are_apart)
{
	uint64_t a, b;

	create_slow();
	a = pserialize_read_enter();
	cr_assert_not(pserialize_domain_in_section(slow_domain));
	b = pserialize_domain_enter(slow_domain);
	pserialize_read_exit(a);
	cr_assert_not(pserialize_in_read_section());
	cr_assert(pserialize_domain_in_section(slow_domain));
	cr_assert(pserialize_in_any_section());
	pserialize_perform(); /* ours is another domain */
	pserialize_domain_exit(slow_domain, b);
	cr_assert_not(pserialize_in_any_section());
}

Test(pserialize_domain, reader_of_another_domain_delays_nobody)
{
	struct pserialize_head head;
	pthread_t t;

	create_slow();
	t = start_sitter(&slow_domain);
	pserialize_perform();
	pserialize_call(&head, open_ran);
	pserialize_barrier();
	cr_assert(gate_is_open(&ran, 1));
	stop_sitter(t);
}

Test(pserialize_domain, perform_waits_for_its_own_domain)
{
	pthread_t reader, writer;

	create_slow();
	reader = start_sitter(&slow_domain);
	writer = start(performer, &slow_domain);
	gate_linger();
	pserialize_perform();
	cr_assert_not(gate_is_open(&returned, 1));
	stop_sitter(reader);
	pthread_join(writer, NULL);
}

Test(pserialize_domain, callback_that_waits_does_not_hold_other_domains_up)
{
	struct pserialize_head waits, other;
	pthread_t t;

	create_slow();
	t = start_sitter(&slow_domain);
	pserialize_domain_call(slow_domain, &waits, open_ran, 64);
	for (int i = 0; i < 3; i++) {
		pserialize_call(&other, open_ran);
		pserialize_barrier();
		cr_assert(gate_is_open(&ran, 1));
		gate_open(&ran, 0);
	}
	stop_sitter(t);
	pserialize_domain_barrier(slow_domain);
	cr_assert(gate_is_open(&ran, 1));
}

Test(pserialize_domain, polls_of_one_domain_are_not_those_of_another)
{
	uint64_t gp;

	create_slow();
	gp = pserialize_domain_poll_start(slow_domain);
	pserialize_perform();
	pserialize_perform();
	cr_assert_not(pserialize_domain_poll(slow_domain, gp));
	while (!pserialize_domain_poll(slow_domain, gp))
		(void)pserialize_domain_poll_advance(slow_domain);
	cr_assert_not(pserialize_poll_advance());
}

Test(pserialize_domain, destroy_runs_what_waits)
{
	struct pserialize_head head;

	create_slow();
	pserialize_domain_call(slow_domain, &head, open_ran, 64);
	pserialize_domain_destroy(slow_domain);
	cr_assert(gate_is_open(&ran, 1));
}

Test(pserialize_domain, perform_inside_its_domain_aborts, .signal = SIGABRT)
{
	create_slow();
	(void)pserialize_domain_enter(slow_domain);
	pserialize_domain_perform(slow_domain);
}

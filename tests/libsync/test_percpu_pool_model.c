/* SPDX-License-Identifier: BSD-2-Clause */

/*
 * A pool against a list: random calls by one thread, and readers' sections that
 * open and close in between.  What the list knows of an object: is it in use,
 * and the oldest section that was open when it was freed.
 */

#include <criterion/criterion.h>
#include <stdlib.h>

#include "libsync/pserialize/pserialize.h"
#include "tests/libsync/pool_item.h"
#include "tests/stress.h"

#define OBJECTS 4000

struct known {
	struct pool_item *it;
	bool in_use;
	unsigned section; /* number of the open one when it was freed, or 0 */
};

struct run {
	struct percpu_pool *p;
	struct percpu_pool_config cfg;
	struct known known[OBJECTS]; /* by made */
	uint64_t made;
	unsigned in_use[OBJECTS], n; /* indices */
	uint64_t cookie;
	unsigned section; /* 0: none is open */
	unsigned sections;
	uint64_t seed;
	unsigned long again; /* objects that were used again */
};

static uint32_t
rnd(struct run *r, uint32_t below)
{
	/* xorshift64*, Vigna 2016 */
	r->seed ^= r->seed >> 12;
	r->seed ^= r->seed << 25;
	r->seed ^= r->seed >> 27;
	return (uint32_t)((r->seed * 0x2545f4914f6cdd1dULL) >> 33) % below;
}

static void
init(void *object, void *arg)
{
	struct run *r = arg;
	struct pool_item *it = object;

	cr_assert_lt(r->made, OBJECTS);
	cr_assert_eq(it->made, 0);
	r->known[r->made].it = it;
	it->made = ++r->made;
}

static void
take(struct run *r)
{
	struct pool_item *it = rnd(r, 4) == 0 ? percpu_pool_tryalloc(r->p)
					      : percpu_pool_alloc(r->p);
	struct known *k;

	if (it == NULL)
		return;
	cr_assert(it->made > 0 && it->made <= r->made);
	k = &r->known[it->made - 1];
	cr_assert_eq(k->it, it);
	cr_assert_not(k->in_use);
	if (r->cfg.grace && k->section != 0)
		cr_assert_neq(k->section, r->section);
	r->again += it->owner != 0;
	cr_assert(it->owner == 0 || it->owner == it->made * 5);
	it->owner = it->made * 5;
	k->in_use = true;
	r->in_use[r->n++] = (unsigned)it->made - 1;
}

static void
give(struct run *r)
{
	const unsigned at = rnd(r, r->n), i = r->in_use[at];

	r->in_use[at] = r->in_use[--r->n];
	r->known[i].in_use = false;
	r->known[i].section = r->section;
	percpu_pool_free(r->p, r->known[i].it);
}

static void
turn_section(struct run *r)
{
	if (r->section == 0) {
		r->cookie = pserialize_read_enter();
		r->section = ++r->sections;
		return;
	}
	r->section = 0;
	pserialize_read_exit(r->cookie);
}

static void
step(struct run *r, unsigned wanted)
{
	switch (rnd(r, 40)) {
	case 0:
		turn_section(r);
		break;
	case 1:
		percpu_pool_flush(r->p);
		break;
	case 2:
		cr_assert_eq(pool_stats(r->p).in_use, r->n);
		cr_assert_eq(pool_stats(r->p).objects, r->made);
		break;
	default:
		if (r->n < wanted && r->n < r->cfg.max)
			take(r);
		else if (r->n > 0)
			give(r);
		break;
	}
}

static void
run(unsigned magazine, unsigned max, bool grace, unsigned long steps)
{
	struct run *r = calloc(1, sizeof(*r));

	cr_assert_not_null(r);
	r->seed = 88172645463325252ULL + magazine * 2 + grace;
	r->cfg = (struct percpu_pool_config){
	    .size = sizeof(struct pool_item),
	    .magazine = magazine,
	    .max = max,
	    .grace = grace,
	    .init = init,
	    .arg = r,
	};
	cr_assert_eq(percpu_pool_create(&r->cfg, &r->p), 0);
	for (unsigned long i = 0; i < steps; i++)
		step(r, i % 500 < 250 ? max : max / 8);
	cr_assert_gt(r->again, 0);
	if (r->section != 0)
		turn_section(r);
	while (r->n > 0)
		give(r);
	percpu_pool_destroy(r->p);
	free(r);
}

Test(percpu_pool_model, without_grace, .timeout = 60)
{
	run(1, 50, false, stress_n(20000));
	run(7, 300, false, stress_n(50000));
	run(32, 1000, false, stress_n(50000));
	run(63, OBJECTS, false, stress_n(50000));
}

Test(percpu_pool_model, with_grace, .timeout = 60)
{
	run(1, 50, true, stress_n(20000));
	run(7, 300, true, stress_n(50000));
	run(32, 1000, true, stress_n(50000));
	run(63, OBJECTS, true, stress_n(50000));
}

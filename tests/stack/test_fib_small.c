/* SPDX-License-Identifier: BSD-2-Clause */

/* Compiled tables of few prefixes, of both families, beside trying all. */

#include <criterion/criterion.h>
#include <errno.h>

#include "libsync/pserialize/pserialize.h"
#include "stack/route/fib_small.h"
#include "tests/stack/fib6_model.h"

static struct model m;

static void
setup(void)
{
	m = (struct model){.seed = 88172645463325252};
}

static void
teardown(void)
{
	model_fini(&m);
}

TestSuite(fib_small, .init = setup, .fini = teardown);

static int
compile(unsigned int bits, struct fib_small **out)
{
	const struct fib_source after = {
	    .cover = model_cover, .walk = model_walk, .arg = &m};

	return fib_small_create(&after, bits, out);
}

static void
is_right(const struct fib_small *s, unsigned int bits, struct model_addr a)
{
	const struct model_addr in = model_prefix(a, bits);

	cr_assert(fib_small_lookup(s, in.hi, in.lo) == model_lookup(&m, in),
	    "%lx:%lx", (unsigned long)in.hi, (unsigned long)in.lo);
}

/* The first and last address of each prefix, their neighbours, others. */
static void
check(unsigned int bits)
{
	const struct model_addr step = bits == 32 ? model_hi(UINT64_C(1) << 32)
						  : (struct model_addr){0, 1};
	struct fib_small *s = NULL;
	uint64_t section;

	cr_assert_eq(compile(bits, &s), 0);
	section = pserialize_read_enter();
	for (size_t i = 0; i < m.n; i++) {
		const struct model_addr mask = model_mask(m.r[i].plen);
		const struct model_addr a = m.r[i].a;
		const struct model_addr z = {a.hi | ~mask.hi, a.lo | ~mask.lo};

		is_right(s, bits, a);
		is_right(s, bits, z);
		is_right(s, bits,
		    (struct model_addr){
			a.hi - step.hi - (step.lo > a.lo), a.lo - step.lo});
		is_right(s, bits,
		    (struct model_addr){
			z.hi + step.hi + (z.lo + step.lo < z.lo),
			z.lo + step.lo});
	}
	for (int i = 0; i < 200; i++)
		is_right(
		    s, bits, (struct model_addr){model_rnd(&m), model_rnd(&m)});
	is_right(s, bits, (struct model_addr){0, 0});
	is_right(s, bits, (struct model_addr){UINT64_MAX, UINT64_MAX});
	pserialize_read_exit(section);
	fib_small_free(s);
}

/* Many inside and beside each other: few values in few places. */
static void
random_prefix(unsigned int bits)
{
	const struct model_addr a = {
	    .hi = model_rnd(&m) & UINT64_C(0xc0c000c000000003),
	    .lo = model_rnd(&m) & UINT64_C(0xc000000000000003)};

	model_set(&m, a, (unsigned int)(model_rnd(&m) % (bits + 1)),
	    (uint32_t)(model_rnd(&m) % 4));
}

static void
random_tables(unsigned int bits)
{
	for (int i = 0; i < 300; i++) {
		const size_t n = model_rnd(&m) % FIB_SMALL_MAX;

		while (m.n > n)
			model_set(&m, m.r[0].a, m.r[0].plen, FIB_NONE);
		for (size_t tries = 0; m.n < n && tries < 2 * n; tries++)
			random_prefix(bits);
		check(bits);
	}
}

Test(fib_small, tables_of_short_addresses_are_right)
{
	random_tables(32);
}

Test(fib_small, tables_of_long_addresses_are_right)
{
	random_tables(128);
}

Test(fib_small, no_route_and_all_of_them)
{
	check(32);
	check(128);
	model_set(&m, model_hi(0), 0, 7);
	check(32);
	check(128);
	for (unsigned int plen = 0; plen <= 32; plen++)
		model_set(&m, model_hi(UINT64_MAX), plen, 1 + plen);
	check(32);
	for (unsigned int plen = 0; plen <= 128; plen++) {
		model_set(&m, (struct model_addr){0, 0}, plen, 1 + plen);
		if (m.n < FIB_SMALL_MAX)
			model_set(&m,
			    (struct model_addr){UINT64_MAX, UINT64_MAX}, plen,
			    1 + plen);
	}
	check(128);
}

/* As many places as there can be: none is next to another. */
Test(fib_small, as_many_as_fit_and_no_more)
{
	struct fib_small *s = NULL;

	for (uint64_t i = 0; i < FIB_SMALL_MAX; i++)
		model_set(&m, model_hi(i << 33 | UINT64_C(1) << 32), 32,
		    1 + (uint32_t)i);
	check(32);
	model_set(&m, model_hi(UINT64_C(9) << 60), 4, 1);
	cr_assert_eq(compile(32, &s), -E2BIG);
	cr_assert_null(s);
}

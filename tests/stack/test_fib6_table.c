/* SPDX-License-Identifier: BSD-2-Clause */

/*
 * A whole table: that of the file, one prefix in each line, which the
 * environment variable FIB6_TABLE names, or a generated one.  FIB6_LOOKUPS says
 * how many addresses are looked up.
 */

#include <arpa/inet.h>
#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "libsync/pserialize/pserialize.h"
#include "stack/route/arena.h"
#include "tests/stack/fib6_model.h"

#define LIMIT     ((size_t)1 << 30)
#define BATCH     64u
#define GENERATED 20000
#define NONE      SIZE_MAX

struct scene {
	struct route_arena *arena;
	struct fib6 *f;
	struct model m;
	size_t *up; /* by route: the next shorter one that covers it */
};

static uint32_t
some_group(struct model *m)
{
	return 1 + (uint32_t)(model_rnd(m) % 200);
}

static void
append(struct model *m, struct model_addr a, unsigned int plen)
{
	if (m->n == m->room) {
		m->room = m->room != 0 ? 2 * m->room : 1024;
		m->r = realloc(m->r, m->room * sizeof(*m->r));
		cr_assert_not_null(m->r);
	}
	m->r[m->n++] =
	    (struct model_route){model_prefix(a, plen), plen, some_group(m)};
}

static void
read_file(struct model *m, const char *name)
{
	FILE *in = fopen(name, "r");
	char line[256];
	uint8_t key[16];

	cr_assert_not_null(in, "%s", name);
	while (fgets(line, sizeof(line), in) != NULL) {
		char *slash = strchr(line, '/');

		cr_assert_not_null(slash, "%s", line);
		*slash = '\0';
		cr_assert_eq(inet_pton(AF_INET6, line, key), 1, "%s", line);
		append(m, model_load(key),
		    (unsigned int)strtoul(slash + 1, NULL, 10));
	}
	cr_assert_eq(fclose(in), 0);
}

/* Sites under allocations under registries, as they are in the world. */
static void
generate(struct model *m, size_t n)
{
	static const unsigned int site[] = {48, 48, 48, 48, 48, 48, 44, 44, 40,
	    40, 36, 46, 47, 52, 56, 64, 127};
	struct model_addr a = {0, 0};

	while (m->n < n) {
		const uint64_t x = model_rnd(m);

		if (x % 4 == 0 || m->n == 0) {
			a.hi = UINT64_C(0x2000000000000000) |
			       (x >> 8 & 7) << 54 | (x >> 16 & 0xfff) << 34;
			append(m, a, x >> 32 & 1 ? 32 : 29 + x / 4 % 8);
		} else {
			a.hi = (a.hi & ~UINT64_C(0xffffffff)) |
			       (x >> 16 & 0xffffffff);
			append(m, a, site[x / 4 % 17]);
		}
	}
}

static int
by_key(const void *x, const void *y)
{
	const struct model_route *a = x, *b = y;

	return model_cmp(a->a, a->plen, b->a, b->plen);
}

static void
sort_and_link(struct scene *s)
{
	struct model *m = &s->m;
	size_t n = 0, top = NONE;

	qsort(m->r, m->n, sizeof(*m->r), by_key);
	for (size_t i = 0; i < m->n; i++) {
		if (n == 0 || by_key(&m->r[n - 1], &m->r[i]) != 0)
			m->r[n++] = m->r[i];
	}
	m->n = n;
	s->up = calloc(n + 1, sizeof(*s->up));
	cr_assert_not_null(s->up);
	for (size_t i = 0; i < n; i++) {
		while (top != NONE && !model_covers(&m->r[top], m->r[i].a))
			top = s->up[top];
		s->up[i] = top;
		top = i;
	}
}

/* The longest match is the last route not behind the address, or above it. */
static uint32_t
oracle(const struct scene *s, struct model_addr a)
{
	size_t i = model_at(&s->m, a, 129);

	if (i-- == 0)
		return FIB_NONE;
	while (i != NONE && !model_covers(&s->m.r[i], a))
		i = s->up[i];
	return i != NONE ? s->m.r[i].group : FIB_NONE;
}

static void
scene_init(struct scene *s)
{
	const char *name = getenv("FIB6_TABLE");

	*s = (struct scene){.m = {.seed = 42}};
	cr_assert_eq(route_arena_create(LIMIT, &s->arena), 0);
	cr_assert_eq(fib6_create(s->arena, &s->f), 0);
	if (name != NULL)
		read_file(&s->m, name);
	else
		generate(&s->m, GENERATED);
	sort_and_link(s);
}

static void
scene_fini(struct scene *s)
{
	fib6_destroy(s->f);
	route_arena_destroy(s->arena);
	free(s->up);
	model_fini(&s->m);
}

static void
stage_all(struct scene *s)
{
	uint8_t key[16];

	for (size_t i = 0; i < s->m.n; i++) {
		model_store(s->m.r[i].a, key);
		cr_assert_eq(fib6_stage(s->f, key, s->m.r[i].plen), 0);
	}
}

static struct model_addr
next_addr(struct scene *s)
{
	const uint64_t x = model_rnd(&s->m);
	const struct model_route *r = &s->m.r[x / 8 % s->m.n];

	if (x % 8 == 0)
		return (struct model_addr){
		    UINT64_C(1) << 61 | model_rnd(&s->m) >> 3,
		    model_rnd(&s->m)};
	return model_near(&s->m, r->a, r->plen);
}

static void
check(struct scene *s, size_t n)
{
	uint64_t dst[BATCH][2], c;
	uint32_t got[BATCH];

	for (size_t done = 0; done < n; done += BATCH) {
		for (unsigned int i = 0; i < BATCH; i++) {
			const struct model_addr a = next_addr(s);

			dst[i][0] = a.hi;
			dst[i][1] = a.lo;
		}
		c = pserialize_read_enter();
		fib6_lookup_batch(s->f, (const uint64_t(*)[2])dst, got, BATCH);
		for (unsigned int i = 0; i < BATCH; i++) {
			const struct model_addr a = {dst[i][0], dst[i][1]};

			cr_assert_eq(got[i], oracle(s, a), "%016lx%016lx",
			    (unsigned long)a.hi, (unsigned long)a.lo);
			cr_assert_eq(got[i], fib6_lookup(s->f, a.hi, a.lo));
		}
		pserialize_read_exit(c);
	}
}

static size_t
lookups(void)
{
	const char *env = getenv("FIB6_LOOKUPS");

	return env != NULL ? strtoul(env, NULL, 10) : 100000;
}

static void
report(const struct scene *s, const char *when)
{
	struct fib_stats st;

	fib6_stats(s->f, &st);
	cr_log_info("%s: %zu prefixes, %zu bytes in %zu blocks, %u ids", when,
	    s->m.n, st.block_bytes, st.blocks, (unsigned int)st.ids);
}

Test(fib6_table, is_right_once_loaded_with_each_body)
{
	static const char *const bodies[] = {
	    "portable", "avx2", "avx512", "neon"};
	struct scene s;

	for (size_t i = 0; i < sizeof(bodies) / sizeof(bodies[0]); i++) {
		cr_assert_eq(setenv("PSNET_FIB", bodies[i], 1), 0);
		scene_init(&s);
		stage_all(&s);
		model_commit(&s.m, s.f);
		report(&s, bodies[i]);
		check(&s, lookups());
		scene_fini(&s);
	}
}

Test(fib6_table, is_right_after_its_prefixes_went_and_came)
{
	struct scene s;

	scene_init(&s);
	stage_all(&s);
	model_commit(&s.m, s.f);
	for (size_t i = 0; i < 2000; i++) {
		const struct model_route r = s.m.r[model_rnd(&s.m) % s.m.n];

		model_stage(&s.m, s.f, r.a, r.plen, FIB_NONE);
		model_commit(&s.m, s.f);
		model_stage(&s.m, s.f, r.a, r.plen, r.group);
		model_commit(&s.m, s.f);
	}
	report(&s, "after updates");
	check(&s, lookups());
	scene_fini(&s);
}

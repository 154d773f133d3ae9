/* SPDX-License-Identifier: BSD-2-Clause */

/*
 * The routing table for kernels under readers, against a list of prefixes that
 * is looked through from one end to the other.  A count around each change of
 * both says whether they were of one state.
 *
 * Ordering pairs
 *   STATE  update_table stores count (release) -> state loads it (acquire): who
 *          finds it even finds the list and the table of then.
 */

#include "stack/route/lpm.h"
#include "tests/kernel/ktest.h"

#define PREFIXES 40u
#define MEMORY   ((size_t)2 << 20)
#define PLEN_MIN 10u
#define ALPHABET 3u /* bytes that addresses are made of */

/* [c] constant while the test runs  [a] only the writer stores */
struct entry {
	uint8_t key[16];             /* [c] */
	unsigned plen;               /* [c] */
	SYNC_ATOMIC(uint32_t) group; /* [a] FIB_NONE: not there */
};

/* [c] constant while the test runs  [a] atomic  [w] the writer's */
static struct {
	struct route_lpm *table;      /* [c] */
	struct entry entry[PREFIXES]; /* [c] */
	SYNC_ATOMIC(uint32_t) count;  /* [a] odd during a change */
	uint32_t groups;              /* [w] given so far */
	uint64_t rand;                /* [w] */
} list;

/* Addresses that meet often. */
static void
draw_address(uint64_t *rand, uint8_t addr[16])
{
	static const uint8_t alphabet[ALPHABET] = {0x00, 0x80, 0xff};

	for (unsigned i = 0; i < 16; i++)
		addr[i] = alphabet[ktest_rand(rand) % ALPHABET];
}

static bool
bit(const uint8_t *key, unsigned i)
{
	return (key[i / 8] & 0x80 >> i % 8) != 0;
}

static bool
covers(const struct entry *e, const uint8_t *addr)
{
	for (unsigned i = 0; i < e->plen; i++)
		if (bit(e->key, i) != bit(addr, i))
			return false;
	return true;
}

static uint32_t
group_of(const struct entry *e)
{
	/* relaxed: state() says whether it can be used. */
	return sync_load_relaxed(&e->group);
}

/* What the list says of an address. */
static uint32_t
look_through(const uint8_t *addr)
{
	const struct entry *best = NULL;
	uint32_t group = FIB_NONE;

	for (unsigned i = 0; i < PREFIXES; i++) {
		const struct entry *e = &list.entry[i];
		const uint32_t g = group_of(e);

		if (g != FIB_NONE && (best == NULL || e->plen > best->plen) &&
		    covers(e, addr)) {
			best = e;
			group = g;
		}
	}
	return group;
}

static uint32_t
look_up(const uint8_t *addr)
{
	uint64_t dst6[1][2];
	uint32_t group[1];

	if (list.table->bits == 32) {
		group[0] = route_bits_load32(addr);
		route_lpm_lookup4_batch(list.table, group, group, 1);
		return group[0];
	}
	dst6[0][0] = route_bits_load64(addr);
	dst6[0][1] = route_bits_load64(addr + 8);
	route_lpm_lookup6_batch(
	    list.table, (const uint64_t(*)[2])dst6, group, 1);
	return group[0];
}

/* Returns: false during a change, else the number of the state. */
static bool
state(uint32_t *out)
{
	sync_fence_full(); /* what was loaded before is older */
	/* STATE acquire: pairs with the release in update_table. */
	*out = sync_load_acquire(&list.count);
	return *out % 2 == 0;
}

/* Compare, in a section.  Returns: could it be done? */
static bool
compare(const uint8_t *addr)
{
	uint32_t before, after, want, found;

	if (!state(&before))
		return false;
	want = look_through(addr);
	found = look_up(addr);
	if (!state(&after) || before != after)
		return false;
	ktest_check(found == want);
	return true;
}

/*
 * Add a prefix, give it another group, or take it out.  The default stays: where
 * it comes or goes all words change, which takes long in an emulator.
 */
static int
edit(struct entry *e)
{
	const bool there = group_of(e) != FIB_NONE;
	uint32_t group = FIB_NONE;
	int error;

	if (there && e->plen != 0 && ktest_rand(&list.rand) % 2 == 0) {
		error = route_lpm_remove(list.table, e->key, e->plen);
	} else {
		group = 1 + ++list.groups % (FIB_GROUPS_MAX - 1);
		error =
		    route_lpm_insert(list.table, e->key, e->plen, group, there);
	}
	/* relaxed: within the change that count tells of. */
	sync_store_relaxed(&e->group, group);
	return error;
}

static void
update_table(struct ktest_duel *d)
{
	/* relaxed: only the writer stores it; here and below. */
	const uint32_t count = sync_load_relaxed(&list.count);
	unsigned n = 1 + ktest_rand(&list.rand) % 3;

	ktest_need(route_lpm_begin(list.table) == 0);
	/* relaxed: the fence below. */
	sync_store_relaxed(&list.count, count + 1);
	sync_fence_full(); /* who sees the change sees the count */
	for (; n > 0; n--)
		ktest_check(
		    edit(&list.entry[ktest_rand(&list.rand) % PREFIXES]) == 0);
	ktest_check(route_lpm_commit(list.table) == 0);
	/* STATE release: pairs with the acquire in state. */
	sync_store_release(&list.count, count + 2);
	ktest_duel_changed(d);
}

static bool
reader(struct ktest_duel *d, struct ktest_reader *self)
{
	const uint32_t seen = ktest_duel_version(d);
	bool compared = false;
	uint8_t addr[16];
	uint64_t s;

	for (unsigned i = 0; i < 8; i++) {
		draw_address(&self->rand, addr);
		s = pserialize_read_enter();
		compared |= compare(addr);
		(void)look_up(addr);
		pserialize_read_exit(s);
	}
	return ktest_duel_await(d, seen, self) && compared;
}

static bool
handler(struct ktest_duel *d, unsigned cpu)
{
	uint64_t rand = ktest_duel_version(d) * 64 + cpu + 1;
	uint8_t addr[16];
	uint64_t s;
	bool done;

	draw_address(&rand, addr);
	s = pserialize_read_enter();
	done = compare(addr);
	pserialize_read_exit(s);
	return done;
}

static bool
is_new(const struct entry *e)
{
	for (const struct entry *o = list.entry; o != e; o++)
		if (o->plen == e->plen && covers(o, e->key))
			return false;
	return true;
}

/* A default, and prefixes that are inside of each other; none is there. */
static void
draw_prefixes(unsigned bits)
{
	for (unsigned i = 0; i < PREFIXES; i++) {
		struct entry *e = &list.entry[i];

		do {
			e->plen = PLEN_MIN + ktest_rand(&list.rand) %
						 (bits + 1 - PLEN_MIN);
			if (i == 0)
				e->plen = 0;
			draw_address(&list.rand, e->key);
		} while (!is_new(e));
		sync_init(&e->group, FIB_NONE);
	}
}

static void
run(unsigned bits)
{
	struct ktest_duel duel = {.update = update_table,
	    .read = reader,
	    .handler = handler,
	    .updates = 60,
	    .overlaps = 10,
	    .handled = 10};
	struct route_lpm_stats stats;

	list.rand = 1;
	sync_init(&list.count, 0);
	draw_prefixes(bits);
	ktest_need(route_lpm_create(bits, MEMORY, &list.table) == 0);
	ktest_duel(&duel);
	route_lpm_stats(list.table, &stats);
	ktest_check(stats.commits >= 2 * duel.updates || ktest_failed());
	route_lpm_destroy(list.table);
}

static void
test_ipv4(void)
{
	run(32);
}

static void
test_ipv6(void)
{
	run(128);
}

const struct ktest_case ktest_route[] = {
    {"route_ipv4", test_ipv4},
    {"route_ipv6", test_ipv6},
    {NULL, NULL},
};

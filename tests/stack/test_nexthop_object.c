/* SPDX-License-Identifier: BSD-2-Clause */

#include "stack/nexthop/object.h"

#include "tests/stack/grouptab.h"

#define SEC     UINT64_C(1000000000)
#define WORKERS 3

static struct nexthop_groups *g;
static struct nexthop_objects *t;
static uint64_t now;
static uint32_t gone[8];
static unsigned int ngone, calls;

static uint64_t
clock_now(void *arg)
{
	(void)arg;
	return now;
}

static void
note_gone(void *arg, const uint32_t *groups, size_t n)
{
	cr_assert_eq(arg, &ngone);
	for (size_t i = 0; i < n; i++) {
		cr_assert(i == 0 || groups[i - 1] < groups[i]);
		gone[ngone++] = groups[i];
	}
	calls++;
}

static void
begin(void)
{
	const struct nexthop_group_limits limits = {
	    .workers = WORKERS, .clock = clock_now};

	now = 1000 * SEC;
	cr_assert_eq(nexthop_group_create(&limits, NULL, NULL, &g), 0);
	cr_assert_eq(nexthop_object_create(g, note_gone, &ngone, &t), 0);
}

static void
end(void)
{
	nexthop_object_destroy(t);
	cr_assert_eq(stats(g).adjacencies, 0u);
	nexthop_group_destroy(g);
}

TestSuite(object, .init = begin, .fini = end);

static int
put(const struct nexthop_object_config *cfg, enum nexthop_object_mode mode)
{
	const char *why = NULL;
	const int error = nexthop_object_add(t, cfg, mode, &why);

	cr_assert_eq(error != 0, why != NULL, "errors have a reason");
	return error;
}

static int
single(uint32_t id, unsigned int gateway, netif_id port,
    enum nexthop_object_mode mode)
{
	const struct nexthop_object_config cfg = {
	    .id = id, .hop = via(gateway, port, 1)};

	return put(&cfg, mode);
}

/* n members 1, 2 .. with weights; mask leaves some out. */
static struct nexthop_object_config
group_of(uint32_t id, const struct nexthop_object_member *m, unsigned int n)
{
	return (struct nexthop_object_config){
	    .id = id, .member = m, .nmembers = n};
}

static int
del(uint32_t id)
{
	const char *why = NULL;
	const int error = nexthop_object_remove(t, id, &why);

	cr_assert_eq(error != 0, why != NULL);
	return error;
}

static void
three(void)
{
	for (unsigned int i = 1; i <= 3; i++)
		cr_assert_eq(single(i, i, i, NEXTHOP_OBJECT_ADD), 0);
}

Test(object, a_new_gateway_is_one_word_for_all)
{
	const struct nexthop_object_member m[] = {{1, 1}, {2, 2}, {3, 1}};
	struct nexthop_object_config cfg = group_of(10, m, 3);
	uint32_t one, many;
	int before[512];
	uint64_t words;

	three();
	cr_assert_eq(put(&cfg, NEXTHOP_OBJECT_ADD), 0);
	one = object_group(t, 2);
	many = object_group(t, 10);
	for (uint32_t h = 0; h < 512; h++)
		before[h] = goes(g, many, h << 23);
	words = stats(g).words;
	cr_assert_eq(single(2, 77, 2, NEXTHOP_OBJECT_REPLACE), 0);
	cr_assert_eq(stats(g).words, words);
	cr_assert_eq(goes(g, one, 5), 77);
	for (uint32_t h = 0; h < 512; h++)
		cr_assert_eq(
		    goes(g, many, h << 23), before[h] == 2 ? 77 : before[h]);
	nexthop_group_release(g, one);
	nexthop_group_release(g, many);
}

Test(object, a_member_that_leaves_moves_its_flows_only)
{
	const struct nexthop_object_member m[] = {{1, 1}, {2, 1}, {3, 1}};
	struct nexthop_object_config cfg = group_of(10, m, 3);
	uint32_t id, other;
	int before[512];

	three();
	cr_assert_eq(put(&cfg, NEXTHOP_OBJECT_ADD), 0);
	id = object_group(t, 10);
	other = object_group(t, 1);
	for (uint32_t h = 0; h < 512; h++)
		before[h] = goes(g, id, h << 23);
	cr_assert_eq(del(1), 0);
	for (uint32_t h = 0; h < 512; h++) {
		const int now_by = goes(g, id, h << 23);

		cr_assert(now_by == before[h] || before[h] == 1);
		cr_assert(now_by == 2 || now_by == 3);
	}
	cr_assert_eq(ngone, 1u);
	cr_assert_eq(gone[0], other, "its own routes are told");
	cr_assert_eq(goes(g, other, 0), -1);
	nexthop_group_release(g, other);
	cr_assert_eq(nexthop_object_get(t, 10, &cfg), 0);
	cr_assert_eq(cfg.nmembers, 2u);
	cr_assert_eq(cfg.member[1].id, 3u);
	cr_assert_eq(del(2), 0);
	cr_assert_eq(goes(g, id, 0), 3);
	cr_assert_eq(del(3), 0);
	cr_assert_eq(nexthop_object_get(t, 10, &cfg), -ENOENT,
	    "a group goes with its last member");
	cr_assert_eq(ngone, 2u);
	cr_assert_eq(gone[1], id);
	cr_assert_eq(goes(g, id, 0), -1);
	nexthop_group_release(g, id);
	cr_assert_eq(stats(g).groups, 0u);
}

struct told {
	uint32_t id[16];
	enum nexthop_object_change change[16];
	unsigned int members[16], n;
};

static void
note_change(void *arg, const struct nexthop_object_config *cfg,
    enum nexthop_object_change change)
{
	struct told *told = arg;

	cr_assert_lt(told->n, 16u);
	told->id[told->n] = cfg->id;
	told->members[told->n] = cfg->nmembers;
	told->change[told->n++] = change;
}

Test(object, changes_are_told_in_order)
{
	static const struct {
		uint32_t id;
		enum nexthop_object_change change;
		unsigned int members;
	} want[] = {
	    {1, NEXTHOP_OBJECT_ADDED, 0},
	    {2, NEXTHOP_OBJECT_ADDED, 0},
	    {10, NEXTHOP_OBJECT_ADDED, 2},
	    {2, NEXTHOP_OBJECT_CHANGED, 0},
	    {10, NEXTHOP_OBJECT_CHANGED, 1},
	    {1, NEXTHOP_OBJECT_REMOVED, 0},
	    {10, NEXTHOP_OBJECT_REMOVED, 0},
	    {2, NEXTHOP_OBJECT_REMOVED, 0},
	};
	const struct nexthop_object_member m[] = {{1, 1}, {2, 2}};
	struct nexthop_object_config cfg = group_of(10, m, 2);
	struct told told = {.n = 0};

	nexthop_object_watch(t, note_change, &told);
	cr_assert_eq(single(1, 1, 1, NEXTHOP_OBJECT_ADD), 0);
	cr_assert_eq(single(2, 2, 2, NEXTHOP_OBJECT_ADD), 0);
	cr_assert_eq(single(2, 2, 2, NEXTHOP_OBJECT_ADD), -EEXIST);
	cr_assert_eq(put(&cfg, NEXTHOP_OBJECT_ADD), 0);
	cr_assert_eq(single(2, 77, 2, NEXTHOP_OBJECT_REPLACE), 0);
	cr_assert_eq(del(1), 0);
	cr_assert_eq(del(2), 0);
	cr_assert_eq(told.n, sizeof(want) / sizeof(want[0]));
	for (unsigned int i = 0; i < told.n; i++) {
		cr_assert_eq(told.id[i], want[i].id);
		cr_assert_eq(told.change[i], want[i].change);
		cr_assert_eq(told.members[i], want[i].members);
	}
}

Test(object, the_routes_of_several_are_told_once)
{
	const struct nexthop_object_member m[] = {{1, 1}};
	const struct nexthop_object_config cfg = group_of(10, m, 1);
	const uint32_t all[] = {10, 3, 1, 7};
	const char *why = NULL;
	uint32_t group[4];

	three();
	cr_assert_eq(put(&cfg, NEXTHOP_OBJECT_ADD), 0);
	for (unsigned int i = 0; i < 3; i++)
		group[i] = object_group(t, i + 1);
	group[3] = object_group(t, 10);
	cr_assert_eq(nexthop_object_remove_all(t, all, 4, &why), 3);
	cr_assert_eq(calls, 1u);
	cr_assert_eq(ngone, 3u);
	cr_assert_eq(goes(g, group[1], 0), 2);
	for (unsigned int i = 0; i < 4; i++)
		nexthop_group_release(g, group[i]);
	cr_assert_eq(del(2), 0);
	cr_assert_eq(calls, 1u, "no route led there");
}

Test(object, what_linux_refuses_is_refused)
{
	const struct nexthop_object_member m[] = {{1, 1}, {2, 1}, {1, 1}};
	const struct nexthop_object_member none[] = {{9, 1}};
	const struct nexthop_object_member zero[] = {{1, 0}};
	const struct nexthop_object_member nested[] = {{10, 1}};
	const struct nexthop_object_member hole[] = {{1, 1}, {4, 1}};
	struct nexthop_object_config cfg, hop = {.id = 4};

	three();
	hop.hop = drop(NEXTHOP_BLACKHOLE);
	cr_assert_eq(put(&hop, NEXTHOP_OBJECT_ADD), 0);
	cr_assert_eq(single(0, 1, 1, NEXTHOP_OBJECT_ADD), -EINVAL);
	cr_assert_eq(single(1, 9, 1, NEXTHOP_OBJECT_ADD), -EEXIST);
	cfg = group_of(10, m, 3);
	cr_assert_eq(put(&cfg, NEXTHOP_OBJECT_ADD), -EINVAL, "twice");
	cfg = group_of(10, none, 1);
	cr_assert_eq(put(&cfg, NEXTHOP_OBJECT_ADD), -ENOENT);
	cfg = group_of(10, zero, 1);
	cr_assert_eq(put(&cfg, NEXTHOP_OBJECT_ADD), -EINVAL, "weight");
	cfg = group_of(10, hole, 2);
	cr_assert_eq(put(&cfg, NEXTHOP_OBJECT_ADD), -EINVAL, "a drop");
	cfg = group_of(11, hole + 1, 1);
	cr_assert_eq(put(&cfg, NEXTHOP_OBJECT_ADD), 0, "alone it may be");
	cfg = group_of(10, m, 2);
	cr_assert_eq(put(&cfg, NEXTHOP_OBJECT_ADD), 0);
	cfg = group_of(12, nested, 1);
	cr_assert_eq(put(&cfg, NEXTHOP_OBJECT_ADD), -EINVAL, "nested");
	cr_assert_eq(single(10, 1, 1, NEXTHOP_OBJECT_REPLACE), -EINVAL);
	cfg = group_of(1, m + 1, 1);
	cr_assert_eq(put(&cfg, NEXTHOP_OBJECT_REPLACE), -EINVAL);
	cfg = group_of(10, m, 2);
	cfg.resilient = true;
	cfg.buckets = 8;
	cr_assert_eq(put(&cfg, NEXTHOP_OBJECT_REPLACE), -EINVAL, "type");
	cfg.id = 13;
	cfg.buckets = 0;
	cr_assert_eq(put(&cfg, NEXTHOP_OBJECT_ADD), -EINVAL);
	cfg.buckets = 5;
	cr_assert_eq(put(&cfg, NEXTHOP_OBJECT_ADD), 0);
	cr_assert_eq(nexthop_object_get(t, 13, &cfg), 0);
	cr_assert_eq(cfg.buckets, 8u);
	cfg.buckets = 16;
	cr_assert_eq(put(&cfg, NEXTHOP_OBJECT_REPLACE), -EINVAL, "buckets");
	hop.id = 2;
	cr_assert_eq(put(&hop, NEXTHOP_OBJECT_REPLACE), -EINVAL,
	    "a drop where there are others");
	cr_assert_eq(del(99), -ENOENT);
	cr_assert_eq(stats(g).groups, 7u);
}

Test(object, one_kind_may_become_another)
{
	struct nexthop_object_config hop = {.id = 1};
	const struct nexthop_object_member m[] = {{1, 1}};
	struct nexthop_object_config cfg = group_of(10, m, 1);
	uint32_t id;

	cr_assert_eq(single(1, 1, 1, NEXTHOP_OBJECT_ADD), 0);
	cr_assert_eq(put(&cfg, NEXTHOP_OBJECT_ADD), 0);
	id = object_group(t, 10);
	hop.hop = drop(NEXTHOP_BLACKHOLE);
	cr_assert_eq(put(&hop, NEXTHOP_OBJECT_REPLACE), 0);
	cr_assert_eq(kind_of(g, id), NEXTHOP_BLACKHOLE);
	hop.hop = link_hop(4);
	cr_assert_eq(put(&hop, NEXTHOP_OBJECT_REPLACE), 0);
	cr_assert_eq(kind_of(g, id), NEXTHOP_LINK);
	cr_assert_eq(single(1, 8, 1, NEXTHOP_OBJECT_REPLACE), 0);
	cr_assert_eq(goes(g, id, 3), 8);
	nexthop_group_release(g, id);
}

Test(object, an_interface_takes_its_objects_with_it)
{
	const struct nexthop_object_member m[] = {{1, 1}, {2, 1}, {3, 1}};
	struct nexthop_object_config cfg = group_of(10, m, 3);

	three();
	cr_assert_eq(single(4, 4, 2, NEXTHOP_OBJECT_ADD), 0);
	cr_assert_eq(put(&cfg, NEXTHOP_OBJECT_ADD), 0);
	cr_assert_eq(nexthop_object_purge_netif(t, 2), 2);
	cr_assert_eq(nexthop_object_purge_netif(t, 2), 0);
	cr_assert_eq(nexthop_object_get(t, 10, &cfg), 0);
	cr_assert_eq(cfg.nmembers, 2u);
}

static int
in_order(void *arg, const struct nexthop_object_config *cfg)
{
	uint32_t *last = arg;

	cr_assert_gt(cfg->id, *last);
	*last = cfg->id;
	return cfg->id == 500 ? 42 : 0;
}

Test(object, a_walk_goes_by_number)
{
	uint32_t last = 0;

	for (unsigned int i = 0; i < 300; i++)
		cr_assert_eq(
		    single(1 + i * 7919 % 1000, i + 1, 1, NEXTHOP_OBJECT_ADD),
		    0);
	cr_assert_eq(nexthop_object_walk(t, in_order, &last), 0);
	last = 0;
	cr_assert_eq(single(500, 1, 1, NEXTHOP_OBJECT_REPLACE), 0);
	cr_assert_eq(nexthop_object_walk(t, in_order, &last), 42);
	cr_assert_eq(last, 500u);
}

/*
 * Random members and weights: no more flows go elsewhere than the new shares
 * need, and rounding.
 */
Test(object, no_more_flows_move_than_shares_need)
{
	static int before[1u << 14], after[1u << 14];
	unsigned int weight[6] = {1, 1, 1, 1, 1, 1}, total = 6;
	struct nexthop_object_member m[6];
	struct nexthop_object_config cfg = group_of(10, m, 0);
	uint32_t rnd = 8, id = 0;

	for (unsigned int i = 1; i <= 6; i++)
		cr_assert_eq(single(i, i, i, NEXTHOP_OBJECT_ADD), 0);
	for (unsigned int round = 0; round < 60; round++) {
		unsigned int was[6], was_total = total, moved = 0;
		double need = 0;

		memcpy(was, weight, sizeof(was));
		if (round != 0)
			weight[random_next(&rnd) % 6] = random_next(&rnd) % 5;
		weight[round % 6] |= 1;
		cfg.nmembers = total = 0;
		for (unsigned int i = 0; i < 6; i++) {
			total += weight[i];
			if (weight[i] != 0)
				m[cfg.nmembers++] =
				    (struct nexthop_object_member){
					i + 1, (uint16_t)weight[i]};
		}
		cr_assert_eq(put(&cfg, NEXTHOP_OBJECT_REPLACE), 0);
		if (round == 0)
			id = object_group(t, 10);
		for (uint32_t h = 0; h < 1u << 14; h++) {
			after[h] = goes(g, id, h << 18);
			moved += after[h] != before[h];
		}
		memcpy(before, after, sizeof(before));
		for (unsigned int i = 0; i < 6; i++) {
			const double less = (double)was[i] / was_total -
					    (double)weight[i] / total;

			need += less > 0 ? less : 0;
		}
		if (round != 0)
			cr_assert_lt(moved, (need + 0.02) * (1u << 14));
	}
	nexthop_group_release(g, id);
}

/*
 * Resilient groups.
 */

#define BUCKETS 32

/* Members of a group with these weights; 0 leaves one out. */
static int
resilient(const unsigned int *weight, unsigned int n, uint64_t idle,
    uint64_t unbalanced, enum nexthop_object_mode mode)
{
	struct nexthop_object_member m[8];
	struct nexthop_object_config cfg = group_of(10, m, 0);

	for (unsigned int i = 0; i < n; i++)
		if (weight[i] != 0)
			m[cfg.nmembers++] = (struct nexthop_object_member){
			    .id = i + 1, .weight = (uint16_t)weight[i]};
	cfg.resilient = true;
	cfg.buckets = BUCKETS;
	cfg.idle_timer = idle;
	cfg.unbalanced_timer = unbalanced;
	return put(&cfg, mode);
}

static void
owners(uint32_t *who)
{
	uint64_t unused;

	for (unsigned int i = 0; i < BUCKETS; i++)
		cr_assert_eq(
		    nexthop_object_bucket(t, 10, i, &who[i], &unused), 0);
	cr_assert_eq(
	    nexthop_object_bucket(t, 10, BUCKETS, who, &unused), -ENOENT);
}

static unsigned int
count_of(const uint32_t *who, uint32_t id)
{
	unsigned int n = 0;

	for (unsigned int i = 0; i < BUCKETS; i++)
		n += who[i] == id;
	return n;
}

/* A hash for each bucket, found by trying. */
static uint32_t hash_of[BUCKETS];

static void
find_hashes(uint32_t group)
{
	const uint64_t s = pserialize_read_enter();
	uint32_t w = 0;

	memset(hash_of, 0, sizeof(hash_of));
	for (uint32_t found = 0, h = 1; found < BUCKETS; h++) {
		/* relaxed: nothing runs beside us. */
		const uint64_t word = sync_load_relaxed(&g->word[group]);

		w = nexthop_word_bucket(g, word, h) - (uint32_t)word;
		found += hash_of[w] == 0;
		hash_of[w] = hash_of[w] == 0 ? h : hash_of[w];
	}
	pserialize_read_exit(s);
}

/* A packet for bucket i comes to this worker now; where does it go? */
static int
use(uint32_t group, unsigned int worker, unsigned int i)
{
	struct nexthop_group_marks *m = nexthop_group_marks(g, worker);
	const uint64_t s = pserialize_read_enter();
	int gateway;

	m->tick = nexthop_group_tick(now);
	gateway = gateway_of(nexthop_resolve(g, m, group, hash_of[i]));
	pserialize_read_exit(s);
	return gateway;
}

Test(object, idle_buckets_move_and_busy_ones_stay)
{
	const unsigned int w1[] = {1, 1, 0}, w2[] = {1, 1, 2};
	uint32_t before[BUCKETS], after[BUCKETS], id;
	uint64_t next;

	three();
	cr_assert_eq(resilient(w1, 3, 10 * SEC, 0, NEXTHOP_OBJECT_ADD), 0);
	id = object_group(t, 10);
	find_hashes(id);
	now += SEC;
	owners(before);
	cr_assert_eq(count_of(before, 1), 16u);
	/* The even ones are busy. */
	for (unsigned int i = 0; i < BUCKETS; i += 2)
		cr_assert_eq(use(id, i % WORKERS, i), (int)before[i]);
	now += SEC;
	cr_assert_eq(resilient(w2, 3, 10 * SEC, 0, NEXTHOP_OBJECT_REPLACE), 0);
	owners(after);
	for (unsigned int i = 0; i < BUCKETS; i += 2)
		cr_assert_eq(after[i], before[i]);
	cr_assert_eq(count_of(after, 3), 16u, "16 were idle");
	/* Back: the new member's buckets are idle until they are used. */
	for (unsigned int i = 1; i < BUCKETS; i += 4)
		cr_assert_eq(use(id, 1, i), 3);
	cr_assert_eq(resilient(w1, 2, 10 * SEC, 0, NEXTHOP_OBJECT_REPLACE), 0);
	owners(after);
	cr_assert_eq(count_of(after, 3), 0u, "who leaves leaves at once");
	for (unsigned int i = 0; i < BUCKETS; i += 2)
		cr_assert_eq(after[i], before[i]);
	/* All busy: nothing moves before the idle timer. */
	for (unsigned int i = 0; i < BUCKETS; i++)
		(void)use(id, 2, i);
	owners(before);
	cr_assert_eq(resilient(w2, 3, 10 * SEC, 0, NEXTHOP_OBJECT_REPLACE), 0);
	owners(after);
	cr_assert_arr_eq(after, before, sizeof(after));
	next = nexthop_group_upkeep(g, now);
	cr_assert_gt(next, now + 10 * SEC - 1);
	cr_assert_lt(next, now + 11 * SEC);
	now = next - 1;
	(void)use(id, 0, 7);
	now = next;
	next = nexthop_group_upkeep(g, now);
	owners(after);
	cr_assert_eq(count_of(after, 3), 16u);
	cr_assert_eq(after[7], before[7]);
	cr_assert_eq(next, UINT64_MAX, "in balance");
	nexthop_group_release(g, id);
}

Test(object, the_unbalanced_timer_moves_busy_ones)
{
	const unsigned int w1[] = {1, 0, 0}, w2[] = {1, 1, 0};
	uint32_t who[BUCKETS], id;
	uint64_t until;

	three();
	cr_assert_eq(
	    resilient(w1, 3, 10 * SEC, 30 * SEC, NEXTHOP_OBJECT_ADD), 0);
	id = object_group(t, 10);
	find_hashes(id);
	for (unsigned int i = 0; i < BUCKETS; i++)
		(void)use(id, 0, i);
	cr_assert_eq(
	    resilient(w2, 3, 10 * SEC, 30 * SEC, NEXTHOP_OBJECT_REPLACE), 0);
	until = now + 30 * SEC;
	for (; now < until; now += SEC) {
		for (unsigned int i = 0; i < BUCKETS; i++)
			(void)use(id, 0, i);
		(void)nexthop_group_upkeep(g, now);
		owners(who);
		cr_assert_eq(count_of(who, 2), 0u);
	}
	for (unsigned int i = 0; i < BUCKETS; i++)
		(void)use(id, 0, i);
	cr_assert_eq(nexthop_group_upkeep(g, now), UINT64_MAX);
	owners(who);
	cr_assert_eq(count_of(who, 2), 16u);
	nexthop_group_release(g, id);
}

Test(object, without_idle_timer_balance_is_at_once)
{
	const unsigned int w1[] = {1, 0, 0}, w2[] = {3, 1, 0};
	uint32_t who[BUCKETS], id;

	three();
	cr_assert_eq(resilient(w1, 3, 0, 0, NEXTHOP_OBJECT_ADD), 0);
	id = object_group(t, 10);
	find_hashes(id);
	for (unsigned int i = 0; i < BUCKETS; i++)
		(void)use(id, 0, i);
	cr_assert_eq(resilient(w2, 3, 0, 0, NEXTHOP_OBJECT_REPLACE), 0);
	owners(who);
	cr_assert_eq(count_of(who, 2), 8u);
	nexthop_group_release(g, id);
}

/*
 * Random members, weights, traffic and time: a bucket that was used within the
 * idle time keeps its member while that is in the group, all buckets always
 * have a member of the group, and quiet makes the balance exact.
 */
Test(object, buckets_obey_the_timers_whatever_happens)
{
	unsigned int weight[5] = {1, 2, 3, 0, 0}, total;
	uint64_t used[BUCKETS] = {0};
	uint32_t was[BUCKETS], is[BUCKETS], rnd = 2024, id;

	for (unsigned int i = 1; i <= 5; i++)
		cr_assert_eq(single(i, i, i, NEXTHOP_OBJECT_ADD), 0);
	cr_assert_eq(resilient(weight, 5, 5 * SEC, 0, NEXTHOP_OBJECT_ADD), 0);
	id = object_group(t, 10);
	find_hashes(id);
	for (unsigned int round = 0; round < 3000; round++) {
		owners(was);
		now += random_next(&rnd) % SEC;
		for (unsigned int i = random_next(&rnd) % 6; i-- > 0;) {
			const unsigned int b = random_next(&rnd) % BUCKETS;

			cr_assert_eq(use(id, random_next(&rnd) % WORKERS, b),
			    (int)was[b]);
			used[b] = now;
		}
		if (round % 10 == 0) {
			weight[random_next(&rnd) % 5] = random_next(&rnd) % 4;
			weight[round / 10 % 5] |= 1;
			cr_assert_eq(resilient(weight, 5, 5 * SEC, 0,
					 NEXTHOP_OBJECT_REPLACE),
			    0);
		}
		(void)nexthop_group_upkeep(g, now);
		owners(is);
		for (unsigned int i = 0; i < BUCKETS; i++) {
			cr_assert_neq(weight[is[i] - 1], 0u);
			if (weight[was[i] - 1] != 0 && used[i] + 5 * SEC > now)
				cr_assert_eq(is[i], was[i]);
		}
	}
	now += 6 * SEC;
	cr_assert_eq(nexthop_group_upkeep(g, now), UINT64_MAX);
	owners(is);
	total = weight[0] + weight[1] + weight[2] + weight[3] + weight[4];
	for (unsigned int i = 0; i < 5; i++) {
		const unsigned int n = count_of(is, i + 1) * total;

		cr_assert_leq(n, BUCKETS * weight[i] + total);
		cr_assert_leq(BUCKETS * weight[i], n + total);
	}
	nexthop_group_release(g, id);
}

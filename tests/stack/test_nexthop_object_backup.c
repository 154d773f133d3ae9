/* SPDX-License-Identifier: BSD-2-Clause */

/* What groups go by while no port of their members is up. */

#include "stack/nexthop/object.h"
#include "tests/stack/grouptab.h"

static struct nexthop_groups *g;
static struct nexthop_objects *t;
static unsigned int nchanged;

static void
note_gone(void *arg, const uint32_t *groups, size_t n)
{
	(void)arg;
	(void)groups;
	(void)n;
}

static void
note_changed(void *arg, const struct nexthop_object_config *cfg,
    enum nexthop_object_change change)
{
	(void)arg;
	if (change != NEXTHOP_OBJECT_CHANGED)
		return;
	cr_assert_eq(cfg->backup, 0u, "it has none any more");
	nchanged++;
}

static int
put(uint32_t id, unsigned int members, uint32_t backup)
{
	struct nexthop_object_member m[4];
	struct nexthop_object_config cfg = {
	    .id = id, .member = m, .backup = backup};
	const char *why = NULL;

	for (uint32_t i = 1; i <= 4; i++)
		if ((members >> i & 1) != 0)
			m[cfg.nmembers++] = (struct nexthop_object_member){
			    .id = i, .weight = 1};
	cfg.hop = via(id, id, 1);
	return nexthop_object_add(t, &cfg, NEXTHOP_OBJECT_REPLACE, &why);
}

static int
del(uint32_t id)
{
	const char *why;

	return nexthop_object_remove(t, id, &why);
}

/* Singles 1 .. 4, each by the gateway and port of this number. */
static void
setup(void)
{
	const struct nexthop_group_limits limits = {0};

	nchanged = 0;
	cr_assert_eq(nexthop_group_create(&limits, NULL, NULL, &g), 0);
	cr_assert_eq(nexthop_object_create(g, note_gone, NULL, &t), 0);
	for (uint32_t id = 1; id <= 4; id++)
		cr_assert_eq(put(id, 0, 0), 0);
}

static void
teardown(void)
{
	nexthop_object_destroy(t);
	cr_assert_eq(stats(g).adjacencies, 0u);
	cr_assert_eq(stats(g).groups, 0u);
	nexthop_group_destroy(g);
}

TestSuite(object_backup, .init = setup, .fini = teardown);

static void
ports(bool up)
{
	nexthop_group_port(g, 1, up);
	nexthop_group_port(g, 2, up);
}

Test(object_backup, is_used_while_no_member_is_up)
{
	uint32_t id;

	cr_assert_eq(put(10, 1 << 1 | 1 << 2, 3), 0);
	id = object_group(t, 10);
	for (uint32_t h = 0; h < 64; h++)
		cr_assert(goes(g, id, h << 26) <= 2);
	nexthop_group_port(g, 1, false);
	for (uint32_t h = 0; h < 64; h++)
		cr_assert_eq(goes(g, id, h << 26), 2);
	nexthop_group_port(g, 2, false);
	for (uint32_t h = 0; h < 64; h++)
		cr_assert_eq(goes(g, id, h << 26), 3);
	ports(true);
	for (uint32_t h = 0; h < 64; h++)
		cr_assert(goes(g, id, h << 26) <= 2);
	nexthop_group_release(g, id);
}

Test(object_backup, comes_and_goes_with_one_word)
{
	uint64_t words;
	uint32_t id;

	cr_assert_eq(put(10, 1 << 1 | 1 << 2, 0), 0);
	id = object_group(t, 10);
	ports(false);
	cr_assert_eq(goes(g, id, 7), -1);
	words = stats(g).words;
	cr_assert_eq(put(10, 1 << 1 | 1 << 2, 3), 0);
	cr_assert_eq(stats(g).words, words + 1);
	cr_assert_eq(goes(g, id, 7), 3);
	cr_assert_eq(put(10, 1 << 1, 4), 0);
	cr_assert_eq(stats(g).words, words + 2, "with the members");
	cr_assert_eq(goes(g, id, 7), 4);
	cr_assert_eq(put(4, 0, 0), 0);
	cr_assert_eq(goes(g, id, 7), 4);
	cr_assert_eq(put(10, 1 << 1, 0), 0);
	cr_assert_eq(goes(g, id, 7), -1);
	nexthop_group_release(g, id);
}

Test(object_backup, has_none_itself)
{
	cr_assert_eq(put(10, 1 << 1, 10), -EINVAL);
	cr_assert_eq(put(10, 1 << 1, 77), -ENOENT);
	cr_assert_eq(put(1, 0, 2), -EINVAL, "only groups");
	cr_assert_eq(put(10, 1 << 1, 0), 0);
	cr_assert_eq(put(11, 1 << 2, 10), 0);
	cr_assert_eq(put(12, 1 << 2, 11), -EINVAL);
	cr_assert_eq(put(10, 1 << 1, 3), -EINVAL);
	cr_assert_eq(put(10, 1 << 1, 11), -EINVAL, "in a circle");
	cr_assert_eq(put(11, 1 << 2, 0), 0);
	cr_assert_eq(put(10, 1 << 1, 11), 0, "and now the other way round");
}

Test(object_backup, is_left_by_all_when_it_is_deleted)
{
	uint32_t id, other;

	cr_assert_eq(put(10, 1 << 1, 3), 0);
	cr_assert_eq(put(11, 1 << 2, 3), 0);
	id = object_group(t, 10);
	other = object_group(t, 11);
	ports(false);
	nexthop_object_watch(t, note_changed, NULL);
	cr_assert_eq(del(3), 0);
	cr_assert_eq(nchanged, 2u);
	cr_assert_eq(goes(g, id, 7), -1);
	cr_assert_eq(goes(g, other, 7), -1);
	nexthop_group_release(g, id);
	nexthop_group_release(g, other);
}

/* A group goes with its last member. */
Test(object_backup, is_left_when_it_loses_all)
{
	uint32_t id;

	cr_assert_eq(put(11, 1 << 3, 0), 0);
	cr_assert_eq(put(10, 1 << 1, 11), 0);
	id = object_group(t, 10);
	ports(false);
	cr_assert_eq(goes(g, id, 7), 3);
	nexthop_object_watch(t, note_changed, NULL);
	cr_assert_eq(del(3), 0);
	cr_assert_eq(nchanged, 1u);
	cr_assert_eq(goes(g, id, 7), -1);
	cr_assert_eq(del(11), -ENOENT);
	nexthop_group_release(g, id);
}

Test(object_backup, stays_when_who_had_it_goes)
{
	cr_assert_eq(put(10, 1 << 1 | 1 << 2, 3), 0);
	cr_assert_eq(del(10), 0);
	cr_assert_eq(put(11, 1 << 1, 3), 0);
	cr_assert_eq(del(1), 0, "11 goes along");
	cr_assert_eq(del(11), -ENOENT);
	cr_assert_eq(del(3), 0);
}

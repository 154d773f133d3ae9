/* SPDX-License-Identifier: BSD-2-Clause */

#include <arpa/inet.h>
#include <criterion/criterion.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#include "tests/apps/filetest.h"
#include "tests/apps/mrtbuild.h"

static const struct spec_nexthop gateway = {.via = 0x0100000a, .weight = 1};
static const struct prefixlist_config none, dflt = {.hop = &gateway};

static void
take(
    struct prefixlist *l, const struct prefixlist_config *cfg, const char *text)
{
	struct tablefile_error e;

	cr_assert_eq(prefixlist_init(l, cfg), 0);
	cr_assert_eq(
	    filetest_list(l, filetest_text(text), &e), 0, "%s", e.what.reason);
}

static uint32_t
via_of(const struct prefixlist *l, size_t i)
{
	cr_assert_lt(i, l->n);
	cr_assert_lt(l->entries[i].hop, l->nhops);
	return l->hops[l->entries[i].hop].via;
}

Test(prefixlist, the_next_hop_of_a_line_goes_before_the_default)
{
	struct prefixlist l;

	take(&l, &dflt,
	    "# comment\n"
	    "10.0.0.0/8\n"
	    "\n"
	    "  192.168.0.0/16 10.1.2.3 # why\n"
	    "default via 10.1.2.4\r\n"
	    "1.2.3.4 10.1.2.3\n"
	    "1.2.3.5 77");
	cr_assert_eq(l.n, 5);
	cr_assert_eq(l.nhops, 3);
	cr_assert_eq(l.entries[0].plen, 8);
	cr_assert_eq(l.entries[0].hop, 0);
	cr_assert_eq(l.entries[1].at, 4);
	cr_assert_eq(l.entries[2].plen, 0);
	cr_assert_eq(l.entries[3].plen, 32);
	cr_assert_eq(l.entries[3].hop, l.entries[1].hop);
	cr_assert_eq(via_of(&l, 3), inet_addr("10.1.2.3"));
	cr_assert_eq(via_of(&l, 4), gateway.via);
	prefixlist_fini(&l);
}

Test(prefixlist, errors_name_line_word_and_reason)
{
	static const struct {
		const struct prefixlist_config *cfg;
		const char *text, *word, *reason;
		unsigned int line;
	} bad[] = {
	    {&none, "10.0.0.0/8 10.0.0.1\nfoo\n", "foo", "not an IPv4 prefix",
		2},
	    {&none, "\n10.0.0.1/8 10.0.0.1\n", "10.0.0.1/8",
		"the network is 10.0.0.0/8", 2},
	    {&none, "10.0.0.0/8\n", "10.0.0.0/8", "no next hop", 1},
	    {&none, "\n\n10.0.0.0/8 5\n", "10.0.0.0/8", "is an id", 3},
	    {&none, "10.0.0.0/8 ::1\n", "10.0.0.0/8", "an IPv6 next hop", 1},
	    {&dflt, "10.0.0.0/8 ::1\n", "10.0.0.0/8", "an IPv6 next hop", 1},
	    {&dflt, "10.0.0.0/8\n2001:db8::/32\n", "2001:db8::/32",
		"not supported", 2},
	};

	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		struct tablefile_error e;
		struct prefixlist l;

		cr_assert_eq(prefixlist_init(&l, bad[i].cfg), 0);
		cr_assert_eq(
		    filetest_list(&l, filetest_text(bad[i].text), &e), -EINVAL);
		cr_assert_str_eq(e.what.word, bad[i].word);
		cr_assert_not_null(
		    strstr(e.what.reason, bad[i].reason), "%s", e.what.reason);
		cr_assert_eq(
		    tablefile_error_line(&e), bad[i].line, "%s", bad[i].text);
		prefixlist_fini(&l);
	}
}

Test(prefixlist, ids_are_those_of_objects_if_that_is_said)
{
	const struct prefixlist_config ids = {.hop = &gateway, .ids = true};
	struct tablefile_error e;
	struct prefixlist l;

	take(&l, &ids,
	    "10.0.0.0/8 7\n"
	    "11.0.0.0/8 0.0.0.7\n"
	    "12.0.0.0/8 8\n"
	    "13.0.0.0/8\n"
	    "14.0.0.0/8 7\n");
	cr_assert_eq(l.n, 5);
	cr_assert_eq(l.nhops, 4);
	cr_assert_eq(l.hops[l.entries[0].hop].nhid, 7);
	cr_assert_eq(l.hops[l.entries[0].hop].via, 0);
	cr_assert_eq(l.hops[l.entries[1].hop].nhid, 0);
	cr_assert_eq(via_of(&l, 1), inet_addr("0.0.0.7"));
	cr_assert_eq(l.hops[l.entries[2].hop].nhid, 8);
	cr_assert_eq(via_of(&l, 3), gateway.via);
	cr_assert_eq(l.entries[4].hop, l.entries[0].hop);
	prefixlist_fini(&l);

	cr_assert_eq(prefixlist_init(&l, &ids), 0);
	cr_assert_eq(
	    filetest_list(&l, filetest_text("10.0.0.0/8 0\n"), &e), -EINVAL);
	cr_assert_not_null(
	    strstr(e.what.reason, "from 1"), "%s", e.what.reason);
	prefixlist_fini(&l);
}

Test(prefixlist, another_family_can_be_left_out)
{
	const struct prefixlist_config inet = {.hop = &gateway, .family = 4};
	struct prefixlist l;

	take(&l, &inet, "10.0.0.0/8\n2001:db8::/32\n11.0.0.0/8\n");
	cr_assert_eq(l.n, 2);
	cr_assert_eq(l.skipped, 1);
	prefixlist_fini(&l);
}

Test(prefixlist, updates_become_what_is_there_after_the_last)
{
	struct prefixlist l;

	take(&l, &none,
	    "1 A 10.0.0.0/8 10.1.1.1\n"
	    "2 A 10.0.0.0/9 10.1.1.1\n"
	    "3 W 10.0.0.0/8 -\n"
	    "4 A 11.0.0.0/8 10.1.1.1\n"
	    "4 A 11.0.0.0/8 10.1.1.2\n"
	    "5 W 12.0.0.0/8 -\n"
	    "6 W 13.0.0.0/8 -\n"
	    "6 A 13.0.0.0/8 10.1.1.1\n");
	cr_assert_eq(l.n, 3);
	cr_assert_eq(l.entries[0].prefix, inet_addr("10.0.0.0"));
	cr_assert_eq(l.entries[0].plen, 9);
	cr_assert_eq(via_of(&l, 1), inet_addr("10.1.1.2"));
	cr_assert_eq(l.entries[2].at, 8);
	prefixlist_fini(&l);
	/* What was recorded elsewhere yields to the default. */
	take(&l, &dflt, "1 A 10.0.0.0/8 10.1.1.1\n2 A 11.0.0.0/8 fe80::1\n");
	cr_assert_eq(via_of(&l, 0), gateway.via);
	cr_assert_eq(via_of(&l, 1), gateway.via);
	prefixlist_fini(&l);
}

static void
take_rib(struct prefixlist *l, const struct prefixlist_config *cfg)
{
	struct mrtbuild b = {.n = 0};
	struct tablefile_error e;

	mrtbuild_index(&b);
	for (uint32_t i = 0; i < 2; i++) {
		mrtbuild_begin(&b, 13, 2);
		mrtbuild_number(&b, 4, i);
		mrtbuild_number(&b, 2, 0x080a + i);
		mrtbuild_number(&b, 2, 3 - i);
		mrtbuild_rib_entry(&b, 0, 0x0a000001);
		if (i == 0) {
			mrtbuild_rib_entry(&b, 1, 0x0a000002);
			mrtbuild_rib_entry(&b, 1, 0x0a000003);
		} else {
			mrtbuild_rib_entry(&b, 0, 0x0a000004);
		}
		mrtbuild_end(&b, 0);
	}
	cr_assert_eq(prefixlist_init(l, cfg), 0);
	cr_assert_eq(filetest_list(l, filetest_open(b.data, b.n), &e), 0, "%s",
	    e.what.reason);
}

Test(prefixlist, of_a_dump_one_peer_is_taken)
{
	const struct prefixlist_config second = {
	    .peer_family = 6, .peer = {0x20, 1, 0xd, 0xb8, [15] = 1}};
	struct prefixlist l;

	take_rib(&l, &none);
	cr_assert_eq(l.n, 2);
	cr_assert_eq(via_of(&l, 0), inet_addr("10.0.0.1"));
	cr_assert_eq(l.entries[1].at, 3, "the index is record 1");
	cr_assert_eq(l.skipped, 3);
	prefixlist_fini(&l);
	take_rib(&l, &second);
	cr_assert_eq(l.n, 1);
	cr_assert_eq(via_of(&l, 0), inet_addr("10.0.0.2"), "its first path");
	prefixlist_fini(&l);
	take_rib(&l, &dflt);
	cr_assert_eq(via_of(&l, 1), gateway.via);
	prefixlist_fini(&l);
}

Test(prefixlist, thousands_of_next_hops_are_found_again)
{
	char *text = malloc(10000 * 40);
	struct prefixlist l;
	size_t n = 0;

	cr_assert_not_null(text);
	for (unsigned int i = 0; i < 10000; i++)
		n += (size_t)snprintf(text + n, 40, "20.%u.%u.%u 10.1.%u.%u\n",
		    i / 5000, i % 5000 / 250, i % 250, i % 5000 / 250,
		    1 + i % 250);
	take(&l, &none, text);
	cr_assert_eq(l.n, 10000);
	cr_assert_eq(l.nhops, 5000);
	for (unsigned int i = 0; i < 5000; i++)
		cr_assert_eq(l.entries[i].hop, l.entries[5000 + i].hop);
	prefixlist_fini(&l);
	free(text);
}

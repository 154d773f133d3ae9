/* SPDX-License-Identifier: BSD-2-Clause */

#include <arpa/inet.h>
#include <criterion/criterion.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "apps/prefixlist.h"

static const struct spec_nexthop gateway = {.via = 0x0100000a, .weight = 1};

/* Feed text in pieces of n bytes. */
static int
feed(struct prefixlist *l, const char *text, size_t n, struct words_error *e)
{
	size_t len = strlen(text);
	int rc = 0;

	while (rc == 0 && len > 0) {
		const size_t piece = len < n ? len : n;

		rc = prefixlist_feed(l, text, piece, e);
		text += piece;
		len -= piece;
	}
	return rc != 0 ? rc : prefixlist_end(l, e);
}

Test(prefixlist, pieces_of_any_size_give_the_same_list)
{
	static const char text[] = "# comment\n"
				   "10.0.0.0/8\n"
				   "\n"
				   "  192.168.0.0/16 10.1.2.3 # why\n"
				   "default via 10.1.2.4\r\n"
				   "1.2.3.4 10.1.2.3";
	struct words_error e;
	struct prefixlist l;

	for (size_t n = 1; n <= sizeof(text); n++) {
		cr_assert_eq(prefixlist_init(&l, &gateway), 0);
		cr_assert_eq(feed(&l, text, n, &e), 0, "%s", e.reason);
		cr_assert_eq(l.n, 4);
		cr_assert_eq(l.nhops, 3);
		cr_assert_eq(l.entries[0].plen, 8);
		cr_assert_eq(l.entries[0].hop, 0);
		cr_assert_eq(l.entries[1].line, 4);
		cr_assert_eq(l.entries[2].plen, 0);
		cr_assert_eq(l.entries[3].plen, 32);
		cr_assert_eq(l.entries[3].hop, l.entries[1].hop);
		cr_assert_eq(
		    l.hops[l.entries[3].hop].via, inet_addr("10.1.2.3"));
		cr_assert_eq(l.line, 6);
		prefixlist_fini(&l);
	}
}

Test(prefixlist, errors_name_line_word_and_reason)
{
	static const struct {
		const char *text, *word, *reason;
		unsigned int line;
	} bad[] = {
	    {"10.0.0.0/8 10.0.0.1\nfoo\n", "foo", "not an IPv4 prefix", 2},
	    {"10.0.0.0/33 10.0.0.1", "10.0.0.0/33", "0 to 32", 1},
	    {"\n10.0.0.1/8 10.0.0.1\n", "10.0.0.1/8",
		"the network is 10.0.0.0/8", 2},
	    {"10.0.0.0/8\n", "10.0.0.0/8", "no next hop", 1},
	    {"10.0.0.0/8 10.0.0\n", "10.0.0", "not an IPv4 address", 1},
	    {"10.0.0.0/8 0.0.0.0\n", "0.0.0.0", "not a gateway", 1},
	    {"10.0.0.0/8 10.0.0.1 x\n", "x", "unexpected", 1},
	};
	struct words_error e;
	struct prefixlist l;

	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		cr_assert_eq(prefixlist_init(&l, NULL), 0);
		cr_assert_eq(feed(&l, bad[i].text, 7, &e), -EINVAL);
		cr_assert_str_eq(e.word, bad[i].word);
		cr_assert_not_null(
		    strstr(e.reason, bad[i].reason), "%s", e.reason);
		cr_assert_eq(l.line, bad[i].line, "%s", bad[i].text);
		prefixlist_fini(&l);
	}
}

Test(prefixlist, a_line_has_a_bound)
{
	char text[300];
	struct words_error e;
	struct prefixlist l;

	memset(text, 'x', sizeof(text) - 1);
	text[sizeof(text) - 1] = '\0';
	for (size_t n = 1; n <= 300; n += 299) {
		cr_assert_eq(prefixlist_init(&l, &gateway), 0);
		cr_assert_eq(feed(&l, text, n, &e), -EINVAL);
		cr_assert_not_null(strstr(e.reason, "exceeds"));
		cr_assert_eq(l.line, 1);
		prefixlist_fini(&l);
	}
}

Test(prefixlist, thousands_of_next_hops_are_found_again)
{
	struct words_error e;
	struct prefixlist l;
	char line[64];

	cr_assert_eq(prefixlist_init(&l, NULL), 0);
	for (unsigned int round = 0; round < 2; round++) {
		for (unsigned int i = 0; i < 5000; i++) {
			snprintf(line, sizeof(line), "20.%u.%u.%u 10.1.%u.%u\n",
			    round, i / 250, i % 250, i / 250, 1 + i % 250);
			cr_assert_eq(
			    prefixlist_feed(&l, line, strlen(line), &e), 0);
		}
	}
	cr_assert_eq(l.n, 10000);
	cr_assert_eq(l.nhops, 5000);
	for (unsigned int i = 0; i < 5000; i++)
		cr_assert_eq(l.entries[i].hop, l.entries[5000 + i].hop);
	prefixlist_fini(&l);
}

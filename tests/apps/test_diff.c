/* SPDX-License-Identifier: BSD-2-Clause */

#include <arpa/inet.h>
#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "apps/builtin.h"
#include "apps/psnetd/diff.h"
#include "tests/apps/filetest.h"

/* psnetd's library wants a table; these tests attach nothing. */
const struct proto *const builtin_protos[] = {NULL};
const struct driver *const builtin_drivers[] = {NULL};

#define BASE                              \
	"interface wan loop up\n"         \
	"interface lan tap dev=tap0 up\n" \
	"address 10.0.1.1/24 dev wan\n"   \
	"address 10.0.2.1/24 dev lan\n"

/* The operations as text: a letter each, with the name or the address. */
static void
describe(const struct psnetd_diff *d, char *out, size_t outlen)
{
	static const char letters[] = "A-S+~GgRXNnoPp";
	char addr[WORDS_TEXT_MAX];

	out[0] = '\0';
	for (size_t i = 0; i < d->nops; i++) {
		const struct psnetd_diff_op *op = &d->ops[i];
		const size_t at = strlen(out);
		const char *what = "";

		if (op->kind == PSNETD_DIFF_ROUTES_SET && d->nset == 0)
			continue;
		if (op->link != NULL)
			what = op->link->name;
		else if (op->old_link != NULL)
			what = op->old_link->name;
		else if (op->addr != NULL)
			what = words_show_ipv4(op->addr->addr, addr);
		else if (op->neigh != NULL)
			what = words_show_ipv4(op->neigh->addr, addr);
		else if (op->rule != NULL)
			what = op->rule->iif;
		snprintf(
		    out + at, outlen - at, "%c%s ", letters[op->kind], what);
	}
}

static void
expect(const char *before, const char *after, const char *ops, size_t nset,
    size_t ndel)
{
	static struct config_error e;
	struct psnetd_diff d;
	struct config a, b;
	char text[512];

	cr_assert_eq(config_parse(before, strlen(before), &a, &e), 0);
	cr_assert_eq(
	    config_parse(after, strlen(after), &b, &e), 0, "%s", e.what.reason);
	cr_assert_eq(psnetd_diff(&a, &b, &d), 0);
	describe(&d, text, sizeof(text));
	cr_assert_str_eq(text, ops, "%s instead of %s", text, ops);
	cr_assert_eq(d.nset, nset);
	cr_assert_eq(d.ndel, ndel);
	psnetd_diff_fini(&d);
	config_fini(&a);
	config_fini(&b);
}

Test(psnetd_diff, equal_configurations_need_nothing)
{
	expect(BASE "route default via 10.0.1.2\nset forwarding on\n",
	    "# moved\n" BASE
	    "set forwarding on\nroute add default via 10.0.1.2\n",
	    "", 0, 0);
}

Test(psnetd_diff, the_first_configuration_makes_everything)
{
	expect("",
	    BASE "route default via 10.0.1.2\n"
		 "neighbour 10.0.1.9 lladdr 02:00:00:00:00:01 dev wan\n"
		 "set forwarding on\n",
	    "Awan Alan Swan Slan +10.0.1.1 +10.0.2.1 R N10.0.1.9 o ", 1, 0);
}

Test(psnetd_diff, address_probe_holds_for_the_addresses_beside_it)
{
	expect("interface a loop\n",
	    "interface a loop\naddress 10.0.1.1/24 dev a\n"
	    "set forwarding on\nset address-probe on\n",
	    "o +10.0.1.1 o ", 0, 0);
}

Test(psnetd_diff, an_empty_configuration_removes_in_reverse)
{
	expect(BASE "route default via 10.0.1.2\nset forwarding on\n", "",
	    "o X -wan -lan ", 0, 1);
}

Test(psnetd_diff, a_new_interface_comes_before_an_old_one_goes)
{
	expect(
	    "interface a loop\n", "interface b tap dev=x\n", "Ab Sb -a ", 0, 0);
}

Test(psnetd_diff, a_renamed_interface_hands_its_device_over)
{
	expect("interface a tap dev=x\naddress 10.0.0.1/8 dev a\n",
	    "interface b tap dev=x\naddress 10.0.0.1/8 dev b\n",
	    "-a Ab Sb +10.0.0.1 ", 0, 0);
}

Test(psnetd_diff, another_device_makes_the_interface_anew_with_its_address)
{
	expect("interface a tap dev=x\naddress 10.0.0.1/8 dev a\n"
	       "neighbour 10.0.0.2 lladdr 02:00:00:00:00:01 dev a\n",
	    "interface a tap dev=y\naddress 10.0.0.1/8 dev a\n"
	    "neighbour 10.0.0.2 lladdr 02:00:00:00:00:01 dev a\n",
	    "-a Aa Sa +10.0.0.1 N10.0.0.2 ", 0, 0);
}

Test(psnetd_diff, another_mtu_leaves_the_interface_alone)
{
	expect(
	    "interface a loop\n", "interface a loop mtu 1400\n", "Sa ", 0, 0);
}

Test(psnetd_diff, an_address_is_added_before_another_is_removed)
{
	expect(BASE,
	    "interface wan loop up\ninterface lan tap dev=tap0 up\n"
	    "address 10.0.1.5/24 dev wan\naddress 10.0.2.1/24 dev lan\n",
	    "+10.0.1.5 ~10.0.1.1 ", 0, 0);
}

Test(psnetd_diff, an_address_that_moves_is_removed_first)
{
	expect(BASE,
	    "interface wan loop up\ninterface lan tap dev=tap0 up\n"
	    "address 10.0.1.1/24 dev lan\naddress 10.0.2.1/25 dev lan\n",
	    "~10.0.1.1 ~10.0.2.1 +10.0.1.1 +10.0.2.1 ", 0, 0);
}

Test(psnetd_diff, an_address_moves_to_a_new_interface)
{
	expect("interface a loop\naddress 10.0.0.1/8 dev a\n",
	    "interface b loop\naddress 10.0.0.1/8 dev b\n",
	    "Ab Sb ~10.0.0.1 +10.0.0.1 -a ", 0, 0);
}

Test(psnetd_diff, only_routes_that_differ_are_touched)
{
	expect(BASE "route 10.3.0.0/16 via 10.0.1.2\n"
		    "route 10.4.0.0/16 via 10.0.1.2\n"
		    "route 10.5.0.0/16 via 10.0.1.2\n",
	    BASE "route 10.3.0.0/16 via 10.0.1.2\n"
		 "route 10.4.0.0/16 via 10.0.1.3\n"
		 "route blackhole 10.6.0.0/16\n",
	    "R X ", 2, 1);
}

Test(psnetd_diff, next_hops_come_before_routes_and_go_after_them)
{
	static const char with[] = BASE "nexthop id 1 dev lan\n";
	static const char routed[] = BASE "nexthop id 1 dev lan\n"
					  "route 10.9.0.0/16 nhid 1\n";

	expect(BASE, routed, "G R ", 1, 0);
	expect(routed, with, "G X g ", 0, 1);
	expect(with, BASE, "g ", 0, 0);
}

Test(psnetd_diff, rules_come_after_routes_and_go_before_them)
{
	expect("", "rule lookup 7 pref 5\nroute blackhole 10.0.0.0/8 table 7\n",
	    "R P ", 1, 0);
	expect("rule lookup 7 pref 5\nroute blackhole 10.0.0.0/8 table 7\n", "",
	    "p X ", 0, 1);
	/* Another place is another rule; the new one is there first. */
	expect(BASE "rule iif wan lookup 7 pref 5\nrule lookup 7 pref 6\n",
	    BASE "rule lookup 7 pref 6\nrule iif wan lookup 7 pref 4\n",
	    "Pwan pwan ", 0, 0);
}

Test(psnetd_diff, an_interface_made_anew_gets_its_rules_again)
{
	expect("interface a tap dev=x\nrule iif a lookup 7 pref 5\n"
	       "rule lookup 8 pref 6\n",
	    "interface a tap dev=y\nrule iif a lookup 7 pref 5\n"
	    "rule lookup 8 pref 6\n",
	    "-a Aa Sa Pa ", 0, 0);
}

Test(psnetd_diff, an_address_of_another_table_is_another_one)
{
#define TWICE                          \
	"interface a loop up\n"        \
	"interface b tap table 7 up\n" \
	"address 10.0.0.1/24 dev a\n"
	expect(TWICE, TWICE "address 10.0.0.1/24 dev b\n", "+10.0.0.1 ", 0, 0);
	expect(TWICE "address 10.0.0.1/24 dev b\n", TWICE, "~10.0.0.1 ", 0, 0);
#undef TWICE
}

Test(psnetd_diff, an_option_that_is_no_longer_said_is_set_back)
{
	expect("set forwarding on\n", "", "o ", 0, 0);
	expect("set forwarding on\n", "set forwarding off\n", "o ", 0, 0);
}

static void
add_table(struct config *c, const char *text)
{
	const struct prefixlist_config cfg = {.hop = &c->tables[0].dflt};
	struct tablefile_error e;

	cr_assert_eq(prefixlist_init(&c->tables[0].list, &cfg), 0);
	cr_assert_eq(
	    filetest_list(&c->tables[0].list, filetest_text(text), &e), 0);
}

Test(psnetd_diff, a_route_line_wins_over_a_table)
{
	static const char text[] = BASE "table t via 10.0.1.2\n"
					"route 10.3.0.0/16 via 10.0.1.3\n";
	static struct config_error e;
	struct psnetd_diff_route *all;
	struct spec_route r;
	struct config c;
	size_t n;

	cr_assert_eq(config_parse(text, sizeof(text) - 1, &c, &e), 0);
	add_table(&c, "10.4.0.0/16\n10.3.0.0/16\n10.4.0.0/16 10.0.1.9\n");
	cr_assert_eq(psnetd_diff_effective(&c, &all, &n), 0);
	cr_assert_eq(n, 2);
	psnetd_diff_view(&c, &all[0], &r);
	cr_assert_eq(r.nexthops[0].via, inet_addr("10.0.1.3"));
	psnetd_diff_view(&c, &all[1], &r);
	cr_assert_eq(r.nexthops[0].via, inet_addr("10.0.1.9"),
	    "the later line of a table");
	free(all);
	config_fini(&c);
}

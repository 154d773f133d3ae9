/* SPDX-License-Identifier: BSD-2-Clause */

#include <criterion/criterion.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "apps/config.h"
#include "drivers/loop/loop.h"
#include "drivers/tap/tap.h"
#include "drivers/wire/wire.h"
#include "stack/core/stack.h"

static const struct driver *const drivers[] = {
    &loop_driver, &tap_driver, &wire_driver, NULL};

/* What all checks start from. */
#define LINKS                             \
	"interface wan loop up\n"         \
	"interface lan tap dev=tap0 up\n" \
	"address 10.0.1.1/24 dev wan\n"

struct bad {
	const char *text;
	unsigned int line;
	const char *word, *reason; /* reason: a part of it */
};

static void
expect_errors(const struct bad *b, size_t n)
{
	static struct config_error e;
	struct config c;

	for (size_t i = 0; i < n; i++) {
		int rc = config_parse(b[i].text, strlen(b[i].text), &c, &e);

		if (rc == 0) {
			rc = config_check(&c, drivers, &e);
			config_fini(&c);
		}
		cr_assert_eq(rc, -EINVAL, "%s", b[i].text);
		cr_assert_eq(
		    e.line, b[i].line, "line %u of: %s", e.line, b[i].text);
		cr_assert_str_eq(
		    e.what.word, b[i].word, "%s: %s", e.what.word, b[i].text);
		cr_assert_not_null(strstr(e.what.reason, b[i].reason), "%s: %s",
		    e.what.reason, b[i].text);
	}
}

#define EXPECT_ERRORS(b) expect_errors(b, sizeof(b) / sizeof((b)[0]))

static void
parse(const char *text, struct config *c)
{
	static struct config_error e;
	int rc = config_parse(text, strlen(text), c, &e);

	if (rc == 0)
		rc = config_check(c, drivers, &e);
	cr_assert_eq(
	    rc, 0, "line %u %s: %s", e.line, e.what.word, e.what.reason);
}

Test(config, every_line_is_understood)
{
	struct config c;

	parse("# a router\n"
	      "workers 2\n"
	      "packets 8192  # each\n"
	      "\n"
	      "interface wan loop mtu 1400 up promisc on arp off\n"
	      "interface lan tap dev=tap0 hwaddr=02:00:00:00:00:01 down\n"
	      "\taddress 10.0.1.1/24 dev wan\r\n"
	      "route add default via 10.0.1.254 metric 5 src 10.0.1.1\n"
	      "route 10.2.0.0/16 nexthop via 10.0.1.3 weight 2 "
	      "nexthop via 10.0.1.4 dev wan\n"
	      "route blackhole 10.3.0.0/16\n"
	      "neighbour 10.0.1.9 lladdr 02:00:00:00:00:0A dev wan\n"
	      "set forwarding on\n"
	      "set icmp-rate 7\n"
	      "neighbours 16384\n"
	      "table full.txt via 10.0.1.3",
	    &c);
	cr_assert_eq(c.workers, 2);
	cr_assert_eq(c.packets, 8192);
	cr_assert_eq(c.neighbours, 16384);
	cr_assert_eq(c.nlinks, 2);
	cr_assert_str_eq(c.links[0].driver, "loop");
	cr_assert_eq(c.links[0].mtu, 1400);
	cr_assert_eq(c.links[0].up, SPEC_ON);
	cr_assert_eq(c.links[0].promisc, SPEC_ON);
	cr_assert_eq(c.links[0].arp, SPEC_OFF);
	cr_assert_str_eq(c.links[1].args, "dev=tap0 hwaddr=02:00:00:00:00:01");
	cr_assert_eq(c.links[1].up, SPEC_OFF);
	cr_assert_eq(c.links[1].line, 6);
	cr_assert_eq(c.naddrs, 1);
	cr_assert_eq(c.addrs[0].plen, 24);
	cr_assert_eq(c.nroutes, 3);
	cr_assert_eq(c.routes[0].plen, 0);
	cr_assert_eq(c.routes[0].metric, 5);
	cr_assert_eq(c.routes[0].protocol, ROUTE_PROTO_STATIC);
	cr_assert_eq(c.routes[1].nnexthops, 2);
	cr_assert_eq(c.routes[1].nexthops[0].weight, 2);
	cr_assert_str_eq(c.routes[1].nexthops[1].dev, "wan");
	cr_assert_eq(c.routes[2].type, ROUTE_BLACKHOLE);
	cr_assert_eq(c.neighs[0].lladdr[5], 0x0a);
	cr_assert_eq(c.options[IPV4_OPT_FORWARDING].value, 1);
	cr_assert_eq(c.options[IPV4_OPT_ICMP_RATE].value, 7);
	cr_assert_str_eq(c.tables[0].path, "full.txt");
	config_fini(&c);
}

Test(config, an_empty_file_is_valid)
{
	struct config c;

	parse("", &c);
	cr_assert_eq(c.nlinks, 0);
	config_fini(&c);
	parse("\n# nothing\n   \n", &c);
	config_fini(&c);
}

Test(config, wrong_words_are_named_with_line_and_reason)
{
	static const struct bad bad[] = {
	    {"\n\nfoo 1\n", 3, "foo", "not one of workers"},
	    {"workers\n", 1, "workers", "a value must follow"},
	    {"workers 0\n", 1, "0", "from 1 to 64"},
	    {"workers 1x\n", 1, "1x", "not a number"},
	    {"workers 1 2\n", 1, "2", "unexpected word"},
	    {"workers 1\n\nworkers 2\n", 3, "workers", "on line 1"},
	    {"packets 1\n", 1, "1", "from 256"},
	    {"neighbours 15\n", 1, "15", "from 16"},
	    {"neighbours 99\nneighbors 99\n", 2, "neighbours", "on line 1"},
	    {"interface\n", 1, "", "name must follow"},
	    {"interface lan\n", 1, "lan", "a driver must follow"},
	    {"interface a/b loop\n", 1, "a/b", "no blank"},
	    {"interface abcdefghijklmnop loop\n", 1, "abcdefghijklmnop",
		"1 to 15 characters"},
	    {"interface lan tap mtu 10\n", 1, "10", "from 68"},
	    {"interface lan tap mtu\n", 1, "mtu", "must follow"},
	    {"interface lan tap promisc maybe\n", 1, "maybe", "neither on"},
	    {"set\n", 1, "set", "must follow"},
	    {"set foo on\n", 1, "foo", "no such option"},
	    {"set forwarding maybe\n", 1, "maybe", "neither on, off"},
	    {"set forwarding 2\n", 1, "forwarding", "2 is out of range"},
	    {"set default-ttl 0\n", 1, "default-ttl", "out of range"},
	    {"set forwarding on\nset forwarding off\n", 2, "forwarding",
		"line 1"},
	    {"table\n", 1, "table", "must follow"},
	    {"table f foo 1\n", 1, "foo", "neither via, dev, nhid nor"},
	};

	EXPECT_ERRORS(bad);
}

Test(config, wrong_addresses_are_named)
{
	static const struct bad bad[] = {
	    {LINKS "address\n", 4, "", "must follow"},
	    {LINKS "address 10.0.0.256/8 dev wan\n", 4, "10.0.0.256/8",
		"not an IPv4 prefix"},
	    {LINKS "address 10.0.0.1/33 dev wan\n", 4, "10.0.0.1/33",
		"not 0 to 32"},
	    {LINKS "address 10.0.0.1/8\n", 4, "10.0.0.1/8", "must follow"},
	    {LINKS "address 10.0.0.1/8 on wan\n", 4, "on", "expected"},
	    {LINKS "address 10.0.0.1/8 dev foo\n", 4, "foo", "no line"},
	    {LINKS "address 10.0.1.1/8 dev lan\n", 4, "10.0.1.1", "line 3"},
	    {LINKS "address 224.0.0.1/24 dev lan\n", 4, "224.0.0.1/24",
		"one host"},
	    {LINKS "address 0.0.0.1/32 dev lan\n", 4, "0.0.0.1", "one host"},
	    {LINKS "address 10.2.0.0/16 dev lan\n", 4, "10.2.0.0/16",
		"one host"},
	    {LINKS "address 10.2.255.255/16 dev lan\n", 4, "10.2.255.255/16",
		"one host"},
	    {LINKS "interface wan loop\n", 4, "wan", "line 1"},
	    {LINKS "interface x foo\n", 4, "foo", "no such driver"},
	    {LINKS "interface x tap devv=t\n", 4, "tap", "devv=t"},
	    {LINKS "interface x tap hwaddr=1\n", 4, "tap", "hwaddr=1"},
	    {LINKS "interface x loop dev\n", 4, "loop", "bad word \"dev\""},
	    {LINKS "interface x wire rate=1G\n", 4, "wire", "peer=NAME"},
	    {LINKS "neighbour 10.0.1.9 dev wan\n", 4, "10.0.1.9", "lladdr"},
	    {LINKS "neighbour 10.0.1.9 lladdr 02:00:00:00:00:9 dev wan\n", 4,
		"02:00:00:00:00:9", "not a link address"},
	    {LINKS "neighbour 10.0.1.9 lladdr 02:00:00:00:00:09\n", 4,
		"10.0.1.9", "dev NAME"},
	};

	EXPECT_ERRORS(bad);
}

Test(config, wrong_routes_are_named)
{
	static const struct bad bad[] = {
	    {LINKS "route\n", 4, "", "a prefix like"},
	    {LINKS "route add 10.2.0.0/16\n", 4, "10.2.0.0/16", "via"},
	    {LINKS "route 10.2.0.1/16 via 10.0.1.2\n", 4, "10.2.0.1/16",
		"the network is 10.2.0.0/16"},
	    {LINKS "route 10.2.0.0/16 via 10.0.1\n", 4, "10.0.1",
		"not an IPv4 address"},
	    {LINKS "route 10.2.0.0/16 via 0.0.0.0\n", 4, "0.0.0.0",
		"not a gateway"},
	    {LINKS "route 10.2.0.0/16 via 10.0.2.2\n", 4, "10.0.2.2",
		"no address of this file"},
	    {LINKS "route 10.2.0.0/16 via 10.0.1.2 dev lan\n", 4, "10.0.1.2",
		"on lan"},
	    {LINKS "route 10.2.0.0/16 via 10.0.1.1\n", 4, "10.0.1.1",
		"our own address of line 3"},
	    {LINKS "address 10.0.1.5/24 dev wan\n"
		   "route 10.2.0.0/16 via 10.0.1.5\n",
		5, "10.0.1.5", "our own address of line 4"},
	    {LINKS "address 10.0.1.100/25 dev wan\n"
		   "route 10.2.0.0/16 via 10.0.1.127\n",
		5, "10.0.1.127", "broadcast address of line 4"},
	    {LINKS "route 10.2.0.0/16 dev foo\n", 4, "foo", "no line"},
	    {LINKS "route 10.2.0.0/16 via 10.0.1.2 foo\n", 4, "foo",
		"unexpected"},
	    {LINKS "route 10.2.0.0/16 nexthop weight 2\n", 4, "nexthop", "via"},
	    {LINKS "route 10.2.0.0/16 via 10.0.1.2 nexthop via 10.0.1.3\n", 4,
		"nexthop", "either"},
	    {LINKS "route 10.2.0.0/16 nexthop via 10.0.1.3 weight 257\n", 4,
		"257", "from 1 to 256"},
	    {LINKS "route blackhole 10.2.0.0/16 via 10.0.1.3\n", 4, "via",
		"no next hop"},
	    {LINKS "route 10.2.0.0/16 dev wan\nroute 10.2.0.0/16 dev lan\n", 5,
		"10.2.0.0/16", "line 4"},
	    {LINKS "route 10.2.0.0/16 dev wan proto foo\n", 4, "foo",
		"protocol"},
	    {LINKS "table t via 10.9.9.9\n", 4, "10.9.9.9", "no address"},
	};

	EXPECT_ERRORS(bad);
}

Test(config, next_hops_are_kept_by_id)
{
	const struct spec_object *o;
	struct config c;

	parse(LINKS "route 10.2.0.0/16 nhid 9\n"
		    "nexthop id 9 group 1,3/2 type resilient buckets 30 "
		    "idle_timer 0.5 unbalanced_timer 7\n"
		    "nexthop add id 2 via 192.0.2.1 protocol bgp\n"
		    "nexthop id 3 prohibit\n"
		    "nexthop id 1 via 10.0.1.2 dev wan\n"
		    "nexthop id 4 dev lan\n"
		    "route 10.3.0.0/16 via 192.0.2.7 recursive\n",
	    &c);
	cr_assert_eq(c.nobjects, 5);
	for (uint32_t i = 0; i < 4; i++)
		cr_assert_eq(c.objects[i].id, i + 1);
	o = config_object_find(&c, 9);
	cr_assert_not_null(o);
	cr_assert_eq(o->line, 5);
	cr_assert_eq(o->nmembers, 2);
	cr_assert_eq(o->members[0].weight, 3);
	cr_assert_eq(o->members[1].id, 2);
	cr_assert_eq(o->members[1].weight, 1);
	cr_assert(o->resilient);
	cr_assert_eq(o->buckets, 30);
	cr_assert_eq(o->idle_ms, 500);
	cr_assert_eq(o->unbalanced_ms, 7000);
	cr_assert_eq(o->protocol, ROUTE_PROTO_STATIC);
	cr_assert_eq(c.objects[1].protocol, 186);
	cr_assert_str_eq(c.objects[0].dev, "wan");
	cr_assert_str_eq(spec_object_drop_name(c.objects[2].kind), "prohibit");
	cr_assert_null(config_object_find(&c, 5));
	cr_assert_eq(c.routes[0].nhid, 9);
	cr_assert_eq(c.routes[0].nnexthops, 0);
	cr_assert(c.routes[1].nexthops[0].recursive);
	config_fini(&c);
}

Test(config, wrong_next_hops_are_named)
{
	static const struct bad bad[] = {
	    {LINKS "nexthop\n", 4, "", "\"id N\" must be given"},
	    {LINKS "nexthop id 1\n", 4, "", "must follow"},
	    {LINKS "nexthop id 1 dev foo\n", 4, "foo", "no line defines"},
	    {LINKS "nexthop id 1 via 10.7.1.2 dev wan\n", 4, "10.7.1.2",
		"no address"},
	    {LINKS "nexthop id 1 via 10.0.1.1 dev wan\n", 4, "10.0.1.1",
		"our own address"},
	    {LINKS "nexthop id 2 group 1\n", 4, "1", "no line defines"},
	    {LINKS "nexthop id 2 dev wan\nnexthop id 1 dev lan\n"
		   "nexthop id 2 blackhole\n",
		6, "2", "line 4 already"},
	    {LINKS "nexthop id 3 group 2\nnexthop id 2 group 1\n"
		   "nexthop id 1 dev lan\n",
		4, "2", "it is a group itself, of line 5"},
	    {LINKS "nexthop id 2 blackhole\nnexthop id 1 dev lan\n"
		   "nexthop id 3 group 1/2\n",
		6, "2", "it is a drop, of line 4"},
	    {LINKS "nexthop id 3 group 3\n", 4, "3", "in itself"},
	    {LINKS "route 10.2.0.0/16 nhid 1\n", 4, "1", "no line defines"},
	    {LINKS "route 10.2.0.0/16 nhid 0\n", 4, "0", "not a next hop"},
	    {LINKS "route 10.2.0.0/16 nhid 1 via 10.0.1.2\n", 4, "nhid",
		"no other"},
	    {LINKS "route blackhole 10.2.0.0/16 nhid 1\n", 4, "nhid",
		"no type"},
	    {LINKS "route 10.2.0.0/16 recursive\n", 4, "recursive",
		"only \"via"},
	    {LINKS "route 10.2.0.0/16 via 10.0.1.2 dev wan recursive\n", 4,
		"recursive", "without dev"},
	};

	EXPECT_ERRORS(bad);
}

Test(config, tables_and_rules_are_understood)
{
	struct config c;

	parse(LINKS "interface blue loop table 7 mark 0x10\n"
		    "address 10.0.1.1/24 dev blue\n"
		    "route default via 10.0.1.9 table 7\n"
		    "route 10.2.0.0/16 lookup main table 7\n"
		    "route 10.2.3.0/24 via 10.0.1.8 dev wan table 8\n"
		    "rule add from 10.0.0.0/8 iif blue fwmark 0x10/0xf0 "
		    "lookup 8 pref 100\n"
		    "rule iif lo lookup 7 pref 100\n"
		    "table full.txt table 7 via 10.0.1.9\n",
	    &c);
	cr_assert_eq(config_dev_table(&c, "blue"), 7);
	cr_assert_eq(config_dev_table(&c, "wan"), 0);
	cr_assert_eq(c.links[2].mark, 0x10);
	cr_assert_eq(c.links[0].mark, 0);
	cr_assert(c.links[0].has_mark);
	cr_assert_eq(c.nrules, 2);
	cr_assert_eq(c.rules[0].mask, 0xf0);
	cr_assert_eq(c.rules[0].table, 8);
	cr_assert_eq(c.rules[1].line, 10);
	cr_assert_eq(c.tables[0].in, 7);
	cr_assert(c.tables[0].has_default);
	config_fini(&c);
}

Test(config, wrong_tables_and_rules_are_named)
{
#define BLUE "interface blue loop table 7\naddress 10.0.1.1/24 dev blue\n"
	static const struct bad bad[] = {
	    {LINKS "rule lookup 7\n", 4, "rule", "\"pref N\" must be said"},
	    {LINKS "rule pref 7\n", 4, "", "lookup TABLE"},
	    {LINKS "rule iif foo lookup 7 pref 1\n", 4, "foo", "no line"},
	    {LINKS "rule from 10.0.0.1/8 lookup 7 pref 1\n", 4, "10.0.0.1/8",
		"10.0.0.0/8"},
	    {LINKS "rule lookup local pref 1\n", 4, "local", "follows from"},
	    {LINKS "rule lookup 7 pref 1\nrule from all lookup 7 pref 1\n", 5,
		"rule", "line 4"},
	    {LINKS "interface x loop mark 0x\n", 4, "0x", "not a mark"},
	    {LINKS BLUE "address 10.0.1.1/24 dev lan\n", 6, "10.0.1.1",
		"line 3"},
	    {LINKS BLUE "interface b2 loop table 7\n"
			"address 10.0.1.1/24 dev b2\n",
		7, "10.0.1.1", "line 5"},
	    {LINKS "route default via 10.0.1.2 table 7\n", 4, "10.0.1.2",
		"a link of its table"},
	    {LINKS "table f via 10.0.1.2 table 7\n", 4, "10.0.1.2",
		"a link of its table"},
	    {LINKS "table f table local\n", 4, "local", "follows from"},
	    {LINKS "route 10.3.0.0/16 lookup 7 table 7\n", 4, "7",
		"the table that it is in"},
	    {LINKS "route 10.3.0.0/16 lookup main\n", 4, "main",
		"the table that it is in"},
	};

	EXPECT_ERRORS(bad);
#undef BLUE
}

Test(config, a_line_has_its_bounds)
{
	static char text[40000];
	static struct config_error e;
	struct config c;

	memset(text, 'x', 20000);
	cr_assert_eq(config_parse(text, 20000, &c, &e), -EINVAL);
	cr_assert_not_null(strstr(e.what.reason, "exceeds"));
	for (size_t i = 0; i < 2000; i++)
		memcpy(text + 2 * i, "a ", 2);
	cr_assert_eq(config_parse(text, 4000, &c, &e), -EINVAL);
	cr_assert_not_null(strstr(e.what.reason, "words on a line"));
	cr_assert_eq(config_parse("set\0x", 5, &c, &e), -EINVAL);
	cr_assert_not_null(strstr(e.what.reason, "NUL"));
}

Test(config, an_error_shows_file_line_word_and_reason)
{
	static struct config_error e = {.file = "/etc/x.conf"};
	struct config c;
	char text[512];

	cr_assert_eq(config_parse("foo", 3, &c, &e), -EINVAL);
	config_error_show(&e, text, sizeof(text));
	cr_assert_eq(
	    strncmp(text, "/etc/x.conf:1: foo: not one of", 30), 0, "%s", text);
}

Test(config, a_missing_file_is_an_error)
{
	static struct config_error e;
	struct config c;

	cr_assert_eq(config_load("/nonexistent/x", drivers, &c, &e), -ENOENT);
	cr_assert_str_eq(e.file, "/nonexistent/x");
	cr_assert_eq(e.line, 0);
}

Test(config, a_table_is_read_beside_its_file)
{
	static struct config_error e;
	char dir[] = "/tmp/psnet-test-XXXXXX", path[64], list[64];
	struct config c;
	FILE *f;

	cr_assert_not_null(mkdtemp(dir));
	snprintf(path, sizeof(path), "%s/c", dir);
	snprintf(list, sizeof(list), "%s/t", dir);
	f = fopen(path, "w");
	fputs(LINKS "table t via 10.0.1.2\n", f);
	fclose(f);
	cr_assert_eq(config_load(path, drivers, &c, &e), -ENOENT);
	cr_assert_eq(e.line, 4);
	f = fopen(list, "w");
	fputs("10.5.0.0/16\n10.6.0.0/16 10.0.1.3\n", f);
	fclose(f);
	cr_assert_eq(config_load(path, drivers, &c, &e), 0);
	cr_assert_eq(c.tables[0].list.n, 2);
	config_fini(&c);
	f = fopen(list, "w");
	fputs("10.5.0.0/16\n10.6.0.0/99\n", f);
	fclose(f);
	cr_assert_eq(config_load(path, drivers, &c, &e), -EINVAL);
	cr_assert_str_eq(e.file, list);
	cr_assert_eq(e.line, 2);
	cr_assert_str_eq(e.what.word, "10.6.0.0/99");
	remove(path);
	remove(list);
	remove(dir);
}

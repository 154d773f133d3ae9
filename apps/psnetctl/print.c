/* SPDX-License-Identifier: BSD-2-Clause */

#include <stdio.h>
#include <string.h>

#include "apps/psnetctl/ctl.h"

static void
print_flags(const json_t *flags)
{
	putchar('<');
	for (size_t i = 0; i < json_array_size(flags); i++)
		printf("%s%s", i > 0 ? "," : "",
		    json_string_value(json_array_get(flags, i)));
	putchar('>');
}

static void
print_counters(const json_t *stats, const char *who)
{
	const json_t *rx = json_object_get(stats, "rx");
	const json_t *tx = json_object_get(stats, "tx");

	printf("    %-9s RX: bytes %lld packets %lld  TX: bytes %lld packets "
	       "%lld  dropped %lld\n",
	    who, (long long)psnetctl_number(rx, "bytes"),
	    (long long)psnetctl_number(rx, "packets"),
	    (long long)psnetctl_number(tx, "bytes"),
	    (long long)psnetctl_number(tx, "packets"),
	    (long long)psnetctl_number(stats, "dropped"));
}

static void
print_link(const json_t *o)
{
	const json_t *stats = json_object_get(o, "stats");
	const json_t *each = json_object_get(o, "worker_stats");
	char who[32];

	printf("%lld: %s: ", (long long)psnetctl_number(o, "ifindex"),
	    psnetctl_text(o, "ifname", "?"));
	print_flags(json_object_get(o, "flags"));
	printf(" mtu %lld driver %s queues %lld state %s",
	    (long long)psnetctl_number(o, "mtu"),
	    psnetctl_text(o, "driver", "?"),
	    (long long)psnetctl_number(o, "queues"),
	    psnetctl_text(o, "operstate", "?"));
	if (json_object_get(o, "table") != NULL)
		printf(" table %s", psnetctl_text(o, "table", "?"));
	if (json_object_get(o, "mark") != NULL)
		printf(" mark 0x%llx", (long long)psnetctl_number(o, "mark"));
	putchar('\n');
	printf("    link/%s", psnetctl_text(o, "link_type", "?"));
	if (json_object_get(o, "address") != NULL)
		printf(" %s brd %s", psnetctl_text(o, "address", "?"),
		    psnetctl_text(o, "broadcast", "?"));
	putchar('\n');
	if (stats == NULL)
		return;
	print_counters(stats, "");
	for (size_t i = 0; i < json_array_size(each); i++) {
		snprintf(who, sizeof(who), "worker %zu", i);
		print_counters(json_array_get(each, i), who);
	}
}

void
psnetctl_print_links(struct psnetctl *ctl, json_t *list)
{
	(void)ctl;
	for (size_t i = 0; i < json_array_size(list); i++)
		print_link(json_array_get(list, i));
}

/* What address conflict detection found. */
static void
print_claim(const json_t *a)
{
	static const char *const words[] = {
	    "tentative", "defended", "dadfailed"};

	for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++)
		if (json_is_true(json_object_get(a, words[i])))
			printf(" %s", words[i]);
}

static void
print_addr(const json_t *a)
{
	printf("    inet %s/%lld", psnetctl_text(a, "local", "?"),
	    (long long)psnetctl_number(a, "prefixlen"));
	if (json_object_get(a, "broadcast") != NULL)
		printf(" brd %s", psnetctl_text(a, "broadcast", "?"));
	printf(" scope %s", psnetctl_text(a, "scope", "?"));
	print_claim(a);
	printf(" %s\n", psnetctl_text(a, "label", ""));
}

void
psnetctl_print_addrs(struct psnetctl *ctl, json_t *list)
{
	(void)ctl;
	for (size_t i = 0; i < json_array_size(list); i++) {
		const json_t *o = json_array_get(list, i);
		const json_t *addrs = json_object_get(o, "addr_info");

		print_link(o);
		for (size_t k = 0; k < json_array_size(addrs); k++)
			print_addr(json_array_get(addrs, k));
	}
}

static void
print_hop(const json_t *o)
{
	if (json_object_get(o, "gateway") != NULL)
		printf(" via %s", psnetctl_text(o, "gateway", "?"));
	if (json_object_get(o, "dev") != NULL)
		printf(" dev %s", psnetctl_text(o, "dev", "?"));
	if (json_is_true(json_object_get(o, "recursive")))
		fputs(" recursive", stdout);
}

void
psnetctl_print_route(const json_t *o)
{
	const json_t *hops = json_object_get(o, "nexthops");
	const json_t *flags = json_object_get(o, "flags");
	const char *proto = psnetctl_text(o, "protocol", "boot");
	const bool lookup = json_object_get(o, "prefix") != NULL;

	if (json_object_get(o, "type") != NULL)
		printf("%s ", psnetctl_text(o, "type", "?"));
	fputs(psnetctl_text(o, "dst", "?"), stdout);
	if (json_object_get(o, "nhid") != NULL)
		printf(" nhid %lld", (long long)psnetctl_number(o, "nhid"));
	print_hop(o);
	if (json_object_get(o, "lookup") != NULL)
		printf(" lookup %s", psnetctl_text(o, "lookup", "?"));
	if (json_object_get(o, "table") != NULL)
		printf(" table %s", psnetctl_text(o, "table", "?"));
	if (!lookup && strcmp(proto, "boot") != 0)
		printf(" proto %s", proto);
	if (json_object_get(o, "scope") != NULL)
		printf(" scope %s", psnetctl_text(o, "scope", "?"));
	if (json_object_get(o, "prefsrc") != NULL)
		printf(" src %s", psnetctl_text(o, "prefsrc", "?"));
	if (json_object_get(o, "metric") != NULL)
		printf(" metric %lld", (long long)psnetctl_number(o, "metric"));
	if (json_object_get(o, "distance") != NULL)
		printf(" distance %lld",
		    (long long)psnetctl_number(o, "distance"));
	for (size_t i = 0; i < json_array_size(flags); i++)
		printf(" %s", json_string_value(json_array_get(flags, i)));
	putchar('\n');
	for (size_t i = 0; i < json_array_size(hops); i++) {
		const json_t *h = json_array_get(hops, i);

		fputs("\tnexthop", stdout);
		print_hop(h);
		printf(
		    " weight %lld\n", (long long)psnetctl_number(h, "weight"));
	}
}

void
psnetctl_print_routes(struct psnetctl *ctl, json_t *list)
{
	(void)ctl;
	for (size_t i = 0; i < json_array_size(list); i++)
		psnetctl_print_route(json_array_get(list, i));
}

void
psnetctl_print_rules(struct psnetctl *ctl, json_t *list)
{
	(void)ctl;
	for (size_t i = 0; i < json_array_size(list); i++) {
		const json_t *o = json_array_get(list, i);

		printf("%lld:\tfrom %s",
		    (long long)psnetctl_number(o, "priority"),
		    psnetctl_text(o, "src", "?"));
		if (json_object_get(o, "fwmark") != NULL)
			printf(" fwmark 0x%llx",
			    (long long)psnetctl_number(o, "fwmark"));
		if (json_object_get(o, "fwmask") != NULL)
			printf(
			    "/0x%llx", (long long)psnetctl_number(o, "fwmask"));
		if (json_object_get(o, "iif") != NULL)
			printf(" iif %s", psnetctl_text(o, "iif", "?"));
		printf(" lookup %s\n", psnetctl_text(o, "table", "?"));
	}
}

static void
print_neigh(const json_t *o)
{
	const json_t *state = json_object_get(o, "state");

	fputs(psnetctl_text(o, "dst", "?"), stdout);
	if (json_object_get(o, "dev") != NULL)
		printf(" dev %s", psnetctl_text(o, "dev", "?"));
	if (json_object_get(o, "lladdr") != NULL)
		printf(" lladdr %s", psnetctl_text(o, "lladdr", "?"));
	if (json_object_get(o, "used") != NULL)
		printf(" used %lld", (long long)psnetctl_number(o, "used"));
	if (json_object_get(o, "confirmed") != NULL)
		printf(" confirmed %lld held %lld probes %lld%s",
		    (long long)psnetctl_number(o, "confirmed"),
		    (long long)psnetctl_number(o, "held"),
		    (long long)psnetctl_number(o, "probes"),
		    json_is_true(json_object_get(o, "proven")) ? ""
							       : " unproven");
	for (size_t i = 0; i < json_array_size(state); i++)
		printf(" %s", json_string_value(json_array_get(state, i)));
	putchar('\n');
}

void
psnetctl_print_neighs(struct psnetctl *ctl, json_t *list)
{
	(void)ctl;
	for (size_t i = 0; i < json_array_size(list); i++)
		print_neigh(json_array_get(list, i));
}

void
psnetctl_print_drops(struct psnetctl *ctl, json_t *list)
{
	(void)ctl;
	printf("%-15s %6s %12s  %-24s %s\n", "interface", "worker", "packets",
	    "reason", "meaning");
	for (size_t i = 0; i < json_array_size(list); i++) {
		const json_t *o = json_array_get(list, i);

		printf("%-15s %6lld %12lld  %-24s %s\n",
		    psnetctl_text(o, "ifname", "-"),
		    (long long)psnetctl_number(o, "worker"),
		    (long long)psnetctl_number(o, "count"),
		    psnetctl_text(o, "reason", "?"),
		    psnetctl_text(o, "text", ""));
	}
}

void
psnetctl_print_options(struct psnetctl *ctl, json_t *list)
{
	(void)ctl;
	for (size_t i = 0; i < json_array_size(list); i++) {
		const json_t *o = json_array_get(list, i);

		printf("%s %lld\n", psnetctl_text(o, "name", "?"),
		    (long long)psnetctl_number(o, "value"));
	}
}

void
psnetctl_print_removed(struct psnetctl *ctl, json_t *result)
{
	(void)ctl;
	printf("removed %lld\n", (long long)psnetctl_number(result, "removed"));
}

static void
print_event_link(const json_t *o)
{
	printf("%lld: %s: ", (long long)psnetctl_number(o, "ifindex"),
	    psnetctl_text(o, "ifname", "?"));
	print_flags(json_object_get(o, "flags"));
	printf(" mtu %lld state %s link %s\n",
	    (long long)psnetctl_number(o, "mtu"),
	    psnetctl_text(o, "operstate", "?"),
	    psnetctl_text(o, "address", "?"));
}

static void
print_event_addr(const json_t *o)
{
	printf("%s inet %s/%lld", psnetctl_text(o, "ifname", "?"),
	    psnetctl_text(o, "local", "?"),
	    (long long)psnetctl_number(o, "prefixlen"));
	print_claim(o);
	if (json_object_get(o, "lladdr") != NULL)
		printf(" conflicts with %s", psnetctl_text(o, "lladdr", "?"));
	putchar('\n');
}

void
psnetctl_print_event(struct psnetctl *ctl, json_t *o)
{
	const char *kind = psnetctl_text(o, "kind", "?");

	(void)ctl;
	printf("[%s]", kind);
	if (strcmp(psnetctl_text(o, "action", ""), "del") == 0)
		fputs("Deleted ", stdout);
	if ((strcmp(kind, "route") == 0 || strcmp(kind, "nexthop") == 0) &&
	    strcmp(psnetctl_text(o, "action", ""), "change") == 0 &&
	    !json_is_true(json_object_get(o, "bulk")))
		fputs("Replaced ", stdout);
	if (strcmp(kind, "link") == 0)
		print_event_link(o);
	else if (strcmp(kind, "addr") == 0)
		print_event_addr(o);
	else if (strcmp(kind, "neigh") == 0)
		print_neigh(o);
	else if (strcmp(kind, "nexthop") == 0)
		psnetctl_print_nexthop(o);
	else if (json_is_true(json_object_get(o, "bulk")))
		puts("many routes changed in one commit");
	else
		psnetctl_print_route(o);
}

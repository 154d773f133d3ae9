/* SPDX-License-Identifier: BSD-2-Clause */

/* "route get": which way a packet goes, and why. */

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "apps/psnetctl/ctl.h"
#include "apps/spec.h"

static int
parse_ipproto(const char *s, uint32_t *out, struct words_error *e)
{
	static const struct {
		const char *name;
		uint32_t number;
	} known[] = {{"icmp", 1}, {"tcp", 6}, {"udp", 17}};

	for (size_t i = 0; i < sizeof(known) / sizeof(known[0]); i++) {
		if (strcmp(s, known[i].name) == 0) {
			*out = known[i].number;
			return 0;
		}
	}
	return words_u32(s, 0, UINT8_MAX, out, e);
}

/* The value of a word that stands for a number. */
static int
parse_number(
    const char *key, const char *s, uint32_t *out, struct words_error *e)
{
	if (strcmp(key, "mark") == 0)
		return spec_mark_parse(s, out, e);
	if (strcmp(key, "ipproto") == 0)
		return parse_ipproto(s, out, e);
	if (strcmp(key, "sport") == 0 || strcmp(key, "dport") == 0)
		return words_u32(s, 0, UINT16_MAX, out, e);
	return words_fail(e, key,
	    "neither from, iif, mark, ipproto, sport, dport nor details");
}

static int
parse_word(struct words *w, json_t *args, struct words_error *e)
{
	const char *key = words_next(w), *s;
	uint32_t n = 0;

	if (strncmp("details", key, strlen(key)) == 0 && strlen(key) > 2) {
		json_object_set_new(args, "details", json_true());
		return 0;
	}
	s = words_value(w, key, e);
	if (s == NULL)
		return -EINVAL;
	if (strcmp(key, "from") == 0 || strcmp(key, "iif") == 0) {
		json_object_set_new(
		    args, key[0] == 'f' ? "src" : key, json_string(s));
		return 0;
	}
	if (parse_number(key, s, &n, e) != 0)
		return -EINVAL;
	json_object_set_new(args, strcmp(key, "mark") == 0 ? "fwmark" : key,
	    json_integer((json_int_t)n));
	return 0;
}

int
psnetctl_route_get(struct psnetctl *ctl, struct words *w,
    struct psnetctl_request *out, struct words_error *e)
{
	const char *s;
	uint32_t addr;

	out->cmd = "route.get";
	out->print = psnetctl_print_ways;
	out->args = json_object();
	words_accept(w, "to");
	s = words_next(w);
	if (s == NULL)
		return words_fail(e, NULL, "an address must follow");
	if (out->args == NULL || words_ipv4(s, &addr, e) != 0)
		return -EINVAL;
	json_object_set_new(out->args, "dst", json_string(s));
	if (ctl->details)
		json_object_set_new(out->args, "details", json_true());
	while (words_peek(w) != NULL)
		if (parse_word(w, out->args, e) != 0)
			return -EINVAL;
	return 0;
}

static void
print_rules(const json_t *list)
{
	for (size_t i = 0; i < json_array_size(list); i++) {
		const json_t *o = json_array_get(list, i);

		printf("    rule %lld: table %s: ",
		    (long long)psnetctl_number(o, "priority"),
		    psnetctl_text(o, "table", "?"));
		if (json_object_get(o, "prefix") != NULL)
			printf("%s ", psnetctl_text(o, "prefix", "?"));
		puts(psnetctl_text(o, "result", "?"));
	}
}

static void
print_candidates(const json_t *list)
{
	for (size_t i = 0; i < json_array_size(list); i++) {
		const json_t *o = json_array_get(list, i);

		printf("    %s: ", i == 0 ? "used" : "waits");
		psnetctl_print_route(o);
		if (json_object_get(o, "lost") != NULL)
			printf("\t%s\n", psnetctl_text(o, "lost", "?"));
	}
}

static void
print_group(const json_t *g)
{
	const json_t *list = json_object_get(g, "members");

	printf("    group %lld of %lld routes and objects, buckets %lld",
	    (long long)psnetctl_number(g, "id"),
	    (long long)psnetctl_number(g, "refs"),
	    (long long)psnetctl_number(g, "buckets"));
	if (json_is_true(json_object_get(g, "resilient")))
		fputs(", resilient", stdout);
	if (psnetctl_number(g, "backup") != 0)
		printf(
		    ", backup %lld", (long long)psnetctl_number(g, "backup"));
	if (psnetctl_number(g, "left_out") != 0)
		printf(", next hops left out %lld",
		    (long long)psnetctl_number(g, "left_out"));
	putchar('\n');
	for (size_t i = 0; i < json_array_size(list); i++) {
		const json_t *m = json_array_get(list, i);

		printf("    %c %s",
		    json_is_true(json_object_get(m, "chosen")) ? '*' : ' ',
		    psnetctl_text(m, "kind", "?"));
		if (json_object_get(m, "gateway") != NULL)
			printf(" %s", psnetctl_text(m, "gateway", "?"));
		if (json_object_get(m, "dev") != NULL)
			printf(" dev %s", psnetctl_text(m, "dev", "?"));
		printf(" weight %lld buckets %lld adjacency %lld port %s\n",
		    (long long)psnetctl_number(m, "weight"),
		    (long long)psnetctl_number(m, "buckets"),
		    (long long)psnetctl_number(m, "adjacency"),
		    psnetctl_text(m, "port", "?"));
	}
}

/* Which tables were asked for the gateways that are on no link. */
static void
print_gateways(const json_t *list)
{
	for (size_t i = 0; i < json_array_size(list); i++) {
		const json_t *o = json_array_get(list, i);
		const json_t *tables = json_object_get(o, "tables");

		printf("    gateway %s:", psnetctl_text(o, "gateway", "?"));
		for (size_t k = 0; k < json_array_size(tables); k++)
			printf("%s table %s", k > 0 ? "," : "",
			    json_string_value(json_array_get(tables, k)));
		printf(": %s\n", psnetctl_text(o, "result", "?"));
	}
}

static void
print_neighbour(const json_t *why)
{
	const json_t *n = json_object_get(why, "neighbour");
	const json_t *state = json_object_get(n, "state");

	if (n == NULL)
		return;
	printf("    neighbour %s dev %s", psnetctl_text(n, "dst", "?"),
	    psnetctl_text(n, "dev", "?"));
	if (json_object_get(n, "lladdr") != NULL)
		printf(" lladdr %s", psnetctl_text(n, "lladdr", "?"));
	printf(" %s, header %s\n", json_string_value(json_array_get(state, 0)),
	    json_is_true(json_object_get(why, "prebuilt"))
		? "prebuilt"
		: "of the neighbour cache");
}

static void
print_why(const json_t *why)
{
	const json_t *g = json_object_get(why, "group");

	print_rules(json_object_get(why, "rules"));
	print_candidates(json_object_get(why, "candidates"));
	print_group(g);
	print_gateways(json_object_get(g, "gateways"));
	printf("    hash 0x%08llx", (long long)psnetctl_number(why, "hash"));
	if (json_object_get(g, "bucket") != NULL)
		printf(
		    " -> bucket %lld", (long long)psnetctl_number(g, "bucket"));
	if (json_object_get(g, "adjacency") != NULL)
		printf(" -> adjacency %lld",
		    (long long)psnetctl_number(g, "adjacency"));
	if (json_object_get(g, "instead") != NULL)
		printf(" -> %s", psnetctl_text(g, "instead", "?"));
	putchar('\n');
	print_neighbour(why);
}

void
psnetctl_print_ways(struct psnetctl *ctl, json_t *list)
{
	(void)ctl;
	for (size_t i = 0; i < json_array_size(list); i++) {
		const json_t *o = json_array_get(list, i);

		psnetctl_print_route(o);
		if (json_object_get(o, "why") != NULL)
			print_why(json_object_get(o, "why"));
	}
}

/* SPDX-License-Identifier: BSD-2-Clause */

#include "apps/config.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "apps/array.h"
#include "stack/core/stack.h"

/* Words on a line: each next hop of the longest route takes seven. */
#define LINE_WORDS_MAX (16 + 7 * SPEC_NEXTHOPS_MAX)
#define LINE_MAX_BYTES 16384

/* A line: a copy cut into words. */
struct line {
	char text[LINE_MAX_BYTES];
	const char *word[LINE_WORDS_MAX];
	unsigned int n;
};

void
config_init(struct config *c)
{
	*c = (struct config){.workers = 0};
}

void
config_fini(struct config *c)
{
	for (size_t i = 0; i < c->nobjects; i++)
		spec_object_fini(&c->objects[i]);
	for (size_t i = 0; i < c->nroutes; i++)
		spec_route_fini(&c->routes[i]);
	for (size_t i = 0; i < c->ntables; i++) {
		free(c->tables[i].path);
		prefixlist_fini(&c->tables[i].list);
	}
	free(c->links);
	free(c->addrs);
	free(c->objects);
	free(c->routes);
	free(c->rules);
	free(c->neighs);
	free(c->tables);
	config_init(c);
}

bool
config_option_find(const char *name, enum ipv4_option *out)
{
	for (unsigned int i = 0; i < IPV4_OPT_COUNT; i++) {
		if (strcmp(name, ipv4_option_name((enum ipv4_option)i)) == 0) {
			*out = (enum ipv4_option)i;
			return true;
		}
	}
	return false;
}

/* "KEYWORD N", once in a file. */
static int
number_line(struct words *w, const char *keyword, uint32_t min, uint32_t max,
    uint32_t *out, unsigned int *out_line, unsigned int line,
    struct words_error *e)
{
	const char *s = words_value(w, keyword, e);

	if (s == NULL || words_u32(s, min, max, out, e) != 0 ||
	    words_end(w, e) != 0)
		return -EINVAL;
	if (*out_line != 0)
		return words_fail(
		    e, keyword, "set on line %u already", *out_line);
	*out_line = line;
	return 0;
}

static int
parse_workers(
    struct config *c, struct words *w, unsigned int line, struct words_error *e)
{
	return number_line(w, "workers", 1, STACK_WORKERS_MAX, &c->workers,
	    &c->workers_line, line, e);
}

static int
parse_packets(
    struct config *c, struct words *w, unsigned int line, struct words_error *e)
{
	return number_line(w, "packets", 256, 1u << 20, &c->packets,
	    &c->packets_line, line, e);
}

/* The least holds the shares that a scan cannot take. */
static int
parse_neighbours(
    struct config *c, struct words *w, unsigned int line, struct words_error *e)
{
	return number_line(w, "neighbours", 16, 1u << 20, &c->neighbours,
	    &c->neighbours_line, line, e);
}

static int
parse_interface(
    struct config *c, struct words *w, unsigned int line, struct words_error *e)
{
	int rc = array_reserve(
	    &c->links, &c->links_room, c->nlinks, sizeof(c->links[0]));

	if (rc == 0)
		rc =
		    spec_link_parse(w, SPEC_LINK_FILE, &c->links[c->nlinks], e);
	if (rc == 0) {
		/* Who says no mark wants none. */
		c->links[c->nlinks].has_mark = true;
		c->links[c->nlinks++].line = line;
	}
	return rc;
}

static int
parse_address(
    struct config *c, struct words *w, unsigned int line, struct words_error *e)
{
	int rc = array_reserve(
	    &c->addrs, &c->addrs_room, c->naddrs, sizeof(c->addrs[0]));

	words_accept(w, "add");
	if (rc == 0)
		rc = spec_addr_parse(w, &c->addrs[c->naddrs], e);
	if (rc == 0)
		c->addrs[c->naddrs++].line = line;
	return rc;
}

static int
parse_route(
    struct config *c, struct words *w, unsigned int line, struct words_error *e)
{
	int rc = array_reserve(
	    &c->routes, &c->routes_room, c->nroutes, sizeof(c->routes[0]));
	struct spec_route *r;

	words_accept(w, "add");
	if (rc == 0)
		rc = spec_route_parse(w, true, &c->routes[c->nroutes], e);
	if (rc != 0)
		return rc;
	r = &c->routes[c->nroutes++];
	r->line = line;
	if (r->protocol == 0)
		r->protocol = ROUTE_PROTO_STATIC;
	return 0;
}

static int
parse_object(
    struct config *c, struct words *w, unsigned int line, struct words_error *e)
{
	int rc = array_reserve(
	    &c->objects, &c->objects_room, c->nobjects, sizeof(c->objects[0]));
	struct spec_object *o;

	words_accept(w, "add");
	if (rc == 0)
		rc = spec_object_parse(w, &c->objects[c->nobjects], e);
	if (rc != 0)
		return rc;
	o = &c->objects[c->nobjects++];
	o->line = line;
	if (o->protocol == 0)
		o->protocol = ROUTE_PROTO_STATIC;
	return 0;
}

/* The order of the lines does not matter, so each says its own place. */
static int
parse_rule(
    struct config *c, struct words *w, unsigned int line, struct words_error *e)
{
	int rc = array_reserve(
	    &c->rules, &c->rules_room, c->nrules, sizeof(c->rules[0]));

	words_accept(w, "add");
	if (rc == 0)
		rc = spec_rule_parse(w, true, &c->rules[c->nrules], e);
	if (rc == 0 && c->rules[c->nrules].pref == 0)
		rc = words_fail(e, "rule", "\"pref N\" must be said");
	if (rc == 0)
		c->rules[c->nrules++].line = line;
	return rc;
}

static int
parse_neighbour(
    struct config *c, struct words *w, unsigned int line, struct words_error *e)
{
	int rc = array_reserve(
	    &c->neighs, &c->neighs_room, c->nneighs, sizeof(c->neighs[0]));

	words_accept(w, "add");
	if (rc == 0)
		rc = spec_neigh_parse(w, true, &c->neighs[c->nneighs], e);
	if (rc == 0)
		c->neighs[c->nneighs++].line = line;
	return rc;
}

static int
parse_set(
    struct config *c, struct words *w, unsigned int line, struct words_error *e)
{
	const char *name = words_value(w, "set", e), *s;
	enum ipv4_option opt;
	uint32_t value;

	if (name == NULL)
		return -EINVAL;
	if (!config_option_find(name, &opt))
		return words_fail(e, name, "there is no such option");
	if (c->options[opt].line != 0)
		return words_fail(
		    e, name, "set on line %u already", c->options[opt].line);
	s = words_value(w, name, e);
	if (s == NULL)
		return -EINVAL;
	if (words_switch(s, &value, e) != 0 || words_end(w, e) != 0)
		return -EINVAL;
	if (!ipv4_option_valid(opt, value))
		return words_fail(e, name, "the value %u is out of range",
		    (unsigned int)value);
	c->options[opt] = (struct config_option){line, value};
	return 0;
}

static int
table_words(struct words *w, struct config_table *t, struct words_error *e)
{
	const char *key, *s;

	while ((key = words_next(w)) != NULL) {
		if (strcmp(key, "nhid") == 0) {
			t->ids = true;
			continue;
		}
		s = words_value(w, key, e);
		if (s == NULL)
			return -EINVAL;
		if (strcmp(key, "via") == 0) {
			if (words_ipv4(s, &t->dflt.via, e) != 0)
				return -EINVAL;
		} else if (strcmp(key, "dev") == 0) {
			if (words_name(s, t->dflt.dev, e) != 0)
				return -EINVAL;
		} else if (strcmp(key, "table") == 0) {
			if (spec_table_parse(s, &t->in, e) != 0)
				return -EINVAL;
			continue;
		} else {
			return words_fail(
			    e, key, "neither via, dev, nhid nor table");
		}
		t->has_default = true;
	}
	return 0;
}

static int
parse_table(
    struct config *c, struct words *w, unsigned int line, struct words_error *e)
{
	struct config_table t = {.line = line, .dflt = {.weight = 1}};
	const char *path = words_value(w, "table", e);
	int rc;

	if (path == NULL)
		return -EINVAL;
	rc = table_words(w, &t, e);
	if (rc == 0)
		rc = array_reserve(&c->tables, &c->tables_room, c->ntables,
		    sizeof(c->tables[0]));
	if (rc == 0 && (t.path = strdup(path)) == NULL)
		rc = -ENOMEM;
	if (rc == 0)
		c->tables[c->ntables++] = t;
	return rc;
}

static const struct {
	const char *word;
	int (*parse)(struct config *c, struct words *w, unsigned int line,
	    struct words_error *e);
} keywords[] = {
    {"workers", parse_workers},
    {"packets", parse_packets},
    {"neighbours", parse_neighbours},
    {"neighbors", parse_neighbours},
    {"interface", parse_interface},
    {"address", parse_address},
    {"route", parse_route},
    {"nexthop", parse_object},
    {"rule", parse_rule},
    {"neighbour", parse_neighbour},
    {"neighbor", parse_neighbour},
    {"set", parse_set},
    {"table", parse_table},
};

static int
parse_words(
    struct config *c, struct line *l, unsigned int line, struct words_error *e)
{
	struct words w = {.word = l->word, .n = l->n};
	const char *first = words_next(&w);

	if (first == NULL)
		return 0;
	for (size_t i = 0; i < sizeof(keywords) / sizeof(keywords[0]); i++) {
		if (strcmp(first, keywords[i].word) == 0)
			return keywords[i].parse(c, &w, line, e);
	}
	return words_fail(e, first,
	    "not one of workers, packets, neighbours, interface, address, "
	    "nexthop, route, rule, neighbour, set, table");
}

/* Copy the line and cut it at blanks; '#' ends it. */
static int
split(struct line *l, const char *text, size_t len, struct words_error *e)
{
	char *s = l->text;

	l->n = 0;
	if (len >= sizeof(l->text))
		return words_fail(e, NULL, "the line exceeds %zu characters",
		    sizeof(l->text) - 1);
	memcpy(l->text, text, len);
	l->text[len] = '\0';
	if (strlen(l->text) != len)
		return words_fail(e, NULL, "the line has a NUL character");
	l->text[strcspn(l->text, "#")] = '\0';
	for (;;) {
		s += strspn(s, " \t\r");
		if (*s == '\0')
			return 0;
		if (l->n == LINE_WORDS_MAX)
			return words_fail(e, s, "more than %d words on a line",
			    LINE_WORDS_MAX);
		l->word[l->n++] = s;
		s += strcspn(s, " \t\r");
		if (*s != '\0')
			*s++ = '\0';
	}
}

static int
parse_lines(struct config *c, struct line *l, const char *text, size_t len,
    struct config_error *e)
{
	e->line = 0;
	while (len > 0) {
		const char *nl = memchr(text, '\n', len);
		const size_t n = nl != NULL ? (size_t)(nl - text) : len;
		int rc;

		e->line++;
		rc = split(l, text, n, &e->what);
		if (rc == 0)
			rc = parse_words(c, l, e->line, &e->what);
		if (rc != 0)
			return rc;
		if (nl == NULL)
			break;
		text = nl + 1;
		len -= n + 1;
	}
	return 0;
}

/* By id, and of the same the first one first. */
static int
compare_objects(const void *a, const void *b)
{
	const struct spec_object *x = a, *y = b;

	if (x->id != y->id)
		return x->id < y->id ? -1 : 1;
	return x->line < y->line ? -1 : x->line > y->line;
}

const struct spec_object *
config_object_find(const struct config *c, uint32_t id)
{
	size_t lo = 0, hi = c->nobjects;

	while (lo < hi) {
		const size_t mid = lo + (hi - lo) / 2;

		if (c->objects[mid].id < id)
			lo = mid + 1;
		else
			hi = mid;
	}
	return lo < c->nobjects && c->objects[lo].id == id ? &c->objects[lo]
							   : NULL;
}

int
config_parse(
    const char *text, size_t len, struct config *out, struct config_error *e)
{
	struct config c;
	struct line *l = malloc(sizeof(*l));
	int rc;

	config_init(&c);
	rc = l != NULL ? parse_lines(&c, l, text, len, e) : -ENOMEM;
	free(l);
	if (rc == -ENOMEM)
		words_fail(&e->what, NULL, "no memory");
	if (rc != 0) {
		config_fini(&c);
		return rc;
	}
	if (c.nobjects > 1)
		qsort(c.objects, c.nobjects, sizeof(c.objects[0]),
		    compare_objects);
	*out = c;
	return 0;
}

void
config_error_show(const struct config_error *e, char *out, size_t outlen)
{
	const char *sep = e->what.word[0] != '\0' ? ": " : "";
	char line[16] = "";

	if (e->line > 0)
		snprintf(line, sizeof(line), ":%u", e->line);
	snprintf(out, outlen, "%s%s: %s%s%s", e->file, line, e->what.word, sep,
	    e->what.reason);
}

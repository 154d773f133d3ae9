/* SPDX-License-Identifier: BSD-2-Clause */

#include "apps/spec_object.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "apps/spec.h"
#include "stack/nexthop/group.h"

_Static_assert(SPEC_OBJECT_MEMBERS_MAX == NEXTHOP_HOPS_MAX, "members fit");

#define BUCKETS_DEFAULT 128 /* those of Linux */
#define IDLE_DEFAULT_MS 120000

static const struct {
	const char *name;
	uint8_t kind;
} drops[] = {
    {"blackhole", NEXTHOP_BLACKHOLE},
    {"unreachable", NEXTHOP_UNREACHABLE},
    {"prohibit", NEXTHOP_PROHIBIT},
};

#define NDROPS (sizeof(drops) / sizeof(drops[0]))

const char *
spec_object_drop_name(uint8_t kind)
{
	for (size_t i = 0; i < NDROPS; i++)
		if (drops[i].kind == kind)
			return drops[i].name;
	return NULL;
}

bool
spec_object_drop_parse(const char *s, uint8_t *kind)
{
	for (size_t i = 0; i < NDROPS; i++) {
		if (strcmp(s, drops[i].name) == 0) {
			*kind = drops[i].kind;
			return true;
		}
	}
	return false;
}

int
spec_object_id(const char *s, uint32_t *out, struct words_error *e)
{
	if (words_u32(s, 1, UINT32_MAX, out, e) == 0)
		return 0;
	return words_fail(
	    e, s, "not a next hop's id, which is a number from 1");
}

/* What was said, while it is being said. */
struct sentence {
	struct spec_object o;
	bool drop, group, type, buckets, timers;
	const char *word; /* the last key */
};

/* "ID[,WEIGHT]" of n characters. */
static int
parse_member(const char *s, size_t n, struct spec_object_member *m,
    struct words_error *e)
{
	char text[32], *comma;
	uint32_t weight = 1;

	if (n == 0 || n >= sizeof(text))
		return words_fail(e, s, "not a list like 1,3/2,5");
	memcpy(text, s, n);
	text[n] = '\0';
	comma = strchr(text, ',');
	if (comma != NULL)
		*comma++ = '\0';
	if (spec_object_id(text, &m->id, e) != 0)
		return -EINVAL;
	if (comma != NULL && words_u32(comma, 1, UINT16_MAX, &weight, e) != 0)
		return words_fail(
		    e, comma, "a weight is a number from 1 to 65535");
	m->weight = (uint16_t)weight;
	return 0;
}

static int
parse_group(const char *s, struct spec_object *o, struct words_error *e)
{
	const char *end;

	free(o->members);
	o->nmembers = 0;
	o->members = calloc(SPEC_OBJECT_MEMBERS_MAX, sizeof(o->members[0]));
	if (o->members == NULL)
		return -ENOMEM;
	for (;; s = end + 1) {
		if (o->nmembers == SPEC_OBJECT_MEMBERS_MAX)
			return words_fail(e, "group", "more than %d members",
			    SPEC_OBJECT_MEMBERS_MAX);
		end = s + strcspn(s, "/");
		if (parse_member(
			s, (size_t)(end - s), &o->members[o->nmembers], e) != 0)
			return -EINVAL;
		o->nmembers++;
		if (*end == '\0')
			return 0;
	}
}

static int
parse_type(const char *s, struct sentence *p, struct words_error *e)
{
	p->type = true;
	p->o.resilient = strcmp(s, "resilient") == 0;
	if (!p->o.resilient && strcmp(s, "mpath") != 0)
		return words_fail(e, s, "neither mpath nor resilient");
	return 0;
}

static int
parse_via(struct words *w, const char *s, struct spec_object *o,
    struct words_error *e)
{
	if (strcmp(s, "inet6") == 0)
		return words_fail(e, s, "only gateways of IPv4 are supported");
	if (strcmp(s, "inet") == 0)
		s = words_value(w, "via", e);
	if (s == NULL || words_ipv4(s, &o->via, e) != 0)
		return -EINVAL;
	return o->via != 0 ? 0 : words_fail(e, s, "not a gateway");
}

/* A key and its value s. */
static int
parse_value(struct words *w, const char *key, const char *s, struct sentence *p,
    struct words_error *e)
{
	struct spec_object *o = &p->o;

	if (strcmp(key, "id") == 0)
		return spec_object_id(s, &o->id, e);
	if (strcmp(key, "via") == 0)
		return parse_via(w, s, o, e);
	if (strcmp(key, "dev") == 0)
		return words_name(s, o->dev, e);
	if (strcmp(key, "proto") == 0 || strcmp(key, "protocol") == 0)
		return spec_protocol_parse(s, &o->protocol, e);
	if (strcmp(key, "group") == 0) {
		p->group = true;
		return parse_group(s, o, e);
	}
	if (strcmp(key, "backup") == 0)
		return spec_object_id(s, &o->backup, e);
	if (strcmp(key, "type") == 0)
		return parse_type(s, p, e);
	if (strcmp(key, "buckets") == 0) {
		p->buckets = true;
		return words_u32(s, 2, NEXTHOP_BUCKETS_MAX, &o->buckets, e);
	}
	p->timers = true;
	if (strcmp(key, "idle_timer") == 0)
		return words_seconds(s, &o->idle_ms, e);
	if (strcmp(key, "unbalanced_timer") == 0)
		return words_seconds(s, &o->unbalanced_ms, e);
	return words_fail(e, key, "unexpected word");
}

static bool
is_key(const char *s)
{
	static const char *const keys[] = {"id", "via", "dev", "proto",
	    "protocol", "group", "type", "buckets", "idle_timer",
	    "unbalanced_timer", "backup"};

	for (size_t i = 0; i < sizeof(keys) / sizeof(keys[0]); i++)
		if (strcmp(s, keys[i]) == 0)
			return true;
	return false;
}

static int
parse_words(struct words *w, struct sentence *p, struct words_error *e)
{
	const char *key, *s;
	int rc;

	while ((key = words_next(w)) != NULL) {
		if (spec_object_drop_parse(key, &p->o.kind)) {
			p->drop = true;
			continue;
		}
		if (!is_key(key))
			return words_fail(e, key, "unexpected word");
		s = words_value(w, key, e);
		if (s == NULL)
			return -EINVAL;
		rc = parse_value(w, key, s, p, e);
		if (rc != 0)
			return rc;
	}
	return 0;
}

int
spec_object_check(const struct spec_object *o, struct words_error *e)
{
	char text[WORDS_TEXT_MAX];

	if (o->backup != 0 && o->backup == o->id)
		return words_fail(e, "backup", "a group is not its own");
	for (unsigned int i = 0; i < o->nmembers; i++) {
		snprintf(
		    text, sizeof(text), "%u", (unsigned int)o->members[i].id);
		if (o->members[i].id == o->id)
			return words_fail(e, text, "a group in itself");
		for (unsigned int k = 0; k < i; k++)
			if (o->members[k].id == o->members[i].id)
				return words_fail(e, text, "it is named twice");
	}
	return 0;
}

/* Does what was said go together? */
static int
settle(struct sentence *p, struct words_error *e)
{
	struct spec_object *o = &p->o;
	const bool hop = o->via != 0 || o->dev[0] != '\0';

	if (o->id == 0)
		return words_fail(e, NULL, "\"id N\" must be given");
	if (!hop && !p->drop && !p->group)
		return words_fail(e, NULL,
		    "\"via\", \"dev\", \"group\", \"blackhole\", "
		    "\"unreachable\" or \"prohibit\" must follow");
	if (hop + p->drop + p->group > 1)
		return words_fail(e,
		    p->group ? "group" : spec_object_drop_name(o->kind),
		    "either a next hop, a group or a drop");
	if ((p->type || o->backup != 0) && !p->group)
		return words_fail(
		    e, p->type ? "type" : "backup", "only a group has one");
	if ((p->buckets || p->timers) && !o->resilient)
		return words_fail(e, p->buckets ? "buckets" : "timer",
		    "only a group of \"type resilient\" has this");
	if (o->resilient && !p->buckets)
		o->buckets = BUCKETS_DEFAULT;
	if (!o->resilient)
		o->idle_ms = 0;
	if (hop)
		o->kind = o->via != 0 ? NEXTHOP_VIA : NEXTHOP_LINK;
	return spec_object_check(o, e);
}

int
spec_object_parse(
    struct words *w, struct spec_object *out, struct words_error *e)
{
	struct sentence p = {.o = {.idle_ms = IDLE_DEFAULT_MS}};
	int rc = parse_words(w, &p, e);

	if (rc == 0)
		rc = settle(&p, e);
	if (rc != 0)
		spec_object_fini(&p.o);
	else
		*out = p.o;
	return rc;
}

void
spec_object_fini(struct spec_object *o)
{
	free(o->members);
	o->members = NULL;
	o->nmembers = 0;
}

int
spec_object_copy(const struct spec_object *o, struct spec_object *out)
{
	struct spec_object c = *o;

	c.members = NULL;
	if (o->nmembers > 0) {
		c.members = malloc(o->nmembers * sizeof(c.members[0]));
		if (c.members == NULL)
			return -ENOMEM;
		memcpy(
		    c.members, o->members, o->nmembers * sizeof(c.members[0]));
	}
	*out = c;
	return 0;
}

/* Buckets are a power of two, whatever was said. */
static uint32_t
buckets_of(const struct spec_object *o)
{
	uint32_t n = 2;

	while (n < o->buckets)
		n *= 2;
	return o->resilient ? n : 0;
}

bool
spec_object_equal(const struct spec_object *a, const struct spec_object *b)
{
	if (a->id != b->id || a->protocol != b->protocol ||
	    a->kind != b->kind || a->via != b->via ||
	    strcmp(a->dev, b->dev) != 0 || a->nmembers != b->nmembers ||
	    a->resilient != b->resilient || buckets_of(a) != buckets_of(b) ||
	    a->backup != b->backup || a->idle_ms != b->idle_ms ||
	    a->unbalanced_ms != b->unbalanced_ms)
		return false;
	for (unsigned int i = 0; i < a->nmembers; i++)
		if (a->members[i].id != b->members[i].id ||
		    a->members[i].weight != b->members[i].weight)
			return false;
	return true;
}

bool
spec_object_replaceable(
    const struct spec_object *old, const struct spec_object *new)
{
	return (old->nmembers != 0) == (new->nmembers != 0) &&
	       old->resilient == new->resilient &&buckets_of(old) ==
		   buckets_of(new);
}

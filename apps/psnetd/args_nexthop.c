/* SPDX-License-Identifier: BSD-2-Clause */

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "apps/psnetd/args.h"
#include "stack/nexthop/group.h"

#define BUCKETS_DEFAULT 128 /* those of Linux */
#define IDLE_DEFAULT_MS 120000

static int
parse_member(json_t *o, struct spec_object_member *m, struct words_error *e)
{
	static const char *const keys[] = {"id", "weight", NULL};
	uint32_t weight = 1;

	if (!json_is_object(o))
		return words_fail(e, "group", "not objects");
	if (psnetd_args_known(o, keys, e) != 0 ||
	    psnetd_args_u32(o, "id", 1, UINT32_MAX, &m->id, e) != 0 ||
	    psnetd_args_u32(o, "weight", 1, UINT16_MAX, &weight, e) != 0)
		return -EINVAL;
	if (m->id == 0)
		return words_fail(e, "group", "one has no id");
	m->weight = (uint16_t)weight;
	return 0;
}

static int
parse_members(const json_t *list, struct spec_object *s, struct words_error *e)
{
	const size_t n = json_array_size(list);
	int rc = 0;

	if (!json_is_array(list) || n == 0)
		return words_fail(e, "group", "not a list of members");
	if (n > SPEC_OBJECT_MEMBERS_MAX)
		return words_fail(e, "group", "more than %d members",
		    SPEC_OBJECT_MEMBERS_MAX);
	s->members = calloc(n, sizeof(s->members[0]));
	if (s->members == NULL)
		return -ENOMEM;
	for (size_t i = 0; i < n && rc == 0; i++)
		rc = parse_member(json_array_get(list, i), &s->members[i], e);
	s->nmembers = (unsigned int)n;
	return rc;
}

/* Seconds, with or without a fraction. */
static int
parse_timer(
    const json_t *o, const char *key, uint64_t *ms, struct words_error *e)
{
	const json_t *v = json_object_get(o, key);
	const double s = json_number_value(v);

	if (v == NULL)
		return 0;
	if (!json_is_number(v) || !(s >= 0) ||
	    s > (double)(SPEC_OBJECT_MS_MAX / 1000))
		return words_fail(e, key, "not seconds, up to a year");
	*ms = (uint64_t)(s * 1000 + 0.5);
	return 0;
}

static int
parse_resilient(json_t *args, struct spec_object *s, struct words_error *e)
{
	static const char *const keys[] = {
	    "buckets", "idle_timer", "unbalanced_timer", NULL};
	json_t *o = json_object_get(args, "resilient_args");
	const char *type = "mpath";

	if (psnetd_args_string(args, "type", false, &type, e) != 0)
		return -EINVAL;
	s->resilient = strcmp(type, "resilient") == 0;
	if (!s->resilient && strcmp(type, "mpath") != 0)
		return words_fail(e, type, "neither mpath nor resilient");
	if (!s->resilient)
		return o == NULL ? 0
				 : words_fail(e, "resilient_args",
				       "only a resilient group has them");
	s->buckets = BUCKETS_DEFAULT;
	s->idle_ms = IDLE_DEFAULT_MS;
	if (o == NULL)
		return 0;
	if (!json_is_object(o))
		return words_fail(e, "resilient_args", "not an object");
	if (psnetd_args_known(o, keys, e) != 0 ||
	    psnetd_args_u32(
		o, "buckets", 2, NEXTHOP_BUCKETS_MAX, &s->buckets, e) != 0 ||
	    parse_timer(o, "idle_timer", &s->idle_ms, e) != 0)
		return -EINVAL;
	return parse_timer(o, "unbalanced_timer", &s->unbalanced_ms, e);
}

/* How many of gateway and dev, and drops, are said. */
static int
parse_single(const json_t *args, struct spec_object *s, unsigned int *said,
    struct words_error *e)
{
	static const char *const drops[] = {
	    "blackhole", "unreachable", "prohibit"};
	const char *via = NULL;

	if (psnetd_args_string(args, "gateway", false, &via, e) != 0 ||
	    psnetd_args_name(args, "dev", false, s->dev, e) != 0)
		return -EINVAL;
	if (via != NULL && words_ipv4(via, &s->via, e) != 0)
		return -EINVAL;
	if (via != NULL && s->via == 0)
		return words_fail(e, via, "not a gateway");
	*said = via != NULL || s->dev[0] != '\0';
	s->kind = via != NULL ? NEXTHOP_VIA : NEXTHOP_LINK;
	for (size_t i = 0; i < sizeof(drops) / sizeof(drops[0]); i++) {
		if (json_object_get(args, drops[i]) == NULL)
			continue;
		(void)spec_object_drop_parse(drops[i], &s->kind);
		(*said)++;
	}
	return 0;
}

static int
parse_fields(json_t *args, struct spec_object *s, struct words_error *e)
{
	const json_t *group = json_object_get(args, "group");
	const char *proto = NULL;
	unsigned int said = 0;
	int rc;

	if (psnetd_args_u32(args, "id", 1, UINT32_MAX, &s->id, e) != 0 ||
	    psnetd_args_u32(args, "backup", 1, UINT32_MAX, &s->backup, e) !=
		0 ||
	    psnetd_args_string(args, "protocol", false, &proto, e) != 0 ||
	    parse_single(args, s, &said, e) != 0 ||
	    parse_resilient(args, s, e) != 0)
		return -EINVAL;
	if (proto != NULL && spec_protocol_parse(proto, &s->protocol, e) != 0)
		return -EINVAL;
	if (s->id == 0)
		return words_fail(e, "id", "the field is missing");
	if (said + (group != NULL) != 1)
		return words_fail(e, "id",
		    "either a next hop, a group or a drop must be given");
	if (group == NULL)
		return !s->resilient && s->backup == 0
			   ? 0
			   : words_fail(e, s->resilient ? "type" : "backup",
				 "only a group has one");
	s->kind = NEXTHOP_VIA;
	rc = parse_members(group, s, e);
	return rc != 0 ? rc : spec_object_check(s, e);
}

int
psnetd_args_object(json_t *args, struct spec_object *out, struct words_error *e)
{
	static const char *const keys[] = {"id", "gateway", "dev", "protocol",
	    "group", "type", "resilient_args", "backup", "blackhole",
	    "unreachable", "prohibit", NULL};
	struct spec_object s = {.line = 0};
	int rc = psnetd_args_known(args, keys, e);

	if (rc == 0)
		rc = parse_fields(args, &s, e);
	if (rc != 0)
		spec_object_fini(&s);
	else
		*out = s;
	return rc;
}

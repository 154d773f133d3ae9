/* SPDX-License-Identifier: BSD-2-Clause */

#include <errno.h>
#include <string.h>

#include "apps/psnetctl/ctl.h"
#include "apps/spec.h"
#include "apps/spec_object.h"
#include "stack/nexthop/group.h"

/* Ask for cmd and print the result; args is taken. */
static int
request(struct psnetctl_request *out, const char *cmd, json_t *args,
    psnetctl_print_fn *print)
{
	out->cmd = cmd;
	out->args = args;
	out->print = print;
	return args != NULL ? 0 : -ENOMEM;
}

static json_t *
seconds(uint64_t ms)
{
	return ms % 1000 == 0 ? json_integer((json_int_t)(ms / 1000))
			      : json_real((double)ms / 1000);
}

static void
encode_group(json_t *o, const struct spec_object *s)
{
	json_t *list = json_array();

	for (unsigned int i = 0; i < s->nmembers; i++)
		json_array_append_new(list,
		    json_pack("{s:I, s:i}", "id", (json_int_t)s->members[i].id,
			"weight", (int)s->members[i].weight));
	json_object_set_new(o, "group", list);
	if (s->backup != 0)
		json_object_set_new(
		    o, "backup", json_integer((json_int_t)s->backup));
	if (!s->resilient)
		return;
	json_object_set_new(o, "type", json_string("resilient"));
	json_object_set_new(o, "resilient_args",
	    json_pack("{s:i, s:o, s:o}", "buckets", (int)s->buckets,
		"idle_timer", seconds(s->idle_ms), "unbalanced_timer",
		seconds(s->unbalanced_ms)));
}

static json_t *
encode(const struct spec_object *s)
{
	json_t *o = json_pack("{s:I}", "id", (json_int_t)s->id);
	char text[WORDS_TEXT_MAX];

	if (s->nmembers > 0)
		encode_group(o, s);
	else if (spec_object_drop_name(s->kind) != NULL)
		json_object_set_new(
		    o, spec_object_drop_name(s->kind), json_null());
	if (s->via != 0)
		json_object_set_new(
		    o, "gateway", json_string(words_show_ipv4(s->via, text)));
	if (s->dev[0] != '\0')
		json_object_set_new(o, "dev", json_string(s->dev));
	if (s->protocol != 0)
		json_object_set_new(o, "protocol",
		    json_string(spec_protocol_name(s->protocol, text)));
	return o;
}

static int
edit(struct words *w, const char *cmd, struct psnetctl_request *out,
    struct words_error *e)
{
	struct spec_object s;
	int rc = spec_object_parse(w, &s, e);

	if (rc != 0)
		return rc;
	rc = request(out, cmd, encode(&s), NULL);
	spec_object_fini(&s);
	return rc;
}

int
psnetctl_nexthop_add(struct psnetctl *ctl, struct words *w,
    struct psnetctl_request *out, struct words_error *e)
{
	(void)ctl;
	return edit(w, "nexthop.add", out, e);
}

int
psnetctl_nexthop_replace(struct psnetctl *ctl, struct words *w,
    struct psnetctl_request *out, struct words_error *e)
{
	(void)ctl;
	return edit(w, "nexthop.replace", out, e);
}

/* The value of key, a number as it is counted in JSON. */
static int
number(struct words *w, json_t *args, const char *key, uint32_t min,
    struct words_error *e)
{
	const char *s = words_value(w, key, e);
	uint32_t n;

	if (s == NULL || words_u32(s, min, UINT32_MAX, &n, e) != 0)
		return -EINVAL;
	json_object_set_new(args, key, json_integer(n));
	return 0;
}

/* Exactly "id N". */
static int
by_id(struct words *w, json_t *args, struct words_error *e)
{
	if (!words_accept(w, "id"))
		return words_fail(e, words_peek(w), "\"id N\" must follow");
	return number(w, args, "id", 1, e) != 0 ? -EINVAL : words_end(w, e);
}

int
psnetctl_nexthop_del(struct psnetctl *ctl, struct words *w,
    struct psnetctl_request *out, struct words_error *e)
{
	int rc = request(out, "nexthop.del", json_object(), NULL);

	(void)ctl;
	return rc != 0 ? rc : by_id(w, out->args, e);
}

int
psnetctl_nexthop_get(struct psnetctl *ctl, struct words *w,
    struct psnetctl_request *out, struct words_error *e)
{
	int rc = request(
	    out, "nexthop.show", json_object(), psnetctl_print_nexthops);

	(void)ctl;
	return rc != 0 ? rc : by_id(w, out->args, e);
}

static int
filter(struct words *w, json_t *args, struct words_error *e)
{
	const char *s;

	while ((s = words_next(w)) != NULL) {
		if (strcmp(s, "id") == 0) {
			if (number(w, args, s, 1, e) != 0)
				return -EINVAL;
			continue;
		}
		if (strcmp(s, "group") == 0 || strcmp(s, "groups") == 0) {
			json_object_set_new(args, "groups", json_true());
			continue;
		}
		const char *key = strncmp(s, "proto", 5) == 0 ? "protocol"
				  : strcmp(s, "dev") == 0     ? "dev"
							      : NULL;
		const char *v = key != NULL ? words_value(w, s, e) : NULL;

		if (key == NULL)
			return words_fail(
			    e, s, "neither id, group, dev nor protocol");
		if (v == NULL)
			return -EINVAL;
		json_object_set_new(args, key, json_string(v));
	}
	return 0;
}

int
psnetctl_nexthop_show(struct psnetctl *ctl, struct words *w,
    struct psnetctl_request *out, struct words_error *e)
{
	int rc = request(
	    out, "nexthop.show", json_object(), psnetctl_print_nexthops);

	(void)ctl;
	return rc != 0 ? rc : filter(w, out->args, e);
}

int
psnetctl_nexthop_flush(struct psnetctl *ctl, struct words *w,
    struct psnetctl_request *out, struct words_error *e)
{
	int rc = request(
	    out, "nexthop.flush", json_object(), psnetctl_print_removed);

	(void)ctl;
	return rc != 0 ? rc : filter(w, out->args, e);
}

/* "show [id N] [nhid N] [index N]" or "get id N index N" */
int
psnetctl_nexthop_bucket(struct psnetctl *ctl, struct words *w,
    struct psnetctl_request *out, struct words_error *e)
{
	int rc = request(
	    out, "nexthop.bucket", json_object(), psnetctl_print_buckets);
	const bool one = words_accept(w, "get");
	const char *s;

	(void)ctl;
	if (rc == 0 && !one && !words_accept(w, "show") &&
	    !words_accept(w, "list") && words_peek(w) != NULL)
		return words_fail(e, words_peek(w), "neither show nor get");
	while (rc == 0 && (s = words_next(w)) != NULL) {
		if (strcmp(s, "id") != 0 && strcmp(s, "nhid") != 0 &&
		    strcmp(s, "index") != 0)
			return words_fail(e, s, "neither id, nhid nor index");
		rc = number(w, out->args, s, s[1] == 'n' ? 0 : 1, e);
	}
	if (rc == 0 && one &&
	    (json_object_get(out->args, "id") == NULL ||
		json_object_get(out->args, "index") == NULL))
		return words_fail(e, NULL, "\"id N index N\" must follow");
	return rc;
}

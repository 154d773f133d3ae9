/* SPDX-License-Identifier: BSD-2-Clause */

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "apps/idset.h"
#include "apps/psnetd/args.h"
#include "apps/psnetd/cmd.h"
#include "apps/psnetd/daemon.h"
#include "apps/psnetd/ops_nexthop.h"
#include "apps/psnetd/show.h"
#include "stack/core/stack.h"
#include "stack/nexthop/nexthop.h"

#define NS_PER_MS UINT64_C(1000000)

/* Which objects; zero fields match everything. */
struct filter {
	uint32_t id;
	bool groups;
	char dev[WORDS_NAME_MAX];
	uint8_t protocol;
};

static int
parse_filter(json_t *args, struct filter *f, struct words_error *e)
{
	static const char *const keys[] = {
	    "id", "groups", "dev", "protocol", NULL};
	const char *proto = NULL;

	*f = (struct filter){.id = 0};
	if (psnetd_args_known(args, keys, e) != 0 ||
	    psnetd_args_u32(args, "id", 1, UINT32_MAX, &f->id, e) != 0 ||
	    psnetd_args_bool(args, "groups", &f->groups, e) != 0 ||
	    psnetd_args_name(args, "dev", false, f->dev, e) != 0 ||
	    psnetd_args_string(args, "protocol", false, &proto, e) != 0)
		return -EINVAL;
	return proto == NULL ? 0 : spec_protocol_parse(proto, &f->protocol, e);
}

static bool
matches(const struct filter *f, const struct spec_object *o)
{
	return (f->id == 0 || f->id == o->id) &&
	       (!f->groups || o->nmembers > 0) &&
	       (f->dev[0] == '\0' || strcmp(f->dev, o->dev) == 0) &&
	       (f->protocol == 0 || f->protocol == o->protocol);
}

static int
absent(struct words_error *e, uint32_t id)
{
	char text[WORDS_TEXT_MAX];

	snprintf(text, sizeof(text), "%u", (unsigned int)id);
	words_fail(e, text, "there is no next hop with this id");
	return -ENOENT;
}

static int
failed(struct words_error *e, int rc)
{
	words_fail(e, NULL, "%s", words_strerror(-rc));
	return rc;
}

struct listing {
	struct filter f;
	json_t *list;
};

static int
show_one(void *arg, const struct spec_object *o)
{
	struct listing *l = arg;

	if (matches(&l->f, o))
		json_array_append_new(l->list, psnetd_show_object(o));
	return 0;
}

int
psnetd_cmd_nexthop_show(struct psnetd_request *r)
{
	struct listing l;
	int rc = parse_filter(r->args, &l.f, &r->e);

	if (rc != 0)
		return rc;
	l.list = json_array();
	rc = psnetd_ops_nexthop_walk(r->d->st, show_one, &l);
	if (rc != 0)
		failed(&r->e, rc);
	else if (l.f.id != 0 && json_array_size(l.list) == 0)
		rc = absent(&r->e, l.f.id);
	if (rc == 0)
		r->result = l.list;
	else
		json_decref(l.list);
	return rc;
}

static int
edit(struct psnetd_request *r, enum nexthop_object_mode mode)
{
	struct spec_object o;
	int rc = psnetd_args_object(r->args, &o, &r->e);

	if (rc != 0)
		return rc;
	rc = psnetd_ops_nexthop_add(r->d->st, &o, mode, &r->e);
	spec_object_fini(&o);
	return rc;
}

int
psnetd_cmd_nexthop_add(struct psnetd_request *r)
{
	return edit(r, NEXTHOP_OBJECT_ADD);
}

int
psnetd_cmd_nexthop_replace(struct psnetd_request *r)
{
	return edit(r, NEXTHOP_OBJECT_REPLACE);
}

int
psnetd_cmd_nexthop_del(struct psnetd_request *r)
{
	static const char *const keys[] = {"id", NULL};
	uint32_t id = 0;

	if (psnetd_args_known(r->args, keys, &r->e) != 0 ||
	    psnetd_args_u32(r->args, "id", 1, UINT32_MAX, &id, &r->e) != 0)
		return -EINVAL;
	if (id == 0)
		return words_fail(&r->e, "id", "the field is missing");
	return psnetd_ops_nexthop_del(r->d->st, id, &r->e);
}

struct flush {
	struct filter f;
	struct idset ids;
};

static int
flush_one(void *arg, const struct spec_object *o)
{
	struct flush *f = arg;

	return matches(&f->f, o) ? idset_add(&f->ids, o->id) : 0;
}

int
psnetd_cmd_nexthop_flush(struct psnetd_request *r)
{
	struct flush f = {.ids = {.n = 0}};
	int rc = parse_filter(r->args, &f.f, &r->e);

	if (rc != 0)
		return rc;
	rc = psnetd_ops_nexthop_walk(r->d->st, flush_one, &f);
	if (rc != 0)
		failed(&r->e, rc);
	else
		rc = psnetd_ops_nexthop_del_all(r->d->st, &f.ids, &r->e);
	if (rc == 0)
		r->result = json_pack("{s:i}", "removed", (int)f.ids.n);
	idset_fini(&f.ids);
	return rc;
}

/* Which buckets; index only if one is asked for. */
struct question {
	uint32_t id, nhid, index;
	bool one;
};

static int
parse_question(json_t *args, struct question *q, struct words_error *e)
{
	static const char *const keys[] = {"id", "nhid", "index", NULL};

	*q = (struct question){.one = json_object_get(args, "index") != NULL};
	if (psnetd_args_known(args, keys, e) != 0 ||
	    psnetd_args_u32(args, "id", 1, UINT32_MAX, &q->id, e) != 0 ||
	    psnetd_args_u32(args, "nhid", 1, UINT32_MAX, &q->nhid, e) != 0 ||
	    psnetd_args_u32(
		args, "index", 0, NEXTHOP_BUCKETS_MAX - 1, &q->index, e) != 0)
		return -EINVAL;
	return 0;
}

struct buckets {
	struct stack *st;
	struct question q;
	json_t *list;
};

static void
show_bucket(struct buckets *b, uint32_t id, unsigned int index, uint32_t member,
    uint64_t unused)
{
	json_t *o = json_pack("{s:i}", "index", (int)index);

	if (unused != UINT64_MAX)
		json_object_set_new(
		    o, "idle_time", psnetd_show_seconds(unused / NS_PER_MS));
	if (member != 0)
		json_object_set_new(
		    o, "nhid", json_integer((json_int_t)member));
	json_array_append_new(
	    b->list, json_pack("{s:I, s:o, s:[]}", "id", (json_int_t)id,
			 "bucket", o, "flags"));
}

static int
show_buckets(void *arg, const struct spec_object *o)
{
	struct nexthop_objects *t;
	struct buckets *b = arg;
	unsigned int n = b->q.one ? b->q.index + 1 : o->buckets;

	if (!o->resilient || (b->q.id != 0 && b->q.id != o->id))
		return 0;
	stack_control_enter(b->st);
	t = nexthop_objects_of(b->st);
	for (unsigned int i = b->q.one ? b->q.index : 0; i < n; i++) {
		uint32_t member = 0;
		uint64_t unused;

		if (nexthop_object_bucket(t, o->id, i, &member, &unused) == 0 &&
		    (b->q.nhid == 0 || b->q.nhid == member))
			show_bucket(b, o->id, i, member, unused);
	}
	stack_control_exit(b->st);
	return 0;
}

/* What is asked for by name must be there. */
static int
check_question(
    struct stack *st, const struct question *q, struct words_error *e)
{
	struct spec_object o;
	char text[WORDS_TEXT_MAX];
	bool resilient;
	int rc;

	if (q->id == 0)
		return 0;
	rc = psnetd_ops_nexthop_find(st, q->id, &o);
	if (rc == -ENOENT)
		return absent(e, q->id);
	if (rc != 0)
		return failed(e, rc);
	resilient = o.resilient;
	spec_object_fini(&o);
	if (resilient)
		return 0;
	snprintf(text, sizeof(text), "%u", (unsigned int)q->id);
	return words_fail(e, text, "only resilient groups have buckets");
}

int
psnetd_cmd_nexthop_bucket(struct psnetd_request *r)
{
	struct buckets b = {.st = r->d->st};
	int rc = parse_question(r->args, &b.q, &r->e);

	if (rc == 0)
		rc = check_question(b.st, &b.q, &r->e);
	if (rc != 0)
		return rc;
	b.list = json_array();
	rc = psnetd_ops_nexthop_walk(b.st, show_buckets, &b);
	if (rc != 0)
		failed(&r->e, rc);
	else if (b.q.one && b.q.id != 0 && json_array_size(b.list) == 0) {
		words_fail(&r->e, "index", "there is no such bucket");
		rc = -ENOENT;
	}
	if (rc == 0)
		r->result = b.list;
	else
		json_decref(b.list);
	return rc;
}

/* SPDX-License-Identifier: BSD-2-Clause */

#include "apps/psnetd/show.h"

#include <string.h>

#include "apps/psnetd/ops.h"
#include "apps/psnetd/ops_nexthop.h"
#include "stack/core/event.h"
#include "stack/nexthop/group.h"

#define NS_PER_MS UINT64_C(1000000)

json_t *
psnetd_show_seconds(uint64_t ms)
{
	return ms % 1000 == 0 ? json_integer((json_int_t)(ms / 1000))
			      : json_real((double)ms / 1000);
}

static void
show_group(json_t *o, const struct spec_object *s)
{
	json_t *list = json_array(), *m;

	for (unsigned int i = 0; i < s->nmembers; i++) {
		m = json_pack("{s:I}", "id", (json_int_t)s->members[i].id);
		if (s->members[i].weight > 1)
			json_object_set_new(
			    m, "weight", json_integer(s->members[i].weight));
		json_array_append_new(list, m);
	}
	json_object_set_new(o, "group", list);
	if (s->backup != 0)
		json_object_set_new(
		    o, "backup", json_integer((json_int_t)s->backup));
	if (!s->resilient)
		return;
	json_object_set_new(o, "type", json_string("resilient"));
	json_object_set_new(o, "resilient_args",
	    json_pack("{s:I, s:o, s:o}", "buckets", (json_int_t)s->buckets,
		"idle_timer", psnetd_show_seconds(s->idle_ms),
		"unbalanced_timer", psnetd_show_seconds(s->unbalanced_ms)));
}

json_t *
psnetd_show_object(const struct spec_object *s)
{
	json_t *o = json_pack("{s:I}", "id", (json_int_t)s->id);
	char text[WORDS_TEXT_MAX];

	if (s->nmembers > 0)
		show_group(o, s);
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
	json_object_set_new(o, "flags", json_array());
	return o;
}

json_t *
psnetd_show_route_of(struct stack *st, struct spec_route *r)
{
	struct spec_nexthop hops[SPEC_NEXTHOPS_MAX];
	uint8_t kind = NEXTHOP_VIA;
	json_t *o;

	if (r->nhid == 0)
		return psnetd_show_route(r);
	r->nexthops = hops;
	r->nnexthops = psnetd_ops_nexthop_hops(st, r->nhid, hops, &kind);
	o = psnetd_show_route(r);
	r->nexthops = NULL;
	r->nnexthops = 0;
	/* As Linux shows a route to a blackhole: by the type of what it does. */
	if (spec_object_drop_name(kind) != NULL)
		json_object_set_new(
		    o, "type", json_string(spec_object_drop_name(kind)));
	return o;
}

/* With the fields of nexthop.show. */
json_t *
psnetd_show_object_event(struct stack *st, const struct event *ev)
{
	struct spec_object_member members[SPEC_OBJECT_MEMBERS_MAX];
	struct spec_object o = {.id = ev->nhid,
	    .protocol = ev->protocol,
	    .kind = ev->type,
	    .members = members,
	    .backup = ev->backup,
	    .resilient = ev->resilient,
	    .buckets = ev->buckets,
	    .idle_ms = ev->idle_timer / NS_PER_MS,
	    .unbalanced_ms = ev->unbalanced_timer / NS_PER_MS};

	if (ev->nhops > 0 && ev->hop[0].id == 0) {
		memcpy(&o.via, ev->hop[0].gateway, sizeof(o.via));
		psnetd_ops_name(st, ev->hop[0].netif, o.dev);
		return psnetd_show_object(&o);
	}
	o.nmembers = ev->nhops;
	for (unsigned int i = 0; i < ev->nhops; i++)
		members[i] = (struct spec_object_member){
		    .id = ev->hop[i].id, .weight = ev->hop[i].weight};
	return psnetd_show_object(&o);
}

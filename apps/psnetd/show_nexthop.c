/* SPDX-License-Identifier: BSD-2-Clause */

#include "apps/psnetd/show.h"

#include "apps/psnetd/ops_nexthop.h"
#include "stack/nexthop/group.h"

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

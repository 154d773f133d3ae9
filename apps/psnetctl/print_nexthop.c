/* SPDX-License-Identifier: BSD-2-Clause */

/* In the words of ip-nexthop(8), so that what is shown can be said. */

#include <stdio.h>
#include <string.h>

#include "apps/psnetctl/ctl.h"

static void
print_group(const json_t *o)
{
	const json_t *list = json_object_get(o, "group");
	const json_t *res = json_object_get(o, "resilient_args");

	for (size_t i = 0; i < json_array_size(list); i++) {
		const json_t *m = json_array_get(list, i);

		printf("%s%lld", i > 0 ? "/" : " group ",
		    (long long)psnetctl_number(m, "id"));
		if (json_object_get(m, "weight") != NULL)
			printf(
			    ",%lld", (long long)psnetctl_number(m, "weight"));
	}
	if (res != NULL)
		printf(" type resilient buckets %lld idle_timer %g "
		       "unbalanced_timer %g",
		    (long long)psnetctl_number(res, "buckets"),
		    json_number_value(json_object_get(res, "idle_timer")),
		    json_number_value(
			json_object_get(res, "unbalanced_timer")));
	if (json_object_get(o, "backup") != NULL)
		printf(" backup %lld", (long long)psnetctl_number(o, "backup"));
}

void
psnetctl_print_nexthop(const json_t *o)
{
	static const char *const drops[] = {
	    "blackhole", "unreachable", "prohibit"};

	printf("id %lld", (long long)psnetctl_number(o, "id"));
	print_group(o);
	if (json_object_get(o, "gateway") != NULL)
		printf(" via %s", psnetctl_text(o, "gateway", "?"));
	if (json_object_get(o, "dev") != NULL)
		printf(" dev %s", psnetctl_text(o, "dev", "?"));
	for (size_t i = 0; i < sizeof(drops) / sizeof(drops[0]); i++)
		if (json_object_get(o, drops[i]) != NULL)
			printf(" %s", drops[i]);
	if (json_object_get(o, "protocol") != NULL)
		printf(" proto %s", psnetctl_text(o, "protocol", "?"));
	putchar('\n');
}

void
psnetctl_print_nexthops(struct psnetctl *ctl, json_t *list)
{
	(void)ctl;
	for (size_t i = 0; i < json_array_size(list); i++)
		psnetctl_print_nexthop(json_array_get(list, i));
}

void
psnetctl_print_buckets(struct psnetctl *ctl, json_t *list)
{
	(void)ctl;
	for (size_t i = 0; i < json_array_size(list); i++) {
		const json_t *o = json_array_get(list, i);
		const json_t *b = json_object_get(o, "bucket");
		const json_t *idle = json_object_get(b, "idle_time");

		printf("id %lld index %lld",
		    (long long)psnetctl_number(o, "id"),
		    (long long)psnetctl_number(b, "index"));
		if (idle != NULL)
			printf(" idle_time %.2f", json_number_value(idle));
		else
			fputs(" unused", stdout);
		if (json_object_get(b, "nhid") != NULL)
			printf(" nhid %lld",
			    (long long)psnetctl_number(b, "nhid"));
		putchar('\n');
	}
}

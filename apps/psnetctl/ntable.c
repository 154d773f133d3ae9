/* SPDX-License-Identifier: BSD-2-Clause */

/* Tables of neighbours, in the words of ip-ntable(8). */

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "apps/psnetctl/ctl.h"

/* The members of an object, as words. */
static void
print_members(const char *head, json_t *o)
{
	const char *key;
	json_t *value;
	int column = 0;

	json_object_foreach(o, key, value)
	{
		if (column == 0)
			column = printf("    %s", head);
		column += printf(
		    " %s %lld", key, (long long)json_integer_value(value));
		if (column > 60) {
			putchar('\n');
			column = 0;
		}
	}
	if (column != 0)
		putchar('\n');
}

static void
print_tables(struct psnetctl *ctl, json_t *list)
{
	(void)ctl;
	for (size_t i = 0; i < json_array_size(list); i++) {
		const json_t *o = json_array_get(list, i);

		printf("%s dev %s entries %lld waiting %lld\n",
		    psnetctl_text(o, "family", "?"),
		    psnetctl_text(o, "dev", "?"),
		    (long long)psnetctl_number(o, "entries"),
		    (long long)psnetctl_number(o, "waiting"));
		print_members("states", json_object_get(o, "states"));
		print_members("params", json_object_get(o, "params"));
		print_members("counters", json_object_get(o, "counters"));
	}
}

int
psnetctl_ntable_show(struct psnetctl *ctl, struct words *w,
    struct psnetctl_request *out, struct words_error *e)
{
	const char *s;

	out->cmd = "ntable.show";
	out->args = json_object();
	out->print = print_tables;
	if (out->args == NULL)
		return -ENOMEM;
	if (words_accept(w, "dev") && words_peek(w) == NULL)
		return words_fail(e, "dev", "a name must follow");
	s = words_next(w);
	if (s != NULL)
		json_object_set_new(out->args, "dev", json_string(s));
	if (ctl->stats)
		json_object_set_new(out->args, "stats", json_true());
	return words_end(w, e);
}

int
psnetctl_ntable_change(struct psnetctl *ctl, struct words *w,
    struct psnetctl_request *out, struct words_error *e)
{
	const char *key, *s;
	uint32_t value;

	(void)ctl;
	out->cmd = "ntable.change";
	out->args = json_object();
	if (out->args == NULL)
		return -ENOMEM;
	while ((key = words_next(w)) != NULL) {
		s = words_value(w, key, e);
		if (s == NULL)
			return -EINVAL;
		if (strcmp(key, "dev") == 0) {
			json_object_set_new(out->args, key, json_string(s));
			continue;
		}
		if (words_u32(s, 1, INT32_MAX, &value, e) != 0)
			return words_fail(e, s, "not a number above 0");
		json_object_set_new(out->args, key, json_integer(value));
	}
	if (json_object_get(out->args, "dev") == NULL)
		return words_fail(e, NULL, "\"dev NAME\" must follow");
	return 0;
}

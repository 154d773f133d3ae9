/* SPDX-License-Identifier: BSD-2-Clause */

#include <errno.h>
#include <string.h>

#include "apps/psnetd/args.h"
#include "apps/psnetd/cmd.h"
#include "apps/psnetd/daemon.h"
#include "apps/psnetd/ops.h"
#include "stack/core/stack.h"
#include "stack/proto/ipv4/ipv4.h"

/* With the field names of ip -j rule. */
static json_t *
show(uint32_t pref, const char *src, const char *table)
{
	return json_pack("{s:I, s:s, s:s}", "priority", (json_int_t)pref, "src",
	    src, "table", table);
}

struct listing {
	struct stack *st;
	json_t *list;
	bool main_shown;
};

static void
show_main(struct listing *l)
{
	if (!l->main_shown)
		json_array_append_new(
		    l->list, show(ROUTE_RULE_MAIN, "all", "main"));
	l->main_shown = true;
}

static int
show_one(void *arg, const struct route_rule *rule)
{
	char prefix[WORDS_TEXT_MAX], table[WORDS_TEXT_MAX];
	char dev[WORDS_NAME_MAX] = "lo";
	struct listing *l = arg;
	uint32_t src;
	json_t *o;

	if (rule->pref > ROUTE_RULE_MAIN)
		show_main(l);
	memcpy(&src, rule->src, sizeof(src));
	o = show(rule->pref,
	    rule->src_plen > 0 ? words_show_prefix(src, rule->src_plen, prefix)
			       : "all",
	    spec_table_name(rule->table, table));
	if (rule->iif != 0)
		psnetd_ops_name(l->st, rule->iif, dev);
	if (rule->iif != 0 || rule->local)
		json_object_set_new(o, "iif", json_string(dev));
	if (rule->mask != 0)
		json_object_set_new(o, "fwmark", json_integer(rule->mark));
	if (rule->mask != 0 && rule->mask != UINT32_MAX)
		json_object_set_new(o, "fwmask", json_integer(rule->mask));
	json_array_append_new(l->list, o);
	return 0;
}

int
psnetd_cmd_rule_show(struct psnetd_request *r)
{
	struct stack *st = r->d->st;
	struct listing l = {.st = st, .list = json_array()};

	if (psnetd_args_known(r->args, (const char *[]){NULL}, &r->e) != 0) {
		json_decref(l.list);
		return -EINVAL;
	}
	json_array_append_new(l.list, show(0, "all", "local"));
	stack_control_enter(st);
	(void)route_rule_walk(ipv4_tables(st), show_one, &l);
	stack_control_exit(st);
	show_main(&l);
	json_array_append_new(
	    l.list, show(ROUTE_RULE_DEFAULT, "all", "default"));
	r->result = l.list;
	return 0;
}

static int
edit(struct psnetd_request *r, bool add)
{
	struct spec_rule rule;
	int rc = psnetd_args_rule(r->args, add, &rule, &r->e);

	return rc != 0 ? rc
		       : psnetd_ops_rule(r->d->st, &rule,
			     add ? PSNETD_OPS_RULE_ADD : PSNETD_OPS_RULE_REMOVE,
			     &r->e);
}

int
psnetd_cmd_rule_add(struct psnetd_request *r)
{
	return edit(r, true);
}

int
psnetd_cmd_rule_del(struct psnetd_request *r)
{
	return edit(r, false);
}

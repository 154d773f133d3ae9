/* SPDX-License-Identifier: BSD-2-Clause */

#include <errno.h>
#include <string.h>

#include "apps/config.h"
#include "apps/psnetd/ops.h"
#include "stack/core/stack.h"
#include "stack/proto/ipv4/ipv4.h"

static int
resolve(struct stack *st, const struct spec_rule *r, struct route_rule *out,
    struct words_error *e)
{
	*out = (struct route_rule){.pref = r->pref,
	    .table =
		r->has_table && r->table == 0 ? ROUTE_TABLES_MAIN : r->table,
	    .mark = r->mark,
	    .mask = r->mask,
	    .src_plen = (uint8_t)r->src_plen};
	memcpy(out->src, &r->src, sizeof(r->src));
	if (r->iif[0] == '\0')
		return 0;
	out->local = strcmp(r->iif, "lo") == 0;
	return out->local ? 0 : psnetd_ops_dev(st, r->iif, &out->iif, e);
}

static int
edit_rule(struct stack *st, const struct route_rule *rule,
    enum psnetd_ops_rule_edit edit)
{
	if (edit == PSNETD_OPS_RULE_ADD)
		return ipv4_rule_add(st, rule);
	if (edit == PSNETD_OPS_RULE_REMOVE)
		return ipv4_rule_remove(st, rule);
	return ipv4_rule_remove_exact(st, rule);
}

int
psnetd_ops_rule(struct stack *st, const struct spec_rule *r,
    enum psnetd_ops_rule_edit edit, struct words_error *e)
{
	struct route_rule rule;
	const char *why;
	int rc = resolve(st, r, &rule, e);

	if (rc != 0)
		return rc;
	rc = edit_rule(st, &rule, edit);
	if (rc == 0)
		return 0;
	why = rc == -EEXIST   ? "there is this rule already"
	      : rc == -ENOENT ? "there is no such rule"
			      : words_strerror(-rc);
	words_fail(e, "rule", "%s", why);
	return rc;
}

struct visit {
	struct stack *st;
	int (*fn)(void *arg, const struct spec_rule *r);
	void *arg;
};

static int
visit(void *arg, const struct route_rule *rule)
{
	const struct visit *v = arg;
	struct spec_rule r = {.pref = rule->pref,
	    .table = rule->table == ROUTE_TABLES_MAIN ? 0 : rule->table,
	    .has_table = true,
	    .src_plen = rule->src_plen,
	    .mark = rule->mark,
	    .mask = rule->mask};

	memcpy(&r.src, rule->src, sizeof(r.src));
	if (rule->local)
		memcpy(r.iif, "lo", sizeof("lo"));
	else if (rule->iif != 0)
		psnetd_ops_name(v->st, rule->iif, r.iif);
	return v->fn(v->arg, &r);
}

int
psnetd_ops_rules_walk(struct stack *st,
    int (*fn)(void *arg, const struct spec_rule *r), void *arg)
{
	struct visit v = {.st = st, .fn = fn, .arg = arg};
	int rc;

	stack_control_enter(st);
	rc = route_rule_walk(ipv4_tables(st), visit, &v);
	stack_control_exit(st);
	return rc;
}

static int
is_it(void *arg, const struct spec_rule *r)
{
	return config_rule_equal(arg, r) ? -EEXIST : 0;
}

bool
psnetd_ops_rule_present(struct stack *st, const struct spec_rule *r)
{
	struct spec_rule like = *r;

	return psnetd_ops_rules_walk(st, is_it, &like) != 0;
}

/* SPDX-License-Identifier: BSD-2-Clause */

#include <errno.h>

#include "apps/psnetctl/ctl.h"
#include "apps/spec.h"

int
psnetctl_rule_show(struct psnetctl *ctl, struct words *w,
    struct psnetctl_request *out, struct words_error *e)
{
	(void)ctl;
	out->cmd = "rule.show";
	out->args = json_object();
	out->print = psnetctl_print_rules;
	return out->args != NULL ? words_end(w, e) : -ENOMEM;
}

static json_t *
encode(const struct spec_rule *r)
{
	char text[WORDS_TEXT_MAX];
	json_t *o = json_object();

	if (r->src_plen > 0)
		json_object_set_new(o, "src",
		    json_string(words_show_prefix(r->src, r->src_plen, text)));
	if (r->iif[0] != '\0')
		json_object_set_new(o, "iif", json_string(r->iif));
	if (r->mask != 0) {
		json_object_set_new(o, "fwmark", json_integer(r->mark));
		json_object_set_new(o, "fwmask", json_integer(r->mask));
	}
	if (r->pref != 0)
		json_object_set_new(o, "priority", json_integer(r->pref));
	if (r->has_table)
		json_object_set_new(
		    o, "table", json_string(spec_table_name(r->table, text)));
	return o;
}

static int
edit(struct words *w, const char *cmd, bool add, struct psnetctl_request *out,
    struct words_error *e)
{
	struct spec_rule r;

	if (words_peek(w) == NULL)
		return words_fail(e, NULL,
		    add ? "\"lookup TABLE\" must follow"
			: "which rule must follow");
	if (spec_rule_parse(w, add, &r, e) != 0)
		return -EINVAL;
	out->cmd = cmd;
	out->args = encode(&r);
	return out->args != NULL ? 0 : -ENOMEM;
}

int
psnetctl_rule_add(struct psnetctl *ctl, struct words *w,
    struct psnetctl_request *out, struct words_error *e)
{
	(void)ctl;
	return edit(w, "rule.add", true, out, e);
}

int
psnetctl_rule_del(struct psnetctl *ctl, struct words *w,
    struct psnetctl_request *out, struct words_error *e)
{
	(void)ctl;
	return edit(w, "rule.del", false, out, e);
}

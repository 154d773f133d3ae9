/* SPDX-License-Identifier: BSD-2-Clause */

#include "apps/psnetd/cmd.h"

#include <errno.h>
#include <string.h>

#include "apps/builtin.h"
#include "apps/psnetd/args.h"
#include "apps/psnetd/daemon.h"
#include "apps/version.h"
#include "stack/core/stack.h"

static json_t *
driver_names(void)
{
	json_t *list = json_array();

	for (const struct driver *const *drv = builtin_drivers; *drv != NULL;
	     drv++)
		json_array_append_new(
		    list, json_pack("{s:s, s:s}", "name", (*drv)->name, "usage",
			      (*drv)->usage));
	return list;
}

static int
hello(struct psnetd_request *r)
{
	if (psnetd_args_known(r->args, (const char *[]){NULL}, &r->e) != 0)
		return -EINVAL;
	r->result = json_pack("{s:s, s:s, s:i, s:i, s:o}", "daemon", "psnetd",
	    "version", APPS_VERSION, "protocol", PSNETD_CLIENT_VERSION,
	    "workers", (int)stack_nworkers(r->d->st), "drivers",
	    driver_names());
	return 0;
}

static const struct {
	const char *name;
	int (*run)(struct psnetd_request *r);
	bool waits; /* for a commit that runs: it needs the control mutex */
} commands[] = {
    {"hello", hello, false},
    {"link.show", psnetd_cmd_link_show, false},
    {"link.add", psnetd_cmd_link_add, true},
    {"link.set", psnetd_cmd_link_set, true},
    {"link.del", psnetd_cmd_link_del, true},
    {"addr.show", psnetd_cmd_addr_show, false},
    {"addr.add", psnetd_cmd_addr_add, true},
    {"addr.del", psnetd_cmd_addr_del, true},
    {"route.show", psnetd_cmd_route_show, false},
    {"route.add", psnetd_cmd_route_add, true},
    {"route.replace", psnetd_cmd_route_replace, true},
    {"route.change", psnetd_cmd_route_change, true},
    {"route.del", psnetd_cmd_route_del, true},
    {"route.get", psnetd_cmd_route_get, false},
    {"route.flush", psnetd_cmd_route_flush, true},
    {"route.load", psnetd_cmd_route_load, true},
    {"route.verify", psnetd_cmd_route_verify, false},
    {"rule.show", psnetd_cmd_rule_show, true},
    {"rule.add", psnetd_cmd_rule_add, true},
    {"rule.del", psnetd_cmd_rule_del, true},
    {"neigh.show", psnetd_cmd_neigh_show, false},
    {"neigh.add", psnetd_cmd_neigh_add, true},
    {"neigh.replace", psnetd_cmd_neigh_replace, true},
    {"neigh.del", psnetd_cmd_neigh_del, true},
    {"neigh.flush", psnetd_cmd_neigh_flush, true},
    {"ntable.show", psnetd_cmd_ntable_show, false},
    {"ntable.change", psnetd_cmd_ntable_change, true},
    {"nexthop.show", psnetd_cmd_nexthop_show, true},
    {"nexthop.add", psnetd_cmd_nexthop_add, true},
    {"nexthop.replace", psnetd_cmd_nexthop_replace, true},
    {"nexthop.del", psnetd_cmd_nexthop_del, true},
    {"nexthop.flush", psnetd_cmd_nexthop_flush, true},
    {"nexthop.bucket", psnetd_cmd_nexthop_bucket, true},
    {"stats.show", psnetd_cmd_stats_show, false},
    {"drops.show", psnetd_cmd_drops_show, false},
    {"option.show", psnetd_cmd_option_show, false},
    {"option.set", psnetd_cmd_option_set, true},
    {"monitor", psnetd_cmd_monitor, true},
};

int
psnetd_cmd_run(const char *cmd, struct psnetd_request *r)
{
	for (size_t i = 0; i < sizeof(commands) / sizeof(commands[0]); i++) {
		if (strcmp(cmd, commands[i].name) != 0)
			continue;
		if (commands[i].waits && r->d->busy)
			return -EINPROGRESS;
		return commands[i].run(r);
	}
	words_fail(&r->e, cmd, "unknown command");
	return -ENOSYS;
}

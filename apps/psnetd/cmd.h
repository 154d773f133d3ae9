/* SPDX-License-Identifier: BSD-2-Clause */

#ifndef APPS_PSNETD_CMD_H
#define APPS_PSNETD_CMD_H

/*
 * The commands of the control protocol.
 *
 * Context: control thread, not in a read section, without the control mutex.
 */

#include "apps/psnetd/client.h"

/*
 * Run one.
 * Returns: 0 with r->result or r->later set; -EINPROGRESS if it must wait for
 *          the commit that runs; else a negative errno with r->e filled.
 */
int psnetd_cmd_run(const char *cmd, struct psnetd_request *r);

/* The commands, by the file that has them; all as psnetd_cmd_run(). */
int psnetd_cmd_link_show(struct psnetd_request *r);
int psnetd_cmd_link_add(struct psnetd_request *r);
int psnetd_cmd_link_set(struct psnetd_request *r);
int psnetd_cmd_link_del(struct psnetd_request *r);
int psnetd_cmd_addr_show(struct psnetd_request *r);
int psnetd_cmd_addr_add(struct psnetd_request *r);
int psnetd_cmd_addr_del(struct psnetd_request *r);

int psnetd_cmd_route_show(struct psnetd_request *r);
int psnetd_cmd_route_add(struct psnetd_request *r);
int psnetd_cmd_route_replace(struct psnetd_request *r);
int psnetd_cmd_route_change(struct psnetd_request *r);
int psnetd_cmd_route_del(struct psnetd_request *r);
int psnetd_cmd_route_get(struct psnetd_request *r);
int psnetd_cmd_route_flush(struct psnetd_request *r);
int psnetd_cmd_route_load(struct psnetd_request *r);
int psnetd_cmd_route_verify(struct psnetd_request *r);

int psnetd_cmd_rule_show(struct psnetd_request *r);
int psnetd_cmd_rule_add(struct psnetd_request *r);
int psnetd_cmd_rule_del(struct psnetd_request *r);

int psnetd_cmd_neigh_show(struct psnetd_request *r);
int psnetd_cmd_neigh_add(struct psnetd_request *r);
int psnetd_cmd_neigh_replace(struct psnetd_request *r);
int psnetd_cmd_neigh_del(struct psnetd_request *r);
int psnetd_cmd_neigh_flush(struct psnetd_request *r);
int psnetd_cmd_ntable_show(struct psnetd_request *r);
int psnetd_cmd_ntable_change(struct psnetd_request *r);

int psnetd_cmd_nexthop_show(struct psnetd_request *r);
int psnetd_cmd_nexthop_add(struct psnetd_request *r);
int psnetd_cmd_nexthop_replace(struct psnetd_request *r);
int psnetd_cmd_nexthop_del(struct psnetd_request *r);
int psnetd_cmd_nexthop_flush(struct psnetd_request *r);
int psnetd_cmd_nexthop_bucket(struct psnetd_request *r);

int psnetd_cmd_stats_show(struct psnetd_request *r);
int psnetd_cmd_drops_show(struct psnetd_request *r);
int psnetd_cmd_option_show(struct psnetd_request *r);
int psnetd_cmd_option_set(struct psnetd_request *r);
int psnetd_cmd_monitor(struct psnetd_request *r);

#endif /* APPS_PSNETD_CMD_H */

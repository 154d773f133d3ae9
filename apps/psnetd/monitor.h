/* SPDX-License-Identifier: BSD-2-Clause */

#ifndef APPS_PSNETD_MONITOR_H
#define APPS_PSNETD_MONITOR_H

/*
 * The stack's notifications, passed on to the clients that asked for them.
 * While none does, the stack has no subscriber.
 *
 * Context: control thread, not in a read section.
 */

struct psnetd;
struct psnetd_client;

/* Subscribe or unsubscribe, as the clients need.  Returns: 0 or an errno. */
int psnetd_monitor_update(struct psnetd *d);

/* Say how many events c lost, as soon as there is room to. */
void psnetd_monitor_tell_lost(struct psnetd_client *c);

/* Unsubscribe. */
void psnetd_monitor_stop(struct psnetd *d);

#endif /* APPS_PSNETD_MONITOR_H */

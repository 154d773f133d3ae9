/* SPDX-License-Identifier: BSD-2-Clause */

#ifndef APPS_PSNETD_DAEMON_H
#define APPS_PSNETD_DAEMON_H

/*
 * The daemon's state.  Everything in it belongs to the one control thread.
 */

#include <stdbool.h>

#include "apps/config.h"
#include "apps/psnetd/apply.h"
#include "apps/psnetd/loop.h"

struct event_queue;
struct psnetd_client;
struct psnetd_load;
struct psnetd_verify;

struct psnetd {
	struct stack *st;
	struct psnetd_loop loop;
	struct psnetd_source listener, signals, housekeep, events;
	struct event_queue *queue; /* NULL while nobody monitors */
	uint64_t events_lost;      /* by queue, as told to the clients */
	struct psnetd_client *clients;
	unsigned int nclients;
	struct psnetd_load *load;     /* the one in progress, or NULL */
	struct psnetd_verify *verify; /* in progress, or NULL */
	struct config running;        /* as last applied */
	struct psnetd_apply_defaults defaults;
	const char *config_path, *socket_path;
	uint32_t workers; /* of the command line; 0: unsaid */
	bool verbose;
	bool busy; /* a commit runs on this thread, further up the stack */
	bool stop, reload, tidy; /* asked for; done between two turns */
};

/* Exit statuses, psnetd(8). */
enum psnetd_exit {
	PSNETD_EXIT_OK = 0,
	PSNETD_EXIT_FAILURE = 1,
	PSNETD_EXIT_USAGE = 2,
	PSNETD_EXIT_CONFIG = 3,
};

struct psnetd_daemon_options {
	const char *config_path, *socket_path;
	uint32_t workers; /* 0: unsaid */
	bool test_only, verbose;
};

/*
 * Run the daemon until SIGTERM or SIGINT; errors go to standard error.
 * Context: the process's first thread, before any other.
 * Returns: enum psnetd_exit.  *e is scratch.
 */
int psnetd_daemon_run(
    const struct psnetd_daemon_options *o, struct config_error *e);

#endif /* APPS_PSNETD_DAEMON_H */

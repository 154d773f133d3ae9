/* SPDX-License-Identifier: BSD-2-Clause */

#include "apps/psnetd/daemon.h"

#include <errno.h>
#include <sched.h>
#include <signal.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include "apps/builtin.h"
#include "apps/psnetd/client.h"
#include "apps/psnetd/load.h"
#include "apps/psnetd/monitor.h"
#include "apps/psnetd/server.h"
#include "apps/psnetd/verify.h"
#include "stack/core/netif.h"
#include "stack/core/stack.h"
#include "stack/nexthop/neigh.h"
#include "stack/proto/arp/arp.h"

static int
fail(const char *what, int rc)
{
	fprintf(stderr, "psnetd: %s: %s\n", what, words_strerror(-rc));
	return PSNETD_EXIT_FAILURE;
}

static void
signal_ready(struct psnetd_source *s, uint32_t events)
{
	struct psnetd *d =
	    (struct psnetd *)(void *)((char *)s -
				      offsetof(struct psnetd, signals));
	struct signalfd_siginfo si;

	(void)events;
	while (read(s->fd, &si, sizeof(si)) == (ssize_t)sizeof(si)) {
		if (si.ssi_signo == SIGHUP)
			d->reload = true;
		else
			d->stop = true;
	}
}

static void
housekeep_ready(struct psnetd_source *s, uint32_t events)
{
	struct psnetd *d =
	    (struct psnetd *)(void *)((char *)s -
				      offsetof(struct psnetd, housekeep));

	(void)events;
	d->tidy = true;
}

/* Before any thread starts, so that all of them leave signals to the fd. */
static int
open_signals(struct psnetd *d)
{
	sigset_t set;
	int fd;

	sigemptyset(&set);
	sigaddset(&set, SIGHUP);
	sigaddset(&set, SIGINT);
	sigaddset(&set, SIGTERM);
	if (sigprocmask(SIG_BLOCK, &set, NULL) != 0)
		return -errno;
	fd = signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
	if (fd < 0)
		return -errno;
	d->signals = (struct psnetd_source){.fd = fd, .ready = signal_ready};
	return psnetd_loop_add(&d->loop, &d->signals, EPOLLIN);
}

static unsigned int
cpu_count(void)
{
	cpu_set_t set;

	if (sched_getaffinity(0, sizeof(set), &set) != 0)
		return 1;
	return (unsigned int)CPU_COUNT(&set);
}

static int
create_stack(struct psnetd *d, const struct config *c)
{
	struct stack_config cfg = {.name = "psnetd",
	    .protos = builtin_protos,
	    .drivers = builtin_drivers,
	    .nworkers = d->workers,
	    .pkts_per_worker = c->packets};
	struct nexthop_params neigh;
	int rc;

	if (cfg.nworkers == 0)
		cfg.nworkers = c->workers != 0 ? c->workers : cpu_count();
	if (cfg.nworkers > STACK_WORKERS_MAX)
		cfg.nworkers = STACK_WORKERS_MAX;
	rc = stack_create(&cfg, &d->st);
	if (rc != 0)
		return rc;
	for (unsigned int i = 0; i < IPV4_OPT_COUNT; i++)
		ipv4_option_get(
		    d->st, (enum ipv4_option)i, &d->defaults.options[i]);
	nexthop_params_default(&neigh);
	if (c->neighbours != 0)
		neigh.max_entries = c->neighbours;
	arp_set_params(d->st, &neigh);
	rc = stack_start(d->st);
	if (rc != 0)
		stack_destroy(d->st);
	return rc;
}

static unsigned int
count_links(struct stack *st)
{
	unsigned int n = 0;

	stack_control_enter(st);
	for (struct netif *i = netif_first(st); i != NULL;
	     i = netif_next(st, i))
		n++;
	stack_control_exit(st);
	return n;
}

static void
announce(const struct psnetd *d, const char *what)
{
	printf("%s psnetd %u workers %u interfaces %zu routes\n", what,
	    stack_nworkers(d->st), count_links(d->st),
	    route_table_count(ipv4_routes(d->st)));
	fflush(stdout);
}

static void
report(const char *before, const struct config_error *e)
{
	char text[CONFIG_PATH_MAX + 320];

	config_error_show(e, text, sizeof(text));
	fprintf(stderr, "psnetd: %s%s\n", before, text);
}

/* What only a new start can change. */
static int
check_fixed(
    const struct psnetd *d, const struct config *c, struct config_error *e)
{
	e->line = c->workers_line;
	if (d->workers == 0 && c->workers != d->running.workers)
		return words_fail(
		    &e->what, "workers", "cannot change while the daemon runs");
	e->line = c->packets_line;
	if (c->packets != d->running.packets)
		return words_fail(
		    &e->what, "packets", "cannot change while the daemon runs");
	e->line = c->neighbours_line;
	if (c->neighbours != d->running.neighbours)
		return words_fail(&e->what, "neighbours",
		    "cannot change while the daemon runs");
	return 0;
}

static void
reload(struct psnetd *d)
{
	struct config_error e;
	struct config c;
	int rc;

	d->reload = false;
	rc = config_load(d->config_path, builtin_drivers, &c, &e);
	if (rc == 0) {
		rc = check_fixed(d, &c, &e);
		if (rc == 0) {
			psnetd_apply_prune(d->st, &d->running);
			rc = psnetd_apply(
			    d->st, &d->running, &c, &d->defaults, &e);
		}
		if (rc != 0)
			config_fini(&c);
	}
	if (rc != 0) {
		report("reload failed, nothing is changed: ", &e);
		return;
	}
	config_fini(&d->running);
	d->running = c;
	announce(d, "RELOADED");
}

/* Detach what lost its device, and say so: nobody asked for it. */
static void
tidy(struct psnetd *d)
{
	d->tidy = false;
	stack_control_enter(d->st);
	for (struct netif *i = netif_first(d->st); i != NULL;
	     i = netif_next(d->st, i)) {
		/* relaxed: the flag was set before the descriptor rang. */
		if ((sync_load_relaxed(&i->flags) & NETIF_GONE) != 0)
			fprintf(stderr, "psnetd: %s: its device is gone\n",
			    i->name);
	}
	stack_control_exit(d->st);
	stack_housekeep(d->st);
}

static void
turn(struct psnetd *d)
{
	psnetd_loop_turn(
	    &d->loop, d->load != NULL || d->verify != NULL ? 0 : -1);
	if (d->tidy)
		tidy(d);
	if (d->reload)
		reload(d);
	if (d->load != NULL)
		psnetd_load_step(d);
	if (d->verify != NULL)
		psnetd_verify_step(d);
	psnetd_client_reap(d, false);
	psnetd_monitor_update(d);
}

/* Everything is up: forward until told to stop. */
static int
serve(struct psnetd *d)
{
	int rc;

	d->housekeep = (struct psnetd_source){
	    .fd = stack_housekeep_fd(d->st), .ready = housekeep_ready};
	rc = psnetd_loop_add(&d->loop, &d->housekeep, EPOLLIN);
	if (rc != 0)
		return fail("housekeeping", rc);
	rc = psnetd_server_start(d);
	if (rc != 0)
		return fail(d->socket_path, rc);
	announce(d, "READY");
	while (!d->stop)
		turn(d);
	psnetd_load_cancel(d);
	psnetd_verify_cancel(d);
	psnetd_server_stop(d);
	psnetd_monitor_stop(d);
	return PSNETD_EXIT_OK;
}

static int
run_stack(struct psnetd *d, struct config *c, struct config_error *e)
{
	struct config empty;
	int rc = create_stack(d, c);

	if (rc != 0)
		return fail("cannot start the stack", rc);
	config_init(&empty);
	rc = psnetd_apply(d->st, &empty, c, &d->defaults, e);
	if (rc == 0) {
		d->running = *c;
		config_init(c);
		rc = serve(d);
		config_fini(&d->running);
	} else {
		report("", e);
		rc = PSNETD_EXIT_CONFIG;
	}
	stack_destroy(d->st);
	return rc;
}

int
psnetd_daemon_run(const struct psnetd_daemon_options *o, struct config_error *e)
{
	struct psnetd d = {.config_path = o->config_path,
	    .socket_path = o->socket_path,
	    .workers = o->workers,
	    .verbose = o->verbose};
	struct config c;
	int rc;

	if (config_load(o->config_path, builtin_drivers, &c, e) != 0) {
		report("", e);
		return PSNETD_EXIT_CONFIG;
	}
	if (o->test_only) {
		printf("%s: the configuration is valid\n", o->config_path);
		config_fini(&c);
		return PSNETD_EXIT_OK;
	}
	rc = psnetd_loop_init(&d.loop);
	if (rc == 0)
		rc = open_signals(&d);
	rc = rc != 0 ? fail("cannot start", rc) : run_stack(&d, &c, e);
	config_fini(&c);
	if (d.signals.ready != NULL)
		close(d.signals.fd);
	psnetd_loop_fini(&d.loop);
	return rc;
}

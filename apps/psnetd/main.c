/* SPDX-License-Identifier: BSD-2-Clause */

#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>

#include "apps/psnetd/daemon.h"
#include "apps/version.h"
#include "apps/words.h"
#include "stack/core/stack.h"

#define DEFAULT_CONFIG "/etc/psnet/psnetd.conf"
#define DEFAULT_SOCKET "/run/psnet/psnetd.sock"

enum {
	OPT_HELP = 256,
	OPT_VERSION
};

static const char help[] =
    "usage: psnetd [-tv] [-f FILE] [-s SOCKET] [-w WORKERS]\n"
    "\n"
    "Route packets between the interfaces of a configuration file, in the\n"
    "foreground, until SIGTERM or SIGINT.  SIGHUP applies what changed in "
    "the file.\n"
    "\n"
    "  -f FILE      configuration (" DEFAULT_CONFIG ")\n"
    "  -s SOCKET    control socket (" DEFAULT_SOCKET ")\n"
    "  -w WORKERS   worker threads (the file's number, or one per CPU)\n"
    "  -t           test the configuration and exit\n"
    "  -v           say what each client asks for\n"
    "  --help, --version\n"
    "\n"
    "Exit status: 0 stopped by a signal, 1 run-time failure, 2 usage,\n"
    "3 wrong configuration.\n"
    "\n"
    "Example, a file that routes between two interfaces:\n"
    "  interface wan af_packet dev=eth1 up\n"
    "  interface lan af_packet dev=eth2 up\n"
    "  address 192.0.2.2/24 dev wan\n"
    "  address 10.0.0.1/24 dev lan\n"
    "  route default via 192.0.2.1\n"
    "  set forwarding on\n"
    "Test it, then run it:\n"
    "  psnetd -t -f router.conf && psnetd -f router.conf\n";

static int
usage(void)
{
	fprintf(stderr,
	    "usage: psnetd [-tv] [-f FILE] [-s SOCKET] [-w WORKERS]\n"
	    "       psnetd --help\n");
	return PSNETD_EXIT_USAGE;
}

static int
bad_workers(const char *word, const struct words_error *e)
{
	fprintf(stderr, "psnetd: -w %s: %s\n", word, e->reason);
	return PSNETD_EXIT_USAGE;
}

int
main(int argc, char **argv)
{
	static const struct option longs[] = {
	    {"help", no_argument, NULL, OPT_HELP},
	    {"version", no_argument, NULL, OPT_VERSION},
	    {NULL, 0, NULL, 0},
	};
	struct psnetd_daemon_options o = {
	    .config_path = DEFAULT_CONFIG, .socket_path = DEFAULT_SOCKET};
	struct config_error *e;
	struct words_error we;
	int c, rc;

	while ((c = getopt_long(argc, argv, "f:s:w:tvh", longs, NULL)) != -1) {
		switch (c) {
		case 'f':
			o.config_path = optarg;
			break;
		case 's':
			o.socket_path = optarg;
			break;
		case 'w':
			if (words_u32(optarg, 1, STACK_WORKERS_MAX, &o.workers,
				&we) != 0)
				return bad_workers(optarg, &we);
			break;
		case 't':
			o.test_only = true;
			break;
		case 'v':
			o.verbose = true;
			break;
		case 'h':
		case OPT_HELP:
			fputs(help, stdout);
			return PSNETD_EXIT_OK;
		case OPT_VERSION:
			puts("psnetd " APPS_VERSION);
			return PSNETD_EXIT_OK;
		default:
			return usage();
		}
	}
	if (optind != argc)
		return usage();
	e = calloc(1, sizeof(*e));
	if (e == NULL)
		return PSNETD_EXIT_FAILURE;
	rc = psnetd_daemon_run(&o, e);
	free(e);
	return rc;
}

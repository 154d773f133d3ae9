/* SPDX-License-Identifier: BSD-2-Clause */

/*
 * The daemon reads the table itself, packed or not, from a descriptor that
 * travels with the request.  It takes only regular files, which never make it
 * wait; a pipe is spooled into an anonymous one first.
 */

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "apps/psnetctl/ctl.h"

#define BAR_WIDTH 40

static int
copy_all(int from, int to)
{
	char buf[65536];
	ssize_t n, done;

	while ((n = read(from, buf, sizeof(buf))) != 0) {
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return -errno;
		for (ssize_t at = 0; at < n; at += done) {
			done = write(to, buf + at, (size_t)(n - at));
			if (done < 0)
				return -errno;
		}
	}
	return 0;
}

/* Owner: takes fd.  Returns: a regular file, or a negative errno. */
static int
spool(int fd)
{
	const int mem = memfd_create("routes", MFD_CLOEXEC);
	int rc = mem < 0 ? -errno : copy_all(fd, mem);

	close(fd);
	if (rc == 0)
		return mem;
	if (mem >= 0)
		close(mem);
	return rc;
}

static int
open_list(const char *file)
{
	const bool standard = strcmp(file, "-") == 0;
	struct stat sb;
	int fd;

	fd = standard ? dup(STDIN_FILENO) : open(file, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return -errno;
	if (fstat(fd, &sb) == 0 && S_ISREG(sb.st_mode))
		return fd;
	return spool(fd);
}

void
psnetctl_bar(int percent, const char *phase)
{
	char bar[BAR_WIDTH + 1];

	memset(bar, ' ', BAR_WIDTH);
	memset(bar, '#', (size_t)(percent * BAR_WIDTH / 100));
	bar[BAR_WIDTH] = '\0';
	fprintf(stderr, "\r[%s] %3d%% %-6s", bar, percent, phase);
}

/* Parsing is the first half of the bar, the commit the second. */
static void
show_progress(const json_t *p)
{
	const json_int_t total = psnetctl_number(p, "total");
	const json_int_t done = psnetctl_number(p, "done");
	const char *phase = psnetctl_text(p, "phase", "");
	int percent = total > 0 ? (int)(done * 50 / total) : 50;

	if (strcmp(phase, "commit") == 0)
		percent += 50;
	psnetctl_bar(percent, phase);
}

static void
print_loaded(const struct psnetctl *ctl, json_t *result)
{
	const double parse = (double)psnetctl_number(result, "parse_ms") / 1000;
	const double commit =
	    (double)psnetctl_number(result, "commit_ms") / 1000;

	if (ctl->json)
		psnetctl_dump(ctl, result);
	else
		printf("loaded %lld routes in %.2f s (parse %.2f s, commit "
		       "%.2f s)\n",
		    (long long)psnetctl_number(result, "routes"),
		    parse + commit, parse, commit);
	if (!ctl->json && psnetctl_number(result, "removed") > 0)
		printf("removed %lld\n",
		    (long long)psnetctl_number(result, "removed"));
	if (!ctl->json && psnetctl_number(result, "skipped") > 0)
		printf("left out %lld of other families or peers\n",
		    (long long)psnetctl_number(result, "skipped"));
}

static int
follow(struct psnetctl *ctl, const char *file)
{
	const bool bar = isatty(STDERR_FILENO) != 0 && !ctl->json;
	int status = -1;
	json_t *msg;

	while (status < 0) {
		const int rc = psnetctl_client_receive(&ctl->client, &msg);
		const json_t *p;

		if (rc != 0)
			return psnetctl_lost(ctl, rc);
		p = json_object_get(msg, "progress");
		if (p != NULL && bar)
			show_progress(p);
		if (p == NULL && bar)
			fputs("\r\033[K", stderr);
		if (p == NULL && psnetctl_ok(msg)) {
			print_loaded(ctl, json_object_get(msg, "result"));
			status = PSNETCTL_EXIT_OK;
		} else if (p == NULL) {
			status = psnetctl_refused(msg, file);
		}
		json_decref(msg);
	}
	return status;
}

int
psnetctl_run_load(struct psnetctl *ctl, struct psnetctl_request *r)
{
	const char *name = strcmp(r->file, "-") == 0 ? "<stdin>" : r->file;
	const int fd = open_list(r->file);
	int rc;

	if (fd < 0) {
		fprintf(
		    stderr, "Error: \"%s\": %s.\n", name, words_strerror(-fd));
		return PSNETCTL_EXIT_SYNTAX;
	}
	/* What was queued before must not take the descriptor along. */
	rc = psnetctl_client_flush(&ctl->client, -1);
	if (rc == 0)
		rc = psnetctl_client_queue(
		    &ctl->client, ctl->next++, r->cmd, json_incref(r->args));
	if (rc == 0)
		rc = psnetctl_client_flush(&ctl->client, fd);
	close(fd);
	return rc != 0 ? psnetctl_lost(ctl, rc) : follow(ctl, name);
}

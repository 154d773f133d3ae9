/* SPDX-License-Identifier: BSD-2-Clause */

/*
 * Without -force each command waits for the answer to the one before, so that
 * nothing follows a failure.  With -force up to WINDOW plain commands are on
 * their way at once, and the answers tell which of them failed.
 */

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/signalfd.h>
#include <time.h>
#include <unistd.h>

#include "apps/psnetctl/ctl.h"

#define WINDOW    512
#define WORDS_MAX 512

struct batch {
	struct psnetctl *ctl;
	const char *name;
	int stop_fd; /* readable on SIGINT and SIGTERM */
	unsigned int line;
	unsigned int lines[WINDOW]; /* of the commands on their way, a ring */
	uint64_t sent, answered, failed;
	int64_t started; /* ns */
	int status;
	bool stop;
};

static int64_t
now_ns(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (int64_t)ts.tv_sec * 1000000000 + ts.tv_nsec;
}

static void
failed(struct batch *b, unsigned int line)
{
	fprintf(stderr, "Command failed %s:%u\n", b->name, line);
	b->failed++;
	if (!b->ctl->force)
		b->stop = true;
}

/* Take one answer.  Returns: 0 or a negative errno. */
static int
take_answer(struct batch *b)
{
	json_t *reply;
	int rc = psnetctl_client_receive(&b->ctl->client, &reply);

	if (rc != 0)
		return rc;
	if (!psnetctl_ok(reply)) {
		b->status = psnetctl_refused(reply, NULL);
		failed(b, b->lines[b->answered % WINDOW]);
	}
	b->answered++;
	json_decref(reply);
	return 0;
}

/* Wait until fewer than most commands are on their way. */
static int
drain(struct batch *b, uint64_t most)
{
	int rc = psnetctl_client_flush(&b->ctl->client, -1);

	while (
	    rc == 0 && b->sent - b->answered >= most && b->sent > b->answered)
		rc = take_answer(b);
	return rc;
}

static void
check_stop(struct batch *b, int timeout_ms)
{
	struct pollfd p = {.fd = b->stop_fd, .events = POLLIN};

	if (poll(&p, 1, timeout_ms) > 0)
		b->stop = true;
}

/* Keep to the rate: the n-th command is due n / rate after the start. */
static int
pace(struct batch *b)
{
	int64_t due;
	int rc;

	if (b->ctl->rate == 0)
		return 0;
	due = b->started + (int64_t)(b->sent * 1000000000 / b->ctl->rate);
	if (due - now_ns() < 2000000)
		return 0;
	rc = drain(b, 1);
	while (rc == 0 && !b->stop && due - now_ns() > 1000000)
		check_stop(b, (int)((due - now_ns()) / 1000000));
	return rc;
}

static int
send_command(struct batch *b, struct psnetctl_request *r)
{
	struct psnetctl *ctl = b->ctl;
	int rc;

	if (!ctl->force || r->run != NULL || r->print != NULL) {
		rc = drain(b, 1);
		if (rc != 0)
			return rc;
		b->sent++;
		b->answered++;
		rc = psnetctl_run(ctl, r);
		if (rc != PSNETCTL_EXIT_OK) {
			b->status = rc;
			failed(b, b->line);
		}
		return ctl->client.fd >= 0 ? 0 : -ENOTCONN;
	}
	b->lines[b->sent++ % WINDOW] = b->line;
	rc = psnetctl_client_queue(
	    &ctl->client, ctl->next++, r->cmd, json_incref(r->args));
	if (rc == 0 && b->sent - b->answered >= WINDOW)
		rc = drain(b, WINDOW / 2);
	return rc;
}

static int
run_line(struct batch *b, char *text)
{
	const char *word[WORDS_MAX];
	struct words w = {.word = word};
	struct psnetctl_request r;
	struct words_error e;
	int rc;

	w.n = psnetctl_split(text, word, WORDS_MAX);
	if (w.n == 0)
		return 0;
	rc = psnetctl_parse(b->ctl, &w, &r, &e);
	if (rc == -ECANCELED)
		return 0;
	if (rc != 0) {
		b->status = psnetctl_complain(&e);
		failed(b, b->line);
		return 0;
	}
	rc = pace(b);
	if (rc == 0 && !b->stop)
		rc = send_command(b, &r);
	psnetctl_request_fini(&r);
	return rc;
}

static int
open_stop(void)
{
	sigset_t set;

	sigemptyset(&set);
	sigaddset(&set, SIGINT);
	sigaddset(&set, SIGTERM);
	if (sigprocmask(SIG_BLOCK, &set, NULL) != 0)
		return -1;
	return signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
}

static void
summarize(const struct batch *b)
{
	const double s = (double)(now_ns() - b->started) / 1e9;

	if (b->ctl->rate == 0)
		return;
	printf("%llu commands, %llu failed, %.1f s, %.0f per second%s\n",
	    (unsigned long long)b->answered, (unsigned long long)b->failed, s,
	    s > 0 ? (double)b->answered / s : 0,
	    b->stop ? ", stopped early" : "");
}

static int
run_file(struct batch *b, FILE *f)
{
	char *text = NULL;
	size_t room = 0;
	int rc = 0;

	b->started = now_ns();
	while (rc == 0 && !b->stop && getline(&text, &room, f) >= 0) {
		b->line++;
		rc = run_line(b, text);
		if (b->line % 64 == 0)
			check_stop(b, 0);
	}
	free(text);
	if (rc == 0)
		rc = drain(b, 1);
	summarize(b);
	return rc;
}

int
psnetctl_batch(struct psnetctl *ctl)
{
	const bool standard = strcmp(ctl->batch, "-") == 0;
	struct batch b = {
	    .ctl = ctl, .name = standard ? "<stdin>" : ctl->batch};
	FILE *f = standard ? stdin : fopen(ctl->batch, "re");
	int rc;

	if (f == NULL) {
		fprintf(stderr, "Error: \"%s\": %s.\n", ctl->batch,
		    words_strerror(errno));
		return PSNETCTL_EXIT_SYNTAX;
	}
	rc = psnetctl_connect(ctl);
	if (rc == PSNETCTL_EXIT_OK) {
		b.stop_fd = open_stop();
		rc = run_file(&b, f);
		/* The command that lost the connection has said so. */
		if (rc != 0 && ctl->client.fd >= 0)
			b.status = psnetctl_lost(ctl, rc);
		rc = b.status;
		if (b.stop_fd >= 0)
			close(b.stop_fd);
	}
	if (!standard)
		fclose(f);
	return rc;
}

/* SPDX-License-Identifier: BSD-2-Clause */

#include "apps/psnetd/client.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include "apps/psnetd/cmd.h"
#include "apps/psnetd/daemon.h"
#include "apps/psnetd/dump.h"
#include "apps/psnetd/load.h"
#include "apps/psnetd/monitor.h"
#include "apps/psnetd/verify.h"

size_t
psnetd_client_pending(const struct psnetd_client *c)
{
	return c->out_len - c->out_at;
}

/* Is there a reason not to take the next request? */
static bool
blocked(const struct psnetd_client *c)
{
	return c->dump != NULL || c->load != NULL || c->verify != NULL ||
	       c->waiting ||
	       psnetd_client_pending(c) > PSNETD_CLIENT_HIGH_WATER;
}

static void
kill_client(struct psnetd_client *c)
{
	if (c->dead)
		return;
	c->dead = true;
	psnetd_loop_remove(&c->d->loop, &c->src);
	if (c->load != NULL)
		psnetd_load_orphan(c->load);
	if (c->verify != NULL)
		psnetd_verify_orphan(c->verify);
	c->load = NULL;
	c->verify = NULL;
}

static void
update_interest(struct psnetd_client *c)
{
	uint32_t events = 0;

	if (c->dead)
		return;
	if (!c->eof && !blocked(c))
		events |= EPOLLIN;
	if (psnetd_client_pending(c) > 0)
		events |= EPOLLOUT;
	psnetd_loop_change(&c->d->loop, &c->src, events);
}

static void
flush(struct psnetd_client *c)
{
	while (!c->dead && c->out_at < c->out_len) {
		const ssize_t n = send(c->src.fd, c->out + c->out_at,
		    c->out_len - c->out_at, MSG_NOSIGNAL | MSG_DONTWAIT);

		if (n > 0)
			c->out_at += (size_t)n;
		else if (errno == EAGAIN)
			return;
		else if (errno != EINTR)
			kill_client(c);
	}
	c->out_at = c->out_len = 0;
}

static int
queue_bytes(const char *buf, size_t len, void *arg)
{
	struct psnetd_client *c = arg;

	if (c->out_at > 0 && c->out_len + len > c->out_room) {
		memmove(c->out, c->out + c->out_at, c->out_len - c->out_at);
		c->out_len -= c->out_at;
		c->out_at = 0;
	}
	if (c->out_len + len > c->out_room) {
		size_t room = c->out_room * 2 + 4096;
		char *grown;

		while (room < c->out_len + len)
			room *= 2;
		grown = room <= PSNETD_CLIENT_OUTPUT_MAX ? realloc(c->out, room)
							 : NULL;
		if (grown == NULL)
			return -1;
		c->out = grown;
		c->out_room = room;
	}
	memcpy(c->out + c->out_len, buf, len);
	c->out_len += len;
	return 0;
}

void
psnetd_client_send(struct psnetd_client *c, json_t *msg)
{
	if (!c->dead && (msg == NULL ||
			    json_dump_callback(msg, queue_bytes, c,
				JSON_COMPACT | JSON_REAL_PRECISION(15)) != 0 ||
			    queue_bytes("\n", 1, c) != 0))
		kill_client(c);
	json_decref(msg);
	update_interest(c);
}

void
psnetd_client_reply(struct psnetd_client *c, json_int_t id, json_t *result)
{
	psnetd_client_send(c,
	    json_pack("{s:i, s:I, s:b, s:o}", "v", PSNETD_CLIENT_VERSION, "id",
		id, "ok", 1, "result", result != NULL ? result : json_null()));
}

void
psnetd_client_fail(struct psnetd_client *c, json_int_t id, int rc,
    const struct words_error *e, unsigned int line)
{
	const char *code = strerrorname_np(-rc);
	json_t *error = json_pack("{s:s, s:s}", "code",
	    code != NULL ? code : "EIO", "message",
	    e->reason[0] != '\0' ? e->reason : words_strerror(-rc));

	/* What came with the request may be cut in the middle of UTF-8. */
	if (error != NULL && e->word[0] != '\0' &&
	    json_object_set_new(error, "word", json_string(e->word)) != 0)
		json_object_set_new(error, "word", json_string("?"));
	if (error != NULL && line > 0)
		json_object_set_new(
		    error, "line", json_integer((json_int_t)line));
	psnetd_client_send(
	    c, json_pack("{s:i, s:I, s:b, s:o}", "v", PSNETD_CLIENT_VERSION,
		   "id", id, "ok", 0, "error", error));
}

static int
check_envelope(json_t *msg, struct psnetd_request *r, const char **cmd)
{
	const char *key;
	json_t *value;
	json_t *v = json_object_get(msg, "v");
	json_t *id = json_object_get(msg, "id");

	if (!json_is_object(msg))
		return words_fail(&r->e, NULL, "a request is a JSON object");
	if (id != NULL && !json_is_integer(id))
		return words_fail(&r->e, "id", "not an integer");
	r->id = json_integer_value(id);
	if (!json_is_integer(v))
		return words_fail(
		    &r->e, "v", "the protocol version is missing");
	if (json_integer_value(v) != PSNETD_CLIENT_VERSION) {
		words_fail(&r->e, "v", "this daemon speaks version %d",
		    PSNETD_CLIENT_VERSION);
		return -EPROTONOSUPPORT;
	}
	json_object_foreach(msg, key, value)
	{
		if (strcmp(key, "v") != 0 && strcmp(key, "id") != 0 &&
		    strcmp(key, "cmd") != 0 && strcmp(key, "args") != 0)
			return words_fail(&r->e, key, "unknown field");
	}
	*cmd = json_string_value(json_object_get(msg, "cmd"));
	r->args = json_object_get(msg, "args");
	if (*cmd == NULL)
		return words_fail(&r->e, "cmd", "the command is missing");
	if (r->args != NULL && !json_is_object(r->args))
		return words_fail(&r->e, "args", "not an object");
	return 0;
}

static void
log_request(const struct psnetd_client *c, const char *cmd,
    const struct psnetd_request *r, int rc)
{
	if (!c->d->verbose || rc == -EINPROGRESS)
		return;
	fprintf(stderr, "psnetd: client %d: %s: %s%s%s\n", c->src.fd, cmd,
	    rc != 0 ? r->e.word : "", rc != 0 && r->e.word[0] ? ": " : "",
	    rc != 0    ? r->e.reason
	    : r->later ? "started"
		       : "done");
}

/* Returns: false if the request must wait, and stays in the buffer. */
static bool
handle(struct psnetd_client *c, const char *line, size_t len)
{
	struct psnetd_request r = {.d = c->d, .c = c};
	json_error_t je;
	json_t *msg = json_loadb(line, len, JSON_REJECT_DUPLICATES, &je);
	json_t *none = json_object();
	const char *cmd = NULL;
	int rc;

	if (msg == NULL)
		rc = words_fail(&r.e, NULL, "not JSON: %s", je.text);
	else
		rc = check_envelope(msg, &r, &cmd);
	if (r.args == NULL)
		r.args = none;
	if (rc == 0) {
		rc = psnetd_cmd_run(cmd, &r);
		log_request(c, cmd, &r, rc);
	}
	if (rc != -EINPROGRESS && !r.later) {
		if (rc == 0)
			psnetd_client_reply(c, r.id, r.result);
		else
			psnetd_client_fail(c, r.id, rc, &r.e, 0);
	}
	json_decref(msg);
	json_decref(none);
	return rc != -EINPROGRESS;
}

static bool
is_blank(const char *s, size_t len)
{
	while (len > 0 && (*s == ' ' || *s == '\t' || *s == '\r')) {
		s++;
		len--;
	}
	return len == 0;
}

static void
process(struct psnetd_client *c)
{
	size_t at = 0;

	while (!c->dead && !blocked(c)) {
		const char *start = c->in + at;
		const char *nl = memchr(start, '\n', c->in_len - at);
		const size_t len = nl != NULL ? (size_t)(nl - start) : 0;

		if (nl == NULL)
			break;
		if (!is_blank(start, len) && !handle(c, start, len)) {
			c->waiting = true;
			break;
		}
		at += len + 1;
	}
	memmove(c->in, c->in + at, c->in_len - at);
	c->in_len -= at;
	if (c->in_len == PSNETD_CLIENT_REQUEST_MAX && !blocked(c)) {
		struct words_error e;

		words_fail(&e, NULL, "a request has at most %d bytes",
		    PSNETD_CLIENT_REQUEST_MAX);
		psnetd_client_fail(c, 0, -EMSGSIZE, &e, 0);
		c->in_len = 0;
		c->eof = true;
	}
}

/* The descriptor that came along; only one is kept. */
static void
take_descriptor(struct psnetd_client *c, struct msghdr *mh)
{
	struct cmsghdr *cm;

	for (cm = CMSG_FIRSTHDR(mh); cm != NULL; cm = CMSG_NXTHDR(mh, cm)) {
		if (cm->cmsg_level != SOL_SOCKET || cm->cmsg_type != SCM_RIGHTS)
			continue;
		if (c->passed >= 0)
			close(c->passed);
		memcpy(&c->passed, CMSG_DATA(cm), sizeof(c->passed));
	}
}

static void
receive(struct psnetd_client *c)
{
	union {
		struct cmsghdr align;
		char bytes[CMSG_SPACE(sizeof(int))];
	} control;
	struct iovec iov = {.iov_base = c->in + c->in_len,
	    .iov_len = PSNETD_CLIENT_REQUEST_MAX - c->in_len};
	struct msghdr mh = {.msg_iov = &iov,
	    .msg_iovlen = 1,
	    .msg_control = &control,
	    .msg_controllen = sizeof(control)};
	const ssize_t n =
	    recvmsg(c->src.fd, &mh, MSG_DONTWAIT | MSG_CMSG_CLOEXEC);

	if (n < 0) {
		if (errno != EAGAIN && errno != EINTR)
			kill_client(c);
		return;
	}
	take_descriptor(c, &mh);
	if (n == 0)
		c->eof = true;
	c->in_len += (size_t)n;
}

/* The end of the input is the end of the client once all is answered. */
static void
end_of_input(struct psnetd_client *c)
{
	if (c->eof && !blocked(c) && psnetd_client_pending(c) == 0)
		kill_client(c);
}

void
psnetd_client_continue(struct psnetd_client *c)
{
	process(c);
	flush(c);
	while (!c->dead && c->dump != NULL &&
	       psnetd_client_pending(c) < PSNETD_CLIENT_HIGH_WATER) {
		psnetd_dump_more(c);
		flush(c);
		if (c->dump == NULL)
			process(c);
	}
	flush(c);
	if (!c->dead)
		psnetd_monitor_tell_lost(c);
	end_of_input(c);
	update_interest(c);
}

static void
ready(struct psnetd_source *s, uint32_t events)
{
	struct psnetd_client *c = (struct psnetd_client *)s;

	if (c->dead)
		return;
	if ((events & (EPOLLHUP | EPOLLERR)) != 0 &&
	    (blocked(c) || psnetd_client_pending(c) > 0))
		kill_client(c);
	if (!c->dead && !c->eof && !blocked(c) &&
	    (events & (EPOLLIN | EPOLLHUP)) != 0)
		receive(c);
	psnetd_client_continue(c);
}

int
psnetd_client_create(struct psnetd *d, int fd)
{
	struct psnetd_client *c = calloc(1, sizeof(*c));
	int rc = -ENOMEM;

	if (c == NULL)
		goto close_fd;
	c->in = malloc(PSNETD_CLIENT_REQUEST_MAX);
	if (c->in == NULL)
		goto free_client;
	c->d = d;
	c->passed = -1;
	c->src = (struct psnetd_source){.fd = fd, .ready = ready};
	rc = psnetd_loop_add(&d->loop, &c->src, EPOLLIN);
	if (rc != 0)
		goto free_in;
	c->next = d->clients;
	d->clients = c;
	d->nclients++;
	return 0;
free_in:
	free(c->in);
free_client:
	free(c);
close_fd:
	close(fd);
	return rc;
}

static void
destroy(struct psnetd_client *c)
{
	psnetd_dump_destroy(c->dump);
	if (c->passed >= 0)
		close(c->passed);
	close(c->src.fd);
	free(c->in);
	free(c->out);
	free(c);
}

void
psnetd_client_reap(struct psnetd *d, bool all)
{
	struct psnetd_client **p = &d->clients;

	while (*p != NULL) {
		struct psnetd_client *c = *p;

		if (all)
			kill_client(c);
		if (!c->dead) {
			p = &c->next;
			continue;
		}
		*p = c->next;
		d->nclients--;
		destroy(c);
	}
}

void
psnetd_client_resume(struct psnetd *d)
{
	for (struct psnetd_client *c = d->clients; c != NULL; c = c->next) {
		if (!c->waiting || c->dead)
			continue;
		c->waiting = false;
		psnetd_client_continue(c);
	}
}

/* SPDX-License-Identifier: BSD-2-Clause */

#include "apps/psnetctl/client.h"

#include <errno.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <sys/un.h>
#include <unistd.h>

#define FLUSH_AT 32768

static int
set_silence(struct psnetctl_client *c, int option, uint64_t ms)
{
	const struct timeval tv = {.tv_sec = (time_t)(ms / 1000),
	    .tv_usec = (suseconds_t)(ms % 1000 * 1000)};

	if (setsockopt(c->fd, SOL_SOCKET, option, &tv, sizeof(tv)) != 0)
		return -errno;
	return 0;
}

/* The socket's own times end every call with EAGAIN, connect(2) too. */
static int
failed(void)
{
	return errno == EAGAIN ? -ETIMEDOUT : -errno;
}

static int
connect_to(struct psnetctl_client *c, const struct sockaddr_un *sun)
{
	while (connect(c->fd, (const struct sockaddr *)sun, sizeof(*sun)) != 0)
		if (errno != EINTR)
			return failed();
	return 0;
}

int
psnetctl_client_open(
    struct psnetctl_client *c, const char *path, uint64_t silence_ms)
{
	struct sockaddr_un sun = {.sun_family = AF_UNIX};
	int rc;

	*c = (struct psnetctl_client){.fd = -1};
	if (strlen(path) >= sizeof(sun.sun_path))
		return -ENAMETOOLONG;
	memcpy(sun.sun_path, path, strlen(path) + 1);
	c->fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (c->fd < 0)
		return -errno;
	rc = set_silence(c, SO_SNDTIMEO, silence_ms);
	if (rc == 0)
		rc = set_silence(c, SO_RCVTIMEO, silence_ms);
	if (rc == 0)
		rc = connect_to(c, &sun);
	if (rc != 0)
		psnetctl_client_close(c);
	return rc;
}

int
psnetctl_client_listen(struct psnetctl_client *c)
{
	return set_silence(c, SO_RCVTIMEO, 0);
}

void
psnetctl_client_close(struct psnetctl_client *c)
{
	if (c->fd >= 0)
		close(c->fd);
	free(c->out);
	free(c->in);
	*c = (struct psnetctl_client){.fd = -1};
}

static int
reserve(char **buf, size_t *room, size_t need)
{
	size_t more = *room * 2 + 4096;
	char *grown;

	if (need <= *room)
		return 0;
	while (more < need)
		more *= 2;
	grown = realloc(*buf, more);
	if (grown == NULL)
		return -ENOMEM;
	*buf = grown;
	*room = more;
	return 0;
}

static int
append(const char *buf, size_t len, void *arg)
{
	struct psnetctl_client *c = arg;

	if (reserve(&c->out, &c->out_room, c->out_len + len) != 0)
		return -1;
	memcpy(c->out + c->out_len, buf, len);
	c->out_len += len;
	return 0;
}

int
psnetctl_client_queue(
    struct psnetctl_client *c, json_int_t id, const char *cmd, json_t *args)
{
	json_t *msg = json_pack("{s:i, s:I, s:s, s:o}", "v", 1, "id", id, "cmd",
	    cmd, "args", args != NULL ? args : json_object());
	int rc = 0;

	if (msg == NULL ||
	    json_dump_callback(
		msg, append, c, JSON_COMPACT | JSON_REAL_PRECISION(15)) != 0 ||
	    append("\n", 1, c) != 0)
		rc = -ENOMEM;
	json_decref(msg);
	if (rc == 0 && c->out_len >= FLUSH_AT)
		rc = psnetctl_client_flush(c, -1);
	return rc;
}

static ssize_t
send_with(int fd, const char *buf, size_t len, int passed)
{
	union {
		struct cmsghdr align;
		char bytes[CMSG_SPACE(sizeof(int))];
	} control = {.bytes = {0}};
	struct iovec iov = {.iov_base = (void *)(uintptr_t)buf, .iov_len = len};
	struct msghdr mh = {.msg_iov = &iov, .msg_iovlen = 1};
	struct cmsghdr *cm;

	if (passed >= 0) {
		mh.msg_control = &control;
		mh.msg_controllen = sizeof(control);
		cm = CMSG_FIRSTHDR(&mh);
		cm->cmsg_level = SOL_SOCKET;
		cm->cmsg_type = SCM_RIGHTS;
		cm->cmsg_len = CMSG_LEN(sizeof(int));
		memcpy(CMSG_DATA(cm), &passed, sizeof(passed));
	}
	return sendmsg(fd, &mh, MSG_NOSIGNAL);
}

int
psnetctl_client_flush(struct psnetctl_client *c, int passed)
{
	size_t at = 0;

	while (at < c->out_len) {
		const ssize_t n =
		    send_with(c->fd, c->out + at, c->out_len - at, passed);

		if (n < 0 && errno != EINTR)
			return failed();
		if (n < 0)
			continue;
		at += (size_t)n;
		passed = -1;
	}
	c->out_len = 0;
	return 0;
}

int
psnetctl_client_has_message(const struct psnetctl_client *c)
{
	return c->in_len > c->in_at &&
	       memchr(c->in + c->in_at, '\n', c->in_len - c->in_at) != NULL;
}

int
psnetctl_client_fill(struct psnetctl_client *c)
{
	ssize_t n;

	if (c->in_at > 0) {
		memmove(c->in, c->in + c->in_at, c->in_len - c->in_at);
		c->in_len -= c->in_at;
		c->in_at = 0;
	}
	if (reserve(&c->in, &c->in_room, c->in_len + 65536) != 0)
		return -ENOMEM;
	/* With a time set, SIGCONT interrupts it without a handler. */
	do
		n = read(c->fd, c->in + c->in_len, c->in_room - c->in_len);
	while (n < 0 && errno == EINTR);
	if (n < 0)
		return failed();
	c->in_len += (size_t)n;
	return n == 0 ? -ECONNRESET : 0;
}

int
psnetctl_client_receive(struct psnetctl_client *c, json_t **out)
{
	const char *start, *nl;
	json_t *msg;
	int rc;

	while (!psnetctl_client_has_message(c)) {
		rc = psnetctl_client_fill(c);
		if (rc != 0)
			return rc;
	}
	start = c->in + c->in_at;
	nl = memchr(start, '\n', c->in_len - c->in_at);
	msg = json_loadb(start, (size_t)(nl - start), 0, NULL);
	c->in_at += (size_t)(nl - start) + 1;
	if (!json_is_object(msg)) {
		json_decref(msg);
		return -EPROTO;
	}
	*out = msg;
	return 0;
}

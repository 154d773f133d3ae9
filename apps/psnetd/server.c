/* SPDX-License-Identifier: BSD-2-Clause */

#include "apps/psnetd/server.h"

#include <errno.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "apps/psnetd/client.h"
#include "apps/psnetd/daemon.h"

static void
ready(struct psnetd_source *s, uint32_t events)
{
	struct psnetd *d =
	    (struct psnetd *)(void *)((char *)s -
				      offsetof(struct psnetd, listener));
	const int fd = accept4(s->fd, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);

	(void)events;
	if (fd < 0)
		return;
	if (d->nclients >= PSNETD_CLIENTS_MAX) {
		static const char full[] =
		    "{\"v\":1,\"id\":0,\"ok\":false,\"error\":{\"code\":"
		    "\"EUSERS\",\"message\":\"too many clients\"}}\n";

		if (send(fd, full, sizeof(full) - 1, MSG_NOSIGNAL) < 0)
			errno = 0; /* it left already */
		close(fd);
		return;
	}
	psnetd_client_create(d, fd);
}

/* Is somebody listening there? */
static bool
alive(const struct sockaddr_un *sun)
{
	const int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	bool yes;

	if (fd < 0)
		return false;
	yes = connect(fd, (const struct sockaddr *)sun, sizeof(*sun)) == 0;
	close(fd);
	return yes;
}

/* The folder of the default path is ours to make. */
static int
make_folder(const char *path)
{
	char dir[sizeof(((struct sockaddr_un *)0)->sun_path)];
	char *slash;

	snprintf(dir, sizeof(dir), "%s", path);
	slash = strrchr(dir, '/');
	if (slash == NULL || slash == dir)
		return 0;
	*slash = '\0';
	return mkdir(dir, 0755) == 0 || errno == EEXIST ? 0 : -errno;
}

/* Remove what a daemon that was killed left there, and nothing else. */
static int
remove_stale(const char *path)
{
	struct stat sb;

	if (lstat(path, &sb) != 0)
		return errno == ENOENT ? 0 : -errno;
	if (!S_ISSOCK(sb.st_mode))
		return -EEXIST;
	return unlink(path) == 0 ? 0 : -errno;
}

static int
bind_listen(int fd, const struct sockaddr_un *sun)
{
	if (bind(fd, (const struct sockaddr *)sun, sizeof(*sun)) != 0)
		return -errno;
	if (chmod(sun->sun_path, 0660) != 0 || listen(fd, 64) != 0) {
		const int rc = -errno;

		unlink(sun->sun_path);
		return rc;
	}
	return 0;
}

int
psnetd_server_start(struct psnetd *d)
{
	struct sockaddr_un sun = {.sun_family = AF_UNIX};
	mode_t mask;
	int fd, rc;

	if (strlen(d->socket_path) >= sizeof(sun.sun_path))
		return -ENAMETOOLONG;
	memcpy(sun.sun_path, d->socket_path, strlen(d->socket_path) + 1);
	if (alive(&sun))
		return -EADDRINUSE;
	rc = make_folder(d->socket_path);
	if (rc == 0)
		rc = remove_stale(d->socket_path);
	if (rc != 0)
		return rc;
	fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (fd < 0)
		return -errno;
	mask = umask(0117);
	rc = bind_listen(fd, &sun);
	umask(mask);
	if (rc == 0) {
		d->listener = (struct psnetd_source){.fd = fd, .ready = ready};
		rc = psnetd_loop_add(&d->loop, &d->listener, EPOLLIN);
		if (rc != 0)
			unlink(d->socket_path);
	}
	if (rc != 0)
		close(fd);
	return rc;
}

void
psnetd_server_stop(struct psnetd *d)
{
	psnetd_loop_remove(&d->loop, &d->listener);
	close(d->listener.fd);
	unlink(d->socket_path);
	psnetd_client_reap(d, true);
}

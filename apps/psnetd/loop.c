/* SPDX-License-Identifier: BSD-2-Clause */

#include "apps/psnetd/loop.h"

#include <errno.h>
#include <sys/epoll.h>
#include <unistd.h>

int
psnetd_loop_init(struct psnetd_loop *l)
{
	l->fd = epoll_create1(EPOLL_CLOEXEC);
	return l->fd < 0 ? -errno : 0;
}

void
psnetd_loop_fini(struct psnetd_loop *l)
{
	close(l->fd);
	l->fd = -1;
}

static int
control(struct psnetd_loop *l, int op, struct psnetd_source *s, uint32_t events)
{
	struct epoll_event ev = {.events = events, .data.ptr = s};

	return epoll_ctl(l->fd, op, s->fd, &ev) < 0 ? -errno : 0;
}

int
psnetd_loop_add(struct psnetd_loop *l, struct psnetd_source *s, uint32_t events)
{
	return control(l, EPOLL_CTL_ADD, s, events);
}

int
psnetd_loop_change(
    struct psnetd_loop *l, struct psnetd_source *s, uint32_t events)
{
	return control(l, EPOLL_CTL_MOD, s, events);
}

void
psnetd_loop_remove(struct psnetd_loop *l, struct psnetd_source *s)
{
	control(l, EPOLL_CTL_DEL, s, 0);
}

int
psnetd_loop_turn(struct psnetd_loop *l, int timeout)
{
	struct epoll_event ev[32];
	const int n = epoll_wait(l->fd, ev, 32, timeout);

	if (n < 0)
		return errno == EINTR ? 0 : -errno;
	for (int i = 0; i < n; i++) {
		struct psnetd_source *s = ev[i].data.ptr;

		s->ready(s, ev[i].events);
	}
	return 0;
}

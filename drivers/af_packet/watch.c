/* SPDX-License-Identifier: BSD-2-Clause */

/*
 * One thread per interface, asleep in poll(2).  A worker could not do this: it
 * may not take the control mutex, which telling of a carrier needs.
 *
 * The kernel's messages only say that something changed; what it is now is
 * asked for (RTM_GETLINK), so that a message lost to a full buffer does no
 * harm.
 */

#include "drivers/af_packet/watch.h"

#include <errno.h>
#include <linux/rtnetlink.h>
#include <net/if.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <unistd.h>

#include "libsync/base/assert.h"
#include "libsync/pserialize/pserialize.h"
#include "stack/core/stack.h"

#define BUFFER 32768

/* [c] constant once started */
struct af_packet_watch {
	int ifindex;               /* [c] */
	int netlink;               /* [c] */
	int start_fd;              /* [c] eventfd: started or stopped */
	bool stopping;             /* [c] written before start_fd */
	int stop_fd;               /* [c] eventfd */
	struct stack *stack;       /* [c] NULL: never started */
	netif_id id;               /* [c] */
	struct af_packet_mtu *mtu; /* [c] */
	pthread_t thread;
};

/* What the kernel says of the interface. */
struct link_state {
	bool gone, known;
	unsigned int flags;
	uint32_t mtu;
};

static int
ask(const struct af_packet_watch *wa)
{
	const struct {
		struct nlmsghdr nh;
		struct ifinfomsg ifi;
	} request = {
	    .nh = {.nlmsg_len = sizeof(request),
		.nlmsg_type = RTM_GETLINK,
		.nlmsg_flags = NLM_F_REQUEST},
	    .ifi = {.ifi_family = AF_UNSPEC, .ifi_index = wa->ifindex},
	};

	return send(wa->netlink, &request, sizeof(request), 0) > 0 ? 0 : -errno;
}

static void
read_link(
    const struct af_packet_watch *wa, struct nlmsghdr *nh, struct link_state *s)
{
	struct ifinfomsg *ifi = NLMSG_DATA(nh);
	struct rtattr *a = IFLA_RTA(ifi);
	int left = (int)nh->nlmsg_len - (int)NLMSG_LENGTH(sizeof(*ifi));

	if (left < 0 || ifi->ifi_index != wa->ifindex ||
	    ifi->ifi_family != AF_UNSPEC)
		return;
	if (nh->nlmsg_type == RTM_DELLINK) {
		s->gone = true;
		return;
	}
	s->known = true;
	s->flags = ifi->ifi_flags;
	for (; RTA_OK(a, left); a = RTA_NEXT(a, left))
		if (a->rta_type == IFLA_MTU && RTA_PAYLOAD(a) == sizeof(s->mtu))
			memcpy(&s->mtu, RTA_DATA(a), sizeof(s->mtu));
}

static void
read_error(struct nlmsghdr *nh, struct link_state *s)
{
	const struct nlmsgerr *e = NLMSG_DATA(nh);

	if (nh->nlmsg_len >= NLMSG_LENGTH(sizeof(*e)) && e->error == -ENODEV)
		s->gone = true;
}

/* Take in what has arrived; the newest state wins. */
static void
receive(const struct af_packet_watch *wa, struct link_state *s)
{
	union {
		struct nlmsghdr nh;
		char bytes[BUFFER];
	} buf;
	ssize_t n;

	for (;;) {
		n = recv(wa->netlink, &buf, sizeof(buf), MSG_DONTWAIT);
		if (n < 0 && errno == ENOBUFS) {
			(void)ask(wa); /* messages were lost */
			continue;
		}
		if (n <= 0)
			return;
		for (struct nlmsghdr *nh = &buf.nh; NLMSG_OK(nh, n);
		     nh = NLMSG_NEXT(nh, n)) {
			if (nh->nlmsg_type == RTM_NEWLINK ||
			    nh->nlmsg_type == RTM_DELLINK)
				read_link(wa, nh, s);
			else if (nh->nlmsg_type == NLMSG_ERROR)
				read_error(nh, s);
		}
	}
}

static void
tell_gone(const struct af_packet_watch *wa)
{
	const uint64_t cookie = pserialize_read_enter();
	struct netif *nif = netif_lookup(wa->stack, wa->id);

	if (nif != NULL)
		netif_device_gone(nif);
	pserialize_read_exit(cookie);
}

static void
tell(const struct af_packet_watch *wa, const struct link_state *s)
{
	const unsigned int on = IFF_UP | IFF_RUNNING;

	if (s->gone) {
		tell_gone(wa);
		return;
	}
	if (!s->known)
		return;
	if (s->mtu != 0) {
		/* relaxed: a frame may meet the size of a moment ago. */
		sync_store_relaxed(&wa->mtu->bytes, s->mtu);
	}
	netif_set_running(wa->stack, wa->id, (s->flags & on) == on);
}

static void *
watch(void *arg)
{
	struct af_packet_watch *wa = arg;
	struct pollfd fds[2] = {
	    {.fd = wa->stop_fd, .events = POLLIN},
	    {.fd = wa->netlink, .events = POLLIN},
	};
	uint64_t started;

	while (read(wa->start_fd, &started, sizeof(started)) < 0)
		SYNC_REQUIRE(errno == EINTR);
	if (wa->stopping)
		return NULL;
	(void)ask(wa);
	for (;;) {
		struct link_state s = {.gone = false};

		if (poll(fds, 2, -1) < 0)
			continue;
		if (fds[0].revents != 0)
			return NULL;
		receive(wa, &s);
		tell(wa, &s);
		if (s.gone)
			fds[1].fd = -1; /* there is nothing more to hear */
	}
}

static int
open_netlink(void)
{
	const struct sockaddr_nl nl = {
	    .nl_family = AF_NETLINK, .nl_groups = RTMGRP_LINK};
	const int fd = socket(
	    AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC | SOCK_NONBLOCK, NETLINK_ROUTE);
	int error;

	if (fd < 0)
		return -errno;
	if (bind(fd, (const struct sockaddr *)&nl, sizeof(nl)) == 0)
		return fd;
	error = -errno;
	close(fd);
	return error;
}

/* Signals are for the threads of the program, not for this one. */
static int
start_thread(struct af_packet_watch *wa)
{
	sigset_t all, before;
	int error;

	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &before);
	error = pthread_create(&wa->thread, NULL, watch, wa);
	pthread_sigmask(SIG_SETMASK, &before, NULL);
	return -error;
}

int
af_packet_watch_create(int ifindex, struct af_packet_watch **out)
{
	struct af_packet_watch *wa = calloc(1, sizeof(*wa));
	int error;

	if (wa == NULL)
		return -ENOMEM;
	wa->ifindex = ifindex;
	wa->netlink = open_netlink();
	error = wa->netlink;
	if (error < 0)
		goto free_wa;
	wa->start_fd = eventfd(0, EFD_CLOEXEC);
	error = -errno;
	if (wa->start_fd < 0)
		goto close_netlink;
	wa->stop_fd = eventfd(0, EFD_CLOEXEC);
	error = -errno;
	if (wa->stop_fd < 0)
		goto close_start;
	error = start_thread(wa);
	if (error != 0)
		goto close_stop;
	*out = wa;
	return 0;

close_stop:
	close(wa->stop_fd);
close_start:
	close(wa->start_fd);
close_netlink:
	close(wa->netlink);
free_wa:
	free(wa);
	return error;
}

static void
ring_bell(int fd)
{
	const uint64_t one = 1;

	SYNC_REQUIRE(write(fd, &one, sizeof(one)) == sizeof(one));
}

void
af_packet_watch_start(struct af_packet_watch *wa, struct stack *st, netif_id id,
    struct af_packet_mtu *mtu)
{
	wa->stack = st;
	wa->id = id;
	wa->mtu = mtu;
	ring_bell(wa->start_fd);
}

void
af_packet_watch_destroy(struct af_packet_watch *wa)
{
	if (wa->stack == NULL) {
		wa->stopping = true;
		ring_bell(wa->start_fd);
	}
	ring_bell(wa->stop_fd);
	pthread_join(wa->thread, NULL);
	close(wa->stop_fd);
	close(wa->start_fd);
	close(wa->netlink);
	free(wa);
}

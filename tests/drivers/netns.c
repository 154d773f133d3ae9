/* SPDX-License-Identifier: BSD-2-Clause */

#include "tests/drivers/netns.h"

#include <arpa/inet.h>
#include <criterion/criterion.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/if_packet.h>
#include <net/if.h>
#include <netinet/udp.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "libsync/pserialize/pserialize.h"
#include "stack/nexthop/nexthop.h"
#include "stack/proto/arp/arp.h"
#include "stack/proto/ether/ether.h"
#include "stack/proto/icmp/icmp.h"
#include "stack/proto/ipv4/ipv4.h"

#define COMMAND_BYTES 1024
#define TCP_PORT      7000
#define WAIT_MS       20000
#define CHUNK         65536

void
netns_enter(void)
{
	if (geteuid() != 0)
		cr_skip_test("needs root for network namespaces");
	if (unshare(CLONE_NEWNET) != 0)
		cr_skip_test("no network namespaces: %s", strerror(errno));
	netns_run("ip link set lo up");
}

static bool
run(pid_t peer, const char *fmt, va_list ap)
{
	char text[COMMAND_BYTES], full[COMMAND_BYTES + 64];

	(void)vsnprintf(text, sizeof(text), fmt, ap);
	if (peer == 0)
		(void)snprintf(full, sizeof(full), "%s", text);
	else
		(void)snprintf(full, sizeof(full),
		    "nsenter --net=/proc/%d/ns/net %s", (int)peer, text);
	return system(full) == 0; /* NOLINT(concurrency-mt-unsafe) */
}

void
netns_run(const char *fmt, ...)
{
	va_list ap;
	bool good;

	va_start(ap, fmt);
	good = run(0, fmt, ap);
	va_end(ap);
	cr_assert(good, "%s", fmt);
}

void
netns_peer_run(pid_t peer, const char *fmt, ...)
{
	va_list ap;
	bool good;

	va_start(ap, fmt);
	good = run(peer, fmt, ap);
	va_end(ap);
	cr_assert(good, "%s", fmt);
}

pid_t
netns_peer(void)
{
	int ready[2];
	char byte;
	pid_t pid;

	cr_assert(pipe(ready) == 0);
	pid = fork();
	cr_assert(pid >= 0);
	if (pid == 0) {
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		if (unshare(CLONE_NEWNET) != 0 || write(ready[1], "", 1) != 1)
			_exit(1);
		for (;;)
			pause();
	}
	close(ready[1]);
	cr_assert(read(ready[0], &byte, 1) == 1, "the peer did not start");
	close(ready[0]);
	netns_peer_run(pid, "ip link set lo up");
	return pid;
}

void
netns_peer_end(pid_t peer)
{
	kill(peer, SIGKILL);
	waitpid(peer, NULL, 0);
}

static void
join(pid_t peer)
{
	char path[64];
	int fd;

	(void)snprintf(path, sizeof(path), "/proc/%d/ns/net", (int)peer);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0 || setns(fd, CLONE_NEWNET) != 0)
		_exit(2);
	close(fd);
}

static uint8_t
pattern(size_t i)
{
	return (uint8_t)(i ^ i >> 8 ^ i >> 16);
}

/* Accept one connection and compare what comes; the exit status says. */
static void
serve(int s, size_t size)
{
	static uint8_t buf[CHUNK];
	const int c = accept(s, NULL, NULL);
	size_t at = 0;
	ssize_t n;

	if (c < 0)
		_exit(3);
	while ((n = read(c, buf, sizeof(buf))) > 0)
		for (ssize_t i = 0; i < n; i++)
			if (buf[i] != pattern(at++))
				_exit(4);
	_exit(n == 0 && at == size ? 0 : 5);
}

static void
deliver(const struct sockaddr_in *to, size_t size)
{
	static uint8_t buf[CHUNK];
	const int s = socket(AF_INET, SOCK_STREAM, 0);
	size_t at = 0;

	alarm(60);
	if (connect(s, (const struct sockaddr *)to, sizeof(*to)) != 0)
		_exit(6);
	while (at < size) {
		const size_t want = size - at < CHUNK ? size - at : CHUNK;
		ssize_t n;

		for (size_t i = 0; i < want; i++)
			buf[i] = pattern(at + i);
		n = write(s, buf, want);
		if (n < 0)
			_exit(7);
		at += (size_t)n;
	}
	_exit(shutdown(s, SHUT_WR) == 0 ? 0 : 8);
}

/* A child in a peer's namespace that listens already. */
static pid_t
start_server(pid_t at, const struct sockaddr_in *sin, size_t size)
{
	const int on = 1;
	int ready[2];
	char byte;
	pid_t pid;

	cr_assert(pipe(ready) == 0);
	pid = fork();
	cr_assert(pid >= 0);
	if (pid == 0) {
		int s;

		alarm(60);
		join(at);
		s = socket(AF_INET, SOCK_STREAM, 0);
		setsockopt(s, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on));
		if (bind(s, (const struct sockaddr *)sin, sizeof(*sin)) != 0 ||
		    listen(s, 1) != 0 || write(ready[1], "", 1) != 1)
			_exit(9);
		serve(s, size);
	}
	close(ready[1]);
	(void)!read(ready[0], &byte, 1);
	close(ready[0]);
	return pid;
}

bool
netns_tcp(pid_t from, pid_t to, const char *to_addr, size_t size)
{
	struct sockaddr_in sin = {
	    .sin_family = AF_INET, .sin_port = htons(TCP_PORT)};
	pid_t server, client;
	int a, b;

	inet_pton(AF_INET, to_addr, &sin.sin_addr);
	server = start_server(to, &sin, size);
	client = fork();
	cr_assert(client >= 0);
	if (client == 0) {
		join(from);
		deliver(&sin, size);
	}
	cr_assert(waitpid(client, &a, 0) == client);
	cr_assert(waitpid(server, &b, 0) == server);
	if (a != 0 || b != 0)
		fprintf(stderr, "# client %#x, server %#x\n", (unsigned int)a,
		    (unsigned int)b);
	return a == 0 && b == 0;
}

static void
send_segments(const struct sockaddr_in *to, unsigned int n, size_t size)
{
	static uint8_t buf[CHUNK];
	const int s = socket(AF_INET, SOCK_DGRAM, 0), segment = (int)size;

	for (size_t i = 0; i < n * size; i++)
		buf[i] = pattern(i);
	if (setsockopt(s, SOL_UDP, UDP_SEGMENT, &segment, sizeof(segment)) != 0)
		_exit(10);
	_exit(sendto(s, buf, n * size, 0, (const struct sockaddr *)to,
		  sizeof(*to)) == (ssize_t)(n * size)
		  ? 0
		  : 11);
}

/* The exit status is how many came. */
static void
count_segments(int s, unsigned int n, size_t size)
{
	const struct timeval second = {.tv_sec = 1};
	static uint8_t buf[CHUNK];
	unsigned int good = 0;

	setsockopt(s, SOL_SOCKET, SO_RCVTIMEO, &second, sizeof(second));
	for (unsigned int k = 0; k < n; k++) {
		const ssize_t len = recv(s, buf, sizeof(buf), 0);
		bool same = len == (ssize_t)size;

		for (size_t i = 0; same && i < size; i++)
			same = buf[i] == pattern(k * size + i);
		good += same;
	}
	_exit((int)good);
}

unsigned int
netns_udp_segments(
    pid_t from, pid_t to, const char *to_addr, unsigned int n, size_t size)
{
	struct sockaddr_in sin = {
	    .sin_family = AF_INET, .sin_port = htons(TCP_PORT)};
	pid_t receiver, sender;
	int ready[2], status;
	char byte;

	inet_pton(AF_INET, to_addr, &sin.sin_addr);
	cr_assert(pipe(ready) == 0);
	receiver = fork();
	if (receiver == 0) {
		int s;

		join(to);
		s = socket(AF_INET, SOCK_DGRAM, 0);
		if (bind(s, (const struct sockaddr *)&sin, sizeof(sin)) != 0 ||
		    write(ready[1], "", 1) != 1)
			_exit(0);
		count_segments(s, n, size);
	}
	close(ready[1]);
	cr_assert(read(ready[0], &byte, 1) == 1);
	close(ready[0]);
	sender = fork();
	if (sender == 0) {
		join(from);
		send_segments(&sin, n, size);
	}
	cr_assert(waitpid(sender, &status, 0) == sender && status == 0,
	    "the sender's status is %#x", (unsigned int)status);
	cr_assert(waitpid(receiver, &status, 0) == receiver);
	return WIFEXITED(status) ? (unsigned int)WEXITSTATUS(status) : 0;
}

void
netns_send_frame(pid_t peer, const char *dev, const void *frame, size_t len)
{
	const pid_t pid = fork();
	int status;

	cr_assert(pid >= 0);
	if (pid == 0) {
		struct sockaddr_ll sll = {.sll_family = AF_PACKET};
		int s;

		join(peer);
		s = socket(AF_PACKET, SOCK_RAW, 0);
		sll.sll_ifindex = (int)if_nametoindex(dev);
		_exit(sendto(s, frame, len, 0, (const struct sockaddr *)&sll,
			  sizeof(sll)) == (ssize_t)len
			  ? 0
			  : 1);
	}
	cr_assert(waitpid(pid, &status, 0) == pid && status == 0);
}

struct stack *
netns_stack(unsigned int nworkers)
{
	static const struct proto *const protos[] = {&proto_ether,
	    &proto_nexthop, &proto_ipv4, &proto_arp, &proto_icmp, NULL};
	const struct stack_config cfg = {
	    .name = "psnet",
	    .protos = protos,
	    .nworkers = nworkers,
	};
	struct stack *st;

	cr_assert(stack_create(&cfg, &st) == 0);
	cr_assert(ipv4_option_set(st, IPV4_OPT_FORWARDING, 1) == 0);
	cr_assert(stack_start(st) == 0);
	return st;
}

void
netns_configure(struct stack *st, netif_id id, const char *addr)
{
	char text[32];
	char *slash;
	struct in_addr a;

	(void)snprintf(text, sizeof(text), "%s", addr);
	slash = strchr(text, '/');
	*slash = '\0';
	cr_assert(inet_pton(AF_INET, text, &a) == 1);
	cr_assert(netif_set_flags(st, id, NETIF_UP, 0) == 0);
	cr_assert(ipv4_addr_add(st, id, a.s_addr,
		      (unsigned int)strtoul(slash + 1, NULL, 10)) == 0);
}

/* 0: no such interface, 1: not running, 2: running. */
static int
state_of(struct stack *st, netif_id id)
{
	const uint64_t cookie = pserialize_read_enter();
	const struct netif *nif = netif_lookup(st, id);
	int state = 0;

	if (nif != NULL) {
		/* relaxed: it is only looked at. */
		state = (sync_load_relaxed(&nif->flags) & NETIF_RUNNING) != 0
			    ? 2
			    : 1;
	}
	pserialize_read_exit(cookie);
	return state;
}

static bool
wait_state(struct stack *st, netif_id id, int state)
{
	const struct timespec ms = {.tv_nsec = 1000000};

	for (int i = 0; i < WAIT_MS; i++) {
		(void)stack_housekeep(st);
		if (state_of(st, id) == state)
			return true;
		nanosleep(&ms, NULL);
	}
	return false;
}

bool
netns_wait_running(struct stack *st, netif_id id, bool running)
{
	return wait_state(st, id, running ? 2 : 1);
}

bool
netns_wait_gone(struct stack *st, netif_id id)
{
	return wait_state(st, id, 0);
}

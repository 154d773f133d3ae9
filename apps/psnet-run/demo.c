/* SPDX-License-Identifier: BSD-2-Clause */

/*
 * The demonstration without root: the checks of scripts/demo over wires.
 *
 *   client 10.1.0.2 -- wire -- 10.1.0.1 router 10.2.0.1 -- wire -- 10.2.0.2
 *                                                                 server
 */

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <limits.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "apps/psnet-run/run.h"
#include "drivers/wire/wire.h"
#include "stack/nexthop/nexthop.h"
#include "stack/proto/arp/arp.h"
#include "stack/proto/ether/ether.h"
#include "stack/proto/icmp/icmp.h"
#include "stack/proto/ipv4/ipv4.h"

#define CLIENT 0x0a010002u
#define SERVER 0x0a020002u
#define CHURN  50000 /* routes a second */
#define BURST  500   /* route changes between two looks at the clock */

enum {
	HOST_CLIENT,
	HOST_ROUTER,
	HOST_SERVER,
	HOST_COUNT
};

/* [c] constant  [k] control thread  [a] atomic */
struct scene {
	struct stack *stack[HOST_COUNT]; /* [c] */
	struct wire *wire[2];            /* [c] */
	netif_id port[4];    /* [c] client, router lan, router wan, server */
	size_t nroutes;      /* [k] */
	unsigned int failed; /* [k] */
	SYNC_ATOMIC(int) churning; /* [a] */
	uint64_t churned;          /* [k] read after the thread is joined */
};

static const struct proto *const host_protos[] = {&proto_ether, &proto_arp,
    &proto_nexthop, &proto_ipv4, &run_proto_probe, &run_proto_bulk, NULL};
static const struct proto *const server_protos[] = {&proto_ether, &proto_arp,
    &proto_nexthop, &proto_ipv4, &proto_icmp, &run_proto_bulk, NULL};
const struct proto *const run_router_protos[] = {
    &proto_ether, &proto_arp, &proto_nexthop, &proto_ipv4, &proto_icmp, NULL};

__attribute__((__format__(__printf__, 3, 4))) static void
check(struct scene *s, bool ok, const char *fmt, ...)
{
	va_list ap;

	printf("  %-4s  ", ok ? "ok" : "FAIL");
	va_start(ap, fmt);
	vprintf(fmt, ap);
	va_end(ap);
	putchar('\n');
	fflush(stdout);
	if (!ok)
		s->failed++;
}

static int
host_create(struct scene *s, int host, const char *name,
    const struct proto *const *protos)
{
	const struct stack_config cfg = {.name = name,
	    .protos = protos,
	    .nworkers = 1,
	    .seed = (uint64_t)host + 1};

	return stack_create(&cfg, &s->stack[host]);
}

/* Attach one end of a wire, bring it up, give it its address. */
static int
plug(struct scene *s, int wire, unsigned int end, int host, const char *name,
    uint32_t addr, netif_id *out)
{
	struct stack *st = s->stack[host];
	int err;

	if ((err = wire_attach(s->wire[wire], end, st, name, out)) != 0 ||
	    (err = netif_set_flags(st, *out, NETIF_UP, 0)) != 0)
		return err;
	return ipv4_addr_add(st, *out, htonl(addr), 24);
}

static int
default_route(struct stack *st, netif_id port, uint32_t gateway)
{
	struct route_nexthop nh = {
	    .netif = port, .has_gateway = true, .weight = 1};
	const struct route_config r = {.type = ROUTE_UNICAST,
	    .protocol = ROUTE_PROTO_STATIC,
	    .nnexthops = 1,
	    .nexthops = &nh};

	gateway = htonl(gateway);
	memcpy(nh.gateway, &gateway, sizeof(gateway));
	return ipv4_route_add(st, &r, ROUTE_ADD);
}

static int
scene_create(struct scene *s)
{
	const struct wire_config wc = {.queue_len = 1024};
	int err;

	if ((err = host_create(s, HOST_CLIENT, "client", host_protos)) != 0 ||
	    (err = host_create(s, HOST_ROUTER, "router", run_router_protos)) !=
		0 ||
	    (err = host_create(s, HOST_SERVER, "server", server_protos)) != 0 ||
	    (err = wire_create(&wc, &s->wire[0])) != 0 ||
	    (err = wire_create(&wc, &s->wire[1])) != 0)
		return err;
	if ((err = plug(s, 0, 0, HOST_CLIENT, "eth0", CLIENT, &s->port[0])) !=
		0 ||
	    (err = plug(
		 s, 0, 1, HOST_ROUTER, "lan", 0x0a010001, &s->port[1])) != 0 ||
	    (err = plug(
		 s, 1, 0, HOST_ROUTER, "wan", 0x0a020001, &s->port[2])) != 0 ||
	    (err = plug(s, 1, 1, HOST_SERVER, "eth0", SERVER, &s->port[3])) !=
		0)
		return err;
	if ((err = ipv4_option_set(
		 s->stack[HOST_ROUTER], IPV4_OPT_FORWARDING, 1)) != 0 ||
	    (err = default_route(
		 s->stack[HOST_CLIENT], s->port[0], 0x0a010001)) != 0 ||
	    (err = default_route(
		 s->stack[HOST_SERVER], s->port[3], 0x0a020001)) != 0)
		return err;
	for (int i = 0; i < HOST_COUNT; i++)
		if ((err = stack_start(s->stack[i])) != 0)
			return err;
	return 0;
}

static void
scene_destroy(struct scene *s)
{
	for (int i = 0; i < HOST_COUNT; i++)
		if (s->stack[i] != NULL)
			stack_destroy(s->stack[i]);
	for (int i = 0; i < 2; i++)
		if (s->wire[i] != NULL)
			wire_destroy(s->wire[i]);
}

static void
check_ping(struct scene *s, const char *when, bool expect)
{
	static const size_t sizes[] = {56, 1472, 8000};
	const double wait = expect ? 2 : 0.3;

	for (size_t i = 0; i < (expect ? 3 : 1); i++) {
		const struct run_answer a = run_probe(
		    s->stack[HOST_CLIENT], htonl(SERVER), sizes[i], 0, wait);
		const bool answered = a.type == ICMP_ECHO_REPLY;

		if (answered)
			check(s, expect, "ping of %zu bytes%s: %.2f ms",
			    sizes[i], when, a.ms);
		else
			check(s, !expect, "ping of %zu bytes%s: no answer",
			    sizes[i], when);
	}
}

static void
check_traceroute(struct scene *s)
{
	for (uint8_t ttl = 1; ttl <= 2; ttl++) {
		const uint32_t want = ttl == 1 ? 0x0a010001 : SERVER;
		const struct run_answer a =
		    run_probe(s->stack[HOST_CLIENT], htonl(SERVER), 32, ttl, 2);
		const struct in_addr from = {.s_addr = a.from};
		char text[INET_ADDRSTRLEN];

		inet_ntop(AF_INET, &from, text, sizeof(text));
		check(s, a.from == htonl(want), "traceroute hop %u: %s", ttl,
		    text);
	}
}

/* Send size bytes of src, wait for them, and say at which rate they came. */
static void
transfer(struct scene *s, int from, int to, uint32_t dst, const uint8_t *src,
    uint8_t *out, size_t size, const char *what)
{
	const double start = run_seconds();
	size_t got = 0, last = 0;
	double moved = start, took;

	run_bulk_receive(s->stack[to], out, size);
	run_bulk_send(s->stack[from], htonl(dst), src, size);
	while (got < size && run_seconds() < moved + 10) {
		run_sleep(0.002);
		got = run_bulk_received(s->stack[to]);
		if (got != last)
			moved = run_seconds();
		last = got;
	}
	took = run_seconds() - start;
	run_bulk_stop(s->stack[from]);
	run_bulk_stop(s->stack[to]);
	check(s, got == size && memcmp(src, out, size) == 0,
	    "%s: %zu of %zu MB in %.1f s, %.0f Mb/s, %" PRIu64
	    " chunks sent again",
	    what, got / 1000000, size / 1000000, took,
	    (double)got * 8e-6 / took, run_bulk_resent(s->stack[from]));
}

/* Withdraw and announce routes of the loaded table, CHURN a second. */
static void *
churn(void *arg)
{
	struct scene *s = arg;
	struct stack *st = s->stack[HOST_ROUTER];
	struct route_nexthop nh = {
	    .netif = s->port[2], .has_gateway = true, .weight = 1};
	struct route_config r = {.plen = 24,
	    .type = ROUTE_UNICAST,
	    .protocol = ROUTE_PROTO_STATIC,
	    .nnexthops = 1,
	    .nexthops = &nh};
	const uint32_t gw = htonl(SERVER);
	const double start = run_seconds();
	uint32_t k = 0;

	memcpy(nh.gateway, &gw, sizeof(gw));
	/* relaxed: it only ends the loop. */
	while (sync_load_relaxed(&s->churning)) {
		for (unsigned int i = 0; i < BURST; i += 2) {
			const uint32_t net =
			    htonl(0x0b000000 +
				  ((uint32_t)(k % (s->nroutes / 17)) << 12));

			memcpy(r.prefix, &net, sizeof(net));
			ipv4_route_remove(st, r.prefix, r.plen);
			ipv4_route_add(st, &r, ROUTE_ADD);
			s->churned += 2;
			k++;
		}
		while ((double)s->churned / CHURN > run_seconds() - start)
			run_sleep(0.001);
	}
	return NULL;
}

static void
transfer_under_churn(
    struct scene *s, const uint8_t *src, uint8_t *out, size_t size)
{
	struct route_nexthop nh = {
	    .netif = s->port[2], .has_gateway = true, .weight = 1};
	const uint32_t gw = htonl(SERVER);
	double start = run_seconds();
	pthread_t t;
	int err;

	memcpy(nh.gateway, &gw, sizeof(gw));
	err = run_load_routes(s->stack[HOST_ROUTER], &nh, s->nroutes);
	check(s, err == 0, "full table: %zu routes in one commit, %.2f s",
	    route_table_count(ipv4_routes(s->stack[HOST_ROUTER])),
	    run_seconds() - start);
	/* relaxed: the thread is created after it. */
	sync_store_relaxed(&s->churning, 1);
	if (err != 0 || pthread_create(&t, NULL, churn, s) != 0) {
		check(s, false, "churn could not start");
		return;
	}
	start = run_seconds();
	transfer(s, HOST_CLIENT, HOST_SERVER, SERVER, src, out, size,
	    "the file under churn");
	/* relaxed: it only ends the loop. */
	sync_store_relaxed(&s->churning, 0);
	pthread_join(t, NULL);
	check(s, s->churned > 0, "%" PRIu64 " routes changed meanwhile, %.0f/s",
	    s->churned, (double)s->churned / (run_seconds() - start));
}

static void
print_interface(struct stack *st, const struct netif *nif)
{
	printf("  %-8s %-5s %10" PRIu64 " %12" PRIu64 " %10" PRIu64
	       " %12" PRIu64 "\n",
	    stack_name(st), nif->name,
	    netif_counter_read(nif, UINT_MAX, NETIF_RX_PACKETS),
	    netif_counter_read(nif, UINT_MAX, NETIF_RX_BYTES),
	    netif_counter_read(nif, UINT_MAX, NETIF_TX_PACKETS),
	    netif_counter_read(nif, UINT_MAX, NETIF_TX_BYTES));
	for (unsigned int r = 0; r < DROP_REASON_COUNT; r++) {
		const uint64_t n =
		    netif_counter_read(nif, UINT_MAX, NETIF_DROPS + r);

		if (n > 0)
			printf("           dropped %" PRIu64 " %s: %s\n", n,
			    drop_reason_name(r), drop_reason_text(r));
	}
}

static void
print_table(struct scene *s)
{
	printf("  %-8s %-5s %10s %12s %10s %12s\n", "stack", "if", "rx-packets",
	    "rx-bytes", "tx-packets", "tx-bytes");
	for (int i = 0; i < HOST_COUNT; i++) {
		const uint64_t c = pserialize_read_enter();

		for (struct netif *nif = netif_first(s->stack[i]); nif != NULL;
		     nif = netif_next(s->stack[i], nif))
			print_interface(s->stack[i], nif);
		pserialize_read_exit(c);
	}
}

static void
run_checks(struct scene *s, const uint8_t *src, uint8_t *out, size_t size)
{
	uint8_t *back = malloc(size / 4 + 1);

	check_ping(s, "", true);
	check_traceroute(s);
	transfer(s, HOST_CLIENT, HOST_SERVER, SERVER, src, out, size,
	    "the file, client to server");
	if (back != NULL)
		transfer(s, HOST_SERVER, HOST_CLIENT, CLIENT, src, back,
		    size / 4, "a quarter of it, server to client");
	memset(out, 0, size);
	transfer_under_churn(s, src, out, size);
	wire_set_carrier(s->wire[1], false);
	check_ping(s, " with the link broken", false);
	wire_set_carrier(s->wire[1], true);
	run_sleep(0.05);
	check_ping(s, " with the link restored", true);
	free(back);
}

/* Map path for reading, or make it size bytes long and map it for writing. */
static uint8_t *
map_file(const char *path, bool writing, size_t *size)
{
	const int fd =
	    open(path, writing ? O_RDWR | O_CREAT | O_TRUNC : O_RDONLY, 0600);
	struct stat sb;
	void *m = MAP_FAILED;

	if (fd < 0)
		return NULL;
	if ((!writing || ftruncate(fd, (off_t)*size) == 0) &&
	    fstat(fd, &sb) == 0 && sb.st_size > 0) {
		*size = (size_t)sb.st_size;
		m = mmap(NULL, *size,
		    writing ? PROT_READ | PROT_WRITE : PROT_READ, MAP_SHARED,
		    fd, 0);
	}
	close(fd);
	return m == MAP_FAILED ? NULL : m;
}

int
run_demo(const char *in, const char *out, size_t nroutes)
{
	struct scene s = {.nroutes = nroutes < 17 ? 17 : nroutes};
	uint8_t *src, *dst;
	size_t size = 0;
	int err;

	if ((src = map_file(in, false, &size)) == NULL ||
	    (dst = map_file(out, true, &size)) == NULL) {
		fprintf(stderr, "psnet-run: %s: %s\n", src == NULL ? in : out,
		    strerror(errno));
		if (src != NULL)
			munmap(src, size);
		return 1;
	}
	if ((err = scene_create(&s)) == 0) {
		run_checks(&s, src, dst, size);
		print_table(&s);
	} else {
		fprintf(stderr, "psnet-run: topology: %s\n", strerror(-err));
		s.failed++;
	}
	scene_destroy(&s);
	munmap(src, size);
	munmap(dst, size);
	return (int)s.failed;
}

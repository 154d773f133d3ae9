/* SPDX-License-Identifier: BSD-2-Clause */

/* The TAP driver, with Linux at the other end. */

#include <criterion/criterion.h>
#include <errno.h>
#include <limits.h>
#include <stdio.h>

#include "drivers/tap/tap.h"
#include "libsync/pserialize/pserialize.h"
#include "tests/drivers/netns.h"

#define MEGA (1024u * 1024)

/* A TAP whose Linux end is a new peer's eth0, address .2 of 10.N.0.0/24. */
static pid_t
attach(struct stack *st, int number, netif_id *id)
{
	char dev[16], addr[32];
	const struct tap_config cfg = {.dev = dev};
	const pid_t peer = netns_peer();

	(void)snprintf(dev, sizeof(dev), "t%d", number);
	(void)snprintf(addr, sizeof(addr), "10.%d.0.1/24", number);
	cr_assert_eq(tap_attach(st, dev, &cfg, id), 0);
	netns_run("ip link set %s netns %d name eth0", dev, (int)peer);
	netns_peer_run(peer, "ip addr add 10.%d.0.2/24 dev eth0", number);
	netns_peer_run(peer, "ip link set eth0 up");
	netns_peer_run(peer, "ip route add default via 10.%d.0.1", number);
	netns_configure(st, *id, addr);
	return peer;
}

Test(tap, linux_pings_it)
{
	struct stack *st;
	netif_id id;
	pid_t peer;

	netns_enter();
	st = netns_stack(1);
	peer = attach(st, 1, &id);
	netns_peer_run(peer, "ping -qc 20 -i 0.01 -W 20 10.1.0.1 >/dev/null");
	netns_peer_run(
	    peer, "ping -qc 3 -i 0.01 -W 20 -s 1472 -M do 10.1.0.1 >/dev/null");
	stack_destroy(st);
	netns_peer_end(peer);
}

static void
carry_tcp(unsigned int nworkers)
{
	struct stack *st;
	netif_id ia, ib;
	pid_t a, b;

	netns_enter();
	st = netns_stack(nworkers);
	a = attach(st, 1, &ia);
	b = attach(st, 2, &ib);
	cr_assert(netns_tcp(a, b, "10.2.0.2", 8 * MEGA));
	cr_assert(netns_tcp(b, a, "10.1.0.2", 8 * MEGA));
	stack_destroy(st);
	netns_peer_end(a);
	netns_peer_end(b);
}

Test(tap, carries_tcp_between_linux_hosts)
{
	carry_tcp(1);
}

Test(tap, carries_tcp_with_two_workers)
{
	carry_tcp(2);
}

Test(tap, drops_frames_too_long_for_a_packet)
{
	static const uint8_t frame[3000] = {
	    0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 2, 0, 0, 0, 0, 5, 8};
	struct stack *st;
	uint64_t s, n = 0;
	netif_id id;
	pid_t peer;

	netns_enter();
	st = netns_stack(1);
	peer = attach(st, 1, &id);
	netns_peer_run(peer, "ip link set eth0 mtu 9000");
	netns_send_frame(peer, "eth0", frame, sizeof(frame));
	netns_peer_run(peer, "ping -qc 3 -i 0.01 -W 20 10.1.0.1 >/dev/null");
	s = pserialize_read_enter();
	n = netif_counter_read(
	    netif_lookup(st, id), UINT_MAX, NETIF_DROPS + DROP_RX_TOO_LONG);
	pserialize_read_exit(s);
	cr_assert_eq(n, 1);
	stack_destroy(st);
	netns_peer_end(peer);
}

Test(tap, shows_linux_a_carrier_while_it_is_up)
{
	const struct tap_config cfg = {.dev = "t1"};
	struct stack *st;
	netif_id id;

	netns_enter();
	st = netns_stack(1);
	cr_assert_eq(tap_attach(st, "t1", &cfg, &id), 0);
	cr_assert_eq(netif_set_flags(st, id, NETIF_UP, 0), 0);
	netns_run("ip link set t1 up");
	netns_run("ip link show t1 | grep -q LOWER_UP");
	cr_assert_eq(netif_set_flags(st, id, 0, NETIF_UP), 0);
	netns_run("ip link show t1 | grep -q NO-CARRIER");
	stack_destroy(st);
}

Test(tap, has_an_address_other_than_linux)
{
	struct tap_config cfg = {.dev = "t1", .hwaddr = {2, 0, 0, 0, 0, 7}};
	struct stack *st;
	netif_id id;
	pid_t peer;

	netns_enter();
	netns_run("ip tuntap add mode tap name t1");
	netns_run("ip link set t1 address 02:00:00:00:00:07");
	st = netns_stack(1);
	cr_assert_eq(tap_attach(st, "t1", &cfg, &id), -EINVAL);
	cfg.hwaddr[5] = 8;
	cr_assert_eq(tap_attach(st, "t1", &cfg, &id), 0);
	peer = netns_peer();
	netns_run("ip link set t1 netns %d", (int)peer);
	netns_peer_run(peer, "ip addr add 10.1.0.2/24 dev t1");
	netns_peer_run(peer, "ip link set t1 up");
	netns_configure(st, id, "10.1.0.1/24");
	netns_peer_run(peer, "ping -qc 2 -i 0.01 -W 20 10.1.0.1 >/dev/null");
	netns_peer_run(
	    peer, "ip neigh show 10.1.0.1 | grep -q 02:00:00:00:00:08");
	stack_destroy(st);
	netns_peer_end(peer);
}

Test(tap, is_detached_with_its_device)
{
	struct stack *st;
	netif_id id;
	pid_t peer;

	netns_enter();
	st = netns_stack(1);
	peer = attach(st, 1, &id);
	netns_peer_run(peer, "ping -qc 3 -i 0.01 -W 20 10.1.0.1 >/dev/null");
	netns_peer_run(peer, "ip link del eth0");
	cr_assert(netns_wait_gone(st, id));
	stack_destroy(st);
	netns_peer_end(peer);
}

Test(tap, ends_its_device_when_detached)
{
	const struct tap_config cfg = {.dev = "t1"};
	struct stack *st;
	netif_id id;

	netns_enter();
	st = netns_stack(1);
	cr_assert_eq(tap_attach(st, "t1", &cfg, &id), 0);
	netns_run("ip link show t1 >/dev/null");
	cr_assert_eq(netif_detach(st, id), 0);
	netns_run("! ip link show t1 2>/dev/null");
	cr_assert_eq(tap_attach(st, "t1", &cfg, &id), 0);
	stack_destroy(st);
}

Test(tap, refuses_what_it_cannot_open)
{
	struct stack *st;
	char err[128];
	netif_id id;

	netns_enter();
	st = netns_stack(1);
	cr_assert_eq(
	    tap_driver.attach(st, "t0", "dev=lo", &id, err, sizeof(err)),
	    -EINVAL);
	cr_assert_str_eq(err, "TAP device lo: Invalid argument");
	cr_assert_eq(tap_driver.attach(st, "t0", "hwaddr=ff:00:00:00:00:00",
			 &id, err, sizeof(err)),
	    -EINVAL);
	cr_assert_str_eq(err, "bad word \"hwaddr=ff:00:00:00:00:00\"");
	stack_destroy(st);
}

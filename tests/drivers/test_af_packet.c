/* SPDX-License-Identifier: BSD-2-Clause */

/* The packet-socket driver, with Linux at the other end of a veth pair. */

#include <criterion/criterion.h>
#include <errno.h>
#include <limits.h>
#include <stdio.h>

#include "drivers/af_packet/af_packet.h"
#include "libsync/pserialize/pserialize.h"
#include "stack/proto/ipv4/ipv4.h"
#include "tests/drivers/netns.h"

#define MEGA (1024u * 1024)

/* A veth pair to a new peer, which has address .2 of 10.N.0.0/24; ours .1. */
static pid_t
make_peer(int number)
{
	const pid_t peer = netns_peer();

	netns_run("ip link add v%d type veth peer name eth0 netns %d", number,
	    (int)peer);
	netns_run("sysctl -qw net.ipv6.conf.v%d.disable_ipv6=1", number);
	netns_peer_run(peer, "sysctl -qw net.ipv6.conf.eth0.disable_ipv6=1");
	netns_peer_run(peer, "ip addr add 10.%d.0.2/24 dev eth0", number);
	netns_peer_run(peer, "ip link set eth0 up");
	netns_peer_run(peer, "ip route add default via 10.%d.0.1", number);
	return peer;
}

static netif_id
attach(struct stack *st, int number, const struct af_packet_config *more)
{
	struct af_packet_config cfg =
	    more != NULL ? *more : (struct af_packet_config){.dev = NULL};
	char dev[16], addr[32];
	netif_id id;

	(void)snprintf(dev, sizeof(dev), "v%d", number);
	(void)snprintf(addr, sizeof(addr), "10.%d.0.1/24", number);
	cfg.dev = dev;
	cr_assert_eq(af_packet_attach(st, dev, &cfg, &id), 0);
	netns_configure(st, id, addr);
	cr_assert(netns_wait_running(st, id, true));
	return id;
}

static uint64_t
drops(struct stack *st, netif_id id, enum drop_reason reason)
{
	const uint64_t cookie = pserialize_read_enter();
	const struct netif *nif = netif_lookup(st, id);
	const uint64_t n = nif != NULL ? netif_counter_read(nif, UINT_MAX,
					     NETIF_DROPS + reason)
				       : 0;

	pserialize_read_exit(cookie);
	return n;
}

Test(af_packet, linux_pings_it)
{
	struct stack *st;
	pid_t peer;

	netns_enter();
	peer = make_peer(1);
	st = netns_stack(1);
	attach(st, 1, NULL);
	netns_peer_run(peer, "ping -qc 20 -i 0.01 -W 20 10.1.0.1 >/dev/null");
	netns_peer_run(
	    peer, "ping -qc 3 -i 0.01 -W 20 -s 1472 -M do 10.1.0.1 >/dev/null");
	stack_destroy(st);
	netns_peer_end(peer);
}

Test(af_packet, takes_an_address_that_is_not_the_device_s)
{
	const struct af_packet_config cfg = {.hwaddr = {2, 0, 0, 0, 0, 9}};
	struct stack *st;
	pid_t peer;

	netns_enter();
	peer = make_peer(1);
	st = netns_stack(1);
	attach(st, 1, &cfg);
	netns_peer_run(peer, "ping -qc 3 -i 0.01 -W 20 10.1.0.1 >/dev/null");
	netns_peer_run(
	    peer, "ip neigh show 10.1.0.1 | grep -q 02:00:00:00:00:09");
	stack_destroy(st);
	netns_peer_end(peer);
}

/* veth hands over super-frames with partial checksums on both sides. */
static void
carry_tcp(unsigned int nworkers)
{
	struct stack *st;
	pid_t a, b;
	netif_id ia, ib;

	netns_enter();
	a = make_peer(1);
	b = make_peer(2);
	st = netns_stack(nworkers);
	ia = attach(st, 1, NULL);
	ib = attach(st, 2, NULL);
	cr_assert(netns_tcp(a, b, "10.2.0.2", 16 * MEGA));
	cr_assert(netns_tcp(b, a, "10.1.0.2", 16 * MEGA));
	cr_assert_eq(drops(st, ia, DROP_RX_OFFLOAD), 0);
	cr_assert_eq(drops(st, ib, DROP_RX_OFFLOAD), 0);
	cr_assert_eq(drops(st, ia, DROP_TX_ERROR), 0);
	cr_assert_eq(drops(st, ib, DROP_TX_ERROR), 0);
	stack_destroy(st);
	netns_peer_end(a);
	netns_peer_end(b);
}

Test(af_packet, carries_tcp_between_linux_hosts)
{
	carry_tcp(1);
}

Test(af_packet, carries_tcp_with_two_workers)
{
	carry_tcp(2);
}

Test(af_packet, carries_udp_that_the_device_was_to_cut)
{
	struct stack *st;
	pid_t a, b;

	netns_enter();
	a = make_peer(1);
	b = make_peer(2);
	st = netns_stack(1);
	attach(st, 1, NULL);
	attach(st, 2, NULL);
	/* Both neighbours known: a hold queue would drop a burst. */
	netns_peer_run(a, "ping -qc 2 -i 0.01 -W 20 10.2.0.2 >/dev/null");
	cr_assert_eq(netns_udp_segments(a, b, "10.2.0.2", 40, 1400), 40);
	cr_assert_eq(netns_udp_segments(b, a, "10.1.0.2", 33, 1001), 33);
	stack_destroy(st);
	netns_peer_end(a);
	netns_peer_end(b);
}

/* The kernel takes the tag off; without it the frame would be another's. */
Test(af_packet, keeps_vlans_apart)
{
	/* Who has 10.1.0.1, in VLAN 5? */
	static const uint8_t frame[64] = {0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 2,
	    0, 0, 0, 0, 5, 0x81, 0, 0, 5, 8, 6, 0, 1, 8, 0, 6, 4, 0, 1, 2, 0, 0,
	    0, 0, 5, 10, 1, 0, 3, 0, 0, 0, 0, 0, 0, 10, 1, 0, 1};
	struct stack *st;
	pid_t peer;
	netif_id id;

	netns_enter();
	peer = make_peer(1);
	st = netns_stack(1);
	id = attach(st, 1, NULL);
	cr_assert_eq(drops(st, id, DROP_NO_PROTO), 0);
	netns_send_frame(peer, "eth0", frame, sizeof(frame));
	/* Whatever came first has been worked off when this is answered. */
	netns_peer_run(peer, "ping -qc 3 -i 0.01 -W 20 10.1.0.1 >/dev/null");
	cr_assert_eq(drops(st, id, DROP_NO_PROTO), 1);
	stack_destroy(st);
	netns_peer_end(peer);
}

Test(af_packet, drops_frames_too_long_for_a_packet)
{
	static const uint8_t frame[3000] = {
	    0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 2, 0, 0, 0, 0, 5, 8};
	struct stack *st;
	pid_t peer;
	netif_id id;

	netns_enter();
	peer = make_peer(1);
	st = netns_stack(1);
	id = attach(st, 1, NULL);
	netns_run("ip link set v1 mtu 9000");
	netns_peer_run(peer, "ip link set eth0 mtu 9000");
	netns_send_frame(peer, "eth0", frame, sizeof(frame));
	netns_peer_run(peer, "ping -qc 3 -i 0.01 -W 20 10.1.0.1 >/dev/null");
	cr_assert_eq(drops(st, id, DROP_RX_TOO_LONG), 1);
	stack_destroy(st);
	netns_peer_end(peer);
}

/* What the kernel could not put into the ring is counted afterwards. */
Test(af_packet, counts_what_its_ring_had_no_room_for)
{
	struct stack *st;
	pid_t peer;
	netif_id id;

	netns_enter();
	peer = make_peer(1);
	st = netns_stack(1);
	id = attach(st, 1, NULL);
	netns_peer_run(peer, "ping -qc 3 -i 0.01 -W 20 10.1.0.1 >/dev/null");
	cr_assert_eq(drops(st, id, DROP_RX_OVERRUN), 0);
	stack_stop(st);
	netns_peer_run(peer, "ping -q -l 9000 -c 9000 -W 1 -s 1400 10.1.0.1 "
			     ">/dev/null || true");
	cr_assert_eq(stack_start(st), 0);
	/* Again and again, until there is room and it is answered. */
	netns_peer_run(peer, "ping -qc 1 -i 0.2 -w 20 10.1.0.1 >/dev/null");
	cr_assert(drops(st, id, DROP_RX_OVERRUN) > 0);
	stack_destroy(st);
	netns_peer_end(peer);
}

Test(af_packet, follows_the_carrier)
{
	struct stack *st;
	pid_t peer;
	netif_id id;

	netns_enter();
	peer = make_peer(1);
	st = netns_stack(1);
	id = attach(st, 1, NULL);
	netns_peer_run(peer, "ip link set eth0 down");
	cr_assert(netns_wait_running(st, id, false));
	netns_peer_run(peer, "ip link set eth0 up");
	cr_assert(netns_wait_running(st, id, true));
	netns_run("ip link set v1 down");
	cr_assert(netns_wait_running(st, id, false));
	netns_run("ip link set v1 up");
	cr_assert(netns_wait_running(st, id, true));
	netns_peer_run(peer, "ping -qc 3 -i 0.01 -W 20 10.1.0.1 >/dev/null");
	stack_destroy(st);
	netns_peer_end(peer);
}

Test(af_packet, is_detached_with_its_device)
{
	struct stack *st;
	pid_t peer;
	netif_id id;

	netns_enter();
	peer = make_peer(1);
	st = netns_stack(1);
	id = attach(st, 1, NULL);
	netns_peer_run(peer, "ping -qc 3 -i 0.01 -W 20 10.1.0.1 >/dev/null");
	netns_run("ip link del v1");
	cr_assert(netns_wait_gone(st, id));
	stack_destroy(st);
	netns_peer_end(peer);
}

Test(af_packet, sets_the_mtu_of_the_device)
{
	struct stack *st;
	pid_t peer;
	netif_id id;

	netns_enter();
	peer = make_peer(1);
	st = netns_stack(1);
	id = attach(st, 1, NULL);
	cr_assert_eq(netif_set_mtu(st, id, 1280), 0);
	netns_run("ip link show v1 | grep -q 'mtu 1280 '");
	cr_assert_neq(netif_set_mtu(st, id, 9000), 0);
	stack_destroy(st);
	netns_peer_end(peer);
}

Test(af_packet, refuses_what_it_cannot_attach_to)
{
	struct stack *st;
	char err[128];
	netif_id id;

	netns_enter();
	st = netns_stack(1);
	cr_assert_eq(af_packet_driver.attach(
			 st, "e0", "dev=nothere", &id, err, sizeof(err)),
	    -ENODEV);
	cr_assert_str_eq(err, "interface nothere: No such device");
	cr_assert_eq(af_packet_driver.attach(
			 st, "e0", "dev=lo speed=9", &id, err, sizeof(err)),
	    -EINVAL);
	cr_assert_str_eq(err, "bad word \"speed=9\"");
	stack_destroy(st);
}

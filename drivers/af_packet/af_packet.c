/* SPDX-License-Identifier: BSD-2-Clause */

/*
 * An interface over one ring pair per worker (ring.c) and a thread that
 * follows the Linux interface (watch.c).
 */

#include "drivers/af_packet/af_packet.h"

#include <errno.h>
#include <net/if.h>
#include <net/if_arp.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include "drivers/af_packet/ring.h"
#include "drivers/af_packet/watch.h"
#include "drivers/args/args.h"
#include "libsync/base/assert.h"
#include "libsync/pserialize/pserialize.h"
#include "stack/core/stack.h"

#define ETHER_HDR 14
#define VLAN_TAG  4

/* [c] constant  [a] atomic  [w] the stack's control mutex */
struct af_packet {
	char dev[IFNAMSIZ];            /* [c] */
	int ifindex;                   /* [c] */
	int ioctl_fd;                  /* [c] */
	bool promisc;                  /* [w] */
	struct af_packet_mtu mtu;      /* [a] of the Linux interface */
	struct af_packet_watch *watch; /* [c] */
	unsigned int nrings;           /* [c] */
	struct af_packet_ring *ring[]; /* [c] */
};

static void
af_packet_poll(struct netif *nif, unsigned int queue, struct worker *w,
    struct pkt_batch *b)
{
	const struct af_packet *a = nif->softc;

	SYNC_ASSERT(pserialize_in_read_section());
	af_packet_ring_receive(a->ring[queue], nif, w, b);
}

static void
af_packet_transmit(struct netif *nif, unsigned int queue, struct worker *w,
    struct pkt_batch *b)
{
	struct af_packet *a = nif->softc;
	/* relaxed: a frame may meet the size of a moment ago. */
	const uint32_t mtu = sync_load_relaxed(&a->mtu.bytes);

	SYNC_ASSERT(pserialize_in_read_section());
	af_packet_ring_send(a->ring[queue], nif, w, b, (size_t)mtu + ETHER_HDR);
}

static bool
af_packet_arm(struct netif *nif, unsigned int queue, struct worker *w, int *fd)
{
	const struct af_packet *a = nif->softc;

	(void)w;
	return af_packet_ring_arm(a->ring[queue], fd);
}

/* One interface request by name; 0 or a negative errno. */
static int
request(const struct af_packet *a, unsigned long what, struct ifreq *ifr)
{
	memcpy(ifr->ifr_name, a->dev, IFNAMSIZ);
	return ioctl(a->ioctl_fd, what, ifr) == 0 ? 0 : -errno;
}

static int
af_packet_set_mtu(struct netif *nif, uint32_t mtu)
{
	struct af_packet *a = nif->softc;
	struct ifreq ifr = {.ifr_mtu = (int)mtu};
	int error;

	if (mtu + ETHER_HDR + VLAN_TAG > PKT_ROOM)
		return -EINVAL;
	error = request(a, SIOCSIFMTU, &ifr);
	if (error == 0) {
		/* relaxed: a frame may meet the size of a moment ago. */
		sync_store_relaxed(&a->mtu.bytes, mtu);
	}
	return error;
}

static int
af_packet_set_flags(struct netif *nif, uint32_t flags)
{
	struct af_packet *a = nif->softc;
	const bool promisc = (flags & NETIF_PROMISC) != 0;
	int error = 0;

	if (promisc != a->promisc)
		error = af_packet_ring_promisc(a->ring[0], a->ifindex, promisc);
	if (error == 0)
		a->promisc = promisc;
	return error;
}

static void
af_packet_free(struct af_packet *a)
{
	if (a->watch != NULL)
		af_packet_watch_destroy(a->watch);
	for (unsigned int i = 0; i < a->nrings; i++)
		af_packet_ring_destroy(a->ring[i]);
	if (a->ioctl_fd >= 0)
		close(a->ioctl_fd);
	free(a);
}

static void
af_packet_detach(struct netif *nif)
{
	af_packet_free(nif->softc);
}

static const struct netif_ops af_packet_ops = {
    .poll = af_packet_poll,
    .transmit = af_packet_transmit,
    .arm = af_packet_arm,
    .set_mtu = af_packet_set_mtu,
    .set_flags = af_packet_set_flags,
    .detach = af_packet_detach,
};

/* What the Linux interface is: index, address, MTU, and up from now on. */
static int
look_at_device(struct af_packet *a, struct netif_config *nc)
{
	struct ifreq ifr = {.ifr_flags = 0};
	int error = request(a, SIOCGIFINDEX, &ifr);

	if (error != 0)
		return error;
	a->ifindex = ifr.ifr_ifindex;
	error = request(a, SIOCGIFHWADDR, &ifr);
	if (error != 0)
		return error;
	if (ifr.ifr_hwaddr.sa_family != ARPHRD_ETHER &&
	    ifr.ifr_hwaddr.sa_family != ARPHRD_LOOPBACK)
		return -EINVAL;
	memcpy(nc->hwaddr, ifr.ifr_hwaddr.sa_data, sizeof(nc->hwaddr));
	error = request(a, SIOCGIFMTU, &ifr);
	if (error != 0)
		return error;
	sync_init(&a->mtu.bytes, (uint32_t)ifr.ifr_mtu);
	nc->mtu = (uint32_t)ifr.ifr_mtu;
	if (nc->mtu > PKT_ROOM - ETHER_HDR - VLAN_TAG)
		nc->mtu = PKT_ROOM - ETHER_HDR - VLAN_TAG;
	error = request(a, SIOCGIFFLAGS, &ifr);
	if (error == 0 && (ifr.ifr_flags & IFF_UP) == 0) {
		ifr.ifr_flags |= IFF_UP;
		error = request(a, SIOCSIFFLAGS, &ifr);
	}
	return error;
}

/* Ours, if one was asked for; frames to it need promiscuous mode. */
static void
choose_hwaddr(struct af_packet *a, const struct af_packet_config *cfg,
    struct netif_config *nc)
{
	static const uint8_t none[6];

	a->promisc = cfg->promisc;
	if (memcmp(cfg->hwaddr, none, sizeof(none)) != 0 &&
	    memcmp(cfg->hwaddr, nc->hwaddr, sizeof(none)) != 0) {
		memcpy(nc->hwaddr, cfg->hwaddr, sizeof(none));
		a->promisc = true;
	}
	if (a->promisc)
		nc->flags |= NETIF_PROMISC;
}

static int
open_rings(struct af_packet *a, unsigned int wanted)
{
	int error = 0;

	while (error == 0 && a->nrings < wanted) {
		error = af_packet_ring_create(&a->ring[a->nrings]);
		if (error == 0)
			a->nrings++;
	}
	if (error == 0)
		error = af_packet_ring_bind(a->ring, a->nrings, a->ifindex);
	if (error == 0 && a->promisc)
		error = af_packet_ring_promisc(a->ring[0], a->ifindex, true);
	return error;
}

static int
set_up(struct af_packet *a, const struct af_packet_config *cfg,
    unsigned int nrings, struct netif_config *nc)
{
	int error;

	a->ioctl_fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	if (a->ioctl_fd < 0)
		return -errno;
	error = look_at_device(a, nc);
	if (error != 0)
		return error;
	choose_hwaddr(a, cfg, nc);
	error = open_rings(a, nrings);
	if (error == 0)
		error = af_packet_watch_create(a->ifindex, &a->watch);
	return error;
}

int
af_packet_attach(struct stack *st, const char *ifname,
    const struct af_packet_config *cfg, netif_id *out)
{
	const unsigned int n = stack_nworkers(st);
	struct netif_config nc = {
	    .name = ifname,
	    .driver = "af_packet",
	    .link = NETIF_LINK_ETHER,
	    .nqueues = n,
	    .ops = &af_packet_ops,
	};
	struct af_packet *a;
	netif_id id;
	int error;

	if (cfg->dev == NULL || cfg->dev[0] == '\0' ||
	    strlen(cfg->dev) >= IFNAMSIZ)
		return -EINVAL;
	a = calloc(1, sizeof(*a) + n * sizeof(a->ring[0]));
	if (a == NULL)
		return -ENOMEM;
	a->ioctl_fd = -1;
	memcpy(a->dev, cfg->dev, strlen(cfg->dev));
	error = set_up(a, cfg, n, &nc);
	nc.softc = a;
	if (error == 0)
		error = netif_attach(st, &nc, &id);
	if (error != 0) {
		af_packet_free(a);
		return error;
	}
	af_packet_watch_start(a->watch, st, id, &a->mtu);
	*out = id;
	return 0;
}

/* One word of the configuration line. */
static int
parse_word(const struct args_word *word, struct af_packet_config *cfg,
    char dev[ARGS_WORD_MAX])
{
	if (strcmp(word->key, "dev") == 0) {
		memcpy(dev, word->value, ARGS_WORD_MAX);
		cfg->dev = dev;
		return 0;
	}
	if (strcmp(word->key, "hwaddr") == 0)
		return args_hwaddr(word->value, cfg->hwaddr);
	if (strcmp(word->key, "promisc") == 0)
		return args_bool(word->value, &cfg->promisc);
	return -EINVAL;
}

static int
parse(const char *args, struct af_packet_config *cfg, char dev[ARGS_WORD_MAX],
    char *err, size_t errlen)
{
	struct args_word word;

	while (args_next(&args, &word))
		if (parse_word(&word, cfg, dev) != 0)
			return args_bad(err, errlen, &word);
	return 0;
}

static int
af_packet_driver_check(const char *args, char *err, size_t errlen)
{
	struct af_packet_config cfg = {.dev = ""};
	char dev[ARGS_WORD_MAX];

	return parse(args, &cfg, dev, err, errlen);
}

static int
af_packet_driver_attach(struct stack *st, const char *ifname, const char *args,
    netif_id *out, char *err, size_t errlen)
{
	struct af_packet_config cfg = {.dev = ifname};
	char dev[ARGS_WORD_MAX];
	int error = parse(args, &cfg, dev, err, errlen);

	if (error != 0)
		return error;
	error = af_packet_attach(st, ifname, &cfg, out);
	if (error != 0)
		return args_fail(err, errlen, error, "interface %s: %s",
		    cfg.dev, args_reason(error));
	return 0;
}

const struct driver af_packet_driver = {
    .name = "af_packet",
    .usage = "NAME [dev=LINUX-NAME] [hwaddr=MAC] [promisc=on|off]",
    .check = af_packet_driver_check,
    .attach = af_packet_driver_attach,
};

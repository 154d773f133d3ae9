/* SPDX-License-Identifier: BSD-2-Clause */

/*
 * One descriptor per queue; each queue has one worker, so that nothing here is
 * shared but the descriptors.  Where the device has a single queue all workers
 * write to it, which the kernel serialises.
 */

#include "drivers/tap/tap.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/if_tun.h>
#include <net/if.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/random.h>
#include <unistd.h>

#include "drivers/args/args.h"
#include "libsync/base/assert.h"
#include "libsync/pserialize/pserialize.h"
#include "stack/core/stack.h"

#define ETHER_HDR   14
#define MTU_DEFAULT 1500
#define TUN_DEVICE  "/dev/net/tun"

struct tap {
	unsigned int nqueues; /* [c] */
	int fd[];             /* [c] */
};

/* Did the device vanish?  Else the error is about one frame. */
static bool
is_gone(int error)
{
	return error == EBADFD || error == ENODEV || error == ENXIO;
}

static void
tap_poll(struct netif *nif, unsigned int queue, struct worker *w,
    struct pkt_batch *b)
{
	const int fd = ((struct tap *)nif->softc)->fd[queue];

	SYNC_ASSERT(pserialize_in_read_section());
	for (unsigned int i = 0; i < PKT_BATCH_MAX; i++) {
		struct pkt *p = pkt_alloc(w);
		ssize_t n;

		if (p == NULL)
			return; /* the kernel queues meanwhile */
		n = read(fd, p->data, PKT_ROOM);
		if (n <= 0) {
			pkt_free(w, p);
			if (n < 0 && is_gone(errno))
				netif_device_gone(nif);
			return;
		}
		if (n == PKT_ROOM) { /* perhaps cut off */
			pkt_drop(w, p, nif->id, DROP_RX_TOO_LONG);
			continue;
		}
		p->len = (uint32_t)n;
		pkt_batch_add(b, p);
	}
}

/* Why the kernel refused a frame. */
static enum drop_reason
refusal(int error)
{
	if (is_gone(error))
		return DROP_NETIF_GONE;
	switch (error) {
	case EAGAIN:
	case ENOBUFS:
		return DROP_TX_FULL;
	case EIO: /* the kernel's end is down */
		return DROP_NETIF_DOWN;
	default:
		return DROP_TX_ERROR;
	}
}

static void
tap_transmit(struct netif *nif, unsigned int queue, struct worker *w,
    struct pkt_batch *b)
{
	const int fd = ((struct tap *)nif->softc)->fd[queue];

	SYNC_ASSERT(pserialize_in_read_section());
	for (unsigned int i = 0; i < b->n; i++) {
		struct pkt *p = b->pkt[i];

		if (write(fd, p->data, p->len) >= 0) {
			pkt_free(w, p);
			continue;
		}
		if (is_gone(errno))
			netif_device_gone(nif);
		pkt_drop(w, p, nif->id, refusal(errno));
	}
	b->n = 0;
}

static bool
tap_arm(struct netif *nif, unsigned int queue, struct worker *w, int *fd)
{
	(void)w;
	*fd = ((struct tap *)nif->softc)->fd[queue];
	return false; /* readiness is a level: nothing can be missed */
}

static int
tap_set_mtu(struct netif *nif, uint32_t mtu)
{
	(void)nif;
	return mtu + ETHER_HDR < PKT_ROOM ? 0 : -EINVAL;
}

static int
tap_set_flags(struct netif *nif, uint32_t flags)
{
	int up = (flags & NETIF_UP) != 0;

	/* Older kernels cannot be told; their end always has a carrier. */
	(void)ioctl(((struct tap *)nif->softc)->fd[0], TUNSETCARRIER, &up);
	return 0;
}

static void
tap_free(struct tap *t)
{
	for (unsigned int i = 0; i < t->nqueues; i++)
		close(t->fd[i]);
	free(t);
}

static void
tap_detach(struct netif *nif)
{
	tap_free(nif->softc);
}

static const struct netif_ops tap_ops = {
    .poll = tap_poll,
    .transmit = tap_transmit,
    .arm = tap_arm,
    .set_mtu = tap_set_mtu,
    .set_flags = tap_set_flags,
    .detach = tap_detach,
};

/* One more queue of the device; a descriptor or a negative errno. */
static int
open_queue(const char *dev, bool multi)
{
	struct ifreq ifr = {.ifr_flags = IFF_TAP | IFF_NO_PI};
	const int fd = open(TUN_DEVICE, O_RDWR | O_NONBLOCK | O_CLOEXEC);
	int error;

	if (fd < 0)
		return -errno;
	if (multi)
		ifr.ifr_flags |= IFF_MULTI_QUEUE;
	strncpy(ifr.ifr_name, dev, IFNAMSIZ - 1);
	if (ioctl(fd, TUNSETIFF, &ifr) == 0)
		return fd;
	error = -errno;
	close(fd);
	return error;
}

/*
 * As many queues as workers; one if a device that exists has only one.  A
 * device that was made with several queues is opened as such also for one.
 */
static int
open_queues(struct tap *t, const char *dev, unsigned int wanted)
{
	bool multi = wanted > 1;
	int fd = open_queue(dev, multi);

	if (fd == -EINVAL) {
		multi = !multi;
		fd = open_queue(dev, multi);
	}
	while (fd >= 0) {
		t->fd[t->nqueues++] = fd;
		if (!multi || t->nqueues == wanted)
			return 0;
		fd = open_queue(dev, multi);
	}
	return fd;
}

/* Ours: the one asked for, or a random local one, but not the kernel's. */
static int
choose_hwaddr(int fd, const struct tap_config *cfg, uint8_t out[6])
{
	static const uint8_t none[6];
	struct ifreq ifr = {.ifr_flags = 0};

	if (ioctl(fd, SIOCGIFHWADDR, &ifr) != 0)
		return -errno;
	if (memcmp(cfg->hwaddr, none, sizeof(none)) != 0) {
		memcpy(out, cfg->hwaddr, sizeof(none));
		return memcmp(out, ifr.ifr_hwaddr.sa_data, 6) != 0 ? 0
								   : -EINVAL;
	}
	do {
		if (getrandom(out, 6, 0) != 6)
			return -errno;
		out[0] = (uint8_t)((out[0] & 0xfc) | 2);
	} while (memcmp(out, ifr.ifr_hwaddr.sa_data, 6) == 0);
	return 0;
}

int
tap_attach(struct stack *st, const char *ifname, const struct tap_config *cfg,
    netif_id *out)
{
	const unsigned int wanted = stack_nworkers(st);
	struct netif_config nc = {
	    .name = ifname,
	    .driver = "tap",
	    .link = NETIF_LINK_ETHER,
	    .mtu = MTU_DEFAULT,
	    .flags = NETIF_RUNNING,
	    .ops = &tap_ops,
	};
	struct tap *t;
	int error;

	if (cfg->dev == NULL || cfg->dev[0] == '\0' ||
	    strlen(cfg->dev) >= IFNAMSIZ)
		return -EINVAL;
	t = calloc(1, sizeof(*t) + wanted * sizeof(t->fd[0]));
	if (t == NULL)
		return -ENOMEM;
	error = open_queues(t, cfg->dev, wanted);
	if (error == 0)
		error = choose_hwaddr(t->fd[0], cfg, nc.hwaddr);
	nc.nqueues = t->nqueues;
	nc.softc = t;
	if (error == 0)
		error = netif_attach(st, &nc, out);
	if (error != 0)
		tap_free(t);
	return error;
}

static int
parse(const char *args, struct tap_config *cfg, char dev[ARGS_WORD_MAX],
    char *err, size_t errlen)
{
	struct args_word word;

	while (args_next(&args, &word)) {
		if (strcmp(word.key, "dev") == 0) {
			memcpy(dev, word.value, ARGS_WORD_MAX);
			cfg->dev = dev;
		} else if (strcmp(word.key, "hwaddr") != 0 ||
			   args_hwaddr(word.value, cfg->hwaddr) != 0) {
			return args_bad(err, errlen, &word);
		}
	}
	return 0;
}

static int
tap_driver_check(const char *args, char *err, size_t errlen)
{
	struct tap_config cfg = {.dev = ""};
	char dev[ARGS_WORD_MAX];

	return parse(args, &cfg, dev, err, errlen);
}

static int
tap_driver_attach(struct stack *st, const char *ifname, const char *args,
    netif_id *out, char *err, size_t errlen)
{
	struct tap_config cfg = {.dev = ifname};
	char dev[ARGS_WORD_MAX];
	int error = parse(args, &cfg, dev, err, errlen);

	if (error != 0)
		return error;
	error = tap_attach(st, ifname, &cfg, out);
	if (error != 0)
		return args_fail(err, errlen, error, "TAP device %s: %s",
		    cfg.dev, args_reason(error));
	return 0;
}

const struct driver tap_driver = {
    .name = "tap",
    .usage = "NAME [dev=LINUX-NAME] [hwaddr=MAC]",
    .check = tap_driver_check,
    .attach = tap_driver_attach,
};

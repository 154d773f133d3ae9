/* SPDX-License-Identifier: BSD-2-Clause */

/*
 * pcapng, draft-ietf-opsawg-pcapng: a section header, an interface description
 * per interface with nanosecond times, then enhanced packets.  The file is
 * opened O_APPEND, so that concurrent writers never mix their blocks.
 */

#include "drivers/wire/pcapng.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/uio.h>
#include <unistd.h>

#define BLOCK_SECTION   0x0a0d0d0au
#define BLOCK_INTERFACE 1u
#define BLOCK_PACKET    6u
#define BYTE_ORDER_MARK 0x1a2b3c4du
#define LINK_ETHERNET   1u
#define OPTION_NAME     2u
#define OPTION_TSRESOL  9u
#define NAME_MAX_BYTES  64

struct wire_pcapng {
	int fd; /* [c] */
};

struct section_block {
	uint32_t type, length, mark;
	uint16_t major, minor;
	int64_t section_length;
	uint32_t length_again;
} __attribute__((__packed__));

struct interface_block {
	uint32_t type, length;
	uint16_t link, reserved;
	uint32_t snaplen;
	uint16_t tsresol, tsresol_len;
	uint8_t tsresol_value, tsresol_pad[3];
	uint16_t name, name_len;
	char name_value[NAME_MAX_BYTES];
	uint32_t end_of_options;
	uint32_t length_again;
} __attribute__((__packed__));

struct packet_block {
	uint32_t type, length, interface, time_high, time_low, caplen, len;
} __attribute__((__packed__));

static int
write_all(int fd, const void *data, size_t len)
{
	const ssize_t n = write(fd, data, len);

	if (n < 0)
		return -errno;
	return (size_t)n == len ? 0 : -ENOSPC;
}

static int
write_headers(int fd, const char *const *names, unsigned int n)
{
	const struct section_block section = {
	    .type = BLOCK_SECTION,
	    .length = sizeof(section),
	    .mark = BYTE_ORDER_MARK,
	    .major = 1,
	    .section_length = -1,
	    .length_again = sizeof(section),
	};
	int error = write_all(fd, &section, sizeof(section));

	for (unsigned int i = 0; i < n && error == 0; i++) {
		struct interface_block ifb = {
		    .type = BLOCK_INTERFACE,
		    .length = sizeof(ifb),
		    .link = LINK_ETHERNET,
		    .tsresol = OPTION_TSRESOL,
		    .tsresol_len = 1,
		    .tsresol_value = 9, /* 10^-9 s */
		    .name = OPTION_NAME,
		    .length_again = sizeof(ifb),
		};

		/* The value is padded with zeroes to its fixed length. */
		strncpy(ifb.name_value, names[i], NAME_MAX_BYTES - 1);
		ifb.name_len = NAME_MAX_BYTES;
		error = write_all(fd, &ifb, sizeof(ifb));
	}
	return error;
}

int
wire_pcapng_open(const char *path, const char *const *names,
    unsigned int ninterfaces, struct wire_pcapng **out)
{
	struct wire_pcapng *p = malloc(sizeof(*p));
	int error;

	if (p == NULL)
		return -ENOMEM;
	p->fd = open(
	    path, O_WRONLY | O_CREAT | O_TRUNC | O_APPEND | O_CLOEXEC, 0644);
	if (p->fd < 0) {
		error = -errno;
		goto free_p;
	}
	error = write_headers(p->fd, names, ninterfaces);
	if (error != 0)
		goto close_fd;
	*out = p;
	return 0;

close_fd:
	close(p->fd);
free_p:
	free(p);
	return error;
}

void
wire_pcapng_close(struct wire_pcapng *p)
{
	close(p->fd);
	free(p);
}

void
wire_pcapng_write(struct wire_pcapng *p, unsigned int interface, uint64_t time,
    const void *frame, size_t len)
{
	static const uint8_t zeroes[3];
	const size_t pad = -len & 3;
	uint32_t total = (uint32_t)(sizeof(struct packet_block) + len + pad +
				    sizeof(uint32_t));
	struct packet_block head = {
	    .type = BLOCK_PACKET,
	    .length = total,
	    .interface = interface,
	    .time_high = (uint32_t)(time >> 32),
	    .time_low = (uint32_t)time,
	    .caplen = (uint32_t)len,
	    .len = (uint32_t)len,
	};
	union {
		const void *c;
		void *v;
	} body = {.c = frame}, fill = {.c = zeroes};
	const struct iovec iov[] = {
	    {&head, sizeof(head)},
	    {body.v, len},
	    {fill.v, pad},
	    {&total, sizeof(total)},
	};
	ssize_t n;

	do
		n = writev(p->fd, iov, sizeof(iov) / sizeof(iov[0]));
	while (n < 0 && errno == EINTR);
}

/* SPDX-License-Identifier: BSD-2-Clause */

/* The wire's ring: when frames arrive, which are lost, which overtaken. */

#include <criterion/criterion.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "drivers/wire/pcapng.h"
#include "drivers/wire/ring.h"
#include "drivers/wire/wire.h"

#define FRAMES 10000

static struct wire_ring *
make(const struct wire_config *cfg, uint64_t salt)
{
	struct wire_ring *r;

	cr_assert_eq(wire_ring_create(cfg, cfg->rate_bps, salt, &r), 0);
	return r;
}

/* Frame number i, which carries its number. */
static enum wire_ring_fate
send_number(struct wire_ring *r, uint64_t now, uint32_t i)
{
	uint8_t data[60] = {0};

	memcpy(data, &i, sizeof(i));
	return wire_ring_fill(r, now, data, sizeof(data));
}

/* The number of the next frame that has arrived; -1: none. */
static int64_t
take(struct wire_ring *r, uint64_t now)
{
	const struct wire_ring_frame *f = wire_ring_pop(r, now);
	uint32_t i;

	if (f == NULL)
		return -1;
	memcpy(&i, f->data, sizeof(i));
	wire_ring_release(r);
	return i;
}

Test(wire_ring, keeps_the_order_and_the_bytes)
{
	const struct wire_config cfg = {.queue_len = 16};
	struct wire_ring *r = make(&cfg, 0);
	const struct wire_ring_frame *f;
	uint8_t data[WIRE_RING_FRAME_MAX];

	cr_assert_eq(take(r, 0), -1);
	for (size_t len = 0; len <= sizeof(data); len += 64) {
		memset(data, (int)len / 64, len);
		cr_assert_eq(wire_ring_fill(r, 0, data, len), WIRE_RING_SENT);
		(void)wire_ring_publish(r);
		f = wire_ring_pop(r, 0);
		cr_assert_not_null(f);
		cr_assert_eq(f->len, len);
		cr_assert_arr_eq(f->data, data, len);
		wire_ring_release(r);
	}
	wire_ring_destroy(r);
}

Test(wire_ring, holds_exactly_its_length)
{
	const struct wire_config cfg = {.queue_len = 5};
	struct wire_ring *r = make(&cfg, 0);

	for (uint32_t round = 0; round < 20; round++) {
		for (uint32_t i = 0; i < 5; i++)
			cr_assert_eq(send_number(r, 0, i), WIRE_RING_SENT);
		cr_assert_eq(send_number(r, 0, 5), WIRE_RING_FULL);
		cr_assert_eq(take(r, 0), -1, "seen before it is published");
		(void)wire_ring_publish(r);
		for (uint32_t i = 0; i < 5; i++)
			cr_assert_eq(take(r, 0), i);
		cr_assert_eq(take(r, 0), -1);
	}
	wire_ring_destroy(r);
}

Test(wire_ring, gives_room_back_on_release_only)
{
	const struct wire_config cfg = {.queue_len = 2};
	struct wire_ring *r = make(&cfg, 0);

	send_number(r, 0, 0);
	send_number(r, 0, 1);
	(void)wire_ring_publish(r);
	cr_assert_not_null(wire_ring_pop(r, 0));
	cr_assert_eq(send_number(r, 0, 2), WIRE_RING_FULL);
	wire_ring_release(r);
	cr_assert_eq(send_number(r, 0, 2), WIRE_RING_SENT);
	wire_ring_destroy(r);
}

Test(wire_ring, delays_every_frame)
{
	const struct wire_config cfg = {.delay_ns = 1000};
	struct wire_ring *r = make(&cfg, 0);

	cr_assert_eq(wire_ring_due(r), UINT64_MAX);
	send_number(r, 50, 0);
	send_number(r, 70, 1);
	(void)wire_ring_publish(r);
	cr_assert_eq(wire_ring_due(r), 1050);
	cr_assert_eq(take(r, 1049), -1);
	cr_assert_eq(take(r, 1050), 0);
	cr_assert_eq(wire_ring_due(r), 1070);
	cr_assert_eq(take(r, 5000), 1);
	wire_ring_destroy(r);
}

/* 60 bytes at 1 Mbit/s take 480 us; frames sent at once queue up. */
Test(wire_ring, sends_at_its_rate)
{
	const struct wire_config cfg = {.rate_bps = 1000000, .delay_ns = 100};
	struct wire_ring *r = make(&cfg, 0);

	for (uint32_t i = 0; i < 10; i++)
		send_number(r, 1000, i);
	send_number(r, 10000000, 10); /* the wire is idle again */
	(void)wire_ring_publish(r);
	for (uint64_t i = 0; i < 10; i++) {
		const uint64_t due = 1000 + 480000 * (i + 1) + 100;

		cr_assert_eq(wire_ring_due(r), due);
		cr_assert_eq(take(r, due - 1), -1);
		cr_assert_eq(take(r, due), (int64_t)i);
	}
	cr_assert_eq(wire_ring_due(r), 10000000 + 480000 + 100);
	wire_ring_destroy(r);
}

/* What becomes of FRAMES frames: fate and order of arrival. */
static void
record(const struct wire_config *cfg, uint64_t salt, uint32_t *order,
    size_t *arrived)
{
	struct wire_ring *r = make(cfg, salt);
	int64_t i;

	*arrived = 0;
	for (uint32_t n = 0; n < FRAMES; n++) {
		cr_assert_neq(send_number(r, n * 1000ull, n), WIRE_RING_FULL);
		(void)wire_ring_publish(r);
		while ((i = take(r, n * 1000ull)) >= 0)
			order[(*arrived)++] = (uint32_t)i;
	}
	while ((i = take(r, UINT64_MAX)) >= 0)
		order[(*arrived)++] = (uint32_t)i;
	wire_ring_destroy(r);
}

Test(wire_ring, loses_the_share_asked_for)
{
	const struct wire_config cfg = {.loss_ppm = 100000, .seed = 3};
	uint32_t *order = malloc(FRAMES * sizeof(*order));
	size_t arrived;

	record(&cfg, 0, order, &arrived);
	/* 10,000 draws of 10 %: five standard deviations are 150. */
	cr_assert_gt(arrived, 8850);
	cr_assert_lt(arrived, 9150);
	for (size_t i = 1; i < arrived; i++)
		cr_assert_lt(order[i - 1], order[i]);
	free(order);
}

Test(wire_ring, loses_all_or_none_at_the_ends)
{
	const struct wire_config none = {.loss_ppm = 0},
				 all = {.loss_ppm = 1000000};
	uint32_t *order = malloc(FRAMES * sizeof(*order));
	size_t arrived;

	record(&none, 0, order, &arrived);
	cr_assert_eq(arrived, FRAMES);
	record(&all, 0, order, &arrived);
	cr_assert_eq(arrived, 0);
	free(order);
}

Test(wire_ring, same_seed_same_luck)
{
	const struct wire_config cfg = {
	    .loss_ppm = 50000, .reorder_ppm = 50000, .seed = 7};
	struct wire_config other = cfg;
	uint32_t *a = malloc(FRAMES * sizeof(*a)),
		 *b = malloc(FRAMES * sizeof(*b));
	size_t na, nb;

	record(&cfg, 1, a, &na);
	record(&cfg, 1, b, &nb);
	cr_assert_eq(na, nb);
	cr_assert_arr_eq(a, b, na * sizeof(*a));
	record(&cfg, 2, b, &nb);
	cr_assert(
	    na != nb || memcmp(a, b, na * sizeof(*a)) != 0, "salt is ignored");
	other.seed = 8;
	record(&other, 1, b, &nb);
	cr_assert(
	    na != nb || memcmp(a, b, na * sizeof(*a)) != 0, "seed is ignored");
	free(a);
	free(b);
}

/* Every frame arrives once; the late ones behind one to four others. */
Test(wire_ring, overtakes_by_one_to_four)
{
	const struct wire_config cfg = {.reorder_ppm = 20000, .seed = 5};
	uint32_t *order = malloc(FRAMES * sizeof(*order));
	bool *seen = calloc(FRAMES, sizeof(*seen));
	size_t arrived, late = 0;

	record(&cfg, 0, order, &arrived);
	cr_assert_eq(arrived, FRAMES);
	for (size_t i = 0; i < arrived; i++) {
		cr_assert(!seen[order[i]], "arrived twice");
		seen[order[i]] = true;
		cr_assert_leq(order[i], i + 8);
		cr_assert_leq(i, (size_t)order[i] + 8);
		late += i > 0 && order[i] < order[i - 1];
	}
	cr_assert_gt(late, 100);
	cr_assert_lt(late, 300);
	free(seen);
	free(order);
}

Test(wire_ring, a_late_frame_comes_also_if_none_follows)
{
	const struct wire_config cfg = {
	    .reorder_ppm = 1000000, .delay_ns = 10, .seed = 5};
	struct wire_ring *r = make(&cfg, 0);

	send_number(r, 100, 0);
	(void)wire_ring_publish(r);
	cr_assert_eq(wire_ring_due(r), 110 + WIRE_LATE_MAX);
	cr_assert_eq(take(r, 110 + WIRE_LATE_MAX - 1), -1);
	cr_assert_eq(take(r, 110 + WIRE_LATE_MAX), 0);
	wire_ring_destroy(r);
}

Test(wire_ring, wakes_a_consumer_that_has_armed)
{
	const struct wire_config cfg = {.queue_len = 8};
	struct wire_ring *r = make(&cfg, 0);

	cr_assert(wire_ring_publish(r), "the first frame wakes");
	cr_assert(!wire_ring_publish(r));
	wire_ring_arm(r);
	cr_assert(wire_ring_publish(r));
	cr_assert(!wire_ring_publish(r));
	wire_ring_destroy(r);
}

Test(wire_ring, flush_drops_what_was_published)
{
	const struct wire_config cfg = {.queue_len = 4, .delay_ns = 1000};
	struct wire_ring *r = make(&cfg, 0);

	for (uint32_t i = 0; i < 4; i++)
		send_number(r, 0, i);
	(void)wire_ring_publish(r);
	wire_ring_flush(r);
	cr_assert_eq(wire_ring_due(r), UINT64_MAX);
	cr_assert_eq(send_number(r, 0, 9), WIRE_RING_SENT);
	(void)wire_ring_publish(r);
	cr_assert_eq(take(r, 2000), 9);
	wire_ring_destroy(r);
}

Test(wire, refuses_a_bad_configuration)
{
	const struct wire_config bad[] = {
	    {.loss_ppm = 1000001},
	    {.reorder_ppm = 1000001},
	    {.queue_len = 1},
	    {.queue_len = 65537},
	};
	struct wire *w;

	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		cr_assert_eq(wire_create(&bad[i], &w), -EINVAL);
	cr_assert_eq(wire_create(NULL, &w), 0);
	wire_destroy(w);
}

/* Byte for byte, as the draft says. */
Test(wire_pcapng, writes_the_format)
{
	static const uint32_t expect[] = {/* section header */
	    0x0a0d0d0a, 28, 0x1a2b3c4d, 1, 0xffffffff, 0xffffffff, 28,
	    /* interface: Ethernet, ns, name "one" */
	    1, 100, 1, 0, 9 | 1 << 16, 9, 2 | 64 << 16,
	    'o' | 'n' << 8 | 'e' << 16, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0,
	    0, 0, 0, 100,
	    /* a packet of 5 bytes at 2^32 + 7 ns */
	    6, 40, 0, 1, 7, 5, 5, 0x04030201, 5, 40};
	static const char *const names[] = {"one"};
	static const uint8_t frame[] = {1, 2, 3, 4, 5};
	char path[] = "/tmp/pcapng-XXXXXX";
	uint8_t got[sizeof(expect) + 1];
	struct wire_pcapng *p;
	const int fd = mkstemp(path);

	cr_assert(fd >= 0);
	cr_assert_eq(wire_pcapng_open(path, names, 1, &p), 0);
	wire_pcapng_write(p, 0, (UINT64_C(1) << 32) + 7, frame, sizeof(frame));
	wire_pcapng_close(p);
	cr_assert_eq(read(fd, got, sizeof(got)), sizeof(expect));
	cr_assert_arr_eq(got, expect, sizeof(expect));
	close(fd);
	unlink(path);
	cr_assert_eq(wire_pcapng_open("/nonexistent/x", names, 1, &p), -ENOENT);
}

/* SPDX-License-Identifier: BSD-2-Clause */

/*
 * Lookups at full speed on all CPUs, while the table changes.  Now and then an
 * answer of a batch is compared with that of the tree; where both were in one
 * state all the while they have to be the same.
 *
 * The table changes there and back, so it is as before at the end.
 */

#include <linux/completion.h>
#include <linux/cpu.h>
#include <linux/kthread.h>
#include <linux/ktime.h>
#include <linux/math64.h>
#include <linux/mm.h>
#include <linux/random.h>
#include <linux/sched/signal.h>
#include <linux/slab.h>

#include "apps/linux-fib/demo.h"

#define BATCH     64u
#define ADDRESSES 65536u /* of each CPU; a power of two */
#define COMPARE   16u    /* batches for one that is compared */

/* Those of one CPU, by themselves. */
struct bench_cpu {
	const struct route_lpm *table;
	struct task_struct *thread;
	struct rnd_state random;
	unsigned int cpu;
	u32 *dst4;
	u64 (*dst6)[2];
	u64 lookups, compared, wrong, ns;
} ____cacheline_aligned;

static u64
draw(struct rnd_state *random)
{
	return (u64)prandom_u32_state(random) << 32 | prandom_u32_state(random);
}

/* Some prefix of the table.  Returns: its group. */
static u32
draw_prefix(const struct route_lpm *t, struct rnd_state *random, u8 key[16],
    unsigned int *plen)
{
	const u64 section = pserialize_read_enter();
	u32 group;

	route_bits_store64(key, draw(random));
	route_bits_store64(key + 8, draw(random));
	group = route_lpm_next(t, key, t->bits, key, plen);
	if (group == FIB_NONE)
		group = route_lpm_next(t, NULL, 0, key, plen);
	pserialize_read_exit(section);
	return group;
}

/* Half of the addresses anywhere, half of them in some prefix. */
static void
draw_address(struct bench_cpu *c, unsigned int i)
{
	u8 key[16], any[16];
	unsigned int plen = 0;

	route_bits_store64(any, draw(&c->random));
	route_bits_store64(any + 8, draw(&c->random));
	if (i % 2 == 0)
		(void)draw_prefix(c->table, &c->random, key, &plen);
	for (unsigned int bit = 0; bit < plen; bit++) {
		const u8 mask = 0x80 >> bit % 8;

		any[bit / 8] = (any[bit / 8] & ~mask) | (key[bit / 8] & mask);
	}
	if (c->dst4 != NULL) {
		c->dst4[i] = route_bits_load32(any);
	} else {
		c->dst6[i][0] = route_bits_load64(any);
		c->dst6[i][1] = route_bits_load64(any + 8);
	}
}

static void
lookup(const struct bench_cpu *c, unsigned int at, u32 group[BATCH])
{
	if (c->dst4 != NULL)
		route_lpm_lookup4_batch(c->table, &c->dst4[at], group, BATCH);
	else
		route_lpm_lookup6_batch(
		    c->table, (const u64(*)[2]) & c->dst6[at], group, BATCH);
}

/* What the tree says of an address. */
static u32
ask(const struct bench_cpu *c, unsigned int i)
{
	unsigned int plen;
	u8 key[16];

	if (c->dst4 != NULL) {
		route_bits_store32(key, c->dst4[i]);
	} else {
		route_bits_store64(key, c->dst6[i][0]);
		route_bits_store64(key + 8, c->dst6[i][1]);
	}
	return route_lpm_ask(c->table, key, &plen);
}

static void
lookup_and_compare(struct bench_cpu *c, unsigned int at)
{
	const unsigned int i = prandom_u32_state(&c->random) % BATCH;
	u32 group[BATCH], want;
	u64 before, after;

	if (!route_lpm_state(c->table, &before)) {
		lookup(c, at, group);
		return;
	}
	lookup(c, at, group);
	want = ask(c, at + i);
	if (!route_lpm_state(c->table, &after) || before != after)
		return;
	c->compared++;
	c->wrong += group[i] != want;
}

static int
run(void *arg)
{
	struct bench_cpu *c = arg;
	u64 started = ktime_get_ns(), section;
	u32 group[BATCH];

	for (unsigned int n = 0; !kthread_should_stop(); n++) {
		const unsigned int at = n * BATCH % ADDRESSES;

		section = pserialize_read_enter();
		if (n % COMPARE == 0)
			lookup_and_compare(c, at);
		else
			lookup(c, at, group);
		pserialize_read_exit(section);
		c->lookups += BATCH;
		cond_resched();
	}
	c->ns = ktime_get_ns() - started;
	return 0;
}

static int
prepare(struct bench_cpu *c, const struct route_lpm *t, unsigned int cpu)
{
	*c = (struct bench_cpu){.table = t, .cpu = cpu};
	prandom_seed_state(&c->random, cpu + 1);
	if (t->bits == 32)
		c->dst4 =
		    kvmalloc_array(ADDRESSES, sizeof(*c->dst4), GFP_KERNEL);
	else
		c->dst6 =
		    kvmalloc_array(ADDRESSES, sizeof(*c->dst6), GFP_KERNEL);
	if (c->dst4 == NULL && c->dst6 == NULL)
		return -ENOMEM;
	for (unsigned int i = 0; i < ADDRESSES; i++) {
		draw_address(c, i);
		cond_resched();
	}
	c->thread = kthread_create_on_cpu(run, c, cpu, DEMO_NAME "/%u");
	return PTR_ERR_OR_ZERO(c->thread);
}

/* One change and back: another group, or none for a while. */
static int
change(struct route_lpm *t, struct rnd_state *random)
{
	unsigned int plen;
	u8 key[16];
	const u32 group = draw_prefix(t, random, key, &plen);
	int err = route_lpm_begin(t);

	if (err != 0)
		return err;
	if (prandom_u32_state(random) % 2 == 0)
		err = route_lpm_remove(t, key, plen);
	else
		err = route_lpm_insert(t, key, plen,
		    group + 1 < FIB_GROUPS_MAX ? group + 1 : 1, true);
	if (err != 0) {
		route_lpm_abort(t);
		return err;
	}
	err = route_lpm_commit(t);
	if (err != 0)
		return err;
	/* What was given back may not be there at once. */
	for (unsigned int tries = 0; tries < 3; tries++) {
		err = route_lpm_begin(t);
		if (err != 0)
			continue;
		err = route_lpm_insert(t, key, plen, group, true);
		if (err != 0)
			route_lpm_abort(t);
		else
			err = route_lpm_commit(t);
		if (err == 0)
			return 0;
		pserialize_barrier();
	}
	pr_err(
	    DEMO_NAME ": no memory to restore a prefix of length %u\n", plen);
	return err;
}

/* Change for so many seconds.  Returns: 0; -EINTR; -ENOMEM. */
static int
change_for(struct route_lpm *t, unsigned int seconds, u64 *changes)
{
	const u64 end = ktime_get_ns() + (u64)seconds * NSEC_PER_SEC;
	struct rnd_state random;
	int err = 0;

	prandom_seed_state(&random, 1);
	while (err == 0 && ktime_get_ns() < end) {
		err = signal_pending(current) ? -EINTR : change(t, &random);
		*changes += 2;
		cond_resched();
	}
	return err;
}

static void
stop(struct bench_cpu *c, unsigned int n)
{
	for (unsigned int i = 0; i < n; i++) {
		if (!IS_ERR_OR_NULL(c[i].thread))
			(void)kthread_stop(c[i].thread);
		kvfree(c[i].dst4);
		kvfree(c[i].dst6);
	}
}

/* Lookups in 10 ms are hundredths of millions in a second. */
static u64
rate(u64 lookups, u64 ns)
{
	return ns != 0 ? mul_u64_u64_div_u64(lookups, 100000, ns) : 0;
}

static int
tell(const struct bench_cpu *c, unsigned int n, unsigned int bits, u64 changes,
    struct demo_text *text)
{
	u64 all = 0, compared = 0, wrong = 0, r;

	for (unsigned int i = 0; i < n; i++) {
		r = rate(c[i].lookups, c[i].ns);
		demo_text_add(text,
		    "bench: cpu %u: %llu.%02llu Mlookups/s, %llu compared\n",
		    c[i].cpu, r / 100, r % 100, c[i].compared);
		all += r;
		compared += c[i].compared;
		wrong += c[i].wrong;
	}
	demo_text_add(text,
	    "bench: %u bits: %u CPUs: %llu.%02llu Mlookups/s, %llu changes, "
	    "%llu compared, %llu wrong\n",
	    bits, n, all / 100, all % 100, changes, compared, wrong);
	return wrong != 0 || compared == 0 ? -EIO : 0;
}

int
demo_bench(struct route_lpm *t, unsigned int seconds, struct demo_text *text)
{
	struct bench_cpu *c;
	unsigned int cpu, n = 0, room = num_possible_cpus();
	u64 changes = 0;
	int err = 0;

	c = kvcalloc(room, sizeof(*c), GFP_KERNEL);
	if (c == NULL)
		return -ENOMEM;
	cpus_read_lock();
	for_each_online_cpu(cpu)
	{
		if (err == 0)
			err = prepare(&c[n++], t, cpu);
	}
	cpus_read_unlock();
	for (unsigned int i = 0; i < n && err == 0; i++)
		wake_up_process(c[i].thread);
	if (err == 0)
		err = change_for(t, seconds, &changes);
	stop(c, n);
	if (err == 0)
		err = tell(c, n, t->bits, changes, text);
	kvfree(c);
	return err;
}

/* An address, in network order, in both forms of the table. */
static bool
same(const struct route_lpm *t, const u8 *addr)
{
	const u64 section = pserialize_read_enter();
	unsigned int plen;
	u32 group, want;

	group = t->bits == 32 ? route_lpm_lookup4(t, route_bits_load32(addr))
			      : route_lpm_lookup6(t, route_bits_load64(addr),
				    route_bits_load64(addr + 8));
	want = route_lpm_ask(t, addr, &plen);
	pserialize_read_exit(section);
	return group == want;
}

/* The address behind addr, or before it. */
static void
step(u8 *addr, unsigned int bytes, bool back)
{
	while (bytes-- > 0) {
		addr[bytes] += back ? -1 : 1;
		if (addr[bytes] != (back ? 0xff : 0))
			return;
	}
}

int
demo_check(const struct route_lpm *t, struct demo_text *text)
{
	const unsigned int bytes = t->bits / 8;
	u8 key[16] = {0}, addr[16];
	unsigned int plen, wrong = 0, n = 0;
	u64 section = pserialize_read_enter();
	u32 group = route_lpm_next(t, NULL, 0, key, &plen);

	pserialize_read_exit(section);
	for (; group != FIB_NONE; n++) {
		memcpy(addr, key, sizeof(addr));
		wrong += !same(t, addr);
		step(addr, bytes, true);
		wrong += !same(t, addr);
		memcpy(addr, key, sizeof(addr));
		for (unsigned int bit = plen; bit < t->bits; bit++)
			addr[bit / 8] |= 0x80 >> bit % 8;
		wrong += !same(t, addr);
		step(addr, bytes, false);
		wrong += !same(t, addr);
		section = pserialize_read_enter();
		group = route_lpm_next(t, key, plen, key, &plen);
		pserialize_read_exit(section);
		cond_resched();
	}
	demo_text_add(
	    text, "check: %u bits: %u prefixes, %u wrong\n", t->bits, n, wrong);
	return wrong != 0 ? -EIO : 0;
}

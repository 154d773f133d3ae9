/* SPDX-License-Identifier: BSD-2-Clause */

/*
 * moodycamel::ConcurrentQueue, with a token for each thread.  It keeps the
 * order of each producer only, and takes memory as it likes.
 */

#include <concurrentqueue/concurrentqueue.h>
#include <sched.h>

#include "benchmarks/bench.h"

namespace
{

const size_t burst_max = 32;
const unsigned spins_max = 64;

struct queue {
	moodycamel::ConcurrentQueue<void *> q{1024};
	size_t burst;
};

void *
setup(size_t burst)
{
	queue *c = new queue;

	c->burst = burst;
	return c;
}

void
teardown(void *ctx)
{
	delete static_cast<queue *>(ctx);
}

size_t
push(queue *c, moodycamel::ProducerToken &t, void **v, size_t n)
{
	if (n == 1)
		return c->q.enqueue(t, v[0]);
	return c->q.enqueue_bulk(t, v, n) ? n : 0;
}

size_t
pop(queue *c, moodycamel::ConsumerToken &t, void **v, size_t n)
{
	if (n == 1)
		return c->q.try_dequeue(t, v[0]);
	return c->q.try_dequeue_bulk(t, v, n);
}

void
push_pop(void *ctx, int, size_t n)
{
	queue *c = static_cast<queue *>(ctx);
	moodycamel::ProducerToken in(c->q);
	moodycamel::ConsumerToken out(c->q);
	void *v[burst_max] = {};

	for (size_t i = 0; i < n; i += c->burst)
		if (push(c, in, v, c->burst) == 0 ||
		    pop(c, out, v, c->burst) == 0)
			abort();
	BENCH_KEEP(v[0]);
}

void
move(queue *c, bool take, size_t n)
{
	moodycamel::ProducerToken in(c->q);
	moodycamel::ConsumerToken out(c->q);
	void *v[burst_max] = {};
	unsigned spins = 0;

	while (n > 0) {
		size_t k = n < c->burst ? n : c->burst;

		k = take ? pop(c, out, v, k) : push(c, in, v, k);
		if (k == 0 && ++spins % spins_max == 0)
			sched_yield();
		n -= k;
	}
	BENCH_KEEP(v[0]);
}

void
transfer_n_1(void *ctx, int thread, size_t n)
{
	const bool take = thread == 0;

	move(static_cast<queue *>(ctx), take,
	    take ? n * static_cast<size_t>(bench_threads - 1) : n);
}

void
transfer_n_n(void *ctx, int thread, size_t n)
{
	move(static_cast<queue *>(ctx), thread < bench_threads / 2, n);
}

bench
entry(const char *name, void (*run)(void *, int, size_t), bool one)
{
	bench b = {};

	b.name = name;
	b.setup = setup;
	b.run = run;
	b.teardown = teardown;
	b.args[0] = 1;
	b.args[1] = 8;
	b.args[2] = 32;
	b.threads[0] = one ? 1 : 2;
	b.threads[1] = one ? 0 : 4;
	b.threads[2] = one ? 0 : 8;
	return b;
}

bench
entry_1_1(const char *name)
{
	bench b = entry(name, transfer_n_1, false);

	b.threads[1] = b.threads[2] = 0;
	return b;
}

} // namespace

extern "C" {
extern const bench bench_lfqueue_concurrentqueue[];
const bench bench_lfqueue_concurrentqueue[] = {
    entry("concurrentqueue/push_pop_mpmc", push_pop, true),
    entry_1_1("concurrentqueue/transfer_1_1"),
    entry("concurrentqueue/transfer_n_1", transfer_n_1, false),
    entry("concurrentqueue/transfer_n_n", transfer_n_n, false),
    bench(),
};
}

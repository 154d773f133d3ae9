/* SPDX-License-Identifier: BSD-2-Clause */

#include <benchmark/benchmark.h>
#include <string>

#include "benchmarks/bench.h"

static void *ctx;
int bench_threads;

static void
run(benchmark::State &st, const struct bench *b, size_t arg)
{
	const size_t batch = b->batch != 0 ? b->batch : BENCH_BATCH;

	if (st.thread_index() == 0) {
		bench_threads = st.threads();
		ctx = b->setup(arg);
	}
	if (b->thread_init != nullptr)
		b->thread_init();
	while (st.KeepRunningBatch(static_cast<int64_t>(batch))) {
		b->run(ctx, st.thread_index(), batch);
		if (b->between != nullptr) {
			st.PauseTiming();
			b->between(ctx);
			st.ResumeTiming();
		}
	}
	if (b->thread_fini != nullptr)
		b->thread_fini();
	st.SetItemsProcessed(st.iterations());
	if (st.thread_index() != 0)
		return;
	if (b->figure != nullptr)
		st.counters[b->figure_name] = b->figure(ctx);
	b->teardown(ctx);
}

static void
add(const struct bench *b, size_t arg)
{
	std::string name = b->name;

	if (arg != 0)
		name += "/" + std::to_string(arg);
	for (const int *t = b->threads; *t != 0; t++)
		benchmark::RegisterBenchmark(name.c_str(), run, b, arg)
		    ->Threads(*t)
		    ->UseRealTime();
}

int
main(int argc, char **argv)
{
	for (const struct bench *const *t = bench_table; *t != nullptr; t++)
		for (const struct bench *b = *t; b->name != nullptr; b++) {
			if (b->args[0] == 0)
				add(b, 0);
			for (const size_t *a = b->args; *a != 0; a++)
				add(b, *a);
		}
	benchmark::AddCustomContext("missing", BENCH_MISSING);
	benchmark::Initialize(&argc, argv);
	if (benchmark::ReportUnrecognizedArguments(argc, argv))
		return 1;
	benchmark::RunSpecifiedBenchmarks();
	return 0;
}

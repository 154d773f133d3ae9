/* SPDX-License-Identifier: BSD-2-Clause */

/*
 * A stack instance, its threads, and waiting for its workers.
 *
 * Lock order: control_lock, run_lock, inline_lock; then libsync's own.
 * run_lock keeps threads from coming or going while somebody waits for a
 * worker; inline_lock is held by whoever runs workers that have no thread.
 *
 * Reclamation: stack_destroy(), when no thread is left, and after
 * pserialize_barrier(), so that no callback refers to the stack.
 */

#include "stack/core/stack.h"

#include <errno.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/random.h>
#include <time.h>
#include <unistd.h>

#include "libsync/base/assert.h"
#include "stack/core/core_impl.h"

#define PKTS_DEFAULT   4096
#define JUMBOS_DEFAULT 16

static uint64_t
monotonic(void *arg)
{
	struct timespec ts;

	(void)arg;
	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (uint64_t)ts.tv_sec * UINT64_C(1000000000) +
	       (uint64_t)ts.tv_nsec;
}

uint64_t
stack_clock(struct stack *st)
{
	return st->clock(st->clock_arg);
}

const char *
stack_name(const struct stack *st)
{
	return st->name;
}

uint64_t
stack_seed(const struct stack *st)
{
	return st->seed;
}

unsigned int
stack_nworkers(const struct stack *st)
{
	return st->nworkers;
}

struct worker *
stack_worker(struct stack *st, unsigned int id)
{
	SYNC_ASSERT(id < st->nworkers);
	return &st->workers[id]->worker;
}

const struct driver *
stack_driver(struct stack *st, const char *name)
{
	for (const struct driver **d = st->drivers; *d != NULL; d++)
		if (strcmp((*d)->name, name) == 0)
			return *d;
	return NULL;
}

bool
stack_threaded(const struct stack *st)
{
	/* relaxed: who must know for certain holds run_lock. */
	return sync_load_relaxed(&st->threaded);
}

static uintptr_t
self(void)
{
	return (uintptr_t)pthread_self();
}

void
stack_control_enter(struct stack *st)
{
	SYNC_REQUIRE(!stack_control_held(st));
	SYNC_REQUIRE(!pserialize_in_read_section());
	SYNC_REQUIRE(pthread_mutex_lock(&st->control_lock) == 0);
	/* relaxed: only equal to self() if we stored it. */
	sync_store_relaxed(&st->control_owner, self());
}

void
stack_control_exit(struct stack *st)
{
	SYNC_REQUIRE(stack_control_held(st));
	/* relaxed: as in stack_control_enter. */
	sync_store_relaxed(&st->control_owner, 0);
	SYNC_REQUIRE(pthread_mutex_unlock(&st->control_lock) == 0);
}

bool
stack_control_held(struct stack *st)
{
	/* relaxed: only equal to self() if we stored it. */
	return sync_load_relaxed(&st->control_owner) == self();
}

static int
copy_drivers(struct stack *st, const struct driver *const *from)
{
	size_t n = 0;

	while (from != NULL && from[n] != NULL)
		n++;
	st->drivers = calloc(n + 1, sizeof(struct driver *));
	if (st->drivers == NULL)
		return -ENOMEM;
	for (size_t i = 0; i < n; i++)
		st->drivers[i] = from[i];
	return 0;
}

static void
locks_init(struct stack *st)
{
	SYNC_REQUIRE(pthread_mutex_init(&st->control_lock, NULL) == 0);
	SYNC_REQUIRE(pthread_mutex_init(&st->inline_lock, NULL) == 0);
	SYNC_REQUIRE(pthread_rwlock_init(&st->run_lock, NULL) == 0);
}

/* Free everything that was made, however far creation came. */
static void
stack_free(struct stack *st)
{
	pkt_arena_destroy(st);
	for (unsigned int i = 0; st->workers != NULL && i < st->nworkers; i++)
		worker_destroy(st, i);
	free(st->workers);
	proto_table_destroy(st);
	netif_index_destroy(st);
	if (st->netif_class != NULL)
		psref_class_destroy(st->netif_class);
	if (st->worker_stat != NULL)
		percpu_counters_destroy(st->worker_stat);
	if (st->orphans != NULL)
		percpu_counters_destroy(st->orphans);
	if (st->housekeep_fd >= 0)
		close(st->housekeep_fd);
	free(st->drivers);
	pslist_head_fini(&st->netifs);
	event_fini(st);
	pthread_rwlock_destroy(&st->run_lock);
	pthread_mutex_destroy(&st->inline_lock);
	pthread_mutex_destroy(&st->control_lock);
	free(st);
}

/* Everything but the protocols. */
static int
stack_build(struct stack *st, const struct stack_config *cfg)
{
	int error = copy_drivers(st, cfg->drivers);

	st->housekeep_fd = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
	if (st->housekeep_fd < 0)
		return -errno;
	st->workers = calloc(st->nworkers, sizeof(struct worker_impl *));
	if (error == 0 && st->workers == NULL)
		error = -ENOMEM;
	if (error == 0)
		error = percpu_counters_create(
		    st->nworkers, WORKER_COUNTER_COUNT, &st->worker_stat);
	if (error == 0)
		error = percpu_counters_create(
		    st->nworkers, DROP_REASON_COUNT, &st->orphans);
	if (error == 0)
		error = psref_class_create("netif", &st->netif_class);
	if (error == 0)
		error = netif_index_create(st);
	if (error == 0)
		error = proto_table_create(st);
	for (unsigned int i = 0; error == 0 && i < st->nworkers; i++)
		error = worker_create(st, i);
	if (error != 0)
		return error;
	return pkt_arena_create(st,
	    cfg->pkts_per_worker != 0 ? cfg->pkts_per_worker : PKTS_DEFAULT,
	    cfg->jumbos_per_worker != 0 ? cfg->jumbos_per_worker
					: JUMBOS_DEFAULT);
}

int
stack_create(const struct stack_config *cfg, struct stack **out)
{
	struct stack *st;
	int error;

	if (cfg->nworkers > STACK_WORKERS_MAX)
		return -EINVAL;
	st = calloc(1, sizeof(*st));
	if (st == NULL)
		return -ENOMEM;
	snprintf(st->name, sizeof(st->name), "%s",
	    cfg->name != NULL ? cfg->name : "stack");
	st->nworkers = cfg->nworkers != 0 ? cfg->nworkers : 1;
	st->stepped = cfg->stepped;
	st->clock = cfg->clock != NULL ? cfg->clock : monotonic;
	st->clock_arg = cfg->clock_arg;
	st->seed = cfg->seed;
	/* A failure leaves 0, which only makes hashes predictable. */
	if (st->seed == 0 && !st->stepped)
		(void)!getrandom(&st->seed, sizeof(st->seed), GRND_NONBLOCK);
	st->housekeep_fd = -1;
	locks_init(st);
	event_init(st);
	pslist_head_init(&st->netifs);
	error = stack_build(st, cfg);
	for (const struct proto *const *p = cfg->protos;
	     error == 0 && p != NULL && *p != NULL; p++)
		error = proto_add(st, *p);
	if (error != 0) {
		if (st->workers != NULL && st->arena != NULL)
			proto_remove_all(st);
		stack_free(st);
		return error;
	}
	*out = st;
	return 0;
}

/* The id of the first interface that has any of these flags, or any. */
static netif_id
first_with(struct stack *st, uint32_t flags)
{
	struct netif *nif;
	netif_id id = 0;

	stack_control_enter(st);
	for (nif = netif_first(st); nif != NULL; nif = netif_next(st, nif)) {
		/* relaxed: a flag set later is found later. */
		if (flags == 0 ||
		    (sync_load_relaxed(&nif->flags) & flags) != 0) {
			id = nif->id;
			break;
		}
	}
	stack_control_exit(st);
	return id;
}

void
stack_destroy(struct stack *st)
{
	netif_id id;

	stack_stop(st);
	while ((id = first_with(st, 0)) != 0)
		netif_detach(st, id);
	proto_remove_all(st);
	stack_barrier(st);
	pserialize_barrier();
	SYNC_ASSERT(stack_pkts_in_use(st) == 0);
	stack_free(st);
}

/* The n-th (modulo their number) processor that we may use. */
static int
nth_cpu(unsigned int n)
{
	cpu_set_t set;
	int count;

	CPU_ZERO(&set);
	if (sched_getaffinity(0, sizeof(set), &set) != 0 ||
	    (count = CPU_COUNT(&set)) == 0)
		return 0;
	n %= (unsigned int)count;
	for (int cpu = 0; cpu < CPU_SETSIZE; cpu++)
		if (CPU_ISSET(cpu, &set) && n-- == 0)
			return cpu;
	return 0;
}

int
stack_start(struct stack *st)
{
	unsigned int n;
	int error = 0;

	SYNC_REQUIRE(!st->stepped);
	SYNC_REQUIRE(pthread_rwlock_wrlock(&st->run_lock) == 0);
	SYNC_REQUIRE(!stack_threaded(st));
	for (n = 0; error == 0 && n < st->nworkers; n++)
		error = worker_thread_start(stack_worker(st, n), nth_cpu(n));
	if (error != 0)
		for (n--; n > 0; n--)
			worker_thread_stop(stack_worker(st, n - 1));
	/* relaxed: who must know for certain holds run_lock. */
	sync_store_relaxed(&st->threaded, error == 0);
	SYNC_REQUIRE(pthread_rwlock_unlock(&st->run_lock) == 0);
	return error;
}

void
stack_stop(struct stack *st)
{
	SYNC_REQUIRE(!pserialize_in_read_section());
	SYNC_REQUIRE(pthread_rwlock_wrlock(&st->run_lock) == 0);
	for (unsigned int i = 0; stack_threaded(st) && i < st->nworkers; i++)
		worker_thread_stop(stack_worker(st, i));
	/* relaxed: who must know for certain holds run_lock. */
	sync_store_relaxed(&st->threaded, false);
	SYNC_REQUIRE(pthread_rwlock_unlock(&st->run_lock) == 0);
}

bool
stack_step(struct stack *st)
{
	bool busy = false;
	uint64_t now;

	SYNC_REQUIRE(st->stepped);
	pthread_mutex_lock(&st->inline_lock);
	now = stack_clock(st);
	for (unsigned int i = 0; i < st->nworkers; i++)
		busy |= worker_turn(stack_worker(st, i), now);
	pthread_mutex_unlock(&st->inline_lock);
	return busy;
}

uint64_t
stack_next_event(struct stack *st)
{
	uint64_t next = UINT64_MAX, t;

	pthread_mutex_lock(&st->inline_lock);
	for (unsigned int i = 0; i < st->nworkers; i++) {
		t = worker_next_event(stack_worker(st, i));
		if (t < next)
			next = t;
	}
	pthread_mutex_unlock(&st->inline_lock);
	return next;
}

unsigned int
stack_housekeep(struct stack *st)
{
	unsigned int n = 0;
	uint64_t rings;
	netif_id id;

	SYNC_REQUIRE(read(st->housekeep_fd, &rings, sizeof(rings)) > 0 ||
		     errno == EAGAIN);
	while ((id = first_with(st, NETIF_GONE)) != 0)
		if (netif_detach(st, id) == 0)
			n++;
	proto_housekeep(st);
	return n;
}

void
stack_housekeep_ring(struct stack *st)
{
	const uint64_t one = 1;

	SYNC_REQUIRE(write(st->housekeep_fd, &one, sizeof(one)) ==
			 (ssize_t)sizeof(one) ||
		     errno == EAGAIN);
}

int
stack_housekeep_fd(struct stack *st)
{
	return st->housekeep_fd;
}

void
core_wait(struct stack *st, unsigned int first, unsigned int n,
    struct worker_wait *wt)
{
	bool threaded;
	sem_t done;

	SYNC_REQUIRE(!pserialize_in_read_section());
	SYNC_REQUIRE(sem_init(&done, 0, 0) == 0);
	SYNC_REQUIRE(pthread_rwlock_rdlock(&st->run_lock) == 0);
	threaded = stack_threaded(st);
	if (!threaded)
		pthread_mutex_lock(&st->inline_lock);
	for (unsigned int i = 0; i < n; i++) {
		wt[i].done = &done;
		worker_wait_post(stack_worker(st, first + i), &wt[i]);
	}
	if (!threaded) {
		for (unsigned int i = 0; i < n; i++)
			worker_wait_inline(stack_worker(st, first + i), &wt[i]);
		pthread_mutex_unlock(&st->inline_lock);
	}
	for (unsigned int i = 0; i < n; i++)
		while (sem_wait(&done) != 0)
			SYNC_REQUIRE(errno == EINTR);
	SYNC_REQUIRE(pthread_rwlock_unlock(&st->run_lock) == 0);
	sem_destroy(&done);
}

void
stack_barrier(struct stack *st)
{
	struct worker_wait wt[STACK_WORKERS_MAX];

	memset(wt, 0, sizeof(wt));
	core_wait(st, 0, st->nworkers, wt);
}

size_t
stack_pkts_in_use(struct stack *st)
{
	size_t in_pools = 0;

	SYNC_REQUIRE(!stack_threaded(st));
	pthread_mutex_lock(&st->inline_lock);
	for (unsigned int i = 0; i < st->nworkers; i++)
		pkt_flush_foreign(stack_worker(st, i));
	for (unsigned int i = 0; i < st->nworkers; i++)
		in_pools += pkt_in_pool(stack_worker(st, i));
	pthread_mutex_unlock(&st->inline_lock);
	return st->npkts - in_pools;
}

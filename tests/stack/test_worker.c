/* SPDX-License-Identifier: BSD-2-Clause */

#include <criterion/criterion.h>
#include <pthread.h>
#include <sched.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "stack/core/timer.h"
#include "tests/stack/testdev.h"
#include "tests/stress.h"

#define POSTERS 4

TestSuite(worker, .timeout = 120);

/* A message that says where and when it ran. */
struct note {
	struct worker_msg msg;
	struct log *log;
	unsigned int sender, number;
	struct note *then; /* posted when this runs, to then_on */
	struct worker *then_on;
};

/* [o] the worker that runs the notes  [a] atomic */
struct log {
	unsigned int next[POSTERS]; /* [o] number expected of each sender */
	struct worker *on;          /* [o] */
	SYNC_ATOMIC(uint64_t) ran;  /* [a] */
};

static void
on_note(struct worker *w, struct worker_msg *msg)
{
	const struct note n = *(struct note *)(void *)msg;

	cr_assert(pserialize_in_read_section());
	cr_assert_eq(n.number, n.log->next[n.sender], "order per sender");
	n.log->next[n.sender]++;
	n.log->on = w;
	/* release: who counts sees what was logged. */
	sync_fetch_add_release(&n.log->ran, 1);
	if (n.then != NULL)
		worker_post(n.then_on, &n.then->msg);
}

static void
note_init(
    struct note *n, struct log *log, unsigned int sender, unsigned int number)
{
	*n = (struct note){.log = log, .sender = sender, .number = number};
	n->msg.fn = on_note;
}

static uint64_t
ran(struct log *log)
{
	/* acquire: pairs with the release in on_note. */
	return sync_load_acquire(&log->ran);
}

Test(worker, message_runs_in_the_next_turn_of_its_worker)
{
	struct stack *st = testdev_stack(true, 2, 1, NULL);
	struct log log = {0};
	struct note n;

	note_init(&n, &log, 0, 0);
	worker_post(stack_worker(st, 1), &n.msg);
	cr_assert_eq(ran(&log), 0);
	cr_assert_neq(stack_next_event(st), UINT64_MAX);
	cr_assert(stack_step(st));
	cr_assert_eq(ran(&log), 1);
	cr_assert_eq(log.on, stack_worker(st, 1));
	cr_assert_eq(worker_counter_read(st, 1, WORKER_MESSAGES), 1);
	cr_assert_not(stack_step(st));
	stack_destroy(st);
}

Test(worker, messages_that_wait_run_before_the_stack_ends)
{
	struct stack *st = testdev_stack(false, 2, 1, NULL);
	struct log log = {0};
	struct note n, then;

	note_init(&n, &log, 0, 0);
	note_init(&then, &log, 0, 1);
	n.then = &then;
	n.then_on = stack_worker(st, 1);
	worker_post(stack_worker(st, 0), &n.msg);
	stack_destroy(st);
	cr_assert_eq(ran(&log), 2);
}

Test(worker, barrier_waits_for_messages_posted_before)
{
	struct stack *st = testdev_stack(false, 2, 1, NULL);
	struct log log[2] = {0};
	struct note n[2][2];

	for (unsigned int threads = 0; threads < 2; threads++) {
		if (threads > 0)
			cr_assert_eq(stack_start(st), 0);
		for (unsigned int i = 0; i < 2; i++) {
			note_init(&n[threads][i], &log[i], 0, threads);
			worker_post(stack_worker(st, i), &n[threads][i].msg);
		}
		stack_barrier(st);
		cr_assert_eq(ran(&log[0]), threads + 1);
		cr_assert_eq(ran(&log[1]), threads + 1);
	}
	stack_destroy(st);
}

struct answer {
	struct stack *st;
	pthread_t thread;
	int n;
};

static int
add_one(struct worker *w, void *arg)
{
	struct answer *a = arg;

	cr_assert(pserialize_in_read_section());
	cr_assert_eq(w->stack, a->st);
	a->thread = pthread_self();
	return ++a->n;
}

Test(worker, call_without_threads_runs_on_the_caller)
{
	struct stack *st = testdev_stack(false, 2, 1, NULL);
	struct answer a = {.st = st, .n = 41};

	cr_assert_eq(worker_call(stack_worker(st, 1), add_one, &a), 42);
	cr_assert(pthread_equal(a.thread, pthread_self()));
	stack_destroy(st);
}

Test(worker, call_returns_what_the_function_returned_on_the_worker)
{
	struct stack *st = testdev_stack(false, 2, 1, NULL);
	struct answer a = {.st = st, .n = 0}, b = {.st = st, .n = 0};

	cr_assert_eq(stack_start(st), 0);
	for (int i = 1; i <= 100; i++) {
		cr_assert_eq(worker_call(stack_worker(st, 0), add_one, &a), i);
		cr_assert_eq(worker_call(stack_worker(st, 1), add_one, &b), i);
	}
	cr_assert_not(pthread_equal(a.thread, pthread_self()));
	cr_assert_not(pthread_equal(a.thread, b.thread));
	stack_destroy(st);
}

Test(worker, call_works_with_the_control_mutex_held)
{
	struct stack *st = testdev_stack(false, 1, 1, NULL);
	struct answer a = {.st = st, .n = 0};

	cr_assert_eq(stack_start(st), 0);
	stack_control_enter(st);
	cr_assert(stack_control_held(st));
	cr_assert_eq(worker_call(stack_worker(st, 0), add_one, &a), 1);
	stack_barrier(st);
	stack_control_exit(st);
	cr_assert_not(stack_control_held(st));
	stack_destroy(st);
}

static int
draw(struct worker *w, void *arg)
{
	uint64_t *x = arg;

	for (int i = 0; i < 8; i++)
		x[i] = worker_random(w);
	return 0;
}

Test(worker, random_numbers_follow_from_the_seed)
{
	struct stack_config cfg = {
	    .nworkers = 2, .pkts_per_worker = 1, .stepped = true, .seed = 5};
	struct stack *a, *b, *c;
	uint64_t x[4][8];

	cr_assert_eq(stack_create(&cfg, &a), 0);
	cr_assert_eq(stack_create(&cfg, &b), 0);
	cfg.seed = 6;
	cr_assert_eq(stack_create(&cfg, &c), 0);
	worker_call(stack_worker(a, 0), draw, x[0]);
	worker_call(stack_worker(b, 0), draw, x[1]);
	worker_call(stack_worker(a, 1), draw, x[2]);
	worker_call(stack_worker(c, 0), draw, x[3]);
	cr_assert_arr_eq(x[0], x[1], sizeof(x[0]));
	cr_assert_arr_neq(x[0], x[2], sizeof(x[0]));
	cr_assert_arr_neq(x[0], x[3], sizeof(x[0]));
	for (int i = 1; i < 8; i++)
		cr_assert_neq(x[0][i], x[0][0]);
	stack_destroy(a);
	stack_destroy(b);
	stack_destroy(c);
}

Test(worker, counters_have_names)
{
	for (unsigned int i = 0; i < WORKER_COUNTER_COUNT; i++)
		for (unsigned int k = 0; k < i; k++)
			cr_assert_str_neq(
			    worker_counter_name(i), worker_counter_name(k));
}

struct poster {
	struct stack *st;
	struct log *log; /* one per worker */
	unsigned int sender;
	unsigned long rounds;
	struct note *note; /* per round and worker */
	pthread_t thread;
};

static void *
post_many(void *arg)
{
	struct poster *p = arg;
	const unsigned int nworkers = stack_nworkers(p->st);

	for (unsigned long i = 0; i < p->rounds; i++) {
		for (unsigned int k = 0; k < nworkers; k++) {
			struct note *n = &p->note[i * nworkers + k];

			note_init(n, &p->log[k], p->sender, (unsigned int)i);
			worker_post(stack_worker(p->st, k), &n->msg);
		}
		if (i % 64 == 0)
			sched_yield();
	}
	return NULL;
}

Test(worker, stress_of_posts_by_many_threads_keeps_each_ones_order)
{
	struct stack *st = testdev_stack(false, 2, 1, NULL);
	struct log log[2] = {0};
	struct poster p[POSTERS];
	const unsigned long rounds = stress_n(5000);

	cr_assert_eq(stack_start(st), 0);
	for (unsigned int i = 0; i < POSTERS; i++) {
		p[i] = (struct poster){
		    .st = st, .log = log, .sender = i, .rounds = rounds};
		p[i].note = calloc(2 * rounds, sizeof(*p[i].note));
		cr_assert_eq(
		    pthread_create(&p[i].thread, NULL, post_many, &p[i]), 0);
	}
	for (unsigned int i = 0; i < POSTERS; i++)
		cr_assert_eq(pthread_join(p[i].thread, NULL), 0);
	stack_barrier(st);
	cr_assert_eq(ran(&log[0]), POSTERS * rounds);
	cr_assert_eq(ran(&log[1]), POSTERS * rounds);
	stack_destroy(st);
	for (unsigned int i = 0; i < POSTERS; i++)
		free(p[i].note);
}

static int
count_plainly(struct worker *w, void *arg)
{
	(void)w;
	return (int)++*(unsigned long *)arg;
}

static void *
call_many(void *arg)
{
	struct poster *p = arg;

	for (unsigned long i = 0; i < p->rounds; i++)
		cr_assert_gt(
		    worker_call(stack_worker(p->st, 0), count_plainly, p->log),
		    0);
	return NULL;
}

static void
calls_by_many_threads(bool start)
{
	struct stack *st = testdev_stack(false, 1, 1, NULL);
	struct poster p[POSTERS];
	const unsigned long rounds = stress_n(500);
	unsigned long count = 0;

	if (start)
		cr_assert_eq(stack_start(st), 0);
	for (unsigned int i = 0; i < POSTERS; i++) {
		p[i] = (struct poster){
		    .st = st, .log = (void *)&count, .rounds = rounds};
		cr_assert_eq(
		    pthread_create(&p[i].thread, NULL, call_many, &p[i]), 0);
	}
	for (unsigned int i = 0; i < POSTERS; i++)
		cr_assert_eq(pthread_join(p[i].thread, NULL), 0);
	cr_assert_eq(count, POSTERS * rounds);
	stack_destroy(st);
}

Test(worker, stress_of_calls_by_many_threads_is_serial)
{
	calls_by_many_threads(true);
}

Test(worker, stress_of_calls_without_threads_is_serial)
{
	calls_by_many_threads(false);
}

/* Wait for as long as n loop turns take: to meet every phase of a worker. */
static void
idle_for(unsigned long n)
{
	for (unsigned long i = 0; i < n; i++)
		sched_yield();
}

Test(worker, stress_of_falling_asleep_loses_no_message)
{
	struct stack *st = testdev_stack(false, 2, 1, NULL);
	struct log log[2] = {0};
	const unsigned long rounds = stress_n(1000);
	struct note n, back;

	cr_assert_eq(stack_start(st), 0);
	for (unsigned int i = 0; i < rounds; i++) {
		note_init(&n, &log[0], 0, i);
		note_init(&back, &log[1], 0, i);
		n.then = &back;
		n.then_on = stack_worker(st, 1);
		worker_post(stack_worker(st, 0), &n.msg);
		while (ran(&log[1]) <= i)
			sched_yield();
		if (i % 3 != 0)
			idle_for(8UL * (i % 37));
	}
	while (worker_counter_read(st, 0, WORKER_SLEEPS) == 0)
		sched_yield();
	stack_destroy(st);
}

/* A device whose frames another thread announces with plain stores. */
struct mail_slot {
	SYNC_ATOMIC(uint64_t) offered; /* [a] stored by the test's thread */
	SYNC_ATOMIC(uint64_t) taken;   /* [a] stored by the worker */
	int fd;                        /* readable when there is one, or -1 */
};

static void
slot_poll(struct netif *nif, unsigned int queue, struct worker *w,
    struct pkt_batch *b)
{
	struct mail_slot *m = nif->softc;
	/* relaxed: only we store it. */
	uint64_t taken = sync_load_relaxed(&m->taken);

	(void)queue;
	(void)w;
	(void)b;
	/* acquire: pairs with the test's release. */
	if (taken < sync_load_acquire(&m->offered))
		/* release: pairs with the test's acquire. */
		sync_store_release(&m->taken, taken + 1);
}

static void
slot_transmit(struct netif *nif, unsigned int queue, struct worker *w,
    struct pkt_batch *b)
{
	(void)queue;
	pkt_drop_batch(w, b, nif->id, DROP_TX_ERROR);
}

static bool
slot_arm(struct netif *nif, unsigned int queue, struct worker *w, int *fd)
{
	struct mail_slot *m = nif->softc;

	(void)queue;
	(void)w;
	*fd = m->fd;
	/* relaxed: the worker's fence orders the loads. */
	return sync_load_relaxed(&m->taken) < sync_load_relaxed(&m->offered);
}

static struct stack *
slot_stack(struct mail_slot *m, bool can_arm)
{
	static const struct netif_ops with = {
	    .poll = slot_poll, .transmit = slot_transmit, .arm = slot_arm};
	static const struct netif_ops without = {
	    .poll = slot_poll, .transmit = slot_transmit};
	struct stack *st = testdev_stack(false, 1, 1, NULL);
	struct netif_config cfg = testdev_config(NULL, "slot");
	netif_id id;

	cfg.ops = can_arm ? &with : &without;
	cfg.softc = m;
	cr_assert_eq(netif_attach(st, &cfg, &id), 0);
	cr_assert_eq(stack_start(st), 0);
	return st;
}

Test(worker, stress_of_falling_asleep_loses_no_frame)
{
	struct mail_slot m = {.fd = -1};
	struct stack *st = slot_stack(&m, true);
	const unsigned long rounds = stress_n(1000);

	for (uint64_t i = 1; i <= rounds; i++) {
		/* release: pairs with the acquire in slot_poll. */
		sync_store_release(&m.offered, i);
		worker_wake(stack_worker(st, 0));
		/* acquire: pairs with the release in slot_poll. */
		while (sync_load_acquire(&m.taken) < i)
			sched_yield();
		if (i % 3 != 0)
			idle_for(i % 41 * 8);
	}
	while (worker_counter_read(st, 0, WORKER_SLEEPS) == 0)
		sched_yield();
	stack_destroy(st);
}

Test(worker, sleeping_one_is_woken_by_its_devices_descriptor)
{
	struct mail_slot m = {.fd = eventfd(0, EFD_NONBLOCK)};
	struct stack *st = slot_stack(&m, true);
	uint64_t n = 1, slept = 0;

	for (uint64_t i = 1; i <= 5; i++) {
		while (worker_counter_read(st, 0, WORKER_SLEEPS) <= slept)
			sched_yield();
		slept = worker_counter_read(st, 0, WORKER_SLEEPS);
		/* release: pairs with the acquire in slot_poll. */
		sync_store_release(&m.offered, i);
		cr_assert_eq(write(m.fd, &n, sizeof(n)), sizeof(n));
		/* acquire: pairs with the release in slot_poll. */
		while (sync_load_acquire(&m.taken) < i)
			sched_yield();
		cr_assert_eq(read(m.fd, &n, sizeof(n)), sizeof(n));
	}
	stack_destroy(st);
	close(m.fd);
}

Test(worker, that_serves_a_queue_without_arm_does_not_sleep)
{
	struct mail_slot m = {.fd = -1};
	struct stack *st = slot_stack(&m, false);

	while (worker_counter_read(st, 0, WORKER_IDLE_TURNS) < 2000)
		sched_yield();
	stack_stop(st);
	cr_assert_eq(worker_counter_read(st, 0, WORKER_SLEEPS), 0);
	stack_destroy(st);
}

/* [a] atomic */
struct forever {
	struct worker_msg msg;
	SYNC_ATOMIC(bool) stop; /* [a] */
	uint64_t ran;
};

static void
post_again(struct worker *w, struct worker_msg *msg)
{
	struct forever *f = (struct forever *)(void *)msg;

	f->ran++;
	/* relaxed: the test needs no order. */
	if (!sync_load_relaxed(&f->stop))
		worker_post(w, msg);
}

Test(worker, message_that_posts_itself_holds_up_no_turn_and_no_barrier)
{
	struct stack *st = testdev_stack(true, 1, 1, NULL);
	struct forever f = {.msg.fn = post_again};

	worker_post(stack_worker(st, 0), &f.msg);
	for (int i = 0; i < 3; i++)
		cr_assert(stack_step(st));
	stack_barrier(st);
	cr_assert_gt(f.ran, 3);
	/* relaxed: nobody else is running. */
	sync_store_relaxed(&f.stop, true);
	stack_destroy(st);
}

/* A timer that arms itself again wakes a worker that sleeps. */
struct tick {
	struct timer timer;
	SYNC_ATOMIC(unsigned int) left; /* [a] after the worker has slept */
	uint64_t ran, slept;            /* slept: before the first */
};

static void
on_tick(struct worker *w, struct timer *t)
{
	struct tick *tick = (struct tick *)(void *)t;

	tick->ran++;
	if (worker_counter_read(w->stack, 0, WORKER_SLEEPS) == tick->slept ||
	    /* relaxed: a count. */
	    sync_fetch_add_relaxed(&tick->left, -1U) > 1)
		timer_arm(w, t, w->now + 2 * TIMER_TICK);
}

static int
start_tick(struct worker *w, void *arg)
{
	struct tick *tick = arg;

	tick->slept = worker_counter_read(w->stack, 0, WORKER_SLEEPS);
	timer_init(&tick->timer, on_tick);
	timer_arm(w, &tick->timer, w->now + TIMER_TICK);
	return 0;
}

Test(worker, sleeping_one_is_woken_by_its_timer)
{
	struct stack *st = testdev_stack(false, 1, 1, NULL);
	struct tick tick = {.ran = 0};

	sync_init(&tick.left, 10);
	cr_assert_eq(stack_start(st), 0);
	worker_call(stack_worker(st, 0), start_tick, &tick);
	/* relaxed: a count. */
	while (sync_load_relaxed(&tick.left) > 0)
		sched_yield();
	stack_stop(st);
	cr_assert_geq(tick.ran, 10);
	cr_assert_eq(worker_counter_read(st, 0, WORKER_TIMERS), tick.ran);
	cr_assert_gt(worker_counter_read(st, 0, WORKER_SLEEPS), tick.slept);
	stack_destroy(st);
}

Test(worker, stress_of_start_and_stop_loses_no_message)
{
	struct stack *st = testdev_stack(false, 2, 1, NULL);
	struct log log[2] = {0};
	struct poster p = {.st = st, .log = log, .rounds = stress_n(5000)};

	p.note = calloc(2 * p.rounds, sizeof(*p.note));
	cr_assert_eq(pthread_create(&p.thread, NULL, post_many, &p), 0);
	for (int i = 0; i < 20; i++) {
		cr_assert_eq(stack_start(st), 0);
		idle_for(20);
		stack_stop(st);
	}
	cr_assert_eq(pthread_join(p.thread, NULL), 0);
	stack_barrier(st);
	cr_assert_eq(ran(&log[0]), p.rounds);
	cr_assert_eq(ran(&log[1]), p.rounds);
	stack_destroy(st);
	free(p.note);
}

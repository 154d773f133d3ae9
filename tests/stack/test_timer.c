/* SPDX-License-Identifier: BSD-2-Clause */

/* The wheel against a list of deadlines, on a stepped stack. */

#include <criterion/criterion.h>
#include <stdlib.h>

#include "libsync/pserialize/pserialize.h"
#include "stack/core/stack.h"
#include "stack/core/timer.h"
#include "tests/stress.h"

#define MS     TIMER_TICK
#define TIMERS 200

/* A timer and what the model knows of it. */
struct probe {
	struct timer timer;
	struct scene *scene;
	bool armed;
	bool past;         /* when armed */
	uint64_t deadline; /* as armed */
	unsigned int fired;
	struct probe *kills; /* cancelled when this fires */
	bool again;          /* arms itself for the past when it fires */
};

struct scene {
	struct stack *st;
	uint64_t now;
	uint64_t seed;
	unsigned int fired;
	uint64_t last; /* tick fired last in this turn */
	struct probe probe[TIMERS];
};

static uint64_t
scene_clock(void *arg)
{
	return ((struct scene *)arg)->now;
}

static uint64_t
round_up(uint64_t deadline)
{
	return (deadline + MS - 1) / MS * MS;
}

static void
on_fire(struct worker *w, struct timer *t)
{
	struct probe *p =
	    (struct probe *)(void *)((char *)t - offsetof(struct probe, timer));
	struct scene *s = p->scene;

	cr_assert(pserialize_in_read_section());
	cr_assert_not(timer_armed(t));
	cr_assert(p->armed);
	cr_assert_eq(w->now, s->now);
	cr_assert(p->past || round_up(p->deadline) <= s->now);
	if (!p->past) {
		cr_assert_geq(round_up(p->deadline), s->last);
		s->last = round_up(p->deadline);
	}
	p->armed = false;
	p->fired++;
	s->fired++;
	if (p->kills != NULL) {
		timer_cancel(w, &p->kills->timer);
		cr_assert_not(timer_armed(&p->kills->timer));
		p->kills->armed = false;
	}
	if (p->again) {
		p->armed = p->past = true;
		p->deadline = 0;
		timer_arm(w, t, 0);
	}
}

static struct scene *
scene_new(uint64_t now)
{
	struct stack_config cfg = {
	    .pkts_per_worker = 1,
	    .jumbos_per_worker = 1,
	    .stepped = true,
	    .clock = scene_clock,
	};
	struct scene *s = calloc(1, sizeof(*s));

	s->now = now;
	s->seed = 1;
	cfg.clock_arg = s;
	cr_assert_eq(stack_create(&cfg, &s->st), 0);
	for (int i = 0; i < TIMERS; i++) {
		timer_init(&s->probe[i].timer, on_fire);
		s->probe[i].scene = s;
	}
	return s;
}

static void
scene_free(struct scene *s)
{
	stack_destroy(s->st);
	free(s);
}

static uint64_t
rnd(struct scene *s)
{
	s->seed = s->seed * UINT64_C(6364136223846793005) + 1442695040888963407;
	return s->seed >> 24;
}

static int
arm_on_worker(struct worker *w, void *arg)
{
	struct probe *p = arg;

	timer_arm(w, &p->timer, p->deadline);
	cr_assert(timer_armed(&p->timer));
	return 0;
}

static int
cancel_on_worker(struct worker *w, void *arg)
{
	struct probe *p = arg;

	timer_cancel(w, &p->timer);
	cr_assert_not(timer_armed(&p->timer));
	return 0;
}

static void
arm(struct scene *s, struct probe *p, uint64_t deadline)
{
	p->deadline = deadline;
	p->past = deadline <= s->now;
	p->armed = true;
	worker_call(stack_worker(s->st, 0), arm_on_worker, p);
}

static void
cancel(struct scene *s, struct probe *p)
{
	p->armed = false;
	worker_call(stack_worker(s->st, 0), cancel_on_worker, p);
}

static void
step_at(struct scene *s, uint64_t now)
{
	s->now = now;
	s->last = 0;
	stack_step(s->st);
}

/* After a turn at s->now: nothing due is left, and the next is known. */
static void
check(struct scene *s)
{
	uint64_t next = UINT64_MAX;

	for (int i = 0; i < TIMERS; i++) {
		const struct probe *p = &s->probe[i];

		cr_assert_eq(p->armed, timer_armed(&p->timer), "timer %d", i);
		if (!p->armed)
			continue;
		cr_assert(!p->past && round_up(p->deadline) > s->now,
		    "timer %d due at %llu is late at %llu", i,
		    (unsigned long long)p->deadline,
		    (unsigned long long)s->now);
		if (round_up(p->deadline) < next)
			next = round_up(p->deadline);
	}
	cr_assert_eq(stack_next_event(s->st), next);
}

/* Up to about 2^bits milliseconds, and a part of one. */
static uint64_t
distance(struct scene *s, unsigned int bits)
{
	const uint64_t ms = UINT64_C(1) << rnd(s) % (bits + 1);

	return (ms + rnd(s) % ms) * MS - rnd(s) % MS;
}

TestSuite(timer, .timeout = 120);

static void
against_the_model(uint64_t start, unsigned int bits, unsigned long rounds)
{
	struct scene *s = scene_new(start);

	for (unsigned long n = 0; n < rounds; n++) {
		for (unsigned int i = 0; i < 8; i++) {
			struct probe *p = &s->probe[rnd(s) % TIMERS];
			const unsigned int what = rnd(s) % 8;

			if (what == 0)
				cancel(s, p);
			else if (what == 1)
				arm(s, p, s->now - rnd(s) % (s->now + 1));
			else
				arm(s, p, s->now + distance(s, bits));
		}
		if (rnd(s) % 4 == 0 && stack_next_event(s->st) != UINT64_MAX &&
		    stack_next_event(s->st) > s->now)
			step_at(s, stack_next_event(s->st));
		else
			step_at(s, s->now + distance(s, bits) / 8);
		check(s);
	}
	cr_assert_gt(s->fired, rounds);
	scene_free(s);
}

Test(timer, agrees_with_a_list_near)
{
	against_the_model(123 * MS, 8, stress_n(3000));
}

Test(timer, agrees_with_a_list_on_all_levels)
{
	against_the_model(0, 31, stress_n(3000));
}

Test(timer, agrees_with_a_list_beyond_the_wheel)
{
	against_the_model((UINT64_C(1) << 32) * MS - 77, 36, stress_n(3000));
}

Test(timer, agrees_with_a_list_across_the_last_carry)
{
	against_the_model(((UINT64_C(1) << 32) - 5000) * MS, 12, 2000);
}

Test(timer, never_fires_early_and_fires_on_its_tick)
{
	struct scene *s = scene_new(0);

	arm(s, &s->probe[0], 5 * MS - 1);
	step_at(s, 5 * MS - 1);
	cr_assert_eq(s->fired, 0);
	step_at(s, 5 * MS);
	cr_assert_eq(s->fired, 1);
	scene_free(s);
}

Test(timer, for_the_past_runs_in_the_next_turn)
{
	struct scene *s = scene_new(7 * MS);

	arm(s, &s->probe[0], 0);
	cr_assert_leq(stack_next_event(s->st), s->now);
	step_at(s, s->now);
	cr_assert_eq(s->fired, 1);
	scene_free(s);
}

/* Arms a timer for the past in the middle of a turn. */
struct arm_msg {
	struct worker_msg msg;
	struct probe *probe;
};

static void
on_arm_msg(struct worker *w, struct worker_msg *msg)
{
	struct probe *p = ((struct arm_msg *)(void *)msg)->probe;

	p->armed = p->past = true;
	p->deadline = w->now - MS;
	timer_arm(w, &p->timer, p->deadline);
}

Test(timer, for_the_past_runs_in_the_next_turn_even_after_a_leap)
{
	struct scene *s = scene_new(7 * MS);
	struct arm_msg m = {.msg.fn = on_arm_msg, .probe = &s->probe[0]};

	worker_post(stack_worker(s->st, 0), &m.msg);
	step_at(s, 1000 * MS);
	cr_assert(timer_armed(&s->probe[0].timer));
	cr_assert_eq(s->fired, 0);
	step_at(s, s->now);
	cr_assert_eq(s->fired, 1);
	scene_free(s);
}

Test(timer, that_arms_itself_for_the_past_runs_once_a_turn)
{
	struct scene *s = scene_new(7 * MS);

	s->probe[0].again = true;
	arm(s, &s->probe[0], 0);
	for (unsigned int i = 1; i < 5; i++) {
		step_at(s, s->now);
		cr_assert_eq(s->fired, i);
	}
	s->probe[0].again = false;
	cancel(s, &s->probe[0]);
	step_at(s, s->now + MS);
	cr_assert_eq(s->fired, 4);
	scene_free(s);
}

Test(timer, can_be_cancelled_by_one_due_in_the_same_turn)
{
	struct scene *s = scene_new(0);

	for (int i = 0; i < 4; i++)
		arm(s, &s->probe[i], (unsigned int)(i + 1) * MS);
	s->probe[0].kills = &s->probe[1];
	s->probe[2].kills = &s->probe[3];
	step_at(s, 10 * MS);
	cr_assert_eq(s->probe[0].fired, 1);
	cr_assert_eq(s->probe[1].fired, 0);
	cr_assert_eq(s->probe[2].fired, 1);
	cr_assert_eq(s->probe[3].fired, 0);
	check(s);
	scene_free(s);
}

Test(timer, armed_again_is_moved)
{
	struct scene *s = scene_new(0);

	arm(s, &s->probe[0], 3 * MS);
	arm(s, &s->probe[0], 70000 * MS);
	step_at(s, 69999 * MS);
	cr_assert_eq(s->fired, 0);
	check(s);
	step_at(s, 70000 * MS);
	cr_assert_eq(s->fired, 1);
	scene_free(s);
}

Test(timer, cancel_of_one_not_armed_does_nothing)
{
	struct scene *s = scene_new(0);

	cancel(s, &s->probe[0]);
	cancel(s, &s->probe[0]);
	check(s);
	scene_free(s);
}

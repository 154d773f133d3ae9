/* SPDX-License-Identifier: BSD-2-Clause */

/* The log, the reader's time, and the search of schedules; see replay.h. */

#include "tests/lin/replay.h"

#include <setjmp.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/lin/replay_impl.h"

#define STEPS   (1u << 16)
#define CHOICES 64u
#define LOADS   1000u
#define REGIONS 8u
#define WORD    sizeof(uint64_t)

/* One store. */
struct step {
	void *field;
	uint64_t old, new;
	uint8_t size;
	bool plain; /* all of these between two others happen at once */
};

struct region {
	uint8_t *at, *seen;
	size_t size;
};

/* Before a load: which of the moments, of how many. */
struct choice {
	unsigned int taken, total;
};

static struct {
	enum {
		OFF,
		WRITING,
		READING
	} mode;
	struct step step[STEPS];
	unsigned int n;   /* steps */
	unsigned int now; /* of them done */
	struct region region[REGIONS];
	unsigned int regions;

	struct choice choice[CHOICES];
	unsigned int choices, depth;
	unsigned int loads;
	const void *last;    /* field of the last load */
	unsigned int latest; /* time at which the reader can have begun */
	sigjmp_buf out;      /* of a reader that got lost */
} r;

void (*replay_hook)(void);
const void *(*replay_where)(const char *name, const void *last, size_t *size);

static void
need(bool ok, const char *what)
{
	if (ok)
		return;
	fprintf(stderr, "replay: %s\n", what);
	abort();
}

static void
note(void *field, size_t size, uint64_t old, uint64_t new, bool plain)
{
	need(r.n < STEPS, "too many stores in a history");
	r.step[r.n++] = (struct step){.field = field,
	    .old = old,
	    .new = new,
	    .size = (uint8_t)size,
	    .plain = plain};
	r.now = r.n;
}

/* Note what changed in the regions. */
static void
sweep(void)
{
	for (unsigned int i = 0; i < r.regions; i++) {
		const struct region *m = &r.region[i];

		if (memcmp(m->at, m->seen, m->size) == 0)
			continue;
		for (size_t at = 0; at < m->size; at += WORD) {
			uint64_t old, new;

			memcpy(&old, m->seen + at, WORD);
			memcpy(&new, m->at + at, WORD);
			if (old != new)
				note(m->at + at, WORD, old, new, true);
		}
		memcpy(m->seen, m->at, m->size);
	}
}

/* A traced field may be in a region. */
static void
follow(void *field, size_t size)
{
	for (unsigned int i = 0; i < r.regions; i++) {
		const struct region *m = &r.region[i];
		const uintptr_t at = (uintptr_t)field - (uintptr_t)m->at;

		if (at < m->size)
			memcpy(m->seen + at, field, size);
	}
}

void
replay_store(void *field, size_t size, uint64_t value)
{
	uint64_t old = 0;

	if (r.mode == WRITING) {
		sweep();
		memcpy(&old, field, size);
		note(field, size, old, value, false);
	}
	memcpy(field, &value, size);
	if (r.mode == WRITING)
		follow(field, size);
}

void
replay_region(void *at, size_t size)
{
	struct region *m = &r.region[r.regions++];

	need(r.regions <= REGIONS && size % WORD == 0, "regions");
	*m = (struct region){at, malloc(size), size};
	need(m->seen != NULL, "no memory");
}

void
replay_no_region(void)
{
	while (r.regions > 0)
		free(r.region[--r.regions].seen);
}

void
replay_begin(enum replay_grace grace)
{
	need(r.mode == OFF, "a history within another");
	replay_grace_begin(grace);
	for (unsigned int i = 0; i < r.regions; i++)
		memcpy(r.region[i].seen, r.region[i].at, r.region[i].size);
	r.n = r.now = 0;
	r.mode = WRITING;
}

unsigned int
replay_now(void)
{
	if (r.mode == WRITING)
		sweep();
	return r.now;
}

void
replay_end(void)
{
	need(r.mode == WRITING, "no history");
	sweep();
	r.mode = OFF;
}

static void
forward_to(unsigned int t)
{
	for (; r.now < t; r.now++)
		memcpy(r.step[r.now].field, &r.step[r.now].new,
		    r.step[r.now].size);
}

static void
back_to_start(void)
{
	for (; r.now > 0; r.now--)
		memcpy(r.step[r.now - 1].field, &r.step[r.now - 1].old,
		    r.step[r.now - 1].size);
}

/* The next step from t on that stores to what is loaded; r.n: there is none. */
static unsigned int
next_change(const void *at, size_t size, unsigned int t)
{
	for (; t < r.n; t++) {
		const uintptr_t off =
		    (uintptr_t)r.step[t].field - (uintptr_t)at;

		if (off < size)
			break;
	}
	return t;
}

/* The time when that is done. */
static unsigned int
done(unsigned int t)
{
	while (r.step[t].plain && t + 1 < r.n && r.step[t + 1].plain)
		t++;
	return t + 1;
}

/* May the reader go on to this time? */
static bool
allowed(unsigned int to)
{
	return replay_grace_allows(&(struct replay_run){
	    .from = r.latest < to ? r.latest : to, .to = to});
}

/* Choose when the load happens, and go on to then. */
static void
choose(const void *at, size_t size)
{
	struct choice *c = &r.choice[r.depth];
	unsigned int t = next_change(at, size, r.now), total = 1;

	if (t == r.n)
		return;
	need(r.depth < CHOICES, "too many loads");
	if (r.depth++ == r.choices) {
		for (; t < r.n && allowed(done(t));
		     t = next_change(at, size, done(t)))
			total++;
		*c = (struct choice){0, total};
		r.choices++;
	}
	for (unsigned int i = 0; i < c->taken; i++)
		forward_to(done(next_change(at, size, r.now)));
	/* It cannot have begun after what it loads was overwritten. */
	t = next_change(at, size, r.now);
	if (t < r.latest)
		r.latest = t;
}

static void
lost(int signal)
{
	(void)signal;
	need(r.mode == READING, "the test is lost, not the reader");
	siglongjmp(r.out, 1);
}

void
replay_load(const void *field)
{
	if (r.mode == OFF && replay_hook != NULL)
		replay_hook();
	if (r.mode != READING)
		return;
	if (r.loads++ == LOADS)
		lost(0);
	choose(field, 1);
	r.last = field;
}

void
replay_point(const char *name)
{
	const void *at;
	size_t size = 0;

	if (r.mode != READING || replay_where == NULL)
		return;
	at = replay_where(name, r.last, &size);
	if (at != NULL)
		choose(at, size);
}

/* Run the reader, which bad code may lead to where no memory is. */
static uint64_t
try_read(uint64_t (*read)(void *arg), void *arg)
{
	uint64_t got;

	if (sigsetjmp(r.out, 0) == 0)
		got = read(arg);
	else
		got = REPLAY_LOST;
	return got;
}

/* Set up the next schedule.  Returns: false if all have been run. */
static bool
next_schedule(void)
{
	while (r.choices > 0 && r.choice[r.choices - 1].taken + 1 ==
				    r.choice[r.choices - 1].total)
		r.choices--;
	if (r.choices == 0)
		return false;
	r.choice[r.choices - 1].taken++;
	return true;
}

unsigned long
replay_readers(uint64_t (*read)(void *arg),
    void (*judge)(void *arg, uint64_t got, const struct replay_run *run),
    void *arg)
{
	const struct sigaction catch = {
	    .sa_handler = lost, .sa_flags = SA_NODEFER};
	struct sigaction segv, bus;
	unsigned long schedules = 0;
	uint64_t got;

	need(r.mode == OFF, "the writer has not ended");
	need(sigaction(SIGSEGV, &catch, &segv) == 0 &&
		 sigaction(SIGBUS, &catch, &bus) == 0,
	    "signals");
	r.choices = 0;
	do {
		struct replay_run run;

		back_to_start();
		r.depth = r.loads = 0;
		r.latest = r.n;
		r.mode = READING;
		got = try_read(read, arg);
		r.mode = OFF;
		run.to = r.now;
		run.from = r.latest < r.now ? r.latest : r.now;
		run.loads = r.loads;
		if (replay_grace_allows(&run)) {
			schedules++;
			judge(arg, got, &run);
		}
	} while (next_schedule());
	forward_to(r.n);
	(void)sigaction(SIGSEGV, &segv, NULL);
	(void)sigaction(SIGBUS, &bus, NULL);
	return schedules;
}

void
replay_each(void (*fn)(void *arg, unsigned int now), void *arg)
{
	need(r.mode == OFF, "the writer has not ended");
	back_to_start();
	for (;; forward_to(r.now + 1)) {
		fn(arg, r.now);
		if (r.now == r.n)
			break;
	}
}

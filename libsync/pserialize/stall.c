/* SPDX-License-Identifier: BSD-2-Clause */

/*
 * Who holds a grace period up.  The readers are noted with the registry locked,
 * and told to the host without, as it may do anything with them.
 */

#include "libsync/pserialize/pserialize_impl.h"

#define AT_ONCE  8 /* readers that one report names */
#define MS       UINT64_C(1000000)
#define AFTER_MS 1000u

/* [a] atomic */
static struct {
	SYNC_ATOMIC(pserialize_stall_fn *) fn; /* [a] */
	SYNC_ATOMIC(uint32_t) after_ms;        /* [a] 0: the default */
} to;

struct list {
	struct pserialize_stall stall[AT_ONCE];
	unsigned domain, n;
};

void
pserialize_note_site(unsigned domain)
{
	/* relaxed: for reports. */
	sync_store_relaxed(&port_local(pserialize_self)->sites[domain],
	    (uintptr_t)__builtin_return_address(0));
}

static const void *
site_of(struct pserialize_thread *t, unsigned domain)
{
	/* relaxed: for reports. */
	return (const void *)sync_load_relaxed(&t->sites[domain]);
}

static void
note(struct pserialize_thread *t, void *arg)
{
	struct list *l = (struct list *)arg;
	struct pserialize_stall *s = &l->stall[l->n];

	if (t->snap[l->domain] == 0 || l->n == AT_ONCE)
		return;
	s->domain = l->domain;
	s->thread = t->id;
	s->site = site_of(t, l->domain);
	/* relaxed: for the report. */
	s->online =
	    (sync_load_relaxed(&t->words[l->domain]) & PSERIALIZE_ONLINE) != 0;
	l->n++;
}

static void
print(const struct pserialize_stall *s)
{
	port_log("libsync: thread %lu (%s) holds up grace periods of domain %u "
		 "(%s) for %lu ms, %s, entered at %p\n",
	    (unsigned long)s->thread, s->name, s->domain, s->where,
	    (unsigned long)(s->age_ns / MS),
	    s->online ? "online and not quiescent" : "inside a section",
	    s->site);
}

static void
tell(struct pserialize_stall *s, uint64_t age_ns)
{
	/* relaxed: a function, nothing is reached through it. */
	pserialize_stall_fn *fn = sync_load_relaxed(&to.fn);
	char name[PORT_THREAD_NAME_MAX];

	port_thread_name(s->thread, name);
	s->name = name;
	s->age_ns = age_ns;
	s->where = pserialize_domain_name(s->domain);
	if (s->where == NULL)
		s->where = "not in use";
	if (fn != NULL)
		fn(s);
	else
		print(s);
	s->name = NULL;
}

void
pserialize_stall_report(unsigned domain, uint64_t age_ns)
{
	struct list l = {.domain = domain};

	pserialize_registry_each(note, &l);
	for (unsigned i = 0; i < l.n; i++)
		tell(&l.stall[i], age_ns);
}

void
pserialize_stall_left_open(unsigned domain)
{
	struct pserialize_thread *self = port_local(pserialize_self);
	char name[PORT_THREAD_NAME_MAX];

	port_thread_name(self->id, name);
	port_log("libsync: thread %lu (%s) ends inside a section of domain %u, "
		 "entered at %p\n",
	    (unsigned long)self->id, name, domain, site_of(self, domain));
}

uint64_t
pserialize_stall_after_ns(void)
{
	/* relaxed: a number. */
	const uint32_t ms = sync_load_relaxed(&to.after_ms);

	return (ms != 0 ? ms : AFTER_MS) * MS;
}

void
pserialize_on_stall(pserialize_stall_fn *fn, uint32_t after_ms)
{
	/* relaxed: a number and a function. */
	sync_store_relaxed(&to.after_ms, after_ms);
	/* relaxed: as above. */
	sync_store_relaxed(&to.fn, fn);
}

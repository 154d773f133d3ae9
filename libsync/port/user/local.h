/* SPDX-License-Identifier: BSD-2-Clause */

#ifndef LIBSYNC_PORT_USER_LOCAL_H
#define LIBSYNC_PORT_USER_LOCAL_H

/* A reader is a thread.  What each name is for: libsync/port/local.h. */

/*
 * Initial-exec: one load finds the variable, but the room for it is reserved
 * when the program starts, so a library that dlopen(3) brings in may find too
 * little left.  For those there is the meson option tls=dynamic, which defines
 * LIBSYNC_TLS_DYNAMIC here and for users (pkg-config): the compiler's default,
 * which may cost a call.
 */
#ifdef LIBSYNC_TLS_DYNAMIC
#define PORT_THREAD_LOCAL __thread
#else
#define PORT_THREAD_LOCAL __thread __attribute__((tls_model("initial-exec")))
#endif

#define PORT_LOCAL(type, name) PORT_THREAD_LOCAL type name
#define PORT_LOCAL_INIT(...)   = __VA_ARGS__
#define PORT_BY_CPU            0

#define port_local(name)       (&(name))
#define port_local_of(name, i) ((void)(i), &(name))
#define port_has_local(i)      ((void)(i), 0)

static inline unsigned
port_locals(void)
{
	return 0;
}

static inline void
port_section_enter(void)
{
}

static inline void
port_section_exit(void)
{
}

struct port_pin {
	char nothing;
};

static inline void
port_pin(struct port_pin *pin)
{
	(void)pin;
}

static inline void
port_unpin(const struct port_pin *pin)
{
	(void)pin;
}

#endif /* LIBSYNC_PORT_USER_LOCAL_H */

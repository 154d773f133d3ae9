/* SPDX-License-Identifier: BSD-2-Clause */

/*
 * Names for reports: variables from the symbol table of the program, places in
 * the source from addr2line(1), if that is there.
 */

#include "tests/wsim/runtime/names.h"

#include <elf.h>
#include <fcntl.h>
#include <link.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "tests/wsim/runtime/impl.h"

static struct {
	const char *file; /* the program, mapped */
	const ElfW(Sym) * sym;
	size_t nsyms;
	const char *str;
	uintptr_t bias;
	char path[512];
} prog;

static struct {
	unsigned n;
	void **pc;
	char **text;
} places;

static int
first_bias(struct dl_phdr_info *info, size_t size, void *arg)
{
	(void)size;
	*(uintptr_t *)arg = info->dlpi_addr;
	return 1;
}

void
wsim_names_load(void)
{
	struct stat st;
	int fd;
	ssize_t n;

	if (prog.file != NULL)
		return;
	n = readlink("/proc/self/exe", prog.path, sizeof(prog.path) - 1);
	fd = n > 0 ? open("/proc/self/exe", O_RDONLY | O_CLOEXEC) : -1;
	if (fd < 0 || fstat(fd, &st) != 0)
		return;
	prog.file =
	    mmap(NULL, (size_t)st.st_size, PROT_READ, MAP_PRIVATE, fd, 0);
	close(fd);
	if (prog.file == MAP_FAILED) {
		prog.file = NULL;
		return;
	}
	dl_iterate_phdr(first_bias, &prog.bias);

	const ElfW(Ehdr) *eh = (const void *)prog.file;
	const ElfW(Shdr) *sh = (const void *)(prog.file + eh->e_shoff);

	for (int i = 0; i < eh->e_shnum; i++) {
		if (sh[i].sh_type != SHT_SYMTAB)
			continue;
		prog.sym = (const void *)(prog.file + sh[i].sh_offset);
		prog.nsyms = sh[i].sh_size / sizeof(*prog.sym);
		prog.str = prog.file + sh[sh[i].sh_link].sh_offset;
	}
}

/* Returns: the symbol of that type that covers the value, or NULL. */
static const ElfW(Sym) * lookup(uintptr_t value, int type)
{
	for (size_t i = 0; i < prog.nsyms; i++) {
		const ElfW(Sym) *s = &prog.sym[i];

		if (ELF64_ST_TYPE(s->st_info) == type &&
		    s->st_shndx != SHN_UNDEF &&
		    value - s->st_value < (s->st_size > 0 ? s->st_size : 1))
			return s;
	}
	return NULL;
}

static bool
print_symbol(
    char *buf, size_t size, const char *prefix, uintptr_t value, int type)
{
	const ElfW(Sym) *s = lookup(value, type);

	if (s == NULL)
		return false;
	if (value == s->st_value)
		snprintf(buf, size, "%s%s", prefix, prog.str + s->st_name);
	else
		snprintf(buf, size, "%s%s+%zu", prefix, prog.str + s->st_name,
		    (size_t)(value - s->st_value));
	return true;
}

static bool
name_in_fibre(uintptr_t a, char *buf, size_t size)
{
	char prefix[24];

	for (int i = 0; i < WSIM_FIBRES; i++) {
		const struct wsim_fibre *f = &wsim->fibre[i];

		if (a - (uintptr_t)f->stack < WSIM_STACK) {
			snprintf(buf, size, "T%d's stack-%zu", i,
			    (size_t)((uintptr_t)f->stack + WSIM_STACK - a));
			return true;
		}
		if (a - (uintptr_t)f->tls < f->tls_size) {
			snprintf(prefix, sizeof(prefix), "T%d's ", i);
			if (!print_symbol(buf, size, prefix,
				a - (uintptr_t)f->tls, STT_TLS))
				snprintf(buf, size, "T%d's thread-locals", i);
			return true;
		}
		if ((uintptr_t)f->stack - a <= WSIM_TLS) {
			snprintf(buf, size, "T%d's errno, or other of libc", i);
			return true;
		}
	}
	return false;
}

void
wsim_name_of(uintptr_t a, char *buf, size_t size)
{
	wsim_names_load();
	if (a - (uintptr_t)wsim->heap < WSIM_HEAP) {
		for (int i = 0; i < wsim->nblocks; i++) {
			const struct wsim_block *b = &wsim->block[i];

			if (a - (uintptr_t)b->p >= b->size)
				continue;
			if (a == (uintptr_t)b->p)
				snprintf(buf, size, "block%d", i);
			else
				snprintf(buf, size, "block%d+%zu", i,
				    (size_t)(a - (uintptr_t)b->p));
			return;
		}
	}
	if (name_in_fibre(a, buf, size) ||
	    print_symbol(buf, size, "", a - prog.bias, STT_OBJECT))
		return;
	snprintf(buf, size, "%#zx", (size_t)a);
}

static int
by_value(const void *a, const void *b)
{
	const uintptr_t x = *(const uintptr_t *)a, y = *(const uintptr_t *)b;

	return (x > y) - (x < y);
}

void
wsim_places_load(void *const pc[], unsigned n)
{
	char *cmd = malloc(700 + (size_t)n * 20), *line = NULL;
	size_t len, cap = 0;
	unsigned m = 0;
	FILE *p;

	wsim_names_load();
	places.n = 0;
	places.pc = malloc((n + 1) * sizeof(*places.pc));
	places.text = calloc(n + 1, sizeof(*places.text));
	for (unsigned i = 0; i < n; i++)
		if (pc[i] != NULL)
			places.pc[m++] = pc[i];
	qsort(places.pc, m, sizeof(*places.pc), by_value);
	for (unsigned i = 0; i < m; i++)
		if (places.n == 0 || places.pc[places.n - 1] != places.pc[i])
			places.pc[places.n++] = places.pc[i];

	len = (size_t)snprintf(
	    cmd, 700, "addr2line -s -f -p -e '%s' 2>/dev/null", prog.path);
	for (unsigned i = 0; i < places.n; i++)
		len += (size_t)snprintf(cmd + len, 20, " %zx",
		    (size_t)((uintptr_t)places.pc[i] - 1 - prog.bias));
	fflush(stdout);
	p = places.n > 0 ? popen(cmd, "r") : NULL;
	for (unsigned i = 0; p != NULL && i < places.n; i++) {
		if (getline(&line, &cap, p) <= 0)
			break;
		line[strcspn(line, "\n")] = '\0';
		places.text[i] = strdup(line);
	}
	if (p != NULL)
		pclose(p);
	free(line);
	free(cmd);
}

const char *
wsim_place_of(const void *pc)
{
	static char number[24];

	for (unsigned i = 0; i < places.n; i++)
		if (places.pc[i] == pc && places.text[i] != NULL)
			return places.text[i];
	if (pc == NULL)
		return "";
	snprintf(number, sizeof(number), "%p", pc);
	return number;
}

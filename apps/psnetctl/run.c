/* SPDX-License-Identifier: BSD-2-Clause */

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "apps/psnetctl/ctl.h"

int
psnetctl_complain(const struct words_error *e)
{
	if (e->word[0] != '\0')
		fprintf(stderr, "Error: \"%s\": %s.\n", e->word, e->reason);
	else
		fprintf(stderr, "Error: %s.\n", e->reason);
	return PSNETCTL_EXIT_SYNTAX;
}

int
psnetctl_refused(const json_t *reply, const char *file)
{
	const json_t *error = json_object_get(reply, "error");
	const char *word = psnetctl_text(error, "word", NULL);
	const json_int_t line = psnetctl_number(error, "line");

	fputs("psnetd answers: ", stderr);
	if (file != NULL && line > 0)
		fprintf(stderr, "%s:%lld: ", file, (long long)line);
	else if (file != NULL)
		fprintf(stderr, "%s: ", file);
	if (word != NULL)
		fprintf(stderr, "\"%s\": ", word);
	fprintf(stderr, "%s\n", psnetctl_text(error, "message", "it failed"));
	return PSNETCTL_EXIT_REFUSED;
}

/* Who is silent, and for how long: the beginning of a message. */
static void
print_silence(const struct psnetctl *ctl)
{
	fprintf(stderr, "psnetd at %s is silent for %.10g s: ", ctl->socket,
	    (double)ctl->silence_ms / 1000);
}

int
psnetctl_lost(struct psnetctl *ctl, int rc)
{
	psnetctl_client_close(&ctl->client);
	if (rc == -ETIMEDOUT) {
		print_silence(ctl);
		fputs("it may still do what it was told\n", stderr);
		return PSNETCTL_EXIT_SILENT;
	}
	fprintf(stderr, "The connection to psnetd failed: %s\n",
	    words_strerror(-rc));
	return PSNETCTL_EXIT_REFUSED;
}

int
psnetctl_connect(struct psnetctl *ctl)
{
	int rc;

	if (ctl->client.fd >= 0)
		return PSNETCTL_EXIT_OK;
	rc = psnetctl_client_open(&ctl->client, ctl->socket, ctl->silence_ms);
	if (rc == 0)
		return PSNETCTL_EXIT_OK;
	if (rc == -ETIMEDOUT) {
		print_silence(ctl);
		fputs("it takes no connection\n", stderr);
		return PSNETCTL_EXIT_SILENT;
	}
	fprintf(stderr, "Cannot reach psnetd at %s: %s\n", ctl->socket,
	    words_strerror(-rc));
	return PSNETCTL_EXIT_REFUSED;
}

bool
psnetctl_ok(const json_t *reply)
{
	return json_is_true(json_object_get(reply, "ok"));
}

const char *
psnetctl_text(const json_t *o, const char *key, const char *dflt)
{
	const char *s = json_string_value(json_object_get(o, key));

	return s != NULL ? s : dflt;
}

json_int_t
psnetctl_number(const json_t *o, const char *key)
{
	return json_integer_value(json_object_get(o, key));
}

void
psnetctl_dump(const struct psnetctl *ctl, const json_t *value)
{
	json_dumpf(value, stdout,
	    (ctl->pretty ? JSON_INDENT(4) : JSON_COMPACT) | JSON_ENCODE_ANY |
		JSON_REAL_PRECISION(15));
	putchar('\n');
}

/* A list that comes in pieces is one list in JSON. */
static void
dump_piece(struct psnetctl *ctl, json_t *list, bool last)
{
	json_t *item;
	size_t i;

	if (last && !ctl->list_opened) {
		psnetctl_dump(ctl, list);
		return;
	}
	json_array_foreach(list, i, item)
	{
		fputs(ctl->list_opened ? ",\n" : "[", stdout);
		ctl->list_opened = true;
		json_dumpf(item, stdout,
		    (ctl->pretty ? JSON_INDENT(4) : JSON_COMPACT) |
			JSON_REAL_PRECISION(15));
	}
	if (last) {
		puts("]");
		ctl->list_opened = false;
	}
}

static void
print_result(struct psnetctl *ctl, const struct psnetctl_request *r,
    json_t *reply, bool last)
{
	json_t *result = json_object_get(reply, "result");

	if (r->print == NULL)
		return;
	if (!ctl->json)
		r->print(ctl, result);
	else if (json_is_array(result))
		dump_piece(ctl, result, last);
	else
		psnetctl_dump(ctl, result);
}

static int
answers(struct psnetctl *ctl, const struct psnetctl_request *r)
{
	int status = PSNETCTL_EXIT_OK;
	bool more = true;
	json_t *reply;

	while (more) {
		int rc = psnetctl_client_receive(&ctl->client, &reply);

		if (rc != 0)
			return psnetctl_lost(ctl, rc);
		more = json_is_true(json_object_get(reply, "more"));
		if (more || psnetctl_ok(reply))
			print_result(ctl, r, reply, !more);
		else
			status = psnetctl_refused(reply, NULL);
		json_decref(reply);
	}
	return status;
}

int
psnetctl_run(struct psnetctl *ctl, struct psnetctl_request *r)
{
	int rc = psnetctl_connect(ctl);

	if (rc != PSNETCTL_EXIT_OK)
		return rc;
	if (r->run != NULL)
		return r->run(ctl, r);
	rc = psnetctl_client_queue(
	    &ctl->client, ctl->next++, r->cmd, json_incref(r->args));
	if (rc == 0)
		rc = psnetctl_client_flush(&ctl->client, -1);
	return rc != 0 ? psnetctl_lost(ctl, rc) : answers(ctl, r);
}

static void
print_lost(struct psnetctl *ctl, json_t *msg)
{
	if (ctl->json)
		psnetctl_dump(ctl, msg);
	else
		printf("%lld events were lost\n",
		    (long long)psnetctl_number(msg, "lost"));
}

int
psnetctl_run_monitor(struct psnetctl *ctl, struct psnetctl_request *r)
{
	int rc = psnetctl_client_queue(
	    &ctl->client, ctl->next++, r->cmd, json_incref(r->args));
	json_t *msg, *event;

	if (rc == 0)
		rc = psnetctl_client_flush(&ctl->client, -1);
	while (rc == 0 &&
	       (rc = psnetctl_client_receive(&ctl->client, &msg)) == 0) {
		event = json_object_get(msg, "event");
		if (event != NULL && ctl->json)
			psnetctl_dump(ctl, event);
		else if (event != NULL)
			psnetctl_print_event(ctl, event);
		else if (json_object_get(msg, "lost") != NULL)
			print_lost(ctl, msg);
		else if (!psnetctl_ok(msg))
			rc = psnetctl_refused(msg, NULL);
		else
			rc = psnetctl_client_listen(&ctl->client);
		json_decref(msg);
		if (fflush(stdout) != 0)
			rc = -EPIPE;
	}
	/* psnetctl_refused() spoke, and returned a status. */
	return rc > 0 ? rc : psnetctl_lost(ctl, rc);
}

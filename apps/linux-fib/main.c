/* SPDX-License-Identifier: BSD-2-Clause */

/*
 * A routing table behind a device: what is written is lines, what is read is
 * answers, or the state of the tables.  README.md says what there is to write.
 *
 * An open file is one transaction, which ends with its last descriptor; a line
 * that cannot be done ends it without any edit.  One file at a time is open for
 * writing.  The kernel closes the files of a process that dies, too: that is
 * not the end of a table, so its edits are forgotten.
 *
 * Each close(2) and each exit comes to demo_flush(), which can say to the caller
 * what went wrong, but only guess whether it is the last: two who close at once,
 * or a write that is under way in another thread, make it not be.
 * demo_release(), which nobody gets an answer of, does what is left then.
 */

#include <linux/fs.h>
#include <linux/miscdevice.h>
#include <linux/module.h>
#include <linux/sched.h>
#include <linux/sched/signal.h>
#include <linux/slab.h>
#include <linux/uaccess.h>
#include <linux/wait.h>

#include "apps/linux-fib/demo.h"
#include "libsync/port/kernel/start.h"

#define CHUNK 4096

static unsigned int memory = 64;
module_param(memory, uint, 0444);
MODULE_PARM_DESC(memory, "MiB of each family's compiled table");

static struct demo demo = {.lock = __MUTEX_INITIALIZER(demo.lock)};
static DECLARE_WAIT_QUEUE_HEAD(no_writer);
static unsigned long writer; /* bit 0: a file is open for writing */

static int
take_writer(const struct file *file)
{
	if (!test_and_set_bit_lock(0, &writer))
		return 0;
	if ((file->f_flags & O_NONBLOCK) != 0)
		return -EBUSY;
	return wait_event_interruptible(
	    no_writer, !test_and_set_bit_lock(0, &writer));
}

static void
leave_writer(void)
{
	clear_bit_unlock(0, &writer);
	wake_up(&no_writer);
}

static int
demo_open(struct inode *inode, struct file *file)
{
	struct demo_session *s = kzalloc(sizeof(*s), GFP_KERNEL);
	int err;

	if (s == NULL)
		return -ENOMEM;
	err = (file->f_mode & FMODE_WRITE) != 0 ? take_writer(file) : 0;
	if (err != 0) {
		kfree(s);
		return err;
	}
	s->demo = &demo;
	mutex_init(&s->lock);
	file->private_data = s;
	return stream_open(inode, file);
}

/*
 * Nothing of this file is done any more.  Whoever gets EINTR tries again, and
 * would for ever.
 */
static int
fail(struct demo_session *s, int err)
{
	(void)demo_command_end(s, false);
	s->have = 0;
	s->failed = err != -EINTR ? err : -ECANCELED;
	return s->failed;
}

static int
do_line(struct demo_session *s)
{
	const char *why = "cannot be done";
	char line[DEMO_LINE];
	int err;

	s->number++;
	s->line[s->have] = '\0';
	memcpy(line, s->line, s->have + 1);
	err = demo_command(s, line, &why);
	if (err == 0) {
		s->have = 0;
		return 0;
	}
	pr_err(DEMO_NAME ": line %lu: \"%*pE\": %s (%d), nothing is changed\n",
	    s->number, (int)s->have, s->line, why, err);
	return fail(s, err);
}

static int
do_bytes(struct demo_session *s, const char *p, size_t n)
{
	int err = 0;

	for (; n > 0 && err == 0; p++, n--) {
		if (*p == '\n') {
			err = do_line(s);
		} else if (s->have + 1 < DEMO_LINE) {
			s->line[s->have++] = *p;
		} else {
			pr_err(DEMO_NAME ": line %lu is too long, nothing is "
					 "changed\n",
			    s->number + 1);
			err = fail(s, -EINVAL);
		}
	}
	return err;
}

static int
enter(struct demo_session *s)
{
	int err = mutex_lock_interruptible(&s->lock);

	if (err == 0 && (err = mutex_lock_interruptible(&demo.lock)) != 0)
		mutex_unlock(&s->lock);
	return err;
}

static void
leave(struct demo_session *s)
{
	mutex_unlock(&demo.lock);
	mutex_unlock(&s->lock);
}

static ssize_t
demo_write(struct file *file, const char __user *from, size_t n, loff_t *pos)
{
	struct demo_session *s = file->private_data;
	char *chunk = kmalloc(CHUNK, GFP_KERNEL);
	size_t done, part;
	int err;

	(void)pos;
	if (chunk == NULL)
		return -ENOMEM;
	err = enter(s);
	if (err != 0)
		goto out;
	s->commanded = true;
	s->writer = task_tgid_nr(current);
	err = s->failed;
	for (done = 0; err == 0 && done < n; done += part) {
		part = min_t(size_t, n - done, CHUNK);
		if (copy_from_user(chunk, from + done, part) != 0)
			err = fail(s, -EFAULT);
		else if (fatal_signal_pending(current))
			err = fail(s, -EINTR);
		else
			err = do_bytes(s, chunk, part);
		cond_resched();
	}
	leave(s);
out:
	kfree(chunk);
	return err != 0 ? err : (ssize_t)n;
}

static ssize_t
demo_read(struct file *file, char __user *to, size_t n, loff_t *pos)
{
	struct demo_session *s = file->private_data;
	struct demo_text *t = &s->text;
	int err = enter(s);

	(void)pos;
	if (err != 0)
		return err;
	if (!s->commanded) {
		s->commanded = true;
		demo_command_stats(&demo, t);
	}
	n = min(n, t->len - t->given);
	if (copy_to_user(to, t->at + t->given, n) != 0)
		n = 0, err = -EFAULT;
	t->given += n;
	leave(s);
	return err != 0 ? err : (ssize_t)n;
}

/* Does the process end otherwise than as one that has written all? */
static bool
dies(void)
{
	return (current->flags & PF_EXITING) != 0 && current->exit_code != 0;
}

static bool
unfinished(const struct demo_session *s)
{
	return s->have > 0 || demo_command_edited(s);
}

/* A last line without an end is one. */
static int
finish(struct demo_session *s)
{
	int err = s->failed;

	if (err == 0 && s->have > 0)
		err = do_line(s);
	if (err == 0)
		err = demo_command_end(s, true);
	if (err != 0 && s->failed == 0) {
		pr_err(DEMO_NAME ": no commit (%d), nothing is changed\n", err);
		s->failed = err;
	}
	return err;
}

/*
 * The last descriptor, as far as is known, or that of the process that has
 * written last, is closed.
 */
static int
end(struct demo_session *s)
{
	if (!dies())
		return finish(s);
	return unfinished(s) ? fail(s, -EINTR) : s->failed;
}

static int
demo_flush(struct file *file, fl_owner_t owner)
{
	struct demo_session *s = file->private_data;
	int err;

	(void)owner;
	mutex_lock(&s->lock);
	mutex_lock(&demo.lock);
	if (file_count(file) == 1 ||
	    (dies() && s->writer == task_tgid_nr(current)))
		err = end(s);
	else
		err = s->failed;
	leave(s);
	return err;
}

static int
demo_fsync(struct file *file, loff_t from, loff_t to, int datasync)
{
	struct demo_session *s = file->private_data;
	int err;

	(void)from, (void)to, (void)datasync;
	mutex_lock(&s->lock);
	mutex_lock(&demo.lock);
	err = finish(s);
	leave(s);
	return err;
}

static int
demo_release(struct inode *inode, struct file *file)
{
	struct demo_session *s = file->private_data;

	(void)inode;
	mutex_lock(&s->lock);
	mutex_lock(&demo.lock);
	if (unfinished(s))
		(void)end(s);
	leave(s);
	if ((file->f_mode & FMODE_WRITE) != 0)
		leave_writer();
	demo_text_fini(&s->text);
	kfree(s);
	return 0;
}

static const struct file_operations operations = {
    .owner = THIS_MODULE, /* no unload while it is open */
    .open = demo_open,
    .read = demo_read,
    .write = demo_write,
    .flush = demo_flush,
    .fsync = demo_fsync,
    .release = demo_release,
    .llseek = no_llseek,
};

static struct miscdevice device = {
    .minor = MISC_DYNAMIC_MINOR,
    .name = DEMO_NAME,
    .fops = &operations,
    .mode = 0600,
};

static int __init
demo_init(void)
{
	int err = libsync_start();

	if (err != 0)
		return err;
	err =
	    route_lpm_create(32, (size_t)memory << 20, &demo.table[DEMO_IPV4]);
	if (err != 0)
		goto fail_ipv4;
	err =
	    route_lpm_create(128, (size_t)memory << 20, &demo.table[DEMO_IPV6]);
	if (err != 0)
		goto fail_ipv6;
	err = misc_register(&device);
	if (err != 0)
		goto fail_device;
	return 0;

fail_device:
	route_lpm_destroy(demo.table[DEMO_IPV6]);
fail_ipv6:
	route_lpm_destroy(demo.table[DEMO_IPV4]);
fail_ipv4:
	libsync_stop();
	return err;
}

static void __exit
demo_exit(void)
{
	misc_deregister(&device);
	route_lpm_destroy(demo.table[DEMO_IPV6]);
	route_lpm_destroy(demo.table[DEMO_IPV4]);
	libsync_stop();
}

module_init(demo_init);
module_exit(demo_exit);
MODULE_LICENSE("Dual BSD/GPL");
MODULE_DESCRIPTION("routing table on libsync");

/* help.c - asking commands for their help texts, and reading them (see help.h). */
#include "harness/cli/help.h"

#include <ctype.h>
#include <errno.h>
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

/* ---- asking -------------------------------------------------------------------------------------------- */

static int run_aside(const struct cmd *c, int fd, struct err *e) {
    char *argv[] = {xstrdup(c->name), xstrdup("--help"), NULL};
    fflush(stdout);
    int out = dup(STDOUT_FILENO), rc = -1;
    if (out >= 0 && dup2(fd, STDOUT_FILENO) >= 0) {
        optind = 0; /* getopt starts anew */
        rc = c->run(2, argv);
        fflush(stdout);
        dup2(out, STDOUT_FILENO);
    }
    if (out >= 0) close(out);
    free(argv[0]);
    free(argv[1]);
    return rc == 0 ? 0 : err_set(e, ERR_RESOURCE, "bench %s --help: failed (%d)", c->name, rc);
}

int help_text(const struct cmd *c, struct strbuf *out, struct err *e) {
    char buf[4096];
    int fd = memfd_create("help", MFD_CLOEXEC);
    if (fd < 0) return err_set(e, ERR_RESOURCE, "cannot make a memory file: %s", strerror(errno));
    int rc = run_aside(c, fd, e);
    lseek(fd, 0, SEEK_SET);
    for (ssize_t n; !rc && (n = read(fd, buf, sizeof buf)) > 0;) strbuf_add(out, buf, (size_t)n);
    close(fd);
    return rc;
}

/* ---- reading ------------------------------------------------------------------------------------------- */

static void add_option(struct help *h, const char *name, size_t n, const char *value, size_t nvalue) {
    struct help_option *o = NULL;
    for (int i = 0; i < h->noptions && !o; i++)
        if (strlen(h->options[i].name) == n && !strncmp(h->options[i].name, name, n)) o = &h->options[i];
    if (!o) {
        GROW(h->options, h->noptions, h->options_cap);
        o = &h->options[h->noptions++];
        *o = (struct help_option){.name = xstrndup(name, n)};
    }
    if (nvalue && !o->value) o->value = xstrndup(value, nvalue);
}

static void add_argument(struct help *h, const char *s, size_t n) {
    GROW(h->arguments, h->narguments, h->arguments_cap);
    h->arguments[h->narguments++] = xstrndup(s, n);
}

/* "FILE", "RUN|DIR", "png,svg", "png|svg" name a value; "wait" begins a sentence. */
static bool names_value(const char *s, size_t n) {
    bool bar = memchr(s, '|', n) != NULL, upper = n > 0;
    for (size_t i = 0; i < n; i++) upper &= !islower((unsigned char)s[i]);
    return n > 0 && (bar || upper || isupper((unsigned char)*s));
}

static size_t word_len(const char *s) { return strcspn(s, " \n[]"); }

/* An option at s, and its value, which one space separates. in_usage: there any word may be a value. Returns
 * what follows. */
static const char *read_option(struct help *h, const char *s, bool in_usage) {
    size_t n = strcspn(s, " ,\n[]");
    const char *next = s + n, *value = next + 1;
    if (*next != ' ' || *value == ' ') {
        add_option(h, s, n, NULL, 0);
        return next;
    }
    size_t k = word_len(value);
    bool takes = k > 0 && !strchr("-|<>", *value) && (in_usage || names_value(value, k));
    add_option(h, s, n, value, takes ? k : 0);
    return takes ? value + k : next;
}

/* After "usage: bench NAME", to the end of the line. */
static void read_usage(struct help *h, const char *s) {
    while (*s && *s != '\n' && *s != '<') {
        size_t n = word_len(s);
        if (*s == '-' && n > 1) {
            s = read_option(h, s, true);
        } else if (n > 0) {
            /* to be written as it is */
            bool word = islower((unsigned char)*s) && strncmp(s, "options", n) != 0;
            if (*s != '|' && (word || names_value(s, n))) add_argument(h, s, n);
            s += n;
        } else {
            s++;
        }
    }
}

/* "  -j, --workers N  so many": one option in two spellings, whose value the last one shows. */
static void read_option_line(struct help *h, const char *s) {
    int first = h->noptions;
    for (;;) {
        s = read_option(h, s, false);
        if (s[0] != ',' || s[1] != ' ' || s[2] != '-') break;
        s += 2;
    }
    char *value = h->noptions > first ? h->options[h->noptions - 1].value : NULL;
    for (int i = first; i < h->noptions && value; i++)
        if (!h->options[i].value) h->options[i].value = xstrdup(value);
}

void help_parse(const char *text, const char *name, struct help *h) {
    char *first = xasprintf("usage: bench %s", name), *more = xasprintf("       bench %s", name);
    bool usage = false;
    for (const char *s = text; *s; s += strcspn(s, "\n"), s += *s == '\n') {
        if (!strncmp(s, "examples:", 9)) break;
        if (!strncmp(s, first, strlen(first)) || !strncmp(s, more, strlen(more))) {
            usage = true;
            read_usage(h, s + strlen(first));
        } else if (usage && *s == ' ') { /* the usage goes on */
            read_usage(h, s);
        } else {
            usage = false;
            if (s[0] == ' ' && s[1] == ' ' && s[2] == '-') read_option_line(h, s + 2);
        }
    }
    add_option(h, "--help", 6, NULL, 0);
    free(first);
    free(more);
}

void help_release(struct help *h) {
    for (int i = 0; i < h->noptions; i++) {
        free(h->options[i].name);
        free(h->options[i].value);
    }
    for (int i = 0; i < h->narguments; i++) free(h->arguments[i]);
    free(h->options);
    free(h->arguments);
    memset(h, 0, sizeof *h);
}

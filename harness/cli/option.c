/* SPDX-License-Identifier: Apache-2.0 */
/* option.c - see option.h. */
#include "harness/cli/option.h"

#include <getopt.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "harness/config/opt.h"
#include "harness/config/yaml.h"

enum { FIRST_LONG = 256, MOST_ROWS = 64, MOST_WORDS = 32 };

bool option_is_argument(const struct option_row *r) { return !r->name && !r->letter; }

bool option_takes_value(const struct option_row *r) {
    return r->type != OPTION_FLAG && r->type != OPTION_VALUE;
}

/* ---- what a row says of itself ------------------------------------------------------------------------- */

bool option_choice(const struct option_row *r, int i, char *out, size_t size) {
    if (r->words) {
        for (int k = 0; k < i; k++)
            if (!r->words[k].name) return false;
        if (r->words[i].name) snprintf(out, size, "%s", r->words[i].name);
        return r->words[i].name != NULL;
    }
    const char *s = r->choices;
    while (s && i-- > 0) s = strchr(s, '|') ? strchr(s, '|') + 1 : NULL;
    if (s) snprintf(out, size, "%.*s", (int)strcspn(s, "|"), s);
    return s != NULL;
}

/* All of them with `sep` between. */
static void add_choices(const struct option_row *r, const char *sep, struct strbuf *out) {
    char word[64];
    for (int i = 0; option_choice(r, i, word, sizeof word); i++) strbuf_addf(out, "%s%s", i ? sep : "", word);
}

void option_metavar(const struct option_row *r, struct strbuf *out) {
    if (r->metavar)
        strbuf_adds(out, r->metavar);
    else if (option_takes_value(r))
        add_choices(r, r->type == OPTION_SET ? "," : "|", out);
}

void option_shown(const struct option_row *r, char *out, size_t size) {
    struct strbuf b = {0};
    if (r->name)
        strbuf_addf(&b, "--%s", r->name);
    else if (r->letter)
        strbuf_addf(&b, "-%c", r->letter);
    else
        option_metavar(r, &b);
    snprintf(out, size, "%s", b.s);
    strbuf_release(&b);
}

void option_range(const struct option_row *r, struct strbuf *out) {
    size_t begun = out->len;
    if ((r->choices || (r->words && !option_is_argument(r))) && r->metavar) add_choices(r, ", ", out);
    if (r->type == OPTION_INT || r->type == OPTION_NUMBER || r->type == OPTION_TIME) {
        if (r->max >= 1e6) /* nobody comes near */
            strbuf_addf(out, "at least %.10g", r->min);
        else
            strbuf_addf(out, "%.10g to %.10g", r->min, r->max);
    }
    if (r->def || r->otherwise)
        strbuf_addf(out, "%sdefault%s%s", out->len > begun ? "; " : "", r->otherwise ? ": " : " ",
                    r->otherwise ? r->otherwise : r->def);
}

/* ---- values -------------------------------------------------------------------------------------------- */

/* The index of a word among the choices. */
static int find_choice(const struct option_row *r, const char *text, int *index, struct err *e) {
    char key[64], words[MOST_WORDS][64];
    const char *names[MOST_WORDS];
    struct strbuf all = {0};
    int n = 0;
    *index = -1;
    for (; n < MOST_WORDS && option_choice(r, n, words[n], sizeof words[n]); n++) {
        names[n] = words[n];
        if (!strcmp(words[n], text)) *index = n;
    }
    if (*index >= 0) return 0;
    const char *close = str_closest(text, names, (size_t)n);
    option_shown(r, key, sizeof key);
    add_choices(r, ", ", &all);
    err_set(e, ERR_USER, "%s: '%.60s' is unknown%s%s%s, it is one of %s", key, text,
            close ? " (did you mean '" : "", close ? close : "", close ? "'?)" : "", all.s);
    strbuf_release(&all);
    return ERR_USER;
}

static int put_set(const struct option_row *r, const char *text, unsigned *mask, struct err *e) {
    char *words = xstrdup(text);
    int rc = 0, index;
    *mask = 0;
    for (char *rest = words, *one; !rc && (one = strsep(&rest, ","));)
        if (!(rc = find_choice(r, one, &index, e))) *mask |= 1u << index;
    free(words);
    return rc;
}

/* By the rules of a sweep file. *v: a whole number or a real, within the range. */
static int read_number(const struct option_row *r, const char *text, json_t **v, struct err *e) {
    static const struct {
        enum opt_type type;
        const char *what, *unit;
    } kinds[] = {[OPTION_INT] = {OPT_INT, "a whole number", ""},
                 [OPTION_NUMBER] = {OPT_NUM, "a number", ""},
                 [OPTION_TIME] = {OPT_TIME, "a time", " seconds, as in 2, 90s or 1.5m"}};
    char key[64];
    struct opt o = {"", kinds[r->type].type, "", r->min, r->max, NULL, NULL};
    struct ynode *n = NULL;
    int rc = ynode_parse_value(&n, text, NULL);
    if (!rc) rc = opt_parse(&o, n, v, NULL);
    ynode_free(n);
    if (!rc) return 0;
    option_shown(r, key, sizeof key);
    return err_set(e, ERR_USER, "%s: '%.60s' is not %s from %.10g to %.10g%s", key, text, kinds[r->type].what,
                   r->min, r->max, kinds[r->type].unit);
}

static int put_number(const struct option_row *r, const char *text, void *at, struct err *e) {
    json_t *v = NULL;
    int rc = read_number(r, text, &v, e);
    if (!rc && r->type == OPTION_INT)
        *(long *)at = (long)json_integer_value(v);
    else if (!rc)
        *(double *)at = json_number_value(v);
    json_decref(v);
    return rc;
}

/* text NULL: the row takes none. */
static int put_value(const struct option_row *r, const char *text, void *into, struct err *e) {
    void *at = (char *)into + r->at;
    switch (r->type) {
    case OPTION_FLAG:
        *(bool *)at = true;
        return 0;
    case OPTION_VALUE:
        memcpy(at, &r->value, sizeof r->value);
        return 0;
    case OPTION_TEXT:
        *(const char **)at = text;
        return 0;
    case OPTION_LIST: {
        struct option_list *l = at;
        GROW(l->v, l->n, l->cap);
        l->v[l->n++] = text;
        return 0;
    }
    case OPTION_CHOICE: {
        int index, rc = find_choice(r, text, &index, e);
        if (!rc) *(const char **)at = text;
        return rc;
    }
    case OPTION_SET:
        return put_set(r, text, at, e);
    case OPTION_INT:
    case OPTION_NUMBER:
    case OPTION_TIME:
        return put_number(r, text, at, e);
    }
    return 0;
}

void option_release(const struct option_row *rows, void *into) {
    for (; rows && rows->help; rows++) {
        struct option_list *l = (void *)((char *)into + rows->at);
        if (rows->type != OPTION_LIST) continue;
        free(l->v);
        *l = (struct option_list){0};
    }
}

/* ---- taking the words apart ---------------------------------------------------------------------------- */

/* What getopt_long wants to know. */
struct getopt_view {
    struct option longs[MOST_ROWS + 2];
    char shorts[2 * MOST_ROWS + 4];
    const struct option_row *by_letter[256];
};

static void view_rows(struct getopt_view *v, const struct option_row *rows) {
    int n = 0;
    char *s = v->shorts;
    memset(v, 0, sizeof *v);
    *s++ = ':'; /* a value that is missing is told from an option that is unknown */
    for (int i = 0; rows && rows[i].help; i++) {
        BUG_ON(i >= MOST_ROWS, "more than %d rows", MOST_ROWS);
        if (rows[i].name)
            v->longs[n++] = (struct option){rows[i].name, option_takes_value(&rows[i]), NULL, FIRST_LONG + i};
        if (!rows[i].letter) continue;
        v->by_letter[(unsigned char)rows[i].letter] = &rows[i];
        *s++ = rows[i].letter;
        if (option_takes_value(&rows[i])) *s++ = ':';
    }
    v->longs[n] = (struct option){"help", no_argument, NULL, 'h'};
    *s = 'h';
}

static const struct option_row *row_of(const struct getopt_view *v, const struct option_row *rows, int c) {
    if (c >= FIRST_LONG) return &rows[c - FIRST_LONG];
    return c > 0 && c < FIRST_LONG ? v->by_letter[c] : NULL;
}

/* `word` begins no option, or more than one. */
static int unknown_option(const struct getopt_view *v, const char *word, struct err *e) {
    const char *names[MOST_ROWS + 1];
    struct strbuf like = {0};
    size_t n = 0, len = strcspn(word, "=");
    for (; v->longs[n].name; n++) {
        names[n] = v->longs[n].name;
        if (len > 2 && !strncmp(names[n], word + 2, len - 2))
            strbuf_addf(&like, "%s--%s", like.len ? " or " : "", names[n]);
    }
    char *name = xstrndup(word, len);
    const char *close = len > 2 && !like.len ? str_closest(name + 2, names, n) : NULL;
    if (like.len)
        err_set(e, ERR_USER, "'%s' is not clear: is it %s?", name, like.s);
    else
        err_set(e, ERR_USER, "unknown option '%s'%s%s%s", name, close ? " (did you mean '--" : "",
                close ? close : "", close ? "'?)" : "");
    free(name);
    strbuf_release(&like);
    return ERR_USER;
}

/* After getopt_long has refused something: what. */
static int refuse_option(const struct getopt_view *v, const struct option_row *rows, int c, char **argv,
                         struct err *e) {
    const struct option_row *r = row_of(v, rows, optopt);
    char name[64];
    struct strbuf takes = {0};
    if (!r && optopt > 0 && optopt < FIRST_LONG && optopt != 'h') /* a letter: it may stand among others */
        return err_set(e, ERR_USER, "unknown option '-%c'", optopt);
    if (!r && optopt != 'h') return unknown_option(v, argv[optind - 1], e);
    if (!r || c != ':') {
        snprintf(name, sizeof name, "--help");
        if (r) option_shown(r, name, sizeof name);
        return err_set(e, ERR_USER, "%s takes no value: '%s'", name, argv[optind - 1]);
    }
    option_shown(r, name, sizeof name);
    option_metavar(r, &takes);
    err_set(e, ERR_USER, "%s wants a value: %s %s", name, name, takes.s);
    strbuf_release(&takes);
    return ERR_USER;
}

/* ---- arguments ----------------------------------------------------------------------------------------- */

static int read_arguments(const struct option_row *rows, char **words, int n, void *into, struct err *e) {
    int i = 0, rc = 0;
    for (const struct option_row *r = rows; !rc && r && r->help; r++) {
        if (!option_is_argument(r)) continue;
        do {
            if (i < n) rc = put_value(r, words[i++], into, e);
        } while (!rc && r->type == OPTION_LIST && i < n);
    }
    if (!rc && i < n)
        rc = err_set(e, ERR_USER, i ? "'%.60s' is one argument too many" : "takes no argument: '%.60s'",
                     words[i]);
    return rc;
}

/* "the new folder: it must not exist" -> "the new folder" */
static size_t first_clause(const char *help) { return strcspn(help, ",;:("); }

static int check_required(const struct option_row *rows, const bool *given, int nwords, struct err *e) {
    char name[64];
    int place = 0;
    for (int i = 0; rows && rows[i].help; i++) {
        bool has = option_is_argument(&rows[i]) ? place++ < nwords : given[i];
        if (!rows[i].required || has) continue;
        struct strbuf choices = {0};
        option_shown(&rows[i], name, sizeof name);
        add_choices(&rows[i], ", ", &choices);
        err_set(e, ERR_USER, "%s is missing: %.*s%s%s", name, (int)first_clause(rows[i].help), rows[i].help,
                choices.len ? ": " : "", choices.len ? choices.s : "");
        strbuf_release(&choices);
        return ERR_USER;
    }
    return 0;
}

static void put_defaults(const struct option_row *rows, void *into) {
    struct err e = {0};
    for (; rows && rows->help; rows++) {
        int rc = rows->def ? put_value(rows, rows->def, into, &e) : 0;
        BUG_ON(rc, "default: %s", e.msg);
    }
}

int option_parse(const struct option_row *rows, int argc, char **argv, void *into, bool *help,
                 struct err *e) {
    struct getopt_view v;
    bool given[MOST_ROWS] = {false};
    int rc = 0;
    *help = false;
    view_rows(&v, rows);
    put_defaults(rows, into);
    optind = 0; /* getopt starts anew */
    opterr = 0;
    for (int c; !rc && (c = getopt_long(argc, argv, v.shorts, v.longs, NULL)) != -1;) {
        const struct option_row *r = row_of(&v, rows, c);
        if (c == 'h' && !r) {
            *help = true;
            return 0;
        }
        if (c == '?' || c == ':') return refuse_option(&v, rows, c, argv, e);
        given[r - rows] = true;
        rc = put_value(r, optarg, into, e);
    }
    if (!rc) rc = read_arguments(rows, argv + optind, argc - optind, into, e);
    return rc ? rc : check_required(rows, given, argc - optind, e);
}

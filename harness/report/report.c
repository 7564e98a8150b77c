/* SPDX-License-Identifier: Apache-2.0 */
/* report.c - the page around the sweeps: head, style, script, content policy. See report.h. */
#include "harness/report/report.h"

#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "build/version.h"
#include "harness/record/listing.h"
#include "harness/record/sweep_head.h"
#include "harness/table/table.h"

#define ASSET_MAX (1u << 20)

/* ---- parts --------------------------------------------------------------------------------------------- */

static int asset_read(const char *name, struct strbuf *b, struct err *e) {
    char *share = share_dir(), *file = xasprintf("plots/%s", name), *path = path_join(share, file);
    int rc = file_read(path, ASSET_MAX, b, e);
    if (rc) err_wrap(e, "a part of the report is missing (reinstall bench, or set BENCH_SHARE)");
    free(share), free(file), free(path);
    return rc;
}

/* SHA-256 as the content policy wants it: base64 of the bytes. */
static void sha256_base64(const struct strbuf *b, char out[45]) {
    static const char digit[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    char hex[65];
    unsigned byte[33] = {0};
    sha256_hex(b->s, b->len, hex);
    for (int i = 0; i < 32; i++) {
        char two[3] = {hex[2 * i], hex[2 * i + 1], 0};
        byte[i] = (unsigned)strtoul(two, NULL, 16);
    }
    for (int i = 0, k = 0; i < 33; i += 3) {
        unsigned v = byte[i] << 16 | byte[i + 1] << 8 | byte[i + 2];
        for (int shift = 18; shift >= 0; shift -= 6) out[k++] = digit[v >> shift & 63];
    }
    strcpy(out + 43, "=");
}

static void head_write(struct strbuf *out, const struct strbuf *css, const struct strbuf *js) {
    char hash[45];
    sha256_base64(js, hash);
    strbuf_addf(out,
                "<!DOCTYPE html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n"
                "<meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; style-src "
                "'unsafe-inline'; "
                "script-src 'sha256-%s'\">\n"
                "<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n"
                "<title>bench report</title>\n<style>\n",
                hash);
    strbuf_add(out, css->s, css->len);
    strbuf_adds(out, "</style>\n</head>\n<body>\n");
}

struct sweeps {
    int64_t *id;
    char **name;
    int n, cap, name_cap;
};

static void sweeps_add(struct sweeps *s, int64_t id, const char *name) {
    for (int i = 0; i < s->n; i++)
        if (!strcmp(s->name[i], name)) return;
    GROW(s->id, s->n, s->cap);
    GROW(s->name, s->n, s->name_cap);
    s->id[s->n] = id;
    s->name[s->n++] = xstrdup(name);
}

/* The last command of each name. where: a condition on id, with ?1 = id. */
static int sweeps_query(struct db *db, struct sweeps *s, int64_t id, struct err *e) {
    struct db_query *q;
    int rc = listing_names(&q, db, id, e);
    if (rc) return rc;
    while ((rc = db_query_next(q, e)) == 1) sweeps_add(s, db_query_int(q, 0), db_query_text(q, 1));
    db_query_close(q);
    return rc;
}

static int sweeps_find(struct db *db, const struct report_job *job, struct sweeps *s, struct err *e) {
    if (!job->nsweep) {
        int rc = sweeps_query(db, s, 0, e);
        return rc || s->n ? rc : sweep_head_unknown(db, "sweep", NULL, e);
    }
    for (int i = 0; i < job->nsweep; i++) {
        struct sweep_head h;
        int rc = sweep_head_read(&h, db, job->sweep[i], e);
        if (!rc) rc = sweeps_query(db, s, h.id, e);
        sweep_head_release(&h);
        if (rc) return rc;
    }
    return 0;
}

static void title_write(struct strbuf *out, const struct sweeps *s) {
    char date[40];
    time_t now = time(NULL);
    struct tm tm;
    strftime(date, sizeof date, "%Y-%m-%d %H:%M UTC", gmtime_r(&now, &tm));
    strbuf_addf(out, "<h1>Fine-tuning methods compared</h1>\n<p class=\"soft\">bench %s, %s</p>\n",
                BENCH_VERSION, date);
    if (s->n < 2) return;
    strbuf_adds(out, "<nav>");
    for (int i = 0; i < s->n; i++) {
        strbuf_addf(out, "<a href=\"#sweep%d\">", i + 1);
        report_text(out, s->name[i]);
        strbuf_adds(out, "</a> ");
    }
    strbuf_adds(out, "</nav>\n");
}

int report_write(struct db *db, const struct report_job *job, struct strbuf *out, struct err *e) {
    struct strbuf css = {0}, js = {0}, curves = {0};
    struct sweeps s = {0};
    bool first = true;
    int rc = asset_read("report.css", &css, e);
    if (!rc) rc = asset_read("report.js", &js, e);
    if (!rc) rc = sweeps_find(db, job, &s, e);
    if (!rc) {
        head_write(out, &css, &js);
        title_write(out, &s);
    }
    for (int i = 0; i < s.n && !rc; i++)
        rc = report_sweep(db, s.id[i], i + 1, job->plots, out, &curves, &first, e);
    if (!rc) rc = report_claims(db, out, e);
    if (!rc) {
        strbuf_adds(out, "<div id=\"curve\"></div>\n<script type=\"application/json\" id=\"curves\">{");
        strbuf_add(out, curves.s ? curves.s : "", curves.len);
        strbuf_adds(out, "}</script>\n<script>");
        strbuf_add(out, js.s, js.len);
        strbuf_adds(out, "</script>\n</body>\n</html>\n");
    }
    for (int i = 0; i < s.n; i++) free(s.name[i]);
    free(s.id), free(s.name);
    strbuf_release(&css), strbuf_release(&js), strbuf_release(&curves);
    return rc;
}

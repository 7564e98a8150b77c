/* SPDX-License-Identifier: Apache-2.0 */
/* pairs.h - what the files of the task `pairs` share: its state, its batches, a score in progress. */
#ifndef BENCH_TASKS_PAIRS_H
#define BENCH_TASKS_PAIRS_H

#include "experiments/tasks/losses.h"
#include "experiments/tasks/texts.h"
#include "harness/core/data.h"

/* A text among those of a score. */
struct pairs_ref {
    struct texts *texts;
    long row;
    int column;
};

/* Retrieval: documents, then queries. Similarity: both texts of a row, row by row. */
struct pairs_score {
    enum split split;
    long items, documents; /* similarity: documents 0 */
    struct pairs_ref *ref; /* [items] */
    long refs_cap;
    long *item; /* by query, or by row of a similarity: its row in the split */
    long queries;
    long *self; /* by query: the document that it may not find, -1: none; NULL: no query has one */
    struct relevance relevant; /* by query */
    long relevances;
    double *gold;               /* similarity: the given scores, by row */
    float *emb;                 /* [items][dim] */
    bool finite;                /* all embeddings */
    float *hat, *query, *x, *s; /* scratch of a search: normalised blocks, panels, scores */
    float *top_score;           /* [queries][PAIRS_TOP] */
    int32_t *top_id;
};
enum {
    PAIRS_TOP = 100,  /* documents that a query keeps */
    PAIRS_BLOCK = 512 /* documents at a time */
};

/* How near two vectors are, larger is nearer: sentence-transformers' similarity functions. */
enum pairs_similarity { BY_COSINE, BY_DOT, BY_EUCLIDEAN, BY_MANHATTAN };

struct pairs {
    struct mem *mem;
    struct embedder *E;
    struct dataset *data;
    struct loss_spec loss;
    bool similarity; /* sentence1, sentence2, score: else anchor, positive, negatives */
    bool graded;
    enum pairs_similarity similar_by;
    int mini_batch;                  /* pairs that are embedded at once; 0: all */
    double score_min, score_max;     /* NaN: no range */
    struct texts split[SPLIT_COUNT]; /* a collection's eval and test: queries */
    struct texts documents;          /* a collection's */
    struct template *gold[SPLIT_COUNT];
    struct pairs_score score;
};

struct pairs_batch {
    struct task_batch tb;
    int rows, texts, chunks;
    struct embed_batch **chunk;
    int *first;        /* [chunks + 1]: rows of each */
    int32_t *same;     /* [texts * rows] */
    float *gold;       /* [rows]: of a similarity */
    float *emb, *grad; /* [texts][rows][dim] */
    const long *items; /* of a score */
    struct loss_work work;
};

/* The gold score of a row, brought from the range that data.score_min and score_max give to 0..1. Error: not
 * a number, or outside. */
int pairs_gold(struct pairs *p, enum split s, long row, float *ret, struct err *e);

/* pairs_batch.c: the hooks of struct task. */
struct task_batch *pairs_batch(void *state, const long *rows, int n, struct err *e);
void pairs_batch_free(void *state, struct task_batch *tb);
void pairs_layout(void *state, struct task_net *tn, const struct task_batch *tb, bool train);
double pairs_run(void *state, struct task_net *tn, const struct task_batch *tb, bool train, double scale);

/* pairs_score.c: the hooks of struct task. */
extern const char *const pairs_metrics[];
const char *pairs_metric_goal(const char *name);
const char *pairs_metric_needs(const json_t *config, const char *name);
int pairs_score_begin(void *state, struct task_net *tn, enum split s, long rows, long *items, struct err *e);
long pairs_item_tokens(void *state, long item, struct err *e);
struct task_batch *pairs_score_batch(void *state, const long *items, int n, struct err *e);
void pairs_score_add(struct pairs *p, const struct pairs_batch *b, const float *emb);
int pairs_score_end(void *state, struct task_net *tn, const struct task_tell *tell, struct err *e);
void pairs_score_release(struct pairs *p);

/* pairs_search.c: fill score.ref, relevant, queries; the first `rows` rows (0: all) ask. */
int pairs_search_collection(struct pairs *p, enum split s, long rows, struct err *e);
int pairs_search_rows(struct pairs *p, enum split s, long rows, struct err *e);

#endif

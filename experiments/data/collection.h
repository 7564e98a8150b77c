/* SPDX-License-Identifier: Apache-2.0 */
/* collection.h - retrieval collections as BEIR lays them out: corpus.jsonl and queries.jsonl with `_id`,
 * judgements with a header and the columns query, document, grade. */
#ifndef BENCH_DATA_COLLECTION_H
#define BENCH_DATA_COLLECTION_H

#include "harness/core/data.h"

/* Fill d->corpus, train, eval, test and relevance from data.corpus, data.queries and data.qrels.*, and the
 * default templates of document ("{title} {text}" where there is a title) and query. Errors (ERR_USER, file
 * and line): an id twice, a judgement of a document or a query that is not there, a grade that is no number,
 * a split without a relevant document. */
int collection_open(struct dataset *d, const json_t *cfg, struct err *e);

/* Frees what the relevances hold. */
void collection_release(struct dataset *d);

#endif

/* SPDX-License-Identifier: Apache-2.0 */
/* tokenizer.h - text to token ids and back.
 *
 * Byte-level BPE (GPT-2 family, RoBERTa) from a Hugging Face tokenizer.json or from GGUF metadata, and BERT's
 * WordPiece from tokenizer.json or vocab.txt, with their normalisers, pre-tokenizers and special ("added")
 * tokens. Decoding an encoding of byte-level BPE gives the same bytes back; WordPiece loses case, accents and
 * white space. The object is immutable after creation (apart from an internal cache) and belongs to one
 * thread.
 *
 * A tokenizer that is not implemented (Unigram, an unknown normalizer or pre-tokenizer) is refused by
 * name. */
#ifndef BENCH_NN_TOKENIZER_H
#define BENCH_NN_TOKENIZER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "harness/base/err.h"

struct tokenizer;

/* Growing list of ids. Zero-initialise; free(ids->v) when done. */
struct token_ids {
    int32_t *v;
    int n, cap;
};

/* From a tokenizer.json. Errors name `path` and what is wrong or not implemented. Caller frees with
 * tokenizer_free. */
int tokenizer_open_json(struct tokenizer **ret, const char *path, struct err *e);
/* BERT's from `dir`/vocab.txt, one token a line, and tokenizer_config.json beside it, if there (do_lower_case
 * and the like, the special tokens). The same errors. */
int tokenizer_open_vocab(struct tokenizer **ret, const char *dir, struct err *e);

/* What a folder says beside it (tokenizer_config.json, special_tokens_map.json; none: nothing), applied to a
 * tokenizer of that folder. Errors name the file. */
int tokenizer_read_config(struct tokenizer *t, const char *dir, struct err *e);

/* From GGUF metadata: tokens and their types (llama.cpp's token_type: 1 normal, 2 unknown, 3 control, 4 user
 * defined, 6 byte), merges as "left right", the value of tokenizer.ggml.pre ("smollm", "gpt-2", "default",
 * "llama-bpe", "qwen2", ...; an unknown one is refused by name). Strings need not outlive the call. `where`
 * names the file in errors. */
struct tokenizer_gguf {
    const char *pre;
    const char *const *tokens;
    const size_t *token_len;
    const int32_t *token_type; /* may be NULL: all normal */
    int n_tokens;
    const char *const *merges;
    const size_t *merge_len;
    int n_merges;
    int bos_id, eos_id; /* -1 where absent */
    bool add_bos, add_eos, add_space_prefix;
};
int tokenizer_open_gguf(struct tokenizer **ret, const struct tokenizer_gguf *g, const char *where,
                        struct err *e);
/* The same tokenizer as the text of a tokenizer.json. NULL with e filled: what that file cannot express, by
 * name (`where` names the GGUF file). `g` is one that tokenizer_open_gguf accepts. Caller frees. */
char *tokenizer_gguf_json(const struct tokenizer_gguf *g, const char *where, struct err *e);

void tokenizer_free(struct tokenizer *t); /* accepts NULL */

/* Append the ids of text[0..n) to out. `special`: recognise special tokens written in the text (templates);
 * otherwise their text is plain text (data fields). Invalid UTF-8 becomes U+FFFD per maximal bad subsequence,
 * as the reference tokenizers do. Never adds start or end tokens. */
void tokenizer_encode(struct tokenizer *t, const char *text, size_t n, bool special, struct token_ids *out);

/* Append a whole text as the model reads it: with the start and end tokens that the tokenizer adds around it.
 * True: the text itself begins with that start token, so that two of them stand there now. */
bool tokenizer_encode_whole(struct tokenizer *t, const char *text, size_t n, bool special,
                            struct token_ids *out);
/* tokenizer_encode until `out` holds at least `max` ids: ends after the word that fills it, so that the first
 * `max` are those of tokenizer_encode, and what follows is not cut into words and merged. The text is still
 * looked through once. */
void tokenizer_encode_upto(struct tokenizer *t, const char *text, size_t n, bool special, int max,
                           struct token_ids *out);

/* The first special token written in text[0..n): its id, with its place in *at and *len (bytes); -1 when
 * there is none. */
int tokenizer_find_special(const struct tokenizer *t, const char *text, size_t n, size_t *at, size_t *len);

/* The bytes of ids[0..n), concatenated (WordPiece: as a sentence); `skip_special` leaves special tokens out.
 * Caller frees; *len excludes the final NUL. An id outside the vocabulary contributes nothing. */
char *tokenizer_decode(struct tokenizer *t, const int32_t *ids, int n, bool skip_special, size_t *len);

int tokenizer_vocab_size(const struct tokenizer *t); /* highest id + 1 */
/* The id of an exact token content (special or not), or -1. */
int tokenizer_id(const struct tokenizer *t, const char *token);
/* Does the tokenizer itself put a start token in front (TemplateProcessing with a BOS, or GGUF add_bos)? Its
 * id, or -1. */
int tokenizer_bos_to_add(const struct tokenizer *t);
/* And an end token behind it? Its id, or -1. */
int tokenizer_eos_to_add(const struct tokenizer *t);
/* Two texts as one, as the post_processor has it: pieces in order, each a special token or all of one text,
 * with the token type (segment) of its tokens. Without one: the first text (type 0), the second (type 1).
 * Borrowed. */
enum { TOKENIZER_FIRST = -1, TOKENIZER_SECOND = -2 };
struct tokenizer_piece {
    int id; /* of a special token, or one of those above */
    int type;
};
const struct tokenizer_piece *tokenizer_pair(const struct tokenizer *t, int *n);
/* The end token that the tokenizer names (GGUF's eos_token_id, eos_token of a folder's
 * tokenizer_config.json),
 * or -1. Which tokens end a text is the model's to say (model.h). */
int tokenizer_eos(const struct tokenizer *t);

#endif

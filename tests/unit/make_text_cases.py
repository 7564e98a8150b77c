#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""make_text_cases.py - writes tests/unit/text_cases.json: texts, references, and what published scorers make of them.

    pip install sacrebleu rouge-score nltk pycocoevalcap && tests/unit/make_text_cases.py

BLEU: sacrebleu. ROUGE-L: rouge-score; of captions, and CIDEr: pycocoevalcap's scorers, on texts cut at spaces. NIST: nltk for single references; for several the
definition of mteval-v13a, written out below, since nltk takes the best reference where mteval takes the most that any has.
"""
import json
import math
import os
import random
from collections import Counter

import sacrebleu
from nltk.translate.nist_score import corpus_nist
from pycocoevalcap.cider.cider_scorer import CiderScorer
from pycocoevalcap.rouge.rouge import Rouge
from rouge_score.rouge_scorer import RougeScorer
from sacrebleu.tokenizers.tokenizer_13a import Tokenizer13a

cut = Tokenizer13a()


def ngrams(words, n):
    return Counter(tuple(words[i:i + n]) for i in range(len(words) - n + 1))


def nist_mteval(texts, refs, order=5):
    texts = [cut(t.lower().rstrip()).split() for t in texts]
    refs = [[cut(r.lower().rstrip()).split() for r in rs] for rs in refs]
    freq, words = Counter(), sum(len(r) for rs in refs for r in rs)
    for rs in refs:
        for r in rs:
            for n in range(1, order + 1):
                freq.update(ngrams(r, n))
    info = {g: math.log2((freq[g[:-1]] if len(g) > 1 else words) / c) for g, c in freq.items()}
    score = 0
    for n in range(1, order + 1):
        hit = total = 0
        for t, rs in zip(texts, refs):
            most = Counter()
            for r in rs:
                most |= ngrams(r, n)
            mine = ngrams(t, n)
            total += sum(mine.values())
            hit += sum(c * info[g] for g, c in (mine & most).items())
        score += hit / total if total else 0
    ratio = min(1, sum(map(len, texts)) / sum(sum(map(len, rs)) / len(rs) for rs in refs))
    return score * math.exp(math.log(0.5) / math.log(1.5) ** 2 * math.log(ratio) ** 2) if ratio else 0


def score(texts, refs):
    most = max(len(r) for r in refs)
    columns = [[r[k] if k < len(r) else None for r in refs] for k in range(most)]
    rouge = RougeScorer(["rougeL"], use_stemmer=False)
    cider = CiderScorer(n=4, sigma=6.0)
    for t, r in zip(texts, refs):
        cider += (" ".join(t.split()), [" ".join(x.split()) for x in r])
    nist = nist_mteval(texts, refs)
    if most == 1 and max(len(cut(t).split()) for t in texts) >= 5:  # nltk divides by the number of 5-grams
        peer = corpus_nist([[cut(x.lower()).split() for x in r] for r in refs], [cut(t.lower()).split() for t in texts], 5)
        assert abs(peer - nist) < 1e-9, (peer, nist)
    return {
        "bleu": sacrebleu.corpus_bleu(texts, columns).score,
        "bleu_lower": sacrebleu.corpus_bleu(texts, columns, lowercase=True).score,
        "nist": nist,
        "rouge_l": sum(rouge.score_multi(r, t)["rougeL"].fmeasure for t, r in zip(texts, refs)) / len(texts),
        "rouge_l_spaces": sum(Rouge().calc_score([" ".join(t.split())], [" ".join(x.split()) for x in r]) for t, r in zip(texts, refs)) / len(texts),
        "cider_spaces": float(cider.compute_score()[0]),
    }


def generated(seed, n, nrefs):
    """Restaurant sentences like E2E's: a template filled, and variants with words dropped, swapped or replaced."""
    rng = random.Random(seed)
    names, food = ["The Vaults", "Loch Fyne", "Alimentum", "Zizzi's", "The Wrestlers"], ["French", "Italian", "Fast-food", "Indian", "English"]
    price, area = ["£20-25", "less than £20", "cheap", "more than $30.50", "high"], ["riverside", "city centre", "Café Rouge", "Raja Cuisine"]
    texts, refs = [], []
    for _ in range(n):
        words = (f"{rng.choice(names)} is a {rng.choice(price)} {rng.choice(food)} pub near the {rng.choice(area)}, rated "
                 f"{rng.randint(1, 5)} out of 5. It isn't family-friendly.").split()

        def vary(rate):
            out = [w for w in words if rng.random() > rate]
            for _ in range(int(3 * rate * len(out))):
                i = rng.randrange(len(out)) if out else 0
                if out:
                    out[i] = rng.choice(words)
            return " ".join(out)

        refs.append([vary(0.1) for _ in range(rng.randint(1, nrefs))])
        texts.append(vary(0.15))
    return texts, refs


CORPORA = {
    "one good, one bad": (["The cat sat on the mat.", "There is nothing here!"], [["The cat is on the mat."], ["Here, there is something."]]),
    "exact": (["A b c d e.", "f g h i j."], [["A b c d e."], ["f g h i j."]]),
    "no match": (["alpha beta gamma delta"], [["one two three four five"]]),
    "short": (["yes"], [["yes"]]),
    "no four-gram matches": (["a b c x y z", "d e q"], [["a b c d e f"], ["d e f"]]),
    "entities and digits": (["It costs $1,234.56 &amp; 3-4 days, i.e. 50% of &quot;all&quot;.", "Call 555-1234, e.g. at 9.30."],
                            [["It costs $1,234.56 & 3 - 4 days, i.e. 50 % of \"all\".", "Costs: 1,234.56"], ["Call 555-1234 at 9.30, e.g.,"]]),
    "other alphabets": (["Ο γάτος, κάθεται. Ça va?\u00a0Oui…", "日本語 の テキスト。İstanbul"], [["Ο γάτος κάθεται. Ça va ? Oui …"], ["日本語 の テキスト 。 istanbul"]]),
    "an empty text": (["", "the end"], [["not empty", "nothing"], ["the very end", "the end"]]),
    "punctuation runs": (["a,,b..c--d 1-2 -3 4.,5 x.,"], [["a , , b .. c - - d 1 - 2 - 3 4. , 5 x . ,"]]),
    "E2E-like, one reference": generated(1, 40, 1),
    "E2E-like, up to eight references": generated(2, 40, 8),
}
LINES = ["Hello, world!", "1,000.50 and 3-4 (five) it's e.g. \"this\" -- that...", "a,,b..c 9.x x.9", "&lt;b&gt; &amp;lt;", "<skipped>gone -\nline\nbreak",
         "tail \u00a0\n", "50% $3 #5 a/b a_b {x} [y] ~z `q` ^", "naïve – “quoted” 5–6", "\tleading", ""]

out = {"corpora": [{"name": k, "texts": t, "refs": r, "scores": score(t, r)} for k, (t, r) in CORPORA.items()],
       "lines_13a": [[x, cut(x.rstrip())] for x in LINES]}
with open(os.path.join(os.path.dirname(os.path.abspath(__file__)), "text_cases.json"), "w") as f:
    json.dump(out, f, indent=1, ensure_ascii=True)
    f.write("\n")

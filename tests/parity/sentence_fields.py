# SPDX-License-Identifier: Apache-2.0
"""sentence_fields.py - writes tests/unit/sentence_fields.txt: every field that sentence-transformers reads from a folder, with a value that is not
its default. Run in the environment of `make parity`; tests/unit/test_embed.c puts each field into a folder by itself."""
import inspect, json, os, sys, warnings

warnings.filterwarnings("ignore")
import sentence_transformers
from sentence_transformers import SentenceTransformer
from sentence_transformers.sentence_transformer import modules

# The values; a field without one is a new one: give it a value here.
values = {
    "transformer_task": "fill-mask", "modality_config": {"text": {"method": "encode", "method_output_name": None}},
    "module_output_name": "other", "processing_kwargs": {"text": {"padding": "max_length"}}, "unpad_inputs": True, "query_length": 8,
    "document_length": 8, "query_expansion": {"tokens": 8}, "max_seq_length": 9, "do_lower_case": True, "tokenizer_name_or_path": "other",
    "model_args": {"dtype": "float16"}, "model_kwargs": {"dtype": "float16"}, "tokenizer_args": {"padding_side": "left"},
    "processor_kwargs": {"padding_side": "left"}, "config_args": {"x": 1}, "config_kwargs": {"x": 1}, "embedding_dimension": 25,
    "word_embedding_dimension": 25, "pooling_mode": "weightedmean", "include_prompt": False, "module_input_name": "token_embeddings",
    "model_type": "SparseEncoder", "__version__": {"pytorch": "1"}, "prompts": {"query": "a "}, "default_prompt_name": "passage",
    "similarity_fn_name": "dot", "truncate_dim": 8, "requirements": ["x>1"], "idx": 7, "name": "x", "path": "1_Other", "type": "x.Other",
    "kwargs": ["task"],
}
init = [p for p in inspect.signature(modules.Transformer.__init__).parameters]
transformer = list(modules.Transformer.config_keys) + ["max_seq_length", "do_lower_case", "tokenizer_name_or_path", "model_args", "tokenizer_args",
                                                       "config_args"] + [p for p in init if p.endswith("_kwargs")]
flags = [f"pooling_mode_{m}" for m in ("cls_token", "max_tokens", "mean_tokens", "mean_sqrt_len_tokens", "weightedmean_tokens", "lasttoken")]
source = inspect.getsource(SentenceTransformer._parse_model_config) + inspect.getsource(SentenceTransformer.__mro__[1]._parse_model_config)
model = ["__version__", "model_type", "requirements"] + [k for k in values if f'model_config.get("{k}"' in source]
fields = {
    "sentence_bert_config.json": transformer,
    "1_Pooling/config.json": list(modules.Pooling.config_keys) + ["word_embedding_dimension"] + flags,
    "2_Normalize/config.json": list(modules.Normalize.config_keys),
    "config_sentence_transformers.json": model,
}
out = os.path.join(os.path.dirname(os.path.abspath(__file__)), "../unit/sentence_fields.txt")
with open(out, "w") as f:
    f.write(f"# Made by tests/parity/sentence_fields.py of sentence-transformers {sentence_transformers.__version__}: file, field, value.\n")
    for name, keys in fields.items():
        for key in dict.fromkeys(keys):
            value = True if key in flags else values[key]
            f.write(f"{name}\t{key}\t{json.dumps(value)}\n")

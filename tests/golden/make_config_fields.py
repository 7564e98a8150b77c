#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""What transformers and PEFT make of every field of their configurations, for the conformance test of the readers.

    python3 tests/golden/make_config_fields.py        needs torch, transformers, peft, gguf, numpy

writes config_fields.json beside itself:

  "models"    per golden folder the fields of its configuration class (and of older files): a value that is not the default, and what the
              model then gives on fixed ids: "same", "other", or "error" (the weights do not fit, or the value is refused)
  "adapters"  per type the fields of PEFT's configuration class with a value that is not the default
  "gguf"      every key below "<architecture>." that gguf-py knows

A reader must refuse a field by its name, or give another output where transformers does, and the same where it does not."""
import dataclasses
import json
import os
import re
import warnings

os.environ["TRANSFORMERS_VERBOSITY"] = "error"
warnings.filterwarnings("ignore")

import gguf
import torch
from peft import IA3Config, LoraConfig, VeraConfig
from transformers import AutoConfig, AutoModel, AutoModelForCausalLM

HERE = os.path.dirname(os.path.abspath(__file__))
FOLDERS = {"llama_tied": AutoModelForCausalLM, "llama_untied": AutoModelForCausalLM, "gpt2_tiny": AutoModelForCausalLM, "bert_tiny": AutoModel, "roberta_tiny": AutoModel}
IDS = [[(7 * i * i + 3 * i + 11) % 89 + 5 for i in range(24)]]

# Values that a rule by type would not find, and fields of older or other files.
VALUES = {
    "hidden_act": "relu", "activation_function": "relu", "rope_parameters": {"rope_type": "linear", "factor": 4.0, "rope_theta": 10000.0},
    "dtype": "float16", "problem_type": "regression", "id2label": {"0": "a", "1": "b", "2": "c"}, "label2id": {"a": 0, "b": 1, "c": 2}, "architectures": ["X"],
    "eos_token_id": [3, 4], "bos_token_id": 5, "pad_token_id": 3, "classifier_dropout": 0.5, "head_dim": 4, "num_key_value_heads": 1, "n_inner": 7,
    "transformers_version": "4.0.0", "summary_activation": "tanh", "summary_type": "last", "_name_or_path": "somewhere", "use_cache": False,
}
MORE = {
    "llama": {"rope_theta": 500.0, "rope_scaling": {"rope_type": "linear", "factor": 2.0}, "partial_rotary_factor": 0.5, "torch_dtype": "float16"},
    "gpt2": {"n_ctx": 512, "torch_dtype": "float16"},
    "bert": {"position_embedding_type": "relative_key", "torch_dtype": "float16", "pruned_heads": {"0": [1]}},
    "roberta": {"position_embedding_type": "relative_key", "torch_dtype": "float16"},
}
SKIPPED = {"model_type", "return_dict"}  # says which reader it is; how transformers hands results on


def other(key, value):
    if key in VALUES:
        return VALUES[key]
    if isinstance(value, bool):
        return not value
    if isinstance(value, int):
        return value + 1
    if isinstance(value, float):
        return value * 1.5 if value else 0.25
    if isinstance(value, str):
        return value + "_x"
    return {"x": 1} if isinstance(value, dict) else [1] if isinstance(value, list) else True


def output(folder, cls, config):
    """The hidden states or logits, or the error. No weight may be drawn anew."""
    try:
        model, info = cls.from_pretrained(folder, config=config, dtype=torch.float32, output_loading_info=True, ignore_mismatched_sizes=False)
        if [k for k in info["missing_keys"] if "pooler" not in k] or info.get("mismatched_keys"):
            return None
        with torch.no_grad():
            return model.eval()(torch.tensor(IDS), return_dict=True)[0]
    except Exception:
        return None


def models():
    result = {}
    for name, cls in FOLDERS.items():
        folder = os.path.join(HERE, name)
        plain = json.load(open(os.path.join(folder, "config.json")))
        kind = plain["model_type"]
        base = output(folder, cls, AutoConfig.from_pretrained(folder))
        defaults = type(AutoConfig.from_pretrained(folder))().to_dict()
        fields = {k: other(k, plain.get(k, v)) for k, v in defaults.items() if k not in SKIPPED}
        rows = []
        for key, value in {**fields, **MORE[kind]}.items():
            try:
                config = type(AutoConfig.from_pretrained(folder)).from_dict({**plain, key: value})
                got = output(folder, cls, config)
            except Exception:
                got = None
            verdict = "error" if got is None or got.shape != base.shape else "same" if torch.allclose(got, base, atol=1e-6) else "other"
            rows.append({"field": key, "value": value, "then": verdict})
        result[name] = rows
    return result


def adapters():
    values = {"target_modules": ["q_proj"], "task_type": "CAUSAL_LM", "modules_to_save": ["lm_head"], "bias": "all", "init_lora_weights": "pissa",
              "rank_pattern": {"q_proj": 3}, "alpha_pattern": {"q_proj": 3}, "layers_to_transform": [0], "layers_pattern": "layers", "exclude_modules": ["v_proj"],
              "feedforward_modules": ["v_proj"], "layer_replication": [[0, 1]], "trainable_token_indices": [1], "target_parameters": ["w"],
              "base_model_name_or_path": "somewhere", "revision": "main", "auto_mapping": {"a": "b"}, "peft_version": "0.1.0", "megatron_core": "other"}
    nested = {"eva_config", "corda_config", "lora_ga_config", "velora_config", "monteclora_config", "megatron_config", "use_bdlora", "arrow_config", "kasa_config",
              "loftq_config"}
    result = {}
    for cls in (LoraConfig, VeraConfig, IA3Config):
        plain = cls().to_dict()
        rows = [{"field": f.name, "value": values.get(f.name, {"x": 1} if f.name in nested else other(f.name, plain.get(f.name)))}
                for f in dataclasses.fields(cls) if f.name not in ("peft_type", "runtime_config")]
        result[str(plain["peft_type"]).split(".")[-1]] = rows
    return result


def gguf_keys():
    found = set()
    for group in vars(gguf.Keys).values():
        if isinstance(group, type):
            found |= {v for v in vars(group).values() if isinstance(v, str) and v.startswith("{arch}.")}
    return sorted(re.sub(r"^\{arch\}\.", "", k) for k in found if "{" not in k[6:])


def main():
    fields = {"models": models(), "adapters": adapters(), "gguf": gguf_keys()}
    with open(os.path.join(HERE, "config_fields.json"), "w") as f:
        f.write(json.dumps(fields, default=str).replace('{"field"', '\n  {"field"').replace(', "gguf"', ',\n "gguf"') + "\n")


main()

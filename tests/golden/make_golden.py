#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Golden values of every method from PyTorch, transformers and PEFT (float32, CPU), on small random models.

    python3 tests/golden/make_golden.py [--out DIR] [--seed N] [--model FOLDER] [kind ...] [--case NAME ...]

needs torch, transformers, peft, safetensors and numpy. Writes into DIR (default: beside itself; the committed files are those of seed 0, and
running it again gives the same bytes)

  llama_tied/     kind tied: hidden 48, intermediate 56, 2 layers, 4 heads, 2 kv heads, head_dim 12, vocabulary 97, tied embeddings,
                  one float32 file, config.json in the older form (rope_theta at the top level)
  llama_untied/   kind untied: hidden 64, intermediate 40, 2 layers, 4 heads, 2 kv heads, head_dim 16, vocabulary 97, a separate lm_head, two
                  shards with an index, F16 and BF16 mixed, config.json as transformers 5 writes it (rope_parameters)
  gpt2_tiny/      kind gpt2: hidden 20, 2 layers, 2 heads, vocabulary 97, 48 positions, everything else as GPT-2 has it
  bert_tiny/      kind encoder: make_golden_bert.py's
  golden_<kind>_<case>.safetensors, and cases.json: [{kind, case, folder, method, config: what bench's configuration must say}]

With --model the one kind is `model`: the cases on that folder or GGUF file (a Llama) and on words, computed in float64, and of the case `full`
only some gradients. There float32 itself is far from exact (in PyTorch too); own.logits, own.gradient and own.loss [] say how far PyTorch's is.

Every tensor is F32, integers too (all are small). One batch serves all cases, three sequences packed back to back:

  input_ids [n], offsets [4]   sequence i is tokens offsets[i] .. offsets[i+1]; positions restart at 0; attention inside a sequence
  labels [n]                   -100, or the token's own id: a label at t is predicted from t-1 (never at a sequence's first token)
  loss []                      mean cross-entropy over all labelled tokens of the batch, before the first step. Of an encoder: half the mean squared
                               difference of its hidden states from target [n, D]
  losses [10]                  the same before each of ten optimizer steps on this batch (losses[0] == loss); final_loss []: after the tenth
  rows [k]                     the tokens of which `logits` has the rows
  logits [k, V]                (of an encoder its hidden states) at the initial state
  init.<name>                  the adapter that everything starts from, in the names that PEFT saves. B and lambda_b are NOT zero, but for PiSSA,
                               which is as PEFT makes it
  grad.<name>                  d loss / d tensor at step 0, of every tensor that trains

AdamW as torch.optim.AdamW: betas 0.9, 0.999, eps 1e-8, decay 0.01 on every trained tensor, constant lr, no clipping. Cases (those of a kind
are in `cases`; short: q_proj and v_proj, c_attn, query and value; all: every linear layer but heads):

  full         everything trains, norms and embeddings too; names as in the model
  bitfit       where there are biases: all biases train, those of norms too, and nothing else;  norms: weights and biases of the norms
  lora, lora_all   LoRA r=4, alpha=8, short and all;  rslora   use_rslora, short
  lora_fa      LoRA with A frozen, AdamW on B;  lora_fa_correct   PEFT's create_lorafa_optimizer, its product in float32, eps 1e-12 and no decay (where
               its AdamW and PyTorch's agree)
  lora_plus    PEFT's create_loraplus_optimizer, ratio 16: lr for A, 16 lr for B; decay 0.01 on both
  delta_lora   lambda 2, start K=3: steps t = 0, 1, 2 move A and B alone; from t = 3 on, after the AdamW step of A and B,
               W += lambda * alpha/r * (B A after the step - B A before it)
  dora         use_dora, all, the magnitudes not at their start;  pissa   init_lora_weights pissa, all; its singular vectors in
               float64 (those that PEFT takes in float32 are off by up to 1e-4 where singular values are close)
  ia3          keys, values and the second matrix of the feed-forward block, as PEFT maps them
  vera         r=8, d_initial 0.1, projection_prng_key 0, all (of layers of different shapes); init.base_model.vera_A and vera_B are PEFT's own draws,
               at the largest shape ([r, largest d_in], [largest d_out, r]). They are bit for bit: MT19937 seeded with the key (init_genrand), one
               32-bit draw per element, A row by row and then B; u = (draw & 0xffffff) * 2^-24; fmaf(u, hi - lo, lo) with hi = -lo =
               (float)(sqrt(3) * sqrt(2) / sqrt(fan_in)) computed in double, fan_in = columns. (The fused multiply-add is how PyTorch's
               AVX2 and AVX-512 kernels round; two roundings differ in the last bit of half the elements.) Not of the GPT-2 or BERT
"""

import argparse
import copy
import functools
import json
import os
import shutil

import numpy as np
import peft.optimizers.lorafa
import torch
import transformers
from peft import IA3Config, LoraConfig, VeraConfig, get_peft_model, get_peft_model_state_dict
from peft.optimizers import create_lorafa_optimizer, create_loraplus_optimizer
from safetensors.torch import save_file
from transformers import AutoModel, AutoModelForCausalLM, AutoTokenizer, GPT2Config, GPT2LMHeadModel, LlamaConfig, LlamaForCausalLM

import make_golden_bert

FOLDERS = {"tied": "llama_tied", "untied": "llama_untied", "gpt2": "gpt2_tiny", "encoder": "bert_tiny"}
LLAMA = {"short": ["q_proj", "v_proj"], "all": ["q_proj", "k_proj", "v_proj", "o_proj", "gate_proj", "up_proj", "down_proj"], "ia3": ["k_proj", "v_proj", "down_proj"], "inputs": ["down_proj"]}
TARGETS = {
    "tied": LLAMA, "untied": LLAMA, "model": LLAMA,
    "gpt2": {"short": ["c_attn"], "all": ["c_attn", "c_proj", "c_fc"], "ia3": ["c_attn", "mlp.c_proj"], "inputs": ["mlp.c_proj"]},
    "encoder": {"short": ["query", "value"], "all": ["query", "key", "value", "attention.output.dense", "intermediate.dense", "output.dense"],
             "ia3": ["key", "value", "output.dense"], "inputs": ["output.dense"]},
}
LORA = {"r": 4, "lora_alpha": 8}
# case: bench's method, which layers, learning rate, bench's options
CASES = {
    "full": ("full", None, 1e-3, {}),
    "bitfit": ("bitfit", None, 1e-2, {}),
    "norms": ("norms", None, 1e-2, {}),
    "lora": ("lora", "short", 5e-3, LORA),
    "lora_all": ("lora", "all", 5e-3, LORA),
    "rslora": ("rslora", "short", 5e-3, LORA),
    "lora_fa": ("lora_fa", "short", 5e-3, LORA),
    "lora_fa_correct": ("lora_fa", "short", 1e-3, LORA | {"correct": True, "train.adam_eps": 1e-12, "train.weight_decay": 0}),
    "lora_plus": ("lora_plus", "short", 1e-3, LORA | {"loraplus_lr_ratio": 16}),
    "delta_lora": ("delta_lora", "short", 5e-3, LORA | {"delta_lambda": 2, "delta_start": 3}),
    "dora": ("dora", "all", 5e-3, LORA),
    "pissa": ("pissa", "all", 5e-3, LORA),
    "ia3": ("ia3", "ia3", 1e-2, {}),
    "vera": ("vera", "all", 1e-2, {"r": 8, "d_initial": 0.1, "projection_prng_key": 0}),
}
ADAM = dict(betas=(0.9, 0.999), eps=1e-8, weight_decay=0.01)
LENGTHS, PROMPTS = (5, 19, 13), (2, 8, 4)
SOME = ("norm", "layers.0.", "layers.1.self_attn.k_proj")  # of a large model


def cases(kind):
    return [c for c in CASES if c != "bitfit" or kind in ("gpt2", "encoder")]


# ---------------------------------------------------------------- models


def random_model(cfg, seed):
    """Weights large enough that attention is not uniform and every gradient counts."""
    torch.manual_seed(seed)
    model = LlamaForCausalLM(cfg)
    with torch.no_grad():
        for name, p in model.named_parameters():
            if p.ndim == 1:
                p.copy_(1 + 0.2 * torch.randn_like(p))
            else:
                p.copy_(torch.randn_like(p) * (0.5 if "embed" in name else 1.3 / p.shape[1] ** 0.5))
    return model


def config(hidden, inter, tied):
    return LlamaConfig(hidden_size=hidden, intermediate_size=inter, num_hidden_layers=2, num_attention_heads=4, num_key_value_heads=2, head_dim=hidden // 4, vocab_size=97,
                       max_position_embeddings=128, rms_norm_eps=1e-5, rope_theta=10000.0, tie_word_embeddings=tied, bos_token_id=1, eos_token_id=2, hidden_act="silu")


def write_tied(folder, seed):
    cfg = config(48, 56, True)
    model = random_model(cfg, seed + 1)
    sd = {k: v.contiguous() for k, v in model.state_dict().items() if k != "lm_head.weight"}
    save_file(sd, os.path.join(folder, "model.safetensors"), metadata={"format": "pt"})
    keys = "attention_bias bos_token_id eos_token_id head_dim hidden_act hidden_size initializer_range intermediate_size max_position_embeddings mlp_bias num_attention_heads num_hidden_layers num_key_value_heads rms_norm_eps vocab_size".split()
    old = {"architectures": ["LlamaForCausalLM"], "attention_dropout": 0.0} | {k: getattr(cfg, k) for k in keys}
    old |= {"model_type": "llama", "pretraining_tp": 1, "rope_scaling": None, "rope_theta": 10000.0, "tie_word_embeddings": True, "torch_dtype": "float32", "use_cache": True}
    with open(os.path.join(folder, "config.json"), "w") as f:
        json.dump(old, f, indent=2)
        f.write("\n")


def write_untied(folder, seed):
    cfg = config(64, 40, False)
    cfg.architectures = ["LlamaForCausalLM"]
    cfg.save_pretrained(folder)
    shards = [{}, {}]
    for k, v in random_model(cfg, seed + 2).state_dict().items():
        dtype = torch.float16 if "mlp" in k or "embed" in k else torch.bfloat16
        shards["layers.1." in k or "lm_head" in k][k] = v.to(dtype).contiguous()
    index = {"metadata": {"total_size": sum(v.numel() * 2 for s in shards for v in s.values())}, "weight_map": {}}
    for i, s in enumerate(shards):
        name = f"model-{i + 1:05d}-of-00002.safetensors"
        save_file(s, os.path.join(folder, name), metadata={"format": "pt"})
        index["weight_map"] |= dict.fromkeys(s, name)
    with open(os.path.join(folder, "model.safetensors.index.json"), "w") as f:
        json.dump(index, f, indent=1, sort_keys=True)
        f.write("\n")


def write_gpt2(folder, seed):
    cfg = GPT2Config(n_embd=20, n_layer=2, n_head=2, vocab_size=97, n_positions=48, bos_token_id=2, eos_token_id=2, resid_pdrop=0.0, embd_pdrop=0.0, attn_pdrop=0.0)
    cfg.architectures = ["GPT2LMHeadModel"]
    cfg.save_pretrained(folder)
    torch.manual_seed(seed + 6)
    model = GPT2LMHeadModel(cfg)
    with torch.no_grad():
        for name, p in model.named_parameters():
            if p.ndim == 1:
                p.copy_(0.2 * torch.randn_like(p) + ("ln_" in name and "weight" in name))
            else:
                p.copy_(torch.randn_like(p) * (0.5 if "wte" in name else 0.2 if "wpe" in name else 1.3 / p.shape[0] ** 0.5))
    sd = {k: v.contiguous() for k, v in model.state_dict().items() if k != "lm_head.weight"}
    save_file(sd, os.path.join(folder, "model.safetensors"), metadata={"format": "pt"})


def write_bert(folder, seed):
    fill = make_golden_bert.fill
    make_golden_bert.HERE, make_golden_bert.fill = os.path.dirname(folder), lambda model, own: fill(model, seed + own)
    make_golden_bert.write("bert")
    make_golden_bert.fill = fill


def write(kind, folder, seed):
    shutil.rmtree(folder, ignore_errors=True)
    os.makedirs(folder)
    {"tied": write_tied, "untied": write_untied, "gpt2": write_gpt2, "encoder": write_bert}[kind](folder, seed)


@functools.cache
def loaded(kind, folder):
    if folder.endswith(".gguf"):
        return AutoModelForCausalLM.from_pretrained(os.path.dirname(folder), gguf_file=os.path.basename(folder), dtype=torch.float32, attn_implementation="eager").eval()
    cls = AutoModel if kind == "encoder" else AutoModelForCausalLM
    return cls.from_pretrained(folder, dtype=torch.float32, attn_implementation="eager").eval()


def load(kind, folder):
    return copy.deepcopy(loaded(kind, folder))


# ---------------------------------------------------------------- batch and loss


TEXT = ("The sea was wide that morning.", "A comparison is worth what its numbers are worth, and nothing that ran may be lost on the way.",
        "When the bell rang, the old dog walked slowly down the long road to the boat.")


def make_batch(seed, kind, folder, vocab):
    rng = np.random.RandomState(seed + 5)
    ids = rng.randint(3, vocab, sum(LENGTHS))
    if kind == "model":  # words: what such a model computes of random tokens is noise
        gguf = {"gguf_file": os.path.basename(folder)} if folder.endswith(".gguf") else {}
        tokenizer = AutoTokenizer.from_pretrained(os.path.dirname(folder) if gguf else folder, **gguf)
        ids = np.concatenate([(tokenizer(t).input_ids * n)[:n] for t, n in zip(TEXT, LENGTHS)])
    offsets = np.concatenate([[0], np.cumsum(LENGTHS)])
    labels = ids.copy()
    for o, p in zip(offsets, PROMPTS):
        labels[o : o + p] = -100
    return torch.from_numpy(ids), torch.from_numpy(offsets), torch.from_numpy(labels)


def run(model, batch, target=None):
    """(loss, logits or hidden states), one sequence at a time: nothing can leak from one into the next."""
    ids, offsets, labels = batch
    rows, total = [], 0.0
    for a, b in zip(offsets[:-1].tolist(), offsets[1:].tolist()):
        out = model(input_ids=ids[None, a:b])
        rows.append((out.logits if target is None else out.last_hidden_state)[0])
        if target is None:
            total = total + torch.nn.functional.cross_entropy(rows[-1][:-1], labels[a + 1 : b], ignore_index=-100, reduction="sum")
    rows = torch.cat(rows)
    return (total / (labels != -100).sum() if target is None else 0.5 * ((rows - target) ** 2).mean()), rows


# ---------------------------------------------------------------- cases


def plain_name(name):
    """As PEFT saves it."""
    return name.replace(".default", "").replace("lora_magnitude_vector.weight", "lora_magnitude_vector")


def adapter(model, kind, name, targets, seed):
    """`model` with a PEFT adapter in which nothing is zero; the same start for every case of one (model, kind of adapter, targets)."""
    common = dict(target_modules=targets, task_type="FEATURE_EXTRACTION" if kind == "encoder" else "CAUSAL_LM")
    if name == "vera":
        cfg = VeraConfig(r=8, d_initial=0.1, projection_prng_key=0, vera_dropout=0.0, save_projection=True, fan_in_fan_out=kind == "gpt2", **common)
    elif name == "ia3":
        cfg = IA3Config(feedforward_modules=TARGETS[kind]["inputs"], fan_in_fan_out=kind == "gpt2", **common)
    else:
        how = {"rslora": {"use_rslora": True}, "dora": {"use_dora": True}, "pissa": {"init_lora_weights": "pissa"}}.get(name, {})
        cfg = LoraConfig(lora_dropout=0.0, fan_in_fan_out=kind == "gpt2", **LORA, **how, **common)
    torch.manual_seed(seed + 3)
    single = torch.linalg.svd
    torch.linalg.svd = lambda w, **how: tuple(x.float() for x in single(w.double(), **how))
    model = get_peft_model(model, cfg)
    torch.linalg.svd = single
    torch.manual_seed(seed + 4)
    with torch.no_grad():
        for k, p in model.named_parameters():
            if "lora_B" in k and name != "pissa":
                p.copy_(0.1 * torch.randn_like(p))
            if "vera_lambda_b" in k:
                p.copy_(0.05 * torch.randn_like(p))
            if "vera_lambda_d" in k:
                p.add_(0.02 * torch.randn_like(p))
            if "magnitude" in k or "ia3_l" in k:
                p.mul_(1 + 0.1 * torch.randn_like(p))
    return model


def delta_step(sites, opt, move):
    """One Delta-LoRA step; lambda 2."""
    product = lambda m: m.scaling["default"] * (m.lora_B["default"].weight @ m.lora_A["default"].weight).detach()
    turned = lambda m, d: d.T if m.fan_in_fan_out else d
    before = [product(m) for m in sites]
    opt.step()
    for m, b in zip(sites, before):
        if move:
            m.get_base_layer().weight.data.add_(turned(m, 2.0 * (product(m) - b)))


def optimizer(model, trained, name, lr):
    if name == "lora_plus":
        opt = create_loraplus_optimizer(model, torch.optim.AdamW, lr=lr, loraplus_lr_ratio=16, loraplus_weight_decay=0.01, **ADAM)
        assert all(g["weight_decay"] == 0.01 or not g["params"] for g in opt.param_groups)
        return opt
    if name == "lora_fa_correct":
        peft.optimizers.lorafa.is_bf16_available = lambda: False
        opt = create_lorafa_optimizer(model, r=LORA["r"], lora_alpha=LORA["lora_alpha"], lr=lr, weight_decay=0.0)
        for g in opt.param_groups:
            g["eps"] = 1e-12
        return opt
    return torch.optim.AdamW(trained.values(), lr=lr, **ADAM)


def select(model, name):
    """What trains."""
    for k, p in model.named_parameters():
        if name == "bitfit":
            p.requires_grad_(k.endswith(".bias"))
        if name == "norms":
            p.requires_grad_("norm" in k.lower() or "ln_" in k)
        if name.startswith("lora_fa") and "lora_A" in k:
            p.requires_grad_(False)
    return {k: p for k, p in model.named_parameters() if p.requires_grad and "pooler" not in k}


def compute(kind, folder, name, lr, targets, seed, dtype):
    """The values of a case, in this precision."""
    large = kind == "model"
    model = load(kind, folder)
    vocab = model.config.vocab_size
    if targets:
        model = adapter(model, kind, name, targets, seed)
    out = dict(zip(("input_ids", "offsets", "labels"), batch := make_batch(seed, kind, folder, vocab)))
    target = torch.from_numpy(np.random.RandomState(seed + 8).randn(sum(LENGTHS), model.config.hidden_size).astype(np.float32)) if kind == "encoder" else None
    if target is not None:
        out["target"] = target
    if targets:
        out |= {"init." + k: v.detach().clone() for k, v in get_peft_model_state_dict(model).items()}
    model = model.to(dtype)
    trained = select(model, name)
    opt = optimizer(model, trained, name, lr)
    sites = [m for m in model.modules() if hasattr(m, "lora_A") and hasattr(m, "get_base_layer")] if name == "delta_lora" else []
    losses = []
    for t in range(10):
        opt.zero_grad()
        loss, rows = run(model, batch, target)
        loss.backward()
        losses.append(loss.item())
        if t == 0:
            out |= {"grad." + plain_name(k): p.grad.clone() for k, p in trained.items() if p.grad is not None and not (large and name == "full" and not any(s in k for s in SOME))}
            keep = torch.arange(0, rows.shape[0], 1 if large else 5)
            out |= {"rows": keep, "logits": rows[keep].detach().clone()}
        delta_step(sites, opt, t >= 3) if sites else opt.step()
    return out | {"loss": losses[0], "losses": losses, "final_loss": run(model, batch, target)[0].item()}


def own_error(single, double):
    """How far the values in float32 are from those in float64."""
    gap = lambda k: ((single[k].double() - double[k]).abs().max() / double[k].abs().max()).item()
    losses = [x["losses"] + [x["final_loss"]] for x in (single, double)]
    return {"own.logits": gap("logits"), "own.gradient": max(gap(k) for k in double if k.startswith("grad.")), "own.loss": max(abs(a - b) / b for a, b in zip(*losses))}


def case(kind, folder, name, out_dir, seed):
    method, which, lr, options = CASES[name]
    if kind == "model" and name in ("pissa", "dora"):
        which = "short"  # of all matrices they take minutes
    lr = lr / 10 if kind == "model" else lr
    targets = TARGETS[kind][which] if which else None
    out = compute(kind, folder, name, lr, targets, seed, torch.float32)
    if kind == "model":
        double = compute(kind, folder, name, lr, targets, seed, torch.float64)
        out = double | own_error(out, double)
    out = {k: torch.as_tensor(v).to(torch.float32).contiguous() for k, v in out.items()}
    path = os.path.join(out_dir, f"golden_{kind}_{name}.safetensors")
    save_file(out, path)
    print(f"{kind} {name}: loss {out['loss']:.6f} -> {out['losses'][9]:.6f} -> {out['final_loss']:.6f}; {len(out)} tensors, {os.path.getsize(path)} bytes", flush=True)
    return {"kind": kind, "case": name, "folder": os.path.relpath(folder, out_dir), "method": method, "config": {"target_modules": targets, "train.lr": lr} | options}


def make(out_dir, seed, kinds, model=None, only=None):
    torch.set_num_threads(1 if model is None else int(os.environ.get("OMP_NUM_THREADS", os.cpu_count())))
    transformers.utils.logging.disable_progress_bar()
    os.makedirs(out_dir, exist_ok=True)
    path = os.path.join(out_dir, "cases.json")
    listed = []
    for kind in kinds:
        folder = model if kind == "model" else os.path.join(out_dir, FOLDERS[kind])
        if kind != "model":
            write(kind, folder, 1000 * seed)
        listed += [case(kind, folder, name, out_dir, 1000 * seed) for name in cases(kind) if name in (only or CASES)]
    if os.path.exists(path):
        with open(path) as f:
            listed = [c for c in json.load(f) if c["kind"] not in kinds] + listed
    with open(path, "w") as f:
        f.write("[\n" + ",\n".join(json.dumps(c) for c in listed) + "\n]\n")


def main():
    p = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    p.add_argument("--out", default=os.path.dirname(os.path.abspath(__file__)))
    p.add_argument("--seed", type=int, default=0)
    p.add_argument("--model", help="a model's folder or GGUF file")
    p.add_argument("--case", nargs="*", choices=CASES, help="these alone")
    p.add_argument("kind", nargs="*", choices=[[], *FOLDERS], default=[])
    a = p.parse_args()
    make(os.path.abspath(a.out), a.seed, ["model"] if a.model else a.kind or list(FOLDERS), a.model and os.path.abspath(a.model), a.case)


if __name__ == "__main__":
    main()

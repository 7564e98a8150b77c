#!/usr/bin/env python3
"""Golden values of two tiny random Llamas and a GPT-2 from PyTorch, transformers and PEFT (float32, CPU).

    python3 tests/golden/make_golden.py [tied] [untied] [gpt2]     default all (needs: torch, transformers, peft, safetensors, numpy)

writes beside itself

  llama_tied/     model folder: hidden 48, intermediate 56, 2 layers, 4 heads, 2 kv heads, head_dim 12, vocabulary 97, tied embeddings,
                  one float32 file, config.json in the older form (rope_theta at the top level)
  llama_untied/   hidden 64, intermediate 40, 2 layers, 4 heads, 2 kv heads, head_dim 16, vocabulary 97, a separate lm_head, two
                  shards with an index, F16 and BF16 mixed, config.json as transformers 5 writes it (rope_parameters)
  gpt2_tiny/      hidden 20, 2 layers, 2 heads, vocabulary 97, 48 positions, everything else as GPT-2 has it
  golden_<tied|untied|gpt2>_<case>.safetensors

Every tensor is F32, integers too (all are small). One batch serves all cases, three sequences packed back to back:

  input_ids [n], offsets [4]   sequence i is tokens offsets[i] .. offsets[i+1]; positions restart at 0; attention inside a sequence
  labels [n]                   -100, or the token's own id: a label at t is predicted from t-1 (never at a sequence's first token)
  loss []                      mean cross-entropy over all labelled tokens of the batch, before the first step
  losses [10]                  the same before each of ten AdamW steps on this batch (losses[0] == loss); final_loss []: after the tenth
  lr [], and what the case needs of: r, alpha, ratio, lambda, start
  logits [n, 97]               at the initial state (cases full, lora_all, vera; of the GPT-2 full alone)
  init.<name>                  the adapter that everything starts from, in the names that PEFT saves. B and lambda_b are NOT zero.
  grad.<name>                  d loss / d tensor at step 0

AdamW as torch.optim.AdamW: betas 0.9, 0.999, eps 1e-8, decay 0.01 on every trained tensor, constant lr, no clipping. Cases:

  full        everything trains, norms and embeddings too; names as in the model. To keep the files small not every gradient is stored: of the
              tied model all of layer 0, the embedding, all norms and layer 1's k_proj; of the untied one lm_head, norms, k_proj
              of the GPT-2 all vectors, both embeddings, layer 0's c_attn and layer 1's MLP
  lora_qv     LoRA r=4, alpha=8 on q_proj, v_proj
  lora_all    the same on all seven linear kinds (gradients for the tied model only)
  vera        r=8, d_initial 0.1, projection_prng_key 0 on all seven; init.base_model.vera_A and vera_B are PEFT's own draws, at the largest
              shape ([r, largest d_in], [largest d_out, r]). They are bit for bit: MT19937 seeded with the key (init_genrand), one 32-bit
              draw per element, A row by row and then B; u = (draw & 0xffffff) * 2^-24; fmaf(u, hi - lo, lo) with hi = -lo =
              (float)(sqrt(3) * sqrt(2) / sqrt(fan_in)) computed in double, fan_in = columns. (The fused multiply-add is how PyTorch's
              AVX2 and AVX-512 kernels round; two roundings differ in the last bit of half the elements.)
  lora_attn   of the GPT-2: LoRA r=4, alpha=8 on c_attn (fan_in_fan_out); its lora_all: on c_attn, c_proj, c_fc
  bitfit      of the GPT-2: all biases train, those of LayerNorm too, and nothing else
  lora_fa     lora_qv with A frozen, plain AdamW on B      (only losses; its init and batch as lora_qv, stored again)
  lora_plus   PEFT's create_loraplus_optimizer, ratio 16: lr for A, 16 lr for B; decay 0.01 on both
  delta_lora  lambda 2, start K=3: steps t = 0, 1, 2 move A and B alone; from t = 3 on, after the AdamW step of A and B,
              W += lambda * alpha/r * (B A after the step - B A before it)
"""

import json
import os
import shutil
import sys

import numpy as np
import torch
from peft import LoraConfig, VeraConfig, get_peft_model, get_peft_model_state_dict
from peft.optimizers import create_loraplus_optimizer
from safetensors.torch import save_file
from transformers import AutoModelForCausalLM, GPT2Config, GPT2LMHeadModel, LlamaConfig, LlamaForCausalLM

HERE = os.path.dirname(os.path.abspath(__file__))
QV = ["q_proj", "v_proj"]
ALL = ["q_proj", "k_proj", "v_proj", "o_proj", "gate_proj", "up_proj", "down_proj"]
CONV1D = ["c_attn", "c_proj", "c_fc"]
FOLDERS = {"tied": "llama_tied", "untied": "llama_untied", "gpt2": "gpt2_tiny"}
CASES = dict.fromkeys(("tied", "untied"), ("full", "lora_qv", "lora_all", "vera", "lora_fa", "lora_plus", "delta_lora")) | {"gpt2": ("full", "lora_attn", "lora_all", "bitfit")}
FULL_GRADS = {"gpt2": ("bias", "ln_", "wte", "wpe", "h.0.attn.c_attn", "h.1.mlp"), "tied": ("embed_tokens", "norm", "layers.0.", "layers.1.self_attn.k_proj"), "untied": ("lm_head", "norm", "layers.1.self_attn.k_proj")}
ADAM = dict(betas=(0.9, 0.999), eps=1e-8, weight_decay=0.01)
LENGTHS, PROMPTS = (5, 19, 13), (2, 8, 4)


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


def write_tied(folder):
    shutil.rmtree(folder, ignore_errors=True)
    os.makedirs(folder)
    cfg = config(48, 56, True)
    model = random_model(cfg, 1)
    sd = {k: v.contiguous() for k, v in model.state_dict().items() if k != "lm_head.weight"}
    save_file(sd, os.path.join(folder, "model.safetensors"), metadata={"format": "pt"})
    keys = "attention_bias bos_token_id eos_token_id head_dim hidden_act hidden_size initializer_range intermediate_size max_position_embeddings mlp_bias num_attention_heads num_hidden_layers num_key_value_heads rms_norm_eps vocab_size".split()
    old = {"architectures": ["LlamaForCausalLM"], "attention_dropout": 0.0} | {k: getattr(cfg, k) for k in keys}
    old |= {"model_type": "llama", "pretraining_tp": 1, "rope_scaling": None, "rope_theta": 10000.0, "tie_word_embeddings": True, "torch_dtype": "float32", "use_cache": True}
    with open(os.path.join(folder, "config.json"), "w") as f:
        json.dump(old, f, indent=2)
        f.write("\n")


def write_untied(folder):
    shutil.rmtree(folder, ignore_errors=True)
    os.makedirs(folder)
    cfg = config(64, 40, False)
    cfg.architectures = ["LlamaForCausalLM"]
    cfg.save_pretrained(folder)
    shards = [{}, {}]
    for k, v in random_model(cfg, 2).state_dict().items():
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


def write_gpt2(folder):
    shutil.rmtree(folder, ignore_errors=True)
    os.makedirs(folder)
    cfg = GPT2Config(n_embd=20, n_layer=2, n_head=2, vocab_size=97, n_positions=48, bos_token_id=2, eos_token_id=2, resid_pdrop=0.0, embd_pdrop=0.0, attn_pdrop=0.0)
    cfg.architectures = ["GPT2LMHeadModel"]
    cfg.save_pretrained(folder)
    torch.manual_seed(6)
    model = GPT2LMHeadModel(cfg)
    with torch.no_grad():
        for name, p in model.named_parameters():
            if p.ndim == 1:
                p.copy_(0.2 * torch.randn_like(p) + ("ln_" in name and "weight" in name))
            else:
                p.copy_(torch.randn_like(p) * (0.5 if "wte" in name else 0.2 if "wpe" in name else 1.3 / p.shape[0] ** 0.5))
    sd = {k: v.contiguous() for k, v in model.state_dict().items() if k != "lm_head.weight"}
    save_file(sd, os.path.join(folder, "model.safetensors"), metadata={"format": "pt"})


def load(kind):
    return AutoModelForCausalLM.from_pretrained(os.path.join(HERE, FOLDERS[kind]), dtype=torch.float32, attn_implementation="eager")


# ---------------------------------------------------------------- batch and loss


def make_batch():
    rng = np.random.RandomState(5)
    ids = rng.randint(3, 97, sum(LENGTHS))
    offsets = np.concatenate([[0], np.cumsum(LENGTHS)])
    labels = ids.copy()
    for o, p in zip(offsets, PROMPTS):
        labels[o : o + p] = -100
    return torch.from_numpy(ids), torch.from_numpy(offsets), torch.from_numpy(labels)


def run(model, batch):
    """(loss, logits), one sequence at a time: nothing can leak from one into the next."""
    ids, offsets, labels = batch
    logits, total = [], 0.0
    for a, b in zip(offsets[:-1].tolist(), offsets[1:].tolist()):
        lg = model(input_ids=ids[None, a:b]).logits[0]
        logits.append(lg)
        total = total + torch.nn.functional.cross_entropy(lg[:-1], labels[a + 1 : b], ignore_index=-100, reduction="sum")
    return total / (labels != -100).sum(), torch.cat(logits)


# ---------------------------------------------------------------- cases


def peft_name(name):
    return name.replace(".default", "")


def adapter(kind, method, targets):
    """The model with a PEFT adapter in which nothing is zero; the same for every case of one (model, method, targets)."""
    model = load(kind)
    if method == "vera":
        cfg = VeraConfig(r=8, target_modules=targets, d_initial=0.1, projection_prng_key=0, vera_dropout=0.0, save_projection=True, task_type="CAUSAL_LM")
    else:
        cfg = LoraConfig(r=4, lora_alpha=8, target_modules=targets, lora_dropout=0.0, task_type="CAUSAL_LM", fan_in_fan_out=kind == "gpt2")
    torch.manual_seed(3)
    model = get_peft_model(model, cfg)
    torch.manual_seed(4)
    with torch.no_grad():
        for name, p in model.named_parameters():
            if "lora_B" in name:
                p.copy_(0.1 * torch.randn_like(p))
            if "vera_lambda_b" in name:
                p.copy_(0.05 * torch.randn_like(p))
            if "vera_lambda_d" in name:
                p.add_(0.02 * torch.randn_like(p))
    return model


def delta_step(sites, opt, move):
    """One Delta-LoRA step; lambda 2."""
    product = lambda m: m.scaling["default"] * (m.lora_B["default"].weight @ m.lora_A["default"].weight).detach()
    before = [product(m) for m in sites]
    opt.step()
    for m, b in zip(sites, before):
        if move:
            m.get_base_layer().weight.data.add_(2.0 * (product(m) - b))


def case(kind, name):
    method, targets, lr = {
        "full": ("full", None, 1e-3), "lora_qv": ("lora", QV, 5e-3), "lora_all": ("lora", CONV1D if kind == "gpt2" else ALL, 5e-3), "vera": ("vera", ALL, 1e-2),
        "lora_attn": ("lora", ["c_attn"], 5e-3), "bitfit": ("bitfit", None, 1e-2),
        "lora_fa": ("lora", QV, 5e-3), "lora_plus": ("lora", QV, 1e-3), "delta_lora": ("lora", QV, 5e-3),
    }[name]
    adapted = targets is not None
    model = adapter(kind, method, targets) if adapted else load(kind)
    if method == "bitfit":
        for k, p in model.named_parameters():
            p.requires_grad_(k.endswith(".bias"))
    if name == "lora_fa":
        for k, p in model.named_parameters():
            if "lora_A" in k:
                p.requires_grad_(False)
    batch = make_batch()
    out = dict(zip(("input_ids", "offsets", "labels"), batch)) | {"lr": lr}
    if adapted:
        out |= {"init." + k: v.detach().clone() for k, v in get_peft_model_state_dict(model).items()}
        out |= {"r": 8} if method == "vera" else {"r": 4, "alpha": 8}
    trained = {k: p for k, p in model.named_parameters() if p.requires_grad}
    if name == "lora_plus":
        opt = create_loraplus_optimizer(model, torch.optim.AdamW, lr=lr, loraplus_lr_ratio=16, loraplus_weight_decay=0.01, **ADAM)
        assert all(g["weight_decay"] == 0.01 or not g["params"] for g in opt.param_groups)
        out["ratio"] = 16
    else:
        opt = torch.optim.AdamW(trained.values(), lr=lr, **ADAM)
    sites = [m for m in model.modules() if hasattr(m, "lora_A") and hasattr(m, "get_base_layer")] if name == "delta_lora" else []
    if sites:
        out |= {"lambda": 2, "start": 3}
    losses = []
    for t in range(10):
        opt.zero_grad()
        loss, logits = run(model, batch)
        loss.backward()
        losses.append(loss.item())
        if t == 0 and name in ("full", "lora_qv", "lora_attn", "lora_all", "vera", "bitfit"):
            stored = lambda k: any(u in k for u in FULL_GRADS[kind]) if name == "full" else kind != "untied" or name != "lora_all"
            out |= {"grad." + peft_name(k): p.grad.clone() for k, p in trained.items() if stored(k)}
            if name == "full" or kind != "gpt2" and name != "lora_qv":
                out["logits"] = logits.detach().clone()
        delta_step(sites, opt, t >= 3) if sites else opt.step()
    out |= {"loss": losses[0], "losses": losses, "final_loss": run(model, batch)[0].item()}
    out = {k: torch.as_tensor(v).to(torch.float32).contiguous() for k, v in out.items()}
    path = os.path.join(HERE, f"golden_{kind}_{name}.safetensors")
    save_file(out, path)
    print(f"{kind} {name}: loss {losses[0]:.6f} -> {losses[9]:.6f} -> {out['final_loss']:.6f}; {len(out)} tensors, {os.path.getsize(path)} bytes")


def main():
    torch.set_num_threads(1)
    for kind in sys.argv[1:] or FOLDERS:
        {"tied": write_tied, "untied": write_untied, "gpt2": write_gpt2}[kind](os.path.join(HERE, FOLDERS[kind]))
        for name in CASES[kind]:
            case(kind, name)


if __name__ == "__main__":
    main()

#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Chat templates as models have them and what transformers makes of them, for tests/unit/test_chat.c.

    python3 tests/golden/make_chat_templates.py        needs transformers

writes chat_templates.json beside itself: {"variables": ..., "cases": [{"name", "template", "text"}]}; text null: this program refuses it."""
import json
import os

from transformers.utils.chat_template_utils import render_jinja_template

TEMPLATES = {
"smollm2":"{% for message in messages %}{% if loop.first and messages[0]['role'] != 'system' %}{{ '<|im_start|>system\nYou are a helpful AI assistant named SmolLM, trained by Hugging Face<|im_end|>\n' }}{% endif %}{{'<|im_start|>' + message['role'] + '\n' + message['content'] + '<|im_end|>' + '\n'}}{% endfor %}{% if add_generation_prompt %}{{ '<|im_start|>assistant\n' }}{% endif %}",
"qwen25":"{%- if tools %}\n    {{- '<|im_start|>system\\n' }}\n    {%- if messages[0]['role'] == 'system' %}\n        {{- messages[0]['content'] }}\n    {%- else %}\n        {{- 'You are Qwen, created by Alibaba Cloud. You are a helpful assistant.' }}\n    {%- endif %}\n    {{- \"\\n\\n# Tools\" }}\n    {%- for tool in tools %}\n        {{- \"\\n\" }}\n        {{- tool | tojson }}\n    {%- endfor %}\n{%- else %}\n    {%- if messages[0]['role'] == 'system' %}\n        {{- '<|im_start|>system\\n' + messages[0]['content'] + '<|im_end|>\\n' }}\n    {%- else %}\n        {{- '<|im_start|>system\\nYou are Qwen, created by Alibaba Cloud. You are a helpful assistant.<|im_end|>\\n' }}\n    {%- endif %}\n{%- endif %}\n{%- for message in messages %}\n    {%- if (message.role == \"user\") or (message.role == \"system\" and not loop.first) or (message.role == \"assistant\" and not message.tool_calls) %}\n        {{- '<|im_start|>' + message.role + '\\n' + message.content + '<|im_end|>' + '\\n' }}\n    {%- elif message.role == \"assistant\" %}\n        {{- '<|im_start|>' + message.role }}\n    {%- endif %}\n{%- endfor %}\n{%- if add_generation_prompt %}\n    {{- '<|im_start|>assistant\\n' }}\n{%- endif %}\n",
"llama3":"{% set loop_messages = messages %}{% for message in loop_messages %}{% set content = '<|start_header_id|>' + message['role'] + '<|end_header_id|>\n\n'+ message['content'] | trim + '<|eot_id|>' %}{% if loop.index0 == 0 %}{% set content = bos_token + content %}{% endif %}{{ content }}{% endfor %}{% if add_generation_prompt %}{{ '<|start_header_id|>assistant<|end_header_id|>\n\n' }}{% endif %}",
"llama2":"{% if messages[0]['role'] == 'system' %}{% set loop_messages = messages[1:] %}{% set system_message = messages[0]['content'] %}{% else %}{% set loop_messages = messages %}{% set system_message = false %}{% endif %}{% for message in loop_messages %}{% if (message['role'] == 'user') != (loop.index0 % 2 == 0) %}{{ raise_exception('Conversation roles must alternate user/assistant/user/assistant/...') }}{% endif %}{% if loop.index0 == 0 and system_message != false %}{% set content = '<<SYS>>\\n' + system_message + '\\n<</SYS>>\\n\\n' + message['content'] %}{% else %}{% set content = message['content'] %}{% endif %}{% if message['role'] == 'user' %}{{ bos_token + '[INST] ' + content.strip() + ' [/INST]' }}{% elif message['role'] == 'assistant' %}{{ ' '  + content.strip() + ' ' + eos_token }}{% endif %}{% endfor %}",
"zephyr":"{% for message in messages %}\n{% if message['role'] == 'user' %}\n{{ '<|user|>\n' + message['content'] + eos_token }}\n{% elif message['role'] == 'system' %}\n{{ '<|system|>\n' + message['content'] + eos_token }}\n{% elif message['role'] == 'assistant' %}\n{{ '<|assistant|>\n'  + message['content'] + eos_token }}\n{% endif %}\n{% if loop.last and add_generation_prompt %}\n{{ '<|assistant|>' }}\n{% endif %}\n{% endfor %}",
"ns":"{%- set ns = namespace(found=false, n=0) -%}{%- for m in messages -%}{%- if m.role == 'user' and m.content is string -%}{%- set ns.found = true -%}{%- set ns.n = ns.n + 1 -%}{%- endif -%}{%- endfor -%}\n   {# a comment #}\n{{ 'yes' if ns.found else 'no' }} {{ ns.n }} {{ messages | length }} {{ messages[-1].content | length if false else 'x' ~ 3 }}{% if date is not defined %} no date{% endif %}{% if 'use' in messages[0].role and not tools %} in{% endif %}\n  {% if true %}\n   indented\n  {% endif %}\nend",
"macro":"{% macro x() %}a{% endmacro %}{{ x() }}",
"date":"{{ strftime_now('%d') }}",
}
VARIABLES = {"messages": [{"role": "user", "content": "  Hi there\n"}], "add_generation_prompt": True, "bos_token": "<s>", "eos_token": "</s>", "tools": None}
REFUSED = ("macro", "date")

cases = []
for name, template in TEMPLATES.items():
    text = render_jinja_template([VARIABLES["messages"]], chat_template=template, add_generation_prompt=True, bos_token="<s>", eos_token="</s>")[0][0]
    cases.append({"name": name, "template": template, "text": None if name in REFUSED else text})
with open(os.path.join(os.path.dirname(os.path.abspath(__file__)), "chat_templates.json"), "w") as f:
    json.dump({"variables": VARIABLES, "cases": cases}, f, indent=1)
    f.write("\n")

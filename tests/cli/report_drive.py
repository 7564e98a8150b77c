#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""report_drive.py PAGE OUT: a copy of a report without its content policy and with a script that uses the page as a reader
does, and leaves what it saw as JSON in the title."""
import re
import sys

page = open(sys.argv[1], encoding="utf-8").read()
page, n = re.subn(r'<meta http-equiv="Content-Security-Policy"[^>]*>', "", page)
assert n == 1, "a page has one content policy"
drive = """<script>
const seen = {errors: 0};
window.addEventListener('error', () => seen.errors++);
window.addEventListener('load', () => {
  const table = document.querySelector('.runs table'), body = table.tBodies[0], tools = document.querySelector('.tools');
  const heads = [...table.tHead.rows[0].cells], metric = heads.findIndex(h => h.textContent === 'eval/loss');
  const column = i => [...body.rows].slice(0, 5).map(r => r.cells[i].textContent.trim());
  const press = i => heads[i].querySelector('button').click();
  seen.rows = body.rows.length;
  press(metric);
  seen.up = column(metric);
  seen.aria = heads[metric].getAttribute('aria-sort');
  press(metric);
  seen.down = column(metric);
  press(heads.findIndex(h => h.textContent === 'peak mem'));
  seen.memory = column(heads.findIndex(h => h.textContent === 'peak mem'));
  tools.querySelector('.method').value = 'vera';
  tools.querySelector('input').value = 'all-LINEAR';
  tools.dispatchEvent(new Event('input'));
  seen.filtered = tools.querySelector('output').textContent;
  seen.methods = [...new Set(column(2))];
  body.rows[0].focus();
  body.rows[0].dispatchEvent(new KeyboardEvent('keydown', {key: 'ArrowDown', bubbles: true}));
  seen.second = document.activeElement === body.rows[1];
  seen.curve = getComputedStyle(document.getElementById('curve')).display;
  seen.points = document.querySelectorAll('#curve circle').length;
  document.dispatchEvent(new KeyboardEvent('keydown', {key: 'Escape'}));
  seen.gone = getComputedStyle(document.getElementById('curve')).display;
  seen.pictures = document.querySelectorAll('figure svg').length;
  const ids = [...document.querySelectorAll('[id]')].map(e => e.id);
  seen.ids_differ = new Set(ids).size === ids.length;
  document.title = JSON.stringify(seen);
});
</script>"""
open(sys.argv[2], "w", encoding="utf-8").write(page.replace("<script type=", drive + "<script type=", 1))

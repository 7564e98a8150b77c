// report.js - what `bench report` adds for a reader with JavaScript: the run table sorts and filters, and a run's learning
// curves show beside it under the pointer or the focus. Without it the page reads the same, in the order of the sweep.
'use strict';
document.documentElement.classList.add('js');
const PAGE = 200, MORE = 500;

// What a cell is sorted by: text for people is read back as a number where it is one (12.3 MiB, 4m 05s, 5e-4).
const UNITS = {B: 1, KiB: 1024, MiB: 1024 ** 2, GiB: 1024 ** 3, TiB: 1024 ** 4, ms: 1e-3, s: 1, h: 3600, d: 86400, '%': 1};
function valueOf(text) {
  if (text === '' || text === '-') return null;
  const plain = Number(text);
  if (!Number.isNaN(plain)) return plain;
  let sum = 0;
  const rest = text.replace(/\*$/, '').replace(/([0-9.]+) ?([A-Za-z%]+)/g, (all, number, unit) => {
    const factor = unit === 'm' ? 60 : UNITS[unit];
    if (factor === undefined) return all;
    sum += Number(number) * factor;
    return '';
  });
  return rest.trim() === '' ? sum : text;
}

function compare(a, b) {
  if (a === null || b === null) return a === b ? 0 : a === null ? 1 : -1; // what is not known comes last
  if (typeof a === typeof b) return a < b ? -1 : a > b ? 1 : 0;
  return typeof a === 'number' ? -1 : 1;
}

// A run table: all runs as arrays of text, of which a page is in the document.
class Runs {
  constructor(section) {
    this.table = section.querySelector('.runs table');
    this.body = this.table.tBodies[0];
    this.heads = [...this.table.tHead.rows[0].cells];
    this.number = this.heads.map(th => th.classList.contains('n'));
    this.tools = section.querySelector('.tools');
    this.more = section.querySelector('button.more');
    this.rows = [...this.body.rows].map(row => [...row.cells].map(cell => cell.textContent.trim()));
    const rest = section.querySelector('details.rest');
    if (rest) {
      for (const line of rest.querySelector('pre').textContent.split('\n')) if (line) this.rows.push(line.split('\t'));
      rest.hidden = true;
      this.more.addEventListener('click', () => { this.limit += MORE; this.show(); });
    }
    this.limit = PAGE;
    this.order = this.rows.map((row, i) => i);
    this.shown = this.order;
    this.heads.forEach((th, column) => th.querySelector('button').addEventListener('click', () => this.sort(th, column)));
    for (const [select, column] of [['.state', 1], ['.method', 2]])
      for (const v of [...new Set(this.rows.map(r => r[column]))].sort()) this.tools.querySelector(select).add(new Option(v, v));
    this.tools.addEventListener('input', () => { this.limit = PAGE; this.filter(); this.show(); });
    this.filter();
    if (this.body.rows.length) this.body.rows[0].tabIndex = 0;
  }

  sort(th, column) {
    const down = th.getAttribute('aria-sort') === 'ascending', value = this.rows.map(row => valueOf(row[column]));
    this.heads.forEach(h => h.removeAttribute('aria-sort'));
    th.setAttribute('aria-sort', down ? 'descending' : 'ascending');
    this.order = this.rows.map((row, i) => i).sort((i, k) => {
      const c = compare(value[i], value[k]);
      return (c && value[i] !== null && value[k] !== null && down ? -c : c) || i - k;
    });
    this.filter();
    this.show();
  }

  filter() {
    const tools = this.tools, words = tools.querySelector('input').value.toLowerCase().split(/\s+/).filter(Boolean),
      state = tools.querySelector('.state').value, method = tools.querySelector('.method').value;
    this.shown = this.order.filter(i => {
      const row = this.rows[i];
      if ((state && row[1] !== state) || (method && row[2] !== method)) return false;
      if (!words.length) return true;
      const all = row.join(' ').toLowerCase();
      return words.every(w => all.includes(w));
    });
    tools.querySelector('output').textContent = this.shown.length + ' of ' + this.rows.length + ' runs';
    if (this.more) this.more.hidden = this.shown.length <= this.limit;
  }

  show() {
    const page = document.createDocumentFragment();
    for (const i of this.shown.slice(0, this.limit)) {
      const tr = document.createElement('tr');
      if (this.rows[i][1] !== 'complete') tr.className = 's';
      this.rows[i].forEach((text, column) => {
        const td = tr.insertCell();
        td.textContent = text;
        if (this.number[column]) td.className = 'n';
      });
      page.append(tr);
    }
    this.body.replaceChildren(page);
    if (this.more) this.more.hidden = this.shown.length <= this.limit;
    if (this.body.rows.length) this.body.rows[0].tabIndex = 0; // one row is a stop of the Tab key; the arrows go on from there
  }
}

function step(row, down) {
  const next = down ? row.nextElementSibling : row.previousElementSibling;
  if (next) { row.tabIndex = -1; next.tabIndex = 0; next.focus(); }
}

// ---- learning curves

let curves = null; // read when the first is asked for
const box = document.getElementById('curve'), SVG = 'http://www.w3.org/2000/svg';

function element(parent, name, attributes, text) {
  const e = document.createElementNS(SVG, name);
  for (const k in attributes) e.setAttribute(k, attributes[k]);
  if (text !== undefined) e.textContent = text;
  parent.append(e);
  return e;
}

function draw(row) {
  curves = curves || JSON.parse(document.getElementById('curves').textContent);
  const run = row.cells[0].textContent.trim(), c = curves[run];
  box.style.display = c ? 'block' : 'none';
  if (!c) return;
  const all = [...c.e, ...c.t], xs = all.map(p => p[0]), ys = all.map(p => p[1]);
  const x0 = Math.min(...xs), x1 = Math.max(...xs, x0 + 1), y0 = Math.min(...ys), y1 = Math.max(...ys, y0 + 1e-9);
  const X = x => 42 + (x - x0) / (x1 - x0) * 270, Y = y => 12 + (y1 - y) / (y1 - y0) * 108;
  const line = points => points.map(p => X(p[0]).toFixed(1) + ',' + Y(p[1]).toFixed(1)).join(' ');
  box.replaceChildren();
  const head = document.createElement('div');
  head.textContent = 'run ' + run + ': ' + [2, 3, 4, 5].map(i => row.cells[i].textContent.trim()).filter(t => t && t !== '-').join(' ');
  box.append(head);
  const svg = document.createElementNS(SVG, 'svg');
  svg.setAttribute('viewBox', '0 0 320 150');
  svg.setAttribute('role', 'img');
  svg.setAttribute('aria-label', 'learning curve of run ' + run);
  element(svg, 'polyline', {class: 'train', points: line(c.t)});
  element(svg, 'polyline', {class: 'eval', points: line(c.e)});
  for (const p of c.e) element(svg, 'circle', {class: 'dot', cx: X(p[0]), cy: Y(p[1]), r: 2.6});
  element(svg, 'text', {x: 38, y: 16, 'text-anchor': 'end'}, y1.toPrecision(4));
  element(svg, 'text', {x: 38, y: 122, 'text-anchor': 'end'}, y0.toPrecision(4));
  element(svg, 'text', {x: 42, y: 138}, x0);
  element(svg, 'text', {x: 312, y: 138, 'text-anchor': 'end'}, 'step ' + x1);
  box.append(svg);
  const foot = document.createElement('div');
  foot.className = 'soft';
  foot.textContent = 'thick: ' + c.k + '; thin: training loss';
  box.append(foot);
}

const hide = () => { box.style.display = 'none'; };
for (const table of document.querySelectorAll('.runs table')) {
  const section = table.closest('section');
  const runs = new Runs(section), body = runs.body;
  const of = e => e.target.closest('tr');
  body.addEventListener('mouseover', e => { if (of(e)) draw(of(e)); });
  body.addEventListener('focusin', e => { if (of(e)) draw(of(e)); });
  runs.table.addEventListener('mouseleave', hide);
  body.addEventListener('focusout', hide);
  body.addEventListener('keydown', e => {
    if (!of(e) || (e.key !== 'ArrowDown' && e.key !== 'ArrowUp')) return;
    e.preventDefault();
    step(of(e), e.key === 'ArrowDown');
  });
}
document.addEventListener('keydown', e => { if (e.key === 'Escape') hide(); });

#include "report_page.hpp"

namespace nn::detail {

const char* const page_head = R"page(<!DOCTYPE html>
<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width">
<title>Training</title>
<style>
:root { --ground: #ffffff; --text: #222222; --weak: #6a6a6a; --line: #dddddd; --bar: #4477aa }
@media (prefers-color-scheme: dark) { :root { --ground: #1c1c1e; --text: #e4e4e6; --weak: #a0a0a4; --line: #3a3a3d; --bar: #66aadd } }
body { margin: 1.5em auto; max-width: 60em; padding: 0 1em; background: var(--ground); color: var(--text); font: 14px system-ui, sans-serif }
h1 { font-size: 1.4em } h2 { font-size: 1.1em; margin: 1.6em 0 .4em }
svg { display: block; max-width: 100% } svg text { fill: var(--weak); font-size: 11px }
table { border-collapse: collapse } td, th { padding: .2em .6em; text-align: right; border-bottom: 1px solid var(--line); white-space: nowrap }
th { font-weight: 600 } td.name, th.name { text-align: left } td svg { display: inline-block; vertical-align: middle }
p.remark:last-of-type { margin-bottom: .8em } label { display: block; margin-bottom: .5em }
.legend span { margin-right: 1.2em; white-space: nowrap } .legend i { display: inline-block; width: 1.4em; height: .25em; margin-right: .4em; vertical-align: middle }
.remark { margin: .2em 0; padding-left: .6em; border-left: 3px solid #cc6677 } .weak { color: var(--weak) } .wide { overflow-x: auto }
@media print { input, button { display: none } section { break-inside: avoid } }
</style></head><body><h1 id="title"></h1><p id="summary" class="weak"></p>
<section id="curves"></section><section id="layers"></section><section id="confusion"></section>
<script>
const data = )page";

const char* const page_foot = R"page(;
const $ = (id) => document.getElementById(id);
const make = (parent, tag, attributes = {}, text) => {
  const svg = ['svg', 'path', 'line', 'rect', 'circle', 'text', 'g', 'title'].includes(tag);
  const e = svg ? document.createElementNS('http://www.w3.org/2000/svg', tag) : document.createElement(tag);
  for (const [key, value] of Object.entries(attributes)) e.setAttribute(key, value);
  if (text !== undefined) e.textContent = text;
  return parent.appendChild(e);
};
const digits = (x) => x === null || x === undefined ? '–' : x === 0 ? '0' : Math.abs(x) >= 1e5 || Math.abs(x) < 1e-3 ? x.toExponential(2) : String(+x.toPrecision(4));
const share = (x) => x === null ? '–' : (100 * x).toFixed(x > 0 && x < 0.01 ? 2 : 0) + ' %';
// What is shown stands in the address, so that it can be kept and sent.
const state = Object.fromEntries(new URLSearchParams(location.hash.slice(1)));
const keep = (key, value) => { state[key] = value; history.replaceState(null, '', '#' + new URLSearchParams(state)); };

function drawCurves(panel, index) {
  const part = make($('curves'), 'div'), x = data.curves.x, key = 'log' + index;
  make(part, 'h2', {}, panel.title);
  const positive = panel.series.every((s) => s.values.every((v) => v === null || v > 0));
  let log = positive && (key in state ? state[key] === '1' : panel.log);
  const legend = make(part, 'div', {class: 'legend'});
  panel.series.forEach((s, k) => {
    const entry = make(legend, 'span');
    make(entry, 'i', {style: 'background:' + data.curves.colours[k % data.curves.colours.length]});
    entry.append(s.label);
  });
  if (positive) {
    const button = make(legend, 'button', {'aria-label': 'logarithmic scale of ' + panel.title}, 'log');
    button.setAttribute('aria-pressed', log);
    button.onclick = () => { log = !log; button.setAttribute('aria-pressed', log); keep(key, log ? 1 : 0); redraw(); };
  }
  const W = 900, H = panel.small ? 110 : 220, left = 70, right = 12, top = 8, bottom = 24, holder = make(part, 'div');
  const redraw = () => {
    holder.textContent = '';
    const all = panel.series.flatMap((s) => s.values).filter((v) => v !== null && (!log || v > 0));
    const f = log ? Math.log10 : (v) => v;
    let low = f(Math.min(...all)), high = f(Math.max(...all));
    if (!(high > low)) { const room = Math.abs(low) / 10 || 0.5; low -= room; high += room; }
    const X = (i) => left + (x.length > 1 ? (x[i] - x[0]) / (x[x.length - 1] - x[0]) : 0.5) * (W - left - right);
    const Y = (v) => top + (high - f(v)) / (high - low) * (H - top - bottom);
    const svg = make(holder, 'svg', {viewBox: `0 0 ${W} ${H}`, role: 'img', 'aria-label': panel.title + ' by epoch'});
    const ticks = panel.small ? 2 : 4;
    for (let t = 0; t <= ticks; ++t) {
      const v = low + (high - low) * t / ticks, y = top + (1 - t / ticks) * (H - top - bottom);
      make(svg, 'line', {x1: left, x2: W - right, y1: y, y2: y, stroke: 'var(--line)'});
      make(svg, 'text', {x: left - 6, y: y + 4, 'text-anchor': 'end'}, digits(log ? 10 ** v : v));
    }
    const every = Math.max(1, Math.ceil(x.length / 12));
    x.forEach((e, i) => { if (i % every === 0) make(svg, 'text', {x: X(i), y: H - 6, 'text-anchor': 'middle'}, e); });
    panel.series.forEach((s, k) => {
      let path = '', pen = false;
      s.values.forEach((v, i) => { if (v === null) { pen = false; return; } path += (pen ? 'L' : 'M') + X(i) + ' ' + Y(v); pen = true; });
      const colour = data.curves.colours[k % data.curves.colours.length];
      make(svg, 'path', {d: path, fill: 'none', stroke: colour, 'stroke-width': 2});
      if (x.length < 40) s.values.forEach((v, i) => { if (v !== null) make(svg, 'circle', {cx: X(i), cy: Y(v), r: 2.5, fill: colour}); });
    });
    const cursor = make(svg, 'line', {y1: top, y2: H - bottom, stroke: 'var(--weak)', visibility: 'hidden'});
    const point = (i) => {
      cursor.setAttribute('x1', X(i)); cursor.setAttribute('x2', X(i)); cursor.setAttribute('visibility', 'visible');
      numbers.textContent = 'epoch ' + x[i] + ': ' + panel.series.map((s) => s.label + ' ' + digits(s.values[i])).join(', ');
    };
    svg.onmousemove = (event) => {
      const box = svg.getBoundingClientRect(), at = (event.clientX - box.left) * W / box.width;
      let best = 0;
      x.forEach((_, i) => { if (Math.abs(X(i) - at) < Math.abs(X(best) - at)) best = i; });
      point(best);
    };
    point(x.length - 1);
  };
  const numbers = make(part, 'div', {class: 'weak', 'aria-live': 'polite'});
  redraw();
}

function histogram(cell, d, label) {
  if (!d) return;
  const w = 4, h = 22, most = Math.max(...d.counts);
  const svg = make(cell, 'svg', {width: w * d.counts.length, height: h, role: 'img', 'aria-label': label});
  make(svg, 'title', {}, label + ' from ' + digits(-d.most) + ' to ' + digits(d.most));
  d.counts.forEach((c, i) => make(svg, 'rect', {x: i * w, width: w - 1, y: h - h * c / most, height: h * c / most, fill: 'var(--bar)'}));
}

function drawLayers() {
  if (!data.epochs.length) return;
  const part = $('layers');
  make(part, 'h2', {}, 'Layers');
  const line = make(part, 'label', {}, 'epoch ');
  let at = data.epochs.findIndex((e) => String(e.epoch) === state.epoch);
  if (at < 0) at = data.epochs.length - 1;
  const slider = make(line, 'input', {type: 'range', min: 0, max: data.epochs.length - 1, value: at, 'aria-label': 'epoch'});
  const which = make(line, 'b'), body = make(part, 'div', {class: 'wide'});
  const show = () => {
    const epoch = data.epochs[slider.value];
    which.textContent = ' ' + epoch.epoch;
    body.textContent = '';
    epoch.remarks.forEach((r) => make(body, 'p', {class: 'remark'}, r));
    const table = make(body, 'table'), head = make(table, 'tr');
    ['', 'layer', 'name', '|value|', '|gradient|', 'update / step', 'zero', 'saturated', 'values', 'gradients'].forEach((h, k) =>
      make(head, 'th', k === 0 || k === 2 ? {class: 'name'} : {}, h));
    let before = '';
    epoch.rows.forEach((r) => {
      const row = make(table, 'tr');
      make(row, 'td', {class: 'name'}, r.role === before ? '' : r.role);
      before = r.role;
      make(row, 'td', {}, r.layer || '–');
      make(row, 'td', {class: 'name'}, r.name);
      [digits(r.value), digits(r.gradient), digits(r.update), share(r.zero), share(r.saturated)].forEach((t) => make(row, 'td', {}, t));
      histogram(make(row, 'td'), r.values, 'values of ' + r.name);
      histogram(make(row, 'td'), r.gradients, 'gradients of ' + r.name);
    });
  };
  slider.oninput = () => { keep('epoch', data.epochs[slider.value].epoch); show(); };
  show();
}

function drawConfusion() {
  const m = data.confusion;
  if (!m.length) return;
  const part = $('confusion'), name = (k) => data.classes[k] ?? k;
  make(part, 'h2', {}, 'Confusion matrix of the validation data');
  make(part, 'p', {class: 'weak'}, 'A row for each true class, a column for each predicted one.');
  const table = make(make(part, 'div', {class: 'wide'}), 'table'), head = make(table, 'tr');
  make(head, 'th');
  m.forEach((_, k) => make(head, 'th', {}, name(k)));
  m.forEach((counts, i) => {
    const row = make(table, 'tr'), sum = counts.reduce((a, b) => a + b, 0) || 1;
    make(row, 'th', {}, name(i));
    counts.forEach((c, j) => make(row, 'td', {
      style: `background: rgba(${i === j ? '68,119,170' : '204,102,119'}, ${0.85 * c / sum})`,
      title: `${c} of class ${name(i)} predicted as ${name(j)}`}, c));
  });
}

document.title = data.title;
$('title').textContent = data.title;
const epochs = data.curves.x.length;
const losses = data.curves.panels.flatMap((p) => p.series).filter((s) => /(^|[ _])loss$/.test(s.label));
const judged = losses.find((s) => s.label.startsWith('validation')) ?? losses[0];
const best = judged ? judged.values.reduce((b, v, i, all) => v !== null && (all[b] === null || v < all[b]) ? i : b, 0) : 0;
$('summary').textContent = epochs + (epochs === 1 ? ' epoch' : ' epochs') +
  (judged ? `; the least ${judged.label} was ${digits(judged.values[best])} in epoch ${data.curves.x[best]}` : '');
data.curves.panels.forEach(drawCurves);
drawLayers();
drawConfusion();
</script></body></html>
)page";

}  // namespace nn::detail

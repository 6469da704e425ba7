// The lines of a panel: those of this run, then, in the same colours and dashed, those of others that are called the
// same.
const dashes = ['', '7 3', '2 3', '9 3 2 3'];
const runs = [{name: 'this run', curves: data.curves}, ...data.others];
const linesOf = (panel) => runs.flatMap((run, r) => {
  const same = r === 0 ? panel : run.curves.panels.find((p) => p.title === panel.title);
  return (same ? same.series : []).flatMap((s) => {
    const k = panel.series.findIndex((mine) => mine.label === s.label);
    return k < 0 ? [] : [{
      run: r,
      label: (r ? run.name + ': ' : '') + s.label,
      colour: colour(k),
      dash: dashes[r % dashes.length],
      x: run.curves.x,
      values: s.values
    }];
  });
});

function drawLegend(part, panel, lines) {
  const legend = make(part, 'div', {class: 'legend'});
  const entry = (style, text) => {
    make(make(legend, 'span'), 'i', {style});
    legend.lastChild.append(text);
  };
  panel.series.forEach((s, k) => entry('border-color:' + colour(k), s.label));
  if (lines.some((l) => l.run))
    runs.forEach(
        (run, r) => entry(
            'border-color:var(--weak);border-top-style:' + ['solid', 'dashed', 'dotted', 'double'][r % 4], run.name));
  return legend;
}

function drawCurves(panel, index) {
  const part = make($('curves'), 'div'), key = 'log' + index, lines = linesOf(panel);
  make(part, 'h2', {}, panel.title);
  const positive = lines.every((l) => l.values.every((v) => v === null || v > 0));
  let log = positive && (key in state ? state[key] === '1' : panel.log);
  const legend = drawLegend(part, panel, lines);
  if (positive) {
    const button = make(legend, 'button', {'aria-label': 'logarithmic scale of ' + panel.title}, 'log');
    button.setAttribute('aria-pressed', log);
    button.onclick = () => {
      log = !log;
      button.setAttribute('aria-pressed', log);
      keep(key, log ? 1 : 0);
      redraw();
    };
  }
  const W = 900, H = panel.small ? 110 : 220, left = 70, right = 12, top = 8, bottom = 24, holder = make(part, 'div');
  const epochs = [...new Set(lines.flatMap((l) => l.x))].sort((a, b) => a - b), first = epochs[0],
        last = epochs[epochs.length - 1];
  const X = (e) => left + (last > first ? (e - first) / (last - first) : 0.5) * (W - left - right);
  const redraw = () => {
    holder.textContent = '';
    const all = lines.flatMap((l) => l.values).filter((v) => v !== null && (!log || v > 0));
    const f = log ? Math.log10 : (v) => v;
    let low = f(Math.min(...all)), high = f(Math.max(...all));
    if (!(high > low)) {
      const room = Math.abs(low) / 10 || 0.5;
      low -= room;
      high += room;
    }
    const Y = (v) => top + (high - f(v)) / (high - low) * (H - top - bottom);
    const svg = make(holder, 'svg', {viewBox: `0 0 ${W} ${H}`, role: 'img', 'aria-label': panel.title + ' by epoch'});
    const ticks = panel.small ? 2 : 4;
    for (let t = 0; t <= ticks; ++t) {
      const v = low + (high - low) * t / ticks, y = top + (1 - t / ticks) * (H - top - bottom);
      make(svg, 'line', {x1: left, x2: W - right, y1: y, y2: y, stroke: 'var(--line)'});
      make(svg, 'text', {x: left - 6, y: y + 4, 'text-anchor': 'end'}, digits(log ? 10 ** v : v));
    }
    const every = Math.max(1, Math.ceil(epochs.length / 12));
    epochs.forEach((e, i) => {
      if (i % every === 0) make(svg, 'text', {x: X(e), y: H - 6, 'text-anchor': 'middle'}, e);
    });
    if (judged && panel.series.includes(judged)) {
      const e = data.curves.x[best], at = X(e);
      make(
          svg, 'line',
          {x1: at, x2: at, y1: top, y2: H - bottom, stroke: 'var(--weak)', 'stroke-dasharray': '2 4', class: 'best'});
      const rightHalf = at > W / 2;
      make(
          svg, 'text', {x: at + (rightHalf ? -5 : 5), y: top + 10, 'text-anchor': rightHalf ? 'end' : 'start'}, 'best');
    }
    lines.forEach((l) => {
      let path = '', pen = false;
      l.values.forEach((v, i) => {
        if (v === null) {
          pen = false;
          return;
        }
        path += (pen ? 'L' : 'M') + X(l.x[i]) + ' ' + Y(v);
        pen = true;
      });
      make(
          svg, 'path',
          {d: path, fill: 'none', stroke: l.colour, 'stroke-width': l.run ? 1.5 : 2, 'stroke-dasharray': l.dash});
      if (epochs.length < 40 && !l.run)
        l.values.forEach((v, i) => {
          if (v !== null) make(svg, 'circle', {cx: X(l.x[i]), cy: Y(v), r: 2.5, fill: l.colour});
        });
    });
    const cursor = make(svg, 'line', {y1: top, y2: H - bottom, stroke: 'var(--weak)', visibility: 'hidden'});
    const point = (e) => {
      cursor.setAttribute('x1', X(e));
      cursor.setAttribute('x2', X(e));
      cursor.setAttribute('visibility', 'visible');
      numbers.textContent =
          'epoch ' + e + ': ' + lines.map((l) => l.label + ' ' + digits(l.values[l.x.indexOf(e)])).join(', ');
    };
    svg.onmousemove = (event) => {
      const box = svg.getBoundingClientRect(), at = (event.clientX - box.left) * W / box.width;
      point(epochs.reduce((b, e) => Math.abs(X(e) - at) < Math.abs(X(b) - at) ? e : b, first));
    };
    point(data.curves.x[data.curves.x.length - 1]);
  };
  const numbers = make(part, 'div', {class: 'weak', 'aria-live': 'polite'});
  redraw();
}

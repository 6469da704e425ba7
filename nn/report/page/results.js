function drawConfusion() {
  const m = data.confusion;
  if (!m.length) return;
  const part = $('confusion');
  make(part, 'h2', {}, `Confusion matrix of the ${data.validation ?? 'validation'} data`);
  make(part, 'p', {class: 'weak'}, 'A row for each true class, a column for each predicted one.');
  const table = make(make(part, 'div', {class: 'wide'}), 'table'), head = make(table, 'tr');
  make(head, 'th');
  m.forEach((_, k) => make(head, 'th', {}, className(k)));
  m.forEach((counts, i) => {
    const row = make(table, 'tr'), sum = counts.reduce((a, b) => a + b, 0) || 1;
    make(row, 'th', {}, className(i));
    counts.forEach(
        (c, j) => make(
            row, 'td', {
              style: `background: rgba(${i === j ? '68,119,170' : '204,102,119'}, ${0.85 * c / sum})`,
              title: `${c} of class ${className(i)} predicted as ${className(j)}`
            },
            c));
  });
}

// A square with both axes from 0 to 1; gives the picture and where a point of it lies.
function unitSquare(part, label, across, up) {
  const size = 300, left = 46, bottom = 34, top = 8;
  const svg = make(
      part, 'svg',
      {viewBox: `0 0 ${left + size + 12} ${top + size + bottom}`, width: 380, role: 'img', 'aria-label': label});
  const at = (x, y) => [left + x * size, top + (1 - y) * size];
  for (const t of [0, 0.25, 0.5, 0.75, 1]) {
    for (const [a, b] of [[at(0, t), at(1, t)], [at(t, 0), at(t, 1)]])
      make(svg, 'line', {x1: a[0], y1: a[1], x2: b[0], y2: b[1], stroke: 'var(--line)'});
    make(svg, 'text', {x: left - 6, y: at(0, t)[1] + 4, 'text-anchor': 'end'}, t);
    make(svg, 'text', {x: at(t, 0)[0], y: top + size + 15, 'text-anchor': 'middle'}, t);
  }
  make(svg, 'text', {x: left + size / 2, y: top + size + 30, 'text-anchor': 'middle'}, across);
  make(
      svg, 'text', {x: 0, y: 0, 'text-anchor': 'middle', transform: `translate(11 ${top + size / 2}) rotate(-90)`}, up);
  const [a, b] = [at(0, 0), at(1, 1)];
  make(svg, 'line', {x1: a[0], y1: a[1], x2: b[0], y2: b[1], stroke: 'var(--weak)', 'stroke-dasharray': '3 4'});
  return {svg, at};
}

function drawCalibration() {
  const found = data.calibration;
  if (!found) return;
  const part = $('calibration');
  make(part, 'h2', {}, 'Calibration');
  make(
      part, 'p', {class: 'weak'},
      `How often the model is right when it is so sure, on the ${data.validation} data. Expected calibration error: ${
          share(found.error)}.`);
  const {svg, at} = unitSquare(
      part, 'calibration: expected calibration error ' + share(found.error), 'confidence', 'share that is right');
  const most = Math.max(...found.bins.map((b) => b.samples)), width = 1 / found.bins.length;
  found.bins.forEach((b, k) => {
    if (!b.samples) return;
    const [x, y] = at(k * width, b.accuracy), [right, ground] = at((k + 1) * width, 0);
    const bar = make(svg, 'rect', {
      x: x + 1,
      y,
      width: right - x - 2,
      height: ground - y,
      fill: 'var(--bar)',
      opacity: 0.35 + 0.55 * Math.sqrt(b.samples / most)
    });
    make(bar, 'title', {}, `${b.samples} samples of confidence ${digits(b.confidence)}: ${share(b.accuracy)} right`);
    const [cx, cy] = at(b.confidence, b.accuracy);
    make(svg, 'circle', {cx, cy, r: 3, fill: 'var(--text)'});
  });
  make(
      part, 'p', {class: 'weak'},
      'The stronger a bar, the more samples it stands for; dots are means of the confidence. Below the line, the model believes too much of itself.');
}

function drawRoc() {
  if (!data.roc || !data.roc.length) return;
  const part = $('roc'), one = data.roc.length === 1;
  make(part, 'h2', {}, 'ROC');
  make(
      part, 'p', {class: 'weak'},
      one ? `Class ${className(data.roc[0].class)} against the other; AUC ${digits(data.roc[0].area)}.` :
            'Each class against all others.');
  const beside = make(part, 'div', {class: 'beside'});
  const {svg, at} = unitSquare(
      beside, 'ROC: ' + data.roc.map((c) => className(c.class) + ' AUC ' + digits(c.area)).join(', '),
      'false positives', 'true positives');
  data.roc.forEach((c, k) => {
    const path = make(svg, 'path', {
      d: c.points.map((p, i) => (i ? 'L' : 'M') + at(...p).join(' ')).join(''),
      fill: 'none',
      stroke: colour(k),
      'stroke-width': 2,
      'stroke-dasharray': k < data.curves.colours.length ? '' : '5 3'
    });
    make(path, 'title', {}, `${className(c.class)}: AUC ${digits(c.area)}`);
  });
  if (one) return;
  const table = make(beside, 'table'), head = make(table, 'tr');
  ['class', 'AUC'].forEach((h) => make(head, 'th', {class: 'name'}, h));
  data.roc.forEach((c, k) => {
    const row = make(table, 'tr'), name = make(row, 'td', {class: 'name legend'});
    make(
        name, 'i',
        {style: `border-color:${colour(k)};border-top-style:${k < data.curves.colours.length ? 'solid' : 'dashed'}`});
    name.append(className(c.class));
    make(row, 'td', {}, digits(c.area));
  });
}

function drawWorst() {
  if (!data.worst || !data.worst.length) return;
  const part = $('worst'), classes = 'truth' in data.worst[0], feature = (j) => data.features[j] ?? 'feature ' + j;
  make(part, 'h2', {}, `Worst samples of the ${data.validation} data`);
  make(
      part, 'p', {class: 'weak'},
      classes ? 'Those whose true class is thought least probable.' : 'Those with the largest squared error.');
  const said = (w) => classes ?
      [className(w.truth), className(w.said) + ' (' + share(w.confidence) + ')', share(w.probability)] :
      [w.target.map(digits).join(', '), w.prediction.map(digits).join(', ')];
  const heads = classes ? ['truth', 'predicted', 'probability of the truth'] : ['target', 'prediction'];
  if (data.worst[0].picture) {
    const all = make(part, 'div', {class: 'gallery'});
    data.worst.forEach((w) => {
      const one = make(all, 'figure'), texts = said(w);
      drawPicture(
          one, w.picture, 84,
          `${data.validation} sample ${w.sample}, ${heads[0]} ${texts[0]}, ${heads[1]} ${texts[1]}`);
      make(one, 'figcaption', {}, `${texts[0]}, not ${texts[1]}`.replace(classes ? /$^/ : ', not', ' →'));
      make(one, 'figcaption', {class: 'weak'}, 'sample ' + w.sample);
    });
    return;
  }
  const table = make(make(part, 'div', {class: 'wide'}), 'table'), head = make(table, 'tr');
  ['sample', ...heads, ...(data.worst[0].row ?? []).map((_, j) => feature(j))].forEach((h) => make(head, 'th', {}, h));
  data.worst.forEach((w) => {
    const row = make(table, 'tr');
    [w.sample, ...said(w), ...(w.row ?? []).map(digits)].forEach((t) => make(row, 'td', {}, t));
  });
  if (data.worst[0].row) make(part, 'p', {class: 'weak'}, 'Features are as the network is given them.');
}

function drawImportance() {
  if (!data.importance) return;
  const part = $('importance'), {score, rows} = data.importance,
        most = Math.max(...rows.map((r) => Math.abs(r.loss))) || 1;
  make(part, 'h2', {}, 'Permutation importance');
  make(part, 'p', {class: 'weak'}, `What ${score} loses in the test where a column is shuffled.`);
  const table = make(part, 'table');
  rows.slice(0, 40).forEach((r) => {
    const row = make(table, 'tr');
    make(row, 'td', {class: 'name'}, r.name);
    make(row, 'td', {}, digits(r.loss));
    const svg = make(
        make(row, 'td', {class: 'name'}), 'svg', {width: 240, height: 12, role: 'img', 'aria-label': digits(r.loss)});
    make(
        svg, 'rect',
        {width: 240 * Math.abs(r.loss) / most, height: 12, fill: r.loss < 0 ? 'var(--minus)' : 'var(--bar)'});
  });
  if (rows.length > 40) make(part, 'p', {class: 'weak'}, `and ${rows.length - 40} that matter less`);
}

function drawRanks() {
  if (!data.ranks) return;
  const part = $('ranks'), {ranks, slow} = data.ranks;
  make(part, 'h2', {}, 'Ranks');
  if (slow !== null) make(part, 'p', {}, `The others wait for rank ${slow}.`);
  const table = make(part, 'table'), head = make(table, 'tr');
  ['rank', 'seconds', 'waited', 'exchanging', 'MB sent', 'MB of slots'].forEach((h) => make(head, 'th', {}, h));
  ranks.forEach((r, k) => {
    const row = make(table, 'tr');
    [k, ...r.map(digits)].forEach((t) => make(row, 'td', {}, t));
  });
  make(
      part, 'p', {class: 'weak'},
      'Waited: for others, with nothing to compute. Sums of gradients are exchanged while the rest is computed.');
}

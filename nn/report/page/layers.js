function histogram(cell, d, label) {
  if (!d) return;
  const w = 4, h = 22, most = Math.max(...d.counts);
  const svg = make(cell, 'svg', {width: w * d.counts.length, height: h, role: 'img', 'aria-label': label});
  make(svg, 'title', {}, label + ' from ' + digits(-d.most) + ' to ' + digits(d.most));
  d.counts.forEach(
      (c, i) =>
          make(svg, 'rect', {x: i * w, width: w - 1, y: h - h * c / most, height: h * c / most, fill: 'var(--bar)'}));
}

function drawLayers() {
  if (!data.epochs.length) return;
  const part = $('layers');
  make(part, 'h2', {}, 'Layers');
  const start = epochSlider(part, (epoch) => {
    body.textContent = '';
    epoch.remarks.forEach((r) => make(body, 'p', {class: 'remark'}, r));
    const table = make(body, 'table'), head = make(table, 'tr');
    ['', 'layer', 'name', '|value|', '|gradient|', 'update / step', 'zero', 'saturated', 'values', 'gradients'].forEach(
        (h, k) => make(head, 'th', k === 0 || k === 2 ? {class: 'name'} : {}, h));
    let before = '';
    epoch.rows.forEach((r) => {
      const row = make(table, 'tr');
      make(row, 'td', {class: 'name'}, r.role === before ? '' : r.role);
      before = r.role;
      make(row, 'td', {}, r.layer || '–');
      make(row, 'td', {class: 'name'}, r.name);
      [digits(r.value), digits(r.gradient), digits(r.update), share(r.zero), share(r.saturated)].forEach(
          (t) => make(row, 'td', {}, t));
      histogram(make(row, 'td'), r.values, 'values of ' + r.name);
      histogram(make(row, 'td'), r.gradients, 'gradients of ' + r.name);
    });
  });
  const body = make(part, 'div', {class: 'wide'});
  start();
}

// The weights of units that look at an image, as images.
function drawFilters() {
  const filters = data.filters;
  if (!filters) return;
  const part = $('filters'), shown = filters.pictures.length;
  make(part, 'h2', {}, `What the first layer looks for: ${filters.name}`);
  make(
      part, 'p', {class: 'weak'},
      `The weights of ${shown < filters.units ? 'the first ' + shown + ' of ' : ''}${
          filters.units} units: blue positive, red negative, up to ${digits(filters.most)}.`);
  const all = make(part, 'div', {class: 'gallery'});
  filters.pictures.forEach((picture, j) => drawPicture(all, picture, 56, 'weights of unit ' + j, signed));
}

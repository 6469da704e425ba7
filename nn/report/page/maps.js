// The plane of two features: what the model decides there, epoch by epoch, and what each hidden unit says.
function drawMaps() {
  const last = data.epochs[data.epochs.length - 1];
  if (!last || !last.map) return;
  const part = $('maps'), size = 420, feature = (j) => data.features[j] ?? 'feature ' + j;
  make(part, 'h2', {}, 'What the model decides, and what its hidden units say');
  const rgb = (hex) => [1, 3, 5].map((k) => parseInt(hex.slice(k, k + 2), 16));
  const ofClass = (v) => mix([255, 255, 255], rgb(colour(Math.floor(v / 25))), 0.15 + 0.55 * (v % 25) / 24);
  const ofValue = (v) => mix([255, 255, 255], rgb(data.curves.colours[0]), v / 255);
  const start = epochSlider(part, (epoch) => {
    body.textContent = '';
    const map = epoch.map, plane = make(body, 'figure');
    const canvas = drawPicture(
        plane, {width: map.side, height: map.side, bytes: map.bytes}, size,
        `what the model decides in epoch ${epoch.epoch}`, map.classes ? ofClass : ofValue);
    drawPoints(canvas, map);
    make(
        plane, 'figcaption', {class: 'weak'},
        `across ${feature(0)} from ${digits(map.low[0])} to ${digits(map.high[0])}, up ${feature(1)} from ${
            digits(map.low[1])} to ${digits(map.high[1])}` +
            (map.classes ? '' : `; white ${digits(map.least)}, blue ${digits(map.most)}`));
    const all = make(body, 'div', {class: 'gallery'});
    map.units.forEach((unit) => {
      const one = make(all, 'figure');
      drawPicture(one, unit.picture, 84, `${unit.name}, up to ${digits(unit.most)}`, signed);
      make(one, 'figcaption', {class: 'weak'}, unit.name);
    });
  });
  // The picture again, larger, with the samples on it.
  const drawPoints = (canvas, map) => {
    const small = document.createElement('canvas');
    small.width = small.height = map.side;
    small.getContext('2d').drawImage(canvas, 0, 0);
    canvas.width = canvas.height = 2 * size;
    const pen = canvas.getContext('2d');
    pen.drawImage(small, 0, 0, 2 * size, 2 * size);
    (data.points ?? []).forEach(([x, y, target]) => {
      pen.beginPath();
      pen.arc(
          2 * size * (x - map.low[0]) / (map.high[0] - map.low[0]),
          2 * size * (map.high[1] - y) / (map.high[1] - map.low[1]), 6, 0, 7);
      pen.fillStyle = map.classes ?
          colour(target) :
          `rgb(${ofValue(255 * Math.min(1, Math.max(0, (target - map.least) / (map.most - map.least || 1))))})`;
      pen.fill();
      pen.strokeStyle = '#222222';
      pen.stroke();
    });
  };
  if (last.map.classes && data.points) {
    const legend = make(part, 'div', {class: 'legend'});
    [...new Set(data.points.map((p) => p[2]))].sort((a, b) => a - b).forEach((k) => {
      make(make(legend, 'span'), 'i', {style: 'border-color:' + colour(k)});
      legend.lastChild.append(className(k));
    });
  }
  const body = make(part, 'div', {class: 'beside'});
  start();
}

const $ = (id) => document.getElementById(id);
const make = (parent, tag, attributes = {}, text) => {
  const svg = ['svg', 'path', 'line', 'rect', 'circle', 'text', 'g', 'title'].includes(tag);
  const e = svg ? document.createElementNS('http://www.w3.org/2000/svg', tag) : document.createElement(tag);
  for (const [key, value] of Object.entries(attributes)) e.setAttribute(key, value);
  if (text !== undefined) e.textContent = text;
  return parent.appendChild(e);
};
const digits = (x) => x === null || x === undefined ? '–' :
    x === 0                                         ? '0' :
    Math.abs(x) >= 1e5 || Math.abs(x) < 1e-3        ? x.toExponential(2) :
                                                      String(+x.toPrecision(4));
const share = (x) => x === null ? '–' : (100 * x).toFixed(x > 0 && x < 0.01 ? 2 : 0) + ' %';
const className = (k) => data.classes[k] ?? String(k);
const colour = (k) => data.curves.colours[k % data.curves.colours.length];

// What is shown stands in the address, so that it can be kept and sent.
const state = Object.fromEntries(new URLSearchParams(location.hash.slice(1)));
const keep = (key, value) => {
  if (value === null)
    delete state[key];
  else
    state[key] = value;
  history.replaceState(null, '', '#' + new URLSearchParams(state));
};

// Sliders of epochs move together. Gives the function that says which epoch is shown.
const sliders = [];
function epochSlider(parent, show) {
  const line = make(parent, 'label', {}, 'epoch ');
  let at = data.epochs.findIndex((e) => String(e.epoch) === state.epoch);
  if (at < 0) at = data.epochs.length - 1;
  const slider =
      make(line, 'input', {type: 'range', min: 0, max: data.epochs.length - 1, value: at, 'aria-label': 'epoch'});
  const which = make(line, 'b');
  const move = (to) => {
    slider.value = to;
    which.textContent = ' ' + data.epochs[to].epoch;
    show(data.epochs[to]);
  };
  sliders.push(move);
  slider.oninput = () => {
    keep('epoch', data.epochs[slider.value].epoch);
    sliders.forEach((f) => f(+slider.value));
  };
  return () => move(at);
}

// Pictures: a byte a pixel, or three.
const bytes = (text) => Uint8Array.from(atob(text), (c) => c.charCodeAt(0));
const grey = (v) => [v, v, v];
const mix = (a, b, t) => a.map((v, i) => v + (b[i] - v) * t);
// Blue above 128, red below it, as units and weights are drawn.
const signed = (v) => v > 128 ? mix([255, 255, 255], [33, 102, 172], (v - 128) / 127) :
                                mix([255, 255, 255], [178, 24, 43], (128 - v) / 127);
function drawPicture(parent, picture, size, label, of = grey) {
  const canvas = make(
      parent, 'canvas', {width: picture.width, height: picture.height, role: 'img', 'aria-label': label, title: label});
  canvas.style.width = size + 'px';
  canvas.style.height = size * picture.height / picture.width + 'px';
  const all = bytes(picture.bytes), channels = all.length / (picture.width * picture.height);
  const pen = canvas.getContext('2d'), pixels = pen.createImageData(picture.width, picture.height);
  for (let i = 0; i * channels < all.length; ++i)
    pixels.data.set(
        [...(channels === 3 && of === grey ? all.slice(3 * i, 3 * i + 3) : of(all[i * channels])), 255], 4 * i);
  pen.putImageData(pixels, 0, 0);
  return canvas;
}

// Talk to the layers: one sample's way forward and back through the network, step by step, and the chain of one weight.
const drawing = {
  width: 900,
  top: 74,
  row: 38,
  radius: 15
};

// What happens at each step: up to which layer values are known, down to which one gradients are, and what is said.
function stepsOf(walk) {
  const layers = walk.layers, L = layers.length - 1,
        largest = (k, of) => layers[k]
                                 .shown.map((u, i) => [u, layers[k][of][i]])
                                 .filter(([, v]) => v)
                                 .sort((a, b) => Math.abs(b[1]) - Math.abs(a[1])),
        list = (k, of, n = 3) => largest(k, of).slice(0, n).map(([u, v]) => `unit ${u} ${digits(v)}`).join(', ') +
          (largest(k, of).length > n ? ', …' : '') ||
      'all 0';
  const steps =
      [{forward: 0, back: L + 2, layer: 0, said: `The input has ${layers[0].units} numbers. ${list(0, 'h')}`}];
  for (let k = 1; k <= L; ++k)
    steps.push({
      forward: k,
      back: L + 2,
      layer: k,
      said: `Layer ${k} says: I weigh what I read, a = x W + b, ` +
          (layers[k].function ? `and give h = ${layers[k].function}(a). ` : 'and that is the output. ') + list(k, 'h')
    });
  steps.push({
    forward: L + 1,
    back: L + 1,
    layer: L,
    said: `The loss says: for this truth you cost ${digits(walk.loss)}. Who is responsible?`
  });
  for (let k = L; k > 0; --k)
    steps.push({
      forward: L + 1,
      back: k,
      layer: k,
      said: (k === L ? `The output layer is told by the loss: ∂ loss / ∂ a: ` :
                       `Layer ${k} is told by layer ${k + 1}, through its weights: ∂ loss / ∂ h; times the slope of ${
                           layers[k].function || 'the identity'} that is ∂ loss / ∂ a: `) +
          list(k, 'aGradient') + `. Each weight that leads here gets what it read, times that.`
    });
  steps.push({
    forward: L + 1,
    back: 0,
    layer: 0,
    said: `Down at the input: what the loss would change if the sample changed. ${list(0, 'hGradient')}`
  });
  return steps;
}

// Factors and cuts of d loss / d W[i, j], as autodiff::explain has them: lines of text, each with the units it passes.
function chainOf(walk, k, i, j) {
  const layers = walk.layers, layer = layers[k], x = layers[k - 1].h[i], delta = layer.aGradient[j],
        L = layers.length - 1;
  const name = (l, what, u) => `${layers[l].name}/${what}[${layers[l].shown[u]}]`,
        input = k === 1 ? `input[${layers[0].shown[i]}]` : name(k - 1, 'h', i);
  const lines = [
    {
      text: `∂ loss / ∂ ${layer.name}/W[${layers[k - 1].shown[i]}, ${layer.shown[j]}] = ${
          digits(layer.weightGradients[i][j])}`,
      layer: k,
      shares: null
    },
    {
      text: `It is what the weight reads, ${input} = ${digits(x)}, times what flows back to ${name(k, 'a', j)}: ${
          digits(delta)}`,
      layer: k,
      shares: layer.shown.map((_, m) => +(m === j))
    }
  ];
  layer.chains[j].forEach((passes, n) => {
    const l = k + 1 + n, all = passes.map((p) => p * x), sum = all.reduce((a, b) => a + b, 0), units = all.slice(0, -1);
    const most = units.reduce((b, p, m) => Math.abs(p) > Math.abs(units[b]) ? m : b, 0);
    lines.push({
      layer: l,
      shares: units.map((p) => Math.abs(p) / (Math.max(...all.map(Math.abs)) || 1)),
      text: `Through ${layers[l].name}: ${digits(sum)}, the same number` +
          (sum === 0 ? '' : `; most of it by ${name(l, 'a', most)}: ${digits(units[most])}`) +
          (layers[l].units > units.length ?
               `, by the ${layers[l].units - units.length} units that are not drawn ${digits(all[all.length - 1])}` :
               '')
    });
  });
  lines.push({layer: L + 1, shares: null, text: `At the loss: ${digits(layer.weightGradients[i][j])}`});
  return lines.concat(pathsOf(walk, k, i, j));
}

// All paths from the loss down to the weight with their products, where all units on the way are drawn and they are
// few.
function pathsOf(walk, k, i, j) {
  const layers = walk.layers, behind = layers.slice(k + 1);
  if (!behind.length || behind.some((l) => l.units > l.shown.length)) return [];
  let paths = [{units: [j], product: layers[k - 1].h[i]}];
  for (let l = k + 1; l < layers.length; ++l) {
    paths = paths
                .flatMap((p) => layers[l].shown.map((_, m) => {
                  const from = p.units[p.units.length - 1];
                  return {
                    units: [...p.units, m],
                    product: p.product * layers[l - 1].slope[from] * layers[l].weights[from][m]
                  };
                }))
                .filter((p) => p.product !== 0);
    if (paths.length > 2000) return [];
  }
  paths.forEach((p) => {
    p.product *= layers[layers.length - 1].aGradient[p.units[p.units.length - 1]];
  });
  paths = paths.filter((p) => p.product !== 0).sort((a, b) => Math.abs(b.product) - Math.abs(a.product));
  const shown = paths.length <= 32 ? paths : paths.slice(0, 10), sum = shown.reduce((s, p) => s + p.product, 0);
  if (!paths.length) return [{layer: k, shares: null, text: 'No path: on each, a factor is zero'}];
  const text = (p) => p.units.map((m, n) => `${layers[k + n].name}[${layers[k + n].shown[m]}]`).reverse().join(' ← ');
  return [{
    layer: k,
    shares: null,
    text: `${shown.length < paths.length ? 'The ' + shown.length + ' largest of ' + paths.length : paths.length} path${
              paths.length === 1 ? '' : 's'}, with products that add up to ${digits(sum)}: ` +
        shown.map((p) => `loss ← ${text(p)}: ${digits(p.product)}`).join('; ')
  }];
}

function drawWalk() {
  if (!data.walk || !data.walk.length) return;
  const part = $('walk');
  make(part, 'h2', {}, 'Talk to the layers');
  make(
      part, 'p', {class: 'weak'},
      'One sample, forward to the loss and back: next and back, or the arrow keys. A click on a weight, or its choice below, plays its chain.');
  const controls = make(part, 'div', {role: 'group', 'aria-label': 'steps'}),
        which = make(make(controls, 'label', {}, 'with '), 'select', {'aria-label': 'sample'});
  data.walk.forEach((walk, s) => make(which, 'option', {value: s}, walk.name));
  const back = make(controls, 'button', {}, '◀ back'), next = make(controls, 'button', {}, 'next ▶'),
        count = make(controls, 'span', {class: 'weak'});
  const said = make(part, 'p', {class: 'said', 'aria-live': 'polite'}), top = make(part, 'div', {class: 'beside'}),
        image = make(top, 'div'),
        holder = make(
            part, 'div',
            {tabindex: 0, role: 'group', 'aria-label': 'drawing of the network; left and right arrow keys step'});
  const chooser = make(part, 'div', {class: 'chooser', role: 'group', 'aria-label': 'a weight and its chain'}),
        selects = ['weight: layer ', 'from unit ', 'to unit '].map(
            (text) => make(make(chooser, 'label', {}, text), 'select', {'aria-label': text.trim()}));
  const chain = make(part, 'ol', {'aria-live': 'polite'}), body = make(part, 'div', {class: 'wide'});
  let walk, steps, step = 0, weight = null, playing = null, shares = {};

  const read = () => {
    walk = data.walk[Math.trunc(Math.min(Math.max(+state.sample || 0, 0), data.walk.length - 1))],
    steps = stepsOf(walk);
    which.value = data.walk.indexOf(walk);
    step = Math.trunc(Math.min(Math.max(+state.step || 0, 0), steps.length - 1));
    const parts = (state.weight ?? '').split('.').map(Number), layer = walk.layers[parts[0]],
          before = walk.layers[parts[0] - 1];
    const at = layer && before ? [before.shown.indexOf(parts[1]), layer.shown.indexOf(parts[2])] : [-1];
    weight = at.every((u) => u >= 0) ? {k: parts[0], i: at[0], j: at[1]} : null;
    image.textContent = '';
    if (walk.picture) drawPicture(image, walk.picture, 96, walk.name);
    fillSelects(weight ? weight.k : 1);
  };
  const fillSelects = (k) => {
    const fill = (select, values, chosen) => {
      select.textContent = '';
      values.forEach((v) => make(select, 'option', {value: v}, v));
      if (chosen !== undefined) select.value = chosen;
    };
    fill(selects[0], walk.layers.slice(1).map((_, n) => n + 1), k);
    fill(selects[1], ['–', ...walk.layers[k - 1].shown], weight ? walk.layers[k - 1].shown[weight.i] : '–');
    fill(selects[2], ['–', ...walk.layers[k].shown], weight ? walk.layers[k].shown[weight.j] : '–');
  };
  const go = (to) => {
    if (to < 0 || to >= steps.length) return;
    step = to;
    keep('step', step);
    draw();
  };
  const choose = (k, i, j) => {
    weight = {k, i, j};
    keep('weight', [k, walk.layers[k - 1].shown[i], walk.layers[k].shown[j]].join('.'));
    fillSelects(k);
    play();
  };
  // Line by line, or at once for those who want no motion.
  const play = () => {
    clearInterval(playing);
    chain.textContent = '', shares = {};
    const lines = weight ? chainOf(walk, weight.k, weight.i, weight.j) : [],
          still = matchMedia('(prefers-reduced-motion: reduce)').matches;
    const more = () => {
      const line = lines.shift();
      if (!line) return clearInterval(playing), false;
      make(chain, 'li', {}, line.text);
      if (line.shares) shares[line.layer] = line.shares;
      drawNetwork();
      return true;
    };
    if (still)
      while (more())
        ;
    else if (more())
      playing = setInterval(more, 700);
    if (!weight) drawNetwork();
  };
  const draw = () => {
    said.textContent = steps[step].said;
    count.textContent = ` step ${step + 1} of ${steps.length}`;
    back.disabled = step === 0, next.disabled = step === steps.length - 1;
    drawNetwork();
    drawTable();
  };

  const X = (k) => 60 + k * (drawing.width - 130) / walk.layers.length;
  const rows = () => Math.max(...walk.layers.map((l) => l.shown.length));
  const Y = (k, i) => drawing.top + (rows() - walk.layers[k].shown.length) * drawing.row / 2 + (i + 0.5) * drawing.row;
  const largest = (numbers) => Math.max(...numbers.flat().map((v) => Math.abs(v ?? 0))) || 1;

  const drawNetwork = () => {
    const {layers} = walk, {forward, back: backTo} = steps[step], height = drawing.top + rows() * drawing.row + 14,
          focus = document.activeElement === holder;
    holder.textContent = '';
    const svg = make(holder, 'svg', {
      viewBox: `0 0 ${drawing.width} ${height}`,
      role: 'img',
      'aria-label': `the network, ${layers.map((l) => l.units).join('-')}: ${steps[step].said}`
    });
    layers.forEach((layer, k) => {
      if (k) drawWeights(svg, k, forward, backTo);
    });
    layers.forEach((layer, k) => {
      make(svg, 'text', {x: X(k), y: 16, 'text-anchor': 'middle', class: 'head'}, layer.name);
      make(svg, 'text', {x: X(k), y: 31, 'text-anchor': 'middle'}, layer.function || (k ? 'weighted sum' : ''));
      make(
          svg, 'text', {x: X(k), y: 45, 'text-anchor': 'middle'},
          layer.units === layer.shown.length ? layer.units + ' units' :
                                               `${layer.shown.length} of ${layer.units} units`);
      if (steps[step].layer === k && forward <= layers.length)
        make(svg, 'line', {x1: X(k) - 34, x2: X(k) + 34, y1: 52, y2: 52, stroke: 'var(--bar)', 'stroke-width': 3});
      drawUnits(svg, k, forward, backTo);
    });
    const at = X(layers.length), middle = drawing.top + rows() * drawing.row / 2, known = forward > layers.length - 1;
    layers[layers.length - 1].shown.forEach((_, i) => make(svg, 'line', {
                                              x1: X(layers.length - 1) + drawing.radius,
                                              y1: Y(layers.length - 1, i),
                                              x2: at - 36,
                                              y2: middle,
                                              stroke: 'var(--line)'
                                            }));
    make(svg, 'rect', {
      x: at - 36,
      y: middle - 20,
      width: 72,
      height: 40,
      rx: 6,
      fill: 'var(--ground)',
      stroke: known ? 'var(--text)' : 'var(--line)'
    });
    make(svg, 'text', {x: at, y: middle - 4, 'text-anchor': 'middle', class: 'head'}, 'loss');
    if (known) make(svg, 'text', {x: at, y: middle + 11, 'text-anchor': 'middle', class: 'number'}, digits(walk.loss));
    if (focus) holder.focus();
  };
  const drawWeights = (svg, k, forward, backTo) => {
    const layer = walk.layers[k], before = walk.layers[k - 1], backward = backTo <= k,
          numbers = backward ? layer.weightGradients : layer.weights, most = largest(numbers);
    before.shown.forEach((_, i) => layer.shown.forEach((_, j) => {
      const v = numbers[i][j], mine = weight && weight.k === k && weight.i === i && weight.j === j;
      const passes = weight && shares[k] && shares[k - 1] && weight.k < k ? shares[k - 1][i] * shares[k][j] : 0;
      const known = forward >= k, on = mine || passes > 0.02;
      const line = make(svg, 'line', {
        x1: X(k - 1) + drawing.radius,
        y1: Y(k - 1, i),
        x2: X(k) - drawing.radius,
        y2: Y(k, j),
        class: 'weight',
        'data-weight': `${k}.${before.shown[i]}.${layer.shown[j]}`,
        stroke: on            ? '#ee8833' :
            v === 0 || !known ? 'var(--line)' :
            v > 0             ? 'var(--plus)' :
                                'var(--minus)',
        'stroke-width': mine ? 4 :
            on               ? 1 + 4 * passes :
                               0.5 + 2.5 * Math.abs(v) / most,
        opacity: on ? 1 :
            !known  ? 0.5 :
                      (weight ? 0.3 : 1) * (0.06 + 0.9 * (v / most) ** 2)
      });
      make(
          line, 'title', {},
          `${layer.name}/W[${before.shown[i]}, ${layer.shown[j]}] = ${digits(layer.weights[i][j])}, gradient ${
              digits(layer.weightGradients[i][j])}`);
      line.onclick = () => choose(k, i, j);
    }));
  };
  const drawUnits = (svg, k, forward, backTo) => {
    const layer = walk.layers[k], backward = backTo <= k, of = k ? 'aGradient' : 'hGradient',
          values = backward ? layer[of] : layer.h, most = largest(values);
    layer.shown.forEach((u, i) => {
      const v = values[i], known = forward >= k, share = weight && shares[k] ? shares[k][i] : 0,
            [r, g, b] = v > 0 ? [33, 102, 172] : [178, 24, 43];
      make(svg, 'circle', {cx: X(k), cy: Y(k, i), r: drawing.radius, fill: 'var(--ground)'});
      const circle = make(svg, 'circle', {
        cx: X(k),
        cy: Y(k, i),
        r: drawing.radius,
        fill: known ? `rgba(${r}, ${g}, ${b}, ${0.45 * Math.abs(v) / most})` : 'none',
        stroke: share > 0.02 ? '#ee8833' :
            known            ? 'var(--text)' :
                               'var(--line)',
        'stroke-width': share > 0.02 ? 1.5 + 3 * share : 1
      });
      make(circle, 'title', {}, `${layer.name}, unit ${u}: ${digits(layer.h[i])}, gradient ${digits(layer[of][i])}`);
      if (known)
        make(
            svg, 'text', {x: X(k), y: Y(k, i) + 3.5, 'text-anchor': 'middle', class: 'number'},
            v === 0                                      ? 0 :
                Math.abs(v) < 0.01 || Math.abs(v) >= 100 ? v.toExponential(0) :
                                                           +v.toPrecision(2));
      make(
          svg, 'text', {x: X(k) - drawing.radius - 1, y: Y(k, i) - 9, 'text-anchor': 'end'},
          k === walk.layers.length - 1 && data.classes.length === layer.units ? className(u) : u);
    });
  };
  // The numbers of the layer that speaks, for those who read or hear them.
  const drawTable = () => {
    const k = steps[step].layer, layer = walk.layers[k],
          columns = k ?
        [
          ['bias', 'bias'], ['a', 'a'], ['h', 'h'], ['∂ loss / ∂ h', 'hGradient'], ['slope', 'slope'],
          ['∂ loss / ∂ a', 'aGradient']
        ] :
        [['value', 'h'], ['∂ loss / ∂ value', 'hGradient']];
    body.textContent = '';
    const table = make(body, 'table'), head = make(table, 'tr'), told = steps[step].back <= k;
    make(table, 'caption', {class: 'weak'}, `${layer.name}: what it says${told ? ', and what it is told' : ''}`);
    make(head, 'th', {class: 'name', scope: 'col'}, 'unit');
    columns.forEach(([text]) => make(head, 'th', {scope: 'col'}, text));
    layer.shown.forEach((u, i) => {
      const row = make(table, 'tr');
      make(row, 'th', {class: 'name', scope: 'row'}, u);
      columns.forEach(([, of]) => make(row, 'td', {}, !told && /Gradient|slope/.test(of) ? '' : digits(layer[of][i])));
    });
  };

  which.onchange = () => {
    keep('sample', which.value);
    keep('weight', null);
    read();
    draw();
    play();
  };
  back.onclick = () => go(step - 1);
  next.onclick = () => go(step + 1);
  holder.onkeydown = (event) => {
    const to = {ArrowLeft: step - 1, ArrowRight: step + 1, Home: 0, End: steps.length - 1}[event.key];
    if (to === undefined) return;
    event.preventDefault();
    go(to);
  };
  selects[0].onchange = () => {
    weight = null;
    keep('weight', null);
    fillSelects(+selects[0].value);
    play();
  };
  selects[1].onchange = selects[2].onchange = () => {
    const k = +selects[0].value, i = walk.layers[k - 1].shown.indexOf(+selects[1].value),
          j = walk.layers[k].shown.indexOf(+selects[2].value);
    if (i >= 0 && j >= 0) choose(k, i, j);
  };
  read();
  draw();
  play();
}

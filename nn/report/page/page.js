const epochs = data.curves.x.length;
const losses = data.curves.panels.flatMap((p) => p.series).filter((s) => /(^|[ _])loss$/.test(s.label));
const judged = losses.find((s) => s.label.startsWith('validation')) ?? losses[0];
const best =
    judged ? judged.values.reduce((b, v, i, all) => v !== null && (all[b] === null || v < all[b]) ? i : b, 0) : 0;
document.title = data.title;
$('title').textContent = data.title;
$('summary').textContent = epochs + (epochs === 1 ? ' epoch' : ' epochs') +
    (judged ? `; the least ${judged.label} was ${digits(judged.values[best])} in epoch ${data.curves.x[best]}` : '');
data.curves.panels.forEach(drawCurves);
for (const draw
         of [drawWalk, drawMaps, drawLayers, drawFilters, drawConfusion, drawCalibration, drawRoc, drawWorst,
             drawImportance, drawRanks])
  draw();

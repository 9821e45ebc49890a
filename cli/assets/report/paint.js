// The timeline.
// --- Painting. `p` has the context, the width of the timeline, its scale and colours.
const HUES = Array.from({ length: 64 }, (_, n) => `hsl(${n * 5.625} 60% 50%)`);
const colour = task => HUES[(task * 39) % 64];
let painted = 0;
function sized(canvas, height) {
  const ratio = devicePixelRatio || 1, width = canvas.parentElement.clientWidth, g = canvas.getContext("2d");
  // A new size is new memory, so only where it is another one.
  if (canvas.width !== Math.round(width * ratio) || canvas.height !== Math.round(height * ratio)) {
    canvas.width = Math.round(width * ratio); canvas.height = Math.round(height * ratio);
    canvas.style.width = width + "px"; canvas.style.height = height + "px";
  }
  g.setTransform(ratio, 0, 0, ratio, 0, 0); g.clearRect(0, 0, width, height);
  g.globalAlpha = 1; g.font = "11px system-ui"; g.textBaseline = "middle";
  const style = getComputedStyle(document.documentElement), css = name => style.getPropertyValue("--" + name);
  return { g, whole: width, height, fg: css("fg"), dim: css("dim"), line: css("line"), accent: css("accent"), bad: css("bad") };
}
const hasRows = (lane, table) => lane[table][1] > lane[table][0];
function tracks() {
  const used = lanes.filter(lane => ["polls", "sleeps", "spans"].some(table => hasRows(lane, table)));
  return [...used.map(lane => ({ lane })), ...pinned.map(task => ({ task }))];
}
function draw() {
  const rows = tracks();
  $("space").style.height = TOP + rows.length * LANE + 12 + "px";
  const p = sized($("view"), Math.max($("lanes").clientHeight, 60)), scroll = $("lanes").scrollTop;
  p.width = p.whole - LABEL; p.scale = p.width / (to - from); p.x = moment => LABEL + (moment - from) * p.scale;
  view.style.top = scroll + "px";
  painted = 0;
  paintAxis(p);
  p.g.save(); p.g.beginPath(); p.g.rect(0, TOP - 2, p.whole, p.height); p.g.clip();
  rows.forEach((row, n) => {
    row.y = TOP + n * LANE - scroll;
    if (row.y > TOP - LANE && row.y < p.height) paintTrack(p, row);
  });
  paintArrows(p, rows);
  p.g.restore();
  paintMarks(p, rows);
  minimap();
  $("status").textContent = `${now(from)} to ${now(to)}`;
}
function paintTrack(p, row) {
  const { g } = p;
  g.fillStyle = p.fg; g.globalAlpha = 1;
  g.fillText((row.lane ? laneName(row.lane) : label(row.task)).slice(0, 22), 8, row.y + 12, LABEL - 14);
  g.save(); g.beginPath(); g.rect(LABEL, row.y, p.width, LANE - 6); g.clip();
  row.lane ? paintLane(p, row.lane, row.y) : paintTask(p, row.task, row.y);
  g.restore();
}
function paintLane(p, lane, y) {
  p.g.fillStyle = p.line;
  blocks(p, "sleeps", ...lane.sleeps, null, (x, w) => p.g.fillRect(x, y + 11, w, 3));
  const marked = hovered ?? chosen;
  p.g.globalAlpha = marked === null ? 1 : .3;
  // Where a pixel is more than a bin, the bins tell.
  if ((to - from) / p.width > all / BINS) paintBins(p, lane, y);
  else blocks(p, "polls", ...lane.polls, null, (x, w, at, count) => paintPoll(p, x, y, w, at, count));
  p.g.globalAlpha = 1;
  for (const task of new Set([chosen, hovered])) if (task !== null) paintMine(p, rowsOf("polls", task).byLane[lanes.indexOf(lane)], y);
  paintSpans(p, ...lane.spans, null, y);
}
// A task's polls, as they stand out.
function paintMine(p, list, y) {
  blocks(p, "polls", 0, list.length, list, (x, w, at) => {
    paintPoll(p, x, y, w, at, 1);
    if (db.polls.task[at] - 1 === hovered) {
      p.g.strokeStyle = p.fg;
      p.g.lineWidth = 1;
      p.g.strokeRect(x, y + .5, Math.max(w, 1), BLOCK - 1);
    }
  });
}
// The part of a pixel's time that is in polls is its height; a poll that fills most of it has its colour.
function paintBins(p, lane, y) {
  const bins = BINS / all / p.scale;
  for (let x = Math.max(0, (start - from) * p.scale | 0); x < p.width; x++) {
    const first = Math.floor((from - start) * BINS / all + x * bins), last = Math.min(Math.floor(first + bins), BINS);
    let busy = 0, longest = 0;
    for (let bin = Math.max(first, 0); bin < last; bin++) {
      busy += lane.busy[bin];
      const other = lane.longest[bin];
      if (other && (!longest || db.polls.length[other - 1] > db.polls.length[longest - 1])) longest = other;
    }
    if (!longest) continue;
    const height = Math.max(2, Math.min(1, busy / (last - first)) * BLOCK), isOne = db.polls.length[longest - 1] * p.scale > .5;
    p.g.fillStyle = isOne ? colour(db.polls.task[longest - 1]) : p.dim;
    p.g.fillRect(LABEL + x, y + BLOCK - height, 1, height);
    painted++;
  }
}
function paintPoll(p, x, y, w, at, count) {
  const { g } = p, task = db.polls.task[at];
  painted++;
  g.fillStyle = count > 1 ? p.dim : colour(task);
  g.fillRect(x, y, w, BLOCK);
  if (count > 1) return;
  if (task && db.polls.length[at] * p.scale > 46) {
    g.fillStyle = "#fff";
    g.fillText(label(task - 1).slice(0, w / 6), Math.max(x, LABEL) + 4, y + 9);
  }
  if (at === poll) { g.strokeStyle = p.accent; g.lineWidth = 2; g.strokeRect(x, y, Math.max(w, 2), BLOCK); }
}
// The user's spans: a strip at the foot of the polls, thin where there are several in a pixel.
function paintSpans(p, a, b, list, y) {
  blocks(p, "spans", a, b, list, (x, w, at, count) => {
    painted++;
    const height = count > 1 ? 2 : 9;
    p.g.fillStyle = p.fg;
    p.g.fillRect(x, y + BLOCK - height, Math.max(w - .5, 1), height);
    if (w > 30 && count === 1) {
      p.g.fillStyle = p.line;
      p.g.font = "9px system-ui";
      p.g.fillText(data.words[db.spans.name[at]].slice(0, w / 5), Math.max(x, LABEL) + 3, y + BLOCK - 4);
      p.g.font = "11px system-ui";
    }
  });
}
// Of a pinned task: when it was ready, thin, then its polls.
function paintTask(p, task, y) {
  const list = rowsOf("polls", task).all, spans = rowsOf("spans", task).all;
  const ready = at => {
    const w = db.polls.delay[at] * p.scale;
    if (w > .5) { p.g.fillStyle = p.bad; p.g.fillRect(p.x(db.polls.begin[at]) - w, y + 11, w, 3); painted++; }
  };
  blocks(p, "polls", 0, list.length, list, (x, w, at) => { ready(at); paintPoll(p, x, y, w, at, 1); });
  const next = lower(db.polls.begin, to, 0, list.length, list);
  if (next < list.length) ready(list[next]);
  paintSpans(p, 0, spans.length, spans, y);
}
// At most one rectangle a pixel: what is shorter is told together, and the next pixel's first is found by a search. Pixels of such that
// follow each other are one rectangle.
function blocks(p, table, a, b, list, paint) {
  const { begin, length } = db[table];
  let first = null, pixels = 0, count = 0, firstPixel = 0;
  const flush = () => { if (first !== null) paint(LABEL + firstPixel, pixels, first, count); first = null; };
  for (let n = Math.max(a, lower(begin, from, a, b, list) - 1); n < b;) {
    const at = list ? list[n] : n, x = (begin[at] - from) * p.scale, w = length[at] * p.scale, pixel = Math.floor(x);
    if (begin[at] >= to) break;
    if (w >= 1) {
      flush();
      const left = Math.max(x, -4);
      if (x + w >= 0) paint(LABEL + left, Math.min(w - (left - x), p.width + 8), at, 1);
      n++;
      continue;
    }
    const next = Math.max(n + 1, lower(begin, from + (pixel + 1) / p.scale, n, b, list));
    if (first !== null && pixel > firstPixel + pixels) flush();
    if (first === null) [first, firstPixel, pixels, count] = [at, pixel, 0, 0];
    pixels = pixel + 1 - firstPixel;
    count += next - n;
    n = next;
  }
  flush();
}
function paintArrows(p, rows) {
  const { g } = p, y = lane => (rows.find(row => row.lane === lane) || { y: NaN }).y + 12;
  g.strokeStyle = g.fillStyle = p.accent; g.lineWidth = 1.5;
  for (const [t1, lane1, t2, lane2] of arrows) {
    const [x1, y1, x2, y2] = [p.x(t1), y(lane1), p.x(t2), y(lane2)];
    g.beginPath(); g.moveTo(x1, y1); g.bezierCurveTo(x1 + 20, y1, x2 - 20, y2, x2, y2); g.stroke();
    g.beginPath(); g.arc(x2, y2, 3, 0, 7); g.fill();
  }
}
function paintAxis(p) {
  const { g } = p, step = 10 ** Math.floor(Math.log10((to - from) / 4));
  for (let t = Math.ceil(from / step) * step; t < to; t += step) {
    g.fillStyle = p.line; g.fillRect(p.x(t), 0, 1, p.height);
    if (Math.round(t / step) % 2 === 0) { g.fillStyle = p.dim; g.fillText(moment(t, step), p.x(t) + 3, 8); }
  }
}
// The range that is selected, and the notes' flags.
function paintMarks(p, rows) {
  const { g } = p;
  if (range) {
    g.globalAlpha = .15;
    g.fillStyle = p.accent;
    g.fillRect(p.x(range[0]), 0, (range[1] - range[0]) * p.scale, p.height);
    g.globalAlpha = 1;
  }
  for (const note of notes) {
    const x = p.x(note.at), row = rows.find(row => trackKey(row) === note.track);
    if (x < LABEL || x > p.whole) continue;
    g.fillStyle = p.accent; g.fillRect(x, 0, 1, row ? row.y + BLOCK : p.height);
    g.fillRect(x, 0, g.measureText(note.text.slice(0, 24)).width + 8, 15);
    g.fillStyle = "#fff"; g.fillText(note.text.slice(0, 24), x + 4, 8);
  }
}
let density = [], densest = 0;
function minimap() {
  const { g, whole, dim, bad, accent } = sized($("map"), 46), width = Math.floor(whole), x = t => (t - start) / all * whole;
  if (density.length !== width) {
    density = new Float64Array(width);
    for (const lane of lanes) for (let bin = 0; bin < BINS; bin++) density[Math.floor(bin * width / BINS)] += lane.busy[bin];
    densest = density.reduce((a, b) => Math.max(a, b), 1e-9);
  }
  g.fillStyle = dim; density.forEach((busy, x) => g.fillRect(x, 44 - busy / densest * 40, 1, busy / densest * 40));
  g.fillStyle = bad; for (const finding of data.findings) g.fillRect(x(finding.at), 0, 2, 6);
  g.fillStyle = accent; for (const note of notes) g.fillRect(x(note.at), 38, 2, 8);
  g.globalAlpha = .2;
  g.fillRect(x(from), 0, Math.max(x(to) - x(from), 2), 46);
  if (range) g.fillRect(x(range[0]), 0, Math.max(x(range[1]) - x(range[0]), 2), 46);
}

// The reader's mouse and keys, and the begin of it all.
// --- What the reader does.
const view = $("view"), width = () => view.parentElement.clientWidth - LABEL;
const momentAt = x => from + (x - LABEL) / width() * (to - from);
const trackAt = y => tracks()[Math.floor((y + $("lanes").scrollTop - TOP) / LANE)];
const trackKey = track => track.lane ? "thread " + track.lane.thread.number : "task " + db.tasks.id[track.task];
function pollAt(x, y) {
  const track = trackAt(y), t = momentAt(x), slack = (to - from) / width(), { begin } = db.polls;
  if (!track || x < LABEL || y < TOP) return null;
  const list = track.lane ? null : rowsOf("polls", track.task).all, [a, b] = track.lane ? track.lane.polls : [0, list.length];
  for (let n = upper(begin, t + slack, a, b, list) - 1, tries = 0; n >= a && tries < 64; n--, tries++) {
    const at = list ? list[n] : n;
    if (endOf("polls", at) + slack >= t) return at;
  }
  return null;
}
function goFinding(finding) {
  const task = taskOf(finding.task), what = finding.kind === "delay" ? db.polls.delay : db.polls.length;
  const list = task === null ? [] : rowsOf("polls", task).all;
  const worst = list.reduce((best, at) => best === null || what[at] > what[best] ? at : best, null);
  if (worst !== null) show(worst); else { choose(task); go(finding.at - 1e6, finding.at + 1e6); }
}
function showFirst(task) { const first = rowsOf("polls", task).all[0]; if (first === undefined) choose(task); else show(first); }
function neighbour(by) {
  if (chosen === null) return;
  const list = rowsOf("polls", chosen).all, n = poll === null ? -1 : list.indexOf(poll);
  const at = list[Math.min(Math.max(n + by, 0), list.length - 1)];
  if (at !== undefined) show(at);
}
function showWaker() {
  const wake = poll === null ? null : wakeOf(poll), by = wake === null ? 0 : db.wakes.by[wake];
  const at = by > 1 && by % 2 === 0 ? pollAround(by / 2 - 1, lanes[laneOf("wakes", wake)], db.wakes.begin[wake]) : null;
  if (at !== null) show(at);
}
function zoom(factor, x) {
  const t = from + Math.min(Math.max((x - LABEL) / width(), 0), 1) * (to - from);
  go(t - (t - from) * factor, t + (to - t) * factor, true);
}
function setRange(ends) { range = ends; side(); draw(); save(); }
let last = { x: LABEL + 100, y: TOP };
function editNote(x, y) {
  const track = trackAt(y), input = $("note");
  input.at = { at: Math.round(momentAt(Math.max(x, LABEL))), track: track ? trackKey(track) : "" };
  input.value = ""; input.style.cssText = `display:block;left:${Math.min(x, width())}px;top:${y + $("lanes").scrollTop}px`; input.focus();
}
function endNote(keep) {
  const input = $("note"), text = input.value.trim();
  if (keep && text) { notes.push({ ...input.at, text }); notes.sort((a, b) => a.at - b.at); }
  input.style.display = "none"; side(); draw(); save();
}
function hover(task) { if (task !== hovered) { hovered = task; requestAnimationFrame(draw); } }
function tip(at, event) {
  const tip = $("tip");
  if (at === null) { tip.style.display = "none"; return; }
  const task = db.polls.task[at] - 1, lane = lanes[laneOf("polls", at)], end = endOf("polls", at);
  const lines = [label(task), placeOf(task), `${time(db.polls.length[at])}, was ready for ${time(db.polls.delay[at])}`];
  const first = lower(db.spans.begin, db.polls.begin[at], ...lane.spans);
  for (let row = first; row < lane.spans[1] && db.spans.begin[row] <= end && lines.length < 12; row++) {
    lines.push(`span ${data.words[db.spans.name[row]]}: ${time(db.spans.length[row])}`);
  }
  tip.textContent = lines.join("\n");
  tip.style.cssText = `display:block;left:${Math.min(event.clientX + 12, innerWidth - 300)}px;top:${event.clientY + 12}px`;
}
function listenToPanels() {
  const on = (event, name) => {
    const element = event.target.closest(`[data-${name}]`);
    return element ? element.dataset[name] : undefined;
  };
  $("side").addEventListener("click", event => {
    const [finding, task, pins, note, remove] = ["finding", "task", "pin", "note", "remove"].map(name => on(event, name));
    if (finding) goFinding(data.findings[finding]);
    if (task) { select(rowsOf("polls", +task).all[0] ?? null); choose(+task); }
    if (pins) pin(+pins);
    if (note) { const half = (to - from) / 2; go(notes[note].at - half, notes[note].at + half); }
    if (remove) { notes.splice(remove, 1); side(); draw(); save(); }
    if (on(event, "clear") !== undefined) setRange(null);
  });
  $("side").addEventListener("mouseover", event => hover(on(event, "task") ? +on(event, "task") : null));
  $("side").addEventListener("mouseleave", () => hover(null));
  $("search").addEventListener("input", side);
  $("search").addEventListener("keydown", event => {
    const first = document.querySelector("#tasks [data-task]");
    if (event.key === "Enter" && first) showFirst(+first.dataset.task);
  });
  $("goto").addEventListener("keydown", event => {
    const t = +event.target.value * 1e6, half = (to - from) / 2;
    if (event.key === "Enter" && Number.isFinite(t)) go(t - half, t + half);
  });
  $("note").addEventListener("keydown", event => { if (event.key === "Enter" || event.key === "Escape") endNote(event.key === "Enter"); });
  $("fit").onclick = () => go(start, start + all);
  $("back").onclick = () => { const before = views.pop(); if (before) go(...before, true); };
  $("next").onclick = () => neighbour(1); $("previous").onclick = () => neighbour(-1); $("waker").onclick = showWaker;
  $("map").addEventListener("click", event => {
    const t = start + event.offsetX / $("map").clientWidth * all, half = (to - from) / 2;
    go(t - half, t + half);
  });
}
function listenToView() {
  let drag = null;
  view.addEventListener("wheel", event => {
    if (event.altKey) return;
    event.preventDefault();
    if (event.shiftKey || Math.abs(event.deltaX) > Math.abs(event.deltaY)) {
      const d = (to - from) * (event.deltaX || event.deltaY) / 1000;
      go(from + d, to + d, true);
    }
    else zoom(Math.exp(event.deltaY / 400), event.offsetX);
  }, { passive: false });
  view.addEventListener("mousedown", event => {
    event.preventDefault();
    document.activeElement.blur();
    drag = { x: event.offsetX, from, to, moved: false, range: event.shiftKey ? momentAt(event.offsetX) : null };
  });
  view.addEventListener("mousemove", event => {
    last = { x: event.offsetX, y: event.offsetY };
    if (!drag) {
      const at = pollAt(event.offsetX, event.offsetY);
      tip(at, event);
      hover(at === null ? null : db.polls.task[at] - 1);
      return;
    }
    drag.moved ||= Math.abs(drag.x - event.offsetX) > 3;
    if (!drag.moved) return;
    if (drag.range !== null) { range = [drag.range, momentAt(event.offsetX)].sort((a, b) => a - b); draw(); return; }
    const d = (drag.x - event.offsetX) / width() * (drag.to - drag.from);
    go(drag.from + d, drag.to + d, true);
  });
  addEventListener("mouseup", event => {
    if (drag && drag.moved && drag.range !== null) setRange(range);
    else if (drag && !drag.moved && event.target === view) {
      const at = pollAt(event.offsetX, event.offsetY);
      select(at);
      choose(at === null ? null : db.polls.task[at] - 1);
    }
    drag = null;
  });
  view.addEventListener("dblclick", event => editNote(event.offsetX, event.offsetY));
  view.addEventListener("mouseleave", () => { tip(null); hover(null); });
  $("lanes").addEventListener("scroll", draw);
  addEventListener("resize", draw);
  addEventListener("hashchange", () => { load(); select(null); side(); draw(); });
  addEventListener("keydown", event => {
    if (event.target.tagName === "INPUT" || event.ctrlKey || event.metaKey) return;
    const d = (to - from) * .15, middle = LABEL + width() / 2;
    const keys = {
      w: () => zoom(.7, middle), s: () => zoom(1.4, middle), f: () => go(start, start + all),
      a: () => go(from - d, to - d, true), d: () => go(from + d, to + d, true),
      p: () => pin(chosen), escape: () => setRange(null),
      n: () => { event.preventDefault(); editNote(last.x, last.y); },
    };
    keys[event.key.toLowerCase()]?.();
  });
}
async function begin() {
  const [events, lost] = [data.events, data.lost].map(number => number.toLocaleString("en")), times = `${time(start)} to ${time(data.to)}`;
  $("what").textContent = `${data.program} (process ${data.process}), ${events} events from ${times}, ${lost} lost`;
  makeLanes();
  await readAll();
  for (const lane of lanes) { makeBins(lane); await pause(); }
  load(); listenToPanels(); listenToView(); side(); draw();
}
// For tests.
window.report = {
  ready: begin(), draw, go,
  view: () => [from, to], chosen: () => chosen === null ? null : db.tasks.id[chosen], poll: () => poll, hovered: () => hovered,
  painted: () => painted, link: () => String(permalink()), tracks: () => tracks().map(trackKey),
};

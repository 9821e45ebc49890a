// What is looked at, what things are called, and who woke whom.
// --- Words.
const escape = text => String(text).replace(/[&<>"]/g, c => ({ "&": "&amp;", "<": "&lt;", ">": "&gt;", '"': "&quot;" })[c]);
const unit = n => n < 1e3 ? [1, "ns"] : n < 1e6 ? [1e3, "us"] : n < 1e9 ? [1e6, "ms"] : [1e9, "s"];
const time = n => { const [size, name] = unit(n); return (n / size).toFixed({ ns: 0, us: 1, ms: 2, s: 3 }[name]) + " " + name; };
// A moment, as exact as a step of the axis.
function moment(n, step) {
  const [size, name] = unit(Math.abs(n));
  return (n / size).toFixed(Math.max(0, Math.ceil(Math.log10(size / step)))) + " " + name;
}
const now = n => moment(n, (to - from) / 1000);
const nameOf = task => db.tasks.name[task] ? data.words[db.tasks.name[task] - 1] : "";
const label = task => nameOf(task) || `${["task", "blocking", "block_on"][db.tasks.kind[task]]} ${db.tasks.id[task]}`;
const placeOf = task => data.words[db.tasks.place[task]];
const laneName = lane => lane.thread.worker ? `worker ${lane.thread.worker[1]}` : lane.thread.name || `thread ${lane.thread.number}`;
function wakerName(by) {
  if (by > 1) return by % 2 ? `descriptor ${(by - 3) / 2}` : label(by / 2 - 1);
  return by ? "a thread in no poll" : "a timer";
}

// --- What is looked at. Tasks and polls are rows of their tables; `null`: none.
let from = start, to = start + all, chosen = null, poll = null, hovered = null, range = null, arrows = [];
let pinned = [], notes = [];
const views = [];
function go(a, b, keep) {
  if (!keep) views.push([from, to]);
  const least = 200, middle = (a + b) / 2;
  if (b - a < least) [a, b] = [middle - least / 2, middle + least / 2];
  if (b - a > all * 1.1) [a, b] = [start - all * .05, start + all * 1.05];
  [from, to] = [a, b];
  draw(); save();
}
// The address follows once the view rests: a change of it takes longer than a frame, and browsers count them.
let later = null;
function save() {
  clearTimeout(later);
  later = setTimeout(() => history.replaceState(null, "", "#" + permalink()), 100);
}
function permalink() {
  const link = new URLSearchParams({ from: Math.round(from), to: Math.round(to) });
  if (chosen !== null) link.set("task", db.tasks.id[chosen]);
  if (pinned.length) link.set("pin", pinned.map(task => db.tasks.id[task]).join(","));
  if (range) link.set("range", range.map(Math.round).join(","));
  if (notes.length) link.set("notes", JSON.stringify(notes.map(note => [Math.round(note.at), note.track, note.text])));
  return link;
}
function load() {
  const link = new URLSearchParams(location.hash.slice(1)), number = name => Number(link.get(name));
  if (number("to") > number("from")) [from, to] = [number("from"), number("to")];
  chosen = link.has("task") ? taskOf(number("task")) : null;
  const pins = (link.get("pin") || "").split(",").map(id => taskOf(Number(id || NaN)));
  pinned = pins.filter((task, n) => task !== null && pins.indexOf(task) === n);
  const ends = (link.get("range") || "").split(",").map(Number);
  range = ends.length === 2 && ends[0] < ends[1] ? ends : null;
  notes = [];
  try {
    const told = JSON.parse(link.get("notes") || "[]");
    notes = told.map(([at, track, text]) => ({ at: Number(at), track: String(track), text: String(text) }));
  }
  catch { /* A link that somebody has cut off has no notes. */ }
  notes = notes.filter(note => Number.isFinite(note.at));
}
function choose(task) {
  chosen = task;
  if (task === null || (poll !== null && db.polls.task[poll] !== task + 1)) select(null);
  side();
  draw();
  save();
}
function select(at) { poll = at; arrows = at === null ? [] : arrowsOf(at); }
function show(at) {
  select(at); chosen = db.polls.task[at] - 1;
  const length = db.polls.length[at], begin = db.polls.begin[at], pad = Math.max(length * 1.5, 2000);
  const row = tracks().findIndex(track => track.lane === lanes[laneOf("polls", at)]);
  $("lanes").scrollTop = Math.max(0, row * LANE - 60);
  go(begin - pad, begin + length + pad); side();
}
function pin(task) {
  if (task === null) return;
  pinned = pinned.includes(task) ? pinned.filter(other => other !== task) : [...pinned, task];
  side();
  draw();
  save();
}

// --- Who woke whom.
function wakeOf(at) {
  const list = rowsOf("wakes", db.polls.task[at] - 1).all, n = upper(db.wakes.begin, db.polls.begin[at], 0, list.length, list);
  return n ? list[n - 1] : null;
}
// The next poll of a task, if it is among the next few of its lane.
function nextPoll(task, moment) {
  let next = null;
  for (const lane of lanes) {
    const first = lower(db.polls.begin, moment, ...lane.polls);
    for (let at = first; at < lane.polls[1] && at < first + 2000; at++) if (db.polls.task[at] === task + 1) {
      if (next === null || db.polls.begin[at] < db.polls.begin[next]) next = at;
      break;
    }
  }
  return next;
}
// The poll of a task that a moment of a lane is in.
function pollAround(task, lane, moment) {
  const last = upper(db.polls.begin, moment, ...lane.polls) - 1;
  for (let at = last; at >= lane.polls[0] && at > last - 64; at--) if (db.polls.task[at] === task + 1) return at;
  return null;
}
// From the wake that led to a poll, and from those that it made: moments and lanes.
function arrowsOf(at) {
  const arrow = (wake, woken) => [db.wakes.begin[wake], lanes[laneOf("wakes", wake)], db.polls.begin[woken], lanes[laneOf("polls", woken)]];
  const list = [], lane = lanes[laneOf("polls", at)], wake = wakeOf(at), task = db.polls.task[at];
  if (wake !== null) list.push(arrow(wake, at));
  const first = lower(db.wakes.begin, db.polls.begin[at], ...lane.wakes), end = endOf("polls", at);
  for (let row = first; row < lane.wakes[1] && db.wakes.begin[row] <= end && list.length < 50; row++) {
    const woken = db.wakes.by[row] === 2 * task ? nextPoll(db.wakes.task[row] - 1, db.wakes.begin[row]) : null;
    if (woken !== null) list.push(arrow(row, woken));
  }
  return list;
}

// The panels beside it.
// --- The panels at the side. What recordings and links say is escaped.
const button = (what, value, text) => `<button data-${what}="${value}">${text}</button>`;
function chosenPanel() {
  const t = chosen, tasks = db.tasks, rows = [];
  const row = (name, text) => rows.push(`<tr><th>${name}</th><td>${escape(text)}</td></tr>`);
  const ended = tasks.ended[t] ? "ended" : "there", cancelled = tasks.state[t] & CANCELLED ? "cancelled" : ended;
  const state = tasks.state[t] & PANICKED ? "panicked" : cancelled, parent = taskOf(tasks.parent[t]);
  row("spawned at", placeOf(t)); row("parent", parent !== null ? label(parent) : tasks.parent[t] ? "task " + tasks.parent[t] : "none");
  row("polls", tasks.polls[t]);
  row("wakes", tasks.wakes[t]);
  row("in polls", time(tasks.busy[t]));
  row("longest poll", time(tasks.longest_poll[t]));
  row("longest time ready", time(tasks.longest_delay[t])); row("state", state);
  for (let at = lower(db.waits.task, t + 1, 0, db.waits.rows); db.waits.task[at] === t + 1; at++) {
    row("waits for", `${data.words[db.waits.kind[at]]} 0x${db.waits.what[at].toString(16)}`);
  }
  if (poll !== null) {
    const wake = wakeOf(poll);
    row("this poll", `${time(db.polls.length[poll])}, at ${now(db.polls.begin[poll])}`);
    row("was ready for", time(db.polls.delay[poll]));
    row("woken by", wake === null ? "?" : wakerName(db.wakes.by[wake]));
  }
  const pinning = button("pin", t, pinned.includes(t) ? "unpin" : "pin");
  return `<h2 id="chosen">${escape(label(t))} ${pinning}</h2><table>${rows.join("")}</table>`;
}
// When a finding's worst was: of a stall the poll, of a delay the time ready.
function isWithin(finding) {
  const task = taskOf(finding.task), longest = { stall: db.tasks.longest_poll, delay: db.tasks.longest_delay }[finding.kind];
  const lasts = task !== null && longest ? longest[task] : 0;
  return !range || (finding.at <= range[1] && finding.at + lasts >= range[0]);
}
function findingsPanel() {
  const within = data.findings.map((finding, n) => [finding, n]).filter(([finding]) => isWithin(finding));
  const texts = within.map(([f, n]) => `<div class="finding" data-finding="${n}">
    <span class="kind">${escape(f.kind.replace(/_/g, " "))}</span> ${escape(f.what)}<div class="cure">${escape(f.cure)}</div></div>`);
  return `<h2>Findings (${within.length})</h2>${texts.join("") || "<p>Nothing is wrong that a recording tells.</p>"}`;
}
// Polls, time in them and the longest of each task: of the whole recording, or as much as lies within the range.
let figuresOf = null, figures = null;
function taskFigures() {
  if (!range) return { polls: db.tasks.polls, busy: db.tasks.busy, longest: db.tasks.longest_poll };
  if (figuresOf === range.join()) return figures;
  const rows = db.tasks.rows, polls = new Uint32Array(rows), busy = new Float64Array(rows), longest = new Float64Array(rows);
  for (const lane of lanes) for (let at = lane.polls[0], last = upper(db.polls.begin, range[1], ...lane.polls); at < last; at++) {
    const length = Math.min(endOf("polls", at), range[1]) - Math.max(db.polls.begin[at], range[0]), task = db.polls.task[at] - 1;
    if (length < 0 || task < 0) continue;
    polls[task]++; busy[task] += length; if (length > longest[task]) longest[task] = length;
  }
  figuresOf = range.join();
  return figures = { polls, busy, longest };
}
function tasksPanel() {
  const query = $("search").value.trim().toLowerCase(), { polls, busy, longest } = taskFigures(), { id, name, place } = db.tasks;
  const has = data.words.map(word => word.toLowerCase().includes(query));
  let rows = [], count = 0, least = -1;
  for (let task = 0; task < db.tasks.rows; task++) {
    if (range && !polls[task] || query && !(String(id[task]) === query || name[task] && has[name[task] - 1] || has[place[task]])) continue;
    count++;
    if (busy[task] <= least) continue;
    rows.push(task);
    // Only the busiest are shown: of many the rest is left out as one goes.
    if (rows.length === 4000) { rows = rows.sort((a, b) => busy[b] - busy[a]).slice(0, 200); least = busy[rows[199]]; }
  }
  rows = rows.sort((a, b) => busy[b] - busy[a]).slice(0, 200);
  const cells = t => [escape(label(t)), polls[t], time(busy[t]), time(longest[t]), escape(placeOf(t).split("/").slice(-2).join("/"))];
  const texts = rows.map(t => `<tr class="task" data-task="${t}">${cells(t).map(cell => `<td>${cell}</td>`).join("")}</tr>`);
  const titles = "<tr><th>task</th><th>polls</th><th>in polls</th><th>longest</th><th>spawned at</th></tr>";
  return `<h2>Tasks (${count})</h2><table id="tasks">${titles}${texts.join("")}</table>`;
}
function spansPanel() {
  const row = s => `<tr><td>${escape(s.name)}</td><td>${s.times}</td><td>${time(s.total)}</td><td>${time(s.longest)}</td></tr>`;
  const titles = "<tr><th>name</th><th>times</th><th>total</th><th>longest</th></tr>", rows = data.span_totals.slice(0, 50).map(row);
  return rows.length ? `<h2>Spans</h2><table>${titles}${rows.join("")}</table>` : "";
}
function side() {
  const html = [];
  if (range) html.push(`<p id="within">within ${escape(now(range[0]))} to ${escape(now(range[1]))} ${button("clear", "", "clear")}</p>`);
  if (chosen !== null) html.push(chosenPanel());
  const pin = task => `<div>${escape(label(task))} ${button("pin", task, "unpin")}</div>`;
  if (pinned.length) html.push("<h2>Pinned</h2>", ...pinned.map(pin));
  const at = (note, n) => `<a data-note="${n}">${escape(now(note.at))}</a>`;
  const note = (note, n) => `<div class="note">${at(note, n)} ${escape(note.text)} ${button("remove", n, "remove")}</div>`;
  if (notes.length) html.push("<h2>Notes</h2>", ...notes.map(note));
  html.push(findingsPanel(), tasksPanel(), range ? "" : spansPanel());
  html.push(`<p><kbd>W</kbd><kbd>S</kbd> zoom, <kbd>A</kbd><kbd>D</kbd> move, <kbd>F</kbd> fit, wheel and drag; a click chooses a task,
    <kbd>P</kbd> pins it; shift and drag select a time; a double click or <kbd>N</kbd> makes a note.</p>`);
  $("side").innerHTML = html.join("");
}

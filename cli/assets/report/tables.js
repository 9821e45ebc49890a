// The page's tables: how they are read, and how rows are found in them.
"use strict";
const $ = id => document.getElementById(id);
const data = JSON.parse($("data").textContent);
const LANE = 34, BLOCK = 24, TOP = 18, LABEL = 150, BINS = 1 << 15, PANICKED = 1, CANCELLED = 2;
const start = data.from, all = Math.max(data.to - data.from, 1000);

// --- Reading: tables of columns, in compressed blocks that stand in elements of their own. html.rs tells how.
const db = {};
const ARRAYS = { f64: Float64Array, f32: Float32Array, u32: Uint32Array };
const pause = () => new Promise(done => setTimeout(done));
async function nextBlock() {
  let element;
  const isWhole = () => (element = document.querySelector(".block")) && (element.nextElementSibling || document.readyState !== "loading");
  while (!isWhole()) await pause();
  const raw = atob(element.textContent), bytes = new Uint8Array(raw.length);
  element.remove();
  for (let i = 0; i < raw.length; i++) bytes[i] = raw.charCodeAt(i);
  const plain = new Blob([bytes]).stream().pipeThrough(new DecompressionStream("gzip"));
  return new Uint8Array(await new Response(plain).arrayBuffer());
}
function readColumn(bytes, at, into, from, rows, rises) {
  let last = 0;
  for (let row = from; row < from + rows; row++) {
    let byte = bytes[at++], value = byte & 127;
    for (let scale = 128; byte > 127; scale *= 128) { byte = bytes[at++]; value += (byte & 127) * scale; }
    if (rises) value = last += value % 2 ? -(value + 1) / 2 : value / 2;
    into[row] = value;
  }
  return at;
}
async function readAll() {
  const total = data.tables.reduce((sum, table) => sum + table.rows, 0);
  let done = 0;
  for (const table of data.tables) {
    const into = db[table.name] = { rows: table.rows };
    for (const [name, kept] of table.columns) into[name] = new ARRAYS[kept](table.rows);
    for (let from = 0; from < table.rows; from += data.block_rows) {
      const bytes = await nextBlock(), rows = Math.min(data.block_rows, table.rows - from);
      let at = 0;
      for (const [name, , rises] of table.columns) at = readColumn(bytes, at, into[name], from, rows, rises);
      done += rows;
      $("status").textContent = `reading ${Math.floor(done / total * 100)} %`;
      await pause();
    }
  }
}

// --- Lanes: a thread each, with its rows of each table, and bins of time that tell how busy it was.
const lanes = [];
function makeLanes() {
  const threads = new Map(data.threads.map(thread => [thread.number, thread])), next = { polls: 0, sleeps: 0, wakes: 0, spans: 0 };
  for (const counts of data.lanes) {
    const lane = { thread: threads.get(counts.thread) || { number: counts.thread, name: "" } };
    for (const table in next) lane[table] = [next[table], next[table] += counts[table]];
    lanes.push(lane);
  }
}
function makeBins(lane) {
  const busy = lane.busy = new Float32Array(BINS), longest = lane.longest = new Uint32Array(BINS), { begin, length } = db.polls;
  const scale = BINS / all;
  for (let at = lane.polls[0]; at < lane.polls[1]; at++) {
    const a = Math.max((begin[at] - start) * scale, 0), b = Math.min(a + length[at] * scale, BINS);
    for (let bin = Math.floor(a); bin <= b && bin < BINS; bin++) {
      busy[bin] += Math.min(b, bin + 1) - Math.max(a, bin);
      if (!longest[bin] || length[longest[bin] - 1] < length[at]) longest[bin] = at + 1;
    }
  }
}
// The lane of a row of a table.
function laneOf(table, row) { return lanes.findIndex(lane => row < lane[table][1]); }

// --- Searching: the first of some rows whose value is not below (lower), or is above (upper). Without a list the rows are numbers.
function lower(values, what, a, b, list) {
  while (a < b) { const middle = (a + b) >> 1; values[list ? list[middle] : middle] < what ? a = middle + 1 : b = middle; }
  return a;
}
function upper(values, what, a, b, list) {
  while (a < b) { const middle = (a + b) >> 1; values[list ? list[middle] : middle] <= what ? a = middle + 1 : b = middle; }
  return a;
}
function merge(a, b, begins) {
  const merged = new Uint32Array(a.length + b.length);
  for (let i = 0, j = 0, n = 0; n < merged.length; n++) {
    const isFirst = j >= b.length || (i < a.length && begins[a[i]] <= begins[b[j]]);
    merged[n] = isFirst ? a[i++] : b[j++];
  }
  return merged;
}
// The rows of a task in a table, lane by lane and all of them by time. A pass over the table, so the last ones are kept.
const found = new Map();
function rowsOf(table, task) {
  const key = table + task;
  let rows = found.get(key);
  if (!rows) {
    const column = db[table].task;
    let count = 0;
    for (let row = 0; row < column.length; row++) if (column[row] === task + 1) count++;
    const list = new Uint32Array(count);
    for (let row = 0, n = 0; n < count; row++) if (column[row] === task + 1) list[n++] = row;
    rows = { byLane: lanes.map(lane => list.subarray(bound(list, lane[table][0]), bound(list, lane[table][1]))) };
    let parts = rows.byLane.filter(part => part.length);
    while (parts.length > 1) {
      const firsts = parts.filter((_, n) => n % 2 === 0), seconds = parts.filter((_, n) => n % 2);
      parts = firsts.map((part, n) => seconds[n] ? merge(part, seconds[n], db[table].begin) : part);
    }
    rows.all = parts[0] || new Uint32Array(0);
  }
  found.delete(key); found.set(key, rows);
  if (found.size > 64) found.delete(found.keys().next().value);
  return rows;
}
const bound = (list, row) => lower(list, row, 0, list.length);
const endOf = (table, row) => db[table].begin[row] + db[table].length[row];
function taskOf(id) {
  const at = lower(db.tasks.id, id, 0, db.tasks.rows);
  return at < db.tasks.rows && db.tasks.id[at] === id ? at : null;
}

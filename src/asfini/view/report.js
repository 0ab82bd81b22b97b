"use strict";
// Shows the run that the element "data" tells of. Everything in it is others' text: it is only ever written
// as text, never as HTML.
(() => {
  const ROW = 26; // pixels, as in the style sheet
  const BEYOND = 8; // rows that are drawn above and below what is seen
  const MOST_RUNS = 40; // runs of a state that the inspector lists
  const MOST_TEXT = 20000; // characters of a payload that are written out unasked
  const MANY_LINES = 12; // branches or items beyond which a state is folded at first
  const run = JSON.parse(document.getElementById("data").textContent);
  const { rows, events, texts } = run; // texts are payloads as JSON, which events name by their places
  const byId = (id) => document.getElementById(id);

  /** Make an element: its tag, its class, and its text or children. */
  function make(tag, kind, ...content) {
    const element = document.createElement(tag);
    if (kind) element.className = kind;
    element.append(...content);
    return element;
  }

  /** A duration for people: 12 ms, 1.2 s, 3 min 20 s. */
  function lasting(ms) {
    if (ms < 1000) return `${Math.round(ms)} ms`;
    if (ms < 60000) return `${(ms / 1000).toFixed(ms < 10000 ? 1 : 0)} s`;
    const units = [["d", 86400], ["h", 3600], ["min", 60], ["s", 1]];
    const seconds = Math.round(ms / 1000);
    const at = units.findIndex(([, size]) => seconds >= size);
    const [unit, size] = units[at];
    const [lesser, part] = units[at + 1];
    const rest = Math.floor((seconds % size) / part);
    return `${Math.floor(seconds / size)} ${unit}${rest ? ` ${rest} ${lesser}` : ""}`;
  }

  /** When something happened, after the beginning: 1:02:03.456. */
  function clock(ms) {
    const parts = [Math.floor(ms / 3600000), Math.floor(ms / 60000) % 60, ((ms % 60000) / 1000).toFixed(3)];
    const [hours, minutes, seconds] = parts.map(String);
    return hours === "0" ? `${minutes}:${seconds.padStart(6, "0")}` : `${hours}:${minutes.padStart(2, "0")}:${seconds.padStart(6, "0")}`;
  }

  /** A list of which only the rows in sight are drawn. `draw` makes the row of an item, `choose` is told of one. */
  class List {
    constructor(box, draw, choose) {
      Object.assign(this, { box, draw, choose, items: [], active: -1 });
      this.inner = box.appendChild(make("div"));
      box.addEventListener("scroll", () => this.paint());
      box.addEventListener("keydown", (event) => this.key(event));
      new ResizeObserver(() => this.paint()).observe(box);
    }

    show(items) {
      this.items = items;
      this.inner.style.height = `${items.length * ROW}px`;
      this.box.style.height = `${items.length * ROW + 2}px`; // up to the style sheet's limit
      this.paint();
    }

    paint() {
      const first = Math.max(0, Math.floor(this.box.scrollTop / ROW) - BEYOND);
      const last = Math.min(this.items.length, first + Math.ceil(this.box.clientHeight / ROW) + 2 * BEYOND);
      const drawn = [];
      for (let at = first; at < last; at += 1) {
        const row = this.draw(this.items[at]);
        row.style.top = `${at * ROW}px`;
        row.id = `${this.box.id}-${at}`;
        row.setAttribute("role", "option");
        row.setAttribute("aria-setsize", this.items.length);
        row.setAttribute("aria-posinset", at + 1);
        row.setAttribute("aria-selected", at === this.active);
        row.classList.toggle("chosen", at === this.active);
        row.addEventListener("click", () => this.activate(at));
        drawn.push(row);
      }
      this.inner.replaceChildren(...drawn);
    }

    activate(at, { quiet = false } = {}) {
      if (!this.items.length) return;
      this.active = Math.max(0, Math.min(at, this.items.length - 1));
      const top = this.active * ROW;
      if (top < this.box.scrollTop) this.box.scrollTop = top;
      const below = top + ROW - this.box.clientHeight;
      if (below > this.box.scrollTop) this.box.scrollTop = below;
      this.paint();
      this.box.setAttribute("aria-activedescendant", `${this.box.id}-${this.active}`);
      if (!quiet) this.choose(this.items[this.active]);
    }

    key(event) {
      const page = Math.max(1, Math.floor(this.box.clientHeight / ROW) - 1);
      const steps = { ArrowDown: 1, ArrowUp: -1, PageDown: page, PageUp: -page, Home: -Infinity, End: Infinity };
      if (event.key in steps) {
        event.preventDefault();
        this.activate(this.active + steps[event.key]);
      }
    }
  }

  // The head

  const FAILURES = new Set(["FAILED", "TIMED_OUT"]);
  byId("status").textContent = run.status.replace("_", " ");
  byId("status").classList.add(run.status);
  byId("name").textContent = run.name;
  byId("arn").textContent = run.arn;
  for (const [what, text] of run.facts) byId("facts").append(make("div", "", make("dt", "", what), make("dd", "", text)));
  if (run.error !== null || run.cause !== null) {
    const failure = byId("failure");
    failure.hidden = false;
    const head = make("p", "", make("strong", "", run.error ?? "No error name"), run.place ? ` in ${run.place}` : "");
    if (run.failed >= 0) {
      head.append(button("Show the state", () => chooseRow(run.failed)));
    }
    failure.append(head);
    if (run.cause) failure.append(payload("Cause", readable(run.cause), run.cause.length < 400));
  }

  /** JSON with a line for each member: as it is written, for JavaScript would round numbers and sort some keys. */
  function pretty(json) {
    let [text, depth, last] = ["", 0, ""];
    for (const [token] of json.matchAll(/"(?:[^"\\]|\\.)*"|[{}[\],:]|[^\s"{}[\],:]+/g)) {
      const closing = token === "}" || token === "]";
      if (closing) depth -= 1;
      const empty = closing && (last === "{" || last === "[");
      if (!empty && (closing || last === "{" || last === "[" || last === ",")) text += `\n${"  ".repeat(depth)}`;
      text += token === ":" ? ": " : token;
      if (token === "{" || token === "[") depth += 1;
      last = token;
    }
    return text;
  }

  /** A cause, which may be JSON. */
  function readable(text) {
    try {
      return typeof JSON.parse(text) === "object" ? pretty(text) : text;
    } catch {
      return text;
    }
  }

  // Details

  const inspector = byId("inspector");

  /** Text, or what makes it, under a title: folded until it is opened, and only then written out. */
  function payload(title, value, open = false) {
    const details = make("details", "", make("summary", "", title));
    const write = () => {
      if (details.open && details.children.length === 1) {
        writeOut(details, typeof value === "string" ? value : value());
      }
    };
    details.addEventListener("toggle", write);
    details.open = open;
    write();
    return details;
  }

  /** Text that may be long: as much as is read at a glance, and the rest when it is asked for. */
  function writeOut(box, text) {
    const pre = box.appendChild(make("pre", "", text.slice(0, MOST_TEXT)));
    if (text.length <= MOST_TEXT) return;
    const more = button(`Show all of its ${text.length.toLocaleString("en")} characters`, () => {
      pre.textContent = text;
      more.remove();
    });
    box.append(more);
  }

  function button(text, act, ...content) {
    const element = make("button", "", text, ...content);
    element.type = "button";
    element.addEventListener("click", act);
    return element;
  }

  const pill = (status) => make("span", `pill ${status}`, status.toLowerCase().replace("_", " "));
  /** The payload of an event, if it has one, with a title. */
  function payloadsOf(at, key, title) {
    const place = at >= 0 ? events[at].payloads[key] : undefined;
    return place === undefined ? [] : [payload(title, () => pretty(texts[place]), true)];
  }

  function facts(row) {
    const words = [`after ${lasting(row.from)}`];
    if (row.to !== null) words.push(`took ${lasting(row.to - row.from)}`);
    if (row.tries.length > 1) words.push(`${row.tries.length} attempts`);
    return words.join(", ");
  }

  function inspectRow(row) {
    const parts = [make("h2", "", row.name), make("p", "", pill(row.status), ` ${row.type}`, make("span", "soft", ` ${facts(row)}`))];
    if (row.place) parts.push(make("p", "soft", row.place));
    parts.push(...payloadsOf(row.entered, "input", "Input"), ...payloadsOf(row.exited, "output", "Output"));
    row.tries.forEach((attempt, number) => {
      const took = attempt.to === null ? "" : ` took ${lasting(attempt.to - attempt.from)}`;
      const box = make("div", "run", make("p", "", make("strong", "", `Attempt ${number + 1} `), pill(attempt.status), make("span", "soft", took)));
      if (attempt.error) box.append(make("p", "", attempt.error));
      if (attempt.cause) box.append(payload("Cause", readable(attempt.cause), attempt.cause.length < 1500));
      parts.push(box);
    });
    const own = events.filter((event) => event.row === row.at).length;
    const show = () => filterBy({ rows: new Set([row.at]), text: `state: ${row.name}` });
    if (own) parts.push(make("p", "", button(own === 1 ? "Show its event" : `Show its ${own} events`, show)));
    inspector.replaceChildren(...parts);
    inspector.scrollTop = 0;
  }

  function inspectState(key, found) {
    const [first] = found;
    if (found.length === 1) return inspectRow(first);
    const bad = found.filter((row) => row.status !== "SUCCEEDED");
    bad.sort((one, other) => FAILURES.has(other.status) - FAILURES.has(one.status));
    const parts = [make("h2", "", first?.name ?? run.names[key] ?? "?")];
    parts.push(make("p", "soft", found.length ? `entered ${found.length} times, ${bad.length} of them not simply well` : "never entered"));
    for (const row of [...bad, ...found.filter((row) => row.status === "SUCCEEDED")].slice(0, MOST_RUNS)) {
      const said = [` ${row.place || row.name}`, make("span", "soft", ` ${facts(row)}`)];
      parts.push(make("div", "run", button(pill(row.status), () => chooseRow(row.at), ...said)));
    }
    if (found.length > MOST_RUNS) parts.push(make("p", "soft", `and ${found.length - MOST_RUNS} more, in the timeline`));
    inspector.replaceChildren(...parts);
    inspector.scrollTop = 0;
  }

  function inspectEvent(event) {
    const parts = [make("h2", "", event.type), make("p", "soft", `event ${event.id} at ${clock(event.after)}`)];
    if (event.row >= 0) {
      parts.push(make("p", "", button(`State: ${rows[event.row].name}`, () => chooseRow(event.row))));
    }
    for (const [key, value] of Object.entries(event.detail)) {
      const short = typeof value !== "object" && String(value).length < 80 && key !== "cause";
      if (short) parts.push(make("p", "", make("span", "soft", `${key} `), String(value)));
      else parts.push(payload(key, () => (key === "cause" ? readable(value) : JSON.stringify(value, null, 2)), true));
    }
    for (const [key, place] of Object.entries(event.payloads)) parts.push(payload(key, () => pretty(texts[place]), true));
    inspector.replaceChildren(...parts);
    inspector.scrollTop = 0;
  }

  // Timeline: rows in the order of the tree; `end` is the row after those inside of one

  rows.forEach((row, at) => Object.assign(row, { at, open: row.lines <= MANY_LINES }));
  const whole = Math.max(run.length, 1);
  let [from, to] = [0, whole];
  const timeline = new List(byId("timeline"), drawRow, (row) => chooseRow(row.at, { inside: true }));

  function drawRow(row) {
    const label = make("span", row.line ? "label line" : "label", row.name);
    label.style.paddingLeft = `${8 + 12 * row.depth + (row.end > row.at + 1 ? 0 : 20)}px`;
    label.title = row.place || row.name;
    if (row.end > row.at + 1) {
      const fold = make("button", "", row.open ? "▾" : "▸");
      fold.type = "button";
      fold.tabIndex = -1;
      fold.setAttribute("aria-label", row.open ? "fold" : "unfold");
      fold.addEventListener("click", (event) => {
        event.stopPropagation();
        setOpen(row, !row.open);
      });
      label.prepend(fold);
    }
    const track = make("div", "track");
    bar(track, row, row.line ? "thin" : row.tries.length > 1 ? "span" : "");
    if (row.tries.length > 1) for (const attempt of row.tries) bar(track, attempt, "");
    const end = Math.min(1, Math.max(0, ((row.to ?? whole) - from) / (to - from)));
    const text = make("b", "", lasting((row.to ?? whole) - row.from) + (row.tries.length > 1 ? ` · ${row.tries.length} attempts` : ""));
    if (end < 0.8) text.style.left = `${end * 100}%`;
    else text.style.right = `${Math.max(0, 1 - Math.max(0, (row.from - from) / (to - from))) * 100}%`;
    track.append(text);
    const element = make("div", "row", label, track);
    return element;
  }

  function bar(track, { from: begin, to: finish, status }, kind) {
    const left = Math.max(0, (begin - from) / (to - from));
    const right = Math.min(1, ((finish ?? whole) - from) / (to - from));
    if (left > 1 || right < 0) return;
    const element = make("i", `${kind} ${status}`);
    element.style.left = `min(${left * 100}%, 100% - 3px)`;
    element.style.width = `${Math.max(0, right - left) * 100}%`;
    track.append(element);
  }

  function visibleRows() {
    const seen = [];
    for (let at = 0; at < rows.length; at = rows[at].open ? at + 1 : rows[at].end) seen.push(rows[at]);
    return seen;
  }

  function showTimeline(chosen) {
    const items = visibleRows();
    timeline.active = chosen ? items.indexOf(chosen) : -1;
    timeline.show(items);
    if (timeline.active >= 0) timeline.activate(timeline.active, { quiet: true });
    drawAxis();
  }

  function setOpen(row, open) {
    const chosen = timeline.items[timeline.active];
    row.open = open;
    showTimeline(chosen);
  }

  function drawAxis() {
    const step = niceStep((to - from) / 6);
    const ticks = [];
    for (let time = Math.ceil(from / step) * step; time <= to; time += step) {
      const share = (time - from) / (to - from);
      if (share > 0.96) break;
      const tick = make("span", "", step < 1000 ? clock(time) : lasting(time));
      tick.style.left = `${share * 100}%`;
      ticks.push(tick);
    }
    byId("axis").replaceChildren(...ticks);
  }

  function niceStep(least) {
    const nice = [1, 2, 5, 10, 20, 50, 100, 200, 500, 1e3, 2e3, 5e3, 1e4, 1.5e4, 3e4, 6e4, 12e4, 3e5, 6e5, 9e5, 18e5, 36e5, 72e5, 216e5, 432e5, 864e5];
    return nice.find((step) => step >= least) ?? Math.ceil(least / 864e5) * 864e5;
  }

  function zoom(row) {
    const room = row ? Math.max((row.to ?? whole) - row.from, 1) * 0.05 : 0;
    [from, to] = row ? [Math.max(0, row.from - room), Math.min(whole, (row.to ?? whole) + room)] : [0, whole];
    if (to - from < 1) to = from + 1;
    showTimeline(timeline.items[timeline.active]);
  }

  function unfold(open) {
    const chosen = timeline.items[timeline.active];
    for (const row of rows) row.open = open;
    showTimeline(open ? chosen : undefined);
  }

  /** Choose a run of a state, or a branch or item; `inside` says that it was done in the timeline. */
  function chooseRow(at, { inside = false } = {}) {
    const row = rows[at];
    for (let above = row.parent; above >= 0; above = rows[above].parent) rows[above].open = true;
    if (!inside) showTimeline(row);
    markNode(row.key);
    inspectRow(row);
  }

  // Graph

  const nodes = new Map([...document.querySelectorAll("#graph [data-state]")].map((node) => [node.dataset.state, node]));
  const runsOf = new Map();
  for (const row of rows) {
    if (!runsOf.has(row.key)) runsOf.set(row.key, []);
    runsOf.get(row.key).push(row);
  }

  function markNode(key) {
    for (const node of document.querySelectorAll("#graph .chosen")) node.classList.remove("chosen");
    nodes.get(key)?.classList.add("chosen");
  }

  function chooseState(key) {
    const found = runsOf.get(key) ?? [];
    markNode(key);
    if (found.length === 1) return chooseRow(found[0].at);
    inspectState(key, found);
    filterBy({ rows: new Set(found.map((row) => row.at)), text: `state: ${run.names[key]}` });
  }

  for (const [key, node] of nodes) {
    node.setAttribute("tabindex", "0");
    node.setAttribute("role", "button");
    node.setAttribute("aria-label", node.querySelector("title").textContent);
    node.addEventListener("click", (event) => {
      event.stopPropagation();
      chooseState(key);
    });
    node.addEventListener("keydown", (event) => {
      if (event.key !== "Enter" && event.key !== " ") return;
      event.preventDefault();
      event.stopPropagation();
      chooseState(key);
    });
  }
  byId("graph-panel").hidden = !nodes.size;
  byId("graph-size").addEventListener("click", ({ target }) => {
    target.setAttribute("aria-pressed", byId("graph").classList.toggle("actual"));
  });

  // Events

  const BAD = /(Failed|TimedOut|Aborted)$/;
  const list = new List(byId("events"), drawEvent, inspectEvent);
  let chosen = null; // { rows, text }: the rows whose events are shown

  const stateOf = (event) => (event.row >= 0 ? rows[event.row].name : (event.detail.name ?? ""));

  function drawEvent(event) {
    const kind = BAD.test(event.type) ? "bad" : event.type.endsWith("Succeeded") ? "good" : "";
    const cells = [event.id, clock(event.after), event.type, stateOf(event), event.what];
    return make("div", `row event ${kind}`, ...cells.map((cell) => make("span", "", String(cell))));
  }

  /** What is looked through of an event, besides its payloads; found out once. */
  function text(event) {
    event.text ??= `${event.id} ${event.type} ${stateOf(event)} ${JSON.stringify(event.detail)}`.toLowerCase();
    return event.text;
  }

  let lowered = null; // the payloads' texts, made when first looked through

  /** Says of an event whether it has a word, in itself or in a payload. */
  function having(word) {
    lowered ??= texts.map((each) => each.toLowerCase());
    const hits = lowered.map((each) => each.includes(word));
    return (event) => text(event).includes(word) || Object.values(event.payloads).some((place) => hits[place]);
  }

  function filter() {
    const words = byId("filter").value.toLowerCase().split(/\s+/).filter(Boolean).map(having);
    const bad = byId("failures").checked;
    const found = events.filter(
      (event) => (!chosen || chosen.rows.has(event.row)) && (!bad || BAD.test(event.type)) && words.every((has) => has(event)),
    );
    const kept = list.items[list.active];
    list.active = found.indexOf(kept);
    list.box.scrollTop = 0;
    list.show(found);
    byId("count").textContent = found.length === events.length ? `${events.length} events` : `${found.length} of ${events.length} events`;
  }

  function filterBy(state) {
    chosen = state;
    byId("chosen").hidden = !state;
    byId("chosen").textContent = state ? `${state.text} ×` : "";
    filter();
  }

  byId("filter").addEventListener("input", filter);
  byId("failures").addEventListener("change", filter);
  byId("chosen").addEventListener("click", () => filterBy(null));
  byId("fold").addEventListener("click", () => unfold(false));
  byId("unfold").addEventListener("click", () => unfold(true));
  byId("zoom-in").addEventListener("click", () => zoom(timeline.items[timeline.active]));
  byId("zoom-out").addEventListener("click", () => zoom());

  byId("timeline").addEventListener("keydown", (event) => {
    const row = timeline.items[timeline.active];
    if (event.key === "+") zoom(row);
    else if (event.key === "-") zoom();
    else if (row && event.key === "ArrowRight") setOpen(row, true);
    else if (row && event.key === "ArrowLeft") setOpen(row, false);
  });
  document.addEventListener("keydown", (event) => {
    const typing = event.target instanceof HTMLInputElement;
    if (event.key === "/" && !typing) {
      event.preventDefault();
      byId("filter").focus();
    } else if (event.key === "Escape") {
      byId("filter").value = "";
      filterBy(null);
      welcome();
    }
  });

  function welcome() {
    markNode(null);
    const keys = make("p", "soft", make("kbd", "", "Tab"), " to a list, ", make("kbd", "", "↑"), " ", make("kbd", "", "↓"), " to walk, ", make("kbd", "", "/"), " to filter, ", make("kbd", "", "Esc"), " to begin anew.");
    const parts = [make("h2", "", "Details"), make("p", "soft", "Choose a state in the graph or the timeline, or an event."), keys];
    for (const [title, place] of run.payloads) parts.push(payload(title, () => pretty(texts[place]), true));
    inspector.replaceChildren(...parts);
  }

  showTimeline();
  filter();
  if (run.failed >= 0) chooseRow(run.failed);
  else welcome();
  const ahead = window.requestIdleCallback ?? ((work) => setTimeout(work, 50));
  ahead(() => events.forEach(text));
})();

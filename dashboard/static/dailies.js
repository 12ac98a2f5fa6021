/* What pages do by themselves: hear of changes, play on hover, scrub together, answer keys. No page needs it to be read. */
"use strict";

const all = (words, within = document) => [...within.querySelectorAll(words)];
const one = (words, within = document) => within.querySelector(words);
const still = matchMedia("(prefers-reduced-motion: reduce)").matches;

/* ---- times, in the reader's own zone */
const relative = new Intl.RelativeTimeFormat("en", { numeric: "auto", style: "short" });
function tellTimes() {
  for (const time of all("time[data-ago]")) {
    const at = new Date(time.dateTime), seconds = (at - Date.now()) / 1000, size = Math.abs(seconds);
    time.title = at.toLocaleString();
    time.textContent =
      size < 5 ? "now" : size < 90 ? relative.format(Math.round(seconds), "second")
      : size < 5400 ? relative.format(Math.round(seconds / 60), "minute")
      : size < 129600 ? relative.format(Math.round(seconds / 3600), "hour")
      : at.toLocaleDateString(undefined, { day: "numeric", month: "short" });
  }
}
setInterval(tellTimes, 15000);

/* ---- live: one stream for the page; it asks again for itself when something changed */
const light = one("#live");
function listen() {
  const since = one("meta[name=version]").content;
  const source = new EventSource("/live?since=" + encodeURIComponent(since));
  const show = (state) => light && (light.dataset.state = state);
  let waiting = 0;
  source.onopen = () => show("on");
  source.onerror = () => show("away");
  source.addEventListener("changed", () => {
    if (waiting || document.hidden) { missed = true; return; }
    waiting = setTimeout(() => { waiting = 0; refresh(); }, 400);
  });
  addEventListener("pagehide", () => source.close());
}
let missed = false;
function refresh() {
  missed = false;
  document.body.dispatchEvent(new CustomEvent("dailies:changed"));
}
document.addEventListener("visibilitychange", () => { if (!document.hidden && missed) refresh(); });

/* what a person has opened, ticked, typed or plays stays as it is while the page is brought up to date */
if (window.Idiomorph) {
  Object.assign(Idiomorph.defaults.callbacks, {
    beforeNodeRemoved: (node) => !(node.dataset && node.dataset.keep),
    beforeAttributeUpdated: (name, node) => !(name === "open" || (name === "hidden" && node.matches(".tray")) || (node.matches("input, textarea") && (name === "value" || name === "checked"))),
  });
}
document.addEventListener("htmx:beforeSwap", (event) => {
  const { target, xhr } = event.detail;
  if (target.id === "main" && (xhr.status >= 400 || !xhr.responseText.includes('id="main"'))) event.detail.shouldSwap = false;
  if (target.id === "main" && target.contains(document.activeElement) && document.activeElement.matches("input:not([type=checkbox]):not([type=range]), textarea")) event.detail.shouldSwap = false;
});
let ticked = [];
document.addEventListener("htmx:beforeSwap", () => { ticked = all("input[name=shot]:checked, input[name=delivery]:checked").map((box) => box.value); });
document.addEventListener("htmx:afterSwap", () => {
  for (const box of all("input[type=checkbox]")) if (ticked.includes(box.value)) box.checked = true;
  tellTimes();
  countChosen();
  playByItself();
});
document.addEventListener("htmx:afterRequest", (event) => {
  if (event.detail.target && event.detail.target.id === "said") {
    scrollTo({ top: 0, behavior: still ? "auto" : "smooth" });
    if (event.detail.successful) setTimeout(() => one("#said").replaceChildren(), 8000);
  }
});

/* ---- posters play while somebody points at them */
let playing = null;
function play(poster) {
  stop();
  if (still || !poster.dataset.clip) return;
  playing = setTimeout(() => {
    const video = document.createElement("video");
    Object.assign(video, { src: poster.dataset.clip, muted: true, loop: true, autoplay: true, playsInline: true });
    video.dataset.keep = "1";
    poster.append(video);
    playing = video;
  }, 120);
}
function stop() {
  if (playing && playing.remove) playing.remove();
  else clearTimeout(playing);
  playing = null;
}
document.addEventListener("pointerover", (event) => {
  const poster = event.target.closest && event.target.closest("[data-clip]");
  if (poster && !poster.contains(event.relatedTarget)) play(poster);
});
document.addEventListener("pointerout", (event) => {
  const poster = event.target.closest && event.target.closest("[data-clip]");
  if (poster && !poster.contains(event.relatedTarget)) stop();
});
document.addEventListener("focusin", (event) => { if (event.target.matches("[data-clip]:focus-visible")) play(event.target); });
document.addEventListener("focusout", (event) => { if (event.target.matches("[data-clip]")) stop(); });

/* ---- a player: every clip of it at the same moment */
const FRAME = 1 / 30;
function player() { return one("[data-player]"); }
function clips() { const found = player(); return found ? all("video[data-sync]", found) : []; }
function longest() { return Math.max(0.01, ...clips().map((clip) => clip.duration || 0)); }
function seek(seconds) {
  for (const clip of clips()) if (clip.readyState > 0) clip.currentTime = Math.min(Math.max(0, seconds), (clip.duration || 0) - 0.001);
  tellPosition();
}
function toggle() {
  const [first, ...rest] = clips();
  if (!first) return;
  if (!first.paused) { clips().forEach((clip) => clip.pause()); return; }
  for (const clip of rest) clip.currentTime = first.currentTime;
  clips().forEach((clip) => clip.play().catch(() => {}));
  requestAnimationFrame(follow);
}
/* what is reviewed plays by itself, unless its reader wants no motion */
function playByItself() {
  const [first] = clips();
  if (!still && first && first.paused && player().dataset.autoplay !== undefined) toggle();
}
function follow() {
  const [first, ...rest] = clips();
  if (!first || first.paused) { tellPosition(); return; }
  for (const clip of rest) if (Math.abs(clip.currentTime - first.currentTime) > 0.1 && first.currentTime < clip.duration) clip.currentTime = first.currentTime;
  tellPosition();
  requestAnimationFrame(follow);
}
function tellPosition() {
  const [first] = clips();
  if (!first) return;
  const at = first.currentTime, scrub = one("[data-scrub]"), time = one("[data-time]");
  if (scrub && document.activeElement !== scrub) scrub.value = String(Math.round((1000 * at) / longest()));
  if (time) time.textContent = `${Math.floor(at / 60)}:${(at % 60).toFixed(2).padStart(5, "0")}`;
}
function step(frames) { clips().forEach((clip) => clip.pause()); seek((clips()[0] || { currentTime: 0 }).currentTime + frames * FRAME); }
document.addEventListener("input", (event) => {
  if (!event.target.matches("[data-scrub]")) return;
  clips().forEach((clip) => clip.pause());
  seek((event.target.value / 1000) * longest());
});

/* ---- choosing many */
function countChosen() {
  const tray = one(".tray");
  if (!tray) return;
  const count = all("input[name=shot]:checked, input[name=delivery]:checked").length;
  tray.hidden = !count;
  one("[data-count]", tray).textContent = String(count);
}
function chooseAll() { all(".card input[type=checkbox]").forEach((box) => (box.checked = true)); countChosen(); }
document.addEventListener("change", (event) => { if (event.target.matches("input[type=checkbox]")) countChosen(); });

/* ---- clicks */
document.addEventListener("click", (event) => {
  const hit = (words) => event.target.closest(words);
  if (hit("[data-play]") || hit("[data-player] .screen video")) toggle();
  else if (hit("[data-step]")) step(Number(hit("[data-step]").dataset.step));
  else if (hit("[data-rate]")) {
    const rate = { 1: 0.5, 0.5: 0.25, 0.25: 1 }[clips()[0].playbackRate] || 1;
    clips().forEach((clip) => (clip.playbackRate = rate));
    hit("[data-rate]").textContent = `${rate}×`;
  } else if (hit("[data-none]")) { all("input[type=checkbox]:checked").forEach((box) => (box.checked = false)); countChosen(); }
  else if (hit("[data-all]")) chooseAll();
  else if (hit("[data-help]")) one("#keys").showModal();
  else if (hit("[data-theme-switch]")) {
    const root = document.documentElement, dark = matchMedia("(prefers-color-scheme: dark)").matches;
    const now = root.dataset.theme || (dark ? "dark" : "light");
    root.dataset.theme = now === "dark" ? "light" : "dark";
    document.cookie = `dailies_theme=${root.dataset.theme}; path=/; max-age=31536000; samesite=lax`;
  }
});

/* ---- keys */
let before = "";
function move(by) {
  const items = all("[data-item]");
  if (!items.length) { const link = one(by > 0 ? "a[rel=next]" : "a[rel=prev]"); if (link) link.click(); return; }
  const at = items.indexOf(document.activeElement);
  const next = items[Math.min(items.length - 1, Math.max(0, at < 0 ? 0 : at + by))];
  next.focus();
  next.scrollIntoView({ block: "nearest" });
}
const keys = {
  "?": () => one("#keys").showModal(),
  "/": () => { const find = one("#find"); if (find) find.focus(); else location.href = "/search"; },
  j: () => move(1), ArrowRight: () => move(1),
  k: () => move(-1), ArrowLeft: () => move(-1),
  " ": toggle, ",": () => step(-1), ".": () => step(1),
  x: () => { const card = document.activeElement.closest(".card"), box = card && one("input[type=checkbox]", card); if (box) { box.checked = !box.checked; countChosen(); } },
  a: () => verdict("approved"), r: () => verdict("rejected"), d: () => verdict("redo"),
  u: () => { const undo = one("[data-undo]"); if (undo) undo.click(); },
  "*": chooseAll,
  n: () => { const note = one("[data-note]"); if (note) note.focus(); },
};
function verdict(word) { const button = one(`[data-verdict="${word}"]`); if (button) button.click(); }
document.addEventListener("keydown", (event) => {
  if (event.ctrlKey || event.metaKey || event.altKey) return;
  if (event.target.matches("input:not([type=checkbox]), textarea, select")) { if (event.key === "Escape") event.target.blur(); return; }
  if (one("dialog[open]") || (event.key === " " && event.target.matches("button, summary, input"))) return;
  if (before === "g") {
    const link = one(`.side a[data-key="${CSS.escape(event.key)}"]`);
    before = "";
    if (link) { event.preventDefault(); link.click(); return; }
  }
  before = event.key;
  const does = Object.hasOwn(keys, event.key) && keys[event.key];
  if (does) { event.preventDefault(); does(); }
});

tellTimes();
countChosen();
playByItself();
if (light) listen();

// Draws the figures of the page and keeps it up to date: new content is fetched when the state of
// the home has changed, and put in place of the old one without a reload.
"use strict";
const SECONDS = 10;
const themes = JSON.parse(document.getElementById("themes").textContent);
const options = { responsive: true, displaylogo: false, displayModeBar: false };

function draw(plot) {
  const figure = JSON.parse(plot.parentElement.querySelector("script").textContent);
  const paths = themes[document.documentElement.dataset.ground];
  for (const [path, value] of Object.entries(paths)) {
    const [part, name] = path.split(".");
    figure.layout[part] = { ...figure.layout[part], [name]: value };
  }
  Plotly.react(plot, figure.data, figure.layout, options);
}

// A figure is drawn when it comes near to what is seen, so that the first ones are there at once.
const seen = new IntersectionObserver((entries) => {
  for (const entry of entries) {
    if (entry.isIntersecting) { seen.unobserve(entry.target); draw(entry.target); }
  }
}, { rootMargin: "300px" });

function drawAll() {
  seen.disconnect();
  for (const plot of document.querySelectorAll(".plot")) seen.observe(plot);
}

function say(text) { document.getElementById("updated").textContent = text; }

function isBusy() {
  const inputs = [...document.querySelectorAll(".action input:not([type=hidden])")];
  const focused = document.activeElement;
  return inputs.some((input) => input.value) || (focused && focused.matches("input, select"));
}

async function update() {
  if (document.hidden || isBusy()) return;
  try {
    const asked = await fetch(`/state/${document.body.dataset.page}`, { cache: "no-store" });
    if (!asked.ok) throw new Error(String(asked.status));
    const state = await asked.text();
    document.body.classList.remove("stale");
    if (state === document.body.dataset.state) return;
    const answer = await fetch(location.href, { cache: "no-store" });
    if (!answer.ok) throw new Error(String(answer.status));
    const page = new DOMParser().parseFromString(await answer.text(), "text/html");
    if (isBusy()) return;
    for (const plot of document.querySelectorAll(".plot")) Plotly.purge(plot);
    document.querySelector("main").replaceWith(document.adoptNode(page.querySelector("main")));
    document.body.dataset.state = page.body.dataset.state;
    drawAll();
    say(`Updated at ${new Date().toLocaleTimeString()}; looks for new data every ${SECONDS} seconds.`);
  } catch {
    document.body.classList.add("stale");
    say("The dashboard does not answer; what is shown may be old. Is options-platform dashboard running?");
  }
}

document.getElementById("ground").addEventListener("click", () => {
  const root = document.documentElement;
  root.dataset.ground = root.dataset.ground === "dark" ? "light" : "dark";
  try { localStorage.setItem("ground", root.dataset.ground); } catch { /* it holds for this page */ }
  drawAll();
});
drawAll();
setInterval(update, SECONDS * 1000);

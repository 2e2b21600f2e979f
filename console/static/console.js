// Charts, the graph and the keyboard. Pages work without: everything here is also in a table or a form.
"use strict";
const colour = (name) => getComputedStyle(document.documentElement).getPropertyValue(name).trim();

function lines(marks, vertical) {
  return { hooks: { draw: [(plot) => {
    const { ctx, bbox } = plot;
    ctx.save();
    ctx.strokeStyle = ctx.fillStyle = colour("--quiet");
    ctx.setLineDash([4, 4]);
    ctx.textAlign = "left";
    ctx.textBaseline = "bottom";
    ctx.font = `${11 * devicePixelRatio}px system-ui, sans-serif`;
    for (const mark of marks) {
      const at = plot.valToPos(mark.at, vertical ? "x" : "y", true);
      ctx.beginPath();
      if (vertical) { ctx.moveTo(at, bbox.top); ctx.lineTo(at, bbox.top + bbox.height); }
      else { ctx.moveTo(bbox.left, at); ctx.lineTo(bbox.left + bbox.width, at); }
      ctx.stroke();
      if (vertical) ctx.fillText(mark.label, Math.min(at + 4, bbox.left + bbox.width - ctx.measureText(mark.label).width), bbox.top + 11 * devicePixelRatio);
      else ctx.fillText(mark.label, bbox.left + 4, at - 3);
    }
    ctx.restore();
  }] } };
}

function drawChart(holder) {
  const data = JSON.parse(holder.dataset.chart);
  if (!data.times.length || typeof uPlot === "undefined") return;
  const margin = data.bars || data.times.length < 2 ? 43200 : 0;  // seconds: a bar is a day wide
  const hasOther = data.series.some((each) => each.scale);
  const whole = (_, values) => values.map((value) => value >= 1e6 ? value / 1e6 + "M" : value >= 1e4 ? value / 1e3 + "k" : value);
  const axes = [{ stroke: colour("--quiet"), grid: { show: false } }, { stroke: colour("--quiet"), size: 48, grid: { stroke: "#edf1f2" }, values: data.range ? undefined : whole }];
  if (hasOther) axes.push({ scale: "accounts", side: 1, stroke: colour("--series-2"), size: 40, grid: { show: false } });
  new uPlot({
    width: holder.clientWidth, height: 190, axes,
    tzDate: (at) => uPlot.tzDate(new Date(at * 1e3), "Etc/UTC"),  // days are those of UTC wherever the reader is
    scales: { x: { range: (_, first, last) => [first - margin, last + margin] }, y: { range: (_, low, high) => data.range || [0, (high || 1) * (data.marks?.length ? 1.3 : 1.08)] }, accounts: { range: (_, low, high) => [0, (high || 1) * 1.2] } },
    series: [{ value: (_, at) => at == null ? "–" : new Date(at * 1000).toISOString().slice(0, 10) }, ...data.series.map((each, index) => ({
      label: each.label, scale: each.scale || "y", value: (_, value) => value ?? "–", stroke: colour(`--series-${index % 5 + 1}`), width: 1.6,
      fill: data.bars ? colour("--accent-soft") : undefined, paths: data.bars ? uPlot.paths.bars({ size: [.8, 40] }) : undefined, points: { show: data.times.length < 40 && !data.bars, size: 5 },
    }))],
    plugins: [lines(data.lines || [], false), lines(data.marks || [], true)], legend: { live: true },
  }, [data.times, ...data.series.map((each) => each.values)], holder);
}

async function drawGraph(holder) {
  if (typeof cytoscape === "undefined") return;
  const answer = await fetch(holder.dataset.graph);
  if (!answer.ok) return;
  const elements = await answer.json();
  const states = { open: "#8fa6ae", monitor: "#c99a3c", confirm: "#c6564d", clear: "#4f9a68", banned: "#4a2320" };
  const isDense = elements.nodes.filter((node) => node.data.kind === "key").length > 12;  // then words only where the pointer is
  const plot = cytoscape({
    container: holder, elements: [...elements.nodes, ...elements.edges], minZoom: .2, maxZoom: 4,
    layout: { name: "cose", animate: false, randomize: true, nodeRepulsion: 9000, idealEdgeLength: 55, numIter: 700, fit: true, padding: 14 },
    style: [
      { selector: "node", style: { width: 13, height: 13, "background-color": (node) => states[node.data("state")] || "#8fa6ae", "border-width": 1, "border-color": "#fff", label: "", "font-size": 8, color: "#1b2529" } },
      { selector: 'node[kind="key"]', style: { shape: "round-rectangle", "background-color": "#d9a441", width: (node) => 8 + 2.2 * Math.sqrt(node.data("sharers")), height: (node) => 8 + 2.2 * Math.sqrt(node.data("sharers")), label: isDense ? "" : "data(words)", "font-size": 7, color: "#6b4c0a", "text-valign": "bottom" } },
      { selector: 'node[kind="more"]', style: { shape: "round-rectangle", width: 74, height: 20, "background-color": "#eaf0f2", label: "data(label)", "text-valign": "center", "font-size": 8 } },
      { selector: "edge", style: { width: .8, "line-color": "#c5d1d5", opacity: .75, "curve-style": "haystack" } },
      { selector: ".near", style: { label: "data(label)", "z-index": 9 } }, { selector: 'node[kind="key"].shown', style: { label: "data(words)", "z-index": 9 } }, { selector: ".far", style: { opacity: .15 } },
    ],
  });
  plot.on("mouseover", "node", (event) => { const near = event.target.closedNeighborhood(); plot.elements().not(near).addClass("far"); near.nodes('[kind="key"]').addClass("shown"); event.target.addClass("near"); });
  plot.on("mouseout", "node", () => plot.elements().removeClass("far near shown"));
  plot.on("tap", 'node[kind="account"]', (event) => { location.href = "/account?id=" + encodeURIComponent(event.target.data("label")); });
  holder.dataset.drawn = elements.nodes.length;
}

const rows = () => [...document.querySelectorAll("tr[data-href]")];
function moveTo(step) {
  const all = rows();
  if (!all.length) return;
  const at = all.findIndex((row) => row.getAttribute("aria-selected") === "true");
  const next = Math.max(0, Math.min(all.length - 1, at < 0 ? 0 : at + step));
  all.forEach((row) => row.removeAttribute("aria-selected"));
  all[next].setAttribute("aria-selected", "true");
  all[next].querySelector("a").focus({ preventScroll: true });
  all[next].scrollIntoView({ block: "nearest" });
}
let lead = "";
document.addEventListener("keydown", (event) => {
  if (event.ctrlKey || event.metaKey || event.altKey || event.target.matches("input, select, textarea")) return;
  const verdict = { c: "confirm", x: "clear", m: "monitor" }[event.key];
  const go = lead === "g" ? { q: "/", c: "/cases" }[event.key] : undefined;
  lead = event.key === "g" ? "g" : "";
  if (go) location.href = go;
  else if (event.key === "j" || event.key === "k") moveTo(event.key === "j" ? 1 : -1);
  else if (event.key === "n" && document.getElementById("take-next")) document.getElementById("take-next").requestSubmit();
  else if (event.key === "/" && document.getElementById("find")) { event.preventDefault(); document.getElementById("find").focus(); }
  else if (event.key === "?") document.getElementById("keys").showModal();
  else if (verdict) {
    const choice = document.querySelector(`input[name="verdict"][value="${verdict}"]`);
    if (choice) { choice.checked = true; choice.form.querySelector('[name="reason"]').focus(); event.preventDefault(); }
  }
});
document.addEventListener("change", (event) => {
  if (event.target.matches("[data-all]")) event.target.closest("table").querySelectorAll('tbody input[type="checkbox"]').forEach((box) => { box.checked = event.target.checked; });
  if (event.target.closest(".filters")) {
    const query = new URLSearchParams(new FormData(event.target.form));
    const holder = document.querySelector("[data-current-query]");
    if (holder) holder.value = query.toString();
  }
});
document.querySelectorAll("[data-chart]").forEach(drawChart);
document.querySelectorAll("[data-graph]").forEach(drawGraph);

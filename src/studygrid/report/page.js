"use strict";
// Tables: sort, filter, copy. A cell's own value is in data-v where it shows less.
(() => {
  const valueOf = (cell) => cell.dataset.v ?? cell.textContent;
  const formula = /^[=+\-@\t\r\n＝＋－＠]/;
  const collator = new Intl.Collator("en", { numeric: true });

  const quoted = (text, numeric) => {
    const safe = !numeric && formula.test(text) ? `'${text}` : text;
    return /[",\n\r]/.test(safe) ? `"${safe.replaceAll('"', '""')}"` : safe;
  };
  const isNumber = (text) => text !== "" && Number.isFinite(Number(text));

  // Numbers before words, what is empty always last.
  const compare = (a, b, sign) => {
    if (a === "" || b === "") return (a === "") - (b === "");
    if (isNumber(a) && isNumber(b)) return sign * (Number(a) - Number(b));
    if (isNumber(a) !== isNumber(b)) return sign * (isNumber(a) ? -1 : 1);
    return sign * collator.compare(a, b);
  };

  const sortBy = (table, header) => {
    const sign = header.getAttribute("aria-sort") === "ascending" ? -1 : 1;
    const column = header.cellIndex;
    const body = table.tBodies[0];
    const rows = [...body.rows].map((row) => [valueOf(row.cells[column]), row]);
    rows.sort(([a], [b]) => compare(a, b, sign));
    body.append(...rows.map(([, row]) => row));
    for (const other of table.tHead.rows[0].cells) other.removeAttribute("aria-sort");
    header.setAttribute("aria-sort", sign === 1 ? "ascending" : "descending");
  };

  const filter = (table, words, count) => {
    const wanted = words.toLowerCase().split(/\s+/).filter(Boolean);
    const rows = [...table.tBodies[0].rows];
    for (const row of rows) {
      const text = [...row.cells].map((cell) => cell.textContent).join(" ").toLowerCase();
      row.hidden = !wanted.every((word) => text.includes(word));
    }
    const shown = rows.filter((row) => !row.hidden).length;
    count.textContent = wanted.length ? `${shown} of ${rows.length} rows` : `${rows.length} rows`;
  };

  const asCsv = (table) => {
    const headers = [...table.tHead.rows[0].cells];
    const rows = [...table.tBodies[0].rows].filter((row) => !row.hidden);
    const lines = rows.map((row) =>
      [...row.cells].map((cell) => quoted(valueOf(cell), isNumber(valueOf(cell)))).join(","));
    return [headers.map((th) => quoted(th.dataset.name, false)).join(","), ...lines].join("\n") + "\n";
  };

  // A page opened from a disk may have no clipboard of the new kind.
  const copyByHand = (text) => {
    const area = document.createElement("textarea");
    area.value = text;
    document.body.append(area);
    area.select();
    const done = document.execCommand("copy");
    area.remove();
    return done;
  };
  const copy = async (text) => {
    try {
      await navigator.clipboard.writeText(text);
      return true;
    } catch {
      return copyByHand(text);
    }
  };

  for (const box of document.querySelectorAll(".table.live")) {
    const table = box.querySelector("table");
    for (const element of box.querySelectorAll(".needs-script")) element.hidden = false;
    for (const header of table.tHead.rows[0].cells) {
      const button = document.createElement("button");
      button.type = "button";
      button.append(...header.childNodes);
      button.addEventListener("click", () => sortBy(table, header));
      header.append(button);
    }
    const input = box.querySelector(".filter input");
    const count = box.querySelector(".count");
    const apply = () => filter(table, input.value, count);
    input.addEventListener("input", apply);
    apply();
    const button = box.querySelector(".copy");
    button.addEventListener("click", async () => {
      const done = await copy(asCsv(table));
      button.textContent = done ? "Copied" : "Could not copy";
      setTimeout(() => { button.textContent = "Copy as CSV"; }, 2000);
    });
  }
})();

// Charts: drawn when they are opened first, by libraries that no other part of the page needs.
(() => {
  const names = { x: "Across", y: "Up", color: "Colour" };

  let loading = null;

  const load = async () => {
    const packed = atob(document.getElementById("chart-script").textContent);
    const bytes = Uint8Array.from(packed, (character) => character.charCodeAt(0));
    const stream = new Blob([bytes]).stream().pipeThrough(new DecompressionStream("gzip"));
    const script = document.createElement("script");
    script.textContent = await new Response(stream).text();
    document.head.append(script);
  };

  // What a mark is, and where it stands.
  const tooltip = (channels, chosen) =>
    Object.keys(channels)
      .filter((key) => channels[key].type === "nominal" || chosen.includes(key))
      .map((key) => {
        const { field, type, title } = channels[key];
        return { field, type, title, ...(type === "quantitative" && { format: ".4~g" }) };
      });

  const picker = (label, options, selected, onChange) => {
    const box = document.createElement("label");
    const select = document.createElement("select");
    for (const [value, text] of options) select.add(new Option(text, value, false, value === selected));
    select.addEventListener("change", () => onChange(select.value));
    box.append(`${label} `, select);
    return box;
  };

  const open = (details) => {
    const chart = JSON.parse(details.querySelector("script").textContent);
    const target = details.querySelector(".chart");
    const pickers = details.querySelector(".pickers");
    const chosen = { ...chart.start };
    let panel = chart.panel && chart.panel[1][0];
    let drawing = loading;
    let view = null;

    const draw = async () => {
      const shown = tooltip(chart.channels, Object.values(chosen));
      const encoding = { ...chart.spec.encoding, tooltip: shown };
      for (const [channel, key] of Object.entries(chosen)) {
        const { axis, scale, ...plain } = chart.channels[key];
        const log = scale?.type === "log" ? { scale: { type: "log" } } : {};
        encoding[channel] = channel === "color" ? { ...plain, ...log } : chart.channels[key];
      }
      const transform = panel ? [{ filter: { field: chart.panel[0], equal: panel } }] : [];
      if (view) view.finalize();
      target.classList.add("drawn");
      // Expressions are interpreted: the page's policy lets no text become code.
      const options = { actions: false, renderer: "svg", ast: true };
      view = await window.vegaEmbed(target, { ...chart.spec, transform, encoding }, options);
    };
    const fail = (error) => { target.textContent = `The chart cannot be drawn here: ${error}`; };
    const redraw = () => { drawing = drawing.then(draw).catch(fail); };

    const options = Object.entries(chart.channels).map(([key, { title }]) => [key, title]);
    for (const [channel, key] of Object.entries(chosen)) {
      pickers.append(picker(names[channel], options, key, (value) => { chosen[channel] = value; redraw(); }));
    }
    if (chart.panel) {
      const panels = chart.panel[1].map((value) => [value, value]);
      pickers.append(picker("Panel", panels, panel, (value) => { panel = value; redraw(); }));
    }
    redraw();
  };

  for (const details of document.querySelectorAll(".explore")) {
    details.addEventListener("toggle", () => {
      loading ??= load();
      open(details);
    }, { once: true });
  }
})();

// The questions: find, filter, order, and open one to read its answers side by side. Texts become text nodes, never markup.
(() => {
  const { arms, questions, passages } = JSON.parse(document.getElementById("records").textContent);
  const PAGE = 100;
  const get = (id) => document.getElementById(id);
  const [find, kind, order, pair, disagree, list, more, count] = ["find", "kind", "order", "pair", "disagree", "list", "more", "count"].map(get);
  let limit = PAGE;

  function make(tag, kind, ...children) {
    const element = document.createElement(tag);
    if (kind) element.className = kind;
    element.append(...children.filter((c) => c !== null && c !== ""));
    return element;
  }

  const f1 = (question, arm) => question.said[arm]?.f1 ?? null;

  function difference(question, [arm, against]) {
    const [one, other] = [f1(question, arm), f1(question, against)];
    return one === null || other === null ? null : one - other;
  }

  function spread(question) {
    const all = arms.map((a) => f1(question, a.arm)).filter((v) => v !== null);
    return all.length > 1 ? Math.max(...all) - Math.min(...all) : null;
  }

  // what "find" looks through
  const words = questions.map((q) =>
    [q.id, q.question, q.reference, q.style, ...Object.values(q.said).flatMap((s) => [s.answer, s.draft])].join("\n").toLowerCase(),
  );

  function chosen() {
    const wanted = find.value.toLowerCase().split(/\s+/).filter(Boolean);
    const kept = questions.filter(
      (q, i) =>
        wanted.every((w) => words[i].includes(w)) &&
        (!kind.value || (kind.value === "answerable") === q.answerable) &&
        (!disagree.checked || q.disagree),
    );
    if (order.value === "asked") return kept;
    const by = pair.value.split("|");
    const worth = order.value === "apart" ? spread : (q) => difference(q, by);
    const sign = order.value === "loss" ? -1 : 1;
    const ranked = kept.map((q) => [q, worth(q)]);
    // questions without a reference to compare with come last
    return ranked.sort(([, a], [, b]) => (a === null) - (b === null) || sign * (b - a)).map(([q]) => q);
  }

  const rows = new Map();

  function row(question) {
    if (!rows.has(question)) rows.set(question, summaryOf(question));
    return rows.get(question);
  }

  function summaryOf(question) {
    const what = [question.answerable ? "" : "unanswerable", question.style, question.disagree ? "arms disagree" : ""];
    const text = make("span", "text", question.question, " ", make("span", "kind", what.filter(Boolean).join(" · ")));
    const details = make("details", "q", make("summary", "", text, minis(question)));
    details.id = `q-${question.id}`;
    details.addEventListener("toggle", () => {
      if (details.open && details.childElementCount === 1) details.append(inside(question));
    });
    return details;
  }

  function minis(question) {
    const cells = arms.map(({ arm, name, kind }) => {
      const said = question.said[arm];
      const [text, tone] = told(question, said);
      const cell = make("span", `mini arm ${kind} ${tone}`, make("span", "sr", `${name}: `), text);
      cell.title = `${name}: ${said && said.f1 !== null && !said.declined ? `token F1 ${text}` : text}`;
      if (said?.f1) {
        const bar = make("i");
        bar.style.width = `${100 * said.f1}%`;
        cell.append(bar);
      }
      return cell;
    });
    return make("span", "minis", ...cells);
  }

  function told(question, said) {
    if (!said) return ["not asked", ""];
    if (said.declined) return ["declined", question.answerable ? "bad-text" : "good-text"];
    return question.answerable ? [said.f1.toFixed(2), ""] : ["answered", "bad-text"];
  }

  function inside(question) {
    const reference = make("div", "reference", make("p", "label", "Reference"), question.reference);
    const place = make("p", "label", `${question.id} · ${question.style} · ${question.answerable ? "answerable" : "unanswerable"}`);
    return make("div", "inside", reference, make("div", "said", ...arms.map((a) => column(a, question.said[a.arm]))), place);
  }

  function column({ name, kind }, said) {
    const heading = make("h4", "", make("i", "swatch"), name);
    if (!said) return make("article", `column arm ${kind}`, heading, make("p", "label", "Not asked yet"));
    const flags = said.flags.map((f) => make("li", f.tone, f.text));
    return make(
      "article",
      `column arm ${kind}`,
      heading,
      flags.length ? make("ul", "flags", ...flags) : null,
      make("p", "label", said.f1 === null ? "Shown answer" : `Shown answer, token F1 ${said.f1.toFixed(2)}`),
      make("p", "answer", said.answer),
      make("p", "label", "Raw draft"),
      make("p", "draft", said.draft || "(empty)"),
      given(said),
      make("p", "cost", `${said.seconds.toFixed(2)} s, ${said.prompt_tokens.toLocaleString("en")} tokens read, ${said.output_tokens.toLocaleString("en")} written`),
    );
  }

  function given(said) {
    if (!said.passages.length) return make("p", "label", "No passages given");
    const items = said.passages.map(([number, place]) => {
      const [document, heading, text] = passages[place];
      return make("div", "passage", make("small", "", `[${number}] ${[document, heading].filter(Boolean).join(" › ")}`), make("p", "", text));
    });
    return make("details", "given", make("summary", "", `Passages given (${items.length})`), ...items);
  }

  function show() {
    const found = chosen();
    list.replaceChildren(...found.slice(0, limit).map(row));
    count.textContent = found.length ? `${found.length} of ${questions.length} questions` : "No question fits; clear the filter to see all.";
    more.hidden = found.length <= limit;
    get("of-pair").hidden = !["gain", "loss"].includes(order.value);
  }

  function again() {
    limit = PAGE;
    show();
  }

  function openLinked() {
    const id = decodeURIComponent(location.hash.slice(1));
    const at = questions.findIndex((q) => `q-${q.id}` === id);
    if (at < 0) return;
    limit = Math.max(limit, at + 1);
    show();
    const details = get(id);
    details.open = true;
    details.scrollIntoView();
    details.querySelector("summary").focus();
  }

  document.documentElement.style.setProperty("--arms", arms.length);
  const heads = make("div", "heads", make("span", "", "Question"), make("span", "minis", ...arms.map((a) => make("span", "", a.name))));
  list.before(heads);
  document.querySelector(".tools").addEventListener("submit", (event) => event.preventDefault());
  [find, kind, order, pair, disagree].forEach((control) => control.addEventListener("input", again));
  more.addEventListener("click", () => {
    limit += PAGE;
    show();
  });
  document.addEventListener("keydown", (event) => {
    if (event.key === "/" && !/^(INPUT|SELECT|TEXTAREA)$/.test(document.activeElement.tagName)) {
      event.preventDefault();
      find.focus();
    }
  });
  window.addEventListener("hashchange", openLinked);
  show();
  openLinked();
})();

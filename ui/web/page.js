// What a browser has to do itself: open the cited passage, copy an answer, keep the newest words in view, keys.
document.addEventListener("click", (event) => {
  const mark = event.target.closest("a.sb-cite");
  if (mark) {
    event.preventDefault();
    openPassage(mark.getAttribute("href").slice(1));
    return;
  }
  const copy = event.target.closest("button.sb-copy");
  if (copy) copyAnswer(copy);
});

function openPassage(id) {
  const passage = document.getElementById(id);
  if (!passage) return;
  document.querySelectorAll(".sb-target").forEach((el) => el.classList.remove("sb-target"));
  passage.closest("details.sb-found").open = true;
  passage.open = true;
  passage.classList.add("sb-target");
  passage.scrollIntoView({ block: "center", behavior: "smooth" });
  passage.querySelector("summary").focus({ preventScroll: true });
}

function copyAnswer(button) {
  const text = [...button.closest(".sb-answer").querySelectorAll(".sb-text")]
    .map((p) => {
      const copy = p.cloneNode(true);
      copy.querySelectorAll("a.sb-cite").forEach((a) => (a.textContent = ` [${a.textContent}]`));
      return copy.textContent.trim();
    })
    .join("\n");
  const done = () => {
    button.textContent = "Copied";
    setTimeout(() => (button.textContent = "Copy"), 1500);
  };
  if (navigator.clipboard && window.isSecureContext) navigator.clipboard.writeText(text).then(done);
  else {
    const area = document.createElement("textarea");
    area.value = text;
    document.body.append(area);
    area.select();
    document.execCommand("copy");
    area.remove();
    done();
  }
}

document.addEventListener("keydown", (event) => {
  const box = document.querySelector("#sb-question textarea, #sb-question input");
  if (event.key === "/" && box && !/^(INPUT|TEXTAREA)$/.test(document.activeElement.tagName)) {
    event.preventDefault();
    box.focus();
  }
  if (event.key === "Escape") document.querySelector("#sb-stop")?.click();
});

new MutationObserver((changes) => {
  const box = document.getElementById("sb-conversation");
  if (box && changes.some((c) => box.contains(c.target))) {
    const last = box.querySelector(".sb-turn:last-of-type");
    if (last) box.scrollTop = box.scrollHeight;
  }
}).observe(document.body, { childList: true, subtree: true, characterData: true });

// Ctrl+Enter or Cmd+Enter in a ticket sorts it; Enter alone starts a new line there.
document.addEventListener("keydown", (event) => {
  if (event.key === "Enter" && (event.ctrlKey || event.metaKey) && event.target.closest("#sb-ticket")) {
    event.preventDefault();
    document.querySelector("#sb-sort")?.click();
  }
});

// The page works without this file. With it: the first screen renews itself, a saved configuration is waited for, the
// editor keeps its line numbers, a secret can be read from a file of this computer, and the claim code comes with the console's
// picture.
"use strict";

document.documentElement.classList.add("scripted");

const seconds = Number(document.body.dataset.refresh);
if (seconds > 0) {
  let touched = Date.now();
  for (const kind of ["keydown", "pointerdown", "scroll"]) {
    addEventListener(kind, () => { touched = Date.now(); }, { passive: true });
  }
  setInterval(() => {
    // Not under somebody's hands, not unseen.
    if (document.hidden || Date.now() - touched < seconds * 1000) return;
    history.replaceState(null, "", location.pathname + "?auto=1");
    location.reload();
  }, seconds * 1000);
}

// A saved configuration restarts services: on when they answer again, asked with the icon.
const waiting = document.querySelector("[data-next]");
if (waiting) {
  let asked = 0;
  const ask = () => {
    const icon = new Image();
    icon.onload = () => location.replace(waiting.dataset.next);
    icon.onerror = () => setTimeout(ask, 700);
    icon.src = "/assets/icon.svg?" + Date.now() + "." + asked++;
  };
  setTimeout(ask, 1500);
}

const text = document.getElementById("text");
const margin = document.querySelector(".editor .margin");
if (text && margin) {
  const number = () => {
    const lines = text.value.split("\n").length + 2;
    text.rows = lines;
    while (margin.childElementCount > lines) {
      margin.lastElementChild.nextSibling?.remove();
      margin.lastElementChild.remove();
    }
    while (margin.childElementCount < lines) {
      const span = document.createElement("span");
      span.textContent = margin.childElementCount + 1;
      margin.append(span, "\n");
    }
  };
  text.addEventListener("input", number);
  number();
  for (const link of document.querySelectorAll("a[data-line]")) {
    link.addEventListener("click", (event) => {
      event.preventDefault();
      const lines = text.value.split("\n");
      const line = Number(link.dataset.line);
      const start = lines.slice(0, line - 1).join("\n").length + (line > 1 ? 1 : 0);
      text.focus({ preventScroll: true });
      text.setSelectionRange(start, start + (lines[line - 1] || "").length);
      margin.children[line - 1]?.scrollIntoView({ block: "center" });
    });
  }
  let saved = text.value;
  text.form.addEventListener("submit", () => { saved = text.value; });
  addEventListener("beforeunload", (event) => { if (text.value !== saved) event.preventDefault(); });
}

for (const input of document.querySelectorAll("input[type=file][data-into]")) {
  input.addEventListener("change", async () => {
    const file = input.files[0];
    const target = document.getElementById(input.dataset.into);
    if (file && file.size <= 65536) target.value = await file.text();
    input.value = "";
    target.focus();
  });
}

// The picture on the appliance's console leads here with the code behind #, where no server and no log sees it.
function carried() {
  const field = document.getElementById("code");
  const code = /^#([0-9a-z]{4}(?:-[0-9a-z]{4}){3})$/.exec(location.hash);
  if (!field || !code) return;
  field.value = code[1];
  history.replaceState(null, "", location.pathname);
}
carried();
addEventListener("hashchange", carried);

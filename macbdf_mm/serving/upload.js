// Says what is going on; the form works without it.
"use strict";
(() => {
  const form = document.querySelector("form");
  const [field, button] = [form.querySelector("input"), form.querySelector("button")];
  const [drop, state] = [form.querySelector(".drop"), document.getElementById("state")];
  const limit = Number(form.dataset.maxBytes);

  document.getElementById("address").textContent = location.origin;

  const check = () => {
    const file = field.files[0];
    const problem =
      file && file.size > limit
        ? `The file has ${(file.size / 1e6).toFixed(1)} MB, and at most ${limit / 1e6} MB are taken.`
        : "";
    field.setCustomValidity(problem);
    state.textContent = problem;
  };
  field.addEventListener("change", check);
  for (const [name, isOver] of [["dragenter", true], ["dragleave", false], ["drop", false]]) {
    field.addEventListener(name, () => drop.classList.toggle("over", isOver));
  }
  // A file that is dropped beside the field would replace the page.
  for (const name of ["dragover", "drop"]) {
    addEventListener(name, (event) => event.target === field || event.preventDefault());
  }
  form.addEventListener("submit", () => {
    button.disabled = true;
    state.textContent = "The video is sent and looked at. The report comes on this page.";
  });
  // Also when the browser comes back to this page.
  addEventListener("pageshow", () => {
    button.disabled = false;
    check();
  });
})();

// Pages work without this script. It adds a button that shows the password, which makes
// the repeated password unnecessary, and sends a form once at a double click.
"use strict";

document.addEventListener("click", (event) => {
  if (event.detail > 1 && event.target.closest("button[type=submit]")) {
    event.preventDefault();
  }
});

for (const button of document.querySelectorAll(".reveal button")) {
  const input = document.getElementById(button.getAttribute("aria-controls"));
  const show = (visible) => {
    input.type = visible ? "text" : "password";
    button.setAttribute("aria-pressed", String(visible));
  };
  button.hidden = false;
  button.addEventListener("click", () => {
    show(input.type === "password");
    input.focus();
  });
  // Password managers and autofill depend on the type.
  input.form.addEventListener("submit", () => show(false));
}

for (const field of document.querySelectorAll("[data-repeats]")) {
  const input = field.querySelector("input");
  const original = document.getElementById(field.dataset.repeats);
  if (input.hasAttribute("aria-invalid")) {
    continue;
  }
  field.hidden = true;
  input.required = false;
  input.form.addEventListener("submit", () => {
    input.value = original.value;
  });
}

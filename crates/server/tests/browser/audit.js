// Faults of the open page against WCAG 2.2, one text each. Evaluates to a list.
(() => {
  const faults = [];
  const all = (selector) => [...document.querySelectorAll(selector)];
  const visible = (element) => element.checkVisibility() && element.getClientRects().length > 0;
  const describe = (element) => element.outerHTML.slice(0, 120);
  const fault = (rule, element) => faults.push(`${rule}: ${describe(element)}`);
  const textOf = (element) => element.textContent.trim();

  // 4.1.2: names of controls, links and buttons.
  for (const control of all("input, select, textarea").filter(visible)) {
    if (![...control.labels].some(textOf)) fault("control without a label", control);
  }
  for (const element of all("a, button, summary").filter(visible)) {
    if (!textOf(element) && !element.getAttribute("aria-label")) fault("no name", element);
    if (element.matches("a") && !element.getAttribute("href")) fault("link without target", element);
  }
  const names = all("a, button").filter(visible).map((element) => {
    const target = element.href ?? `${element.form?.action} ${element.form?.id?.value ?? ""}`;
    return [element.getAttribute("aria-label") ?? textOf(element), target, element];
  });
  for (const [name, target, element] of names) {
    const other = names.find(([same, elsewhere]) => same === name && elsewhere !== target);
    if (other && element.closest("li")) fault("same name as another button", element);
  }

  // 1.3.1: headings, lists, references.
  const levels = all("h1, h2, h3, h4").filter(visible).map((heading) => Number(heading.tagName[1]));
  if (levels.filter((level) => level === 1).length !== 1) faults.push(`headings: ${levels}`);
  if (levels.some((level, at) => level > (levels[at - 1] ?? 0) + 1)) faults.push(`headings: ${levels}`);
  for (const heading of all("h1, h2")) if (!textOf(heading)) fault("empty heading", heading);
  const ids = all("[id]").map((element) => element.id);
  for (const id of ids.filter((id, at) => ids.indexOf(id) !== at)) faults.push(`id twice: ${id}`);
  for (const attribute of ["aria-describedby", "aria-labelledby", "aria-controls", "for"]) {
    for (const element of all(`[${attribute}]`)) {
      const targets = element.getAttribute(attribute).trim().split(/\s+/);
      if (!targets.every((id) => ids.includes(id))) fault(`${attribute} leads nowhere`, element);
    }
  }
  for (const list of all("ul, ol, dl")) if (!list.children.length) fault("empty list", list);

  // 3.3.1, 3.3.2: an invalid field says why.
  for (const field of all("[aria-invalid=true]").filter(visible)) {
    const described = (field.getAttribute("aria-describedby") ?? "").split(/\s+/);
    const reason = described.map((id) => document.getElementById(id)).find((element) =>
      element?.matches(".field-error, [role=alert]"));
    if (!reason || !visible(reason)) fault("invalid without a reason", field);
  }
  // 1.3.5: what browsers fill in.
  const filled = "[type=password], [type=email], [name=username], [name=otp]";
  for (const field of all(`input:is(${filled})`).filter(visible)) {
    if (!field.autocomplete) fault("no autocomplete", field);
  }
  // 2.4.3: the order of focus is that of the page.
  for (const element of all("[tabindex]")) if (element.tabIndex > 0) fault("tabindex", element);
  for (const form of all("form").filter((form) => form.method === "post")) {
    if (!form.elements.csrfToken?.value) fault("form without a token", form);
  }

  // 2.5.8: targets of at least 24 pixels, except links in a sentence.
  for (const target of all("a, button, summary, select, textarea, input").filter(visible)) {
    const area = target.matches(".choice input") ? target.closest("label") : target;
    const { width, height } = area.getBoundingClientRect();
    const inline = target.matches("a") && getComputedStyle(target).display === "inline";
    if (!inline && !target.matches(".skip-link") && Math.min(width, height) < 24) {
      fault(`${Math.round(width)} x ${Math.round(height)} pixels`, target);
    }
  }

  // 1.4.3: contrast of text.
  const channels = (color) => color.match(/[\d.]+/g).map(Number);
  const ground = (element) => {
    for (let at = element; at; at = at.parentElement) {
      const [red, green, blue, alpha = 1] = channels(getComputedStyle(at).backgroundColor);
      if (alpha === 1) return [red, green, blue];
      if (alpha > 0) return fault("translucent ground", at);
    }
    return [255, 255, 255];
  };
  const luminance = (rgb) => {
    const [red, green, blue] = rgb.map((channel) => channel / 255).map((channel) =>
      channel <= 0.04045 ? channel / 12.92 : ((channel + 0.055) / 1.055) ** 2.4);
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue;
  };
  const texts = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
  while (texts.nextNode()) {
    const element = texts.currentNode.parentElement;
    if (!texts.currentNode.data.trim() || !visible(element)) continue;
    const front = luminance(channels(getComputedStyle(element).color).slice(0, 3));
    const back = luminance(ground(element) ?? [0, 0, 0]);
    const ratio = (Math.max(front, back) + 0.05) / (Math.min(front, back) + 0.05);
    if (ratio < 4.5) fault(`contrast ${ratio.toFixed(2)}`, element);
  }

  // 1.4.10: nothing is cut off or beyond the window; shortened text has a title.
  for (const element of all("main *").filter(visible)) {
    const { left, right } = element.getBoundingClientRect();
    if (left < 0 || Math.floor(right) > innerWidth) fault("beyond the window", element);
    const cut = getComputedStyle(element).textOverflow === "ellipsis";
    if (cut && element.scrollWidth > element.clientWidth && !element.title) fault("cut", element);
  }
  return faults;
})();

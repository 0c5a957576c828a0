// Owns the form of one row: a control for each field, search among thousands, a pasted row. Knows no server.

import { breakable, h, newId } from "./dom.js";
import { exampleTexts, faultOf, firstExample, isDate, rangeOf, readRow, textFor } from "./row.js";
import { count, few, shown } from "./words.js";

const ALL_SHOWN = 36; // fields up to which all are shown
const PORTION = 12; // of more, that many at a time
const MOST_CHOICES = 500;

// The form of `fields`, filled with a golden row. `changed()` is called after each change; `texts` is what stands there.
export class RowForm {
  constructor(model, fields, changed) {
    Object.assign(this, { model, fields, changed, at: firstExample(model, fields), limit: fields.length > ALL_SHOWN ? PORTION : fields.length });
    this.texts = exampleTexts(model, fields, this.at);
    this.grid = h("div", { class: "fields" });
    this.status = h("p", { class: "soft status", role: "status" });
    this.search = h("input", { type: "search", "aria-label": "find a feature", placeholder: `Find one of ${count(fields.length)} features`, oninput: () => this.find() });
    this.more = h("button", { type: "button", class: "quiet", onclick: () => this.showMore() });
    this.node = h("div", null, fields.length > ALL_SHOWN ? h("div", { class: "search" }, this.search, this.status) : null, this.grid, this.more, this.tools());
    this.show();
  }

  tools() {
    const area = h("textarea", { rows: 3, spellcheck: "false", "aria-label": "a row to paste", placeholder: 'A line of your table, or JSON: [5.1, 3.5, …] or {"name": value, …}' });
    const said = h("p", { class: "bad", role: "alert" });
    const panel = h("div", { class: "paste", hidden: true }, area, said, h("button", { type: "button", class: "quiet", onclick: take }, "Fill in"));
    const form = this;
    function take() {
      said.textContent = "";
      try {
        form.setTexts(readRow(area.value, form.fields));
        open.focus();
        toggle();
      } catch (error) {
        said.textContent = error.message;
      }
    }
    const toggle = () => {
      panel.hidden = !panel.hidden;
      open.setAttribute("aria-expanded", String(!panel.hidden));
      if (!panel.hidden) area.focus();
    };
    const open = h("button", { type: "button", class: "quiet", "aria-expanded": "false", onclick: toggle }, "Paste a row");
    const rows = (this.model.examples || []).length;
    const next = () => {
      this.at = (this.at + 1) % rows;
      this.setTexts(exampleTexts(this.model, this.fields, this.at));
    };
    return h("div", { class: "tools" }, rows > 1 ? h("button", { type: "button", class: "quiet", onclick: next }, "Another example") : null, open, panel);
  }

  setTexts(texts) {
    this.texts = texts;
    this.show();
    this.changed();
  }

  find() {
    this.limit = PORTION;
    this.show();
  }

  showMore() {
    const seen = this.grid.children.length;
    this.limit += PORTION;
    this.show();
    this.grid.children[seen]?.querySelector("input, select, textarea")?.focus();
  }

  // Shows the fields that fit the search, those with a fault first where there are many.
  show() {
    const wanted = this.search.value.trim().toLowerCase();
    const found = [...this.fields.keys()].filter((at) => !wanted || this.fields[at].name.toLowerCase().includes(wanted));
    this.grid.replaceChildren(...found.slice(0, this.limit).map((at) => this.field(at)));
    const rest = found.length - Math.min(this.limit, found.length);
    this.more.hidden = !rest;
    this.more.textContent = `Show ${count(Math.min(PORTION, rest))} more`;
    this.status.textContent = wanted ? `${count(found.length)} found` : `${count(found.length - rest)} shown; all are filled in and sent`;
  }

  field(at) {
    const field = this.fields[at], id = newId("field"), note = h("small", { class: "note", id: `${id}-note` });
    const control = this.control(field, at, id);
    const judge = () => {
      const fault = faultOf(field, this.texts[at]);
      note.textContent = fault ? fault.error || fault.warning : "";
      note.className = `note ${fault?.error ? "bad" : "warn"}`;
      control.setAttribute("aria-invalid", String(Boolean(fault?.error)));
    };
    control.addEventListener("input", () => {
      this.texts[at] = control.value;
      judge();
      this.changed();
    });
    judge();
    const hint = [field.knows ? `${count(field.knows.size)} known` : field.categories ? "" : rangeOf(field), isDate(field) ? "a date, or seconds since 1970" : field.unit].filter(Boolean).join(", ");
    const offered = field.categories ? null : field.knows ? [...field.knows].map((value) => textFor(field, value)) : field.texts;
    const list = offered && h("datalist", { id: `${id}-list` }, offered.map((text) => h("option", { value: text })));
    return h("div", { class: field.long ? "field long" : "field" },
      h("div", { class: "label" }, h("label", { for: id }, breakable(field.name)), hint && h("span", { class: "hint", title: field.knows ? "how many values the model was fitted with; it takes any" : "from the smallest to the largest value in the golden rows" }, hint)),
      control, list, note);
  }

  control(field, at, id) {
    const text = this.texts[at], shared = { id, "aria-describedby": `${id}-note` };
    const choices = field.categories || (field.dtype === "bool" ? [true, false] : null);
    if (choices && choices.length <= MOST_CHOICES) {
      const options = choices.map((choice) => h("option", { value: textFor(field, choice), selected: textFor(field, choice) === text }, isDate(field) ? textFor(field, choice) : shown(choice)));
      if (field.nullable) options.unshift(h("option", { value: "", selected: text === "" }, "missing"));
      if (![...options].some((option) => option.value === text)) options.push(h("option", { value: text, selected: true }, `${few([text], 1)} (unknown)`));
      return h("select", shared, options);
    }
    const kept = { ...shared, autocomplete: "off", spellcheck: "false", placeholder: field.nullable ? "missing" : "" };
    const control = field.long
      ? h("textarea", { ...kept, rows: this.fields.length > 1 ? 3 : 7, spellcheck: "true" })
      : h("input", { ...kept, type: "text", inputmode: { string: "text", int64: "numeric" }[field.dtype] || "decimal", list: field.knows || field.texts ? `${id}-list` : null });
    control.value = text;
    return control;
  }
}
